"""Text files as they come: byte order marks, other encodings, binary files, odd line endings."""

from collections.abc import Iterator
from pathlib import Path

from ..errors import BadRecord

_HEAD = 4096


def head_of(path: Path) -> str:
    """The first few kilobytes as text. Raises BadRecord for a binary file."""
    with path.open("rb") as file:
        raw = file.read(_HEAD)
    if b"\0" in raw and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadRecord(path, None, "a binary file, expected text")
    return raw.decode(encoding_of(raw), errors="replace").lstrip("\ufeff")


def encoding_of(raw: bytes) -> str:
    """The encoding that the first bytes of a file are in: by its mark, else UTF-8 where it fits, else Windows-1252."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        raw[: max(len(raw) - 3, 0) if len(raw) == _HEAD else len(raw)].decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line number from 1, stripped line) of every line that is not blank. A byte that fits no encoding becomes U+FFFD."""
    with path.open("rb") as file:
        encoding = encoding_of(file.read(_HEAD))
    with path.open(encoding=encoding, errors="replace", newline=None) as file:
        for number, line in enumerate(file, 1):
            if line := line.strip().strip("\ufeff\u200b"):
                yield number, line
