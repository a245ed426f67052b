"""The sentences that an answer rests on, chosen together: to the point, each adding something, within a number of words."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index import Sentence

from .candidates import Candidate, Vectors
from .kinds import asks_how
from .weighing import Weighed

_MOST, _WORDS_A_SENTENCE = 9, 18
SLACK = 1.08  # sentences are not cut
_HOW_WORDS, _SEVERAL_WORDS = 1.5, 1.8
_SAME_FROM, _REPEATED = 0.75, 0.5
_UNSURE = 0.5
UNSURE_WORDS = 1.5  # times as many words as else, where nothing likely says what is asked
WORTH = 0.02  # how likely a sentence must be to be shown beside another
_FURTHER_WORDS = 150
NEXT_OF_A_PAPER = 0.5  # what a sentence is worth, for a comparison, for each one of its paper that is taken already


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence chosen for an answer; `score` estimates, in 0..1, how likely it holds part of what is asked."""

    sentence: Sentence
    score: float


def choose(weighed: Weighed, *, words: int) -> list[Evidence]:
    """The best sentences, in readable order: paper by paper, each paper's in its own order.

    They are taken one by one, always the one that adds most: how likely it holds an answer, less what those already
    taken say and, the likelier several papers are wanted, the less if its paper has had its say. About `words` words in all,
    half as many again for a how or a why, more for a comparison; no sentence is taken only to fill the room.
    """
    budget = word_budget(weighed.question, words, several=weighed.wants_several)
    return _evidence(weighed, select_told(weighed.told, weighed.pool, budget, weighed.several))


def glance(weighed: Weighed, *, words: int) -> list[Evidence]:
    """The best sentences of about `words` words, whatever is asked: what a slow reader should see first."""
    return _evidence(weighed, select(weighed.told, weighed.pool, words, weighed.several, WORTH))


def further(weighed: Weighed, chosen: Sequence[Evidence]) -> list[Evidence]:
    """What would be chosen next, were some hundred and fifty words to be filled, in readable order."""
    return beyond(_evidence(weighed, select(weighed.told, weighed.pool, _FURTHER_WORDS, weighed.several)), chosen)


def beyond(evidence: Sequence[Evidence], known: Sequence[Evidence]) -> list[Evidence]:
    """The evidence whose sentences are not known yet."""
    there = {item.sentence for item in known}
    return [item for item in evidence if item.sentence not in there]


def _evidence(weighed: Weighed, chosen: Sequence[int]) -> list[Evidence]:
    pool = weighed.pool
    readable = sorted(chosen, key=lambda i: (pool[i].rank, pool[i].sentence.number))
    return [Evidence(pool[i].sentence, float(weighed.told[i])) for i in readable]


def word_budget(question: str, words: int, *, several: bool) -> float:
    """How many words the answer to a question may have."""
    if several:
        return words * _SEVERAL_WORDS
    return words * _HOW_WORDS if asks_how(question) else words


def told_in_full(question: str, *, several: bool) -> bool:
    """Whether more is wanted than a detail: a way, a reason, papers side by side."""
    return several or asks_how(question)


def select_told(told: Vectors, pool: Sequence[Candidate], words: float, several: float) -> list[int]:
    """Positions of the sentences taken, each likely enough to be shown beside another; half as many words more may be taken
    where nothing likely says what is asked.
    """
    chosen = select(told, pool, words, several, WORTH)
    return select(told, pool, words * UNSURE_WORDS, several, WORTH) if unsure(told[chosen]) else chosen


def unsure(likely: Vectors) -> bool:
    """Whether it is likelier that none of some sentences says what is asked than that one does."""
    return float(np.prod(1 - likely)) > _UNSURE


def select(likely: Vectors, pool: Sequence[Candidate], words: float, several: float, least: float = 0.0) -> list[int]:
    """Positions of the sentences taken, in that order; one too long for what is left gives way to the next two. None but the
    first is less likely than `least`.
    """
    if not pool:
        return []
    vectors = np.stack([c.sentence.vector for c in pool])
    sizes = [len(c.sentence.text.split()) for c in pool]
    said = np.zeros(len(pool))
    heard: Counter[int] = Counter()
    turn = 1 - (1 - NEXT_OF_A_PAPER) * several
    chosen: list[int] = []
    left = words * SLACK
    most = max(_MOST, int(words / _WORDS_A_SENTENCE))
    while len(chosen) < min(most, len(pool)):
        gain = likely * (1 - _REPEATED * said) * np.array([turn ** heard[c.rank] for c in pool])
        gain[chosen] = -1.0
        if chosen:
            gain[likely < least] = -1.0
        fitting = [i for i in np.argsort(-gain)[:3].tolist() if gain[i] >= 0 and (not chosen or sizes[i] <= left)]
        if not fitting:
            break
        best = fitting[0]
        chosen.append(best)
        left -= sizes[best]
        heard[pool[best].rank] += 1
        said = np.maximum(said, np.clip((vectors @ vectors[best] - _SAME_FROM) / (1 - _SAME_FROM), 0, 1))
    return chosen
