"""JSON Lines: one object a line with `title` and `abstract`, and if known `id`, `year`, `authors`, `url`, `doi`, `arxiv`."""

from collections.abc import Iterator
from pathlib import Path

from ..errors import BadRecord
from ..papers import Paper
from .columns import paper_of_row
from .jsontext import objects_by_line
from .records import Record, papers_of

SUFFIXES = (".jsonl", ".ndjson")
EXPECTED = 'JSON Lines (an object such as {"title": "...", "abstract": "..."} on each line)'


def sniff(path: Path, head: str) -> bool:
    """Whether the first line starts as an object does, or the name says so."""
    return head.lstrip().startswith("{") or path.suffix.lower() in SUFFIXES


def read(path: Path) -> Iterator[Paper | BadRecord]:
    """The papers of one file, in its order."""
    return papers_of(path, objects_by_line(path, EXPECTED), paper_of_object)


def paper_of_object(record: Record, source: str) -> Paper:
    """The paper of a plain object, its `id` kept. Raises ValueError without a title or an abstract."""
    return paper_of_row(record, source, id=record.get("id"))
