"""Separable laws P_w(y) = pi(y) exp(-rate c(w, y)) / Z_w in ball arithmetic: `metric-exponential`,
`truncated-exponential`, `density-prior-exponential` and `randomized-response` (specification,
sections 4.4, 4.5, 4.11, 4.13)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
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
        if ctx.prec not in self._priors:
            self.take_priors([self.kernel_sums(0, len(self.geometry))])
        return self._priors[ctx.prec]

    @cached_property
    def _priors(self) -> dict[int, list[arb]]:
        return {}

    def take_priors(self, pieces: Iterable[list[arb]]) -> None:
        """Put the priors together from `kernel_sums` over all rows, at the precision in force."""
        self._priors[ctx.prec] = _added([arb(1)] * len(self.geometry), pieces)

    def know_priors(self, priors: Callable[[], list[arb]]) -> None:
        """Take over priors that were put together elsewhere, if there are none as yet."""
        if ctx.prec not in self._priors:
            self._priors[ctx.prec] = priors()

    def kernel_sums(self, first: int, last: int) -> list[arb]:
        """What the pairs (i, j) with first <= i < last and i < j add to pi(i) and pi(j)."""
        sums = [arb(0)] * len(self.geometry)
        for i, keys in self.geometry.later(first, last):
            own = sums[i]
            for j, exponent in enumerate(self._kernel_exponents(keys), start=i + 1):
                kernel = exponent.exp()
                own += kernel
                sums[j] += kernel
            sums[i] = own
        return sums

    def _kernel_exponents(self, keys: Sequence[Key]) -> Iterator[arb]:
        """-d^2 / (2 h^2) for the distances of keys."""
        assert self.bandwidth is not None
        scale = -2 * self.bandwidth * self.bandwidth
        if self.geometry.metric == "angular":
            factor = arb(1 / scale)
            return (factor * (angle * angle) for angle in self.geometry.distances(keys))
        # The negative square of a key times this, or of a Euclidean distance the key itself.
        factor = arb(self.geometry.square(fmpz(1)) / scale)
        if self.geometry.metric == "euclidean":
            return (factor * key for key in keys)
        return (factor * (key * key) for key in keys)

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

    def normalisers(self, pieces: Iterable[list[arb]] | None = None) -> list[arb]:
        """Z_w for all words, put together from `weight_sums` over all rows."""
        n = len(self.geometry)
        if self.geometry.metric == "discrete" and self.bandwidth is None:
            return [1 + (n - 1) * (-arb(self.rate) * self._discrete_cost()).exp()] * n
        return _added(self.priors() or [arb(1)] * n, pieces or [self.weight_sums(0, n)])

    def weight_sums(self, first: int, last: int) -> list[arb]:
        """What the pairs (i, j) with first <= i < last and i < j add to Z_i and Z_j."""
        priors = self.priors()
        sums = [arb(0)] * len(self.geometry)
        for i, keys in self.geometry.later(first, last):
            own = sums[i]
            for j, cost in enumerate(self.costs(self.clipped(keys)), start=i + 1):
                weight = (-cost).exp()
                own += weight if priors is None else weight * priors[j]
                sums[j] += weight if priors is None else weight * priors[i]
            sums[i] = own
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


def _added(start: list[arb], pieces: Iterable[list[arb]]) -> list[arb]:
    """Term by term, in the order of the pieces: a ball depends on it, in its last bits."""
    totals = list(start)
    for piece in pieces:
        totals = [total + part for total, part in zip(totals, piece, strict=True)]
    return totals
