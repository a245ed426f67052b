"""What a build needs until it is done: the papers read, what is to be done with each, and vectors already made.

The papers are read anew by every build. The vectors stay until a build is complete, so that one that was stopped is
continued without embedding again.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from .catalog import Catalog, to_paper, to_row
from .papers import Paper


class Change(StrEnum):
    """What a build does with a paper."""

    NEW = "new"
    CHANGED = "changed"
    SEEN_ELSEWHERE = "seen elsewhere"
    SAME = "same"


_PAPER = "id, title, abstract, year, authors, url, doi, arxiv, sources"
_SCHEMA = """
create table incoming (row integer primary key, id, title, abstract, year, authors, url, doi, arxiv, sources, change text);
create table keys (key text primary key, row integer not null) without rowid;
create table kept (id text primary key, row integer not null) without rowid;
create index incoming_change on incoming (change);
"""
_PAGE = 500


class Staging:
    """The papers read by one build, duplicates merged, each with what is to be done."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)  # left by a build that was killed
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("pragma journal_mode = off")
        self._db.execute("pragma synchronous = off")
        self._db.executescript(_SCHEMA)
        self._db.execute("begin")

    def add(self, paper: Paper) -> bool:
        """Keep a paper; False if it was there already (its sources are then added to those of the first)."""
        found = self._db.execute(
            f"select row, {_PAPER} from incoming where row = "
            "(select row from keys where key in (select value from json_each(?)) limit 1)",
            [json.dumps(paper.keys)],
        ).fetchone()
        if found:
            merged = to_paper(found[1:]).also_in(paper.sources)
            self._db.execute("update incoming set sources = ? where row = ?", [json.dumps(merged.sources), found[0]])
            row = found[0]
        else:
            row = self._db.execute(
                f"insert into incoming ({_PAPER}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)", to_row(paper)
            ).lastrowid
        self._db.executemany("insert or ignore into keys values (?, ?)", [(key, row) for key in paper.keys])
        return not found

    def compare(self, current: Catalog | None, *, sync: bool) -> int:
        """Decide for every paper what is to be done, given those that the index holds; how many more duplicates that shows."""
        duplicates = 0
        for row, read in self._incoming():
            paper, change = _change(read, current.find(read.keys) if current else None, sync=sync)
            if change is Change.NEW and (paper.id in self or (current and current.get([paper.id]))):
                paper = replace(paper, id="")  # an id that another paper has identifies nothing: the title does
            if paper.id in self:  # two that shared nothing are both the same paper of the index
                self._merge(paper)
                duplicates += 1
                continue
            self._db.execute("insert into kept values (?, ?)", [paper.id, row])
            self._db.execute(
                "update incoming set id = ?, sources = ?, change = ? where row = ?",
                [paper.id, json.dumps(paper.sources, ensure_ascii=False), change, row],
            )
        return duplicates

    def _incoming(self) -> Iterator[tuple[int, Paper]]:
        """The papers as read with their rows, page by page, so that they can be changed meanwhile."""
        last = 0
        page = f"select row, {_PAPER} from incoming where row > ? order by row limit {_PAGE}"
        while rows := self._db.execute(page, [last]).fetchall():
            yield from ((row, to_paper(tuple(columns))) for row, *columns in rows)
            last = rows[-1][0]

    def _merge(self, paper: Paper) -> None:
        """Add the sources of a paper to those of the one with its id that was kept."""
        kept = self.find(paper.id)
        assert kept is not None
        merged = kept.also_in(paper.sources)
        seen = Change.SEEN_ELSEWHERE if merged != kept else Change.SAME
        self._db.execute(
            "update incoming set sources = ?, change = iif(change = ?, ?, change) "
            "where row = (select row from kept where id = ?)",
            [json.dumps(merged.sources, ensure_ascii=False), Change.SAME, seen, paper.id],
        )

    def papers(self, *changes: Change) -> Iterator[Paper]:
        """The papers to which one of these happens, in the order read."""
        marks = ", ".join("?" * len(changes))
        for row in self._db.execute(f"select {_PAPER} from incoming where change in ({marks}) order by row", changes):
            yield to_paper(row)

    def count(self, change: Change) -> int:
        """To how many papers this happens."""
        return int(self._db.execute("select count(*) from incoming where change = ?", [change]).fetchone()[0])

    def find(self, paper: str) -> Paper | None:
        """The paper of an id, as it should stand in the index, if it was among those read."""
        kept = "(select row from kept where id = ?)"
        found = self._db.execute(f"select {_PAPER} from incoming where row = {kept}", [paper]).fetchone()
        return to_paper(found) if found else None

    def __contains__(self, paper: str) -> bool:
        return self._db.execute("select 1 from kept where id = ?", [paper]).fetchone() is not None

    def close(self) -> None:
        """Let go of the file, which nobody needs any more."""
        self._db.close()
        self._path.unlink()


def _change(paper: Paper, found: tuple[Paper, str] | None, *, sync: bool) -> tuple[Paper, Change]:
    """The paper as it should stand in the index, and what has to be done for that.

    A record is an edit of the stored paper if it comes from one of its sources; otherwise it is one more place where
    the paper was seen, and the stored text stays.
    """
    if found is None:
        return paper, Change.NEW
    stored, digest = found
    sources = paper.sources if sync else stored.also_in(paper.sources).sources
    if paper.digest != digest and (sync or set(paper.sources) & set(stored.sources)):
        return replace(paper, id=stored.id, sources=sources), Change.CHANGED
    same = replace(stored, sources=sources)
    return same, Change.SAME if set(sources) == set(stored.sources) else Change.SEEN_ELSEWHERE


class ModelCache:
    """What models made of texts, by keys of theirs, kept until the build that needs it is complete."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path)
        self._db.execute("create table if not exists vectors (text blob primary key, vector blob)")

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Those that are here."""
        found: dict[bytes, bytes] = {}
        for key in keys:
            row = self._db.execute("select vector from vectors where text = ?", [key]).fetchone()
            if row:
                found[key] = row[0]
        return found

    def put(self, made: Mapping[bytes, bytes]) -> None:
        """Keep what was made, safely on disk when this returns."""
        self._db.executemany("insert or replace into vectors values (?, ?)", list(made.items()))
        self._db.commit()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
