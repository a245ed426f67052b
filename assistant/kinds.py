"""What kind of answer a question wants, by its words."""

import re

_ASKS_NUMBER = re.compile(
    r"\b(how (much|many|often|large|big|fast|long|far|few|high|well)|what (accuracy|score|percentage|number|fraction|share|"
    r"speed-?up|gain|improvement|size|rate|ratio|cost)|by what|percent\w*|accuracy|scores?|gains?|faster|quicker|size)\b",
    re.IGNORECASE,
)
_ASKS_HOW = re.compile(  # "how is", "how to", "how?"; "how small a batch" wants a figure
    r"\b(how (?:do|does|did|is|are|was|were|can|could|would|should|will|might|may|must|has|have|had|to|come|else|exactly|"
    r"the|an?|it|they|we|you|one|this|that|these|those|people)|how(?=\s*(?:[?,;.]|$))|why|explain|what makes|mechanism|idea)\b",
    re.IGNORECASE,
)
_ASKS_SEVERAL = re.compile(
    r"\b(compare|compared|comparison|vs\.?|versus|differ\w*|both|papers|works|approaches|methods|studies|people|between|each|"
    r"others?|trace|summari[sz]e|line of|and then|afterwards|either|contrast)\b",
    re.IGNORECASE,
)
_ASKS_WHETHER = re.compile(
    r"(?:^|[,:;.?!-]|\b(?:and|but|so|or))\s*(?:do|does|did|is|are|was|were|can|could|has|have|had|will|would|should|must)\b",
    re.IGNORECASE,
)


def asks_number(question: str) -> bool:
    """Whether a question wants a figure."""
    return _ASKS_NUMBER.search(question) is not None


def asks_how(question: str) -> bool:
    """Whether a question wants a way or a reason."""
    return _ASKS_HOW.search(question) is not None


def asks_several(question: str) -> bool:
    """Whether a question wants several papers, or several parts, side by side."""
    return _ASKS_SEVERAL.search(question) is not None


def asks_whether(question: str) -> bool:
    """Whether a question, or a clause of it, wants a yes or a no."""
    return _ASKS_WHETHER.search(question) is not None
