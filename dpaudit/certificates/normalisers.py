"""Bounds over all pairs for separable laws: the loss of a pair is theta c + |ln Z_w - ln Z_w'|.

All normalisers and all pairs are evaluated in pieces of some rows, on all cores; what is left is
decided exactly.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from flint import arb, fmpq

from ..mechanisms.balls.enclosures import lower_float, precision
from ..mechanisms.balls.geometry import Key
from ..mechanisms.balls.processes import (
    BallProcesses,
    Numbers,
    as_balls,
    as_numbers,
    rows_in_pieces,
)
from ..mechanisms.balls.separable import SeparableBallLaw
from ..results.model import Interval
from .case import BITS, Case, enclosure, later_keys
from .model import AllPairsFinding

__all__ = ["by_normalisers"]

Progress = Callable[[float], None]
Range = tuple[int, int]

#: Rows of a piece of work.
_ROWS = 64


@dataclass(frozen=True, eq=False)
class _Pair:
    """A pair whose loss over distance may be the largest: theta c/d + |ln Z - ln Z'|/d."""

    ratio: arb
    first: int
    second: int

    def oriented(self, logs: list[arb]) -> tuple[int, int]:
        """The order with the larger loss: L(w, w') = theta c + ln Z_w' - ln Z_w."""
        swap = logs[self.first].mid() > logs[self.second].mid()
        return (self.second, self.first) if swap else (self.first, self.second)


def by_normalisers(
    case: Case, law: SeparableBallLaw, processes: BallProcesses, progress: Progress | None
) -> tuple[AllPairsFinding, tuple[int, int] | None, int]:
    """An enclosure of epsilon*, a pair that refutes the claim for certain or None, and the number
    of pairs that no precision decided."""
    if law.geometry.metric == "discrete":
        # All normalisers are equal and all losses too: the closest pair has the largest ratio.
        logs = [arb(0)] * len(case.words)
        candidates, low = [_Pair(arb.nan(), *case.claimed.closest)], arb(0)
    else:
        logs = _log_normalisers(law, processes, _half(progress, 0.0))
        candidates, low = _leading_pairs(case, logs, processes, _half(progress, 0.5))
    symmetry = _Symmetry(law)
    interval = Interval(lower=lower_float(low), upper=lower_float(low))
    refuting, tie, undecided = None, False, 0
    for pair in candidates:
        if pair.ratio < low:
            continue
        decided = _decide(case, law, symmetry, pair)
        interval = Interval(
            lower=max(interval.lower, decided.ratio.lower),
            upper=max(interval.upper, decided.ratio.upper),
        )
        tie = tie or decided.relation is _Relation.EQUAL
        undecided += decided.relation is _Relation.UNKNOWN
        if decided.relation is _Relation.ABOVE and refuting is None:
            refuting = pair.oriented(logs)
    finding = AllPairsFinding(method="normalisers", epsilon=interval, tie=tie)
    return finding, refuting, undecided


def _half(progress: Progress | None, start: float) -> Progress | None:
    """Progress of a half of the work, the one that begins at `start`."""
    return (lambda part: progress(start + 0.5 * part)) if progress else None


def _log_normalisers(
    law: SeparableBallLaw, processes: BallProcesses, progress: Progress | None
) -> list[arb]:
    pieces = rows_in_pieces(len(law.geometry), _ROWS)
    priors = None
    if law.bandwidth is not None:
        found = list(processes.map(_kernel_piece, pieces))
        law.take_priors(map(as_balls, found))
        priors = as_numbers(law.priors() or [])
    sums = []
    for done, numbers in enumerate(processes.map(_weight_piece, pieces, priors), start=1):
        sums.append(as_balls(numbers))
        if progress:
            progress(done / len(pieces))
    return [total.log() for total in law.normalisers(sums)]


def _kernel_piece(case: Case, rows: Range, _: None) -> Numbers:
    return as_numbers(_separable(case).kernel_sums(*rows))


def _weight_piece(case: Case, rows: Range, priors: Numbers | None) -> Numbers:
    law = _separable(case)
    if priors is not None:
        law.know_priors(lambda: as_balls(priors))
    return as_numbers(law.weight_sums(*rows))


def _separable(case: Case) -> SeparableBallLaw:
    assert isinstance(case.law, SeparableBallLaw)
    return case.law


def _leading_pairs(
    case: Case, logs: list[arb], processes: BallProcesses, progress: Progress | None
) -> tuple[list[_Pair], arb]:
    """Every pair that may have the largest ratio, and a number that the largest is not below."""
    pieces = rows_in_pieces(len(logs), _ROWS)
    survivors: list[_Pair] = []
    low = arb(0)
    found = processes.map(_leading_piece, pieces, as_numbers(logs))
    for done, (ratios, places) in enumerate(found, start=1):
        pairs = zip(as_balls(ratios), places, strict=True)
        survivors += [_Pair(ratio, i, j) for ratio, (i, j) in pairs]
        low, survivors = _without_those_behind(survivors, low)
        if progress:
            progress(done / len(pieces))
    return survivors, low


def _leading_piece(
    case: Case, rows: Range, log_numbers: Numbers
) -> tuple[Numbers, list[tuple[int, int]]]:
    """Among the pairs (i, j), i in the rows and j > i, those that may have the largest ratio."""
    survivors: list[_Pair] = []
    low, many = arb(0), _MANY
    for i, ratios in _ratios(case, as_balls(log_numbers), rows):
        for j, ratio in enumerate(ratios, start=i + 1):
            if not ratio < low:
                survivors.append(_Pair(ratio, i, j))
                low = low.max(arb(ratio.lower()))
        if len(survivors) > many:
            _, survivors = _without_those_behind(survivors, low)
            many = 2 * len(survivors) + _MANY
    _, survivors = _without_those_behind(survivors, low)
    return as_numbers(pair.ratio for pair in survivors), [(p.first, p.second) for p in survivors]


