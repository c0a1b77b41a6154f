"""Faults of groups, histograms and synthetic data."""

import math
from typing import Any

import numpy as np
from numpy.random import Generator

from benchmarks.statistical.published.fault import Fault, Floats, two_sided_geometric
from dpaudit import ApproximateDP, PureDP

EPSILON, DELTA = 1.0, 1e-5
Counts = dict[str, int]


def every_group(x: Counts, size: int, rng: Generator) -> list[dict[str, float]]:
    """Every group of the data is released, each user being in one."""
    counts = np.array(list(x.values())) + rng.laplace(0.0, 1.0 / EPSILON, (size, len(x)))
    return [dict(zip(x, row, strict=True)) for row in counts.tolist()]


def large_groups(x: Counts, size: int, rng: Generator) -> list[dict[str, float]]:
    """Groups whose noisy count one user alone reaches with a chance of delta."""
    threshold = 1.0 - math.log(2.0 * DELTA) / EPSILON
    groups = every_group(x, size, rng)
    return [{key: n for key, n in group.items() if n >= threshold} for group in groups]


#: Groups that are released whether anybody is in them or not.
PUBLIC = ("jones", "smith", "zykowski")


def public_groups_with_users(x: Counts, size: int, rng: Generator) -> list[dict[str, float]]:
    """Groups that are not public are left out, and those without users are forgotten."""
    return every_group({key: x[key] for key in x if key in PUBLIC}, size, rng)


def public_groups(x: Counts, size: int, rng: Generator) -> list[dict[str, float]]:
    return every_group({key: x.get(key, 0) for key in PUBLIC}, size, rng)


#: What a record can be, and how many records of synthetic data are made.
ILLNESSES, RECORDS = ("cold", "flu", "measles"), 3


def synthetic(values: Any, counts: Floats, rng: Generator) -> list[list[Any]]:
    """Records drawn from noisy counts, one row of them for each output."""
    noisy = np.maximum(counts, 0.0) + 1e-9
    bounds = np.cumsum(noisy, axis=1) / noisy.sum(axis=1, keepdims=True)
    u = rng.random((len(noisy), RECORDS, 1))
    places = np.minimum((u > bounds[:, None, :]).sum(axis=2), len(values) - 1)
    drawn: list[list[Any]] = np.asarray(values)[places].tolist()
    return drawn


def values_from_data(x: Counts, size: int, rng: Generator) -> list[list[str]]:
    """The values that occur are read off the data."""
    counts = np.array(list(x.values())) + rng.laplace(0.0, 1.0, (size, len(x)))
    return synthetic(list(x), counts, rng)


def values_from_outside(x: Counts, size: int, rng: Generator) -> list[list[str]]:
    counts = np.array([x.get(value, 0) for value in ILLNESSES])
    return synthetic(ILLNESSES, counts + rng.laplace(0.0, 1.0, (size, len(ILLNESSES))), rng)


def binned(x: Any, lower: float, upper: float, size: int, rng: Generator) -> list[list[float]]:
    """Middles of four bins of equal width, by noisy counts; one record is replaced."""
    counts, edges = np.histogram(np.clip(x, lower, upper), bins=4, range=(lower, upper))
    noisy = counts + rng.laplace(0.0, 2.0, (size, 4))
    return synthetic((edges[1:] + edges[:-1]) / 2.0, noisy, rng)


def bins_from_data(x: Any, size: int, rng: Generator) -> list[list[float]]:
    return binned(x, min(x), max(x), size, rng)


def bins_from_outside(x: Any, size: int, rng: Generator) -> list[list[float]]:
    return binned(x, 0.0, 100.0, size, rng)


#: Of partitions with one user: the noisy count reaches the threshold with a chance of delta.
PARTITION_DELTA = 0.05
THRESHOLD = 1.0 - math.log(PARTITION_DELTA * (1.0 + math.exp(-1.0)))


def selected(x: int, threshold: int, size: int, rng: Generator) -> list[int | None]:
    """The noisy count of a partition, or None; a partition without users is not there."""
    counts = (x + two_sided_geometric(1.0, size, rng)).tolist()
    return [count if x and count >= threshold else None for count in counts]


def threshold_cut(x: int, size: int, rng: Generator) -> list[int | None]:
    return selected(x, int(THRESHOLD), size, rng)


def threshold_raised(x: int, size: int, rng: Generator) -> list[int | None]:
    return selected(x, math.ceil(THRESHOLD), size, rng)


FAULTS = (
    Fault(
        "every-group",
        "Korolova et al., WWW 2009; opendp/smartnoise-sdk issue 309",
        "a group is released because somebody is in it",
        every_group,
        large_groups,
        ApproximateDP(EPSILON, DELTA),
        [({"smith": 20, "jones": 12}, {"smith": 20, "jones": 12, "zykowski": 1})],
    ),
    Fault(
        "forgotten-public-group",
        "OpenMined/PipelineDP issue 110",
        "public groups without users are missing",
        public_groups_with_users,
        public_groups,
        PureDP(EPSILON),
        [({"smith": 20, "jones": 12}, {"smith": 20, "jones": 12, "zykowski": 1})],
    ),
    Fault(
        "values-from-data",
        "Annamalai, Ganev and De Cristofaro, USENIX Security 2024 (arXiv 2405.10994), PrivBayes",
        "synthetic records take the values that occur in the data",
        values_from_data,
        values_from_outside,
        PureDP(1.0),
        [({"cold": 7, "flu": 9}, {"cold": 7, "flu": 9, "measles": 1})],
    ),
    Fault(
        "bins-from-data",
        "hazy/dpart pull request 6",
        "bins between the least and the largest record",
        bins_from_data,
        bins_from_outside,
        PureDP(1.0),
        [((20.0, 30.0, 40.0), (20.0, 30.0, 90.0))],
    ),
    Fault(
        "truncated-threshold",
        "google/differential-privacy 1.1.2, pull request 101",
        "a threshold is truncated to a whole number",
        threshold_cut,
        threshold_raised,
        ApproximateDP(1.0, PARTITION_DELTA),
        [(0, 1)],
    ),
)
