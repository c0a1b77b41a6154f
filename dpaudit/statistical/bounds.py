"""Confidence bounds for means of variables in [0, 1], for any law, at any sample size.

Every bound here is one-sided and fails with probability at most its `alpha`. Two families:

* **Empirical Bernstein** for many means at once, from sums and sums of squares: Maurer and
  Pontil, "Empirical Bernstein Bounds and Sample Variance Penalization", COLT 2009, theorem 4.
* **Betting** for single means, from all values: Waudby-Smith and Ramdas, "Estimating means of
  bounded random variables by betting", JRSS B 86(1), 2024. A gambler who bets against a value m of
  the mean has, if m is right, a wealth that is a nonnegative supermartingale and starts at 1; it
  reaches 1/alpha with probability at most alpha (Markov, Ville). The bound is the first m that
  does not make the gambler rich.

The last two bounds compare two means on the same draws, E X <= k E X' + c, without a bound on
either: the wealth is the product of 1 + bet (X - k X' - c), with 0 <= bet <= 1/(k + c). It
decreases in k and in c, so "all below is refuted" is what a single test says.

alpha is divided in this file and nowhere else: `share`, `split`
and `union`.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..errors import require_fraction

__all__ = [
    "best_bet",
    "betting_lower",
    "betting_upper",
    "bisect_last",
    "difference_lower",
    "empirical_bernstein",
    "jensen_margin",
    "likely_ratio",
    "ratio_lower",
    "ratio_power",
    "share",
    "split",
    "union",
]

Floats = NDArray[np.float64]

#: A gambler stakes at most this part of what may be lost.
_STAKE = 0.75
_NEARLY_ALL = 0.99

#: Most halvings of an interval, and the odds among which ratios are looked for.
_STEPS = 60
_LEAST, _MOST = math.log(1e-9), math.log(1e15)

#: Bets that are compared, as parts of the largest one.
_BETS = _NEARLY_ALL * np.geomspace(1e-4, 1.0, 25)

#: Standard deviations that 90% of a normal law lie above, with the sign turned.
_POWER = 1.2815515655446004


def share(alpha: float, parts: int) -> list[float]:
    """alpha for each of so many parts of an audit.

    Examples
    --------
    >>> share(0.05, 2)
    [0.025, 0.025]
    """
    return [require_fraction("alpha", alpha) / parts] * parts


def split(alpha: float, *weights: float) -> list[float]:
    """alpha divided in proportion to the weights.

    Examples
    --------
    >>> [round(part, 9) for part in split(0.05, 9.0, 1.0)]
    [0.045, 0.005]
    """
    return [alpha * weight / sum(weights) for weight in weights]


def union(alpha: float, count: int) -> float:
    """alpha for each of `count` bounds that are to hold together.

    Examples
    --------
    >>> union(0.05, 5)
    0.01
    """
    return alpha / count


def empirical_bernstein(
    sums: Floats, squares: Floats, count: int, alpha: float
) -> tuple[Floats, Floats]:
    """Lower and upper bounds of many means, all of which hold together but for `alpha`.

    With sample variance V and L = ln(2/a), a mean is at most sqrt(2 V L / N) + 7 L / (3 (N - 1))
    above the sample mean but for probability a; the same below. Here a is alpha over the number of
    all bounds, two for each mean.

    Parameters
    ----------
    sums, squares
        Sums of the values and of their squares, any shape.
    count
        Number N of values in each sum, at least 2.

    Examples
    --------
    >>> lower, upper = empirical_bernstein(np.array([500.0]), np.array([500.0]), 1000, 0.05)
    >>> lower.round(3).tolist(), upper.round(3).tolist()
    ([0.443], [0.557])
    """
    means = sums / count
    variances = np.maximum(squares - sums * means, 0.0) / (count - 1)
    log = math.log(2.0 / union(alpha, 2 * means.size))
    margins = np.sqrt(2.0 * log / count * variances) + 7.0 * log / (3.0 * (count - 1))
    return np.maximum(means - margins, 0.0), np.minimum(means + margins, 1.0)


def jensen_margin(count: int, alpha: float, change: float = 1.0) -> float:
    """t such that a function of the sample is within t of its expectation on one side, but for
    alpha, if no single one of `count` values moves it by more than change/count: McDiarmid 1989.

    Examples
    --------
    >>> round(jensen_margin(1000, 0.05), 4)
    0.0387
    """
    return change * math.sqrt(math.log(1.0 / alpha) / (2.0 * count))


def betting_lower(values: Floats, alpha: float) -> Floats:
    """Lower bounds of means, one for each row of values in [0, 1], each at level `alpha`.

    Bets follow the variance seen so far (the "predictable plug-in" for a fixed sample size).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> betting_lower(rng.random((2, 1000)), 0.05).round(2).tolist()
    [0.49, 0.46]
    """
    values = np.atleast_2d(values)
    count = values.shape[1]
    numbers = np.arange(1, count + 1)
    means = (0.5 + np.cumsum(values, axis=1)) / (numbers + 1)
    spread = (0.25 + np.cumsum((values - means) ** 2, axis=1)) / (numbers + 1)
    before = np.concatenate([np.full((len(values), 1), 0.25), spread[:, :-1]], axis=1)
    bets = np.sqrt(2.0 * math.log(1.0 / alpha) / (count * before))

    def wealth(mean: Floats) -> Floats:
        stakes = np.minimum(bets, _STAKE / mean[:, None])
        return np.log1p(stakes * (values - mean[:, None])).sum(axis=1)

    low, high = np.full(len(values), 1e-12), np.ones(len(values))
    found = np.zeros(len(values))
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        refuted = wealth(middle) >= math.log(1.0 / alpha)
        found = np.where(refuted, middle, found)
        low, high = np.where(refuted, middle, low), np.where(refuted, high, middle)
    return found


def betting_upper(values: Floats, alpha: float) -> Floats:
    """Upper bounds of means, one for each row of values in [0, 1], each at level `alpha`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> betting_upper(rng.random((2, 1000)), 0.05).round(2).tolist()
    [0.54, 0.5]
    """
    return 1.0 - betting_lower(1.0 - np.atleast_2d(values), alpha)


def _log_wealth(first: Floats, second: Floats, k: float, c: float, bet: float) -> float:
    """Logarithm of the wealth after all draws, if at most `bet` is staked."""
    stake = min(bet, _NEARLY_ALL / (k + c))
    return float(np.log1p(stake * (first - k * second - c)).sum())


def bisect_last(
    refuted: Callable[[float], bool], low: float, high: float, *, width: float = 1e-9
) -> float | None:
    """The largest value up to which everything is refuted, or None if `low` is not; at most the
    part `width` of it too small, never too large.

    Examples
    --------
    >>> round(bisect_last(lambda value: value < 2.0, 0.0, 10.0), 6)
    2.0
    """
    if not refuted(low):
        return None
    if refuted(high):
        return high
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if refuted(middle) else (low, middle)
        if high - low <= width * high:
            break
    return low


def ratio_lower(first: Floats, second: Floats, bet: float, alpha: float) -> float:
    """Lower bound of ln(E X / E X'), -inf if there is none. Below, it is ln 3 = 1.1.

    Parameters
    ----------
    first, second
        X and X' of the same draws, in [0, 1], shape (N,); the draws are independent.
    bet
        Above 0 and chosen before the draws, see `likely_ratio`; any value is valid.

    Examples
    --------
    >>> draws = np.random.default_rng(0).random((2, 10000))
    >>> round(ratio_lower(draws[0] < 0.6, draws[1] < 0.2, 0.05, 0.05), 2)
    1.07
    """
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    goal = math.log(1.0 / alpha)
    found = bisect_last(
        lambda log: _log_wealth(first, second, math.exp(log), 0.0, bet) >= goal, _LEAST, _MOST
    )
    return -math.inf if found is None else found


def difference_lower(
    first: Floats, second: Floats, factor: float, bet: float, alpha: float
) -> float:
    """Lower bound of E X - factor E X', at least 0; arguments as for `ratio_lower`. Below, 0.2.

    Examples
    --------
    >>> draws = np.random.default_rng(0).random((2, 10000))
    >>> round(difference_lower(draws[0] < 0.6, draws[1] < 0.2, 2.0, 0.05, 0.05), 2)
    0.19
    """
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    goal = math.log(1.0 / alpha)
    found = bisect_last(lambda c: _log_wealth(first, second, factor, c, bet) >= goal, 0.0, 1.0)
    return 0.0 if found is None else found


def _best_growth(first: Floats, second: Floats, k: float, c: float = 0.0) -> tuple[float, float]:
    """The bet under which wealth grows fastest, and the growth of its logarithm per draw."""
    bets, gains = _BETS / (k + c), first - k * second - c
    growth = np.array([np.log1p(bet * gains).mean() for bet in bets])
    best = int(np.argmax(growth))
    return float(bets[best]), float(growth[best])


def best_bet(first: Floats, second: Floats, k: float, c: float = 0.0) -> float:
    """The bet against E X <= k E X' + c that would have paid best on these draws.

    Examples
    --------
    >>> best_bet(np.array([1.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0]), 1.0) < 0.4
    True
    """
    return _best_growth(first, second, k, c)[0]


def likely_ratio(first: Floats, second: Floats, count: int, alpha: float) -> tuple[float, float]:
    """What `ratio_lower` will probably say after `count` more draws like these, and the bet to
    place: (ln ratio, bet). -inf if nothing can be expected.

    Examples
    --------
    >>> draws = np.random.default_rng(1).random((2, 1000))
    >>> ratio, bet = likely_ratio(draws[0] < 0.6, draws[1] < 0.2, 10000, 0.05)
    >>> round(ratio, 1)
    1.1
    """
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    needed = math.log(1.0 / alpha) / count
    low, high = math.log(1e-3), _MOST
    if not _best_growth(first, second, math.exp(low))[1] >= needed:
        return -math.inf, 1.0
    for _ in range(24):
        middle = 0.5 * (low + high)
        reached = _best_growth(first, second, math.exp(middle))[1] >= needed
        low, high = (middle, high) if reached else (low, middle)
    return low, _best_growth(first, second, math.exp(low))[0]


def ratio_power(
    first: Floats, second: Floats, ratio: float, claimed: float, alpha: float, c: float = 0.0
) -> bool:
    """Whether a claim of ln ratio `claimed` would be refuted with 90% power by so many draws, if
    ln(E X / E X') were `ratio` and E X + E X' as it is here; or E X <= e^claimed E X' + c.

    The values are scaled to that ratio, and the logarithm of the wealth is taken as normal.
    """
    total = first.mean() + second.mean()
    if not (first.mean() > 0.0 and second.mean() > 0.0):
        return False
    theirs = total / (1.0 + math.exp(ratio))
    scaled = np.minimum(first * ((total - theirs) / first.mean()), 1.0)
    other = np.minimum(second * (theirs / second.mean()), 1.0)
    k = math.exp(claimed)
    bet, growth = _best_growth(scaled, other, k, c)
    deviation = float(np.log1p(bet * (scaled - k * other - c)).std())
    count = len(first)
    return count * growth - _POWER * math.sqrt(count) * deviation >= math.log(1.0 / alpha)
