"""Jitted single passes over tiles of distances: each replaces some ten passes of NumPy."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["largest_loss_of_tile", "products_to_distances"]

Floats = NDArray[np.float64]


@njit(nogil=True, cache=True)
def products_to_distances(
    products: Floats, first_squares: Floats, second_squares: Floats, cancellation: float
) -> int:
    """Turn inner products x.y into distances sqrt(|x|^2 + |y|^2 - 2 x.y), in place.

    Entries that cancel, where the square is below `cancellation` times |x|^2 + |y|^2, become -1;
    returns how many there are.

    Parameters
    ----------
    products : float64 (rows, columns)
    first_squares, second_squares : float64 (rows,), (columns,)
        |x|^2 and |y|^2.
    """
    cancelled = 0
    for i in range(products.shape[0]):
        own, row = first_squares[i], products[i]
        for j in range(products.shape[1]):
            total = own + second_squares[j]
            square = total - 2.0 * row[j]
            close = square < cancellation * total
            cancelled += close
            row[j] = -1.0 if close else np.sqrt(square)
    return cancelled


@njit(nogil=True, cache=True, error_model="numpy")
def largest_loss_of_tile(
    costs: Floats,
    distances: Floats,
    first_logs: Floats,
    second_logs: Floats,
    error: float,
    diagonal: bool,
) -> tuple[float, int, int, float]:
    """Find the largest (cost + |ln Z_w - ln Z_w'|) / distance of a tile.

    Parameters
    ----------
    costs, distances : float64 (rows, columns)
        Cost in the law and distance in the claim; on the diagonal of a `diagonal` tile unread.
    first_logs, second_logs : float64 (rows,), (columns,)
        ln Z of the rows and columns.
    error
        What the loss may be off by, in nats.

    Returns
    -------
    tuple of (float, int, int, float)
        The largest quotient with its place, the first in case of ties, and the largest quotient
        with `error` added to the loss. NaN wins over any number.
    """
    columns = costs.shape[1]
    ratios, uppers = np.empty(columns), np.empty(columns)
    best, best_row, best_column, upper = -np.inf, 0, 0, -np.inf
    for i in range(costs.shape[0]):
        own = first_logs[i]
        for j in range(columns):
            loss = costs[i, j] + abs(own - second_logs[j])
            ratios[j] = loss / distances[i, j]
            uppers[j] = (loss + error) / distances[i, j]
        if diagonal:
            ratios[i], uppers[i] = -np.inf, -np.inf
        for j in range(columns):
            # Written so that a comparison with NaN is taken.
            if not ratios[j] <= best:
                best, best_row, best_column = ratios[j], i, j
            if not uppers[j] <= upper:
                upper = uppers[j]
    return best, best_row, best_column, upper
