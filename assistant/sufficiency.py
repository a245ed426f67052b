"""Whether the papers found can answer at all: decided in code, before and after anything is written."""

import re
from collections.abc import Sequence

from index import Hit, PaperIndex, stems

from .answer import Status
from .checking import names
from .evidence import Evidence

_NEAR = 0.62
_COVERED = 0.35


def judge(question: str, hits: Sequence[Hit], evidence: Sequence[Evidence], index: PaperIndex) -> Status:
    """`not_found` if no paper is near the question, `not_stated` if the near ones do not hold what it asks for."""
    if not hits or not evidence:
        return Status.NOT_FOUND
    best = hits[0]
    text = f"{best.paper.title} {best.paper.abstract}"
    covered = weighted_coverage(question, text, index)
    if best.similarity < _NEAR and covered < _COVERED:
        return Status.NOT_FOUND
    shown = " ".join(item.sentence.text for item in evidence) + " ".join(hit.paper.title for hit in hits)
    if _asks_for_year(question) and not re.search(r"\b(19|20)\d\d\b", shown):
        return Status.NOT_STATED
    everywhere = " ".join(f"{hit.paper.title} {hit.paper.abstract}" for hit in hits).lower()
    unknown = [name for name in names(question) if name not in everywhere]
    return Status.NOT_STATED if unknown and covered < 0.5 else Status.ANSWERED


def weighted_coverage(question: str, text: str, index: PaperIndex) -> float:
    """The share of the question's stems, weighed by how telling they are, that stand in a text; in 0..1."""
    asked, held = stems([question, text])
    unique = sorted(set(asked))
    telling = index.idf(unique)
    total = float(telling.sum())
    return float(sum(t for word, t in zip(unique, telling, strict=True) if word in set(held))) / total if total else 0.0


def _asks_for_year(question: str) -> bool:
    return re.search(r"\b(in what|what|which) year\b", question, re.IGNORECASE) is not None
