"""Several mechanisms on one input at once (Bichsel, Steffen, Bogunovic and Vechev, S&P 2021)."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...claims import PureDP
from ...errors import require_count
from .sparse_vector import SparseVector3, SparseVector4
from .specimen import (
    EVERY_COORDINATE,
    ONE_NUMBER,
    Outputs,
    Specimen,
    require_epsilon,
    require_number,
    require_size,
)

__all__ = ["LaplaceParallel", "SparseVector34Parallel"]


@dataclass(frozen=True)
class LaplaceParallel(Specimen):
    """The Laplace mechanism many times on one number, all outputs shown.

    Bichsel, Steffen, Bogunovic and Vechev (S&P 2021), LaplaceParallel: 20 copies of epsilon 0.005
    each. Noise of different copies is independent, so each copy gets an equal share of epsilon.

    Parameters
    ----------
    epsilon
        What is claimed, for all copies together.
    copies
        How many outputs; each is x plus noise with density (r/2) e^(-r |z|), r = epsilon/copies.

    Examples
    --------
    >>> LaplaceParallel(epsilon=0.1, copies=3).sample(2.0, 6, np.random.default_rng(1)).shape
    (6, 3)
    """

    name: ClassVar[str] = "laplace-parallel"
    outputs: ClassVar[Outputs] = "vector"

    epsilon: float
    copies: int = 20

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", require_epsilon(self.epsilon))
        object.__setattr__(self, "copies", require_count("copies", self.copies))

    @property
    def claim(self) -> PureDP:
        """Pure DP at epsilon."""
        return PureDP(
            self.epsilon,
            neighbouring=ONE_NUMBER,
            source="composition of Laplace mechanisms, Bichsel et al. 2021",
        )

    @property
    def true_epsilon(self) -> float:
        """epsilon: each copy loses at most epsilon/copies, and exactly that where its output lies
        beyond both inputs, which all of them can do together."""
        return self.epsilon

    def sample(self, x: Any, size: int, rng: Generator) -> NDArray[np.float64]:
        """Real numbers, shape (size, copies)."""
        centre = require_number("x", x)
        noise = rng.laplace(size=(require_size(size, self.copies), self.copies))
        return centre + noise * (self.copies / self.epsilon)


@dataclass(frozen=True)
class SparseVector34Parallel(Specimen):
    """`sparse-vector-3` and `sparse-vector-4` on the same queries, with independent noise.

    Bichsel, Steffen, Bogunovic and Vechev (S&P 2021), SVT34Parallel, with their cutoff 2.

    Parameters
    ----------
    epsilon
        What each of the two claims.
    threshold, queries, cutoff
        As in `SparseVector1`, for both.

    Examples
    --------
    >>> mechanism = SparseVector34Parallel(epsilon=90.0, queries=4, cutoff=1)
    >>> mechanism.sample([-9, -9, 9, 9], 1, np.random.default_rng(1)).round()
    array([[-inf, -inf,   9.,  inf,   0.,   0.,   1.,  -1.]])
    """

    name: ClassVar[str] = "sparse-vector-34-parallel"
    outputs: ClassVar[Outputs] = "mixed"
    flaw: ClassVar[str] = (
        "Neither of its two parts keeps what it claims (Lyu, Su and Li 2017), so the sum of both "
        "claims is exceeded as well."
    )

    epsilon: float
    threshold: float = 0.0
    queries: int = 10
    cutoff: int = 2

    def __post_init__(self) -> None:
        for name, value in self._third.parameters.items():  # as they were checked
            object.__setattr__(self, name, value)

    @property
    def _third(self) -> SparseVector3:
        return SparseVector3(self.epsilon, self.threshold, self.queries, self.cutoff)

    @property
    def _fourth(self) -> SparseVector4:
        return SparseVector4(self.epsilon, self.threshold, self.queries, self.cutoff)

    @property
    def claim(self) -> PureDP:
        """Pure DP at 2 epsilon: what both parts claim, added up."""
        return PureDP(
            2.0 * self.epsilon,
            neighbouring=EVERY_COORDINATE,
            source="composition of sparse vectors, Bichsel et al. 2021",
        )

    @property
    def true_epsilon(self) -> float | None:
        """n epsilon/(2c) + (1 + 6c) epsilon/4 from 2c + 1 queries on, as a limit; None for fewer.

        The sum of what both parts lose, which no pair exceeds. The pairs of `SparseVector1`, n - c
        queries at A and A + 1, then c at 0 and -1, approach it as A grows: they are those on which
        algorithm 4 approaches its own. On them algorithm 3 attains its own, and in the same
        direction, with the last c answers shown as numbers between 0 and A: there every noisy
        threshold that allows the output is below A, so each of the n factors changes by exactly
        e^(epsilon/(2c)).
        """
        fourth = self._fourth.true_epsilon
        return None if fourth is None else self._third.true_epsilon + fourth

    def sample(self, x: Any, size: int, rng: Generator) -> NDArray[np.float64]:
        """The outputs of `sparse-vector-3`, then the symbols of `sparse-vector-4` as numbers, shape
        (size, 2 queries)."""
        columns = self.queries + 1
        noise = rng.laplace(size=(require_size(size, 4 * columns), 2 * columns))
        third = self._third.outputs_of(x, noise[:, :columns])
        return np.hstack([third, self._fourth.outputs_of(x, noise[:, columns:])])
