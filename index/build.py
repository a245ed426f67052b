"""Files into an index: read, compare with what is there, embed what is new, write a generation, swap it in."""

import hashlib
import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .catalog import Catalog
from .chunks import split
from .embedding import PaperEmbeddings
from .errors import BadRecord, IndexDamaged, IndexMissing, IndexNotWritten
from .generations import (
    CHROMA_FILE,
    Fault,
    Manifest,
    Part,
    Recipe,
    catalog_file,
    generation_folder,
    next_name,
    seal,
    sweep,
)
from .inspection import content_faults, damage
from .interaction import Signs, signs
from .lexical import LexicalIndex
from .locks import sole_builder
from .papers import Chunk, Paper
from .readers import read_papers
from .staging import Change, ModelCache, Staging
from .text import readable, sentence_spans
from .vectors import VectorStore, rewritten_by_readers, sweep_collections

Vectors = NDArray[np.float32]
Progress = Callable[[str, int, int | None], None]

_BATCH = 32
_MOST_DEAD = 0.2  # removed passages to each one there; with more, Chroma's index is made anew: it is slow, and misses some
_SHOWN_PROBLEMS = 1000


@dataclass(slots=True)
class BuildReport:
    """What a build did: papers by what happened to them, what could not be used, what was damaged and is repaired,
    seconds by stage.
    """

    papers: int = 0
    passages: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    duplicates: int = 0
    embedded: int = 0
    problem_count: int = 0
    problems: list[BadRecord] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def build_index(
    paths: Iterable[Path | str],
    folder: Path,
    embeddings: PaperEmbeddings,
    *,
    second: PaperEmbeddings | None = None,
    overlap: int = 1,
    sync: bool = False,
    strict: bool = False,
    dry_run: bool = False,
    chroma_url: str | None = None,
    corpus: str | None = None,
    progress: Progress | None = None,
) -> BuildReport:
    """Bring the index in `folder` up to date with the papers of `paths`.

    Papers that are there already are left as they are, changed ones replaced; with `sync`, those that `paths` no longer
    hold are removed. `strict` makes the first unusable record an error; `dry_run` only says what would happen.
    A `second` embedder gives each paper one more vector, by which candidates are ranked.
    Until the end the index is served as it was; a build that was stopped is continued by the next one. Vectors or words
    that are damaged are made anew from the papers.

    Raises NoSuchPath, BadRecord (strict), IndexBusy, IndexDamaged, IndexNotWritten, and what the embedder raises.
    """
    with _translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with sole_builder(folder):
            job = _Build(folder, embeddings, second, overlap, chroma_url, corpus, progress or (lambda *_: None))
            try:
                return job.run(paths, sync=sync, strict=strict, dry_run=dry_run)
            finally:
                job.close()


