"""The sparse vector technique: six published versions and a numerical one.

Queries are compared one after the other with a noisy threshold; most versions stop after
`cutoff` answers "above". The first six are algorithms 1 to 6 of Lyu, Su and Li, "Understanding
the Sparse Vector Technique for Differential Privacy" (VLDB 2017), with one threshold for all
queries and sensitivity 1.

Outputs that are symbols only: int8, shape (size, queries), 1 above, 0 below, -1 not asked because
it had stopped. Outputs with numbers: float64 of the same shape, `BELOW` (minus infinity) below,
`NOT_ASKED` (infinity) after the stop; no noisy answer is infinite, and unlike NaN both symbols
are equal to themselves.
"""

import math
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
    require_number,
    require_size,
    require_vector,
)

__all__ = [
    "BELOW",
    "NOT_ASKED",
    "NumericalSparseVector",
    "SparseVector1",
    "SparseVector2",
    "SparseVector3",
    "SparseVector4",
    "SparseVector5",
    "SparseVector6",
]

#: The entry of a query below the threshold, in outputs with numbers.
BELOW = -math.inf

#: The entry of a query that was not asked any more, in outputs with numbers.
NOT_ASKED = math.inf

Floats = NDArray[np.float64]
Symbols = NDArray[np.int8]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class _Uncut(Specimen):
    """A version that never stops."""

    source: ClassVar[str]

    epsilon: float
    threshold: float = 0.0
    queries: int = 10

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", require_epsilon(self.epsilon))
        object.__setattr__(self, "threshold", require_number("threshold", self.threshold))
        object.__setattr__(self, "queries", require_count("queries", self.queries))

    @property
    def claim(self) -> PureDP:
        """Pure DP at epsilon."""
        return PureDP(self.epsilon, neighbouring=EVERY_COORDINATE, source=self.source)

    def _noise(self, size: int, columns: int, rng: Generator) -> Floats:
        """Standard Laplace noise, one row for each output."""
        return rng.laplace(size=(require_size(size, 2 * columns), columns))


@dataclass(frozen=True)
class _Cut(_Uncut):
    """A version that stops after `cutoff` answers "above"."""

    cutoff: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "cutoff", require_count("cutoff", self.cutoff, self.queries))

    def _asked(self, above: Flags) -> Flags:
        """Which queries are asked: those before which fewer than `cutoff` were above."""
        before: NDArray[np.int64] = np.cumsum(above, axis=1) - above
        return np.less(before, self.cutoff)


def _symbols(above: Flags, asked: Flags) -> Symbols:
    return np.where(asked, above, -1).astype(np.int8)


@dataclass(frozen=True)
class SparseVector1(_Cut):
    """Threshold noise of scale 2/epsilon, query noise of scale 4c/epsilon, c the cutoff.

    Lyu, Su and Li (VLDB 2017), algorithm 1, theirs.

    Parameters
    ----------
    epsilon
        What is claimed.
    threshold
        What the queries are compared with.
    queries
        Number of queries.
    cutoff
        Stops after this number of answers "above"; at most `queries`.

    Examples
    --------
    >>> SparseVector1(epsilon=90.0, queries=4).sample([-9, -9, 9, 9], 1, np.random.default_rng(1))
    array([[ 0,  0,  1, -1]], dtype=int8)
    """

    name: ClassVar[str] = "sparse-vector-1"
    outputs: ClassVar[Outputs] = "finite"
    source: ClassVar[str] = "sparse vector, Lyu, Su and Li 2017, algorithm 1"

    @property
    def true_epsilon(self) -> float | None:
        """epsilon from 4c queries on, as a limit; None for fewer.

        No more: moving the noise z of the threshold up by 1 costs e^(epsilon/2), makes no answer
        below less likely, and costs at most e^(epsilon/(2c)) for each of the c answers above.
        No less: n - c queries at A are below, then c queries at 0 are above; the neighbour has
        them at A + 1 and -1. For 0 <= z < A everything above is attained. There the integrand is
        e^(tz) up to a constant, t = (n - c) epsilon/(4c) - epsilon/2 - epsilon/4, and if t >= 0
        all of its mass moves there as A grows.
        """
        return self.epsilon if self.queries >= 4 * self.cutoff else None

    def sample(self, x: Any, size: int, rng: Generator) -> Symbols:
        """Symbols 1, 0, -1, shape (size, queries)."""
        answers = require_vector(x, self.queries)
        noise = self._noise(size, self.queries + 1, rng)
        line = self.threshold + noise[:, :1] * (2.0 / self.epsilon)
        above = answers + noise[:, 1:] * (4.0 * self.cutoff / self.epsilon) >= line
        return _symbols(above, self._asked(above))


