"""Faults of counts, sums and means: arithmetic, sensitivities, bounds."""

from typing import Any

import numpy as np
from numpy.random import Generator

from benchmarks.statistical.published.fault import Fault, Floats
from dpaudit import PureDP

#: Records lie between minus and plus this, and so does the sensitivity of their sum.
BOUND = 2**30


def wrapped_sum(x: tuple[int, ...], size: int, rng: Generator) -> Floats:
    """In 32 bits, as a C library adds."""
    total = np.sum(np.array(x, dtype=np.int32), dtype=np.int32)
    return float(total) + rng.laplace(0.0, BOUND, size)


def saturated_sum(x: tuple[int, ...], size: int, rng: Generator) -> Floats:
    total = min(max(sum(x), -(2**31)), 2**31 - 1)
    return total + rng.laplace(0.0, BOUND, size)


def wrapped_tree(x: tuple[int, int], size: int, rng: Generator) -> Floats:
    """Root and leaves of a tree over two counts; a change of 1 in a leaf is one of 2 in all."""
    leaves = np.array(x, dtype=np.int32)
    nodes = np.array([leaves.sum(dtype=np.int32), *leaves], dtype=np.float64)
    return nodes + rng.laplace(0.0, 2.0, (size, 3))


def saturated_tree(x: tuple[int, int], size: int, rng: Generator) -> Floats:
    nodes = np.array([min(sum(x), 2**31 - 1), *x], dtype=np.float64)
    return nodes + rng.laplace(0.0, 2.0, (size, 3))


#: Records are whole numbers from here to one more, so that a record changes an exact sum by 1.
LARGE = 2**23


def single_precision_sum(x: tuple[int, ...], size: int, rng: Generator) -> Floats:
    """Every addition rounds to the next single."""
    total = np.cumsum(np.array(x, dtype=np.float32), dtype=np.float32)[-1]
    return float(total) + rng.laplace(0.0, 1.0, size)


def exact_sum(x: tuple[int, ...], size: int, rng: Generator) -> Floats:
    return sum(x) + rng.laplace(0.0, 1.0, size)


def mean_within_data(x: tuple[float, ...], size: int, rng: Generator) -> Floats:
    """Bounds were not given, so they are taken from the data."""
    sensitivity = (max(x) - min(x)) / len(x)
    return np.mean(x) + rng.laplace(0.0, sensitivity, size)


def mean_within_bounds(x: tuple[float, ...], size: int, rng: Generator) -> Floats:
    return np.mean(np.clip(x, 0.0, 100.0)) + rng.laplace(0.0, 100.0 / len(x), size)


def squares_by_lower_bound(x: tuple[float, ...], size: int, rng: Generator) -> Floats:
    """Records between 1 and 3; the sensitivity squares the lower bound twice."""
    lower, _ = 1.0, 3.0
    return np.square(x).sum() + rng.laplace(0.0, max(abs(lower), abs(lower)) ** 2, size)


def squares_by_both_bounds(x: tuple[float, ...], size: int, rng: Generator) -> Floats:
    lower, upper = 1.0, 3.0
    return np.square(x).sum() + rng.laplace(0.0, max(abs(lower), abs(upper)) ** 2, size)


def covariance(rows: Any, size: int, rng: Generator) -> Floats:
    """Two variances and a covariance of n rows between 0 and 1: each changes by 1/n at most."""
    entries = np.cov(np.transpose(rows))[np.tril_indices(2)]
    return entries + rng.laplace(0.0, 3.0 / len(rows), (size, 3))


def unclipped_covariance(x: Any, size: int, rng: Generator) -> Floats:
    """The clipped data are made, and the others used."""
    _ = np.clip(x, 0.0, 1.0)
    return covariance(x, size, rng)


def clipped_covariance(x: Any, size: int, rng: Generator) -> Floats:
    return covariance(np.clip(x, 0.0, 1.0), size, rng)


def mean_of_secret_count(x: tuple[float, ...], size: int, rng: Generator) -> Floats:
    """Records between 0 and 1; whether there is one more is what is to be hidden."""
    return np.mean(x) + rng.laplace(0.0, 1.0 / len(x), size)


