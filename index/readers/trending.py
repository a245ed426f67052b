"""Trending-papers pages saved as text: a few header lines, then title and abstract on alternating lines."""

import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import BadRecord
from ..papers import Paper
from .files import lines_of

SUFFIXES = (".txt",)
EXPECTED = "a saved trending-papers page (header lines, `Subscribe`, then title and abstract on alternating lines)"

_BYLINE = re.compile(r"^by\S.*community$")
_DATE = re.compile(r"^(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? \d{1,2}(, \d{4})?$")
_SENTENCE_END = re.compile(r"[.!?][\"')\]}]*$")


def sniff(path: Path, head: str) -> bool:
    """Whether the page's header is there."""
    return re.search(r"^\s*Subscribe", head, re.MULTILINE) is not None


def read(path: Path) -> Iterator[Paper | BadRecord]:
    """The papers of one page, in its order."""
    title: tuple[int, str] | None = None
    for number, line in _body(path):
        if title is None:
            title = (number, line)
        elif _is_abstract(line):
            yield Paper(title=title[1], abstract=line, sources=(path.name,))
            title = None
        else:
            yield BadRecord(path, title[0], f"expected an abstract after the title {title[1][:60]!r}")
            title = (number, line)
    if title is not None:
        yield BadRecord(path, title[0], f"the file ends after the title {title[1][:60]!r}, before its abstract")


def _body(path: Path) -> Iterator[tuple[int, str]]:
    """The lines after the header; a title glued to `Subscribe` is cut loose."""
    lines = lines_of(path)
    for number, line in lines:
        if line.startswith("Subscribe"):
            if glued := line.removeprefix("Subscribe").strip():
                yield number, glued
            break
    in_header = True
    for number, line in lines:
        in_header = in_header and bool(_BYLINE.match(line) or _DATE.match(line))
        if not in_header:
            yield number, line


def _is_abstract(line: str) -> bool:
    """Titles are short and end without a full stop; an abstract is long or a sentence."""
    return len(line) >= 250 or (len(line.split()) >= 5 and _SENTENCE_END.search(line) is not None)
