"""The papers themselves, their passages and their sentences with vectors: one SQLite file a generation."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import IndexDamaged
from .papers import Chunk, Paper, Sentence
from .text import readable

_SCHEMA = """
create table if not exists papers (
    row integer primary key, id text unique not null, digest text not null, title text not null, abstract text not null,
    year integer, authors text not null, url text, doi text, arxiv text, sources text not null,
    spans text not null, vectors blob not null, second blob);
create table if not exists passages (row integer primary key, paper text not null, text text not null);
create index if not exists passages_paper on passages (paper);
create table if not exists keys (key text primary key, paper text not null) without rowid;
create index if not exists keys_paper on keys (paper);
"""
_PAPER = "id, title, abstract, year, authors, url, doi, arxiv, sources"

Vectors = NDArray[np.float32]
Row = tuple[str, str, str, int | None, str, str | None, str | None, str | None, str]


def to_paper(row: Row) -> Paper:
    """A paper out of the columns of `_PAPER`."""
    id_, title, abstract, year, authors, url, doi, arxiv, sources = row
    return Paper(
        title=title, abstract=abstract, id=id_, sources=tuple(json.loads(sources)), year=year,
        authors=tuple(json.loads(authors)), url=url, doi=doi, arxiv=arxiv,
    )  # fmt: skip


def to_row(paper: Paper) -> Row:
    """The columns of `_PAPER` out of a paper."""
    authors, sources = (json.dumps(value, ensure_ascii=False) for value in (paper.authors, paper.sources))
    return paper.id, paper.title, paper.abstract, paper.year, authors, paper.url, paper.doi, paper.arxiv, sources


class Catalog:
    """Papers by id. Opened for reading it can be shared between threads."""

    def __init__(self, path: Path, *, writable: bool = False) -> None:
        """Raises IndexDamaged if the file is not there or is not a catalog."""
        self._path = path
        mode = "rwc" if writable else "ro&immutable=1"
        with self._translated():
            self._db = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, check_same_thread=False)
            if writable:
                self._db.executescript(_SCHEMA)
            self._db.execute(f"select {_PAPER}, digest, spans, vectors, second from papers limit 1").fetchone()

    def __len__(self) -> int:
        with self._translated():
            return int(self._db.execute("select count(*) from papers").fetchone()[0])

    def __iter__(self) -> Iterator[Paper]:
        with self._translated():
            for row in self._db.execute(f"select {_PAPER} from papers order by row"):
                yield to_paper(row)

    def get(self, ids: Sequence[str]) -> dict[str, Paper]:
        """Those of the papers that are here, by id."""
        with self._translated():
            rows = self._db.execute(
                f"select {_PAPER} from papers where id in (select value from json_each(?))", [json.dumps(list(ids))]
            )
            return {row[0]: to_paper(row) for row in rows}

    def find(self, keys: Sequence[str]) -> tuple[Paper, str] | None:
        """The paper that any of the keys identifies, and its digest."""
        with self._translated():
            row = self._db.execute(
                f"select {_PAPER}, digest from papers where id = "
                "(select paper from keys where key in (select value from json_each(?)) limit 1)",
                [json.dumps(list(keys))],
            ).fetchone()
        return (to_paper(row[:-1]), row[-1]) if row else None

    def ids(self, *, year: int | None = None, source: str | None = None) -> list[str]:
        """The ids of the papers of a year and of a source, either or both."""
        from_source = "exists (select 1 from json_each(sources) where value = :source)"
        wanted = f"(:year is null or year = :year) and (:source is null or {from_source})"
        with self._translated():
            rows = self._db.execute(f"select id from papers where {wanted} order by row", {"year": year, "source": source})
            return [row[0] for row in rows]

    def sentences(self, paper: Paper) -> list[Sentence]:
        """The sentences of a paper's abstract, in order, each with its vector."""
        with self._translated():
            found = self._db.execute("select spans, vectors from papers where id = ?", [paper.id]).fetchone()
        if found is None:
            return []
        spans: list[tuple[int, int]] = json.loads(found[0])
        vectors = np.frombuffer(found[1], np.float16).reshape(len(spans), -1).astype(np.float32)
        return [
            Sentence(paper, number, start, end, readable(paper.abstract[start:end]), vectors[number])
            for number, (start, end) in enumerate(spans)
        ]

    def sentence_cosines(self, ids: Sequence[str], query: NDArray[np.float32]) -> tuple[Vectors, Vectors]:
        """For each paper the cosine of its best sentence with a query, and that of the mean of its sentences; (n,) each."""
        with self._translated():
            rows = self._db.execute(
                "select id, vectors from papers where id in (select value from json_each(?))", [json.dumps(list(ids))]
            ).fetchall()
        blobs = {paper: np.frombuffer(blob, np.float16).reshape(-1, len(query)) for paper, blob in rows}
        sizes = np.array([max(len(blobs[paper]), 1) for paper in ids])
        nothing = np.zeros((1, len(query)), np.float16)
        vectors = np.concatenate([blobs[paper] if len(blobs[paper]) else nothing for paper in ids]).astype(np.float32)
        starts = np.r_[0, np.cumsum(sizes)[:-1]]
        means = np.add.reduceat(vectors, starts) / sizes[:, None]
        means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-6)
        return np.maximum.reduceat(vectors @ query, starts), means @ query

    def second_cosines(self, ids: Sequence[str], query: Vectors) -> Vectors:
        """(n,): each paper's cosine with a query, by the second model."""
        with self._translated():
            rows = self._db.execute(
                "select id, second from papers where id in (select value from json_each(?))", [json.dumps(list(ids))]
            ).fetchall()
        blobs = dict(rows)
        return (
            np.frombuffer(b"".join(blobs[paper] for paper in ids), np.float16).reshape(len(ids), -1).astype(np.float32) @ query
        )

    def passages(self) -> Iterator[tuple[str, str]]:
        """(paper id, text) of every passage, those of a paper together."""
        with self._translated():
            yield from self._db.execute("select paper, text from passages order by paper, row")

    def passage_count(self) -> int:
        """How many passages there are."""
        with self._translated():
            return int(self._db.execute("select count(*) from passages").fetchone()[0])

    def sources(self) -> dict[str, int]:
        """Every source, with how many papers came from it."""
        with self._translated():
            rows = self._db.execute(
                "select value, count(*) from papers, json_each(papers.sources) group by value order by value"
            )
            return dict(rows.fetchall())

    def add(
        self,
        paper: Paper,
        spans: Sequence[tuple[int, int]],
        chunks: Iterable[Chunk],
        vectors: Vectors,
        second: Vectors | None = None,
    ) -> None:
        """Add a paper, or put it in the place of the one with its id.

        `vectors` are its sentences', (n, dimension); `second` is that of its whole text by the second model.
        """
        with self._translated():
            self.remove([paper.id])
            self._db.execute(
                f"insert into papers ({_PAPER}, digest, spans, vectors, second) values ({', '.join('?' * 13)})",
                (*to_row(paper), paper.digest, json.dumps(list(spans)), _packed(vectors), _packed(second)),
            )
            self._db.executemany("insert or replace into keys values (?, ?)", [(key, paper.id) for key in paper.keys])
            self._db.executemany(
                "insert into passages (paper, text) values (?, ?)", [(paper.id, chunk.text) for chunk in chunks]
            )

    def set_sources(self, paper: str, sources: Sequence[str]) -> None:
        """Say anew where a paper was seen."""
        with self._translated():
            self._db.execute("update papers set sources = ? where id = ?", [json.dumps(list(sources)), paper])

    def remove(self, ids: Iterable[str]) -> None:
        """Forget papers with all that belongs to them."""
        with self._translated():
            for paper in ids:
                self._db.execute("delete from papers where id = ?", [paper])
                self._db.execute("delete from passages where paper = ?", [paper])
                self._db.execute("delete from keys where paper = ?", [paper])

    def commit(self) -> None:
        """Make what was added last."""
        with self._translated():
            self._db.commit()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise IndexDamaged(self._path, f"SQLite: {exc}") from exc


def _packed(vectors: Vectors | None) -> bytes | None:
    return None if vectors is None else vectors.astype(np.float16).tobytes()
