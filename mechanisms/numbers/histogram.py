"""Noisy histograms: Laplace noise on every count, with the right and with the wrong scale."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...claims import PureDP
from ...errors import require_count
from .specimen import (
    ONE_COORDINATE,
    Outputs,
    Specimen,
    require_epsilon,
    require_size,
    require_vector,
)

__all__ = ["NoisyHistogram1", "NoisyHistogram2"]


@dataclass(frozen=True)
class NoisyHistogram1(Specimen):
    """Every count plus Laplace noise of scale 1/epsilon.

    Ding, Wang, Wang, Zhang and Kifer (CCS 2018), algorithm 9. All noisy counts are shown.

    Parameters
    ----------
    epsilon
        What is claimed.
    bins
        Number of counts.

    Examples
    --------
    >>> NoisyHistogram1(epsilon=0.1, bins=2).sample([3, 4], 6, np.random.default_rng(1)).shape
    (6, 2)
    """

    name: ClassVar[str] = "noisy-histogram-1"
    outputs: ClassVar[Outputs] = "vector"

    epsilon: float
    bins: int = 5

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", require_epsilon(self.epsilon))
        object.__setattr__(self, "bins", require_count("bins", self.bins))

    @property
    def scale(self) -> float:
        """Scale of the noise on a count."""
        return 1.0 / self.epsilon

    @property
    def claim(self) -> PureDP:
        """Pure DP at epsilon."""
        return PureDP(
            self.epsilon,
            neighbouring=ONE_COORDINATE,
            source="noisy histogram, Ding et al. 2018",
        )

    @property
    def true_epsilon(self) -> float:
        """1 over the scale of the noise: only one count differs, as in `Laplace`."""
        return 1.0 / self.scale

    def sample(self, x: Any, size: int, rng: Generator) -> NDArray[np.float64]:
        """Noisy counts, shape (size, bins)."""
        counts = require_vector(x, self.bins)
        size = require_size(size, self.bins)
        return counts + self.scale * rng.laplace(size=(size, self.bins))


@dataclass(frozen=True)
class NoisyHistogram2(NoisyHistogram1):
    """The same with scale epsilon instead of 1/epsilon: a slip that keeps the types right.

    Ding et al. (CCS 2018), algorithm 10. True epsilon 1/epsilon, broken for epsilon < 1.

    Examples
    --------
    >>> NoisyHistogram2(epsilon=0.1).true_epsilon
    10.0
    """

    name: ClassVar[str] = "noisy-histogram-2"
    flaw: ClassVar[str] = (
        "The noise has scale ε where 1/ε is needed (Ding et al. 2018, algorithm 10)."
    )

    @property
    def scale(self) -> float:
        """Scale of the noise on a count: the mistake."""
        return self.epsilon
