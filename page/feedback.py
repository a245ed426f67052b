"""What readers thought of answers, as JSON Lines that `paper-assistant eval` reads as questions."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

from assistant import QuestionError

from .cards import View

LONGEST = 200_000
REASONS = ("wrong", "not supported", "missed a paper", "slow")

_LOCK = threading.Lock()


def keep(path: Path, said: View) -> None:
    """Add one line: the question, the answer with its citations, how it was made, the thumb and the reason.

    The papers of an answer that was liked become the ones a later answer is measured by. Raises OSError, QuestionError.
    """
    liked = said.get("rating") == "up"
    cited = [str(paper.get("title")) for paper in said["answer"].get("papers") or ()]
    line = {
        "type": "liked" if liked else "disliked",
        "question": str(said["question"]),
        "history": said.get("history") or [],
        "gold_titles": cited if liked else [],
        "nuggets": [],
        "rating": "up" if liked else "down",
        "reason": said["reason"] if said.get("reason") in REASONS else "",
        "comment": str(said.get("comment") or "")[:2000],
        "answer": {name: said["answer"].get(name) for name in ("status", "text", "sentences", "quotes", "made")},
        "cited": cited,
        "options": said.get("options") or {},
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    text = json.dumps(line, ensure_ascii=False)
    if len(text) > LONGEST:
        raise QuestionError(f"this is more than {LONGEST} characters; it is not kept")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _LOCK, path.open("a", encoding="utf-8") as file:
        file.write(text + "\n")
