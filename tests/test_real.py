"""The real parts together: granite, Chroma, BM25 and the local language model over thirty of the bundled papers."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, SHARED, needs_shared

from assistant import Settings, ask, embed, open_assistant
from assistant.answer import Status, Verdict
from index import (
    GRANITE,
    MPNET,
    ModelFailed,
    PaperEmbeddings,
    PaperIndex,
    WeightsDamaged,
    build_index,
    load_embeddings,
    read_papers,
)
from index.weights import EVERYDAY, EVERYDAY_SHA256, everyday_words, granite_folder, mpnet_folder

pytestmark = pytest.mark.slow


def test_default_embedder_gives_unit_vectors_near_for_near_meanings() -> None:
    vectors = embed(["A cat sat on the mat.", "The feline was seated on a rug.", "Adam is an optimizer."])
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1
    assert embed([]).shape == (0, 384)


def test_compiled_and_original_embedder_agree() -> None:
    lines = (ROOT / "index" / "bundled" / "papers.jsonl").read_text(encoding="utf-8").splitlines()
    longer_than_it_reads = " ".join(json.loads(line)["abstract"] for line in lines[:8])
    texts = ["Momentum based optimizers are central to machine learning.", "short", longer_than_it_reads]
    original = load_embeddings(str(granite_folder()))
    assert original.count(texts)[-1] > original.max_tokens
    assert ((embed(texts) * original.encode(texts)).sum(axis=1) > 0.995).all()
    assert original.count(texts) == load_embeddings(threads=1).count(texts)


def test_compiled_and_original_embedder_read_the_same_words_in_context() -> None:
    lines = (ROOT / "index" / "bundled" / "papers.jsonl").read_text(encoding="utf-8").splitlines()
    longer_than_it_reads = " ".join(json.loads(line)["abstract"] for line in lines[:8])
    texts = ["Which optimiser anneals its learning-rate?", longer_than_it_reads, ""]
    compiled, original = load_embeddings(MPNET, threads=1), load_embeddings(str(mpnet_folder()))
    for text, ours, theirs in zip(texts, compiled.in_context(texts), original.in_context(texts), strict=True):
        assert list(ours.places) == list(theirs.places)
        assert ours.tokens.shape == (len(ours.places), 768)
        assert ours.vector @ theirs.vector > 0.97
        if text:
            assert np.median((ours.tokens * theirs.tokens).sum(axis=1)) > 0.95
    assert [texts[0][slice(*place)] for place in compiled.in_context(texts[:1])[0].places][:2] == ["Which", "opt"]
    assert original.in_context([]) == []


def test_words_are_alike_by_what_they_mean_compiled_or_not() -> None:
    said = ["film", "movie", "kidney", "fine-tuning"]
    compiled, original = (load_embeddings(name, threads=1).words(said) for name in (GRANITE, str(granite_folder())))
    assert np.allclose(compiled, original, atol=0.01)
    assert np.allclose(np.linalg.norm(compiled, axis=1), 1, atol=1e-3)
    assert compiled[0] @ compiled[1] > compiled[0] @ compiled[2] + 0.3


def test_questions_in_everyday_words_come_nearer_to_their_papers() -> None:
    lines = (ROOT / "bench" / "questions" / "paraphrase.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [(q["question"], q["gold_titles"][0]) for q in map(json.loads, lines[:40])]
    wanted = {title for _, title in asked}
    papers = [p for p in read_papers([ROOT / "index" / "bundled" / "papers.jsonl"]) if getattr(p, "title", "") in wanted]
    vectors = load_embeddings(MPNET, threads=1).encode([f"{paper.title}\n{paper.abstract}" for paper in papers])
    own = [[paper.title for paper in papers].index(title) for _, title in asked]

    def first(embeddings: PaperEmbeddings) -> int:
        return int(((embeddings.encode([q for q, _ in asked]) @ vectors.T).argmax(axis=1) == own).sum())

    usual = load_embeddings(MPNET, threads=1)
    assert first(usual.everyday()) >= first(usual) + 2


def test_an_embedder_that_was_taught_nothing_reads_everyday_words_itself() -> None:
    granite = load_embeddings(GRANITE, threads=1)
    assert granite.everyday() is granite


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    assert everyday_words()
    damaged = tmp_path / EVERYDAY.name
    damaged.write_bytes(EVERYDAY.read_bytes()[:-1] + b"?")
    with pytest.raises(WeightsDamaged, match=EVERYDAY_SHA256[:8]):
        everyday_words(damaged)


def test_model_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelFailed, match="sentence-transformers cannot load it") as caught:
        load_embeddings(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_question_to_cited_quotes(real_index: Path) -> None:
    answer = open_assistant(index=real_index, model="quotes").ask("What is AdEMAMix and how does it differ from AdamW?")
    assert answer.papers[0].title == "The AdEMAMix Optimizer: Better, Faster, Older"
    assert "EMA" in answer.text
    assert answer.timings["total"] > 0


def test_question_that_shares_a_word_with_papers_is_refused_before_a_model_is_asked(real_index: Path) -> None:
    answer = open_assistant(index=real_index, model="local").ask("Where was the 1996 chess final of the memory masters held?")
    assert answer.status is not Status.ANSWERED
    assert answer.tokens == {}


def test_question_to_checked_prose_by_the_local_model(real_index: Path) -> None:
    assistant = open_assistant(index=real_index, model="local")
    answer = assistant.ask("What is AdEMAMix and how does it differ from AdamW?")
    assert answer.papers[0].title == "The AdEMAMix Optimizer: Better, Faster, Older"
    assert all(sentence.citations for sentence in answer.sentences)
    assert any(sentence.verdict is Verdict.SUPPORTED for sentence in answer.sentences), answer
    assert answer.tokens["output"] > 10
    parts = assistant.stream("What does AdEMAMix do to forgetting?")
    assert isinstance(next(parts), str)
    parts.close()


def test_default_model_is_local_where_it_is_installed(real_index: Path) -> None:
    assert open_assistant(index=real_index).model == "local"


def test_ask_indexes_the_bundled_corpus_on_first_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    answer = ask("What is AdEMAMix?", settings=Settings.read(model="quotes"))
    assert answer.papers[0].title == "The AdEMAMix Optimizer: Better, Faster, Older"


@needs_shared
def test_real_pages_hold_547_records_of_468_papers(tmp_path: Path) -> None:
    records = list(read_papers([SHARED / "corpus"]))
    assert len(records) == 547
    assert len({paper.title.lower() for paper in records}) == 468


@needs_shared
def test_digests_keep_the_facts_in_other_words() -> None:
    checker, digests = SHARED / "tools" / "check_digests.py", ROOT / "index" / "bundled" / "papers.jsonl"
    done = subprocess.run([sys.executable, "-B", checker, digests], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 problems" in done.stdout


def test_second_build_of_real_papers_embeds_nothing(real_index: Path) -> None:
    report = build_index([real_index.parent / "papers.jsonl"], real_index, load_embeddings())
    assert (report.embedded, report.new, report.changed) == (0, 0, 0)
    assert report.papers == len(PaperIndex(real_index, load_embeddings(threads=1)).papers)


def test_bundled_corpus_is_there() -> None:
    lines = (ROOT / "index" / "bundled" / "papers.jsonl").read_text(encoding="utf-8").splitlines()
    assert len({json.loads(line)["title"] for line in lines}) == len(lines) >= 60
