"""Bounds on epsilon* over every pair of a vocabulary, in ball arithmetic.

Three ways, each for the laws that allow it:

* separable laws: the loss of a pair is theta c + |ln Z_w - ln Z_w'| (specification, section 5.1),
  so the normalisers decide, in O(n^2) (`normalisers`);
* laws with a bound on every loss by the distance alone (`random-cutoff-exponential`);
* any law: all pairs and all outputs, in O(n^3) (`outputs`).

The work is done on all cores (`BallProcesses`). It is cut into pieces of some rows whatever their
number, so that the figures do not depend on it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from flint import arb, fmpq

from ..mechanisms.balls.enclosures import precision, upper_float
from ..mechanisms.balls.processes import (
    BallProcesses,
    Numbers,
    as_balls,
    as_numbers,
    rows_in_pieces,
)
from ..mechanisms.balls.random_cutoff import RandomCutoffBallLaw
from ..mechanisms.balls.separable import SeparableBallLaw
from ..results.model import Interval
from .case import Case, later_keys
from .estimate import seconds_for_all_pairs
from .model import AllPairsFinding
from .normalisers import by_normalisers
from .outputs import delta_over_outputs, epsilon_over_outputs

__all__ = ["AllPairs", "Progress", "all_pairs", "method_of"]

Progress = Callable[[float], None]

#: Rows of a piece of work.
_ROWS = 64


@dataclass(frozen=True)
class AllPairs:
    """What is found over all pairs.

    `refuting` is a pair (input, neighbour) whose loss is certainly above the claim, or None.
    `undecided` counts pairs that no precision decided.
    """

    finding: AllPairsFinding
    refuting: tuple[int, int] | None
    undecided: int = 0

    def upholds(self, case: Case) -> bool:
        """Whether the finding proves the claim."""
        delta = self.finding.delta
        if delta is not None and _at_most(delta.upper, case.delta):
            return True
        return self.undecided == 0 and _at_most(self.finding.epsilon.upper, case.epsilon)


def _at_most(number: float, bound: fmpq) -> bool:
    return number < float("inf") and fmpq(*number.as_integer_ratio()) <= bound


def method_of(case: Case) -> str:
    """The quickest method that the law allows."""
    if isinstance(case.law, SeparableBallLaw):
        return "normalisers"
    return "uniform" if isinstance(case.law, RandomCutoffBallLaw) else "outputs"


def all_pairs(case: Case, method: str, bits: int, progress: Progress | None = None) -> AllPairs:
    """Enclose epsilon* over all pairs by one method at `bits` bits.

    Only pairs that this leaves undecided are looked at with more.
    """
    if not _fits(case, method):
        raise ValueError(f"The method {method!r} does not fit the law.")
    seconds = seconds_for_all_pairs(case, method, needs_delta=case.delta > 0)
    with precision(bits), BallProcesses(case, seconds) as processes:
        if method == "normalisers" and isinstance(case.law, SeparableBallLaw):
            return AllPairs(*by_normalisers(case, case.law, processes, progress))
        if method == "uniform" and isinstance(case.law, RandomCutoffBallLaw):
            return _by_distance(case, case.law, processes, progress)
        epsilon, refuting = epsilon_over_outputs(case, processes, progress)
        delta = None
        if case.delta > 0 and not _at_most(epsilon.upper, case.epsilon):
            delta = delta_over_outputs(case, processes)
        finding = AllPairsFinding(method="outputs", epsilon=epsilon, delta=delta)
        return AllPairs(finding, refuting)


def _fits(case: Case, method: str) -> bool:
    laws: dict[str, type] = {"normalisers": SeparableBallLaw, "uniform": RandomCutoffBallLaw}
    return method == "outputs" or (method in laws and isinstance(case.law, laws[method]))


def _by_distance(
    case: Case, law: RandomCutoffBallLaw, processes: BallProcesses, progress: Progress | None
) -> AllPairs:
    """epsilon* <= the largest (d/b + x) / d', d the distance of the law and d' that of the claim.
    Nothing is said from below."""
    extra = law.largest_extra_loss()
    if case.claimed is law.geometry:
        largest = law.steepness + extra / law.geometry.distance(law.geometry.extremes[0])
    else:
        largest = arb(0)
        pieces = rows_in_pieces(len(case.words), _ROWS)
        shared = as_numbers([law.steepness, extra])
        for done, found in enumerate(processes.map(_distance_piece, pieces, shared), start=1):
            largest = largest.max(as_balls(found)[0])
            if progress:
                progress(done / len(pieces))
    interval = Interval(lower=0.0, upper=upper_float(largest))
    return AllPairs(AllPairsFinding(method="uniform", epsilon=interval), None)


def _distance_piece(case: Case, rows: tuple[int, int], numbers: Numbers) -> Numbers:
    steepness, extra = as_balls(numbers)
    largest = arb(0)
    for _, keys, claimed in later_keys(case, rows):
        distances = case.claimed.distances(claimed)
        for key, distance in zip(keys, distances, strict=True):
            largest = largest.max((steepness * case.law.geometry.distance(key) + extra) / distance)
    return as_numbers([largest])
