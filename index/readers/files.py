"""Text files as they come: byte order marks, other encodings, odd line endings."""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

_HEAD = 1 << 16
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def start_of(path: Path) -> bytes:
    """The first bytes of a file: enough to tell its format."""
    with path.open("rb") as file:
        return file.read(_HEAD)


def is_binary(start: bytes) -> bool:
    """Whether a file that starts so is no text."""
    return b"\0" in start and not start.startswith(_UTF16)


def head_of(start: bytes) -> str:
    """The start of a file as text."""
    return start.decode(_encoding(start), errors=_FALLBACK).lstrip("\ufeff")


def open_text(path: Path, newline: str | None = None) -> TextIO:
    """The file as text, to be read piece by piece: UTF-16 by its mark, else UTF-8, stray bytes as Windows-1252."""
    with path.open("rb") as file:
        encoding = _encoding(file.read(2))
    return path.open(encoding=encoding, errors=_FALLBACK, newline=newline)


def text_of(path: Path) -> str:
    """All of a file."""
    with open_text(path) as file:
        return file.read().lstrip("\ufeff")


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line number from 1, stripped line) of every line that is not blank."""
    with open_text(path) as file:
        for number, line in enumerate(file, 1):
            if line := line.strip().strip("\ufeff\u200b"):
                yield number, line


def _encoding(start: bytes) -> str:
    return "utf-16" if start.startswith(_UTF16) else "utf-8-sig"


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """Decode what is no UTF-8 the way Windows programs wrote it; U+FFFD for what they never wrote."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", errors="replace"), error.end


_FALLBACK = "paper-assistant-cp1252"
codecs.register_error(_FALLBACK, _as_windows)
