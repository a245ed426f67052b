"""Fit assistant/sufficiency.py: when the papers found do not hold what is asked.

    python bench/fit_sufficiency.py INDEX QUESTIONS.jsonl... [--out FILE] [--wrongly 0.028]

Questions without gold papers are unanswerable; those for lists are left out, they are never refused here. Prints, over
five folds, how many of each type would be refused where at most `--wrongly` of the answerable ones are, then writes
weights and threshold. To calibrate on a corpus of your own, ask some forty questions that it answers and some forty that
it does not, and name the file in the setting SUFFICIENCY.
Needs scikit-learn.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assistant import Assistant, open_assistant
from assistant.evaluate import Question, read_questions
from assistant.evidence import weigh
from assistant.followup import standalone, turns
from assistant.lists import asks_list
from assistant.sufficiency import features

OUT = Path(__file__).parent.parent / "assistant" / "sufficiency_weights.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index")
    parser.add_argument("questions", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--wrongly", type=float, default=0.028)
    args = parser.parse_args()
    assistant = open_assistant(index=args.index, model="quotes")
    questions = [q for path in args.questions for q in read_questions(path) if not asks_list(q["question"])]
    known = [_known(assistant, q) for q in questions]
    names = sorted(known[0])
    matrix = np.array([[row[name] for name in names] for row in known])
    refuse = np.array([not q["gold_titles"] for q in questions])
    held = np.zeros(len(questions))
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(matrix, refuse):
        held[test] = _fit(matrix[train], refuse[train]).predict_proba(matrix[test])[:, 1]
    threshold = float(np.quantile(held[~refuse], 1 - args.wrongly))
    _report(questions, held > threshold)
    scaler, regression = _fit(matrix, refuse)
    weights = regression.coef_[0] / scaler.scale_
    intercept = float(regression.intercept_[0] - weights @ scaler.mean_)
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


def _fit(matrix: Any, refuse: Any) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.2, max_iter=3000)).fit(matrix, refuse)


def _report(questions: list[Question], refused: Any) -> None:
    kinds: dict[str, list[bool]] = defaultdict(list)
    for question, said in zip(questions, refused, strict=True):
        kinds[question.get("kind", question["type"])].append(bool(said))
    for kind, values in sorted(kinds.items()):
        print(f"{kind:<14} {len(values):>4}  refused {np.mean(values):.3f}")


if __name__ == "__main__":
    main()
