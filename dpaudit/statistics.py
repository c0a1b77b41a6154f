"""Privacy statistics of a word mechanism, from its exact law (specification, section 2)."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .exact.laws import ExactLaw, LawRows
from .results import StatisticsRecord, Summary

__all__ = ["expected_distinct", "privacy_statistics"]

Floats = NDArray[np.float64]

#: Draws over which distinct outputs are counted, and the probability that counts as support.
DRAWS = 1000
SUPPORT = 0.001

#: Below this probability 1 - (1 - P)^1000 is replaced by its series up to the second order,
#: whose relative error there is below 1e-7.
_RARE = 1e-6


def expected_distinct(laws: Floats) -> Floats:
    """Expected number of distinct outputs in 1000 draws, sum of 1 - (1 - P)^1000 over outputs.

    Shape (rows, n) to shape (rows,).

    Examples
    --------
    >>> expected_distinct(np.array([[1.0, 0.0], [0.5, 0.5]])).tolist()
    [1.0, 2.0]
    """
    likely = laws > _RARE
    chances = np.zeros_like(laws)
    with np.errstate(divide="ignore"):  # P = 1 gives ln 0 = -inf, and e^-inf - 1 = -1 is right
        chances[likely] = -np.expm1(DRAWS * np.log1p(-np.minimum(laws[likely], 1.0)))
    rare = np.where(likely, 0.0, laws)
    chances += DRAWS * rare * (1.0 - 0.5 * (DRAWS - 1) * rare)
    return chances.sum(axis=1)


def privacy_statistics(
    law: ExactLaw, progress: Callable[[float], None] | None = None
) -> StatisticsRecord:
    """Kept words, support, Bayes vulnerability and leakage, streaming over rows of the law.

    Raises
    ------
    NumericalError
        If a row is not a probability law.

    Examples
    --------
    >>> from dpaudit.mechanisms.spaces import EmbeddingSpace
    >>> from dpaudit.mechanisms.words.randomized_response import RandomizedResponse
    >>> space = EmbeddingSpace(["a", "b"], [[0.0], [1.0]])
    >>> found = privacy_statistics(ExactLaw(RandomizedResponse(space, math.log(3))))
    >>> round(found.kept.mean, 6), round(found.bayes_vulnerability, 6)
    (0.75, 0.75)
    """
    n = len(law.mechanism.space)
    kept, supports, distinct = np.empty(n), np.empty(n), np.empty(n)
    best_guess = np.zeros(n)

    def digest(rows: LawRows) -> tuple[slice, Floats]:
        own = np.arange(rows.rows.start, rows.rows.stop)
        kept[rows.rows] = rows.laws[own - rows.rows.start, own]
        supports[rows.rows] = (rows.laws >= SUPPORT).sum(axis=1)
        distinct[rows.rows] = expected_distinct(rows.laws)
        return rows.rows, rows.laws.max(axis=0)

    for rows, columns in law.map(digest):
        np.maximum(best_guess, columns, out=best_guess)
        if progress:
            progress(rows.stop / n)
    vulnerability = min(1.0, math.fsum(best_guess) / n)
    return StatisticsRecord(
        kept=_summary(np.minimum(kept, 1.0)),
        support_001=_summary(supports),
        support_1000=_summary(distinct),
        bayes_vulnerability=vulnerability,
        leakage_bits=max(0.0, math.log2(n * vulnerability)),
    )


def _summary(values: Floats) -> Summary:
    return Summary(
        mean=math.fsum(values) / len(values), min=float(values.min()), max=float(values.max())
    )
