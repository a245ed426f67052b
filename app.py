"""The chat page: ask, watch the answer appear, open each citation at its very words."""

import html
import os
import random
import re
import secrets
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from assistant import Answer, Assistant, Citation, Paper, PaperError, Settings, SettingsError, open_assistant, readable

if TYPE_CHECKING:
    import gradio as gr

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported: no look-ups of its servers

_SOURCES = '<div class="pa-sources">'
_MARK = re.compile(r"\[(\d+)\]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~$>-])")

_FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica", "Arial", "sans-serif"]
_CSS = """
.gradio-container {max-width: 1080px !important; width: 100%; margin: 0 auto !important}
.gradio-container > main, .gradio-container .wrap, .fillable {width: 100% !important; max-width: 100% !important}
.pa-head {display: flex; align-items: baseline; gap: .75rem; flex-wrap: wrap; padding: .35rem .15rem 0}
.pa-head h1 {font-size: 1.45rem; margin: 0; letter-spacing: -.01em}
.pa-head span {color: var(--body-text-color); opacity: .78}
.pa-sources {margin-top: .85rem; border-top: 1px solid var(--border-color-primary); padding-top: .55rem}
.pa-sources details {border: 1px solid var(--border-color-primary); border-radius: 10px; padding: .5rem .75rem;
  margin: .45rem 0; background: var(--background-fill-secondary)}
.pa-sources summary {cursor: pointer; font-weight: 600; line-height: 1.35}
.pa-sources .pa-from {opacity: .8; font-size: .85em; font-weight: 400; display: block}
.pa-sources p {margin: .5rem 0 .15rem; line-height: 1.55}
.pa-sources mark {background: #fde68a; color: #1f2937; border-radius: 3px; padding: 0 .12em; scroll-margin: 30vh}
.pa-sources mark.pa-now {background: #fbbf24; outline: 2px solid #d97706}
.pa-note {opacity: .8; font-size: .88em}
a[href^="#pa-"] {text-decoration: none; font-weight: 650; color: #b45309 !important; padding: 0 .05em}
.dark a[href^="#pa-"] {color: #fbbf24 !important}
#chat .placeholder-content {text-align: center}
"""

_JS = """<script>
document.addEventListener('click', event => {
  const link = event.target.closest('a[href^="#pa-"]');
  const mark = link && document.getElementById(link.getAttribute('href').slice(1));
  if (!mark) return;
  event.preventDefault();
  const card = mark.closest('details');
  if (card) card.open = true;
  document.querySelectorAll('mark.pa-now').forEach(old => old.classList.remove('pa-now'));
  mark.classList.add('pa-now');
  mark.scrollIntoView({behavior: 'smooth', block: 'center'});
});
</script>"""


def build_app(assistant: Assistant) -> "gr.Blocks":
    """The page over an assistant."""
    import gradio as gr

    def respond(message: str, history: list[Any]) -> Iterator[str]:
        yield from _reply(assistant, message, history)

    with gr.Blocks(title="Paper Assistant", analytics_enabled=False) as page:
        gr.HTML(
            f'<div class="pa-head"><h1>Paper Assistant</h1><span>{len(assistant.index.papers)} papers, '
            f"answers by {html.escape(assistant.model)}; every sentence cites the words it rests on</span></div>"
        )
        gr.ChatInterface(
            respond,
            chatbot=gr.Chatbot(
                height="74vh",
                show_label=False,
                buttons=["copy"],
                latex_delimiters=[],
                placeholder="### Ask the papers\nAnswers quote the abstracts, or say that they do not say.",
                elem_id="chat",
            ),
            textbox=gr.Textbox(
                placeholder="Ask about the papers", show_label=False, autofocus=True, submit_btn=True, stop_btn=True
            ),
            examples=example_questions(list(assistant.papers)),
            api_name="ask",
            concurrency_limit=4,
        )
    return page


def example_questions(papers: list[Paper]) -> list[str]:
    """Questions to begin with, made from the papers at hand; the same for the same papers."""
    short = [paper for paper in papers if 3 <= len(paper.title.split()) <= 9 and "?" not in paper.title] or papers
    drawn = random.Random(7).sample(short, min(3, len(short)))
    forms = ("What does “{}” propose?", "What was found in “{}”?", "Why does “{}” work?")
    return [form.format(readable(paper.title)) for form, paper in zip(forms, drawn, strict=False)]


