"""Readable text, sentences, chunks, titles."""

import pytest
from conftest import WordEmbeddings

from index import Paper, readable, sentence_spans, title_key
from index.chunks import split


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        pytest.param(r"a 6.4\% improvement", "a 6.4% improvement", id="escaped-percent"),
        pytest.param("up by 6.4% and more", "up by 6.4% and more", id="plain-percent-is-no-comment"),
        pytest.param("``quoted'' words", '"quoted" words', id="latex-quotes"),
        pytest.param("Language Models~(LLMs)", "Language Models (LLMs)", id="tie"),
        pytest.param("about ~10% better", "about ~10% better", id="about"),
        pytest.param(r"T\"ULU 3", "TÜLU 3", id="accent"),
        pytest.param("2mathord,000 examples", "2,000 examples", id="lost-backslash"),
        pytest.param("order mathcal{O}(n)", "order O(n)", id="lost-backslash-braces"),
        pytest.param("at {https://example.org/x{link}}.", "at https://example.org/x.", id="link"),
        pytest.param(r"an object\'s size", "an object's size", id="possessive"),
        pytest.param(r"cut off \href{", "cut off", id="broken-command"),
        pytest.param("  two\n lines ", "two lines", id="spaces"),
    ],
)
def test_readable(raw: str, clean: str) -> None:
    assert readable(raw).startswith(clean)


def test_sentences_keep_abbreviations_and_numbers_together() -> None:
    text = "We follow Lee et al. and reach 3.5 points, i.e. more than before. A second sentence follows! Is it third?"
    assert [text[a:b] for a, b in sentence_spans(text)] == [
        "We follow Lee et al. and reach 3.5 points, i.e. more than before.",
        "A second sentence follows!",
        "Is it third?",
    ]


@pytest.mark.parametrize("text", ["", "   ", "\n\n"], ids=["empty", "spaces", "lines"])
def test_no_sentences_in_nothing(text: str) -> None:
    assert sentence_spans(text) == []


def test_titles_that_differ_only_in_spelling_are_the_same() -> None:
    assert title_key("Deep  Nets: A Study") == title_key("deep nets — a study")
    assert title_key("HelpSteer2") != title_key("HelpSteer3")
    assert title_key("E^2-LLM") != title_key("E-LLM")


def chunks_of(paper: Paper, max_tokens: int, overlap: int) -> list[str]:
    spans = sentence_spans(paper.abstract)
    made = split(paper, spans, max_tokens=max_tokens, overlap=overlap, count=WordEmbeddings().count)
    return [paper.abstract[chunk.start : chunk.end] for chunk in made]


def test_chunks_hold_whole_sentences_within_the_size_title_included() -> None:
    paper = Paper(title="Two words", abstract="One two three. Four five six. Seven eight nine. Ten eleven twelve.")
    assert chunks_of(paper, 8, 0) == ["One two three. Four five six.", "Seven eight nine. Ten eleven twelve."]
    assert chunks_of(paper, 8, 1) == ["One two three. Four five six.", "Four five six. Seven eight nine.",
                                      "Seven eight nine. Ten eleven twelve."]  # fmt: skip


def test_sentence_longer_than_a_chunk_stands_alone() -> None:
    paper = Paper(title="T", abstract="One two three four five six seven. Eight.")
    assert chunks_of(paper, 4, 1) == ["One two three four five six seven.", "Eight."]
