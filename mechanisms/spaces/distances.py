"""Distances between rows of a matrix, tile by tile.

Angles have a module of their own (`angular`). The others go two routes with one contract: small
problems, and every metric but the Euclidean, through SciPy's direct differences; large Euclidean
ones through one matrix product per tile, |x-y|^2 = |x|^2 + |y|^2 - 2 x.y, with every entry where
that cancels repeated by direct differences. Either way the relative error of a distance is at most
`relative_error`, no temporary is larger than a few tiles, and d(i, j) and d(j, i) are the same
float.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ..kernels.parallel import ordered_map
from .angular import angles, angles_of_pairs, angular_error, unit_rows

__all__ = ["TILE", "DistanceTiles", "Tile", "pair_distances"]

#: Rows and columns of a tile. 512 x 512 float64 are 2 MB: one core's level-2 cache.
TILE = 512

#: Coordinate differences up to which direct evaluation costs about a second.
_DIRECT_WORK = 2_000_000_000

#: Entries of the matrix-product route with d^2 < _CANCELLATION (|x|^2 + |y|^2) are repeated.
_CANCELLATION = 1.0 / 64.0

_UNIT_ROUNDOFF = 2.0**-53
_SCIPY_NAMES = {"euclidean": "euclidean", "manhattan": "cityblock", "chebyshev": "chebyshev"}

Result = TypeVar("Result")

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Tile:
    """Distances between two ranges of rows; `columns` never starts before `rows`."""

    rows: slice
    columns: slice
    distances: Floats

    @property
    def diagonal(self) -> bool:
        """Whether the tile lies on the diagonal, so that it holds each pair twice."""
        return self.rows.start == self.columns.start


def pair_distances(vectors: Floats, first: Indices, second: Indices, metric: str) -> Floats:
    """Distances of the pairs (first[i], second[i]) by direct differences, shape (pairs,).

    Works in chunks of 2^20 coordinates, so that memory stays bounded.
    """
    result = np.empty(len(first))
    step = max(1, 2**20 // max(1, vectors.shape[1]))
    for start in range(0, len(first), step):
        part = slice(start, start + step)
        if metric == "angular":
            result[part] = angles_of_pairs(vectors, first[part], second[part])
            continue
        difference = np.abs(vectors[first[part]] - vectors[second[part]])
        if metric == "euclidean":
            result[part] = np.sqrt(np.einsum("ij,ij->i", difference, difference))
        elif metric == "manhattan":
            result[part] = difference.sum(axis=1)
        else:
            result[part] = difference.max(axis=1)
    return result


@dataclass(frozen=True)
class DistanceTiles:
    """All pairwise distances of the rows of `vectors`, shape (n, p), never held at once."""

    vectors: Floats
    metric: str

    @property
    def direct(self) -> bool:
        """Whether distances come from direct differences."""
        n, dimension = self.vectors.shape
        return self.metric != "euclidean" or n * n * dimension <= _DIRECT_WORK

    @property
    def relative_error(self) -> float:
        """Bound on the relative rounding error of every distance above about 1e-140, below
        which squares underflow.

        A sum of p rounded terms has relative error at most (p + 2) u (Higham, Accuracy and
        Stability of Numerical Algorithms, 2002, section 3.1, and all terms are nonnegative).
        On the matrix-product route the absolute error of d^2 is at most
        (2p + 6) u (|x|^2 + |y|^2) and d^2 is at least a 64th of that sum; centring the vectors
        moves a distance by at most u sqrt(2 * 64) of itself. Halve for the square root, then
        double for the terms of second order that are left out here.
        """
        dimension = self.vectors.shape[1]
        if self.metric == "angular":
            return angular_error(dimension)
        if self.direct:
            return (dimension + 4) * _UNIT_ROUNDOFF
        return 2.0 * ((dimension + 3) / _CANCELLATION + 12) * _UNIT_ROUNDOFF

    @cached_property
    def diameter_bound(self) -> float:
        """Upper bound on every distance, without looking at pairs: twice the longest way from
        the mean vector, a little more for rounding."""
        if self.metric == "angular":
            return math.pi * (1.0 + 1e-9)
        centre = np.zeros((1, self.vectors.shape[1]))
        radii = cdist(self._centred, centre, _SCIPY_NAMES[self.metric])
        return 2.0 * float(radii.max()) * (1.0 + 1e-9)

    @cached_property
    def _centred(self) -> Floats:
        return self.vectors - self.vectors.mean(axis=0)

    @cached_property
    def _units(self) -> Floats:
        return unit_rows(self.vectors)

    @cached_property
    def _square_norms(self) -> Floats:
        return np.einsum("ij,ij->i", self._centred, self._centred)

    def tile(self, rows: slice, columns: slice) -> Tile:
        """Distances between two ranges of rows; last bits may depend on the ranges where they
        come from matrix products."""
        if self.metric == "angular":
            return Tile(rows, columns, angles(self.vectors, self._units, rows, columns))
        if self.direct:
            block = cdist(self.vectors[rows], self.vectors[columns], _SCIPY_NAMES[self.metric])
            return Tile(rows, columns, block)
        # Numba loads here and not above: checking a certificate needs words and vectors only.
        from ..kernels.tiles import products_to_distances

        block = self._centred[rows] @ self._centred[columns].T
        squares = self._square_norms
        if products_to_distances(block, squares[rows], squares[columns], _CANCELLATION):
            i, j = np.nonzero(block < 0.0)
            block[i, j] = pair_distances(
                self.vectors, i + rows.start, j + columns.start, self.metric
            )
        return Tile(rows, columns, block)

    def grid(self) -> list[tuple[slice, slice]]:
        """The tiles on and above the diagonal, row of tiles by row of tiles."""
        n = len(self.vectors)
        ranges = [slice(start, min(start + TILE, n)) for start in range(0, n, TILE)]
        return [(a, b) for i, a in enumerate(ranges) for b in ranges[i:]]

    def __iter__(self) -> Iterator[Tile]:
        """Tiles on and above the diagonal in the order of `grid`."""
        yield from self.map(lambda tile: tile)

    def map(self, work: Callable[[Tile], Result]) -> Iterator[Result]:
        """Yield `work(tile)` for every tile in the order of `grid`, computed on all cores.

        The order of the results does not depend on the number of cores, so sums over them are
        the same on every run.
        """
        if self.metric == "angular":
            _ = self._units
        elif not self.direct:
            _ = self._square_norms  # computed once, before threads could do it twice
        yield from ordered_map(lambda place: work(self.tile(*place)), self.grid())
