"""Smaller comparisons: `python -m benchmarks.statistical.others`.

* A scalar Laplace mechanism at epsilon = 1: median bounds at 10, 100 and 1,000 thousand draws,
  beside those of jax_privacy's audit by Clopper-Pearson intervals (0.905, 0.969, 0.990).
* Sequential: Laplace noise of half the scale it needs; and a correct mechanism with a look after
  every draw, up to 100,000.
* Floating point: a textbook sampler (inverse distribution function), and rounded ones.
* Throughput: a mechanism of 1 microsecond a draw, and ten million draws of a finite mechanism.
"""

import argparse
import resource
import statistics
import time
from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator

import dpaudit
from benchmarks.statistical.cases import over_seeds
from dpaudit.mechanisms.numbers import find

ONE = dpaudit.PureDP(1.0)


def half_noise(x: float, size: int, rng: Generator) -> np.ndarray:
    """Laplace noise of scale 1/2: epsilon = 2."""
    return rng.laplace(x, 0.5, size)


def randomized_response(x: int, size: int, rng: Generator) -> np.ndarray:
    """Exactly epsilon = 1."""
    return np.where(rng.random(size) < 1.0 / (1.0 + np.exp(-1.0)), x, 1 - x)


def textbook(x: float, size: int, rng: Generator) -> np.ndarray:
    """Laplace noise of scale 1 by the inverse of its distribution function, in doubles."""
    uniform = rng.random(size) - 0.5
    return x - np.sign(uniform) * np.log1p(-2.0 * np.abs(uniform))


def rounded(x: float, size: int, rng: Generator) -> np.ndarray:
    """Rounded to multiples of 2^-10, of which the inputs are two: post-processing of epsilon = 1,
    and a shift of the input shifts the law."""
    return np.round(textbook(0.0, size, rng) * 1024.0) / 1024.0 + x


def snapped(x: float, size: int, rng: Generator) -> np.ndarray:
    """Clamped to [-40, 40] and rounded to whole numbers, after Mironov (CCS 2012)."""
    return np.clip(np.round(np.clip(x, -40.0, 40.0) + textbook(0.0, size, rng)), -40.0, 40.0)


def slow(x: int, size: int, rng: Generator) -> np.ndarray:
    """About a microsecond a draw; the benchmark prints how long."""
    return rng.laplace(x, 1.0, (size, 40)).sum(axis=1)


def lower(seed: int, mechanism: Any, **options: Any) -> tuple[float, bool, int]:
    result = dpaudit.audit(mechanism, ONE, pairs=[(0, 1)], seed=seed, **options)
    assert result.draws is not None
    return result.true_epsilon.lower, result.verdict.value == "violated", result.draws


def medians(jobs: int) -> None:
    for draws, peer in ((10_000, 0.905), (100_000, 0.969), (1_000_000, 0.990)):
        mechanism = find("laplace").build(epsilon=1.0)
        found = over_seeds(partial(lower, mechanism=mechanism, draws=draws), range(50), jobs)
        median = statistics.median(bound for bound, _, _ in found)
        print(f"Laplace at 1, {draws:>9,} draws: median {median:.4f} (jax_privacy {peer})")


def sequential(jobs: int) -> None:
    options = {"draws": 100_000, "sequential": True}
    found = over_seeds(partial(lower, mechanism=half_noise, **options), range(50), jobs)
    median = statistics.median(draws for _, _, draws in found)
    print(
        f"half the noise: {sum(hit for _, hit, _ in found)} of 50 refuted, median {median:g} draws"
    )
    found = over_seeds(partial(lower, mechanism=randomized_response, **options), range(200), jobs)
    print(f"correct, a look after every draw: {sum(hit for _, hit, _ in found)} of 200 alarms")


def floats(jobs: int) -> None:
    lower(0, textbook, draws=10_000, bits=True)
    for draws in (1_000_000, 4_000_000):
        started = time.perf_counter()
        found = [lower(seed, textbook, draws=draws, bits=True) for seed in range(50)]
        seconds = (time.perf_counter() - started) / 50
        bounds = sorted(bound for bound, _, _ in found)
        flagged = sum(hit for _, hit, _ in found)
        print(
            f"textbook Laplace, {draws:,} draws: median {statistics.median(bounds):.2f}, "
            f"least {bounds[0]:.2f}, {flagged} of 50 refuted, {seconds:.1f} s each"
        )
    for mechanism in (rounded, snapped):
        options = {"draws": 200_000, "bits": True, "alpha": 1e-4}
        found = over_seeds(partial(lower, mechanism=mechanism, **options), range(100), jobs)
        print(f"{mechanism.__name__}: {sum(hit for _, hit, _ in found)} of 100 alarms at 1e-4")


def throughput() -> None:
    rng = np.random.default_rng(0)
    started = time.perf_counter()
    for _ in range(64):
        slow(0, 1 << 14, rng)
    alone = time.perf_counter() - started
    lower(0, slow, draws=10_000)
    started = time.perf_counter()
    lower(0, slow, draws=1 << 20)
    whole = time.perf_counter() - started
    print(f"2^20 draws: sampling alone {alone:.2f} s, the whole audit {whole:.2f} s")
    started = time.perf_counter()
    for _ in range(611):
        randomized_response(0, 1 << 14, rng)
    alone = time.perf_counter() - started
    started = time.perf_counter()
    lower(0, randomized_response, draws=10_000_000)
    whole = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"10 million finite draws: sampling {alone:.2f} s, audit {whole:.2f} s, {peak:.2f} GiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    throughput()
    medians(options.jobs)
    sequential(options.jobs)
    floats(options.jobs)


if __name__ == "__main__":
    main()
