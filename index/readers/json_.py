"""JSON: a list of objects like those of JSON Lines, or an object with such a list inside."""

from collections.abc import Iterator
from pathlib import Path

from ..errors import BadRecord
from ..papers import Paper
from .jsonl import paper_of_object
from .jsontext import document_of, is_document
from .records import papers_of

SUFFIXES = (".json",)
EXPECTED = 'JSON (a list of objects such as {"title": "...", "abstract": "..."}, or an object with that list as "papers")'


def sniff(path: Path, head: str) -> bool:
    """Whether it is one JSON text: a list, an object with a list, or an object over several lines."""
    return is_document(head)


def read(path: Path) -> Iterator[Paper | BadRecord]:
    """The papers of one file, in its order."""
    return papers_of(path, document_of(path, EXPECTED), paper_of_object)
