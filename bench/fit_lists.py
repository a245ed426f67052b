"""Fit the weights of assistant/lists.py on list questions whose papers are known.

    python bench/fit_lists.py INDEX QUESTIONS.jsonl... [--threshold 0.4]

Prints F1 of held-out questions (six folds) at the threshold, then writes assistant/list_weights.json. Needs scikit-learn.
"""

import argparse
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from fitting import Line, regression, store

from assistant import Assistant, open_assistant
from assistant.evaluate import Question, read_questions
from assistant.lists import FEATURES, features, topic

OUT = Path(__file__).parent.parent / "assistant" / "list_weights.json"
FOLDS = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index")
    parser.add_argument("questions", nargs="+", type=Path)
    parser.add_argument("--threshold", type=float, default=0.4)
    args = parser.parse_args()
    assistant = open_assistant(index=args.index, model="quotes")
    rows = [_row(assistant, q) for path in args.questions for q in read_questions(path) if q["type"] == "list"]
    found = []
    for fold in range(FOLDS):
        model = _fit([row for i, row in enumerate(rows) if i % FOLDS != fold])
        found += [_f1(row, model.likely(row[0]) > args.threshold) for row in rows[fold::FOLDS]]
    print(f"{len(rows)} questions, F1 {statistics.mean(found):.3f}")
    store(OUT, _fit(rows), FEATURES, {"threshold": args.threshold})


def _row(assistant: Assistant, question: Question) -> tuple[Any, Any, int]:
    about = topic(question["question"])
    hits = assistant.search(about, 60)
    matrix, _ = features(about, hits, assistant.index)
    gold = set(question["gold_titles"])
    return matrix, np.array([hit.paper.title in gold for hit in hits]), len(gold)


def _fit(rows: list[tuple[Any, Any, int]]) -> Line:
    return regression(np.vstack([row[0] for row in rows]), np.concatenate([row[1] for row in rows]))


def _f1(row: tuple[Any, Any, int], kept: Any) -> float:
    _, belongs, total = row
    return float(2 * (belongs & kept).sum() / (kept.sum() + total))


if __name__ == "__main__":
    main()
