"""Fields by their names as tables and plain JSON have them: other words, cases, spaces and underscores."""

import re
from collections.abc import Mapping
from functools import lru_cache

from ..papers import Paper
from .records import paper_of

_NAMES = {
    "title": ("title",),
    "abstract": ("abstract", "summary", "abstractnote"),
    "authors": ("authors", "author"),
    "year": ("year", "publicationyear", "date", "published"),
    "url": ("url", "link", "pdfurl"),
    "doi": ("doi",),
    "arxiv": ("arxivid", "arxiv", "id"),
}
_IGNORED = re.compile(r"[\s_]+")


@lru_cache(maxsize=256)
def columns_of(names: tuple[str, ...]) -> dict[str, list[str]]:
    """Which of the names hold a field: field -> names, the best first; a field that none holds is left out."""
    plain = {_IGNORED.sub("", name).lower(): name for name in names}
    found = {field: [plain[word] for word in words if word in plain] for field, words in _NAMES.items()}
    return {field: columns for field, columns in found.items() if columns}


def lacks(names: tuple[str, ...]) -> str | None:
    """What is wrong with a table of these columns: no title, or no abstract."""
    columns = columns_of(names)
    missing = next((field for field in ("title", "abstract") if field not in columns), None)
    return missing and f"there is no column {missing!r} among {', '.join(map(repr, names))[:120] or 'none'}"


def paper_of_row(row: Mapping[str, object], source: str, **more: object) -> Paper:
    """The paper of a row; `more` are fields whose name is known. Raises ValueError without a title or an abstract."""
    columns = columns_of(tuple(row))
    if "title" not in columns:
        raise ValueError(f"there is no title among {', '.join(map(repr, row))[:120] or 'no fields'}")
    fields = {field: next((row[name] for name in names if row[name]), None) for field, names in columns.items()}
    return paper_of(source, **{"abstract": None, **fields, **more})
