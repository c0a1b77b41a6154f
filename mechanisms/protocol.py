"""What a mechanism is to the rest of the house.

An audit knows mechanisms only through these protocols. The least that it needs is
`sample(x, size, rng)`; a word mechanism with an exact law offers more, and a separable one
offers the parts of its law, from which the true epsilon follows without looking at outputs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..claims import Claim
from .spaces import EmbeddingSpace

__all__ = [
    "EpsilonLowerBound",
    "EpsilonUpperBound",
    "ExplainsLoss",
    "HasLowerBound",
    "HasRadialNoise",
    "HasSeparableLaw",
    "HasSteps",
    "HasUpperBound",
    "Mechanism",
    "Prior",
    "RadialNoise",
    "SampledWordMechanism",
    "SeparableLaw",
    "WordMechanism",
]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@runtime_checkable
class Mechanism(Protocol):
    """Anything that can be sampled: `size` independent outputs on the input `x`."""

    def sample(self, x: Any, size: int, rng: Generator) -> Any: ...


class SampledWordMechanism(Protocol):
    """A mechanism from words to words of one vocabulary that can be sampled.

    Subclasses give `name`, `space`, the three properties and `sample_indices`; `sample`, which
    takes a single word, comes with the protocol.
    """

    name: ClassVar[str]
    space: EmbeddingSpace

    @property
    def parameters(self) -> Mapping[str, float | int | str | bool]:
        """Parameters by the names that the constructor and `--set` use."""
        ...

    @property
    def claim(self) -> Claim:
        """What the mechanism promises, and who says so."""
        ...

    @property
    def sampler_error(self) -> float | None:
        """Bound tau on the total variation between the sampler's law and the ideal one; None
        where none is known."""
        ...

    def sample_indices(self, inputs: Indices, rng: Generator) -> Indices:
        """One output for each input, both as positions in the vocabulary, shape (size,).

        Uses the generator's stream position by position, so that splitting the inputs into
        batches does not change the outputs.
        """
        ...

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences about what the mechanism can promise at all, for reports."""
        return ()

    def sample(self, x: str | int, size: int, rng: Generator) -> NDArray[np.object_]:
        """`size` independent output words on the input word x."""
        inputs = np.full(size, self.space.index(x), dtype=np.int64)
        words = np.array(self.space.words, dtype=object)
        return words[self.sample_indices(inputs, rng)]


class WordMechanism(SampledWordMechanism, Protocol):
    """A mechanism from words to words with an exact output law.

    Subclasses give `log_laws` and two more properties; `log_law`, which takes a single word, comes
    with the protocol.
    """

    @property
    def sampler_error(self) -> float:
        """Bound tau on the total variation between the sampler's law and the ideal one."""
        ...

    @property
    def log_law_error(self) -> float:
        """Bound on the absolute rounding error, in nats, of every value of `log_laws`."""
        ...

    def log_laws(self, rows: slice) -> Floats:
        """ln P_w(y) for a range of inputs w and all outputs y, shape (rows, n), in nats."""
        ...

    def log_law(self, word: str | int) -> Floats:
        """ln P_w(y) for one input w and all outputs y, shape (n,), in nats."""
        position = self.space.index(word)
        return self.log_laws(slice(position, position + 1))[0]


@dataclass(frozen=True)
class EpsilonLowerBound:
    """A lower bound on epsilon* by a formula; `statement` is its left-hand side in words."""

    statement: str
    value: float


@runtime_checkable
class HasLowerBound(Protocol):
    """A mechanism with a closed-form lower bound on its epsilon*, in the metric of its space."""

    def epsilon_lower_bound(self) -> EpsilonLowerBound: ...


@dataclass(frozen=True)
class EpsilonUpperBound:
    """An upper bound on epsilon* that is proven for every vocabulary; `statement` says why."""

    statement: str
    value: float


@runtime_checkable
class HasUpperBound(Protocol):
    """A mechanism with a proven bound on its epsilon*, in the distances of its own claim."""

    def epsilon_upper_bound(self) -> EpsilonUpperBound | None: ...


@runtime_checkable
class ExplainsLoss(Protocol):
    """A mechanism that can say why an output gives away one of two inputs."""

    def explain(self, first: int, second: int, output: int) -> tuple[str, ...]: ...


@dataclass(frozen=True, eq=False)
class Prior:
    """Weights pi(y) of the outputs that do not depend on the input, as logarithms, shape (n,),
    each within `error` of the true one. They need not add up to 1."""

    logs: Floats
    error: float


@dataclass(frozen=True, eq=False)
class SeparableLaw:
    """The parts of a law P_w(y) = prior(y) exp(-rate c(w, y)) / Z_w with a distance c.

    Attributes
    ----------
    rate
        theta, in nats per unit of c.
    distance
        "space": c is the metric of the space, clipped at `threshold`; "discrete": c is 1
        between different words.
    threshold
        Where the metric is clipped; infinite if it is not.
    log_normalisers
        ln Z_w, shape (n,).
    error
        Bound on the absolute rounding error of every ln Z_w.
    equal_normalisers
        True if all Z_w are equal by symmetry, so that their differences are exactly 0.
    prior
        The prior, or None if it is 1 throughout. It cancels in every loss, but for its part in Z_w.
    """

    rate: float
    distance: Literal["space", "discrete"]
    threshold: float
    log_normalisers: Floats
    error: float
    equal_normalisers: bool
    prior: Prior | None = None

    def cost(self, distances: Floats) -> Floats:
        """rate * c for pairs of different words at these distances."""
        if self.distance == "discrete":
            return np.full_like(distances, self.rate)
        if self.threshold == np.inf:
            return self.rate * distances
        return self.rate * np.minimum(distances, self.threshold)


@runtime_checkable
class HasSeparableLaw(Protocol):
    """A mechanism whose law is separable (specification, section 5.1)."""

    @property
    def separable_law(self) -> SeparableLaw: ...


@runtime_checkable
class HasSteps(Protocol):
    """A mechanism that runs a chain for a number of steps, and whose law tends to another one."""

    @property
    def steps(self) -> int: ...

    @property
    def limit(self) -> WordMechanism:
        """The mechanism with the law that is reached after infinitely many steps; separable."""
        ...

    @property
    def loss_never_rises(self) -> bool:
        """Whether it is proven that the loss of no pair rises with the number of steps."""
        ...

    def with_steps(self, steps: int) -> WordMechanism:
        """The same mechanism with another number of steps."""
        ...

    def log_distance_from_limit(self, steps: int) -> Floats:
        """For every input w, a bound on |ln P_w(y) - ln (limit)(y)| for all outputs y and for all
        numbers of steps from `steps` on; infinite where none is known. Shape (n,), in nats."""
        ...


@dataclass(frozen=True, eq=False)
class RadialNoise:
    """Noise z = r A u that is added to the vector of the input; the output is the word nearest to
    the sum (specification, sections 4.1, 4.2, 4.8, 4.10 and 5.4).

    u is uniform on the unit sphere of R^p; r is Gamma with shape p and the rate of the input,
    conditioned on r <= `truncation`.

    Attributes
    ----------
    rates
        Rate of the radius for every input, shape (n,), per unit of distance.
    truncation
        Largest radius; infinite if there is none.
    transform
        A, shape (p, p), or None for the identity.
    """

    rates: Floats
    truncation: float = float("inf")
    transform: Floats | None = None


@runtime_checkable
class HasRadialNoise(Protocol):
    """A mechanism that outputs the word nearest to a noisy vector."""

    @property
    def radial_noise(self) -> RadialNoise: ...
