"""Readable text and sentences out of abstracts as they come: LaTeX, link dirt and all."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pylatexenc.latex2text import LatexNodes2Text

_DIRT = re.compile(r"[\\{}$~]|``|''|mathord")
_LINK = re.compile(r"(?:\\href)?\{\s*(https?://[^{}\s]*?)\s*(?:\{[^{}]*\})?\s*\}(?:\{[^{}]*\})?")
_LOST_BACKSLASH = re.compile(r"\\?math(?:ord|cal|bb|rm|bf|sf|it|frak)(?=[\s{,|])\s?")
_BARE_SPECIAL = re.compile(r"(?<!\\)([%#&])")
_POSSESSIVE = re.compile(r"\\'(?=s\b)")
_ABOUT = re.compile(r"(?<!\\)~(?=[\d=])")
_TIE = re.compile(r"(?<!\\)~")
_SPACES = re.compile(r"\s+")


@lru_cache(maxsize=1)
def _latex() -> "LatexNodes2Text":
    from pylatexenc.latex2text import LatexNodes2Text

    return LatexNodes2Text(math_mode="text", keep_braced_groups=True, keep_braced_groups_minlen=3)


@lru_cache(maxsize=16384)
def readable(text: str) -> str:
    """The text as one would print it: LaTeX turned into characters, link markup into its address."""
    if not _DIRT.search(text):
        return _SPACES.sub(" ", text).strip()
    text = _LINK.sub(r"\1", text)
    text = _POSSESSIVE.sub("'", _LOST_BACKSLASH.sub("", text)).replace("``", '"').replace("''", '"')
    text = _TIE.sub(" ", _ABOUT.sub(r"\\textasciitilde{}", _BARE_SPECIAL.sub(r"\\\1", text)))
    try:
        plain = _latex().latex_to_text(text)
    except Exception:  # the library raises IndexError and more on commands cut off from their arguments
        plain = text.replace("\\", "")
    return _SPACES.sub(" ", plain).strip() or _SPACES.sub(" ", text).strip()


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Where the sentences of a text stand: (start, end) offsets, in order, none empty."""
    return list(_spans(text))


def _spans(text: str) -> Iterator[tuple[int, int]]:
    from syntok import segmenter

    for paragraph in segmenter.process(text):
        for tokens in paragraph:
            start, last = tokens[0].offset, tokens[-1]
            end = last.offset + len(last.value)
            if text[start:end].strip():
                yield start, end
