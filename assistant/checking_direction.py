"""Whether a claim turns round what its quotes say: by an opposite word, by denying, by not denying, by swapping sides."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .checking_words import Near, Word, around, kin_of, kinship, lexicon, likeness, listed, sides_of, undoes

_MOST_OPPOSED = 0.8
_NOUN_ENDINGS = ("ing", "ion", "ment", "ity", "nce", "s")


_INVERSE = r"(?:negative|inverse)(?:ly)?"
_CORRELATION = re.compile(
    rf"\b({_INVERSE} |anti-?)?(?:correlat|proportional)\w*(?: {_INVERSE}\b()| \w+ {_INVERSE}\b())?", re.IGNORECASE
)


def denial_slipped(claim: str, quotes: Sequence[str]) -> bool:
    """Whether the claim copies words of a quote but for a denial, which it puts in or leaves out."""
    said, read = _spelled_out(claim), [_spelled_out(quote) for quote in quotes]
    return any(_slipped(said, quote) or _slipped(quote, said) for quote in read)


def correlation_turned(claim: str, quotes: Sequence[str]) -> bool:
    """Whether the claim lets two things rise together of which the quotes say that one falls, or the other way round."""
    said, read = _signs(claim), _signs(" ".join(quotes))
    return bool(said and read) and not said <= read


def _signs(text: str) -> set[bool]:
    """Of each correlation in a text, whether it is an inverse one."""
    return {any(mark is not None for mark in found.groups()) for found in _CORRELATION.finditer(text)}


def _spelled_out(text: str) -> list[str]:
    return re.findall(r"[\w-]+", text.lower().replace("n't", " not").replace("cannot", "can not"))


def _slipped(denying: list[str], other: list[str]) -> bool:
    """Whether the other text has the two words on either side of a denial next to each other."""
    text = f" {' '.join(other)} "
    for at, word in enumerate(denying):
        before, after = denying[max(0, at - 2) : at], denying[at + 1 : at + 3]
        if word not in lexicon().words["deny outright"] or len(before) + len(after) < 3:
            continue
        if after[:1] and after[0] in lexicon().words["not denied"]:
            continue
        if f" {' '.join(before + after)} " in text and f" {' '.join([*before, word, *after])} " not in text:
            return True
    return False


def direction(said: list[Word], read: list[list[Word]]) -> dict[str, float]:
    """How strongly the claim says the opposite: by opposite words, by denying, by not denying, by swapped sides."""
    near, poles = _nearest_quotes(said, read), _poles(said, read)
    return {
        "opposed": _MOST_OPPOSED if _exchanged(*poles) else min(_opposed(*poles), _MOST_OPPOSED),
        "denies": _denied(said, read, own=True),
        "affirms": max((_denied(quote, [said], own=False) for quote in near), default=0.0),
        "swapped": min(_swapped(said, read), 0.5),
    }


def _nearest_quotes(said: list[Word], read: list[list[Word]]) -> list[list[Word]]:
    """The quotes that share about as many of the claim's words as the one that shares most."""
    wanted = {word.stem for word in said if word.content}
    shared = [len(wanted & {word.stem for word in quote}) for quote in read]
    return [quote for quote, count in zip(read, shared, strict=True) if count >= 0.6 * max(shared)]


def _text(words: Sequence[Word], at: int) -> str:
    return words[at].text if 0 <= at < len(words) else ""


def _denies(words: Sequence[Word], at: int) -> bool:
    """Whether a word denies what follows it."""
    word, following = words[at], _text(words, at + 1)
    if listed(word, "fail to"):
        return following == "to"
    if not listed(word, "deny far") and not listed(word, "deny near"):
        return False
    if word.text in ("little", "few"):
        return _text(words, at - 1) not in ("a", "very", "only", "as", "so", "too") and following not in ("or", "shot")
    if word.text == "none":
        return following == "of"
    if following == "more":
        return _text(words, at + 2) != "than"
    return word.text not in ("not", "no") or following not in lexicon().words["not denied"]


def _stops(words: Sequence[Word], at: int, word: Word) -> bool:
    """Whether a denial in the part of the sentence where `word` stands ends here."""
    here = words[at]
    to_after_denial = here.text == "to" and at > 0 and _denies(words, at - 1)
    return here.part != word.part or (listed(here, "stop denial") and not to_after_denial)


