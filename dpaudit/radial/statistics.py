"""Privacy statistics of a radial law: estimates, with intervals that hold all together."""

import math

import numpy as np
from numpy.typing import NDArray

from ..results import Interval, StatisticsIntervals, StatisticsRecord, Summary
from ..statistical.bounds import (
    betting_lower,
    betting_upper,
    empirical_bernstein,
    jensen_margin,
    share,
    union,
)
from ..statistics import DRAWS, SUPPORT, expected_distinct
from .law import LawEstimate

__all__ = ["estimated_statistics"]

Floats = NDArray[np.float64]

#: Rows that are worked on at a time, and halvings of an interval.
_ROWS = 64
_STEPS = 50


def estimated_statistics(
    estimate: LawEstimate, kept: Floats, guessed: Floats, alpha: float
) -> StatisticsRecord:
    """Statistics of the law, with intervals all of which hold but for probability `alpha`.

    * Kept words: betting bounds on the mean over the words, one value a direction.
    * Vulnerability V: a rule that guesses an input at each output, fixed beforehand, is right with
      at most V, which gives the lower bound. V is the largest over rules of a mean, so a convex
      function of the law: its plug-in estimate is too large on average (Jensen), and no direction
      moves it by more than 1/N, which gives the upper bound (McDiarmid).
    * Support: empirical Bernstein bounds of all P_w(y) together. The number of distinct outputs is
      a concave function of a law, so its plug-in estimate is too small on average, and no direction
      moves it by more than 1000/N; from above, it is at most that of the most even law within the
      bounds.

    Parameters
    ----------
    estimate
        The law of all words, from N directions.
    kept
        Contributions to the mean chance that a word is kept, one a direction, all independent.
    guessed
        Contributions to the success of a rule that was fixed before them.
    alpha
        Error probability for all intervals together.
    """
    n, count = len(estimate.inputs), estimate.directions
    for_kept, for_guesses, for_law, for_distinct = share(alpha, 4)
    own = estimate.means[np.arange(n), estimate.inputs]
    plug_in = float(estimate.means.max(axis=0).sum()) / n
    guess = float(guessed.mean())
    vulnerability = Interval(
        lower=max(float(betting_lower(guessed, union(for_guesses, 2))[0]), 1.0 / n),
        upper=min(1.0, plug_in + jensen_margin(count, union(for_guesses, 2))),
    )
    middle = min(max(guess, vulnerability.lower), vulnerability.upper)
    supports, distinct = np.empty((3, n)), np.empty((2, n))
    for start in range(0, n, _ROWS):
        part = slice(start, min(start + _ROWS, n))
        # The union over all words, of which these are a part.
        alpha_here = for_law * (part.stop - part.start) / n
        laws = estimate.sums[part] / count
        lower, upper = empirical_bernstein(
            estimate.sums[part], estimate.squares[part], count, alpha_here
        )
        supports[:, part] = [(law >= SUPPORT).sum(axis=1) for law in (lower, laws, upper)]
        distinct[:, part] = expected_distinct(laws), expected_distinct(_most_even(lower, upper))
    fewest = float(distinct[0].mean()) - jensen_margin(count, for_distinct, float(DRAWS))
    return StatisticsRecord(
        kept=_summary(np.minimum(own, 1.0)),
        support_001=_summary(supports[1]),
        support_1000=_summary(distinct[0]),
        bayes_vulnerability=middle,
        leakage_bits=max(0.0, math.log2(n * middle)),
        intervals=StatisticsIntervals(
            kept=Interval(
                lower=float(betting_lower(kept, union(for_kept, 2))[0]),
                upper=float(betting_upper(kept, union(for_kept, 2))[0]),
            ),
            support_001=Interval(
                lower=float(supports[0].mean()),
                upper=min(float(supports[2].mean()), float(n), 1.0 / SUPPORT),
            ),
            support_1000=Interval(
                lower=max(fewest, 1.0), upper=max(float(distinct[1].mean()), fewest, 1.0)
            ),
            bayes_vulnerability=vulnerability,
            leakage_bits=Interval(
                lower=max(0.0, math.log2(n * vulnerability.lower)),
                upper=math.log2(n * vulnerability.upper),
            ),
        ),
    )


def _most_even(lower: Floats, upper: Floats) -> Floats:
    """The laws within bounds at which any symmetric concave function is largest: as even as the
    bounds allow. min(max(level, lower), upper), with the level at which it adds up to 1 or more."""
    low, high = np.zeros(len(lower)), np.ones(len(lower))
    for _ in range(_STEPS):
        level = 0.5 * (low + high)
        filled = np.clip(level[:, None], lower, upper).sum(axis=1)
        low, high = np.where(filled < 1.0, level, low), np.where(filled < 1.0, high, level)
    return np.clip(high[:, None], lower, upper)


def _summary(values: Floats) -> Summary:
    return Summary(
        mean=math.fsum(values) / len(values), min=float(values.min()), max=float(values.max())
    )
