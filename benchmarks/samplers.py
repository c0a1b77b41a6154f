"""Samplers: words per second on one core with random input words, and the ratio to NumPy.

`python benchmarks/samplers.py`. The naive version draws each output from its row of the law with
`Generator.choice`. Building the tables, once per mechanism, is timed apart.
"""

import time

import numpy as np

from dpaudit import EmbeddingSpace, mechanisms

EPSILON = 12.0
WORDS = 5_000_000
NAIVE_WORDS = 2_000


def main() -> None:
    print(f"{'mechanism':<24} {'build, s':>9} {'million/s':>10} {'naive, /s':>10} {'ratio':>8}")
    space = EmbeddingSpace.builtin()
    _ = space.order
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, len(space), WORDS)
    for name, entry in mechanisms.MECHANISMS.items():
        mechanism = entry.load()(space, epsilon=EPSILON)
        entry.load()(EmbeddingSpace.builtin(limit=20), epsilon=1.0).sample(0, 10, rng)  # compile
        start = time.perf_counter()
        mechanism.sample_indices(inputs[:1], rng)
        build = time.perf_counter() - start
        rates = []
        for _ in range(3):
            start = time.perf_counter()
            mechanism.sample_indices(inputs, rng)
            rates.append(WORDS / (time.perf_counter() - start))
        laws = np.exp(mechanism.log_laws(slice(0, len(space))))
        laws /= laws.sum(axis=1, keepdims=True)
        start = time.perf_counter()
        for i in inputs[:NAIVE_WORDS]:
            rng.choice(len(space), p=laws[i])
        naive = NAIVE_WORDS / (time.perf_counter() - start)
        rate = max(rates)
        print(f"{name:<24} {build:>9.2f} {rate / 1e6:>10.1f} {naive:>10,.0f} {rate / naive:>8,.0f}")


if __name__ == "__main__":
    main()
