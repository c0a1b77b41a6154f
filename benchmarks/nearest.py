"""Nearest words of noisy vectors: vectors per second, and shares of the rate of a matrix product.

`python benchmarks/nearest.py`. All in one process and one run: NumPy's float32 matrix product on
the same shapes (its best over several numbers of rows), a naive batch in float64, the search alone,
and the whole samplers with their noise; with one thread for the search the noise is still drawn on
another one, while the search runs.

mldp-text 0.1.2 needs NumPy 1, so it cannot be timed in this process. Where it is installed (in an
environment of its own, as tools/run_mldp_text.py makes one), with the vectors as word2vec text in
space.txt, one word at a time:

    python -m timeit -s "from gensim.models import KeyedVectors as K
    from mldp_text import MultivariateCalibrated as M
    k = K.load_word2vec_format('space.txt'); words = k.index_to_key
    m = M(128.0, k, k.vector_size, use_faiss=False, vocab=set(words))" "m.replace_word(words[0])"
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from dpaudit import EmbeddingSpace
from dpaudit.mechanisms import (
    DensityCalibratedLaplace,
    DistanceTruncatedLaplace,
    Mahalanobis,
    MultivariateLaplace,
    Vickrey,
)
from dpaudit.mechanisms.kernels import parallel
from dpaudit.mechanisms.kernels.nearest import NearestWords

ROWS = 16_384
ROUNDS = 9
#: The naive batch is timed on a part of the vectors.
NAIVE_PART = 32
PRODUCT_ROWS = (256, 1024, 4096)


def large_space() -> EmbeddingSpace:
    """6,000 random unit vectors in 384 dimensions: shape and norms of a sentence encoder."""
    vectors = np.random.default_rng(0).standard_normal((6000, 384))
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    return EmbeddingSpace([f"w{i}" for i in range(6000)], vectors, source="random unit vectors")


def seconds(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Shortest time of each over some rounds, taken in turn so that load falls on all alike."""
    best = dict.fromkeys(works, np.inf)
    for _ in range(ROUNDS):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def samplers(space: EmbeddingSpace, epsilon: float) -> dict[str, Callable[[], object]]:
    """The whole samplers, on random inputs."""
    mechanisms = {
        "multivariate-laplace": MultivariateLaplace(space, epsilon),
        "mahalanobis": Mahalanobis(space, epsilon),
        "vickrey": Vickrey(space, epsilon),
        "distance-truncated-laplace": DistanceTruncatedLaplace(space, epsilon),
        "density-calibrated-laplace": DensityCalibratedLaplace(space, epsilon),
    }
    inputs = np.random.default_rng(1).integers(0, len(space), ROWS)
    for mechanism in mechanisms.values():
        mechanism.sample_indices(inputs[:300], np.random.default_rng(2))  # compile, prepare
    return {
        name: lambda mechanism=mechanism: mechanism.sample_indices(inputs, np.random.default_rng(2))
        for name, mechanism in mechanisms.items()
    }


def measure(space: EmbeddingSpace, epsilon: float, threads: int) -> None:
    """Print a table for one space and a number of threads."""
    n, p = len(space), space.dimension
    rng = np.random.default_rng(3)
    directions = rng.standard_normal((ROWS, p))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    points = space.vectors[rng.integers(0, n, ROWS)]
    points = points + rng.gamma(p, 1.0 / epsilon, ROWS)[:, None] * directions
    single, words = points.astype(np.float32), space.vectors.astype(np.float32)
    finder = NearestWords(space.vectors)
    finder.find(points[:2])
    finder.find(points[:2], 2)
    half = 0.5 * (space.vectors**2).sum(axis=1)

    def product(rows: int) -> None:
        target = np.empty((rows, n), dtype=np.float32)
        for start in range(0, ROWS, rows):
            np.matmul(single[start : start + rows], words.T, out=target)

    def naive() -> None:
        (points[: ROWS // NAIVE_PART] @ space.vectors.T - half).argmax(axis=1)

    def search(count: int) -> None:
        step = finder.rows_at_once
        batches = [points[start : start + step] for start in range(0, ROWS, step)]
        find = parallel.ordered_map(lambda batch: finder.find(batch, count), batches, threads)
        np.concatenate(list(find))

    works: dict[str, Callable[[], object]] = {
        f"product {rows}": lambda rows=rows: product(rows) for rows in PRODUCT_ROWS
    }
    works |= {
        "naive float64 batch": naive,
        "nearest word, search alone": lambda: search(1),
        "two nearest words, search alone": lambda: search(2),
        **samplers(space, epsilon),
    }
    cores, parallel.cores = parallel.cores, lambda: threads
    try:
        with threadpool_limits(threads, user_api="blas"):
            found = seconds(works)
    finally:
        parallel.cores = cores
    found["naive float64 batch"] *= NAIVE_PART
    fastest = min(found[f"product {rows}"] for rows in PRODUCT_ROWS)
    rate = 2.0 * ROWS * n * p / fastest / 1e9
    print(f"\n{n:,} words x {p}, epsilon {epsilon:g}, {threads} thread(s)")
    print(f"{'':<34} {'thousand/s':>10} {'of product':>10} {'to naive':>9}")
    found = {"matrix product alone, float32": fastest, **found}
    for name, time_ in found.items():
        if not name.startswith("product"):
            share, ratio = fastest / time_, found["naive float64 batch"] / time_
            print(f"{name:<34} {ROWS / time_ / 1e3:>10.1f} {share:>10.2f} {ratio:>9.2f}")
    print(f"matrix product: {rate:.0f} GFLOP/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    everywhere = sorted({1, parallel.cores()})
    parser.add_argument("--threads", type=int, nargs="+", default=everywhere)
    for threads in parser.parse_args().threads:
        measure(large_space(), 384.0 * 2.0, threads)
        measure(EmbeddingSpace.builtin(), 64.0 * 2.0, threads)


if __name__ == "__main__":
    main()
