"""The nearest or the second nearest word of a noisy vector (specification, section 4.3)."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from ...claims import MetricDP
from ...errors import InputError
from ..protocol import (
    EpsilonLowerBound,
    EpsilonUpperBound,
    Floats,
    Indices,
    RadialNoise,
    SampledWordMechanism,
)
from ..spaces import EmbeddingSpace
from .radial import NoisyVectors, joined, require_noise, require_share

__all__ = ["Vickrey"]

_EXCLUDE = ("never", "always", "if-nearest")


@dataclass(frozen=True, eq=False)
class Vickrey(SampledWordMechanism):
    """Adds multivariate Laplace noise and outputs the nearest or the second nearest word.

    Xu, Aggarwal, Feyisetan and Teissier, PrivateNLP 2021. v is the vector of the word plus noise
    with density proportional to exp(-epsilon |z|), as in `multivariate-laplace`; u1 and u2 are the
    words nearest to it. The output is u2 with probability

        t |v - u1| / (t |v - u1| + (1 - t) |v - u2|),

    otherwise u1. Fewer words come out unchanged than in `multivariate-laplace`. As long as the
    choice looks at v only, it is post-processing of v, so epsilon-metric-DP on every vocabulary.
    Striking the input word from the candidates looks at the input, and the proof is gone:

    * "always": a word never comes out of itself but does of others, so epsilon* is infinite;
    * "if-nearest": struck when it is the nearest word, as mldp-text does (which weighs the two
      remaining words differently). Nothing is proved; with t = 0 the word never comes out of
      itself either.

    Use it with exclude = "never", where more change than `multivariate-laplace` gives is wanted.

    Parameters
    ----------
    space
        Vocabulary and vectors.
    epsilon
        Privacy loss per unit of Euclidean distance, in nats; from p / 1e140 to 1e140.
    t
        In [0, 1]: 0 always gives the nearest word, 1 always the second nearest.
    exclude
        "never", "always" or "if-nearest"; the last two need three words or more.

    Examples
    --------
    >>> space = EmbeddingSpace(["near", "far", "here"], [[1.0], [5.0], [0.0]])
    >>> mechanism = Vickrey(space, epsilon=2.0)
    >>> mechanism.sample("here", 5, np.random.default_rng(1)).tolist()
    ['here', 'here', 'near', 'here', 'here']
    >>> Vickrey(space, 2.0, exclude="always").claim.source
    "Vickrey mechanism with exclude = 'always': claimed as for 'never', without proof"
    """

    name: ClassVar[str] = "vickrey"

    space: EmbeddingSpace
    epsilon: float
    t: float = 0.5
    exclude: str = "never"

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", require_noise(self.space, self.epsilon))
        object.__setattr__(self, "t", require_share("t", self.t))
        if self.exclude not in _EXCLUDE:
            raise InputError(
                f"exclude is {self.exclude!r}, but it must be one of {', '.join(_EXCLUDE)}."
            )
        if self.exclude != "never" and len(self.space) < 3:
            raise InputError(
                f"exclude is {self.exclude!r}, but that needs at least 3 words, so that two are "
                f"left, and there are {len(self.space)}. Use more words, or exclude=never."
            )

    @property
    def parameters(self) -> dict[str, float | int | str | bool]:
        return {"epsilon": self.epsilon, "t": self.t, "exclude": self.exclude}

    @property
    def claim(self) -> MetricDP:
        source = "Vickrey mechanism, Xu, Aggarwal, Feyisetan and Teissier 2021"
        if self.exclude != "never":
            source = (
                f"Vickrey mechanism with exclude = {self.exclude!r}: claimed as for 'never', "
                "without proof"
            )
        return MetricDP(self.epsilon, metric="euclidean", source=source)

    def epsilon_upper_bound(self) -> EpsilonUpperBound | None:
        if self.exclude != "never":
            return None
        statement = (
            "ε* ≤ ε: the density of the noisy vector is proportional to e^(-ε|z|), which the "
            "triangle inequality bounds, and the output depends on that vector and fresh "
            "randomness only"
        )
        return EpsilonUpperBound(statement, self.epsilon)

    def epsilon_lower_bound(self) -> EpsilonLowerBound:
        """Infinite where the input word is never an output."""
        return EpsilonLowerBound(
            "ε* = ∞, because a word never comes out of itself, but out of every other word with "
            "some chance"
            if self._strikes_input
            else "nothing is known from below",
            math.inf if self._strikes_input else 0.0,
        )

    @property
    def _strikes_input(self) -> bool:
        return self.exclude == "always" or (self.exclude == "if-nearest" and self.t == 0.0)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What striking the input word means."""
        if self._strikes_input:
            return (
                "ε* = ∞: a word never comes out of itself, but it comes out of every other word "
                "with some chance, so each output excludes one input with certainty.",
            )
        return ()

    @property
    def sampler_error(self) -> None:
        """None: no bound is known for the laws of NumPy's normal and Gamma numbers; see
        docs/samplers.md."""
        return

    @cached_property
    def _noisy(self) -> NoisyVectors:
        return NoisyVectors(self.space, RadialNoise(np.full(len(self.space), self.epsilon)))

    def _two_nearest(self, rows: Indices, points: Floats) -> Indices:
        """The two nearest candidates to each noisy vector, nearest first, shape (size, 2)."""
        finder = self._noisy.finder
        if self.exclude == "always":
            return finder.find(points, 2, rows)
        found = finder.find(points, 2)
        if self.exclude == "if-nearest":
            own = np.flatnonzero(found[:, 0] == rows)
            found[own] = finder.find(points[own], 2, rows[own])
        return found

    def sample_indices(self, inputs: Indices, rng: Generator) -> Indices:
        vectors, t = self.space.vectors, self.t

        def choose(rows: Indices, points: Floats, uniforms: Floats) -> Indices:
            found = self._two_nearest(rows, points)
            first, second = (np.linalg.norm(points - vectors[found[:, i]], axis=1) for i in (0, 1))
            # For t = 1 also where the noise has vanished in rounding and the first distance is 0.
            later = (uniforms * (t * first + (1.0 - t) * second) < t * first) | (t == 1.0)
            return np.where(later, found[:, 1], found[:, 0])

        return joined(self._noisy.map(choose, inputs, rng, uniforms=True))
