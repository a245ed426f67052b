"""Builds that are killed, built beside, read meanwhile and damaged: nothing is lost, and what is served is whole.

The builds that are killed are real processes, forked from one that has the libraries loaded.
"""

import hashlib
import json
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from conftest import PAPERS, ROOT, WordEmbeddings, write_jsonl

from assistant.cli import main
from index import (
    IndexBusy,
    IndexDamaged,
    IndexMissing,
    IndexNotWritten,
    Manifest,
    Paper,
    PaperError,
    PaperIndex,
    build,
    build_index,
    index_status,
    verify_index,
)
from index.vectors import VectorStore

PROCESSES = multiprocessing.get_context("forkserver")
KILLS = 20
WORDS = WordEmbeddings.VOCABULARY


@pytest.fixture(scope="module", autouse=True)
def _libraries_loaded_once() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
        patch.setenv("DISABLE_TQDM", "1")  # whose semaphores a killed process would leave behind
        PROCESSES.set_forkserver_preload(["test_building", "chromadb", "bm25s", "Stemmer", "syntok.segmenter"])
        forkserver.ensure_running()


class SlowEmbeddings(WordEmbeddings):
    """Takes its time; calls `on_encode` with the number of each call."""

    def __init__(self, on_encode: Callable[[int], None], seconds: float = 0.0) -> None:
        super().__init__()
        self.calls, self.seconds, self.on_encode = 0, seconds, on_encode

    def encode(self, texts: Sequence[str]) -> Any:
        self.calls += 1
        self.on_encode(self.calls)
        time.sleep(self.seconds)
        return super().encode(texts)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def build_slowly(paths: list[Path], folder: Path, out: Connection) -> None:
    """Build in small batches, a moment for each; say when that begins, and how long it took."""
    build._BATCH = 4
    out.send("begins")
    started = time.monotonic()
    build_index(paths, folder, SlowEmbeddings(lambda _: None, 0.01), sync=True)
    out.send(time.monotonic() - started)


def build_and_die(paths: list[Path], folder: Path, moment: str) -> None:
    """Build, and be killed at a moment of it."""
    build._BATCH = 4
    swapped = False

    def at_stage(stage: str, done: int, total: int | None) -> None:
        if (moment, done) in (("reading", 3), ("indexing words", 2)) and stage == moment:
            die()

    def at_event(event: str, args: tuple[Any, ...]) -> None:
        nonlocal swapped
        if event == "os.rename" and str(args[0]).endswith("manifest.json.partial"):
            swapped = True
            if moment == "before the swap":
                die()
        tidying = swapped and event in ("os.remove", "shutil.rmtree")
        copying = event == "shutil.copytree"
        if (moment == "after the swap" and tidying) or (moment == "copying" and copying):
            die()

    sys.addaudithook(at_event)
    embeddings = SlowEmbeddings(lambda call: die() if moment == "embedding" and call == 2 else None)
    build_index(paths, folder, embeddings, progress=at_stage)


def build_when_told(paths: list[Path], folder: Path, out: Connection) -> None:
    """Build; at the first text to embed, say so and wait for a word."""

    def wait(call: int) -> None:
        if call == 1:
            out.send("embedding")
            out.recv()

    build_index(paths, folder, SlowEmbeddings(wait))


