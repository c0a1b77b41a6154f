"""The Gaussian kernel density of a vocabulary, the prior of `density-prior-exponential` and of
`metropolis-hastings` (specification, section 4.11)."""

import math

import numpy as np
from numpy.typing import NDArray

from ...errors import require_positive
from ..protocol import Prior
from ..spaces import EmbeddingSpace
from ..spaces.distances import Tile

__all__ = ["default_bandwidth", "density_prior"]

Floats = NDArray[np.float64]

_UNIT_ROUNDOFF = 2.0**-53

#: The neighbour whose distance the default bandwidth is made from.
_NEIGHBOUR = 10

_ROWS = 256


def default_bandwidth(space: EmbeddingSpace) -> float:
    """The median over words of the distance to the 10th nearest other word, or to the farthest if
    there are fewer; in the units of the space. O(n^2 p) time, a few hundred rows of memory.

    As computed: a bandwidth is a parameter, so no error of it is an error of the law.

    Examples
    --------
    >>> default_bandwidth(EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]]))
    3.0
    """
    n = len(space)
    rank = min(_NEIGHBOUR, n - 1)  # rank 0 is the word itself
    found = np.empty(n)
    for start in range(0, n, _ROWS):
        rows = slice(start, min(start + _ROWS, n))
        # Not from the cached matrix, which another pass may have rounded in another way.
        block = space.tiles.tile(rows, slice(0, n)).distances
        found[rows] = np.partition(block, rank, axis=1)[:, rank]
    return require_positive("the default bandwidth", float(np.median(found)))


def density_prior(space: EmbeddingSpace, bandwidth: float) -> Prior:
    """ln of sum over j of e^(-d(y, j)^2 / (2 h^2)) for all words y; between 0 and ln n, because
    j = y adds 1. Not normalised, since every law divides by its sum.

    The error. With q = d^2/(2 h^2), which is off by at most q (2 r + 12 u), r the relative error of
    a distance, a sum is off relatively by the mean of that under the weights e^-q, by 10 u for exp
    and by n u for the sum. Under these weights the mean of q is at most ln n: their entropy, which
    is at most ln n, is the mean of q plus ln of the sum, and the latter is not negative. Squares of
    components below 1e-150 that underflow move d by at most 1e-150 sqrt(p), so e^-q by at most
    that over h.

    Examples
    --------
    >>> space = EmbeddingSpace(["a", "b"], [[0.0], [2.0]])
    >>> np.exp(density_prior(space, 1.0).logs).round(6).tolist()
    [1.135335, 1.135335]
    """
    n = len(space)
    sums = np.ones(n)

    def work(tile: Tile) -> tuple[Tile, Floats, Floats]:
        terms = tile.distances
        with np.errstate(over="ignore", under="ignore"):  # e^-inf = 0 is right to 1e-300
            terms /= bandwidth
            terms *= terms
            terms *= -0.5
            np.exp(terms, out=terms)
        if tile.diagonal:
            np.fill_diagonal(terms, 0.0)
        return tile, terms.sum(axis=1), terms.sum(axis=0)

    for tile, by_row, by_column in space.tiles.map(work):
        sums[tile.rows] += by_row
        if not tile.diagonal:
            sums[tile.columns] += by_column
    largest = math.log(n)
    relative = largest * (2.0 * space.tiles.relative_error + 12 * _UNIT_ROUNDOFF)
    relative += (n + 16) * _UNIT_ROUNDOFF + n * 1e-150 * math.sqrt(space.dimension) / bandwidth
    # Doubled for terms of second order, and for the logarithm of the sum.
    return Prior(np.log(sums), 2.0 * relative + (16.0 + 8.0 * largest) * _UNIT_ROUNDOFF)
