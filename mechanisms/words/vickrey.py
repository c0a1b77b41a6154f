"""The nearest or the second nearest word of a noisy vector (specification, section 4.3)."""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...claims import MetricDP
from ...errors import InputError
from ..kernels.nearest import pair_lengths
from ..protocol import (
    EpsilonLowerBound,
    EpsilonUpperBound,
    Indices,
    RadialNoise,
    SampledWordMechanism,
)
from ..spaces import EmbeddingSpace
from .noise_error import UNIT, noise_error
from .radial import NoisyBatch, NoisyVectors, joined, require_noise, require_share
from .separable import at_most_one

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

    No guarantee is published for these two; dpaudit audits epsilon as if it were claimed. Use it
    with exclude = "never", where more change than `multivariate-laplace` gives is wanted.

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
    "none is published for exclude = 'always'; audited as if the claim for 'never' were made"
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
                f"none is published for exclude = {self.exclude!r}; audited as if the claim for "
                "'never' were made"
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
    def sampler_error(self) -> float:
        """Derived in docs/samplers.md: with the second uniform number given, the output changes at
        few places along a line, since the two nearest words do (at most 4n times) and between
        them the comparison of their distances does at most twice."""
        pairs = (8 if self.exclude == "if-nearest" else 4) * len(self.space)
        changes = pairs + 2 * (pairs + 1)
        return at_most_one(noise_error(self.space.dimension, changes) + UNIT)

    @cached_property
    def _noisy(self) -> NoisyVectors:
        return NoisyVectors(self.space, RadialNoise(np.full(len(self.space), self.epsilon)))

    def _two_nearest(self, batch: NoisyBatch) -> Indices:
        """The two nearest candidates to each noisy vector, nearest first, shape (size, 2)."""
        finder = self._noisy.finder

        def find(batch: NoisyBatch, excluded: Indices | None = None) -> Indices:
            return finder.find(batch.points, 2, excluded, errors=batch.errors, exact=batch.exact)

        if self.exclude == "always":
            return find(batch, batch.rows)
        found = find(batch)
        if self.exclude == "if-nearest":
            own = np.flatnonzero(found[:, 0] == batch.rows)
            found[own] = find(batch.part(own), batch.rows[own])
        return found

    def sample_indices(self, inputs: Indices, rng: Generator) -> Indices:
        def choose(batch: NoisyBatch) -> Indices:
            found = self._two_nearest(batch)
            return found[np.arange(len(found)), self._later(batch, found).astype(np.int64)]

        return joined(self._noisy.map(choose, inputs, rng, choices=True))

    def _later(self, batch: NoisyBatch, found: Indices) -> NDArray[np.bool_]:
        """Whether the second nearest word comes out: whether U is below its probability, that is
        U (1 - t) |v - u2| < t (1 - U) |v - u1|, shape (size,)."""
        if self.t == 1.0:  # also where the first distance is 0
            return np.ones(len(found), dtype=np.bool_)
        t, choices, vectors = self.t, batch.choices, self.space.vectors
        first, second = np.empty(len(found)), np.empty(len(found))
        pair_lengths(batch.points, vectors, found, first, second)
        gain = t * (1.0 - choices) * first - choices * (1.0 - t) * second
        # Distances are off by the errors of points and (p + 4) u of themselves; the weights add
        # up to at most 1 and are rounded four times.
        slack = (self.space.dimension + 16) * UNIT
        doubtful = ~(np.abs(gain) > 1.01 * (batch.errors + slack * second))
        later: NDArray[np.bool_] = gain > 0.0
        for i in np.flatnonzero(doubtful):
            exact = batch.exact(int(i))
            squares = [
                sum(
                    (x - Fraction(y)) ** 2
                    for x, y in zip(exact, vectors[word].tolist(), strict=True)
                )
                for word in found[i]
            ]
            chance, share = Fraction(float(choices[i])), Fraction(t)
            ways = (share * (1 - chance)) ** 2, (chance * (1 - share)) ** 2
            later[i] = ways[0] * squares[0] > ways[1] * squares[1]
        return later
