"""Fit assistant/sufficiency.py: when the papers found do not hold what is asked.

    python bench/fit_sufficiency.py INDEX QUESTIONS.jsonl... [--out FILE] [--wrongly 0.05] [--unseen]

Questions without gold papers are unanswerable; those for lists are left out, they are never refused here. Prints, over five
folds, dealt five times, how many of each type would be refused where at most `--wrongly` of the answerable ones are (every file
of them counts alike), then writes trees and thresholds. To calibrate on a corpus of your own, ask some forty questions that it
answers and some forty that it does not, and name the file in the setting SUFFICIENCY.

One forest does without the reader, one knows what it says; either may refuse, so that each is given half of `--wrongly`. The
reader is too sure of papers that it was taught with: with `--unseen` only those questions count, where it has a say, for which
a paper is found first that bench/fit_reader.py held out. That is for the corpus that it was taught on; on any other leave it
out.
Needs scikit-learn.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from fitting import held_out, weighed
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold

from assistant import open_assistant
from assistant.evaluate import Question, read_questions
from assistant.lists import asks_list
from assistant.sufficiency import READINGS, features

AGAINST = {
    "names absent",
    "names nowhere",
    "number nowhere",
    "asks number",
    "asks count",
    "has focus",
    "names unseen",
    "content unseen",
}
_TIMES = 5
FREE = {"asks how", "asks several", "follow-up"}
OUT = Path(__file__).parent.parent / "assistant" / "sufficiency_trees.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index")
    parser.add_argument("questions", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--wrongly", type=float, default=0.05)
    parser.add_argument("--unseen", action="store_true")
    args = parser.parse_args()
    assistant = open_assistant(index=args.index, model="quotes")
    files = [[q for q in read_questions(path) if not asks_list(q["question"])] for path in args.questions]
    questions = [q for file in files for q in file]
    shares = np.array([1 / len(file) for file in files for _ in file])
    seen = [weighed(assistant, q) for q in questions]
    read = [features(one, assistant.index) for one in seen]
    known = [{name: value for name, value in row.items() if name not in READINGS} for row in read]
    forests = {"alone": _fitted(questions, known, shares, args.wrongly / 2)}
    fresh = [i for i, one in enumerate(seen) if not args.unseen or (one.pool and held_out(one.hits[0].paper.title))]
    forests["read"] = _fitted([questions[i] for i in fresh], [read[i] for i in fresh], shares[fresh], args.wrongly / 2)
    args.out.write_text(json.dumps(forests, separators=(",", ":")) + "\n", encoding="utf-8")


def _fitted(questions: list[Question], known: list[dict[str, float]], shares: Any, wrongly: float) -> dict[str, Any]:
    names = sorted(known[0])
    matrix = np.array([[row[name] for name in names] for row in known])
    refuse = np.array([not q["gold_titles"] for q in questions])
    thresholds, refused = [], np.zeros(len(questions))
    for seed in range(_TIMES):  # where the questions are few, much hangs on how they are dealt
        held = np.zeros(len(questions))
        for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(matrix, refuse):
            held[test] = _grown(names, matrix[train], refuse[train]).predict_proba(matrix[test])[:, 1]
        thresholds.append(_threshold(held[~refuse], shares[~refuse], wrongly))
        refused += (held > thresholds[-1]) / _TIMES
    _report(questions, refused)
    return {"threshold": round(float(np.mean(thresholds)), 4), **_exported(_grown(names, matrix, refuse), names)}


def _threshold(scores: Any, shares: Any, wrongly: float) -> float:
    """The score that only `wrongly` of the answerable questions lie above, each file of them counting alike."""
    order = np.argsort(-scores)
    above = np.cumsum(shares[order]) / shares.sum()
    return float(scores[order][np.searchsorted(above, wrongly)])


def _grown(names: list[str], matrix: Any, refuse: Any) -> HistGradientBoostingClassifier:
    """A few small trees that can only go the way they should."""
    ways = [0 if name in FREE else 1 if name in AGAINST else -1 for name in names]
    trees = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=4, learning_rate=0.1, min_samples_leaf=15, l2_regularization=1.0,
        monotonic_cst=ways, class_weight="balanced", random_state=0,
    )  # fmt: skip
    return trees.fit(matrix, refuse)


def _exported(trees: HistGradientBoostingClassifier, names: list[str]) -> dict[str, Any]:
    """The trees as lists of nodes: [value] for a leaf, else [feature, at most, left, right]."""
    return {
        "base": round(float(np.ravel(trees._baseline_prediction)[0]), 5),
        "trees": [
            [
                [round(float(node["value"]), 5)]
                if node["is_leaf"]
                else [names[node["feature_idx"]], round(float(node["num_threshold"]), 6), int(node["left"]), int(node["right"])]
                for node in grown[0].nodes
            ]
            for grown in trees._predictors
        ],
    }


def _report(questions: list[Question], refused: Any) -> None:
    kinds: dict[str, list[float]] = defaultdict(list)
    for question, share in zip(questions, refused, strict=True):
        kinds[question.get("kind", question["type"])].append(share)
    for kind, values in sorted(kinds.items()):
        print(f"{kind:<14} {len(values):>4}  refused {np.mean(values):.3f}")
    print()


if __name__ == "__main__":
    main()
