"""Language models: anybody's over a real server, one that fails in every way, the local one, prompts of one's own."""

import asyncio
import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest
from conftest import KEY, QUESTION, TRUE, Act, ScriptedChat, Serve, events, replies
from langchain_core.messages import AIMessage, HumanMessage

from assistant import Answer, Assistant, PaperError, Pending, Settings, SettingsError, open_assistant
from assistant.answer import Status, Verdict
from assistant.answerers import Draft
from assistant.evidence import Evidence
from assistant.left_out import left_out
from assistant.models import answerer
from assistant.prompts import load_prompt
from assistant.written import Written
from index import ModelFailed, PaperIndex, PromptError

Make = Callable[..., Assistant]


# ---- a server that says what servers have been seen to say


def _error(status: int, kind: str, message: str, **headers: str) -> Act:
    return replies(status, {"error": {"message": message, "type": kind, "param": None, "code": kind}}, **headers)


def _streamed(text: str, *, finish: str = "stop", broken: bool = False) -> Act:
    """The text word by word; broken off before the end if so wanted."""

    def chunk(delta: dict[str, str], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], "usage": None}

    said = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": f"{word} "}) for word in text.split(" "))]
    if broken:
        return events(said, end="data: {not json")
    usage = {"prompt_tokens": 321, "completion_tokens": 45, "total_tokens": 366}
    return events([*said, chunk({}, finish), {**chunk({}), "choices": [], "usage": usage}], end="data: [DONE]\n\n")


