"""Randomized response over the vocabulary (specification, section 4.13)."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numba import njit
from numpy.random import Generator

from ...claims import PureDP
from ...errors import require_positive
from ..kernels.alias import checked_positions, sample_in_chunks
from ..protocol import EpsilonUpperBound, Floats, Indices, SeparableLaw, WordMechanism
from ..spaces import EmbeddingSpace
from .exact_sampler import ExactSampler, require_sampler
from .separable import separable_log_laws

__all__ = ["RandomizedResponse"]

_UNIT_ROUNDOFF = 2.0**-53


@dataclass(frozen=True, eq=False)
class RandomizedResponse(WordMechanism):
    """Keeps w with probability e^epsilon / (e^epsilon + n - 1), otherwise draws another word
    uniformly.

    Warner (JASA 1965); the generalised form of Kairouz, Bonawitz and Ramage (ICML 2016). It is
    epsilon-DP between any two words and not one bit better: the loss of every pair is exactly
    epsilon. It knows nothing of meaning; use it as the yardstick for mechanisms that do.

    Parameters
    ----------
    space
        Only its vocabulary matters.
    epsilon
        Privacy loss between any two words, in nats; finite and above 0.
    sampler
        "fast", or "exact": draws from the ideal law itself, taking random bits as needed, so that
        `sampler_error` is 0; slower, see docs/samplers.md.

    Examples
    --------
    >>> space = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]])
    >>> np.exp(RandomizedResponse(space, epsilon=math.log(8)).log_law("b")).round(6).tolist()
    [0.1, 0.8, 0.1]
    """

    name: ClassVar[str] = "randomized-response"

    space: EmbeddingSpace
    epsilon: float
    sampler: str = "fast"

    def __post_init__(self) -> None:
        require_sampler(self.sampler)
        object.__setattr__(self, "epsilon", require_positive("epsilon", self.epsilon))

    @property
    def parameters(self) -> dict[str, float | int | str | bool]:
        return {"epsilon": self.epsilon, "sampler": self.sampler}

    @property
    def claim(self) -> PureDP:
        return PureDP(
            self.epsilon,
            neighbouring="any two different words",
            source="randomized response, Warner 1965; Kairouz, Bonawitz and Ramage 2016",
        )

    def epsilon_upper_bound(self) -> EpsilonUpperBound:
        return EpsilonUpperBound(
            "two inputs give every output odds of at most e^ε, which is attained",
            self.epsilon,
        )

    @property
    def _rest(self) -> float:
        """Odds (n - 1) e^-epsilon of changing the word against keeping it."""
        return (len(self.space) - 1) * math.exp(-self.epsilon)

    @cached_property
    def separable_law(self) -> SeparableLaw:
        return SeparableLaw(
            rate=self.epsilon,
            distance="discrete",
            threshold=math.inf,
            log_normalisers=np.full(len(self.space), math.log1p(self._rest)),
            error=20 * _UNIT_ROUNDOFF * max(1.0, math.log1p(self._rest)),
            equal_normalisers=True,
        )

    @property
    def log_law_error(self) -> float:
        return self.separable_law.error + 2 * _UNIT_ROUNDOFF * (self.epsilon + self._rest)

    def log_laws(self, rows: slice) -> Floats:
        return separable_log_laws(self.space, self.separable_law, rows)

    @property
    def sampler_error(self) -> float:
        """The chance to keep is off by at most 8 u, and the uniform choice among the others by
        at most n u. Derived in docs/samplers.md."""
        if self.sampler == "exact":
            return 0.0
        return (len(self.space) + 8) * _UNIT_ROUNDOFF

    @cached_property
    def _exact(self) -> ExactSampler:
        """Over ranks: the word itself, then the others. So one row serves all inputs."""
        return ExactSampler.of(self, inputs=1)

    def sample_indices(self, inputs: Indices, rng: Generator) -> Indices:
        if self.sampler == "exact":
            inputs = checked_positions(inputs, len(self.space))
            ranks = self._exact.sample(np.zeros_like(inputs), rng)
            return np.where(ranks == 0, inputs, ranks - (ranks <= inputs))
        keep, n = 1.0 / (1.0 + self._rest), len(self.space)

        def draw(rows: Indices, uniforms: Floats, outputs: Indices) -> None:
            _draw(keep, n, rows, uniforms, outputs)

        return sample_in_chunks(inputs, len(self.space), rng, 2, draw)


@njit(nogil=True, cache=True)
def _draw(keep: float, n: int, rows: Indices, uniforms: Floats, outputs: Indices) -> None:
    """Keep the word, or take one of the n - 1 others uniformly."""
    for i in range(rows.shape[0]):
        if uniforms[i, 0] < keep:
            outputs[i] = rows[i]
        else:
            other = min(int(uniforms[i, 1] * (n - 1)), n - 2)
            outputs[i] = other + 1 if other >= rows[i] else other
