"""What the searches over pairs share: the checked problem, the best pair so far, progress."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, NumericalError
from ..mechanisms.kernels.loss import TILE

__all__ = [
    "Leader",
    "Problem",
    "Progress",
    "best_leader",
    "checked_laws",
    "fresh_extremes",
    "parts",
    "report_progress",
]

Floats = NDArray[np.float64]
Progress = Callable[[float], None]
Result = TypeVar("Result")

#: Value, input, neighbour of the best pair so far.
Leader = tuple[float, int, int]


@dataclass(frozen=True, eq=False)
class Problem:
    """Finite laws (words, outputs), the same as panels, distances (words, words), threads."""

    rows: Floats
    panels: Floats
    distances: Floats
    threads: int | None


def checked_laws(log_laws: Floats, distances: Floats) -> tuple[Floats, Floats]:
    """Return both as C-contiguous float64 arrays, or raise as `sweep` says.

    Examples
    --------
    >>> checked_laws(np.zeros((2, 2)), np.array([[0.0, 0.0], [1.0, 0.0]]))
    Traceback (most recent call last):
    ...
    dpaudit.errors.InputError: distances[0, 1] is 0.0, but it must be a finite number above 0.
    """
    laws = np.ascontiguousarray(log_laws, dtype=np.float64)
    distances = np.ascontiguousarray(distances, dtype=np.float64)
    if laws.ndim != 2 or len(laws) < 2 or laws.shape[1] == 0:
        raise InputError(
            f"log_laws has shape {laws.shape}, but it must be (words, outputs) with at least 2 "
            "words and 1 output."
        )
    if distances.shape != (len(laws), len(laws)):
        raise InputError(
            f"distances has shape {distances.shape}, but {len(laws)} words need "
            f"{(len(laws), len(laws))}."
        )
    valid = (distances > 0.0) & (distances < np.inf)
    np.fill_diagonal(valid, True)
    if not valid.all():
        first, second = np.argwhere(~valid)[0].tolist()
        raise InputError(
            f"distances[{first}, {second}] is {float(distances[first, second])!r}, but it must be "
            "a finite number above 0."
        )
    if not laws.max() < np.inf:  # also true for NaN
        first, second = np.argwhere(~(laws < np.inf))[0].tolist()
        raise NumericalError(
            f"log_laws[{first}, {second}] is {float(laws[first, second])!r}, which is no log "
            "probability."
        )
    impossible = np.flatnonzero(laws.max(axis=1) == -np.inf)
    if impossible.size:
        raise NumericalError(f"log_laws[{impossible[0]}] is -inf throughout, which is no law.")
    return laws, distances


def report_progress(
    results: Iterable[Result], total: int, progress: Progress | None, span: tuple[float, float]
) -> Iterator[Result]:
    """Pass `results` on and report, after each of `total`, the part of `span` that is done.

    Examples
    --------
    >>> list(report_progress("ab", 2, print, (0.0, 0.5)))
    0.25
    0.5
    ['a', 'b']
    """
    for done, result in enumerate(results, start=1):
        if progress:
            progress(span[0] + (span[1] - span[0]) * done / total)
        yield result


def best_leader(leaders: Iterable[Leader]) -> Leader:
    """Return the one of largest value; among equals the smallest (input, neighbour).

    Examples
    --------
    >>> best_leader([(1.0, 0, 2), (2.0, 1, 0), (2.0, 0, 1)])
    (2.0, 0, 1)
    """
    return min(leaders, key=lambda leader: (-leader[0], leader[1], leader[2]))


def fresh_extremes() -> tuple[Floats, Floats]:
    """Largest and smallest differences of a tile before any output is looked at."""
    return np.full((TILE, TILE), -np.inf), np.full((TILE, TILE), np.inf)


def parts(total: int, size: int) -> list[slice]:
    """Cut range(total) into slices of `size`, the last one shorter.

    >>> parts(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(start, min(start + size, total)) for start in range(0, total, size)]
