"""Exact audits of truncated-gumbel and of its repair on the built-in space.

`python benchmarks/truncated_gumbel.py`. The plain law has Gauss-Legendre panels between every two
corners, at most 0.002 long, and sums of logarithms, as one would write it first; it is timed on
a few rows.
"""

import math
import resource
import time

import numpy as np
from numba import njit

from dpaudit import EmbeddingSpace, audit, mechanisms

ROWS = (0, 500, 1999)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)


@njit(nogil=True, cache=True)
def plain_row(distances, log_cutoff, scale, radius, nodes, weights):
    """ln P by rank: log products forward, log-sum-exp over the cutoff backward, node by node."""
    n = distances.size
    log_law = np.full(n, -np.inf)
    v_0, v_max = math.exp(-radius / scale), math.exp(radius / scale)
    log_mass = math.log(-math.expm1(-(v_max - v_0)))
    products, tails = np.empty(n + 1), np.empty(n + 1)
    ends = np.append(distances - radius, radius)
    lengths = np.diff(ends)
    pieces = np.ceil(lengths / 0.002).astype(np.int64)
    for panel in range(pieces.sum()):
        gap = np.searchsorted(np.cumsum(pieces), panel, side="right")
        piece = panel - (np.cumsum(pieces)[gap] - pieces[gap])
        left = ends[gap] + lengths[gap] * piece / pieces[gap]
        right = ends[gap] + lengths[gap] * (piece + 1) / pieces[gap]
        for k in range(nodes.size):
            x = 0.5 * (left + right) + 0.5 * (right - left) * nodes[k]
            weight = math.log(0.5 * (right - left) * weights[k])
            products[0] = 0.0
            for i in range(n):
                z = x - distances[i]
                inside = z > -radius
                t = math.exp(-z / scale) - v_0
                survival = math.log(-math.expm1(-t)) - log_mass if inside else 0.0
                products[i + 1] = products[i] + survival
            tails[n] = -np.inf
            for i in range(n - 1, -1, -1):
                term = log_cutoff[i] + products[i + 1]
                high, low = max(tails[i + 1], term), min(tails[i + 1], term)
                tails[i] = high + math.log1p(math.exp(low - high)) if high > -np.inf else high
                z = x - distances[i]
                if z > -radius:
                    v = math.exp(-z / scale)
                    survival = products[i + 1] - products[i]
                    density = math.log(v / scale) - (v - v_0) - log_mass
                    term = weight + density - survival + tails[i]
                    high, low = max(log_law[i], term), min(log_law[i], term)
                    log_law[i] = high + math.log1p(math.exp(low - high))
    return log_law


def main() -> None:
    space = EmbeddingSpace.builtin()
    gumbel, repair = mechanisms.TruncatedGumbel, mechanisms.RandomCutoffExponential
    small = EmbeddingSpace.builtin(limit=30)
    audit(gumbel(small, 2 * gumbel.bound(small)))  # compile
    audit(repair(small, 2 * repair.bound(small)))
    plain_row(np.arange(3.0), np.zeros(3), 1.0, 4.0, NODES, WEIGHTS)

    mechanism = gumbel(space, 1.5 * gumbel.bound(space))
    ours = plain = worst = 0.0
    for row in ROWS:
        order = space.order[row]
        start = time.perf_counter()
        law = mechanism.log_law(row)[order]
        ours += time.perf_counter() - start
        start = time.perf_counter()
        reference = plain_row(
            space.distance_matrix[row][order],
            mechanism.cutoff_law.log_probabilities,
            mechanism.scale,
            space.extent.max_distance,
            NODES,
            WEIGHTS,
        )
        plain += time.perf_counter() - start
        worst = max(worst, float(np.abs(law - reference).max()))
    print(f"one row of the law, 2,000 words: {ours / len(ROWS) * 1e3:.0f} ms")
    print(f"the plain version: {plain / len(ROWS) * 1e3:.0f} ms, ratio {plain / ours:.0f}")
    print(f"largest difference of a log probability: {worst:.1e} nats")
    for name, candidate in (
        ("truncated-gumbel", gumbel(space, 1.5 * gumbel.bound(space))),
        ("random-cutoff-exponential", repair(space, 1.01 * repair.bound(space))),
    ):
        start = time.perf_counter()
        result = audit(candidate)
        taken = time.perf_counter() - start
        print(f"{name}: whole audit {taken:.1f} s, {result.verdict}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"largest resident memory of the process: {memory:.2f} GB")


if __name__ == "__main__":
    main()
