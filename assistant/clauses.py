"""The clauses of a question, and how near sentences are to each: what the whole question hides, one of its parts may show."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index import PaperIndex, Sentence, content_stems, stems

from .candidates import Vectors

_BOUNDARY = re.compile(
    r"[,;:?!()]|\s[-\u2013\u2014]+\s|\b(?:and|or|versus|vs|while|but|whereas|compared|against|another|others?)\b", re.IGNORECASE
)
_LEAST = 2  # words that say something


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near n sentences are to the k clauses of a question: their cosines, and the share of a clause's words that each
    has, weighed by how telling they are; (n, k) both.
    """

    cosines: Vectors
    words: Vectors


def clauses(question: str) -> list[str]:
    """The parts of a question between its commas and conjunctions that say something of their own; else the question."""
    parts = [part.strip() for part in _BOUNDARY.split(question)]
    return [part for part in parts if len(content_stems(part)) >= _LEAST] or [question]


def nearness(question: str, sentences: Sequence[Sentence], index: PaperIndex) -> Nearness:
    """How near each sentence is to each clause of the question."""
    parts = clauses(question)
    cosines = np.stack([s.vector for s in sentences]) @ np.stack([index.embed(part) for part in parts]).T
    held = [set(words) for words in stems([s.text for s in sentences])]
    words = np.stack([_share(part, held, index) for part in parts], axis=1)
    return Nearness(cosines, words)


def _share(part: str, held: Sequence[set[str]], index: PaperIndex) -> Vectors:
    asked = sorted(set(stems([part])[0]))
    telling = index.idf(asked)
    there = np.array([[word in words for word in asked] for words in held], float).reshape(len(held), len(asked))
    share: Vectors = there @ telling / max(float(telling.sum()), 1e-6)
    return share
