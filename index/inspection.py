"""What is in an index folder, and whether it is whole."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from .catalog import Catalog
from .errors import BUILD_ALL_ANEW, REPAIR, IndexDamaged, IndexMissing
from .generations import CHROMA_FILE, Fault, Manifest, Part, catalog_file, file_faults, generation_folder, generations
from .lexical import LexicalIndex
from .locks import builder_of
from .vectors import VectorStore

_SAMPLE = 50


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """What is in an index folder; without a complete index there are no papers and no model. Sizes are in bytes."""

    folder: str
    size: int
    papers: int = 0
    passages: int = 0
    model: str | None = None
    second_model: str | None = None
    built: str | None = None
    corpus: str | None = None
    sources: dict[str, int] = field(default_factory=dict)
    builder: str | None = None
    unfinished: int = 0


@dataclass(frozen=True, slots=True)
class IndexCheck:
    """Whether an index is whole: what is wrong, and what to do about it."""

    folder: str
    papers: int
    passages: int
    faults: tuple[Fault, ...]
    remedy: str | None


def index_status(folder: Path) -> IndexStatus:
    """What is in an index folder, and what a build is doing or has left there.

    Raises IndexMissing if there is neither, IndexDamaged if the catalog cannot be read.
    """
    builder = builder_of(folder)
    work = _size(folder / "building")
    try:
        manifest = Manifest.load(folder)
    except IndexMissing:
        if not builder and not work and not generations(folder):
            raise
        return IndexStatus(str(folder), _size(folder), builder=builder, unfinished=0 if builder else _size(folder))
    half_made = sum(_size(generation_folder(folder, name)) for name in generations(folder) if name > manifest.generation)
    with closing(Catalog(catalog_file(folder, manifest.generation))) as catalog:
        return IndexStatus(
            str(folder), _size(folder), manifest.papers, manifest.passages, manifest.recipe.model,
            manifest.recipe.second_model, manifest.built, manifest.corpus, catalog.sources(), builder,
            0 if builder else work + half_made,
        )  # fmt: skip


def verify_index(folder: Path, *, chroma_url: str | None = None) -> IndexCheck:
    """Whether the index is whole: every file as it was written, and papers, vectors and words in agreement.

    Raises IndexMissing.
    """
    try:
        manifest = Manifest.load(folder)
    except IndexDamaged as problem:
        return IndexCheck(str(folder), 0, 0, (Fault(Part.MANIFEST, problem.reason),), BUILD_ALL_ANEW)
    faults = list(_file_faults(folder, manifest, chroma_url))
    faults += _content_faults(folder, manifest, chroma_url, skip={fault.part for fault in faults})
    lost = {fault.part for fault in faults} & {Part.MANIFEST, Part.CATALOG}
    remedy = (BUILD_ALL_ANEW if lost else REPAIR) if faults else None
    return IndexCheck(str(folder), manifest.papers, manifest.passages, tuple(faults), remedy)


def damage(folder: Path, manifest: Manifest, chroma_url: str | None) -> list[Fault]:
    """What of the index to serve cannot be built upon, as far as that shows without opening Chroma.

    Raises IndexDamaged if it is the papers themselves.
    """
    faults = list(_file_faults(folder, manifest, chroma_url))
    if chroma_url or not manifest.files:
        faults += _content_faults(folder, manifest, chroma_url, skip={fault.part for fault in faults})
    for fault in faults:
        if fault.part is Part.CATALOG:
            raise IndexDamaged(folder, fault.problem, BUILD_ALL_ANEW)
    return faults


def content_faults(folder: Path, manifest: Manifest, chroma_url: str | None) -> list[Fault]:
    """Where papers, vectors and words of a generation do not agree with each other and with its manifest."""
    return _content_faults(folder, manifest, chroma_url, skip=set())


def _file_faults(folder: Path, manifest: Manifest, chroma_url: str | None) -> Iterator[Fault]:
    yield from file_faults(folder, manifest, contents=True)
    if not chroma_url and (problem := _sqlite_problem(generation_folder(folder, manifest.generation) / "chroma" / CHROMA_FILE)):
        yield Fault(Part.VECTORS, f"chroma/{CHROMA_FILE} {problem}")


def _content_faults(folder: Path, manifest: Manifest, chroma_url: str | None, skip: set[Part]) -> list[Fault]:
    """A part with faults in its files is skipped: to open it may bring the whole process down."""
    faults: list[Fault] = []
    if Part.CATALOG in skip:
        return faults
    try:
        with closing(Catalog(catalog_file(folder, manifest.generation))) as catalog:
            faults += _disagreements(Part.CATALOG, len(catalog), catalog.passage_count(), manifest)
            if Part.VECTORS not in skip:
                faults += _vector_faults(folder, manifest, chroma_url, catalog)
            if Part.WORDS not in skip:
                faults += _word_faults(folder, manifest, catalog)
    except IndexDamaged as problem:
        faults.append(Fault(Part.CATALOG, problem.reason))
    return faults


def _disagreements(part: Part, papers: int, passages: int, manifest: Manifest) -> Iterator[Fault]:
    if papers != manifest.papers:
        yield Fault(part, f"{papers} papers instead of {manifest.papers}")
    if passages != manifest.passages:
        yield Fault(part, f"{passages} passages instead of {manifest.passages}")


def _vector_faults(folder: Path, manifest: Manifest, chroma_url: str | None, catalog: Catalog) -> list[Fault]:
    """Chroma counts rows of its SQLite file: that the vectors are there shows only when they are fetched and looked for."""
    faults: list[Fault] = []
    try:
        with closing(VectorStore.of(folder, manifest.generation, chroma_url).open()) as store:
            faults += _disagreements(Part.VECTORS, manifest.papers, len(store), manifest)
            ids = catalog.ids()
            sample = ids[:: max(len(ids) // _SAMPLE, 1)]
            found = 0
            for paper in sample:
                vectors, texts = store.paper_vectors(paper), store.texts(paper)
                if sorted(texts) != sorted(catalog.passage_texts(paper)) or len(vectors) != len(texts):
                    faults.append(Fault(Part.VECTORS, f"the passages of paper {paper} are not those of the catalog"))
                    break
                found += not len(vectors) or any(cosine > 0.999 for _, cosine in store.nearest(vectors[0], 1))
            if not faults and found < len(sample) / 2:  # an approximate index may miss one or another
                problem = f"searches find only {found} of {len(sample)} passages by their own vectors"
                faults.append(Fault(Part.VECTORS, problem))
    except IndexDamaged as problem:
        faults.append(Fault(Part.VECTORS, problem.reason))
    return faults


def _word_faults(folder: Path, manifest: Manifest, catalog: Catalog) -> list[Fault]:
    try:
        words = LexicalIndex.open(generation_folder(folder, manifest.generation) / "bm25")
    except IndexDamaged as problem:
        return [Fault(Part.WORDS, problem.reason)]
    faults = list(_disagreements(Part.WORDS, manifest.papers, words.passages, manifest))
    if words.papers != catalog.passage_owners():
        faults.append(Fault(Part.WORDS, "the words are not of the same papers as the catalog"))
    return faults


def _sqlite_problem(path: Path) -> str | None:
    if not path.is_file():
        return "is missing"
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            found = str(db.execute("pragma quick_check(1)").fetchone()[0])
    except sqlite3.Error as exc:
        return f"cannot be read ({exc})"
    return None if found == "ok" else f"is damaged ({found})"


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # a build is at work
            continue
    return total
