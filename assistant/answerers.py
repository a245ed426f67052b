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
class Pending:
    """Words on their way that nothing has checked yet; none while the model reads, or waits until another answer is done."""

    text: str = ""
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What writing cost: tokens in and out, sentences of the model that were not borne out, and a failure, if any."""

    tokens: Mapping[str, int] = field(default_factory=dict)
    dropped: int = 0
    failure: str = ""


class Answerer(Protocol):
    """Writes answers from evidence of about so many words; `Usage` comes last.

    One that reads on is given the best of the evidence and, for a how, a why or a comparison, takes the rest from the spare.
    """

    name: str
    words: int
    reads_on: bool

    def write(
        self, question: str, evidence: Sequence[Evidence], spare: Sequence[Evidence] = (), *, several: bool = False
    ) -> Iterator[Draft | Pending | Usage]:
        """The sentences of an answer as they are ready, then what it cost. `several`: papers are wanted side by side.

        They rest on the evidence, or on spare evidence that came too late in the order to be read; a draft's positions
        run over both, one after the other.
        """
        ...

    def load(self) -> None:
        """Make ready now what the first question would otherwise wait for."""
        ...


class Quotes:
    """The floor: the evidence itself, sentence by sentence. No language model, nothing that could be wrong."""

    name = "quotes"
    words = 84
    reads_on = False

    def write(
        self, question: str, evidence: Sequence[Evidence], spare: Sequence[Evidence] = (), *, several: bool = False
    ) -> Iterator[Draft | Pending | Usage]:
        """Each sentence of the evidence as it stands."""
        for position, item in enumerate(evidence):
            yield Draft(item.sentence.text, (position,), Verdict.QUOTED)
        yield Usage()

    def load(self) -> None:
        """Nothing to load."""
