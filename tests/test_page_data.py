"""What the page shows, without a browser: papers browsed, the map, a dropped file, kept feedback, the first answer."""

import base64
import json
import socket
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import PAPERS, WordEmbeddings, write_jsonl

from assistant import Assistant, Paper, QuestionError
from index import PaperIndex, build_index
from page import say_starting
from page.adding import add_file
from page.cards import answer_view, paper_of, paper_view
from page.chat import converse
from page.corpus_map import clusters, corpus_map, labels, positions
from page.feedback import keep

OPTIMISER, PRUNING, CAPTIONS = (paper.title for paper in PAPERS)
QUESTION = "What does the momentum optimizer SwiftMo keep of the gradient?"


@pytest.mark.parametrize(
    ("text", "options", "found"),
    [
        pytest.param("", {"sort": "title"}, [CAPTIONS, PRUNING, OPTIMISER], id="all-by-title"),
        pytest.param("", {"sort": "newest"}, [CAPTIONS, PRUNING, OPTIMISER], id="newest"),
        pytest.param("", {"sort": "oldest", "limit": 1}, [OPTIMISER], id="oldest"),
        pytest.param("MOMEN opti", {}, [OPTIMISER], id="beginnings-of-words"),
        pytest.param("weights noise", {}, [PRUNING], id="best-first"),
        pytest.param('two "memories" -- of', {}, [OPTIMISER], id="marks-are-no-syntax"),
        pytest.param("momentum AND NOT (x", {}, [], id="words-only"),
        pytest.param("%", {}, [PRUNING, OPTIMISER], id="a-lone-sign"),
        pytest.param("", {"year": 2023, "source": "a.jsonl"}, [PRUNING], id="year-and-source"),
        pytest.param("caption", {"year": 2021}, [], id="filtered-away"),
        pytest.param("", {"source": "a"}, [], id="whole-source-names"),
    ],
)
def test_browse(index: PaperIndex, text: str, options: dict[str, object], found: list[str]) -> None:
    page, total = index.papers.browse(text, **options)  # type: ignore[arg-type]
    assert {paper.title for paper in page} == set(found)
    if options.get("sort"):
        assert [paper.title for paper in page] == found
    assert total == (3 if "limit" in options else len(found))


def test_an_index_from_before_there_were_words_is_browsed_too(index: PaperIndex, tmp_path: Path) -> None:
    from index.catalog import Catalog

    (made,) = (tmp_path / "index").glob("generations/*/catalog.sqlite")
    with sqlite3.connect(made) as database:
        database.executescript("drop trigger words_added; drop trigger words_removed; drop table words;")
    catalog = Catalog(made)
    assert [paper.title for paper in catalog.browse("two momentum")[0]] == [OPTIMISER]
    catalog.close()
    Catalog(made, writable=True).commit()
    assert [paper.title for paper in Catalog(made).browse("momen")[0]] == [OPTIMISER]


