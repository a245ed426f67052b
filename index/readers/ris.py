"""RIS, as publishers and reference managers export it."""

import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import BadRecord
from ..papers import Paper
from .files import lines_of
from .records import Record, paper_of, papers_of

SUFFIXES = (".ris",)
EXPECTED = "RIS (records from `TY  - ` to `ER  - ` with `TI  - ` and `AB  - `)"

_TAG = re.compile(r"([A-Z][A-Z0-9])  -")


def sniff(path: Path, head: str) -> bool:
    """Whether a record starts somewhere, or the name says so."""
    return path.suffix.lower() in SUFFIXES or re.search(r"^TY  - ", head, re.MULTILINE) is not None


def read(path: Path) -> Iterator[Paper | BadRecord]:
    """The papers of one file, in its order. Raises BadRecord if rispy is not installed."""
    return papers_of(path, _records(path), _paper)


def _records(path: Path) -> Iterator[tuple[int, Record] | BadRecord]:
    try:
        import rispy
    except ImportError as exc:
        raise BadRecord(path, None, "RIS needs rispy; install it with `pip install rispy`") from exc
    many = [*rispy.RisParser.DEFAULT_LIST_TAGS, "AB", "N2"]
    for line, lines in _blocks(path):
        if not lines[0].startswith("TY  -"):
            yield BadRecord(path, line, f"a record without its first line `TY  - `: {lines[0][:40]!r}")
        elif not lines[-1].startswith("ER  -"):
            yield BadRecord(path, line, "the record breaks off before its last line `ER  - `")
        else:
            yield from ((line, record) for record in rispy.loads("\n".join(lines), list_tags=many))


def _blocks(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(first line, lines) from each TY to its ER, or to where that should have been; other text between is passed over."""
    start, block = 0, list[str]()
    for number, line in lines_of(path):
        tag = _TAG.match(line)
        if tag and tag[1] == "TY" and block:
            yield start, block
            block = []
        if not (tag or block):
            continue
        start = start if block else number
        block.append(line)
        if tag and tag[1] == "ER":
            yield start, block
            block = []
    if block:
        yield start, block


def _paper(record: Record, source: str) -> Paper:
    return paper_of(
        source,
        title=record.get("title") or record.get("primary_title"),
        abstract=" ".join(record.get("abstract") or record.get("notes_abstract") or ()),
        authors=record.get("authors") or record.get("first_authors"),
        year=record.get("year") or record.get("publication_year") or record.get("date"),
        url=record.get("urls"),
        doi=record.get("doi"),
        arxiv=record.get("note"),
    )
