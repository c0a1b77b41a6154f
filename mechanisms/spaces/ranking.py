"""Ranks by exact distance.

Distances are computed with rounding, so that two which are equal may come out different, and two
which differ may come out equal or the wrong way round. Output laws with ranks are defined by the
exact distances of the vectors as given, ties going to the lower index: another rank is another
law. So computed distances decide only where they are farther apart than their errors; every run of
closer ones is sorted again by whole numbers.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .distances import DistanceTiles

if TYPE_CHECKING:
    from ..balls.geometry import ExactGeometry

__all__ = ["BLOCK", "ExactRanking"]

#: Entries of a block of rows that is ranked at a time, or one row if that is more.
BLOCK = 2**18

#: Below this distance squares underflow, and `DistanceTiles.relative_error` does not hold.
_LEAST = 1e-140

#: Whole rows of keys cost as much as those of one in so many pairs, where floats hold them.
_MANY = 32

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ExactRanking:
    """Ranks all words by exact distance from a word, ties to the lower index.

    Examples
    --------
    From 0.5 the floats 0.9 and 0.1 are equally far as computed, but not exactly: the one is a
    little more than nine tenths, the other a little more than one.

    >>> tiles = DistanceTiles(np.array([[0.5], [0.9], [0.1]]), "euclidean")
    >>> distances = tiles.tile(slice(0, 1), slice(0, 3)).distances
    >>> np.argsort(distances, kind="stable"), ExactRanking(tiles).rank(distances, 0)
    (array([[0, 1, 2]]), array([[0, 2, 1]], dtype=int32))
    """

    tiles: DistanceTiles

    @cached_property
    def _geometry(self) -> "ExactGeometry":
        # FLINT loads here and not above: most rows need no whole numbers.
        from ..balls.angles import exact_geometry

        return exact_geometry(self.tiles.vectors, self.tiles.metric)

    def rank(self, distances: Floats, first: int) -> NDArray[np.int32]:
        """Ranks from the words `first`, `first` + 1, ...: shape (rows, n), nearest word first.

        `distances`, shape (rows, n), are theirs as computed by the tiles. Needs at most some 100
        bytes an entry, and 16 more for every digit of a key (`ExactGeometry.key_digits`).

        With a relative error r, computed distances c < c' are those of exact d < d' if
        c' > (1 + 3r) c, since d' / d >= (c' / c) (1 - r) / (1 + r), and so are all further ones.
        Keys of the others are compared, in runs of which each lies behind the one before.
        """
        order = np.argsort(distances, axis=1).astype(np.int32)
        ranked = np.take_along_axis(distances, order, axis=1)
        margin = 1.0 + 3.0 * self.tiles.relative_error
        close = ~(ranked[:, 1:] > margin * np.maximum(ranked[:, :-1], _LEAST))
        close[np.isnan(ranked[:, -1])] = True  # NaN comes last and says nothing
        inside = np.zeros(order.shape, dtype=bool)
        inside[:, 1:] = close
        inside[:, :-1] |= close
        count = np.count_nonzero(inside)
        keys = None
        if _MANY * count > inside.size:
            keys = self._geometry.small_keys(first, first + len(order))
        if keys is not None and 2 * count > inside.size:
            return np.argsort(keys, axis=1, kind="stable").astype(np.int32)
        if count:
            rows, ranks = np.nonzero(inside)
            runs = np.cumsum((ranks == 0) | ~close[rows, ranks - 1])
            words = order[rows, ranks].astype(np.int64)
            if keys is None:
                digits = self._geometry.key_digits(rows + first, words)
            else:
                digits = keys[rows, words][None].astype(np.int64)
            order[rows, ranks] = words[np.lexsort((words, *digits, runs))]
        return order
