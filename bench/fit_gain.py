"""Fit the weights of assistant/gain.py: how likely a quote adds something to what a small model says already.

    python bench/fit_gain.py INDEX QUESTIONS.jsonl... --said FILE

Of questions that want one paper only those count about papers that bench/fit_reader.py held out: of those that it was taught
with the reader is too sure. The file keeps, in numbers, what is known of each sentence that the model left out of its answer,
and whether that adds a nugget; of a detail that has its words also how much surer the model is of the likeliest sentences
alone than of all that is said. Where there is no such file, the local model is asked every question (some ten seconds each).
Prints, over five folds, how well sentences that add something are told from those that do not (AUC), without and with the
model's odds, then writes assistant/gain_weights.json. Needs scikit-learn.
"""

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fitting import Line, held_out, key, named, odds, regression, store, weighed
from sklearn.metrics import roc_auc_score

from assistant import Assistant, Settings, open_assistant
from assistant.answer import Verdict
from assistant.answerers import Draft
from assistant.evaluate import Question, holds, read_questions
from assistant.evidence import Evidence, beyond, choose, further, glance, told_in_full
from assistant.gain import FEATURES, Gain
from assistant.models import answerer
from assistant.written import DETAIL, Written

OUT = Path(__file__).parent.parent / "assistant" / "gain_weights.json"
_FOLDS = 5
_STEPS = 2
_MOST_ASKED = 3
_LITTLE = 1.0  # damping of the two features of a detail that has its words
Rows = list[tuple[list[float], bool]]  # what is known of a sentence, in the order of FEATURES (and how far the model's odds are
#                                        ahead), and whether it adds a nugget


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index")
    parser.add_argument("questions", nargs="+", type=Path)
    parser.add_argument("--said", type=Path, required=True)
    args = parser.parse_args()
    if not args.said.is_file():
        questions = [q for path in args.questions for q in read_questions(path) if q["nuggets"] and _counts(q)]
        random.Random(0).shuffle(questions)  # so that a run that is cut short has some of each kind
        _ask(args.index, questions, args.said)
    said = [json.loads(line) for line in args.said.read_text(encoding="utf-8").splitlines()]
    fold = np.random.default_rng(0).integers(0, _FOLDS, len(said))
    matrix, adds, parts = _stacked([line["left"] for line in said], fold)
    lines = [regression(matrix[parts != n], adds[parts != n]) for n in range(_FOLDS)]
    print(f"{len(said)} questions, {_told(adds, _held(lines, matrix, parts))}")
    known, still, of = _stacked([line["asked"] for line in said], fold)
    estimate = _held(lines, known[:, :-1], of)
    both = np.column_stack([np.log(estimate / (1 - estimate)), known[:, -1]])
    surer = [regression(both[of != n], still[of != n], damping=_LITTLE) for n in range(_FOLDS)]
    print(f"of details that have their words {_told(still, estimate)}, with odds {_auc(still, _held(surer, both, of))}")
    asked = named(regression(both, still, damping=_LITTLE), ("estimate", "ahead"))
    store(OUT, regression(matrix, adds), FEATURES, {"asked": asked})


def _stacked(rows: Sequence[Rows], fold: Any) -> tuple[Any, Any, Any]:
    """(n, features) of all rows, (n,) whether each adds something, (n,) its question's fold."""
    known, adds = zip(*(row for group in rows for row in group), strict=True)
    return np.array(known), np.array(adds), np.repeat(fold, [len(group) for group in rows])


def _held(lines: Sequence[Line], matrix: Any, fold: Any) -> Any:
    """(n,) estimates, each by the line that knows nothing of its fold."""
    return np.array([lines[n].likely(row) for row, n in zip(matrix, fold, strict=True)])


def _told(adds: Any, estimate: Any) -> str:
    return f"{len(adds)} sentences, {adds.mean():.3f} of them add; AUC {_auc(adds, estimate)}"


def _auc(adds: Any, estimate: Any) -> str:
    return f"{roc_auc_score(adds, estimate):.3f}"


def _ask(index: str, questions: Sequence[Question], path: Path) -> None:
    """What the model leaves out; the file is written as it goes, a line a question."""
    assistant, local = open_assistant(index=index, model="quotes"), answerer(Settings.read(model="local"))
    assert isinstance(local, Written)
    for place, q in enumerate(questions, 1):
        line = {"question": key(q), **_asked(assistant, local, q)}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        print(f"asked {place} of {len(questions)}", flush=True)


def _counts(q: Question) -> bool:
    return q["type"] == "multi" or held_out(q["gold_titles"][0])


def _asked(assistant: Assistant, local: Written, question: Question) -> dict[str, Rows]:
    found = weighed(assistant, question)
    seen, wanted = glance(found, words=local.words), choose(found, words=local.words)
    spare = beyond([*wanted, *further(found, wanted)], seen)
    parts = local.write(question["question"], seen, spare, several=found.wants_several)
    drafts = [part for part in parts if isinstance(part, Draft) and part.verdict is not Verdict.QUOTED]
    evidence, several = [*seen, *spare], found.wants_several
    full = told_in_full(question["question"], several=several)
    asked = [] if full else ahead(question, drafts, evidence, local)
    return {"left": left(question, drafts, evidence, several=several), "asked": asked}


def ahead(question: Question, drafts: Sequence[Draft], evidence: Sequence[Evidence], local: Written) -> Rows:
    """Of the likeliest sentences that a detail of its full length leaves out also how far their odds are above its own."""
    gain = Gain(question["question"], evidence, drafts, several=False)
    said = [*(draft.text for draft in drafts), *(evidence[i].sentence.text for i in gain.adding(DETAIL))]
    spare = sorted((i for i in range(len(evidence)) if not gain.holds(i)), key=lambda i: -gain.of(i))[:_MOST_ASKED]
    if not gain.told or not spare:
        return []
    told, has = odds(local, question["question"], [evidence[i] for i in gain.told]), _holds(question, " ".join(said))
    rows = []
    for i in spare:
        alone = odds(local, question["question"], [evidence[i]])
        rows.append(([*_known(gain, i), round(alone - told, 2)], _adds(question, evidence[i], has)))
    return rows


def left(question: Question, drafts: Sequence[Draft], evidence: Sequence[Evidence], *, several: bool) -> Rows:
    """What is known of every sentence left out, and again when the likeliest of them has been said."""
    texts = [item.sentence.text for item in evidence]
    gain = Gain(question["question"], evidence, drafts, several=several)
    has = _holds(question, " ".join(draft.text for draft in drafts))
    rows: Rows = []
    for _ in range(_STEPS):
        if not (spare := [i for i in range(len(texts)) if not gain.holds(i)]):
            break
        rows += [(_known(gain, i), _adds(question, evidence[i], has)) for i in spare]
        best = gain.foremost(spare)
        gain.say(texts[best], [best])
        has |= _holds(question, texts[best])
    return rows


def _known(gain: Gain, position: int) -> list[float]:
    known = gain.features(position)
    return [round(known[name], 2) for name in FEATURES]


def _adds(question: Question, item: Evidence, has: Any) -> bool:
    return bool((_holds(question, item.sentence.text) & ~has).any())


def _holds(question: Question, text: str) -> Any:
    return np.array([holds(nugget, text) for nugget in question["nuggets"]])


if __name__ == "__main__":
    main()
