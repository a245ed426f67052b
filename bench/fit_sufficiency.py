"""Fit assistant/sufficiency.py: when the papers found do not hold what is asked.

    python bench/fit_sufficiency.py INDEX QUESTIONS.jsonl... [--out FILE] [--wrongly 0.05]

Questions without gold papers are unanswerable; those for lists are left out, they are never refused here. Prints, over
five folds, how many of each type would be refused where at most `--wrongly` of the answerable ones are, then writes
weights and threshold. To calibrate on a corpus of your own, ask some forty questions that it answers and some forty that
it does not, and name the file in the setting SUFFICIENCY.
Needs scikit-learn and SciPy.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.model_selection import StratifiedKFold

from assistant import Assistant, open_assistant
from assistant.evaluate import Question, read_questions
from assistant.evidence import weigh
from assistant.followup import standalone, turns
from assistant.lists import asks_list
from assistant.sufficiency import features

AGAINST = {"names absent", "names nowhere", "number nowhere", "asks number", "asks count", "has focus"}
FREE = {"asks how"}
PENALTY = 3.0
OUT = Path(__file__).parent.parent / "assistant" / "sufficiency_weights.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index")
    parser.add_argument("questions", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--wrongly", type=float, default=0.05)
    args = parser.parse_args()
    assistant = open_assistant(index=args.index, model="quotes")
    questions = [q for path in args.questions for q in read_questions(path) if not asks_list(q["question"])]
    known = [_known(assistant, q) for q in questions]
    names = sorted(known[0])
    matrix = np.array([[row[name] for name in names] for row in known])
    refuse = np.array([not q["gold_titles"] for q in questions])
    held = np.zeros(len(questions))
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(matrix, refuse):
        weights, intercept = _fit(names, matrix[train], refuse[train])
        held[test] = expit(matrix[test] @ weights + intercept)
    threshold = float(np.quantile(held[~refuse], 1 - args.wrongly))
    _report(questions, held > threshold)
    weights, intercept = _fit(names, matrix, refuse)
    fitted = {
        "threshold": round(threshold, 4),
        "intercept": round(intercept, 5),
        "weights": {name: round(float(weight), 5) for name, weight in zip(names, weights, strict=True)},
    }
    args.out.write_text(json.dumps(fitted, indent=1) + "\n", encoding="utf-8")


def _known(assistant: Assistant, question: Question) -> dict[str, float]:
    query = standalone(question["question"], turns(question["history"]))
    hits = assistant.search(query, assistant.settings.papers)
    return features(weigh(question["question"], query, hits, assistant.index), assistant.index)


def _fit(names: list[str], matrix: Any, refuse: Any) -> tuple[Any, float]:
    """Weights and intercept of a logistic regression whose weights have the sign that they should have."""
    mean, spread = matrix.mean(axis=0), matrix.std(axis=0) + 1e-9
    scaled = (matrix - mean) / spread

    def loss(w: Any) -> tuple[float, Any]:
        p = expit(scaled @ w[:-1] + w[-1])
        value = -np.log(np.where(refuse, p, 1 - p) + 1e-12).sum() + PENALTY * (w[:-1] ** 2).sum()
        return float(value), np.r_[scaled.T @ (p - refuse) + 2 * PENALTY * w[:-1], (p - refuse).sum()]

    bounds = [(None, None) if n in FREE else (0, None) if n in AGAINST else (None, 0) for n in names]
    start = np.zeros(len(names) + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[*bounds, (None, None)]).x
    weights = found[:-1] / spread
    return weights, float(found[-1] - weights @ mean)


def _report(questions: list[Question], refused: Any) -> None:
    kinds: dict[str, list[bool]] = defaultdict(list)
    for question, said in zip(questions, refused, strict=True):
        kinds[question.get("kind", question["type"])].append(bool(said))
    for kind, values in sorted(kinds.items()):
        print(f"{kind:<14} {len(values):>4}  refused {np.mean(values):.3f}")


if __name__ == "__main__":
    main()
