"""Kinds of questions: lists with filters, comparisons, follow-ups that pick or turn away; and what is measured."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PAPERS

from assistant import Assistant, Settings
from assistant.answer import Answer, AnswerSentence, Citation, Status, Verdict
from assistant.answerers import Quotes
from assistant.attribution import attribution
from assistant.candidates import Candidate, candidates
from assistant.evaluate import change, evaluate, read_questions, table
from assistant.evidence import choose, select, word_budget
from assistant.followup import standalone
from assistant.kinds import asks_how, asks_number, asks_several
from assistant.lists import asks_list, members, topic
from assistant.nearness import Nearness
from assistant.parts import parts
from assistant.several import likely_several
from assistant.sufficiency import READINGS, load, missing
from assistant.weighing import weigh
from index import BadRecord, Hit, PaperIndex, Sentence, SettingsError, clauses
from index.lexical import content_words

Make = Callable[..., Assistant]


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        pytest.param("Which papers study pruning?", True, id="which-papers"),
        pytest.param("list all works on image captions", True, id="list-all"),
        pytest.param("how many papers deal with optimizers?", True, id="how-many-papers"),
        pytest.param("anything on captions?", True, id="anything-on"),
        pytest.param("papers about noise please", True, id="papers-about"),
        pytest.param("who has pruned weights by noise?", True, id="who-has"),
        pytest.param("Who introduced SwiftMo?", False, id="who-did"),
        pytest.param("How many fewer steps does SwiftMo need?", False, id="a-number"),
        pytest.param("Which paper prunes weights by noise?", False, id="one-paper"),
        pytest.param("what do the two papers on momentum say?", False, id="two-papers"),
        pytest.param("why does the method work?", False, id="why"),
    ],
)
def test_questions_for_lists_are_recognised(question: str, wanted: bool) -> None:
    assert asks_list(question) is wanted


def test_topic_is_the_question_without_its_frame() -> None:
    assert topic("Which papers are about image captions?") == "image captions"
    assert topic("list papers on pruning since 2022 by Ada Moreau") == "pruning"
    assert topic("Who else has pruned weights?") == "pruned weights"


@pytest.mark.parametrize(
    ("question", "years"),
    [
        pytest.param("which papers from 2021 are there on pruning weights?", {2021}, id="year"),
        pytest.param("list papers on pruning weights since 2022", {2023}, id="since"),
        pytest.param("list papers on pruning weights before 2022", {2021}, id="before"),
    ],
)
def test_years_in_a_question_are_filters(index: PaperIndex, question: str, years: set[int]) -> None:
    found = {member.hit.paper.year for member in members(question, index)}
    assert found <= years


def test_authors_in_a_question_are_filters(index: PaperIndex) -> None:
    assert {m.hit.paper.title for m in members("list papers by Moreau", index)} <= {PAPERS[0].title}
    assert members("list papers by Nobody", index) == []


def test_list_answer_names_and_quotes_every_paper(assistant_with: Make) -> None:
    answer = assistant_with().ask("which papers prune the weights of large models by noise?")
    assert answer.status is Status.ANSWERED
    assert "by relevance" in answer.text
    assert answer.text.splitlines()[0].startswith(("1 paper", f"{len(answer.papers)} papers"))
    assert len(answer.sentences) == len(answer.papers) == len(answer.citations)
    assert PAPERS[1].title in answer.text


@pytest.mark.parametrize(
    ("question", "named"),
    [
        pytest.param("GAN vs Wasserstein GAN: what changed?", ("GAN", "Wasserstein GAN"), id="versus"),
        pytest.param("what is the difference between SwiftMo and Adam?", ("SwiftMo", "Adam"), id="between"),
        pytest.param("compare pruning with distillation", ("pruning", "distillation"), id="compare"),
        pytest.param("why is training slow and costly?", (), id="none"),
    ],
)
def test_two_things_compared_are_told_apart(question: str, named: tuple[str, ...]) -> None:
    assert parts(question) == named


def test_a_part_that_nothing_is_said_of_is_named(assistant_with: Make) -> None:
    answer = assistant_with().ask("compare the momentum optimizer SwiftMo with zebra husbandry")
    assert answer.status is Status.ANSWERED
    assert "zebra husbandry" in answer.note


@pytest.mark.parametrize(
    ("question", "way"),
    [
        pytest.param("why does it pay?", True, id="reason"),
        pytest.param("Pruning by noise: how?", True, id="bare"),
        pytest.param("explain how weights are pruned", True, id="explain"),
        pytest.param("how to prune weights without data", True, id="how-to"),
        pytest.param("how many were there?", False, id="count"),
        pytest.param("how small may a batch be?", False, id="degree"),
        pytest.param("other work on where a fact was learnt", False, id="work"),
    ],
)
def test_way_or_reason_is_told_from_a_figure(question: str, way: bool) -> None:
    assert asks_how(question) is way


def test_kinds_of_questions_get_room_to_answer() -> None:
    assert asks_number("by how much did accuracy rise, what percentage?")
    assert asks_several("compare both methods")
    budgets = [
        word_budget(question, 80, several=several)
        for question, several in (("what is it?", False), ("why is it so?", False), ("what are they?", True))
    ]
    assert budgets == sorted(set(budgets))


ABREAST = [[0.9, 0.6], [0.6, 0.9], [0.5, 0.5]]


def likely(scores: Sequence[float], nearest: Sequence[Sequence[float]], asked: str = "what is it?", query: str = "") -> float:
    """How likely a question wants several papers, of these scores, whose best sentences are that near to its clauses."""
    hits = [Hit(replace(PAPERS[n % 3], id=str(n)), score, 0.8, 1.0) for n, score in enumerate(scores)]
    pool = [
        Candidate(n, hit, Sentence(hit.paper, 0, 0, 9, "Word.", np.ones(2, np.float32)), frozenset())
        for n, hit in enumerate(hits)
    ]
    return likely_several(asked, query or asked, pool, Nearness(np.array(nearest), np.array(nearest)))


def test_several_papers_are_wanted_where_each_is_nearer_to_a_clause_and_none_is_far_ahead() -> None:
    abreast = likely((20.0, 19.0, 6.0, 5.0), [*ABREAST, [0.4, 0.4]])
    assert abreast > 0.5
    assert likely((20.0, 6.0, 6.0, 5.0), [[0.9, 0.9], [0.6, 0.6], [0.5, 0.5], [0.4, 0.4]]) < 0.2
    assert likely((20.0, 9.0, 6.0, 5.0), [*ABREAST, [0.4, 0.4]]) < abreast
    assert likely((20.0, 19.0, 6.0, 5.0), [[0.9, 0.9], [0.6, 0.6], [0.5, 0.5], [0.4, 0.4]]) < abreast


@pytest.mark.parametrize(
    ("question", "query", "several"),
    [
        pytest.param("how do the two compare?", "how do the two compare? SwiftMo", 1.0, id="comparing-follow-up"),
        pytest.param("what accuracy did it reach?", "what accuracy did it reach? SwiftMo", 0.0, id="other-follow-up"),
    ],
)
def test_words_decide_what_a_follow_up_wants(question: str, query: str, several: float) -> None:
    assert likely((20.0, 19.0, 6.0), ABREAST, question, query) == several


def test_words_decide_among_two_papers_and_papers_far_down_have_no_say() -> None:
    assert likely((1.0, -1.0), ABREAST[:2], "how do both compare?") == 1.0
    assert likely((1.0, -1.0), ABREAST[:2], "what is it?") == 0.0
    five = [*ABREAST, [0.4, 0.4], [0.4, 0.4]]
    assert likely((20.0, 9.0, 6.0, 5.0, 5.0, 4.0), [*five, [0.9, 0.9]]) == likely((20.0, 9.0, 6.0, 5.0, 5.0), five)


class Recording(Quotes):
    """Quotes, and whether papers were said to be wanted side by side."""

    several: bool | None = None

    def write(self, question: str, evidence: Any, spare: Any = (), *, several: bool = False) -> Any:
        self.several = several
        return super().write(question, evidence, spare)


@pytest.mark.parametrize(
    ("question", "several"),
    [
        pytest.param("How do both the momentum optimizer SwiftMo and pruning weights by noise help?", True, id="both"),
        pytest.param("How does the momentum optimizer SwiftMo keep memory of the gradient?", False, id="one"),
    ],
)
def test_answerer_is_told_whether_papers_are_wanted_side_by_side(index: PaperIndex, question: str, several: bool) -> None:
    answerer = Recording()
    papers = [hit.paper.id for hit in index.search("optimizer", 2)]
    Assistant(index.among(papers), answerer, Settings.read()).ask(question)
    assert answerer.several is several


def test_papers_take_turns_the_more_the_likelier_several_are_wanted(index: PaperIndex) -> None:
    pool = candidates(index.search("momentum optimizer and pruning of weights", 2), index)
    likely = np.array([0.9 - 0.4 * c.rank - 0.01 * c.sentence.number for c in pool])
    taken = [[pool[i].rank for i in select(likely, pool, 30, several)] for several in (0.0, 1.0)]
    assert set(taken[0]) == {0}
    assert set(taken[1]) == {0, 1}


@pytest.mark.parametrize(
    ("question", "apart"),
    [
        pytest.param("why is training slow?", ["why is training slow?"], id="one"),
        pytest.param(
            "pruning small networks, sparse attention heads: what do they cost?",
            ["pruning small networks", "sparse attention heads what do they cost"],
            id="commas",
        ),
        pytest.param(
            "how does dropout noise help and how do weight penalties?",
            ["how does dropout noise help", "how do weight penalties"],
            id="conjunction",
        ),
        pytest.param(
            "AdEMAMix or AdamW, for large batch training?", ["AdEMAMix AdamW", "for large batch training"], id="names"
        ),
        pytest.param("SGD versus Adam on transformers", ["SGD versus Adam on transformers"], id="one-that-says-enough"),
        pytest.param("and why?", ["and why?"], id="none"),
    ],
)
def test_clauses_are_the_parts_that_say_something(question: str, apart: list[str]) -> None:
    assert clauses(question) == apart


def test_content_words_are_those_that_say_what_a_question_is_about() -> None:
    assert content_words("Which GPUs did the authors use to train GPT-3.5, and how many GPUs?") == [
        "gpus",
        "train",
        "gpt",
        "3.5",
    ]
    assert content_words("what is it?") == []


def test_sentences_are_near_a_question_in_other_words(index: PaperIndex) -> None:
    pool = candidates(index.search("momentum", 3), index)
    texts = [c.sentence.text for c in pool]
    alike, telling = index.likeness("which momentum needs noise?", texts)
    assert alike.shape == (len(pool), len(telling))
    said = np.array(["momentum" in text.lower() for text in texts])
    assert 0 < said.sum() < len(pool)
    assert alike[said, 0].min() > alike[~said, 0].max()
    assert not index.likeness("what is it?", texts)[0].any()


def test_evidence_says_no_sentence_twice_and_keeps_the_papers_order(index: PaperIndex) -> None:
    question = "how does the momentum optimizer SwiftMo keep memory of the gradient?"
    weighed = weigh(question, question, index.search(question, 3), index)
    chosen = choose(weighed, words=60)
    places = [(item.sentence.paper.id, item.sentence.start) for item in chosen]
    assert len(set(places)) == len(places)
    first = [item for item in chosen if item.sentence.paper.title == PAPERS[0].title]
    assert [item.sentence.number for item in first] == sorted(item.sentence.number for item in first)
    assert all(0 <= item.score <= 1 for item in chosen)


TWO = [("what is there?", '"Alpha Nets" and "Beta Trees" are two methods.')]


@pytest.mark.parametrize(
    ("question", "query"),
    [
        pytest.param("how does the second one work?", "Beta Trees how does the second one work?", id="ordinal"),
        pytest.param("and the former?", "Alpha Nets and the former?", id="former"),
        pytest.param(
            "Something else: which optimizer keeps two memories of the gradient?",
            "Something else: which optimizer keeps two memories of the gradient?",
            id="turns-away",
        ),
        pytest.param(
            "Which optimizer called SwiftMo keeps two memories of its gradient history?",
            "what is there? Alpha Nets Beta Trees Which optimizer called SwiftMo keeps two memories of its gradient history?",
            id="pronoun-of-its-own",
        ),
    ],
)
def test_follow_ups_pick_go_on_or_turn_away(question: str, query: str) -> None:
    assert standalone(question, TWO) == query


def test_titles_are_looked_for_further_back_than_the_last_turn() -> None:
    history = [*TWO, ("tested on what?", "On eleven data sets.")]
    assert "Alpha Nets" in standalone("and did it help?", history)


def answer_with(*evidence: tuple[int, ...]) -> Answer:
    said = ("SwiftMo keeps two memories of the gradient.", "Pruning removes weights of large noise.")
    citations = tuple(Citation(n, f"Paper {n}", quote, 0, len(quote), 1.0) for n, quote in enumerate(said, 1))
    sentences = tuple(AnswerSentence(said[0], tuple(i + 1 for i in used), used, Verdict.SUPPORTED) for used in evidence)
    return Answer("?", "", Status.ANSWERED, sentences, citations)


@pytest.mark.parametrize(
    ("evidence", "recalled", "precise"),
    [
        pytest.param((0,), 1, 1, id="carried"),
        pytest.param((1,), 0, 0, id="not-carried"),
        pytest.param((0, 1), 1, 1, id="one-needless"),
        pytest.param((), 0, 0, id="no-citation"),
    ],
)
def test_citation_recall_and_precision(evidence: tuple[int, ...], recalled: int, precise: int) -> None:
    found = attribution(answer_with(evidence), lambda premise, claim: claim in premise)
    assert (found.sentences, found.recalled, found.citations, found.precise) == (1, recalled, len(evidence), precise)


def test_change_since_a_baseline_has_an_interval() -> None:
    before = [{"id": str(n), "question": "?", "nuggets": 0.0, "seconds": 1.0} for n in range(20)]
    after = [{**result, "nuggets": 1.0} for result in before]
    lines = change(after, before).splitlines()
    assert any(line.startswith("nuggets") and "+1.000  [+1.000, +1.000]" in line for line in lines)


def test_questions_with_faults_are_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text('{"question": "why?"}\n{"type": "factoid"}\n')
    with pytest.raises(BadRecord, match="line 2"):
        read_questions(path)


def test_sample_keeps_every_type_and_is_the_same_each_time(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    rows = [{"id": n, "type": kind, "question": f"{kind} {n}?"} for kind in ("a", "b") for n in range(20)]
    path.write_text("\n".join(map(json.dumps, rows)))
    drawn = read_questions(path, sample=10)
    assert {q["type"] for q in drawn} == {"a", "b"}
    assert len(drawn) == 10
    assert drawn == read_questions(path, sample=10)


@pytest.mark.slow
def test_evaluation_of_a_real_index(real_index: Path) -> None:
    title = "The AdEMAMix Optimizer: Better, Faster, Older"
    questions = [
        {"id": 1, "type": "factoid", "question": "What does AdEMAMix mix?", "gold_titles": [title], "nuggets": [["EMA"]]},
        {"id": 2, "type": "unanswerable", "question": "How long should rice boil?", "gold_titles": [], "nuggets": []},
    ]
    asked = [{"history": [], **question} for question in questions]
    results = evaluate(asked, Settings.read(index=real_index, model="quotes"))
    assert results[0]["hit@1"] == results[0]["nuggets"] == results[0]["supported"] == 1.0
    assert results[1]["refused"] == results[1]["correct"] == 1.0
    assert "wrongly refused 0 of 1" in table(results)
    assert f"words in the median answer {sum(r['words'] for r in results) / 2:.0f}\n" in table(results)


def test_calibration_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(SettingsError, match="fit_sufficiency"):
        load(tmp_path / "bad.json")


@pytest.mark.parametrize("name", ["alone", "read"])
def test_what_speaks_for_an_answer_never_speaks_against_it(name: str) -> None:
    forest = load()[name]
    against = {"names absent", "names nowhere", "names unseen", "number nowhere", "content unseen"}
    against |= {"asks number", "asks count", "has focus"}
    used = {node[0] for tree in forest["trees"] for node in tree if len(node) > 1}
    for feature in used - {"asks how", "asks several", "follow-up"}:
        steps = [missing(defaultdict(float, {feature: value}), forest) for value in (-8, -2, 0, 0.2, 0.5, 0.8, 1, 3, 8)]
        assert steps == sorted(steps, reverse=feature not in against), feature
    assert bool(set(READINGS) & used) == (name != "alone")
