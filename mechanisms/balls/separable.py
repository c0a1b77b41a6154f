"""Separable laws P_w(y) = pi(y) exp(-rate c(w, y)) / Z_w in ball arithmetic: `metric-exponential`,
`truncated-exponential`, `density-prior-exponential` and `randomized-response` (specification,
sections 4.4, 4.5, 4.11, 4.13)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from flint import arb, ctx, fmpq, fmpz

from .geometry import ExactGeometry, Key

__all__ = ["SeparableBallLaw"]


@dataclass(frozen=True, eq=False)
class SeparableBallLaw:
    """P_w(y) = pi(y) exp(-rate c(w, y)) / Z_w with c = min(distance, threshold), and pi = 1 or
    pi(y) = sum over j of exp(-distance(y, j)^2 / (2 bandwidth^2)).

    Attributes
    ----------
    geometry
        The exact distances.
    rate
        theta, an exact fraction, in nats per unit of distance.
    threshold
        Where the distance is clipped, or None.
    bandwidth
        That of the prior, or None if the prior is 1.

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
    bandwidth: fmpq | None = None

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

    def priors(self) -> list[arb] | None:
        """pi(y) for all outputs y, not normalised; None if the prior is 1. Every pair is looked at
        once for each precision."""
        if self.bandwidth is None:
            return None
        known = self._priors
        if ctx.prec not in known:
            known[ctx.prec] = self._sums_of_kernels(self.bandwidth)
        return known[ctx.prec]

    @cached_property
    def _priors(self) -> dict[int, list[arb]]:
        return {}

    def _sums_of_kernels(self, bandwidth: fmpq) -> list[arb]:
        # -d^2 / (2 h^2) is the negative square of a key times this, or the key itself.
        euclidean = self.geometry.metric == "euclidean"
        if self.geometry.metric == "angular":
            return self._sums_of_angular_kernels(bandwidth)
        factor = arb(self.geometry.square(fmpz(1)) / (-2 * bandwidth * bandwidth))
        sums = [arb(1)] * len(self.geometry)
        for i, keys in self.geometry:
            own = sums[i]
            for j, key in enumerate(keys[i + 1 :], start=i + 1):
                kernel = (factor * (key if euclidean else key * key)).exp()
                own += kernel
                sums[j] += kernel
            sums[i] = own
        return sums

    def _sums_of_angular_kernels(self, bandwidth: fmpq) -> list[arb]:
        factor = arb(-1 / (2 * bandwidth * bandwidth))
        sums = [arb(1)] * len(self.geometry)
        for i, keys in self.geometry:
            for j, angle in enumerate(self.geometry.distances(keys[i + 1 :]), start=i + 1):
                kernel = (factor * (angle * angle)).exp()
                sums[i] += kernel
                sums[j] += kernel
        return sums

    def weights(self, word: int) -> list[arb]:
        """pi(y) exp(-rate c(w, y)) for all outputs y."""
        keys, priors = self.clipped(self.geometry.row(word)), self.priors()
        weights = [(-cost).exp() for cost in self.costs(keys)]
        if priors is None:
            return weights
        return [weight * prior for weight, prior in zip(weights, priors, strict=True)]

    def normaliser(self, word: int) -> arb:
        """Z_w."""
        return sum(self.weights(word), arb(0))

    def normalisers(self, progress: Callable[[float], None] | None = None) -> list[arb]:
        """Z_w for all words; every pair is looked at once."""
        n = len(self.geometry)
        if self.geometry.metric == "discrete" and self.bandwidth is None:
            return [1 + (n - 1) * (-arb(self.rate) * self._discrete_cost()).exp()] * n
        priors = self.priors()
        sums = [arb(1)] * n if priors is None else list(priors)
        for i, keys in self.geometry:
            own = sums[i]
            costs = self.costs(self.clipped(keys[i + 1 :]))
            for j, cost in enumerate(costs, start=i + 1):
                weight = (-cost).exp()
                own += weight if priors is None else weight * priors[j]
                sums[j] += weight if priors is None else weight * priors[i]
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