def _silent(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, index: PaperIndex, server: Serve) -> Callable[..., tuple[Assistant, list[Any]]]:
    """An assistant whose model is a server that answers a request after the other as told; and what it was sent."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def make(*acts: Act, **settings: object) -> tuple[Assistant, list[Any]]:
        address, sent = server(*acts)
        return open_assistant(index=index, model="openai:m", base_url=f"{address}/v1", **settings), sent

    return make


def test_hosted_model_writes_and_says_what_it_cost(served: Any) -> None:
    assistant, sent = served(_streamed(TRUE), price="0.5/2")
    answer = assistant.ask(QUESTION)
    assert {s.verdict for s in answer.sentences} == {Verdict.SUPPORTED}
    assert answer.tokens == {"input": 321, "output": 45}
    assert answer.cost == pytest.approx((321 * 0.5 + 45 * 2) / 1e6)
    assert (answer.model, answer.note) == ("openai:m", "")
    assert sent[0]["messages"][0]["role"] == "system"
    assert "two memories of the gradient" in sent[0]["messages"][1]["content"]


def test_no_price_no_cost(served: Any) -> None:
    assert served(_streamed(TRUE))[0].ask(QUESTION).cost is None


@pytest.mark.parametrize(
    ("acts", "said"),
    [
        pytest.param([_error(401, "invalid_api_key", "Incorrect API key provided.")], "Incorrect API key", id="key"),
        pytest.param([_error(404, "model_not_found", "The model `m` does not exist.")], "does not exist", id="no-such-model"),
        pytest.param(
            [_error(429, "rate_limit_exceeded", "Rate limit reached.", retry_after_ms="1")], "Rate limit", id="rate-limit"
        ),
        pytest.param([_error(400, "context_length_exceeded", "Too many tokens.")], "Too many tokens", id="too-long"),
        pytest.param(
            [_error(500, "server_error", "The server had an error.", retry_after_ms="1")], "server had an error", id="500"
        ),
        pytest.param([_silent], "timed out", id="silence"),
        pytest.param([_streamed("SwiftMo keeps", broken=True)], "failed", id="broken-off"),
        pytest.param([_streamed("", finish="content_filter")], "would not answer", id="refusal"),
        pytest.param([_streamed("I am sorry, I cannot help with that.")], "nothing that the abstracts bear out", id="apology"),
        pytest.param([replies(200, {"hello": "world"})], "these are quotes", id="not-the-protocol"),
    ],
)
def test_every_failure_gives_way_to_quotes_with_its_reason(served: Any, acts: list[Act], said: str) -> None:
    assistant, _ = served(*acts, timeout=0.5, retries=1)
    answer = assistant.ask(QUESTION)
    assert answer.status is Status.ANSWERED
    assert {s.verdict for s in answer.sentences} <= {Verdict.QUOTED, Verdict.REPLACED}
    assert said in answer.note
    assert "\n" not in answer.note
    assert KEY not in json.dumps(answer.to_dict())


def test_server_that_is_not_there_gives_way_to_quotes(monkeypatch: pytest.MonkeyPatch, index: PaperIndex) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    answer = open_assistant(index=index, model="openai:m", base_url="http://127.0.0.1:9/v1", retries=0).ask(QUESTION)
    assert answer.sentences[0].verdict is Verdict.QUOTED
    assert "Connection error" in answer.note


def test_busy_server_is_asked_again(served: Any) -> None:
    busy = _error(429, "rate_limit_exceeded", "Rate limit reached.", retry_after_ms="1")
    assistant, sent = served(busy, busy, _streamed(TRUE), retries=2)
    answer = assistant.ask(QUESTION)
    assert answer.note == ""
    assert len(sent) == 3


def test_what_was_said_before_the_server_died_is_kept(served: Any) -> None:
    assistant, _ = served(_streamed("SwiftMo keeps two memories of the gradient. It reaches", broken=True), retries=0)
    answer = assistant.ask(QUESTION)
    assert answer.text == "SwiftMo keeps two memories of the gradient. [1]"
    assert "stopped early" in answer.note


def test_missing_key_is_one_line(monkeypatch: pytest.MonkeyPatch, index: PaperIndex) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(PaperError, match="openai:m") as caught:
        open_assistant(index=index, model="openai:m")
    assert "\n" not in str(caught.value)


# ---- what a model is given


def test_words_come_unchecked_before_their_sentence_is_checked(assistant_with: Make) -> None:
    parts = list(assistant_with(TRUE).progress(QUESTION))
    words = [part.text for part in parts if isinstance(part, Pending)]
    first = next(n for n, part in enumerate(parts) if isinstance(part, str))
    assert "SwiftMo keeps" in words
    assert any(isinstance(part, Pending) and part.text for part in parts[:first])
    assert not any(isinstance(part, Pending) for part in assistant_with(TRUE).stream(QUESTION))


def test_sentence_with_brackets_stays_whole_while_it_grows(assistant_with: Make) -> None:
    whole = "SwiftMo (a momentum optimizer), as proposed, keeps two memories (of the gradient)."
    answer = assistant_with(whole).ask(QUESTION)
    assert answer.sentences[0].text == whole


def test_model_that_repeats_itself_is_cut_short(assistant_with: Make) -> None:
    answer = assistant_with("SwiftMo keeps two memories of the gradient. " * 9).ask(QUESTION)
    assert answer.text.count("two memories") == 1


def test_model_that_reads_more_is_given_more() -> None:
    few = answerer(Settings.read(), ScriptedChat(replies=[TRUE]))
    many = answerer(Settings.read(), ScriptedChat(replies=[TRUE], profile={"max_input_tokens": 128_000}))
    assert few.words < many.words


def test_evidence_stands_under_its_paper_and_within_the_budget(index: PaperIndex) -> None:
    model = ScriptedChat(replies=[TRUE])
    open_assistant(Settings.read(prompt_tokens=200), index=index, model=model).ask(QUESTION)
    assert model.sent[0].count("SwiftMo: A Momentum Optimizer With Two Memories:\n- ") == 1
    assert "two memories of the gradient" in model.sent[0]


def test_prompt_of_ones_own_stands_in_for_ours(tmp_path: Path, index: PaperIndex) -> None:
    (tmp_path / "answer_system.txt").write_text("# mine\nAnswer as a captain would.", encoding="utf-8")
    model = ScriptedChat(replies=[TRUE])
    open_assistant(index=index, model=model, prompts=tmp_path).ask(QUESTION)
    assert model.sent[0].startswith("Answer as a captain would.\nEvidence:")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        pytest.param("answer_user", "{question}", "evidence", id="missing-field"),
        pytest.param("anser_user", "{question} {evidence}", "anser_user", id="misspelt"),
        pytest.param("answer_user", None, "UTF-8", id="not-text"),
    ],
)
def test_prompt_of_ones_own_that_does_not_fit_is_named(
    tmp_path: Path, index: PaperIndex, name: str, text: str | None, said: str
) -> None:
    (tmp_path / f"{name}.txt").write_bytes(b"\xff\xfe\x00" if text is None else text.encode())
    with pytest.raises(PromptError, match=said):
        open_assistant(index=index, model=ScriptedChat(replies=[TRUE]), prompts=tmp_path)


def test_folder_of_prompts_that_is_not_there_is_named(tmp_path: Path, index: PaperIndex) -> None:
    with pytest.raises(PromptError, match="not there"):
        open_assistant(index=index, model=ScriptedChat(replies=[TRUE]), prompts=tmp_path / "none")


@pytest.mark.parametrize("price", ["much", "1", "1/2/3", "-1/2"])
def test_price_that_is_none_is_refused(price: str) -> None:
    with pytest.raises(SettingsError, match="PRICE"):
        Settings.read(price=price)


class SlowReader(ScriptedChat):
    """A scripted model that reads as slowly as a local one."""

    reads_slowly: ClassVar[bool] = True


def test_what_a_small_model_leaves_out_is_quoted(index: PaperIndex) -> None:
    model = SlowReader(replies=["SwiftMo keeps two memories of the gradient."])
    answer = open_assistant(index=index, model=model).ask(QUESTION)
    assert [s.verdict for s in answer.sentences[:2]] == [Verdict.SUPPORTED, Verdict.QUOTED]
    assert "38% fewer steps" in answer.text


def test_what_is_not_stated_is_refused_before_a_model_is_asked(index: PaperIndex) -> None:
    question = "Where was the conference dinner held?"
    assert open_assistant(index=index, model="quotes").ask(question).status is not Status.ANSWERED
    model = SlowReader(replies=[TRUE])
    assert open_assistant(index=index, model=model, words=20).ask(question).status is not Status.ANSWERED
    assert not model.sent


@pytest.mark.parametrize(
    ("question", "several", "goes_on"),
    [
        pytest.param("How does the momentum optimizer SwiftMo work?", False, True, id="how"),
        pytest.param("What do the optimizers find?", True, True, id="several"),
        pytest.param("At what batch size was SwiftMo tried?", False, False, id="detail"),
    ],
)
def test_small_model_reads_on_where_more_is_asked(index: PaperIndex, question: str, several: bool, goes_on: bool) -> None:
    first, second, *_ = (Evidence(sentence, 0.9) for sentence in index.sentences(index.search("optimizer", 1)[0].paper))
    model = SlowReader(replies=[first.sentence.text, second.sentence.text])
    writer = Written(model, "slow", prompt_tokens=900, words=60)
    drafts = [part for part in writer.write(question, [first], [second], several=several) if isinstance(part, Draft)]
    assert [draft.evidence for draft in drafts] == [(0,), (1,)]
    assert [draft.verdict for draft in drafts] == [Verdict.SUPPORTED, Verdict.SUPPORTED if goes_on else Verdict.QUOTED]
    assert len(model.sent) == 1 + goes_on
    if goes_on:
        assert model.sent[1].startswith(f"{model.sent[0]}{first.sentence.text}\nMore evidence:")
        assert second.sentence.text in model.sent[1]


def test_small_model_is_shown_the_best_evidence_first(index: PaperIndex) -> None:
    question = "How does the momentum optimizer SwiftMo work, and why does it need two memories of the gradient?"
    model = SlowReader(replies=[TRUE])
    answer = open_assistant(index=index, model=model, words=20).ask(question)
    assert answer.status is Status.ANSWERED
    assert 0 < model.sent[0].count("\n- ") < model.sent[-1].count("\n- ")


def test_what_the_model_had_no_time_to_read_is_quoted_too(index: PaperIndex) -> None:
    hits = index.search("optimizer", 1)
    first, second = [Evidence(index.sentences(hits[0].paper)[i], 0.9) for i in (0, 1)]
    model = SlowReader(replies=[first.sentence.text])
    said = list(Written(model, "slow", prompt_tokens=900, words=60).write("When was it?", [first], [second]))
    drafts = [part for part in said if isinstance(part, Draft)]
    assert second.sentence.text not in model.sent[-1]
    assert [(d.evidence, d.verdict) for d in drafts] == [((0,), Verdict.SUPPORTED), ((1,), Verdict.QUOTED)]


def test_papers_that_have_said_nothing_are_quoted_first_where_several_are_asked_for(index: PaperIndex) -> None:
    near, far = (index.sentences(hit.paper) for hit in index.search("optimizer", 2))
    evidence = [Evidence(near[0], 0.9), Evidence(near[1], 0.6), Evidence(far[0], 0.5)]
    drafts = [Draft(near[0].text, (0,), Verdict.SUPPORTED)]
    assert left_out(evidence, drafts, 115, in_full=True, several=False) == [1, 2]
    assert left_out(evidence, drafts, 115, in_full=True, several=True) == [2, 1]


@pytest.mark.parametrize(
    ("likely", "in_full", "quoted"),
    [(0.2, False, [1]), (0.03, False, []), (0.03, True, [1]), (0.01, True, [])],
    ids=["likely", "unlikely", "unlikely, but much is asked", "hardly possible"],
)
def test_answer_stops_where_little_is_to_be_gained(index: PaperIndex, likely: float, in_full: bool, quoted: list[int]) -> None:
    sentences = index.sentences(index.search("optimizer", 1)[0].paper)
    evidence = [Evidence(sentences[1], 0.9), Evidence(sentences[2], likely)]
    drafts = [Draft(sentences[1].text, (0,), Verdict.SUPPORTED)]
    assert left_out(evidence, drafts, 115, in_full=in_full, several=False) == quoted


@pytest.mark.parametrize(("likely", "times"), [(0.9, 1.0), (0.04, 1.5)], ids=["likely said", "unsure"])
def test_half_as_much_again_is_quoted_where_nothing_likely_says_what_is_asked(
    index: PaperIndex, likely: float, times: float
) -> None:
    sentences = [sentence for hit in index.search("optimizer", 4) for sentence in index.sentences(hit.paper)]
    drafts = [Draft(sentences[0].text, (0,), Verdict.SUPPORTED)]
    evidence = [Evidence(sentences[0], likely), *(Evidence(sentence, 0.06) for sentence in sentences[1:5])]
    shown = [len(item.sentence.text.split()) for item in evidence]
    room = sum(shown) / 1.5
    quoted = left_out(evidence, drafts, room, in_full=False, several=False)
    words = shown[0] + sum(shown[i] for i in quoted)
    assert room * times - max(shown) < words <= room * times + 1e-9


def test_what_is_said_already_is_not_quoted(index: PaperIndex) -> None:
    sentence = index.sentences(index.search("optimizer", 1)[0].paper)[1]
    drafts = [Draft(f"Indeed, {sentence.text}", (0,), Verdict.SUPPORTED)]
    assert left_out([Evidence(sentence, 0.9)], drafts, 115, in_full=True, several=False) == []


def test_quotes_of_what_is_left_out_keep_to_their_room(index: PaperIndex) -> None:
    sentences = index.sentences(index.search("optimizer", 1)[0].paper)
    evidence = [Evidence(sentence, 0.9) for sentence in sentences]
    room = sum(len(sentence.text.split()) for sentence in sentences[:2])
    quoted = left_out(evidence, [], room, in_full=True, several=False)
    assert 0 < sum(len(sentences[i].text.split()) for i in quoted) <= room


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        pytest.param("The evidence states that SwiftMo keeps two memories of the gradient.", None, id="evidence"),
        pytest.param(
            "Yes. In addition, the evidence also says that SwiftMo keeps two memories of the gradient.", None, id="yes"
        ),
        pytest.param("SwiftMo: Two Memories:\n- SwiftMo keeps two memories of the gradient.", None, id="heading"),
        pytest.param("1. SwiftMo keeps two memories of the gradient [1, 2].", None, id="marks"),
        pytest.param("Our SwiftMo keeps two memories of the gradient.", "Their SwiftMo keeps two memories", id="we"),
        pytest.param('"Our SwiftMo keeps two memories of the gradient."', "Their SwiftMo keeps two memories", id="in-marks"),
        pytest.param("Furthermore, SwiftMo keeps two memories of the gradient.", None, id="furthermore"),
        pytest.param("We say that we hold that SwiftMo keeps two memories.", "The authors say that they hold", id="we-twice"),
        pytest.param('"SwiftMo keeps "two" of its "memories"."', 'SwiftMo keeps "two" of its', id="inner-marks"),
        pytest.param('SwiftMo keeps "two memories".', 'SwiftMo keeps "two memories".', id="last-in-marks"),
        pytest.param("SwiftMo keeps two memories, of Us and We.", "SwiftMo keeps two memories, of Us and We.", id="title"),
    ],
)
def test_sentences_read_as_a_colleagues(index: PaperIndex, said: str, shown: str | None) -> None:
    answer = open_assistant(index=index, model=SlowReader(replies=[said])).ask(QUESTION)
    assert answer.sentences[0].text.startswith(shown or "SwiftMo keeps two memories of the gradient.")
    assert answer.sentences[0].verdict is Verdict.SUPPORTED


@pytest.mark.parametrize(
    ("question", "echoed"),
    [
        pytest.param("How many memories of the gradient does the momentum optimizer SwiftMo keep?", False, id="open"),
        pytest.param("Does the momentum optimizer SwiftMo keep memories of the gradient?", True, id="yes-or-no"),
    ],
)
def test_question_said_over_again_is_no_answer_but_to_a_yes_or_no(index: PaperIndex, question: str, echoed: bool) -> None:
    echo = "SwiftMo keeps memories of the gradient."
    answer = open_assistant(index=index, model=SlowReader(replies=[f"{echo} SwiftMo keeps two memories."])).ask(question)
    assert (echo in answer.text) is echoed
    assert "SwiftMo keeps two memories." in answer.text


def test_small_model_that_falls_over_gives_way_to_quotes(index: PaperIndex) -> None:
    model = SlowReader(replies=[ModelFailed("slow", "it fell over")])
    answer = open_assistant(index=index, model=model).ask(QUESTION)
    assert answer.sentences[0].verdict is Verdict.QUOTED
    assert "it fell over" in answer.note


# ---- the local model


@pytest.fixture(scope="module")
def local(real_index: Path) -> Assistant:
    return open_assistant(index=real_index, model="local")


ADEMAMIX = "What is AdEMAMix and how does it differ from AdamW?"


@pytest.mark.slow
def test_reply_that_is_begun_for_the_local_model_is_gone_on_with_and_not_said_again(local: Assistant) -> None:
    from assistant.local import LocalChat, qwen_file

    begun = load_prompt("reply_local").template
    asked = "Evidence:\n- The kiln was fired at 1240 degrees.\n\nQuestion: At how many degrees was the kiln fired?"
    parts = LocalChat(path=str(qwen_file())).stream([HumanMessage(asked), AIMessage(begun)])
    text = "".join(str(part.content) for part in parts)
    assert "1240" in text
    assert begun not in text


@pytest.mark.slow
def test_stopping_while_the_model_reads_frees_it(local: Assistant) -> None:
    parts = local.progress(ADEMAMIX)
    assert isinstance(next(parts), Pending)
    parts.close()  # type: ignore[attr-defined]
    answer = local.ask(ADEMAMIX)
    assert answer.sentences
    assert answer.note == ""


@pytest.mark.slow
def test_second_question_waits_its_turn_and_says_so(local: Assistant) -> None:
    first = local.progress("How does AdEMAMix use old gradients, and why does that help?")
    next(first)
    parts = list(local.progress(ADEMAMIX))
    first.close()  # type: ignore[attr-defined]
    assert any(isinstance(part, Pending) and part.waiting for part in parts)
    assert isinstance(parts[-1], Answer)
    assert parts[-1].sentences


@pytest.mark.slow
def test_reader_that_goes_away_from_an_async_answer_frees_the_model(local: Assistant) -> None:
    async def leave() -> None:
        async for _ in local.astream(ADEMAMIX):
            pass

    async def run() -> None:
        task = asyncio.create_task(leave())
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert local.ask(ADEMAMIX).note == ""


@pytest.mark.slow
def test_any_server_that_speaks_openais_protocol_writes_answers(monkeypatch: pytest.MonkeyPatch, real_index: Path) -> None:
    from assistant.local import LocalChat, qwen_file

    address, key = LocalChat(path=str(qwen_file())).address()
    monkeypatch.setenv("OPENAI_API_KEY", key)
    assistant = open_assistant(index=real_index, model="openai:qwen", base_url=f"{address}/v1")
    answer = assistant.ask(ADEMAMIX)
    assert any(s.verdict is Verdict.SUPPORTED for s in answer.sentences), answer
    assert answer.tokens["input"] > 100
    assert key not in json.dumps(answer.to_dict())
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    refused = open_assistant(index=real_index, model="openai:qwen", base_url=f"{address}/v1").ask(ADEMAMIX)
    assert refused.sentences[0].verdict is Verdict.QUOTED
    assert "these are quotes" in refused.note