def build_on_a_small_disk(paths: list[Path], folder: Path, out: Connection) -> None:
    """Build where no file can be longer than 100 kB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        build_index(paths, folder, WordEmbeddings())
    except PaperError as exc:
        out.send((type(exc).__name__, str(exc)))


def process(target: Callable[..., None], *args: object) -> Any:
    started = PROCESSES.Process(target=target, args=args, daemon=True)
    started.start()
    return started


def made_up(numbers: Sequence[int], edition: int) -> list[Paper]:
    """Papers whose every sentence names the edition."""
    told = "Edition {edition} measures {one} and {other}. Edition {edition} of {n} has {many} results."
    return [
        Paper(
            title=f"Paper {n} on {WORDS[n % 12]}",
            abstract=told.format(edition=edition, one=WORDS[n % 12], other=WORDS[n % 7], n=n, many=n * 7),
        )
        for n in numbers
    ]


def state(folder: Path) -> dict[str, str]:
    """What the index serves: abstracts by title; all of it can be found."""
    index = PaperIndex(folder, WordEmbeddings())
    papers = {paper.title: paper.abstract for paper in index.papers}
    assert {hit.paper.title: hit.paper.abstract for hit in index.search("momentum", 1000)} == papers
    return papers


def expected(papers: Sequence[Paper]) -> dict[str, str]:
    return {paper.title: paper.abstract for paper in papers}


def kept_vectors(folder: Path) -> set[bytes]:
    """What stopped builds have embedded."""
    keys: set[bytes] = set()
    for path in (folder / "building").glob("vectors-*.sqlite"):
        with closing(sqlite3.connect(path)) as db:
            if db.execute("select count(*) from sqlite_master").fetchone()[0]:
                keys.update(row[0] for row in db.execute("select text from vectors"))
    return keys


def keys_of(texts: Sequence[str]) -> set[bytes]:
    return {hashlib.sha256(f"words\0{text}".encode()).digest() for text in texts}


def test_a_build_killed_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    chance = random.Random(20)
    folder, corpus = tmp_path / "index", tmp_path / "papers.jsonl"
    served = made_up(range(24), edition=0)
    ours, theirs = PROCESSES.Pipe()
    process(build_slowly, [write_jsonl(corpus, served)], folder, theirs)
    assert ours.recv() == "begins"
    duration = ours.recv()
    for kill in range(1, KILLS + 1):
        numbers, changed = range(kill % 5, 24 + kill % 5), range(12, 24 if kill % 2 else 14)
        held = {paper.title: paper for paper in served}
        anew = zip(numbers, made_up(numbers, edition=kill), strict=True)
        coming = [paper if n in changed else held.get(paper.title, paper) for n, paper in anew]
        write_jsonl(corpus, coming)
        before = Manifest.load(folder).generation

        ours, theirs = PROCESSES.Pipe()
        building = process(build_slowly, [corpus], folder, theirs)
        assert ours.recv() == "begins"
        time.sleep(chance.random() * duration)
        building.kill()
        building.join()

        swapped = Manifest.load(folder).generation != before
        assert state(folder) == expected(coming if swapped else served), f"kill {kill}"
        assert verify_index(folder).faults == (), f"kill {kill}"
        kept = kept_vectors(folder)
        embeddings = WordEmbeddings()
        report = build_index([corpus], folder, embeddings, sync=True)
        assert not keys_of(embeddings.encoded) & kept, f"kill {kill}: embedded again"
        assert report.embedded == len(embeddings.encoded)
        assert state(folder) == expected(coming), f"kill {kill}"
        assert {path.name for path in folder.iterdir()} == {"building.lock", "generations", "manifest.json"}
        served = coming


@pytest.mark.parametrize(
    ("moment", "swapped"),
    [
        pytest.param("reading", False, id="while-reading"),
        pytest.param("copying", False, id="while-copying-vectors"),
        pytest.param("embedding", False, id="while-embedding"),
        pytest.param("indexing words", False, id="while-indexing-words"),
        pytest.param("before the swap", False, id="just-before-the-swap"),
        pytest.param("after the swap", True, id="just-after-the-swap"),
    ],
)
def test_a_build_killed_at_a_moment_is_continued(tmp_path: Path, moment: str, swapped: bool) -> None:
    folder = tmp_path / "index"
    old, new = made_up(range(60), 1), made_up(range(8), 2) + made_up(range(8, 60), 1)
    build_index([write_jsonl(tmp_path / "papers.jsonl", old)], folder, WordEmbeddings())
    corpus = write_jsonl(tmp_path / "papers.jsonl", new)
    building = process(build_and_die, [corpus], folder, moment)
    building.join()
    assert building.exitcode == -signal.SIGKILL

    assert state(folder) == expected(new if swapped else old)
    assert index_status(folder).builder is None
    kept = kept_vectors(folder)
    assert bool(kept) == (moment not in ("reading", "copying"))
    embeddings = WordEmbeddings()
    report = build_index([corpus], folder, embeddings)
    assert not keys_of(embeddings.encoded) & kept
    assert bool(embeddings.encoded) == (moment in ("reading", "copying", "embedding"))
    assert (report.changed, report.unchanged) == ((0, 60) if swapped else (8, 52))
    assert state(folder) == expected(new)
    assert index_status(folder).unfinished == 0
    assert len(list((folder / "generations").iterdir())) == 1


def test_a_first_build_that_is_killed_leaves_no_index_but_its_work(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    corpus = write_jsonl(tmp_path / "papers.jsonl", made_up(range(8), 1))
    process(build_and_die, [corpus], folder, "embedding").join()
    with pytest.raises(IndexMissing):
        PaperIndex(folder, WordEmbeddings())
    status = index_status(folder)
    assert status.papers == 0
    assert status.builder is None
    assert status.unfinished > 0
    embeddings = WordEmbeddings()
    report = build_index([corpus], folder, embeddings)
    assert report.papers == 8
    assert 0 < report.embedded == len(embeddings.encoded) < 8 * 3
    assert index_status(folder).unfinished == 0


def test_a_lock_that_says_somebody_is_building_counts_only_while_it_is_held(tmp_path: Path, corpus: Path) -> None:
    folder = tmp_path / "index"
    folder.mkdir()
    (folder / "building.lock").touch()
    (folder / "building.json").write_text(json.dumps({"pid": os.getpid(), "since": "2020-01-01 00:00:00"}))
    assert build_index([corpus], folder, WordEmbeddings()).papers == 3
    assert not (folder / "building.json").exists()


def test_a_disk_that_is_full_is_said_and_costs_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    old = made_up(range(3), 1)
    build_index([write_jsonl(tmp_path / "papers.jsonl", old)], folder, WordEmbeddings())
    corpus = write_jsonl(tmp_path / "papers.jsonl", made_up(range(9), 2))
    ours, theirs = PROCESSES.Pipe()
    process(build_on_a_small_disk, [corpus], folder, theirs)
    name, message = ours.recv()
    assert name == IndexNotWritten.__name__
    assert "cannot be written" in message
    assert "\n" not in message
    assert state(folder) == expected(old)
    assert build_index([corpus], folder, WordEmbeddings()).papers == 9


def test_readers_go_on_while_another_process_builds_and_nobody_else_may(tmp_path: Path, index: PaperIndex) -> None:
    unused = PaperIndex(index.folder, WordEmbeddings())
    corpus = write_jsonl(tmp_path / "more.jsonl", [replace(PAPERS[0], abstract="SwiftMo has another abstract now.")])
    write_jsonl(tmp_path / "a.jsonl", [replace(PAPERS[0], abstract="SwiftMo has another abstract now.")])
    ours, theirs = PROCESSES.Pipe()
    building = process(build_when_told, [tmp_path / "a.jsonl"], index.folder, theirs)
    assert ours.recv() == "embedding"

    assert index.search("momentum optimizer")[0].paper == PAPERS[0]
    assert PaperIndex(index.folder, WordEmbeddings()).search("momentum optimizer")[0].paper == PAPERS[0]
    with pytest.raises(IndexBusy, match=rf"being built by process {building.pid} since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d"):
        build_index([corpus], index.folder, WordEmbeddings())
    status = index_status(index.folder)
    assert status.papers == 3
    assert re.match(rf"process {building.pid} since ", status.builder or "")
    assert status.unfinished == 0

    ours.send("go on")
    building.join()
    assert building.exitcode == 0
    for reader in (index, unused):
        assert reader.titled(PAPERS[0].title).abstract == "SwiftMo has another abstract now."
    assert index_status(index.folder).builder is None


def test_a_reader_in_the_middle_of_something_keeps_its_generation(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    old, new = made_up(range(6), 1), made_up(range(6), 2)

    def build_twice(_: int) -> None:
        embeddings.on_encode = lambda _: None
        for papers in (made_up(range(6), 3), new):
            build_index([write_jsonl(tmp_path / "papers.jsonl", papers)], folder, WordEmbeddings())

    build_index([write_jsonl(tmp_path / "papers.jsonl", old)], folder, WordEmbeddings())
    embeddings = SlowEmbeddings(lambda _: None)
    index = PaperIndex(folder, embeddings)
    papers = iter(index.papers)
    first = next(papers)
    embeddings.on_encode = build_twice
    hits = index.search("momentum")
    assert {hit.paper.abstract for hit in hits} == set(expected(old).values())
    assert [first, *papers] == list(old_papers(old, first.sources))
    assert {hit.paper.abstract for hit in index.search("momentum")} == set(expected(new).values())
    del papers
    build_index([tmp_path / "papers.jsonl"], folder, WordEmbeddings())
    assert [path.name for path in (folder / "generations").iterdir()] == [Manifest.load(folder).generation]


def old_papers(papers: Sequence[Paper], sources: tuple[str, ...]) -> Iterator[Paper]:
    return (replace(paper, sources=sources) for paper in papers)


def test_what_was_found_before_a_swap_can_still_be_quoted(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    build_index([write_jsonl(tmp_path / "papers.jsonl", made_up(range(4), 1))], folder, WordEmbeddings())
    index = PaperIndex(folder, WordEmbeddings())
    changed, removed = index.titled("Paper 0 on momentum"), index.titled("Paper 3 on pruning")
    edited = [replace(paper, abstract=f"More. {paper.abstract}") for paper in made_up(range(3), 2)]
    write_jsonl(tmp_path / "papers.jsonl", edited)
    build_index([tmp_path / "papers.jsonl"], folder, WordEmbeddings(), sync=True)
    for paper in (changed, removed):
        sentences = index.sentences(paper)
        assert [sentence.quote for sentence in sentences] == re.findall(r"Edition 1 .*?\.", paper.abstract)
        assert all(sentence.vector.shape == (13,) for sentence in sentences)
    assert len(index.similar(removed, 2)) == 2


def test_a_reader_that_never_stops_asking_sees_one_state_at_a_time(tmp_path: Path) -> None:
    folder, corpus = tmp_path / "index", tmp_path / "papers.jsonl"
    build_index([write_jsonl(corpus, made_up(range(10), 0))], folder, WordEmbeddings())
    index = PaperIndex(folder, WordEmbeddings())
    seen: set[frozenset[str]] = set()
    wrong: list[object] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                hits = index.search("momentum of layers", 20)
                editions = {word for hit in hits for word in re.findall(r"Edition (\d+)", hit.paper.abstract)}
                quotes = [sentence.quote for hit in hits[:2] for sentence in index.sentences(hit.paper)]
                if len(editions) != 1 or len(hits) != 10 or not all(f"Edition {min(editions)}" in quote for quote in quotes):
                    wrong.append((editions, len(hits), quotes))
                seen.add(frozenset(editions))
            except Exception as exc:
                wrong.append(exc)

    readers = [threading.Thread(target=ask) for _ in range(2)]
    for reader in readers:
        reader.start()
    for edition in range(1, 7):
        build_index([write_jsonl(corpus, made_up(range(10), edition))], folder, WordEmbeddings())
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert seen


def test_two_records_of_one_stored_paper_are_merged(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    record = {"title": "One Title", "abstract": "One abstract.", "doi": "10.1234/one"}
    (tmp_path / "a.jsonl").write_text(json.dumps(record))
    build_index([tmp_path / "a.jsonl"], folder, WordEmbeddings())
    by_title, by_doi = {**record, "doi": None, "abstract": "By title."}, {**record, "title": "Another", "abstract": "By DOI."}
    (tmp_path / "a.jsonl").write_text(f"{json.dumps(by_title)}\n{json.dumps(by_doi)}\n")
    report = build_index([tmp_path / "a.jsonl"], folder, WordEmbeddings())
    assert (report.papers, report.changed, report.duplicates) == (1, 1, 1)
    assert state(folder) == {"One Title": "By title."}


def test_an_index_that_is_changed_again_and_again_does_not_grow(tmp_path: Path) -> None:
    folder, corpus = tmp_path / "index", tmp_path / "papers.jsonl"
    served: list[Paper] = []
    for edition in range(8):
        papers = made_up(range(12), edition)[edition % 4 :: 4]
        rest = [paper for paper in served if paper.title not in expected(papers)]
        served = [*papers, *rest]
        build_index([write_jsonl(corpus, papers)], folder, WordEmbeddings())
        assert Manifest.load(folder).added <= 1.2 * 12
        assert state(folder) == expected(served)


def test_vectors_are_in_their_place_when_a_build_is_done_and_reading_changes_no_file(index: PaperIndex) -> None:
    stored = Manifest.load(index.folder).files
    assert any(re.fullmatch(r"chroma/.*/index_metadata\.pickle", name) for name in stored)
    index.search("momentum")
    index.similar(index.titled(PAPERS[0].title))
    assert verify_index(index.folder).faults == ()


def test_an_index_of_an_earlier_version_is_made_anew_from_its_own_papers(tmp_path: Path, index: PaperIndex) -> None:
    stored = json.loads((index.folder / "manifest.json").read_text())
    stored["recipe"] = {name: value for name, value in stored["recipe"].items() if name != "second_model"} | {"schema": 1}
    del stored["files"]
    (index.folder / "manifest.json").write_text(json.dumps(stored))
    with closing(sqlite3.connect(next(index.folder.glob("generations/*/catalog.sqlite")))) as db:
        db.execute("alter table papers drop column second")
        db.commit()
    more = write_jsonl(tmp_path / "more.jsonl", made_up([1], 1))
    report = build_index([more], index.folder, WordEmbeddings())
    assert report.papers == 4
    assert state(index.folder) == expected([*PAPERS, *made_up([1], 1)])


@pytest.fixture
def chroma_url(tmp_path: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("chroma"), "run", "--path", tmp_path / "server", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{url}/api/v2/heartbeat", timeout=10).close()
            break
        except OSError:
            time.sleep(0.1)
    yield url
    server.kill()
    server.wait()


def test_a_server_keeps_no_collections_that_nobody_needs(tmp_path: Path, chroma_url: str) -> None:
    import chromadb

    folder, other = tmp_path / "index", tmp_path / "other"
    corpus = write_jsonl(tmp_path / "papers.jsonl", made_up(range(4), 1))

    def stopped(_: int) -> None:
        raise KeyboardInterrupt

    build_index([corpus], other, WordEmbeddings(), chroma_url=chroma_url)
    build_index([corpus], folder, WordEmbeddings(), chroma_url=chroma_url)
    index = PaperIndex(folder, WordEmbeddings(), chroma_url=chroma_url)
    write_jsonl(corpus, made_up(range(2, 5), 2))
    with pytest.raises(KeyboardInterrupt):
        build_index([corpus], folder, SlowEmbeddings(stopped), chroma_url=chroma_url)
    assert len(index.search("momentum")) == 4
    build_index([corpus], folder, WordEmbeddings(), chroma_url=chroma_url, sync=True)
    assert len(index.search("momentum")) == 3
    del index
    build_index([corpus], folder, WordEmbeddings(), chroma_url=chroma_url, sync=True)
    assert verify_index(folder, chroma_url=chroma_url).faults == ()
    address, port = chroma_url.removeprefix("http://").split(":")
    with chromadb.HttpClient(address, port=int(port)) as client:
        collections = client.list_collections()
        assert sorted(collection.count() for collection in collections) == [3, 4]
        ours = next(collection for collection in collections if collection.count() == 3)
        client.delete_collection(ours.name)
    assert [fault.part for fault in verify_index(folder, chroma_url=chroma_url).faults] == ["vectors"]
    report = build_index([corpus], folder, WordEmbeddings(), chroma_url=chroma_url, sync=True)
    assert len(report.repaired) == 1
    assert verify_index(folder, chroma_url=chroma_url).faults == ()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index so large that Chroma has written most of its vectors to a segment of their own."""
    place = tmp_path_factory.mktemp("large")
    papers = [Paper(title=f"Paper {n}", abstract=f"{' '.join(WORDS[n % 12 :])} {n}.") for n in range(1100)]
    build_index([write_jsonl(place / "papers.jsonl", papers)], place / "index", WordEmbeddings())
    return place / "index"


