"""The values that flow out of the index: Paper, Chunk, Sentence, Hit."""

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ARXIV_VERSION = re.compile(r"v\d+$")
_NOT_WORD = re.compile(r"[^\w^+]+")


def title_key(title: str) -> str:
    """What two spellings of one title share: no case, accents, punctuation or doubled spaces."""
    plain = unicodedata.normalize("NFKD", title.casefold())
    return _NOT_WORD.sub(" ", "".join(c for c in plain if not unicodedata.combining(c))).strip()


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper: its title, its abstract exactly as the source has it, and where it came from."""

    title: str
    abstract: str
    id: str = ""
    sources: tuple[str, ...] = ()
    year: int | None = None
    authors: tuple[str, ...] = ()
    url: str | None = None
    doi: str | None = None
    arxiv: str | None = None

    def __post_init__(self) -> None:
        if not self.id:
            digest = hashlib.sha256(title_key(self.title).encode()).hexdigest()[:16]
            object.__setattr__(self, "id", digest)

    @property
    def digest(self) -> str:
        """A hash of everything but the id and the sources: it changes when the paper does."""
        content = [self.title, self.abstract, self.year, self.authors, self.url, self.doi, self.arxiv]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:32]

    @property
    def keys(self) -> tuple[str, ...]:
        """What identifies the paper: two records that share one of these are the same paper."""
        doi = f"doi:{self.doi.lower()}" if self.doi else ""
        arxiv = f"arxiv:{_ARXIV_VERSION.sub('', self.arxiv.lower())}" if self.arxiv else ""
        return tuple(key for key in (f"title:{title_key(self.title)}", doi, arxiv) if key)

    def also_in(self, sources: tuple[str, ...]) -> "Paper":
        """The same paper, seen in more places."""
        return replace(self, sources=tuple(dict.fromkeys(self.sources + sources)))


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of whole sentences of one abstract; `text` is what is embedded, title included."""

    id: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an abstract: `paper.abstract[start:end]` is it exactly, `text` is it readably."""

    paper: Paper
    number: int
    start: int
    end: int
    text: str
    vector: "NDArray[np.float32]" = field(repr=False, compare=False)

    @property
    def quote(self) -> str:
        """The words exactly as the abstract has them."""
        return self.paper.abstract[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Hit:
    """A paper found: `score` orders the hits of one search (higher is better); `similarity` is the cosine of its
    best passage with the query, in -1..1; `lexical` its BM25 score, 0 or more.
    """

    paper: Paper
    score: float
    similarity: float
    lexical: float
