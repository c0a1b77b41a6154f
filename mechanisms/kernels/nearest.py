"""The words nearest to given vectors, exactly, at the speed of a matrix product.

|v - x|^2 is least where the score x.v - |x|^2/2 is largest. Scores come from one matrix product in
single precision, with |x|^2/2 as one more component; the error of each is at most E
(`error_bound`, proved there), so the nearest word is among those whose score is within 2 E of the
largest. These few are compared in double precision, whose error is bounded in the same way, and
what that leaves open in fractions. The result is therefore that of exact arithmetic on the
vectors as given, ties going to the lower position, and does not depend on how vectors are
grouped. A vector may also be given by floats near it and, for the few cases where that leaves
something open, by fractions.
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["NearestWords", "error_bound", "pair_lengths"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Indices = NDArray[np.int64]

_SINGLE = 2.0**-24
_DOUBLE = 2.0**-53

#: Classes of words by position, modulo this: only those with a large score are looked at again.
_LANES = 64

#: Vectors longer than this, in units of the vocabulary, skip single precision.
_LONGEST = 2.0**60

#: Vectors in a call: fewer cost speed, more gain none. Entries that they should have, and entries
#: that they may have.
_ROWS = (512, 1024)
_ENTRIES = 2**21
_MOST_ENTRIES = 2**25

#: Scores in memory at once, so that they stay near the level-2 cache until they are looked at.
_BLOCK_ENTRIES = 2**20

#: Every thread uses the same memory again: new pages cost nearly as much as the product.
_OWN = threading.local()


def _scratch(name: str, shape: tuple[int, int], kind: type[Any]) -> NDArray[Any]:
    """An array that this thread overwrites the next time it asks for this name."""
    rows, columns = shape
    buffer: NDArray[Any] | None = getattr(_OWN, name, None)
    if buffer is None or buffer.size < rows * columns:
        buffer = np.empty(rows * columns, dtype=kind)
        setattr(_OWN, name, buffer)
    return buffer[: rows * columns].reshape(rows, columns)


def error_bound(dimension: int, roundoff: float, radius: float, lengths: Floats) -> Floats:
    """Bound on the error of every score x.v - |x|^2/2 of a vector, shape of `lengths`.

    Parameters
    ----------
    dimension
        Number p of components.
    roundoff
        u: 2^-24 for single, 2^-53 for double precision.
    radius, lengths
        Bounds on |x| for all x, and on |v|, after centring.

    Notes
    -----
    Write g_k = k u / (1 - k u). Components of x and v are off by a factor of 1 + 2u each (centring
    in double precision and, in single precision, rounding), so their products by one of 1 + 3u,
    with a reserve for terms of higher order. A sum of p products, in any order, with fused
    operations or without, is off by at most g_p sum |x_k v_k| (Higham, Accuracy and Stability of
    Numerical Algorithms, 2002, section 3.1), which is at most g_p |x||v| (Cauchy and Schwarz).
    |x|^2/2 is off by at most g_(p+4) |x|^2/2, and the difference by u (|x||v| + |x|^2/2); as one
    more term of the sum it adds g_1 to all. Together at most g_(p+8) (|x||v| + |x|^2). The factor
    1.01 covers the rounding of the bound itself and components that underflow: coordinates are
    scaled so that radius >= 1/2.

    Examples
    --------
    >>> error_bound(64, 2.0**-24, 1.0, np.array([1.0])).round(8).tolist()
    [8.67e-06]
    """
    share = (dimension + 8) * roundoff
    if not share < 0.5:
        return np.full_like(lengths, np.inf)
    return 1.01 * share / (1.0 - share) * radius * (lengths + radius)


@dataclass(frozen=True, eq=False, init=False)
class NearestWords:
    """Finds the rows of a matrix that are nearest to given vectors, by exact distance.

    Parameters
    ----------
    vectors : float64 (n, p)
        Finite, n >= 1.

    Examples
    --------
    >>> words = NearestWords(np.array([[0.0], [1.0], [3.0]]))
    >>> words.find(np.array([[0.4], [0.5], [2.5]])).tolist()
    [[0], [0], [2]]
    >>> words.find(np.array([[0.4], [2.5]]), 2, np.array([1, -1])).tolist()
    [[0, 2], [2, 1]]
    """

    vectors: Floats
    _centre: Floats
    _scale: float
    _radius: float
    _centred: Floats
    _halves: Floats
    _single: Singles

    def __init__(self, vectors: Floats) -> None:
        # Halved before they are added: two components of 1e308 have a mean.
        centre = np.ascontiguousarray((0.5 * vectors).mean(axis=0) * 2.0)
        largest = float(np.abs(vectors - centre).max())
        exponent = math.frexp(largest * math.sqrt(vectors.shape[1]))[1] if largest else 0
        scale = math.ldexp(1.0, -exponent)
        centred = (vectors - centre) * scale
        squares = np.einsum("ij,ij->i", centred, centred)
        radius = max(0.5, math.sqrt(float(squares.max())) * (1.0 + 1e-9))
        for name, value in {
            "vectors": vectors,
            "_centre": centre,
            "_scale": scale,
            "_radius": radius,
            "_centred": centred,
            "_halves": 0.5 * squares,
            # One word a column: the product of this layout is the fastest.
            "_single": np.vstack([centred.T, -0.5 * squares]).astype(np.float32),
        }.items():
            object.__setattr__(self, name, value)

    @property
    def _block(self) -> int:
        """How many rows of scores are in memory at once."""
        return min(max(_ROWS[0], _BLOCK_ENTRIES // len(self.vectors)), self.rows_at_once)

    @property
    def rows_at_once(self) -> int:
        """How many vectors to ask for in one call of `find`, for speed."""
        n, (fewest, most) = len(self.vectors), _ROWS
        return max(16, min(max(fewest, min(most, _ENTRIES // n)), _MOST_ENTRIES // n))

    def find(
        self,
        points: Floats,
        count: int = 1,
        excluded: Indices | None = None,
        *,
        errors: Floats | None = None,
        exact: Callable[[int], list[Fraction]] | None = None,
    ) -> Indices:
        """Positions of the `count` nearest words, nearest first, shape (size, count).

        Parameters
        ----------
        points : float64 (size, p)
            Finite. Memory: 4 n bytes each, so ask for `rows_at_once` of them.
        count
            1 or 2; there must be so many words that are not excluded.
        excluded : int64 (size,), optional
            A word that is left out for each vector, -1 for none.
        errors : float64 (size,), optional
            How far each point may be from the vector that is meant; 0 if not given.
        exact
            The components of the vector that is meant by a point; the point itself if not given.
        """
        size = len(points)
        if excluded is None:
            excluded = np.full(size, -1, dtype=np.int64)
        if errors is None:
            errors = np.zeros(size)
        found = np.empty((size, count), dtype=np.int64)
        for start in range(0, size, self._block):
            part = slice(start, start + self._block)
            given = points[part], errors[part], excluded[part]
            open_rows, centred, margins = self._decide(*given, found[part])
            for i in open_rows.tolist():
                k = start + i
                meant = exact(k) if exact else [Fraction(x) for x in points[k].tolist()]
                rest = centred[i], float(margins[i]), count, int(excluded[k])
                found[k] = self._exactly(meant, *rest)
        return found

    def _decide(
        self, points: Floats, errors: Floats, excluded: Indices, found: Indices
    ) -> tuple[Indices, Floats, Floats]:
        """Fill `found` by floats; the rows that they leave open, centred points and margins."""
        size, dimension = points.shape
        centred = _scratch("centred", (size, dimension), np.float64)
        singles = _scratch("singles", (size, dimension + 1), np.float32)
        scores = _scratch("scores", (size, len(self.vectors)), np.float32)
        lengths, open_rows = np.empty(size), np.zeros(size, dtype=np.bool_)
        _centre_points(points, self._centre, self._scale, centred, singles, lengths)
        np.matmul(singles, self._single, out=scores)
        # Scores change by at most |x| times the distance that a point may be off.
        moved = (1.01 * self._radius) * (errors * self._scale)
        rough = 2.0 * (error_bound(dimension, _SINGLE, self._radius, lengths) + moved)
        rough[~(lengths <= _LONGEST)] = np.inf
        fine = 2.0 * (error_bound(dimension, _DOUBLE, self._radius, lengths) + moved)
        known = self._centred, self._halves
        _select(scores, rough, *known, centred, fine, excluded, found, open_rows)
        return np.flatnonzero(open_rows), centred, fine

    def _exactly(
        self, exact: list[Fraction], centred: Floats, margin: float, count: int, excluded: int
    ) -> list[int]:
        """The nearest words by fractions, among those that double precision leaves."""
        candidates = [i for i in range(len(self.vectors)) if i != excluded]
        if margin < np.inf:
            scores = self._centred[candidates] @ centred - self._halves[candidates]
            least = np.sort(scores)[-count] - margin
            candidates = [i for i, s in zip(candidates, scores, strict=True) if s >= least]

        def key(word: int) -> tuple[Fraction, int]:
            pairs = zip(exact, self.vectors[word].tolist(), strict=True)
            gaps = (own - Fraction(other) for own, other in pairs)
            return sum((gap * gap for gap in gaps), Fraction(0)), word

        return sorted(candidates, key=key)[:count]


@njit(nogil=True, cache=True)
def _centre_points(
    points: Floats,
    centre: Floats,
    scale: float,
    centred: Floats,
    singles: Singles,
    lengths: Floats,
) -> None:
    """Centre and scale vectors, in both precisions; bounds on their lengths. The single version
    has a 1 as one more component; that of a vector that is too long for it is zero."""
    for i in range(points.shape[0]):
        square = 0.0
        for k in range(points.shape[1]):
            x = (points[i, k] - centre[k]) * scale
            centred[i, k] = x
            square += x * x
        lengths[i] = math.sqrt(square) * (1.0 + 1e-9)
        if lengths[i] <= _LONGEST:
            for k in range(points.shape[1]):
                singles[i, k] = centred[i, k]
        else:
            for k in range(points.shape[1]):
                singles[i, k] = 0.0
        singles[i, points.shape[1]] = 1.0


@njit(nogil=True, cache=True)
def _largest(scores: Singles, largest: Singles) -> None:
    """The largest score of every lane: entry k is over the words k, k + _LANES, ... Lanes do not
    depend on each other, so the loop runs in vector registers."""
    n = scores.shape[0]
    largest[:] = -np.inf
    whole = n - n % (4 * _LANES)
    # Four at a time, so that the maxima so far are loaded and stored less often.
    for start in range(0, whole, 4 * _LANES):
        a, b = scores[start : start + _LANES], scores[start + _LANES : start + 2 * _LANES]
        c, d = scores[start + 2 * _LANES :], scores[start + 3 * _LANES :]
        for k in range(_LANES):
            first = a[k] if a[k] > b[k] else b[k]
            second = c[k] if c[k] > d[k] else d[k]
            both = first if first > second else second
            largest[k] = both if both > largest[k] else largest[k]
    for start in range(whole, n, _LANES):
        rest = scores[start : start + _LANES]
        for k in range(rest.shape[0]):
            largest[k] = rest[k] if rest[k] > largest[k] else largest[k]


@njit(nogil=True, cache=True)
def _best(largest: Singles, tops: Singles, seconds: Singles, count: int) -> float:
    """The largest score, or one that is at most the second largest: that of the second best lane.
    Lanes are folded in halves; `tops` and `seconds` are overwritten."""
    tops[:], seconds[:] = largest, -np.inf
    half = _LANES // 2
    while half:
        for k in range(half):
            a, b = tops[k], tops[k + half]
            lower = a if a < b else b
            other = seconds[k] if seconds[k] > seconds[k + half] else seconds[k + half]
            tops[k] = a if a > b else b
            seconds[k] = lower if lower > other else other
        half //= 2
    return tops[0] if count == 1 else seconds[0]


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _product(first: Floats, second: Floats) -> float:
    """Inner product; `error_bound` holds for any order of the terms."""
    total = 0.0
    for k in range(first.shape[0]):
        total += first[k] * second[k]
    return total


@njit(nogil=True, cache=True)
def _select(
    scores: Singles,
    rough: Floats,
    vectors: Floats,
    halves: Floats,
    points: Floats,
    fine: Floats,
    excluded: Indices,
    found: Indices,
    open_rows: NDArray[np.bool_],
) -> None:
    """Pick the words with the largest scores; marks the rows that double precision leaves open.

    `scores` are overwritten where a word is excluded; `rough` and `fine` are twice the error
    bounds of scores in single and double precision, infinite where those are unusable.
    """
    n, count = scores.shape[1], found.shape[1]
    largest = np.empty(_LANES, dtype=np.float32)
    tops, seconds = np.empty_like(largest), np.empty_like(largest)
    candidates = np.empty(n, dtype=np.int64)
    top, top_words = np.empty(count + 1), np.empty(count + 1, dtype=np.int64)
    for i in range(scores.shape[0]):
        row = scores[i]
        if excluded[i] >= 0:
            row[excluded[i]] = -np.inf
        many = 0
        if rough[i] < np.inf:
            _largest(row, largest)
            level = _best(largest, tops, seconds, count)
            threshold = np.float64(level) - rough[i]
            for k in range(_LANES):
                if largest[k] >= threshold:
                    for j in range(k, n, _LANES):
                        if row[j] >= threshold:
                            candidates[many] = j
                            many += 1
            if many == 1:
                found[i, 0] = candidates[0]
                continue
            if many == 2 and count == 2:
                # No others, and in order if their scores are farther apart than both errors.
                a, b = candidates[0], candidates[1]
                if abs(np.float64(row[a]) - np.float64(row[b])) > rough[i]:
                    found[i, 0], found[i, 1] = (a, b) if row[a] > row[b] else (b, a)
                    continue
        else:
            for j in range(n):
                if j != excluded[i]:
                    candidates[many] = j
                    many += 1
        top[:], top_words[:] = -np.inf, -1
        for m in range(many):
            j = candidates[m]
            score = _product(vectors[j], points[i]) - halves[j]
            # Insert; a NaN stays out and leaves the row open.
            for rank in range(count + 1):
                if score > top[rank]:
                    for later in range(count, rank, -1):
                        top[later], top_words[later] = top[later - 1], top_words[later - 1]
                    top[rank], top_words[rank] = score, j
                    break
        for rank in range(count):
            found[i, rank] = top_words[rank]
            if not top[rank] - top[rank + 1] > fine[i]:
                open_rows[i] = True


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def pair_lengths(
    points: Floats, vectors: Floats, words: Indices, first: Floats, second: Floats
) -> None:
    """Distances of each point from two words, to (p + 4) u relatively in any order of the terms.

    Parameters
    ----------
    points : float64 (size, p)
    vectors : float64 (n, p)
    words : int64 (size, 2)
    first, second : float64 (size,)
        Filled.
    """
    for i in range(points.shape[0]):
        point, x, y = points[i], vectors[words[i, 0]], vectors[words[i, 1]]
        a = b = 0.0
        for k in range(points.shape[1]):
            a += (point[k] - x[k]) * (point[k] - x[k])
            b += (point[k] - y[k]) * (point[k] - y[k])
        first[i], second[i] = math.sqrt(a), math.sqrt(b)
