"""The whole exact law of a word mechanism, computed on all cores and checked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import NumericalError, require_memory
from ..mechanisms.kernels.parallel import ordered_map
from ..mechanisms.protocol import WordMechanism

__all__ = ["LawRows", "full_log_laws", "law_rows"]

Result = TypeVar("Result")

Floats = NDArray[np.float64]

#: Rows computed by one thread at a time.
_ROWS = 64

#: A row of probabilities must add up to 1 within this, whatever the mechanism says of itself.
_SUM_TOLERANCE = 1e-8


@dataclass(frozen=True, eq=False)
class LawRows:
    """A range of inputs with their log laws, shape (rows, n), and laws, same shape."""

    rows: slice
    log_laws: Floats
    laws: Floats


def law_rows(mechanism: WordMechanism, work: Callable[[LawRows], Result]) -> Iterator[Result]:
    """Yield `work(rows)` over all rows of the law, in order, computed on all cores.

    Raises
    ------
    NumericalError
        If a row holds NaN or a positive log probability beyond rounding, or does not add up to 1
        within 1e-8: a law that fails here decides nothing.
    """
    n = len(mechanism.space)

    def compute(start: int) -> Result:
        rows = slice(start, min(start + _ROWS, n))
        log_laws = mechanism.log_laws(rows)
        laws = np.exp(log_laws)
        sums = laws.sum(axis=1)
        if not (np.abs(sums - 1.0) <= _SUM_TOLERANCE).all():  # also false for NaN
            worst = int(np.argmax(np.where(np.isnan(sums), np.inf, np.abs(sums - 1.0))))
            raise NumericalError(
                f"The law on the word {mechanism.space.words[start + worst]!r} adds up to "
                f"{sums[worst]!r}, not to 1 within {_SUM_TOLERANCE:g}."
            )
        return work(LawRows(rows, log_laws, laws))

    yield from ordered_map(compute, range(0, n, _ROWS))


def full_log_laws(
    mechanism: WordMechanism, progress: Callable[[float], None] | None = None
) -> Floats:
    """ln P_w(y) for all inputs w and outputs y, shape (n, n), 8 n^2 bytes.

    Raises
    ------
    NumericalError
        If a row is not a probability law.
    MemoryNeededError
        If the matrix, and what the search needs beside it, does not fit.
    """
    n = len(mechanism.space)
    require_memory(f"The law on {n:,} words", 32 * n * n, "Use fewer words (--limit).")
    log_laws = np.empty((n, n))

    def store(rows: LawRows) -> int:
        log_laws[rows.rows] = rows.log_laws
        return int(rows.rows.stop)

    for done in law_rows(mechanism, store):
        if progress:
            progress(done / n)
    return log_laws
