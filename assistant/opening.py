"""Where the real parts are put together: settings -> index + answerer -> Assistant."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_cache_path

from index import (
    MPNET,
    BuildReport,
    IndexMismatch,
    IndexMissing,
    PaperIndex,
    Progress,
    build_index,
    load_embeddings,
    mpnet_installed,
    sha256_of,
)

from .answer import Answer
from .assistant import Assistant
from .models import answerer
from .settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from langchain_core.language_models.chat_models import BaseChatModel
    from numpy.typing import NDArray


def ask(question: str, *, settings: Settings | None = None) -> Answer:
    """Answer a question from the default index; the bundled corpus is indexed on first use.

    Raises PaperError.
    """
    return _shared(settings or Settings.read()).ask(question)


def open_assistant(
    settings: Settings | None = None,
    *,
    index: PaperIndex | Path | str | None = None,
    model: "BaseChatModel | str | None" = None,
    progress: Progress | None = None,
    **overrides: object,
) -> Assistant:
    """An assistant over an index (its folder, or one that is open), writing with a model (its name, or a chat model).

    `overrides` are settings by name. `progress` is told of the bundled corpus being indexed. Raises PaperError.
    """
    folder = index if isinstance(index, str | Path) else None
    name = model if isinstance(model, str) else None
    given = (settings or Settings.read()).model_dump(exclude_unset=True)
    merged = Settings.read(**{**given, **overrides, **_given(index=folder, model=name)})
    opened = index if isinstance(index, PaperIndex) else open_index(merged, progress)
    return Assistant(opened, answerer(merged, model if not isinstance(model, str) else None), merged)


def open_index(settings: Settings, progress: Progress | None = None) -> PaperIndex:
    """The index of the settings; where none is named and none was made, that of the bundled corpus, made on first use.

    Raises IndexProblem, ModelError.
    """
    embeddings = load_embeddings(settings.embedding, threads=1)
    if settings.index:
        return PaperIndex(settings.index.expanduser(), embeddings, chroma_url=settings.chroma_url)
    try:
        return PaperIndex(settings.default_folder, embeddings, chroma_url=settings.chroma_url)
    except IndexMissing:
        return _bundled(settings, progress)


def build(
    settings: Settings, paths: Iterable[Path | str], folder: Path, *, progress: Progress | None = None, **options: Any
) -> BuildReport:
    """Bring the index in a folder up to date with papers, with the embedding models of the settings; see build_index.

    Raises SourceError, IndexProblem, ModelError.
    """
    second = settings.second_embedding or (MPNET if mpnet_installed() else "none")
    return build_index(
        paths,
        folder,
        load_embeddings(settings.embedding, threads=None),
        second=None if second == "none" else load_embeddings(second, threads=None),
        chroma_url=settings.chroma_url,
        progress=progress,
        **options,
    )


def _bundled(settings: Settings, progress: Progress | None) -> PaperIndex:
    with as_file(files("index") / "bundled" / "papers.jsonl") as corpus:
        name = f"{Path(settings.embedding).name}-{sha256_of([corpus])[:12]}"
        folder = user_cache_path("paper-assistant", appauthor=False) / "bundled" / name
        embeddings = load_embeddings(settings.embedding, threads=1)
        try:
            return PaperIndex(folder, embeddings, chroma_url=settings.chroma_url)
        except (IndexMissing, IndexMismatch):
            build(settings, [corpus], folder, sync=True, corpus="bundled", progress=progress)
            return PaperIndex(folder, embeddings, chroma_url=settings.chroma_url)


def embed(texts: Sequence[str], *, settings: Settings | None = None) -> "NDArray[np.float32]":
    """The texts' vectors: (n, dimension), float32, unit length. Raises ModelError."""
    return load_embeddings((settings or Settings.read()).embedding, threads=1).encode(texts)


@lru_cache(maxsize=2)
def _shared(settings: Settings) -> Assistant:
    return open_assistant(settings)


def _given(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}