@dataclass(frozen=True)
class SparseVector2(_Cut):
    """Threshold noise of scale 2c/epsilon, drawn anew after every "above", query noise 4c/epsilon.

    Lyu, Su and Li (VLDB 2017), algorithm 2, after Dwork and Roth (2014). For cutoff 1 its law is
    that of `SparseVector1`, whose parameters it has.

    Examples
    --------
    >>> SparseVector2(epsilon=90.0, queries=4).sample([-9, -9, 9, 9], 1, np.random.default_rng(1))
    array([[ 0,  0,  1, -1]], dtype=int8)
    """

    name: ClassVar[str] = "sparse-vector-2"
    outputs: ClassVar[Outputs] = "finite"
    source: ClassVar[str] = "sparse vector, Dwork and Roth 2014"

    @property
    def true_epsilon(self) -> float | None:
        """epsilon from 4c queries on, as a limit: c independent stretches of three queries below
        and one above, each of which loses epsilon/c as in `SparseVector1`. None for fewer."""
        return self.epsilon if self.queries >= 4 * self.cutoff else None

    def sample(self, x: Any, size: int, rng: Generator) -> Symbols:
        """Symbols 1, 0, -1, shape (size, queries)."""
        answers = require_vector(x, self.queries)
        noise = self._noise(size, self.queries + self.cutoff, rng)
        lines = self.threshold + noise[:, : self.cutoff] * (2.0 * self.cutoff / self.epsilon)
        noisy = answers + noise[:, self.cutoff :] * (4.0 * self.cutoff / self.epsilon)
        outputs = np.full(noisy.shape, -1, dtype=np.int8)
        seen, rows = np.zeros(len(noisy), dtype=np.int64), np.arange(len(noisy))
        for column in range(self.queries):
            asked = seen < self.cutoff
            above = noisy[:, column] >= lines[rows, np.minimum(seen, self.cutoff - 1)]
            outputs[asked, column] = above[asked]
            seen += above & asked
        return outputs


@dataclass(frozen=True)
class SparseVector3(_Cut):
    """Threshold noise of scale 2/epsilon, query noise of scale 2c/epsilon, and the noisy answer
    itself is shown when it is above.

    Lyu, Su and Li (VLDB 2017), algorithm 3, after lecture notes of Roth (2011). Parameters as in
    `SparseVector1`.

    Examples
    --------
    >>> mechanism = SparseVector3(epsilon=90.0, queries=4)
    >>> mechanism.sample([-9, -9, 9, 9], 1, np.random.default_rng(1)).round()
    array([[-inf, -inf,   9.,  inf]])
    """

    name: ClassVar[str] = "sparse-vector-3"
    outputs: ClassVar[Outputs] = "mixed"
    source: ClassVar[str] = "sparse vector, lecture notes of Roth 2011"
    flaw: ClassVar[str] = (
        "It shows the noisy answer that passed the test, and the noisy threshold must lie below it "
        "for all queries; no ε holds for all numbers of queries (Lyu, Su and Li 2017)."
    )

    @property
    def true_epsilon(self) -> float:
        """n epsilon/(2c) for n queries.

        No more: for every threshold noise, each query changes its factor by at most
        e^(epsilon/(2c)). No less: n - 1 queries below, then the answer a at most all queries and
        the threshold; every threshold that allows it lies below a, where each factor changes by
        exactly that when all queries grow by 1.
        """
        return 0.5 * self.queries * self.epsilon / self.cutoff

    def sample(self, x: Any, size: int, rng: Generator) -> Floats:
        """Noisy answers, `BELOW` and `NOT_ASKED`, shape (size, queries)."""
        return self.outputs_of(x, self._noise(size, self.queries + 1, rng))

    def outputs_of(self, x: Any, noise: Floats) -> Floats:
        """The outputs with this standard Laplace noise, shape (size, queries + 1), threshold
        first."""
        answers = require_vector(x, self.queries)
        line = self.threshold + noise[:, :1] * (2.0 / self.epsilon)
        noisy = answers + noise[:, 1:] * (2.0 * self.cutoff / self.epsilon)
        above = noisy >= line
        return np.where(self._asked(above), np.where(above, noisy, BELOW), NOT_ASKED)


