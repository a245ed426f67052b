"""Fit the weights of assistant/evidence.py on questions whose answers are known.

    python bench/fit_evidence.py INDEX QUESTIONS.jsonl...

A sentence counts as good if a nugget of the question matches it. Prints how well held-out questions are served (nuggets
and words by question type, five folds), then writes assistant/evidence_weights.json. Needs scikit-learn.
"""

import json
import re
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assistant import Settings, open_assistant
from assistant.answerers import Quotes
from assistant.evaluate import read_questions
from assistant.evidence import FEATURES, Candidate, candidates, features, select, wants_several, word_budget
from assistant.followup import standalone, turns

OUT = Path(__file__).parent.parent / "assistant" / "evidence_weights.json"
FOLDS = 5


def main(index: str, *paths: str) -> None:
    assistant = open_assistant(index=index, model="quotes")
    rows = [row for path in paths for q in read_questions(Path(path)) if q["nuggets"] and (row := _row(assistant, q))]
    fold = np.random.default_rng(0).integers(0, FOLDS, len(rows))
    held: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for n in range(FOLDS):
        model = _fit([row for row, f in zip(rows, fold, strict=True) if f != n])
        for row in (row for row, f in zip(rows, fold, strict=True) if f == n):
            held[row["type"]].append(_served(row, model.predict_proba(row["X"])[:, 1]))
    for kind, found in sorted(held.items()):
        nuggets, words = zip(*found, strict=True)
        print(f"{kind:<12} {len(found):>4}  nuggets {statistics.mean(nuggets):.3f}  words {statistics.median(words):.0f}")
    scaler, regression = _fit(rows)
    weights = regression.coef_[0] / scaler.scale_
    intercept = float(regression.intercept_[0] - weights @ scaler.mean_)
    stored = {
        "intercept": round(intercept, 5),
        "weights": {n: round(float(w), 5) for n, w in zip(FEATURES, weights, strict=True)},
    }
    OUT.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


def _row(assistant: Any, question: Any) -> dict[str, Any] | None:
    query = standalone(question["question"], turns(question["history"]))
    found = assistant.search(query, Settings.read().papers)
    pool = candidates(found, assistant.index)
    if not pool:
        return None
    hits = np.array([[_matches(nugget, c) for nugget in question["nuggets"]] for c in pool])
    columns = features(question["question"], query, pool, assistant.index)
    matrix = np.stack([columns[name] for name in FEATURES], axis=1)
    several = wants_several(question["question"], query, found)
    budget = word_budget(question["question"], Quotes.words, several=several)
    return {"type": question["type"], "pool": pool, "X": matrix, "nuggets": hits, "several": several, "budget": budget}


def _matches(nugget: list[str], candidate: Candidate) -> bool:
    return any(re.search(alternative, candidate.sentence.text, re.IGNORECASE) for alternative in nugget)


def _fit(rows: list[dict[str, Any]]) -> Any:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=3000))
    return model.fit(np.vstack([row["X"] for row in rows]), np.concatenate([row["nuggets"].any(axis=1) for row in rows]))


def _served(row: dict[str, Any], likely: Any) -> tuple[float, int]:
    chosen = select(likely, row["pool"], row["budget"], several=row["several"])
    words = sum(len(row["pool"][i].sentence.text.split()) for i in chosen)
    return float(row["nuggets"][chosen].any(axis=0).mean()), words


if __name__ == "__main__":
    main(*sys.argv[1:])
