"""Mechanisms on one whole number: two-sided geometric noise, and its exact clamped form."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...claims import PureDP
from ...errors import InputError, require_count
from .specimen import Outputs, Specimen, require_epsilon, require_size, require_whole

__all__ = ["DiscreteLaplace", "TruncatedGeometric"]


@dataclass(frozen=True)
class DiscreteLaplace(Specimen):
    """x plus noise with Pr[k] = tanh(epsilon/2) e^(-epsilon |k|), x and k whole.

    Ghosh, Roughgarden and Sundararajan (STOC 2009), where it is the two-sided geometric mechanism.
    The noise is the difference of two independent geometric variables.

    Examples
    --------
    >>> DiscreteLaplace(epsilon=0.5).sample(3, 4, np.random.default_rng(1)).dtype
    dtype('int64')
    """

    name: ClassVar[str] = "discrete-laplace"
    outputs: ClassVar[Outputs] = "whole"

    epsilon: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", require_epsilon(self.epsilon))

    @property
    def claim(self) -> PureDP:
        """Pure DP at epsilon."""
        return PureDP(
            self.epsilon,
            neighbouring="whole numbers that differ by at most 1",
            source="two-sided geometric mechanism, Ghosh, Roughgarden and Sundararajan 2009",
        )

    @property
    def true_epsilon(self) -> float:
        """epsilon: the ratio of two neighbouring inputs is e^epsilon or e^-epsilon everywhere."""
        return self.epsilon

    def sample(self, x: Any, size: int, rng: Generator) -> NDArray[np.int64]:
        """Whole numbers, shape (size,)."""
        centre = require_whole("x", x, -(2**53), 2**53)
        pairs = rng.geometric(-math.expm1(-self.epsilon), size=(require_size(size, 2), 2))
        return centre + pairs[:, 0] - pairs[:, 1]


@dataclass(frozen=True)
class TruncatedGeometric(Specimen):
    """Two-sided geometric noise on a count c in {0, ..., n}, clamped to that range, with
    probabilities that are exact fractions.

    Balcer and Vadhan, "Differential Privacy on Finite Computers" (ITCS 2018), algorithm GeoSample:
    with a = 2^k / (2^k + 1), Pr[Z <= z] is a^(c-z) / (1 + a) for z < c, 1 - a^(z-c+1) / (1 + a)
    for c <= z < n, and 1 for z = n, all over one common denominator. The sampler compares one
    uniform whole number with them, so that it has no rounding at all.

    Parameters
    ----------
    epsilon
        What is claimed.
    n
        The largest count.
    bits
        k. Default (0): ceil(log2(2/epsilon)). The public code of DP-Sniper takes the natural
        logarithm there, which at epsilon = 0.1 gives k = 3 and breaks the claim.

    Raises
    ------
    InputError
        If a parameter is out of range, or the denominator does not fit into 63 bits.

    Examples
    --------
    >>> round(TruncatedGeometric(epsilon=0.1).true_epsilon, 6)
    0.030772
    >>> TruncatedGeometric(epsilon=0.1, bits=3).broken
    True
    """

    name: ClassVar[str] = "truncated-geometric"
    outputs: ClassVar[Outputs] = "finite"

    epsilon: float
    n: int = 5
    bits: int = 0

    def __post_init__(self) -> None:
        epsilon = require_epsilon(self.epsilon)
        object.__setattr__(self, "epsilon", epsilon)
        object.__setattr__(self, "n", require_count("n", self.n, 62))
        bits = self.bits
        if type(bits) is int and bits == 0:
            bits = max(1, math.ceil(math.log2(2.0 / epsilon)))
        object.__setattr__(self, "bits", require_count("bits", bits, 62))
        if self.denominator >= 2**63:
            raise InputError(
                f"n is {self.n} and bits is {self.bits}, but (2^(bits+1) + 1)(2^bits + 1)^(n-1) "
                "must be below 2^63. Take a smaller n or a larger epsilon."
            )

    @property
    def denominator(self) -> int:
        """The common denominator of all probabilities."""
        power = 2**self.bits
        return int((2 * power + 1) * (power + 1) ** (self.n - 1))

    def cumulative(self, c: int) -> list[int]:
        """Pr[Z <= z] on the count c for z = 0 ... n, as numerators over `denominator`."""
        power, n = 2**self.bits, self.n
        below = [power ** (c - z) * (power + 1) ** (n - c + z) for z in range(c)]
        above = [
            self.denominator - power ** (z - c + 1) * (power + 1) ** (n - 1 - z + c)
            for z in range(c, n)
        ]
        return [*below, *above, self.denominator]

    @property
    def claim(self) -> PureDP:
        """Pure DP at epsilon."""
        return PureDP(
            self.epsilon,
            neighbouring="counts that differ by at most 1",
            source="GeoSample, Balcer and Vadhan 2018",
        )

    @property
    def true_epsilon(self) -> float:
        """ln(1 + 2^-k) = ln 1/a: the ratio of counts 0 and 1 at output 0, and the clamped
        two-sided geometric law has no larger one."""
        return math.log1p(2.0**-self.bits)

    def sample(self, x: Any, size: int, rng: Generator) -> NDArray[np.int64]:
        """Whole numbers from 0 to n, shape (size,)."""
        numerators = np.array(self.cumulative(require_whole("x", x, 0, self.n)), dtype=np.int64)
        uniform = rng.integers(1, self.denominator, size=require_size(size), endpoint=True)
        return np.searchsorted(numerators, uniform, side="left").astype(np.int64)
