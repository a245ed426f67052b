"""What every door hands out: Answer, with its sentences, citations and papers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from index import Paper

from . import bibliography


class Status(StrEnum):
    """The three outcomes, decided in code."""

    ANSWERED = "answered"
    NOT_STATED = "not_stated"
    NOT_FOUND = "not_found"


class Verdict(StrEnum):
    """How a sentence stands to the quotes it cites."""

    QUOTED = "quoted"
    SUPPORTED = "supported"
    REPLACED = "shown as a quote instead"


@dataclass(frozen=True, slots=True)
class Citation:
    """Words of a paper that an answer rests on: `quote` is `abstract[start:end]` of the paper, exactly.

    Several citations of one paper share its number.
    """

    number: int
    title: str
    quote: str
    start: int
    end: int
    score: float
    url: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """One sentence of an answer, without its marks: the numbers it cites, the positions in `Answer.citations` of the
    quotes it rests on, and the verdict of the check.
    """

    text: str
    citations: tuple[int, ...]
    evidence: tuple[int, ...]
    verdict: Verdict

    def __str__(self) -> str:
        return f"{self.text} {''.join(f'[{number}]' for number in self.citations)}".strip()


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question.

    `papers` are the cited papers in the order of their numbers or, where nothing could be answered, the closest ones.
    `query` is what was searched; `timings` are seconds by step; `tokens` counts those of the language model, `cost` is in
    dollars where its price is set.
    `note` says what the reader should know of how the answer came about, such as a model that failed.
    """

    question: str
    text: str
    status: Status
    sentences: tuple[AnswerSentence, ...] = ()
    citations: tuple[Citation, ...] = ()
    papers: tuple[Paper, ...] = ()
    query: str = ""
    model: str = ""
    timings: Mapping[str, float] = field(default_factory=dict)
    tokens: Mapping[str, int] = field(default_factory=dict)
    cost: float | None = None
    note: str = ""

    def __str__(self) -> str:
        """The text and its numbered papers, as every front end shows them."""
        listed = [f"[{number}] {paper.title}" for number, paper in enumerate(self.papers, 1)] if self.citations else []
        return "\n\n".join(part for part in (self.text, "\n".join(listed)) if part)

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return asdict(self)

    def to_markdown(self) -> str:
        """The answer with its quotes, to paste into notes."""
        lines = [f"**{self.question}**", "", self.text]
        if self.citations:
            lines.append("")
        for number, paper in enumerate(self.papers, 1) if self.citations else ():
            link = f" <{paper.url}>" if paper.url else ""
            lines.append(f"{number}. *{paper.title}*{link}")
            lines += [f"   > {' '.join(c.quote.split())}" for c in self.citations if c.number == number]
        return "\n".join(lines) + "\n"

    def bibliography(self, style: str = "bibtex") -> str:
        """The papers as "bibtex", "ris", "csv" or "markdown". Raises SettingsError for another style."""
        return bibliography.write(self.papers, style)
