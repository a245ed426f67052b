"""Answers in a language model's words: prompt | chat model | checked sentences.

The model is given evidence and writes prose. Which evidence a sentence rests on is found out by code, and a sentence that
the evidence does not bear out never leaves this file as an answer's.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index import content_stems, readable, sentence_spans

from .answer import Verdict
from .answerers import Draft, Pending, Quotes, Usage
from .checking import coverage, supported
from .evidence import SLACK, Evidence, told_in_full, word_budget
from .followup import content_text
from .kinds import asks_whether
from .left_out import left_out
from .prompts import FIELDS, check_folder, load_prompt
from .tokens import count_tokens, fit

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.prompts import ChatPromptTemplate

_MARKS = re.compile(r"\s*[\[(]\d+(?:\s*[,;-]\s*\d+)*[\])]")
_AND = r"(?:additionally|also|finally|furthermore|in addition|moreover),"
_BY = r"(?:according to the evidence,|the evidence (?:also )?\w+s that)"
_LEAD = re.compile(rf"^\s*(?:answer\s*:|[-*•]|\d+[.)]|yes\.$|(?:{_AND}?\s+)?{_BY}|{_AND})\s*", re.IGNORECASE)
_HEADING = re.compile(r"^.{1,200}?:\s+[-*•]\s+", re.DOTALL)  # a title and a bullet, as evidence stands in the prompt
_IN_MARKS = re.compile(  # marks around a sentence, or at one end of it; a pair within it stays
    r"^[\"“]?((?:[^\"“”]|(?:^|(?<=[\s(]))[\"“][^\"“”]+[\"”])*?)[\"”]?([.!?]?)$"
)
_WE = re.compile(r"(?:^We|\bwe)\b")
_FIRST_PERSON = re.compile(r"(?:^We|^Our|\b(?:we|our|ours|us))\b")  # capitals inside a sentence are a title's
_THIRD_PERSON = {"we": "they", "our": "their", "ours": "theirs", "us": "them"}
_MOST_SENTENCES = 6
_MOST_QUOTES = 3
_NEAR_ENOUGH = 0.4
_HOSTED = (("system", "answer_system"), ("human", "answer_user"))
_BEGUN = (("system", "judge_system"), ("human", "answer_user"), ("ai", "reply_local"))
_GONE_ON = (("human", "more_local"), ("ai", "reply_local_more"))
_ENDS = re.compile(r"[.!?:][\"')\]]*$")
_FINISHED = {"stop", "end_turn", "stop_sequence"}
_NO_ROOM = {"length", "max_tokens", "model_length", "model_context_window_exceeded"}
_REFUSED = {"content_filter", "refusal", "safety", "prohibited_content", "recitation", "blocklist"}
_REASONS = ("finish_reason", "stop_reason", "done_reason")  # as providers call why a reply ended


class Written:
    """A LangChain chat model held to the evidence: `words` of it, in a prompt of at most `prompt_tokens`.

    Raises PromptError.
    """

    def __init__(
        self, model: "BaseChatModel", name: str, *, prompt_tokens: int, words: int, prompts: Path | None = None
    ) -> None:
        if prompts:
            check_folder(prompts)
        self.name, self.words = name, words
        self._prompt_tokens = prompt_tokens
        self._model = model
        self.reads_on = bool(getattr(model, "reads_slowly", False))
        asked = _templates(_BEGUN if self.reads_on else _HOSTED, prompts)
        gone_on = _templates(_GONE_ON if self.reads_on else (), prompts)
        self._frame = sum(count_tokens(template) for _, template in [*asked, *gone_on])
        self._asked, self._question, self._gone_on = _prompt(asked), _prompt(asked[:2]), _prompt(gone_on)

    def load(self) -> None:
        """Load a local model's weights, and have it read what every prompt begins with."""
        if callable(load := getattr(self._model, "load", None)):
            load()
            self._model.invoke(self._question.invoke({"question": "", "evidence": ""}), max_tokens=1)

    def write(
        self, question: str, evidence: Sequence[Evidence], spare: Sequence[Evidence] = (), *, several: bool = False
    ) -> Iterator[Draft | Pending | Usage]:
        """The model's words as they come and its sentences as they are finished and borne out, then what they cost.

        A sentence that is not borne out gives way to the quote that is nearest to it, or is left out. Where much is asked, a
        small model reads on when it has said what the best evidence holds, so that its first words come sooner. What is
        likely asked for and it has left out, or had no time to read, quotes say.
        """
        fields, kept = self._fields(question, evidence)
        messages = self._asked.format_messages(**fields)
        everything, said = [*evidence, *spare], _Said()
        try:
            yield from self._say(question, messages, evidence[:kept], said)
            if said.refused and not said.drafts:
                said.failure = "the provider would not answer this"
            elif said.drafts and self.reads_on:
                unread = word_budget(question, self.words, several=several) - self.words
                if more := _next(spare, unread):
                    known = everything[: len(evidence) + len(more)]
                    yield from self._say(question, self._on(messages, said.text, more), known, said)
                yield from self._left_out(question, said, everything, several=several)
        except Exception as exc:  # every provider raises its own; the reader gets the quotes and one line
            said.failure = (str(exc).strip().splitlines() or [type(exc).__name__])[0][:200]
        guessed = {"input": self._frame + sum(map(count_tokens, fields.values())), "output": count_tokens(said.text)}
        yield Usage(said.tokens or guessed, said.dropped, said.failure)

    def _say(
        self, question: str, messages: "list[BaseMessage]", evidence: Sequence[Evidence], said: "_Said"
    ) -> Iterator[Draft | Pending]:
        """The model's reply to the messages, checked against the evidence."""
        spent = _Spent()
        for text in self._sentences(messages, spent):
            if isinstance(text, Pending):
                yield text
            elif any(text == draft.text for draft in said.drafts) or len(said.drafts) == _MOST_SENTENCES:
                break  # a small model that goes round in circles has no more to say
            elif _echoes(text, question):
                said.dropped += 1
            elif draft := settle(text, evidence, said.drafts):
                said.drafts.append(draft)
                yield draft
            else:
                said.dropped += 1
        said.note(spent)

    @staticmethod
    def _left_out(question: str, said: "_Said", evidence: Sequence[Evidence], *, several: bool) -> Iterator[Draft]:
        """Quotes of what is worth showing and not said yet, in as much room as quotes alone take."""
        room = word_budget(question, Quotes.words, several=several) * SLACK
        full = told_in_full(question, several=several)
        for position in left_out(evidence, said.drafts, room, in_full=full, several=several):
            yield Draft(evidence[position].sentence.text, (position,), Verdict.QUOTED)

    def _on(self, messages: "list[BaseMessage]", text: str, more: Sequence[Evidence]) -> "list[BaseMessage]":
        """The conversation so far, and more evidence."""
        from langchain_core.messages import AIMessage

        evidence = "\n".join(self._lines(more, self._prompt_tokens))
        so_far = AIMessage(f"{messages[-1].content}{text.rstrip()}")
        return [*messages[:-1], so_far, *self._gone_on.format_messages(evidence=evidence)]

    def _fields(self, question: str, evidence: Sequence[Evidence]) -> tuple[dict[str, str], int]:
        """What the templates are filled with, and how many pieces of the evidence found room in them."""
        lines = self._lines(evidence, self._prompt_tokens - self._frame - count_tokens(question))
        return {"question": question, "evidence": "\n".join(lines)}, len(lines)

    @staticmethod
    def _lines(evidence: Sequence[Evidence], tokens: int) -> list[str]:
        """A line for each piece of evidence that finds room, under its paper's title."""
        lines, last = [], ""
        for item in evidence:
            title = item.sentence.paper.title
            heading = f"{readable(title)}:\n" if title != last else ""
            lines.append(f"{heading}- {item.sentence.text}")
            last = title
        return fit(lines, tokens)

    def _sentences(self, messages: "list[BaseMessage]", spent: "_Spent") -> Iterator[str | Pending]:
        """Whole sentences, as soon as the next one has begun, and meanwhile what there is of it."""
        buffer = ""
        for part in self._model.stream(messages):
            text = spent.note(part)
            buffer += text
            *whole, rest = _split(buffer) or [""]
            if whole:
                yield from filter(None, map(_clean, whole))
                buffer = rest
            yield Pending(_clean(buffer), waiting=bool(part.response_metadata.get("waiting")))
        last = list(filter(None, map(_clean, _split(buffer))))
        cut = bool(last) and spent.finish not in _FINISHED and not _ENDS.search(last[-1])
        yield from last[:-1] if cut else last
        if cut and spent.finish not in _NO_ROOM:
            raise ConnectionError("it broke off in mid-sentence")


