"""Words: BM25 over the same passages as the vectors, stored beside them. The only file that names bm25s."""

import logging
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import IndexDamaged

_WORD = r"(?u)\w+(?:\.\d+)*"
_ASKING = (
    "what which who whom whose when where why how many much do does did done doing is are was were be been am it its they "
    "them their you your i me my we us paper papers work works study article tell explain say said report reported state "
    "stated mention give given exact exactly please list name names anything use used using get got make made people author "
    "authors thing things"
)
_CLAUSE_END = re.compile(
    r"[,;:?!()]|\s[-\u2013\u2014]+\s|\b(?:and|or|versus|vs|while|but|whereas|compared|against|another|others?)\b",
    re.IGNORECASE,
)
_LEAST_OF_A_CLAUSE = 2  # words that say something
_PAPERS = "papers.npy"
_PAGE = 1000


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    import Stemmer

    return Stemmer.Stemmer("english")


def _bm25s() -> Any:
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to DEBUG when it is imported
    return bm25s


def stems(texts: Sequence[str]) -> list[list[str]]:
    """The words of each text that carry meaning: lower case, stemmed, stop words left out."""
    return [list(_stems(text)) for text in texts]


@lru_cache(maxsize=4096)  # the papers found are looked at from several sides
def _stems(text: str) -> tuple[str, ...]:
    empty = _stop_words()
    return tuple(_stemmer().stemWords([word for word in words(text) if word not in empty]))


def words(text: str) -> list[str]:
    """The words of a text as they stand, in lower case."""
    return re.findall(_WORD, text.lower())


def content_words(text: str) -> list[str]:
    """The distinct words of a question, in lower case, that say what it is about."""
    said = set(content_stems(text))
    return [word for word in dict.fromkeys(words(text)) if _stemmer().stemWord(word) in said]


def content_places(text: str) -> list[tuple[int, int, str]]:
    """Where the words stand that say what a text is about, from start to end, and the stem of each."""
    found = []
    for place in re.finditer(_WORD, text):
        word = place.group().lower()
        stem = _stemmer().stemWord(word)
        if word not in _stop_words() and stem not in _empty_stems() and (len(stem) > 1 or stem.isdigit()):
            found.append((place.start(), place.end(), stem))
    return found


def content_stems(text: str) -> list[str]:
    """The distinct stems of a question that say what it is about: no function words, no words of asking."""
    return sorted({stem for *_, stem in content_places(text)})


def clauses(question: str) -> list[str]:
    """The parts of a question between its commas and conjunctions, those that say little joined to the next; one part only
    is the question itself.
    """
    parts: list[str] = []
    short = ""
    for piece in _CLAUSE_END.split(question):
        short = f"{short} {piece.strip()}".strip()
        if len(content_stems(short)) >= _LEAST_OF_A_CLAUSE:
            parts.append(short)
            short = ""
    if short and parts and content_stems(short):
        parts[-1] += f" {short}"
    return parts if len(parts) > 1 else [question]


@lru_cache(maxsize=1)
def _stop_words() -> frozenset[str]:
    from bm25s.stopwords import STOPWORDS_EN

    return frozenset(STOPWORDS_EN)


@lru_cache(maxsize=1)
def _empty_stems() -> frozenset[str]:
    from bm25s.stopwords import STOPWORDS_EN_PLUS

    empty = [word.replace("'", "") for word in STOPWORDS_EN_PLUS] + _ASKING.split()
    return frozenset(empty) | frozenset(_stemmer().stemWords(empty))


class _Words:
    """The stems of many passages as numbers, closely packed; bm25s takes it for its own lists of lists."""

    def __init__(self) -> None:
        self.vocab: dict[str, int] = {}
        self._numbers = array("i")
        self._ends = array("q", [0])

    @property
    def ids(self) -> "_Words":
        """What bm25s goes through: a list of numbers for each passage."""
        return self

    def add(self, passages: Iterable[list[str]]) -> None:
        """Take in the stems of more passages."""
        for words in passages:
            self._numbers.extend(self.vocab.setdefault(word, len(self.vocab)) for word in words)
            self._ends.append(len(self._numbers))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[list[int]]:
        for start, end in pairwise(self._ends):
            yield self._numbers[start:end].tolist()


class LexicalIndex:
    """BM25 scores of papers: the best of each paper's passages."""

    def __init__(self, model: Any, papers: NDArray[np.str_]) -> None:
        """`papers[i]` is the id of the paper that passage i belongs to; passages of one paper are neighbours."""
        self._model = model
        self._starts = np.flatnonzero(np.r_[True, papers[1:] != papers[:-1]]) if len(papers) else np.zeros(0, int)
        self.passages = len(papers)
        self.papers: list[str] = papers[self._starts].tolist()

    @classmethod
    def build(cls, folder: Path, passages: Iterable[tuple[str, str]]) -> None:
        """Write the index of (paper id, text) pairs, those of a paper together, into a folder."""
        papers: list[str] = []
        words = _Words()
        pairs = iter(passages)
        while page := list(islice(pairs, _PAGE)):
            papers += [paper for paper, _ in page]
            words.add(stems([text for _, text in page]))
        if not papers:
            words.add([["nothing"]])  # bm25s cannot index no text at all; `papers` stays empty
        model = _bm25s().BM25(method="lucene", csc_backend="auto")  # SciPy, if it is here: it takes half the memory
        model.index(words, show_progress=False)
        model.save(str(folder), show_progress=False)
        np.save(folder / _PAPERS, np.array(papers, dtype=np.str_))

    @classmethod
    def open(cls, folder: Path) -> "LexicalIndex":
        """Raises IndexDamaged."""
        try:
            model = _bm25s().BM25.load(str(folder), mmap=True, show_progress=False)
            return cls(model, np.load(folder / _PAPERS, allow_pickle=False))
        except (OSError, ValueError, KeyError, EOFError) as exc:
            raise IndexDamaged(folder, f"BM25: {type(exc).__name__}: {exc}") from exc

    def scores(self, query: str) -> NDArray[np.float32]:
        """One score a paper, in the order of `papers`; 0 where no word of the query stands."""
        known = [word for word in stems([query])[0] if word in self._model.vocab_dict]
        if not known or not self.papers:
            return np.zeros(len(self.papers), np.float32)
        passages = np.asarray(self._model.get_scores(known), np.float32)
        best: NDArray[np.float32] = np.maximum.reduceat(passages[: self.passages], self._starts)
        return best

    def holds(self, words: Sequence[str]) -> list[bool]:
        """Whether any passage at all has each stem."""
        return [word in self._model.vocab_dict for word in words]

    def idf(self, words: Sequence[str]) -> NDArray[np.float32]:
        """How telling each stem is: ln of one over the share of passages that hold it; a stem that none holds counts as
        one that a single passage holds.
        """
        starts, vocabulary = self._model.scores["indptr"], self._model.vocab_dict
        ids = [vocabulary.get(word, -1) for word in words]
        counts = np.array([starts[i + 1] - starts[i] if i >= 0 else 1 for i in ids], np.float32)
        total = max(self.passages, 1)
        return np.asarray(np.log(1 + (total - counts + 0.5) / (counts + 0.5)), np.float32)
