"""One Paper out of the fields of one record, however its format spells them."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ..errors import BadRecord
from ..papers import Paper

Record = dict[str, Any]

_NOT_WORD = re.compile(r"[\W_]+")
_NOTHING = re.compile(
    r"|n ?a|nan|none|null|nil|undefined|unknown|unavailable|not (available|provided)|tba|tbd|abstract|"
    r"no abstract( (is )?(available|provided))?|abstract (is )?(unavailable|not (available|provided))"
)
_YEAR = re.compile(r"(?<!\d)(?:1[5-9]|20)\d\d(?!\d)")
_URL = re.compile(r"https?://\S+", re.IGNORECASE)
_DOI = re.compile(r"10\.\d{4,9}/\S*[^\s.,;]")
_ARCHIVES = (
    "acc-phys|adap-org|alg-geom|ao-sci|astro-ph|atom-ph|bayes-an|chao-dyn|chem-ph|cmp-lg|comp-gas|cond-mat|cs|dg-ga|funct-an|"
    "gr-qc|hep-ex|hep-lat|hep-ph|hep-th|math|math-ph|mtrl-th|nlin|nucl-ex|nucl-th|patt-sol|physics|plasm-ph|q-alg|q-bio|q-fin|"
    "quant-ph|solv-int|stat|supr-con"
)
_ARXIV = re.compile(
    r"(?:^|arxiv\.org/\w+/|10\.48550/arxiv\.|arxiv:)\s*"
    rf"((?:\d{{4}}\.\d{{4,5}}|(?:{_ARCHIVES})(?:\.[a-z]{{2}})?/\d{{7}})(?:v\d+)?)(?:\.pdf)?(?!\w|\.\w)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")
_GENERATION = re.compile(r"(?:[js]r|i{2,3}|iv)\.?", re.IGNORECASE)


def papers_of(
    path: Path, records: Iterable[tuple[int, Record] | BadRecord], make: Callable[[Record, str], Paper]
) -> Iterator[Paper | BadRecord]:
    """What `make` makes of each (line, record) and the file's name; a record it raises ValueError for becomes a BadRecord."""
    for found in records:
        if isinstance(found, BadRecord):
            yield found
            continue
        line, record = found
        try:
            yield make(record, path.name)
        except ValueError as exc:
            yield BadRecord(path, line, str(exc))


def paper_of(
    source: str,
    *,
    title: object,
    abstract: object,
    authors: object = None,
    year: object = None,
    url: object = None,
    doi: object = None,
    arxiv: object = None,
    id: object = None,  # noqa: A002
) -> Paper:
    """The paper of one record, its fields as the file has them. Raises ValueError without a title or an abstract.

    `authors` is a string of names, or a list of names or of objects with the parts of a name. The arXiv id is looked for in
    `arxiv`, `url` and `doi`; what is no year, address, DOI or arXiv id is left out.
    """
    name, text = " ".join(_text(title).split()), _text(abstract).strip()
    if _says_nothing(name):
        raise ValueError("there is no title" + (f", only {name!r}" if name else ""))
    if _says_nothing(text):
        raise ValueError(f"there is no abstract for {name[:60]!r}" + (f", only {text!r}" if text else ""))
    given_url, given_doi = (_first(pattern, value) for pattern, value in ((_URL, url), (_DOI, doi)))
    if not given_doi and given_url and "doi.org/" in given_url:
        given_doi = _first(_DOI, given_url)
    number = next((m[1] for value in (arxiv, given_url, given_doi) if (m := _ARXIV.search(_text(value)))), None)
    address = f"https://arxiv.org/abs/{number}" if number else given_doi and f"https://doi.org/{given_doi}"
    return Paper(
        title=name,
        abstract=text,
        id="" if id is None else str(id),
        sources=(source,),
        year=int(found) if (found := _first(_YEAR, year)) else None,
        authors=_names(authors),
        url=given_url or address,
        doi=given_doi,
        arxiv=number,
    )


def dig(value: object, *keys: str | int) -> Any:
    """What stands at these keys, one inside the other; None where the shape is another."""
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return None
    return value


def listed(value: object) -> list[Any]:
    """The list, or an empty one for anything else."""
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    """The string, without the half characters that broken escapes leave; empty for anything else."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else ""


def _says_nothing(text: str) -> bool:
    return len(text) < 60 and _NOTHING.fullmatch(_NOT_WORD.sub(" ", text.casefold()).strip()) is not None


def _first(pattern: re.Pattern[str], value: object) -> str | None:
    """What first fits the pattern in a string, a number, a date or the first item of a list."""
    if isinstance(value, list):
        value = value[0] if value else None
    found = pattern.search("" if value is None else _text(str(value)))
    return found[0] if found else None


def _names(authors: object) -> tuple[str, ...]:
    items = _split(authors) if isinstance(authors, str) else listed(authors)
    return tuple(name for item in items if (name := " ".join(_text(_name(item)).split())))


def _split(authors: str) -> list[str]:
    """The names in one string: separated by semicolons, `and` or commas, or written as a list."""
    if authors.lstrip().startswith("["):
        return [single or double for single, double in _QUOTED.findall(authors)]
    if ";" in authors or "\n" in authors:
        return re.split(r"[;\n]", authors)
    return [name for part in re.split(r",?\s+and\s+", authors) for name in _split_at_commas(part)]


def _split_at_commas(names: str) -> list[str]:
    """`Ada Byron, Bo Ek` is two names; `Byron, Ada` is one."""
    parts = names.strip().strip(",").split(",")
    return parts if all(" " in part.strip() for part in parts) else [names]


def _name(author: object) -> object:
    """The name, first name first, of a string or an object."""
    if isinstance(author, dict):
        parts = (author.get(key) for key in ("given", "non-dropping-particle", "family", "suffix"))
        return author.get("name") or author.get("literal") or " ".join(part for part in parts if isinstance(part, str))
    if not isinstance(author, str):
        return ""
    last, *rest = (part.strip() for part in author.split(","))
    if not rest or len(rest) > 2 or _GENERATION.fullmatch(rest[0]):
        return author
    return " ".join([rest[0], last, *rest[1:]])
