"""Measure answers on a file of questions.

A question is an object a line: `type`, `question`, `gold_titles` (the papers that answer it; none for unanswerable ones),
`nuggets` (each a list of alternative regular expressions, found when one of them matches) and, for follow-ups, `history`
((question, answer) pairs).
"""

import json
import random
import re
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from index import BadRecord, NoSuchPath, Progress

from .answer import Answer, Status
from .assistant import Assistant
from .attribution import Entails, attribution, by_checker, entailment_model
from .followup import standalone, turns
from .opening import build, open_assistant
from .settings import Settings

Question = Mapping[str, Any]
Result = dict[str, Any]

_DEPTH = 20
_COLUMNS = (
    "hit@1", "hit@5", "hit@10", "all@10", "recall@20", "mrr@10", "nuggets", "words", "cite_p", "cite_r", "cite_f1", "supported",
    "alce_p", "refused", "correct",
)  # fmt: skip
_RESAMPLES = 2000


def read_questions(path: Path, *, sample: int | None = None) -> list[Question]:
    """The questions of a file, or `sample` of them drawn by a fixed seed, each type in proportion.

    Raises NoSuchPath, BadRecord.
    """
    if not path.is_file():
        raise NoSuchPath(path)
    questions: list[Question] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                record = json.loads(line)
                questions.append({"type": "question", "gold_titles": [], "nuggets": [], "history": [], **record})
                _ = record["question"]
            except (ValueError, KeyError, TypeError) as exc:
                raise BadRecord(path, number, f"expected an object with a question ({exc})") from exc
    if not sample or sample >= len(questions):
        return questions
    share = sample / len(questions)
    drawn = random.Random(0)
    kinds = sorted({q["type"] for q in questions})
    groups = [[q for q in questions if q["type"] == kind] for kind in kinds]
    return [q for group in groups for q in drawn.sample(group, max(1, round(len(group) * share)))]


def evaluate(
    questions: Sequence[Question],
    settings: Settings,
    *,
    corpus: str | None = None,
    entailment: str | None = None,
    progress: Progress | None = None,
) -> list[Result]:
    """Ask every question; one result each.

    With `corpus`, its papers are indexed first and forgotten afterwards. `entailment` names the model that judges whether
    quotes carry sentences; without it the product's own check does.
    """
    entails = entailment_model(entailment) if entailment else by_checker
    if corpus is None:
        return _ask_all(open_assistant(settings, progress=progress), questions, entails, progress)
    with tempfile.TemporaryDirectory() as folder:
        build(settings, [corpus], Path(folder), progress=progress)
        return _ask_all(open_assistant(settings, index=folder), questions, entails, progress)


def _ask_all(assistant: Assistant, questions: Sequence[Question], entails: Entails, progress: Progress | None) -> list[Result]:
    assistant.warm()
    results = []
    for done, question in enumerate(questions, 1):
        results.append(measure(assistant, question, entails))
        if progress:
            progress("asking", done, len(questions))
    return results


def measure(assistant: Assistant, question: Question, entails: Entails = by_checker) -> Result:
    """Everything measured of one question: retrieval, the answer's nuggets and citations, the outcome, seconds."""
    started = time.perf_counter()
    answer = assistant.ask(question["question"], question["history"])
    seconds = time.perf_counter() - started
    answered = answer.status is Status.ANSWERED
    cited = {paper.title for paper in answer.papers} if answered else set()
    result: Result = {
        "id": question.get("id"), "type": question["type"], "question": question["question"], "status": answer.status,
        "text": answer.text, "query": answer.query, "cited": sorted(cited), "seconds": seconds, "tokens": dict(answer.tokens),
        "words": len(re.sub(r"\[\d+\]", "", answer.text).split()), "refused": float(not answered),
        "exact": float(_exact(assistant, answer)), "uncited": sum(not sentence.citations for sentence in answer.sentences),
        "note": answer.note,
    }  # fmt: skip
    result |= _retrieval(assistant, question) | _citations(question, answer, cited, entails)
    if question["nuggets"]:
        result["nuggets"] = statistics.mean(holds(nugget, answer.text) for nugget in question["nuggets"])
    result["correct"] = float(_correct(question, result))
    return result


