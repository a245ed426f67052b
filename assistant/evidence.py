"""The sentences that an answer rests on, chosen together: to the point, each adding something, within a number of words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index import Hit, PaperIndex, Sentence, stems

Vectors = NDArray[np.float32]

_ASKS_NUMBER = re.compile(
    r"\b(how (much|many|often|large|big|fast|long|far|few|high|well)|what (accuracy|score|percentage|number|fraction|share|"
    r"speed-?up|gain|improvement|size|rate|ratio|cost)|by what|percent\w*|accuracy|scores?|gains?|faster|quicker|size)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d")
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence chosen for an answer; `score` says how much it bears on the question."""

    sentence: Sentence
    score: float


def choose(question: str, hits: Sequence[Hit], index: PaperIndex, *, words: int, most: int = 8) -> list[Evidence]:
    """The best sentences of the papers found, in readable order: paper by paper, each paper's in its own order.

    Sentences are taken one by one, always the one that adds most: its nearness to the question in meaning and in words,
    weighed by its paper's score, less what those already taken say. About `words` words in all, at most `most` sentences.
    """
    if not hits:
        return []
    sentences = [(hit, sentence) for hit in hits for sentence in index.sentences(hit.paper)]
    sentences = [(hit, s) for hit, s in sentences if len(s.text.split()) >= _SHORTEST]
    if not sentences:
        return []
    relevance = _relevance(question, [s for _, s in sentences], index)
    weight = _paper_weights([hit for hit, _ in sentences], hits)
    chosen = _greedy(relevance * weight, [s for _, s in sentences], words, most)
    ranked = {hit.paper.id: place for place, hit in enumerate(hits)}
    chosen.sort(key=lambda i: (ranked[sentences[i][1].paper.id], sentences[i][1].number))
    return [Evidence(sentences[i][1], float(relevance[i])) for i in chosen]


def _relevance(question: str, sentences: Sequence[Sentence], index: PaperIndex) -> Vectors:
    """(n,) in 0..1: how near each sentence is to the question, in meaning and in words."""
    meaning = np.stack([s.vector for s in sentences]) @ index.embed(question)
    meaning = (meaning - meaning.min()) / max(float(np.ptp(meaning)), 1e-6)
    asked = sorted(set(stems([question])[0]))
    telling = index.idf(asked)
    found = [set(words) for words in stems([s.text for s in sentences])]
    held = np.array([[word in words for word in asked] for words in found], np.float32).reshape(len(sentences), len(asked))
    coverage = held @ telling / max(float(telling.sum()), 1e-6)
    score = 0.6 * meaning + 0.4 * coverage / max(float(coverage.max()), 1e-6)
    if _ASKS_NUMBER.search(question):
        score += np.array([0.15 if _NUMBER.search(s.text) else 0.0 for s in sentences])
    return np.asarray(score, np.float32)


def _paper_weights(owners: Sequence[Hit], hits: Sequence[Hit]) -> Vectors:
    """(n,): the best paper's sentences count whole, those of the others by how near their score comes to its score."""
    best = max(hit.score for hit in hits) or 1.0
    return np.array([max(owner.score / best, 0.0) ** 2 for owner in owners], np.float32)


def _greedy(score: Vectors, sentences: Sequence[Sentence], words: int, most: int) -> list[int]:
    vectors = np.stack([s.vector for s in sentences])
    sizes = [len(s.text.split()) for s in sentences]
    chosen: list[int] = []
    said = np.zeros(len(sentences), np.float32)
    used = 0
    while len(chosen) < most:
        gain = score - 0.3 * np.clip(said, 0, None)
        gain[chosen] = -np.inf
        best = int(np.argmax(gain))
        if not np.isfinite(gain[best]) or (chosen and used + sizes[best] > words * 1.1):
            break
        chosen.append(best)
        used += sizes[best]
        said = np.maximum(said, (vectors @ vectors[best] - 0.7) / 0.3)
    return chosen
