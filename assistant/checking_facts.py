"""Whether the numbers and the names of a claim stand in its quotes."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .checking_words import Near, kinship, lexicon, likeness, words_of

_COUNTS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18,
    "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_LETTERS = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_FRACTIONS = {"half": 0.5, "halve": 0.5, "halves": 0.5, "halved": 0.5, "halving": 0.5, "third": 1 / 3, "quarter": 0.25}
_TIMES = {
    "twice": 2, "double": 2, "doubles": 2, "doubled": 2, "doubling": 2, "thrice": 3, "triple": 3, "triples": 3,
    "tripled": 3, "dozen": 12, "order of magnitude": 10,
}  # fmt: skip
_VALUES = _COUNTS | _FRACTIONS | _TIMES | _SCALES
_WORD_FIGURE = "|".join(sorted(_VALUES, key=len, reverse=True))
_FIGURES = re.compile(
    r"(?<![\w.^'-])(?P<digits>\d{1,3}(?:[, ]\d{3})+(?!\d)|\d+(?:\.\d+)?)"
    r"(?:(?P<unit>\s?%|\s?percent\b|\s?per cent\b|[kmbtx]\b|st\b|nd\b|rd\b|th\b)|[ -](?P<scale>" + "|".join(_SCALES) + r")\b)?"
    r"(?!\w)|\b(?P<words>(?:" + _WORD_FIGURE + r")(?:[ -](?:" + _WORD_FIGURE + r"))*)\b",
    re.IGNORECASE,
)
_CLEARLY = 0.35
_ABOUT = re.compile(r"(?:about|roughly|nearly|almost|some|over|around|than|close to|approximately) $", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Figure:
    """A number of a text, and where it stands."""

    value: float
    text: str
    start: int
    end: int
    percent: bool
    spelled: bool


def _figures(text: str) -> Iterator[_Figure]:
    """The numbers of a text, whether in digits or in words; not those inside of names, and not one and zero in words."""
    for found in _FIGURES.finditer(text):
        if digits := found["digits"]:
            unit = (found["unit"] or "").strip().lower()
            scale = _LETTERS.get(unit, 1.0) * _SCALES.get((found["scale"] or "").lower(), 1.0)
            value = float(re.sub("[, ]", "", digits)) * scale
            yield _Figure(value, found[0], *found.span(), unit in ("%", "percent", "per cent"), spelled=False)
        elif _counts(found[0].lower(), text[found.end() : found.end() + 8]):
            yield _Figure(_value(found[0].lower()), found[0], *found.span(), percent=False, spelled=True)


def _counts(word: str, following: str) -> bool:
    """Whether a number word is one here: not the third of a list, and not double as in double descent."""
    if word in ("third", "quarter"):
        return re.match(r" (of|less|more|fewer|as|the)\b|s\b|$|[,.;]", following) is not None
    if word in ("double", "triple"):
        return re.match(r" (the|its|their|that)\b", following) is not None
    return word not in ("zero", "one")


def _value(words: str) -> float:
    if words in _VALUES:
        return float(_VALUES[words])
    total = current = 0.0
    for word in re.split("[ -]", words):
        if word in _SCALES or word in _FRACTIONS:
            current = max(current, 1.0) * _VALUES[word]
            total, current = (total + current, 0.0) if _VALUES[word] > 100 else (total, current)
        else:
            current += _VALUES.get(word, 0.0)
    return total + current


def _plain_figures(text: str) -> str:
    """Ranges, sizes, top-10, Model-7B and eightfold written so that each number in them stands alone; (1) and (2) left out."""
    text = re.sub(r"\(\d\)", "", text)
    text = re.sub(r"(?<=\d)-(?=\d)", " - ", re.sub(r"(?<=\d)x(?=\d)", " x ", text))
    text = re.sub(r"(?<=[\d%xkKMB])-(?=[a-zA-Z])", " ", text)
    text = re.sub(r"\b([a-z]+)-(?=\d)", r"\1 ", re.sub(r"(?<=\w)-(?=\d+(?:\.\d+)?[KMBT]\b)", " ", text))
    return re.sub(rf"\b({'|'.join(_COUNTS)})fold\b", r"\1 fold", text, flags=re.IGNORECASE)


def stray_figures(claim: str, quotes: Sequence[str], context: str) -> list[str]:
    """The numbers of a claim that no quote gives, or that a quote gives to something else."""
    claim, quotes = _plain_figures(claim), [_plain_figures(quote) for quote in quotes]
    ours = list(_figures(claim))
    if not ours:
        return []
    theirs = [(quote, figure) for quote in quotes for figure in _figures(quote)]
    known = [figure for _, figure in theirs] + list(_figures(_plain_figures(context)))
    stray = [one for one in ours if not _given(claim, one, known) and (not _is_few(one) or _rival(claim, one, theirs))]
    return [one.text for one in stray] or _turned_round(claim, quotes) or _misplaced(claim, ours, theirs)


def _given(claim: str, one: _Figure, known: Sequence[_Figure]) -> bool:
    """Whether a number is among the known ones: exactly, rounded, as a share for per cents, or about it if so said."""
    for other in known:
        shares = {other.value, other.value / 100} if other.percent != one.percent and other.percent else {other.value}
        if one.percent and not other.percent:
            shares.add(other.value * 100)
        for value in shares:
            slack = 0.04 if one.spelled and one.value < 1 else 1e-6 * max(value, 1.0)
            if one.value % 5 == 0 and _ABOUT.search(claim[: one.start]):
                slack = max(slack, 0.04 * value)
            if abs(one.value - value) <= slack or _rounded(one, value):
                return True
    return (one.value == 1 and not one.percent) or _difference(claim, one, known)


def _rounded(one: _Figure, value: float) -> bool:
    places = len(match[1]) if (match := re.search(r"\.(\d+)", one.text)) else 0
    return not one.spelled and one.value < 1e4 and value != int(value) and round(value, places) == one.value


def _difference(claim: str, one: _Figure, known: Sequence[_Figure]) -> bool:
    """Whether points between two neighbouring numbers are meant: 91% to 94% is three points."""
    points = re.match(r"\W*(?:\w+ )?points?\b", claim[one.end : one.end + 24]) is not None
    return points and any(abs(abs(a.value - b.value) - one.value) < 1e-6 for a, b in pairwise(known))


def _is_few(figure: _Figure) -> bool:
    return figure.text.lower() in ("two", "three", "four")


def _rival(claim: str, one: _Figure, theirs: Sequence[tuple[str, _Figure]]) -> bool:
    """Whether a quote counts the same things otherwise; if not, the claim may have counted them itself."""
    counted = [word.stem for word in words_of(claim[one.end : one.end + 40]) if word.content][:2]
    for quote, other in theirs:
        things = [word.stem for word in words_of(quote[other.end : other.end + 40])[:4] if word.content]
        if any(kinship(a, b) >= 0.8 for a in counted for b in things):
            return True
    return False


def _turned_round(claim: str, quotes: Sequence[str]) -> list[str]:
    """Pairs like 51% to 55% or 4 of 9 that the quotes have the other way round."""
    given = {pair for quote in quotes for pair in _pairs(quote)}
    return [f"{a:g}, {b:g}" for a, b in _pairs(claim) if (b, a) in given and (a, b) not in given]


def _pairs(text: str) -> Iterator[tuple[float, float]]:
    for one, other in pairwise(_figures(text)):
        if text[one.end : other.start].strip().lower() in ("to", "-", "/", "of", "out of"):
            yield one.value, other.value


def _misplaced(claim: str, ours: Sequence[_Figure], theirs: Sequence[tuple[str, _Figure]]) -> list[str]:
    """Numbers that stand where the quotes have another one, and not where the quotes have them."""
    near = [[_alike(_beside(claim, one), _beside(quote, other)) for quote, other in theirs] for one in ours]
    same = [[abs(one.value - other.value) < 1e-6 for _, other in theirs] for one in ours]
    wrong = []
    for n, one in enumerate(ours):
        for m, (_, other) in enumerate(theirs):
            agreed = [near[n][k] for k in range(len(theirs)) if same[n][k]]
            taken = [near[k][m] for k in range(len(ours)) if same[k][m]]
            if agreed and not same[n][m] and one.percent == other.percent and near[n][m] - max(agreed + taken) > _CLEARLY:
                wrong.append(one.text)
    return wrong


def _alike(one: tuple[Near, Near], other: tuple[Near, Near]) -> float:
    """How alike what stands before and behind two numbers is; what is counted mostly stands behind."""
    return 0.4 * likeness(one[0], other[0]) + 0.6 * likeness(one[1], other[1])


def _beside(text: str, figure: _Figure) -> tuple[Near, Near]:
    before = words_of(text[max(0, figure.start - 40) : figure.start])[:-5:-1]
    behind = words_of(text[figure.end : figure.end + 45])[:5]
    first, second = ({word.stem: 1 / (1 + 0.5 * n) for n, word in enumerate(side) if word.content} for side in (before, behind))
    return first, second


_NAME_TOKEN = re.compile(r"[^\W_]+(?:[-+@^.'*/][^\W_]+)*\+*")
_BEGINS = re.compile(r"(?:^|[.!?:][\"')]?\s+)[\"(]?\Z")
_AMOUNT = re.compile(r"\d+(?:\.\d+)?(?:[kKMBTx]|st|nd|rd|th|s)?")
_LONGEST_NAME = 4


def unknown_names(claim: str, quotes: Sequence[str], context: str) -> list[str]:
    """The names in a claim that stand neither in a quote nor in the context, were it by their initials.

    One that a claim begins with may come from elsewhere in the paper, if title and quotes begin with no other name.
    """
    text = " ".join([*quotes, context])
    known = _spans(text)
    words = [word.lower() for word in re.findall(r"[^\W_]+", text)]
    initials = "".join(word[0] for word in words)
    telling = "".join(" " if word in lexicon().words["function"] else word[0] for word in words)
    stems = {word.stem for word in words_of(text)}
    unknown = [
        name
        for name, striking in named(claim)
        if not _stands(_plain(name), known, initials, telling) and (striking or not _is_form(name, stems))
    ]
    if len(unknown) == 1 and unknown[0] in claim.lstrip('"( ').split(" ", 1)[0]:
        begun = " ".join([*(" ".join(quote.split()[:5]) for quote in quotes), context])
        others = {_plain(name) for name, striking in named(begun) if striking} - {_plain(name) for name, _ in named(claim)}
        return unknown if others else []
    return unknown


def named(text: str) -> Iterator[tuple[str, bool]]:
    """Each name with the number behind its hyphen, and whether it strikes by more than its first capital."""
    for found in _NAME_TOKEN.finditer(text):
        begins = _BEGINS.search(text[: found.start()]) is not None or text[found.start() - 1 : found.start()] == '"'
        pieces = re.split("[-/]", found[0].removesuffix("'s"))
        for n, (piece, following) in enumerate(pairwise([*pieces, ""])):
            mixed = any(letter.isupper() for letter in piece[1:])
            coded = any(c.isdigit() for c in piece) and any(c.isalpha() for c in piece) and not _AMOUNT.fullmatch(piece)
            if mixed or coded or (piece[:1].isupper() and not (begins and n == 0)):
                numbered = re.fullmatch(r"\d+(?:\.\d+)?", following) is not None
                yield (f"{piece}-{following}" if numbered else piece), mixed or coded or numbered


def _spans(text: str) -> set[str]:
    """Every few neighbouring pieces of a text written as one, so that mini ImageNet is known as miniImageNet."""
    pieces = [_plain(piece) for piece in re.findall(r"[^\W_]+\+*", text)]
    return {"".join(pieces[n : n + size]) for n in range(len(pieces)) for size in range(1, _LONGEST_NAME + 1)}


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())


def _stands(name: str, known: set[str], initials: str, telling: str) -> bool:
    """Whether a name stands in a text whole, in the plural, or as the initials of its words."""
    single = name.rstrip("s")
    if any(len(form) < 2 or form in known or f"{form}s" in known for form in (name, single)):
        return True
    if not (2 <= len(single) <= 6 and single.isalpha()):
        return False
    return single in initials or (len(single) == 3 and single[1:] in telling)


def _is_form(name: str, stems: set[str]) -> bool:
    """Whether a capitalised word is another form of one in the text: Bayesian of Bayes, Transformer of transformers."""
    return any(kinship(word.stem, stem) >= 0.7 for word in words_of(name) for stem in stems)