def _without_those_behind(pairs: list[_Pair], low: arb) -> tuple[arb, list[_Pair]]:
    for pair in pairs:
        low = low.max(arb(pair.ratio.lower()))
    return low, [pair for pair in pairs if not pair.ratio < low]


def _ratios(case: Case, logs: list[arb], rows: Range) -> Iterator[tuple[int, Iterator[arb]]]:
    """Every word i of the rows with the ratios of its pairs with the words i + 1, i + 2, ..."""
    law = _separable(case)
    theta = arb(law.rate)
    simple = case.claimed is law.geometry and law.threshold is None
    for i, keys, claimed in later_keys(case, rows):
        differences = (abs(logs[i] - other) for other in logs[i + 1 :])
        distances = case.claimed.distances(claimed)
        parts = zip(differences, distances, strict=True)
        if simple:
            yield i, (theta + difference / distance for difference, distance in parts)
        else:
            costs = law.costs(law.clipped(keys))
            yield (
                i,
                (
                    (cost + difference) / distance
                    for cost, (difference, distance) in zip(costs, parts, strict=True)
                ),
            )


#: Candidates beyond which those that have fallen behind are forgotten.
_MANY = 100_000


class _Symmetry:
    """Which words have the same costs to all words, so that Z_w = Z_w' exactly.

    With a prior, to words of the same priors: those that have the same distances to all words, and
    so the same sums of kernels.
    """

    def __init__(self, law: SeparableBallLaw) -> None:
        self._law = law
        self._known: dict[int, tuple[tuple[Key, int], ...]] = {}

    @cached_property
    def _classes(self) -> list[int]:
        """A number for every word, the same only for words whose priors are equal."""
        n = len(self._law.geometry)
        if self._law.bandwidth is None:
            return [0] * n
        numbers: dict[tuple[Key, ...], int] = {}
        return [
            numbers.setdefault(tuple(sorted(keys)), len(numbers)) for _, keys in self._law.geometry
        ]

    def _costs(self, word: int) -> tuple[tuple[Key, int], ...]:
        if word not in self._known:
            keys = self._law.clipped(self._law.geometry.row(word))
            self._known[word] = tuple(sorted(zip(keys, self._classes, strict=True)))
        return self._known[word]

    def equal(self, first: int, second: int) -> bool:
        return self._costs(first) == self._costs(second)


class _Relation(Enum):
    BELOW = "below the claim"
    EQUAL = "equal to the claim"
    ABOVE = "above the claim"
    UNKNOWN = "not told from the claim"


@dataclass(frozen=True)
class _Decided:
    ratio: Interval
    relation: _Relation


def _decide(case: Case, law: SeparableBallLaw, symmetry: _Symmetry, pair: _Pair) -> _Decided:
    """Compare the ratio of one pair with the claim, exactly.

    With a = epsilon d and k = theta c, the loss equals the claim if e^(a - k) Z_w = Z_w' (or with
    w and w' exchanged). Both sides are sums of exponentials of real algebraic numbers. By the
    theorem of Lindemann and Weierstrass, exponentials of different algebraic numbers are linearly
    independent over the algebraic numbers, so the sides are equal only if they have the same
    exponents with the same multiplicities. The largest exponents are a - k on the left and 0 on
    the right. Hence the loss equals the claim exactly when a = k and both words have the same
    costs; in all other cases enough bits tell them apart.

    With a prior only one direction is used: words with the same costs to words of the same priors
    have equal normalisers. A tie of another kind would stay undecided, at any precision. Angles are
    not algebraic, so of them only the equality of keys decides a tie, and any other one stays
    undecided.
    """
    found = _compared(case, pair.ratio)
    if found.relation is not _Relation.UNKNOWN:
        return found
    i, j = pair.first, pair.second
    key = law.clipped([law.geometry.row(i)[j]])[0]
    claimed_key = case.claimed.row(i)[j]
    if symmetry.equal(i, j):
        # The normalisers cancel: the ratio is theta c/d, the root of a fraction.
        square = _squared_quotient(case, law, key, claimed_key)
        if square is not None and law.rate * law.rate * square == case.epsilon * case.epsilon:
            return _Decided(enclosure(arb(case.epsilon)), _Relation.EQUAL)
    for bits in BITS:
        with precision(bits):
            difference = arb(0)
            if not symmetry.equal(i, j):
                difference = abs(law.normaliser(i).log() - law.normaliser(j).log())
            ratio = (law.costs([key])[0] + difference) / case.claimed.distance(claimed_key)
            found = _compared(case, ratio)
        if found.relation is not _Relation.UNKNOWN:
            break
    return found


def _squared_quotient(case: Case, law: SeparableBallLaw, key: Key, claimed_key: Key) -> fmpq | None:
    """(c/d)^2 for the distances of two keys as a fraction; None where angles leave that open."""
    if case.claimed is law.geometry and key == claimed_key:
        return fmpq(1)
    if "angular" in (law.geometry.metric, case.claimed.metric):
        return None
    return law.geometry.square(key) / case.claimed.square(claimed_key)


def _compared(case: Case, ratio: arb) -> _Decided:
    relation = _Relation.UNKNOWN
    if ratio < case.epsilon:
        relation = _Relation.BELOW
    elif ratio > case.epsilon:
        relation = _Relation.ABOVE
    return _Decided(enclosure(ratio), relation)
