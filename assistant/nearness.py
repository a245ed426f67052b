"""How near sentences are to the clauses of a question."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index import PaperIndex, clauses, stems

from .candidates import Candidate, Vectors


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near n sentences are to the k clauses of a question: their cosines, and the share of a clause's words that each
    has, weighed by how telling they are; (n, k) both.
    """

    cosines: Vectors
    words: Vectors


def nearness(question: str, pool: Sequence[Candidate], index: PaperIndex) -> Nearness:
    """How near each sentence is to each clause of the question."""
    cosines = np.stack([c.sentence.vector for c in pool]) @ index.embed_clauses(question).T
    shares = np.stack([word_shares(clause, pool, index) for clause in clauses(question)], axis=1)
    return Nearness(cosines, shares)


def word_shares(text: str, pool: Sequence[Candidate], index: PaperIndex) -> Vectors:
    """(n,): the share of a text's words, weighed by how telling they are, that each of n sentences holds."""
    asked = sorted(set(stems([text])[0]))
    telling = index.idf(asked)
    there = np.array([[word in c.stems for word in asked] for c in pool], float).reshape(len(pool), len(asked))
    share: Vectors = there @ telling / max(float(telling.sum()), 1e-6)
    return share