def _scope(words: Sequence[Word], at: int) -> list[Word]:
    """The first words that a denial reaches."""
    reached: list[Word] = []
    for here in range(at + 1, min(at + 8, len(words))):
        if _stops(words, here, words[at]) or len(reached) == 3:
            break
        if words[here].content:
            reached.append(words[here])
    return reached[:1] if words[at].text == "non" else reached


def _negated(words: Sequence[Word], at: int) -> bool:
    """Whether a word is denied by one behind it (needs no), said to be missing, or denied by one before it (not good)."""
    following = _text(words, at + 1)
    if following in ("nothing", "none"):
        return _text(words, at + 2) not in lexicon().words["not denied"]
    if following in ("no", "neither", "hardly", "not") and _denies(words, at + 1):
        return True
    return _said_to_be_missing(words, at) or _text(words, at - 1) in ("less", "least", "non") or _denied_before(words, at)


def _said_to_be_missing(words: Sequence[Word], at: int) -> bool:
    own = sides_of(words[at]).keys()
    return any(
        word.text in ("missing", "lacking", "absent", "unavailable")
        and word.part == words[at].part
        and own.isdisjoint(sides_of(word))
        for word in words[at + 1 : at + 5]
    )


def _denied_before(words: Sequence[Word], at: int) -> bool:
    """Whether a denial reaches a word: one of a noun two words far, another one to the next word that has an opposite."""
    passed = 0
    for here in range(at - 1, max(-1, at - 8), -1):
        word = words[here]
        if _stops(words, here, words[at]):
            return False
        if _denies(words, here):
            through = word.text == "no" and any(listed(between, "be") for between in words[here + 1 : at])
            return not listed(word, "deny near") or passed < 2 or through
        if word.text in ("or", "nor"):
            passed = 0
        elif word.content:
            passed += 2 if word.text.endswith(_NOUN_ENDINGS) else 1
            if _takes_denial(words, here):
                return False
    return False


def _takes_denial(words: Sequence[Word], at: int) -> bool:
    """Whether a denial before a word stops at it: not equally sensitive is not equal, and may be sensitive."""
    if not sides_of(words[at]) or kin_of(words[at], "degrees"):
        return False
    return not any(_denies(words, here) and listed(words[here], "deny near") for here in range(max(0, at - 3), at))


def _weakens(word: Word) -> bool:
    """Whether a word denies, if only in its own way, so that one beside it need not be denied again."""
    return word.text != "non" and (listed(word, "deny far") or listed(word, "deny near") or kin_of(word, "deny otherwise"))


def _worsens(word: Word) -> bool:
    return bool(sides_of(word)) and all(side < 0 for side in sides_of(word).values())


@dataclass(frozen=True, slots=True)
class _Pole:
    """A word that has an opposite, where it stands, and whether it is denied there."""

    word: Word
    text: Sequence[Word]
    sign: int
    around: Near


def _opposed(ours: Sequence[_Pole], theirs: Sequence[_Pole]) -> float:
    """How much nearer a word of the claim is to one that points the other way than to any that agrees."""
    agreeing: dict[int, float] = {}
    opposing: list[tuple[float, int, int]] = []
    for n, one in enumerate(ours):
        for m, other in enumerate(theirs, len(ours)):
            sign = _agreement(one, other)
            if not sign:
                continue
            near = likeness(one.around, other.around) + 0.1
            if sign > 0:
                agreeing[n], agreeing[m] = max(agreeing.get(n, 0.0), near), max(agreeing.get(m, 0.0), near)
            elif one.word.stem != other.word.stem or not _excused(one, other):
                opposing.append((near, n, m))
    margins = (near - max(agreeing.get(n, 0.0), agreeing.get(m, 0.0)) for near, n, m in opposing)
    return max(0.0, max(margins, default=0.0))


def _exchanged(ours: Sequence[_Pole], theirs: Sequence[_Pole]) -> bool:
    """Whether the claim gives a thing a higher where the quotes only give it a lower; what is denied does not count."""
    plain = [pole for pole in theirs if pole.sign > 0]
    for one in (pole for pole in ours if pole.sign > 0):
        things = _described(one)
        if {_agreement(one, other) for other in plain if things & _described(other)} - {0} == {-1}:
            return True
    return False


