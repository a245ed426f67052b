"""A picture of the corpus: every paper a point, near those it is like, in clusters named by the words that set them apart."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assistant import Paper, readable

if TYPE_CHECKING:
    from assistant import Assistant

Vectors = NDArray[np.float32]
Numbers = NDArray[np.int64]

_LAYOUT = 4  # the number of this way of drawing: a stored picture of another one is drawn anew
_MOST_POINTS = 20_000
_MOST_CLUSTERS = 14
_LABEL_WORDS = 3
_WORD = re.compile(r"[a-z][a-z-]{2,}")
_COMMON = frozenset(
    """
    about above across all also among and another any approach approaches are art author authors based baseline been being
    benchmark benchmarks better between both but can compared could data dataset datasets demonstrate demonstrates
    different does each effective efficient enables even existing experiments extensive first for four framework from
    further general given good has have high higher how however improve improved improves improving into introduce
    introduces its large larger later lead leading less like low lower made make makes many method methods model models
    more most much multiple need needs new not novel number one only other our over paper papers per performance
    performing present propose proposed proposes recent related reported result results same set several show showing
    shown shows significant significantly simple single small smaller some state state-of-the-art strong studied study
    such system systems task tasks than that the their them then there these they this those three through time train
    trained training two under use used uses using various via was way well were what when where whether which while who
    why will with within without work works would year years yet you your
    """.split()  # noqa: SIM905  (a list literal of so many words is harder to read)
)


def corpus_map(assistant: "Assistant") -> dict[str, Any]:
    """The picture of the papers being served: drawn once a generation, and kept beside the index."""
    stored = assistant.index.folder / "map.json"
    key = f"{assistant.index.manifest.generation}.{assistant.index.manifest.built}.{_LAYOUT}"
    try:
        kept: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8"))
        if kept["key"] == key:
            return kept
    except (OSError, ValueError, KeyError):
        pass
    drawn = {"key": key, **_drawn(assistant)}
    try:
        fresh = stored.with_suffix(".new")
        fresh.write_text(json.dumps(drawn, ensure_ascii=False), encoding="utf-8")
        fresh.replace(stored)
    except OSError:  # an index that cannot be written to is drawn again at the next start
        pass
    return drawn


def _drawn(assistant: "Assistant") -> dict[str, Any]:
    ids, vectors = assistant.index.paper_vectors()
    chosen = np.arange(len(ids))
    if len(ids) > _MOST_POINTS:
        chosen = np.sort(np.random.default_rng(0).choice(len(ids), _MOST_POINTS, replace=False))
    known = assistant.index.papers.get([ids[i] for i in chosen])
    papers = [known[ids[i]] for i in chosen]
    groups = clusters(vectors[chosen])
    places = positions(vectors[chosen], groups)
    return {
        "papers": len(ids),
        "ids": [paper.id for paper in papers],
        "titles": [readable(paper.title) for paper in papers],
        "years": [paper.year for paper in papers],
        "x": [round(float(x), 4) for x in places[:, 0]],
        "y": [round(float(y), 4) for y in places[:, 1]],
        "clusters": groups.tolist(),
        "labels": labels(papers, groups),
    }


def clusters(vectors: Vectors, seed: int = 0) -> Numbers:
    """(n,): the cluster of each row, by spherical k-means; the largest cluster is 0."""
    count = min(_MOST_CLUSTERS, max(1, round((len(vectors) / 6) ** 0.5)))
    if count < 2:
        return np.zeros(len(vectors), np.int64)
    points = _unit(vectors - vectors.mean(axis=0))
    draw = np.random.default_rng(seed)
    centres = points[[draw.integers(len(points))]]
    while len(centres) < count:  # k-means++: far points are the likelier next centres
        distance = np.clip(1 - (points @ centres.T).max(axis=1), 1e-9, None)
        centres = np.vstack([centres, points[draw.choice(len(points), p=distance / distance.sum())]])
    nearest = np.zeros(len(points), np.int64)
    for _ in range(60):
        before, nearest = nearest, (points @ centres.T).argmax(axis=1)
        if (before == nearest).all():
            break
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, points)
        centres = _unit(sums)
    by_size = [group for group, _ in Counter(nearest.tolist()).most_common()]
    return np.array([by_size.index(group) for group in nearest.tolist()], np.int64)


def positions(vectors: Vectors, groups: Numbers) -> Vectors:
    """(n, 2): each cluster in its own part of the plane, its papers spread by their own two main directions.

    The clusters' centres lie by PCA, then are pushed apart as discs until none covers another.
    """
    if len(vectors) < 3:
        return np.arange(2 * len(vectors), dtype=np.float32).reshape(-1, 2)
    points = _unit(vectors - vectors.mean(axis=0))
    members = [np.flatnonzero(groups == group) for group in range(int(groups.max()) + 1)]
    centres = _principal(np.stack([points[rows].mean(axis=0) for rows in members]))
    centres = centres / max(float(np.abs(centres).max()), 1e-6) * len(vectors) ** 0.5
    radii = np.array([len(rows) ** 0.5 for rows in members])
    placed = np.zeros((len(vectors), 2), np.float32)
    for rows, centre, radius in zip(members, _apart(centres, 1.12 * radii), radii, strict=True):
        inner = _principal(points[rows])
        for axis in range(2):  # ranks spread them evenly, whatever lies far out
            inner[:, axis] = (inner[:, axis].argsort().argsort() + 0.5) / len(rows) * 2 - 1
        placed[rows] = centre + radius * 0.95 * _to_disc(inner)
    return placed / max(float(np.abs(placed).max()), 1e-6)


def _apart(centres: Vectors, radii: NDArray[np.floating]) -> Vectors:
    """The centres moved until discs of these radii do not overlap, as little as that takes."""
    centres = centres.astype(np.float64)
    for _ in range(400):
        between = centres[:, None] - centres[None]
        distance = np.sqrt((between**2).sum(axis=2)) + 1e-9
        overlap = np.clip(radii[:, None] + radii[None] - distance, 0, None)
        np.fill_diagonal(overlap, 0)
        if overlap.max() < 1e-3:
            break
        centres += 0.25 * (between / distance[..., None] * overlap[..., None]).sum(axis=1)
        centres *= 0.999
    return centres.astype(np.float32)


def _to_disc(square: Vectors) -> Vectors:
    """Points of the square -1..1 onto the unit disc, areas kept."""
    x, y = square[:, 0], square[:, 1]
    return np.stack([x * np.sqrt(1 - y**2 / 2), y * np.sqrt(1 - x**2 / 2)], axis=1)


def _principal(vectors: Vectors) -> Vectors:
    """(n, 2): the rows along their two main directions (PCA)."""
    centred = vectors - vectors.mean(axis=0)
    if len(vectors) < 3:
        return np.asarray(centred[:, :2])
    _, directions = np.linalg.eigh(centred.T @ centred)
    return np.asarray(centred @ directions[:, -1:-3:-1])


def labels(papers: Sequence[Paper], groups: Iterable[int]) -> list[str]:
    """A few words or pairs of words for each cluster: those that are frequent in it and rare elsewhere (c-TF-IDF)."""
    counted: list[Counter[str]] = []
    for paper, group in zip(papers, groups, strict=True):
        counted += [Counter() for _ in range(group + 1 - len(counted))]
        counted[group].update(_terms(f"{readable(paper.title)}. {readable(paper.title)}. {readable(paper.abstract)}"))
    everywhere = sum(counted, Counter[str]())
    total = everywhere.total()
    named = []
    for terms in counted:
        size = terms.total()
        rarity = {term: np.log(count / size * total / everywhere[term]) for term, count in terms.items()}
        weight = {
            term: count * rarity[term] * len(term.split()) ** 2 for term, count in terms.items() if count > 2 or size < 500
        }
        chosen: list[str] = []
        for term in sorted(weight, key=lambda term: (-weight[term], term)):
            if not any(word[:5] in " ".join(chosen) for word in term.split()):
                chosen.append(term)
        named.append(", ".join(chosen[:_LABEL_WORDS]) or "other")
    return named


def _terms(text: str) -> list[str]:
    """The telling words of a text, and each two of them that stand together."""
    words = [None if word in _COMMON else _singular(word) for word in _WORD.findall(text.lower())]
    return [word for word in words if word] + [f"{a} {b}" for a, b in pairwise(words) if a and b]


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 4 else word


def _unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))
