"""The true epsilon of a separable law in O(n^2): no sweep over outputs.

For P_w(y) = prior(y) exp(-theta c(w, y)) / Z_w with a distance c,

    L(w, w') = theta c(w, w') + ln Z_w' - ln Z_w,

because theta (c(w', y) - c(w, y)) is largest at y = w by the triangle inequality. So
epsilon* = max over pairs of (theta c(w, w') + |ln Z_w - ln Z_w'|) / d(w, w')
(specification, section 5.1). The distances stream by in tiles.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import NumericalError
from ..mechanisms.kernels.tiles import largest_loss_of_tile
from ..mechanisms.protocol import SeparableLaw
from ..mechanisms.spaces import EmbeddingSpace
from ..mechanisms.spaces.distances import Tile

__all__ = ["SeparableMaximum", "largest_separable_loss"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SeparableMaximum:
    """Largest loss per claimed distance, in nats per unit, and where it is attained.

    The witness output is the input itself. `upper` is the largest (loss + error) / distance over
    all pairs, which need not be at the witness: what bounds the true maximum if no loss is off by
    more than `error`.
    """

    value: float
    input: int
    neighbour: int
    upper: float


def largest_separable_loss(
    space: EmbeddingSpace,
    law: SeparableLaw,
    claimed_distance: Callable[[Tile], Floats],
    error: float = 0.0,
    progress: Callable[[float], None] | None = None,
) -> SeparableMaximum:
    """Maximise (theta c + |ln Z_w - ln Z_w'|) / `claimed_distance` over all pairs.

    `claimed_distance` maps a tile of the space to the distances of the claim, same shape, all
    positive off the diagonal. `error` bounds the error of a loss, in nats. Ties go to the
    lexicographically first (input, neighbour).

    Raises
    ------
    NumericalError
        If a loss is not finite.

    Examples
    --------
    >>> from dpaudit.mechanisms.words.metric_exponential import MetricExponential
    >>> space = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]])
    >>> law = MetricExponential(space, epsilon=1.0).separable_law
    >>> found = largest_separable_loss(space, law, lambda tile: tile.distances)
    >>> round(found.value, 6), space.words[found.input], space.words[found.neighbour]
    (0.60795, 'c', 'b')
    """
    # Equal by symmetry means equal to the last bit, which the computed ones might not be.
    logs = np.zeros(len(space)) if law.equal_normalisers else law.log_normalisers
    grid = space.tiles.grid()

    def search(tile: Tile) -> SeparableMaximum:
        costs, distances = law.cost(tile.distances), claimed_distance(tile)
        value, i, j, upper = largest_loss_of_tile(
            costs, distances, logs[tile.rows], logs[tile.columns], error, tile.diagonal
        )
        first, second = i + tile.rows.start, j + tile.columns.start
        if (logs[first], first) > (logs[second], second):
            first, second = second, first
        return SeparableMaximum(value, first, second, upper)

    best, upper = SeparableMaximum(-np.inf, 0, 0, -np.inf), -np.inf
    for count, found in enumerate(space.tiles.map(search), start=1):
        if not (found.value < np.inf and found.upper < np.inf):  # also true for NaN
            raise NumericalError("The loss of a pair is not a finite number.")
        best = max(best, found, key=lambda m: (m.value, -m.input, -m.neighbour))
        upper = max(upper, found.upper)
        if progress:
            progress(count / len(grid))
    return replace(best, upper=upper)
