"""What the reader says of a sentence, and how much it counts in the evidence."""

import numpy as np
import pytest

from assistant.candidates import candidates
from assistant.evidence import SLACK, select_told
from assistant.told import log_odds, told
from index import PaperIndex, Reading


def test_a_sentence_that_the_reader_names_comes_first(index: PaperIndex) -> None:
    pool = candidates(index.search("momentum optimizer", 2), index)
    first = [c for c in pool if c.rank == 0]
    named = np.full(len(first), -5.0, np.float32)
    named[-1] = 3.0
    likely = np.full(len(pool), 0.3)
    estimate = told(likely, pool, [Reading(3.0, named)], 0.0)
    best = pool[int(estimate.argmax())]
    assert (best.rank, best.sentence.number) == (0, first[-1].sentence.number)
    assert ((estimate > 0) & (estimate < 1)).all()


def test_the_likelier_several_papers_are_wanted_the_less_it_counts(index: PaperIndex) -> None:
    pool = candidates(index.search("momentum optimizer", 2), index)
    likely = np.linspace(0.1, 0.6, len(pool))
    reading = Reading(-4.0, np.linspace(3, -5, sum(c.rank == 0 for c in pool), dtype=np.float32))
    spreads = [np.ptp(log_odds(told(likely, pool, [reading], several)) - log_odds(likely)) for several in (0.0, 0.5, 1.0)]
    assert spreads[0] > spreads[1] > spreads[2]
    assert spreads[2] == pytest.approx(0, abs=1e-9)


def test_what_was_not_read_keeps_its_order(index: PaperIndex) -> None:
    pool = candidates(index.search("momentum optimizer", 2), index)
    likely = np.linspace(0.1, 0.6, len(pool))
    assert (np.argsort(told(likely, pool, [], 0.0)) == np.argsort(likely)).all()


def test_of_a_paper_read_in_part_only_what_was_read_changes_places(index: PaperIndex) -> None:
    pool = candidates(index.search("momentum optimizer", 2), index)
    likely = np.linspace(0.1, 0.6, len(pool))
    known = np.full(sum(c.rank == 0 for c in pool), -np.inf, np.float32)
    known[0] = 3.0
    estimate = told(likely, pool, [Reading(3.0, known)], 0.0)
    read = np.array([c.rank == 0 and c.sentence.number == 0 for c in pool])
    assert (np.argsort(estimate[~read]) == np.argsort(likely[~read])).all()
    assert log_odds(estimate)[read] > log_odds(likely)[read]


@pytest.mark.parametrize(("surest", "share"), [(0.9, 1.0), (0.05, 1.5)], ids=["sure", "unsure"])
def test_where_no_sentence_is_likely_more_are_shown(index: PaperIndex, surest: float, share: float) -> None:
    pool = candidates(index.search("momentum optimizer", 4), index)
    estimates = np.full(len(pool), 0.04)
    estimates[0] = surest
    sizes = np.array([len(candidate.sentence.text.split()) for candidate in pool])
    words = float(sizes.sum()) / 2
    taken = int(sizes[select_told(estimates, pool, words, 0.0)].sum())
    assert share * words * SLACK - sizes.max() <= taken <= share * words * SLACK


def test_what_is_unlikely_is_not_shown_to_fill_the_room(index: PaperIndex) -> None:
    pool = candidates(index.search("momentum optimizer", 2), index)
    estimates = np.full(len(pool), 0.001)
    assert len(select_told(estimates, pool, 500.0, 0.0)) == 1
    assert select_told(np.zeros(0), [], 80.0, 0.0) == []
