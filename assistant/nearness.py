"""How near sentences are to the clauses of a question."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index import PaperIndex, Sentence, clauses, stems

from .candidates import Vectors


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near n sentences are to the k clauses of a question: their cosines, and the share of a clause's words that each
    has, weighed by how telling they are; (n, k) both.
    """

    cosines: Vectors
    words: Vectors


def nearness(question: str, sentences: Sequence[Sentence], index: PaperIndex) -> Nearness:
    """How near each sentence is to each clause of the question."""
    cosines = np.stack([s.vector for s in sentences]) @ index.embed_clauses(question).T
    held = [set(words) for words in stems([s.text for s in sentences])]
    words = np.stack([word_shares(clause, held, index) for clause in clauses(question)], axis=1)
    return Nearness(cosines, words)


def word_shares(text: str, held: Sequence[set[str]], index: PaperIndex) -> Vectors:
    """(n,): the share of a text's words, weighed by how telling they are, that each of n sets of stems holds."""
    asked = sorted(set(stems([text])[0]))
    telling = index.idf(asked)
    there = np.array([[word in words for word in asked] for words in held], float).reshape(len(held), len(asked))
    share: Vectors = there @ telling / max(float(telling.sum()), 1e-6)
    return share
