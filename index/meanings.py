"""What words mean by themselves: how like the words of texts are to some others, whatever stands around them."""

import threading
from collections.abc import Callable, Sequence
from itertools import chain, count

import numpy as np
from numpy.typing import NDArray

from .lexical import words

Vectors = NDArray[np.float32]
Rows = NDArray[np.intp]

_WORDS_KEPT, _TEXTS_KEPT = 20_000, 10_000


class Meanings:
    """The vectors of words met so far; safe to share between threads."""

    def __init__(self, embed: Callable[[Sequence[str]], Vectors]) -> None:
        """`embed`: n words to (n, any width), of unit length."""
        self._embed = embed
        self._lock = threading.Lock()
        self._places: dict[str, int] = {}
        self._texts: dict[str, Rows] = {}
        self._vectors: Vectors = np.zeros((0, 0), np.float32)

    def likest(self, asked: Sequence[str], texts: Sequence[str]) -> Vectors:
        """(n, k): the cosine of the likest word of each of n texts with each of k words; 0 for a text of no words."""
        with self._lock:
            self._learn(asked, texts)
            rows, wanted = [self._texts[text] for text in texts], self._rows(asked)
            vectors = self._vectors
        best = np.zeros((len(texts), len(asked)), np.float32)
        if any(own.size for own in rows) and len(asked):
            met = np.unique(np.concatenate(rows))
            alike = vectors[met] @ vectors[wanted].T
            for place, own in enumerate(rows):
                if own.size:
                    best[place] = alike[np.searchsorted(met, own)].max(axis=0)
        return best

    def _learn(self, asked: Sequence[str], texts: Sequence[str]) -> None:
        if len(self._places) > _WORDS_KEPT:
            self._places, self._texts, self._vectors = {}, {}, np.zeros((0, 0), np.float32)
        if len(self._texts) > _TEXTS_KEPT:
            self._texts = {}
        unseen = {text: list(dict.fromkeys(words(text))) for text in texts if text not in self._texts}
        new = [word for word in dict.fromkeys(chain(asked, *unseen.values())) if word not in self._places]
        if new:
            self._append(self._embed(new))
            self._places.update(zip(new, count(len(self._places))))
        self._texts.update((text, self._rows(own)) for text, own in unseen.items())

    def _append(self, vectors: Vectors) -> None:
        """Beyond the rows in use, so that whoever reads those may go on; where room is short, with as much again."""
        start = len(self._places)
        end = start + len(vectors)
        if end > len(self._vectors):
            wider = np.zeros((2 * end, vectors.shape[1]), np.float32)
            if start:
                wider[:start] = self._vectors[:start]
            self._vectors = wider
        self._vectors[start:end] = vectors

    def _rows(self, wanted: Sequence[str]) -> Rows:
        return np.array([self._places[word] for word in wanted], np.intp)
