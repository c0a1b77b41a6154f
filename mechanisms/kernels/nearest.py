"""The words nearest to given vectors, exactly, at the speed of a matrix product.

|v - x|^2 is least where the score x.v - |x|^2/2 is largest. Scores come from one matrix product in
single precision; the error of each is at most E (`error_bound`, proved there), so the nearest
word is among those whose score is within 2 E of the largest. These few are compared in double
precision, whose error is bounded in the same way, and what that leaves open in fractions. The
result is therefore that of exact arithmetic on the vectors as given, ties going to the lower
position, and does not depend on how vectors are grouped.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["NearestWords", "error_bound"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Indices = NDArray[np.int64]

_SINGLE = 2.0**-24
_DOUBLE = 2.0**-53

#: Classes of words by position, modulo this: only those with a large score are looked at again.
_LANES = 64

#: Vectors longer than this, in units of the vocabulary, skip single precision.
_LONGEST = 2.0**60

#: Vectors in a product: fewer cost speed, more gain none. Entries that it should have, so that it
#: stays near the level-2 cache, and entries that it may have.
_ROWS = (256, 1024)
_ENTRIES = 2**21
_MOST_ENTRIES = 2**25


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
    |x|^2/2 is off by at most g_(p+4) |x|^2/2, and the difference by u (|x||v| + |x|^2/2).
    Together at most g_(p+8) (|x||v| + |x|^2). The factor 1.01 covers the rounding of the bound
    itself and components that underflow: coordinates are scaled so that radius >= 1/2.

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
    _single_halves: Singles

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
            "_single": centred.astype(np.float32),
            "_single_halves": (0.5 * squares).astype(np.float32),
        }.items():
            object.__setattr__(self, name, value)

    @property
    def rows_at_once(self) -> int:
        """How many vectors to ask for in one call of `find`, for speed."""
        n, (fewest, most) = len(self.vectors), _ROWS
        return max(16, min(max(fewest, min(most, _ENTRIES // n)), _MOST_ENTRIES // n))

    def find(self, points: Floats, count: int = 1, excluded: Indices | None = None) -> Indices:
        """Positions of the `count` nearest words, nearest first, shape (size, count).

        Parameters
        ----------
        points : float64 (size, p)
            Finite. Memory: 4 n bytes each, so ask for `rows_at_once` of them.
        count
            1 or 2; there must be so many words that are not excluded.
        excluded : int64 (size,), optional
            A word that is left out for each vector, -1 for none.
        """
        size = len(points)
        if excluded is None:
            excluded = np.full(size, -1, dtype=np.int64)
        centred, singles = np.empty(points.shape), np.empty(points.shape, dtype=np.float32)
        lengths = np.empty(size)
        _centre_points(points, self._centre, self._scale, centred, singles, lengths)
        products = singles @ self._single.T
        found = np.empty((size, count), dtype=np.int64)
        open_rows = np.zeros(size, dtype=np.bool_)
        dimension = points.shape[1]
        rough = error_bound(dimension, _SINGLE, self._radius, lengths)
        rough[~(lengths <= _LONGEST)] = np.inf
        fine = error_bound(dimension, _DOUBLE, self._radius, lengths)
        _select(
            products,
            self._single_halves,
            2.0 * rough,
            self._centred,
            self._halves,
            centred,
            2.0 * fine,
            excluded,
            found,
            open_rows,
        )
        for i in np.flatnonzero(open_rows):
            found[i] = self._exactly(points[i], centred[i], 2.0 * fine[i], count, int(excluded[i]))
        return found

    def _exactly(
        self, point: Floats, centred: Floats, margin: float, count: int, excluded: int
    ) -> list[int]:
        """The nearest words by fractions, among those that double precision leaves."""
        candidates = [i for i in range(len(self.vectors)) if i != excluded]
        if margin < np.inf:
            scores = self._centred[candidates] @ centred - self._halves[candidates]
            least = np.sort(scores)[-count] - margin
            candidates = [i for i, s in zip(candidates, scores, strict=True) if s >= least]
        exact = [Fraction(x) for x in point.tolist()]

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
    of a vector that is too long for it is zero."""
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


@njit(nogil=True, cache=True)
def _largest(products: Singles, halves: Singles, largest: Singles) -> None:
    """The largest score of every lane: entry k is over the words k, k + _LANES, ... Lanes do not
    depend on each other, so the loop runs in vector registers."""
    n = products.shape[0]
    largest[:] = -np.inf
    whole = n - n % _LANES
    for start in range(0, whole, _LANES):
        for k in range(_LANES):
            score = products[start + k] - halves[start + k]
            if score > largest[k]:
                largest[k] = score
    for j in range(whole, n):
        largest[j - whole] = max(largest[j - whole], products[j] - halves[j])


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _product(first: Floats, second: Floats) -> float:
    """Inner product; `error_bound` holds for any order of the terms."""
    total = 0.0
    for k in range(first.shape[0]):
        total += first[k] * second[k]
    return total


@njit(nogil=True, cache=True)
def _select(
    products: Singles,
    single_halves: Singles,
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

    `products` are overwritten where a word is excluded; `rough` and `fine` are twice the error
    bounds of scores in single and double precision, infinite where those are unusable.
    """
    n, count = products.shape[1], found.shape[1]
    largest = np.empty(_LANES, dtype=np.float32)
    candidates = np.empty(n, dtype=np.int64)
    top, top_words = np.empty(count + 1), np.empty(count + 1, dtype=np.int64)
    for i in range(products.shape[0]):
        row = products[i]
        if excluded[i] >= 0:
            row[excluded[i]] = -np.inf
        many = 0
        if rough[i] < np.inf:
            _largest(row, single_halves, largest)
            place = np.argmax(largest)
            level = largest[place]
            if count == 2:
                # The second largest score: of the same lane, or the largest of another one.
                seen, second = False, np.float32(-np.inf)
                for k in range(_LANES):
                    if k != place and largest[k] > second:
                        second = largest[k]
                for j in range(place, n, _LANES):
                    score = row[j] - single_halves[j]
                    if score == level and not seen:
                        seen = True
                    elif score > second:
                        second = score
                level = second
            threshold = np.float64(level) - rough[i]
            for k in range(_LANES):
                if largest[k] >= threshold:
                    for j in range(k, n, _LANES):
                        if row[j] - single_halves[j] >= threshold:
                            candidates[many] = j
                            many += 1
            if many == 1:
                found[i, 0] = candidates[0]
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
