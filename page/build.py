"""The page put together: what the browser loads, and the functions its scripts call."""

import functools
import threading
from collections.abc import Callable, Iterator
from importlib.resources import files
from importlib.util import find_spec
from inspect import isgeneratorfunction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from assistant import PaperError, SettingsError, bibliography

from .adding import add_file
from .cards import paper_of, paper_view
from .chat import converse, example_questions
from .corpus_map import corpus_map
from .doors import open_doors
from .feedback import REASONS, keep
from .preparation import Preparation

if TYPE_CHECKING:
    from assistant import Assistant

LAUNCH: dict[str, Any] = {
    "theme": gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
    "footer_links": [],
    "mcp_server": True,
    "quiet": True,
    "prevent_thread_lock": True,
}

_SCRIPTS = ("browser", "server", "cards", "chat", "papers", "map", "start")
_EXAMPLES_FROM = 400
_PAGE = 25


def build_page(preparation: Preparation) -> gr.Blocks:
    """The page over an assistant that is open, or being opened."""
    here = files("page")
    style, frame = (here.joinpath(name).read_text(encoding="utf-8") for name in ("style.css", "page.html"))
    scripts = "\n".join(here.joinpath("scripts", f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS)
    calls = _Calls(preparation, _plotly())
    gr.set_static_paths([_plotly()])
    with gr.Blocks(title="Paper Assistant", analytics_enabled=False, fill_width=True) as page:
        gr.HTML(f"<style>{style}</style>{frame}", js_on_load=scripts, apply_default_css=False, elem_id="paper-assistant")
        for call in (calls.about, calls.browse, calls.paper, calls.similar, calls.cite, calls.rate, calls.picture):
            gr.api(_told(call), api_name=f"page_{call.__name__}", api_visibility="private", queue=False)
        for slow, limit in ((calls.converse, 4), (calls.add, 1)):
            gr.api(_told(slow), api_name=f"page_{slow.__name__}", api_visibility="private", concurrency_limit=limit)
        open_doors(preparation, _told)
    return page


def _plotly() -> str:
    """Where Plotly's script lies; the package itself is not imported."""
    spec = find_spec("plotly")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "package_data" / "plotly.min.js")


class _Calls:
    """What the page's own scripts ask for."""

    def __init__(self, preparation: Preparation, plotly: str) -> None:
        self._preparation, self._plotly = preparation, plotly
        self._drawing = threading.Lock()

    @property
    def _assistant(self) -> "Assistant":
        return self._preparation.assistant

    def about(self, request: gr.Request) -> dict[str, Any]:
        """What is here: how far it is, the papers, what writes the answers, questions to begin with."""
        state = self._preparation.state
        if state["phase"] == "opening":
            return state
        catalog, settings = self._assistant.index.papers, self._assistant.settings
        return {
            **state,
            "user": request.username or "",
            "model": self._assistant.model,
            "papers": len(catalog),
            "draws_on": settings.papers,
            "sources": catalog.sources(),
            "years": list(catalog.years().items()),
            "examples": example_questions(self._assistant.browse(limit=_EXAMPLES_FROM)[0]),
            "adding": settings.add_papers,
            "reasons": list(REASONS),
            "generation": self._assistant.index.manifest.generation,
            "plotly": self._plotly,
        }

    def converse(self, question: str, history: list[Any], options: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """A question of the chat, its answer as it is written."""
        yield from converse(self._assistant, question, history, options)

    def browse(self, text: str, year: int | None, source: str | None, sort: str, offset: int) -> dict[str, Any]:
        """A page of the papers."""
        page, total = self._assistant.browse(
            text[:200], year=year or None, source=source or None, sort=sort, offset=max(offset, 0), limit=_PAGE
        )
        return {"total": total, "size": _PAGE, "papers": [paper_view(paper) for paper in page]}

    def paper(self, paper: str) -> dict[str, Any] | None:
        """One paper's card by its id; none if the index no longer has it."""
        found = self._assistant.index.papers.get([paper]).get(paper)
        return paper_view(found) if found else None

    def similar(self, title: str) -> list[dict[str, Any]]:
        """The cards of the papers most like one."""
        return [paper_view(hit.paper, relevance=hit.similarity) for hit in self._assistant.similar(title)]

    def cite(self, cards: list[Any], style: str) -> str:
        """The papers of these cards as a list for a reference manager."""
        return bibliography.write([paper_of(card) for card in cards], style)

    def rate(self, said: dict[str, Any]) -> bool:
        """Keep what a reader thought of an answer."""
        path = self._assistant.settings.feedback_file
        try:
            keep(path, said)
        except OSError as exc:
            raise SettingsError(f"what you said could not be kept in {path} ({exc.strerror})") from exc
        return True

    def picture(self) -> dict[str, Any]:
        """The map of the corpus."""
        with self._drawing:
            return corpus_map(self._assistant)

    def add(self, name: str, content: str) -> Iterator[dict[str, Any]]:
        """A file dropped on the page, into the index."""
        if not self._assistant.settings.add_papers:
            raise SettingsError("adding papers is switched off here")
        yield from add_file(self._assistant, name, content)


def _told(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with every PaperError made one that Gradio shows in its own words."""
    if isgeneratorfunction(function):

        @functools.wraps(function)
        def generated(*args: Any, **kwargs: Any) -> Iterator[Any]:
            try:
                yield from function(*args, **kwargs)
            except PaperError as exc:
                raise gr.Error(str(exc), print_exception=False) from exc

        return generated

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except PaperError as exc:
            raise gr.Error(str(exc), print_exception=False) from exc

    return called
