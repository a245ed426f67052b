"""Answers in a language model's words: prompt | chat model | checked sentences.

The model is given numbered evidence and writes prose. Which evidence a sentence rests on is found out by code, and a
sentence that the evidence does not bear out never leaves this file.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from index import sentence_spans

from .answer import Verdict
from .answerers import Draft, Usage
from .checking import coverage, supported
from .evidence import Evidence
from .followup import content_text
from .prompts import load_prompt
from .tokens import count_tokens, fit

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

_MARKS = re.compile(r"\s*[\[(]\d+(?:\s*[,;-]\s*\d+)*[\])]")
_LEAD = re.compile(r"^\s*(?:answer\s*:|[-*•]|\d+[.)])\s*", re.IGNORECASE)
_MOST_QUOTES = 3
_NEAR_ENOUGH = 0.4


class Written:
    """A LangChain chat model held to the evidence."""

    def __init__(self, model: "BaseChatModel", name: str, *, prompt_tokens: int) -> None:
        from langchain_core.prompts import ChatPromptTemplate

        self.name = name
        self._prompt_tokens = prompt_tokens
        prompt = ChatPromptTemplate(
            [("system", load_prompt("answer_system").template), ("human", load_prompt("answer_user").template)]
        )
        self._frame = sum(count_tokens(load_prompt(part).template) for part in ("answer_system", "answer_user"))
        self._model = model
        self._chain = prompt | model

    def load(self) -> None:
        """Load a local model's weights."""
        if callable(load := getattr(self._model, "load", None)):
            load()

    def write(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Draft | Usage]:
        """The model's sentences as they are finished and borne out, then what they cost.

        A sentence that is not borne out gives way to the quote that is nearest to it, or is left out.
        """
        lines = [f"{n}. ({item.sentence.paper.title}) {item.sentence.text}" for n, item in enumerate(evidence, 1)]
        lines = fit(lines, self._prompt_tokens - self._frame - count_tokens(question))
        shown: set[tuple[int, ...]] = set()
        dropped, written = 0, ""
        failure = ""
        try:
            for text in self._sentences({"question": question, "evidence": "\n".join(lines)}):
                written += text + " "
                draft = settle(text, evidence[: len(lines)])
                if draft is None or (draft.verdict is Verdict.REPLACED and draft.evidence in shown):
                    dropped += 1
                    continue
                shown.add(draft.evidence)
                yield draft
        except Exception as exc:  # every provider raises its own; the reader gets the quotes and one line
            failure = (str(exc).strip().splitlines() or [type(exc).__name__])[0][:200]
        sent = self._frame + count_tokens(question) + sum(count_tokens(line) for line in lines)
        yield Usage({"input": sent, "output": count_tokens(written)}, dropped, failure)

    def _sentences(self, fields: dict[str, str]) -> Iterator[str]:
        """Whole sentences, as soon as the next one has begun."""
        buffer = ""
        for part in self._chain.stream(fields):
            buffer += content_text(part.content)
            *whole, rest = _split(buffer) or [""]
            if whole:
                yield from filter(None, map(_clean, whole))
                buffer = rest
        yield from filter(None, map(_clean, _split(buffer)))


def settle(text: str, evidence: Sequence[Evidence]) -> Draft | None:
    """The sentence with the fewest pieces of evidence that bear it out; the quote nearest to it if none do; or nothing."""
    texts = [item.sentence.text for item in evidence]
    titles = [item.sentence.paper.title for item in evidence]
    near = sorted(range(len(texts)), key=lambda i: -coverage(text, texts[i]))
    for size in range(1, _MOST_QUOTES + 1):
        used = near[:size]
        context = " ".join(titles[i] for i in used)
        if supported(text, [texts[i] for i in used], context):
            return Draft(text, tuple(used), Verdict.SUPPORTED)
    best = near[0]
    if coverage(text, texts[best]) >= _NEAR_ENOUGH:
        return Draft(texts[best], (best,), Verdict.REPLACED)
    return None


def _split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def _clean(text: str) -> str:
    return " ".join(_LEAD.sub("", _MARKS.sub("", text)).split())
