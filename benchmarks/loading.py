"""Reading embedding files: time and memory, against the reader that came before.

    python benchmarks/loading.py [--words N] [--dimension P] [--repeat R]

Writes a GloVe-style text of N words and P components of five decimals (400,000 and 300 by
default, about 1 GB) and the same compressed by gzip. Every figure is taken in a process of its
own: seconds to an `EmbeddingSpace`, and the largest resident memory beyond that of the process
before it, as a multiple of the array of vectors. "before" is the loop that read text until
version 0.1: decode a line, split it from the right, a float for every field, an array of arrays.
Times are given as ratios, because machines differ and may be busy; of several runs the least
counts.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

_BEFORE = """
import numpy as np
words, rows, dimension = [], [], DIMENSION
with open(PATH, "rb") as stream:
    for raw in stream:
        line = raw.decode("utf-8").rstrip(" \\r\\n")
        word, *fields = line.rsplit(" ", dimension)
        row = np.array([float(field) for field in fields])
        if "_" in line and any("_" in field for field in fields):
            raise ValueError
        if not np.isfinite(row).all():
            raise ValueError
        words.append(word)
        rows.append(row)
matrix = np.array(np.array(rows), dtype=np.float64, order="C")
assert (np.abs(matrix) <= 1e140).all()
seen_words, seen_vectors = set(), {}
for i, (word, vector) in enumerate(zip(words, matrix + 0.0)):
    assert word not in seen_words and vector.tobytes() not in seen_vectors
    seen_words.add(word)
    seen_vectors[vector.tobytes()] = i
"""

_NOW = """
from dpaudit.mechanisms.spaces import EmbeddingSpace
space = EmbeddingSpace.load(PATH)
"""

_MEASURE = """
import json, resource, sys, time
import numpy, dpaudit.mechanisms.spaces, dpaudit.mechanisms.spaces.loaders
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.perf_counter()
WORK
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": seconds, "bytes": 1024 * (peak - before)}))
"""


def write(path: Path, words: int, dimension: int) -> None:
    """GloVe-style text: a word and its numbers with five decimals, separated by blanks."""
    rng = np.random.default_rng(16)
    with path.open("w", encoding="ascii") as stream:
        for start in range(0, words, 1000):
            rows = 0.4 * rng.standard_normal((min(1000, words - start), dimension))
            for i, row in enumerate(rows.tolist(), start=start):
                stream.write(f"w{i} " + " ".join([f"{x:.5f}" for x in row]) + "\n")


def measure(work: str, path: Path, dimension: int, repeat: int) -> dict[str, float]:
    """The least time and the largest memory of some runs."""
    work = work.replace("PATH", repr(str(path))).replace("DIMENSION", str(dimension))
    code = _MEASURE.replace("WORK", work)
    runs = []
    for _ in range(repeat):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        runs.append(json.loads(done.stdout))
    return {
        "seconds": min(run["seconds"] for run in runs),
        "bytes": max(run["bytes"] for run in runs),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=400_000)
    parser.add_argument("--dimension", type=int, default=300)
    parser.add_argument("--repeat", type=int, default=1)
    given = parser.parse_args()
    array = 8 * given.words * given.dimension
    with tempfile.TemporaryDirectory() as folder:
        text, packed = Path(folder) / "vectors.txt", Path(folder) / "vectors.txt.gz"
        write(text, given.words, given.dimension)
        with text.open("rb") as stream, gzip.open(packed, "wb", compresslevel=6) as target:
            while block := stream.read(2**20):
                target.write(block)
        print(f"{given.words:,} words of {given.dimension:,} components, text")
        print(f"{'':<14}{'seconds':>9}{'of before':>11}{'memory / array':>16}")
        before = measure(_BEFORE, text, given.dimension, given.repeat)
        rows = [
            ("before", before),
            ("now", measure(_NOW, text, given.dimension, given.repeat)),
            ("now, .gz", measure(_NOW, packed, given.dimension, given.repeat)),
        ]
        for name, run in rows:
            ratio = run["seconds"] / before["seconds"]
            memory = run["bytes"] / array
            print(f"{name:<14}{run['seconds']:>9.2f}{ratio:>11.2f}{memory:>16.2f}")


if __name__ == "__main__":
    main()
