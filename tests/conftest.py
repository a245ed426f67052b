"""Working stand-ins: an embedder one can compute by hand, a chat model that says what it is told to, a few papers."""

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from assistant import Assistant, Settings
from assistant.answerers import Quotes
from assistant.models import answerer
from index import Paper, PaperEmbeddings, PaperIndex, Reading, build_index, content_stems, stems

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"

Act = Callable[[BaseHTTPRequestHandler], None]
Serve = Callable[..., tuple[str, list[Any]]]

QUESTION = "How does the momentum optimizer SwiftMo work and how fast is it?"
TRUE = "SwiftMo keeps two memories of the gradient. It reaches the same loss in 38% fewer steps than Adam."
KEY = "sk-not-to-be-seen"

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the real abstracts are not beside this checkout")


class WordEmbeddings(PaperEmbeddings):
    """Each word of the vocabulary is one axis: a text's vector is the count of its words, scaled to length one."""

    VOCABULARY = ("momentum", "optimizer", "gradient", "pruning", "weights", "memory")
    VOCABULARY += ("image", "caption", "dropout", "noise", "layer", "accuracy")

    def __init__(self, name: str = "words", max_tokens: int = 60) -> None:
        self.name, self.max_tokens, self.dimension = name, max_tokens, len(self.VOCABULARY) + 1
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.encoded += texts
        rows = np.array([[text.lower().count(word) for word in self.VOCABULARY] + [0.1] for text in texts], np.float32)
        rows = rows.reshape(len(texts), self.dimension)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


class WordReader:
    """A text states what is asked if a sentence has most of the question's words. Keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, int]] = []  # and how many sentences it saw

    def read(self, question: str, title: str, sentences: Sequence[str]) -> Reading:
        self.asked.append((question, title, len(sentences)))
        asked = set(content_stems(question))
        shares = [len(asked & set(words)) / max(len(asked), 1) for words in stems([f"{title} {text}" for text in sentences])]
        odds = 12 * (np.array(shares, np.float32) - 0.4)
        return Reading(float(odds.max(initial=-9)), odds)


class ScriptedChat(BaseChatModel):
    """Says its replies in turn, word by word; an exception among them is raised. Keeps what it was sent."""

    replies: list[Any]
    _sent: list[str] = PrivateAttr(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def sent(self) -> list[str]:
        return self._sent

    def _next(self, messages: Sequence[Any]) -> str:
        self._sent.append("\n".join(str(message.content) for message in messages))
        reply = self.replies[min(len(self._sent), len(self.replies)) - 1]
        if isinstance(reply, Exception):
            raise reply
        return reply

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self._next(messages)))])

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for word in self._next(messages).split(" "):
            if word == "<break>":
                raise ConnectionError("the connection broke")
            yield ChatGenerationChunk(message=AIMessageChunk(word + " "))


PAPERS = [
    Paper(
        title="SwiftMo: A Momentum Optimizer With Two Memories",
        abstract=(
            "Training large networks is slow. "
            "We propose SwiftMo, a momentum optimizer that keeps two memories of the gradient. "
            "SwiftMo reaches the same loss as Adam in 38% fewer steps. It does not need a learning rate schedule."
        ),
        sources=("a.jsonl",),
        year=2021,
        authors=("Ada Moreau", "Tom Okafor"),
        url="https://example.org/swiftmo",
    ),
    Paper(
        title="Pruning Weights by Their Noise",
        abstract=(
            "Large models hold more weights than they need. We prune weights whose noise is larger than their value. "
            r"On ImageNet this removes 71\% of the weights and costs 0.4 points of accuracy."
        ),
        sources=("a.jsonl", "b.jsonl"),
        year=2023,
    ),
    Paper(
        title="Captions Without Captioners",
        abstract=(
            "An image caption usually needs paired data. CapFree learns from text alone and an image encoder. "
            "It scores 91.2 CIDEr on COCO, 3.5 above the best earlier method."
        ),
        sources=("b.jsonl",),
        year=2023,
    ),
]


def write_jsonl(path: Path, papers: Sequence[Paper]) -> Path:
    lines = [
        json.dumps({"title": p.title, "abstract": p.abstract, "year": p.year, "authors": p.authors, "url": p.url})
        for p in papers
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("PAPER_ASSISTANT_"):
            monkeypatch.delenv(name)


@pytest.fixture
def embeddings() -> WordEmbeddings:
    return WordEmbeddings()


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    write_jsonl(folder / "a.jsonl", PAPERS[:2])
    write_jsonl(folder / "b.jsonl", PAPERS[1:])
    return folder


@pytest.fixture
def index(tmp_path: Path, corpus: Path, embeddings: WordEmbeddings) -> PaperIndex:
    build_index([corpus], tmp_path / "index", embeddings)
    return PaperIndex(tmp_path / "index", embeddings, reader=WordReader)


@pytest.fixture
def assistant_with(index: PaperIndex) -> Callable[..., Assistant]:
    """An assistant over the three papers: quotes, or a scripted model's replies."""

    def make(*replies: object, **settings: object) -> Assistant:
        merged = Settings.read(**settings)
        writer = answerer(merged, ScriptedChat(replies=list(replies))) if replies else Quotes()
        return Assistant(index, writer, merged)

    return make


@pytest.fixture(scope="session")
def real_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty bundled papers, indexed for real."""
    from index import load_embeddings

    lines = (ROOT / "index" / "bundled" / "papers.jsonl").read_text(encoding="utf-8").splitlines()
    chosen = [line for line in lines if "AdEMAMix" in line][:1] + lines[:29]
    folder = tmp_path_factory.mktemp("real")
    (folder / "papers.jsonl").write_text("\n".join(chosen), encoding="utf-8")
    build_index([folder / "papers.jsonl"], folder / "index", load_embeddings())
    return folder / "index"


def replies(status: int, body: dict[str, Any], **headers: str) -> Act:
    """What a server does that replies with JSON."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        said = json.dumps(body).encode()
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(said)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(said)

    return act


def streams(kind: str, lines: Sequence[str]) -> Act:
    """What a server does that replies bit by bit."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.end_headers()
        for line in lines:
            handler.wfile.write(line.encode())
            handler.wfile.flush()

    return act


def events(said: Sequence[dict[str, Any]], *, named: bool = False, end: str = "") -> Act:
    """The same by server-sent events, each with its type's name or without, then what comes behind them."""
    heads = [f"event: {event['type']}\n" if named else "" for event in said]
    lines = [f"{head}data: {json.dumps(event)}\n\n" for head, event in zip(heads, said, strict=True)]
    return streams("text/event-stream", [*lines, end])


@pytest.fixture
def server() -> Iterator[Serve]:
    """Starts servers that answer a request after the other as told, the last way again; gives address and what was sent."""
    servers: list[ThreadingHTTPServer] = []

    def start(*acts: Act) -> tuple[str, list[Any]]:
        sent: list[Any] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                acts[min(len(sent), len(acts)) - 1](self)

            def log_message(self, *args: object) -> None:
                pass

        started = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=started.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(started)
        return f"http://127.0.0.1:{started.server_port}", sent

    yield start
    for started in servers:
        started.shutdown()
        started.server_close()
