"""Words of claims and quotes: their stems, the clause they stand in, what may stand for them, and what is around them.

Plain English (near synonyms, opposites, words for a purpose) is in checking_words.json.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from index import stems

Near = dict[str, float]
TYPED = str.maketrans({"\u2019": "'", "\u2013": "-", "\u2212": "-", "\u00d7": "x", "\u201c": '"', "\u201d": '"'})
_WORD = re.compile(r"[^\W_]+(?:[-_.^@'][^\W_]+)*|[,;:]")
_ENUMERATOR = re.compile(r"\((?:[ivx]{1,4}|\d{1,2}|[a-z])\)\s*")
_QUANTITY = re.compile(r"[\d.,]+[kmbtx]?")
_PREFIXES = ("un", "in", "im", "non", "dis", "ir", "mis", "de", "anti", "under")


@dataclass(frozen=True, slots=True)
class Word:
    """A word where it stands."""

    text: str
    stem: str
    at: int
    part: int  # between two commas
    clause: int  # between two commas or words that begin a clause
    content: bool
    acronym: bool


@dataclass(frozen=True, slots=True)
class _Lexicon:
    """Plain English: the groups a stem belongs to, its side (1 or -1) of each pair of opposites, and lists for a purpose."""

    groups: dict[str, set[int]]
    sides: dict[str, dict[int, int]]
    words: dict[str, frozenset[str]]
    stems: dict[str, frozenset[str]]
    phrases: re.Pattern[str]


@cache
def lexicon() -> _Lexicon:
    """All of checking_words.json, once."""
    english = stored("checking_words.json")
    lines = [[half.split() for half in line.split("|")] for line in [*english["opposites"], *english["alike"]]]
    lists = {name: words.split() for name, words in english["lists"].items()}
    every = sorted({word for words in (*lists.values(), *(half for line in lines for half in line)) for word in words})
    stem_of = dict(zip(every, _stemmed(every), strict=True))
    groups: dict[str, set[int]] = {}
    sides: dict[str, dict[int, int]] = {}
    for number, halves in enumerate(lines):
        for sign, half in zip((1, -1), halves, strict=False):
            for stem in (stem_of[word] for word in half):
                groups.setdefault(stem, set()).add(sign * (number + 1))
                if len(halves) == 2:
                    sides.setdefault(stem, {})[number] = sign
    joined = sorted((word for word in every if "_" in word), key=len, reverse=True)
    return _Lexicon(
        groups,
        sides,
        {name: frozenset(words) for name, words in lists.items()},
        {name: frozenset(stem_of[word] for word in words) for name, words in lists.items()},
        re.compile(r"\b(" + "|".join(word.replace("_", "[ -]") for word in joined) + r")\b", re.IGNORECASE),
    )


def stored(name: str) -> Any:
    """A JSON file that lies beside this one."""
    return json.loads((files(__package__) / name).read_text(encoding="utf-8"))


def _stemmed(words: Sequence[str]) -> list[str]:
    alike = [re.sub(r"[^\w]", "_", re.sub(r"(?<=.{4})is(?=(?:e|ed|es|ing|ation|ations)$)", "iz", word)) for word in words]
    return ["_".join(found) or word for word, found in zip(words, stems(alike), strict=True)]


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    return _stemmed([word])[0]


def listed(word: Word, name: str) -> bool:
    """Whether a word, as it is written, is on a list."""
    return word.text in lexicon().words[name]


def kin_of(word: Word, name: str) -> bool:
    """Whether a word is on a list in any of its forms."""
    return word.stem in lexicon().stems[name]


def sides_of(word: Word) -> dict[int, int]:
    """On which side of which opposites a word is."""
    return lexicon().sides.get(word.stem, {})


def words_of(text: str) -> list[Word]:
    """The words of a text in order, phrases joined and hyphens parted, each with the clause it stands in."""
    english = lexicon()
    text = _ENUMERATOR.sub("", text.translate(TYPED)).replace("n't", " not").replace("cannot", "can not")
    text = english.phrases.sub(lambda found: re.sub("[ -]", "_", found[0]), text)
    words: list[Word] = []
    part = clause = 0
    for found in _WORD.findall(text):
        if found in ",;:":
            part, clause = part + 1, clause + 1
            continue
        whole = found.lower().removesuffix("'s")
        clause += whole in english.words["clause starts"]
        for word in [whole] if _stem(whole) in english.groups else whole.split("-"):
            content = word not in english.words["function"] and not _QUANTITY.fullmatch(word)
            words.append(Word(word, _stem(word), len(words), part, clause, content, found[:2].isupper() and len(word) < 7))
    return words


@lru_cache(maxsize=262144)
def kinship(one: str, other: str) -> float:
    """How far one stem may stand for another, in 0..1."""
    if one == other:
        return 1.0
    words = lexicon()
    if not words.groups.get(one, set()).isdisjoint(words.groups.get(other, ())):
        return 0.8
    alike = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    share = alike / max(len(one), len(other), 1)
    if alike >= 4 and share >= 0.7:
        return 0.9
    if alike >= 5 and share >= 0.55:
        return 0.7
    opposite = not words.sides.get(one, {}).keys().isdisjoint(words.sides.get(other, {}))
    return 0.5 if opposite or undoes(one, other) else 0.0


def undoes(one: str, other: str) -> bool:
    """Whether one stem is the other behind a prefix that denies it."""
    short, long = sorted((one, other), key=len)
    return len(short) >= 4 and long.endswith(short) and long[: len(long) - len(short)] in _PREFIXES


def around(words: Sequence[Word], at: int) -> Near:
    """The words around one, weighed by nearness; what follows counts for more than what precedes."""
    own = sides_of(words[at]).keys()
    near: Near = {}
    for step, weight in ((1, 1.4), (-1, 1.0)):
        here, met, fading = at + step, 0, weight
        while 0 <= here < len(words) and met < 6:
            word = words[here]
            if word.part not in (words[here - step].part, words[at].part):
                fading *= 0.5
            if word.text in ("and", "or", "but", "while", "whereas"):
                fading *= 0.5
            if word.content and own.isdisjoint(sides_of(word)):
                met += 1
                near[word.stem] = max(near.get(word.stem, 0.0), fading / (met + 0.5))
            here += step
    return near


def likeness(one: Near, other: Near) -> float:
    """How alike two surroundings are."""
    if not one or not other:
        return 0.0
    total = 0.0
    for a, weight in one.items():
        kin = ((kinship(a, b), met) for b, met in other.items())
        total += max((share * math.sqrt(weight * met) for share, met in kin if share >= 0.8), default=0.0)
    return total / math.sqrt(sum(one.values()) * sum(other.values()))
