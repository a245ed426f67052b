"""How much memory an index build takes, against the size of what it has to hold: `python bench/memory.py [RECORDS...]`.

Each size is built from synthetic records in a process of its own, with an embedder that costs next to nothing; then once
more with every paper changed, and once more by another model, which carries every paper over. Peaks are of the resident
memory, less what the imports and a build of one paper take.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from index import Manifest, PaperEmbeddings, build_index

DIMENSION = 384
SIZES = (5_000, 50_000)
STAGES = ("new", "changed", "carried over")
MB = 1 << 20


class CheapEmbeddings(PaperEmbeddings):
    """A text's vector is drawn at random, seeded with its words; of the size of the default model's."""

    dimension, max_tokens = DIMENSION, 256

    def __init__(self, name: str) -> None:
        self.name = name

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Of unit length."""
        rows = [np.random.default_rng(abs(hash(text))).standard_normal(DIMENSION, np.float32) for text in texts]
        return np.stack([row / np.linalg.norm(row) for row in rows]) if rows else np.zeros((0, DIMENSION), np.float32)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Words."""
        return [len(text.split()) for text in texts]


def write_records(path: Path, count: int, year: int) -> None:
    """Abstracts of seven sentences and about 140 words, their words as frequent as words are."""
    rng = np.random.default_rng(2)
    letters = random.Random(1)
    words = ["".join(letters.choices("abcdefghijklmnoprstuvy", k=letters.randint(3, 10))) for _ in range(60_000)]
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            drawn = [words[i] for i in np.minimum(rng.zipf(1.15, 150), len(words)) - 1]
            sentences = [" ".join(drawn[at : at + 20]).capitalize() + "." for at in range(10, 150, 20)]
            record = {"title": f"{' '.join(drawn[:10])} {number}", "abstract": " ".join(sentences), "year": year}
            file.write(json.dumps(record) + "\n")


def peak() -> float:
    """The most memory this process has had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(stage: str, folder: Path) -> dict[str, float]:
    """Build in this process; what it took, in bytes."""
    embeddings = CheapEmbeddings("another" if stage == "carried over" else "one")
    small = folder / "small.jsonl"
    small.write_text('{"title": "One paper", "abstract": "One sentence."}\n')
    build_index([small], folder / f"small {stage}", embeddings)
    before = peak()
    report = build_index([folder / "records.jsonl"], folder / "index", embeddings)
    served = Manifest.load(folder / "index").generation
    words = sum(path.stat().st_size for path in (folder / "index" / "generations" / served / "bm25").iterdir())
    vectors = report.passages * DIMENSION * 4
    seconds = sum(report.seconds.values())
    return {
        "passages": report.passages, "seconds": seconds, "before": before, "peak": peak(), "vectors": vectors, "words": words,
    }  # fmt: skip


def main() -> None:
    """Measure every size and stage in a process of its own; print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", nargs="*", type=int, default=SIZES, help="how many records (default 5000 and 50000)")
    parser.add_argument("--one", nargs=2, metavar=("STAGE", "FOLDER"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one[0], Path(args.one[1]))))
        return
    print("records  stage         passages   time     peak  - start  = build  - vectors  - BM25  = rest  rest a record")
    for count in args.records:
        with tempfile.TemporaryDirectory() as folder:
            for stage in STAGES:
                write_records(Path(folder) / "records.jsonl", count, year=2001 if stage == "new" else 1999)
                command = [sys.executable, __file__, "--one", stage, folder]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                row = json.loads(done.stdout.splitlines()[-1])
                build = row["peak"] - row["before"]
                rest = build - row["vectors"] - row["words"]
                print(
                    f"{count:7,}  {stage:12}  {row['passages']:8,}  {row['seconds']:4.0f} s  {row['peak'] / MB:4.0f} MB"
                    f"  {row['before'] / MB:4.0f} MB  {build / MB:4.0f} MB  {row['vectors'] / MB:6.0f} MB"
                    f"  {row['words'] / MB:3.0f} MB  {rest / MB:3.0f} MB  {rest / count / 1024:9.1f} KB",
                    flush=True,
                )


if __name__ == "__main__":
    main()
