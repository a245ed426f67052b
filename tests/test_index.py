"""Building an index and searching it: Chroma and BM25 are real, the embedder is one that can be computed by hand."""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import PAPERS, WordEmbeddings, WordReader, write_jsonl
from threadpoolctl import threadpool_info, threadpool_limits

from index import (
    BadRecord,
    IndexDamaged,
    IndexMismatch,
    IndexMissing,
    Paper,
    PaperIndex,
    QuestionError,
    build_index,
    catalog,
    one_blas_thread,
)
from index.embedding import InContext
from index.interaction import asked, met, signs
from index.meanings import Meanings


def titles(index: PaperIndex) -> set[str]:
    return {paper.title for paper in index.papers}


def test_same_paper_in_two_files_is_one_paper_that_remembers_both(index: PaperIndex) -> None:
    assert len(index.papers) == 3
    assert index.titled("pruning weights by their noise").sources == ("a.jsonl", "b.jsonl")


def test_papers_come_out_as_they_went_in(index: PaperIndex) -> None:
    assert index.titled(PAPERS[0].title) == PAPERS[0]


@pytest.mark.parametrize(
    ("query", "best"),
    [
        pytest.param("a momentum optimizer", "SwiftMo: A Momentum Optimizer With Two Memories", id="meaning-and-words"),
        pytest.param("CapFree on COCO for a caption", "Captions Without Captioners", id="words-only-bm25-knows"),
        pytest.param("ImageNet pruning", "Pruning Weights by Their Noise", id="both"),
    ],
)
def test_search_finds_the_best_paper_first(index: PaperIndex, query: str, best: str) -> None:
    hits = index.search(query)
    assert hits[0].paper.title == best
    assert len({hit.paper.id for hit in hits}) == len(hits) == 3
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_filters_are_applied(index: PaperIndex) -> None:
    assert {hit.paper.year for hit in index.search("momentum optimizer", year=2023)} == {2023}
    assert [hit.paper.title for hit in index.search("weights", source="a.jsonl", year=2021)] == [PAPERS[0].title]
    assert index.search("weights", year=1999) == []
    assert [hit.paper.id for hit in index.search("momentum", papers=[PAPERS[2].id])] == [PAPERS[2].id]


def test_a_clause_counts_for_the_paper_that_it_suits(index: PaperIndex) -> None:
    def behind(query: str) -> float:
        scores = {hit.paper.title: hit.score for hit in index.search(query)}
        return scores[PAPERS[0].title] - scores[PAPERS[2].title]

    assert behind("momentum optimizer gradient, image caption zebra") < behind(
        "momentum optimizer gradient image caption zebra"
    )


class KnowsZebras(WordEmbeddings):
    def words(self, words: Sequence[str]) -> np.ndarray:
        return self.encode(["caption" if word == "zebra" else word for word in words])


def test_a_word_that_no_paper_has_counts_for_one_like_it(index: PaperIndex) -> None:
    def ahead(index: PaperIndex) -> float:
        scores = {hit.paper.title: hit.score for hit in index.search("a zebra of stripes")}
        return scores[PAPERS[2].title] - scores[PAPERS[0].title]

    assert "caption" in PAPERS[2].abstract
    assert "caption" not in PAPERS[0].abstract
    assert ahead(PaperIndex(index.folder, KnowsZebras())) > ahead(index)


def test_words_that_were_met_are_not_embedded_again() -> None:
    embeddings = WordEmbeddings()
    meanings = Meanings(embeddings.encode)
    likest = meanings.likest(["pruning", "noise"], ["Momentum, or pruning.", "..."])
    assert likest.argmax(axis=1)[0] == 0
    assert np.isclose(likest[0, 0], 1)
    assert not likest[1].any()
    embeddings.encoded.clear()
    assert np.array_equal(meanings.likest(["pruning", "noise"], ["Momentum, or pruning.", "..."]), likest)
    assert embeddings.encoded == []
    meanings.likest(["pruning"], ["noise or dropout"])
    assert embeddings.encoded == ["dropout"]


def test_words_met_one_after_the_other_mean_what_they_mean_at_once() -> None:
    texts = [f"{paper.title} {paper.abstract}" for paper in PAPERS]
    once, in_turn = (Meanings(WordEmbeddings().encode) for _ in range(2))
    for text in texts:
        in_turn.likest(["optimizer"], [text])
    asked = ["momentum", "caption", "pruning"]
    assert np.allclose(in_turn.likest(asked, texts), once.likest(asked, texts))


