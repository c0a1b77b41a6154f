"""Logarithm, sine and cosine in plain arithmetic, jitted, with proven error bounds.

Nobody states how far the functions of a C library or of NumPy are off, and they differ between
versions. These here consist of +, -, *, / and bit operations, which IEEE 754 defines, so that every
step of a bound can be checked (docs/samplers.md), and of no branches, so that loops over them run
in vector registers. No operation may be fused or reordered: the same number gives the same bits
in a vector register and outside, today and when a near tie is looked at again.

u = 2^-53 is the unit roundoff.
"""

import math

import numpy as np
from numba import njit

__all__ = ["LOG_ERROR", "TURN_ERROR", "logarithm", "turn"]

#: Bound on the relative error of `logarithm`, in units of u.
LOG_ERROR = 9.0

#: Bound on the distance of `turn` from the true point, in units of u.
TURN_ERROR = 5.0

_LN2 = math.log(2.0)
_TURN = 2.0 * math.pi

#: The bits of a number a little below sqrt(1/2).
_LEAST = np.int64(0x3FE6A09E00000000)

# 2 artanh s = 2 s (1 + s^2/3 + s^4/5 + ...), and the series of sine and cosine.
_L1, _L2, _L3, _L4, _L5, _L6, _L7, _L8, _L9, _L10 = (1.0 / (2 * k + 1) for k in range(1, 11))
_S1, _S2, _S3, _S4, _S5, _S6, _S7, _S8 = (
    (-1.0) ** k / math.factorial(2 * k + 1) for k in range(1, 9)
)
_C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8 = ((-1.0) ** k / math.factorial(2 * k) for k in range(1, 9))


@njit(nogil=True, cache=True, error_model="numpy")
def logarithm(x: float) -> float:
    """ln x for a normal number x in (0, 1].

    x = 2^q m with m between 0.707106 and 1.414214, exactly, and ln m = 2 artanh s with
    s = (m - 1)/(m + 1), |s| <= 0.17158.

    - m - 1 is exact; m + 1 and the quotient are rounded: s is off by 2.01 u relatively.
    - The series after its first term is at most 0.0102 of it and known to 15 u of itself; the
      terms left out are at most s^22/(23 (1 - s^2)) < 0.01 u. With the last sum, ln m is off by
      3.4 u relatively.
    - If q = 0, that is all. Otherwise |ln x| >= ln 2 - 0.3466 > 0.3465, so |q| ln 2 <= 2.01 |ln x|,
      off by 2 u (the constant, the product); ln m is at most 1.01 |ln x|; the sum is rounded:
      4.02 + 3.44 + 1.01 < 9 units.

    Examples
    --------
    >>> logarithm(1.0), logarithm(0.5) == -math.log(2.0)
    (0.0, True)
    """
    bits = np.float64(x).view(np.int64)
    exponent = (bits - _LEAST) >> 52
    mantissa = np.int64(bits - (exponent << 52)).view(np.float64)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    rest = _L5 + z * (_L6 + z * (_L7 + z * (_L8 + z * (_L9 + z * _L10))))
    rest = z * (_L1 + z * (_L2 + z * (_L3 + z * (_L4 + z * rest))))
    return np.float64(exponent) * _LN2 + 2.0 * (s + s * rest)


@njit(nogil=True, cache=True, error_model="numpy")
def _sine(a: float) -> float:
    """sin a for |a| <= pi/4."""
    z = a * a
    rest = _S4 + z * (_S5 + z * (_S6 + z * (_S7 + z * _S8)))
    return a + a * (z * (_S1 + z * (_S2 + z * (_S3 + z * rest))))


@njit(nogil=True, cache=True, error_model="numpy")
def _cosine(a: float) -> float:
    """cos a for |a| <= pi/4."""
    z = a * a
    rest = _C4 + z * (_C5 + z * (_C6 + z * (_C7 + z * _C8)))
    return 1.0 + z * (_C1 + z * (_C2 + z * (_C3 + z * rest)))


@njit(nogil=True, cache=True, error_model="numpy")
def turn(v: float) -> tuple[float, float]:
    """cos(2 pi v) and sin(2 pi v) for a multiple v of 2^-53 in [0, 1).

    With the whole number q nearest to 4v, t = v - q/4 is exact and |t| <= 1/8: the numbers are
    multiples of 2^-53. (4v + 1/2 is rounded where it is above 4 only, which leaves its floor.)
    a = 2 pi t is off by 1.36 u relatively (the constant by 0.36 u), so by 1.07 u. The series after
    their first terms are at most 0.103 |a| and 0.309, and known to 7 u of themselves; the terms
    left out are at most (pi/4)^18/18! < 0.02 u. With products and last sums, the sine is off by
    1.4 u and the cosine by 3.3 u more: the point by less than 1.07 + 3.6 < 5 units.

    Examples
    --------
    >>> turn(0.0), turn(0.75)
    ((1.0, 0.0), (0.0, -1.0))
    """
    quarter = math.floor(4.0 * v + 0.5)
    a = _TURN * (v - 0.25 * quarter)
    along, across = _cosine(a), _sine(a)
    odd = quarter == 1.0 or quarter == 3.0
    cosine, sine = (across, along) if odd else (along, across)
    cosine = -cosine if quarter == 1.0 or quarter == 2.0 else cosine
    return cosine, -sine if quarter == 2.0 or quarter == 3.0 else sine
