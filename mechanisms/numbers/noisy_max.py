"""Report noisy max, four ways: the index or the value, with Laplace or exponential noise."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...claims import PureDP
from ...errors import InputError, require_count
from .specimen import (
    EVERY_COORDINATE,
    Outputs,
    Specimen,
    require_epsilon,
    require_size,
    require_vector,
)

__all__ = ["ReportNoisyMax1", "ReportNoisyMax2", "ReportNoisyMax3", "ReportNoisyMax4"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _NoisyMax(Specimen):
    """What the four share: noise of scale 2/epsilon on every answer."""

    exponential: ClassVar[bool]

    epsilon: float
    queries: int = 5

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", require_epsilon(self.epsilon))
        object.__setattr__(self, "queries", require_count("queries", self.queries))
        if self.queries < 2:
            raise InputError("queries is 1, but a maximum needs 2 or more.")

    @property
    def claim(self) -> PureDP:
        """Pure DP at epsilon."""
        return PureDP(
            self.epsilon,
            neighbouring=EVERY_COORDINATE,
            source="report noisy max, Ding et al. 2018",
        )

    def _noisy(self, x: Any, size: int, rng: Generator) -> Floats:
        answers = require_vector(x, self.queries)
        shape = (require_size(size, self.queries), self.queries)
        noise = rng.standard_exponential(shape) if self.exponential else rng.laplace(size=shape)
        return answers + noise * (2.0 / self.epsilon)


@dataclass(frozen=True)
class ReportNoisyMax1(_NoisyMax):
    """The index of the largest answer after Laplace noise of scale 2/epsilon.

    Ding, Wang, Wang, Zhang and Kifer (CCS 2018), algorithm 5.

    Parameters
    ----------
    epsilon
        What is claimed.
    queries
        Number of answers, 2 or more.

    Examples
    --------
    >>> ReportNoisyMax1(epsilon=50.0).sample([0, 0, 9, 0, 0], 3, np.random.default_rng(1)).tolist()
    [2, 2, 2]
    """

    name: ClassVar[str] = "report-noisy-max-1"
    outputs: ClassVar[Outputs] = "finite"
    exponential: ClassVar[bool] = False

    @property
    def true_epsilon(self) -> float:
        """epsilon, as a limit: with two answers, all others far below, and the first g below the
        second, it wins with probability (1/2)(1 + g/(2b)) e^(-g/b), b = 2/epsilon. Neighbours
        can have the gaps g and g + 2: as g grows the ratio tends to e^(2/b) from below."""
        return self.epsilon

    def sample(self, x: Any, size: int, rng: Generator) -> NDArray[np.int64]:
        """Indices from 0, shape (size,)."""
        return self._noisy(x, size, rng).argmax(axis=1)


@dataclass(frozen=True)
class ReportNoisyMax2(_NoisyMax):
    """The index of the largest answer after exponential noise with mean 2/epsilon.

    Ding et al. (CCS 2018), algorithm 6. Parameters as in `ReportNoisyMax1`.

    Examples
    --------
    >>> ReportNoisyMax2(epsilon=50.0).sample([0, 0, 9, 0, 0], 3, np.random.default_rng(1)).tolist()
    [2, 2, 2]
    """

    name: ClassVar[str] = "report-noisy-max-2"
    outputs: ClassVar[Outputs] = "finite"
    exponential: ClassVar[bool] = True

    @property
    def true_epsilon(self) -> float:
        """epsilon, attained: the integral for an answer that is at most all others shrinks by
        exactly e^(-c/b), b = 2/epsilon, when all others move up by c against it, and c can be 2."""
        return self.epsilon

    def sample(self, x: Any, size: int, rng: Generator) -> NDArray[np.int64]:
        """Indices from 0, shape (size,)."""
        return self._noisy(x, size, rng).argmax(axis=1)


@dataclass(frozen=True)
class ReportNoisyMax3(_NoisyMax):
    """The largest answer itself after Laplace noise of scale 2/epsilon.

    Ding et al. (CCS 2018), algorithm 7. Parameters as in `ReportNoisyMax1`. With 2 queries the
    claim is true.

    Examples
    --------
    >>> ReportNoisyMax3(epsilon=0.1).true_epsilon
    0.25
    """

    name: ClassVar[str] = "report-noisy-max-3"
    outputs: ClassVar[Outputs] = "real"
    flaw: ClassVar[str] = (
        "It shows the noisy maximum instead of its index (Ding et al. 2018, algorithm 7)."
    )
    exponential: ClassVar[bool] = False

    @property
    def true_epsilon(self) -> float:
        """n epsilon/2 for n answers: no more, since n Laplace noises of scale 2/epsilon are seen
        through a function; no less, since below all answers the density of the maximum is
        proportional to the product of e^((u - x_j) epsilon/2)."""
        return 0.5 * self.queries * self.epsilon

    def sample(self, x: Any, size: int, rng: Generator) -> Floats:
        """Real numbers, shape (size,)."""
        return self._noisy(x, size, rng).max(axis=1)


@dataclass(frozen=True)
class ReportNoisyMax4(_NoisyMax):
    """The largest answer itself after exponential noise with mean 2/epsilon.

    Ding et al. (CCS 2018), algorithm 8. Parameters as in `ReportNoisyMax1`.

    Examples
    --------
    >>> ReportNoisyMax4(epsilon=0.1).true_epsilon
    inf
    """

    name: ClassVar[str] = "report-noisy-max-4"
    outputs: ClassVar[Outputs] = "real"
    flaw: ClassVar[str] = (
        "It shows the noisy maximum instead of its index, and the noise is never negative, so an "
        "output below the largest answer is impossible (Ding et al. 2018, algorithm 8)."
    )
    exponential: ClassVar[bool] = True

    @property
    def true_epsilon(self) -> float:
        """Infinite: when the largest answer grows by 1, the outputs within 1 of the old one
        become impossible."""
        return math.inf

    def sample(self, x: Any, size: int, rng: Generator) -> Floats:
        """Real numbers, shape (size,)."""
        return self._noisy(x, size, rng).max(axis=1)
