"""Bounds on epsilon* over every pair of a vocabulary, in ball arithmetic.

Three ways, each for the laws that allow it:

* separable laws: the loss of a pair is theta c + |ln Z_w - ln Z_w'| (specification, section 5.1),
  so the normalisers decide, in O(n^2);
* laws with a bound on every loss by the distance alone (`random-cutoff-exponential`);
* any law: all pairs and all outputs, in O(n^3) (`outputs`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from flint import arb, fmpq, fmpz

from ..mechanisms.balls.enclosures import lower_float, precision, upper_float
from ..mechanisms.balls.geometry import Key
from ..mechanisms.balls.random_cutoff import RandomCutoffBallLaw
from ..mechanisms.balls.separable import SeparableBallLaw
from ..results.model import Interval
from .case import BITS, Case, enclosure
from .model import AllPairsFinding
from .outputs import delta_over_outputs, epsilon_over_outputs

__all__ = ["AllPairs", "Progress", "all_pairs", "method_of"]

Progress = Callable[[float], None]


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
    with precision(bits):
        if method == "normalisers" and isinstance(case.law, SeparableBallLaw):
            return _by_normalisers(case, case.law, progress)
        if method == "uniform" and isinstance(case.law, RandomCutoffBallLaw):
            return _by_distance(case, case.law, progress)
        if method == "outputs":
            epsilon, refuting = epsilon_over_outputs(case, progress)
            delta = None
            if case.delta > 0 and not _at_most(epsilon.upper, case.epsilon):
                delta = delta_over_outputs(case)
            return AllPairs(
                AllPairsFinding(method="outputs", epsilon=epsilon, delta=delta), refuting
            )
    raise ValueError(f"The method {method!r} does not fit the law.")


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


def _by_normalisers(case: Case, law: SeparableBallLaw, progress: Progress | None) -> AllPairs:
    if law.geometry.metric == "discrete":
        # All normalisers are equal and all losses too: the closest pair has the largest ratio.
        logs = [arb(0)] * len(case.words)
        candidates, low = [_Pair(arb.nan(), *case.claimed.closest)], arb(0)
    else:
        logs = [z.log() for z in law.normalisers(_half(progress, 0.0))]
        candidates, low = _leading_pairs(case, law, logs, _half(progress, 0.5))
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
    return AllPairs(finding, refuting, undecided)


def _half(progress: Progress | None, start: float) -> Progress | None:
    """Progress of a half of the work, the one that begins at `start`."""
    return (lambda part: progress(start + 0.5 * part)) if progress else None


def _leading_pairs(
    case: Case, law: SeparableBallLaw, logs: list[arb], progress: Progress | None
) -> tuple[list[_Pair], arb]:
    """Every pair that may have the largest ratio, and a number that the largest is not below."""
    survivors: list[_Pair] = []
    low, many = arb(0), _MANY
    for i, ratios in _ratios(case, law, logs):
        for j, ratio in enumerate(ratios, start=i + 1):
            if not ratio < low:
                survivors.append(_Pair(ratio, i, j))
                low = low.max(arb(ratio.lower()))
        if len(survivors) > many:
            survivors = [pair for pair in survivors if not pair.ratio < low]
            many = 2 * len(survivors) + _MANY
        if progress:
            progress((i + 1) / len(case.words))
    return survivors, low


def _rows(case: Case) -> Iterator[tuple[int, list[fmpz], list[fmpz]]]:
    """Every word with its keys in the law and in the claim."""
    if case.claimed is case.law.geometry:
        yield from ((i, keys, keys) for i, keys in case.claimed)
    else:
        for (i, keys), (_, claimed) in zip(case.law.geometry, case.claimed, strict=True):
            yield i, keys, claimed


def _ratios(
    case: Case, law: SeparableBallLaw, logs: list[arb]
) -> Iterator[tuple[int, Iterator[arb]]]:
    """Every word i with the ratios of its pairs with the words i + 1, i + 2, ..."""
    theta = arb(law.rate)
    simple = case.claimed is law.geometry and law.threshold is None
    for i, keys, claimed in _rows(case):
        differences = (abs(logs[i] - other) for other in logs[i + 1 :])
        distances = case.claimed.distances(claimed[i + 1 :])
        parts = zip(differences, distances, strict=True)
        if simple:
            yield i, (theta + difference / distance for difference, distance in parts)
        else:
            costs = law.costs(law.clipped(keys[i + 1 :]))
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


def _by_distance(case: Case, law: RandomCutoffBallLaw, progress: Progress | None) -> AllPairs:
    """epsilon* <= the largest (d/b + x) / d', d the distance of the law and d' that of the claim.
    Nothing is said from below."""
    extra, steepness = law.largest_extra_loss(), law.steepness
    same = case.claimed is law.geometry
    if same:
        largest = steepness + extra / law.geometry.distance(law.geometry.extremes[0])
    else:
        largest = arb(0)
        for i, keys, claimed in _rows(case):
            distances = case.claimed.distances(claimed[i + 1 :])
            for key, distance in zip(keys[i + 1 :], distances, strict=True):
                loss = steepness * law.geometry.distance(key) + extra
                largest = largest.max(loss / distance)
            if progress:
                progress((i + 1) / len(case.words))
    interval = Interval(lower=0.0, upper=upper_float(largest))
    return AllPairs(AllPairsFinding(method="uniform", epsilon=interval), None)
