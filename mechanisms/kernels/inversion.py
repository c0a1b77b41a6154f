"""Jitted search in tables of distribution functions, for samplers that know when to stop.

A table row holds whole numbers s_y, not falling, each within 1 of 2^bits C_y for the distribution
function C_y = P(0) + ... + P(y). The last one is 2^bits - 1 and stands for C = 1. A guide says
where in its row the search for a word of random bits may start and end.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["draw_decided", "fill_guide", "guide_bits"]

Indices = NDArray[np.int64]
Words = NDArray[np.uint64]


def guide_bits(outputs: int, bits: int) -> int:
    """How many leading bits of a word the guide looks at, so that it has at most `outputs` + 1
    entries (3 for two outputs).

    Examples
    --------
    >>> guide_bits(2000, 64), guide_bits(2, 64), guide_bits(2000, 3)
    (10, 1, 3)
    """
    return min(bits, outputs.bit_length() - 1)


@njit(nogil=True, cache=True)
def fill_guide(row: Words, shift: int, guide: NDArray[np.int32]) -> None:
    """Set guide[g] to the first y with row[y] >= g 2^shift, and the last entry to the last y."""
    y, last = 0, row.shape[0] - 1
    for cell in range(guide.shape[0] - 1):
        smallest = np.uint64(cell) << np.uint64(shift)
        while row[y] < smallest:
            y += 1
        guide[cell] = y
    guide[guide.shape[0] - 1] = last


@njit(nogil=True, cache=True)
def draw_decided(
    table: Words,
    guides: NDArray[np.int32],
    shift: int,
    slots: Indices,
    inputs: Indices,
    words: Words,
    outputs: Indices,
) -> int:
    """Draw one output an input, one word of random bits each, up to the first doubtful one.

    The word u says that U lies in [u, u + 1) / 2^bits. With y the first one that has s_y >= u,
    all z < y have s_z <= u - 1, hence C_z <= u / 2^bits <= U. If s_y >= u + 2 then
    C_y >= (u + 1) / 2^bits > U, and y is the output; otherwise more bits are needed.

    Parameters
    ----------
    table : uint64 (rows, n)
    guides : int32 (rows, cells + 1)
    shift
        Number of bits of a word below those that the guide looks at.
    slots : int64 (words of the vocabulary,)
        Row of the table for each input.
    inputs : int64 (size,)
    words : uint64 (at most size,)
    outputs : int64 (size,)
        Filled up to the number returned.

    Returns
    -------
    int
        How many outputs were decided: as many as there are words, or the place of the first
        doubtful one.
    """
    for i in range(words.shape[0]):
        row, word = slots[inputs[i]], words[i]
        cell = np.int64(word >> np.uint64(shift))
        low, high = guides[row, cell], guides[row, cell + 1]
        while low < high:
            middle = (low + high) // 2
            if table[row, middle] < word:
                low = middle + 1
            else:
                high = middle
        if table[row, low] - word < np.uint64(2):
            return i
        outputs[i] = low
    return words.shape[0]