@dataclass(frozen=True)
class SparseVector4(_Cut):
    """Threshold noise of scale 4/epsilon, query noise of scale 4/(3 epsilon), whatever the cutoff.

    Lyu, Su and Li (VLDB 2017), algorithm 4, after Lee and Clifton (KDD 2014). Parameters as in
    `SparseVector1`.

    Examples
    --------
    >>> SparseVector4(epsilon=1.0).true_epsilon
    1.75
    """

    name: ClassVar[str] = "sparse-vector-4"
    outputs: ClassVar[Outputs] = "finite"
    source: ClassVar[str] = "sparse vector, Lee and Clifton 2014"
    flaw: ClassVar[str] = (
        "The noise on the queries does not grow with the cutoff and is half of what is needed even "
        "for cutoff 1: only (1 + 6c)ε/4 holds (Lyu, Su and Li 2017)."
    )

    @property
    def true_epsilon(self) -> float | None:
        """(1 + 6c) epsilon/4 from 2c + 1 queries on, as a limit; None for fewer.

        As in `SparseVector1`, with epsilon/4 for the threshold and twice 3 epsilon/4 for each of
        the c answers above; t = (n - c - c) 3 epsilon/4 - epsilon/4.
        """
        if self.queries < 2 * self.cutoff + 1:
            return None
        return (1 + 6 * self.cutoff) * self.epsilon / 4.0

    def sample(self, x: Any, size: int, rng: Generator) -> Symbols:
        """Symbols 1, 0, -1, shape (size, queries)."""
        return self.outputs_of(x, self._noise(size, self.queries + 1, rng))

    def outputs_of(self, x: Any, noise: Floats) -> Symbols:
        """The outputs with this standard Laplace noise, shape (size, queries + 1), threshold
        first."""
        answers = require_vector(x, self.queries)
        line = self.threshold + noise[:, :1] * (4.0 / self.epsilon)
        above = answers + noise[:, 1:] * (4.0 / (3.0 * self.epsilon)) >= line
        return _symbols(above, self._asked(above))


@dataclass(frozen=True)
class SparseVector5(_Uncut):
    """Threshold noise of scale 2/epsilon, no noise on the queries, no cutoff.

    Lyu, Su and Li (VLDB 2017), algorithm 5, after Stoddard, Chen and Machanavajjhala (2014).
    Parameters as in `SparseVector1`, without `cutoff`.

    Examples
    --------
    >>> SparseVector5(epsilon=90.0, queries=4).sample([-9, 9, -9, 9], 1, np.random.default_rng(1))
    array([[0, 1, 0, 1]], dtype=int8)
    """

    name: ClassVar[str] = "sparse-vector-5"
    outputs: ClassVar[Outputs] = "finite"
    source: ClassVar[str] = "sparse vector, Stoddard, Chen and Machanavajjhala 2014"
    flaw: ClassVar[str] = (
        "The queries get no noise, so their order is seen, and nothing limits the number of "
        "answers (Lyu, Su and Li 2017)."
    )

    @property
    def true_epsilon(self) -> float:
        """Infinite from 2 queries on: a query below and another above means that the first is the
        smaller one, and neighbours (0, 1) and (1, 0) differ in that. With 1 query epsilon/2."""
        return math.inf if self.queries >= 2 else 0.5 * self.epsilon

    def sample(self, x: Any, size: int, rng: Generator) -> Symbols:
        """Symbols 1 and 0, shape (size, queries)."""
        answers = require_vector(x, self.queries)
        noise = self._noise(size, 1, rng)
        require_size(size, self.queries)
        return (answers >= self.threshold + noise * (2.0 / self.epsilon)).astype(np.int8)


