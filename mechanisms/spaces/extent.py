"""Shortest and longest distances of a space, in one pass over the tiles of its distances."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import SpaceError
from .checks import LARGEST
from .distances import DistanceTiles, Tile

__all__ = ["Extent", "extent_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Extent:
    """Shortest and longest distance, and the nearest other word of every word.

    Attributes
    ----------
    min_distance, max_distance
        Delta_min and Delta_max of the specification, over pairs of different words.
    closest
        Indices of a pair at distance `min_distance`; the first one in lexicographic order.
    nearest_distance, nearest
        Shape (n,): distance to and index of the nearest other word; ties to the lower index.
    """

    min_distance: float
    max_distance: float
    closest: tuple[int, int]
    nearest_distance: Floats
    nearest: NDArray[np.int64]


def extent_of(tiles: DistanceTiles, words: Sequence[str]) -> Extent:
    """The extent of the words whose distances these are.

    Raises
    ------
    SpaceError
        If two words are so close that their distance underflows.
    """
    n = len(words)
    nearest_distance, nearest = np.full(n, np.inf), np.zeros(n, dtype=np.int64)
    max_distance = 0.0
    for found in tiles.map(_tile_extent):
        max_distance = max(max_distance, found.longest)
        for part, distances, partners in found.nearest:
            closer = distances < nearest_distance[part]
            nearest_distance[part][closer] = distances[closer]
            nearest[part][closer] = partners[closer]
    first = int(np.argmin(nearest_distance))
    min_distance = float(nearest_distance[first])
    if not min_distance > 1.0 / LARGEST:
        raise SpaceError(
            f"The words {words[first]!r} and {words[int(nearest[first])]!r} are only "
            f"{min_distance:g} apart, too close to compute with. Drop one of them, or scale "
            "the vectors up."
        )
    closest = (first, int(nearest[first]))
    return Extent(min_distance, max_distance, closest, nearest_distance, nearest)


@dataclass(frozen=True, eq=False)
class _TileExtent:
    longest: float
    nearest: tuple[tuple[slice, Floats, NDArray[np.int64]], ...]


def _tile_extent(tile: Tile) -> _TileExtent:
    block = tile.distances
    longest = float(block.max())
    if tile.diagonal:
        np.fill_diagonal(block, np.inf)
    by_row, by_column = block.argmin(axis=1), block.argmin(axis=0)
    rows = (tile.rows, block[np.arange(len(block)), by_row], by_row + tile.columns.start)
    columns = (
        tile.columns,
        block[by_column, np.arange(block.shape[1])],
        by_column + tile.rows.start,
    )
    return _TileExtent(longest, (rows,) if tile.diagonal else (rows, columns))
