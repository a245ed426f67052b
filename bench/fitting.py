"""What the scripts that fit a regression share: its making, and its weights for features as they come."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def regression(matrix: Any, labels: Any, *, damping: float = 10.0, balanced: bool = False) -> Any:
    """A logistic regression over standardised features; `damping` is its L2 penalty, `balanced` weighs both labels alike."""
    weight = "balanced" if balanced else None
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1 / damping, max_iter=3000, class_weight=weight))
    return model.fit(matrix, labels)


def store(path: Path, model: Any, names: Sequence[str], more: Mapping[str, float] | None = None) -> None:
    """Write the weights, for features that are not standardised, and whatever else the product reads beside them."""
    scaler, fitted = model
    weights = fitted.coef_[0] / scaler.scale_
    stored = {
        **(more or {}),
        "intercept": round(float(fitted.intercept_[0] - weights @ scaler.mean_), 5),
        "weights": {name: round(float(weight), 5) for name, weight in zip(names, weights, strict=True)},
    }
    path.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
