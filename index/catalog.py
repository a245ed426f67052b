"""The papers themselves, their passages and their sentences with vectors: one SQLite file a generation."""

import json
import os
import re
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from .errors import BUILD_ALL_ANEW, IndexDamaged
from .interaction import Signs
from .locks import lease
from .papers import Chunk, Paper, Sentence
from .text import readable

_SCHEMA = """
create table if not exists papers (
    row integer primary key, id text unique not null, digest text not null, title text not null, abstract text not null,
    year integer, authors text not null, url text, doi text, arxiv text, sources text not null,
    spans text not null, vectors blob not null, second blob, signs blob);
create table if not exists passages (row integer primary key, paper text not null, text text not null);
create index if not exists passages_paper on passages (paper);
create table if not exists keys (key text primary key, paper text not null) without rowid;
create index if not exists keys_paper on keys (paper);
create index if not exists papers_by_title on papers (title collate nocase, year, sources);
create index if not exists papers_by_year on papers (year, title collate nocase, sources);
create virtual table if not exists words using fts5 (
    title, abstract, content='papers', content_rowid='row', tokenize='unicode61 remove_diacritics 2', prefix='1 2 3');
create trigger if not exists words_added after insert on papers begin
    insert into words (rowid, title, abstract) values (new.row, new.title, new.abstract); end;
create trigger if not exists words_removed after delete on papers begin
    insert into words (words, rowid, title, abstract) values ('delete', old.row, old.title, old.abstract); end;
"""
_ORDERS = {
    "title": "title collate nocase",
    "newest": "year desc, title collate nocase",
    "oldest": "year is null, year, title collate nocase",
}
_PAPER = "id, title, abstract, year, authors, url, doi, arxiv, sources"

_PAPERS_KEPT = 2_000  # whose vectors stay in memory, some thirty kilobytes each

T = TypeVar("T")
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


class _Kept(Generic[T]):
    """What was read of papers lately, so that the next question need not read it again; safe to share between threads."""

    def __init__(self) -> None:
        self._values: dict[str, T] = {}

    def of(self, ids: Sequence[str], read: Callable[[list[str]], Mapping[str, T]]) -> list[T]:
        """The values of papers, by their ids in order; `read` gives those of the ones that are missing."""
        known = self._values
        if missing := [paper for paper in ids if paper not in known]:
            full = len(known) + len(missing) > _PAPERS_KEPT
            known = {**({paper: known[paper] for paper in ids if paper in known} if full else known), **read(missing)}
            self._values = known
        return [known[paper] for paper in ids]


