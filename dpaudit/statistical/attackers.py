"""Attackers: a score of outputs with two cuts. At or above the upper cut the attacker names the
first input, at or below the lower one the second, in between nothing.

Cuts are chosen for the bound on epsilon that one expects from the testing draws, not for the
largest ratio: large, frequent events are as good as rare ones (specification, section 7).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from .features import Feature, features_of, is_numeric
from .guesses import Counts
from .scores import (
    FeatureScore,
    Score,
    learn_boosted,
    learn_table,
    learn_tree,
    single_features,
)

__all__ = ["Attacker", "Goal", "Signed", "finite_scores", "learn_attacker"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Fits a score to labelled outputs, if it can.
Learner = Callable[[NDArray[Any], Bools], Score | None]

#: Places at which a score is cut, on each side.
_CUTS = 72
_LEAST = 16

#: Pseudo-counts that smooth the tables, one table each.
_SMOOTHINGS = (0.5, 8.0, 64.0)

#: Standard deviations that are given up to the luck of the test, and to that of learning, where
#: the best of thousands of cuts looks better than it is.
_TEST_LUCK = 1.0
_LEARNING_LUCK = 3.5

#: Above this excess an event is worth a test though no bound can be expected from it for sure, and
#: the variance that is added against the luck of a few guesses.
_STRANGE = 2.75
_FEW = 100.0

_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, eq=False)
class Attacker:
    """Names the first input from `upper` on, the second up to `lower`, else nothing.

    Attributes
    ----------
    expected
        The bound on epsilon that the testing draws will probably give, in nats.
    excess
        Right guesses of the learning draws beyond what the claim allows, in standard deviations.
    """

    score: Score
    lower: float
    upper: float
    expected: float
    excess: float

    def guess(self, outputs: NDArray[Any]) -> NDArray[np.int8]:
        """1 for the first input, -1 for the second, 0 for nothing; shape (N,)."""
        return self._guess(self.score(outputs))

    def _guess(self, scores: Floats) -> NDArray[np.int8]:
        found = finite_scores(scores)
        return (found >= self.upper).astype(np.int8) - (found <= self.lower).astype(np.int8)

    @property
    def sides(self) -> int:
        """How many of the inputs this attacker ever names."""
        return int(self.upper < math.inf) + int(self.lower > -math.inf)

    def leak(self, delta: float) -> float:
        """Share of the rounds that a failure mass delta gives away to this attacker."""
        return 0.5 * delta * self.sides

    def count(self, outputs: NDArray[Any], labels: Bools) -> Counts:
        """Right and wrong guesses on labelled outputs."""
        return self.count_scores(self.score(outputs), labels)

    def count_scores(self, scores: Floats, labels: Bools) -> Counts:
        """Right and wrong guesses on labelled outputs with these scores."""
        guesses = self._guess(scores)
        right = int(((guesses == 1) & labels).sum() + ((guesses == -1) & ~labels).sum())
        return Counts(len(labels), right, int(np.count_nonzero(guesses)) - right)


@dataclass(frozen=True)
class Goal:
    """What an attacker is learned for: a test of (`epsilon`, `delta`) on the pair by `rounds` draws
    at level `alpha`, and whether it may look at the bits of numbers."""

    rounds: int
    alpha: float
    epsilon: float
    delta: float = 0.0
    bits: bool = False


def learn_attacker(
    outputs: NDArray[Any], labels: Bools, goal: Goal, seed: int, *, thorough: bool = True
) -> Attacker | None:
    """The attacker with the largest expected bound among all kinds of scores, None if nothing
    can be learned.

    Parameters
    ----------
    outputs, labels
        Learning draws, shape (N, ...) and (N,); True marks the first input.
    goal
        The test that is to come.
    seed
        For the ties of the trees.
    thorough
        Whether to fit boosted trees to outputs with several coordinates, which takes a second.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.random(4000) < 0.5
    >>> outputs = rng.laplace(np.where(labels, 0.0, 1.0))
    >>> attacker = learn_attacker(outputs, labels, Goal(10_000, 0.05, 1.0), seed=0)
    >>> bool(attacker.guess(np.array([-3.0]))[0]), attacker.sides
    (True, 2)
    """
    if len(labels) < 2 or labels.all() or not labels.any():
        return None
    features = features_of(outputs, bits=goal.bits)
    # A single feature has nothing to overfit but its cuts.
    found = [
        cut
        for score in single_features(outputs, features)
        for sign in (1.0, -1.0)
        for cut in _cuts(Signed(score, sign), Signed(score, sign)(outputs), labels, goal)
    ]
    for learn in _learners(outputs, features, seed, thorough):
        found += _cross_fitted(learn, outputs, labels, goal)
    if not found:
        return None
    talkative = max(found, key=lambda attacker: attacker.expected)
    if talkative.expected > goal.epsilon:
        return talkative
    # No bound above the claim is to be had for sure: look for what exceeds it at all.
    strange = max(found, key=lambda attacker: attacker.excess)
    return strange if strange.excess > _STRANGE else talkative


@dataclass(frozen=True, eq=False)
class Signed:
    """A score or its negative."""

    score: FeatureScore
    sign: float

    def __call__(self, outputs: NDArray[Any]) -> Floats:
        """Scores of outputs, shape (N,)."""
        return self.sign * self.score(outputs)


def _cross_fitted(
    learn: Learner, outputs: NDArray[Any], labels: Bools, goal: Goal
) -> list[Attacker]:
    """Attackers by a score that is fitted to all draws, with cuts from scores of each half that
    were fitted to the other one: so nothing is judged by the draws that it was fitted to."""
    half = len(labels) // 2
    parts = (slice(0, half), slice(half, None))
    halves = [learn(outputs[part], labels[part]) for part in parts]
    whole = learn(outputs, labels)
    if halves[0] is None or halves[1] is None or whole is None:
        return []
    found = np.concatenate([halves[1](outputs[parts[0]]), halves[0](outputs[parts[1]])])
    return _cuts(whole, found, labels, goal)


def _learners(
    outputs: NDArray[Any], features: Sequence[Feature], seed: int, thorough: bool
) -> list[Learner]:
    """All ways to fit a score to outputs like these."""
    found: list[Learner] = [partial(learn_table, smoothing=smoothing) for smoothing in _SMOOTHINGS]
    several = not is_numeric(outputs) or outputs.ndim > 1
    if several:
        found.append(partial(learn_table, smoothing=0.5, shapes=True))
    if features:
        found.append(partial(learn_tree, features=features, seed=seed))
        if several and thorough:
            found.append(partial(learn_boosted, features=features, seed=seed))
    return found


def _cuts(score: Score, found: Floats, labels: Bools, goal: Goal) -> list[Attacker]:
    """The cuts of a score with the largest expected bound, and those with the largest excess, by
    what they would have done on draws that it `found` so."""
    found = finite_scores(found)
    usable = ~np.isnan(found)
    order = np.argsort(found[usable], kind="stable")
    ordered, firsts = found[usable][order], labels[usable][order]
    if not len(ordered):
        return []
    places = _places(ordered)
    hits = np.concatenate([[0], np.cumsum(firsts)])
    # The first `place` draws are on the low side of a cut.
    low_spoken, low_right = places, places - hits[places]
    high_spoken, high_right = len(ordered) - places, hits[-1] - hits[places]
    spoken = low_spoken[:, None] + high_spoken[None, :]
    right = low_right[:, None] + high_right[None, :]
    sides = (low_spoken > 0)[:, None].astype(int) + (high_spoken > 0)[None, :]
    expected = _expected(right, spoken, sides, len(labels), goal)
    excess = _excess(right, spoken, sides, len(labels), goal)
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


def finite_scores(found: Floats) -> Floats:
    """Infinite scores as the largest numbers, so that an infinite cut can mean "never"."""
    return np.clip(found, -_LARGEST, _LARGEST)


def _excess(
    right: NDArray[Any], spoken: NDArray[Any], sides: NDArray[Any], rounds: int, goal: Goal
) -> Floats:
    """Right guesses beyond the claim in standard deviations; those of a few guesses count less."""
    rate = 1.0 / (1.0 + math.exp(-min(goal.epsilon, 700.0)))
    away = 0.5 * goal.delta * sides * rounds
    variance = spoken * rate * (1.0 - rate) + away + _FEW
    return np.asarray((right - rate * spoken - away) / np.sqrt(variance))


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
    right: NDArray[Any], spoken: NDArray[Any], sides: NDArray[Any], rounds: int, goal: Goal
) -> Floats:
    """The bound that such counts promise for the test, by Wilson's interval (JASA 1927) at a level
    that allows for the luck of the test and for that of the learning draws."""
    scale = goal.rounds / rounds
    leak = 0.5 * goal.delta * sides * goal.rounds
    away = leak + 3.0 * np.sqrt(leak)
    hits, total = right * scale - away, spoken * scale - away
    squared = (float(-ndtri(goal.alpha)) + _TEST_LUCK) ** 2 + _LEARNING_LUCK**2 * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.clip(hits / total, 0.0, 1.0)
        spread = np.sqrt(squared * (rate * (1.0 - rate) / total + squared / (4.0 * total**2)))
        lower = (rate + squared / (2.0 * total) - spread) / (1.0 + squared / total)
        found = np.log(lower) - np.log1p(-lower)
    return np.where((hits > 0.0) & (total > 0.0) & np.isfinite(found), found, -math.inf)
