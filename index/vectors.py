"""Passage vectors in Chroma: the only file that names chromadb."""

import json
import os
import warnings
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import numpy as np
from numpy.typing import NDArray

from .errors import IndexDamaged, SettingsError, first_line
from .generations import CHROMA_FILE, collection_prefix, generation_folder
from .papers import Chunk

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

Vectors = NDArray[np.float32]

_COLLECTION = "passages"
_PAGE = 1000
_SPARINGLY = {"sync_threshold": 1000, "batch_size": 100}  # how often vectors go from Chroma's log to their own files
_AT_ONCE = {"sync_threshold": 2, "batch_size": 2}


class VectorStore:
    """One Chroma collection of passages, in a folder of its own or on a server; cosine, our own vectors."""

    def __init__(self, place: Path | str, name: str = _COLLECTION) -> None:
        """`place` is a folder, or the http address of a Chroma server; `name` the collection. Opens nothing yet."""
        self._place = place
        self._name = name

    @classmethod
    def of(cls, folder: Path, generation: str, chroma_url: str | None) -> "VectorStore":
        """The vectors of a generation of an index."""
        if chroma_url:
            return cls(chroma_url, collection_prefix(folder) + generation)
        return cls(generation_folder(folder, generation) / "chroma")

    def create(self, recipe: dict[str, Any]) -> "VectorStore":
        """Make the collection, with the recipe stored in it. Opens it if it is there."""
        with _translated(self._place):
            self._connect()
            self._collection = self._client.get_or_create_collection(
                self._name,
                embedding_function=None,
                configuration={"hnsw": {"space": "cosine", "ef_search": 200, "ef_construction": 200, **_SPARINGLY}},
                metadata={"recipe": json.dumps(recipe, sort_keys=True)},
            )
        return self

    def open(self) -> "VectorStore":
        """Open the collection. Raises IndexDamaged if it is not there."""
        if isinstance(self._place, Path) and not (self._place / CHROMA_FILE).is_file():  # Chroma would make one
            raise IndexDamaged(self._place, f"Chroma: {CHROMA_FILE} is missing")
        with _translated(self._place):
            self._connect()
            self._collection = self._client.get_collection(self._name, embedding_function=None)
        return self

    @property
    def recipe(self) -> dict[str, Any]:
        """What the vectors were made with."""
        stored: dict[str, Any] = json.loads((self._collection.metadata or {}).get("recipe", "{}"))
        return stored

    def __len__(self) -> int:
        with _translated(self._place):
            return int(self._collection.count())

    def add(self, chunks: Sequence[Chunk], papers: Sequence[str], vectors: Vectors) -> None:
        """Store passages; `papers` are their papers' ids. The same passage twice is stored once."""
        with _translated(self._place):
            for at in range(0, len(chunks), _PAGE):
                page = slice(at, at + _PAGE)
                self._collection.upsert(
                    ids=[chunk.id for chunk in chunks[page]],
                    embeddings=vectors[page],
                    documents=[chunk.text for chunk in chunks[page]],
                    metadatas=[
                        {"paper": paper, "start": chunk.start, "end": chunk.end}
                        for chunk, paper in zip(chunks[page], papers[page], strict=True)
                    ],
                )

    def settle(self) -> None:
        """Have all that was written in its place: what is still in Chroma's log, each reader would work in for itself.

        A server does that as it goes along.
        """
        if isinstance(self._place, Path):
            self._set(_AT_ONCE)
            len(self)

    def unsettle(self) -> None:
        """Make ready to write much, after `settle`."""
        if isinstance(self._place, Path):
            self._set(_SPARINGLY)

    def remove(self, papers: Iterable[str]) -> None:
        """Forget every passage of these papers."""
        left = iter(papers)
        with _translated(self._place):
            while page := list(islice(left, _PAGE)):
                self._collection.delete(where={"paper": {"$in": page}})

    def nearest(self, vector: Vectors, count: int, papers: Sequence[str] | None = None) -> list[tuple[str, float]]:
        """(paper id, cosine) of the nearest passages, best first; only among `papers`, if given."""
        where: Any = {"paper": {"$in": list(papers)}} if papers is not None else None
        with _translated(self._place):
            found = self._collection.query(
                query_embeddings=[vector], n_results=count, where=where, include=["distances", "metadatas"]
            )
        metadatas, distances = found["metadatas"], found["distances"]
        assert metadatas is not None
        assert distances is not None
        return [(str(m["paper"]), 1.0 - d) for m, d in zip(metadatas[0], distances[0], strict=True)]

    def paper_vectors(self, paper: str) -> Vectors:
        """(n, dimension): the vectors of one paper's passages."""
        with _translated(self._place):
            found = self._collection.get(where={"paper": paper}, include=["embeddings"])
        return np.asarray(found["embeddings"], np.float32)

    def copy_to(self, other: "VectorStore", without: set[str]) -> None:
        """Add the passages of this store to another one, but for those of some papers."""
        columns: Any = ["embeddings", "documents", "metadatas"]
        for at in range(0, len(self), _PAGE):
            with _translated(self._place):
                page: Any = self._collection.get(limit=_PAGE, offset=at, include=columns)
            stay = [row for row, metadata in enumerate(page["metadatas"]) if metadata["paper"] not in without]
            if stay:
                with _translated(other._place):
                    other._collection.upsert(**{name: [page[name][row] for row in stay] for name in ("ids", *columns)})

    def texts(self, paper: str) -> list[str]:
        """The texts of one paper's passages."""
        with _translated(self._place):
            return list(self._collection.get(where={"paper": paper}, include=["documents"])["documents"] or [])

    def close(self) -> None:
        """Let go of the files."""
        self._release()

    def _set(self, pace: dict[str, int]) -> None:
        """Chroma heeds it from the next opening on."""
        with _translated(self._place), warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            self._collection.modify(configuration={"hnsw": pace})
        self.close()
        self.open()

    def _connect(self) -> None:
        self._client = _client(self._place)
        self._release = weakref.finalize(self, self._client.close)  # Chroma itself keeps every folder open for ever
        self._release.atexit = False


