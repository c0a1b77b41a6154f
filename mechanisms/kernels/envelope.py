"""Which word is nearest along a ray: lower envelopes of straight lines, jitted.

On the ray phi(w) + r a the squared distance to the word y, less what all words share, is the
straight line in r

    |phi(w) - phi(y)|^2 + 2 r (a.phi(w) - a.phi(y)).

The nearest word at r is the lowest line there, so the nearest words in their order are the lower
envelope. At r = 0 it is w itself, and every later word has a smaller slope, that is a larger
product a.phi(y): what may still come gets fewer with every breakpoint, and one look at it finds the
next one. The products are one matrix product that all inputs share.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["accumulate", "event_chances", "lower_envelopes"]

Floats = NDArray[np.float64]
Places = NDArray[np.int32]
Offsets = NDArray[np.int64]


@njit(nogil=True, cache=True, error_model="numpy")
def lower_envelopes(
    own: int,
    squared: Floats,
    products: Floats,
    longest: float,
    words: Places,
    starts: Floats,
    offsets: Offsets,
) -> None:
    """The nearest words along all rays from one input, with the radius at which each begins.

    O(n) for a breakpoint. Of words that cross the present one at the same radius, the one with the
    smallest slope is next; of equal lines, that of the lowest index.

    Parameters
    ----------
    own
        Position of the input w.
    squared : float64 (n,)
        Squared distances |phi(w) - phi(y)|^2, 0 at w.
    products : float64 (rays, n)
        a.phi(y) for every ray.
    longest
        Radius beyond which nothing is looked for; may be infinite.
    words : int32 (at least rays * n,), starts : float64 (same)
        Filled: the words of ray b and where each begins are the entries from offsets[b] to
        offsets[b + 1]. The first word is w, which begins at 0; some may begin where the next
        does.
    offsets : int64 (rays + 1,)
        Filled.

    Examples
    --------
    Words at 0, 1 and 3 on a line, seen from 0 to the right and to the left:

    >>> words, starts = np.empty(6, dtype=np.int32), np.empty(6)
    >>> offsets = np.empty(3, dtype=np.int64)
    >>> squared = np.array([0.0, 1.0, 9.0])
    >>> products = np.array([[0.0, 1.0, 3.0], [0.0, -1.0, -3.0]])
    >>> lower_envelopes(0, squared, products, np.inf, words, starts, offsets)
    >>> words[:4].tolist(), starts[:4].tolist(), offsets.tolist()
    ([0, 1, 2, 0], [0.0, 0.5, 2.0, 0.0], [0, 3, 4])
    """
    rays, n = products.shape
    # The words that may still come, in the order of the vocabulary.
    heights, slopes, places = np.empty(n), np.empty(n), np.empty(n, dtype=np.int32)
    used = 0
    for b in range(rays):
        offsets[b] = used
        words[used], starts[used] = own, 0.0
        used += 1
        height, product, radius = 0.0, products[b, own], 0.0
        left = 0
        for y in range(n):  # w itself is never left, so no place beyond the last is written
            slopes[left], heights[left], places[left] = products[b, y], squared[y], y
            left += products[b, y] > product
        while left > 0:
            # Crossings are at top / (2 bottom); they are compared without division.
            best, top, bottom = 0, heights[0] - height, slopes[0] - product
            for i in range(1, left):
                rise, fall = heights[i] - height, slopes[i] - product
                ours, theirs = rise * bottom, top * fall
                if ours < theirs or (ours == theirs and fall > bottom):
                    best, top, bottom = i, rise, fall
            radius = max(radius, 0.5 * top / bottom)
            if not radius < longest:
                break
            words[used], starts[used] = places[best], radius
            used += 1
            height, product = heights[best], slopes[best]
            kept = 0
            for i in range(left):
                slope = slopes[i]
                slopes[kept], heights[kept], places[kept] = slope, heights[i], places[i]
                kept += slope > product
            left = kept
    offsets[rays] = used


@njit(nogil=True, cache=True)
def accumulate(
    own: int,
    words: Places,
    chances: Floats,
    offsets: Offsets,
    guess: Places,
    sums: Floats,
    squares: Floats,
    kept: Floats,
    guessed: Floats,
) -> None:
    """Add what every ray contributes to the law of one input.

    Parameters
    ----------
    own
        Position of the input w.
    words, chances, offsets
        Words along the rays as `lower_envelopes` gives them, and the probability of each.
    guess : int32 (n,)
        The input that is guessed at each output, or -1.
    sums, squares : float64 (n,)
        Raised by the contributions to every output and by their squares.
    kept, guessed : float64 (rays,)
        Raised by the contribution to w itself, and by those to all outputs that guess w.
    """
    for b in range(offsets.size - 1):
        for k in range(offsets[b], offsets[b + 1]):
            y, chance = words[k], chances[k]
            sums[y] += chance
            squares[y] += chance * chance
            if y == own:
                kept[b] += chance
            if guess[y] == own:
                guessed[b] += chance


@njit(nogil=True, cache=True)
def event_chances(
    words: Places, chances: Floats, offsets: Offsets, inside: NDArray[np.bool_], totals: Floats
) -> None:
    """Fill totals[b] with the probability, along ray b, of the outputs that are `inside`."""
    for b in range(offsets.size - 1):
        total = 0.0
        for k in range(offsets[b], offsets[b + 1]):
            if inside[words[k]]:
                total += chances[k]
        totals[b] = min(total, 1.0)
