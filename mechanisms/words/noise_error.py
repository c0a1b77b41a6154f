"""How far decoded noise is from its law in total variation; derived in docs/samplers.md.

Between the ideal noise and that of the code, one random number after the other is replaced. While
one varies and all others are fixed, the noisy vector runs along a line or a circle, and the output
changes at few places there (`nearest_changes` and what `vickrey` says). The replaced number decides
wrongly only if it comes close to such a place. u = 2^-53.
"""

import math

import numpy as np

from ..kernels.elementary import LOG_ERROR, TURN_ERROR
from ..kernels.noise import BLOCK, gamma_numbers, scaled_down
from ..protocol import Floats

__all__ = ["UNIT", "matrix_error", "nearest_changes", "noise_error", "rate_error", "root_error"]

UNIT = 2.0**-53

#: Tries that `truncated_gamma` takes, in the mean, at most.
_TRIES = 10


def nearest_changes(words: int) -> int:
    """How often the nearest word can change along a line: cells are convex. Along a circle, at
    most twice as often.

    Examples
    --------
    >>> nearest_changes(2000)
    1999
    """
    return words - 1


def noise_error(dimension: int, changes: int, limit: float = math.inf) -> float:
    """Total variation between the outputs on ideal noise r u and on that of the code.

    Parameters
    ----------
    dimension
        p.
    changes
        How often the output can change along a line; along a circle at most twice as often.
    limit
        Largest radius in units of its scale.

    Examples
    --------
    >>> f"{noise_error(64, 1999):.1e}", f"{noise_error(64, 1999, 12.0):.1e}"
    ('4.9e-10', '8.1e-09')
    """
    pairs = (dimension + 1) // 2
    wave = 2.0 * UNIT + 2.02 * TURN_ERROR * UNIT / math.pi * 1.01
    # ln U is off by LOG_ERROR, its root by half of that and one rounding, the wave by TURN_ERROR.
    radius = 0.5 * LOG_ERROR + 1.0 + TURN_ERROR
    straight = (2.0 + 1.5 * 1.01 * radius) * UNIT
    if limit == math.inf:
        total = pairs * (wave + straight) * changes + _scale_error(dimension, changes)
    else:
        # Normalised, so that radii turn the vector as angles do; the last angle of an odd
        # dimension sweeps its circle twice.
        total = (pairs * (wave + 2.0 * straight) + wave) * changes
        total += _TRIES * _radius_error(dimension, changes, limit)
        total += (2.0 * dimension + 4.0) * UNIT
    return total


def _scale_error(dimension: int, changes: int) -> float:
    """What the scale sqrt(2B) adds."""
    count = gamma_numbers(dimension)
    logs = -(-count // BLOCK) + 1
    grid = count + 5.0
    absolute = 1.01 * count + 2.0 * (LOG_ERROR + 3.0 + 2.0 * TURN_ERROR)
    relative = LOG_ERROR + logs + 6.0
    return changes * (grid + 2.0 + 2.1 * absolute + 2.1 * relative * (count + 2.0)) * UNIT


def _radius_error(dimension: int, changes: int, limit: float) -> float:
    """What one try for a truncated radius adds, with the division by a length."""
    length = dimension / 8.0 + 8.0
    if scaled_down(dimension, limit):
        decision = 11.0 + (LOG_ERROR + 14.0) * math.sqrt(dimension)
        radius = 2.0 + 0.75 * (LOG_ERROR + 3.0) + 2.1 * (length + 10.0) * dimension
        return (decision + changes * radius) * UNIT
    logs = -(-dimension // BLOCK) + 1
    relative = LOG_ERROR + logs + 2.0 + length
    radius = dimension + 2.0 + 2.1 * dimension + 2.1 * relative * (dimension + 1.0)
    return (changes + 1.0) * radius * UNIT


def rate_error(dimension: int, relative: float) -> float:
    """Total variation between radii whose rates differ by this much relatively: along the way,
    the logarithm of the density changes by p - r with the logarithm of the rate, and the mean of
    |p - r| is at most sqrt(p).

    Examples
    --------
    >>> rate_error(64, 1e-12)
    4.04e-12
    """
    return 0.505 * math.sqrt(dimension) * relative


def root_error(vectors: Floats, lam: float, covariance: Floats, root: Floats) -> float:
    """Largest relative change kappa of x^T Sigma x, for any x, if A A^T stands for the exact
    Sigma; A is `root`, and `covariance` Sigma as computed.

    Sums of k terms are off by g_k = k u/(1 - k u) times the sum of their sizes, in any order.

    - The computed covariance. A shift d of the mean adds d d^T, |d| <= g_n times the mean size of
      components. Centred components, and their quotients by the largest one, are rounded; products
      are summed over n words, and divided by their trace. So C, whose trace is p and whose
      Frobenius norm is at most that, is off by p (2.02 (n + 5) u + (p + 3) u + 2 |d|^2/variance).
    - A A^T, computed, differs from that by a residual, and is off by g_(p+2) |A|^2 itself.
    - The least eigenvalue of Sigma is at least 1 - lam, since C has none below 0; or what an
      approximate inverse X shows: |A^-1| <= |X|/(1 - |1 - A X|).
    """
    n, p = vectors.shape
    means = np.abs(vectors).mean(axis=0)
    centred = vectors - vectors.mean(axis=0)
    scale = max(float(np.abs(centred).max()), float(means.max()))
    variance = float(np.square(centred / scale).sum()) / n
    shift = float(np.square(1.01 * (n + 2) * UNIT * means / scale).sum()) / variance
    off = lam * p * ((2.02 * (n + 5) + p + 3) * UNIT + 2.0 * shift) + 4.0 * p * UNIT
    length = float(np.linalg.norm(root))
    off += 1.01 * float(np.linalg.norm(root @ root.T - covariance))
    off += 1.01 * (p + 4) * UNIT * (length * length + float(np.linalg.norm(covariance)))
    inverse = np.linalg.inv(root)
    size = float(np.linalg.norm(inverse))
    defect = (
        float(np.linalg.norm(np.eye(p) - root @ inverse)) + 1.01 * (p + 3) * UNIT * length * size
    )
    least = (0.99 * max(0.0, 1.0 - defect) / size) ** 2 - off
    return off / max(1.0 - lam, least)


def matrix_error(dimension: int, kappa: float) -> float:
    """Total variation between noise r Sigma^(1/2) u and r A u if x^T A A^T x is within a share
    kappa of x^T Sigma x for all x.

    The logarithm of the determinant changes by at most p kappa/(1 - kappa), norms by at most
    h = kappa/(2 (1 - kappa)) of themselves; so the logarithm of the density by at most h (p + r)
    with r a Gamma variable of shape p, and half the mean of e^(h (p + r)) - 1 bounds the variation.

    Examples
    --------
    >>> f"{matrix_error(64, 1e-12):.2e}", matrix_error(64, 0.5)
    ('3.23e-11', 1.0)
    """
    if not 0.0 <= kappa <= 0.25:
        return 1.0
    h = kappa / (2.0 * (1.0 - kappa))
    exponent = dimension * (h - math.log1p(-h))
    return min(1.0, 0.505 * math.expm1(exponent)) if exponent < 1.0 else 1.0
