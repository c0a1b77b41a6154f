"""Lower bands of a privacy profile and upper ones of a trade-off curve, from samples.

For a set S that was fixed before the draws, delta(eps) >= P(S) - e^eps Q(S). Both probabilities of
all sets lie in their Clopper-Pearson intervals together, but for alpha; so the largest of these
differences is a lower band for all eps at once, of either direction. A black box can be shown to
leak, never shown not to.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from .attackers import Attacker, finite_scores
from .bounds import union

__all__ = ["Bands", "Hits", "Sets", "bands", "count_hits", "nested_sets"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Shares of the learning draws in the sets, on each side.
_SHARES = (0.5, 0.35, 0.2, 0.1, 0.05, 0.02, 0.01, 0.003, 0.001)

#: Values of epsilon at which the band is given, as multiples of the claimed one.
_EPSILONS = np.linspace(0.0, 3.0, 61)

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Sets:
    """{score >= cut} for the upper cuts, {score <= cut} for the lower ones."""

    upper: Floats
    lower: Floats

    def none(self) -> "Hits":
        """Hits before the first draw."""
        size = len(self.upper) + len(self.lower)
        zeros = np.zeros(size, dtype=np.int64)
        return Hits(zeros, zeros, 0, 0, len(self.upper))


@dataclass(frozen=True, eq=False)
class Hits:
    """How often each set was hit, under the two inputs.

    The first `upper` sets are likely under the first input, the others under the second.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    firsts: int
    seconds: int
    upper: int

    def __add__(self, other: "Hits") -> "Hits":
        return Hits(
            self.first + other.first,
            self.second + other.second,
            self.firsts + other.firsts,
            self.seconds + other.seconds,
            self.upper,
        )


@dataclass(frozen=True)
class Bands:
    """Bounds that hold together.

    Attributes
    ----------
    epsilon, delta
        The lower band of the privacy profile of the pair, the larger of its two directions.
    at_claim
        The band at the claimed epsilon.
    forward
        Whether the direction from the first input to the second has the larger one.
    false_positive, false_negative
        Points above which the trade-off curve does not pass: at this rate of false positives a
        test has at most that rate of false negatives.
    """

    epsilon: tuple[float, ...]
    delta: tuple[float, ...]
    at_claim: float
    forward: bool
    false_positive: tuple[float, ...]
    false_negative: tuple[float, ...]


def nested_sets(attacker: Attacker, scores: Floats) -> Sets:
    """The sets to count: tails of the scores of learning draws, and what the attacker names."""
    usable = finite_scores(scores[~np.isnan(scores)])
    shares = np.array(_SHARES)
    upper = np.quantile(usable, 1.0 - shares) if len(usable) else np.empty(0)
    lower = np.quantile(usable, shares) if len(usable) else np.empty(0)
    if attacker.upper < math.inf:
        upper = np.append(upper, attacker.upper)
    if attacker.lower > -math.inf:
        lower = np.append(lower, attacker.lower)
    return Sets(np.unique(upper), np.unique(lower))


def count_hits(sets: Sets, scores: Floats, labels: Bools) -> Hits:
    """Hits of one batch; a score that is NaN is in no set."""

    def tails(part: Floats) -> NDArray[np.int64]:
        ordered = np.sort(finite_scores(part[~np.isnan(part)]))
        above = len(ordered) - np.searchsorted(ordered, sets.upper, side="left")
        below = np.searchsorted(ordered, sets.lower, side="right")
        return np.concatenate([above, below]).astype(np.int64)

    firsts = int(labels.sum())
    return Hits(
        tails(scores[labels]),
        tails(scores[~labels]),
        firsts,
        len(labels) - firsts,
        len(sets.upper),
    )


def bands(hits: Hits, claimed: float, alpha: float) -> Bands:
    """The bands that such hits prove, all together but for `alpha`.

    Examples
    --------
    >>> hits = Hits(np.array([500]), np.array([0]), 1000, 1000, upper=1)
    >>> found = bands(hits, claimed=1.0, alpha=0.05)
    >>> found.forward, round(found.at_claim, 2)
    (True, 0.46)
    """
    # Two bounds for each set: from below under one input, from above under the other.
    level = union(alpha, 2 * len(hits.first))
    forward = np.arange(len(hits.first)) < hits.upper
    ours = np.where(forward, hits.first, hits.second)
    theirs = np.where(forward, hits.second, hits.first)
    our_count = np.where(forward, hits.firsts, hits.seconds)
    their_count = np.where(forward, hits.seconds, hits.firsts)
    p = _lower(ours, our_count, level)
    q = 1.0 - _lower(their_count - theirs, their_count, level)
    epsilon = _EPSILONS * claimed

    def band(at: float) -> Floats:
        return np.maximum(p - math.exp(min(at, 700.0)) * q, 0.0)

    here = band(claimed)
    return Bands(
        epsilon=tuple(epsilon.tolist()),
        delta=tuple(float(band(at).max()) for at in epsilon),
        at_claim=float(here.max()),
        forward=bool(forward[int(here.argmax())]),
        false_positive=tuple(q.tolist()),
        false_negative=tuple((1.0 - p).tolist()),
    )


def _lower(hits: NDArray[np.int64], count: NDArray[np.int64], level: float) -> Floats:
    """Clopper and Pearson's lower bounds."""
    with np.errstate(invalid="ignore"):
        found = betaincinv(np.maximum(hits, 1), count - hits + 1, level) * (1.0 - _ROUNDING)
    return np.where((hits > 0) & np.isfinite(found), found, 0.0)
