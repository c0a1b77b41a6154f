"""Radial laws: variance of the estimate by rays against plain sampling, at equal time.

`python benchmarks/radial.py`. 2,000 unit vectors in 300 dimensions, in groups of 20; ten inputs,
one core. Sampling draws directions and radii with NumPy and decodes with one matrix product, in
batches. Compared is (variance of the estimate of P_w(y)) x (time), summed over the outputs: how
much longer sampling takes for the same precision.
"""

import time

import numpy as np

from dpaudit import EmbeddingSpace, audit, mechanisms
from dpaudit.mechanisms.protocol import RadialNoise
from dpaudit.radial.law import RadialLaw

WORDS, DIMENSION, DIRECTIONS = 2_000, 300, 20_000
EPSILONS = (30.0, 50.0, 70.0, 90.0)


def make_space() -> EmbeddingSpace:
    rng = np.random.default_rng(0)
    topics = rng.standard_normal((WORDS // 20, DIMENSION))
    vectors = np.repeat(topics, 20, axis=0) + rng.standard_normal((WORDS, DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    return EmbeddingSpace([f"w{i}" for i in range(WORDS)], vectors, source="synthetic")


def by_rays(law: RadialLaw, words: np.ndarray) -> tuple[np.ndarray, float]:
    """Variance of one direction's contributions, summed over outputs, and seconds a direction."""
    law.estimate(128, np.random.default_rng(1), words, threads=1)
    start = time.perf_counter()
    estimate = law.estimate(DIRECTIONS, np.random.default_rng(1), words, threads=1)
    seconds = (time.perf_counter() - start) / DIRECTIONS / len(words)
    means = estimate.means
    return (estimate.squares / DIRECTIONS - means**2).sum(axis=1), seconds


def by_samples(space: EmbeddingSpace, epsilon: float, word: int) -> float:
    """Seconds a draw."""
    rng = np.random.default_rng(2)
    squares = np.square(space.vectors).sum(axis=1)
    start, batch = time.perf_counter(), 2_000
    for _ in range(DIRECTIONS // batch):
        noise = rng.standard_normal((batch, DIMENSION))
        noise *= (
            rng.gamma(DIMENSION, 1.0 / epsilon, batch) / np.sqrt(np.square(noise).sum(axis=1))
        )[:, None]
        noise += space.vectors[word]
        (squares - 2.0 * (noise @ space.vectors.T)).argmin(axis=1)
    return (time.perf_counter() - start) / DIRECTIONS


def main() -> None:
    from threadpoolctl import threadpool_limits

    space, words = make_space(), np.arange(0, 200, 20)
    print(f"{'epsilon':>7} {'kept':>6} {'rays, us':>9} {'draw, us':>9} {'variance':>9} {'time':>7}")
    for epsilon in EPSILONS:
        law = RadialLaw(RadialNoise(np.full(WORDS, epsilon)), space)
        variance, seconds = by_rays(law, words)
        means = law.estimate(DIRECTIONS, np.random.default_rng(3), words).means
        with threadpool_limits(1):
            draw = by_samples(space, epsilon, 0)
        plain = (means * (1.0 - means)).sum(axis=1)
        ratio = float(plain.mean() / variance.mean())
        kept = means[np.arange(len(words)), words].mean()
        print(
            f"{epsilon:>7g} {kept:>6.3f} {1e6 * seconds:>9.1f} {1e6 * draw:>9.1f} "
            f"{ratio:>9.1f} {ratio * draw / seconds:>7.1f}"
        )
    builtin = EmbeddingSpace.builtin()
    entry = mechanisms.MECHANISMS.get("multivariate-laplace")
    if entry is not None:
        mechanism = entry.load()(builtin, epsilon=12)
        start = time.perf_counter()
        audit(mechanism)
        print(f"multivariate-laplace, built-in space: audit {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
