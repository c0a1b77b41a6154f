"""The law of `nearest-truncated-exponential` in ball arithmetic (specification, section 4.9)."""

from dataclasses import dataclass
from typing import ClassVar

from flint import arb, fmpq

from .geometry import ExactGeometry, ranking

__all__ = ["NearestBallLaw"]


@dataclass(frozen=True, eq=False)
class NearestBallLaw:
    """P_w(y) = exp(-rate d(w, y)) / (the sum of that over the k nearest words) for these words, and
    exactly 0 for all others.

    Examples
    --------
    >>> import numpy as np
    >>> geometry = ExactGeometry(np.array([[1.0], [5.0], [0.0]]), "euclidean")
    >>> law = NearestBallLaw(geometry, rate=fmpq(1), k=2)
    >>> [round(float(p.mid()), 4) for p in law.probabilities(2)]
    [0.2689, 0.0, 0.7311]
    """

    row_at_once: ClassVar[bool] = True

    geometry: ExactGeometry
    rate: fmpq
    k: int

    def probabilities(self, word: int) -> list[arb]:
        """P_w(y) for all outputs y."""
        keys = self.geometry.row(word)
        nearest = ranking(keys)[: self.k]
        costs = self.geometry.distances([keys[y] for y in nearest], arb(self.rate))
        weights = [(-cost).exp() for cost in costs]
        total = sum(weights, arb(0))
        law = [arb(0)] * len(self.geometry)
        for y, weight in zip(nearest, weights, strict=True):
            law[y] = weight / total
        return law

    def probability(self, word: int, output: int) -> arb:
        """P_w(y)."""
        return self.probabilities(word)[output]
