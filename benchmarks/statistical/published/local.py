"""Faults of local differential privacy."""

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.statistical.published.fault import Fault
from dpaudit import PureDP

Bits = NDArray[np.bool_]

#: Unary encoding of one of so many values, at this epsilon.
VALUES, EPSILON = 4, 0.5
KEPT = 1.0 / (1.0 + math.exp(-EPSILON / 2.0))


def unary_twice(x: int, size: int, rng: Generator) -> Bits:
    """The true bit starts as noise and is then set with the chance it should have in all."""
    bits = rng.random((size, VALUES)) < 1.0 - KEPT
    bits[:, x] |= rng.random(size) < KEPT
    return bits


def unary_once(x: int, size: int, rng: Generator) -> Bits:
    bits = rng.random((size, VALUES)) < 1.0 - KEPT
    bits[:, x] = rng.random(size) < KEPT
    return bits


def lie_that_may_be_true(x: bool, size: int, rng: Generator) -> Bits:
    """Who does not tell the truth says either, where the other was meant."""
    return np.where(rng.random(size) < 0.75, x, rng.random(size) < 0.5)


def lie(x: bool, size: int, rng: Generator) -> Bits:
    return np.where(rng.random(size) < 0.75, x, not x)


#: Reports of one user a day.
REPORTS = 4


def budget_by_report(x: bool, size: int, rng: Generator) -> Bits:
    """Randomized response at epsilon = 1 for each report of a day."""
    return (rng.random((size, REPORTS)) < 1.0 / (1.0 + math.exp(-1.0))) == x


def budget_by_day(x: bool, size: int, rng: Generator) -> Bits:
    return (rng.random((size, REPORTS)) < 1.0 / (1.0 + math.exp(-1.0 / REPORTS))) == x


#: All answers in two dimensions.
CORNERS = np.array([(-1, -1), (-1, 1), (1, -1), (1, 1)], dtype=np.int8)


def halfspaces_with_ties(x: tuple[int, int], size: int, rng: Generator) -> NDArray[np.int8]:
    """A corner of one side or of the other; in an even dimension some belong to both."""
    products = CORNERS @ np.array(x)
    near, far = CORNERS[products >= 0], CORNERS[products <= 0]
    chosen = rng.integers(3, size=(2, size))
    side = rng.random((size, 1)) < 1.0 / (1.0 + math.exp(-EPSILON))
    return np.where(side, near[chosen[0]], far[chosen[1]])


def halfspaces(x: tuple[int, int], size: int, rng: Generator) -> NDArray[np.int8]:
    """Ties belong to the near side, and each of its three corners is e^epsilon times as likely as
    the far one."""
    products = CORNERS @ np.array(x)
    near, far = CORNERS[products >= 0], CORNERS[products < 0]
    side = rng.random((size, 1)) < 3.0 / (3.0 + math.exp(-EPSILON))
    return np.where(side, near[rng.integers(3, size=size)], far[0])


FAULTS = (
    Fault(
        "unary-encoding",
        "Samuel-Maddock/pure-LDP issue 11; Arcolezi and Gambs 2023 (arXiv 2309.01597)",
        "the true bit is kept more often than it should be",
        unary_twice,
        unary_once,
        PureDP(EPSILON),
        [(0, 1)],
    ),
    Fault(
        "randomized-response-lie",
        "opendp/opendp issue 480",
        "a lie may be the truth",
        lie_that_may_be_true,
        lie,
        PureDP(math.log(3.0)),
        [(True, False)],
    ),
    Fault(
        "budget-by-report",
        "Tang et al. 2017 (arXiv 1709.02753)",
        "epsilon is spent anew for every report",
        budget_by_report,
        budget_by_day,
        PureDP(1.0),
        [(True, False)],
    ),
    Fault(
        "halfspaces-with-ties",
        "Nguyên et al. 2016 (arXiv 1606.05053) and Wang et al., ICDE 2019, on Duchi et al.",
        "in even dimensions some answers belong to both sides",
        halfspaces_with_ties,
        halfspaces,
        PureDP(EPSILON),
        [((1, 1), (-1, 1))],
    ),
)
