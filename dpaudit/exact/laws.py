"""The exact law of a word mechanism: computed on all cores, checked, and never twice."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import NumericalError, require_memory
from ..mechanisms.kernels.parallel import ordered_map
from ..mechanisms.protocol import WordMechanism

__all__ = ["ExactLaw", "LawRows"]

Result = TypeVar("Result")

Floats = NDArray[np.float64]

#: Rows computed by one thread at a time.
_ROWS = 16

#: A row of probabilities must add up to 1 within this, whatever the mechanism says of itself.
_SUM_TOLERANCE = 1e-8


@dataclass(frozen=True, eq=False)
class LawRows:
    """A range of inputs with their log laws, shape (rows, n), and laws, same shape."""

    rows: slice
    log_laws: Floats
    laws: Floats


@dataclass(frozen=True, eq=False)
class ExactLaw:
    """The output law of a mechanism, row by row, or all of it once `matrix` is known.

    Examples
    --------
    >>> from dpaudit.mechanisms.spaces import EmbeddingSpace
    >>> from dpaudit.mechanisms.words.randomized_response import RandomizedResponse
    >>> space = EmbeddingSpace(["a", "b"], [[0.0], [1.0]])
    >>> law = ExactLaw(RandomizedResponse(space, epsilon=np.log(3.0)))
    >>> np.exp(law.row(1)).round(6).tolist()
    [0.25, 0.75]
    """

    mechanism: WordMechanism
    matrix: Floats | None = None

    def row(self, word: int) -> Floats:
        """ln P_w(y) for one input, shape (n,)."""
        return self._log_laws(slice(word, word + 1))[0]

    def _log_laws(self, rows: slice) -> Floats:
        return self.mechanism.log_laws(rows) if self.matrix is None else self.matrix[rows]

    def map(self, work: Callable[[LawRows], Result]) -> Iterator[Result]:
        """Yield `work(rows)` over all rows, in order, computed on all cores.

        Raises
        ------
        NumericalError
            If a row holds NaN or does not add up to 1 within 1e-8: a law that fails here decides
            nothing.
        """
        n = len(self.mechanism.space)

        def compute(start: int) -> Result:
            rows = slice(start, min(start + _ROWS, n))
            log_laws = self._log_laws(rows)
            laws = np.exp(log_laws)
            sums = laws.sum(axis=1)
            if not (np.abs(sums - 1.0) <= _SUM_TOLERANCE).all():  # also false for NaN
                worst = int(np.argmax(np.where(np.isnan(sums), np.inf, np.abs(sums - 1.0))))
                raise NumericalError(
                    f"The law on the word {self.mechanism.space.words[start + worst]!r} adds up "
                    f"to {sums[worst]!r}, not to 1 within {_SUM_TOLERANCE:g}."
                )
            return work(LawRows(rows, log_laws, laws))

        yield from ordered_map(compute, range(0, n, _ROWS))

    def whole(self, progress: Callable[[float], None] | None = None) -> Floats:
        """ln P_w(y) for all inputs w and outputs y, shape (n, n), 8 n^2 bytes.

        Raises
        ------
        NumericalError
            If a row is not a probability law.
        MemoryNeededError
            If the matrix, and what the search needs beside it, does not fit.
        """
        if self.matrix is not None:
            return self.matrix
        n = len(self.mechanism.space)
        require_memory(f"The law on {n:,} words", 32 * n * n)
        log_laws = np.empty((n, n))

        def store(rows: LawRows) -> int:
            log_laws[rows.rows] = rows.log_laws
            return int(rows.rows.stop)

        for done in self.map(store):
            if progress:
                progress(done / n)
        return log_laws
