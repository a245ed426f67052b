"""The page in a real browser: ask, open a citation at its words, keep conversations, browse, add; hostile papers stay text."""

import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PAPERS, ScriptedChat, WordEmbeddings, WordReader, write_jsonl

from app import build_app
from assistant import Assistant, Paper, Settings, open_assistant
from assistant.evaluate import read_questions
from index import PaperIndex, build_index
from page import LAUNCH, Preparation, build_page
from page.chat import example_questions

pytestmark = [pytest.mark.slow, pytest.mark.browser]

HOSTILE = Paper(
    title="<script>alert(1)</script> Dropout & [Layers](javascript:alert(2))",
    abstract=(
        'Dropout <img src=x onerror="window.hacked=1"> is a layer of noise. '
        "See [this](javascript:window.hacked=2) and ![that](https://example.org/x.png) for dropout layers. "
        "It scores $5 of $10 & uses `code` and **stars** in every dropout layer."
    ),
    url="javascript:window.hacked=3",
)
ABOUT_SWIFTMO = "What does the momentum optimizer SwiftMo keep of the gradient?"
PATIENCE = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert executable, "the browser tests need chromium; .ci/run installs it"
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        running = playwright.chromium.launch(executable_path=executable, args=flags)
        yield running
        running.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of a browser that nobody has used; it may reach nothing but this machine."""
    context = browser.new_context(accept_downloads=True, permissions=["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    requests: list[str] = []
    opened.on("request", lambda request: requests.append(request.url))
    yield opened
    context.close()
    assert all(re.match(r"(http://(127\.0\.0\.1|localhost)[:/]|data:|blob:)", url) for url in requests)


@pytest.fixture(scope="module")
def served() -> Iterator[Callable[..., str]]:
    """Serves the page over an assistant, or over one being prepared; returns its address."""
    running = []

    def serve(assistant: Assistant | Preparation, **options: Any) -> str:
        built = build_page(assistant) if isinstance(assistant, Preparation) else build_app(assistant)
        built.launch(**{**LAUNCH, **options})
        running.append(built)
        return str(built.local_url)

    yield serve
    for built in running:
        built.close()


@pytest.fixture(scope="module")
def words_index(tmp_path_factory: pytest.TempPathFactory) -> PaperIndex:
    folder = tmp_path_factory.mktemp("page")
    build_index([write_jsonl(folder / "papers.jsonl", [*PAPERS, HOSTILE])], folder / "index", WordEmbeddings())
    return PaperIndex(folder / "index", WordEmbeddings(), reader=WordReader)


@pytest.fixture(scope="module")
def small(served: Callable[..., str], words_index: PaperIndex, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page over four papers, answering with quotes."""
    feedback = tmp_path_factory.mktemp("said") / "feedback.jsonl"
    return served(open_assistant(index=words_index, model="quotes", feedback=feedback))


def ask(page: Any, question: str, *, wait: bool = True) -> None:
    answered = page.locator(".pa-done").count()
    box = page.locator("#pa-question")
    box.fill(question)
    box.press("Enter")
    if wait:
        page.wait_for_function(f"document.querySelectorAll('.pa-done').length > {answered}")


def saved(page: Any, click: Callable[[], None]) -> str:
    """The text of the file that a click downloads."""
    with page.expect_download() as download:
        click()
    return Path(download.value.path()).read_text(encoding="utf-8")


def turns_of(page: Any) -> str:
    return page.locator("#pa-turns").inner_text()


class Waits(ScriptedChat):
    """Says its first sentence, then waits for its gate."""

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[Any]:
        for number, chunk in enumerate(super()._stream(messages, stop, run_manager, **kwargs)):
            if number == 10:
                GATE.wait(20)
            yield chunk


GATE = threading.Event()
TWO_SENTENCES = "SwiftMo keeps two memories of the gradient. It needs 38% fewer steps than Adam to the same loss."


