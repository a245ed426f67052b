"""OpenAlex works: JSON Lines, the abstract taken apart into words and their positions."""

from collections.abc import Iterator
from pathlib import Path

from ..errors import BadRecord
from ..papers import Paper
from .jsontext import has_keys, objects_of
from .records import Record, dig, listed, paper_of, papers_of

SUFFIXES = ()
EXPECTED = 'OpenAlex works (an object with "title", "abstract_inverted_index", "publication_year", "authorships" on each line)'


def sniff(path: Path, head: str) -> bool:
    """Whether the objects have OpenAlex's own keys."""
    return has_keys(head, "abstract_inverted_index") or has_keys(head, "authorships")


def read(path: Path) -> Iterator[Paper | BadRecord]:
    """The papers of one file, in its order."""
    return papers_of(path, objects_of(path, EXPECTED), _paper)


def _paper(work: Record, source: str) -> Paper:
    return paper_of(
        source,
        title=work.get("title") or work.get("display_name"),
        abstract=_abstract(work.get("abstract_inverted_index")),
        authors=[{"name": dig(author, "author", "display_name")} for author in listed(work.get("authorships"))],
        year=work.get("publication_year") or work.get("publication_date"),
        url=dig(work, "primary_location", "landing_page_url") or work.get("doi") or work.get("id"),
        doi=work.get("doi"),
    )


def _abstract(positions: object) -> str:
    """The text put together again out of word -> positions."""
    if not isinstance(positions, dict):
        return ""
    places = [(place, word) for word, at in positions.items() for place in listed(at) if isinstance(place, int)]
    return " ".join(word for _, word in sorted(places))
