"""Fit the weights of assistant/weighing.py on questions whose answers are known.

    python bench/fit_evidence.py INDEX QUESTIONS.jsonl...

A sentence counts as good if a nugget of the question matches it. Prints how well held-out questions are served (nuggets
and words by question type, five folds), then writes assistant/evidence_weights.json. Whether a question wants several papers
is taken from assistant/several.py, which is fitted before, on these questions too. Needs scikit-learn.
"""

import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from fitting import Line, ranking, store

from assistant import Settings, open_assistant
from assistant.answerers import Quotes
from assistant.candidates import candidates
from assistant.evaluate import holds, read_questions
from assistant.evidence import select, word_budget
from assistant.followup import standalone, turns
from assistant.nearness import nearness
from assistant.parts import with_parts
from assistant.several import likely_several
from assistant.weighing import FEATURES, features

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
            held[row["type"]].append(_served(row, model.likely(row["X"])))
    for kind, found in sorted(held.items()):
        nuggets, words = zip(*found, strict=True)
        print(f"{kind:<12} {len(found):>4}  nuggets {statistics.mean(nuggets):.3f}  words {statistics.median(words):.0f}")
    store(OUT, _fit(rows), FEATURES)


def _row(assistant: Any, question: Any) -> dict[str, Any] | None:
    query = standalone(question["question"], turns(question["history"]))
    hits, _ = with_parts(query, assistant.search(query, Settings.read().papers), assistant.index)
    pool = candidates(hits, assistant.index)
    if not pool:
        return None
    asked = question["question"]
    near = nearness(asked, pool, assistant.index)
    several = likely_several(asked, query, pool, near)
    columns = features(asked, query, pool, near, assistant.index, several)
    return {
        "type": question["type"],
        "pool": pool,
        "X": np.stack([columns[name] for name in FEATURES], axis=1),
        "nuggets": np.array([[holds(nugget, c.sentence.text) for nugget in question["nuggets"]] for c in pool]),
        "several": several,
        "budget": word_budget(asked, Quotes.words, several=several > 0.5),
    }


def _fit(rows: list[dict[str, Any]]) -> Line:
    good = [(row["X"], row["nuggets"].any(axis=1)) for row in rows]
    return ranking([(matrix, labels) for matrix, labels in good if labels.any()])


def _served(row: dict[str, Any], likely: Any) -> tuple[float, int]:
    chosen = select(likely, row["pool"], row["budget"], row["several"])
    words = sum(len(row["pool"][i].sentence.text.split()) for i in chosen)
    return float(row["nuggets"][chosen].any(axis=0).mean()), words


if __name__ == "__main__":
    main(*sys.argv[1:])
