"""Laws of the random cutoff K: how many of the nearest words compete.

All are Poisson laws restricted to a range; arrays hold ln Pr[K = k] for k = 1 ... n at index
k - 1, and Pr[K = 0] is kept apart. What rounding does to a draw of K is bounded here too:
`CutoffLaw.table_error`.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp, xlogy

__all__ = ["CutoffLaw", "poisson_cutoff"]

Floats = NDArray[np.float64]

_UNIT_ROUNDOFF = 2.0**-53


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
