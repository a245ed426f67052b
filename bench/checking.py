"""How well assistant/checking.py tells claims that quotes bear out from claims that they do not; and its weights.

    python bench/checking.py          print what is kept and what is caught
    python bench/checking.py fit      fit the weights first, and write them

The line to go by is the second: five folds, each judged by weights fitted on the other four. Claims of one paper stay
together; the folds go by a hash of the paper's title, so they never change.
"""

import hashlib
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assistant import checking

ROOT = Path(__file__).parent.parent
OUT = ROOT / "assistant" / "checking_weights.json"
KINDS = ("addition", "mixed", "negated", "entity", "number")
PARTS = {
    "covered": (("all", "weakest", "gap", "end"), ("addition", "mixed", "entity")),
    "direction": (("opposed", "denies", "affirms", "swapped"), ("negated",)),
}
KEEPING = {"covered": 1.25, "direction": 3.5}  # how much worse it is to lose a true claim than to let a false one pass
FOLDS = 5
_VERB = re.compile(r"\b(?:is|are|can|was|were|does|do|has|have|may|will)\b(?! not)")
_OUTDOES = re.compile(r"^(.{8,}?) ((?:outperform|beat|surpass|exceed)(?:s|es)?) ([^,;.:]{8,})")
_DENIAL = re.compile(r"\b(?:not|no|never|without) ")

Row = dict[str, Any]
Weights = dict[str, dict[str, float]]


def main() -> None:
    rows = [json.loads(line) for line in (ROOT / "bench" / "claims.jsonl").read_text(encoding="utf-8").splitlines()]
    if sys.argv[1:] == ["fit"]:
        OUT.write_text(json.dumps(fit(rows), indent=1) + "\n", encoding="utf-8")
    stored = json.loads(OUT.read_text(encoding="utf-8"))
    print(f"{'':12}{'claims':>7}{'kept':>7}{'caught':>7}  " + "".join(f"{kind:>9}" for kind in KINDS))
    show("as shipped", rows, lambda _: stored)
    folds = [fit([row for row in rows if digest(row) // 2 % FOLDS != fold]) for fold in range(FOLDS)]
    show("held out", rows, lambda row: folds[digest(row) // 2 % FOLDS])


def digest(row: Row) -> int:
    """The same number for all claims of a paper."""
    return hashlib.sha256(row["title"].encode()).digest()[0]


def passes(row: Row, weights: Weights) -> bool:
    """As `supported`, with other weights."""
    if settled := checking.by_rule(row["claim"], row["quotes"], row["title"]):
        return settled.supported
    found = checking.features(row["claim"], row["quotes"], row["title"])
    return all(checking.weigh(part, found) > 0.5 for part in weights.values())


def fit(rows: Sequence[Row]) -> Weights:
    """Weights for coverage and for direction, each fitted on true claims and on the corruptions that it is to catch."""
    left = [row for row in rows if not checking.by_rule(row["claim"], row["quotes"], row["title"])]
    weights: Weights = {}
    for part, (names, kinds) in PARTS.items():
        used = [row for row in left if row["label"] == "true" or row["kind"] in kinds]
        used += copies(rows) if part == "direction" else []
        found = [checking.features(row["claim"], row["quotes"], row["title"]) for row in used]
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=2, class_weight={True: KEEPING[part], False: 1}, max_iter=2000)
        )
        model.fit(np.array([[one[name] for name in names] for one in found]), [row["label"] == "true" for row in used])
        scaler, regression = model
        each = regression.coef_[0] / scaler.scale_
        weights[part] = {"bias": round(float(regression.intercept_[0] - each @ scaler.mean_), 4)}
        weights[part] |= {name: round(float(weight), 4) for name, weight in zip(names, each, strict=True)}
    return weights


def copies(rows: Sequence[Row]) -> list[Row]:
    """Every quote as a claim of its own, and again with a denial put in or left out, or two sides swapped; few claims are."""
    made = []
    for title, quote in dict.fromkeys((row["title"], quote) for row in rows for quote in row["quotes"]):
        claims = [("true", f"In short, {quote}")]
        if verb := _VERB.search(quote):
            claims.append(("corrupted", f"{quote[: verb.end()]} not{quote[verb.end() :]}"))
        if denial := _DENIAL.search(quote):
            claims.append(("corrupted", quote[: denial.start()] + quote[denial.end() :]))
        if sides := _OUTDOES.search(quote):
            claims.append(("corrupted", f"{sides[3]} {sides[2]} {sides[1]}{quote[sides.end() :]}"))
        made += [{"label": label, "claim": claim, "quotes": [quote], "title": title} for label, claim in claims]
    return made


def show(name: str, rows: Sequence[Row], weights: Callable[[Row], Weights]) -> None:
    """One line of the table."""
    passed = {row["id"]: passes(row, weights(row)) for row in rows}
    true = [passed[row["id"]] for row in rows if row["label"] == "true"]
    caught = {kind: [not passed[row["id"]] for row in rows if row["kind"] == kind] for kind in KINDS}
    every = [one for kind in KINDS for one in caught[kind]]
    shares = [sum(true) / len(true), sum(every) / len(every), *(sum(caught[kind]) / len(caught[kind]) for kind in KINDS)]
    print(
        f"{name:12}{len(rows):7}"
        + "".join(f"{share:7.3f}" for share in shares[:2])
        + "  "
        + "".join(f"{s:9.2f}" for s in shares[2:])
    )


if __name__ == "__main__":
    main()
