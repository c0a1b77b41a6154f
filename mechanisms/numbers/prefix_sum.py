"""Noisy prefix sums."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...claims import PureDP
from ...errors import require_count
from .specimen import (
    EVERY_COORDINATE,
    Outputs,
    Specimen,
    require_epsilon,
    require_size,
    require_vector,
)

__all__ = ["PrefixSum"]


@dataclass(frozen=True)
class PrefixSum(Specimen):
    """Laplace noise of scale 1/epsilon on every number, then the sums of the first 1, 2, ..., n.

    Wang, Ding, Wang, Kifer and Zhang (PLDI 2019), on vectors that differ in a single coordinate,
    where the true epsilon is epsilon. Here, as in the suite of DP-Sniper (Bichsel et al., S&P
    2021), neighbours differ in every coordinate, which the noise is not made for.

    Parameters
    ----------
    epsilon
        What is claimed.
    queries
        n.

    Examples
    --------
    >>> PrefixSum(epsilon=0.1, queries=2).sample([3, 4], 6, np.random.default_rng(1)).shape
    (6, 2)
    """

    name: ClassVar[str] = "prefix-sum"
    outputs: ClassVar[Outputs] = "vector"
    flaw: ClassVar[str] = (
        "the noise hides a change of one number, but all of them may change (Bichsel et al. 2021 "
        "audit it on such neighbours)"
    )

    epsilon: float
    queries: int = 10

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", require_epsilon(self.epsilon))
        object.__setattr__(self, "queries", require_count("queries", self.queries))

    @property
    def claim(self) -> PureDP:
        """Pure DP at epsilon."""
        return PureDP(
            self.epsilon,
            neighbouring=EVERY_COORDINATE,
            source="prefix sum, Wang, Ding, Wang, Kifer and Zhang 2019",
        )

    @property
    def true_epsilon(self) -> float:
        """n epsilon: the sums and the noisy numbers determine each other, and every one of the n
        independent numbers loses epsilon where it lies beside both inputs."""
        return self.queries * self.epsilon

    def sample(self, x: Any, size: int, rng: Generator) -> NDArray[np.float64]:
        """Noisy sums, shape (size, queries)."""
        numbers = require_vector(x, self.queries)
        size = require_size(size, self.queries)
        noisy = numbers + rng.laplace(size=(size, self.queries)) / self.epsilon
        return np.cumsum(noisy, axis=1)
