"""The objects of a JSON file: one a line, or those of one list."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import BadRecord
from .files import head_of, lines_of, start_of, text_of
from .records import Record

Objects = Iterator[tuple[int, Record] | BadRecord]

_LIST_INSIDE = re.compile(r'\s*\{(?:(?!"title")[^\[])*?"(?:papers|records|data|items|results)"\s*:\s*\[(?=\s*[{\]])')
_DOCUMENT = re.compile(rf"\s*\[|\s*\{{\s*\n|{_LIST_INSIDE.pattern}")
_BETWEEN = re.compile(r"[\s,\[\]]*")
_UP_TO_END = re.compile(r"[\s,]*\]")
_OPENING = re.compile(r'\{\s*"[^"]*"\s*:')


def is_document(head: str) -> bool:
    """Whether the file is one JSON text, not one a line."""
    return _DOCUMENT.match(head) is not None


def has_keys(head: str, *keys: str) -> bool:
    """Whether the file is JSON whose first objects have these keys."""
    return head.lstrip()[:1] in {"{", "["} and all(re.search(rf'"{key}"\s*:', head) for key in keys)


def objects_of(path: Path, expected: str) -> Objects:
    """(line, object) of every object, read as the file asks for: line by line, or whole."""
    return document_of(path, expected) if is_document(head_of(start_of(path))) else objects_by_line(path, expected)


def objects_by_line(path: Path, expected: str) -> Objects:
    """(line, object) of JSON Lines; the file is never in memory whole."""
    for number, line in lines_of(path):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as exc:
            yield BadRecord(path, number, f"not JSON ({_why(exc)}); expected {expected}")
        else:
            yield _checked(path, number, value, expected)


def document_of(path: Path, expected: str) -> Objects:
    """(line, object) of the objects of one list, of a list inside an object, or written one after the other.

    After a broken one reading goes on at the next that opens as it did: with the same key, indented alike.
    """
    text, decoder = text_of(path), json.JSONDecoder()
    inside = _LIST_INSIDE.match(text)
    at, counted, line, opening = inside.end() if inside else 0, 0, 1, ""
    while not (inside and _UP_TO_END.match(text, at)):
        between = _BETWEEN.match(text, at)
        at = between.end() if between else at
        if at >= len(text):
            return
        line, counted = line + text.count("\n", counted, at), at
        opened = _OPENING.match(text, at)
        opening = opened[0] if opened else opening
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as exc:
            yield BadRecord(path, line, f"not JSON ({_why(exc)}); expected {expected}")
            at = text.find(opening or "{", at + 1)
            if at < 0:
                return
        else:
            yield _checked(path, line, value, expected)


def _checked(path: Path, line: int, value: object, expected: str) -> tuple[int, Record] | BadRecord:
    if isinstance(value, dict):
        return line, value
    return BadRecord(path, line, f"expected an object, found {json.dumps(value)[:40]}; a file of {expected}")


def _why(exc: Exception) -> str:
    if not isinstance(exc, json.JSONDecodeError):
        return str(exc)
    return f"{exc.msg} at " + (f"line {exc.lineno}, " if exc.lineno > 1 else "") + f"column {exc.colno}"