class _Build:
    def __init__(
        self,
        folder: Path,
        embeddings: PaperEmbeddings,
        second: PaperEmbeddings | None,
        overlap: int,
        chroma_url: str | None,
        corpus: str | None,
        progress: Progress,
    ) -> None:
        self._folder, self._embeddings, self._chroma_url, self._corpus = folder, embeddings, chroma_url, corpus
        self._progress = progress
        self._second = second
        second_name = second.name if second else None
        self._recipe = Recipe(embeddings.name, embeddings.dimension, embeddings.max_tokens, overlap, second_name)
        self._report = BuildReport()
        self._added = 0
        try:
            self._current: Manifest | None = Manifest.load(folder)
        except IndexMissing:
            self._current = None
        self._work = folder / "building"
        self._work.mkdir(exist_ok=True)

    def run(self, paths: Iterable[Path | str], *, sync: bool, strict: bool, dry_run: bool) -> BuildReport:
        report, current = self._report, self._current
        with closing(Staging(self._work / "incoming.sqlite")) as staging:
            with self._stage("read"):
                self._read(staging, paths, strict=strict)
            with self._stage("compare"):
                removed = self._compare(staging, sync=sync)
            if current:
                report.papers, report.passages = current.papers, current.passages
            if not dry_run:
                fresh = self._damaged() or current is None or current.recipe != self._recipe
                touched = report.new + report.changed + len(removed) + staging.count(Change.SEEN_ELSEWHERE)
                if fresh or touched or report.repaired:
                    self._write(staging, removed, fresh=fresh)
        if not dry_run:
            for path in self._work.glob("vectors-*"):
                path.unlink()
            if self._chroma_url:
                sweep_collections(self._chroma_url, self._folder, keep=self._sweep())
        return report

    def close(self) -> None:
        """Leave nothing behind but the vectors of a build that did not come to its end."""
        self._sweep()
        with suppress(OSError):
            self._work.rmdir()

    def _damaged(self) -> bool:
        """Whether vectors of the current generation cannot be used; notes all that is damaged, to be written anew."""
        faults: list[Fault] = []
        if self._current:
            with self._stage("check"):
                faults = damage(self._folder, self._current, self._chroma_url)
        self._report.repaired += [fault.problem for fault in faults]
        return any(fault.part is Part.VECTORS for fault in faults)

    def _read(self, staging: Staging, paths: Iterable[Path | str], *, strict: bool) -> None:
        for number, record in enumerate(read_papers(paths), 1):
            if isinstance(record, Paper):
                self._report.duplicates += not staging.add(record)
            elif strict:
                raise record
            else:
                self._report.problem_count += 1
                if len(self._report.problems) < _SHOWN_PROBLEMS:
                    self._report.problems.append(record)
            self._progress("reading", number, None)

    def _compare(self, staging: Staging, *, sync: bool) -> list[str]:
        """Decide what is to be done; the ids of the papers to remove."""
        report = self._report
        if self._current is None:
            staging.compare(None, sync=sync)
            removed = []
        else:
            with closing(self._catalog(self._current.generation)) as current:
                report.duplicates += staging.compare(current, sync=sync)
                removed = [paper for paper in current.ids() if paper not in staging] if sync else []
        report.new, report.changed = staging.count(Change.NEW), staging.count(Change.CHANGED)
        report.unchanged = staging.count(Change.SAME) + staging.count(Change.SEEN_ELSEWHERE)
        report.removed = len(removed)
        return removed

    def _write(self, staging: Staging, removed: Sequence[str], *, fresh: bool) -> None:
        """Write the next generation and swap it in. `fresh`: no vector of the current one can be used.

        Raises IndexNotWritten, also if what was written does not come out as it went in.
        """
        try:
            self._swap(self._next_generation(staging, removed, fresh=fresh))
        except IndexDamaged as exc:
            raise IndexNotWritten(self._folder, exc.reason) from exc

    def _next_generation(self, staging: Staging, removed: Sequence[str], *, fresh: bool) -> str:
        self._sweep()  # now, since what a killed build has left may be what fills the disk
        name = next_name(self._folder)
        target = generation_folder(self._folder, name)
        target.mkdir(parents=True)
        kept = None if fresh else self._current
        if kept:
            shutil.copy2(catalog_file(self._folder, kept.generation), catalog_file(self._folder, name))
        with closing(Catalog(catalog_file(self._folder, name), writable=True)) as catalog:
            with self._stage("copy"):
                gone = {*removed, *(paper.id for paper in staging.papers(Change.CHANGED))}
                catalog.remove(gone)
                store = self._start_store(name, kept, catalog.passage_count(), gone)
            with closing(store), self._stage("embed and write"):
                for paper in staging.papers(Change.SEEN_ELSEWHERE):
                    catalog.set_sources(paper.id, paper.sources)
                self._add(catalog, store, staging, fresh=fresh, removed=set(removed))
                store.settle()
                catalog.commit()
            self._report.papers, self._report.passages = len(catalog), catalog.passage_count()
            with self._stage("index words"):
                LexicalIndex.build(target / "bm25", self._counted("indexing words", catalog.passages()))
        with self._stage("check"):
            for fault in content_faults(self._folder, self._manifest(name), self._chroma_url):
                raise IndexDamaged(target, fault.problem)
        return name

    def _start_store(self, name: str, kept: Manifest | None, passages: int, gone: set[str]) -> VectorStore:
        """The vectors of the next generation: those of the one that is kept, `passages` of them, without the papers gone."""
        store = VectorStore.of(self._folder, name, self._chroma_url)
        if kept is None or not passages:
            return store.create(asdict(self._recipe))
        if not self._chroma_url and kept.added - passages <= _MOST_DEAD * passages:
            served, coming = (generation_folder(self._folder, each) / "chroma" for each in (kept.generation, name))
            _copy_chroma(served, coming)
            store.open().unsettle()
            store.remove(gone)
            self._added = kept.added
        else:
            with closing(VectorStore.of(self._folder, kept.generation, self._chroma_url).open()) as stored:
                stored.copy_to(store.create(asdict(self._recipe)), without=gone)
            self._added = passages
        return store

    def _add(self, catalog: Catalog, store: VectorStore, staging: Staging, *, fresh: bool, removed: set[str]) -> None:
        papers: Iterator[Paper] = staging.papers(Change.NEW, Change.CHANGED)
        total = self._report.new + self._report.changed
        if fresh and self._current:
            total = self._report.new + self._current.papers - self._report.removed
            papers = chain(papers, self._carried_over(staging, removed))
        cache_name = hashlib.sha256(json.dumps(asdict(self._recipe), sort_keys=True).encode()).hexdigest()[:12]
        done = 0
        with closing(ModelCache(self._work / f"vectors-{cache_name}.sqlite")) as cache:
            while batch := list(islice(papers, _BATCH)):
                self._add_batch(catalog, store, cache, batch)
                done += len(batch)
                self._progress("embedding", done, max(total, done))

    def _carried_over(self, staging: Staging, removed: set[str]) -> Iterator[Paper]:
        """Papers of the current generation that stay as they are, to be embedded by the new recipe."""
        assert self._current is not None
        changed = {paper.id for paper in staging.papers(Change.CHANGED)}
        with closing(self._catalog(self._current.generation)) as current:
            for paper in current:
                if paper.id not in removed and paper.id not in changed:
                    yield staging.find(paper.id) or paper

    def _add_batch(self, catalog: Catalog, store: VectorStore, cache: ModelCache, papers: list[Paper]) -> None:
        spans = [sentence_spans(paper.abstract) for paper in papers]
        chunks = [self._split(paper, where) for paper, where in zip(papers, spans, strict=True)]
        sentences = [
            [readable(paper.abstract[start:end]) for start, end in where] for paper, where in zip(papers, spans, strict=True)
        ]
        passages = [chunk for group in chunks for chunk in group]
        texts = [chunk.text for chunk in passages] + [text for group in sentences for text in group]
        vectors = self._embed(cache, texts)
        wholes = self._read_whole(cache, self._second, [whole_text(paper) for paper in papers]) if self._second else None
        owners = [paper.id for paper, group in zip(papers, chunks, strict=True) for _ in group]
        store.add(passages, owners, vectors[: len(passages)])
        self._added += len(passages)
        at = len(passages)
        for number, (paper, where, group, texts_of) in enumerate(zip(papers, spans, chunks, sentences, strict=True)):
            catalog.add(paper, where, group, vectors[at : at + len(texts_of)], wholes[number] if wholes else None)
            at += len(texts_of)
        catalog.commit()

    def _split(self, paper: Paper, spans: Sequence[tuple[int, int]]) -> list[Chunk]:
        room = self._recipe.max_tokens - 2  # the model's own marks at both ends
        return split(paper, spans, max_tokens=room, overlap=self._recipe.overlap, count=self._embeddings.count)

    def _embed(self, cache: ModelCache, texts: list[str]) -> Vectors:
        """The texts' vectors."""

        def make(unknown: list[str]) -> list[bytes]:
            return [vector.tobytes() for vector in self._embeddings.encode(unknown)]

        made = self._made(cache, self._embeddings.name, texts, make)
        return np.frombuffer(b"".join(made), np.float32).reshape(len(texts), self._embeddings.dimension)

    def _read_whole(self, cache: ModelCache, second: PaperEmbeddings, texts: list[str]) -> list[tuple[Vectors, Signs]]:
        """Of each text its vector and the signs of its words', by the second model."""
        vector_size = second.dimension * np.dtype(np.float32).itemsize

        def make(unknown: list[str]) -> list[bytes]:
            read = second.in_context(unknown)
            return [one.vector.tobytes() + signs(text, one).tobytes() for text, one in zip(unknown, read, strict=True)]

        made = self._made(cache, f"{second.name}, whole", texts, make)
        return [(np.frombuffer(one[:vector_size], np.float32), np.frombuffer(one[vector_size:], np.uint8)) for one in made]

    def _made(self, cache: ModelCache, kind: str, texts: list[str], make: Callable[[list[str]], list[bytes]]) -> list[bytes]:
        """What `make` makes of each text; what a build that was stopped has made is taken from it."""
        keys = [hashlib.sha256(f"{kind}\0{text}".encode()).digest() for text in texts]
        known = cache.get(keys)
        if unknown := {key: text for key, text in zip(keys, texts, strict=True) if key not in known}:
            fresh = dict(zip(unknown, make(list(unknown.values())), strict=True))
            cache.put(fresh)
            known.update(fresh)
            self._report.embedded += len(unknown)
        return [known[key] for key in keys]

    def _swap(self, name: str) -> None:
        with self._stage("swap"):
            changing = rewritten_by_readers(generation_folder(self._folder, name) / "chroma")
            replace(self._manifest(name), files=seal(self._folder, name, changing)).save(self._folder)

    def _manifest(self, name: str) -> Manifest:
        built = datetime.now(UTC).isoformat(timespec="seconds")
        return Manifest(name, self._recipe, self._report.papers, self._report.passages, built, self._corpus, self._added)

    def _sweep(self) -> set[str]:
        """Delete what is not served, but nothing that a reader has open; the generations that are left."""
        try:
            served = {Manifest.load(self._folder).generation}
        except IndexMissing:
            served = set()
        return sweep(self._folder, keep=served)

    def _counted(self, stage: str, passages: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """The passages of all papers, told of as papers."""
        done, last = 0, ""
        for paper, text in passages:
            if paper != last:
                done, last = done + 1, paper
                self._progress(stage, done, self._report.papers)
            yield paper, text

    def _catalog(self, generation: str) -> Catalog:
        return Catalog(catalog_file(self._folder, generation))

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._report.seconds[name] = self._report.seconds.get(name, 0.0) + time.perf_counter() - started


def whole_text(paper: Paper) -> str:
    """What the second model embeds: the title and as much of the abstract as it takes."""
    return f"{readable(paper.title)}\n{readable(paper.abstract)}"


def _copy_chroma(source: Path, target: Path) -> None:
    """Copy Chroma's folder; its SQLite file by SQLite, since a reader that opens it just now writes to it."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(f"{CHROMA_FILE}*"))
    with closing(sqlite3.connect(source / CHROMA_FILE)) as stored, closing(sqlite3.connect(target / CHROMA_FILE)) as copy:
        stored.backup(copy)


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    """What the disk has against it, as our error."""
    try:
        yield
    except BrokenPipeError:  # whoever was told of the progress is gone
        raise
    except (OSError, sqlite3.Error) as exc:
        raise IndexNotWritten(folder, getattr(exc, "strerror", None) or str(exc)) from exc
