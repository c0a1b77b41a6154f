"""The distances in which a claim is made."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..claims import Claim
from ..mechanisms.spaces import EmbeddingSpace
from ..mechanisms.spaces.distances import Tile

__all__ = [
    "claim_space",
    "claimed_distance_error",
    "claimed_distances",
    "claimed_tile",
    "pair_distance",
]

Floats = NDArray[np.float64]


def claim_space(claim: Claim, space: EmbeddingSpace) -> EmbeddingSpace | None:
    """The space with the metric of the claim, or None for a claim without one (all pairs at 1)."""
    if claim.kind != "metric":
        return None
    return space.with_metric(claim.metric or space.metric)


def claimed_tile(claim: Claim, space: EmbeddingSpace) -> Callable[[Tile], Floats]:
    """A function from a tile of `space` to the distances of the claim at the same places."""
    measured = claim_space(claim, space)
    if measured is None:
        return lambda tile: np.ones_like(tile.distances)
    if measured is space:
        return lambda tile: tile.distances
    return lambda tile: measured.tiles.tile(tile.rows, tile.columns).distances


def claimed_distances(claim: Claim, space: EmbeddingSpace) -> Floats:
    """All distances of the claim, shape (n, n)."""
    measured = claim_space(claim, space)
    if measured is None:
        return np.ones((len(space), len(space)))
    return measured.distance_matrix


def claimed_distance_error(claim: Claim, space: EmbeddingSpace) -> float:
    """Bound on the relative rounding error of the distances of the claim."""
    measured = claim_space(claim, space)
    return 0.0 if measured is None else measured.tiles.relative_error


def pair_distance(claim: Claim, space: EmbeddingSpace, first: int, second: int) -> float:
    """Distance of two words in the claim."""
    measured = claim_space(claim, space)
    if measured is None:
        return 1.0
    return float(measured.distance_rows(slice(first, first + 1))[0, second])
