"""The mechanisms that the benchmarks audit, with their claims and pairs, and how seeds are run."""

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from typing import Any

import dpaudit
from benchmarks.statistical.structured import CLAIM, PAIRS, STRUCTURED
from dpaudit.claims import Claim
from dpaudit.mechanisms.numbers import find
from dpaudit.mechanisms.numbers.specimen import EVERY_COORDINATE

#: Words of the spaces of word mechanisms.
WORDS = 50

#: Correct mechanisms, audited at their exact epsilon.
CORRECT = (
    "laplace",
    "discrete-laplace",
    "gaussian",
    "binary-randomized-response",
    "report-noisy-max-1",
    "report-noisy-max-2",
    "sparse-vector-1",
    "sparse-vector-2",
    "metric-exponential",
    "truncated-exponential",
)

#: Broken ones.
BROKEN = (
    "noisy-histogram-2",
    "report-noisy-max-3",
    "report-noisy-max-4",
    "sparse-vector-3",
    "sparse-vector-4",
    "sparse-vector-5",
    "sparse-vector-6",
    "prefix-sum",
)


@lru_cache
def case(name: str) -> tuple[Any, Claim, Any]:
    """Mechanism, claim and pairs: of the catalogue, with structured outputs, or a word mechanism at
    its exact epsilon."""
    if name in STRUCTURED:
        return STRUCTURED[name], CLAIM, PAIRS
    if name in ("metric-exponential", "truncated-exponential"):
        space = dpaudit.EmbeddingSpace.builtin(limit=WORDS)
        kinds = {
            "metric-exponential": dpaudit.mechanisms.MetricExponential,
            "truncated-exponential": dpaudit.mechanisms.TruncatedExponential,
        }
        mechanism = kinds[name](space, epsilon=6.0)
        exact = dpaudit.audit(mechanism, method="exact").true_epsilon.upper
        return mechanism, dpaudit.MetricDP(exact), None
    entry = find(name)
    mechanism = entry.build()
    pairs: Any = [entry.pair]
    if isinstance(entry.pair[0], tuple):
        every = mechanism.claim.neighbouring == EVERY_COORDINATE
        pairs = dpaudit.neighbouring_answers(len(entry.pair[0]), every=every)
    return mechanism, mechanism.claim, pairs


def run(name: str, seed: int, **options: Any) -> dpaudit.AuditResult:
    """One audit."""
    mechanism, claim, pairs = case(name)
    return dpaudit.audit(mechanism, claim, method="statistical", pairs=pairs, seed=seed, **options)


def over_seeds(function: Callable[[int], Any], seeds: Iterable[int], jobs: int) -> list[Any]:
    """Results for all seeds, in order, in so many processes."""
    if jobs == 1:
        return [function(seed) for seed in seeds]
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(function, seeds, chunksize=4))
