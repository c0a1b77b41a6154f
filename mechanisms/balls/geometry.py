"""Distances without rounding.

The floats of an embedding are exact numbers: integers over a common power of two, 2^shift. So the
square of a Euclidean distance, and a Manhattan or Chebyshev distance itself, is an exact fraction.
Its numerator is the `key` of a distance: keys are integers, they order as distances do, and two
distances are equal exactly when their keys are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from flint import arb, fmpq, fmpz, fmpz_mat
from numpy.typing import NDArray

from ...claims import METRICS
from ...errors import InputError

__all__ = ["ExactGeometry", "Key", "ranking"]

#: A key, or where distances are clipped the fraction at which they are.
Key = fmpz | fmpq

#: Rows whose keys are worked out at a time, and columns of the product that gives them.
_ROWS = 64
_COLUMNS = 128

#: Components of pairs that are worked on at a time.
_COMPONENTS = 2**18

#: Below this, machine words hold a sum and its parts.
_WORD = 2.0**62

#: Whole numbers up to this one are floats, and so are their sums and products.
_FLOAT = 2.0**53

_SCIPY_NAMES = {"euclidean": "sqeuclidean", "manhattan": "cityblock", "chebyshev": "chebyshev"}

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ExactGeometry:
    """All distances between n words, exactly.

    Parameters
    ----------
    vectors
        Finite, shape (n, p), float64; taken as exact numbers.
    metric
        "euclidean", "manhattan", "chebyshev", or "discrete": 1 between different words. For
        "angular" see `angles`.

    Raises
    ------
    InputError
        If the metric is unknown.

    Examples
    --------
    >>> geometry = ExactGeometry(np.array([[0.0], [0.5], [2.0]]), "euclidean")
    >>> geometry.row(0), geometry.shift
    ([0, 1, 16], 1)
    >>> geometry.distance(geometry.row(0)[2])
    2.00000000000000
    """

    vectors: NDArray[np.float64]
    metric: str

    def __post_init__(self) -> None:
        if self.metric not in (*METRICS, "discrete"):
            raise InputError(
                f"metric is {self.metric!r}, but it must be one of {', '.join(METRICS)}, discrete."
            )
        if self.metric == "angular" and type(self) is ExactGeometry:
            raise InputError("Angles have a geometry of their own, AngularGeometry.")

    def __len__(self) -> int:
        return len(self.vectors)

    def __reduce__(self) -> "tuple[type[ExactGeometry], tuple[NDArray[np.float64], str]]":
        """For pickle: what it remembers is left out."""
        return type(self), (self.vectors, self.metric)

    @cached_property
    def shift(self) -> int:
        """s such that every component is an integer times 2^-s."""
        _, exponents = self._odd
        return 0 if self.metric == "discrete" else max(0, -int(exponents.min(initial=0)))

    @cached_property
    def _odd(self) -> tuple[Indices, Indices]:
        """Every component as an odd number, or 0, times a power of two: numbers and exponents."""
        fractions, exponents = np.frexp(self.vectors)
        units = np.ldexp(fractions, 53).astype(np.int64)
        zeros = np.frexp((units & -units).astype(np.float64))[1] - 1  # -1 for 0
        zeros = np.maximum(zeros, 0)  # how often two divides
        return units >> zeros, np.where(units == 0, 0, exponents - 53 + zeros).astype(np.int64)

    @cached_property
    def _integers(self) -> list[int]:
        """The components times 2^shift, row by row."""
        return [int(x) for x in self._array.ravel()]

    @cached_property
    def _factors(self) -> tuple[list[list[int]], list[fmpz_mat]]:
        """Rows (-2x, |x|^2, 1) and columns (x, 1, |x|^2), some columns a matrix: their products
        are |x - y|^2."""
        p = self.vectors.shape[1]
        rows = [self._integers[i : i + p] for i in range(0, len(self._integers), p)]
        squares = [sum(x * x for x in row) for row in rows]
        left = [[*(-2 * x for x in row), q, 1] for row, q in zip(rows, squares, strict=True)]
        right = []
        for start in range(0, len(rows), _COLUMNS):
            part = list(zip(rows, squares, strict=True))[start : start + _COLUMNS]
            columns = [x for row, q in part for x in (*row, 1, q)]
            right.append(fmpz_mat(len(part), p + 2, columns).transpose())
        return left, right

    @cached_property
    def _widest(self) -> float:
        """Bound on the difference of two integers; infinite if floats do not reach as far."""
        with np.errstate(over="ignore"):
            return 2.0 * float(np.abs(np.ldexp(self.vectors, self.shift)).max())

    @cached_property
    def _array(self) -> NDArray[Any]:
        """The integers as an array: machine words where no sum of differences can overflow."""
        if self.vectors.shape[1] * self._widest < _WORD:
            return np.ldexp(self.vectors, self.shift).astype(np.int64)
        return self._large(np.arange(len(self)))

    def _large(self, words: Indices) -> NDArray[Any]:
        """The integers of some words, as Python's."""
        units, exponents = self._odd
        lifts = (exponents[words] + self.shift).astype(object)
        return np.left_shift(units[words].astype(object), lifts)

    @cached_property
    def _digits(self) -> tuple[int, Indices]:
        """The integers in digits: their width in bits, and the digits, shape (digits, n, p), the
        least significant ones first, the last ones signed. One digit where no key can overflow.

        Products of two differences of digits, 2^8 p of them, add up to less than 2^62; a float64
        spans 2,100 bits, so for all p below 2^30 there are fewer than 2^8 digits."""
        n, p = self.vectors.shape
        largest = self._widest * self._widest if self.metric == "euclidean" else self._widest
        if p * largest < _WORD:
            return 62, self._array[None]
        units, exponents = self._odd
        bits = 54 + int(exponents[units != 0].max()) + self.shift  # with the sign
        width = (54 - p.bit_length()) // 2
        count = -(-bits // width)
        digits = np.empty((count, n, p), dtype=np.int64)
        step = max(1, _COMPONENTS // p)
        for start in range(0, n, step):
            rest = self._large(np.arange(start, min(start + step, n)))
            for digit in digits[:-1]:
                digit[start : start + step] = rest & (2**width - 1)
                rest = rest >> width
            digits[-1, start : start + step] = rest
        return width, digits

    def key_digits(self, first: Indices, second: Indices) -> Indices:
        """Keys of the pairs (first[i], second[i]), exactly, shape (digits, pairs).

        A key is the sum of digits[k] 2^(w k), the digits being from 0 to 2^w - 1 but for the last
        one, which is at least 0: keys order as their digits do, the last one first. The width w is
        the same for all pairs. Where no key can overflow, there is one digit, the key.

        Works in pieces of 2^18 components, and needs 8 bytes a digit of every component: with one
        digit some 10 MB beside the vectors' own size, with three, for decimals, some 30 MB beside
        three times that.

        Examples
        --------
        >>> geometry = ExactGeometry(np.array([[0.0], [0.5], [2.0]]), "euclidean")
        >>> geometry.key_digits(np.array([0, 1]), np.array([2, 2]))
        array([[16,  9]])
        """
        if self.metric == "discrete":
            return (first != second).astype(np.int64)[None]
        width, digits = self._digits
        count = len(digits)
        length = 2 * count - 1 if self.metric == "euclidean" else count
        keys = np.zeros((length, len(first)), dtype=np.int64)
        step = max(1, _COMPONENTS // digits.shape[2])
        for start in range(0, len(first), step):
            part = slice(start, start + step)
            found, gaps = keys[:, part], digits[:, first[part]] - digits[:, second[part]]
            if self.metric == "euclidean":
                for i in range(count):
                    for j in range(i, count):
                        product = np.einsum("ij,ij->i", gaps[i], gaps[j])
                        found[i + j] += product if i == j else 2 * product
            else:
                _carry(gaps, width)
                gaps *= np.where(gaps[-1] < 0, -1, 1)
                if self.metric == "manhattan":
                    gaps.sum(axis=2, out=found)
                elif count == 1:
                    gaps.max(axis=2, out=found)
                else:
                    _carry(gaps, width)
                    _largest(gaps, found)
            _carry(found, width)
        return keys

    def small_keys(self, first: int, last: int) -> NDArray[np.float64] | None:
        """Keys from the words `first` to `last` - 1 to all words, shape (last - first, n), or None
        if some may be beyond 2^53; below that floats count exactly, whatever the order of sums.

        Examples
        --------
        >>> ExactGeometry(np.array([[0.0], [0.5], [2.0]]), "euclidean").small_keys(0, 1)
        array([[ 0.,  1., 16.]])
        """
        from scipy.spatial.distance import cdist

        largest = self._widest * self._widest if self.metric == "euclidean" else self._widest
        if self.metric == "discrete" or not self.vectors.shape[1] * largest < _FLOAT:
            return None
        integers = np.ldexp(self.vectors, self.shift)
        return cdist(integers[first:last], integers, _SCIPY_NAMES[self.metric])

    def rows(self, first: int, last: int, start: int = 0) -> list[list[fmpz]]:
        """Keys from the words `first` to `last` - 1 to all words from `start` on, exactly."""
        n = len(self)
        if self.metric == "discrete":
            one, zero = fmpz(1), fmpz(0)
            return [[zero if i == j else one for j in range(start, n)] for i in range(first, last)]
        if self.metric == "euclidean":
            return self._squares(first, last, start)
        keys = []
        for i in range(first, last):
            difference = np.abs(self._array[start:] - self._array[i])
            row = difference.sum(axis=1) if self.metric == "manhattan" else difference.max(axis=1)
            keys.append([fmpz(int(x)) for x in row])
        return keys

    def _squares(self, first: int, last: int, start: int) -> list[list[fmpz]]:
        left, right = self._factors
        flat = [x for row in left[first:last] for x in row]
        matrix = fmpz_mat(last - first, self.vectors.shape[1] + 2, flat)
        keys: list[list[fmpz]] = [[] for _ in range(first, last)]
        for columns in right[start // _COLUMNS :]:
            entries, width = (matrix * columns).entries(), columns.ncols()
            for i, row in enumerate(keys):
                row += entries[i * width : (i + 1) * width]
        return [row[start % _COLUMNS :] for row in keys]

    def later(self, first: int, last: int) -> Iterator[tuple[int, list[fmpz]]]:
        """Every word from `first` to `last` - 1 with its keys to the words after it.

        Examples
        --------
        >>> geometry = ExactGeometry(np.array([[0.0], [0.5], [2.0]]), "euclidean")
        >>> list(geometry.later(0, 2))
        [(0, [1, 16]), (1, [9])]
        """
        for start in range(first, last, _ROWS):
            stop = min(start + _ROWS, last)
            for i, keys in enumerate(self.rows(start, stop, start), start=start):
                yield i, keys[i - start + 1 :]

    def row(self, word: int) -> list[fmpz]:
        """Keys from one word to all words, exactly."""
        return self.rows(word, word + 1)[0]

    def __iter__(self) -> Iterator[tuple[int, list[fmpz]]]:
        """Every word with its row of keys, a few rows in memory at a time."""
        for first in range(0, len(self), _ROWS):
            last = min(first + _ROWS, len(self))
            yield from zip(range(first, last), self.rows(first, last), strict=True)

    def distance(self, key: Key) -> arb:
        """The distance of a key, at the precision in force."""
        return self.distances([key])[0]

    def distances(self, keys: Sequence[Key], factor: arb | None = None) -> list[arb]:
        """The distances of keys, times `factor`, at the precision in force."""
        scale = self.unit if factor is None else self.unit * factor
        if self.metric == "euclidean":
            return [arb(key).sqrt() * scale for key in keys]
        return [arb(key) * scale for key in keys]

    @property
    def unit(self) -> arb:
        """2^-shift as a ball of radius 0."""
        return arb(fmpq(1, fmpz(1) << self.shift))

    def square(self, key: Key) -> fmpq:
        """The square of the distance of a key, exactly."""
        square = fmpq(key) if self.metric == "euclidean" else fmpq(key) * fmpq(key)
        return square / fmpq(fmpz(1) << (2 * self.shift))

    def key_of(self, distance: fmpq) -> Any:
        """The key that a rational distance would have."""
        scaled = distance * fmpq(fmpz(1) << self.shift)
        return scaled * scaled if self.metric == "euclidean" else scaled

    @cached_property
    def extremes(self) -> tuple[fmpz, fmpz]:
        """Keys of the smallest and the largest distance between two different words."""
        smallest, largest, _ = self._extent
        return smallest, largest

    @cached_property
    def closest(self) -> tuple[int, int]:
        """The first pair of words at the smallest distance."""
        return self._extent[2]

    @cached_property
    def _extent(self) -> tuple[fmpz, fmpz, tuple[int, int]]:
        if self.metric == "discrete":
            return fmpz(1), fmpz(1), (0, 1)
        smallest, largest, pair = None, None, (0, 1)
        for i, later in self.later(0, len(self)):
            if later:
                farthest, nearest = max(later), min(later)
                if largest is None or farthest > largest:
                    largest = farthest
                if smallest is None or nearest < smallest:
                    smallest, pair = nearest, (i, i + 1 + later.index(nearest))
        assert smallest is not None
        assert largest is not None
        return smallest, largest, pair

    def ranked(self, word: int) -> list[int]:
        """All words, nearest to `word` first, itself at the head; ties to the lower position."""
        return ranking(self.row(word))


def ranking(keys: Sequence[Key]) -> list[int]:
    """Positions by rising key, ties to the lower position.

    Examples
    --------
    >>> ranking([fmpz(4), fmpz(0), fmpz(4)])
    [1, 0, 2]
    """
    return sorted(range(len(keys)), key=keys.__getitem__)


def _carry(digits: Indices, width: int) -> None:
    """Bring all digits but the last ones, along the first axis, to 0 ... 2^width - 1."""
    for digit, following in pairwise(digits):
        following += digit >> width
        digit &= 2**width - 1


def _largest(numbers: Indices, found: Indices) -> None:
    """The largest of the numbers in a row, by digits of shape (digits, rows, columns)."""
    still = np.ones(numbers.shape[1:], dtype=bool)
    for digit, best in zip(numbers[::-1], found[::-1], strict=True):
        values = np.where(still, digit, -1)
        values.max(axis=1, out=best)
        still = values == best[:, None]
