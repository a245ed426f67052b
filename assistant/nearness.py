"""How near sentences are to the clauses of a question."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index import PaperIndex, clauses, content_words, stems, words

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


def likeness(question: str, pool: Sequence[Candidate], index: PaperIndex) -> tuple[Vectors, Vectors]:
    """(n, k): how like the likest word of each of n sentences is to each of the k words that say what a question is about,
    by what words mean by themselves, -1..1; and (k,): how telling those words are.
    """
    asked, said = content_words(question), [words(c.sentence.text) for c in pool]
    places = {word: place for place, word in enumerate(dict.fromkeys(word for text in said for word in text))}
    if not asked or not places:
        return np.zeros((len(pool), 1)), np.ones(1)
    alike = index.embed_words(list(places)) @ index.embed_words(asked).T
    best = np.stack([alike[[places[word] for word in text]].max(axis=0, initial=0.0) for text in said])
    return best, index.idf([stem[0] if stem else "" for stem in stems(asked)])


def word_shares(text: str, pool: Sequence[Candidate], index: PaperIndex) -> Vectors:
    """(n,): the share of a text's words, weighed by how telling they are, that each of n sentences holds."""
    asked = sorted(set(stems([text])[0]))
    telling = index.idf(asked)
    there = np.array([[word in c.stems for word in asked] for c in pool], float).reshape(len(pool), len(asked))
    share: Vectors = there @ telling / max(float(telling.sum()), 1e-6)
    return share
