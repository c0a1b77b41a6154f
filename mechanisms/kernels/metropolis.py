"""Jitted laws and draws of a Metropolis-Hastings chain with uniform proposals.

The chain. States 1 ... n with weights q_1 >= q_2 >= ... >= q_n > 0; with c = 1/(n - 1), it moves
from x to y != x with probability P(x, y) = c min(1, q_y / q_x), and otherwise stays.

Its T-step law in closed form (J. Liu, Statistics and Computing 6, 1996, for proposals over all
states; here over the others). Let G_k = q_k + ... + q_n and R_k = G_(k+1) / q_k. The function
f_k = (0, ..., 0, R_k, -1, ..., -1), R_k in place k, has sum of q f_k = 0, and

* for x < k: sum over y of P(x, y) f_k(y) = c / q_x times that sum, so 0;
* for x > k: c R_k - c (x - k - 1) - (1 - c (x - 1)) = -(1 - c (k + R_k)), because the chain goes
  to y < x with probability c each, and the rest of the row, at places where f_k is -1, is
  1 - c (x - 1);
* for x = k the same multiple of f_k(x), because P is symmetric under the weights q and the row
  sums of P and the mean of f_k are what they are.

So f_k is an eigenfunction with eigenvalue l_k = 1 - mu_k, mu_k = c (k + R_k), k = 1 ... n - 1. They
are orthogonal under q, with the constant function, and the sum of q f_k^2 is G_k G_(k+1) / q_k. The
expansion of P^T in them, summed by parts, is, with F_k = 1 - l_k^T and F_0 = 0,

    P^T(x, y) = q_y W_m,  W_m = sum over k <= m of (F_k - F_(k-1)) / G_k,  m = min(x, y), x != y,
    P^T(x, x) = q_x W_x + l_x^T;

for x = n this holds with mu_n = c n. The rates mu_k do not fall with k, since
mu_(k+1) - mu_k = c G_(k+1) (1 / q_(k+1) - 1 / q_k), and lie between 0 and 1 + c.

From the state w only k <= rank of w matter, so only the weights from q_w upwards must be sorted: a
row costs O(n) whatever T is. If w has the largest weight, W_1 = (1 - l_1^T) / G_1 and the law is
(1 - l_1^T) q / G_1 + l_1^T [y = w], a mixture of the target and the input.
"""

import math

