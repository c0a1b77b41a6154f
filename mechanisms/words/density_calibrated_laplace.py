"""Multivariate Laplace noise that is longer where words are sparse (specification, 4.10)."""

import math
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from scipy.special import gammaln

from ...claims import MetricDP
from ...errors import InputError
from ..kernels.parallel import ordered_map
from ..protocol import (
    EpsilonLowerBound,
    EpsilonUpperBound,
    Floats,
    Indices,
    RadialNoise,
    SampledWordMechanism,
)
from ..spaces import EmbeddingSpace
from .noise_error import UNIT, nearest_changes, noise_error, rate_error
from .radial import NoisyVectors, require_noise
from .separable import at_most_one

__all__ = ["DensityCalibratedLaplace"]

_ROWS = 64

#: Room for the rounding of exponents, relatively: far more than distances and rates are off by.
_ROOM = 1e-9


@dataclass(frozen=True, eq=False)
class DensityCalibratedLaplace(SampledWordMechanism):
    """`multivariate-laplace` with noise scaled by how sparse the words are around the input.

    After Feyisetan, Aggarwal, Xu and Teissier, FLAIRS 2021 (arXiv 2012.05403), on noise that is
    calibrated to the region around a word. With m(w) the mean distance from w to its k
    nearest other words, the scale 1 / epsilon of the noise is multiplied by

        s(w) = m(w) / (the mean of m over all words).

    Dense regions get less noise, sparse ones more. That paper proposes the technique and claims no
    epsilon for it; dpaudit audits the epsilon of the average word as if it were claimed. **That is
    false in general**: on the words 0, t, 1 and 2 of the line with k = 1 and t <= 1/2 epsilon* is
    above epsilon/(2t) (theorem density-calibrated-laplace), because far from two inputs with
    different scales the densities of their noise differ by a factor that grows without bound. It is
    here to be audited; use `density-prior-exponential` for a proof.

    Parameters
    ----------
    space
        Vocabulary and vectors.
    epsilon
        Claimed privacy loss per unit of Euclidean distance, in nats; from p / 1e140 to 1e140.
    k
        How many neighbours measure the density, 1 or more; all other words if there are fewer.

    Examples
    --------
    >>> space = EmbeddingSpace(["near", "far", "here"], [[1.0], [5.0], [0.0]])
    >>> mechanism = DensityCalibratedLaplace(space, epsilon=2.0, k=1)
    >>> mechanism.scales.tolist()
    [0.5, 2.0, 0.5]
    >>> mechanism.sample("here", 5, np.random.default_rng(1)).tolist()
    ['here', 'here', 'here', 'here', 'here']
    """

    name: ClassVar[str] = "density-calibrated-laplace"

    space: EmbeddingSpace
    epsilon: float
    k: int = 10

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", require_noise(self.space, self.epsilon))
        if isinstance(self.k, bool) or not isinstance(self.k, Integral) or self.k < 1:
            raise InputError(f"k is {self.k!r}, but it must be a whole number of at least 1.")
        object.__setattr__(self, "k", int(self.k))

    @property
    def parameters(self) -> dict[str, float | int | str | bool]:
        return {"epsilon": self.epsilon, "k": self.k}

    @property
    def claim(self) -> MetricDP:
        return MetricDP(
            self.epsilon,
            metric="euclidean",
            source="none is published; the epsilon of the average word is audited as if it were "
            "claimed",
        )

    def epsilon_upper_bound(self) -> EpsilonUpperBound | None:
        """None: the claim is false in general (theorem density-calibrated-laplace)."""
        return None

    def epsilon_lower_bound(self) -> EpsilonLowerBound:
        """A lower bound on epsilon* from lengths of noise alone, with room for rounding.

        Let w be the word with the shortest noise, rho(w) the rate of its length, which is Gamma(p),
        and y another word. The output is y on w only if the noise is at least d(w, y)/2 long, and
        it is y on y if the noise is shorter than half the distance of y to its nearest word. With
        F and S the chances that a length is below and above a number, the loss on y is at least
        ln F(rho(y) m(y)/2) - ln S(rho(w) d(w, y)/2), which is taken where it is largest per unit of
        distance. Both chances are bounded by elementary functions, see `_log_longer`.
        """
        space, (spacings, nearest) = self.space.with_metric("euclidean"), self._spacings
        shortest = int(spacings.argmin())
        distances = space.distance_rows(slice(shortest, shortest + 1))[0]
        others = np.arange(len(distances)) != shortest
        away, rates = distances[others], self.radial_noise.rates
        dimension = self.space.dimension
        out = _log_longer(dimension, 0.5 * rates[shortest] * away)
        kept = _log_shorter(dimension, 0.5 * rates[others] * nearest[others])
        room = _ROOM * (dimension + rates[shortest] * away + rates[others] * nearest[others])
        value = float(((kept - out - room) / away).max())
        statement = (
            "ε* ≥ max over y of (ln F_y - ln S_y)/d(w, y), w the word with the shortest noise, S_y "
            "the chance that its noise is at least d(w, y)/2 long, which it must be to reach y, "
            "and F_y the chance that noise on y is too short to leave y"
        )
        return EpsilonLowerBound(statement, max(value, 0.0))

    @cached_property
    def _spacings(self) -> tuple[Floats, Floats]:
        """m(w), the mean distance to the k nearest other words, and that to the nearest one, both
        of shape (n,)."""
        space, n = self.space.with_metric("euclidean"), len(self.space)
        count = min(self.k, n - 1)

        def near(start: int) -> Floats:
            block = space.distance_rows(slice(start, min(start + _ROWS, n))).copy()
            block[np.arange(len(block)), np.arange(start, start + len(block))] = np.inf
            found = np.partition(block, count - 1, axis=1)[:, :count]
            return np.array([found.mean(axis=1), found.min(axis=1)])

        means, nearest = np.concatenate(list(ordered_map(near, range(0, n, _ROWS))), axis=1)
        return means, nearest

    @cached_property
    def scales(self) -> Floats:
        """s(w), what the scale of the noise is multiplied by, shape (n,); 1 in the mean."""
        means = self._spacings[0]
        found = means / means.mean()
        found.setflags(write=False)
        return found

    @property
    def radial_noise(self) -> RadialNoise:
        return RadialNoise(self.epsilon / self.scales)

    @property
    def sampler_error(self) -> float:
        """That of `multivariate-laplace`, and what the error of the scales adds (docs/samplers.md):
        distances, means of k of them and of n of these, two quotients."""
        space, n = self.space.with_metric("euclidean"), len(self.space)
        scales = 2.0 * space.tiles.relative_error + (2 * min(self.k, n) + n + 8) * UNIT
        # What distances lose to underflow.
        scales += 2.0 * math.sqrt(space.dimension) * 1e-150 / space.extent.min_distance
        noise = noise_error(space.dimension, nearest_changes(n))
        return at_most_one(noise + rate_error(space.dimension, 1.01 * scales))

    @cached_property
    def _noisy(self) -> NoisyVectors:
        return NoisyVectors(self.space, self.radial_noise)

    def sample_indices(self, inputs: Indices, rng: Generator) -> Indices:
        return self._noisy.nearest(inputs, rng)


