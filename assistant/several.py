"""Whether a question wants several papers side by side, or what one paper says.

Cue words do not tell: many a detail is asked with "each" or "methods", many a comparison without. The papers found do: whether
a second one is about as good as the first and a fourth is not, and whether another paper is nearer to some clause of the
question than the best one. The estimate is a logistic regression's over the features below, fitted by bench/fit_several.py;
its weights lie in several_weights.json.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from .candidates import Candidate, Vectors
from .kinds import asks_several
from .nearness import Nearness

_ASKING = re.compile(r"\b(what|how|which|why|who|where|do|does|can)\b", re.IGNORECASE)
_DEPTH = 5  # papers that have a say, however many are drawn on
_FEWEST = 3

FEATURES = ("second paper", "third paper", "fourth paper", "nearer to a clause", "more of a clause's words", "asking words")


def likely_several(question: str, query: str, pool: Sequence[Candidate], near: Nearness) -> float:
    """How likely several papers are wanted, in 0..1; `near`: how near the pool's sentences are to the question's clauses.

    A follow-up has the paper before ahead whatever is meant, and among two papers neither is near the other by any measure
    of the corpus: there the words decide.
    """
    if question != query or len({c.rank for c in pool}) < _FEWEST:
        return float(asks_several(question))
    known, model = features(question, pool, near), _model()
    estimate = sum(weight * known[name] for name, weight in model["weights"].items()) + model["intercept"]
    return float(1 / (1 + np.exp(-estimate)))


def features(question: str, pool: Sequence[Candidate], near: Nearness) -> Mapping[str, float]:
    """What tells, by name."""
    scores = [max(score, 0.0) for _, score in sorted({c.rank: c.hit.score for c in pool}.items())]
    ratios = [score / max(*scores, 1e-6) for score in scores[:_DEPTH]]
    ratios += [ratios[-1]] * (_DEPTH - len(ratios))
    cosines, words = (_best(values, pool)[:_DEPTH] for values in (near.cosines, near.words))
    return {
        "second paper": ratios[1],
        "third paper": ratios[2],
        "fourth paper": ratios[3],
        "nearer to a clause": float((cosines - cosines[0]).max()),
        "more of a clause's words": float((words - words[0]).max()),
        "asking words": float(len(_ASKING.findall(question))),
    }


def _best(values: Vectors, pool: Sequence[Candidate]) -> Vectors:
    """(papers, clauses): the value of each paper's best sentence, best paper first."""
    ranks = np.array([c.rank for c in pool])
    return np.stack([values[ranks == rank].max(axis=0) for rank in sorted(set(ranks.tolist()))])


@cache
def _model() -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((files(__package__) / "several_weights.json").read_text(encoding="utf-8"))
    return stored