def test_words_follow_changed_and_removed_papers(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    build_index([write_jsonl(folder / "a.jsonl", PAPERS)], tmp_path / "index", WordEmbeddings())
    changed = Paper(OPTIMISER, "A wholly different text about turbines.")
    write_jsonl(folder / "a.jsonl", [changed, PAPERS[1]])
    build_index([folder], tmp_path / "index", WordEmbeddings(), sync=True)
    catalog = PaperIndex(tmp_path / "index", WordEmbeddings()).papers
    counts = {word: catalog.browse(word)[1] for word in ("turbines", "schedule", "caption", "prune")}
    assert counts == {"turbines": 1, "schedule": 0, "caption": 0, "prune": 1}


def test_the_map_keeps_like_papers_together() -> None:
    draw = np.random.default_rng(0)
    kinds = ("retina scans", "soil samples", "violin strings")
    centres = draw.normal(size=(3, 40))
    vectors = np.concatenate([centre + 0.2 * draw.normal(size=(60, 40)) for centre in centres]).astype(np.float32)
    papers = [Paper(f"{kind} {n}", f"We study {kind} with care.") for kind in kinds for n in range(60)]
    groups = clusters(vectors)
    assert (groups == clusters(vectors)).all()
    for group in set(groups.tolist()):
        members = np.flatnonzero(groups == group) // 60
        assert len(set(members.tolist())) == 1
    places = positions(vectors, groups)
    assert places.shape == (180, 2)
    assert np.abs(places).max() <= 1
    own = labels(papers, groups)[groups[0]]
    assert "retina" in own
    assert "violin" not in own


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_the_map_of_hardly_any_papers(count: int) -> None:
    vectors = np.eye(4, dtype=np.float32)[:count]
    groups = clusters(vectors)
    assert len(groups) == count
    assert positions(vectors, groups).shape == (count, 2)
    assert len(labels(PAPERS[:count], groups)) == min(count, 1)


def test_the_map_is_kept_until_the_papers_change(assistant_with: Callable[..., Assistant], tmp_path: Path) -> None:
    assistant = assistant_with()
    first = corpus_map(assistant)
    stored = tmp_path / "index" / "map.json"
    assert json.loads(stored.read_text())["ids"] == first["ids"]
    stored.write_text(json.dumps({**first, "titles": ["kept"]}))
    assert corpus_map(assistant)["titles"] == ["kept"]
    write_jsonl(tmp_path / "corpus" / "c.jsonl", [Paper("One More", "A gradient more.")])
    build_index([tmp_path / "corpus"], tmp_path / "index", WordEmbeddings())
    assert "One More" in corpus_map(assistant)["titles"]


def test_a_language_model_is_preceded_by_what_was_found(assistant_with: Callable[..., Assistant]) -> None:
    parts = list(converse(assistant_with("SwiftMo keeps two memories of the gradient."), QUESTION, [], {}))
    assert any("two memories" in quote for quote, _ in parts[0]["quotes"])
    assert parts[-1]["answer"]["status"] == "answered"
    assert not any("quotes" in part for part in converse(assistant_with(), QUESTION, [], {}))


def test_a_question_keeps_to_the_papers_named(assistant_with: Callable[..., Assistant]) -> None:
    only = {"only": [PAPERS[1].id]}
    (*_, last) = converse(assistant_with(), "What is removed from the weights by pruning noise?", [], only)
    assert [paper["title"] for paper in last["answer"]["papers"]] == [PRUNING]
    assert {title for title, _, _ in last["answer"]["made"]["considered"]} == {PRUNING}


def test_the_pieces_of_an_abstract_are_all_of_it(assistant_with: Callable[..., Assistant]) -> None:
    answer = assistant_with().ask(QUESTION)
    for card in answer_view(answer, [])["papers"]:
        (paper,) = [paper for paper in PAPERS if paper.title == card["title"]]
        whole = " ".join(text for text, _ in card["abstract"])
        assert whole == " ".join(paper.abstract.replace("\\", "").split())
        assert any(quote is not None for _, quote in card["abstract"])


def test_only_web_addresses_become_links() -> None:
    assert paper_view(Paper("T", "A.", url="javascript:alert(1)"))["url"] is None
    assert paper_view(Paper("T", "A.", url="javascript:alert(1)", doi="10.1/x"))["url"] == "https://doi.org/10.1/x"
    assert paper_of(paper_view(PAPERS[0])).title == OPTIMISER


def test_a_file_keeps_to_its_own_name(assistant_with: Callable[..., Assistant]) -> None:
    class Elsewhere(Assistant):
        def add(self, paths: object, progress: object = None) -> object:
            seen.extend(paths)
            raise OSError("the disk is full")

    seen: list[Path] = []
    made = assistant_with()
    assistant = Elsewhere(made.index, made._answerer, made.settings)
    with pytest.raises(QuestionError, match="did not arrive whole"):
        list(add_file(assistant, "a.jsonl", "%%%"))
    with pytest.raises(OSError, match="the disk is full"):
        list(add_file(assistant, "../../etc/..\\.papers.jsonl", base64.b64encode(b"{}").decode()))
    (path,) = seen
    assert path.name == "papers.jsonl"
    assert "etc" not in path.parts


def test_feedback_has_a_limit(tmp_path: Path) -> None:
    said = {"question": "q", "rating": "down", "answer": {"text": "x" * 300_000}}
    with pytest.raises(QuestionError, match="not kept"):
        keep(tmp_path / "said.jsonl", said)
    keep(tmp_path / "said.jsonl", {**said, "answer": {}, "reason": "<script>"})
    assert json.loads((tmp_path / "said.jsonl").read_text())["reason"] == ""


def test_a_browser_that_comes_early_is_told_so() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with say_starting("127.0.0.1", port), pytest.raises(urllib.error.HTTPError) as told:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/")
    assert told.value.code == 503
    assert "Starting" in told.value.read().decode()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/")