def _described(pole: _Pole) -> set[str]:
    """The stems of what a word stands right before: at most two words that say something, behind an article or none."""
    following: list[str] = []
    for word in pole.text[pole.word.at + 1 : pole.word.at + 4]:
        if word.part != pole.word.part or sides_of(word) or (not word.content and (following or not listed(word, "articles"))):
            break
        following += [word.stem] if word.content else []
    return set(following[:2])


def _poles(said: list[Word], read: list[list[Word]]) -> tuple[list[_Pole], list[_Pole]]:
    """The words of claim and quotes that have an opposite: by the lexicon, or by a prefix the other side leaves out."""
    own = {word.stem for word in said if word.content}
    others = {word.stem for quote in read for word in quote if word.content}
    undone = {stem for a in own for b in others if undoes(a, b) for stem in (a, b)}
    unclear = {stem for text in (said, [word for quote in read for word in quote]) for stem in _said_both_ways(text)}
    ours = [_pole(said, word) for word in said if _has_opposite(said, word, undone)]
    theirs = [_pole(quote, word) for quote in read for word in quote if _has_opposite(quote, word, undone)]
    return ours, [pole for pole in theirs if pole.word.stem not in unclear]


def _said_both_ways(words: Sequence[Word]) -> set[str]:
    """Stems that a text has with a denying prefix and without: linear and non-linear, labeled and unlabeled."""
    present = {word.stem for word in words}
    after_non = {word.stem for before, word in pairwise(words) if before.text == "non"}
    without_non = {word.stem for before, word in pairwise(words) if before.text != "non"}
    return (after_non & without_non) | {one for one in present for other in present if undoes(one, other)}


def _has_opposite(words: Sequence[Word], word: Word, undone: set[str]) -> bool:
    if word.text in ("more", "less") and word.at + 1 < len(words):
        following = words[word.at + 1]
        if following.text.endswith("ly") or sides_of(following):
            return False
    return bool(sides_of(word)) or word.stem in undone


def _pole(words: Sequence[Word], word: Word) -> _Pole:
    return _Pole(word, words, -1 if _negated(words, word.at) else 1, around(words, word.at))


def _agreement(one: _Pole, other: _Pole) -> int:
    """1 if two words point the same way, -1 if they point opposite ways, 0 if they have nothing to do with each other."""
    a, b, sign = one.word.stem, other.word.stem, one.sign * other.sign
    if undoes(a, b):
        return -sign
    mine, yours = sides_of(one.word), sides_of(other.word)
    if common := mine.keys() & yours.keys():
        return max(mine[axis] * yours[axis] * sign for axis in common)
    return sign if a == b else 0


def _excused(one: _Pole, other: _Pole) -> bool:
    """Whether the same word, denied on one side only, has something beside it on the other that denies it too."""
    plain = other if one.sign < 0 else one
    at, part = plain.word.at, plain.word.part
    return any(
        (_weakens(word) or (word.at >= at - 4 and _worsens(word))) and word.at != at and word.part in (part, part - 1)
        for word in plain.text[max(0, at - 7) : at + 3]
    )


def _denied(denying: list[Word], others: list[list[Word]], *, own: bool) -> float:
    """How strongly one text denies what the other ones affirm; `own` tells the claim's denials from a quote's."""
    if any(_denies(text, at) and not _scope(text, at) for text in others for at in range(len(text))):
        return 0.0  # "without it": what is denied cannot be compared
    skipped = () if own else ("rather_than", "instead_of")
    denials = (at for at, word in enumerate(denying) if word.text not in skipped and _denies(denying, at))
    return max((_denial(denying, at, others) for at in denials), default=0.0)


def _denial(denying: list[Word], at: int, others: list[list[Word]]) -> float:
    reached = [word for word in _scope(denying, at) if not kin_of(word, "of papers")]
    if not reached or any(side < 0 for side in sides_of(reached[0]).values()):
        return 0.0
    matches = [_matches(word, others) for word in reached]
    share = sum(bool(found) for found in matches) / len(reached)
    first = next((found for found in matches if found), [])
    if share < 0.6 or any(_is_denied(text, word) for text, word in first):
        return 0.0
    if _undone_elsewhere(denying, at, reached, others):
        return 0.0
    alike = max(
        likeness(around(denying, word.at), around(text, other.at))
        for word, found in zip(reached, matches, strict=True)
        for text, other in found
    )
    return share * (0.4 + alike)


