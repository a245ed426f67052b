"""The page in a real browser: ask, watch, open a citation at its words; hostile papers stay text."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import PAPERS, WordEmbeddings, write_jsonl

from app import answer_html, build_app, example_questions
from assistant import Assistant, Paper, Settings, open_assistant
from index import PaperIndex, build_index

pytestmark = [pytest.mark.slow, pytest.mark.browser]

HOSTILE = Paper(
    title="<script>alert(1)</script> Dropout & [Layers](javascript:alert(2))",
    abstract=(
        'Dropout <img src=x onerror="window.hacked=1"> is a layer of noise. '
        "See [this](javascript:window.hacked=2) and ![that](https://example.org/x.png) for dropout layers. "
        "It scores $5 of $10 & uses `code` and **stars** in every dropout layer."
    ),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert executable, "the browser tests need chromium; .ci/run installs it"
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        running = playwright.chromium.launch(executable_path=executable, args=flags)
        yield running
        running.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Assistant], str]]:
    """Serves the page over an assistant, returns its address."""
    import gradio as gr

    import app

    running = []

    def serve(assistant: Assistant) -> str:
        page = build_app(assistant)
        page.launch(prevent_thread_lock=True, quiet=True, css=app._CSS, head=app._JS, theme=gr.themes.Soft(), footer_links=[])
        running.append(page)
        return str(page.local_url)

    yield serve
    for page in running:
        page.close()


@pytest.fixture(scope="module")
def words_index(tmp_path_factory: pytest.TempPathFactory) -> PaperIndex:
    folder = tmp_path_factory.mktemp("page")
    build_index([write_jsonl(folder / "papers.jsonl", [*PAPERS, HOSTILE])], folder / "index", WordEmbeddings())
    return PaperIndex(folder / "index", WordEmbeddings())


def ask(page: object, question: str) -> None:
    box = page.locator("textarea[data-testid=textbox]").first  # type: ignore[attr-defined]
    box.fill(question)
    box.press("Enter")


def test_question_streams_and_its_citation_opens_at_the_words(browser: object, served: object, real_index: Path) -> None:
    page = browser.new_page()  # type: ignore[attr-defined]
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(served(open_assistant(index=real_index, model="quotes")))  # type: ignore[operator]
    ask(page, "What is AdEMAMix and how does it differ from AdamW?")
    cards = page.locator(".pa-sources details")
    cards.first.wait_for(timeout=30_000)
    assert "[1] The AdEMAMix Optimizer: Better, Faster, Older" in cards.first.inner_text()
    link = page.locator('a[href^="#pa-"]').last
    target = link.get_attribute("href").lstrip("#")
    link.click()
    mark = page.locator(f"mark[id='{target}']")
    mark.wait_for(state="visible")
    page.wait_for_function(
        "id => { const r = document.getElementById(id).getBoundingClientRect(); return r.top >= 0 && r.bottom <= innerHeight }",
        arg=target,
    )
    assert "pa-now" in (mark.get_attribute("class") or "")
    assert len(mark.inner_text()) > 20
    outside = [url for url in requests if not re.match(r"(https?|wss?)://(127\.0\.0\.1|localhost)[:/]|data:|blob:", url)]
    assert outside == []
    page.close()


def test_written_answer_appears_sentence_by_sentence(browser: object, served: object, words_index: PaperIndex) -> None:
    import threading
    from typing import Any

    from conftest import ScriptedChat

    gate = threading.Event()

    class Waits(ScriptedChat):
        def _stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
            for number, chunk in enumerate(super()._stream(*args, **kwargs)):
                if number == 12:
                    gate.wait(20)
                yield chunk

    model = Waits(replies=["SwiftMo keeps two memories of the gradient. It needs 38% fewer steps than Adam to the same loss."])
    page = browser.new_page()  # type: ignore[attr-defined]
    page.goto(served(open_assistant(Settings.read(), index=words_index, model=model)))  # type: ignore[operator]
    ask(page, "How does the momentum optimizer SwiftMo work?")
    page.get_by_text("keeps two memories of the gradient").first.wait_for(timeout=20_000)
    assert page.get_by_text("38% fewer steps").count() == 0
    gate.set()
    page.get_by_text("38% fewer steps").first.wait_for(timeout=20_000)
    page.locator(".pa-sources").first.wait_for()
    page.close()


def test_follow_up_and_error_are_shown(browser: object, served: object, words_index: PaperIndex) -> None:
    page = browser.new_page()  # type: ignore[attr-defined]
    page.goto(served(open_assistant(index=words_index, model="quotes")))  # type: ignore[operator]
    ask(page, "What does the momentum optimizer SwiftMo keep?")
    page.locator(".pa-sources").first.wait_for(timeout=20_000)
    ask(page, "how many fewer steps does it need?")
    page.wait_for_function("document.querySelectorAll('.pa-sources').length == 2")
    assert PAPERS[0].title in page.locator(".pa-sources").last.inner_text()
    ask(page, "why " * 2000)
    page.get_by_text("ask a shorter one").first.wait_for(timeout=20_000)
    page.close()


def test_hostile_papers_are_shown_as_text(browser: object, served: object, words_index: PaperIndex) -> None:
    page = browser.new_page()  # type: ignore[attr-defined]
    dialogs: list[str] = []
    requests: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(served(open_assistant(index=words_index, model="quotes")))  # type: ignore[operator]
    ask(page, "What is a dropout layer of noise?")
    page.locator(".pa-sources").first.wait_for(timeout=20_000)
    page.locator('a[href^="#pa-"]').first.click()
    shown = page.locator(".pa-sources").first.inner_text()
    assert "<script>alert(1)</script> Dropout & [Layers](javascript:alert(2))" in shown
    assert '<img src=x onerror="window.hacked=1">' in shown
    assert page.evaluate("window.hacked") is None
    assert page.locator('.message a[href^="javascript"], .message img[src*="example.org"]').count() == 0
    assert dialogs == []
    assert not [url for url in requests if "example.org" in url]
    page.close()


def test_examples_come_from_the_papers() -> None:
    questions = example_questions(PAPERS)
    assert questions == example_questions(PAPERS)
    assert all(any(paper.title in question for paper in PAPERS) for question in questions)
    assert example_questions([]) == []


def test_every_mark_of_an_answer_has_its_words(assistant_with: Callable[..., Assistant]) -> None:
    shown = answer_html(assistant_with().ask("What does the momentum optimizer SwiftMo keep of the gradient?"))
    targets = re.findall(r"\]\(#(pa-[\w-]+)\)", shown)
    assert targets
    assert all(f'<mark id="{target}">' in shown for target in targets)
