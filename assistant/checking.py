"""Whether a sentence is borne out by the quotes it rests on: its numbers, its names, every clause, and which way it points.

A number or a name that no quote holds is refused by rule, and so is a number that the quotes give to something else. The
rest is weighed: `features` tell how well the claim is covered and how far it turns round what the quotes say, and
checking_weights.json, fitted by bench/checking.py, tells what that counts for. Opposites and near synonyms of plain
English are in checking_words.json.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from index import stems

from .checking_direction import correlation_turned, denial_slipped, direction
from .checking_facts import stray_figures, unknown_names
from .checking_words import TYPED, Word, kin_of, kinship, stored, words_of

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NAME = re.compile(r"\b(?:[A-Z][a-z]+[A-Z]\w*|[A-Z]{2,}[\w-]*|[a-z]+[A-Z]\w*|\w*\d+[A-Za-z]\w*)\b")

_REASONS = {"covered": "the quotes do not say all of it", "direction": "the quotes seem to say the opposite"}


@dataclass(frozen=True, slots=True)
class Check:
    """Whether a claim may stand, why not if it may not, and how sure that is: above 0.5 it stands."""

    supported: bool
    reason: str
    score: float


def supported(claim: str, quotes: Sequence[str], context: str = "") -> bool:
    """Whether the quotes, read together, say what the claim says."""
    return check(claim, quotes, context).supported


def check(claim: str, quotes: Sequence[str], context: str = "") -> Check:
    """Judge a claim by its quotes; `context` (the papers' titles) may add names and subjects, but no statements."""
    if settled := by_rule(claim, quotes, context):
        return settled
    found = features(claim, quotes, context)
    scores = {part: weigh(weights, found) for part, weights in _weights().items()}
    part = min(scores, key=scores.__getitem__)
    return Check(scores[part] > 0.5, "" if scores[part] > 0.5 else _REASONS[part], scores[part])


def by_rule(claim: str, quotes: Sequence[str], context: str = "") -> Check | None:
    """The judgement that needs no weighing: a quote repeated, a strange number or name, a denial slipped in or out."""
    claim, context, quotes = claim.translate(TYPED), context.translate(TYPED), [quote.translate(TYPED) for quote in quotes]
    said = _spelled(claim)
    if any(said == _spelled(quote) for quote in quotes):
        return Check(True, "", 1.0)
    if stray := stray_figures(claim, quotes, context):
        return Check(False, f"the quotes do not give this number there: {', '.join(stray)}", 0.0)
    if unknown := unknown_names(claim, quotes, context):
        return Check(False, f"the quotes do not name it: {', '.join(unknown)}", 0.0)
    turned = denial_slipped(claim, quotes) or correlation_turned(claim, quotes)
    return Check(False, _REASONS["direction"], 0.0) if turned else None


def numbers(text: str) -> set[str]:
    """The numbers of a text, written alike: no thousands commas, no trailing point."""
    return {found.replace(",", "").rstrip(".") for found in _NUMBER.findall(text)}


def names(text: str) -> set[str]:
    """Words that look like names of methods, models and data: mixed case, capitals, letters with digits."""
    return {found.lower() for found in _NAME.findall(text)}


def coverage(claim: str, text: str) -> float:
    """The share of the claim's stems that stand in a text, in 0..1."""
    wanted, found = (set(words) for words in stems([claim, text]))
    return len(wanted & found) / len(wanted) if wanted else 0.0


def features(claim: str, quotes: Sequence[str], context: str = "") -> dict[str, float]:
    """What the weights are for: how much of the claim the quotes hold, and how much of it they turn round."""
    said, read = words_of(claim), [words_of(quote) for quote in quotes]
    return _cover(said, read, words_of(context)) | direction(said, read)


def weigh(weights: dict[str, float], found: dict[str, float]) -> float:
    """How far features speak for a claim, in 0..1."""
    total = weights["bias"] + sum(weight * found[name] for name, weight in weights.items() if name != "bias")
    return 1 / (1 + math.exp(-total))


@cache
def _weights() -> dict[str, dict[str, float]]:
    weights: dict[str, dict[str, float]] = stored("checking_weights.json")
    return weights


def _spelled(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _cover(said: list[Word], read: list[list[Word]], context: list[Word]) -> dict[str, float]:
    """How much of the claim stands in the quotes: in all, in its weakest clause, in its longest gap, at its end."""
    wanted = [word for word in said if word.content]
    if not wanted or not read:
        return {"all": 0.0, "weakest": 0.0, "gap": 0.0, "end": 0.0}
    subjects = {word.stem for word in context}
    by_quote = [[_held(word, quote, subjects) for word in wanted] for quote in read]
    held = [max(shares) for shares in zip(*by_quote, strict=True)]
    clauses: dict[int, list[int]] = {}
    for n, word in enumerate(wanted):
        clauses.setdefault(word.clause, []).append(n)
    weakest = min(max((sum(q[n] for n in at) + 0.5) / (len(at) + 0.5) for q in by_quote) for at in clauses.values())
    end = held[-max(3, len(held) // 3) :]
    return {"all": sum(held) / len(held), "weakest": weakest, "gap": _longest_gap(held), "end": sum(end) / len(end)}


def _held(word: Word, quote: list[Word], subjects: set[str]) -> float:
    """How far a word of the claim stands in a quote; what stands only in a title counts for less."""
    held = max((kinship(word.stem, stem) for stem in {other.stem for other in quote}), default=0.0)
    if held < 0.9 and word.acronym and word.text.rstrip("s") in "".join(other.text[0] for other in quote):
        held = 0.9
    if held < 0.6 and kin_of(word, "of papers"):
        held = 0.6
    if held < 0.4 and subjects:
        held = max(held, 0.4 * max(kinship(word.stem, stem) for stem in subjects))
    return held


def _longest_gap(held: Sequence[float]) -> float:
    """The run of words that lacks most."""
    worst = run = 0.0
    for share in held:
        run = max(0.0, run + 0.55 - share)
        worst = max(worst, run)
    return worst
