"""Every provider that has an extra, over a real server that speaks its protocol: an answer, and each way of not giving one."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from conftest import KEY, QUESTION, TRUE, Act, Serve, events, replies, streams

from assistant import open_assistant
from assistant.answer import Verdict
from index import PaperIndex

READ, WROTE = 321, 45


def anthropic(words: Sequence[str], why: str) -> Act:
    message = {"id": "m", "type": "message", "role": "assistant", "content": [], "model": "m"}
    message |= {"stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": READ, "output_tokens": 1}}
    said = [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in words]
    return events(
        [
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            *said,
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": why, "stop_sequence": None},
                "usage": {"input_tokens": READ, "output_tokens": WROTE},
            },
            {"type": "message_stop"},
        ],
        named=True,
    )


def google_genai(words: Sequence[str], why: str) -> Act:
    def part(text: str, read: int, wrote: int, **ended: str) -> dict[str, Any]:
        content = {"parts": [{"text": text}], "role": "model"}
        usage = {"promptTokenCount": read, "candidatesTokenCount": wrote, "totalTokenCount": read + wrote}
        return {"candidates": [{"content": content, "index": 0, **ended}], "usageMetadata": usage}

    return events([*(part(word, READ, 0) for word in words), part("", READ, WROTE, finishReason=why)])


def mistralai(words: Sequence[str], why: str) -> Act:
    def part(text: str, ended: str | None = None, **more: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": ended}
        return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}

    usage = {"prompt_tokens": READ, "completion_tokens": WROTE, "total_tokens": READ + WROTE}
    return events([*map(part, words), part("", why, usage=usage)])


def ollama(words: Sequence[str], why: str) -> Act:
    def part(text: str, **more: Any) -> str:
        message = {"role": "assistant", "content": text}
        return json.dumps({"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": False} | more) + "\n"

    ended = {"done": True, "done_reason": why, "prompt_eval_count": READ, "eval_count": WROTE}
    return streams("application/x-ndjson", [*map(part, words), part("", **ended)])


Speaks = Callable[[Sequence[str], str], Act]
# why a reply ends by itself, for want of room, and (where there is such a reason) because the provider will not say it
PROVIDERS = {
    "anthropic": (anthropic, "end_turn", "max_tokens", "refusal"),
    "google_genai": (google_genai, "STOP", "MAX_TOKENS", "RECITATION"),
    "mistralai": (mistralai, "stop", "model_length", ""),
    "ollama": (ollama, "stop", "length", ""),
}
each_provider = pytest.mark.parametrize("provider", PROVIDERS)


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "MISTRAL_API_KEY"):
        monkeypatch.setenv(name, KEY)


def _ask(index: PaperIndex, address: str, provider: str, **settings: object) -> Any:
    base = f"{address}/v1" if provider == "mistralai" else address
    return open_assistant(index=index, model=f"{provider}:m", base_url=base, **settings).ask(QUESTION)


def _words(text: str) -> list[str]:
    return [f"{word} " for word in text.split()]


@each_provider
def test_provider_writes_and_says_what_it_cost(provider: str, index: PaperIndex, server: Serve) -> None:
    speaks, ends, _, _ = PROVIDERS[provider]
    address, sent = server(speaks(_words(TRUE), ends))
    answer = _ask(index, address, provider, price="0.5/2")
    assert {s.verdict for s in answer.sentences} == {Verdict.SUPPORTED}
    assert (len(answer.sentences), answer.model, answer.note) == (2, f"{provider}:m", "")
    assert answer.tokens == {"input": READ, "output": WROTE}
    assert answer.cost == pytest.approx((READ * 0.5 + WROTE * 2) / 1e6)
    assert "two memories of the gradient" in json.dumps(sent[0])
    assert len(sent) == 1


@each_provider
def test_reply_that_finds_no_room_keeps_its_whole_sentences(provider: str, index: PaperIndex, server: Serve) -> None:
    speaks, _, full, _ = PROVIDERS[provider]
    address, _ = server(speaks(_words(TRUE)[:-6], full))
    answer = _ask(index, address, provider)
    assert [s.text for s in answer.sentences] == ["SwiftMo keeps two memories of the gradient."]
    assert answer.note == ""


@pytest.mark.parametrize("provider", [name for name, (*_, refuses) in PROVIDERS.items() if refuses])
def test_provider_that_will_not_answer_gives_way_to_quotes(provider: str, index: PaperIndex, server: Serve) -> None:
    speaks, *_, refuses = PROVIDERS[provider]
    address, _ = server(speaks([""], refuses))
    answer = _ask(index, address, provider)
    assert {s.verdict for s in answer.sentences} == {Verdict.QUOTED}
    assert "would not answer" in answer.note


@each_provider
@pytest.mark.parametrize("failure", ["key", "silence", "nobody"])
def test_provider_that_fails_gives_way_to_quotes_in_one_line(
    provider: str, failure: str, index: PaperIndex, server: Serve
) -> None:
    wrong = {"message": "the key is wrong", "type": "authentication_error", "code": 401, "status": "UNAUTHENTICATED"}
    acts: dict[str, Act] = {
        "key": replies(401, {"type": "error", "error": "the key is wrong" if provider == "ollama" else wrong}),
        "silence": lambda handler: time.sleep(3),
    }
    address = server(acts[failure])[0] if failure in acts else "http://127.0.0.1:9"
    answer = _ask(index, address, provider, timeout=0.9, retries=0)
    assert {s.verdict for s in answer.sentences} == {Verdict.QUOTED}
    assert f"The model {provider}:m failed" in answer.note
    assert "\n" not in answer.note
    assert KEY not in json.dumps(answer.to_dict())
