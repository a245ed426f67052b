"""The assistant behind a page that is served already: being opened, its models being loaded, ready."""

from typing import TYPE_CHECKING, Any

from assistant import PaperError

if TYPE_CHECKING:
    from collections.abc import Callable

    from assistant import Assistant, Progress


class NotReady(PaperError):
    """The page is there before the papers are."""


class Preparation:
    """Opens an assistant while the page is being served, and says how far it is."""

    def __init__(self, open_: "Callable[[Progress], Assistant]") -> None:
        self._open_with = open_
        self._assistant: Assistant | None = None
        self._stage = ("opening the papers", 0, 0)
        self._models_loaded = False
        self._problem = ""

    @classmethod
    def done(cls, assistant: "Assistant") -> "Preparation":
        """That of an assistant which is open."""
        preparation = cls(lambda _: assistant)
        preparation._assistant, preparation._models_loaded = assistant, True
        return preparation

    def run(self) -> None:
        """Open the assistant, then load what the first question would wait for. Raises PaperError if it cannot be opened."""
        self._assistant = self._open_with(self._progress)
        try:
            self._assistant.warm()
        except PaperError as exc:  # the answers will be quotes, and the page says why
            self._problem = str(exc)
        self._models_loaded = True

    @property
    def assistant(self) -> "Assistant":
        """The assistant. Raises NotReady while it is being opened."""
        if self._assistant is None:
            stage, done, total = self._stage
            count = f" ({done} of {total})" if total else ""
            raise NotReady(f"The papers are not ready yet: {stage}{count}. Ask again in a moment.")
        return self._assistant

    @property
    def state(self) -> dict[str, Any]:
        """How far it is: `phase` is "opening", "loading" (models) or "ready"; `problem` is what kept a model from loading."""
        stage, done, total = self._stage
        phase = "opening" if self._assistant is None else "ready" if self._models_loaded else "loading"
        return {"phase": phase, "stage": stage, "done": done, "total": total, "problem": self._problem}

    def _progress(self, stage: str, done: int, total: int | None) -> None:
        self._stage = (stage, done, total or 0)
