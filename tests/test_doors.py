"""The other doors: named endpoints by a real gradio_client and plain HTTP, tools by a real MCP client."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import PAPERS, WordEmbeddings, WordReader, write_jsonl

from app import build_app
from assistant import open_assistant
from index import PaperIndex, build_index
from page import LAUNCH

pytestmark = pytest.mark.slow

QUESTION = "What does the momentum optimizer SwiftMo keep of the gradient?"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("doors")
    build_index([write_jsonl(folder / "papers.jsonl", PAPERS)], folder / "index", WordEmbeddings())
    page = build_app(open_assistant(index=PaperIndex(folder / "index", WordEmbeddings(), reader=WordReader), model="quotes"))
    page.launch(**LAUNCH)
    yield str(page.local_url)
    page.close()


@pytest.fixture(scope="module")
def client(address: str) -> Any:
    from gradio_client import Client

    return Client(address, verbose=False)


def test_ask_answers_with_its_citations(client: Any) -> None:
    answer = client.predict(QUESTION, api_name="/ask")
    assert answer["status"] == "answered"
    (quote,) = [c for c in answer["citations"] if "two memories" in c["quote"]]
    assert PAPERS[0].abstract[quote["start"] : quote["end"]] == quote["quote"]
    assert answer["papers"][quote["number"] - 1]["title"] == PAPERS[0].title


def test_a_follow_up_brings_its_history(client: Any) -> None:
    before = client.predict(QUESTION, api_name="/ask")
    answer = client.predict(
        question="how many fewer steps does it need?", history=[[QUESTION, before["text"]]], model="quotes", api_name="/ask"
    )
    assert "38%" in answer["text"]
    assert "SwiftMo" in answer["query"]


def test_search_and_papers_filter(client: Any) -> None:
    hits = client.predict("pruning weights", 2, api_name="/search")
    assert hits[0]["paper"]["title"] == PAPERS[1].title
    assert [hit["paper"]["year"] for hit in client.predict("momentum", 5, 2021, api_name="/search")] == [2021]
    page = client.predict(year=2023, sort="title", limit=1, offset=1, api_name="/papers")
    assert page["total"] == 2
    assert [paper["title"] for paper in page["papers"]] == [PAPERS[1].title]
    assert client.predict("capt", api_name="/papers")["total"] == 1


def test_errors_say_what_was_wrong(client: Any) -> None:
    with pytest.raises(Exception, match="the question is empty"):
        client.predict("  ", api_name="/ask")


def test_only_the_doors_are_published(client: Any) -> None:
    described = client.view_api(return_format="dict")["named_endpoints"]
    assert set(described) == {"/ask", "/search", "/papers", "/ask_papers", "/search_papers"}
    assert "citation" in json.dumps(described["/ask"]).lower()


def test_plain_http_answers(address: str) -> None:
    def post(body: object) -> Any:
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{address}gradio_api/call/search", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    event = post({"data": ["pruning weights", 1, None, None]})["event_id"]
    with urllib.request.urlopen(f"{address}gradio_api/call/search/{event}") as reply:
        lines = reply.read().decode().splitlines()
    hits = json.loads(next(line for line in lines if line.startswith("data: ")).removeprefix("data: "))[0]
    assert hits[0]["paper"]["title"] == PAPERS[1].title


def test_a_model_finds_two_tools_and_uses_them(address: str) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def talk() -> tuple[Any, str, str]:
        async with (
            streamable_http_client(f"{address}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            asked = await session.call_tool("ask_papers", {"question": QUESTION})
            found = await session.call_tool("search_papers", {"query": "pruning weights", "count": 1})
            return tools, asked.content[0].text, found.content[0].text

    tools, asked, found = asyncio.run(talk())
    assert {tool.name for tool in tools} == {"ask_papers", "search_papers"}
    assert all(len(tool.description or "") > 80 for tool in tools)
    assert "[1]" in asked
    assert f"[1] {PAPERS[0].title}" in asked
    assert "keeps two memories of the gradient" in asked
    assert found.startswith(f"1. {PAPERS[1].title}")
    assert PAPERS[2].title not in found
