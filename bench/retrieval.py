"""Measure search on a BEIR-style folder.

It holds corpus.jsonl (_id, title, text), queries.jsonl (_id, text) and qrels.tsv (query, document, grade).

    python bench/retrieval.py FOLDER [--index DIR] [--second none]

Prints nDCG@10 and Recall@100, and seconds a query. The index is kept in DIR, if named, for the next run.
"""

import argparse
import csv
import json
import math
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from assistant import Settings
from assistant.opening import build, open_index
from index import title_key


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--second")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.index or Path(scratch) / "index"
        settings = Settings.read(index=folder, second_embedding=args.second)
        papers = Path(scratch) / "papers.jsonl"
        _write_papers(args.folder / "corpus.jsonl", papers)
        build(settings, [papers], folder)
        index = open_index(settings)
        count = len(index.papers)
        queries = [json.loads(line) for line in (args.folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
        grades = _grades(args.folder / "qrels.tsv")
        gains, recalls, seconds = [], [], []
        for query in queries:
            wanted = grades.get(_id(query))
            if not wanted:
                continue
            started = time.perf_counter()
            found = [hit.paper.id for hit in index.search(_text(query), 100)]
            seconds.append(time.perf_counter() - started)
            gains.append(ndcg(found, wanted, 10))
            relevant = {document for document, grade in wanted.items() if grade > 0}
            recalls.append(len(relevant & set(found)) / len(relevant))
    print(f"{len(gains)} queries over {count} papers")
    print(f"nDCG@10 {statistics.fmean(gains):.3f}  Recall@100 {statistics.fmean(recalls):.3f}")
    print(f"p50 {statistics.median(seconds):.3f} s a query")


def ndcg(found: Sequence[str], grades: Mapping[str, int], depth: int) -> float:
    """Normalised discounted cumulative gain at a depth, gains linear in the grade as trec_eval has them."""
    gain = sum(grades.get(document, 0) / math.log2(rank + 2) for rank, document in enumerate(found[:depth]))
    best = sum(g / math.log2(rank + 2) for rank, g in enumerate(sorted(grades.values(), reverse=True)[:depth]))
    return gain / best if best else 0.0


def _id(record: Mapping[str, str]) -> str:
    return str(record.get("_id") or record["id"])


def _text(record: Mapping[str, str]) -> str:
    return record.get("text") or record.get("abstract") or record.get("question") or ""


def _write_papers(corpus: Path, target: Path) -> None:
    """As JSON Lines that the index reads. Ids make titles distinct where a collection repeats or lacks them."""
    seen: set[str] = set()
    with target.open("w", encoding="utf-8") as file:
        for line in corpus.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            text = _text(record)
            title = record.get("title") or text.split(".")[0][:120]
            title = f"{title} ({_id(record)})" if title_key(title) in seen else title
            seen.add(title_key(title))
            if text.strip():
                file.write(json.dumps({"id": _id(record), "title": title, "abstract": text}) + "\n")


def _grades(qrels: Path) -> dict[str, dict[str, int]]:
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    with qrels.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file, delimiter="\t"):
            if len(row) >= 3 and row[-1].lstrip("-").isdigit():
                grades[row[0]][row[-2]] = max(int(row[-1]), 0)
    return grades


if __name__ == "__main__":
    main()
