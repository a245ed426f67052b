"""Whether a question wants several papers side by side, or what one paper says.

Its words do not tell: many a detail is asked with "each" or "methods", many a comparison without. The papers found do: whether
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
from .nearness import Nearness

_ASKING = re.compile(r"\b(what|how|which|why|who|where|do|does|can)\b", re.IGNORECASE)

FEATURES = ("second paper", "third paper", "fourth paper", "clauses", "nearer to a clause", "more of a clause's words",
            "words gained", "asking words", "follow-up")  # fmt: skip


def likely_several(question: str, query: str, pool: Sequence[Candidate], near: Nearness) -> float:
    """How likely several papers are wanted, in 0..1; `near`: how near the pool's sentences are to the question's clauses."""
    known, model = features(question, query, pool, near), _model()
    estimate = sum(weight * known[name] for name, weight in model["weights"].items()) + model["intercept"]
    return float(1 / (1 + np.exp(-estimate)))


def features(question: str, query: str, pool: Sequence[Candidate], near: Nearness) -> Mapping[str, float]:
    """What tells, by name."""
    scores = {c.rank: c.hit.score for c in pool}
    ranked = [scores[rank] / max(scores[min(scores)], 1e-6) for rank in sorted(scores)] + [0.0] * 3
    cosines, words = (_best(values, pool) for values in (near.cosines, near.words))
    return {
        "second paper": ranked[1],
        "third paper": ranked[2],
        "fourth paper": ranked[3],
        "clauses": float(np.log(near.cosines.shape[1])),
        "nearer to a clause": float((cosines - cosines[0]).max()),
        "more of a clause's words": float((words - words[0]).max()),
        "words gained": float((words[:3].max(axis=0) - words[0]).mean()),
        "asking words": float(len(_ASKING.findall(question))),
        "follow-up": float(question != query),
    }


def _best(values: Vectors, pool: Sequence[Candidate]) -> Vectors:
    """(papers, clauses): the value of each paper's best sentence, best paper first."""
    ranks = np.array([c.rank for c in pool])
    return np.stack([values[ranks == rank].max(axis=0) for rank in sorted(set(ranks.tolist()))])


@cache
def _model() -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((files(__package__) / "several_weights.json").read_text(encoding="utf-8"))
    return stored
