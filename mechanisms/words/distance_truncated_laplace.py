"""Multivariate Laplace noise of bounded length (specification, section 4.8)."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from ...claims import MetricDP
from ...errors import require_positive
from ..protocol import (
    EpsilonLowerBound,
    EpsilonUpperBound,
    Floats,
    Indices,
    RadialNoise,
    SampledWordMechanism,
)
from ..spaces import EmbeddingSpace
from ..spaces.distances import Tile
from .noise_error import nearest_changes, noise_error
from .radial import NoisyVectors, require_noise
from .separable import at_most_one

__all__ = ["DistanceTruncatedLaplace", "median_distance"]

#: Classes of distances in which the median is looked for.
_BINS = 2**16


@dataclass(frozen=True, eq=False)
class DistanceTruncatedLaplace(SampledWordMechanism):
    """`multivariate-laplace` with noise that is never longer than `radius`.

    After Feyisetan, Aggarwal, Xu and Teissier, FLAIRS 2021 (arXiv 2012.05403), on noise that is
    calibrated to the region around a word. The length of the noise is Gamma(p) with rate epsilon,
    conditioned on being at most `radius`.

    That paper proposes the technique and claims no epsilon for it; dpaudit audits the epsilon of
    the noise as if it were claimed. Where the ball of some word misses the cell of another one (the
    points nearest to that word), that output excludes the input with certainty: **epsilon* is
    infinite as soon as some word is out of another's reach**. It certainly is if two words are more
    than 2 radius apart. It is here to be audited; use `truncated-exponential` for a mechanism with
    a similar aim and a proof.

    Parameters
    ----------
    space
        Vocabulary and vectors.
    epsilon
        Claimed privacy loss per unit of Euclidean distance, in nats; from p / 1e140 to 1e140.
    radius
        Longest noise, a finite distance above 0. Default: the median distance of two words, which
        looks at all pairs twice; give a radius for very large vocabularies.

    Examples
    --------
    >>> space = EmbeddingSpace(["near", "far", "here"], [[1.0], [5.0], [0.0]])
    >>> mechanism = DistanceTruncatedLaplace(space, epsilon=2.0)
    >>> mechanism.parameters
    {'epsilon': 2.0, 'radius': 4.0}
    >>> mechanism.sample("here", 5, np.random.default_rng(1)).tolist()
    ['here', 'here', 'here', 'here', 'here']
    """

    name: ClassVar[str] = "distance-truncated-laplace"

    space: EmbeddingSpace
    epsilon: float
    radius: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", require_noise(self.space, self.epsilon))
        if self.radius is not None:
            object.__setattr__(self, "radius", require_positive("radius", self.radius))

    @cached_property
    def _radius(self) -> float:
        return median_distance(self.space) if self.radius is None else self.radius

    @property
    def parameters(self) -> dict[str, float | int | str | bool]:
        return {"epsilon": self.epsilon, "radius": self._radius}

    @property
    def claim(self) -> MetricDP:
        return MetricDP(
            self.epsilon,
            metric="euclidean",
            source="none is published; the epsilon of the noise before truncation is audited as if "
            "it were claimed",
        )

    def epsilon_upper_bound(self) -> EpsilonUpperBound | None:
        """None: there is none that holds for every vocabulary, since epsilon* may be infinite."""
        return None

    def epsilon_lower_bound(self) -> EpsilonLowerBound:
        """Infinite where two words are too far apart for noise on one to reach the neighbourhood
        of the other."""
        space = self.space.with_metric("euclidean")
        longest, reach = space.extent.max_distance, 2.0 * self._radius
        # With room for the rounding of distances.
        if not longest * (1.0 - 1e-9) > reach:
            return EpsilonLowerBound("distances alone decide nothing", 0.0)
        return EpsilonLowerBound(
            f"ε* = ∞, because the noise is at most {self._radius:.6g} long, and some words are "
            f"{longest:.6g} apart, so that no noise on the one reaches the neighbourhood of the "
            "other",
            math.inf,
        )

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is certain from distances alone."""
        bound = self.epsilon_lower_bound()
        return (f"{bound.statement}.",) if bound.value > 0.0 else ()

    @property
    def radial_noise(self) -> RadialNoise:
        return RadialNoise(np.full(len(self.space), self.epsilon), truncation=self._radius)

    @property
    def sampler_error(self) -> float:
        """Derived in docs/samplers.md. `radius` is the float in `parameters`, also where it is the
        default one, however that was rounded."""
        changes = nearest_changes(len(self.space))
        limit = self.epsilon * self._radius
        return at_most_one(noise_error(self.space.dimension, changes, limit))

    @cached_property
    def _noisy(self) -> NoisyVectors:
        return NoisyVectors(self.space, self.radial_noise)

    def sample_indices(self, inputs: Indices, rng: Generator) -> Indices:
        return self._noisy.nearest(inputs, rng)


def median_distance(space: EmbeddingSpace) -> float:
    """The median Euclidean distance of two different words, in two passes over the tiles: the
    first counts distances by class, the second sorts those of the classes in the middle.

    Examples
    --------
    >>> median_distance(EmbeddingSpace(["a", "b", "c", "d"], [[0.0], [1.0], [3.0], [7.0]]))
    3.5
    """
    tiles, n = space.with_metric("euclidean").tiles, len(space)
    width = tiles.diameter_bound / (_BINS - 1)

    def pairs(tile: Tile) -> Floats:
        block = tile.distances
        return block[np.triu_indices(len(block), 1)] if tile.diagonal else block.ravel()

    def classes(distances: Floats) -> Indices:
        return np.minimum(distances / width, _BINS - 1).astype(np.int64)

    def count(tile: Tile) -> Indices:
        return np.bincount(classes(pairs(tile)), minlength=_BINS)

    counts = np.zeros(_BINS, dtype=np.int64)
    for part in tiles.map(count):
        counts += part
    total = n * (n - 1) // 2
    ranks = ((total - 1) // 2, total // 2)
    below = np.cumsum(counts)
    first, last = (int(np.searchsorted(below, rank, side="right")) for rank in ranks)

    def middle(tile: Tile) -> Floats:
        distances = pairs(tile)
        where = classes(distances)
        return distances[(where >= first) & (where <= last)]

    values = np.sort(np.concatenate(list(tiles.map(middle))))
    skipped = int(below[first - 1]) if first else 0
    low, high = (float(values[rank - skipped]) for rank in ranks)
    return 0.5 * low + 0.5 * high
