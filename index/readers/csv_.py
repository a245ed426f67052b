"""Tables as text: CSV and TSV, with a line of column names; Zotero's export is one."""

import csv
import io
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from ..errors import BadRecord
from ..papers import Paper
from .columns import columns_of, lacks, paper_of_row
from .files import head_of, open_text, start_of
from .records import Record, papers_of

SUFFIXES = (".csv", ".tsv")
EXPECTED = "CSV or TSV (a first line with at least the column names title and abstract)"

_DELIMITERS = ",;\t|"
_LONGEST_FIELD = 10_000_000


def sniff(path: Path, head: str) -> bool:
    """Whether the first line names a title and an abstract, or the name says so."""
    return path.suffix.lower() in SUFFIXES or lacks(_header(head, _delimiter(head))) is None


def read(path: Path) -> Iterator[Paper | BadRecord]:
    """The papers of one file, in its order."""
    return papers_of(path, _records(path), paper_of_row)


def _records(path: Path) -> Iterator[tuple[int, Record] | BadRecord]:
    """(line, fields) of every row. After a broken one, those that lack columns are passed over: they are its other lines."""
    rows = _rows(path, _delimiter(head_of(start_of(path))))
    start, first = next(rows, (1, []))
    header = () if isinstance(first, csv.Error) else tuple(name.strip() for name in first)
    if problem := lacks(header):
        raise BadRecord(path, start, f"{problem}; expected {EXPECTED}")
    broken: tuple[int, csv.Error] | None = None
    for line, row in rows:
        if isinstance(row, csv.Error):
            broken = broken or (line, row)
        elif broken and len(row) != len(header):
            continue
        else:
            if broken:
                yield _broken(path, *broken, line - 1)
            broken = None
            if any(row[len(header) :]):
                yield BadRecord(path, line, f"expected {len(header)} columns, found {len(row)}; is a quote missing?")
            else:
                yield line, dict(zip(header, row, strict=False))
    if broken:
        yield _broken(path, *broken, None)


def _broken(path: Path, line: int, exc: csv.Error, last: int | None) -> BadRecord:
    until = "the end" if last is None else f"line {last}"
    return BadRecord(path, line, f"a broken row ({exc}), passed over up to {until}; is a quote missing?")


def _rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """(first line, fields) of every row that is not blank; after a broken one reading goes on at its second line."""
    csv.field_size_limit(_LONGEST_FIELD)
    waiting, taken, line = deque[str](), list[str](), 1
    with open_text(path, newline="") as file:

        def lines() -> Iterator[str]:
            while (text := waiting.popleft() if waiting else file.readline()) != "":
                taken.append(text)
                yield text

        while True:
            taken.clear()
            try:
                row = next(csv.reader(lines(), delimiter=delimiter, strict=True), None)
            except csv.Error as exc:
                yield line, exc
                waiting.extendleft(reversed(taken[1:]))
                del taken[1:]
            else:
                if row is None:
                    return
                if any(field.strip() for field in row):
                    yield line, row
            line += len(taken)


def _delimiter(head: str) -> str:
    """The delimiter with which the first line names the most fields."""
    return max(_DELIMITERS, key=lambda delimiter: len(columns_of(_header(head, delimiter))))


def _header(head: str, delimiter: str) -> tuple[str, ...]:
    return tuple(next(csv.reader(io.StringIO(head.lstrip(), newline=None), delimiter=delimiter), ()))
