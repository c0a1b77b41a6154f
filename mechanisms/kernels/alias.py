"""Draws from many finite laws at once: alias tables in integer arithmetic, jitted.

Walker's alias method (ACM TOMS 3(3), 1977; built as in Vose, IEEE TSE 17(9), 1991) draws from a
law on n outputs in constant time. Here each row of weights is first rounded to whole numbers that
add up to n 2^k exactly, so the table itself introduces no further error and the distance
between the law asked for and the law drawn from can be stated: see `table_error`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.random import Generator
from numpy.typing import NDArray

from ...errors import InputError, NumericalError, require_memory
from .parallel import ordered_map

__all__ = [
    "AliasTables",
    "build_tables",
    "checked_positions",
    "draw_entries",
    "sample_in_chunks",
    "table_error",
]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

#: Draws per call of a kernel: their uniforms (2 or 3 each) stay in the level-2 cache.
CHUNK = 2**15

_UNIT_ROUNDOFF = 2.0**-53
_ROWS_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class AliasTables:
    """One alias table a row: thresholds in [0, 1], shape (rows, n), and aliases, same shape."""

    thresholds: Floats
    aliases: NDArray[np.int32]


def _bits(n: int) -> int:
    """k such that n 2^k fits a signed 64-bit integer and k-bit numbers are exact floats."""
    return min(53, 62 - (n - 1).bit_length())


def table_error(n: int) -> float:
    """Bound on the total variation between normalised weights and what a table draws.

    Rounding n weights to multiples of 1/(n 2^k) moves a probability by at most half of that
    each, and the correction of the sum moves one entry by no more than all of them together:
    at most 2^-k in total variation. Normalising n floats costs at most (n + 2) u relatively.
    The column floor(n U), U uniform on the multiples of 2^-53, misses a uniform column by at
    most n u in total variation; the comparison with the threshold is exact.

    Examples
    --------
    >>> table_error(2000) < 1e-12
    True
    """
    return float(2.0 ** -_bits(n) + (2 * n + 2) * _UNIT_ROUNDOFF)


def build_tables(rows: int, n: int, weights: Callable[[slice], Floats]) -> AliasTables:
    """Alias tables for `rows` laws on n outputs; `weights(part)` gives a range of rows.

    Weights must be finite, nonnegative and not all zero in a row. Takes 12 bytes an entry.

    Raises
    ------
    NumericalError
        If a row of weights is unusable.
    MemoryNeededError
        If the tables do not fit.

    Examples
    --------
    >>> tables = build_tables(1, 2, lambda part: np.array([[3.0, 1.0]]))
    >>> tables.thresholds.tolist(), tables.aliases.tolist()
    ([[1.0, 0.5]], [[0, 0]])
    """
    require_memory(f"Sampling tables for {rows:,} words", 12 * rows * n, "Use fewer words.")
    tables = AliasTables(np.empty((rows, n)), np.empty((rows, n), dtype=np.int32))

    def build(start: int) -> bool:
        part = slice(start, min(start + _ROWS_AT_ONCE, rows))
        block = np.ascontiguousarray(weights(part))
        return bool(
            fill_tables(block, 2 ** _bits(n), tables.thresholds[part], tables.aliases[part])
        )

    if not all(ordered_map(build, range(0, rows, _ROWS_AT_ONCE))):
        raise NumericalError("A row of sampling weights is not finite, negative or all zero.")
    return tables


@njit(nogil=True, cache=True)
def fill_tables(
    weights: Floats, capacity: int, thresholds: Floats, aliases: NDArray[np.int32]
) -> bool:
    """Fill alias tables from rows of weights; False if a row is unusable.

    Every column of a table holds `capacity` units; row weights become whole units that add up to
    n * capacity, the difference left by rounding going to the heaviest entry.
    """
    rows, n = weights.shape
    units = np.empty(n, dtype=np.int64)
    stack = np.empty(n, dtype=np.int32)
    for row in range(rows):
        total = 0.0
        heaviest = 0
        for y in range(n):
            if not weights[row, y] >= 0.0:
                return False
            total += weights[row, y]
            if weights[row, y] > weights[row, heaviest]:
                heaviest = y
        if not (total > 0.0 and total < np.inf):
            return False
        left = np.int64(n) * np.int64(capacity)
        for y in range(n):
            units[y] = np.int64(np.rint(weights[row, y] / total * n * capacity))
            left -= units[y]
        units[heaviest] += left
        # Light columns are stacked from the left, heavy ones from the right.
        light, heavy = 0, n
        for y in range(n):
            if units[y] < capacity:
                stack[light] = y
                light += 1
            else:
                heavy -= 1
                stack[heavy] = y
        while light > 0:
            light -= 1
            y = stack[light]
            giver = stack[heavy]
            thresholds[row, y] = units[y] / capacity
            aliases[row, y] = giver
            units[giver] -= capacity - units[y]
            if units[giver] < capacity:
                heavy += 1
                stack[light] = giver
                light += 1
        for i in range(heavy, n):
            thresholds[row, stack[i]] = 1.0
            aliases[row, stack[i]] = stack[i]
    return True


@njit(nogil=True, cache=True)
def draw_entry(
    thresholds: Floats,
    aliases: NDArray[np.int32],
    row: int,
    column_uniform: float,
    accept_uniform: float,
) -> int:
    """One draw from the table of a row, from two uniforms in [0, 1)."""
    n = thresholds.shape[1]
    column = min(int(column_uniform * n), n - 1)
    if accept_uniform < thresholds[row, column]:
        return column
    return aliases[row, column]


@njit(nogil=True, cache=True)
def draw_entries(
    thresholds: Floats,
    aliases: NDArray[np.int32],
    rows: Indices,
    uniforms: Floats,
    outputs: Indices,
) -> None:
    """One draw for each row index, from uniforms of shape (size, 2)."""
    for i in range(rows.shape[0]):
        outputs[i] = draw_entry(thresholds, aliases, rows[i], uniforms[i, 0], uniforms[i, 1])


def checked_positions(inputs: Indices, count: int) -> Indices:
    """The inputs as contiguous 64-bit integers; `InputError` unless all are from 0 to
    `count` - 1, because jitted kernels do not check.

    Examples
    --------
    >>> checked_positions(np.array([0, 2]), 3).tolist()
    [0, 2]
    """
    inputs = np.ascontiguousarray(inputs, dtype=np.int64)
    if len(inputs) and not (inputs.min() >= 0 and inputs.max() < count):
        raise InputError(f"inputs must be positions from 0 to {count - 1} in the vocabulary.")
    return inputs


def sample_in_chunks(
    inputs: Indices,
    count: int,
    rng: Generator,
    uniforms_each: int,
    kernel: Callable[[Indices, Floats, Indices], None],
) -> Indices:
    """Run `kernel(inputs, uniforms, outputs)` over chunks of inputs and return all outputs.

    Inputs are positions from 0 to `count` - 1; others raise `InputError`.

    Each input uses `uniforms_each` consecutive numbers of the generator's stream, so neither
    chunks nor the caller's batches change the outputs.
    """
    inputs = checked_positions(inputs, count)
    outputs = np.empty(len(inputs), dtype=np.int64)
    for start in range(0, len(inputs), CHUNK):
        part = slice(start, start + CHUNK)
        uniforms = rng.random((len(inputs[part]), uniforms_each))
        kernel(inputs[part], uniforms, outputs[part])
    return outputs
