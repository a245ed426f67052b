"""Semantic Scholar papers: JSON Lines as its API and its datasets have them."""

from collections.abc import Iterator
from pathlib import Path

from ..errors import BadRecord
from ..papers import Paper
from .jsontext import has_keys, objects_of
from .records import Record, dig, paper_of, papers_of

SUFFIXES = ()
EXPECTED = 'Semantic Scholar papers (an object with "paperId", "title", "abstract", "externalIds" on each line)'


def sniff(path: Path, head: str) -> bool:
    """Whether the objects have Semantic Scholar's ids."""
    return any(has_keys(head, key, "title") for key in ("paperId", "corpusid", "corpusId"))


def read(path: Path) -> Iterator[Paper | BadRecord]:
    """The papers of one file, in its order."""
    return papers_of(path, objects_of(path, EXPECTED), _paper)


def _paper(record: Record, source: str) -> Paper:
    ids = record.get("externalIds") or record.get("externalids")
    return paper_of(
        source,
        title=record.get("title"),
        abstract=record.get("abstract"),
        authors=record.get("authors"),
        year=record.get("year") or record.get("publicationDate"),
        url=record.get("url"),
        doi=dig(ids, "DOI"),
        arxiv=dig(ids, "ArXiv"),
    )
