"""Attackers: a score of outputs with two cuts. At or above the upper cut the attacker names the
first input, at or below the lower one the second, in between nothing.

Cuts are chosen for the bound on epsilon that one expects from the testing draws, not for the
largest ratio: large, frequent events are as good as rare ones (specification, section 7).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from .features import Feature, codes, features_of, is_numeric
from .guesses import Counts, allowed_rate
from .mixed import learn_mixed
from .scores import (
    FeatureScore,
    Score,
    learn_boosted,
    learn_table,
    learn_tree,
    single_features,
)

__all__ = ["Attacker", "Goal", "Signed", "finite_scores", "learn_attacker", "tallied"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Fits a score to draws, if it can.
Learner = Callable[["Tally"], Score | None]

#: Places at which a score is cut, on each side.
_CUTS = 72
_LEAST = 16

#: Pseudo-counts that smooth the tables, one table each.
_SMOOTHINGS = (0.5, 8.0, 64.0)

#: Standard deviations that are given up to the luck of the test, and to that of learning, where
#: the best of thousands of cuts looks better than it is.
_TEST_LUCK = 1.0
_LEARNING_LUCK = 5.0

#: Above this excess an event is worth a test though no bound can be expected from it for sure; the
#: same for careful attackers, if learning goes on while testing; and the variance that is added
#: against the luck of a few guesses.
_STRANGE = 2.75
_SUSPICIOUS = 1.0
_FEW = 100.0

#: So many different outputs are counted one by one; and a look at so many draws tells.
_FINITE = 256
_LOOK = 2_000

#: If whole outputs came up so often on average, a table of them is all there is to learn.
_OFTEN = 500.0

_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, eq=False)
class Attacker:
    """Names the first input from `upper` on, the second up to `lower`, else nothing.

    Attributes
    ----------
    expected
        The bound on epsilon that the testing draws will probably give, in nats.
    excess
        Right guesses of the learning draws beyond what the claim allows, in standard deviations:
        the most of all attackers that were looked at.
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
    at level `alpha`, whether it may look at the bits of numbers, and whether weak suspicions are to
    be followed, because learning goes on while testing."""

    rounds: int
    alpha: float
    epsilon: float
    delta: float = 0.0
    bits: bool = False
    eager: bool = False


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
        Whether to fit trees to outputs with several coordinates, which takes a second.

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
    drawn = tallied(outputs, labels)
    features = features_of(drawn.outputs, bits=goal.bits)
    found = _by_frequent_outputs(drawn, goal)
    if found:
        return _best(found, goal, careful=found)
    # A single feature has nothing to overfit but its cuts.
    for score, column in single_features(drawn.outputs, features):
        ordered = _ordered(column, drawn)
        found += _cuts(Signed(score, 1.0), ordered, drawn.rounds, goal)
        found += _cuts(Signed(score, -1.0), ordered.reversed(), drawn.rounds, goal)
    lines = _by_shapes(drawn, features, goal)
    found += lines
    for learn in _learners(drawn, features, seed, thorough):
        found += _cross_fitted(learn, outputs, labels, goal)
    return _best(found, goal, careful=lines) if found else None


def _best(found: list[Attacker], goal: Goal, careful: list[Attacker]) -> Attacker:
    """The attacker with the largest expected bound; if that is not above the claim, the one that
    exceeds the claim most, of the `careful` ones if there are any: they fit the least noise."""
    talkative = max(found, key=lambda attacker: attacker.expected)
    if talkative.expected > goal.epsilon:
        return talkative
    # No bound above the claim is to be had for sure: look for what exceeds it at all.
    strange = max(careful or found, key=lambda attacker: attacker.excess)
    if strange.excess > (_SUSPICIOUS if goal.eager and careful else _STRANGE):
        return strange
    return replace(talkative, excess=strange.excess)


@dataclass(frozen=True, eq=False)
class Signed:
    """A score or its negative."""

    score: FeatureScore
    sign: float

    def __call__(self, outputs: NDArray[Any]) -> Floats:
        """Scores of outputs, shape (N,)."""
        return self.sign * self.score(outputs)


@dataclass(frozen=True, eq=False)
class Tally:
    """Outputs, and how often each came up under the two inputs, shape (N,): if there are few
    different ones, each only once."""

    outputs: NDArray[Any]
    firsts: Floats
    seconds: Floats

    @property
    def rounds(self) -> float:
        """The number of draws."""
        return float(self.firsts.sum() + self.seconds.sum())

    @property
    def finite(self) -> bool:
        """Whether there are few different outputs, so that a table says all there is to say."""
        return len(self.outputs) <= _FINITE


def tallied(outputs: NDArray[Any], labels: Bools) -> Tally:
    """The tally of labelled outputs.

    Examples
    --------
    >>> found = tallied(np.array([3, 5, 3]), np.array([True, False, False]))
    >>> found.outputs.tolist(), found.firsts.tolist(), found.seconds.tolist()
    ([3, 5], [1.0, 0.0], [1.0, 1.0])
    """
    # A look at some tells whether there are many.
    if len(np.unique(_numbered(outputs[:_LOOK]))) <= _FINITE:
        different, places, inverse = np.unique(
            _numbered(outputs), return_index=True, return_inverse=True
        )
        if len(different) <= _FINITE:
            firsts = np.bincount(inverse, weights=labels, minlength=len(different))
            seconds = np.bincount(inverse, weights=~labels, minlength=len(different))
            return Tally(outputs[places], firsts.astype(np.float64), seconds.astype(np.float64))
    return Tally(outputs, labels.astype(np.float64), (~labels).astype(np.float64))


def _several(outputs: NDArray[Any]) -> bool:
    """Whether outputs may have several coordinates."""
    return not is_numeric(outputs) or outputs.ndim > 1


def _numbered(outputs: NDArray[Any]) -> NDArray[np.uint64]:
    """A number for each output, the same for equal ones."""
    vocabulary: dict[object, int] = {}
    if not is_numeric(outputs):
        for output in outputs:
            vocabulary.setdefault(output, len(vocabulary))
    return codes(outputs, vocabulary)


def _by_frequent_outputs(drawn: Tally, goal: Goal) -> list[Attacker]:
    """Attackers by a table of whole outputs that may have several coordinates, if they are so few
    and come so often that nothing else has more to say.

    Draws are held back neither for cuts nor for a judgement: the table hardly fits them better than
    others, and of weak leaks half of the draws say too little.
    """
    frequent = drawn.finite and drawn.rounds >= _OFTEN * len(drawn.outputs)
    if not (frequent and _several(drawn.outputs)):
        return []
    score = _table(drawn, smoothing=_SMOOTHINGS[0])
    if score is None:
        return []
    return _cuts(score, _ordered(score(drawn.outputs), drawn), drawn.rounds, goal)


def _by_shapes(drawn: Tally, features: Sequence[Feature], goal: Goal) -> list[Attacker]:
    """Attackers by lines within shapes: too few parameters to hold draws back for the cuts."""
    if drawn.finite or not _several(drawn.outputs):
        return []
    score = learn_mixed(drawn.outputs, drawn.firsts > 0.0, features)
    if score is None:
        return []
    return _cuts(score, _ordered(score(drawn.outputs), drawn), drawn.rounds, goal)


def _cross_fitted(
    learn: Learner, outputs: NDArray[Any], labels: Bools, goal: Goal
) -> list[Attacker]:
    """Attackers by a score that is fitted to all draws, with cuts from scores of each half that
    were fitted to the other one: so nothing is judged by the draws that it was fitted to."""
    half = len(labels) // 2
    parts = (slice(0, half), slice(half, None))
    halves = [tallied(outputs[part], labels[part]) for part in parts]
    learned = [learn(one) for one in halves]
    whole = learn(tallied(outputs, labels))
    if learned[0] is None or learned[1] is None or whole is None:
        return []
    found = np.concatenate([learned[1](halves[0].outputs), learned[0](halves[1].outputs)])
    both = Tally(
        np.arange(len(found)),
        np.concatenate([halves[0].firsts, halves[1].firsts]),
        np.concatenate([halves[0].seconds, halves[1].seconds]),
    )
    return _cuts(whole, _ordered(found, both), both.rounds, goal)


def _learners(
    drawn: Tally, features: Sequence[Feature], seed: int, thorough: bool
) -> list[Learner]:
    """All ways to fit a score to outputs like these."""
    several = _several(drawn.outputs)
    # Of many different outputs with several coordinates, whole ones are rarely worth a table.
    smoothings = _SMOOTHINGS if drawn.finite or not several else _SMOOTHINGS[:1]
    found: list[Learner] = [partial(_table, smoothing=smoothing) for smoothing in smoothings]
    if drawn.finite:
        return found
    if several:
        found.append(partial(_table, smoothing=0.5, shapes=True))
    if features and (thorough or not several):
        found.append(partial(_trees, learn=learn_tree, features=features, seed=seed))
        if several:
            found.append(partial(_trees, learn=learn_boosted, features=features, seed=seed))
    return found


def _table(drawn: Tally, smoothing: float, shapes: bool = False) -> Score | None:
    return learn_table(drawn.outputs, drawn.firsts, drawn.seconds, smoothing, shapes=shapes)


def _trees(
    drawn: Tally,
    learn: Callable[..., Score | None],
    features: Sequence[Feature],
    seed: int,
) -> Score | None:
    return None if drawn.finite else learn(drawn.outputs, drawn.firsts > 0.0, features, seed)


@dataclass(frozen=True, eq=False)
class _Ordered:
    """Scores in rising order, and how often the outputs came up under the two inputs."""

    scores: Floats
    firsts: Floats
    seconds: Floats

    def reversed(self) -> "_Ordered":
        """The same for the negative scores."""
        return _Ordered(-self.scores[::-1], self.firsts[::-1], self.seconds[::-1])


def _ordered(scores: Floats, drawn: Tally) -> _Ordered:
    """Scores of the outputs of a tally in order, without those that say nothing."""
    scores = finite_scores(scores)
    order = np.argsort(scores)
    order = order[: np.count_nonzero(~np.isnan(scores))]  # NaN comes last
    return _Ordered(scores[order], drawn.firsts[order], drawn.seconds[order])


def _cuts(score: Score, draws: _Ordered, rounds: float, goal: Goal) -> list[Attacker]:
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


def finite_scores(found: Floats) -> Floats:
    """Infinite scores as the largest numbers, so that an infinite cut can mean "never"."""
    return np.clip(found, -_LARGEST, _LARGEST)


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
    hits, total = right * scale - away, spoken * scale - away
    squared = (float(-ndtri(goal.alpha)) + _TEST_LUCK) ** 2 + _LEARNING_LUCK**2 * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.clip(hits / total, 0.0, 1.0)
        spread = np.sqrt(squared * (rate * (1.0 - rate) / total + squared / (4.0 * total**2)))
        lower = (rate + squared / (2.0 * total) - spread) / (1.0 + squared / total)
        found = np.log(lower) - np.log1p(-lower)
    return np.where((hits > 0.0) & (total > 0.0) & np.isfinite(found), found, -math.inf)