def noisy_sum_and_count(x: tuple[float, ...], size: int, rng: Generator) -> Floats:
    return np.array([sum(x), len(x)]) + rng.laplace(0.0, 2.0, (size, 2))


def clamp(value: float, lower: float, upper: float) -> float:
    """By two comparisons, which are both false for NaN."""
    return lower if value < lower else upper if value > upper else value


def sum_with_nan(x: tuple[float, ...], size: int, rng: Generator) -> Floats:
    return sum(clamp(value, 0.0, 1.0) for value in x) + rng.laplace(0.0, 1.0, size)


def sum_without_nan(x: tuple[float, ...], size: int, rng: Generator) -> Floats:
    known = [value for value in x if value == value]
    return sum(clamp(value, 0.0, 1.0) for value in known) + rng.laplace(0.0, 1.0, size)


def joined_count(x: tuple[str, ...], size: int, rng: Generator) -> Floats:
    """Rows of a join, each with the name of a customer: noise for one row a customer."""
    return len(x) + rng.laplace(0.0, 1.0, size)


def bounded_count(x: tuple[str, ...], size: int, rng: Generator) -> Floats:
    return len(set(x)) + rng.laplace(0.0, 1.0, size)


FAULTS = (
    Fault(
        "wrapped-sum",
        "Casacuberta et al., CCS 2022 (arXiv 2207.10635)",
        "a sum of whole numbers wraps around",
        wrapped_sum,
        saturated_sum,
        PureDP(1.0),
        [((BOUND, BOUND - 1), (BOUND, BOUND - 1, 1))],
    ),
    Fault(
        "wrapped-tree",
        "opendp/opendp issue 2925",
        "inner sums of a tree wrap around",
        wrapped_tree,
        saturated_tree,
        PureDP(1.0),
        [((2**31 - 1, 0), (2**31 - 1, 1))],
    ),
    Fault(
        "rounded-sum",
        "Casacuberta et al., CCS 2022 (arXiv 2207.10635)",
        "roundings of a sum of floats add up",
        single_precision_sum,
        exact_sum,
        PureDP(1.0),
        [tuple(tuple(LARGE + k for k in (first, 1, 1, 0, 1, 1, 1, 1)) for first in (0, 1))],
    ),
    Fault(
        "bounds-from-data",
        "IBM/differential-privacy-library, tools without bounds (PrivacyLeakWarning)",
        "sensitivity computed from the least and largest record",
        mean_within_data,
        mean_within_bounds,
        PureDP(1.0),
        [((0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 100.0))],
    ),
    Fault(
        "lower-bound-twice",
        "IBM/differential-privacy-library issue 105",
        "sensitivity of squares from the lower bound alone",
        squares_by_lower_bound,
        squares_by_both_bounds,
        PureDP(1.0),
        [((1.0, 2.0), (1.0, 2.0, 3.0))],
    ),
    Fault(
        "unclipped-covariance",
        "opendp/smartnoise-sdk issue 622",
        "data are clipped, and the unclipped ones used",
        unclipped_covariance,
        clipped_covariance,
        PureDP(1.0),
        [(((0, 0), (1, 1), (0, 1), (1, 0)), ((0, 0), (1, 1), (0, 1), (60, 60)))],
    ),
    Fault(
        "mean-of-secret-count",
        "opendp/smartnoise-core issue 356",
        "noise of a mean divided by the true number of records",
        mean_of_secret_count,
        noisy_sum_and_count,
        PureDP(1.0),
        [((1.0, 1.0), (1.0, 1.0, 0.0))],
    ),
    Fault(
        "nan-passes-clamp",
        "google/differential-privacy pull request 405; Wilson et al., PoPETs 2020",
        "NaN passes through the bounds of a sum",
        sum_with_nan,
        sum_without_nan,
        PureDP(1.0),
        [((1.0,), (1.0, float("nan")))],
    ),
    Fault(
        "unbounded-join",
        "uber-archive/sql-differential-privacy issue 1; Wilson et al., PoPETs 2020",
        "a user owns five rows of a count, noise is for one",
        joined_count,
        bounded_count,
        PureDP(1.0),
        [(("ann", "bob", "ann", "ann", "ann", "ann"), ("bob",))],
    ),
)
