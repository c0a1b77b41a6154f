"""Bounds over all pairs and all outputs, for laws that are neither separable nor bounded by the
distance alone.

Every ln P_w(y) is enclosed by two floats, rounded outward from a ball. The sweep over pairs and
outputs then only subtracts, divides and compares floats; each operation is rounded once, to the
next float at worst (IEEE 754), which is allowed for.
"""

import math
from collections.abc import Callable

import numpy as np
from flint import arb
from numpy.typing import NDArray

from ..mechanisms.balls.enclosures import around, lower_float, upper_float
from ..mechanisms.kernels.parallel import ordered_map
from ..results.model import Interval
from .case import Case, log_enclosure

__all__ = ["delta_over_outputs", "epsilon_over_outputs"]

Floats = NDArray[np.float64]

#: Rows that are subtracted at a time: with 2,000 outputs, 1 MB.
_ROWS = 64


def epsilon_over_outputs(
    case: Case, progress: Callable[[float], None] | None = None
) -> tuple[Interval, tuple[int, int] | None]:
    """Enclose epsilon* and name a pair that refutes the claim for certain, if there is one."""
    n = len(case.words)
    laws = _log_laws(case, progress)
    distances = _distances(case)
    found = list(ordered_map(lambda word: _row(word, laws, distances), range(n)))
    upper = max(high for _, high, _ in found)
    word = max(range(n), key=lambda i: found[i][0])
    lower, _, neighbour = found[word]
    refuting = (word, neighbour) if lower > upper_float(arb(case.epsilon)) else None
    return Interval(lower=max(0.0, lower), upper=upper), refuting


def _row(
    word: int, laws: tuple[Floats, Floats], distances: tuple[Floats, Floats]
) -> tuple[float, float, int]:
    """Lower and upper bound of the largest loss over distance from one word, and the neighbour
    with the largest lower bound."""
    above = _largest_differences(laws[1][word], laws[0])
    below = _largest_differences(laws[0][word], laws[1])
    shortest, longest = distances[0][word], distances[1][word]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        above, below = np.nextafter(above, math.inf), np.nextafter(below, -math.inf)
        high = np.nextafter(above / np.where(above > 0.0, shortest, longest), math.inf)
        low = np.nextafter(below / np.where(below > 0.0, longest, shortest), -math.inf)
    high[word], low[word] = -np.inf, -np.inf
    neighbour = int(low.argmax())
    return float(low[neighbour]), float(high.max()), neighbour


def _largest_differences(ours: Floats, theirs: Floats) -> Floats:
    """max over y of ours(y) - theirs(j, y) for every j, each difference rounded once.

    (-inf) - (-inf) is an output that is impossible under both, or of which nothing is known on one
    side and which is impossible on the other: skipped.
    """
    largest = np.empty(len(theirs))
    buffer = np.empty((_ROWS, theirs.shape[1]))
    with np.errstate(invalid="ignore"):
        for start in range(0, len(theirs), _ROWS):
            part = theirs[start : start + _ROWS]
            differences = np.subtract(ours, part, out=buffer[: len(part)])
            np.fmax.reduce(differences, axis=1, out=largest[start : start + _ROWS])
    return largest


def delta_over_outputs(case: Case) -> Interval:
    """Enclose the largest failure mass at the epsilon of the claim, over all ordered pairs."""
    n = len(case.words)
    laws = [case.law.probabilities(word) for word in range(n)]
    best = arb(0)
    for i in range(n):
        keys = case.claimed.row(i)
        for j in range(n):
            if i != j:
                factor = (arb(case.epsilon) * case.claimed.distance(keys[j])).exp()
                parts = zip(laws[i], laws[j], strict=True)
                terms = ((ours - factor * theirs).max(arb(0)) for ours, theirs in parts)
                best = best.max(sum(terms, arb(0)))
    return Interval(lower=max(0.0, lower_float(best)), upper=min(1.0, upper_float(best)))


def _log_laws(case: Case, progress: Callable[[float], None] | None) -> tuple[Floats, Floats]:
    """Floats below and above every ln P_w(y), shape (n, n) each."""
    n = len(case.words)
    lower, upper = np.empty((2, n, n))
    for word in range(n):
        for y, probability in enumerate(case.law.probabilities(word)):
            if probability > 0:
                lower[word, y], upper[word, y] = around(probability.log())
            else:
                ends = log_enclosure(probability)
                lower[word, y], upper[word, y] = ends.lower, ends.upper
        if progress:
            progress((word + 1) / n)
    return lower, upper


def _distances(case: Case) -> tuple[Floats, Floats]:
    """Floats below and above every distance of the claim, shape (n, n) each."""
    n = len(case.words)
    lower, upper = np.empty((2, n, n))
    for i, keys in case.claimed:
        for j, ball in enumerate(case.claimed.distances(keys)):
            lower[i, j], upper[i, j] = around(ball)
    return lower, upper