def rewritten_by_readers(folder: Path) -> set[Path]:
    """The files that Chroma writes to even if it only reads.

    It notes every opening in its SQLite file; and the files of a segment that it has not put on disk yet, whose vectors are
    all in the SQLite file (there are fewer than a thousand), it begins anew each time.
    """
    begun = {path for path in folder.glob("*/*") if not (path.parent / "index_metadata.pickle").exists()}
    return begun | set(folder.glob(f"{CHROMA_FILE}*"))


def sweep_collections(chroma_url: str, folder: Path, keep: set[str]) -> None:
    """Delete all collections of an index on a Chroma server but those of the generations to keep."""
    prefix = collection_prefix(folder)
    with _translated(chroma_url):
        client = _client(chroma_url)
        names = [collection.name for collection in _collections(client)]
        for name in names:
            if name.startswith(prefix) and name.removeprefix(prefix) not in keep:
                client.delete_collection(name)
        client.close()


def _collections(client: "ClientAPI") -> Iterator[Any]:
    at = 0
    while page := client.list_collections(limit=_PAGE, offset=at):
        yield from page
        at += len(page)


def _client(place: Path | str) -> "ClientAPI":
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    import chromadb
    from chromadb.config import Settings

    settings = Settings(anonymized_telemetry=False)
    if isinstance(place, Path):
        return chromadb.PersistentClient(str(place), settings=settings)
    address = urlparse(place)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise SettingsError(f"{place!r} is not the address of a Chroma server; expected http://HOST:PORT")
    secure = address.scheme == "https"
    return chromadb.HttpClient(address.hostname, port=address.port or (443 if secure else 8000), ssl=secure, settings=settings)


@contextmanager
def _translated(place: Path | str) -> Iterator[None]:
    """Chroma's errors, and SQLite's behind it, as ours."""
    import chromadb.errors

    try:
        yield
    except chromadb.errors.ChromaError as exc:
        raise IndexDamaged(place, f"Chroma: {first_line(exc)}") from exc
    except (ValueError, OSError, RuntimeError) as exc:
        raise IndexDamaged(place, f"Chroma cannot be used: {first_line(exc)}") from exc
