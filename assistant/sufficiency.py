"""Whether what was found can answer at all: decided in code, before anything is written.

Relevance is the wrong test for that (a near miss is as relevant as an answer), so the score looks at what is asked and
whether it is there: what a network makes of the question and the abstract read together; the question's content words, its
names and numbers, the thing after "which" or "how many", a figure where one is wanted, how far the best paper stands out.
The score is the estimate of a few dozen small trees, fitted by bench/fit_sufficiency.py on answerable and unanswerable
questions; they lie in sufficiency_trees.json. A language model's own doubts do not count: the reader's tell more, and sooner.
No feature depends on how long a question is or how large the collection (that tells question sets apart, not what is in
the papers), and the fit is monotone: evidence can only speak for an answer, its absence only against.
"""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from index import PaperIndex, SettingsError, content_stems, stems

from .answer import Status
from .checking import names, numbers
from .checking_facts import named
from .kinds import asks_how, asks_number, asks_several
from .weighing import Weighed

_FOCUS = re.compile(
    r"\b(?:what|which|how many|how much|number of|at what|what kind of|name of)\s+((?:[\w'-]+\s*){1,4})", re.IGNORECASE
)
_COUNT = re.compile(r"\b(how many|how much|number of)\b", re.IGNORECASE)
_FIGURE = re.compile(
    r"(?<![\w-])\d+(?:[.,]\d+)*(?![\w]*[A-Za-z]{2,})|\b(one|two|three|four|five|six|seven|eight|nine|ten|dozens?|hundreds?|"
    r"thousands?|millions?|billions?|half|twice|double)\b",
    re.IGNORECASE,
)
_ASKS_YEAR = re.compile(r"\b(in )?(what|which) year\b", re.IGNORECASE)
_YEAR = re.compile(r"\b(19|20)\d\d\b")
_DETAIL = re.compile(r"\b(who|when|where|which|whose)\b", re.IGNORECASE)
_GENERAL = "idea method approach algorithm model mean propose describe summarise summarize main result"
_NEAR, _COVERED = 0.66, 0.4
_UNREAD = -10.0  # log odds of what has no words to read

READINGS = ("stated", "stated in a sentence", "stated anywhere", "stated in a sentence anywhere")
Forest = dict[str, Any]
_FORESTS: tuple[str, ...] = ("alone", "read")


def outcome(weighed: Weighed, index: PaperIndex, model: Path | None = None) -> Status:
    """What becomes of a question: `answered`, `not_stated`, `not_found`. `model`: a calibration of one's own.

    Raises SettingsError.
    """
    return _plain(weighed) or judge(features(weighed, index), model)


def _plain(weighed: Weighed) -> Status | None:
    """The outcome where no score is needed to tell it, else None."""
    if not weighed.pool:
        return Status.NOT_FOUND
    if _ASKS_YEAR.search(weighed.question) and not any(_YEAR.search(hit.paper.abstract) for hit in weighed.hits):
        return Status.NOT_STATED
    if _asks_for_title(weighed):
        return Status.ANSWERED
    content = set(content_stems(weighed.question))
    found = set().union(*stems([f"{hit.paper.title} {hit.paper.abstract}" for hit in weighed.hits]))
    return Status.NOT_FOUND if content and not content & found else None


def judge(known: Mapping[str, float], model: Path | None = None) -> Status:
    """`answered` if the papers found hold what is asked; `not_stated` if they are only on its topic; else `not_found`.

    `known`: the features. The reader knows near misses, words and vectors know questions of another world than the papers':
    the trees of either may refuse. Raises SettingsError.
    """
    if not any(_refuses(forest, known) for forest in load(model).values() if _knows(forest, known)):
        return Status.ANSWERED
    on_topic = known["similarity"] >= _NEAR or known["content in best paper"] >= _COVERED
    return Status.NOT_STATED if on_topic else Status.NOT_FOUND


def _knows(forest: Forest, known: Mapping[str, float]) -> bool:
    """Whether all that a forest asks for is known: nothing reads where the weights for that are not installed."""
    return all(node[0] in known for tree in forest["trees"] for node in tree if len(node) > 1)


def _refuses(forest: Forest, known: Mapping[str, float]) -> bool:
    return missing(known, forest) >= float(forest["threshold"])


