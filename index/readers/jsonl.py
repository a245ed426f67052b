"""JSON Lines: one object a line with `title` and `abstract`, and if known `id`, `year`, `authors`, `url`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import BadRecord
from ..papers import Paper
from .files import lines_of

SUFFIXES = (".jsonl", ".ndjson")
EXPECTED = 'JSON Lines (an object such as {"title": "...", "abstract": "..."} on each line)'


def sniff(path: Path, head: str) -> bool:
    """Whether the first line starts as an object does, or the name says so."""
    return head.lstrip().startswith("{") or path.suffix.lower() in SUFFIXES


def read(path: Path) -> Iterator[Paper | BadRecord]:
    """The papers of one file, in its order."""
    for number, line in lines_of(path):
        try:
            yield _paper(json.loads(line), path.name)
        except json.JSONDecodeError as exc:
            yield BadRecord(path, number, f"not JSON ({exc.msg} at column {exc.colno}); expected {EXPECTED}")
        except (ValueError, TypeError, AttributeError) as exc:
            yield BadRecord(path, number, str(exc))


def _paper(record: Any, source: str) -> Paper:
    if not isinstance(record, dict):
        raise TypeError(f"expected an object, found {json.dumps(record)[:40]}")
    title, abstract = record.get("title"), record.get("abstract")
    if not isinstance(title, str) or not title.strip():
        raise ValueError("there is no title")
    if not isinstance(abstract, str) or not abstract.strip():
        raise ValueError(f"there is no abstract for {title.strip()[:60]!r}")
    authors, year = record.get("authors") or (), record.get("year")
    given = record.get("id")
    return Paper(
        title=" ".join(title.split()),
        abstract=abstract.strip(),
        id="" if given is None else str(given),
        sources=(source,),
        year=None if year in (None, "") else int(year),
        authors=tuple(authors.split("; ")) if isinstance(authors, str) else tuple(str(a) for a in authors),
        url=record.get("url") or None,
    )
