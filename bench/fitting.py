"""What the scripts that fit weights share: what is found for a question, making weights, writing them down by name."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax

from assistant import Assistant
from assistant.evaluate import Question
from assistant.followup import standalone, turns
from assistant.parts import with_parts
from assistant.weighing import Weighed, weigh

_STEPS = 150
_OUT = -1e9


def weighed(assistant: Assistant, q: Question) -> Weighed:
    """Every sentence of the papers found for a question, weighed."""
    query = standalone(q["question"], turns(q["history"]))
    hits, _ = with_parts(query, assistant.search(query, assistant.settings.papers), assistant.index)
    return weigh(q["question"], query, hits, assistant.index)


def held_out(title: str) -> bool:
    """Whether a paper is one in four that the reader is not taught with, for trying and fitting what rests on it."""
    return int(hashlib.sha256(title.encode()).hexdigest(), 16) % 4 == 0


@dataclass(frozen=True)
class Line:
    """Weights for features that are not standardised, and what to add to their sum."""

    weights: Any
    intercept: float

    def likely(self, matrix: Any) -> Any:
        """(n,) estimates in 0..1 for (n, features)."""
        return 1 / (1 + np.exp(-(matrix @ self.weights + self.intercept)))


def regression(matrix: Any, labels: Any, *, damping: float = 10.0, balanced: bool = False) -> Line:
    """A logistic regression over standardised features; `damping` is its L2 penalty, `balanced` weighs both labels alike."""
    scaler = StandardScaler().fit(matrix)
    model = LogisticRegression(C=1 / damping, max_iter=3000, class_weight="balanced" if balanced else None)
    model.fit(scaler.transform(matrix), labels)
    return _unscaled(model.coef_[0], float(model.intercept_[0]), scaler)


def ranking(groups: Sequence[tuple[Any, Any]], *, damping: float = 0.005, before: Sequence[Any] = ()) -> Line:
    """Weights that rank the good of each group first and still estimate how likely each is good.

    A group is ((n, features), (n,) whether good), one of them at least. `before`: for each group the (n,) log odds that the
    weights add to. The loss is the cross entropy of each group's ranking
    (ListNet's, Cao et al. 2007), every group counting alike, twice, and a logistic regression's.
    """
    scaler = StandardScaler().fit(np.vstack([matrix for matrix, _ in groups]))
    shape = (len(groups), max(len(good) for _, good in groups))
    known = torch.zeros(*shape, groups[0][0].shape[1])
    good, there, start = torch.zeros(shape), torch.zeros(shape), torch.zeros(shape)
    for row, odds in enumerate(before):
        start[row, : len(odds)] = torch.tensor(odds)
    for row, (matrix, labels) in enumerate(groups):
        known[row, : len(labels)] = torch.tensor(scaler.transform(matrix))
        good[row, : len(labels)] = torch.tensor(labels)
        there[row, : len(labels)] = 1
    weights, intercept = torch.zeros(known.shape[2], requires_grad=True), torch.zeros(1, requires_grad=True)
    steps = torch.optim.LBFGS([weights, intercept], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Any:
        steps.zero_grad()
        scores = start + known @ weights
        listed = -(good / good.sum(1, keepdim=True) * log_softmax(scores + (1 - there) * _OUT, 1)).sum(1).mean()
        alone = (binary_cross_entropy_with_logits(scores + intercept, good, reduction="none") * there).sum() / good.sum()
        total = 2 * listed + alone + damping * weights.square().sum()
        total.backward()
        return total

    steps.step(loss)
    return _unscaled(weights.detach().numpy(), float(intercept.detach()), scaler)


def _unscaled(weights: Any, intercept: float, scaler: StandardScaler) -> Line:
    plain = weights / scaler.scale_
    return Line(plain, intercept - float(plain @ scaler.mean_))


def named(line: Line, names: Sequence[str]) -> dict[str, Any]:
    """A line as the product reads it."""
    weights = {name: round(float(weight), 5) for name, weight in zip(names, line.weights, strict=True)}
    return {"intercept": round(line.intercept, 5), "weights": weights}


def store(path: Path, line: Line, names: Sequence[str]) -> None:
    """Write the weights by name, and whatever else the product reads beside them."""
    path.write_text(json.dumps(named(line, names), indent=1) + "\n", encoding="utf-8")
