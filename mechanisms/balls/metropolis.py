"""The law of `metropolis-hastings` in ball arithmetic (specification, sections 4.12 and 5.3).

Vector-matrix products, as the definition says: nothing of the closed form that the fast law uses.
With the states in the order of falling weights q, one product takes O(n), because
min(1, q_y / q_x) is 1 upwards and a product of ratios of neighbours downwards.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

from flint import arb, fmpq

from .geometry import ExactGeometry
from .separable import SeparableBallLaw

__all__ = ["MetropolisBallLaw"]


@dataclass(frozen=True, eq=False)
class MetropolisBallLaw:
    """The law after `steps` steps from w; the target is the separable law with a prior.

    Examples
    --------
    >>> import numpy as np
    >>> geometry = ExactGeometry(np.array([[1.0], [5.0], [0.0]]), "euclidean")
    >>> law = MetropolisBallLaw(geometry, rate=fmpq(1), bandwidth=fmpq(1), steps=3)
    >>> [round(float(p.mid()), 4) for p in law.probabilities(2)]
    [0.2599, 0.003, 0.7372]
    """

    row_at_once: ClassVar[bool] = True

    geometry: ExactGeometry
    rate: fmpq
    bandwidth: fmpq
    steps: int

    @cached_property
    def target(self) -> SeparableBallLaw:
        """The law that the chain tends to."""
        return SeparableBallLaw(self.geometry, self.rate, bandwidth=self.bandwidth)

    def probabilities(self, word: int) -> list[arb]:
        """P_w(y) for all outputs y."""
        weights = self.target.weights(word)
        if self.steps == 1:
            return _one_step(weights, word)
        order = sorted(range(len(weights)), key=lambda y: -weights[y].mid())
        chain = _Chain([weights[y] for y in order])
        law = [arb(int(y == word)) for y in order]
        for _ in range(self.steps):
            law = chain.step(law)
        found = [arb(0)] * len(weights)
        for y, probability in zip(order, law, strict=True):
            found[y] = probability
        return found

    def probability(self, word: int, output: int) -> arb:
        """P_w(y)."""
        return self.probabilities(word)[output]


def _one_step(weights: list[arb], word: int) -> list[arb]:
    """A single step; staying is impossible, a ball of radius 0, where all others weigh more."""
    share = arb(1) / (len(weights) - 1)
    law, stay = [arb(0)] * len(weights), arb(0)
    for y, weight in enumerate(weights):
        if y != word and weight >= weights[word]:
            law[y] = share
        elif y != word:
            ratio = (weight / weights[word]).min(arb(1))
            law[y] = share * ratio
            stay += 1 - ratio
    law[word] = share * stay
    return law


class _Chain:
    """Transitions between states with weights q of falling middle.

    Where balls overlap, the true order may be another one. Then a move upwards is accepted with
    probability q_y / q_x in place of 1, and a move downwards with 1 in place of a ratio above 1;
    both ratios are within (1 + r) / (1 - r) of 1, r the largest relative radius. `doubt` holds
    the quotients that are possible, and chances to stay are widened by as much for every state.
    """

    def __init__(self, weights: list[arb]) -> None:
        n = len(weights)
        self._share = arb(1) / (n - 1)
        pairs = list(pairwise(weights))
        self._ratios = [lower / upper for upper, lower in pairs]
        self._doubt, spread = arb(1), arb(0)
        if not all(upper > lower for upper, lower in pairs):
            radius = arb(0)
            for weight in weights:
                radius = radius.max(weight.rad() / weight.mid())
            least = ((1 - radius) / (1 + radius)).lower()
            # At so low a precision that r is 1 or more, nothing is known.
            spread = n * (1 / least - 1) if least > 0 else arb.nan()
            self._doubt = arb(least).union(arb(1))
        # n - 1 times the chance to stay: the sum of 1 - q_z / q_i over all z below i.
        stays, stay = [arb(0)] * n, arb(0)
        for i in range(n - 2, -1, -1):
            ratio = self._ratios[i]
            stay = (n - 1 - i) * (1 - ratio) + ratio * stay
            stays[i] = stay
        widening = (-spread).union(spread) if spread != 0 else arb(0)
        self._stays = [stay + widening for stay in stays]

    def step(self, law: list[arb]) -> list[arb]:
        """The law one step later."""
        n = len(law)
        upwards, below = [arb(0)] * n, arb(0)
        for i in range(n - 1, 0, -1):
            below += law[i]
            upwards[i - 1] = below
        downwards, new = arb(0), []
        for i in range(n):
            if i:
                downwards = (downwards + law[i - 1]) * self._ratios[i - 1]
            moved = (upwards[i] + downwards) * self._doubt
            new.append((moved + self._stays[i] * law[i]) * self._share)
        return new