def _matches(word: Word, others: list[list[Word]]) -> list[tuple[list[Word], Word]]:
    """Where other texts have a word or, if nowhere, what may stand for it."""
    kin = [(kinship(word.stem, other.stem), text, other) for text in others for other in text if other.content]
    best = max((share for share, _, _ in kin), default=0.0)
    return [(text, other) for share, text, other in kin if share >= max(0.8, best - 0.15)]


def _is_denied(text: Sequence[Word], word: Word) -> bool:
    """Whether something around a word denies it: a denial shortly before, or a word that denies in its own way."""
    for here in range(word.at - 1, max(-1, word.at - 8), -1):
        other = text[here]
        if _weakens(other) and (other.part == word.part or (other.part >= word.part - 2 and _denies(text, here))):
            return True
        if other.text in ("and", "but", "while", "whereas"):
            break
    return any(kin_of(other, "deny otherwise") and other.part == word.part for other in text[word.at : word.at + 6])


def _undone_elsewhere(denying: list[Word], at: int, reached: list[Word], others: list[list[Word]]) -> bool:
    """Whether the others deny the word by a prefix, or turn round the first word denied; then both texts agree."""
    first = reached[0]
    stems_of = {word.stem for text in others for word in text}
    if any(undoes(word.stem, stem) for word in reached for stem in stems_of):
        return True
    after_non = {word.stem for text in others for before, word in pairwise(text) if before.text == "non"}
    if any(word.stem in after_non for word in reached):
        return True
    if denying[at].text == "non":
        return any(word.stem == first.stem and before.text != "non" for before, word in pairwise(denying))
    turned = {(axis, -side) for axis, side in sides_of(first).items()}
    return any(turned & lexicon().sides.get(stem, {}).items() for stem in stems_of)


def _swapped(said: list[Word], read: list[list[Word]]) -> float:
    """How far a comparison of the claim has on each side what one of the quotes has on the other."""
    theirs = [found for quote in read for found in _comparisons(quote)]
    worst = 0.0
    for sign, left, right in _comparisons(said):
        for other, left2, right2 in theirs:
            ahead, behind = (left2, right2) if sign == other else (right2, left2)
            crossed = min(_only(left, behind, ahead), _only(right, ahead, behind))
            worst = max(worst, crossed - _only(right, behind, ahead))
    return worst


def _only(side: Near, there: Near, not_there: Near) -> float:
    """How much of one side of a comparison stands on one side of another, and not on its other side too."""
    total = 0.0
    for stem, weight in side.items():
        here, elsewhere = (
            max((kinship(stem, o) * near for o, near in text.items()), default=0.0) for text in (there, not_there)
        )
        total += weight * max(0.0, here - elsewhere) if here >= 0.3 else 0.0
    return min(total, 1.0)


def _comparisons(words: list[Word]) -> Iterator[tuple[int, Near, Near]]:
    """Which side of each comparison is ahead (1: the left one), and the words on either side."""
    for at, word in enumerate(words):
        sign, begins = _compares(words, at)
        if sign and _negated(words, at):
            sign = -sign
        left = _side(words[max(0, at - 14) : at], at)
        right = _side([other for other in words[begins:] if other.part <= word.part + 1][:12], at)
        if sign and left and right:
            yield sign, left, right


def _compares(words: Sequence[Word], at: int) -> tuple[int, int]:
    """Whether a word puts what precedes it ahead (1), behind (-1) or does not compare (0), and where the other side begins."""
    word = words[at]
    if verb := kin_of(word, "outdo") - kin_of(word, "fall behind"):
        passive = word.text.endswith(("ed", "en")) and any(listed(other, "be") for other in words[max(0, at - 4) : at])
        return (-verb if passive else verb), at + 1
    adjective = kin_of(word, "ahead") - kin_of(word, "behind")
    if not adjective or listed(word, "ahead alone"):
        return adjective, at + 1
    for other in words[at + 1 : at + 9]:
        if other.text == "than":
            return adjective, other.at + 1
        if kin_of(other, "ahead") or kin_of(other, "behind"):
            break
    return 0, at + 1


def _side(words: Iterable[Word], at: int) -> Near:
    """The telling words on one side of a comparison, weighed by nearness."""
    idle = ("of papers", "outdo", "fall behind", "ahead", "behind")
    telling = (w for w in words if w.content and not w.text.endswith("ly") and not any(kin_of(w, name) for name in idle))
    return {word.stem: 1 / (1 + 0.05 * abs(word.at - at)) for word in telling}
