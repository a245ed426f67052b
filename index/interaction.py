"""How well the words of a question are met by those of a paper, each as it is meant where it stands.

One vector for a whole text blurs what its words say. Here every word of a question looks for the word of a paper that is
likest to it, and what they find is added up (late interaction, Khattab and Zaharia 2020). Of the vectors of a paper's words
only the signs are kept, a bit a number, those of a question stay as they are: that tells nearly as much.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .embedding import InContext
from .lexical import content_places

Vectors = NDArray[np.float32]
Signs = NDArray[np.uint8]


def signs(text: str, read: InContext) -> Signs:
    """(n, an eighth of the width): the signs of those tokens that say what a text is about, packed."""
    rows, _ = _content(text, read)
    return np.packbits(read.tokens[rows] > 0, axis=1)


def asked(text: str, read: InContext) -> tuple[Vectors, list[str], Vectors]:
    """The vectors of those of a question's tokens that say what it is about, (k, width); the stem of the word that each
    belongs to, and which share of that word it is, (k,).
    """
    rows, words = _content(text, read)
    pieces = Counter(words)
    return read.tokens[rows], [stem for _, stem in words], np.array([1 / pieces[word] for word in words], np.float32)


def met(tokens: Vectors, weights: Vectors, papers: Sequence[Signs]) -> Vectors:
    """(n,): how well n papers meet a question's tokens, (k, width), by the weights of those, (k,); only good to compare the
    papers with each other.
    """
    best = np.zeros((len(papers), len(tokens)), np.float32)
    for row, own in enumerate(papers):
        if len(own):
            best[row] = (np.unpackbits(own, axis=1, count=tokens.shape[1]).astype(np.float32) @ tokens.T).max(axis=0)
    return np.asarray(best @ weights)


def _content(text: str, read: InContext) -> tuple[list[int], list[tuple[int, str]]]:
    """The rows of the tokens that are of words which say something, and those words, by where they begin and their stems; of
    a text without such words, all tokens.
    """
    words = {at: (start, stem) for start, end, stem in content_places(text) for at in range(start, end)}
    last = [end - 1 for _, end in read.places]
    rows = [row for row, at in enumerate(last) if at in words] or list(range(len(last)))
    return rows, [words.get(last[row], (last[row], "")) for row in rows]
