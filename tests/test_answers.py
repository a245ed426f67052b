"""Questions to answers with the papers of conftest: quotes, a scripted model, the three outcomes, every door in Python."""

import asyncio
import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PAPERS, WordEmbeddings, WordReader

from assistant import Answer, Assistant, Citation, PaperError, Settings, open_assistant
from assistant.answer import Status, Verdict
from assistant.followup import standalone, turns
from assistant.prompts import FIELDS, check_prompt, load_prompt
from index import PaperIndex, PromptError, QuestionError, SettingsError, build_index

Make = Callable[..., Assistant]
SWIFT = PAPERS[0].title


def check_promises(assistant: Assistant, answer: Answer) -> None:
    """What holds for every answer."""
    assert answer.status is Status.ANSWERED
    for sentence in answer.sentences:
        assert sentence.citations
        assert {answer.citations[i].number for i in sentence.evidence} == set(sentence.citations)
        assert str(sentence) in answer.text
    for citation in answer.citations:
        paper = assistant.index.titled(citation.title)
        assert paper.abstract[citation.start : citation.end] == citation.quote
        assert answer.papers[citation.number - 1].title == citation.title
    assert [n for n, _ in enumerate(answer.papers, 1)] == sorted({c.number for c in answer.citations})


def test_quotes_answer_cites_the_paper_with_its_exact_words(assistant_with: Make) -> None:
    assistant = assistant_with()
    answer = assistant.ask("How many fewer steps does the momentum optimizer SwiftMo need than Adam?")
    check_promises(assistant, answer)
    assert "38% fewer steps" in answer.text
    assert answer.papers[0].title == SWIFT
    assert {s.verdict for s in answer.sentences} == {Verdict.QUOTED}
    assert str(answer).endswith(f"[1] {SWIFT}") or f"[1] {SWIFT}\n" in str(answer)


def test_dirt_is_cleaned_in_the_text_and_kept_in_the_quote(assistant_with: Make) -> None:
    answer = assistant_with().ask("How many of the weights does pruning weights by their noise remove on ImageNet?")
    assert "71% of the weights" in answer.text
    assert any(r"71\% of the weights" in citation.quote for citation in answer.citations)


@pytest.mark.parametrize(
    ("question", "status"),
    [
        pytest.param("How long should rice boil?", Status.NOT_FOUND, id="outside"),
        pytest.param("In which year was the momentum optimizer SwiftMo first used at Google?", Status.NOT_STATED, id="detail"),
    ],
)
def test_what_is_not_there_is_refused_without_asking_the_model(assistant_with: Make, question: str, status: Status) -> None:
    assistant = assistant_with("It was made up. [1]")
    answer = assistant.ask(question)
    assert answer.status is status
    assert (answer.sentences, answer.citations, answer.tokens) == ((), (), {})
    assert answer.text
    if status is Status.NOT_STATED:
        assert answer.papers[0].title in answer.text


def written(assistant_with: Make, *replies: object) -> Answer:
    assistant = assistant_with(*replies)
    answer = assistant.ask("How does the momentum optimizer SwiftMo work and how fast is it?")
    check_promises(assistant, answer)
    return answer


def test_written_answer_gets_its_citations_from_code(assistant_with: Make) -> None:
    answer = written(
        assistant_with, "SwiftMo keeps two memories of the gradient [7]. It reaches the same loss in 38% fewer steps than Adam."
    )
    assert (
        answer.text
        == "SwiftMo keeps two memories of the gradient. [1] It reaches the same loss in 38% fewer steps than Adam. [1]"
    )
    assert {s.verdict for s in answer.sentences} == {Verdict.SUPPORTED}
    assert answer.tokens["input"] > 50
    assert answer.tokens["output"] > 10


