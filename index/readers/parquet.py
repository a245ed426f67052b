"""Parquet tables, read batch by batch; needs pyarrow, which the extra `parquet` brings."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from ..errors import BadRecord
from ..papers import Paper
from .columns import columns_of, lacks, paper_of_row

SUFFIXES = (".parquet",)
EXPECTED = "Parquet (a table with at least the columns title and abstract)"
MAGIC = b"PAR1"

_BATCH = 1024


def read(path: Path) -> Iterator[Paper | BadRecord]:
    """The papers of one file, in its order. Raises BadRecord if it cannot be opened or pyarrow is not installed."""
    try:
        import pyarrow.parquet
    except ImportError as exc:
        raise BadRecord(path, None, "Parquet needs pyarrow; install it with `pip install paper-assistant[parquet]`") from exc
    damage = (pyarrow.ArrowException, OSError, ValueError)
    try:
        table = pyarrow.parquet.ParquetFile(path)
    except damage as exc:
        raise BadRecord(path, None, f"damaged ({_why(exc)}); expected {EXPECTED}") from exc
    with table:
        names = tuple(table.schema_arrow.names)
        if problem := lacks(names):
            raise BadRecord(path, None, f"{problem}; expected {EXPECTED}")
        wanted = [name for held in columns_of(names).values() for name in held]
        first = 1
        for group in range(table.num_row_groups):
            size = table.metadata.row_group(group).num_rows
            batches = table.iter_batches(_BATCH, row_groups=[group], columns=wanted)
            try:
                yield from _papers(path, first, chain.from_iterable(batch.to_pylist() for batch in batches))
            except damage as exc:
                yield BadRecord(path, None, f"damaged somewhere in rows {first} to {first + size - 1} ({_why(exc)})")
            first += size


def _papers(path: Path, first: int, rows: Iterable[dict[str, object]]) -> Iterator[Paper | BadRecord]:
    for number, row in enumerate(rows, first):
        try:
            yield paper_of_row(row, path.name)
        except ValueError as exc:
            yield BadRecord(path, None, f"row {number}: {exc}")


def _why(exc: Exception) -> str:
    return str(exc).partition("\n")[0][:160]
