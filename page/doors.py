"""The doors beside the page: `ask`, `search` and `papers` over HTTP, `ask_papers` and `search_papers` as MCP tools."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import gradio as gr

from assistant import Answer, Hit, Paper, readable

from .preparation import Preparation

_MOST = 100


class Doors:
    """What other programs may call. Every call stands alone: nothing is remembered between two of them."""

    def __init__(self, preparation: Preparation) -> None:
        self._preparation = preparation

    def ask(self, question: str, history: list[Any] | None = None, papers: int = 5, model: str = "") -> dict[str, Any]:
        """Answer a question from the abstracts of the papers; every sentence carries its citations.

        Args:
            question: a question in plain language.
            history: earlier turns, oldest first, as [question, answer] pairs.
            papers: how many papers the answer may draw on, 1 to 20.
            model: "quotes" for an answer in the papers' own words, made without a language model.

        Returns:
            status ("answered", "not_stated" or "not_found"), text, sentences with their citation numbers and verdicts,
            citations (number, title, quote, start, end, score, url), papers, query, model, timings, tokens, note.

        """
        return self._asked(question, history or [], papers, quotes=model == "quotes").to_dict()

    def search(self, query: str, k: int = 10, year: int | None = None, source: str | None = None) -> list[dict[str, Any]]:
        """The papers that fit a query best, best first.

        Args:
            query: what the papers should be about.
            k: how many papers, 1 to 100.
            year: only papers of this year.
            source: only papers of this source file.

        Returns:
            a list of {"paper": {id, title, abstract, year, authors, url, doi, arxiv, sources}, "score", "similarity",
            "lexical"}.

        """
        return [asdict(hit) for hit in self._found(query, k, year, source)]

    def papers(
        self, text: str = "", year: int | None = None, source: str | None = None, sort: str = "title", offset: int = 0,
        limit: int = 50,
    ) -> dict[str, Any]:  # fmt: skip
        """The papers themselves, page by page.

        Args:
            text: only papers with words in title or abstract that begin like these.
            year: only papers of this year.
            source: only papers of this source file.
            sort: "title", "newest", "oldest" or "best".
            offset: how many papers to leave out at the start.
            limit: how many papers to return, 1 to 100.

        Returns:
            {"total": how many there are, "papers": [{id, title, abstract, year, authors, url, doi, arxiv, sources}, ...]}.

        """
        page, total = self._preparation.assistant.browse(
            text, year=_number(year), source=source or None, sort=sort, offset=max(offset, 0), limit=_within(limit)
        )
        return {"total": total, "papers": [asdict(paper) for paper in page]}

    def ask_papers(self, question: str) -> str:
        """Answer a question from a collection of scientific paper abstracts.

        Use this for anything the papers may state: what a method does, what a study found, which papers deal with a topic.
        Every sentence of the answer carries a number such as [1]; the papers and the exact words of their abstracts follow.
        If the abstracts do not hold the answer, the result says so and names the closest papers: do not fill in the gap.

        Args:
            question: one self-contained question in plain English; say what "it" is, since no earlier question is known.

        """
        answer = self._asked(question, [], 5, quotes=False)
        if not answer.citations:
            return f"Status: {answer.status.value}\n\n{answer.text}"
        quotes = "\n".join(f'[{c.number}] "{readable(c.quote)}"' for c in answer.citations)
        listed = "\n".join(f"[{number}] {_reference(paper)}" for number, paper in enumerate(answer.papers, 1))
        return f"{answer.text}\n\nPapers:\n{listed}\n\nQuotes from their abstracts:\n{quotes}"

    def search_papers(self, query: str, count: int = 5) -> str:
        """Find papers in a collection of scientific abstracts by what they are about, best first.

        Use this to see which papers deal with a topic, or to read whole abstracts; use ask_papers for an answer.

        Args:
            query: a topic, a method's name or a question.
            count: how many papers to return, 1 to 20.

        """
        hits = self._found(query, min(count, 20), None, None)
        listed = [f"{place}. {_reference(hit.paper)}\n{readable(hit.paper.abstract)}" for place, hit in enumerate(hits, 1)]
        return "\n\n".join(listed) or "No paper was found."

    def _asked(self, question: str, history: list[Any], papers: int, *, quotes: bool) -> Answer:
        return self._preparation.assistant.variant(quotes=quotes, papers=min(_within(papers), 20)).ask(question, history)

    def _found(self, query: str, k: int, year: int | None, source: str | None) -> list[Hit]:
        return self._preparation.assistant.search(query, _within(k), year=_number(year), source=source or None)


def open_doors(preparation: Preparation, told: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Publish the doors on the page being built; `told` makes a function's PaperErrors Gradio's own."""
    doors = Doors(preparation)
    for function in (doors.ask, doors.search, doors.papers):
        published = told(function)
        # Gradio makes every public endpoint a tool of its MCP server; a model has use for the two below only.
        published._mcp_type = "endpoint"  # type: ignore[attr-defined]
        gr.api(published, api_name=function.__name__, concurrency_limit=4)
    for tool in (doors.ask_papers, doors.search_papers):
        gr.api(told(tool), api_name=tool.__name__, concurrency_limit=4)


def _reference(paper: Paper) -> str:
    details = [", ".join(paper.authors[:3]), str(paper.year or ""), paper.url or ""]
    return ". ".join([readable(paper.title), *filter(None, details)])


def _within(count: int) -> int:
    return min(max(int(count), 1), _MOST)


def _number(year: int | None) -> int | None:
    return int(year) if year else None
