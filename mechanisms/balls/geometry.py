"""Distances without rounding.

The floats of an embedding are exact numbers: integers over a common power of two, 2^shift. So the
square of a Euclidean distance, and a Manhattan or Chebyshev distance itself, is an exact fraction.
Its numerator is the `key` of a distance: keys are integers, they order as distances do, and two
distances are equal exactly when their keys are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb, fmpq, fmpz, fmpz_mat
from numpy.typing import NDArray

from ...claims import METRICS
from ...errors import InputError

__all__ = ["ExactGeometry", "Key"]

#: A key, or where distances are clipped the fraction at which they are.
Key = fmpz | fmpq

#: Rows whose keys are worked out at a time.
_ROWS = 64

_WORD = 2**62


@dataclass(frozen=True, eq=False)
class ExactGeometry:
    """All distances between n words, exactly.

    Parameters
    ----------
    vectors
        Finite, shape (n, p), float64; taken as exact numbers.
    metric
        "euclidean", "manhattan", "chebyshev", or "discrete": 1 between different words.

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

    def __len__(self) -> int:
        return len(self.vectors)

    @cached_property
    def shift(self) -> int:
        """s such that every component is an integer times 2^-s."""
        if self.metric == "discrete":
            return 0
        return max(q.bit_length() - 1 for _, q in self._fractions)

    @cached_property
    def _fractions(self) -> list[tuple[int, int]]:
        return [float(x).as_integer_ratio() for x in self.vectors.ravel()]

    @cached_property
    def _integers(self) -> list[int]:
        """The components times 2^shift, row by row."""
        return [p << (self.shift - q.bit_length() + 1) for p, q in self._fractions]

    @cached_property
    def _factors(self) -> tuple[list[list[int]], fmpz_mat]:
        """Rows (-2x, |x|^2, 1) and columns (x, 1, |x|^2): their products are |x - y|^2."""
        p = self.vectors.shape[1]
        rows = [self._integers[i : i + p] for i in range(0, len(self._integers), p)]
        squares = [sum(x * x for x in row) for row in rows]
        left = [[*(-2 * x for x in row), q, 1] for row, q in zip(rows, squares, strict=True)]
        right = [x for row, q in zip(rows, squares, strict=True) for x in (*row, 1, q)]
        return left, fmpz_mat(len(rows), p + 2, right).transpose()

    @cached_property
    def _array(self) -> NDArray[Any]:
        """The integers as an array: machine words where no sum of differences can overflow."""
        p = self.vectors.shape[1]
        largest = max(abs(x) for x in self._integers)
        kind = np.int64 if 2 * p * largest < _WORD else object
        return np.array(self._integers, dtype=kind).reshape(self.vectors.shape)

    def rows(self, first: int, last: int) -> list[list[fmpz]]:
        """Keys from the words `first` to `last` - 1 to all words, exactly."""
        n = len(self)
        if self.metric == "discrete":
            one, zero = fmpz(1), fmpz(0)
            return [[zero if i == j else one for j in range(n)] for i in range(first, last)]
        if self.metric == "euclidean":
            left, right = self._factors
            flat = [x for row in left[first:last] for x in row]
            entries = (fmpz_mat(last - first, right.nrows(), flat) * right).entries()
            return [entries[i : i + n] for i in range(0, len(entries), n)]
        keys = []
        for i in range(first, last):
            difference = np.abs(self._array - self._array[i])
            row = difference.sum(axis=1) if self.metric == "manhattan" else difference.max(axis=1)
            keys.append([fmpz(int(x)) for x in row])
        return keys

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

    def key_of(self, distance: fmpq) -> fmpq:
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
        smallest, largest, pair = None, fmpz(0), (0, 1)
        for i, keys in self:
            later = keys[i + 1 :]
            if later:
                largest, nearest = max(largest, max(later)), min(later)
                if smallest is None or nearest < smallest:
                    smallest, pair = nearest, (i, i + 1 + later.index(nearest))
        assert smallest is not None
        return smallest, largest, pair

    def ranked(self, word: int) -> list[int]:
        """All words, nearest to `word` first, itself at the head; ties to the lower position."""
        keys = self.row(word)
        return sorted(range(len(self)), key=keys.__getitem__)
