"""Whether an answer's citations carry its sentences: citation recall and precision as ALCE defines them (arXiv 2305.14627).

A sentence is recalled if its quotes, read together, entail it. A citation counts if its sentence is recalled and it either
entails the sentence alone or is needed: without it, the others do not. At most three citations of a sentence are scored.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from index import ModelFailed, readable

from .answer import Answer
from .checking import supported

Entails = Callable[[str, str], bool]

_MOST = 3


@dataclass(frozen=True, slots=True)
class Attribution:
    """Sentences and citations of an answer, and how many of each hold."""

    sentences: int
    recalled: int
    citations: int
    precise: int


def by_checker(premise: str, claim: str) -> bool:
    """The product's own check, as an entailment."""
    return claim in premise or supported(claim, [premise])


def entailment_model(name: str) -> Entails:
    """An entailment cross-encoder by its name on a hub or its folder. Raises ModelFailed."""
    from sentence_transformers import CrossEncoder

    try:
        model = CrossEncoder(name, device="cpu")
    except Exception as exc:  # the hub, the tokenizer and PyTorch each raise their own
        raise ModelFailed(name, f"cannot be loaded as an entailment model ({str(exc).splitlines()[0][:160]})") from exc
    labels = {str(label).lower(): int(number) for number, label in (model.config.id2label or {}).items()}
    if "entailment" not in labels:
        raise ModelFailed(name, f"has no label `entailment`, only {', '.join(labels)}")

    def entails(premise: str, claim: str) -> bool:
        return int(model.predict([(premise, claim)])[0].argmax()) == labels["entailment"]

    return entails


def attribution(answer: Answer, entails: Entails = by_checker) -> Attribution:
    """Citation recall and precision of one answer, as counts."""
    recalled = citations = precise = 0
    for sentence in answer.sentences:
        premises = [_premise(answer, position) for position in sentence.evidence[:_MOST]]
        citations += len(premises)
        if not premises or not entails("\n".join(premises), sentence.text):
            continue
        recalled += 1
        precise += sum(_counts(premises, i, sentence.text, entails) for i in range(len(premises)))
    return Attribution(len(answer.sentences), recalled, citations, precise)


def _premise(answer: Answer, position: int) -> str:
    citation = answer.citations[position]
    return f"{readable(citation.title)}\n{readable(citation.quote)}"


def _counts(premises: Sequence[str], i: int, claim: str, entails: Entails) -> bool:
    others = [*premises[:i], *premises[i + 1 :]]
    return not others or entails(premises[i], claim) or not entails("\n".join(others), claim)
