"""Samplers: words per second on one core with random input words, and the ratio to NumPy.

`python benchmarks/samplers.py`. The naive version draws each output from its row of the law with
`Generator.choice`. Building the tables, once per mechanism, is timed apart: those of the exact
samplers for all inputs, in ball arithmetic.
"""

import time

import numpy as np

from dpaudit import EmbeddingSpace, mechanisms

WORDS = 5_000_000
NAIVE_WORDS = 2_000
NAIVE_INPUTS = 20


def build(entry, space: EmbeddingSpace, **parameters):
    """At epsilon 12, or at 1.5 times the smallest epsilon where that is larger."""
    factory = entry.load()
    smallest = factory.bound(space) if hasattr(factory, "bound") else 0.0
    return factory(space, epsilon=max(12.0, 1.5 * smallest), **parameters)


def measure(mechanism, inputs, rng) -> tuple[float, float]:
    """Seconds for the tables, and words per second after that."""
    start = time.perf_counter()
    mechanism.sample_indices(np.arange(len(mechanism.space)), rng)
    building = time.perf_counter() - start
    rates = []
    for _ in range(3):
        start = time.perf_counter()
        mechanism.sample_indices(inputs, rng)
        rates.append(WORDS / (time.perf_counter() - start))
    return building, max(rates)


def main() -> None:
    header = f"{'build, s':>9} {'million/s':>10} {'naive, /s':>10} {'ratio':>8} {'of fast':>8}"
    print(f"{'mechanism':<26} {'sampler':<7} {header}")
    space = EmbeddingSpace.builtin()
    _ = space.order
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, len(space), WORDS)
    for name, entry in mechanisms.MECHANISMS.items():
        if "exact" not in entry.evidence:
            continue  # no law to compare with: benchmarks/nearest.py
        mechanism = build(entry, space)
        laws = np.exp(mechanism.log_laws(slice(0, NAIVE_INPUTS)))
        laws /= laws.sum(axis=1, keepdims=True)
        start = time.perf_counter()
        for i in inputs[:NAIVE_WORDS] % NAIVE_INPUTS:
            rng.choice(len(space), p=laws[i])
        naive = NAIVE_WORDS / (time.perf_counter() - start)
        fast = 0.0
        for sampler in ("fast", "exact") if "sampler" in mechanism.parameters else ("fast",):
            given = {"sampler": sampler} if "sampler" in mechanism.parameters else {}
            small = build(entry, EmbeddingSpace.builtin(limit=20), **given)
            small.sample(0, 10, rng)  # compile
            building, rate = measure(build(entry, space, **given), inputs, rng)
            fast = rate if sampler == "fast" else fast
            cells = f"{building:>9.2f} {rate / 1e6:>10.1f} {naive:>10,.0f} {rate / naive:>8,.0f}"
            print(f"{name:<26} {sampler:<7} {cells} {rate / fast:>8.2f}")


if __name__ == "__main__":
    main()
