"""Papers out of files: one module a format, each with `SUFFIXES`, `EXPECTED`, `sniff` and `read`.

A reader is one function from a path to an iterator of Paper; what it cannot use it yields as a BadRecord, so that one
bad record never costs the rest. Adding a format is adding a module to `FORMATS`, before those that would take its files too;
a binary format has, instead of `sniff`, the bytes its files begin with: `MAGIC`.
"""

from collections.abc import Iterable, Iterator
from glob import glob
from pathlib import Path
from types import ModuleType

from ..errors import BadRecord, NoSuchPath
from ..papers import Paper
from . import arxiv, bibtex, csljson, csv_, json_, jsonl, openalex, parquet, ris, semanticscholar, trending
from .files import head_of, is_binary, start_of

BINARY_FORMATS: tuple[ModuleType, ...] = (parquet,)
FORMATS: tuple[ModuleType, ...] = (
    arxiv,
    openalex,
    semanticscholar,
    csljson,
    json_,
    jsonl,
    bibtex,
    ris,
    csv_,
    trending,
)


def read_papers(paths: Iterable[Path | str]) -> Iterator[Paper | BadRecord]:
    """Every paper of files, folders (searched through) and globs, in a stable order.

    Raises NoSuchPath before anything is read if a path names nothing.
    """
    for path in files_in(paths):
        yield from read_file(path)


def files_in(paths: Iterable[Path | str]) -> list[Path]:
    """The files that the paths name; a folder stands for the files in it whose format is known, or itself if there is none.

    What is hidden in a folder (a name with a dot in front, such as an index or a version history) is left alone.
    Raises NoSuchPath.
    """
    found: dict[Path, None] = {}
    for given in paths:
        path = Path(given).expanduser()
        if path.is_dir():
            matches = _files_below(path) or [path]
        elif path.is_file():
            matches = [path]
        else:
            matches = [Path(m) for m in sorted(glob(str(path), recursive=True)) if Path(m).is_file()]  # noqa: PTH207
            if not matches:
                raise NoSuchPath(given)
        found.update(dict.fromkeys(matches))
    return list(found)


def _files_below(folder: Path) -> list[Path]:
    known = _suffixes()
    files = (path for path in folder.rglob("*") if path.suffix.lower() in known and path.is_file())
    return sorted(path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def read_file(path: Path) -> Iterator[Paper | BadRecord]:
    """The papers of one file, whatever its format."""
    try:
        if path.is_dir():
            raise BadRecord(path, None, f"no file in this folder ends in {', '.join(sorted(_suffixes()))}")
        reader = _reader_of(path)
        records = reader.read(path)
        line = None if reader in BINARY_FORMATS else 1
        yield next(records, BadRecord(path, line, f"holds no papers; expected {reader.EXPECTED}"))
        yield from records
    except BadRecord as problem:
        yield problem
    except OSError as exc:
        yield BadRecord(path, None, f"cannot be read ({exc.strerror or exc})")


def _reader_of(path: Path) -> ModuleType:
    """The reader for a file. Raises BadRecord if there is none, or nothing to read."""
    start = start_of(path)
    head = head_of(start)
    if not head.strip():
        raise BadRecord(path, None, "the file is empty")
    binary = is_binary(start)
    reader = next((r for r in BINARY_FORMATS if start.startswith(r.MAGIC)), None)
    if not binary:
        reader = reader or next((r for r in FORMATS if r.sniff(path, head)), None)
    if reader is None:
        found = "a binary file" if binary else repr(head.strip()[:40])
        raise BadRecord(path, None if binary else 1, f"expected {_expected(path)}; found {found}")
    return reader


def _expected(path: Path) -> str:
    """What a file of this name should hold; every format by its name if the name says nothing."""
    readers = (*FORMATS, *BINARY_FORMATS)
    by_suffix = [reader.EXPECTED for reader in readers if path.suffix.lower() in reader.SUFFIXES]
    return " or ".join(by_suffix) or "one of: " + ", ".join(reader.EXPECTED.partition(" (")[0] for reader in readers)


def _suffixes() -> set[str]:
    return {suffix for reader in (*FORMATS, *BINARY_FORMATS) for suffix in reader.SUFFIXES}
