"""Privacy statistics of a mechanism that can only be sampled."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..errors import require_memory
from ..mechanisms.protocol import SampledWordMechanism
from ..results import StatisticsRecord
from .law import LawEstimate
from .statistics import estimated_statistics

__all__ = ["sampled_statistics"]

Indices = NDArray[np.int64]

#: Part of the draws on which the rule that guesses the input is learned.
_LEARNING = 0.25


def sampled_statistics(
    mechanism: SampledWordMechanism,
    draws: int,
    alpha: float,
    rng: np.random.Generator,
    progress: Callable[[float], None] | None = None,
) -> StatisticsRecord:
    """Statistics from `draws` outputs on every word, with intervals all of which hold but for
    probability `alpha`.

    A draw is a direction whose contributions are 0 or 1 (`estimated_statistics`). Memory: 16 n^2
    bytes.

    Examples
    --------
    >>> from dpaudit.mechanisms.spaces import EmbeddingSpace
    >>> from dpaudit.mechanisms.words.vickrey import Vickrey
    >>> space = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]])
    >>> mechanism = Vickrey(space, epsilon=2.0)
    >>> found = sampled_statistics(mechanism, 2000, 0.05, np.random.default_rng(1))
    >>> found.intervals.kept.lower < found.kept.mean < found.intervals.kept.upper
    True
    """
    n = len(mechanism.space)
    require_memory(f"Counts of {n:,} words", 16 * n * n)
    inputs = np.arange(n, dtype=np.int64)
    learning = max(1, int(_LEARNING * draws))
    counts = np.zeros((n, n))
    for _ in range(learning):
        counts[inputs, mechanism.sample_indices(inputs, rng)] += 1.0
    rule: Indices = counts.argmax(axis=0)
    counts[:] = 0.0
    testing = max(1, draws - learning)
    kept, guessed = np.empty((2, testing))
    for draw in range(testing):
        outputs = mechanism.sample_indices(inputs, rng)
        counts[inputs, outputs] += 1.0
        kept[draw] = (outputs == inputs).mean()
        guessed[draw] = (rule[outputs] == inputs).mean()
        if progress and draw % 16 == 0:
            progress(draw / testing)
    estimate = LawEstimate(inputs, counts, counts, testing, kept, guessed)
    return estimated_statistics(estimate, kept, guessed, alpha)
