"""Fit the weights of assistant/several.py: whether a question wants several papers side by side.

    python bench/fit_several.py INDEX QUESTIONS.jsonl...

Questions of type multi want several papers, all others one; lists and follow-ups are left out. Prints how many of each type
are taken for wanting several (five folds), then writes assistant/several_weights.json. Needs scikit-learn.
"""

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from fitting import Line, regression, store
from sklearn.model_selection import StratifiedKFold

from assistant import Assistant, Settings, open_assistant
from assistant.candidates import candidates
from assistant.evaluate import Question, read_questions
from assistant.nearness import nearness
from assistant.parts import with_parts
from assistant.several import FEATURES, features

OUT = Path(__file__).parent.parent / "assistant" / "several_weights.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index")
    parser.add_argument("questions", nargs="+", type=Path)
    args = parser.parse_args()
    assistant = open_assistant(index=args.index, model="quotes")
    asked = [q for path in args.questions for q in read_questions(path) if q["gold_titles"] and q["type"] != "list"]
    questions = [q for q in asked if not q["history"]]
    matrix = np.array([_row(assistant, q) for q in questions])
    several = np.array([q["type"] == "multi" for q in questions])
    held = np.zeros(len(questions))
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(matrix, several):
        held[test] = _fit(matrix[train], several[train]).likely(matrix[test])
    taken: dict[str, list[bool]] = defaultdict(list)
    for question, likely in zip(questions, held, strict=True):
        taken[question["type"]].append(bool(likely > 0.5))
    for kind, said in sorted(taken.items()):
        print(f"{kind:<12} {len(said):>4}  taken for several {np.mean(said):.3f}")
    store(OUT, _fit(matrix, several), FEATURES)


def _row(assistant: Assistant, q: Question) -> list[float]:
    question = q["question"]
    hits, _ = with_parts(question, assistant.search(question, Settings.read().papers), assistant.index)
    pool = candidates(hits, assistant.index)
    known = features(question, pool, nearness(question, pool, assistant.index))
    return [known[name] for name in FEATURES]


def _fit(matrix: Any, several: Any) -> Line:
    return regression(matrix, several, damping=3.0, balanced=True)


if __name__ == "__main__":
    main()
