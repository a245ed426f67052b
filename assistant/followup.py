"""Questions that point back: made to stand alone from the turns before them, by rule."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from index import content_stems

from .checking import names

Turn = tuple[str, str]

_PRONOUN = re.compile(r"\b(it|its|they|them|their|theirs|this|these|those|he|she|his|her)\b", re.IGNORECASE)
_POINTS_BACK = re.compile(
    r"\b(it|its|they|them|their|theirs|this|these|those|he|she|his|her|one|ones|same|such|former|latter|first|second|third|"
    r"last|others?|another|else|instead|again|that (paper|method|work|approach|model|idea|study|dataset|benchmark))\b|"
    r"\b(too|also|then)\W*$",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"^(and|but|so|or|yes|ok|okay|why|sure|go on|continue|more|what about|how about|how so|tell me more)\b", re.IGNORECASE
)
_TURNS_AWAY = re.compile(
    r"^(ok(ay)?\W+)?(now\b|something else|(a )?(different|another|new) (question|topic)|changing the? ?(subject|topic))",
    re.IGNORECASE,
)
_ORDINAL = re.compile(r"\b(first|second|third|former|latter|last)\b", re.IGNORECASE)
_PLACES = {"first": 0, "former": 0, "second": 1, "latter": 1, "third": 2, "last": -1}
_TITLE = re.compile(r"\"((?:[^\"]|\"\w[^\"]*\")+)\"|“([^”]+)”|^\[\d+\]\s+(.+)$", re.MULTILINE)
_FEW_WORDS = 3


def turns(history: Iterable[Any]) -> list[Turn]:
    """History as (question, answer) pairs, oldest first, from pairs or from role/content messages."""
    pairs: list[Turn] = []
    question = ""
    for item in history:
        if isinstance(item, Mapping):
            text = content_text(item.get("content"))
            if item.get("role") == "user":
                question = text
            elif item.get("role") == "assistant":
                pairs.append((question, text))
                question = ""
        else:
            asked, said = item
            pairs.append((content_text(asked), content_text(said)))
    return pairs


def content_text(content: Any) -> str:
    """The text of a message's content: a string, or a list of blocks of which some have text."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return content_text(content.get("text"))
    if isinstance(content, list | tuple):
        return " ".join(filter(None, (content_text(part) for part in content)))
    return ""


def standalone(question: str, history: Sequence[Turn]) -> str:
    """What to search for: the question itself or, if it points back, with what it points to before it.

    That is the question and the papers of the last turn that named papers; only the paper that an ordinal picks, if one does.
    """
    if not history or not points_back(question, history):
        return question
    asked, titles = next(((said, found) for said, answer in reversed(history) if (found := titles_in(answer))), ("", []))
    ordinal = _ORDINAL.search(question)
    if ordinal and len(titles) > max(_PLACES[ordinal.group(1).lower()], 1):
        return f"{titles[_PLACES[ordinal.group(1).lower()]]} {question}"
    last = history[-1][0]
    return " ".join(part for part in (asked, *titles, last if last != asked else "", question) if part)


def points_back(question: str, history: Sequence[Turn]) -> bool:
    """Whether a question can only be understood with the turns before it.

    It does if it says little by itself, refers to something, or goes on; not if it turns away or brings a name of its own.
    """
    if _TURNS_AWAY.search(question):
        return False
    goes_on = _GOES_ON.search(question) is not None
    if len(content_stems(question)) > _FEW_WORDS and not goes_on and not _POINTS_BACK.search(question):
        return False
    before = " ".join(f"{asked} {said}" for asked, said in history).lower()
    new_name = any(name not in before for name in names(question))
    return goes_on or _PRONOUN.search(question) is not None or not new_name


def titles_in(text: str) -> list[str]:
    """The titles of papers in a text: what stands in double quotation marks, or after a number in brackets on its line."""
    return ["".join(found) for found in _TITLE.findall(text)]
