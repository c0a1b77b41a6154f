"""Laws of the random cutoff K: how many of the nearest words compete.

All are Poisson laws restricted to a range; arrays hold ln Pr[K = k] for k = 1 ... n at index
k - 1, and Pr[K = 0] is kept apart.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp, xlogy

__all__ = ["CutoffLaw", "poisson_cutoff"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CutoffLaw:
    """ln Pr[K = k] for k = 1 ... n, shape (n,), and ln Pr[K = 0]; -inf where impossible."""

    log_probabilities: Floats
    log_zero: float

    def cumulative(self) -> Floats:
        """Pr[K <= k] for k = 0 ... n, shape (n + 1,), the last one 1; for samplers."""
        probabilities = np.exp(np.concatenate([[self.log_zero], self.log_probabilities]))
        cumulative = np.cumsum(probabilities)
        cumulative[np.flatnonzero(probabilities)[-1] :] = 1.0
        return cumulative

    def log_tail(self, k: int) -> float:
        """ln Pr[K >= k] for k from 1 to n."""
        return float(logsumexp(self.log_probabilities[k - 1 :]))

    def mean_pairs(self) -> float:
        """E[K (K - 1) / 2], the expected number of pairs among the candidates."""
        k = np.arange(1.0, len(self.log_probabilities) + 1)
        return float(np.exp(self.log_probabilities) @ (k * (k - 1) / 2.0))


def poisson_cutoff(n: int, rate: float, smallest: int, largest: int) -> CutoffLaw:
    """Poisson(`rate`) conditioned on `smallest` <= K <= `largest`, for n words.

    Examples
    --------
    >>> law = poisson_cutoff(3, rate=1.0, smallest=1, largest=3)
    >>> np.exp(law.log_probabilities).round(4).tolist()
    [0.6, 0.3, 0.1]
    """
    k = np.arange(0, n + 1)
    logs = xlogy(k, rate) - gammaln(k + 1.0)  # xlogy: a rate of 0 puts all mass at K = 0
    logs[(k < smallest) | (k > largest)] = -np.inf
    logs -= logsumexp(logs)
    return CutoffLaw(logs[1:], float(logs[0]))
