"""Whether a sentence is borne out by the quotes it rests on: words, numbers, names, negation."""

import re
from collections.abc import Sequence

from index import stems

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NAME = re.compile(r"\b(?:[A-Z][a-z]+[A-Z]\w*|[A-Z]{2,}[\w-]*|[a-z]+[A-Z]\w*|\w*\d+[A-Za-z]\w*)\b")
_NEGATION = re.compile(
    r"\b(?:not|no|never|neither|nor|without|cannot|fails? to|failed to|unable|lacks?|n't|hardly|rarely)\b|n't\b", re.IGNORECASE
)
_ENOUGH = 0.6


def numbers(text: str) -> set[str]:
    """The numbers of a text, written alike: no thousands commas, no trailing point."""
    return {found.replace(",", "").rstrip(".") for found in _NUMBER.findall(text)}


def names(text: str) -> set[str]:
    """Words that look like names of methods, models and data: mixed case, capitals, letters with digits."""
    return {found.lower() for found in _NAME.findall(text)}


def supported(claim: str, quotes: Sequence[str], context: str = "") -> bool:
    """Whether the quotes, read together, say what the claim says.

    Every number and name of the claim has to stand in a quote or in `context` (the papers' titles, and for names the
    question), most of its words in a quote, and the claim has to deny where a quote that it is near denies.
    """
    joined = " ".join(quotes)
    if not numbers(claim) <= numbers(f"{joined} {context}"):
        return False
    if any(name not in f"{joined} {context}".lower() for name in names(claim)):
        return False
    if coverage(claim, f"{joined} {context}") < _ENOUGH:
        return False
    return bool(_NEGATION.search(claim)) == bool(_NEGATION.search(joined)) or not _same_topic(claim, quotes)


def coverage(claim: str, text: str) -> float:
    """The share of the claim's stems that stand in a text, in 0..1."""
    wanted, found = (set(words) for words in stems([claim, text]))
    return len(wanted & found) / len(wanted) if wanted else 0.0


def _same_topic(claim: str, quotes: Sequence[str]) -> bool:
    """Whether a quote that denies (or the claim, if it does) speaks of what the other one says."""
    denying = [quote for quote in quotes if _NEGATION.search(quote)]
    if _NEGATION.search(claim):
        return not denying
    return any(coverage(claim, quote) > 0.75 for quote in denying) and len(denying) == len(quotes)