class Catalog:
    """Papers by id. Opened for reading it can be shared between threads, and its generation is not deleted meanwhile."""

    def __init__(self, path: Path, *, writable: bool = False) -> None:
        """Raises IndexDamaged if the file is not there or is not a catalog."""
        self._path = path
        self._release: Callable[[], object] | None = None
        self._kept: _Kept[tuple[Vectors, Vectors]] = _Kept()
        self._kept_second: _Kept[Vectors] = _Kept()
        self._kept_signs: _Kept[Signs] = _Kept()
        mode = "rwc" if writable else "ro&immutable=1"
        with self._translated():
            if not writable:
                self._lease()
            self._db = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, check_same_thread=False)
            if writable:
                self._db.execute("pragma synchronous = off")  # a generation is put on disk as a whole (see `seal`)
                had_words = self._has_words()
                self._db.executescript(_SCHEMA)
                if not had_words:  # a copy of a catalog from before there were any
                    self._db.execute("insert into words (words) values ('rebuild')")
            self._db.execute(f"select {_PAPER}, digest, spans, vectors from papers limit 1").fetchone()

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

    def browse(
        self,
        text: str = "",
        *,
        year: int | None = None,
        source: str | None = None,
        sort: str = "best",
        offset: int = 0,
        limit: int = 25,
    ) -> tuple[list[Paper], int]:
        """A page of the papers whose title or abstract has words that begin as those of a text do, and how many there are.

        `sort`: "title", "newest", "oldest", or "best" (where the words stand; as added, if there are none).
        """
        words = re.findall(r"\w+", text) or text.split()
        wanted = ["true"]
        values: dict[str, object] = {"year": year, "source": json.dumps(source, ensure_ascii=False)}
        if re.search(r"\w", text) and self._has_words():
            wanted.append("row in (select rowid from words where words match :words)")
            values["words"] = " ".join(f'"{word.replace(chr(34), "")}"*' for word in words)
        else:  # signs alone, or an index from before there were words
            wanted += [f"instr(lower(title || ' ' || abstract), lower(:word{n}))" for n in range(len(words))]
            values |= {f"word{n}": word for n, word in enumerate(words)}
        if year is not None:
            wanted.append("year = :year")
        if source is not None:
            wanted.append("instr(sources, :source)")
        matching = f"from papers where {' and '.join(wanted)}"
        order, first = _ORDERS.get(sort, "row"), f"limit {int(limit)} offset {int(offset)}"
        chosen = f"select row {matching} order by {order} {first}"
        if sort not in _ORDERS and "words" in values:
            ranked = "select rowid, rank from words where words match :words and rank match 'bm25(8.0, 1.0)'"
            chosen = f"select row from ({ranked}) join papers on row = rowid where {' and '.join(wanted[2:] or wanted[:1])} "
            chosen += f"order by rank {first}"
        with self._translated():
            count = int(self._db.execute(f"select count(*) {matching}", values).fetchone()[0])
            rows = [row[0] for row in self._db.execute(chosen, values)]
            found = self._db.execute(
                f"select row, {_PAPER} from papers where row in (select value from json_each(?))", [json.dumps(rows)]
            )
            papers = {row[0]: to_paper(row[1:]) for row in found}
        return [papers[row] for row in rows], count

    def years(self) -> dict[int, int]:
        """Every year, the newest first, with how many papers are of it."""
        counted = "select year, count(*) from papers where year is not null group by year order by year desc"
        with self._translated():
            return dict(self._db.execute(counted).fetchall())

    def paper_vectors(self, dimension: int) -> tuple[list[str], Vectors]:
        """The ids of all papers, and (n, dimension): the mean of each one's sentences."""
        ids: list[str] = []
        means: list[NDArray[np.float32]] = []
        with self._translated():
            for id_, blob in self._db.execute("select id, vectors from papers order by row"):
                sentences = np.frombuffer(blob, np.float16).reshape(-1, dimension).astype(np.float32)
                ids.append(id_)
                means.append(sentences.mean(axis=0) if len(sentences) else np.zeros(dimension, np.float32))
        return ids, np.stack(means) if means else np.zeros((0, dimension), np.float32)

    def _has_words(self) -> bool:
        return self._db.execute("select 1 from sqlite_master where name = 'words'").fetchone() is not None

    def sentences(self, paper: Paper) -> list[Sentence] | None:
        """The sentences of a paper's abstract, in order, each with its vector; None if that abstract is not here."""
        with self._translated():
            stored = "select spans, vectors from papers where id = ? and abstract = ?"
            found = self._db.execute(stored, [paper.id, paper.abstract]).fetchone()
        if found is None:
            return None
        spans: list[tuple[int, int]] = json.loads(found[0])
        vectors = np.frombuffer(found[1], np.float16).reshape(len(spans), -1).astype(np.float32)
        return [
            Sentence(paper, number, start, end, readable(paper.abstract[start:end]), vectors[number])
            for number, (start, end) in enumerate(spans)
        ]

    def sentence_cosines(self, ids: Sequence[str], queries: NDArray[np.float32]) -> tuple[Vectors, Vectors]:
        """For each of n papers the cosine of its best sentence with each query, and that of the mean of its sentences.

        `queries` is (k, dimension); (n, k) each.
        """
        known = self._kept.of(ids, lambda missing: self._sentence_vectors(missing, queries.shape[1]))
        starts = np.r_[0, np.cumsum([len(sentences) for sentences, _ in known])[:-1]]
        vectors, means = np.concatenate([sentences for sentences, _ in known]), np.stack([mean for _, mean in known])
        return np.maximum.reduceat(vectors @ queries.T, starts), means @ queries.T

    def _sentence_vectors(self, ids: Sequence[str], dimension: int) -> dict[str, tuple[Vectors, Vectors]]:
        """Of each paper its sentences' vectors, (n, dimension), one of zeros if it has none, and their mean's direction."""
        found: dict[str, tuple[Vectors, Vectors]] = {}
        for paper, blob in self._blobs("vectors", ids):
            vectors = np.frombuffer(blob, np.float16).reshape(-1, dimension).astype(np.float32)
            sentences = vectors if len(vectors) else np.zeros((1, dimension), np.float32)
            mean = sentences.mean(axis=0)
            found[paper] = sentences, mean / max(float(np.linalg.norm(mean)), 1e-6)
        return found

    def second_vectors(self, ids: Sequence[str]) -> Vectors:
        """(n, width): each paper's vector by the second model, of unit length."""
        return np.stack(self._kept_second.of(ids, self._seconds))

    def _seconds(self, ids: Sequence[str]) -> dict[str, Vectors]:
        return {paper: np.frombuffer(blob, np.float16).astype(np.float32) for paper, blob in self._blobs("second", ids)}

    def signs(self, ids: Sequence[str], width: int) -> list[Signs]:
        """Of each paper the signs of its words' vectors by the second model, (words, bytes) for vectors of a width."""
        return self._kept_signs.of(ids, lambda missing: self._signs(missing, -(-width // 8)))

    def _signs(self, ids: Sequence[str], size: int) -> dict[str, Signs]:
        return {paper: np.frombuffer(blob, np.uint8).reshape(-1, size) for paper, blob in self._blobs("signs", ids)}

    def _blobs(self, column: str, ids: Sequence[str]) -> list[tuple[str, bytes]]:
        with self._translated():
            wanted = f"select id, {column} from papers where id in (select value from json_each(?))"
            return self._db.execute(wanted, [json.dumps(list(ids))]).fetchall()

    def passages(self) -> Iterator[tuple[str, str]]:
        """(paper id, text) of every passage, those of a paper together."""
        with self._translated():
            yield from self._db.execute("select paper, text from passages order by paper, row")

    def passage_texts(self, paper: str) -> list[str]:
        """The texts of one paper's passages."""
        with self._translated():
            return [row[0] for row in self._db.execute("select text from passages where paper = ? order by row", [paper])]

    def passage_owners(self) -> list[str]:
        """The ids of the papers that have passages, in the order of `passages`."""
        with self._translated():
            return [row[0] for row in self._db.execute("select distinct paper from passages order by paper")]

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
        second: tuple[Vectors, Signs] | None = None,
    ) -> None:
        """Add a paper, or put it in the place of the one with its id.

        `vectors` are its sentences', (n, dimension); `second` is that of its whole text by the second model, and the signs of
        its words'.
        """
        whole, words = (second[0], second[1].tobytes()) if second else (None, None)
        with self._translated():
            self.remove([paper.id])
            self._db.execute(
                f"insert into papers ({_PAPER}, digest, spans, vectors, second, signs) values ({', '.join('?' * 14)})",
                (*to_row(paper), paper.digest, json.dumps(list(spans)), _packed(vectors), _packed(whole), words),
            )
            self._db.executemany("insert or replace into keys values (?, ?)", [(key, paper.id) for key in paper.keys])
            self._db.executemany(
                "insert into passages (paper, text) values (?, ?)", [(paper.id, chunk.text) for chunk in chunks]
            )

    def set_sources(self, paper: str, sources: Sequence[str]) -> None:
        """Say anew where a paper was seen."""
        with self._translated():
            stored = json.dumps(list(sources), ensure_ascii=False)
            self._db.execute("update papers set sources = ? where id = ?", [stored, paper])

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
        if self._release:
            self._release()

    def _lease(self) -> None:
        descriptor = lease(self._path)
        if descriptor is None:
            raise IndexDamaged(self._path, "it is being deleted", BUILD_ALL_ANEW)
        self._release = weakref.finalize(self, os.close, descriptor)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise IndexDamaged(self._path, f"SQLite: {exc}", BUILD_ALL_ANEW) from exc
        except FileNotFoundError as exc:
            raise IndexDamaged(self._path, "it is missing", BUILD_ALL_ANEW) from exc


def _packed(vectors: Vectors | None) -> bytes | None:
    return None if vectors is None else vectors.astype(np.float16).tobytes()
