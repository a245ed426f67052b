"""What an answer may be made of: every sentence of the papers that were found."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index import Hit, PaperIndex, Sentence, stems

Vectors = NDArray[np.floating]

_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may become evidence, the place of its paper among the hits, from 0, and the stems of its words."""

    rank: int
    hit: Hit
    sentence: Sentence
    stems: frozenset[str]


def candidates(hits: Sequence[Hit], index: PaperIndex) -> list[Candidate]:
    """Every sentence of the papers found that is long enough to say something."""
    found = [
        (rank, hit, sentence)
        for rank, hit in enumerate(hits)
        for sentence in index.sentences(hit.paper)
        if len(sentence.text.split()) >= _SHORTEST
    ]
    held = stems([sentence.text for _, _, sentence in found])
    return [Candidate(*one, frozenset(words)) for one, words in zip(found, held, strict=True)]
