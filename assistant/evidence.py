"""The sentences that an answer rests on, chosen together: to the point, each adding something, within a number of words.

How much a sentence bears on a question is the estimate of a logistic regression over the features below, fitted by
bench/fit_evidence.py on questions whose answers are known; its weights lie in evidence_weights.json.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from index import Hit, PaperIndex, Sentence, stems

Vectors = NDArray[np.floating]

_ASKS_NUMBER = re.compile(
    r"\b(how (much|many|often|large|big|fast|long|far|few|high|well)|what (accuracy|score|percentage|number|fraction|share|"
    r"speed-?up|gain|improvement|size|rate|ratio|cost)|by what|percent\w*|accuracy|scores?|gains?|faster|quicker|size)\b",
    re.IGNORECASE,
)
_ASKS_HOW = re.compile(
    r"\b(how (?!much|many|often|large|big|fast|long|far|few|high|well)|why|explain|what makes|mechanism|idea|work)\b",
    re.IGNORECASE,
)
_ASKS_SEVERAL = re.compile(
    r"\b(compare|compared|comparison|vs\.?|versus|differ\w*|both|papers|works|approaches|methods|studies|people|between|each|"
    r"others?|trace|summari[sz]e|line of|and then|afterwards|either|contrast)\b",
    re.IGNORECASE,
)
_OWN_WORK = re.compile(r"\b(we|our|this (paper|work)|propos\w*|introduc\w*|present)\b", re.IGNORECASE)
_FINDING = re.compile(
    r"\b(show|find|found|demonstrat\w*|achiev\w*|outperform\w*|improv\w*|result\w*|reveal\w*|surpass\w*|reach\w*)\b",
    re.IGNORECASE,
)
_MOTIVATION = re.compile(
    r"\b(however|has become|have become|challenge\w*|often|typically|recent\w*|despite|crucial|important|popular)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d")

_SHORTEST = 4
_MOST, _WORDS_A_SENTENCE = 9, 18
_SLACK = 1.08
_HOW_WORDS, _SEVERAL_WORDS = 1.5, 1.7
_SAME_FROM, _REPEATED = 0.75, 0.5
_FURTHER_WORDS = 150
_BEHIND = 0.57  # of the best paper's score: of our own questions, nine details in ten are below, nine comparisons above
NEXT_OF_A_PAPER = 0.6  # what a sentence is worth, for a comparison, for each one of its paper that is taken already


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence chosen for an answer; `score` estimates, in 0..1, how likely it holds part of what is asked."""

    sentence: Sentence
    score: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may become evidence, and the place of its paper among the hits, from 0."""

    rank: int
    hit: Hit
    sentence: Sentence


@dataclass(frozen=True, slots=True)
class Weighed:
    """Every sentence of the papers found, and how likely each holds part of what is asked.

    `question` is what was asked, `query` what was searched for it; `columns` are the features by name, (n,) each.
    """

    question: str
    query: str
    hits: Sequence[Hit]
    pool: Sequence[Candidate]
    likely: Vectors
    columns: Mapping[str, Vectors]


def weigh(question: str, query: str, hits: Sequence[Hit], index: PaperIndex) -> Weighed:
    """Weigh every sentence of the papers found."""
    pool = candidates(hits, index)
    if not pool:
        return Weighed(question, query, hits, pool, np.zeros(0), {})
    columns = features(question, query, pool, index)
    matrix = np.stack([columns[name] for name in FEATURES], axis=1)
    weights, intercept = _weights()
    likely = 1 / (1 + np.exp(-(matrix @ weights + intercept)))
    return Weighed(question, query, hits, pool, likely, columns)


def choose(weighed: Weighed, *, words: int) -> list[Evidence]:
    """The best sentences, in readable order: paper by paper, each paper's in its own order.

    They are taken one by one, always the one that adds most: how likely it holds an answer, less what those already
    taken say and, where several papers are asked for, less if its paper has had its say. About `words` words in all,
    half as many again for a how or a why, more for a comparison.
    """
    pool, question = weighed.pool, weighed.question
    several = wants_several(question, weighed.query, weighed.hits)
    chosen = select(weighed.likely, pool, word_budget(question, words, several=several), several=several)
    chosen.sort(key=lambda i: (pool[i].rank, pool[i].sentence.number))
    return [Evidence(pool[i].sentence, float(weighed.likely[i])) for i in chosen]


def further(weighed: Weighed, chosen: Sequence[Evidence]) -> list[Evidence]:
    """What would be chosen next, were there room for some hundred and fifty words, in readable order."""
    taken = {item.sentence for item in chosen}
    return [item for item in choose(weighed, words=_FURTHER_WORDS) if item.sentence not in taken]


def candidates(hits: Sequence[Hit], index: PaperIndex) -> list[Candidate]:
    """Every sentence of the papers found that is long enough to say something."""
    return [
        Candidate(rank, hit, sentence)
        for rank, hit in enumerate(hits)
        for sentence in index.sentences(hit.paper)
        if len(sentence.text.split()) >= _SHORTEST
    ]


def features(question: str, query: str, pool: Sequence[Candidate], index: PaperIndex) -> dict[str, Vectors]:
    """What is known of each candidate with respect to the question: (n,) for every name of FEATURES."""
    meant = _nearness(question, pool, index, "asked") | _nearness(query, pool, index, "searched")
    columns = meant | _paper_columns(pool) | _form_columns(pool, asks_number=asks_number(question))
    columns |= _neighbours(pool, columns)
    kinds = {
        "how": asks_how(question),
        "several": asks_several(question),
        "follow-up": question != query,
    }
    for kind, names in _BY_KIND.items():
        columns |= {f"{kind}: {name}": columns[name] * float(kinds[kind]) for name in names}
    return columns


_COLUMNS = (
    "asked cosine", "searched cosine", "asked words", "searched words", "asked cosine in paper", "asked words in paper",
    "searched cosine in paper", "searched words in paper", "asked cosine overall", "asked words overall", "paper gap",
    "best paper", "log rank", "paper similarity", "number wanted", "number", "position", "first", "last", "own work", "finding",
    "motivation", "central", "title words", "log length", "neighbour cosine", "neighbour words",
)  # fmt: skip
_BY_KIND = {
    "how": ("position", "own work", "finding", "motivation", "number", "first", "last", "asked cosine in paper",
            "asked words in paper"),
    "several": ("log rank", "paper gap", "best paper", "asked cosine in paper", "asked words in paper"),
    "follow-up": ("asked cosine", "searched cosine", "asked cosine in paper", "searched cosine in paper", "asked words",
                  "searched words", "log rank", "paper gap", "best paper"),
}  # fmt: skip
FEATURES = _COLUMNS + tuple(f"{kind}: {name}" for kind, names in _BY_KIND.items() for name in names)


def _nearness(text: str, pool: Sequence[Candidate], index: PaperIndex, name: str) -> dict[str, Vectors]:
    """How near each sentence is to a text in meaning and in words; by itself, and less the best of its paper and of all."""
    cosine = np.stack([c.sentence.vector for c in pool]) @ index.embed(text)
    asked = sorted(set(stems([text])[0]))
    telling = index.idf(asked)
    held = [set(words) for words in stems([c.sentence.text for c in pool])]
    there = np.array([[word in words for word in asked] for words in held], float).reshape(len(pool), len(asked))
    share = there @ telling
    share /= max(float(telling.sum()), 1e-6)
    ranks = np.array([c.rank for c in pool])
    columns = {f"{name} cosine": cosine, f"{name} words": share}
    for measure, values in (("cosine", cosine), ("words", share)):
        best = {rank: values[ranks == rank].max() for rank in set(ranks)}
        columns[f"{name} {measure} in paper"] = values - np.array([best[rank] for rank in ranks])
        columns[f"{name} {measure} overall"] = values - values.max()
    return columns


def _paper_columns(pool: Sequence[Candidate]) -> dict[str, Vectors]:
    best = pool[0].hit.score
    return {
        "paper gap": np.array([best - c.hit.score for c in pool]),
        "best paper": np.array([float(c.rank == 0) for c in pool]),
        "log rank": np.log1p([c.rank for c in pool]),
        "paper similarity": np.array([c.hit.similarity for c in pool]),
    }


def _form_columns(pool: Sequence[Candidate], *, asks_number: bool) -> dict[str, Vectors]:
    """What the sentences look like, whatever was asked."""
    texts = [c.sentence.text for c in pool]
    last = {c.rank: c.sentence.number for c in pool}
    number = np.array([float(_NUMBER.search(text) is not None) for text in texts])
    own = np.array([float(_OWN_WORK.search(text) is not None) for text in texts])
    titles = [set(words) for words in stems([c.hit.paper.title for c in pool])]
    held = [set(words) for words in stems(texts)]
    vectors = np.stack([c.sentence.vector for c in pool])
    ranks = np.array([c.rank for c in pool])
    centres = {rank: vectors[ranks == rank].mean(axis=0) for rank in last}
    central = [v @ centres[c.rank] / np.linalg.norm(centres[c.rank]) for v, c in zip(vectors, pool, strict=True)]
    return {
        "number wanted": number * asks_number,
        "number": number * (not asks_number),
        "position": np.array([c.sentence.number / max(last[c.rank], 1) for c in pool]),
        "first": np.array([float(c.sentence.number == 0) for c in pool]),
        "last": np.array([float(c.sentence.number == last[c.rank]) for c in pool]),
        "own work": own,
        "finding": np.array([float(_FINDING.search(text) is not None) for text in texts]),
        "motivation": np.array([float(_MOTIVATION.search(text) is not None) for text in texts]) * (1 - own),
        "central": np.array(central),
        "title words": np.array([len(h & t) / max(len(t), 1) for h, t in zip(held, titles, strict=True)]),
        "log length": np.log1p([len(text.split()) for text in texts]),
    }


def _neighbours(pool: Sequence[Candidate], columns: dict[str, Vectors]) -> dict[str, Vectors]:
    """How near the sentences before and after are to what was asked: answers often stand beside the words of a question."""
    places = {(c.rank, c.sentence.number): i for i, c in enumerate(pool)}
    beside = [
        [places[c.rank, near] for near in (c.sentence.number - 1, c.sentence.number + 1) if (c.rank, near) in places] or [i]
        for i, c in enumerate(pool)
    ]
    return {
        "neighbour cosine": np.array([columns["asked cosine overall"][near].max() for near in beside]),
        "neighbour words": np.array([columns["asked words"][near].max() for near in beside]),
    }


@cache
def _weights() -> tuple[Vectors, float]:
    stored = json.loads((files(__package__) / "evidence_weights.json").read_text(encoding="utf-8"))
    return np.array([stored["weights"][name] for name in FEATURES]), stored["intercept"]


def asks_number(question: str) -> bool:
    """Whether a question wants a figure."""
    return _ASKS_NUMBER.search(question) is not None


def asks_how(question: str) -> bool:
    """Whether a question wants a way or a reason."""
    return _ASKS_HOW.search(question) is not None


def asks_several(question: str) -> bool:
    """Whether a question wants several papers, or several parts, side by side."""
    return _ASKS_SEVERAL.search(question) is not None


def wants_several(question: str, query: str, hits: Sequence[Hit]) -> bool:
    """Whether a question wants several papers side by side, and no paper found is so far ahead that it alone is meant.

    What is searched for a follow-up holds the words of the paper before, which then is ahead whatever is meant.
    """
    alone = len(hits) < 2 or hits[1].score < _BEHIND * hits[0].score
    return asks_several(question) and (question != query or not alone)


def word_budget(question: str, words: int, *, several: bool) -> float:
    """How many words the answer to a question may have."""
    if several:
        return words * _SEVERAL_WORDS
    return words * _HOW_WORDS if asks_how(question) else words


def select(likely: Vectors, pool: Sequence[Candidate], words: float, *, several: bool) -> list[int]:
    """Positions of the sentences taken, in that order; one too long for what is left gives way to the next two."""
    vectors = np.stack([c.sentence.vector for c in pool])
    sizes = [len(c.sentence.text.split()) for c in pool]
    said = np.zeros(len(pool))
    heard: Counter[int] = Counter()
    chosen: list[int] = []
    left = words * _SLACK
    most = max(_MOST, int(words / _WORDS_A_SENTENCE))
    while len(chosen) < min(most, len(pool)):
        gain = likely * (1 - _REPEATED * said)
        if several:
            gain = gain * np.array([NEXT_OF_A_PAPER ** heard[c.rank] for c in pool])
        gain[chosen] = -1.0
        fitting = [i for i in np.argsort(-gain)[:3].tolist() if gain[i] >= 0 and (not chosen or sizes[i] <= left)]
        if not fitting:
            break
        best = fitting[0]
        chosen.append(best)
        left -= sizes[best]
        heard[pool[best].rank] += 1
        said = np.maximum(said, np.clip((vectors @ vectors[best] - _SAME_FROM) / (1 - _SAME_FROM), 0, 1))
    return chosen