import numpy as np
from numba import njit
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["metropolis_draws", "metropolis_row"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_UNIT_ROUNDOFF = 2.0**-53

#: From this doubt on nothing is known: terms of second order would count.
_LARGEST_DOUBT = 1e-3


@njit(nogil=True, cache=True)
def _mixed(rate: float, steps: int) -> float:
    """F = 1 - (1 - rate)^steps for 0 <= rate <= 2, within 64 u relatively."""
    if rate < 1.0:
        return -math.expm1(steps * math.log1p(-rate))
    if rate == 1.0:
        return 1.0
    # rate - 1 is exact, and its logarithm is that of a number in (0, 1].
    if steps % 2 == 0:
        return -math.expm1(steps * math.log(rate - 1.0))
    return 1.0 + math.exp(steps * math.log(rate - 1.0))


@njit(nogil=True, cache=True)
def _mixed_bounds(low: float, high: float, steps: int) -> tuple[float, float]:
    """Bounds on F for a rate between `low` and `high`.

    F rises with the rate up to 1, and beyond that it rises for odd and falls for even numbers of
    steps.
    """
    slack = 64.0 * _UNIT_ROUNDOFF
    high = min(high, 2.0)
    low = min(low, high)
    first, second = _mixed(low, steps), _mixed(high, steps)
    bottom, top = min(first, second), max(first, second)
    if low <= 1.0 <= high and steps % 2 == 0:
        top = 1.0
    return bottom * (1.0 - slack), top * (1.0 + slack)


@njit(nogil=True, cache=True)
def _one_step(logs: Floats, word: int, doubt: float, rounding: float, values: Floats) -> float:
    """The law after one step, where staying may be impossible."""
    n = logs.shape[0]
    share = 1.0 / (n - 1)
    stay, error = 0.0, 0.0
    for y in range(n):
        if y == word:
            continue
        gap = logs[y] - logs[word]
        values[y] = math.log(share) + min(gap, 0.0)
        if gap < 0.0:
            stay -= math.expm1(gap)
        if gap < doubt:
            error += 1.01 * doubt * math.exp(min(gap, 0.0))
    error += rounding * stay
    low, high = stay - error, stay + error
    if high == 0.0:  # every other weight is larger for certain
        values[word] = -np.inf
        return doubt + rounding
    if not low > 0.0:
        values[word] = math.log(high * share)
        return np.inf
    values[word] = math.log(stay * share)
    return max(doubt, math.log(high / low)) + rounding


@njit(nogil=True, cache=True)
def metropolis_row(logs: Floats, word: int, steps: int, doubt: float, values: Floats) -> float:
    """Natural logarithms of the law after `steps` steps from `word`.

    Parameters
    ----------
    logs : float64 (n,)
        Logarithms of the weights of the target, n >= 2; up to a constant.
    word
        Where the chain starts.
    steps
        Number of steps, at least 1.
    doubt
        Bound on the error of every difference of two logs.
    values : float64 (n,)
        Filled; -inf only where the probability is 0 for certain, which happens for `word` after one
        step.

    Returns
    -------
    float
        Bound on the absolute error of every value; infinite if a value is not known at all.

    Notes
    -----
    Bounds on both sides. Every weight is known up to a factor e^(+-doubt), and so is every one
    by its rank, since sorting moves no number by more than the largest error. So mu_k is known
    within a factor of e^(+-doubt) too, F_k by `_mixed_bounds`, and the terms of W_m between bounds
    that add up. Where weights are closer than `doubt`, ranks are uncertain: of all m that are
    possible the lowest and the highest W_m count. Sums have nonnegative terms only, so they are
    off by at most n u relatively.
    """
    n = logs.shape[0]
    rounding = 8.0 * (n + 64) * _UNIT_ROUNDOFF
    if steps == 1 and doubt < _LARGEST_DOUBT:
        return _one_step(logs, word, doubt, rounding, values)
    own = logs[word]
    # Words that may be as likely as `word` under the target; of all others only the sum matters.
    count, rest = 0, 0.0
    for y in range(n):
        gap = logs[y] - own
        if gap >= -doubt:
            count += 1
        else:
            rest += math.exp(gap)
    heavy = np.empty(count)
    count = 0
    for y in range(n):
        gap = logs[y] - own
        if gap >= -doubt:
            heavy[count] = -gap
            count += 1
    heavy.sort()  # heavy[k] = -ln q_(k+1), the largest weight first
    tails = np.empty(count + 1)
    tails[count] = rest
    for k in range(count - 1, -1, -1):
        tails[k] = tails[k + 1] + math.exp(-heavy[k])
    share, spread = 1.0 / (n - 1), math.exp(doubt) * (1.0 + rounding)
    least, most = np.empty(count), np.empty(count)  # of W
    kept_least, kept_most = np.empty(count), np.empty(count)  # of l^T
    low_sum, high_sum, low_before, high_before = 0.0, 0.0, 0.0, 0.0
    for k in range(count):
        rate = share * (k + 1 + tails[k + 1] * math.exp(heavy[k]))
        low, high = _mixed_bounds(rate / spread, rate * spread, steps)
        # F does not fall with k while l_k >= 0; nor for odd T.
        low_term, high_term = low - high_before, high - low_before
        if steps % 2 == 1 or rate * spread <= 1.0:
            low_term = max(low_term, 0.0)
        low_sum += low_term / tails[k] / spread if low_term > 0.0 else low_term / tails[k] * spread
        high_sum += (
            high_term / tails[k] * spread if high_term > 0.0 else high_term / tails[k] / spread
        )
        least[k], most[k] = low_sum, high_sum
        kept_least[k], kept_most[k] = 1.0 - high, 1.0 - low
        low_before, high_before = low, high
    worst = 0.0
    own_low, own_high = np.inf, -np.inf
    for y in range(n):
        gap = logs[y] - own
        top = max(gap, 0.0)
        if top == 0.0 and y != word and own_high > -np.inf:
            low, high = own_low, own_high
        else:
            # Ranks that the larger of both weights may have: it comes after all that are certainly
            # larger and before all that are certainly smaller.
            first = np.searchsorted(heavy, -top - doubt, side="left")
            last = np.searchsorted(heavy, -top + doubt, side="right")
            low, high = np.inf, -np.inf
            for k in range(min(first, count - 1), max(min(last, count), first + 1)):
                low, high = min(low, least[k]), max(high, most[k])
            if y == word:
                kept_low, kept_high = np.inf, -np.inf
                for k in range(min(first, count - 1), max(min(last, count), first + 1)):
                    kept_low = min(kept_low, kept_least[k])
                    kept_high = max(kept_high, kept_most[k])
                low, high = low + kept_low, high + kept_high
            elif top == 0.0:
                own_low, own_high = low, high
        low, high = low * (1.0 - rounding), high * (1.0 + rounding)
        if not high > 0.0:  # also true for NaN
            values[y] = min(gap, 0.0)
            worst = np.inf
        elif not low > 0.0:
            values[y] = math.log(high) + gap
            worst = np.inf
        else:
            values[y] = math.log(low) + 0.5 * math.log(high / low) + gap
            # Half of it, but the middle is rounded.
            worst = max(worst, math.log(high / low) + 8.0 * _UNIT_ROUNDOFF * (1.0 + abs(values[y])))
        values[y] = min(values[y], 0.0)
    return worst + doubt + rounding if doubt < _LARGEST_DOUBT else np.inf


@njit(nogil=True, cache=True)
def metropolis_draws(
    logs: Floats, steps: int, rows: Indices, rng: Generator, outputs: Indices
) -> None:
    """Run the chain for each input: `steps` proposals and as many decisions.

    `logs`, shape (words, n), are those of the target of each input. Numbers are drawn one after
    the other, two a step, so batches do not change the outputs.
    """
    n = logs.shape[1]
    for i in range(rows.shape[0]):
        state, row = rows[i], logs[rows[i]]
        for _ in range(steps):
            other = min(int(rng.random() * (n - 1)), n - 2)
            other += other >= state
            if rng.random() < math.exp(min(row[other] - row[state], 0.0)):
                state = other
        outputs[i] = state