@pytest.mark.parametrize(
    "false",
    [
        pytest.param("SwiftMo reaches the same loss as Adam in 83% fewer steps.", id="number"),
        pytest.param("SwiftMo reaches the same loss as AdaBelief in 38% fewer steps.", id="name"),
        pytest.param("Bananas are rich in potassium and grow in warm countries.", id="nonsense"),
    ],
)
def test_unsupported_sentences_never_reach_the_reader(assistant_with: Make, false: str) -> None:
    answer = written(assistant_with, f"SwiftMo keeps two memories of the gradient. {false}")
    assert false.rstrip(".") not in answer.text
    assert "keeps two memories" in answer.text


def test_model_that_writes_nothing_usable_gives_way_to_quotes(assistant_with: Make) -> None:
    answer = written(assistant_with, "I cannot say.")
    assert {s.verdict for s in answer.sentences} <= {Verdict.QUOTED, Verdict.REPLACED}
    assert "these are quotes" in answer.note


@pytest.mark.parametrize(
    "reply",
    [pytest.param(ConnectionError("no route"), id="at-once"), pytest.param("SwiftMo keeps <break>", id="mid-sentence")],
)
def test_model_that_fails_gives_way_to_quotes_and_says_why(assistant_with: Make, reply: object) -> None:
    answer = written(assistant_with, reply)
    assert {s.verdict for s in answer.sentences} == {Verdict.QUOTED}
    assert "failed" in answer.note
    assert "\n" not in answer.note


def test_model_that_stops_in_mid_answer_keeps_what_was_said(assistant_with: Make) -> None:
    answer = written(assistant_with, "SwiftMo keeps two memories of the gradient. It reaches <break>")
    assert answer.text == "SwiftMo keeps two memories of the gradient. [1]"
    assert "stopped early" in answer.note


def test_stream_gives_text_then_the_answer(assistant_with: Make) -> None:
    *texts, answer = assistant_with("SwiftMo keeps two memories of the gradient. It needs 38% fewer steps than Adam.").stream(
        "How does the momentum optimizer SwiftMo work?"
    )
    assert len(texts) == 2
    assert "".join(texts) == answer.text


def test_async_doors_answer_alike(assistant_with: Make) -> None:
    assistant = assistant_with()

    async def both() -> tuple[Answer, list[object]]:
        question = "What does the momentum optimizer SwiftMo keep?"
        return await assistant.aask(question), [part async for part in assistant.astream(question)]

    answer, parts = asyncio.run(both())
    assert isinstance(parts[-1], Answer)
    assert parts[-1].text == answer.text == "".join(parts[:-1])


def test_langchain_doors(assistant_with: Make) -> None:
    assistant = assistant_with()
    documents = assistant.as_retriever(k=2).invoke("momentum optimizer")
    assert documents[0].metadata["title"] == SWIFT
    runnable = assistant.as_runnable()
    assert runnable.invoke("What does the momentum optimizer SwiftMo keep?").papers[0].title == SWIFT
    history = [("What is SwiftMo?", f'"{SWIFT}" is a momentum optimizer.')]
    assert runnable.invoke({"question": "how fast is it?", "history": history}).query != "how fast is it?"


@pytest.mark.parametrize(
    ("question", "said"),
    [pytest.param(" \n ", "empty", id="empty"), pytest.param("why " * 25_000, "ask a shorter one", id="100-kB")],
)
def test_questions_that_cannot_be_asked(assistant_with: Make, question: str, said: str) -> None:
    with pytest.raises(QuestionError, match=said) as caught:
        assistant_with().ask(question)
    assert isinstance(caught.value, PaperError)
    assert len(str(caught.value)) < 200


def test_similar_names_the_remedy_for_an_unknown_title(assistant_with: Make) -> None:
    assert [hit.paper.title for hit in assistant_with().similar(SWIFT, 1)] != [SWIFT]
    with pytest.raises(QuestionError, match="search"):
        assistant_with().similar("No Such Paper")


