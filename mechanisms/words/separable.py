"""Log laws of the form P_w(y) = pi(y) exp(-theta c(w, y)) / Z_w, shared by the mechanisms that
have one.

c is the metric of the space, clipped or not (specification, sections 4.4, 4.5, 4.11 and 5.1), and
pi = 1 where there is no prior. Since c(w, w) = 0, Z_w = pi(w) + (terms of the other words): without
a prior it lies in [1, n], nothing overflows, and ln Z_w = ln pi(w) + log1p(rest / pi(w)) keeps its
precision however small the rest is.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..protocol import Prior, SeparableLaw
from ..spaces import EmbeddingSpace
from ..spaces.distances import Tile

__all__ = ["at_most_one", "cost_error", "log_law_error", "metric_law", "separable_log_laws"]

Floats = NDArray[np.float64]

_UNIT_ROUNDOFF = 2.0**-53
_LARGEST_COST = 1e300


def metric_law(
    space: EmbeddingSpace, rate: float, threshold: float = np.inf, prior: Prior | None = None
) -> SeparableLaw:
    """The separable law with cost `rate` * min(distance, `threshold`), normalised in one pass
    over the tiles of the distance matrix, O(n^2 p) time and a few tiles of memory.

    A prior is used as it is given, not normalised: Z_w absorbs its sum.

    Examples
    --------
    >>> law = metric_law(EmbeddingSpace(["a", "b"], [[0.0], [2.0]]), rate=0.5)
    >>> np.exp(law.log_normalisers).round(6).tolist()
    [1.367879, 1.367879]
    """
    error = cost_error(space, rate, threshold) + (2 * len(space) + 16) * _UNIT_ROUNDOFF
    rest = np.zeros(len(space))
    weights = None if prior is None else np.exp(prior.logs)

    def sums(tile: Tile) -> tuple[Tile, Floats, Floats]:
        terms = tile.distances
        if threshold < np.inf:
            np.minimum(terms, threshold, out=terms)
        terms *= -rate
        np.exp(terms, out=terms)
        if tile.diagonal:
            np.fill_diagonal(terms, 0.0)
        if weights is None:
            return tile, terms.sum(axis=1), terms.sum(axis=0)
        return tile, terms @ weights[tile.columns], weights[tile.rows] @ terms

    for tile, by_row, by_column in space.tiles.map(sums):
        rest[tile.rows] += by_row
        if not tile.diagonal:
            rest[tile.columns] += by_column
    logs = np.log1p(rest)
    if prior is not None and weights is not None:
        logs = prior.logs + np.log1p(rest / weights)
        # The weights are rounded exponentials of logarithms that are off by `error`.
        error += prior.error + (16.0 + 4.0 * float(np.abs(logs).max())) * _UNIT_ROUNDOFF
    return SeparableLaw(
        rate=rate,
        distance="space",
        threshold=threshold,
        log_normalisers=logs,
        error=error,
        equal_normalisers=False,
        prior=prior,
    )


def cost_error(space: EmbeddingSpace, rate: float, threshold: float = np.inf) -> float:
    """Bound on the absolute error of rate * min(d, threshold), and so on the relative error of
    its exponential: the largest cost times the relative error of a distance and of up to eight
    roundings of the product, 16 u for the library's exp (four units in the last place are 8 u)
    and for one more product, and what squares of components below 1e-150 lose to underflow.

    Raises
    ------
    InputError
        If costs are too large for floating point.
    """
    largest = rate * min(space.tiles.diameter_bound, threshold)
    if not largest < _LARGEST_COST:
        raise InputError(
            f"The rate {rate:g} times the largest distance is {largest:g}, but it must stay below "
            f"{_LARGEST_COST:g} to be computed with. Use a smaller epsilon."
        )
    underflow = rate * 1e-150 * math.sqrt(space.dimension)
    rounding = largest * (space.tiles.relative_error + 8 * _UNIT_ROUNDOFF)
    return rounding + underflow + 16 * _UNIT_ROUNDOFF


def at_most_one(bound: float) -> float:
    """A bound on a total variation; 1 if it is larger or not a number.

    Examples
    --------
    >>> at_most_one(0.25), at_most_one(math.inf), at_most_one(math.nan)
    (0.25, 1.0, 1.0)
    """
    return bound if bound <= 1.0 else 1.0


def separable_log_laws(space: EmbeddingSpace, law: SeparableLaw, rows: slice) -> Floats:
    """ln P_w(y) = ln pi(y) - cost(w, y) - ln Z_w for a range of words w, shape (rows, n)."""
    block = law.cost(space.distance_rows(rows))
    own = np.arange(*rows.indices(len(space)))
    block[np.arange(len(own)), own] = 0.0
    np.negative(block, out=block)
    if law.prior is not None:
        block += law.prior.logs
    block -= law.log_normalisers[rows, None]
    return block


def log_law_error(space: EmbeddingSpace, law: SeparableLaw) -> float:
    """Bound on the absolute rounding error of every value of `separable_log_laws`."""
    largest = law.rate * min(space.tiles.diameter_bound, law.threshold)
    rounding = (largest + float(np.abs(law.log_normalisers).max())) * _UNIT_ROUNDOFF
    error = cost_error(space, law.rate, law.threshold) + law.error + 2.0 * rounding
    if law.prior is None:
        return error
    return error + law.prior.error + 2.0 * float(np.abs(law.prior.logs).max()) * _UNIT_ROUNDOFF
