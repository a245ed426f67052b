"""Fit assistant/sufficiency.py: when the papers found do not hold what is asked.

    python bench/fit_sufficiency.py INDEX QUESTIONS.jsonl... [--out FILE] [--wrongly 0.045]

Questions without gold papers are unanswerable. Prints, over five folds, how many of each type would be refused where at
most `--wrongly` of the answerable ones are, then writes trees and threshold. To calibrate on a corpus of your own, ask
some forty questions that it answers and some forty that it does not, and name the file in the setting SUFFICIENCY.
Needs scikit-learn.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold

from assistant import Assistant, open_assistant
from assistant.evaluate import Question, read_questions
from assistant.evidence import weigh
from assistant.followup import standalone, turns
from assistant.sufficiency import features, missing

OUT = Path(__file__).parent.parent / "assistant" / "sufficiency_model.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index")
    parser.add_argument("questions", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--wrongly", type=float, default=0.045)
    args = parser.parse_args()
    assistant = open_assistant(index=args.index, model="quotes")
    questions = [q for path in args.questions for q in read_questions(path)]
    known = [_known(assistant, q) for q in questions]
    names = sorted(known[0])
    matrix = np.array([[row[name] for name in names] for row in known])
    refuse = np.array([not q["gold_titles"] for q in questions])
    held = np.zeros(len(questions))
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(matrix, refuse):
        held[test] = _fit(matrix[train], refuse[train]).predict_proba(matrix[test])[:, 1]
    threshold = float(np.quantile(held[~refuse], 1 - args.wrongly))
    _report(questions, held > threshold)
    model = _fit(matrix, refuse)
    trees = _exported(model, names, threshold)
    worst = max(abs(missing(row, trees) - p) for row, p in zip(known, model.predict_proba(matrix)[:, 1], strict=True))
    assert worst < 1e-3, f"the trees written differ from those fitted by {worst}"
    args.out.write_text(json.dumps(trees) + "\n", encoding="utf-8")


def _known(assistant: Assistant, question: Question) -> dict[str, float]:
    query = standalone(question["question"], turns(question["history"]))
    hits = assistant.search(query, assistant.settings.papers)
    return features(weigh(question["question"], query, hits, assistant.index), assistant.index)


def _fit(matrix: Any, refuse: Any) -> Any:
    model = HistGradientBoostingClassifier(max_depth=3, max_iter=120, learning_rate=0.06, min_samples_leaf=15, random_state=0)
    return model.fit(matrix, refuse)


def _exported(model: Any, names: list[str], threshold: float) -> dict[str, Any]:
    """The trees as lists by node: the feature split on (none at a leaf), where, both ways on, the leaf's value."""
    trees = []
    for (predictor,) in model._predictors:  # scikit-learn has no public way to them
        nodes = predictor.nodes
        trees.append(
            {
                "feature": [None if n["is_leaf"] else names[n["feature_idx"]] for n in nodes],
                "threshold": [float(n["num_threshold"]) for n in nodes],
                "left": [int(n["left"]) for n in nodes],
                "right": [int(n["right"]) for n in nodes],
                "value": [round(float(n["value"]), 6) for n in nodes],
            }
        )
    return {"threshold": round(threshold, 4), "baseline": float(np.ravel(model._baseline_prediction)[0]), "trees": trees}


def _report(questions: list[Question], refused: Any) -> None:
    kinds: dict[str, list[bool]] = defaultdict(list)
    for question, said in zip(questions, refused, strict=True):
        kinds[question.get("kind", question["type"])].append(bool(said))
    for kind, values in sorted(kinds.items()):
        print(f"{kind:<14} {len(values):>4}  refused {np.mean(values):.3f}")


if __name__ == "__main__":
    main()
