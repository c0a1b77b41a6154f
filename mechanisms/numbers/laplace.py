"""Laplace noise on one number."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...claims import PureDP
from .specimen import ONE_NUMBER, Outputs, Specimen, require_epsilon, require_number, require_size

__all__ = ["Laplace"]


@dataclass(frozen=True)
class Laplace(Specimen):
    """x plus noise with density (epsilon/2) e^(-epsilon |z|).

    Dwork, McSherry, Nissim and Smith (TCC 2006).

    Examples
    --------
    >>> Laplace(epsilon=0.5).sample(3.0, 4, np.random.default_rng(1)).shape
    (4,)
    """

    name: ClassVar[str] = "laplace"
    outputs: ClassVar[Outputs] = "real"

    epsilon: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", require_epsilon(self.epsilon))

    @property
    def claim(self) -> PureDP:
        """Pure DP at epsilon."""
        return PureDP(
            self.epsilon,
            neighbouring=ONE_NUMBER,
            source="Laplace mechanism, Dwork, McSherry, Nissim and Smith 2006",
        )

    @property
    def true_epsilon(self) -> float:
        """epsilon: |y - x'| - |y - x| is at most |x - x'|, and equal to it for y beyond x."""
        return self.epsilon

    def sample(self, x: Any, size: int, rng: Generator) -> NDArray[np.float64]:
        """Real numbers, shape (size,)."""
        centre = require_number("x", x)
        return centre + rng.laplace(size=require_size(size)) / self.epsilon
