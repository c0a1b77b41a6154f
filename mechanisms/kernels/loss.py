"""Jitted kernels behind the privacy loss of a family of laws.

Words are cut into panels of `TILE`. Panel p is an array (outputs, TILE): one row per output y, one
lane per word, so that the innermost loop runs over words, side by side in memory, and the maximum
over y never needs a reduction across a vector register. LLVM turns these loops into packed
subtractions, maxima and minima without `fastmath`, so infinities keep their meaning and every
result is the same on every machine. A tile is a pair of panels: TILE * TILE pairs of words.

The number of outputs in a panel is a multiple of `UNROLL`, because accumulators are loaded and
stored once for `UNROLL` outputs.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .parallel import ordered_map

__all__ = [
    "CHUNK",
    "TILE",
    "UNROLL",
    "best_ratio",
    "difference_extremes",
    "extreme_outputs",
    "listed_extremes",
    "pack_panels",
    "pair_losses",
]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

TILE = 128
UNROLL = 8
# Outputs that stay in the level-1 cache (16 * TILE * 8 bytes = 16 KiB) while all inputs pass by.
CHUNK = 2 * UNROLL
_LANES = 64


def pack_panels(rows: Floats, *, repeat: bool, threads: int | None = None) -> Floats:
    """Copy rows (words, outputs) into panels (panels, padded outputs, TILE).

    Parameters
    ----------
    rows
        One row per word.
    repeat
        Whether outputs are padded with copies of the first one, which changes no maximum; with
        zeros otherwise, which change no sum. Lanes past the last word hold zeros.
    threads
        Threads to use, all cores by default.

    Examples
    --------
    >>> panels = pack_panels(np.array([[1.0, 2.0], [3.0, 4.0]]), repeat=True)
    >>> panels.shape
    (1, 8, 128)
    >>> panels[0, :3, :3].tolist()
    [[1.0, 3.0, 0.0], [2.0, 4.0, 0.0], [1.0, 3.0, 0.0]]
    """
    words, outputs = rows.shape
    panels = np.empty((-(-words // TILE), -(-outputs // UNROLL) * UNROLL, TILE))

    def pack(number: int) -> None:
        block, panel = rows[number * TILE : (number + 1) * TILE], panels[number]
        panel[:outputs, : len(block)] = block.T
        panel[:, len(block) :] = 0.0
        panel[outputs:] = panel[0] if repeat else 0.0

    for _ in ordered_map(pack, range(len(panels)), threads):
        pass
    return panels


@njit(nogil=True, cache=True)
def difference_extremes(
    inputs: Floats, neighbours: Floats, largest: Floats, smallest: Floats
) -> None:
    """Raise `largest` and lower `smallest` to the extremes of a difference over all outputs.

    largest[i, j] = max over y of inputs[y, i] - neighbours[y, j], smallest[i, j] the minimum:
    minus the loss of the reversed pair, at the price of no further subtraction.

    Parameters
    ----------
    inputs, neighbours : float64 (outputs, TILE)
        Two panels of finite natural logarithms; `outputs` a multiple of UNROLL.
    largest, smallest : float64 (TILE, TILE)
        Changed in place; start from -inf and +inf.
    """
    outputs = inputs.shape[0]
    for start in range(0, outputs, CHUNK):
        stop = min(start + CHUNK, outputs)
        for i in range(TILE):
            high, low = largest[i], smallest[i]
            for y in range(start, stop, UNROLL):
                a, b = inputs[y : y + UNROLL, i], neighbours[y : y + UNROLL]
                a0, a1, a2, a3, a4, a5, a6, a7 = a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]
                b0, b1, b2, b3, b4, b5, b6, b7 = b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]
                for j in range(TILE):
                    x0, x1, x2, x3 = a0 - b0[j], a1 - b1[j], a2 - b2[j], a3 - b3[j]
                    x4, x5, x6, x7 = a4 - b4[j], a5 - b5[j], a6 - b6[j], a7 - b7[j]
                    # A tree of maxima: a chain would wait for each instruction in turn.
                    front = max(max(x0, x1), max(x2, x3))
                    back = max(max(x4, x5), max(x6, x7))
                    high[j] = max(max(front, back), high[j])
                    front = min(min(x0, x1), min(x2, x3))
                    back = min(min(x4, x5), min(x6, x7))
                    low[j] = min(min(front, back), low[j])


@njit(nogil=True, cache=True)
def extreme_outputs(
    rows: Floats, offsets: Floats, listed: Indices, entries: Floats, rest: Floats
) -> float:
    """List the outputs where each centred row is most extreme, and bound the others.

    With c = rows[w] - offsets: listed[w, 0] names the outputs of largest c (the top) and
    listed[w, 1] those of smallest c (the bottom). Every output outside the top has
    c <= rest[w, 0], every output outside the bottom c >= rest[w, 1].

    Parameters
    ----------
    rows : float64 (words, outputs)
        Finite; more outputs than are listed.
    offsets : float64 (outputs,)
    listed : int64 (words, 2, kept)
        Filled.
    entries : float64 (words, 2, kept)
        Filled with the entries of `rows` at `listed`.
    rest : float64 (words, 2)
        Filled.

    Returns
    -------
    float
        The largest |c| of all rows.
    """
    words, outputs = rows.shape
    kept = listed.shape[2]
    # The kept + 1 largest so far, in falling order, and their outputs.
    values = np.empty(kept + 1)
    names = np.empty(kept + 1, dtype=np.int64)
    magnitude = 0.0
    for w in range(words):
        row = rows[w]
        for side in range(2):
            sign = 1.0 - 2.0 * side
            values[:] = -np.inf
            for y in range(outputs):
                centred = sign * (row[y] - offsets[y])
                if centred > values[kept]:
                    place = kept
                    while place > 0 and values[place - 1] < centred:
                        values[place], names[place] = values[place - 1], names[place - 1]
                        place -= 1
                    values[place], names[place] = centred, y
            magnitude = max(magnitude, values[0])
            rest[w, side] = sign * values[kept]
            for k in range(kept):
                listed[w, side, k] = names[k]
                entries[w, side, k] = row[names[k]]
    return magnitude


@njit(nogil=True, cache=True)
def listed_extremes(
    listed: Indices, entries: Floats, neighbours: Floats, largest: Floats, smallest: Floats
) -> None:
    """Do the work of `difference_extremes` on the listed outputs of each input only.

    `largest` looks at the top of its input, `smallest` at the bottom.

    Parameters
    ----------
    listed, entries : int64 and float64 (inputs, 2, kept)
        As `extreme_outputs` fills them, for at most TILE inputs.
    neighbours : float64 (outputs, TILE)
    largest, smallest : float64 (TILE, TILE)
        Changed in place.
    """
    inputs, _, kept = listed.shape
    last = kept - 1
    for i in range(inputs):
        high, low = largest[i], smallest[i]
        for k in range(0, kept, 4):
            # Past the end the last output is looked at again, which changes no extreme.
            k1, k2, k3 = min(k + 1, last), min(k + 2, last), min(k + 3, last)
            y, a = listed[i, 0], entries[i, 0]
            a0, a1, a2, a3 = a[k], a[k1], a[k2], a[k3]
            b0, b1 = neighbours[y[k]], neighbours[y[k1]]
            b2, b3 = neighbours[y[k2]], neighbours[y[k3]]
            for j in range(TILE):
                front = max(a0 - b0[j], a1 - b1[j])
                high[j] = max(max(front, max(a2 - b2[j], a3 - b3[j])), high[j])
            y, a = listed[i, 1], entries[i, 1]
            a0, a1, a2, a3 = a[k], a[k1], a[k2], a[k3]
            b0, b1 = neighbours[y[k]], neighbours[y[k1]]
            b2, b3 = neighbours[y[k2]], neighbours[y[k3]]
            for j in range(TILE):
                front = min(a0 - b0[j], a1 - b1[j])
                low[j] = min(min(front, min(a2 - b2[j], a3 - b3[j])), low[j])


@njit(nogil=True, cache=True, error_model="numpy")
def best_ratio(
    largest: Floats, smallest: Floats, distances: Floats, first_input: int, first_neighbour: int
) -> tuple[float, int, int]:
    """Find the largest loss over distance of a tile, in both directions.

    Parameters
    ----------
    largest, smallest : float64 (TILE, TILE)
        As `difference_extremes` leaves them.
    distances : float64 (words, words)
        Row: input, column: neighbour. The diagonal is not read.
    first_input, first_neighbour : int
        The words at largest[0, 0]; lanes past the last word are not read.

    Returns
    -------
    tuple of (float, int, int)
        Ratio, input, neighbour; among equals the smallest (input, neighbour).
    """
    words = distances.shape[0]
    best, best_input, best_neighbour = -np.inf, words, words
    for i in range(min(TILE, words - first_input)):
        w = first_input + i
        for j in range(min(TILE, words - first_neighbour)):
            v = first_neighbour + j
            if v == w:
                continue
            ratio = largest[i, j] / distances[w, v]
            if ratio >= best and (ratio > best or (w, v) < (best_input, best_neighbour)):
                best, best_input, best_neighbour = ratio, w, v
            ratio = -smallest[i, j] / distances[v, w]
            if ratio >= best and (ratio > best or (v, w) < (best_input, best_neighbour)):
                best, best_input, best_neighbour = ratio, v, w
    return best, best_input, best_neighbour


@njit(nogil=True, cache=True)
def pair_losses(rows: Floats, inputs: Indices, neighbours: Indices, losses: Floats) -> None:
    """Fill losses[k] = max over y of rows[inputs[k], y] - rows[neighbours[k], y].

    Parameters
    ----------
    rows : float64 (words, outputs)
        Finite.
    inputs, neighbours : int64 (pairs,)
    losses : float64 (pairs,)
        Filled.
    """
    outputs = rows.shape[1]
    lanes = np.empty(_LANES)
    for k in range(inputs.size):
        left, right = rows[inputs[k]], rows[neighbours[k]]
        lanes[:] = -np.inf
        whole = outputs - outputs % _LANES
        for start in range(0, whole, _LANES):
            for lane in range(_LANES):
                lanes[lane] = max(left[start + lane] - right[start + lane], lanes[lane])
        loss = lanes.max()
        for y in range(whole, outputs):
            loss = max(left[y] - right[y], loss)
        losses[k] = loss
