"""How much each sentence bears on a question.

That is the estimate of a logistic regression over the features below, fitted by bench/fit_evidence.py on questions whose
answers are known; its weights lie in evidence_weights.json.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

import numpy as np

from index import Hit, PaperIndex, Reading, one_blas_thread, stems

from .candidates import Candidate, Vectors, candidates
from .kinds import asks_how, asks_number
from .nearness import Nearness, nearness, word_shares
from .several import likely_several
from .told import log_odds, told

_OWN_WORK = re.compile(r"\b(we|our|this (paper|work)|propos\w*|introduc\w*|present)\b", re.IGNORECASE)
_FINDING = re.compile(
    r"\b(show|find|found|demonstrat\w*|achiev\w*|outperform\w*|improv\w*|result\w*|reveal\w*|surpass\w*|reach\w*)\b",
    re.IGNORECASE,
)
_MOTIVATION = re.compile(
    r"\b(however|has become|have become|challenge\w*|often|typically|recent\w*|despite|crucial|important|popular)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d")
_SPREAD = 0.05  # of likeness, that sentences have at least
_READ = 3  # papers at most, a few hundredths of a second each
_NEARLY_AS_GOOD = 4.0  # scores behind the best paper; what is further behind is hardly ever meant, and not read
_STATED = 0.0  # log odds from which no further paper is read
_OF_THE_BEST, _OF_OTHERS = 4, 3  # sentences read of a paper, a hundredth of a second each
_NEAR, _NEAR_IN_WORDS = 10.0, 3.0  # what nearness to the question counts beside the log odds, where it is chosen what to read


@dataclass(frozen=True, slots=True)
class Weighed:
    """Every sentence of the papers found, and how likely each holds part of what is asked.

    `question` is what was asked, `query` what was searched for it, `several` how likely, in 0..1, it wants several papers
    side by side; `columns` are the features by name, (n,) each; `readings` are what the first papers say, if anything reads
    them; `told` is how likely each sentence is with their word.
    """

    question: str
    query: str
    hits: Sequence[Hit]
    pool: Sequence[Candidate]
    likely: Vectors
    columns: Mapping[str, Vectors]
    several: float
    readings: Sequence[Reading]
    told: Vectors

    @property
    def wants_several(self) -> bool:
        """Whether several papers are more likely wanted than one."""
        return self.several > 0.5


@one_blas_thread()
def weigh(question: str, query: str, hits: Sequence[Hit], index: PaperIndex) -> Weighed:
    """Weigh every sentence of the papers found."""
    pool = candidates(hits, index)
    if not pool:
        return Weighed(question, query, hits, pool, np.zeros(0), {}, 0.0, [], np.zeros(0))
    near = nearness(question, pool, index)
    several = likely_several(question, query, pool, near)
    columns = features(question, query, pool, near, index, several)
    matrix = np.stack([columns[name] for name in FEATURES], axis=1)
    weights, intercept = _weights()
    likely = 1 / (1 + np.exp(-(matrix @ weights + intercept)))
    worth = log_odds(likely) + _NEAR * columns["asked cosine"] + _NEAR_IN_WORDS * columns["asked words"]

    def read(rank: int) -> Reading | None:
        return index.read(question, hits[rank].paper, _worth_reading(rank, pool, worth))

    readings = _readings(hits, read, follow_up=question != query)
    return Weighed(question, query, hits, pool, likely, columns, several, readings, told(likely, pool, readings, several))


def _readings(hits: Sequence[Hit], read: Callable[[int], Reading | None], *, follow_up: bool) -> list[Reading]:
    """What the best paper says to the question and, as long as none states what is asked, the next ones nearly as good; to a
    follow-up those behind too, for it has the paper before ahead whatever is meant. `read` reads the paper of a rank.
    """
    readings: list[Reading] = []
    for rank, hit in enumerate(hits[:_READ]):
        behind = hits[0].score - hit.score > _NEARLY_AS_GOOD
        if (readings and readings[-1].states >= _STATED) or (behind and not follow_up):
            break
        readings += filter(None, [read(rank)])
    return readings


def _worth_reading(rank: int, pool: Sequence[Candidate], worth: Vectors) -> list[int]:
    """The numbers of the few sentences of a paper that most likely state the answer: a network sees in a short text what it
    overlooks in a long one, and sooner.
    """
    own = [i for i, candidate in enumerate(pool) if candidate.rank == rank]
    best = sorted(own, key=lambda i: -worth[i])[: _OF_OTHERS if rank else _OF_THE_BEST]
    return [pool[i].sentence.number for i in best]


def features(
    question: str, query: str, pool: Sequence[Candidate], near: Nearness, index: PaperIndex, several: float
) -> dict[str, Vectors]:
    """What is known of each candidate with respect to the question: (n,) for every name of FEATURES."""
    meant = _nearness(question, pool, index, "asked") | _nearness(query, pool, index, "searched")
    columns = meant | _paper_columns(pool) | _form_columns(pool, asks_number=asks_number(question)) | _clause_columns(near)
    columns |= _meaning_columns(question, pool, index)
    columns |= _neighbours(pool, columns)
    kinds = {"how": asks_how(question), "several": several, "follow-up": question != query}
    for kind, names in _BY_KIND.items():
        columns |= {f"{kind}: {name}": columns[name] * float(kinds[kind]) for name in names}
    return columns


_MEANING = ("likeness", "likeness in paper", "likeness overall", "likeness behind", "likeness beside others")
_CLAUSES = ("clause cosine", "clause words", "clause cosine overall", "clause words overall", "clauses' mean cosine overall")
_COLUMNS = (
    "asked cosine", "searched cosine", "asked words", "searched words", "asked cosine in paper", "asked words in paper",
    "searched cosine in paper", "searched words in paper", "asked cosine overall", "asked words overall", "paper gap",
    "best paper", "log rank", "paper similarity", "number wanted", "number", "position", "first", "last", "own work", "finding",
    "motivation", "central", "title words", "log length", "neighbour cosine", "neighbour words", *_CLAUSES,
    *_MEANING,
)  # fmt: skip
_BY_KIND = {
    "how": ("position", "own work", "finding", "motivation", "number", "first", "last", "asked cosine in paper",
            "asked words in paper"),
    "several": ("log rank", "paper gap", "best paper", "asked cosine in paper", "asked words in paper",
                *_CLAUSES),
    "follow-up": ("asked cosine", "searched cosine", "asked cosine in paper", "searched cosine in paper", "asked words",
                  "searched words", "log rank", "paper gap", "best paper"),
}  # fmt: skip
FEATURES = _COLUMNS + tuple(f"{kind}: {name}" for kind, names in _BY_KIND.items() for name in names)


def _meaning_columns(question: str, pool: Sequence[Candidate], index: PaperIndex) -> dict[str, Vectors]:
    """How like each sentence's words are to the question's: their mean; and, the more telling a word the more it counts, how
    far behind the sentence that is likest, and how far beyond what is usual here.
    """
    alike, telling = index.likeness(question, [c.sentence.text for c in pool])
    mean, weight = alike.mean(axis=1), telling / max(float(telling.sum()), 1e-6)
    usual = (alike - alike.mean(axis=0)) / (alike.std(axis=0) + _SPREAD)
    values = (mean, _less_best_of_paper(mean, pool), mean - mean.max(), (alike - alike.max(axis=0)) @ weight, usual @ weight)
    return dict(zip(_MEANING, values, strict=True))


def _less_best_of_paper(values: Vectors, pool: Sequence[Candidate]) -> Vectors:
    ranks = np.array([c.rank for c in pool])
    best = {rank: values[ranks == rank].max() for rank in set(ranks)}
    return np.asarray(values - np.array([best[rank] for rank in ranks]))


def _nearness(text: str, pool: Sequence[Candidate], index: PaperIndex, name: str) -> dict[str, Vectors]:
    """How near each sentence is to a text in meaning and in words; by itself, and less the best of its paper and of all."""
    cosine = np.stack([c.sentence.vector for c in pool]) @ index.embed(text)
    share = word_shares(text, pool, index)
    columns = {f"{name} cosine": cosine, f"{name} words": share}
    for measure, values in (("cosine", cosine), ("words", share)):
        columns[f"{name} {measure} in paper"] = _less_best_of_paper(values, pool)
        columns[f"{name} {measure} overall"] = values - values.max()
    return columns


def _clause_columns(near: Nearness) -> dict[str, Vectors]:
    """How near each sentence is to the clause that it suits best; and, less the best sentence of each, to the one where it is
    least behind, and to all of them.
    """
    behind, fewer = near.cosines - near.cosines.max(axis=0), near.words - near.words.max(axis=0)
    values = (near.cosines.max(1), near.words.max(1), behind.max(1), fewer.max(1), behind.mean(1))
    return dict(zip(_CLAUSES, values, strict=True))


def _paper_columns(pool: Sequence[Candidate]) -> dict[str, Vectors]:
    best = pool[0].hit.score
    return {
        "paper gap": np.array([best - c.hit.score for c in pool]),
        "best paper": np.array([float(c.rank == 0) for c in pool]),
        "log rank": np.log1p([c.rank for c in pool]),
        "paper similarity": np.array([c.hit.similarity for c in pool]),
    }


def _form_columns(pool: Sequence[Candidate], *, asks_number: bool) -> dict[str, Vectors]:
    """What the sentences look like, whatever was asked."""
    texts = [c.sentence.text for c in pool]
    last = {c.rank: c.sentence.number for c in pool}
    number, own, finding, motivation = np.array([_form(text) for text in texts]).T
    titles = [set(words) for words in stems([c.hit.paper.title for c in pool])]
    vectors = np.stack([c.sentence.vector for c in pool])
    ranks = np.array([c.rank for c in pool])
    centres = {rank: vectors[ranks == rank].mean(axis=0) for rank in last}
    central = [v @ centres[c.rank] / np.linalg.norm(centres[c.rank]) for v, c in zip(vectors, pool, strict=True)]
    return {
        "number wanted": number * asks_number,
        "number": number * (not asks_number),
        "position": np.array([c.sentence.number / max(last[c.rank], 1) for c in pool]),
        "first": np.array([float(c.sentence.number == 0) for c in pool]),
        "last": np.array([float(c.sentence.number == last[c.rank]) for c in pool]),
        "own work": own,
        "finding": finding,
        "motivation": motivation * (1 - own),
        "central": np.array(central),
        "title words": np.array([len(c.stems & title) / max(len(title), 1) for c, title in zip(pool, titles, strict=True)]),
        "log length": np.log1p([len(text.split()) for text in texts]),
    }


@lru_cache(maxsize=20_000)
def _form(text: str) -> tuple[float, ...]:
    """Whether a sentence has a number, speaks of the paper's own work, of a finding, of what moved it."""
    return tuple(float(form.search(text) is not None) for form in (_NUMBER, _OWN_WORK, _FINDING, _MOTIVATION))


def _neighbours(pool: Sequence[Candidate], columns: dict[str, Vectors]) -> dict[str, Vectors]:
    """How near the sentences before and after are to what was asked: answers often stand beside the words of a question."""
    places = {(c.rank, c.sentence.number): i for i, c in enumerate(pool)}
    beside = [
        [places[c.rank, near] for near in (c.sentence.number - 1, c.sentence.number + 1) if (c.rank, near) in places] or [i]
        for i, c in enumerate(pool)
    ]
    return {
        "neighbour cosine": np.array([columns["asked cosine overall"][near].max() for near in beside]),
        "neighbour words": np.array([columns["asked words"][near].max() for near in beside]),
    }


@cache
def _weights() -> tuple[Vectors, float]:
    stored = json.loads((files(__package__) / "evidence_weights.json").read_text(encoding="utf-8"))
    return np.array([stored["weights"][name] for name in FEATURES]), stored["intercept"]