def test_a_citation_opens_at_the_very_words(page: Any, served: Any, real_index: Path) -> None:
    page.goto(served(open_assistant(index=real_index, model="quotes")))
    ask(page, "What is AdEMAMix and how does it differ from AdamW?")
    mark = page.locator(".pa-mark").first
    mark.hover()
    quote = page.locator("#pa-tip q").first.inner_text()
    assert len(quote) > 20
    mark.click()
    shown = page.locator("#pa-drawer mark.pa-now").first
    assert shown.inner_text() == quote
    assert page.locator("#pa-drawer h2").inner_text() == "The AdEMAMix Optimizer: Better, Faster, Older"
    box, view = shown.bounding_box(), page.viewport_size
    assert 0 <= box["y"] < view["height"]
    assert len(page.locator(".pa-abstract").inner_text()) > len(quote) + 100
    page.get_by_role("button", name="Similar papers").click()
    similar = page.locator(".pa-similar .pa-title")
    similar.first.wait_for()
    assert "The AdEMAMix Optimizer: Better, Faster, Older" not in similar.all_inner_texts()


def test_the_answer_streams_stops_and_is_asked_again(page: Any, served: Any, words_index: PaperIndex) -> None:
    GATE.clear()
    page.goto(served(open_assistant(Settings.read(), index=words_index, model=Waits(replies=[TWO_SENTENCES]))))
    ask(page, "How does the momentum optimizer SwiftMo work?", wait=False)
    text = page.locator(".pa-writing .pa-text")
    text.get_by_text("keeps two memories of the gradient").wait_for()
    assert "38% fewer steps" not in text.inner_text()
    page.locator(".pa-pending", has_text="It needs").wait_for()
    assert page.locator(".pa-found-quotes li").count() > 0
    page.keyboard.press("Escape")
    page.get_by_text("Stopped before it was complete").wait_for()
    GATE.set()
    page.get_by_role("button", name="Ask again", exact=True).click()
    page.locator(".pa-done").wait_for()
    assert "38% fewer steps" in turns_of(page)
    verdicts = page.locator(".pa-verdict")
    assert verdicts.first.get_attribute("data-verdict") == "supported"
    page.locator(".pa-made summary").click()
    assert "scripted" in page.locator(".pa-made").inner_text()


def test_two_users_see_nothing_of_each_other(browser: Any, small: str) -> None:
    one, other = browser.new_context().new_page(), browser.new_context().new_page()
    for page in (one, other):
        page.goto(small)
        page.locator(".pa-example").first.wait_for()
    ask(one, ABOUT_SWIFTMO)
    ask(other, "What is pruning of weights?")
    for page, own, foreign in (
        (one, ABOUT_SWIFTMO, "pruning of weights"),
        (other, "What is pruning of weights?", "SwiftMo keep"),
    ):
        page.reload()
        page.locator(".pa-done").wait_for()
        assert page.locator(".pa-question-text").all_inner_texts() == [own]
        assert foreign not in page.locator("#pa").inner_text()
    for page in (one, other):
        page.context.close()


def test_conversations_survive_reload_and_restart_with_their_citations(page: Any, served: Any, words_index: PaperIndex) -> None:
    assistant = open_assistant(index=words_index, model="quotes")
    first = build_app(assistant)
    first.launch(**LAUNCH)
    address, port = str(first.local_url), first.server_port
    page.goto(address)
    ask(page, ABOUT_SWIFTMO)
    ask(page, "how many fewer steps does it need?")
    page.reload()
    page.wait_for_function("document.querySelectorAll('.pa-done').length == 2")
    first.close()
    assert served(assistant, server_port=port) == address
    page.reload()
    page.wait_for_function("document.querySelectorAll('.pa-done').length == 2")
    page.locator(".pa-done").first.locator(".pa-mark").first.click()
    assert page.locator("#pa-drawer h2").inner_text() == PAPERS[0].title
    assert page.locator("mark.pa-now").first.inner_text() in PAPERS[0].abstract


def test_conversations_are_renamed_and_deleted(page: Any, small: str) -> None:
    page.goto(small)
    ask(page, ABOUT_SWIFTMO)
    page.get_by_role("button", name="New conversation").click()
    ask(page, "What is pruning of weights?")
    names = page.locator("#pa-conversations .pa-name")
    assert names.count() == 2
    page.get_by_role("button", name="Rename “What is pruning of weights?”").click()
    page.get_by_label("Name of the conversation").fill("Pruning")
    page.keyboard.press("Enter")
    names.get_by_text("Pruning", exact=True).click()
    page.get_by_role("button", name="Delete “Pruning”").click()
    page.get_by_role("button", name="Delete “Pruning” for good").click()
    assert names.all_inner_texts() == [ABOUT_SWIFTMO]
    page.reload()
    names.first.click()
    page.locator(".pa-done").wait_for()
    assert names.count() == 1


