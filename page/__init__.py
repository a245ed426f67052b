"""What a user sees: one page that asks, browses and maps the papers, and the doors beside it (HTTP, MCP).

Gradio serves, queues, streams and documents; the page itself is `page.html`, `style.css` and the scripts, so that every
citation stays with its answer, conversations live in the browser alone, and text of papers is only ever set as text.
Importing this costs next to nothing: each name is loaded when it is first asked for.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .build import LAUNCH, build_page
    from .preparation import Preparation
    from .starting import say_starting

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported: no look-ups of its servers

_HOMES = {"LAUNCH": "build", "Preparation": "preparation", "build_page": "build", "say_starting": "starting"}

__all__ = ["LAUNCH", "Preparation", "build_page", "say_starting"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
