"""How likely a quote adds something to what a small model's answer says already.

That is the estimate of a logistic regression over the features below, fitted by bench/fit_gain.py on what the local model
said to questions whose answers are known. It lets an answer stop when it is complete instead of when its room is full. A
second one also knows how much surer the model is of a quote alone than of all that is said.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from index import content_stems, stems

from .answerers import Draft
from .evidence import NEXT_OF_A_PAPER, Evidence, told_in_full
from .kinds import asks_how, asks_number

FEATURES = (
    "likely", "behind", "held", "asked words added", "asked words said", "near", "number said", "how", "several", "how: likely",
    "several: likely", "sentences said", "paper heard", "several: paper heard",
)  # fmt: skip
_TINY = 1e-4
_REPEATED = 0.6  # the share of a sentence's words that, said, make it nothing new
_LIKELY = 0.1  # where papers are wanted side by side, one that hardly bears on the question gets no turn
_WORTH = 0.08  # how likely a sentence must be to add something to a detail
_IN_FULL = 0.03  # to a how, a why or a comparison, which wants to be told in full
_SURE = 0.18  # to a detail that has its words, by the model's odds too
_MOST_ASKED = 2  # so many are put to the model, a second each


class Gain:
    """What each piece of evidence would add to the drafts. `several`: whether papers are wanted side by side."""

    def __init__(self, question: str, evidence: Sequence[Evidence], drafts: Iterable[Draft] = (), *, several: bool) -> None:
        sentences = self._sentences = [item.sentence for item in evidence]
        likely = np.array([item.score for item in evidence])
        self._sizes = [len(sentence.text.split()) for sentence in sentences]
        self._stems = [set(words) for words in stems([sentence.text for sentence in sentences])]
        self._content = [set(content_stems(sentence.text)) for sentence in sentences]
        self._asked = set(content_stems(question))
        self._likely, self._odds = likely, np.log((likely + _TINY) / (1 - likely + _TINY))
        vectors = np.stack([sentence.vector for sentence in sentences])
        self._alike = vectors @ vectors.T
        self._how, self._several = asks_how(question), several
        self._least = _IN_FULL if told_in_full(question, several=several) else _WORTH
        self._number = asks_number(question)
        self._told: set[str] = set()
        self._said, self._words, self._number_said = 0, 0, False
        self._drawn_on: set[int] = set()
        self._heard: Counter[str] = Counter()
        for draft in drafts:
            self.say(draft.text, draft.evidence)

    def say(self, text: str, drawn_on: Collection[int]) -> None:
        """A sentence is said that rests on these of the n."""
        self._said += 1
        self._words += len(text.split())
        self._told |= set(stems([text])[0])
        self._number_said |= self._number and any(character.isdigit() for character in text)
        self._drawn_on |= set(drawn_on)
        self._heard.update(self._sentences[i].paper.id for i in drawn_on)

    @property
    def told(self) -> list[int]:
        """The evidence that what is said rests on."""
        return sorted(self._drawn_on)

    def adding(self, room: float) -> Iterator[int]:
        """The evidence that is likely enough to add something, up to `room` words in all; each is said then."""
        left = {i for i, likely in enumerate(self._likely) if likely >= _LIKELY or not self._several}
        while left:
            left.remove(best := self.foremost(left))
            if self._fits(best, room) and self.of(best) >= self._least:
                self.say(self._sentences[best].text, [best])
                yield best

    def doubtful(self, room: float) -> list[int]:
        """The few pieces of evidence that likeliest add something still, and find room: what to ask a model about."""
        worth = {i: gain for i in range(len(self._sizes)) if self._fits(i, room) and (gain := self.of(i)) >= self._least}
        return sorted(worth, key=lambda i: -worth[i])[:_MOST_ASKED]

    def surely_adding(self, ahead: Mapping[int, float], room: float) -> Iterator[int]:
        """Those that add something by a model's view as well, up to `room` words in all; each is said then.

        `ahead`: how much surer, in log odds, the model is of each alone than of all that is said.
        """
        line, estimates = _weights()["asked"], {i: _log_odds(_weights(), self.features(i)) for i in ahead}
        sure = {i: _share(_log_odds(line, {"estimate": estimates[i], "ahead": ahead[i]})) for i in ahead}
        for i in sorted(sure, key=lambda i: -sure[i]):
            if self._fits(i, room) and sure[i] >= _SURE:
                self.say(self._sentences[i].text, [i])
                yield i

    def _fits(self, position: int, room: float) -> bool:
        return self._words + self._sizes[position] <= room and not self.holds(position)

    def foremost(self, left: Collection[int]) -> int:
        """The likeliest; where several papers are wanted, less so the more its paper was drawn on."""
        turn = NEXT_OF_A_PAPER if self._several else 1.0
        return max(left, key=lambda i: self._likely[i] * turn ** self._heard[self._sentences[i].paper.id])

    def of(self, position: int) -> float:
        """How likely a sentence adds to what is said, in 0..1."""
        return _share(_log_odds(_weights(), self.features(position)))

    def holds(self, position: int) -> bool:
        """Whether what is said has most of a sentence's words."""
        return len(self._stems[position] & self._told) >= _REPEATED * len(self._stems[position])

    def features(self, position: int) -> dict[str, float]:
        """What is known of a sentence with respect to what is said, by the names of FEATURES."""
        own, likely = self._content[position], float(self._odds[position])
        heard = float(self._heard[self._sentences[position].paper.id] > 0)
        best = max((float(self._odds[i]) for i in self._drawn_on), default=0.0)
        return {
            "likely": likely,
            "behind": likely - best,
            "held": len(own & self._told) / max(len(own), 1),
            "asked words added": len(self._asked & (own - self._told)) / max(len(self._asked), 1),
            "asked words said": len(self._asked & self._told) / max(len(self._asked), 1),
            "near": max((float(self._alike[position, i]) for i in self._drawn_on if i != position), default=0.0),
            "number said": float(self._number_said),
            "how": float(self._how),
            "several": float(self._several),
            "how: likely": self._how * likely,
            "several: likely": self._several * likely,
            "sentences said": float(self._said),
            "paper heard": heard,
            "several: paper heard": self._several * heard,
        }


@cache
def _weights() -> Any:
    return json.loads((files(__package__) / "gain_weights.json").read_text(encoding="utf-8"))


def _log_odds(line: Any, known: Mapping[str, float]) -> float:
    return float(line["intercept"] + sum(weight * known[name] for name, weight in line["weights"].items()))


def _share(log_odds: float) -> float:
    return float(1 / (1 + np.exp(-log_odds)))
