"""Gaussian noise on one number."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...claims import ApproximateDP
from ...errors import InputError, require_fraction, require_positive
from .specimen import ONE_NUMBER, Outputs, Specimen, require_epsilon, require_number, require_size

__all__ = ["Gaussian", "gaussian_delta"]

_LEAST_SIGMA, _LARGEST_SIGMA = 1e-12, 1e12


def gaussian_delta(epsilon: float, sigma: float) -> float:
    """The exact privacy profile of normal noise on numbers that are 1 apart.

    delta(epsilon) = Phi(1/(2 sigma) - epsilon sigma) - e^epsilon Phi(-1/(2 sigma) - epsilon sigma),
    Balle and Wang (ICML 2018), theorem 8.

    Examples
    --------
    >>> round(gaussian_delta(0.0, 0.5), 6)
    0.682689
    """
    from scipy.special import log_ndtr

    first = float(log_ndtr(0.5 / sigma - epsilon * sigma))
    second = epsilon + float(log_ndtr(-0.5 / sigma - epsilon * sigma))
    return math.exp(first) * -math.expm1(min(0.0, second - first))


@dataclass(frozen=True)
class Gaussian(Specimen):
    """x plus normal noise with standard deviation sigma.

    Parameters
    ----------
    epsilon, delta
        What is claimed; delta above 0.
    sigma
        Standard deviation. Default (0): the least one for which the claim is true (Balle and Wang,
        ICML 2018). The classical sqrt(2 ln(1.25/delta)) / epsilon is proven for epsilon < 1 only.

    Examples
    --------
    >>> round(Gaussian(epsilon=1.0, delta=1e-5).sigma, 4)
    3.7306
    >>> Gaussian(epsilon=1.0, delta=1e-5, sigma=2.0).broken
    True
    """

    name: ClassVar[str] = "gaussian"
    outputs: ClassVar[Outputs] = "real"

    epsilon: float
    delta: float
    sigma: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", require_epsilon(self.epsilon))
        object.__setattr__(self, "delta", require_fraction("delta", self.delta))
        if self.delta == 0.0:
            raise InputError("delta is 0, but no Gaussian noise gives pure DP. Take it above 0.")
        sigma = self.sigma
        if type(sigma) in (int, float) and sigma == 0:
            sigma = self._least_sigma()
        sigma = require_positive("sigma", sigma)
        if not _LEAST_SIGMA <= sigma <= _LARGEST_SIGMA:
            raise InputError(f"sigma is {sigma:g}, but it must be between 1e-12 and 1e+12.")
        object.__setattr__(self, "sigma", sigma)

    def _least_sigma(self) -> float:
        """Bisection in ln sigma to the last bits; the end at which the claim holds.

        At the largest sigma the profile is 0 in double precision for every epsilon from 1e-9 on.
        """
        low, high = _LEAST_SIGMA, _LARGEST_SIGMA
        for _ in range(100):
            middle = math.sqrt(low * high)
            if gaussian_delta(self.epsilon, middle) > self.delta:
                low = middle
            else:
                high = middle
        return high

    @property
    def claim(self) -> ApproximateDP:
        """Approximate DP at epsilon and delta."""
        return ApproximateDP(
            self.epsilon,
            self.delta,
            neighbouring=ONE_NUMBER,
            source="Gaussian mechanism, Balle and Wang 2018",
        )

    @property
    def true_epsilon(self) -> float:
        """Where the exact profile reaches delta, by bisection; pure DP holds for no epsilon."""
        if gaussian_delta(0.0, self.sigma) <= self.delta:
            return 0.0
        low, high = 0.0, 1.0
        while gaussian_delta(high, self.sigma) > self.delta:
            high *= 2.0
        for _ in range(100):
            middle = 0.5 * (low + high)
            if gaussian_delta(middle, self.sigma) > self.delta:
                low = middle
            else:
                high = middle
        return high

    def sample(self, x: Any, size: int, rng: Generator) -> NDArray[np.float64]:
        """Real numbers, shape (size,)."""
        centre = require_number("x", x)
        return centre + self.sigma * rng.standard_normal(require_size(size))
