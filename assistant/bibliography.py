"""Papers as a list for reference managers and notes."""

import csv
import io
import re
from collections.abc import Callable, Sequence

from index import Paper, SettingsError, readable


def write(papers: Sequence[Paper], style: str) -> str:
    """The papers as "bibtex", "ris", "csv" or "markdown". Raises SettingsError for another style."""
    if style not in _STYLES:
        raise SettingsError(f"there is no bibliography style {style!r}; choose one of {', '.join(_STYLES)}")
    return _STYLES[style](papers)


def _bibtex(papers: Sequence[Paper]) -> str:
    from pylatexenc.latexencode import unicode_to_latex

    entries, taken = [], set[str]()
    for paper in papers:
        key = base = _key(paper)
        suffix = ord("a")
        while key in taken:
            key, suffix = f"{base}{chr(suffix)}", suffix + 1
        taken.add(key)
        fields = {
            "title": f"{{{unicode_to_latex(readable(paper.title))}}}",
            "author": unicode_to_latex(" and ".join(paper.authors)),
            "year": str(paper.year or ""),
            "doi": paper.doi or "",
            "eprint": paper.arxiv or "",
            "url": paper.url or "",
        }
        lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
        entries.append(f"@misc{{{key},\n" + ",\n".join(lines) + "\n}\n")
    return "\n".join(entries)


def _key(paper: Paper) -> str:
    """Author, year and first long word of the title, as far as they are known."""
    author = re.sub(r"\W", "", paper.authors[0].split(",")[0].split()[-1]).lower() if paper.authors else ""
    word = next((w for w in re.findall(r"[a-z0-9]+", paper.title.lower()) if len(w) > 3), "paper")
    return f"{author}{paper.year or ''}{word}"


def _ris(papers: Sequence[Paper]) -> str:
    lines: list[str] = []
    for paper in papers:
        tags = [("TY", "GEN"), ("TI", readable(paper.title)), *(("AU", author) for author in paper.authors)]
        tags += [("PY", str(paper.year or "")), ("DO", paper.doi or ""), ("UR", paper.url or "")]
        lines += [f"{tag}  - {value}" for tag, value in tags if value] + ["ER  - ", ""]
    return "\n".join(lines)


def _csv(papers: Sequence[Paper]) -> str:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["number", "title", "authors", "year", "doi", "arxiv", "url", "sources"])
    for number, paper in enumerate(papers, 1):
        authors, sources = "; ".join(paper.authors), "; ".join(paper.sources)
        rows.writerow([number, paper.title, authors, paper.year, paper.doi, paper.arxiv, paper.url, sources])
    return out.getvalue()


def _markdown(papers: Sequence[Paper]) -> str:
    lines = []
    for number, paper in enumerate(papers, 1):
        title = re.sub(r"([\\`*_\[\]<>])", r"\\\1", readable(paper.title))
        details = ", ".join(part for part in ("; ".join(paper.authors), str(paper.year or "")) if part)
        lines.append(f"{number}. *{title}*" + (f", {details}" if details else "") + (f", <{paper.url}>" if paper.url else ""))
    return "\n".join(lines) + "\n"


_STYLES: dict[str, Callable[[Sequence[Paper]], str]] = {
    "bibtex": _bibtex,
    "ris": _ris,
    "csv": _csv,
    "markdown": _markdown,
}
