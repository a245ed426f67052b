"""Papers and disk: files into papers, papers into passages, vectors and words, and searches over them.

The names below are all that other rooms may use; each is loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .build import BuildReport, Progress, build_index
    from .embedding import PaperEmbeddings, load_embeddings
    from .errors import (
        BadRecord,
        IndexBusy,
        IndexDamaged,
        IndexMismatch,
        IndexMissing,
        IndexNotWritten,
        IndexProblem,
        ModelError,
        ModelFailed,
        NoSuchPath,
        PaperError,
        PromptError,
        QuestionError,
        SettingsError,
        SourceError,
        WeightsDamaged,
        WeightsMissing,
    )
    from .generations import Fault, Manifest, Recipe
    from .inspection import IndexCheck, IndexStatus, index_status, verify_index
    from .lexical import clauses, content_stems, stems
    from .papers import Chunk, Hit, Paper, Sentence, title_key
    from .readers import read_papers
    from .reading import Reader, Reading
    from .store import PaperIndex
    from .text import readable, sentence_spans
    from .threads import one_blas_thread
    from .weights import GRANITE, MPNET, cache_folder, made_once, mpnet_installed, package_folder, sha256_of

_HOMES = {
    "build": ("BuildReport", "Progress", "build_index"),
    "embedding": ("PaperEmbeddings", "load_embeddings"),
    "errors": (
        "BadRecord", "IndexBusy", "IndexDamaged", "IndexMismatch", "IndexMissing", "IndexNotWritten", "IndexProblem",
        "ModelError", "ModelFailed", "NoSuchPath", "PaperError", "PromptError", "QuestionError", "SettingsError",
        "SourceError", "WeightsDamaged", "WeightsMissing",
    ),
    "generations": ("Fault", "Manifest", "Recipe"),
    "inspection": ("IndexCheck", "IndexStatus", "index_status", "verify_index"),
    "lexical": ("clauses", "content_stems", "stems"),
    "papers": ("Chunk", "Hit", "Paper", "Sentence", "title_key"),
    "readers": ("read_papers",),
    "reading": ("Reader", "Reading"),
    "store": ("PaperIndex",),
    "text": ("readable", "sentence_spans"),
    "threads": ("one_blas_thread",),
    "weights": ("GRANITE", "MPNET", "cache_folder", "made_once", "mpnet_installed", "package_folder", "sha256_of"),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "BadRecord",
    "build_index",
    "BuildReport",
    "cache_folder",
    "Chunk",
    "clauses",
    "content_stems",
    "Fault",
    "GRANITE",
    "Hit",
    "index_status",
    "IndexBusy",
    "IndexCheck",
    "IndexDamaged",
    "IndexMismatch",
    "IndexMissing",
    "IndexNotWritten",
    "IndexProblem",
    "IndexStatus",
    "load_embeddings",
    "made_once",
    "Manifest",
    "MPNET",
    "ModelError",
    "ModelFailed",
    "mpnet_installed",
    "NoSuchPath",
    "one_blas_thread",
    "package_folder",
    "Paper",
    "PaperEmbeddings",
    "PaperError",
    "PaperIndex",
    "Progress",
    "PromptError",
    "QuestionError",
    "read_papers",
    "readable",
    "Reader",
    "Reading",
    "Recipe",
    "Sentence",
    "sentence_spans",
    "SettingsError",
    "sha256_of",
    "SourceError",
    "stems",
    "title_key",
    "verify_index",
    "WeightsDamaged",
    "WeightsMissing",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
