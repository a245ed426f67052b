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

from .answer import Status
from .assistant import Assistant
from .followup import standalone, turns
from .opening import build, open_assistant
from .settings import Settings

Question = Mapping[str, Any]
Result = dict[str, Any]

_DEPTH = 20
_COLUMNS = (
    ("hit@1", 1), ("hit@5", 1), ("hit@10", 1), ("all@10", 1), ("recall@20", 1), ("mrr@10", 1), ("nuggets", 1), ("words", 0),
    ("cite_p", 1), ("cite_r", 1), ("cite_f1", 1), ("refused", 1),
)  # fmt: skip


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
    questions: Sequence[Question], settings: Settings, *, corpus: str | None = None, progress: Progress | None = None
) -> list[Result]:
    """Ask every question; one result each. With `corpus`, its papers are indexed first and forgotten afterwards."""
    if corpus is None:
        return _ask_all(open_assistant(settings, progress=progress), questions, progress)
    with tempfile.TemporaryDirectory() as folder:
        build(settings, [corpus], Path(folder), progress=progress)
        return _ask_all(open_assistant(settings, index=folder), questions, progress)


def _ask_all(assistant: Assistant, questions: Sequence[Question], progress: Progress | None) -> list[Result]:
    assistant.ask("warm up")
    results = []
    for done, question in enumerate(questions, 1):
        results.append(measure(assistant, question))
        if progress:
            progress("asking", done, len(questions))
    return results


def measure(assistant: Assistant, question: Question) -> Result:
    """Everything measured of one question: retrieval, the answer's nuggets and citations, the outcome, seconds."""
    gold, text = question["gold_titles"], question["question"]
    started = time.perf_counter()
    answer = assistant.ask(text, question["history"])
    seconds = time.perf_counter() - started
    found = [hit.paper.title for hit in assistant.search(standalone(text, turns(question["history"])), _DEPTH)]
    cited = [paper.title for paper in answer.papers] if answer.status is Status.ANSWERED else []
    ranks = [found.index(title) + 1 for title in gold if title in found]
    result: Result = {
        "id": question.get("id"), "type": question["type"], "question": text, "status": answer.status, "text": answer.text,
        "cited": cited, "found": found[:10], "seconds": seconds, "words": len(re.sub(r"\[\d+\]", "", answer.text).split()),
        "refused": float(answer.status is not Status.ANSWERED), "exact": float(_exact(assistant, answer.citations)),
        "uncited": sum(not sentence.citations for sentence in answer.sentences),
    }  # fmt: skip
    if gold:
        result |= {f"hit@{k}": float(any(rank <= k for rank in ranks)) for k in (1, 5, 10)}
        result |= {"all@10": float(sum(rank <= 10 for rank in ranks) == len(gold)), "recall@20": len(ranks) / len(gold)}
        result["mrr@10"] = max((1 / rank for rank in ranks if rank <= 10), default=0.0)
        result["cite_r"] = len(set(cited) & set(gold)) / len(gold)
    if cited and gold:
        result["cite_p"] = len(set(cited) & set(gold)) / len(cited)
    if gold:
        result["cite_f1"] = 2 * len(set(cited) & set(gold)) / (len(cited) + len(gold))
    if question["nuggets"]:
        result["nuggets"] = statistics.mean(_held(nugget, answer.text) for nugget in question["nuggets"])
    return result


def _held(alternatives: Iterable[str], text: str) -> bool:
    return any(re.search(alternative, text, re.IGNORECASE) for alternative in alternatives)


def _exact(assistant: Assistant, citations: Iterable[Any]) -> bool:
    for citation in citations:
        paper = assistant.index.titled(citation.title)
        if paper is None or paper.abstract[citation.start : citation.end] != citation.quote:
            return False
    return True


def table(results: Sequence[Result]) -> str:
    """The results by question type, as a table of plain text."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[result["type"]].append(result)
    lines = [f"{'type':<14}{'n':>5}" + "".join(f"{name:>11}" for name, _ in _COLUMNS)]
    for kind, group in sorted(groups.items()):
        lines.append(f"{kind:<14}{len(group):>5}" + "".join(_cell(group, name, mean) for name, mean in _COLUMNS))
    seconds = sorted(result["seconds"] for result in results)
    p95 = seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))]
    answerable = [r for r in results if r["type"] != "unanswerable"]
    lines += [
        "",
        f"seconds p50 {statistics.median(seconds):.3f}, p95 {p95:.3f}",
        f"wrongly refused {sum(r['refused'] for r in answerable):.0f} of {len(answerable)} answerable",
        f"quotes that are exact substrings: {sum(r['exact'] for r in results):.0f} of {len(results)} answers; "
        f"sentences without a citation: {sum(r['uncited'] for r in results)}",
    ]
    return "\n".join(lines)


def _cell(group: Sequence[Result], name: str, mean: int) -> str:
    values = [result[name] for result in group if name in result]
    if not values:
        return f"{'-':>11}"
    return f"{statistics.mean(values):>11.3f}" if mean else f"{statistics.median(values):>11.0f}"
