"""Where an attacker cuts a score: for the bound on epsilon that one expects from the testing draws,
not for the largest ratio. Large, frequent events are as good as rare ones (specification, section
7).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri

from .attackers import Attacker, Goal, finite_scores
from .guesses import allowed_rate
from .scores import Score

__all__ = ["Ordered", "cut_attackers", "in_order", "weighted_attackers"]

Floats = NDArray[np.float64]

#: Places at which a score is cut, on each side.
_CUTS = 72
_LEAST = 16

#: Standard deviations that are given up to the luck of the test, and to that of learning, where
#: the best of thousands of cuts looks better than it is; and the variance that is added against the
#: luck of a few guesses.
_TEST_LUCK = 1.0
_LEARNING_LUCK = 5.0
_FEW = 100.0

#: Wrong guesses that are added for each side on which an attacker speaks: that few guesses were all
#: right in learning does not mean that none will be wrong, and among very sure ones a wrong guess
#: costs more than a few right ones bring.
_UNSEEN = 1.0

#: What a guess counts at most; one that is half as sure as those that matter most counts half.
_WEIGHTS = 6


@dataclass(frozen=True, eq=False)
class Ordered:
    """Scores in rising order, and how often the outputs came up under the two inputs."""

    scores: Floats
    firsts: Floats
    seconds: Floats

    def reversed(self) -> "Ordered":
        """The same for the negative scores."""
        return Ordered(-self.scores[::-1], self.firsts[::-1], self.seconds[::-1])


def in_order(scores: Floats, firsts: Floats, seconds: Floats) -> Ordered:
    """Scores of outputs in order, without those that say nothing, and how often these came up under
    the two inputs; shape (N,) each."""
    scores = finite_scores(scores)
    order = np.argsort(scores)
    order = order[: np.count_nonzero(~np.isnan(scores))]  # NaN comes last
    return Ordered(scores[order], firsts[order], seconds[order])


def cut_attackers(score: Score, draws: Ordered, rounds: float, goal: Goal) -> list[Attacker]:
    """The cuts of a score with the largest expected bound, and those with the largest excess, by
    what they would have done on these draws."""
    ordered = draws.scores
    if not len(ordered):
        return []
    firsts, seconds = _sums(draws.firsts), _sums(draws.seconds)
    places = _places(ordered)
    # The first `place` of the outputs are on the low side of a cut.
    low_right, low_spoken = seconds[places], firsts[places] + seconds[places]
    high_right = firsts[-1] - firsts[places]
    high_spoken = high_right + seconds[-1] - seconds[places]
    spoken = low_spoken[:, None] + high_spoken[None, :]
    right = low_right[:, None] + high_right[None, :]
    sides = (low_spoken > 0)[:, None].astype(int) + (high_spoken > 0)[None, :]
    expected = _expected(right, spoken, sides, rounds, goal)
    excess = _excess(right, spoken, sides, rounds, goal)
    overlapping = places[:, None] > places[None, :]
    expected[overlapping], excess[overlapping] = -math.inf, -math.inf
    attackers = []
    for best in {int(np.argmax(expected)), int(np.argmax(excess))}:
        low, high = np.unravel_index(best, expected.shape)
        lower, _ = _between(ordered, int(places[low]))
        _, upper = _between(ordered, int(places[high]))
        attackers.append(
            Attacker(score, lower, upper, float(expected[low, high]), float(excess[low, high]))
        )
    return attackers


def weighted_attackers(score: Score, draws: Ordered, goal: Goal) -> list[Attacker]:
    """An attacker whose guesses weigh about as much as their odds exceed what the claim allows:
    to first order this needs the fewest draws, if the odds are right."""
    allowed = allowed_rate(goal.epsilon)
    drawn = draws.firsts + draws.seconds
    above = np.maximum(expit(np.abs(draws.scores)) - allowed, 0.0)
    if not float(drawn @ above) > 0.0:
        return []
    unit = 2.0 * float(drawn @ above**2) / float(drawn @ above) / _WEIGHTS
    rates = allowed + (np.arange(_WEIGHTS) + 0.5) * unit
    cuts = logit(rates[rates < 1.0])
    weights = np.searchsorted(cuts, np.abs(draws.scores), side="right").astype(np.float64)
    right = float(weights @ np.where(draws.scores > 0.0, draws.firsts, draws.seconds))
    spoken, squares = float(weights @ drawn), float(weights**2 @ drawn)
    if not spoken > 0.0:
        return []
    said = float(drawn @ (weights > 0.0))
    variance = squares * (allowed * (1.0 - allowed) + _FEW / said)
    excess = (right - allowed * spoken) / math.sqrt(variance)
    (lower, upper), *surer = ((-float(cut), float(cut)) for cut in cuts)
    return [Attacker(score, lower, upper, -math.inf, excess, tuple(surer))]


def _excess(
    right: NDArray[Any], spoken: NDArray[Any], sides: NDArray[Any], rounds: float, goal: Goal
) -> Floats:
    """Right guesses beyond the claim in standard deviations; those of a few guesses count less."""
    rate = allowed_rate(goal.epsilon)
    away = 0.5 * goal.delta * sides * rounds
    variance = spoken * rate * (1.0 - rate) + away + _FEW
    return np.asarray((right - rate * spoken - away) / np.sqrt(variance))


def _sums(counts: Floats) -> Floats:
    """Sums of the first 0, 1, ..., N counts."""
    return np.concatenate([[0.0], np.cumsum(counts)])


def _places(ordered: Floats) -> NDArray[np.int64]:
    """Numbers of draws on the low side of a cut: only between different values."""
    count = len(ordered)
    steps = np.flatnonzero(ordered[1:] > ordered[:-1]) + 1
    if len(steps) > _CUTS:
        even = np.linspace(0, count, _CUTS // 2)
        tails = np.geomspace(_LEAST, max(count, _LEAST), _CUTS // 4)
        wanted = np.concatenate([even, tails, count - tails])
        steps = np.unique(steps[np.minimum(np.searchsorted(steps, wanted), len(steps) - 1)])
    return np.unique(np.concatenate([[0], steps, [count]])).astype(np.int64)


def _between(ordered: Floats, place: int) -> tuple[float, float]:
    """Two numbers, the first below the second, such that `place` of the values are at most the
    first and all others at least the second."""
    if place == 0:
        return -math.inf, float(ordered[0])
    if place == len(ordered):
        return float(ordered[-1]), math.inf
    low, high = float(ordered[place - 1]), float(ordered[place])
    middle = 0.5 * low + 0.5 * high
    return (float(np.nextafter(middle, -math.inf)), middle) if low < middle < high else (low, high)


def _expected(
    right: NDArray[Any], spoken: NDArray[Any], sides: NDArray[Any], rounds: float, goal: Goal
) -> Floats:
    """The bound that such counts promise for the test, by Wilson's interval (JASA 1927) at a level
    that allows for the luck of the test and for that of the learning draws."""
    scale = goal.rounds / rounds
    leak = 0.5 * goal.delta * sides * goal.rounds
    away = leak + 3.0 * np.sqrt(leak)
    hits, total = (right - _UNSEEN * sides) * scale - away, spoken * scale - away
    squared = (float(-ndtri(goal.alpha)) + _TEST_LUCK) ** 2 + _LEARNING_LUCK**2 * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.clip(hits / total, 0.0, 1.0)
        spread = np.sqrt(squared * (rate * (1.0 - rate) / total + squared / (4.0 * total**2)))
        lower = (rate + squared / (2.0 * total) - spread) / (1.0 + squared / total)
        found = np.log(lower) - np.log1p(-lower)
    return np.where((hits > 0.0) & (total > 0.0) & np.isfinite(found), found, -math.inf)
