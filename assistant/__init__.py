"""Ask a collection of paper abstracts; get answers in which every sentence carries its citation.

    >>> from assistant import ask
    >>> print(ask("What is AdEMAMix and how does it differ from AdamW?"))

Importing this costs next to nothing: each name is loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from index import BuildReport, Hit, Paper, PaperError, Progress, QuestionError, SettingsError, readable

    from .answer import Answer, Citation
    from .answerers import Pending
    from .assistant import Assistant
    from .opening import ask, embed, open_assistant
    from .settings import Settings

_HOMES = {
    "Answer": ".answer",
    "Assistant": ".assistant",
    "BuildReport": "index",
    "Citation": ".answer",
    "Hit": "index",
    "Paper": "index",
    "PaperError": "index",
    "Pending": ".answerers",
    "Progress": "index",
    "QuestionError": "index",
    "Settings": ".settings",
    "SettingsError": "index",
    "ask": ".opening",
    "embed": ".opening",
    "open_assistant": ".opening",
    "readable": "index",
}

__all__ = [
    "Answer", "Assistant", "BuildReport", "Citation", "Hit", "Paper", "PaperError", "Pending", "Progress", "QuestionError",
    "Settings", "SettingsError", "ask", "embed", "open_assistant", "readable",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
