"""CSL-JSON, as Zotero and other reference managers export it."""

import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import BadRecord
from ..papers import Paper
from .jsontext import objects_of
from .records import Record, dig, paper_of, papers_of

SUFFIXES = ()
EXPECTED = 'CSL-JSON (a list of objects with "title", "abstract", "author", "issued")'

_ITEM = re.compile(r'"date-parts"\s*:|"author"\s*:\s*\[\s*\{\s*"(?:family|given|literal)"\s*:')
_MARKUP = re.compile(r"</?(?:i|b|sub|sup|sc|span)\b[^<>]*>")


def sniff(path: Path, head: str) -> bool:
    """Whether names or dates are written as CSL writes them."""
    return head.lstrip()[:1] in {"[", "{"} and _ITEM.search(head) is not None


def read(path: Path) -> Iterator[Paper | BadRecord]:
    """The papers of one file, in its order."""
    return papers_of(path, objects_of(path, EXPECTED), _paper)


def _paper(item: Record, source: str) -> Paper:
    title, issued = item.get("title"), item.get("issued")
    return paper_of(
        source,
        title=_MARKUP.sub("", title) if isinstance(title, str) else None,
        abstract=item.get("abstract"),
        authors=item.get("author"),
        year=dig(issued, "date-parts", 0, 0) or dig(issued, "raw") or dig(issued, "literal"),
        url=item.get("URL"),
        doi=item.get("DOI"),
        arxiv=item.get("number"),
    )
