"""Papers and answers as the browser gets them: plain data with readable text; the scripts set it as text, never as HTML."""

from collections.abc import Iterable, Sequence
from typing import Any

from assistant import Answer, Citation, Hit, Paper, readable

View = dict[str, Any]


def paper_view(paper: Paper, *, relevance: float | None = None, citations: Sequence[tuple[int, Citation]] = ()) -> View:
    """A paper's card. Its abstract comes in pieces, [text, position of the citation whose words they are, or null]."""
    web = paper.url if paper.url and paper.url.startswith(("http://", "https://")) else None
    return {
        "id": paper.id,
        "title": readable(paper.title),
        "abstract": _pieces(paper, citations),
        "year": paper.year,
        "authors": list(paper.authors),
        "sources": list(paper.sources),
        "url": web or (f"https://doi.org/{paper.doi}" if paper.doi else None),
        "doi": paper.doi,
        "arxiv": paper.arxiv,
        "relevance": None if relevance is None else round(relevance, 3),
    }


def paper_of(view: View) -> Paper:
    """The paper of a card that a browser has kept, as far as a list of papers needs it."""
    known = {name: view[name] for name in ("id", "year", "url", "doi", "arxiv") if view.get(name) is not None}
    authors, sources = (tuple(map(str, view.get(name) or ())) for name in ("authors", "sources"))
    return Paper(title=str(view["title"]), abstract="", authors=authors, sources=sources, **known)


def answer_view(answer: Answer, considered: Sequence[Hit]) -> View:
    """An answer with the cards of its papers; every mark names the citation it stands for.

    `considered` are the papers that were searched for it, `closest` those to offer where nothing was answered.
    """
    found = {hit.paper.id: hit.similarity for hit in considered}
    numbered = list(enumerate(answer.citations))
    cards = [
        paper_view(paper, relevance=found.get(paper.id), citations=[(i, c) for i, c in numbered if c.number == number])
        for number, paper in enumerate(answer.papers, 1)
    ]
    closest = cards or [paper_view(hit.paper, relevance=hit.similarity) for hit in considered[:3]]
    return {
        "status": answer.status.value,
        "text": answer.text,
        "said": str(answer),
        "sentences": [
            {
                "text": sentence.text,
                "verdict": sentence.verdict.value,
                "marks": [{"number": answer.citations[i].number, "quote": i} for i in sentence.evidence],
            }
            for sentence in answer.sentences
        ],
        "quotes": [readable(citation.quote) for citation in answer.citations],
        "papers": cards if answer.citations else [],
        "closest": [] if answer.citations else closest,
        "rephrasings": [] if answer.citations else rephrasings(closest),
        "note": answer.note,
        "made": {
            "query": answer.query,
            "model": answer.model,
            "seconds": {step: round(seconds, 3) for step, seconds in answer.timings.items()},
            "tokens": dict(answer.tokens),
            "cost": answer.cost,
            "considered": [[readable(hit.paper.title), hit.paper.id, round(hit.similarity, 3)] for hit in considered],
        },
    }


def rephrasings(closest: Iterable[View]) -> list[str]:
    """Questions that the closest papers can answer."""
    forms = ("What does “{}” report?", "What problem does “{}” address?")
    return [form.format(paper["title"]) for form, paper in zip(forms, closest, strict=False)]


def _pieces(paper: Paper, citations: Sequence[tuple[int, Citation]]) -> list[tuple[str, int | None]]:
    """The whole abstract, the quoted words apart."""
    pieces: list[tuple[str, int | None]] = []
    at = 0
    for position, citation in sorted(citations, key=lambda item: item[1].start):
        if citation.start >= at:
            pieces += [(readable(paper.abstract[at : citation.start]), None), (readable(citation.quote), position)]
            at = citation.end
    pieces.append((readable(paper.abstract[at:]), None))
    return [piece for piece in pieces if piece[0]]