def _asks_for_title(weighed: Weighed) -> bool:
    """Whether the question asks what a paper is about and nothing else: all it says stands in one of the first titles."""
    question = weighed.question
    content = set(content_stems(question)) - set(stems([_GENERAL])[0])
    if not content or _DETAIL.search(question) or asks_number(question):
        return False
    return any(content <= set(words) for words in stems([hit.paper.title for hit in weighed.hits[:2]]))


def missing(known: Mapping[str, float], forest: Forest) -> float:
    """How likely what is asked is not there, in 0..1: boosted trees, each the list of its nodes."""
    logit = forest["base"]
    for tree in forest["trees"]:
        node = tree[0]
        while len(node) > 1:
            name, most, left, right = node
            node = tree[left if known[name] <= most else right]
        logit += node[0]
    return float(1 / (1 + np.exp(-logit)))


@cache
def load(model: Path | None = None) -> Mapping[str, Forest]:
    """The fitted trees and their thresholds: those that ship with the product, or of a file. Raises SettingsError.

    "alone" knows the question and the papers, "read" what the reader says as well.
    """
    source = model or files(__package__) / "sufficiency_trees.json"
    try:
        stored: dict[str, Forest] = json.loads(source.read_text(encoding="utf-8"))
        forests = {name: stored[name] for name in _FORESTS if name == _FORESTS[0] or name in stored}
        for forest in forests.values():
            missing(defaultdict(float), forest)
            float(forest["threshold"])
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as exc:
        raise SettingsError(f"{source}: not a calibration made by bench/fit_sufficiency.py ({exc})") from exc
    return forests


def features(weighed: Weighed, index: PaperIndex) -> dict[str, float]:
    """What is known of a question and what was found for it, by name."""
    question, hits = weighed.question, weighed.hits
    texts = [f"{hit.paper.title} {hit.paper.abstract}" for hit in hits]
    papers = [set(words) for words in stems(texts)]
    sentences = [c.stems for c in weighed.pool]
    return (
        _standing(weighed)
        | _words(question, weighed.query, papers, index)
        | _content(weighed, papers, sentences, index)
        | _figures(weighed, sentences, index)
        | _names(question, texts)
        | _unseen(question, index)
        | _readings(weighed)
        | {
            "follow-up": float(weighed.query != question),
            "asks how": float(asks_how(question)),
            "asks several": float(asks_several(question)),
        }
    )


def _standing(weighed: Weighed) -> dict[str, float]:
    """How far the best paper and the best sentences stand out."""
    likely = np.sort(weighed.likely)[::-1]
    ranks = np.array([c.rank for c in weighed.pool])
    cosine, searched = weighed.columns["asked cosine"], weighed.columns["searched cosine"]
    return {
        "similarity": weighed.hits[0].similarity,
        "likeliest": float(likely[0]),
        "likeliest of best paper": float(weighed.likely[ranks == ranks.min()].max()),
        "nearest": float(cosine.max()),
        "nearest of best paper": float(cosine[ranks == ranks.min()].max()),
        "nearest to query": float(searched.max()),
    }


def _readings(weighed: Weighed) -> dict[str, float]:
    """How sure the reader is that the best paper, or one of those read, states what is asked, in all and in a sentence. Where
    several papers are likelier wanted than one, that tells the less the likelier they are, for none of them says it all.
    Nothing, where nothing reads.
    """
    if not weighed.readings:
        return {}
    states = [reading.states for reading in weighed.readings]
    sentences = [float(reading.sentences.max(initial=_UNREAD)) for reading in weighed.readings]
    known = (states[0], sentences[0], max(states), max(sentences))
    telling = min(1.0, 2 * (1 - weighed.several))
    return {name: max(odds, _UNREAD) * telling for name, odds in zip(READINGS, known, strict=True)}


def _words(question: str, query: str, papers: Sequence[set[str]], index: PaperIndex) -> dict[str, float]:
    """The question's words, weighed by how telling they are, in the papers found."""
    asked, searched = (sorted(set(words)) for words in stems([question, query]))
    telling = index.idf(asked)
    shares = [_share(asked, telling, paper) for paper in papers]
    anywhere = set().union(*papers)
    return {
        "words in best paper": shares[0],
        "words in a paper": max(shares),
        "query words in best paper": _share(searched, index.idf(searched), papers[0]),
        "words anywhere": _share(asked, telling, anywhere),
    }


