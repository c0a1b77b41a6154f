"""Noise that is stretched along the covariance of the vocabulary (specification, section 4.2)."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from ...claims import MetricDP
from ...errors import ClaimError, require_memory
from ..protocol import EpsilonUpperBound, Floats, Indices, RadialNoise, SampledWordMechanism
from ..spaces import EmbeddingSpace
from .noise_error import matrix_error, nearest_changes, noise_error, root_error
from .radial import NoisyVectors, require_noise, require_share
from .separable import at_most_one

__all__ = ["Mahalanobis"]

#: Smallest ratio of eigenvalues of Sigma at which its inverse is computed with.
_LEAST = 1e-10


@dataclass(frozen=True, eq=False)
class Mahalanobis(SampledWordMechanism):
    """Adds noise r Sigma^(1/2) u to the vector of the word and outputs the nearest word.

    Xu, Aggarwal, Feyisetan and Teissier, PrivateNLP 2020. u is a direction that is uniform on the
    sphere, r is Gamma(p) with rate epsilon, and Sigma = lam C + (1 - lam) I, C the covariance of
    the vectors scaled to mean variance 1. The noise reaches farther where the words do. Its
    density is proportional to exp(-epsilon |z|_S) with the norm |x|_S = sqrt(x^T Sigma^-1 x), so
    by the triangle inequality, and because the nearest word (in the Euclidean norm) is a function
    of the noisy vector, the mechanism is epsilon-metric-DP **in that norm**, on every vocabulary.

    The claim has the metric "mahalanobis"; its distances are those of `claim_space`, the same words
    with the vectors Sigma^(-1/2) phi. In the Euclidean metric the promise is weaker or stronger by
    direction: |x|_S lies between |x| / sqrt(largest eigenvalue) and |x| / sqrt(smallest one). Use
    it where the vectors are far from isotropic; with lam = 0 it is `multivariate-laplace`.

    Parameters
    ----------
    space
        Vocabulary and vectors. The covariance is taken as public.
    epsilon
        Privacy loss per unit of distance in `claim_space`, in nats; from p / 1e140 to 1e140.
    lam
        Weight of the covariance, in [0, 1].

    Raises
    ------
    InputError
        If epsilon or lam is out of range.
    ClaimError
        If Sigma is not positive definite: its smallest eigenvalue must be above 1e-10 times the
        largest one.

    Examples
    --------
    >>> space = EmbeddingSpace(["a", "b", "c"], [[0.0, 0.0], [4.0, 0.0], [0.0, 1.0]])
    >>> mechanism = Mahalanobis(space, epsilon=2.0)
    >>> mechanism.covariance.round(3).tolist()
    [[1.176, -0.047], [-0.047, 0.824]]
    >>> mechanism.sample("a", 5, np.random.default_rng(1)).tolist()
    ['c', 'a', 'c', 'a', 'a']
    """

    name: ClassVar[str] = "mahalanobis"

    space: EmbeddingSpace
    epsilon: float
    lam: float = 0.2

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", require_noise(self.space, self.epsilon))
        object.__setattr__(self, "lam", require_share("lam", self.lam))
        values = self._eigen[0]
        if not values[0] > _LEAST * values[-1]:
            raise ClaimError(
                f"lam is {self.lam:g}, but with it the matrix lam C + (1 - lam) I has eigenvalues "
                f"from {values[0]:.3g} to {values[-1]:.3g} on this vocabulary, and the smallest "
                f"must be above {_LEAST:g} times the largest one. Use a smaller lam."
            )

    @property
    def parameters(self) -> dict[str, float | int | str | bool]:
        return {"epsilon": self.epsilon, "lam": self.lam}

    @property
    def claim(self) -> MetricDP:
        return MetricDP(
            self.epsilon,
            metric="mahalanobis",
            source="regularised Mahalanobis noise, Xu, Aggarwal, Feyisetan and Teissier 2020",
        )

    def epsilon_upper_bound(self) -> EpsilonUpperBound:
        statement = (
            "ε* ≤ ε in the norm √(xᵀΣ⁻¹x): the density of the noisy vector is proportional to "
            "e^(-ε|z|) in that norm, which the triangle inequality bounds, and the nearest word is "
            "a function of that vector"
        )
        return EpsilonUpperBound(statement, self.epsilon)

    @cached_property
    def covariance(self) -> Floats:
        """Sigma, shape (p, p)."""
        p = self.space.dimension
        require_memory(f"A covariance of {p:,} dimensions", 40 * p * p, "Use fewer dimensions.")
        centred = self.space.vectors - self.space.vectors.mean(axis=0)
        # Scaled first, so that squares neither overflow nor vanish; some component differs from
        # its mean, because no two words have the same vector.
        centred /= np.abs(centred).max()
        product = centred.T @ centred
        product *= p / np.trace(product)
        result = self.lam * 0.5 * (product + product.T) + (1.0 - self.lam) * np.eye(p)
        result.setflags(write=False)
        return result

    @cached_property
    def _eigen(self) -> tuple[Floats, Floats]:
        values, vectors = np.linalg.eigh(self.covariance)
        return values, vectors

    @cached_property
    def root(self) -> Floats:
        """Sigma^(1/2), shape (p, p); exactly the identity for lam = 0."""
        if self.lam == 0.0:
            return np.eye(self.space.dimension)
        values, vectors = self._eigen
        return (vectors * np.sqrt(values)) @ vectors.T

    @cached_property
    def claim_space(self) -> EmbeddingSpace:
        """The words with the vectors Sigma^(-1/2) phi: its distances are those of the claim."""
        vectors = self.space.vectors
        if self.lam > 0.0:
            values, basis = self._eigen
            vectors = vectors @ ((basis / np.sqrt(values)) @ basis.T)
        return EmbeddingSpace(self.space.words, vectors, source=self.space.source)

    @property
    def radial_noise(self) -> RadialNoise:
        rates = np.full(len(self.space), self.epsilon)
        return RadialNoise(rates, transform=self.root if self.lam > 0.0 else None)

    @property
    def sampler_error(self) -> float:
        """That of `multivariate-laplace`, and what A A^T = Sigma lacks for the root A that is
        computed with (docs/samplers.md)."""
        noise = noise_error(self.space.dimension, nearest_changes(len(self.space)))
        return at_most_one(noise + self._matrix_error)

    @cached_property
    def _matrix_error(self) -> float:
        if self.lam == 0.0:
            return 0.0
        kappa = root_error(self.space.vectors, self.lam, self.covariance, self.root)
        return matrix_error(self.space.dimension, kappa)

    @cached_property
    def _noisy(self) -> NoisyVectors:
        return NoisyVectors(self.space, self.radial_noise)

    def sample_indices(self, inputs: Indices, rng: Generator) -> Indices:
        return self._noisy.nearest(inputs, rng)
