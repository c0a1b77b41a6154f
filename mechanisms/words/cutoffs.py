"""Laws of the random cutoff K: how many of the nearest words compete.

All are Poisson laws restricted to a range; arrays hold ln Pr[K = k] for k = 1 ... n at index
k - 1, and Pr[K = 0] is kept apart. What rounding does to samplers with a cutoff, apart from the
noise, is bounded here too: `CutoffLaw.table_error` and `order_error`.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp, xlogy

from ..spaces import EmbeddingSpace

__all__ = ["CutoffLaw", "order_error", "poisson_cutoff"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_UNIT_ROUNDOFF = 2.0**-53
_ROWS = 256

#: Integer operations that `order_error` spends on close distances: 64-bit ones, and Python's.
_FAST_WORK = 300_000_000
_SLOW_WORK = 5_000_000


@dataclass(frozen=True, eq=False)
class CutoffLaw:
    """ln Pr[K = k] for k = 1 ... n, shape (n,), and ln Pr[K = 0]; -inf where impossible.

    `errors` bounds the absolute error of every logarithm, for k = 0 ... n, shape (n + 1,); 0 where
    k is impossible.
    """

    log_probabilities: Floats
    log_zero: float
    errors: Floats

    @property
    def probabilities(self) -> Floats:
        """Pr[K = k] for k = 0 ... n, shape (n + 1,)."""
        return np.exp(np.concatenate([[self.log_zero], self.log_probabilities]))

    def cumulative(self) -> Floats:
        """Pr[K <= k] for k = 0 ... n, shape (n + 1,), the last one 1; for samplers."""
        probabilities = self.probabilities
        cumulative = np.cumsum(probabilities)
        cumulative[np.flatnonzero(probabilities)[-1] :] = 1.0
        return cumulative

    def table_error(self) -> float:
        """Bound on the total variation between K and a draw of it by comparing a uniform number
        with 53 bits with `cumulative`: every probability is off by the error of its logarithm
        and 8 u for exp, every one of n + 1 partial sums is rounded and compared with a multiple
        of u."""
        relative = float(self.probabilities @ self.errors)
        return 1.01 * relative + (2 * len(self.errors) + 16) * _UNIT_ROUNDOFF

    def log_tail(self, k: int) -> float:
        """ln Pr[K >= k] for k from 1 to n."""
        return float(logsumexp(self.log_probabilities[k - 1 :]))

    def mean(self) -> float:
        """E[K], the expected number of candidates."""
        return float(self.probabilities @ np.arange(len(self.errors)))

    def mean_pairs(self) -> float:
        """E[K (K - 1) / 2], the expected number of pairs among the candidates."""
        k = np.arange(1.0, len(self.log_probabilities) + 1)
        return float(np.exp(self.log_probabilities) @ (k * (k - 1) / 2.0))


def poisson_cutoff(n: int, rate: float, smallest: int, largest: int) -> CutoffLaw:
    """Poisson(`rate`) conditioned on `smallest` <= K <= `largest`, for n words.

    The rate is a logarithm as the library computes it. The error of ln Pr[K = k] grows with the
    size of its terms, m_k = k (1 + |ln rate|) + ln k!; that of the normaliser is a mean of them.

    Examples
    --------
    >>> law = poisson_cutoff(3, rate=1.0, smallest=1, largest=3)
    >>> np.exp(law.log_probabilities).round(4).tolist()
    [0.6, 0.3, 0.1]
    """
    k = np.arange(0, n + 1)
    log_factorials = gammaln(k + 1.0)
    logs = xlogy(k, rate) - log_factorials  # xlogy: a rate of 0 puts all mass at K = 0
    logs[(k < smallest) | (k > largest)] = -np.inf
    logs -= logsumexp(logs)
    possible = np.isfinite(logs)
    sizes = np.where(possible, log_factorials, 0.0)
    if rate > 0.0:
        sizes += np.where(possible, k * (1.0 + abs(math.log(rate))), 0.0)
    common = 32.0 * float(np.exp(logs) @ sizes) + n + 64.0 * (1.0 + math.log(n))
    errors = np.where(possible, (32.0 * sizes + common) * _UNIT_ROUNDOFF, 0.0)
    return CutoffLaw(logs[1:], float(logs[0]), errors)


def order_error(space: EmbeddingSpace, prices: Floats) -> float:
    """What it costs at most that the k nearest words by computed distances may not be the k
    nearest, if being wrong about k costs `prices[k - 1]`, shape (n - 1,).

    With Pr[K = k] for prices this is a bound on the chance of wrong candidates. They can be wrong
    only where the computed distances of ranks k and k + 1 are closer than their errors. Such
    neighbours are compared in whole numbers, exactly, ties going to the lower index; if a word has
    some in the wrong order, or if there are too many to compare, all its close neighbours count.
    The largest sum over all words.

    Examples
    --------
    >>> space = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [-1.0]])
    >>> order_error(space, np.array([0.5, 0.5]))
    0.0
    """
    order = space.order
    margin = 1.0 + 3.0 * space.tiles.relative_error
    judge, worst = _Judge(space), 0.0
    for start in range(0, len(space), _ROWS):
        part = order[start : start + _ROWS]
        rows = space.distance_rows(slice(start, start + len(part)))
        distances = np.take_along_axis(rows, part, axis=1)
        close = ~(distances[:, 1:] > margin * distances[:, :-1])  # NaN counts as close
        for i in np.flatnonzero(close.any(axis=1)):
            ranks = np.flatnonzero(close[i])
            price = float(prices[ranks].sum())
            if not price <= worst and not judge.in_order(start + int(i), part[i], ranks):
                worst = price
    return worst


class _Judge:
    """Compares distances exactly, in whole multiples of the smallest unit of all components."""

    def __init__(self, space: EmbeddingSpace) -> None:
        self._space = space
        fractions, exponents = np.frexp(space.vectors)
        self._units = np.ldexp(fractions, 53).astype(np.int64)
        used = exponents[self._units != 0]
        trailing = self._units[self._units != 0]
        # Factors of two that all components share are dropped, so that lattices stay small.
        lowest = int((used + _trailing_zeros(trailing)).min())
        self._shifts = exponents - lowest
        bits = 2 * (53 + int(self._shifts[self._units != 0].max()) + 1)
        self._small = bits + int(space.dimension).bit_length() < 63
        self._left = _FAST_WORK if self._small else _SLOW_WORK

    def in_order(self, word: int, order: NDArray[np.int32], ranks: Indices) -> bool:
        """Whether the words of these ranks come before those of the next ranks; False if the
        work is too much."""
        involved = np.unique(np.concatenate([ranks, ranks + 1]))
        self._left -= len(involved) * self._space.dimension
        if self._left < 0:
            return False
        gaps = abs(self._whole(order[involved]) - self._whole(np.array([word])))
        if self._space.metric == "euclidean":
            keys = (gaps * gaps).sum(axis=1)
        else:
            keys = gaps.sum(axis=1) if self._space.metric == "manhattan" else gaps.max(axis=1)
        places = np.searchsorted(involved, ranks)
        first, second = keys[places], keys[places + 1]
        lower = order[ranks] < order[ranks + 1]
        return bool(((first < second) | ((first == second) & lower)).all())

    def _whole(self, words: NDArray[np.int32] | Indices) -> NDArray[np.object_] | Indices:
        units, shifts = self._units[words], self._shifts[words]
        if self._small:
            right = np.minimum(np.maximum(-shifts, 0), 63)
            return (units >> right) << np.maximum(shifts, 0)
        whole = units.astype(object)
        right, left = np.maximum(-shifts, 0), np.maximum(shifts, 0)
        return (whole >> right.astype(object)) << left.astype(object)


def _trailing_zeros(units: Indices) -> Indices:
    """How often two divides each of these numbers, none of which is 0."""
    return np.round(np.log2((units & -units).astype(np.float64))).astype(np.int64)
