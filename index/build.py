"""Files into an index: read, compare with what is there, embed what is new, write a generation, swap it in."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from .catalog import Catalog
from .chunks import split
from .embedding import PaperEmbeddings
from .errors import BadRecord, IndexBusy, IndexMissing
from .generations import Manifest, Recipe, generation_folder, next_name, sweep
from .lexical import LexicalIndex
from .papers import Chunk, Paper
from .readers import read_papers
from .staging import Change, Staging, VectorCache
from .text import readable, sentence_spans
from .vectors import VectorStore

Vectors = NDArray[np.float32]
Progress = Callable[[str, int, int | None], None]

_BATCH = 32
_SHOWN_PROBLEMS = 1000


@dataclass(slots=True)
class BuildReport:
    """What a build did: papers by what happened to them, what could not be used, seconds by stage."""

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
    Until the end the index is served as it was; a build that was stopped is continued by the next one.

    Raises NoSuchPath, BadRecord (strict), IndexBusy, IndexDamaged, and what the embedder raises.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        job = _Build(folder, embeddings, second, overlap, chroma_url, corpus, progress or (lambda *_: None))
        return job.run(paths, sync=sync, strict=strict, dry_run=dry_run)


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
        self._work = folder / "building"
        self._work.mkdir(exist_ok=True)
        try:
            self._current: Manifest | None = Manifest.load(folder)
        except IndexMissing:
            self._current = None

    def run(self, paths: Iterable[Path | str], *, sync: bool, strict: bool, dry_run: bool) -> BuildReport:
        report = self._report
        with closing(Staging(self._work / "incoming.sqlite")) as staging:
            with self._stage("read"):
                self._read(staging, paths, strict=strict)
            with self._stage("compare"):
                removed = self._compare(staging, sync=sync)
            same_recipe = self._current is not None and self._current.recipe == self._recipe
            touched = report.new + report.changed + len(removed) + staging.count(Change.SEEN_ELSEWHERE)
            if dry_run or (same_recipe and not touched):
                if self._current:
                    report.papers, report.passages = self._current.papers, self._current.passages
                return report
            self._write(staging, removed, fresh=not same_recipe)
        return report

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
                staging.compare(current, sync=sync)
                removed = [paper for paper in current.ids() if paper not in staging] if sync else []
        report.new, report.changed = staging.count(Change.NEW), staging.count(Change.CHANGED)
        report.unchanged = staging.count(Change.SAME) + staging.count(Change.SEEN_ELSEWHERE)
        report.removed = len(removed)
        return removed

    def _write(self, staging: Staging, removed: Sequence[str], *, fresh: bool) -> None:
        """Write the next generation and swap it in. `fresh`: no vector of the current one can be used."""
        current = self._current.generation if self._current else None
        sweep(self._folder, keep={current} if current else set())
        name = next_name(self._folder)
        target = generation_folder(self._folder, name)
        target.mkdir(parents=True)
        with self._stage("copy"):
            store = self._start_store(target, name, None if fresh else current)
        with closing(store), closing(Catalog(target / "catalog.sqlite", writable=True)) as catalog:
            with self._stage("embed and write"):
                gone = [*removed, *(paper.id for paper in staging.papers(Change.CHANGED))]
                store.remove(gone)
                catalog.remove(gone)
                for paper in staging.papers(Change.SEEN_ELSEWHERE, *([Change.SAME] if fresh else [])):
                    catalog.set_sources(paper.id, paper.sources)
                self._add(catalog, store, staging, fresh=fresh, removed=set(removed))
                catalog.commit()
            with self._stage("index words"):
                self._progress("indexing words", 0, None)
                LexicalIndex.build(target / "bm25", catalog.passages())
            self._report.papers, self._report.passages = len(catalog), catalog.passage_count()
        with self._stage("swap"):
            self._swap(name, current)

    def _start_store(self, target: Path, name: str, current: str | None) -> VectorStore:
        """The vectors of the current generation, copied to where the next one will be; none if there is none."""
        if current:
            shutil.copy2(generation_folder(self._folder, current) / "catalog.sqlite", target / "catalog.sqlite")
        if self._chroma_url:
            store = VectorStore(self._chroma_url, collection_name(self._folder, name)).create(asdict(self._recipe))
            if current:
                VectorStore(self._chroma_url, collection_name(self._folder, current)).open().copy_to(store)
            return store
        if current:
            shutil.copytree(generation_folder(self._folder, current) / "chroma", target / "chroma")
        return VectorStore(target / "chroma").create(asdict(self._recipe))

    def _add(self, catalog: Catalog, store: VectorStore, staging: Staging, *, fresh: bool, removed: set[str]) -> None:
        papers: Iterator[Paper] = staging.papers(Change.NEW, Change.CHANGED)
        total = self._report.new + self._report.changed
        if fresh and self._current:
            with closing(self._catalog(self._current.generation)) as current:
                total += len(current)
            papers = chain(papers, self._carried_over(staging, removed))
        cache_name = hashlib.sha256(json.dumps(asdict(self._recipe), sort_keys=True).encode()).hexdigest()[:12]
        done = 0
        with closing(VectorCache(self._work / f"vectors-{cache_name}.sqlite")) as cache:
            while batch := list(islice(papers, _BATCH)):
                self._add_batch(catalog, store, cache, batch)
                done += len(batch)
                self._progress("embedding", done, max(total, done))

    def _carried_over(self, staging: Staging, removed: set[str]) -> Iterator[Paper]:
        """Papers of the current generation that stay, to be embedded by the new recipe."""
        assert self._current is not None
        changed = {paper.id for paper in staging.papers(Change.CHANGED)}
        sources = {paper.id: paper for paper in staging.papers(Change.SAME, Change.SEEN_ELSEWHERE)}
        with closing(self._catalog(self._current.generation)) as current:
            for paper in current:
                if paper.id not in removed and paper.id not in changed:
                    yield sources.get(paper.id, paper)

    def _add_batch(self, catalog: Catalog, store: VectorStore, cache: VectorCache, papers: list[Paper]) -> None:
        spans = [sentence_spans(paper.abstract) for paper in papers]
        chunks = [self._split(paper, where) for paper, where in zip(papers, spans, strict=True)]
        sentences = [
            [readable(paper.abstract[start:end]) for start, end in where] for paper, where in zip(papers, spans, strict=True)
        ]
        passages = [chunk for group in chunks for chunk in group]
        texts = [chunk.text for chunk in passages] + [text for group in sentences for text in group]
        vectors = self._embed(cache, self._embeddings, texts)
        wholes = self._embed(cache, self._second, [whole_text(paper) for paper in papers]) if self._second else None
        owners = [paper.id for paper, group in zip(papers, chunks, strict=True) for _ in group]
        store.add(passages, owners, vectors[: len(passages)])
        at = len(passages)
        for number, (paper, where, group, texts_of) in enumerate(zip(papers, spans, chunks, sentences, strict=True)):
            whole = wholes[number] if wholes is not None else None
            catalog.add(paper, where, group, vectors[at : at + len(texts_of)], whole)
            at += len(texts_of)
        catalog.commit()

    def _split(self, paper: Paper, spans: Sequence[tuple[int, int]]) -> list[Chunk]:
        room = self._recipe.max_tokens - 2  # the model's own marks at both ends
        return split(paper, spans, max_tokens=room, overlap=self._recipe.overlap, count=self._embeddings.count)

    def _embed(self, cache: VectorCache, embeddings: PaperEmbeddings, texts: list[str]) -> Vectors:
        """The texts' vectors; those made by a build that was stopped are taken from it."""
        keys = [hashlib.sha256(f"{embeddings.name}\0{text}".encode()).digest() for text in texts]
        known = cache.get(keys)
        unknown = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if unknown:
            made = embeddings.encode(list(unknown.values()))
            fresh = dict(zip(unknown, made, strict=True))
            cache.put(fresh)
            known.update(fresh)
            self._report.embedded += len(unknown)
        return np.stack([known[key] for key in keys]) if keys else np.zeros((0, embeddings.dimension), np.float32)

    def _swap(self, name: str, previous: str | None) -> None:
        built = datetime.now(UTC).isoformat(timespec="seconds")
        manifest = Manifest(name, self._recipe, self._report.papers, self._report.passages, built, self._corpus)
        for path in generation_folder(self._folder, name).rglob("*"):
            if path.is_file():
                _flush(path)
        manifest.save(self._folder)
        self._current = manifest
        sweep(self._folder, keep={name, *([previous] if previous else [])})
        shutil.rmtree(self._work, ignore_errors=True)

    def _catalog(self, generation: str) -> Catalog:
        return Catalog(generation_folder(self._folder, generation) / "catalog.sqlite")

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


def collection_name(folder: Path, generation: str) -> str:
    """The name of a generation's collection on a Chroma server, which many indexes may share."""
    return f"papers-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}-{generation}"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One builder at a time; the lock goes with its process, so that none is ever left behind."""
    holder = folder / "building.json"
    lock = FileLock(folder / "building.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise IndexBusy(folder, _holder(holder)) from None
    try:
        holder.write_text(json.dumps({"pid": os.getpid(), "since": datetime.now().isoformat(" ", "seconds")}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _holder(path: Path) -> str:
    try:
        stored = json.loads(path.read_text())
        return f"process {stored['pid']} since {stored['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
