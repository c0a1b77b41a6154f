"""Jitted kernels behind the privacy profile: failure masses of tiles and of single pairs.

Panels and tiles are those of `loss`.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .loss import CHUNK, TILE, UNROLL

__all__ = ["failure_masses", "pair_failure_masses"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_UNIT_ROUNDOFF = 2.0**-53
_SMALLEST_NORMAL = 2.0**-1022


@njit(nogil=True, cache=True)
def failure_masses(inputs: Floats, neighbours: Floats, factors: Floats, masses: Floats) -> None:
    """Add sum over y of max(0, inputs[y, i] - factors[i, j] * neighbours[y, j]) to masses[i, j].

    Parameters
    ----------
    inputs, neighbours : float64 (outputs, TILE)
        Two panels of probabilities (the second possibly scaled), zero or normal numbers: numbers
        below 2.3e-308 are correct too but slow. `outputs` a multiple of UNROLL.
    factors : float64 (TILE, TILE)
        Finite, at least 0.
    masses : float64 (TILE, TILE)
        Changed in place; start from 0.
    """
    outputs = inputs.shape[0]
    for start in range(0, outputs, CHUNK):
        stop = min(start + CHUNK, outputs)
        for i in range(TILE):
            factor, mass = factors[i], masses[i]
            for y in range(start, stop, UNROLL // 2):
                a, b = inputs[y : y + UNROLL // 2, i], neighbours[y : y + UNROLL // 2]
                a0, a1, a2, a3 = a[0], a[1], a[2], a[3]
                b0, b1, b2, b3 = b[0], b[1], b[2], b[3]
                for j in range(TILE):
                    x0, x1 = a0 - factor[j] * b0[j], a1 - factor[j] * b1[j]
                    x2, x3 = a2 - factor[j] * b2[j], a3 - factor[j] * b3[j]
                    front = max(x0, 0.0) + max(x1, 0.0)
                    mass[j] += front + (max(x2, 0.0) + max(x3, 0.0))


@njit(nogil=True, cache=True)
def pair_failure_masses(
    rows: Floats,
    inputs: Indices,
    neighbours: Indices,
    costs: Floats,
    masses: Floats,
    errors: Floats,
) -> None:
    """Compute the mass of `failure_masses` for single pairs in log space, with an error bound.

    With a = rows[inputs[k], y], b = rows[neighbours[k], y] and g = b + costs[k, e] - a, output y
    adds e^a (1 - e^g) when g < 0, which neither overflows nor cancels however large a cost is.
    The error allows for the rounding of a product that costs come from, of g, of exp and expm1
    (4 ulp each), of the sum, and for underflow of e^a.

    Parameters
    ----------
    rows : float64 (words, outputs)
        Natural logarithms of probabilities, -inf for none.
    inputs, neighbours : int64 (pairs,)
    costs : float64 (pairs, epsilons)
        epsilon times distance, finite, at least 0.
    masses, errors : float64 (pairs, epsilons)
        Filled.
    """
    outputs = rows.shape[1]
    for k in range(inputs.size):
        left, right = rows[inputs[k]], rows[neighbours[k]]
        for e in range(costs.shape[1]):
            cost = costs[k, e]
            mass, error = 0.0, outputs * _SMALLEST_NORMAL
            for y in range(outputs):
                a, b = left[y], right[y]
                if a == -np.inf:
                    continue
                if b == -np.inf:
                    mass += math.exp(a)
                    error += math.exp(a) * 16.0 * _UNIT_ROUNDOFF
                    continue
                gap = b + cost - a
                # Three roundings, each relative to at most |a| + |b| + cost, and one to spare.
                doubt = 4.0 * _UNIT_ROUNDOFF * (abs(a) + abs(b) + cost)
                if gap < doubt:
                    probability, drop = math.exp(a), math.expm1(min(gap, 0.0))
                    mass -= probability * drop
                    # Twice the derivative e^g in the direction of g.
                    error += probability * (2.0 * (1.0 + drop) * doubt + 16.0 * _UNIT_ROUNDOFF)
            masses[k, e] = mass
            errors[k, e] = error + outputs * _UNIT_ROUNDOFF * mass