@dataclass(frozen=True)
class SparseVector6(_Uncut):
    """Threshold noise and query noise of scale 2/epsilon, no cutoff.

    Lyu, Su and Li (VLDB 2017), algorithm 6, after Chen et al. (2015). Parameters as in
    `SparseVector1`, without `cutoff`.

    Examples
    --------
    >>> SparseVector6(epsilon=90.0, queries=4).sample([-9, 9, -9, 9], 1, np.random.default_rng(1))
    array([[0, 1, 0, 1]], dtype=int8)
    """

    name: ClassVar[str] = "sparse-vector-6"
    outputs: ClassVar[Outputs] = "finite"
    source: ClassVar[str] = "sparse vector, Chen et al. 2015"
    flaw: ClassVar[str] = (
        "Nothing limits the number of answers, and the noise does not grow with it; no ε holds "
        "for all numbers of queries (Lyu, Su and Li 2017)."
    )

    @property
    def true_epsilon(self) -> float:
        """n epsilon/2 for n queries, as a limit.

        No more: for every threshold noise each query changes its factor by at most e^(epsilon/2).
        No less: half of the queries at A are below and half at -A are above, the neighbour has
        them at A + 1 and -A - 1; for a threshold between, where all mass lies as A grows, each
        factor changes by exactly that. (For odd n one more is above: all mass still moves there.)
        """
        return 0.5 * self.queries * self.epsilon

    def sample(self, x: Any, size: int, rng: Generator) -> Symbols:
        """Symbols 1 and 0, shape (size, queries)."""
        answers = require_vector(x, self.queries)
        noise = self._noise(size, self.queries + 1, rng) * (2.0 / self.epsilon)
        return (answers + noise[:, 1:] >= self.threshold + noise[:, :1]).astype(np.int8)


@dataclass(frozen=True)
class NumericalSparseVector(_Cut):
    """Threshold noise 3/epsilon, query noise 6c/epsilon, and an answer above the threshold is
    shown with fresh noise of scale 3c/epsilon.

    Wang, Ding, Wang, Kifer and Zhang (PLDI 2019). Parameters as in `SparseVector1`.

    Examples
    --------
    >>> mechanism = NumericalSparseVector(epsilon=90.0, queries=4)
    >>> mechanism.sample([-9, -9, 9, 9], 1, np.random.default_rng(1)).round()
    array([[-inf, -inf,   9.,  inf]])
    """

    name: ClassVar[str] = "numerical-sparse-vector"
    outputs: ClassVar[Outputs] = "mixed"
    source: ClassVar[str] = "numerical sparse vector, Wang, Ding, Wang, Kifer and Zhang 2019"

    @property
    def true_epsilon(self) -> float | None:
        """epsilon from 4c queries on, as a limit: 2 epsilon/3 by the family in `SparseVector1`
        with rates epsilon/3 and epsilon/(6c), and epsilon/(3c) for each answer shown, which falls
        by 1. None for fewer queries."""
        return self.epsilon if self.queries >= 4 * self.cutoff else None

    def sample(self, x: Any, size: int, rng: Generator) -> Floats:
        """Noisy answers, `BELOW` and `NOT_ASKED`, shape (size, queries)."""
        answers = require_vector(x, self.queries)
        noise = self._noise(size, 2 * self.queries + 1, rng)
        tests, shown = noise[:, 1 : self.queries + 1], noise[:, self.queries + 1 :]
        line = self.threshold + noise[:, :1] * (3.0 / self.epsilon)
        above = answers + tests * (6.0 * self.cutoff / self.epsilon) >= line
        noisy = answers + shown * (3.0 * self.cutoff / self.epsilon)
        return np.where(self._asked(above), np.where(above, noisy, BELOW), NOT_ASKED)
