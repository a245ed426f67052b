"""Asking: a question with its conversation and options in, the answer as it is written out."""

import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from assistant import Answer, Paper, Pending, readable

from .cards import View, answer_view

if TYPE_CHECKING:
    from assistant import Assistant

QUOTES = "quotes"

_MOST_PAPERS = 20


def converse(assistant: "Assistant", question: str, history: Sequence[Any], options: View) -> Iterator[View]:
    """{"quotes": [...]} at once where a language model is to write, {"text": what is written and checked so far} and
    {"pending": words not checked yet, "waiting": for another answer} again and again, then {"answer": ...}. Raises PaperError.

    Options: `quotes` (no language model), `papers` (how many to draw on), `only` (ids of papers to keep to).
    """
    papers = min(max(int(options.get("papers") or 0), 0), _MOST_PAPERS) or None
    only = [str(paper) for paper in options.get("only") or ()]
    asked = assistant.variant(quotes=bool(options.get("quotes")), papers=papers, only=only)
    said = [(str(before), str(answered)) for before, answered in history]
    if asked.model != QUOTES:
        found = asked.variant(quotes=True).ask(question, said)
        yield {"quotes": [[s.text, readable(found.citations[s.evidence[0]].title)] for s in found.sentences]}
    written = ""
    for part in asked.progress(question, said):
        if isinstance(part, Answer):
            considered = asked.search(part.query or question, asked.settings.papers)
            yield {"answer": answer_view(part, considered)}
        elif isinstance(part, Pending):
            yield {"pending": part.text, "waiting": part.waiting}
        else:
            written += part
            yield {"text": written, "pending": ""}


def example_questions(papers: Sequence[Paper], count: int = 4) -> list[str]:
    """Questions to begin with, made from the papers at hand; the same for the same papers."""
    short = [paper for paper in papers if 3 <= len(paper.title.split()) <= 9 and "?" not in paper.title] or papers
    drawn = random.Random(7).sample(list(short), min(count, len(short)))
    forms = ("What does “{}” propose?", "What was found in “{}”?", "Why does “{}” work?", "How was “{}” evaluated?")
    return [form.format(readable(paper.title)) for form, paper in zip(forms, drawn, strict=False)]
