"""Questions for every paper on something: the whole corpus ranked, cut off where papers stop belonging.

How likely a paper belongs is the estimate of a logistic regression over the features below, fitted by bench/fit_lists.py
on list questions whose papers are known; its weights and the cut-off lie in list_weights.json.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index import Hit, PaperIndex, Sentence, content_stems, one_blas_thread, stems

_SEVERAL = "(papers|works|studies|articles|publications|documents|theses)"
_ASKS_LIST = re.compile(
    rf"\b((which|what|all|every|any|how many|name|give me|show me|find|the) ([\w/-]+ ){{0,5}}?{_SEVERAL}|"
    rf"papers (about|on|that|which|using|with|dealing|here|proposing|studying|showing)|{_SEVERAL}\s*(please|\?)|"
    r"list (all|every|the|of|any|papers|everything)|please list|list (them|all)|anything (on|about|involving|related|that)|"
    r"which ones|what is there|do you have (on|about))\b|^list\b|^who (has|have|else)\b|papers\?",
    re.IGNORECASE,
)
_FEW = re.compile(r"\b(two|2|three|3|both|these|those|authors?) (papers|works|studies)\b|authors of", re.IGNORECASE)
_FRAME = re.compile(
    rf"\b(which|what|who|list|all|every|any|anything|everything|how many|name|give me|show me|find|please|are there|is there|"
    rf"there|here|has|have|else|you|do|does|deal with|about|involving|related to|collection|corpus|ones|the|of|in|on|that|"
    rf"paper|propose|study|cover|use|using|i\.e\.|it|them|for|with|{_SEVERAL[1:-1]})\b",
    re.IGNORECASE,
)
_COPULA = re.compile(r"^(is|are)\s+", re.IGNORECASE)
_YEARS = re.compile(r"\b(since|after|before|until|from|in|of)\s+((?:19|20)\d\d)\b", re.IGNORECASE)
_BOUNDS = {"since": (0, 9999), "after": (1, 9999), "before": (-9999, -1), "until": (-9999, 0)}
_AUTHOR = re.compile(r"\b(?:by|author(?:ed by)?)\s+([A-Z][\w'-]+(?:\s+[A-Z][\w'-]+)*)")

_POOL = 60
_MOST = 40


@dataclass(frozen=True, slots=True)
class Member:
    """A paper that belongs to a list, how likely, and the sentence that shows it best."""

    hit: Hit
    likely: float
    sentence: Sentence


def asks_list(question: str) -> bool:
    """Whether a question wants every paper on something rather than an answer from a few."""
    return _ASKS_LIST.search(question) is not None and _FEW.search(question) is None


def topic(question: str) -> str:
    """What the papers should be about: the question without the words that ask for a list."""
    bare = " ".join(_FRAME.sub(" ", _AUTHOR.sub(" ", _YEARS.sub(" ", question))).split()).strip(" ?.,:;-")
    bare = _COPULA.sub("", bare)
    return bare or question


@one_blas_thread()
def members(question: str, index: PaperIndex) -> list[Member]:
    """The papers that belong, likeliest first; none if none is likelier than the cut-off.

    Years and authors named in the question are filters.
    """
    about = topic(question)
    hits = index.search(about, _POOL, papers=_allowed(question, index))
    if not hits:
        return []
    matrix, best = features(about, hits, index)
    model = _model()
    likely = 1 / (1 + np.exp(-(matrix @ np.array([model["weights"][name] for name in FEATURES]) + model["intercept"])))
    kept = [i for i in np.argsort(-likely)[:_MOST].tolist() if likely[i] > model["threshold"]]
    return [Member(hits[i], float(likely[i]), best[i]) for i in kept]


FEATURES = (
    "score", "score below best", "similarity", "similarity below best", "lexical", "lexical to best", "log rank", "words",
    "words in title", "words in a sentence", "best sentence", "three best sentences", "all words", "words asked",
    "mean score of ten", "close to best",
)  # fmt: skip


def features(about: str, hits: Sequence[Hit], index: PaperIndex) -> tuple[NDArray[np.float64], list[Sentence]]:
    """(n, len(FEATURES)) for the papers found, and each paper's sentence nearest to the topic."""
    asked, vector = content_stems(about), index.embed(about)
    telling = index.idf(asked)
    scores = np.array([hit.score for hit in hits])
    rows, nearest = [], []
    for rank, hit in enumerate(hits):
        sentences = index.sentences(hit.paper)
        cosines = np.stack([s.vector for s in sentences]) @ vector
        nearest.append(sentences[int(cosines.argmax())])
        title, *texts = (set(words) for words in stems([hit.paper.title, *(s.text for s in sentences)]))
        words = _share(asked, telling, title.union(*texts))
        rows.append([
            hit.score, hit.score - scores[0], hit.similarity, hit.similarity - hits[0].similarity, hit.lexical,
            hit.lexical / max(hits[0].lexical, 1e-6), np.log1p(rank), words, _share(asked, telling, title),
            max(_share(asked, telling, text) for text in texts), cosines.max(), np.sort(cosines)[-3:].mean(),
            float(words > 0.99), len(asked), scores[:10].mean(), float((scores > scores[0] - 1.5).sum()),
        ])  # fmt: skip
    return np.array(rows, float), nearest


def _share(words: Sequence[str], telling: Any, there: set[str]) -> float:
    total = float(telling.sum()) if len(words) else 0.0
    return float(telling[[word in there for word in words]].sum()) / total if total else 0.0


def _allowed(question: str, index: PaperIndex) -> list[str] | None:
    """The ids of the papers within the years and by the authors that the question names; None if it names none."""
    bounds = _YEARS.findall(question)
    author = _AUTHOR.search(question)
    if not bounds and not author:
        return None
    since, until = 0, 9999
    for word, year in bounds:
        low, high = _BOUNDS.get(word.lower(), (0, 0))
        since, until = max(since, int(year) + low), min(until, int(year) + high)
    name = author.group(1).lower() if author else ""
    return [
        paper.id
        for paper in index.papers
        if (not bounds or (paper.year is not None and since <= paper.year <= until))
        and (not name or any(name in written.lower() for written in paper.authors))
    ]


@cache
def _model() -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((files(__package__) / "list_weights.json").read_text(encoding="utf-8"))
    return stored
