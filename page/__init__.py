"""What a user sees: one page that asks, browses and maps the papers, and the doors beside it (HTTP, MCP).

Gradio serves, queues, streams and documents; the page itself is `page.html`, `style.css` and the scripts, so that every
citation stays with its answer, conversations live in the browser alone, and text of papers is only ever set as text.
"""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported: no look-ups of its servers

from .build import LAUNCH, build_page  # noqa: E402
from .preparation import Preparation  # noqa: E402

__all__ = ["LAUNCH", "build_page", "Preparation"]
