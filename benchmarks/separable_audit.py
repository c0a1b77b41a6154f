"""Exact audits of metric-exponential: seconds, memory, and the ratio to plain NumPy.

`python benchmarks/separable_audit.py`. The plain version holds the same promise (float64, tiles
of rows, no n x n x p temporaries) but has no symmetry, no single-threaded tiles and no care for
cancellation: distances by matrix product, once for the normalisers and once for the pairs.
"""

import resource
import time

import numpy as np

from dpaudit import EmbeddingSpace, audit, mechanisms
from dpaudit.exact.audit import exact_audit

EPSILON = 12.0


def seconds(work, repetitions: int = 3) -> float:
    best = np.inf
    for _ in range(repetitions):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def plain_numpy(vectors: np.ndarray, epsilon: float, rows: int = 1000) -> float:
    """epsilon* of the metric exponential mechanism, as one would write it first."""
    squares = (vectors * vectors).sum(axis=1)

    def tile(start: int) -> np.ndarray:
        part = vectors[start : start + rows]
        square = squares[start : start + rows, None] + squares[None, :] - 2 * part @ vectors.T
        return np.sqrt(np.maximum(square, 0.0))

    starts = range(0, len(vectors), rows)
    logs = np.concatenate([np.log(np.exp(-epsilon / 2 * tile(s)).sum(axis=1)) for s in starts])
    best = 0.0
    for start in starts:
        distances = tile(start)
        gaps = np.abs(logs[start : start + rows, None] - logs[None, :])
        own = np.arange(len(distances))
        distances[own, start + own] = 1.0
        best = max(best, (gaps / distances).max())
    return epsilon / 2 + best


def row(name: str, ours: float, plain: float | None) -> None:
    ratio = f"{plain / ours:6.1f}" if plain else ""
    print(f"{name:<58} {ours:>8.2f} {plain or float('nan'):>8.2f} {ratio:>6}")


def main() -> None:
    print(f"{'':<58} {'dpaudit':>8} {'plain':>8} {'ratio':>6}")
    builtin = EmbeddingSpace.builtin()
    audit(mechanisms.MetricExponential(EmbeddingSpace.builtin(limit=50), EPSILON))  # compile

    def whole() -> None:
        audit(mechanisms.MetricExponential(fresh(builtin.vectors), EPSILON))

    def only_epsilon(vectors: np.ndarray) -> float:
        mechanism = mechanisms.MetricExponential(fresh(vectors), EPSILON)
        return exact_audit(mechanism, mechanism.claim).epsilon.midpoint

    plain = seconds(lambda: plain_numpy(builtin.vectors, EPSILON))
    row("2,000 words x 64: whole audit with statistics and curves, s", seconds(whole), None)
    row("2,000 words x 64: true epsilon, s", seconds(lambda: only_epsilon(builtin.vectors)), plain)
    big = np.random.default_rng(0).normal(size=(20_000, 384))
    big /= np.linalg.norm(big, axis=1, keepdims=True)
    found: list[float] = []
    ours = seconds(lambda: found.append(only_epsilon(big)), 2)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    plain = seconds(lambda: found.append(plain_numpy(big, EPSILON)), 1)
    row("20,000 words x 384 (random unit vectors): true epsilon, s", ours, plain)
    print(f"epsilon* {found[0]:.12g} against plain {found[-1]:.12g}")
    print(f"largest resident memory of the process before the plain version: {memory:.2f} GB")


def fresh(vectors: np.ndarray) -> EmbeddingSpace:
    """A space with nothing cached."""
    return EmbeddingSpace([f"w{i}" for i in range(len(vectors))], vectors)


if __name__ == "__main__":
    main()