def test_answer_turns_into_json_markdown_and_bibliographies(assistant_with: Make) -> None:
    answer = assistant_with().ask("What does the momentum optimizer SwiftMo keep of the gradient?")
    stored = json.loads(json.dumps(answer.to_dict()))
    assert stored["status"] == "answered"
    assert stored["citations"][0]["title"] == SWIFT
    assert f"1. *{SWIFT}*" in answer.to_markdown()
    assert "@misc{moreau2021swiftmo," in answer.bibliography("bibtex")
    assert "author = {Ada Moreau and Tom Okafor}" in answer.bibliography("bibtex")
    assert "TI  - " + SWIFT in answer.bibliography("ris").splitlines()
    assert next(csv.DictReader(io.StringIO(answer.bibliography("csv"))))["title"] == SWIFT
    assert SWIFT in answer.bibliography("markdown")
    with pytest.raises(SettingsError, match="bibtex, ris, csv, markdown"):
        answer.bibliography("endnote")


HISTORY = [("what is SwiftMo?", f'"{SWIFT}" keeps two memories of the gradient.')]


@pytest.mark.parametrize(
    ("question", "points_back"),
    [
        pytest.param("what accuracy did it reach?", True, id="pronoun"),
        pytest.param("and on ImageNet?", True, id="ellipsis"),
        pytest.param("yes, go on", True, id="yes"),
        pytest.param("Which methods remove weights from large models by looking at noise?", False, id="stands-alone"),
    ],
)
def test_questions_that_point_back_are_searched_with_what_they_point_to(question: str, points_back: bool) -> None:
    query = standalone(question, HISTORY)
    assert (SWIFT in query) is points_back
    assert query.endswith(question)


def test_history_may_be_pairs_or_messages_with_text_in_blocks() -> None:
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "what is SwiftMo?"}]},
        {"role": "assistant", "content": HISTORY[0][1]},
    ]
    assert turns(messages) == turns(HISTORY) == HISTORY


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_prompts_fit_the_code(name: str) -> None:
    prompt = load_prompt(name)
    assert prompt.template
    assert not prompt.template.startswith("#")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        pytest.param("{question}", "evidence", id="missing-field"),
        pytest.param("{question} {evidence} {mood}", "mood", id="unknown-field"),
        pytest.param("{question} {evidence", "braces", id="broken"),
    ],
)
def test_prompts_that_do_not_fit_are_refused(template: str, said: str) -> None:
    with pytest.raises(PromptError, match=said):
        check_prompt("answer_user", template, FIELDS["answer_user"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param({"port": "many"}, "PORT", id="port"),
        pytest.param({"auth": "nobody"}, "user:password", id="auth"),
        pytest.param({"model": "llama"}, "provider:name", id="model"),
        pytest.param({"model": "/no/such.gguf"}, "no such file", id="gguf"),
        pytest.param({"model": "groq:llama"}, "'groq:llama'.* `pip install langchain-groq`", id="package-missing"),
        pytest.param({"colour": "red"}, "COLOUR", id="unknown"),
    ],
)
def test_settings_that_make_no_sense_are_named(index: PaperIndex, given: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        open_assistant(index=index, **given)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAPER_ASSISTANT_PAPERS", "3")
    assert Settings.read().papers == 3
    assert Settings.read(papers=7).papers == 7


def test_citation_is_a_value() -> None:
    with pytest.raises(AttributeError):
        Citation(1, "t", "q", 0, 1, 0.5).number = 2  # type: ignore[misc]


def test_an_index_without_papers_is_asked_like_any_other(tmp_path: Path, embeddings: WordEmbeddings) -> None:
    file = tmp_path / "none.jsonl"
    file.write_text('{"title": "A paper about rivers", "abstract": ""}\n', encoding="utf-8")
    build_index([file], tmp_path / "index", embeddings)
    empty = PaperIndex(tmp_path / "index", embeddings, reader=WordReader)
    answer = open_assistant(index=empty, model="quotes").ask("What do rivers do?")
    assert answer.status is Status.NOT_FOUND
    assert "0 papers" in answer.text