def _retrieval(assistant: Assistant, question: Question) -> Result:
    gold = question["gold_titles"]
    if not gold:
        return {}
    query = standalone(question["question"], turns(question["history"]))
    found = [hit.paper.title for hit in assistant.search(query, _DEPTH)]
    ranks = [found.index(title) + 1 for title in gold if title in found]
    hits = {f"hit@{k}": float(any(rank <= k for rank in ranks)) for k in (1, 5, 10)}
    return hits | {
        "found": found[:10],
        "all@10": float(sum(rank <= 10 for rank in ranks) == len(gold)),
        "recall@20": len(ranks) / len(gold),
        "mrr@10": max((1 / rank for rank in ranks if rank <= 10), default=0.0),
    }


def _citations(question: Question, answer: Answer, cited: set[str], entails: Entails) -> Result:
    gold, right = set(question["gold_titles"]), len(cited & set(question["gold_titles"]))
    result: Result = {}
    if gold:
        result |= {"cite_r": right / len(gold), "cite_f1": 2 * right / (len(cited) + len(gold))}
    if gold and cited:
        result["cite_p"] = right / len(cited)
    carried = attribution(answer, entails)
    if carried.sentences:
        result |= {"supported": carried.recalled / carried.sentences, "alce_p": carried.precise / max(carried.citations, 1)}
    return result


def _correct(question: Question, result: Result) -> bool:
    """Refused where nothing could be said; else at least half of the nuggets or, where there are none, of the papers."""
    if not question["gold_titles"]:
        return bool(result["refused"])
    share: float = result["nuggets"] if "nuggets" in result else result["cite_f1"]
    return not result["refused"] and share >= 0.5


def holds(alternatives: Iterable[str], text: str) -> bool:
    """Whether a text has a nugget: one of its alternatives, as regular expressions, matches."""
    return any(re.search(alternative, text, re.IGNORECASE) for alternative in alternatives)


def _exact(assistant: Assistant, answer: Answer) -> bool:
    for citation in answer.citations:
        paper = assistant.index.titled(citation.title)
        if paper is None or paper.abstract[citation.start : citation.end] != citation.quote:
            return False
    return True


def table(results: Sequence[Result]) -> str:
    """The results by question type, as a table of plain text."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[result["type"]].append(result)
    lines = [f"{'type':<13}{'n':>4}" + "".join(f"{name:>10}" for name in _COLUMNS)]
    for kind, group in sorted(groups.items()):
        lines.append(f"{kind:<13}{len(group):>4}" + "".join(_cell(group, name) for name in _COLUMNS))
    seconds = sorted(result["seconds"] for result in results)
    p95 = seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))]
    answerable = [r for r in results if "hit@1" in r]
    answered = [r for r in results if not r["refused"]]
    lines += [
        "",
        f"words in the median answer {statistics.median(r['words'] for r in results):.0f}",
        f"seconds p50 {statistics.median(seconds):.3f}, p95 {p95:.3f}",
        f"wrongly refused {sum(r['refused'] for r in answerable):.0f} of {len(answerable)} answerable",
        f"correct {sum(r['correct'] for r in results):.0f} of {len(results)} asked, "
        f"{sum(r['correct'] for r in answered):.0f} of {len(answered)} answered",
        f"quotes that are exact substrings: {sum(r['exact'] for r in results):.0f} of {len(results)} answers; "
        f"sentences without a citation: {sum(r['uncited'] for r in results)}",
    ]
    return "\n".join(lines)


def _cell(group: Sequence[Result], name: str) -> str:
    values = [result[name] for result in group if name in result]
    if not values:
        return f"{'-':>10}"
    return f"{statistics.median(values):>10.0f}" if name == "words" else f"{statistics.mean(values):>10.3f}"


def change(results: Sequence[Result], baseline: Sequence[Result]) -> str:
    """How the measures changed since an earlier run of the same questions, with paired bootstrap 95% intervals."""
    before = {(result["id"], result["question"]): result for result in baseline}
    pairs = [(result, before[key]) for result in results if (key := (result["id"], result["question"])) in before]
    lines = [f"change over {len(pairs)} questions asked before (95% of paired resamples)"]
    drawn = random.Random(0)
    for name in (*_COLUMNS, "seconds"):
        gains = [now[name] - then[name] for now, then in pairs if name in now and name in then]
        if not gains:
            continue
        means = sorted(statistics.fmean(drawn.choices(gains, k=len(gains))) for _ in range(_RESAMPLES))
        low, high = means[int(0.025 * _RESAMPLES)], means[int(0.975 * _RESAMPLES)]
        lines.append(f"{name:<10} {statistics.fmean(gains):>+8.3f}  [{low:+.3f}, {high:+.3f}]  n={len(gains)}")
    return "\n".join(lines)
