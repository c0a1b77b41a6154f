"""Bounds over all pairs and all outputs, for laws that are neither separable nor bounded by the
distance alone.

Every ln P_w(y) is enclosed by two floats, rounded outward from a ball, on all cores. The sweep over
pairs and outputs then only subtracts, divides and compares floats; each operation is rounded once,
to the next float at worst (IEEE 754), which is allowed for.
"""

import math
from collections.abc import Callable

import numpy as np
from flint import arb
from numpy.typing import NDArray

from ..mechanisms.balls.enclosures import around, lower_float, upper_float
from ..mechanisms.balls.processes import (
    BallProcesses,
    Numbers,
    as_balls,
    as_numbers,
    rows_in_pieces,
)
from ..mechanisms.kernels.parallel import ordered_map
from ..results.model import Interval
from .case import Case, log_enclosure

__all__ = ["delta_over_outputs", "epsilon_over_outputs"]

Floats = NDArray[np.float64]
Range = tuple[int, int]

#: Rows that are subtracted at a time: with 2,000 outputs, 1 MB.
_ROWS = 64


def epsilon_over_outputs(
    case: Case, processes: BallProcesses, progress: Callable[[float], None] | None = None
) -> tuple[Interval, tuple[int, int] | None]:
    """Enclose epsilon* and name a pair that refutes the claim for certain, if there is one."""
    n = len(case.words)
    laws = _by_rows(case, processes, _log_piece, progress)
    distances = _by_rows(case, processes, _distance_piece)
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


def delta_over_outputs(case: Case, processes: BallProcesses) -> Interval:
    """Enclose the largest failure mass at the epsilon of the claim, over all ordered pairs."""
    pieces = _pieces(case)
    laws = [row for rows in processes.map(_law_piece, pieces) for row in rows]
    best = arb(0)
    for found in processes.map(_delta_piece, pieces, laws):
        best = best.max(as_balls(found)[0])
    return Interval(lower=max(0.0, lower_float(best)), upper=min(1.0, upper_float(best)))


def _law_piece(case: Case, rows: Range, _: None) -> list[Numbers]:
    return [as_numbers(case.law.probabilities(word)) for word in range(*rows)]


def _delta_piece(case: Case, rows: Range, law_numbers: list[Numbers]) -> Numbers:
    """The largest failure mass of the pairs whose first word is in the rows."""
    laws = [as_balls(numbers) for numbers in law_numbers]
    best = arb(0)
    for i in range(*rows):
        keys = case.claimed.row(i)
        for j, other in enumerate(laws):
            if i != j:
                factor = (arb(case.epsilon) * case.claimed.distance(keys[j])).exp()
                parts = zip(laws[i], other, strict=True)
                terms = ((ours - factor * theirs).max(arb(0)) for ours, theirs in parts)
                best = best.max(sum(terms, arb(0)))
    return as_numbers([best])


def _pieces(case: Case) -> list[Range]:
    """Ranges of words: so many that there is something to report, and that all cores have work
    to the end."""
    return rows_in_pieces(len(case.words), max(1, min(16, len(case.words) // 64)))


def _by_rows(
    case: Case,
    processes: BallProcesses,
    work: Callable[[Case, Range, None], tuple[Floats, Floats]],
    progress: Callable[[float], None] | None = None,
) -> tuple[Floats, Floats]:
    """Floats below and above numbers of all pairs of words, shape (n, n) each."""
    n, pieces = len(case.words), _pieces(case)
    lower, upper = np.empty((2, n, n))
    for rows, (low, high) in zip(pieces, processes.map(work, pieces), strict=True):
        lower[slice(*rows)], upper[slice(*rows)] = low, high
        if progress:
            progress(rows[1] / n)
    return lower, upper


def _log_piece(case: Case, rows: Range, _: None) -> tuple[Floats, Floats]:
    """Floats below and above every ln P_w(y) for the words w in the rows."""
    ends = np.array(
        [[_log_around(p) for p in case.law.probabilities(word)] for word in range(*rows)]
    )
    return ends[:, :, 0], ends[:, :, 1]


def _log_around(probability: arb) -> tuple[float, float]:
    if probability > 0:
        return around(probability.log())
    ends = log_enclosure(probability)
    return ends.lower, ends.upper


def _distance_piece(case: Case, rows: Range, _: None) -> tuple[Floats, Floats]:
    """Floats below and above every distance of the claim from the words in the rows."""
    keys = case.claimed.rows(*rows)
    ends = np.array([[around(ball) for ball in case.claimed.distances(row)] for row in keys])
    return ends[:, :, 0], ends[:, :, 1]
