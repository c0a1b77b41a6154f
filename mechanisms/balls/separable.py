"""Separable laws P_w(y) = exp(-rate c(w, y)) / Z_w in ball arithmetic: `metric-exponential`,
`truncated-exponential` and `randomized-response` (specification, sections 4.4, 4.5, 4.13)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from flint import arb, fmpq

from .geometry import ExactGeometry, Key

__all__ = ["SeparableBallLaw"]


@dataclass(frozen=True, eq=False)
class SeparableBallLaw:
    """P_w(y) = exp(-rate c(w, y)) / Z_w with c = min(distance, threshold).

    Attributes
    ----------
    geometry
        The exact distances.
    rate
        theta, an exact fraction, in nats per unit of distance.
    threshold
        Where the distance is clipped, or None.

    Examples
    --------
    >>> import numpy as np
    >>> geometry = ExactGeometry(np.array([[0.0], [2.0]]), "euclidean")
    >>> law = SeparableBallLaw(geometry, rate=fmpq(1, 2))
    >>> [round(float(p.mid()), 6) for p in law.probabilities(0)]
    [0.731059, 0.268941]
    """

    row_at_once: ClassVar[bool] = True

    geometry: ExactGeometry
    rate: fmpq
    threshold: fmpq | None = None

    @property
    def clip(self) -> fmpq | None:
        """The key of the threshold."""
        return None if self.threshold is None else self.geometry.key_of(self.threshold)

    def clipped(self, keys: Sequence[Key]) -> list[Key]:
        """Keys of c: equal keys are equal costs."""
        clip = self.clip
        return list(keys) if clip is None else [k if k < clip else clip for k in keys]

    def costs(self, keys: Sequence[Key]) -> list[arb]:
        """rate c for clipped keys."""
        return self.geometry.distances(keys, arb(self.rate))

    def weights(self, word: int) -> list[arb]:
        """exp(-rate c(w, y)) for all outputs y."""
        keys = self.clipped(self.geometry.row(word))
        return [(-cost).exp() for cost in self.costs(keys)]

    def normaliser(self, word: int) -> arb:
        """Z_w."""
        return sum(self.weights(word), arb(0))

    def normalisers(self, progress: Callable[[float], None] | None = None) -> list[arb]:
        """Z_w for all words; every pair is looked at once."""
        n = len(self.geometry)
        if self.geometry.metric == "discrete":
            return [1 + (n - 1) * (-arb(self.rate) * self._discrete_cost()).exp()] * n
        sums = [arb(1)] * n
        for i, keys in self.geometry:
            own = sums[i]
            costs = self.costs(self.clipped(keys[i + 1 :]))
            for j, cost in enumerate(costs, start=i + 1):
                weight = (-cost).exp()
                own += weight
                sums[j] += weight
            sums[i] = own
            if progress:
                progress((i + 1) / n)
        return sums

    def _discrete_cost(self) -> arb:
        return arb(1) if self.threshold is None else arb(min(fmpq(1), self.threshold))

    def probabilities(self, word: int) -> list[arb]:
        """P_w(y) for all outputs y."""
        weights = self.weights(word)
        total = sum(weights, arb(0))
        return [weight / total for weight in weights]

    def probability(self, word: int, output: int) -> arb:
        """P_w(y)."""
        return self.probabilities(word)[output]
