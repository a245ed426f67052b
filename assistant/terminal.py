"""How things look in a terminal: answers, progress, the summary of a build."""

import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from index import BuildReport, IndexCheck, IndexStatus, Progress, readable

from .answer import Answer

if TYPE_CHECKING:
    from .assistant import Assistant

_WIDTH = 100
_SHOWN_PROBLEMS = 10
_SHOWN_SOURCES = 20
_PLAIN_EVERY = 5.0


def shown(answer: Answer, *, quotes: bool = False) -> str:
    """An answer with its numbered papers and, if wanted, the words quoted."""
    return "\n\n".join(part for part in (_wrapped(answer.text), below(answer, quotes=quotes)) if part)


def below(answer: Answer, *, quotes: bool = False) -> str:
    """What stands under an answer's text: its papers, its quotes, its note."""
    lines = []
    for number, paper in enumerate(answer.papers, 1) if answer.citations else ():
        lines.append(f"[{number}] {readable(paper.title)}" + (f"  {paper.url}" if paper.url else ""))
        if quotes:
            said = [readable(c.quote) for c in answer.citations if c.number == number]
            lines += [textwrap.fill(f'"{quote}"', _WIDTH, initial_indent="    ", subsequent_indent="    ") for quote in said]
    if answer.note:
        lines.append(f"({answer.note})")
    return "\n".join(lines)


def welcome(assistant: "Assistant") -> str:
    """The first line of a chat."""
    papers = len(assistant.index.papers)
    return f"{papers} papers, answers by {assistant.model}. Ask away; an empty line ends."


def summary(report: BuildReport, folder: Path, *, dry_run: bool) -> str:
    """What a build did, or would do, as a small table; unusable records with file and line."""
    would = "would be " if dry_run else ""
    rows = [
        ("new", report.new),
        ("changed", report.changed),
        ("unchanged", report.unchanged),
        ("removed", report.removed),
        ("duplicates merged", report.duplicates),
        ("could not be used", report.problem_count),
    ]
    lines = [f"{count:>9,}  {would if name in ('new', 'changed', 'removed') else ''}{name}" for name, count in rows if count]
    lines.append(f"{report.papers:>9,}  papers in {folder}" + (f", {report.passages:,} passages" if report.passages else ""))
    took = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.seconds.items() if seconds >= 0.05)
    lines += [f"           ({took})"] if took else []
    lines += [f"  repaired: {problem}" for problem in report.repaired]
    lines += [f"  {problem}" for problem in report.problems[:_SHOWN_PROBLEMS]]
    if report.problem_count > _SHOWN_PROBLEMS:
        lines.append(f"  ... and {report.problem_count - _SHOWN_PROBLEMS} more")
    return "\n".join(lines)


def status(found: IndexStatus) -> str:
    """What is in an index, and what a build is doing there."""
    rows = [("index", found.folder)]
    if found.built:
        rows += [
            ("papers", f"{found.papers:,}"),
            ("passages", f"{found.passages:,}"),
            ("model", " and ".join(name for name in (found.model, found.second_model) if name)),
            ("built", found.built + (f" from {found.corpus}" if found.corpus else "")),
        ]
    else:
        rows.append(("papers", "none: no build has been completed yet"))
    rows.append(("size", _size(found.size)))
    if found.builder:
        rows.append(("build", f"{found.builder} is building; until it is done, the index is served as it was"))
    elif found.unfinished:
        kept = f"one was stopped and left {_size(found.unfinished)}; `paper-assistant index PATH...` continues it"
        rows.append(("build", kept))
    most = sorted(found.sources.items(), key=lambda item: -item[1])
    rows += [("sources", f"{count:,} from {source}") for source, count in most[:_SHOWN_SOURCES]]
    if len(most) > _SHOWN_SOURCES:
        rows.append(("", f"and {len(most) - _SHOWN_SOURCES:,} more"))
    return "\n".join(f"{name:9} {value}" for name, value in rows)


def verdict(found: IndexCheck) -> str:
    """Whether an index is whole; if not, what is wrong and what to do."""
    if not found.faults:
        return f"{found.folder}: whole; {found.papers:,} papers, {found.passages:,} passages, vectors and words agree"
    lines = [f"{found.folder}: damaged", *(f"  {fault.part}: {fault.problem}" for fault in found.faults), f"{found.remedy}"]
    return "\n".join(lines)


@contextmanager
def progress() -> Iterator[Progress]:
    """Somewhere to report progress to: a bar with rate and time left on a terminal, plain lines elsewhere; on stderr."""
    if sys.stderr.isatty():
        with _bar() as report:
            yield report
    else:
        yield _plain()


def _plain() -> Progress:
    running, untold, told = "", "", 0.0

    def tell(line: str) -> None:
        nonlocal untold, told
        untold, told = "", time.monotonic()
        print(line, file=sys.stderr, flush=True)

    def report(stage: str, done: int, total: int | None) -> None:
        nonlocal running, untold
        line = f"{stage} {done}" + (f" of {total}" if total else "")
        if stage != running and untold:  # how the stage before this one ended
            tell(untold)
        if stage != running or time.monotonic() - told >= _PLAIN_EVERY or done == total:
            tell(line)
        else:
            untold = line
        running = stage

    return report


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.{task.speed < 10:d}f} papers/s" if task.speed else "", style="dim")

    bar = Progress(
        TextColumn("{task.description:>16}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    tasks: dict[str, TaskID] = {}

    def report(stage: str, done: int, total: int | None) -> None:
        if stage not in tasks:
            for before in bar.tasks:  # only now is it known how much there was
                if before.total is None:
                    bar.update(before.id, total=before.completed)
            tasks[stage] = bar.add_task(stage, total=total)
        bar.update(tasks[stage], completed=done, total=total)

    with bar:
        yield report


def _size(count: float) -> str:
    """A number of bytes as one would say it."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.fill(line, _WIDTH, break_long_words=False, break_on_hyphens=False) for line in text.splitlines())
