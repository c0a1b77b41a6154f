"""The law of the radius: a Gamma law, perhaps cut off, over intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincc

__all__ = ["RadiusLaw"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

#: Below this mass under the truncation the distribution function is divided by, the quotient is
#: taken of series instead.
_THIN = 1e-200

#: Terms of that series: its argument is then far below the shape, so that each term is smaller
#: than the one before.
_TERMS = 2000


@dataclass(frozen=True)
class RadiusLaw:
    """Gamma with shape p and a rate, conditioned on being at most `truncation`.

    Examples
    --------
    >>> RadiusLaw(1, 1.0).intervals(np.array([0.0, 1.0]), np.array([1])).round(6).tolist()
    [0.632121, 0.367879]
    """

    shape: int
    rate: float
    truncation: float = float("inf")

    def below(self, radii: Floats) -> Floats:
        """Chance of a radius of at most r, with small relative error where it is small."""
        x = self.rate * np.minimum(radii, self.truncation)
        limit = self.rate * self.truncation
        mass = gammainc(self.shape, limit)
        if mass >= _THIN:
            return np.minimum(gammainc(self.shape, x) / mass, 1.0)
        # gamma(p, x) = x^p e^-x sum over k of x^k / (p (p+1) ... (p+k)).
        with np.errstate(divide="ignore"):
            logs = self.shape * np.log(x / limit) + (limit - x)
        quotient = _series(self.shape, x) / _series(self.shape, np.array(limit))
        return np.minimum(np.exp(logs) * quotient, 1.0)

    def above(self, radii: Floats) -> Floats:
        """Chance of a radius above r, with small relative error where it is small."""
        x = self.rate * np.minimum(radii, self.truncation)
        limit = self.rate * self.truncation
        mass = gammainc(self.shape, limit)
        if mass < 0.5:
            return 1.0 - self.below(radii)
        return np.maximum(gammaincc(self.shape, x) - gammaincc(self.shape, limit), 0.0) / mass

    def intervals(self, starts: Floats, last: Indices) -> Floats:
        """Chance of a radius from each start to the next one, to infinity at the places `last`.

        Starts are at least 0 and ascend up to each place in `last`. Every difference is taken
        between the tails that are small, so that it does not cancel.
        """
        high = starts > self.shape / self.rate
        tails = np.empty(len(starts))
        tails[high], tails[~high] = self.above(starts[high]), self.below(starts[~high])
        ends, high_ends = np.roll(tails, -1), np.roll(high, -1)
        ends[last], high_ends[last] = 0.0, True
        between = np.where(high, tails - ends, ends - tails)
        return np.clip(np.where(high_ends & ~high, 1.0 - tails - ends, between), 0.0, 1.0)


def _series(shape: int, x: Floats) -> Floats:
    """Sum over k of x^k / ((p+1) ... (p+k)), at least 1."""
    total, term = np.ones_like(x), np.ones_like(x)
    for k in range(1, _TERMS):
        term = term * (x / (shape + k))
        total = total + term
        if not (term > 1e-17 * total).any():
            break
    return total
