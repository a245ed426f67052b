"""Assistant: question (and history) -> papers -> evidence -> sentences -> Answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index import BuildReport, Hit, Paper, PaperIndex, Progress, QuestionError, readable

from . import lists, sufficiency
from .answer import Answer, AnswerSentence, Citation, Status, Verdict
from .answerers import Answerer, Draft, Pending, Quotes, Usage
from .evidence import Evidence, beyond, choose, further, glance
from .followup import standalone, turns
from .parts import with_parts
from .settings import Settings
from .weighing import Weighed, weigh

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import Runnable

_LONGEST = 4000
_CLOSEST = 3


class Assistant:
    """Answers questions over one index; safe to share between threads, remembers nothing between questions."""

    def __init__(self, index: PaperIndex, answerer: Answerer, settings: Settings) -> None:
        self.index = index
        self.settings = settings
        self._answerer = answerer

    @property
    def papers(self) -> Iterable[Paper]:
        """The corpus: iterable, with a len."""
        return self.index.papers

    @property
    def model(self) -> str:
        """What writes the answers."""
        return self._answerer.name

    def ask(self, question: str, history: Iterable[Any] = ()) -> Answer:
        """Answer a question. `history`: earlier turns, oldest first, as (user, assistant) pairs or role/content messages.

        Raises QuestionError, IndexProblem.
        """
        for part in self.stream(question, history):
            if isinstance(part, Answer):
                return part
        raise AssertionError("a stream ends with its Answer")

    def stream(self, question: str, history: Iterable[Any] = ()) -> Iterator[str | Answer]:
        """The answer's text as it is written, sentence by sentence, then the Answer. Raises as `ask` does."""
        return (part for part in self.progress(question, history) if not isinstance(part, Pending))

    def progress(self, question: str, history: Iterable[Any] = ()) -> Iterator[str | Pending | Answer]:
        """`stream`, and between its parts what is not checked yet: several times a second while a model reads or writes.

        Whoever closes it is rid of the model at the next of these.
        """
        return _Asking(self.index, self._answerer, self.settings, check_question(question)).run(history)

    async def aask(self, question: str, history: Iterable[Any] = ()) -> Answer:
        """`ask` without blocking the event loop."""
        return await asyncio.to_thread(self.ask, question, list(history))

    async def astream(self, question: str, history: Iterable[Any] = ()) -> AsyncIterator[str | Answer]:
        """`stream` without blocking the event loop."""
        parts = self.progress(question, list(history))
        step: asyncio.Future[str | Pending | Answer | None] | None = None
        try:
            while (
                part := await asyncio.shield(step := asyncio.ensure_future(asyncio.to_thread(next, parts, None)))
            ) is not None:
                if not isinstance(part, Pending):
                    yield part
        finally:
            if step:
                await asyncio.wait([step])  # a generator at work cannot be closed; its next step is not far
            parts.close()  # type: ignore[attr-defined]

    def search(self, query: str, k: int = 10, **filters: Any) -> list[Hit]:
        """The `k` best papers for a query, one hit a paper, best first. Filters: year, source, papers (ids).

        Raises QuestionError for an empty query.
        """
        return self.index.search(query, k, **filters)

    def similar(self, title: str, k: int = 5) -> list[Hit]:
        """The `k` papers most like the one of a title. Raises QuestionError if there is no such paper."""
        paper = self.index.titled(title)
        if paper is None:
            raise QuestionError(f"there is no paper titled {title!r} in the index; `paper-assistant search` finds titles")
        return self.index.similar(paper, k)

    def browse(self, text: str = "", **options: Any) -> tuple[list[Paper], int]:
        """A page of the papers whose words begin as those of `text` do, and how many there are.

        Options: year, source, sort ("best", "title", "newest", "oldest"), offset, limit.
        """
        return self.index.papers.browse(text, **options)

    def variant(self, *, quotes: bool = False, papers: int | None = None, only: Sequence[str] | None = None) -> "Assistant":
        """The same assistant for one question: with quotes alone, drawing on `papers` papers, or on `only` these (ids)."""
        settings = self.settings.model_copy(update={"papers": papers}) if papers else self.settings
        index = self.index.among(only) if only else self.index
        return Assistant(index, Quotes() if quotes else self._answerer, settings)

    def add(self, paths: Iterable[Path | str], progress: Progress | None = None) -> BuildReport:
        """Put the papers of files into the index; questions go over them as soon as this is done. Raises PaperError."""
        from .opening import build

        second = self.index.manifest.recipe.second_model or "none"
        settings = self.settings.model_copy(update={"second_embedding": second})
        return build(settings, paths, self.index.folder, progress=progress)

    def warm(self) -> None:
        """Load now what the first question would otherwise wait for."""
        self.index.warm()
        self._answerer.load()

    def as_retriever(self, k: int = 10) -> "BaseRetriever":
        """The search as a LangChain retriever: a document a paper, its abstract as content."""
        from .langchain import PaperRetriever

        return PaperRetriever(index=self.index, k=k)

    def as_runnable(self) -> "Runnable[Any, Answer]":
        """The assistant as a LangChain runnable: a question, or {"question": ..., "history": ...}, to an Answer."""
        from .langchain import runnable

        return runnable(self)


