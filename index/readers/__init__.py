"""Papers out of files: one module a format, each with `SUFFIXES`, `sniff` and `read`.

A reader is one function from a path to an iterator of Paper; what it cannot use it yields as a BadRecord, so that one
bad record never costs the rest. Adding a format is adding a module to `FORMATS`.
"""

from collections.abc import Iterable, Iterator
from glob import glob
from pathlib import Path
from types import ModuleType

from ..errors import BadRecord, NoSuchPath
from ..papers import Paper
from . import jsonl, trending
from .files import head_of

FORMATS: tuple[ModuleType, ...] = (jsonl, trending)


def read_papers(paths: Iterable[Path | str]) -> Iterator[Paper | BadRecord]:
    """Every paper of files, folders (searched through) and globs, in a stable order.

    Raises NoSuchPath before anything is read if a path names nothing.
    """
    for path in files_in(paths):
        yield from read_file(path)


def files_in(paths: Iterable[Path | str]) -> list[Path]:
    """The files that the paths name; a folder stands for the files in it whose format is known.

    Raises NoSuchPath.
    """
    found: dict[Path, None] = {}
    for given in paths:
        path = Path(given).expanduser()
        if path.is_dir():
            known = {suffix for reader in FORMATS for suffix in reader.SUFFIXES}
            matches = sorted(p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in known)
        elif path.is_file():
            matches = [path]
        else:
            matches = [Path(m) for m in sorted(glob(str(path), recursive=True)) if Path(m).is_file()]
            if not matches:
                raise NoSuchPath(given)
        found.update(dict.fromkeys(matches))
    return list(found)


def read_file(path: Path) -> Iterator[Paper | BadRecord]:
    """The papers of one file, whatever its format."""
    try:
        head = head_of(path)
        if not head.strip():
            yield BadRecord(path, None, "the file is empty")
            return
        reader = next((r for r in FORMATS if r.sniff(path, head)), None)
        if reader is None:
            yield BadRecord(path, 1, f"expected {' or '.join(r.EXPECTED for r in FORMATS)}; found {head.strip()[:40]!r}")
            return
        yield from reader.read(path)
    except BadRecord as problem:
        yield problem
    except OSError as exc:
        yield BadRecord(path, None, f"cannot be read ({exc.strerror or exc})")
