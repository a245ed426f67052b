"""The index folder: complete generations of the index, and one manifest that names the one to serve.

INDEX/manifest.json                 swapped in atomically when a generation is complete
INDEX/generations/NAME/             catalog.sqlite, chroma/, bm25/: never written to once complete
INDEX/building/                     what a build needs until it is done (see staging.py)
INDEX/building.lock, building.json  who is building (see locks.py)

Chroma alone writes to some of its files even then (see `rewritten_by_readers` in vectors.py).
"""

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from .errors import BUILD_ALL_ANEW, IndexDamaged, IndexMissing
from .locks import unused

SCHEMA_VERSION = 3
_MANIFEST = "manifest.json"
_CATALOG = "catalog.sqlite"
_NAME = re.compile(r"\d{6}(-[0-9a-f]{6})?")
CHROMA_FILE = "chroma.sqlite3"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an index is made with. Another recipe is another index."""

    model: str
    dimension: int
    max_tokens: int
    overlap: int
    second_model: str | None = None
    schema: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class Manifest:
    """The generation to serve and what is in it.

    `files`: by path, the size and SHA-256 of each that never changes. `added`: how many passages were ever added to its
    vectors; Chroma keeps the place of each that was removed.
    """

    generation: str
    recipe: Recipe
    papers: int
    passages: int
    built: str
    corpus: str | None = None
    added: int = 0
    files: dict[str, tuple[int, str]] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Put this manifest in the place of the one that is there, at one stroke."""
        partial = folder / f"{_MANIFEST}.partial"
        with partial.open("w", encoding="utf-8") as file:
            json.dump(asdict(self), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / _MANIFEST)
        flush(folder)

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """Raises IndexMissing, IndexDamaged."""
        try:
            stored: dict[str, Any] = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
            files = {path: (int(size), str(checksum)) for path, (size, checksum) in stored.get("files", {}).items()}
            return cls(**{**stored, "recipe": Recipe(**stored["recipe"]), "files": files})
        except FileNotFoundError:
            raise IndexMissing(folder) from None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as exc:
            raise IndexDamaged(folder, f"{_MANIFEST}: {exc}", BUILD_ALL_ANEW) from exc


class Part(StrEnum):
    """What an index is made of."""

    MANIFEST = "manifest"
    CATALOG = "catalog"
    VECTORS = "vectors"
    WORDS = "words"


_PARTS = {_CATALOG: Part.CATALOG, "chroma": Part.VECTORS, "bm25": Part.WORDS}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a part of an index."""

    part: Part
    problem: str


def manifest_stamp(folder: Path) -> tuple[int, int]:
    """Something that changes whenever another generation is served; zeros if there is no index."""
    try:
        status = (folder / _MANIFEST).stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_ino  # the file is a new one each time: two swaps may fall into one tick of the clock


def generation_folder(folder: Path, name: str) -> Path:
    """Where a generation lies."""
    return folder / "generations" / name


def catalog_file(folder: Path, name: str) -> Path:
    """Where the papers of a generation lie. A lease on this file is one on the generation."""
    return generation_folder(folder, name) / _CATALOG


def collection_prefix(folder: Path) -> str:
    """How the names of an index's collections begin on a Chroma server, which many indexes may share."""
    return f"papers-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}-"


def next_name(folder: Path) -> str:
    """A name that no generation has had, in order of building.

    Chroma remembers folders for as long as a process lives, and a server keeps collections: no name may come again,
    not even when the index was deleted in between.
    """
    taken = [int(name.partition("-")[0]) for name in generations(folder)]
    return f"{max(taken, default=0) + 1:06d}-{secrets.token_hex(3)}"


def generations(folder: Path) -> set[str]:
    """The names of all generations that are there, complete or not."""
    return {path.name for path in (folder / "generations").glob("*") if _NAME.fullmatch(path.name)}


def sweep(folder: Path, keep: set[str]) -> set[str]:
    """Delete all generations but those to keep and those that somebody has open; the names of what is left."""
    left = set(keep)
    for name in generations(folder) - keep:
        with unused(catalog_file(folder, name)) as deletable:
            if deletable:
                shutil.rmtree(generation_folder(folder, name), ignore_errors=True)
            else:
                left.add(name)
    return left


def seal(folder: Path, name: str, changing: set[Path]) -> dict[str, tuple[int, str]]:
    """Put a finished generation safely on disk; its files, but those that go on changing, as the manifest states them."""
    place = generation_folder(folder, name)
    for path in [*place.rglob("*"), place, place.parent, folder]:
        flush(path)
    return {
        path.relative_to(place).as_posix(): _measured(path)
        for path in sorted(place.rglob("*"))
        if path.is_file() and path not in changing
    }


def file_faults(folder: Path, manifest: Manifest, *, contents: bool) -> Iterator[Fault]:
    """What is wrong with the files of the generation to serve. `contents`: read them, too."""
    place = generation_folder(folder, manifest.generation)
    for name, (size, checksum) in manifest.files.items():
        path, part = place / name, _PARTS[name.split("/")[0]]
        if not path.is_file():
            yield Fault(part, f"{name} is missing")
        elif (found := path.stat().st_size) != size:
            yield Fault(part, f"{name} has {found} bytes instead of {size}")
        elif contents and _measured(path) != (size, checksum):
            yield Fault(part, f"{name} is not as it was written")


def flush(path: Path) -> None:
    """Put what was written to a file, or the names in a folder, safely on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _measured(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
