"""What an abstract says to a question: the reader that ships with the product, and how its word is taken."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import PAPERS, ROOT, WordEmbeddings, WordReader, write_jsonl

from assistant.answer import Status
from assistant.sufficiency import READINGS, features, judge
from assistant.weighing import weigh
from index import Paper, PaperIndex, WeightsDamaged, build_index, readable, sentence_spans
from index.reading import MOST_TOKENS, Reading, load_reader, question_and_text
from index.weights import READER, READER_SHA256, reader_weights


def sentences_of(paper: Paper) -> list[str]:
    return [readable(paper.abstract[start:end]) for start, end in sentence_spans(paper.abstract)]


def read(question: str, title: str, sentences: Sequence[str]) -> Reading:
    reader = load_reader()
    assert reader
    return reader.read(question, title, sentences)


def asked_of(question: str, paper: Paper) -> Reading:
    return read(question, paper.title, sentences_of(paper))


def test_every_token_knows_its_sentence() -> None:
    ids, places = question_and_text([[11, 12], [21], [31, 32], [41]])
    assert ids == [0, 11, 12, 2, 2, 21, 2, 31, 32, 2, 41, 2]
    assert places == [-1] * 7 + [0, 0, 0, 1, 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("question", "paper", "sentence"),
    [
        pytest.param("In how many fewer steps does SwiftMo reach Adam's loss?", 0, 2, id="figure"),
        pytest.param("What does SwiftMo keep two of?", 0, 1, id="thing"),
        pytest.param("What share of the weights is removed on ImageNet?", 1, 2, id="share"),
        pytest.param("Which weights are pruned?", 1, 1, id="which"),
        pytest.param("what does CapFree learn from?", 2, 1, id="source"),
    ],
)
def test_the_sentence_that_states_the_answer_is_the_likeliest(question: str, paper: int, sentence: int) -> None:
    reading = asked_of(question, PAPERS[paper])
    assert len(reading.sentences) == len(sentences_of(PAPERS[paper]))
    assert reading.sentences.argmax() == sentence


@pytest.mark.slow
def test_near_misses_are_told_from_what_is_stated() -> None:
    lines = (ROOT / "bench" / "questions" / "read.jsonl").read_text(encoding="utf-8").splitlines()
    bundled = (ROOT / "index" / "bundled" / "papers.jsonl").read_text(encoding="utf-8").splitlines()
    papers = {record["title"]: Paper(record["title"], record["abstract"]) for record in map(json.loads, bundled)}
    asked = [(q, papers[q["about"]]) for q in map(json.loads, lines) if q["about"] in papers][::75]
    odds = {stated: [asked_of(q["question"], paper).states for q, paper in asked if bool(q["gold_titles"]) == stated]
            for stated in (True, False)}  # fmt: skip
    assert min(map(len, odds.values())) > 50
    higher = np.mean([[above > below for below in odds[False]] for above in odds[True]])
    assert higher > 0.75


@pytest.mark.slow
def test_a_long_text_is_read_in_parts_and_all_of_it() -> None:
    paper = PAPERS[0]
    filler = ["Nothing is said here of what anybody might want to know about it."] * (MOST_TOKENS // 12)
    reading = read("In how many fewer steps does SwiftMo reach Adam's loss?", "", [*filler, *sentences_of(paper)])
    assert len(reading.sentences) == len(filler) + 4
    assert reading.sentences.argmax() == len(filler) + 2
    endless = read("why?", "", ["word " * 3000])
    assert len(endless.sentences) == 1


@pytest.mark.slow
def test_a_text_of_nothing_states_nothing() -> None:
    reading = read("why?", "A title", [])
    assert reading.states == -np.inf
    assert len(reading.sentences) == 0


def test_damaged_weights_of_the_reader_are_refused(tmp_path: Path) -> None:
    assert reader_weights().heads
    damaged = tmp_path / READER.name
    damaged.write_bytes(READER.read_bytes()[:-1] + b"?")
    with pytest.raises(WeightsDamaged, match=READER_SHA256[:8]):
        reader_weights(damaged)


@pytest.mark.parametrize(
    ("question", "scores", "read"),
    [
        ("Which momentum optimizer keeps memories of the gradient?", (9.0, 8.9, 8.8), 1),
        ("Which zebra?", (9.0, 8.9, 8.8), 3),
        ("Which zebra?", (9.0, 8.9, 0.1), 2),
        ("Which zebra?", (9.0, 0.2, 0.1), 1),
    ],
    ids=["the best paper states it", "none states it", "one is as good as the best", "none is as good as the best"],
)
def test_only_what_is_in_doubt_is_read_further(index: PaperIndex, question: str, scores: Sequence[float], read: int) -> None:
    reader = WordReader()
    known = PaperIndex(index.folder, index._embeddings, reader=lambda: reader)
    hits = [replace(hit, score=score) for hit, score in zip(known.search("momentum optimizer", 3), scores, strict=True)]
    weigh(question, question, hits, known)
    assert len({title for _, title, _ in reader.asked}) == read


def test_of_a_paper_the_few_nearest_sentences_are_read(tmp_path: Path) -> None:
    filler = [f"Sentence {number} speaks of optimizers." for number in range(8)]
    paper = Paper("On animals and optimizers", " ".join([*filler, "All zebras have stripes."]))
    build_index([write_jsonl(tmp_path / "papers.jsonl", [paper])], tmp_path / "index", WordEmbeddings())
    known = PaperIndex(tmp_path / "index", WordEmbeddings(), reader=WordReader)
    best, *_ = weigh("Which zebras have stripes?", "zebras", known.search("zebras", 1), known).readings
    assert np.isfinite(best.sentences).sum() == 4
    assert np.isfinite(best.sentences[-1])


def test_where_nothing_reads_words_and_vectors_decide(index: PaperIndex) -> None:
    question = "Which momentum optimizer keeps memories of the gradient?"
    index = PaperIndex(index.folder, index._embeddings, reader=lambda: None)
    hits = index.search(question, 3)
    weighed = weigh(question, question, hits, index)
    assert weighed.readings == []
    assert (np.argsort(weighed.told) == np.argsort(weighed.likely)).all()
    assert index.read(question, hits[0].paper, [0]) is None
    known = features(weighed, index)
    assert not set(READINGS) & set(known)
    assert judge(known) is Status.ANSWERED
    assert judge({**dict.fromkeys(known, 0.0), "names unseen": 3.0, "content unseen": 1.0}) is Status.NOT_FOUND


def test_of_sentences_that_were_not_read_nothing_is_known(index: PaperIndex) -> None:
    known = PaperIndex(index.folder, index._embeddings, reader=WordReader)
    reading = known.read("Which zebra?", known.search("momentum optimizer", 1)[0].paper, [1])
    assert reading
    assert np.flatnonzero(np.isfinite(reading.sentences)).tolist() == [1]


def test_a_follow_up_reads_papers_behind_the_one_before(index: PaperIndex) -> None:
    reader = WordReader()
    known = PaperIndex(index.folder, index._embeddings, reader=lambda: reader)
    hits = [
        replace(hit, score=score) for hit, score in zip(known.search("momentum optimizer", 3), (9.0, 0.2, 0.1), strict=True)
    ]
    weigh("and which zebra?", "momentum optimizer and which zebra?", hits, known)
    assert len({title for _, title, _ in reader.asked}) == 3
