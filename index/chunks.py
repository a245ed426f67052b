"""Papers into chunks that fit the embedder: whole sentences, the title in front of each."""

import hashlib
from collections.abc import Callable, Sequence

from .papers import Chunk, Paper
from .text import readable

TokenCounter = Callable[[Sequence[str]], list[int]]


def split(paper: Paper, spans: Sequence[tuple[int, int]], *, max_tokens: int, overlap: int, count: TokenCounter) -> list[Chunk]:
    """Chunks of at most `max_tokens` tokens, title included, each starting `overlap` sentences before the last one ended.

    `spans` are the sentences of `paper.abstract`; `count` is the embedder's own tokenizer. A sentence that is longer than
    a chunk stands alone (the embedder will cut its end off).
    """
    title = readable(paper.title)
    sizes = count([title, *(readable(paper.abstract[start:end]) for start, end in spans)])
    room = max_tokens - sizes[0]
    chunks: list[Chunk] = []
    first = 0
    while first < len(spans):
        last, used = first, sizes[first + 1]
        while last + 1 < len(spans) and used + sizes[last + 2] <= room:
            last += 1
            used += sizes[last + 1]
        chunks.append(_chunk(paper, title, spans[first][0], spans[last][1]))
        if last + 1 == len(spans):
            break
        first = max(last + 1 - overlap, first + 1)
    return chunks


def _chunk(paper: Paper, title: str, start: int, end: int) -> Chunk:
    text = f"{title}\n{readable(paper.abstract[start:end])}"
    name = f"{paper.id}\0{start}\0{end}\0{text}"
    return Chunk(id=hashlib.sha256(name.encode()).hexdigest()[:32], start=start, end=end, text=text)
