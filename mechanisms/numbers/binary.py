"""Randomized response to a yes-or-no question."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...claims import PureDP
from .specimen import Outputs, Specimen, require_epsilon, require_size, require_whole

__all__ = ["BinaryRandomizedResponse"]


@dataclass(frozen=True)
class BinaryRandomizedResponse(Specimen):
    """The true bit with probability e^epsilon / (1 + e^epsilon), otherwise the other one.

    Warner (JASA 1965).

    Examples
    --------
    >>> BinaryRandomizedResponse(epsilon=9.0).sample(1, 4, np.random.default_rng(1)).tolist()
    [1, 1, 1, 1]
    """

    name: ClassVar[str] = "binary-randomized-response"
    outputs: ClassVar[Outputs] = "finite"

    epsilon: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", require_epsilon(self.epsilon))

    @property
    def claim(self) -> PureDP:
        """Pure DP at epsilon."""
        return PureDP(
            self.epsilon,
            neighbouring="the two bits 0 and 1",
            source="randomized response, Warner 1965",
        )

    @property
    def true_epsilon(self) -> float:
        """epsilon: the odds of both outputs change by exactly that factor."""
        return self.epsilon

    def sample(self, x: Any, size: int, rng: Generator) -> NDArray[np.int8]:
        """Bits, shape (size,)."""
        bit = require_whole("x", x, 0, 1)
        flipped = rng.random(require_size(size)) < 1.0 / (1.0 + math.exp(min(self.epsilon, 700.0)))
        return (flipped ^ bool(bit)).astype(np.int8)
