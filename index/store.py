"""An index that is there: open it, search it, look papers up."""

import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .catalog import Catalog
from .embedding import InContext, PaperEmbeddings, load_embeddings
from .errors import BUILD_ALL_ANEW, REPAIR, IndexDamaged, IndexMismatch, QuestionError
from .generations import SCHEMA_VERSION, Manifest, Part, catalog_file, file_faults, generation_folder, manifest_stamp
from .interaction import asked, met
from .lexical import LexicalIndex, clauses, content_words, stems
from .meanings import Meanings
from .papers import Hit, Paper, Sentence, title_key
from .reading import Reader, Reading, load_reader
from .text import readable, sentence_spans
from .threads import one_blas_thread
from .vectors import VectorStore

Vectors = NDArray[np.float32]

_POOL = 200
_WEIGHTS = {"passage": 1.0, "best sentence": 0.5, "mean sentence": 0.5}
_WELL_COVERED = 0.75  # above it neither the clauses nor the second model, which takes as long as all the rest, are asked
_CLAUSES_WEIGHT = 0.6  # where no word of the query is covered; none where all are
_HARDLY_COVERED = 0.4  # below it the second model, which knows everyday words, counts the more
_SECOND_WEIGHT, _SECOND_BEYOND = 1.4, 5.0  # and what is added where no word of the query is covered
_MET_WEIGHT = 40.0  # of how well words meet the query's where none of those is covered
_LIKENESS_WEIGHT = 1.5  # and of how like they are, where there is no second model
_AMONG = 60  # papers, the best by all the rest, for what takes long to tell
_WORDS_BESIDE_SECOND = 1.7
_WORDS_WEIGHT = (0.3, 1.5)  # where no word of the query is covered, and what full coverage adds
_BESIDE = ThreadPoolExecutor(2, "beside")  # a network, or Chroma, leaves the interpreter to others while it computes


def _one_thread(name: str) -> PaperEmbeddings:
    return load_embeddings(name, threads=1)


@dataclass(frozen=True, slots=True)
class _Generation:
    """Everything of one generation, opened."""

    stamp: tuple[int, int]
    manifest: Manifest
    catalog: Catalog
    vectors: VectorStore
    lexical: LexicalIndex


