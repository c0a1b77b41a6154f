"""Laplace noise on the vector of a word, then the nearest word (specification, section 4.1)."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from ...claims import MetricDP
from ..protocol import EpsilonUpperBound, Indices, RadialNoise, SampledWordMechanism
from ..spaces import EmbeddingSpace
from .noise_error import nearest_changes, noise_error
from .radial import NoisyVectors, require_noise
from .separable import at_most_one

__all__ = ["MultivariateLaplace"]


@dataclass(frozen=True, eq=False)
class MultivariateLaplace(SampledWordMechanism):
    """Adds noise with density proportional to exp(-epsilon |z|) to the vector of the word and
    outputs the word that is nearest to the sum.

    Feyisetan, Balle, Drake and Diethe, WSDM 2020. In polar form: a direction that is uniform on
    the sphere, and a radius that is Gamma(p) with rate epsilon, p the dimension. Norm and nearest
    word are Euclidean whatever the metric of the space. By the triangle inequality the density of
    the noisy vector changes by a factor of at most e^(epsilon d) when the input moves by d, and the
    nearest word is a function of the noisy vector: epsilon-metric-DP on every vocabulary.

    The mean radius is p / epsilon, so in high dimensions epsilon must be large for a word to be
    kept at all. The output law has no closed form. Use it as the baseline of the literature; where
    the exact loss must be known, `metric-exponential` makes the same promise with a closed law.

    Parameters
    ----------
    space
        Vocabulary and vectors.
    epsilon
        Privacy loss per unit of Euclidean distance, in nats; from p / 1e140 to 1e140.

    Examples
    --------
    >>> space = EmbeddingSpace(["near", "far", "here"], [[1.0], [5.0], [0.0]])
    >>> mechanism = MultivariateLaplace(space, epsilon=2.0)
    >>> mechanism.sample("here", 5, np.random.default_rng(1)).tolist()
    ['here', 'here', 'here', 'here', 'here']
    """

    name: ClassVar[str] = "multivariate-laplace"

    space: EmbeddingSpace
    epsilon: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", require_noise(self.space, self.epsilon))

    @property
    def parameters(self) -> dict[str, float | int | str | bool]:
        return {"epsilon": self.epsilon}

    @property
    def claim(self) -> MetricDP:
        return MetricDP(
            self.epsilon,
            metric="euclidean",
            source="multivariate Laplace noise, Feyisetan, Balle, Drake and Diethe 2020",
        )

    def epsilon_upper_bound(self) -> EpsilonUpperBound:
        statement = (
            "ε* ≤ ε: the density of the noisy vector is proportional to e^(-ε|z|), which the "
            "triangle inequality bounds, and the nearest word is a function of that vector"
        )
        return EpsilonUpperBound(statement, self.epsilon)

    @property
    def radial_noise(self) -> RadialNoise:
        return RadialNoise(np.full(len(self.space), self.epsilon))

    @property
    def sampler_error(self) -> float:
        """Derived in docs/samplers.md; it does not depend on epsilon."""
        return at_most_one(noise_error(self.space.dimension, nearest_changes(len(self.space))))

    @cached_property
    def _noisy(self) -> NoisyVectors:
        return NoisyVectors(self.space, self.radial_noise)

    def sample_indices(self, inputs: Indices, rng: Generator) -> Indices:
        return self._noisy.nearest(inputs, rng)