def check_question(question: str) -> str:
    """The question, trimmed. Raises QuestionError if it is empty or far too long."""
    text = " ".join(question.split())
    if not text:
        raise QuestionError("the question is empty; ask something about the papers")
    if len(text) > _LONGEST:
        raise QuestionError(f"the question has {len(text)} characters, more than {_LONGEST}; ask a shorter one")
    return text


class _Asking:
    """One question on its way to its Answer."""

    def __init__(self, index: PaperIndex, answerer: Answerer, settings: Settings, question: str) -> None:
        self._index, self._answerer, self._settings, self._question = index, answerer, settings, question
        self._timings: dict[str, float] = {}
        self._numbers: dict[str, int] = {}
        self._citations: list[Citation] = []
        self._sentences: list[AnswerSentence] = []

    def run(self, history: Iterable[Any]) -> Iterator[str | Pending | Answer]:
        started = time.perf_counter()
        query = standalone(self._question, turns(history))
        if lists.asks_list(self._question) and (answer := self._list(query, started)):
            yield answer.text
            yield answer
            return
        with self._timed("search"):
            hits, nothing = with_parts(query, self._index.search(query, self._settings.papers), self._index)
        with self._timed("evidence"):
            weighed = weigh(self._question, query, hits, self._index)
            chosen, spare = self._choose(weighed)
        with self._timed("judge"):
            status = sufficiency.outcome(weighed, self._index, self._settings.sufficiency)
        usage, note = Usage(), ""
        if status is Status.ANSWERED:
            with self._timed("write"):
                for part in self._write(chosen, spare, several=weighed.wants_several):
                    if isinstance(part, Usage):
                        usage = part
                    else:
                        yield part
            note = " ".join(filter(None, [usage.failure, *(f"Nothing on “{part}” was found." for part in nothing)]))
            text = " ".join(map(str, self._sentences))
        else:
            text = _refusal(status, hits, len(self._index.papers))
            yield text
        self._timings["total"] = time.perf_counter() - started
        yield Answer(
            question=self._question,
            text=text,
            status=status,
            sentences=tuple(self._sentences),
            citations=tuple(self._citations),
            papers=self._cited(hits, status),
            query=query,
            model=self._answerer.name,
            timings=self._timings,
            tokens=usage.tokens,
            cost=self._settings.cost(usage.tokens) if usage.tokens else None,
            note=note,
        )

    def _list(self, query: str, started: float) -> Answer | None:
        """Every paper that belongs, a line each with the words that show it; None if no paper does."""
        with self._timed("search"):
            found = lists.members(query, self._index)
        if not found:
            return None
        for member in found:
            said = f"{readable(member.hit.paper.title)}: “{member.sentence.text}”"
            self._add(Draft(said, (0,), Verdict.QUOTED), [Evidence(member.sentence, member.likely)])
        self._timings["total"] = time.perf_counter() - started
        count = "1 paper" if len(found) == 1 else f"{len(found)} papers"
        lines = [f"{place}. {sentence}" for place, sentence in enumerate(self._sentences, 1)]
        return Answer(
            question=self._question,
            text=f"{count} of the {len(self._index.papers)} here, by relevance:\n" + "\n".join(lines),
            status=Status.ANSWERED,
            sentences=tuple(self._sentences),
            citations=tuple(self._citations),
            papers=tuple(member.hit.paper for member in found),
            query=lists.topic(query),
            model=Quotes.name,
            timings=self._timings,
        )

    def _choose(self, weighed: Weighed) -> tuple[list[Evidence], list[Evidence]]:
        """The evidence to begin with, and what else may be read."""
        words = self._settings.words or self._answerer.words
        wanted = choose(weighed, words=words)
        chosen = glance(weighed, words=words) if self._answerer.reads_on else wanted
        return chosen, beyond([*wanted, *further(weighed, wanted)], chosen)

    def _write(
        self, chosen: Sequence[Evidence], spare: Sequence[Evidence], *, several: bool
    ) -> Iterator[str | Pending | Usage]:
        """The sentences as they are ready; the quotes themselves where the answerer brings none."""
        usage = Usage()
        for part in self._answerer.write(self._question, chosen, spare, several=several):
            if isinstance(part, Usage):
                usage = part
            elif isinstance(part, Pending):
                yield part
            else:
                yield self._add(part, [*chosen, *spare])
        if not self._sentences:
            reason = f"failed ({usage.failure})" if usage.failure else "wrote nothing that the abstracts bear out"
            for part in Quotes().write(self._question, chosen):
                if isinstance(part, Draft):
                    yield self._add(part, chosen)
            usage = Usage(usage.tokens, usage.dropped, f"The model {self._answerer.name} {reason}; these are quotes.")
        elif usage.failure:
            usage = Usage(usage.tokens, usage.dropped, f"The model {self._answerer.name} stopped early ({usage.failure}).")
        yield usage

    def _add(self, draft: Draft, evidence: Sequence[Evidence]) -> str:
        """Number what a sentence rests on, keep it, and return it as it is shown."""
        positions = [self._cite(evidence[i]) for i in draft.evidence]
        numbers = tuple(dict.fromkeys(self._citations[p].number for p in positions))
        sentence = AnswerSentence(draft.text, numbers, tuple(positions), draft.verdict)
        before = " " if self._sentences else ""
        self._sentences.append(sentence)
        return before + str(sentence)

    def _cite(self, item: Evidence) -> int:
        """The position of a quote's citation; one and the same quote is cited once, a paper keeps its number."""
        sentence = item.sentence
        for position, citation in enumerate(self._citations):
            if (citation.title, citation.start) == (sentence.paper.title, sentence.start):
                return position
        number = self._numbers.setdefault(sentence.paper.id, len(self._numbers) + 1)
        self._citations.append(
            Citation(
                number=number,
                title=sentence.paper.title,
                quote=sentence.quote,
                start=sentence.start,
                end=sentence.end,
                score=round(item.score, 4),
                url=sentence.paper.url,
            )
        )
        return len(self._citations) - 1

    def _cited(self, hits: Sequence[Hit], status: Status) -> tuple[Paper, ...]:
        if status is Status.ANSWERED:
            known = {hit.paper.id: hit.paper for hit in hits}
            return tuple(known[paper] for paper in self._numbers)
        return tuple(hit.paper for hit in hits[:_CLOSEST]) if status is Status.NOT_STATED else ()

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._timings[step] = time.perf_counter() - started


def _refusal(status: Status, hits: Sequence[Hit], papers: int) -> str:
    if status is Status.NOT_FOUND:
        return f"Nothing on this was found in the {papers} papers here."
    titles = "; ".join(f'"{readable(hit.paper.title)}"' for hit in hits[:_CLOSEST])
    return f"The abstracts do not say. The closest papers are {titles}; their full texts may tell."