class PaperIndex:
    """The papers of an index folder, searchable; safe to share between threads. A newer generation is taken up by itself."""

    def __init__(
        self,
        folder: Path,
        embeddings: PaperEmbeddings,
        *,
        second: Callable[[str], PaperEmbeddings] = _one_thread,
        reader: Callable[[], Reader | None] = load_reader,
        chroma_url: str | None = None,
    ) -> None:
        """`second` loads the second model by its name, where the index was made with one; `reader` what reads a question
        and an abstract together, if anything does.

        Raises IndexMissing, IndexMismatch (made by another model or version), IndexDamaged.
        """
        self.folder = folder
        self._embeddings = embeddings
        self._read_second: Callable[[str, str, bool], InContext] = lru_cache(maxsize=64)(
            lambda name, query, strange: (second(name).everyday() if strange else second(name)).in_context([query])[0]
        )
        self._chroma_url = chroma_url
        self._lock = threading.Lock()
        self._embed_query: Callable[[str], Vectors] = lru_cache(maxsize=64)(lambda query: embeddings.encode([query])[0])
        self._embed_all: Callable[[tuple[str, ...]], Vectors] = lru_cache(maxsize=64)(embeddings.encode)
        self._meanings = Meanings(embeddings.words)
        self._reader = reader
        self._among: tuple[str, ...] | None = None
        self._open = self._load()

    def among(self, papers: Sequence[str]) -> "PaperIndex":
        """The same index, searched only among these papers (ids)."""
        part = copy(self)
        part._among = tuple(papers)
        return part

    def _load(self) -> _Generation:
        """The generation that the manifest names, opened; another one if a build swaps that in meanwhile."""
        while True:
            stamp = manifest_stamp(self.folder)
            try:
                opened = self._load_named(stamp)
            except IndexDamaged:
                if manifest_stamp(self.folder) == stamp:
                    raise
                continue
            if manifest_stamp(self.folder) == stamp:
                return opened

    def _load_named(self, stamp: tuple[int, int]) -> _Generation:
        manifest = Manifest.load(self.folder)
        self._check(manifest)
        catalog = Catalog(catalog_file(self.folder, manifest.generation))
        for fault in file_faults(self.folder, manifest, contents=False):
            raise IndexDamaged(self.folder, fault.problem, BUILD_ALL_ANEW if fault.part is Part.CATALOG else REPAIR)
        vectors = VectorStore.of(self.folder, manifest.generation, self._chroma_url).open()
        lexical = LexicalIndex.open(generation_folder(self.folder, manifest.generation) / "bm25")
        return _Generation(stamp, manifest, catalog, vectors, lexical)

    def _check(self, manifest: Manifest) -> None:
        wanted = {"schema": SCHEMA_VERSION, "model": self._embeddings.name, "dimension": self._embeddings.dimension}
        for field, value in wanted.items():
            if (stored := getattr(manifest.recipe, field)) != value:
                raise IndexMismatch(self.folder, field, stored, value)

    @property
    def _now(self) -> _Generation:
        """The generation to serve; opened anew if a build has swapped another one in."""
        if self._open.stamp != manifest_stamp(self.folder):
            with self._lock:
                if self._open.stamp != manifest_stamp(self.folder):
                    self._open = self._load()
        return self._open

    @property
    def papers(self) -> Catalog:
        """All the papers: iterable, with a len."""
        return self._now.catalog

    @property
    def manifest(self) -> Manifest:
        """What the generation being served was made of."""
        return self._now.manifest

    def embed(self, query: str) -> Vectors:
        """(dimension,): the vector of a question, of unit length."""
        return self._embed_query(query)

    def embed_clauses(self, query: str) -> Vectors:
        """(k, dimension): the vectors of a question's clauses."""
        parts = tuple(clauses(query))
        return self._embed_all(parts) if len(parts) > 1 else self.embed(query)[None]

    def likeness(self, query: str, texts: Sequence[str]) -> tuple[Vectors, Vectors]:
        """(n, k): how like the likest word of each of n texts is to each of the k words that say what a query is about,
        by what words mean by themselves, -1..1; and (k,): how telling those words are. Of a query of no such words, zeros.
        """
        if not (asked := content_words(query)):
            return np.zeros((len(texts), 1), np.float32), np.ones(1, np.float32)
        return self._meanings.likest(asked, texts), self.idf([stem[0] if stem else "" for stem in stems(asked)])

    def warm(self) -> None:
        """Load now what the first search, and the first look at its sentences, would otherwise wait for."""
        query = "warm up"
        self.search(query, 1)
        self.likeness(query, [query])
        if reader := self._reader():
            reader.read(query, query, [query])
        if name := self.manifest.recipe.second_model:
            for strange in (False, True):
                self._read_second(name, query, strange)

    def holds(self, words: Sequence[str]) -> list[bool]:
        """Whether any abstract or title in this collection has each stem."""
        return self._now.lexical.holds(words)

    def idf(self, words: Sequence[str]) -> Vectors:
        """How telling each stem is in this collection."""
        return self._now.lexical.idf(words)

    def paper_vectors(self) -> tuple[list[str], Vectors]:
        """The ids of all papers, and (n, dimension): a vector each."""
        now = self._now
        return now.catalog.paper_vectors(now.manifest.recipe.dimension)

    def sentences(self, paper: Paper) -> list[Sentence]:
        """The sentences of a paper's abstract with their vectors."""
        found = self._now.catalog.sentences(paper)
        if found is None:  # the paper was changed or removed since it was found: what is in hand still holds
            spans = sentence_spans(paper.abstract)
            texts = [readable(paper.abstract[start:end]) for start, end in spans]
            vectors = self._embeddings.encode(texts)
            found = [
                Sentence(paper, number, *span, text, vector)
                for number, (span, text, vector) in enumerate(zip(spans, texts, vectors, strict=True))
            ]
        return found

    def read(self, question: str, paper: Paper, only: Collection[int]) -> Reading | None:
        """A question and some sentences of a paper's abstract, by their numbers, read together; None where nothing reads.

        The reading has all sentences in the order of `sentences`; of those not read nothing is known, their log odds are -inf.
        """
        reader = self._reader()
        if reader is None:
            return None
        sentences = self.sentences(paper)
        read = [place for place, sentence in enumerate(sentences) if sentence.number in only]
        reading = reader.read(question, readable(paper.title), [sentences[place].text for place in read])
        odds = np.full(len(sentences), -np.inf, np.float32)
        odds[read] = reading.sentences
        return Reading(reading.states, odds)

    @one_blas_thread()
    def search(
        self,
        query: str,
        k: int = 10,
        *,
        year: int | None = None,
        source: str | None = None,
        papers: Sequence[str] | None = None,
    ) -> list[Hit]:
        """The `k` best papers for a query, one hit a paper, best first; if given, only of a year, a source, or these (ids).

        The candidates are the nearest passages' papers and those of the best BM25 scores. The score is a weighted sum of
        measures, each standardised over the candidates: the passage's cosine with the query, the best sentence's, that
        of the sentences' mean, the second model's; the best sentences' with the query's clauses, all of them and the one that
        suits best; and BM25. The more of the query's words some paper has, the more BM25 counts and the less the clauses do;
        where it has most of them, neither they nor the second model are asked. Where it has few, the second model counts most,
        by its vectors and by how well the words of the best papers, as it reads them, meet the query's.
        Raises QuestionError for an empty query.
        """
        if not query.strip():
            raise QuestionError("the query is empty; say what to look for")
        now = self._now
        allowed = self._allowed(now, year, source, self._among if papers is None else papers)
        if allowed is not None and not allowed:
            return []
        pool = max(_POOL, 4 * k)
        words = self._word_scores(now, query, pool, allowed)
        covered = self._coverage(now, query, words)
        second = self._second_view(now, query, covered)
        nearest = _BESIDE.submit(now.vectors.nearest, self.embed(query), pool, allowed)
        if covered <= _WELL_COVERED:
            self.embed_clauses(query)  # meanwhile, for `_fuse`
        cosines: dict[str, float] = {}
        for paper, cosine in nearest.result():
            cosines.setdefault(paper, cosine)
        return self._fuse(now, query, cosines, words, covered, second, k)

    def _second_view(self, now: _Generation, query: str, covered: float) -> Future[InContext] | None:
        """The query as the second model reads it, where that is wanted: begun beside, for it takes as long as all else."""
        name = now.manifest.recipe.second_model
        if not name or covered > _WELL_COVERED:
            return None
        return _BESIDE.submit(self._read_second, name, query, covered < _HARDLY_COVERED)

    def similar(self, paper: Paper, k: int = 5) -> list[Hit]:
        """The `k` papers most like one of the index, by their passages' vectors, itself left out."""
        now = self._now
        own = now.vectors.paper_vectors(paper.id)
        if not len(own):  # it was removed since it was found
            own = self._embeddings.encode([f"{paper.title}\n{paper.abstract}"])
        cosines: dict[str, float] = {}
        for found, cosine in now.vectors.nearest(own.mean(axis=0), k + len(own) + 5):
            if found != paper.id:
                cosines.setdefault(found, cosine)
        best = dict(sorted(cosines.items(), key=lambda item: -item[1])[:k])
        known = now.catalog.get(list(best))
        return [Hit(known[id_], cosine, cosine, 0.0) for id_, cosine in best.items()]

    def titled(self, title: str) -> Paper | None:
        """The paper of a title, however it is spelled."""
        found = self._now.catalog.find([f"title:{title_key(title)}"])
        return found[0] if found else None

    @staticmethod
    def _allowed(now: _Generation, year: int | None, source: str | None, papers: Sequence[str] | None) -> list[str] | None:
        if year is None and source is None:
            return list(papers) if papers is not None else None
        matching = now.catalog.ids(year=year, source=source)
        return matching if papers is None else [paper for paper in matching if paper in set(papers)]

    @staticmethod
    def _word_scores(now: _Generation, query: str, pool: int, allowed: list[str] | None) -> dict[str, float]:
        scores = now.lexical.scores(query)
        if allowed is not None:
            scores = scores * np.isin(now.lexical.papers, allowed)
        best = np.argsort(-scores)[:pool]
        return {now.lexical.papers[i]: float(scores[i]) for i in best if scores[i] > 0}

    def _fuse(
        self,
        now: _Generation,
        query: str,
        cosines: dict[str, float],
        words: dict[str, float],
        covered: float,
        second: Future[InContext] | None,
        k: int,
    ) -> list[Hit]:
        pool = sorted({*cosines, *words})
        if not pool:
            return []
        lowest = min(cosines.values(), default=0.0)
        whole = self.embed(query)[None]
        parts = self.embed_clauses(query) if covered <= _WELL_COVERED else whole
        best, mean = now.catalog.sentence_cosines(pool, np.vstack([whole, parts]))
        base, more = _WORDS_WEIGHT
        weights = {**_WEIGHTS, "words": base + more * covered}
        features = {
            "passage": np.array([cosines.get(paper, lowest) for paper in pool]),
            "best sentence": best[:, 0],
            "mean sentence": mean[:, 0],
            "words": np.array([words.get(paper, 0.0) for paper in pool]),
        }
        strange = max(0.0, 1 - covered / _HARDLY_COVERED)
        if second:
            features["second model"] = now.catalog.second_vectors(pool) @ second.result().vector
            weights["second model"] = _SECOND_WEIGHT + _SECOND_BEYOND * strange
            weights["words"] *= _WORDS_BESIDE_SECOND
        score = np.sum([weights[feature] * _standard(values) for feature, values in features.items()], axis=0)
        if len(parts) > 1:
            suited = np.stack([_standard(column) for column in best[:, 1:].T])
            score += _CLAUSES_WEIGHT * (1 - covered) * (_standard(suited.mean(axis=0)) + _standard(suited.max(axis=0)))
        if strange:
            score = self._by_words(now, query, pool, score, second, strange)
        order = np.argsort(-score, kind="stable")[:k]
        known = now.catalog.get([pool[i] for i in order])
        return [Hit(known[pool[i]], float(score[i]), cosines.get(pool[i], lowest), words.get(pool[i], 0.0)) for i in order]

    def _by_words(
        self,
        now: _Generation,
        query: str,
        pool: Sequence[str],
        score: NDArray[np.floating],
        second: Future[InContext] | None,
        strange: float,
    ) -> NDArray[np.floating]:
        """The scores of papers that have hardly a word of the query, once what their words mean was looked at."""
        if second:
            return _among_the_best(score, pool, partial(self._met, now, query, second.result()), _MET_WEIGHT * strange**2)
        return _among_the_best(score, pool, partial(self._alike, now, query), _LIKENESS_WEIGHT * strange)

    @staticmethod
    def _met(now: _Generation, query: str, read: InContext, papers: Sequence[str]) -> Vectors:
        """How well the words of papers meet the query's, as the second model reads both."""
        tokens, words, shares = asked(query, read)
        return met(tokens, now.lexical.idf(words) * shares, now.catalog.signs(papers, tokens.shape[1]))

    def _alike(self, now: _Generation, query: str, papers: Sequence[str]) -> Vectors:
        """How like the words of papers are to the query's, by what each means by itself."""
        known = now.catalog.get(papers)
        alike, _ = self.likeness(query, [f"{known[paper].title} {known[paper].abstract}" for paper in papers])
        return np.asarray(alike.mean(axis=1))

    @staticmethod
    def _coverage(now: _Generation, query: str, words: dict[str, float]) -> float:
        """How much of what the query's words tell stands in the best paper by words, in 0..1."""
        if not words:
            return 0.0
        best = now.catalog.get([max(words, key=words.__getitem__)])
        asked, held = stems([query, *(f"{paper.title} {paper.abstract}" for paper in best.values())])
        unique, there = sorted(set(asked)), set(held)
        telling = now.lexical.idf(unique)
        return float(telling[[word in there for word in unique]].sum() / max(float(telling.sum()), 1e-6))


def _among_the_best(
    score: NDArray[np.floating], papers: Sequence[str], measure: Callable[[Sequence[str]], Vectors], weight: float
) -> NDArray[np.floating]:
    """The scores of papers, the best put in a new order by one more measure. They share the scores they had: how far a paper
    stands out goes on to mean what it meant.
    """
    first = np.argsort(-score, kind="stable")[:_AMONG]
    anew = np.argsort(-(score[first] + weight * _standard(measure([papers[i] for i in first]))), kind="stable")
    better = score.copy()
    better[first[anew]] = score[first]
    return better


def _standard(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """The values less their mean, in units of their spread."""
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-6))
