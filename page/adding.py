"""A file dropped on the page, into the index."""

import base64
import binascii
import queue
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from assistant import QuestionError

from .cards import View

if TYPE_CHECKING:
    from assistant import Assistant, BuildReport

LARGEST = 100 * 2**20

_SHOWN_PROBLEMS = 20


def add_file(assistant: "Assistant", name: str, content: str) -> Iterator[View]:
    """Index one file, its `content` in base 64: {"stage", "done", "total"} as it goes, then {"summary": ...}.

    Raises PaperError.
    """
    try:
        data = base64.b64decode(content, validate=True)
    except binascii.Error as exc:
        raise QuestionError(f"{name!r} did not arrive whole; drop it again") from exc
    if len(data) > LARGEST:
        raise QuestionError(f"{name!r} is larger than {LARGEST >> 20} MB; use `paper-assistant index` for it")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (PurePosixPath(name.replace("\\", "/")).name.lstrip(".") or "papers.txt")
        path.write_bytes(data)
        yield from _indexed(assistant, path)


def _indexed(assistant: "Assistant", path: Path) -> Iterator[View]:
    """Index in a thread of its own, so that its progress can be told."""
    news: queue.SimpleQueue[View | BuildReport | Exception] = queue.SimpleQueue()

    def work() -> None:
        try:
            news.put(assistant.add([path], lambda stage, done, total: news.put(_progress(stage, done, total))))
        except Exception as exc:  # raised where someone hears it
            news.put(exc)

    threading.Thread(target=work, daemon=True).start()
    shown = {"stage": "", "done": 0, "total": 0}
    while isinstance(item := news.get(), dict):
        if item["stage"] != shown["stage"] or item["done"] - shown["done"] >= item["total"] / 50:
            shown = item
            yield item
    if isinstance(item, Exception):
        raise item
    yield {"summary": summary(item, path)}


def _progress(stage: str, done: int, total: int | None) -> View:
    return {"stage": stage, "done": done, "total": total or 0}


def summary(report: "BuildReport", path: Path) -> View:
    """What became of a file's records."""
    return {
        "file": path.name,
        "new": report.new,
        "changed": report.changed,
        "known": report.unchanged,
        "duplicates": report.duplicates,
        "skipped": report.problem_count,
        "problems": [str(problem).replace(f"{path.parent}/", "") for problem in report.problems[:_SHOWN_PROBLEMS]],
        "papers": report.papers,
    }
