"""How likely each sentence holds part of what is asked, once papers were read with the question.

What the reader says of a sentence is added to what words and vectors tell, as log odds; the likelier several papers are wanted
side by side, the less, for no single one states what such a question asks. The weights are fitted by bench/fit_told.py; they
lie in told_weights.json.
"""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np

from index import Reading

from .candidates import Candidate, Vectors

FEATURES = ("read", "stated", "stated by its paper")
_LEAST, _MOST = -2.0, 4.0  # log odds beyond which the reader is only surer of itself
_TINY = 1e-5


def told(likely: Vectors, pool: Sequence[Candidate], readings: Sequence[Reading], several: float) -> Vectors:
    """(n,) estimates in 0..1, from those made without a reader; `readings` are those of the first papers."""
    weights, intercept = _weights()
    return np.asarray(1 / (1 + np.exp(-(log_odds(likely) + columns(pool, readings, several) @ weights + intercept))))


def log_odds(likely: Vectors) -> Vectors:
    """Natural log odds of estimates in 0..1."""
    sure = np.clip(likely, _TINY, 1 - _TINY)
    return np.asarray(np.log(sure / (1 - sure)))


def columns(pool: Sequence[Candidate], readings: Sequence[Reading], several: float) -> Vectors:
    """(n, features): whether a sentence was read, and what the reader says of it and of its paper."""
    rows = np.zeros((len(pool), len(FEATURES)))
    for row, candidate in enumerate(pool):
        if candidate.rank < len(readings):
            reading = readings[candidate.rank]
            said = float(reading.sentences[candidate.sentence.number])
            if np.isfinite(said):
                rows[row] = (1.0, *np.clip([said, reading.states], _LEAST, _MOST))
    return rows * (1 - several)


@cache
def _weights() -> tuple[Vectors, float]:
    stored = json.loads((files(__package__) / "told_weights.json").read_text(encoding="utf-8"))
    return np.array([stored["weights"][name] for name in FEATURES]), stored["intercept"]