class _Said:
    """What has come of a model's replies so far."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.dropped, self.text, self.failure, self.refused = 0, "", "", False
        self.tokens: dict[str, int] = {}

    def note(self, spent: "_Spent") -> None:
        """Take a reply in; what the model had written itself it has not read."""
        self.text += spent.text
        self.refused = spent.finish in _REFUSED
        if spent.tokens:
            written = self.tokens.get("output", 0)
            self.tokens = {"input": spent.tokens["input"] - written, "output": spent.tokens["output"] + written}


class _Spent:
    """What a model has said so far in a reply, and what it says of the cost."""

    def __init__(self) -> None:
        self.text, self.finish = "", ""
        self.tokens: dict[str, int] = {}

    def note(self, part: Any) -> str:
        """Take a part in; its text."""
        text = content_text(part.content)
        self.text += text
        reasons = (part.response_metadata.get(name) for name in _REASONS)
        self.finish = next((str(reason).lower() for reason in reasons if reason), self.finish)
        if usage := part.usage_metadata:
            known = {"input": usage["input_tokens"], "output": usage["output_tokens"]}
            self.tokens = {name: self.tokens.get(name, 0) + count for name, count in known.items()}
        return text


def settle(text: str, evidence: Sequence[Evidence], before: Sequence[Draft] = ()) -> Draft | None:
    """The sentence with the fewest pieces of evidence that bear it out; if none do, the quote nearest to it, unless one
    before rests on that already; or nothing.
    """
    texts = [item.sentence.text for item in evidence]
    titles = [item.sentence.paper.title for item in evidence]
    near = sorted(range(len(texts)), key=lambda i: -coverage(text, texts[i]))
    for size in range(1, _MOST_QUOTES + 1):
        used = near[:size]
        context = " ".join(titles[i] for i in used)
        if supported(text, [texts[i] for i in used], context):
            return Draft(text, tuple(used), Verdict.SUPPORTED)
    best = near[0]
    if coverage(text, texts[best]) < _NEAR_ENOUGH or any(draft.evidence == (best,) for draft in before):
        return None
    return Draft(texts[best], (best,), Verdict.REPLACED)


def _echoes(text: str, question: str) -> bool:
    """Whether a sentence only says the question over again, where that is no answer."""
    return not asks_whether(question) and set(content_stems(text)) <= set(content_stems(question))


def _next(spare: Sequence[Evidence], words: float) -> list[Evidence]:
    """As much of the spare evidence as has so many words."""
    sizes = accumulate(len(item.sentence.text.split()) for item in spare)
    return [item for item, size in zip(spare, sizes, strict=True) if size <= words * SLACK]


def _templates(parts: Sequence[tuple[str, str]], folder: Path | None) -> list[tuple[str, str]]:
    return [(role, load_prompt(said, folder).template if said in FIELDS else said) for role, said in parts]


def _prompt(templates: Sequence[tuple[str, str]]) -> "ChatPromptTemplate":
    from langchain_core.prompts import ChatPromptTemplate

    return ChatPromptTemplate(list(templates))


def _split(text: str) -> list[str]:
    """The sentences of a text that may still be growing: what does not end with a full stop or its like goes on."""
    sentences: list[str] = []
    for start, end in sentence_spans(text):
        if sentences and not _ENDS.search(sentences[-1]):
            sentences[-1] += f" {text[start:end]}"
        else:
            sentences.append(text[start:end])
    return sentences


def _clean(text: str) -> str:
    """A model's sentence as a colleague would say it: no marks of its own, not about "the evidence", not in marks, no "we"."""
    unmarked = _HEADING.sub("", _MARKS.sub("", text).strip())
    bare = _LEAD.sub("", _IN_MARKS.sub(r"\1\2", unmarked)).strip()
    said = " ".join(_FIRST_PERSON.sub(_third_person, _WE.sub("the authors", bare, count=1)).split())
    first = said.partition(" ")[0]
    return said[:1].upper() + said[1:] if first.isalpha() and first.islower() else said


def _third_person(found: re.Match[str]) -> str:
    return _THIRD_PERSON[found.group().lower()]
