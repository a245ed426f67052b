"""The index folder: complete generations of the index, and one manifest that names the one to serve.

INDEX/manifest.json                 swapped in atomically when a generation is complete
INDEX/generations/NAME/             catalog.sqlite, chroma/, bm25/: never written to once complete
INDEX/building/                     what a build needs until it is done (see build.py)
"""

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import IndexDamaged, IndexMissing

SCHEMA_VERSION = 2
_MANIFEST = "manifest.json"


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
    """The generation to serve and what is in it."""

    generation: str
    recipe: Recipe
    papers: int
    passages: int
    built: str
    corpus: str | None = None

    def save(self, folder: Path) -> None:
        """Put this manifest in the place of the one that is there, at one stroke."""
        partial = folder / f"{_MANIFEST}.partial"
        with partial.open("w", encoding="utf-8") as file:
            json.dump(asdict(self), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / _MANIFEST)

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """Raises IndexMissing, IndexDamaged."""
        try:
            stored: dict[str, Any] = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
            return cls(**{**stored, "recipe": Recipe(**stored["recipe"])})
        except FileNotFoundError:
            raise IndexMissing(folder) from None
        except (OSError, ValueError, TypeError, KeyError) as exc:
            raise IndexDamaged(folder, f"{_MANIFEST}: {exc}") from exc


def manifest_stamp(folder: Path) -> int:
    """A number that changes whenever another generation is served; 0 if there is no index."""
    try:
        return (folder / _MANIFEST).stat().st_mtime_ns
    except OSError:
        return 0


def generation_folder(folder: Path, name: str) -> Path:
    """Where a generation lies."""
    return folder / "generations" / name


def next_name(folder: Path) -> str:
    """A name that no generation has had, in order of building."""
    taken = [int(path.name) for path in (folder / "generations").glob("[0-9]*") if path.name.isdigit()]
    return f"{max(taken, default=0) + 1:06d}"


def sweep(folder: Path, keep: set[str]) -> None:
    """Delete all generations but those to keep."""
    for path in (folder / "generations").glob("*"):
        if path.name not in keep:
            shutil.rmtree(path, ignore_errors=True)