def _log_longer(dimension: int, lengths: Floats) -> Floats:
    """An upper bound on ln Pr[G > x] for G ~ Gamma(p, 1) and x in `lengths`.

    Where x > p - 1, t^(p-1) <= x^(p-1) e^((p-1)(t-x)/x) for t >= x, so that the integral of
    t^(p-1) e^-t from x on is at most x^p e^-x / (x - p + 1), which for p = 1 is exact.

    >>> _log_longer(1, np.array([3.0])).tolist()
    [-3.0]
    """
    beyond = np.maximum(lengths - dimension + 1.0, 0.0)
    with np.errstate(divide="ignore"):
        bound = dimension * np.log(lengths) - lengths - np.log(beyond) - gammaln(dimension)
    return np.asarray(np.where(beyond > 0.0, np.minimum(bound, 0.0), 0.0))


def _log_shorter(dimension: int, lengths: Floats) -> Floats:
    """A lower bound on ln Pr[G < x] for G ~ Gamma(p, 1) and x in `lengths`: the first term of the
    series x^p e^-x (1/p! + x/(p+1)! + ...), or 1 less the bound of `_log_longer`.

    >>> bool(_log_shorter(1, np.array([3.0]))[0] <= np.log(-np.expm1(-3.0)))
    True
    """
    first = dimension * np.log(lengths) - lengths - gammaln(dimension + 1.0)
    with np.errstate(divide="ignore"):
        rest = np.log(-np.expm1(_log_longer(dimension, lengths)))
    return np.asarray(np.maximum(first, rest))
