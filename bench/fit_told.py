"""Fit the weights of assistant/told.py: how much what the reader says of a sentence counts in the evidence.

    python bench/fit_told.py INDEX QUESTIONS.jsonl...

Only questions count about papers that bench/fit_reader.py held out: of those that it was taught with the reader is too sure. A
sentence is good if it is one of the question's `states` or, without those, if a nugget matches it. Prints how many questions of
each file find a good sentence among those chosen (four folds of papers), without and with what the reader says, in the words
of an answer by quotes and in seven tenths of them, then writes assistant/told_weights.json. Needs scikit-learn.
"""

import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fitting import Line, held_out, ranking, store, weighed

from assistant import Assistant, open_assistant
from assistant.answerers import Quotes
from assistant.candidates import Candidate
from assistant.evaluate import Question, holds, read_questions
from assistant.evidence import select_told, word_budget
from assistant.told import FEATURES, columns, log_odds
from assistant.weighing import Weighed
from index import title_key

OUT = Path(__file__).parent.parent / "assistant" / "told_weights.json"
FOLDS = 4
LESS = 0.7


@dataclass(frozen=True)
class Row:
    """A question's sentences: what the reader says of them, the log odds before, and which are good."""

    file: str
    fold: int
    found: Weighed
    said: Any
    before: Any
    good: Any
    budget: float


def main(index: str, *paths: str) -> None:
    assistant = open_assistant(index=index, model="quotes")
    folds = {paper.title: place % FOLDS for place, paper in enumerate(assistant.papers) if held_out(paper.title)}
    rows = [
        row
        for path in map(Path, paths)
        for q in read_questions(path)
        if (fold := folds.get(q["gold_titles"][0] if q["gold_titles"] else "")) is not None
        if (row := _row(assistant, path.stem, q, fold)) and row.good.any()
    ]
    served: dict[tuple[str, str], list[float]] = defaultdict(list)
    for fold in range(FOLDS):
        line = _fit([row for row in rows if row.fold != fold])
        for row in (row for row in rows if row.fold == fold):
            after = row.before + row.said @ line.weights + line.intercept
            for name, odds in (("without", row.before), ("with", after)):
                for words in (1.0, LESS):
                    served[row.file, f"{name} {words}"].append(_served(row, 1 / (1 + np.exp(-odds)), words))
    for (file, name), found in sorted(served.items()):
        print(f"{file:<12} {len(found):>5}  {name:<12} {statistics.mean(found):.3f}")
    store(OUT, _fit(rows), FEATURES)


def _row(assistant: Assistant, file: str, q: Question, fold: int) -> Row | None:
    found = weighed(assistant, q)
    if not found.pool:
        return None
    return Row(
        file=file,
        fold=fold,
        found=found,
        said=columns(found.pool, found.readings, found.several),
        before=log_odds(found.likely),
        good=np.array([_good(q, candidate) for candidate in found.pool]),
        budget=word_budget(q["question"], Quotes.words, several=found.wants_several),
    )


def _good(q: Question, candidate: Candidate) -> bool:
    if "states" in q:
        about = title_key(candidate.hit.paper.title) == title_key(q["about"])
        return about and candidate.sentence.number in q["states"]
    return any(holds(nugget, candidate.sentence.text) for nugget in q["nuggets"])


def _fit(rows: Sequence[Row]) -> Line:
    return ranking([(row.said, row.good) for row in rows], before=[row.before for row in rows])


def _served(row: Row, likely: Any, share: float) -> float:
    chosen = select_told(likely, row.found.pool, row.budget * share, row.found.several)
    return float(row.good[chosen].any())


if __name__ == "__main__":
    main(*sys.argv[1:])
