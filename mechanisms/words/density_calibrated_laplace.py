"""Multivariate Laplace noise that is longer where words are sparse (specification, 4.10)."""

import math
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from ...claims import MetricDP
from ...errors import InputError
from ..kernels.parallel import ordered_map
from ..protocol import EpsilonUpperBound, Floats, Indices, RadialNoise, SampledWordMechanism
from ..spaces import EmbeddingSpace
from .noise_error import UNIT, nearest_changes, noise_error, rate_error
from .radial import NoisyVectors, require_noise
from .separable import at_most_one

__all__ = ["DensityCalibratedLaplace"]

_ROWS = 64


@dataclass(frozen=True, eq=False)
class DensityCalibratedLaplace(SampledWordMechanism):
    """`multivariate-laplace` with noise scaled by how sparse the words are around the input.

    After Feyisetan, Aggarwal, Xu and Teissier, FLAIRS 2021 (arXiv 2012.05403), on noise that is
    calibrated to the region around a word. With m(w) the mean distance from w to its k
    nearest other words, the scale 1 / epsilon of the noise is multiplied by

        s(w) = m(w) / (the mean of m over all words).

    Dense regions get less noise, sparse ones more. The claimed epsilon is that of the average word;
    no proof is known. Far from two inputs with different scales the densities of their noise differ
    by a factor that grows without bound, so only the finite vocabulary keeps the loss finite. It is
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
            source="density-calibrated noise, after Feyisetan, Aggarwal, Xu and Teissier 2021; "
            "without proof",
        )

    def epsilon_upper_bound(self) -> EpsilonUpperBound | None:
        """None: no bound is known."""
        return None

    @cached_property
    def scales(self) -> Floats:
        """s(w), what the scale of the noise is multiplied by, shape (n,); 1 in the mean."""
        space, n = self.space.with_metric("euclidean"), len(self.space)
        count = min(self.k, n - 1)

        def means(start: int) -> Floats:
            block = space.distance_rows(slice(start, min(start + _ROWS, n))).copy()
            block[np.arange(len(block)), np.arange(start, start + len(block))] = np.inf
            return np.partition(block, count - 1, axis=1)[:, :count].mean(axis=1)

        found = np.concatenate(list(ordered_map(means, range(0, n, _ROWS))))
        found /= found.mean()
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