def _reply(assistant: Assistant, message: str, history: list[Any]) -> Iterator[str]:
    written = ""
    try:
        for part in assistant.stream(message, [_without_sources(turn) for turn in history]):
            if isinstance(part, Answer):
                yield answer_html(part)
            else:
                written += part
                yield _escaped(written)
    except PaperError as exc:
        yield f'<div class="pa-note">{html.escape(str(exc))}</div>'


def _without_sources(turn: dict[str, Any]) -> dict[str, Any]:
    """A turn as it was said: the cards below an answer are not part of the conversation."""
    content = turn["content"]
    text = content if isinstance(content, str) else " ".join(part.get("text") or "" for part in content)
    said, _, _ = text.partition(_SOURCES)
    return {
        "role": turn["role"],
        "content": html.unescape(re.sub(r"\[\\\[(\d+)\\\]\]\([^)]*\)", r"[\1]", said)).replace("\\", ""),
    }


def answer_html(answer: Answer) -> str:
    """An answer for the chat: its text with links, then a card for each cited paper, opened by the links at the very words."""
    anchor = f"pa-{secrets.token_hex(4)}"
    if not answer.citations:
        cards = "".join(_closest_card(paper) for paper in answer.papers)
        return _escaped(answer.text) + (f"\n\n{_SOURCES}{cards}</div>" if cards else "")
    text = " ".join(
        f"{_escaped(sentence.text)} "
        + "".join(f"[\\[{answer.citations[i].number}\\]](#{anchor}-{i})" for i in sentence.evidence)
        for sentence in answer.sentences
    )
    cards = "".join(_card(number, paper, answer.citations, anchor) for number, paper in enumerate(answer.papers, 1))
    note = f'<div class="pa-note">{html.escape(answer.note)}</div>' if answer.note else ""
    return f"{text}\n\n{_SOURCES}{note}{cards}</div>"


def _card(number: int, paper: Paper, citations: tuple[Citation, ...], anchor: str) -> str:
    quotes = [(i, citation) for i, citation in enumerate(citations) if citation.number == number]
    return (
        f"<details><summary>[{number}] {_safe(paper.title)}{_from(paper)}</summary>"
        f"<p>{_highlighted(paper, quotes, anchor)}</p></details>"
    )


def _closest_card(paper: Paper) -> str:
    return f"<details><summary>{_safe(paper.title)}{_from(paper)}</summary><p>{_safe(paper.abstract)}</p></details>"


def _highlighted(paper: Paper, quotes: list[tuple[int, Citation]], anchor: str) -> str:
    """The whole abstract, the quoted words marked."""
    parts, at = [], 0
    for i, citation in sorted(quotes, key=lambda quote: quote[1].start):
        parts += [_safe(paper.abstract[at : citation.start]), f'<mark id="{anchor}-{i}">{_safe(citation.quote)}</mark>']
        at = citation.end
    return " ".join([*parts, _safe(paper.abstract[at:])])


def _from(paper: Paper) -> str:
    details = [str(paper.year) if paper.year else "", ", ".join(paper.sources)]
    link = (
        f' <a href="{html.escape(paper.url)}">link</a>' if paper.url and paper.url.startswith(("http://", "https://")) else ""
    )
    return f'<span class="pa-from">{html.escape(" · ".join(filter(None, details)))}{link}</span>'


def _safe(text: str) -> str:
    """Text of a paper inside HTML: shown, never run, and nothing in it taken for Markdown."""
    return html.escape(readable(text)).replace("\n", " ")


def _escaped(text: str) -> str:
    """Text inside Markdown: shown as it is; numbers in brackets stay."""
    return _MARKDOWN.sub(r"\\\1", html.escape(text, quote=False))


def serve(settings: Settings) -> None:
    """Open the assistant, serve the page and print its address; models are loaded behind it. Raises PaperError."""
    assistant = open_assistant(settings)
    import gradio as gr

    page = build_app(assistant)
    threading.Thread(target=assistant.warm, daemon=True).start()
    user, _, password = (settings.auth or "").partition(":")
    try:
        page.launch(
            server_name=settings.host,
            server_port=settings.port or None,
            auth=(user, password) if user else None,
            css=_CSS,
            head=_JS,
            theme=gr.themes.Soft(primary_hue="amber", neutral_hue="stone", font=_FONT),
            footer_links=[],
            quiet=True,
            prevent_thread_lock=True,
        )
    except OSError as exc:
        raise SettingsError(
            f"port {settings.port} on {settings.host} cannot be used ({exc}); choose another with --port"
        ) from exc
    print(f"Paper Assistant is at {page.local_url}", flush=True)  # noqa: T201
    page.block_thread()


if __name__ == "__main__":
    serve(Settings.read())
