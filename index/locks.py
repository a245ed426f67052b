"""Who may do what with an index folder: one builder at a time, any number of readers, and no deleting under a reader.

All locks go with their process: one that was killed leaves none behind.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from .errors import IndexBusy

_LOCK = "building.lock"
_HOLDER = "building.json"
_PATIENCE = 1.0  # seconds; `builder_of` in another process holds the lock for far less


@contextmanager
def sole_builder(folder: Path) -> Iterator[None]:
    """Be the only one who builds this index. Raises IndexBusy."""
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        raise IndexBusy(folder, _holder(folder)) from None
    holder = folder / _HOLDER
    try:
        holder.write_text(json.dumps({"pid": os.getpid(), "since": datetime.now().isoformat(" ", "seconds")}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def builder_of(folder: Path) -> str | None:
    """Who is building this index now; None if nobody is."""
    if not (folder / _HOLDER).exists():
        return None
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return _holder(folder)
    lock.release()
    return None


def _holder(folder: Path) -> str:
    try:
        stored = json.loads((folder / _HOLDER).read_text())
        return f"process {stored['pid']} since {stored['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"


def lease(path: Path) -> int | None:
    """A descriptor of the file; while it is open, `unused` lets nobody delete it. None if somebody is doing that now."""
    return _locked(path, os.O_RDONLY, fcntl.LOCK_SH)


@contextmanager
def unused(path: Path) -> Iterator[bool]:
    """Whether nobody has a lease on the file, and nobody gets one meanwhile; so it is if there is no such file."""
    if not path.exists():
        yield True
        return
    descriptor = _locked(path, os.O_RDWR, fcntl.LOCK_EX)  # to be written: network file systems want that for this lock
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _locked(path: Path, mode: int, kind: int) -> int | None:
    descriptor = os.open(path, mode)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:  # a file system that has no locks: without them a reader may have to open the index anew
        pass
    return descriptor
