"""What a reader learns from: questions asked of abstracts, and which of their sentences answer them."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from fitting import held_out
from numpy.typing import NDArray

from assistant import Assistant
from assistant.evaluate import Question, holds
from index import load_embeddings, title_key

Vectors = NDArray[np.float32]

_NEXT = 0.35  # of the stated questions about real papers, those asked of the next paper as well
_ELSEWHERE = 0.06  # of the stated questions, those asked of any other paper as well
_BESIDE, _NEAREST = 2, 4  # papers that may answer a stated question as well, and of how many they are the best


@dataclass(frozen=True, eq=False)
class Abstract:
    """A paper's sentences with their vectors, (n, width), of unit length."""

    title: str
    sentences: tuple[str, ...]
    vectors: Vectors
    invented: bool = False

    @cached_property
    def middle(self) -> Vectors:
        """What it is about: the mean of its sentences' vectors, of unit length."""
        mean = self.vectors.mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean))


@dataclass(frozen=True)
class Asked:
    """A question with the sentences that it is asked of, the numbers of those that state the answer, None where nobody knows,
    and the numbers of all, the nearest to the question first.
    """

    question: str
    about: Abstract
    sentences: tuple[str, ...]
    states: tuple[int, ...] | None
    nearest: tuple[int, ...] = ()

    def reduced(self, to: Sequence[int]) -> "Asked":
        """The same, asked of some of the sentences alone, by their numbers in order."""
        states = None if self.states is None else tuple(place for place, number in enumerate(to) if number in self.states)
        return replace(self, sentences=tuple(self.sentences[number] for number in to), states=states, nearest=())


class Pairs:
    """Questions with the papers that they are asked of: `train` and `test` by the papers' titles, with their answers; `open`,
    about papers of `train`, without. Of all questions each `every`th.
    """

    def __init__(
        self, assistant: Assistant, questions: Sequence[Question], invented: Path, order: random.Random, *, every: int = 1
    ) -> None:
        self._embed, self._order = cache(assistant.index.embed), order
        told = list(self._of_papers(assistant, questions[::every]))
        made = list(self._of_invented(assistant, invented, every))
        self.test = [one for one in told if held_out(one.about.title)]
        own = [one for one in told if not held_out(one.about.title)] + made
        stated = [one for one in own if one.states]
        abstracts = list(dict.fromkeys(one.about for one in own))
        self._alike = {kind: [about for about in abstracts if about.invented == kind] for kind in (False, True)}
        self._middles = {kind: np.array([about.middle for about in alike]) for kind, alike in self._alike.items()}
        self.train = [*own, *self._of_the_next(stated), *self._of_another(stated, abstracts)]
        self.open = list(self._of_those_beside(stated))

    def _asked(self, question: str, about: Abstract, states: tuple[int, ...] | None) -> Asked:
        nearest = np.argsort(-(about.vectors @ self._embed(question)))
        return Asked(question, about, about.sentences, states, tuple(nearest.tolist()))

    def _of_papers(self, assistant: Assistant, questions: Sequence[Question]) -> Iterator[Asked]:
        """A question is about the first of its `gold_titles`, or about the paper `about` that does not answer it; `states` are
        the numbers of the sentences that answer it, without it those that its nuggets match.
        """
        papers = {title_key(paper.title): paper for paper in assistant.papers}
        known: dict[str, Abstract] = {}
        for q in questions:
            if (paper := papers.get(title_key(q.get("about") or q["gold_titles"][0]))) is None:
                continue
            if paper.title not in known:
                sentences = assistant.index.sentences(paper)
                vectors = np.stack([sentence.vector for sentence in sentences])
                known[paper.title] = Abstract(paper.title, tuple(sentence.text for sentence in sentences), vectors)
            about = known[paper.title]
            said = [n for n, text in enumerate(about.sentences) if any(holds(nugget, text) for nugget in q["nuggets"])]
            states = tuple(q.get("states", said))
            if states or not q["gold_titles"]:
                yield self._asked(q["question"], about, states)

    def _of_invented(self, assistant: Assistant, path: Path, every: int) -> Iterator[Asked]:
        embeddings = load_embeddings(assistant.index.manifest.recipe.model)
        papers = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        abstracts = {
            paper["title"]: Abstract(
                paper["title"], tuple(paper["sentences"]), embeddings.encode(paper["sentences"]), invented=True
            )
            for paper in papers
        }
        asked = [(paper["title"], question, states) for paper in papers for question, states in paper["asked"]]
        for title, question, states in asked[::every]:
            yield self._asked(question, abstracts[title], tuple(states))

    def _nearest(self, one: Asked) -> list[Abstract]:
        """The papers nearest to a question: real ones or invented ones, as its own is."""
        kind = one.about.invented
        near = np.argsort(-(self._middles[kind] @ self._embed(one.question)))[:_NEAREST]
        return [self._alike[kind][place] for place in near]

    def _of_the_next(self, stated: Sequence[Asked]) -> Iterator[Asked]:
        """Stated questions nearest to their own paper, a real one, asked of the next: none of its sentences states them."""
        real = [one for one in stated if not one.about.invented]
        for one in self._order.sample(real, int(_NEXT * len(real))):
            first, second = self._nearest(one)[:2]
            if first is one.about:
                yield self._asked(one.question, second, ())

    def _of_another(self, stated: Sequence[Asked], abstracts: Sequence[Abstract]) -> Iterator[Asked]:
        """Stated questions, asked of a paper drawn at random."""
        for one in self._order.sample(stated, int(_ELSEWHERE * len(stated))):
            if (other := self._order.choice(abstracts)) is not one.about:
                yield self._asked(one.question, other, ())

    def _of_those_beside(self, stated: Sequence[Asked]) -> Iterator[Asked]:
        for one in stated:
            others = [about for about in self._nearest(one) if about is not one.about]
            yield from (self._asked(one.question, other, None) for other in others[:_BESIDE])
