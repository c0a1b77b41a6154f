"""Speed of the sweep over pairs and outputs, and what pruning saves; run from the repository.

    python benchmarks/sweep.py [WORDS]

A triple is (input, neighbour, output). Times are the best of several runs, without compilation.
"""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numba import njit
from scipy.special import gammaln, logsumexp

from dpaudit.exact.profile import delta_over_pairs
from dpaudit.exact.sweep import sweep

BUILTIN = Path(__file__).parent.parent / "mechanisms" / "spaces" / "data" / "builtin.npz"


@njit(cache=True)
def plain_triple_loop(log_laws, distances):
    words = len(log_laws)
    best = -np.inf
    for w in range(words):
        for v in range(words):
            if v == w:
                continue
            loss = -np.inf
            for y in range(words):
                difference = log_laws[w, y] - log_laws[v, y]
                if difference > loss:
                    loss = difference
            if loss / distances[w, v] > best:
                best = loss / distances[w, v]
    return best


def best_time(work: Callable[[], object], runs: int = 5) -> float:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def euclidean(points):
    squares = (points**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2.0 * points @ points.T, 0.0))
    np.fill_diagonal(distances, 0.0)
    return np.maximum(distances, distances.T)


def clustered(words, rng):
    centres = rng.normal(size=(20, 64))
    topics = centres[rng.integers(0, 20, 120)] + 0.8 * rng.normal(size=(120, 64))
    spread = 0.8 * rng.uniform(0.5, 1.5, size=(words, 1))
    points = topics[rng.integers(0, 120, words)] + spread * rng.normal(size=(words, 64))
    return euclidean(points / np.linalg.norm(points, axis=1, keepdims=True))


def near_simplex(words, rng):
    return euclidean(np.eye(words) + 0.1 * rng.normal(size=(words, words)) / np.sqrt(words))


def metric_exponential(distances, epsilon):
    scores = -0.5 * epsilon * distances
    return scores - logsumexp(scores, axis=1, keepdims=True)


def random_cutoff(distances, factor):
    """Section 4.7, at epsilon = factor times the least that it is defined for."""
    words = len(distances)
    shortest = distances[~np.eye(words, dtype=bool)].min()
    inverse_scale = (factor - 1.0) * 2.0 * (1.0 + np.log(words)) / shortest
    counts = np.arange(1, words + 1)
    log_cutoff = counts * np.log(np.log(words)) - gammaln(counts + 1)
    share = np.exp(-2.0) / words
    log_cutoff += np.log1p(-share) - logsumexp(log_cutoff)
    log_cutoff[-1] = np.logaddexp(log_cutoff[-1], np.log(share))
    order = np.argsort(distances, axis=1, kind="stable")
    scores = -inverse_scale * np.take_along_axis(distances, order, 1)
    terms = log_cutoff - np.logaddexp.accumulate(scores, axis=1)
    scores += np.logaddexp.accumulate(terms[:, ::-1], axis=1)[:, ::-1]
    laws = np.empty_like(distances)
    np.put_along_axis(laws, order, scores, 1)
    return laws


def spaces(words: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(7)
    embedded = [("clustered", clustered(words, rng))]
    if BUILTIN.exists():
        with np.load(BUILTIN) as stored:
            vectors = stored["vectors"][:words].astype(np.float64)
        embedded.insert(0, ("builtin", euclidean(vectors)))
    for name, distances in embedded:
        for epsilon in (1, 5, 10, 20, 40):
            law = metric_exponential(distances, epsilon)
            yield f"{name}, metric exponential, epsilon {epsilon}", law, distances
        for factor in (1.2, 3.0, 30.0):
            law = random_cutoff(distances, factor)
            yield f"{name}, random cutoff, {-law.min():.0f} nats", law, distances
    simplex = near_simplex(words, rng)
    yield "near-simplex, metric exponential, epsilon 20", metric_exponential(simplex, 20), simplex
    plane = euclidean(rng.normal(size=(words, 2)))
    yield "plane, metric exponential, epsilon 5", metric_exponential(plane, 5), plane
    ones = np.ones((words, words))
    yield "independent normal log laws", rng.normal(size=(words, words)), ones
    yield "independent two-valued log laws", rng.integers(0, 2, (words, words)).astype(float), ones


def main(words: int) -> None:
    name, laws, distances = next(spaces(words))
    triples = len(laws) * (len(laws) - 1) * len(laws)
    plain_triple_loop(laws[:2], distances[:2, :2])
    sweep(laws, distances, prune=False)
    sweep(laws, distances)
    plain = best_time(lambda: plain_triple_loop(laws, distances), runs=1)
    full = best_time(lambda: sweep(laws, distances, prune=False), runs=9)
    one = best_time(lambda: sweep(laws, distances, prune=False, threads=1))
    print(f"{name}, {len(laws)} words, {triples / 1e9:.2f} billion triples\n")
    print(f"{'plain Numba triple loop, one core':44}{triples / plain / 1e9:7.2f} billion triples/s")
    print(f"{'full sweep, one core':44}{triples / one / 1e9:7.2f}   x {plain / one:.1f}")
    print(f"{'full sweep, all cores':44}{triples / full / 1e9:7.2f}   x {plain / full:.1f}")
    delta = best_time(lambda: delta_over_pairs(laws, distances, 0.3), runs=3)
    print(f"{'failure mass over all pairs, all cores':44}{triples / delta / 1e9:7.2f}\n")

    print(f"{'law':52}{'visited':>10}{'pruned':>9}{'full':>9}{'pruned/full':>13}")
    for name, laws, distances in spaces(words):
        pruned, full = sweep(laws, distances), sweep(laws, distances, prune=False)
        if (pruned.value, pruned.input, pruned.neighbour, pruned.output) != (
            full.value,
            full.input,
            full.neighbour,
            full.output,
        ):
            raise SystemExit(f"{name}: pruned {pruned} is not full {full}")
        with_pruning = best_time(lambda laws=laws, d=distances: sweep(laws, d))
        without = best_time(lambda laws=laws, d=distances: sweep(laws, d, prune=False))
        visited = 100.0 * pruned.pairs_visited / pruned.pairs_total
        print(
            f"{name:52}{visited:9.4f}%{with_pruning * 1e3:6.0f} ms{without * 1e3:6.0f} ms"
            f"{with_pruning / without:13.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
