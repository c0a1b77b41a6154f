"""Attackers: a score of outputs with two cuts. At or above the upper cut the attacker names the
first input, at or below the lower one the second, in between nothing. Further cuts may say of which
guesses it is surer, so that they count more.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .guesses import Counts
from .scores import Score

__all__ = ["Attacker", "Goal", "finite_scores"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, eq=False)
class Attacker:
    """Names the first input from `upper` on, the second up to `lower`, else nothing.

    Attributes
    ----------
    surer
        Further cuts (lower, upper), each outside of the one before; a guess counts once more for
        each of them that the score is beyond.
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
    surer: tuple[tuple[float, float], ...] = ()

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

    def count_by_weight(self, scores: Floats, labels: Bools) -> tuple[Counts, ...]:
        """The same of the guesses that count once, twice, ..."""
        cuts = ((self.lower, self.upper), *self.surer)
        found = [replace(self, lower=lower, upper=upper) for lower, upper in cuts]
        # Of guesses beyond each of the cuts; those beyond the next one count more.
        beyond = [one.count_scores(scores, labels) for one in found]
        return tuple(
            Counts(inner.rounds, inner.right - outer.right, inner.wrong - outer.wrong)
            for inner, outer in pairwise([*beyond, Counts(0, 0, 0)])
        )


@dataclass(frozen=True)
class Goal:
    """What an attacker is learned for: a test of (`epsilon`, `delta`) on the pair by `rounds` draws
    at level `alpha`, whether it may look at the bits of numbers, whether weak suspicions are to
    be followed, because learning goes on while testing, and fitted `classifiers` of a user's."""

    rounds: int
    alpha: float
    epsilon: float
    delta: float = 0.0
    bits: bool = False
    eager: bool = False
    classifiers: tuple[Any, ...] = ()


def finite_scores(found: Floats) -> Floats:
    """Infinite scores as the largest numbers, so that an infinite cut can mean "never"."""
    return np.clip(found, -_LARGEST, _LARGEST)
