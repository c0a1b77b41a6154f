"""Faults that show by an exception."""

from typing import Any

import numpy as np
from numpy.random import Generator

from benchmarks.statistical.published.fault import Fault, Floats
from dpaudit import PureDP

#: An exception is an output like any other.
RECORDED = {"on_exception": "record"}


def count_that_crashes(x: tuple[int, ...], size: int, rng: Generator) -> Floats:
    """The connection is lost on an empty subquery, and on no other."""
    if not x:
        raise ConnectionError("server closed the connection unexpectedly")
    return len(x) + rng.laplace(0.0, 1.0, size)


def count(x: tuple[int, ...], size: int, rng: Generator) -> Floats:
    return len(x) + rng.laplace(0.0, 1.0, size)


def query_that_raises(x: tuple[Any, ...], size: int, rng: Generator) -> Floats:
    """An analyst's function that fails on one person's record."""
    return sum(1.0 / (record != "john") for record in x) + rng.laplace(0.0, 1.0, size)


def query_with_default(x: tuple[Any, ...], size: int, rng: Generator) -> Floats:
    def guarded(record: Any) -> float:
        try:
            return min(max(1.0 / (record != "john"), 0.0), 1.0)
        except ZeroDivisionError:
            return 0.0

    return sum(guarded(record) for record in x) + rng.laplace(0.0, 1.0, size)


#: All records are the same, between these bounds.
LOWER, UPPER, RECORD = 0.0, 500_000.0, 65_000.0


def chosen_gap(x: int, weights: Floats, size: int, rng: Generator) -> Floats:
    """A point of a gap between x equal records and the bounds."""
    points = np.array([LOWER, *[RECORD] * x, UPPER])
    with np.errstate(invalid="ignore"):
        gaps = rng.choice(x + 1, size, p=weights / weights.sum())
    return points[gaps] + rng.random(size) * np.diff(points)[gaps]


def utilities_of(x: int) -> Floats:
    """Half the ranks that a gap is away from the middle, negative; the best has 0."""
    utilities = -np.abs(np.arange(x + 1) - x / 2.0) / 2.0
    best: Floats = utilities - utilities.max()
    return best


def median_that_underflows(x: int, size: int, rng: Generator) -> Floats:
    """All gaps but the first and the last have length 0, and these two are far from the middle."""
    lengths = np.diff([LOWER, *[RECORD] * x, UPPER])
    return chosen_gap(x, np.exp(utilities_of(x)) * lengths, size, rng)


def median_of_logarithms(x: int, size: int, rng: Generator) -> Floats:
    with np.errstate(divide="ignore"):
        logs = utilities_of(x) + np.log(np.diff([LOWER, *[RECORD] * x, UPPER]))
    return chosen_gap(x, np.exp(logs - logs.max()), size, rng)


FAULTS = (
    Fault(
        "empty-input",
        "google/differential-privacy issue 5",
        "only the empty input fails",
        count_that_crashes,
        count,
        PureDP(1.0),
        [((), (1,))],
        RECORDED,
    ),
    Fault(
        "query-that-raises",
        "Haeberlen, Pierce and Narayan, USENIX Security 2011, on PINQ",
        "a query fails on the record of one person",
        query_that_raises,
        query_with_default,
        PureDP(1.0),
        [(("ann", "bob"), ("ann", "bob", "john"))],
        RECORDED,
    ),
    Fault(
        "median-underflow",
        "IBM/differential-privacy-library issue 107",
        "all weights of a median underflow from some number of equal records on",
        median_that_underflows,
        median_of_logarithms,
        PureDP(1.0),
        [(2981, 2982)],
        RECORDED,
    ),
)
