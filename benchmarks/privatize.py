"""`dpaudit privatize`: a million words, in seconds after start, and the ratio to a plain loop.

`python benchmarks/privatize.py`. The command runs as users run it, with a statement about every
line; "after start" is its time less that of the same command on one word, each the smallest of
five, taken in turn. The plain loop splits lines at spaces and draws every word by `sample`.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from dpaudit import EmbeddingSpace, mechanisms
from dpaudit.privatizing import secure_generator

WORDS = 1_000_000
NAIVE_WORDS = 20_000
A_LINE = 12

COMMAND = [sys.executable, "-m", "dpaudit", "privatize", "metric-exponential", "-e", "12"]


def seconds(folder: Path, name: str, *options: str) -> float:
    command = [*COMMAND, "--in", str(folder / name), "--out", str(folder / "out"), *options]
    start = time.perf_counter()
    with (folder / "log").open("w") as log:
        subprocess.run(command, stderr=log, check=True)
    return time.perf_counter() - start


def naive(space: EmbeddingSpace, lines: list[str]) -> float:
    """Words per second of the plain loop."""
    mechanism, rng = mechanisms.MetricExponential(space, epsilon=12.0), secure_generator()
    mechanism.sample(0, 1, rng)
    start, words = time.perf_counter(), 0
    for line in lines:
        private = [mechanism.sample(word, 1, rng)[0] for word in line.split()]
        words += len(private)
    return words / (time.perf_counter() - start)


def main() -> None:
    space = EmbeddingSpace.builtin()
    words = np.array(space.words, dtype=object)[np.random.default_rng(0).integers(0, 2000, WORDS)]
    lines = [" ".join(words[i : i + A_LINE]) for i in range(0, WORDS, A_LINE)]
    plain = naive(space, lines[: NAIVE_WORDS // A_LINE])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "lines").write_text("\n".join(lines), encoding="utf-8")
        (folder / "one").write_text(" ".join(words), encoding="utf-8")
        (folder / "word").write_text("water", encoding="utf-8")
        runs = {
            "start (one word)": ("word",),
            f"{WORDS:,} words, {A_LINE} a line": ("lines",),
            "the same, --quiet": ("lines", "--quiet"),
            "the same, --html": ("lines", "--html", str(folder / "page")),
            "the same, --keep-punctuation": ("lines", "--keep-punctuation"),
            f"{WORDS:,} words on one line": ("one",),
        }
        rounds = [{label: seconds(folder, *run) for label, run in runs.items()} for _ in range(5)]
    least = {label: min(found[label] for found in rounds) for label in runs}
    start = least.pop("start (one word)")
    print(f"{'start (one word)':<40} {start:>6.2f} s")
    for label, whole in least.items():
        ratio = WORDS / plain / (whole - start)
        print(
            f"{label:<40} {whole - start:>6.2f} s after start, {ratio:>5.0f} times the plain loop"
        )
    print(f"{'plain loop':<40} {plain:>7,.0f} words a second")


if __name__ == "__main__":
    main()
