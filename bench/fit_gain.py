"""Fit the weights of assistant/gain.py: how likely a quote adds something to what a small model says already.

    python bench/fit_gain.py INDEX QUESTIONS.jsonl... --said FILE

The file keeps, in numbers, what is known of each sentence that the model left out of its answer, and whether that adds a
nugget; where there is no such file, the local model is asked every question (some six seconds each). Prints, over five
folds, how well sentences that add something are told from those that do not (AUC), then writes
assistant/gain_weights.json. Needs scikit-learn.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fitting import key, regression, store, weighed
from sklearn.metrics import roc_auc_score

from assistant import Assistant, Settings, open_assistant
from assistant.answer import Verdict
from assistant.answerers import Answerer, Draft
from assistant.evaluate import Question, holds, read_questions
from assistant.evidence import Evidence, beyond, choose, further, glance
from assistant.gain import FEATURES, Gain
from assistant.models import answerer

OUT = Path(__file__).parent.parent / "assistant" / "gain_weights.json"
_FOLDS = 5
_STEPS = 2
Rows = list[tuple[list[float], bool]]  # what is known of a sentence, in the order of FEATURES, and whether it adds a nugget


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index")
    parser.add_argument("questions", nargs="+", type=Path)
    parser.add_argument("--said", type=Path, required=True)
    args = parser.parse_args()
    if not args.said.is_file():
        _ask(args.index, [q for path in args.questions for q in read_questions(path) if q["nuggets"]], args.said)
    said: list[Rows] = [json.loads(line)["left"] for line in args.said.read_text(encoding="utf-8").splitlines()]
    group = np.array([n for n, rows in enumerate(said) for _ in rows])
    matrix = np.array([known for rows in said for known, _ in rows])
    adds = np.array([good for rows in said for _, good in rows])
    fold = np.random.default_rng(0).integers(0, _FOLDS, len(said))[group]
    held = np.zeros(len(adds))
    for n in range(_FOLDS):
        held[fold == n] = regression(matrix[fold != n], adds[fold != n]).likely(matrix[fold == n])
    print(f"{len(said)} questions, {len(adds)} sentences, {adds.mean():.3f} of them add; AUC {roc_auc_score(adds, held):.3f}")
    store(OUT, regression(matrix, adds), FEATURES)


def _ask(index: str, questions: Sequence[Question], path: Path) -> None:
    """What the model leaves out; the file is written as it goes, a line a question."""
    assistant, local = open_assistant(index=index, model="quotes"), answerer(Settings.read(model="local"))
    for place, q in enumerate(questions, 1):
        line = {"question": key(q), "left": _asked(assistant, local, q)}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        print(f"asked {place} of {len(questions)}", flush=True)


def _asked(assistant: Assistant, local: Answerer, question: Question) -> Rows:
    found = weighed(assistant, question)
    seen, wanted = glance(found, words=local.words), choose(found, words=local.words)
    spare = beyond([*wanted, *further(found, wanted)], seen)
    parts = local.write(question["question"], seen, spare, several=found.wants_several)
    drafts = [part for part in parts if isinstance(part, Draft) and part.verdict is not Verdict.QUOTED]
    return left(question, drafts, [*seen, *spare], several=found.wants_several)


def left(question: Question, drafts: Sequence[Draft], evidence: Sequence[Evidence], *, several: bool) -> Rows:
    """What is known of every sentence left out, and again when the likeliest of them has been said."""
    texts = [item.sentence.text for item in evidence]
    gain = Gain(question["question"], evidence, several=several)
    for draft in drafts:
        gain.say(draft.text, draft.evidence)
    has = _holds(question, " ".join(draft.text for draft in drafts))
    rows: Rows = []
    for _ in range(_STEPS):
        if not (spare := [i for i in range(len(texts)) if not gain.holds(i)]):
            break
        rows += [(_known(gain, i), bool((_holds(question, texts[i]) & ~has).any())) for i in spare]
        best = gain.foremost(spare)
        gain.say(texts[best], [best])
        has |= _holds(question, texts[best])
    return rows


def _known(gain: Gain, position: int) -> list[float]:
    known = gain.features(position)
    return [round(known[name], 2) for name in FEATURES]


def _holds(question: Question, text: str) -> Any:
    return np.array([holds(nugget, text) for nugget in question["nuggets"]])


if __name__ == "__main__":
    main()