def test_keys_edit_and_ask_again(page: Any, small: str) -> None:
    page.goto(small)
    page.locator(".pa-example").first.wait_for()
    page.locator("#pa-turns").focus()
    page.keyboard.press("/")
    page.keyboard.type("What does the momentum")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("optimizer SwiftMo keep?")
    page.keyboard.press("Enter")
    page.locator(".pa-done").wait_for()
    assert "\n" in page.locator(".pa-question-text").inner_text()
    ask(page, "how many fewer steps does it need?")
    page.get_by_role("button", name="Edit this question and ask again").first.click()
    page.locator(".pa-edit textarea").fill("What is pruning of weights?")
    page.get_by_role("button", name="Ask again", exact=True).click()
    page.locator(".pa-done .pa-question-text").get_by_text("pruning").wait_for()
    assert "71%" in turns_of(page)
    assert page.locator(".pa-turn").count() == 1


def test_a_question_nothing_answers_looks_different_and_leads_on(page: Any, small: str) -> None:
    page.goto(small)
    ask(page, "Who won the football world cup?")
    refused = page.locator(".pa-refusal")
    assert "Nothing here is about this" in refused.inner_text()
    assert refused.locator(".pa-list .pa-title").count() > 0
    refused.locator(".pa-example").first.click()
    page.wait_for_function("document.querySelectorAll('.pa-done').length == 2")
    ask(page, "why " * 2000, wait=False)
    page.get_by_role("alert").get_by_text("ask a shorter one").wait_for()


def test_hostile_papers_are_shown_as_text(page: Any, small: str) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(small)
    ask(page, "What is a dropout layer of noise?")
    page.locator(".pa-mark").first.hover()
    page.locator(".pa-mark").first.click()
    shown = page.locator("#pa-drawer").inner_text()
    assert HOSTILE.title in shown
    assert '<img src=x onerror="window.hacked=1">' in shown
    page.get_by_role("tab", name="Papers").click()
    page.locator(".pa-row .pa-title").get_by_text(HOSTILE.title).wait_for()
    page.get_by_role("tab", name="Map").click()
    page.locator("#pa-plot .point").first.wait_for()
    page.locator("#pa-plot .point").last.hover(force=True)
    exported = saved(
        page, lambda: (page.locator("#pa-export summary").click(), page.get_by_role("button", name="HTML").click())[0]
    )
    assert "<script>" not in exported.split("</style>")[1]
    assert "<img" not in exported
    assert page.evaluate("window.hacked") is None
    assert page.locator('#pa a[href^="javascript"], #pa img').count() == 0
    assert dialogs == []


def test_lists_and_conversations_are_taken_away(page: Any, small: str) -> None:
    import bibtexparser
    import rispy

    page.goto(small)
    ask(page, ABOUT_SWIFTMO)
    ask(page, "What is pruning of weights?")

    def from_answer(style: str) -> str:
        page.locator(".pa-answer .pa-menu summary").first.click()
        return saved(page, page.locator(".pa-answer .pa-menu").first.get_by_role("button", name=style).click)

    def from_conversation(style: str) -> str:
        page.locator("#pa-export summary").click()
        return saved(page, page.locator("#pa-export").get_by_role("button", name=style).last.click)

    entry = bibtexparser.parse_string(from_answer("BibTeX")).entries[0]
    assert "SwiftMo" in entry["title"]
    assert entry["year"] == "2021"
    assert "SwiftMo" in rispy.loads(from_answer("RIS"))[0]["title"]
    assert from_answer("CSV").startswith("number,title,authors,year")
    assert "SwiftMo" in from_answer("Markdown")
    titles = [entry["title"] for entry in bibtexparser.parse_string(from_conversation("BibTeX")).entries]
    assert any("SwiftMo" in title for title in titles)
    assert any("Pruning" in title for title in titles)
    page.locator("#pa-export summary").click()
    markdown = saved(page, page.locator("#pa-export").get_by_role("button", name="Markdown").first.click)
    assert "## What is pruning of weights?" in markdown
    assert "> We propose SwiftMo" in markdown
    page.get_by_role("button", name="Copy list").first.click()
    page.get_by_text("Copied ✓").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").startswith("[1] SwiftMo")


