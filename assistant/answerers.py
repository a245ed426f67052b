"""The seam between evidence and text: an answerer turns chosen evidence into drafted sentences."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .answer import Verdict
from .evidence import Evidence


@dataclass(frozen=True, slots=True)
class Draft:
    """A sentence of an answer and the positions of the evidence that it rests on; never without any."""

    text: str
    evidence: tuple[int, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Usage:
    """What writing cost: tokens in and out, sentences of the model that were not borne out, and a failure, if any."""

    tokens: Mapping[str, int] = field(default_factory=dict)
    dropped: int = 0
    failure: str = ""


class Answerer(Protocol):
    """Writes answers from evidence; `Usage` comes last."""

    name: str

    def write(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Draft | Usage]:
        """The sentences of an answer as they are ready, then what it cost."""
        ...

    def load(self) -> None:
        """Make ready now what the first question would otherwise wait for."""
        ...


class Quotes:
    """The floor: the evidence itself, sentence by sentence. No language model, nothing that could be wrong."""

    name = "quotes"

    def write(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Draft | Usage]:
        """Each sentence of the evidence as it stands."""
        for position, item in enumerate(evidence):
            yield Draft(item.sentence.text, (position,), Verdict.QUOTED)
        yield Usage()

    def load(self) -> None:
        """Nothing to load."""