def segment(generation: Path) -> Path:
    return next(path for path in (generation / "chroma").iterdir() if path.is_dir())


def flip(path: Path) -> None:
    """Change one byte in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def fill_with_garbage(path: Path) -> None:
    path.write_bytes(b"garbage" * 900)


def drop_paper(generation: Path) -> None:
    with closing(sqlite3.connect(generation / "catalog.sqlite")) as db:
        db.execute("delete from papers where row = 5")
        db.commit()


DAMAGES = [
    pytest.param(lambda g: shutil.rmtree(segment(g)), "vectors", "data_level0.bin is missing", id="segment-lost"),
    pytest.param(lambda g: os.truncate(segment(g) / "data_level0.bin", 999), "vectors", "999 bytes", id="segment-cut-off"),
    pytest.param(lambda g: flip(segment(g) / "data_level0.bin"), "vectors", "not as it was written", id="vector-overwritten"),
    pytest.param(lambda g: (g / "chroma" / "chroma.sqlite3").unlink(), "vectors", "is missing", id="chroma-file-lost"),
    pytest.param(
        lambda g: fill_with_garbage(g / "chroma" / "chroma.sqlite3"), "vectors", "not a database", id="chroma-garbage"
    ),
    pytest.param(lambda g: (g / "bm25" / "vocab.index.json").unlink(), "words", "is missing", id="words-lost"),
    pytest.param(lambda g: flip(g / "bm25" / "papers.npy"), "words", "not as it was written", id="words-overwritten"),
    pytest.param(drop_paper, "catalog", "not as it was written", id="paper-lost"),
    pytest.param(lambda g: (g / "catalog.sqlite").unlink(), "catalog", "is missing", id="catalog-lost"),
    pytest.param(
        lambda g: os.truncate(g.parent.parent / "manifest.json", 9), "manifest", "manifest.json", id="manifest-cut-off"
    ),
]


@pytest.mark.parametrize(("spoil", "part", "problem"), DAMAGES)
def test_damage_is_named_with_what_repairs_it(
    tmp_path: Path, large: Path, spoil: Callable[[Path], None], part: str, problem: str
) -> None:
    folder = tmp_path / "index"
    shutil.copytree(large, folder)
    spoil(folder / "generations" / Manifest.load(folder).generation)
    found = verify_index(folder)
    assert {fault.part for fault in found.faults} == {part}
    assert any(problem in fault.problem for fault in found.faults)
    more = write_jsonl(tmp_path / "more.jsonl", PAPERS)
    if part in ("catalog", "manifest"):
        assert "delete the folder" in (found.remedy or "")
        with pytest.raises(IndexDamaged, match="delete the folder"):
            build_index([more], folder, WordEmbeddings())
    else:
        assert "to repair it" in (found.remedy or "")
        report = build_index([more], folder, WordEmbeddings())
        assert any(problem in repaired for repaired in report.repaired)
        assert verify_index(folder).faults == ()
        assert len(PaperIndex(folder, WordEmbeddings()).papers) == 1100 + 3


def test_a_lost_segment_that_counting_does_not_show_is_noticed_by_opening_verifying_and_looking(
    tmp_path: Path, large: Path
) -> None:
    folder = tmp_path / "index"
    shutil.copytree(large, folder)
    manifest = Manifest.load(folder)
    generation = folder / "generations" / manifest.generation
    shutil.rmtree(segment(generation))
    with closing(VectorStore(generation / "chroma").open()) as store:
        assert len(store) == 1100
    with pytest.raises(IndexDamaged, match=r"data_level0\.bin .* to repair it"):
        PaperIndex(folder, WordEmbeddings())
    replace(manifest, files={}).save(folder)
    (fault,) = verify_index(folder).faults
    assert fault.part == "vectors"


def test_parts_that_disagree_are_noticed_where_every_file_is_as_written(tmp_path: Path, large: Path) -> None:
    folder = tmp_path / "index"
    shutil.copytree(large, folder)
    manifest = Manifest.load(folder)
    generation = folder / "generations" / manifest.generation
    drop_paper(generation)
    with closing(sqlite3.connect(generation / "catalog.sqlite")) as db:
        db.execute("delete from passages where row = 9")
        db.commit()
    replace(manifest, files={}).save(folder)
    problems = [fault.problem for fault in verify_index(folder).faults]
    assert "1099 papers instead of 1100" in problems
    assert "the words are not of the same papers as the catalog" in problems


def test_a_build_repairs_vectors_even_if_it_has_nothing_else_to_do(tmp_path: Path, index: PaperIndex, corpus: Path) -> None:
    next(index.folder.glob("generations/*/chroma/chroma.sqlite3")).unlink()
    report = build_index([corpus], index.folder, WordEmbeddings())
    assert (report.unchanged, report.embedded) == (3, 13)
    assert report.repaired
    assert state(index.folder) == expected(PAPERS)


def said(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str]:
    code = main(["index", *map(str, args)])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_status_says_what_is_there(index: PaperIndex, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(capsys, "--status", "--index", index.folder)
    assert code == 0
    for line in ("papers +3", "passages +3", "model +words", r"built +20\d\d-", r"size +\d+ kB", r"sources +2 from a\.jsonl"):
        assert re.search(line, text), line
    assert not re.search("^build", text, re.MULTILINE)
    code, text = said(capsys, "--status", "--json", "--index", index.folder)
    status = json.loads(text)
    assert (status["papers"], status["passages"], status["model"]) == (3, 3, "words")
    assert status["sources"] == {"a.jsonl": 2, "b.jsonl": 2}
    assert status["size"] > 100_000
    assert (status["builder"], status["unfinished"]) == (None, 0)


def test_status_says_what_a_stopped_build_has_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "index"
    assert said(capsys, "--status", "--index", folder)[0] == 2
    corpus = write_jsonl(tmp_path / "papers.jsonl", made_up(range(8), 1))
    process(build_and_die, [corpus], folder, "embedding").join()
    code, text = said(capsys, "--status", "--index", folder)
    assert code == 0
    assert re.search(r"build +one was stopped and left \d+ kB; `paper-assistant index PATH\.\.\.` continues it", text)
    assert "no build has been completed yet" in text


def test_verify_has_an_exit_code_for_each_outcome(index: PaperIndex, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(capsys, "--verify", "--index", index.folder)
    assert (code, text) == (0, f"{index.folder}: whole; 3 papers, 3 passages, vectors and words agree\n")
    flip(next(index.folder.glob("generations/*/bm25/data.csc.index.npy")))
    code, text = said(capsys, "--verify", "--index", index.folder)
    assert code == 1
    assert text.splitlines()[1:] == [
        "  words: bm25/data.csc.index.npy is not as it was written",
        "run `paper-assistant index PATH...` with any of its papers to repair it",
    ]
    code, text = said(capsys, "--verify", "--json", "--index", index.folder)
    assert code == 1
    assert json.loads(text)["faults"] == [{"part": "words", "problem": "bm25/data.csc.index.npy is not as it was written"}]
    assert said(capsys, "--verify", "--index", index.folder / "nothing")[0] == 2