def test_feedback_becomes_questions_for_eval(page: Any, served: Any, words_index: PaperIndex, tmp_path: Path) -> None:
    file = tmp_path / "said" / "feedback.jsonl"
    page.goto(served(open_assistant(index=words_index, model="quotes", feedback=file)))
    ask(page, ABOUT_SWIFTMO)
    page.get_by_role("button", name="Good answer").click()
    page.locator(".pa-thumbs").get_by_text("Thank you").wait_for()
    page.get_by_role("button", name="Bad answer").click()
    page.get_by_role("button", name="missed a paper").click()
    page.locator('[aria-label="Bad answer"][aria-pressed=true]').wait_for()
    liked, disliked = read_questions(file)
    assert liked["question"] == ABOUT_SWIFTMO
    assert PAPERS[0].title in liked["gold_titles"]
    assert (disliked["rating"], disliked["reason"]) == ("down", "missed a paper")
    assert disliked["answer"]["made"]["model"] == "quotes"


def test_papers_are_found_as_one_types_and_asked_about(page: Any, served: Any, tmp_path: Path) -> None:
    words = WordEmbeddings.VOCABULARY
    papers = [
        Paper(
            f"Study {n} of {'roses' if n % 10 else 'tulips'}",
            f"Finding {n} is about weights. " + " ".join(word for k, word in enumerate(words) for _ in range(n // 3**k % 3)),
            year=2000 + n % 20,
        )
        for n in range(5000)
    ]
    build_index([write_jsonl(tmp_path / "papers.jsonl", papers)], tmp_path / "index", WordEmbeddings())
    page.goto(served(open_assistant(index=PaperIndex(tmp_path / "index", WordEmbeddings(), reader=WordReader), model="quotes")))
    page.get_by_role("tab", name="Papers").click()
    total = page.locator("#pa-total")
    total.get_by_text("of 5,000 papers").wait_for()
    took = page.evaluate(
        """async () => {
          const total = document.querySelector('#pa-total'), box = document.querySelector('#pa-find');
          const seconds = async (text, wanted) => {
            const started = performance.now();
            box.value = text;
            box.dispatchEvent(new Event('input'));
            while (!total.textContent.includes(wanted)) await new Promise(done => setTimeout(done, 2));
            return performance.now() - started;
          };
          const taken = [];
          const wanted = [['tul', 'of 500 p'], ['ros', 'of 4,500'], ['study 4999', 'of 1 paper'], ['', 'of 5,000']];
          for (const [text, count] of wanted)
            taken.push(await seconds(text, count));
          return taken.sort((a, b) => a - b)[1];
        }"""
    )
    assert took < 300
    page.get_by_label("Year").select_option("2010")
    total.get_by_text("of 250 papers").wait_for()
    page.get_by_label("Sort").select_option("title")
    page.get_by_role("button", name="Next").click()
    total.get_by_text(re.compile("26.50 of 250")).wait_for()
    page.locator(".pa-row input").nth(0).check()
    page.locator(".pa-row input").nth(1).check()
    chosen = page.locator(".pa-row .pa-title").all_inner_texts()[:2]
    page.get_by_role("button", name="Ask about these 2 papers").click()
    ask(page, "What is the finding about weights?")
    assert set(page.locator(".pa-answer .pa-list .pa-title").all_inner_texts()) <= set(chosen)
    assert page.locator(".pa-chip").count() == 2


def test_a_dropped_file_is_asked_about_at_once(page: Any, served: Any, real_index: Path, tmp_path: Path) -> None:
    shutil.copytree(real_index, tmp_path / "index")
    record = {"title": "Zebrafish Sing at Dawn", "abstract": "We record zebrafish. Zebrafish sing 42 songs at dawn."}
    page.goto(served(open_assistant(index=tmp_path / "index", model="quotes")))
    page.get_by_role("tab", name="Papers").click()
    page.locator(".pa-row").first.wait_for()
    dropped = json.dumps(record) + '\n{"title": "No abstract"}\n'
    page.evaluate(
        """text => {
          const data = new DataTransfer();
          data.items.add(new File([text], 'more.jsonl'));
          for (const kind of ['dragover', 'drop'])
            document.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
        }""",
        dropped,
    )
    page.get_by_text("more.jsonl: 1 added, 1 skipped.").wait_for(timeout=120_000)
    page.get_by_text("Why some were skipped").click()
    assert "line 2" in page.locator(".pa-added li").inner_text()
    page.get_by_role("tab", name="Ask").click()
    ask(page, "How many songs do zebrafish sing at dawn?")
    assert "42 songs" in turns_of(page)


def test_adding_can_be_switched_off(page: Any, served: Any, words_index: PaperIndex) -> None:
    page.goto(served(open_assistant(index=words_index, model="quotes", add_papers=False)))
    page.get_by_role("tab", name="Papers").click()
    page.locator(".pa-row").first.wait_for()
    assert page.get_by_role("button", name="Add papers").is_hidden()
    page.locator("#pa-file").set_input_files({"name": "x.jsonl", "mimeType": "text/plain", "buffer": b"{}"})
    page.get_by_text("Adding papers is switched off here").wait_for()


def test_the_map_shows_the_papers_and_opens_them(page: Any, served: Any, real_index: Path, tmp_path: Path) -> None:
    shutil.copytree(real_index, tmp_path / "index")
    assistant = open_assistant(index=tmp_path / "index", model="quotes")
    page.goto(served(assistant))
    ask(page, "What is AdEMAMix?")
    page.get_by_role("tab", name="Map").click()
    page.locator("#pa-plot .point").first.wait_for()
    page.get_by_text("Ringed").wait_for()
    assert json.loads((tmp_path / "index" / "map.json").read_text())["papers"] == len(list(assistant.papers))
    page.locator(".pa-cluster > button").first.click()
    page.locator(".pa-cluster .pa-title").first.click()
    assert page.locator("#pa-drawer h2").inner_text() == page.locator(".pa-cluster .pa-title").first.inner_text()


def test_the_page_is_there_before_the_papers(page: Any, served: Any, words_index: PaperIndex) -> None:
    gate = threading.Event()

    def open_(progress: Callable[[str, int, int | None], None]) -> Assistant:
        progress("embedding", 3, 8)
        gate.wait(60)
        return open_assistant(index=words_index, model="quotes")

    preparation = Preparation(open_)
    thread = threading.Thread(target=preparation.run)
    thread.start()
    page.goto(served(preparation))
    page.get_by_text("Preparing the papers: embedding, 3 of 8").wait_for()
    ask(page, ABOUT_SWIFTMO, wait=False)
    gate.set()
    thread.join()
    page.locator(".pa-done").wait_for()
    assert "two memories" in turns_of(page)


def test_a_server_that_is_gone_is_said_and_come_back_to(page: Any, served: Any, words_index: PaperIndex) -> None:
    assistant = open_assistant(index=words_index, model="quotes")
    first = build_app(assistant)
    first.launch(**LAUNCH)
    page.goto(str(first.local_url))
    page.locator(".pa-example").first.wait_for()
    first.close()
    time.sleep(0.5)
    ask(page, ABOUT_SWIFTMO, wait=False)
    page.get_by_role("alert").get_by_text("cannot be reached").wait_for()
    served(assistant, server_port=first.server_port)
    page.get_by_role("button", name="Try again").click()
    page.locator(".pa-done").wait_for()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_no_serious_accessibility_fault(browser: Any, small: str, scheme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800}).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(small)
    page.locator(".pa-example").first.wait_for()
    faults = {}

    def look(view: str) -> None:
        for fault in Axe().run(page).response["violations"]:
            if fault["impact"] in ("serious", "critical"):
                faults[f"{view}: {fault['id']}"] = [node["html"][:160] for node in fault["nodes"]]

    look("welcome")
    ask(page, ABOUT_SWIFTMO)
    page.locator(".pa-made summary").click()
    page.locator(".pa-mark").first.click()
    look("answer and card")
    page.keyboard.press("Escape")
    ask(page, "Who won the football world cup?")
    look("refusal")
    page.get_by_role("tab", name="Papers").click()
    page.locator(".pa-row").first.wait_for()
    look("papers")
    page.get_by_role("tab", name="Map").click()
    page.locator("#pa-plot .point").first.wait_for()
    look("map")
    page.context.close()
    assert faults == {}


def test_examples_come_from_the_papers() -> None:
    questions = example_questions(PAPERS)
    assert questions == example_questions(PAPERS)
    assert all(any(paper.title in question for paper in PAPERS) for question in questions)
    assert example_questions([]) == []
