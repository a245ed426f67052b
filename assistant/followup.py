"""Questions that point back: made to stand alone from the turns before them, by rule."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Turn = tuple[str, str]

_POINTS_BACK = re.compile(
    r"\b(it|its|they|them|their|theirs|this|that|these|those|he|she|his|her|one|ones|same|such|there|former|latter|"
    r"first|second|third|last|other|others|another|else|also|too|instead|again|more)\b|"
    r"^(and|but|so|or|yes|ok|okay|why|how so|go on|what about|how about)\b",
    re.IGNORECASE,
)
_TITLE = re.compile(r"\"((?:[^\"]|\"\w[^\"]*\")+)\"|“([^”]+)”")
_FEW_WORDS = 6


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


def points_back(question: str) -> bool:
    """Whether a question can only be understood with the one before it."""
    return len(question.split()) <= _FEW_WORDS or _POINTS_BACK.search(question) is not None


def standalone(question: str, history: Sequence[Turn]) -> str:
    """What to search for: the question itself, or with the last turn's question and papers before it if it points back."""
    if not history or not points_back(question):
        return question
    asked, said = history[-1]
    return " ".join([asked, *titles_in(said), question])


def titles_in(text: str) -> list[str]:
    """What stands in double quotation marks in a text, as titles of papers do."""
    return [first or second for first, second in _TITLE.findall(text)]