def test_second_model_is_asked_once_and_only_for_other_words(tmp_path: Path, corpus: Path, embeddings: WordEmbeddings) -> None:
    second = WordEmbeddings("second")
    build_index([corpus], tmp_path / "index", embeddings, second=second)
    index = PaperIndex(tmp_path / "index", embeddings, second={"second": second}.__getitem__)
    second.encoded.clear()
    index.search("momentum optimizer")
    assert second.encoded == []
    for _ in range(2):
        index.search("zebra stripes shrink the gradient")
    assert second.encoded == ["zebra stripes shrink the gradient"]


def test_papers_whose_vectors_find_no_room_in_memory_are_found_all_the_same(
    tmp_path: Path, corpus: Path, embeddings: WordEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_index([corpus], tmp_path / "index", embeddings, second=WordEmbeddings("second"))
    queries = ("momentum optimizer", "zebra stripes shrink the gradient", "image caption", "momentum optimizer")

    def found() -> list[list[tuple[str, float]]]:
        index = PaperIndex(tmp_path / "index", embeddings, second=WordEmbeddings)
        return [[(hit.paper.title, hit.score) for hit in index.search(query)] for query in queries]

    roomy = found()
    monkeypatch.setattr(catalog, "_PAPERS_KEPT", 1)
    assert found() == roomy


class Interpreter(WordEmbeddings):
    """Takes every question for one about captions of images."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return super().encode(["image caption" for _ in texts])


@pytest.mark.parametrize(
    ("query", "best"),
    [
        pytest.param("momentum of zebra stripes shrinking overnight", PAPERS[2].title, id="hardly-a-word"),
        pytest.param("a momentum optimizer of zebra", PAPERS[0].title, id="many-words"),
    ],
)
def test_second_model_decides_only_where_papers_have_hardly_a_word_of_the_query(
    tmp_path: Path, corpus: Path, embeddings: WordEmbeddings, query: str, best: str
) -> None:
    build_index([corpus], tmp_path / "index", embeddings, second=WordEmbeddings("second"))
    index = PaperIndex(tmp_path / "index", embeddings, second={"second": Interpreter("second")}.__getitem__)
    assert index.search(query)[0].paper.title == best


class KnowsZebrasInContext(WordEmbeddings):
    """Reads every text as the same, and each word of it as one of the vocabulary, or nothing; takes stripes for a caption."""

    def in_context(self, texts: Sequence[str]) -> list[InContext]:
        return [self._in_context(text) for text in texts]

    def _in_context(self, text: str) -> InContext:
        places = [match.span() for match in re.finditer(r"\w+", text)]
        said = ["caption" if text[slice(*place)] == "stripes" else text[slice(*place)] for place in places]
        rows = np.array([[word == other for other in self.VOCABULARY] + [False] for word in said], np.float32)
        rows = rows.reshape(-1, self.dimension)
        return InContext(np.full(self.dimension, self.dimension**-0.5, np.float32), rows, places)


class TellsNoWords(KnowsZebrasInContext):
    """Reads every text as the same, and says nothing of its words."""

    def _in_context(self, text: str) -> InContext:
        return InContext(super()._in_context(text).vector, np.zeros((0, self.dimension), np.float32), [])


@pytest.mark.parametrize("kept", [pytest.param(2_000, id="all in memory"), pytest.param(1, id="one in memory")])
def test_words_as_the_second_model_reads_them_find_a_paper_that_has_none_of_them(
    tmp_path: Path, corpus: Path, embeddings: WordEmbeddings, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(catalog, "_PAPERS_KEPT", kept)

    def found(second: WordEmbeddings, name: str) -> dict[str, float]:
        build_index([corpus], tmp_path / name, embeddings, second=second)
        index = PaperIndex(tmp_path / name, embeddings, second=lambda _: second)
        return {hit.paper.title: hit.score for hit in index.search("stripes of a zebra at noon")}

    knows, silent = found(KnowsZebrasInContext("second"), "knows"), found(TellsNoWords("second"), "silent")
    assert (next(iter(knows)), next(iter(silent))) == (PAPERS[2].title, PAPERS[0].title)
    assert list(knows.values()) == list(silent.values())


def test_words_in_context_are_kept_of_what_says_something() -> None:
    text = "What does the Momentum do?"
    read = KnowsZebrasInContext().in_context([text, "do it", ""])
    assert signs(text, read[0]).shape == (1, 2)
    assert signs("do it", read[1]).shape == (2, 2)
    assert signs("", read[2]).shape == (0, 2)
    tokens, words, shares = asked(text, read[0])
    assert (tokens.shape, words, shares.tolist()) == ((1, 13), ["momentum"], [1.0])


def test_a_word_of_many_pieces_counts_as_one() -> None:
    read = InContext(np.zeros(8, np.float32), np.eye(3, 8, dtype=np.float32), [(0, 4), (4, 8), (9, 16)])
    tokens, words, shares = asked("momentum pruning", read)
    assert words == ["momentum", "momentum", "prune"]
    assert shares.tolist() == [0.5, 0.5, 1.0]
    likest, unlike, empty = (
        np.packbits(np.eye(3, 8) > 0, axis=1),
        np.packbits(np.eye(8, 8)[4:] > 0, axis=1),
        np.zeros((0, 1), np.uint8),
    )
    assert met(tokens, np.array([1.0, 1.0, 2.0], np.float32), [likest, unlike, empty]).tolist() == [4.0, 0.0, 0.0]


def test_warm_index_has_asked_every_model_whatever_the_papers_say(tmp_path: Path, embeddings: WordEmbeddings) -> None:
    second = WordEmbeddings("second")
    papers = [replace(PAPERS[0], abstract="We warm up. A warm up of the optimizer helps.")]
    build_index([write_jsonl(tmp_path / "p.jsonl", papers)], tmp_path / "index", embeddings, second=second)
    reader = WordReader()
    index = PaperIndex(tmp_path / "index", embeddings, second={"second": second}.__getitem__, reader=lambda: reader)
    second.encoded.clear()
    index.warm()
    assert second.encoded
    assert reader.asked


def test_empty_query_is_an_error(index: PaperIndex) -> None:
    with pytest.raises(QuestionError, match="empty"):
        index.search("  ")


def test_similar_papers_leave_the_paper_out(index: PaperIndex) -> None:
    found = index.similar(index.titled(PAPERS[0].title), 2)
    assert len(found) == 2
    assert PAPERS[0].title not in {hit.paper.title for hit in found}


def test_sentences_are_exact_and_readable(index: PaperIndex) -> None:
    paper = index.titled("Pruning Weights by Their Noise")
    sentences = index.sentences(paper)
    assert [paper.abstract[s.start : s.end] for s in sentences] == [s.quote for s in sentences]
    assert r"71\%" in sentences[2].quote
    assert "71%" in sentences[2].text


def test_second_build_embeds_and_writes_nothing(tmp_path: Path, corpus: Path, embeddings: WordEmbeddings) -> None:
    build_index([corpus], tmp_path / "index", embeddings)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "index").rglob("*") if path.is_file()}
    embeddings.encoded.clear()
    report = build_index([corpus], tmp_path / "index", embeddings)
    assert (report.new, report.unchanged, report.embedded, embeddings.encoded) == (0, 3, 0, [])
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "index" / "generations").rglob("*") if path.is_file()}
    assert {path: before[path] for path in after} == after


def test_changed_paper_is_replaced_and_only_it_is_embedded(tmp_path: Path, corpus: Path, embeddings: WordEmbeddings) -> None:
    folder = tmp_path / "index"
    build_index([corpus], folder, embeddings)
    embeddings.encoded.clear()
    write_jsonl(corpus / "a.jsonl", [replace(PAPERS[0], abstract="SwiftMo now prunes weights too."), PAPERS[1]])
    report = build_index([corpus], folder, embeddings)
    assert (report.new, report.changed, report.unchanged) == (0, 1, 2)
    assert all("SwiftMo" in text for text in embeddings.encoded)
    index = PaperIndex(folder, embeddings)
    assert index.titled(PAPERS[0].title).abstract == "SwiftMo now prunes weights too."
    assert index.search("schedule loss steps Adam")[0].lexical == 0.0


def test_sync_removes_what_is_gone_and_nothing_else_does(tmp_path: Path, corpus: Path, embeddings: WordEmbeddings) -> None:
    folder = tmp_path / "index"
    build_index([corpus], folder, embeddings)
    (corpus / "b.jsonl").unlink()
    build_index([corpus], folder, embeddings)
    index = PaperIndex(folder, embeddings)
    assert len(index.papers) == 3
    report = build_index([corpus], folder, embeddings, sync=True)
    assert report.removed == 1
    assert titles(index) == {PAPERS[0].title, PAPERS[1].title}
    assert {hit.paper.title for hit in index.search("image caption CIDEr")} == titles(index)
    assert index.titled(PAPERS[1].title).sources == ("a.jsonl",)


def test_dry_run_changes_nothing(tmp_path: Path, corpus: Path, embeddings: WordEmbeddings) -> None:
    report = build_index([corpus], tmp_path / "index", embeddings, dry_run=True)
    assert report.new == 3
    with pytest.raises(IndexMissing, match="paper-assistant index"):
        PaperIndex(tmp_path / "index", embeddings)


def test_open_index_takes_up_a_newer_generation(tmp_path: Path, index: PaperIndex, embeddings: WordEmbeddings) -> None:
    more = write_jsonl(tmp_path / "more.jsonl", [Paper(title="Dropout as a Layer", abstract="Dropout is a layer of noise.")])
    build_index([more], index.folder, embeddings)
    assert index.search("dropout layer")[0].paper.title == "Dropout as a Layer"
    assert len(index.papers) == 4


def test_other_model_is_refused_and_a_build_with_it_carries_all_papers_over(
    tmp_path: Path, corpus: Path, embeddings: WordEmbeddings
) -> None:
    folder = tmp_path / "index"
    build_index([corpus], folder, embeddings)
    other = WordEmbeddings(name="other words")
    with pytest.raises(IndexMismatch, match=r"'words'.*'other words'"):
        PaperIndex(folder, other)
    more = write_jsonl(tmp_path / "more.jsonl", [Paper(title="Dropout as a Layer", abstract="Dropout is a layer of noise.")])
    report = build_index([more], folder, other)
    assert report.papers == 4
    assert PaperIndex(folder, other).search("two memories optimizer")[0].paper.title == PAPERS[0].title


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda place: (place / "catalog.sqlite").write_bytes(b"garbage" * 200), id="catalog-overwritten"),
        pytest.param(lambda place: (place / "catalog.sqlite").unlink(), id="catalog-gone"),
        pytest.param(
            lambda place: (place / "chroma" / "chroma.sqlite3").write_bytes(b"garbage" * 900), id="chroma-overwritten"
        ),
        pytest.param(lambda place: shutil.rmtree(place / "chroma"), id="chroma-gone"),
        pytest.param(lambda place: next((place / "bm25").glob("*.npy")).write_bytes(b""), id="bm25-emptied"),
        pytest.param(shutil.rmtree, id="generation-gone"),
        pytest.param(lambda place: (place.parent.parent / "manifest.json").write_text("{"), id="manifest-cut-off"),
    ],
)
def test_damage_is_said_in_one_line_with_a_remedy(
    tmp_path: Path, corpus: Path, embeddings: WordEmbeddings, spoil: object
) -> None:
    folder = tmp_path / "index"
    build_index([corpus], folder, embeddings)
    manifest = json.loads((folder / "manifest.json").read_text())
    spoil(folder / "generations" / manifest["generation"])  # type: ignore[operator]
    with pytest.raises(IndexDamaged, match="paper-assistant index") as caught:
        PaperIndex(folder, embeddings).search("momentum")
    assert "\n" not in str(caught.value)


def test_bad_records_cost_nothing_but_themselves(tmp_path: Path, embeddings: WordEmbeddings) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_text('{"title": "Dropout", "abstract": "Noise in a layer."}\n{"title": "No abstract"}\nnot json\n')
    report = build_index([path], tmp_path / "index", embeddings)
    assert (report.papers, report.problem_count) == (1, 2)
    assert [problem.line for problem in report.problems] == [2, 3]
    with pytest.raises(BadRecord, match=r"mixed\.jsonl, line 2"):
        build_index([path], tmp_path / "index", embeddings, strict=True)


def test_two_papers_that_claim_one_id_are_both_kept(tmp_path: Path, embeddings: WordEmbeddings) -> None:
    for name, title in (("a", "Dropout"), ("b", "Pruning")):
        record = {"id": 1, "title": title, "abstract": f"{title} is a layer of noise."}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(record))
    build_index([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], tmp_path / "index", embeddings)
    assert titles(PaperIndex(tmp_path / "index", embeddings)) == {"Dropout", "Pruning"}


def test_index_of_nothing_is_an_index_that_finds_nothing(tmp_path: Path, embeddings: WordEmbeddings) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text("")
    report = build_index([path], tmp_path / "index", embeddings)
    assert (report.papers, report.problem_count) == (0, 1)


def test_long_abstracts_are_split_at_sentences_and_still_one_hit(tmp_path: Path, embeddings: WordEmbeddings) -> None:
    sentences = [f"Sentence {number} speaks of dropout and of {number} other things." for number in range(40)]
    long = Paper(title="Long", abstract=" ".join(sentences))
    build_index([write_jsonl(tmp_path / "long.jsonl", [long, *PAPERS])], tmp_path / "index", embeddings)
    index = PaperIndex(tmp_path / "index", embeddings)
    assert index.manifest.passages > 4
    hits = index.search("dropout")
    assert [hit.paper.title for hit in hits].count("Long") == 1
    assert hits[0].paper.title == "Long"


def test_matrix_products_have_one_thread_until_the_last_caller_is_out() -> None:
    def threads() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    with threadpool_limits(2, user_api="blas"):
        assert set(threads()) == {2}
        first, second = one_blas_thread(), one_blas_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert set(threads()) == {1}
        second.__exit__(None, None, None)
        assert set(threads()) == {2}
