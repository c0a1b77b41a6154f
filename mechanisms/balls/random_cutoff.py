"""The law of `random-cutoff-exponential` in ball arithmetic (specification, section 4.7)."""

from dataclasses import dataclass
from typing import ClassVar

from flint import arb, fmpq

from .cutoffs import poisson_cutoff
from .geometry import ExactGeometry, ranking

__all__ = ["RandomCutoffBallLaw"]


@dataclass(frozen=True, eq=False)
class RandomCutoffBallLaw:
    """P_w(y) = e^(-d(w,y)/b) sum over k >= rank of p_k / Z_{w,k}, b = 1/(epsilon - bound).

    Examples
    --------
    >>> import numpy as np
    >>> geometry = ExactGeometry(np.array([[1.0], [5.0], [0.0]]), "euclidean")
    >>> law = RandomCutoffBallLaw(geometry, fmpq(5))
    >>> [round(float(p.mid()), 4) for p in law.probabilities(2)]
    [0.14, 0.0019, 0.858]
    """

    row_at_once: ClassVar[bool] = True

    geometry: ExactGeometry
    epsilon: fmpq

    @property
    def steepness(self) -> arb:
        """1/b = epsilon - 2 (1 + ln n)/Delta_min; admissible where it is above 0."""
        shortest = self.geometry.distance(self.geometry.extremes[0])
        return arb(self.epsilon) - 2 * (1 + arb(len(self.geometry)).log()) / shortest

    def cutoff(self) -> list[arb]:
        """Pr[K = k] for k = 0 ... n."""
        n = len(self.geometry)
        eta = arb(-2).exp() / n
        law = [(1 - eta) * p for p in poisson_cutoff(n, arb(n).log(), 1, n)]
        law[n] += eta
        return law

    def probabilities(self, word: int) -> list[arb]:
        """P_w(y) for all outputs y."""
        n, keys = len(self.geometry), self.geometry.row(word)
        order = ranking(keys)
        cutoff = self.cutoff()
        costs = self.geometry.distances([keys[y] for y in order], self.steepness)
        weights = [(-cost).exp() for cost in costs]
        terms, total = [], arb(0)
        for k, weight in enumerate(weights, start=1):
            total += weight
            terms.append(cutoff[k] / total)
        law, tail = [arb(0)] * n, arb(0)
        for rank in range(n - 1, -1, -1):
            tail += terms[rank]
            law[order[rank]] = weights[rank] * tail
        return law

    def probability(self, word: int, output: int) -> arb:
        """P_w(y)."""
        return self.probabilities(word)[output]

    def largest_extra_loss(self) -> arb:
        """x such that no loss exceeds d/b + x, whatever the pair.

        P_w(y) <= e^(-d(w,y)/b), because all Z >= 1 and the p_k add up to 1. P_w'(y) >=
        e^(-d(w',y)/b) p_n/Z_{w',n}, with Z_{w',n} <= 1 + (n - 1) e^(-Delta_min/b). So x is the log
        of that bound over p_n. With Z <= n it is the theorem of section 4.7.
        """
        n = len(self.geometry)
        shortest = self.geometry.distance(self.geometry.extremes[0])
        largest_sum = 1 + (n - 1) * (-self.steepness * shortest).exp()
        return (largest_sum / self.cutoff()[n]).log()
