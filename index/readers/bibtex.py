"""BibTeX: entries that have an abstract."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import BadRecord
from ..papers import Paper
from ..text import readable
from .files import text_of
from .records import Record, paper_of, papers_of

SUFFIXES = (".bib", ".bibtex")
EXPECTED = "BibTeX (entries such as @article{key, title = {...}, abstract = {...}})"

_FIRST_ENTRY = re.compile(r"(?:\s|%.*\n)*@\w+\s*[{(]")
_WHOLE_IN_BRACES = re.compile(r"\{([^{}]*)\}")
_ESCAPED = re.compile(r"\{?\\([_%&#$~])(?:\{\})?\}?")
_NO_BRACES = str.maketrans("", "", "{}")


def sniff(path: Path, head: str) -> bool:
    """Whether it starts with an entry, or the name says so."""
    return path.suffix.lower() in SUFFIXES or _FIRST_ENTRY.match(head) is not None


def read(path: Path) -> Iterator[Paper | BadRecord]:
    """The papers of one file, in its order. Raises BadRecord if bibtexparser is not installed."""
    return papers_of(path, _entries(path), _paper)


def _entries(path: Path) -> Iterator[tuple[int, Record] | BadRecord]:
    """(line, fields) of every entry, values without their braces or quotes, abbreviations written out."""
    try:
        from bibtexparser import Library, middlewares, model
        from bibtexparser.splitter import Splitter
    except ImportError as exc:
        raise BadRecord(path, None, "BibTeX needs bibtexparser; install it with `pip install 'bibtexparser>=2.1'`") from exc
    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)  # what it would log is in a BadRecord
    library = Library([_unique(block, n) for n, block in enumerate(Splitter(text_of(path)).split().blocks)])
    for middleware in middlewares.default_parse_stack():
        library = middleware.transform(library)
    for block in library.blocks:
        line = (block.start_line or 0) + 1
        if isinstance(block, model.Entry):
            yield line, {field.key.lower(): field.value for field in reversed(block.fields)}
        elif isinstance(block, model.ParsingFailedBlock):
            reason = getattr(block.error, "abort_reason", str(block.error))
            yield BadRecord(path, line, f"a broken entry ({' '.join(reason.split())})")


def _unique(block: Any, number: int) -> Any:
    """The block; an entry set aside because its key or one of its fields is there twice is put back, with a key of its own."""
    entry = getattr(block, "ignore_error_block", None)
    if entry is None:
        return block
    entry.key = f"{entry.key}/{number}"
    return entry


def _paper(entry: Record, source: str) -> Paper:
    abstract = " ".join(entry.get("abstract", "").split())
    whole = _WHOLE_IN_BRACES.fullmatch(abstract)
    archive = entry.get("archiveprefix") or entry.get("eprinttype") or "arxiv"
    return paper_of(
        source,
        title=_plain(entry.get("title", "")),
        abstract=whole[1] if whole else abstract,
        authors=_authors(entry.get("author", "")),
        year=entry.get("year") or entry.get("date"),
        url=_ESCAPED.sub(r"\1", entry.get("url", "")),
        doi=_ESCAPED.sub(r"\1", entry.get("doi", "")),
        arxiv=entry.get("arxivid") or (entry.get("eprint") if archive.lower() == "arxiv" else None),
    )


def _authors(names: str) -> list[dict[str, str]]:
    from bibtexparser.middlewares.names import parse_single_name_into_parts, split_multiple_persons_names

    each = (name for name in split_multiple_persons_names(names) if name != "others")
    return [{"name": _plain(parse_single_name_into_parts(name, strict=False).merge_first_name_first)} for name in each]


def _plain(latex: str) -> str:
    """Without LaTeX, and without the braces that keep capitals."""
    return readable(latex).translate(_NO_BRACES)