def _content(
    weighed: Weighed, papers: Sequence[Set[str]], sentences: Sequence[Set[str]], index: PaperIndex
) -> dict[str, float]:
    """The words that say what is asked, and the thing asked for, in papers and in sentences."""
    content = content_stems(weighed.question)
    telling = index.idf(content)
    anywhere = set().union(*papers)
    likeliest = np.argsort(-weighed.likely)[:4]
    focus = _focus(weighed.question)
    return {
        "content in best paper": _share(content, telling, papers[0]),
        "content anywhere": _share(content, telling, anywhere),
        "content in a sentence": max(_share(content, telling, words) for words in sentences),
        "content in likely sentence": max(_share(content, telling, sentences[i]) for i in likeliest),
        "focus in best paper": _part(focus, papers[0]),
        "focus anywhere": _part(focus, anywhere),
        "focus in likely sentence": max(_part(focus, sentences[i]) for i in likeliest),
        "has focus": float(bool(focus)),
    }


def _figures(weighed: Weighed, sentences: Sequence[Set[str]], index: PaperIndex) -> dict[str, float]:
    """Where a figure is wanted: whether there is one, and how near it stands to what it should count or measure."""
    question = weighed.question
    if not asks_number(question):
        return {"figure content": 1.0, "figure cosine": 0.9, "figure likely": 1.0, "figure focus": 1.0, "asks number": 0.0,
                "asks count": 0.0, "count focus": 1.0}  # fmt: skip
    content = content_stems(question)
    telling, focus = index.idf(content), _focus(question)
    with_figure = [i for i, c in enumerate(weighed.pool) if _FIGURE.search(c.sentence.text)]
    near = [i for i in with_figure if weighed.pool[i].rank < 3]
    best = [i for i in with_figure if weighed.pool[i].rank < 2]
    counts = _COUNT.search(question) is not None
    figure_focus = max((_part(focus, sentences[i]) for i in best), default=0.0)
    return {
        "figure content": max((_share(content, telling, sentences[i]) for i in near), default=0.0),
        "figure cosine": max((float(weighed.columns["asked cosine"][i]) for i in near), default=0.0),
        "figure likely": max((float(weighed.likely[i]) for i in with_figure), default=0.0),
        "figure focus": figure_focus,
        "asks number": 1.0,
        "asks count": float(counts),
        "count focus": figure_focus if counts else 1.0,
    }


def _names(question: str, texts: Sequence[str]) -> dict[str, float]:
    """The question's names and numbers that no paper found has."""
    asked = names(question)
    best, everything = texts[0].lower(), " ".join(texts).lower()
    return {
        "names absent": float(np.mean([name not in best for name in asked])) if asked else 0.0,
        "names nowhere": float(np.mean([name not in everything for name in asked])) if asked else 0.0,
        "number nowhere": float(any(number not in everything for number in numbers(question))),
    }


def _unseen(question: str, index: PaperIndex) -> dict[str, float]:
    """The question's names, and the share of the words that say what is asked, that no paper here has at all."""
    named_ = stems([" ".join(name for name, _ in named(question))])[0]
    content = content_stems(question)
    return {
        "names unseen": float(sum(not held for held in index.holds(named_))),
        "content unseen": float(np.mean([not held for held in index.holds(content)])) if content else 0.0,
    }


def _focus(question: str) -> list[str]:
    """The stems of the thing asked for: what follows "which", "what", "how many"."""
    found = _FOCUS.search(question)
    return content_stems(found.group(1))[:2] if found else []


def _share(words: Sequence[str], telling: Any, there: Set[str]) -> float:
    """The share of the words, weighed by how telling they are, that is there; 1 if nothing is asked."""
    total = float(telling.sum()) if len(words) else 0.0
    return float(telling[[word in there for word in words]].sum()) / total if total else 1.0


def _part(words: Sequence[str], there: Set[str]) -> float:
    return float(np.mean([word in there for word in words])) if words else 1.0
