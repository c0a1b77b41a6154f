"""Samplers: words per second on one core with random input words, and the ratio to NumPy.

`python benchmarks/samplers.py`. The naive version draws each output from its row of the law with
`Generator.choice`. Building the tables, once per mechanism, is timed apart.
"""

import time

import numpy as np

from dpaudit import EmbeddingSpace, mechanisms

WORDS = 5_000_000
NAIVE_WORDS = 2_000
NAIVE_INPUTS = 20


def build(entry, space: EmbeddingSpace):
    """At epsilon 12, or at 1.5 times the smallest epsilon where that is larger."""
    factory = entry.load()
    smallest = factory.bound(space) if hasattr(factory, "bound") else 0.0
    return factory(space, epsilon=max(12.0, 1.5 * smallest))


def main() -> None:
    print(f"{'mechanism':<26} {'build, s':>9} {'million/s':>10} {'naive, /s':>10} {'ratio':>8}")
    space = EmbeddingSpace.builtin()
    _ = space.order
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, len(space), WORDS)
    for name, entry in mechanisms.MECHANISMS.items():
        mechanism = build(entry, space)
        build(entry, EmbeddingSpace.builtin(limit=20)).sample(0, 10, rng)  # compile
        start = time.perf_counter()
        mechanism.sample_indices(inputs[:1], rng)
        building = time.perf_counter() - start
        rates = []
        for _ in range(3):
            start = time.perf_counter()
            mechanism.sample_indices(inputs, rng)
            rates.append(WORDS / (time.perf_counter() - start))
        laws = np.exp(mechanism.log_laws(slice(0, NAIVE_INPUTS)))
        laws /= laws.sum(axis=1, keepdims=True)
        start = time.perf_counter()
        for i in inputs[:NAIVE_WORDS] % NAIVE_INPUTS:
            rng.choice(len(space), p=laws[i])
        naive = NAIVE_WORDS / (time.perf_counter() - start)
        rate = max(rates)
        cells = f"{building:>9.2f} {rate / 1e6:>10.1f} {naive:>10,.0f} {rate / naive:>8,.0f}"
        print(f"{name:<26} {cells}")


if __name__ == "__main__":
    main()
