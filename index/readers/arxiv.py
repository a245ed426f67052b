"""The arXiv metadata snapshot (arxiv-metadata-oai-snapshot.json): millions of JSON lines."""

from collections.abc import Iterator
from pathlib import Path

from ..errors import BadRecord
from ..papers import Paper
from .jsontext import has_keys, objects_of
from .records import Record, dig, listed, paper_of, papers_of

SUFFIXES = ()
EXPECTED = 'the arXiv metadata snapshot (an object with "id", "title", "abstract", "authors_parsed", "versions" on each line)'


def sniff(path: Path, head: str) -> bool:
    """Whether the objects have the snapshot's own keys."""
    return has_keys(head, "id", "abstract") and (has_keys(head, "authors_parsed") or has_keys(head, "versions", "update_date"))


def read(path: Path) -> Iterator[Paper | BadRecord]:
    """The papers of the snapshot, in its order, read as they are asked for."""
    return papers_of(path, objects_of(path, EXPECTED), _paper)


def _paper(record: Record, source: str) -> Paper:
    abstract = record.get("abstract")
    authors = [_name(parts) for parts in listed(record.get("authors_parsed"))]
    return paper_of(
        source,
        title=record.get("title"),
        abstract=" ".join(abstract.split()) if isinstance(abstract, str) else None,
        authors=authors or record.get("authors"),
        year=dig(record, "versions", 0, "created") or record.get("update_date"),
        doi=record.get("doi"),
        arxiv=record.get("id"),
    )


def _name(parts: object) -> dict[str, object]:
    """A name out of [last, first, suffix, affiliation...]."""
    return {"family": dig(parts, 0), "given": dig(parts, 1), "suffix": dig(parts, 2)}
