"""What an answer in a model's own words leaves out of its evidence, to be quoted after them."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from index import stems

from .answerers import Draft
from .evidence import NEXT_OF_A_PAPER, UNSURE_WORDS, WORTH, Evidence, unsure

_REPEATED = 0.6  # the share of a sentence's words that, said, make it nothing new
_WORTH_BESIDE_A_DETAIL = 0.05  # how likely a sentence must be, once the question is likely answered in a sentence


def left_out(evidence: Sequence[Evidence], drafts: Sequence[Draft], room: float, *, in_full: bool, several: bool) -> list[int]:
    """The positions of the evidence to quote, the likeliest first: what is worth showing and not said yet, as long as there is
    room, in words, for all that is said; half as much again where nothing likely says what is asked. `in_full`: more is wanted
    than a detail; `several`: papers are wanted side by side.
    """
    least = WORTH if in_full else _WORTH_BESIDE_A_DETAIL
    quoted = _quoted(evidence, drafts, room, least, several=several)
    shown = {*quoted, *(i for draft in drafts for i in draft.evidence)}
    if unsure(np.array([evidence[i].score for i in shown])):
        return _quoted(evidence, drafts, room * UNSURE_WORDS, WORTH, several=several)
    return quoted


def _quoted(evidence: Sequence[Evidence], drafts: Sequence[Draft], room: float, least: float, *, several: bool) -> list[int]:
    own = [set(words) for words in stems([item.sentence.text for item in evidence])]
    sizes = [len(item.sentence.text.split()) for item in evidence]
    papers = [item.sentence.paper.id for item in evidence]
    said = set().union(*stems([draft.text for draft in drafts]))
    words = sum(len(draft.text.split()) for draft in drafts)
    heard = Counter(papers[i] for draft in drafts for i in draft.evidence)
    turn = NEXT_OF_A_PAPER if several else 1.0
    left = {i for i, item in enumerate(evidence) if item.score >= least}
    quoted: list[int] = []
    while left:
        best = max(left, key=lambda i: evidence[i].score * turn ** heard[papers[i]])
        left.remove(best)
        if words + sizes[best] > room or len(own[best] & said) >= _REPEATED * len(own[best]):
            continue
        quoted.append(best)
        said |= own[best]
        words += sizes[best]
        heard[papers[best]] += 1
    return quoted
