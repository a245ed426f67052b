"""Questions that set two things side by side: each is searched for itself, so that neither drowns the other."""

import re
from collections.abc import Sequence

from index import Hit, PaperIndex, content_stems

_PAIRS = (
    re.compile(
        r"\b(?:between|compare|comparing|contrast|relate|differ\w* of)\s+(.+?)\s+(?:and|with|to|from|against|versus|vs\.?)\s+"
        r"(.+?)(?=[?:;,]|\.\s|\.?$)",
        re.IGNORECASE,
    ),
    re.compile(r"^(?:what about\s+)?(.+?)\s+(?:vs\.?|versus|compared (?:to|with))\s+(.+?)(?=[?:;,]|\.\s|\.?$)", re.IGNORECASE),
)
_LONGEST = 8
_NEAR = 0.62


def parts(question: str) -> tuple[str, ...]:
    """The two things that a question compares, if it names two; else nothing."""
    for pattern in _PAIRS:
        if found := pattern.search(question):
            named = tuple(part.strip(" '\"") for part in found.groups())
            if all(content_stems(part) and len(part.split()) <= _LONGEST for part in named):
                return named
    return ()


def with_parts(question: str, hits: Sequence[Hit], index: PaperIndex) -> tuple[list[Hit], list[str]]:
    """The hits, with the best paper of each part among them, and the parts that nothing was found for."""
    found, nothing = list(hits), []
    for part in parts(question):
        best = index.search(part, 1)
        if not best or (best[0].similarity < _NEAR and not best[0].lexical):
            nothing.append(part)
        elif best[0].paper.id not in {hit.paper.id for hit in found}:
            lowest = min(hit.score for hit in found)
            found[-1:] = [Hit(best[0].paper, lowest, best[0].similarity, best[0].lexical)]
    return found, nothing
