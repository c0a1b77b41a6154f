"""Angles between vectors in radians, from 0 to pi, with a bound on their relative error.

With u and v of length 1 the angle is 2 atan2(|u - v|, |u + v|) (Kahan, "How Futile are Mindless
Assessments of Roundoff in Floating-Point Computation?", 2006, section 12), which loses digits
neither near 0 nor near pi beyond those that the rounding of u and v costs. These cost small angles
most of theirs, so angles below 1/64 are worked out from the floats themselves in whole numbers.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

__all__ = ["angles", "angles_of_pairs", "angular_error", "unit_rows"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

#: Chords below this belong to angles that are worked out exactly.
_SMALL = 1.0 / 64.0

_UNIT_ROUNDOFF = 2.0**-53


def unit_rows(vectors: Floats) -> Floats:
    """The rows divided by their lengths; every component within 2 roundings and every row within
    a relative (p + 6) u / 2 of its length, with u = 2^-53.

    Rows are scaled by a power of two first, so that no square over- or underflows.
    """
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    scaled = np.ldexp(vectors, 1 - np.frexp(largest)[1])
    return np.asarray(scaled / np.sqrt((scaled * scaled).sum(axis=1, keepdims=True)))


def angular_error(dimension: int) -> float:
    """Bound on the relative error of an angle as computed here.

    A chord |u - v| or |u + v| of rounded rows has a relative error of at most (p + 4) u as it is
    computed (`distances`), and an absolute one of at most (p + 6) u from the rows: their lengths
    may differ from 1 by half of that each, and their components from the direction by less. The
    angle changes by no more than the sum of what its chords do, being 2 atan2 of them with
    |u - v|^2 + |u + v|^2 = 4, so by 2 (p + 4) u times itself and 2 (p + 6) u, and it is at least
    1/64. Four more roundings for the function.
    """
    relative = 2 * (dimension + 4) + 4
    absolute = 2 * (dimension + 6)
    return (relative + absolute / _SMALL) * _UNIT_ROUNDOFF


def angles(vectors: Floats, units: Floats, rows: slice, columns: slice) -> Floats:
    """Angles between two ranges of rows, shape (rows, columns); 0 from a row to itself."""
    chords = cdist(units[rows], units[columns])
    sums = cdist(units[rows], -units[columns])
    found = 2.0 * np.arctan2(chords, sums)
    first, second = np.nonzero(chords < _SMALL)
    at = first + rows.indices(len(vectors))[0], second + columns.indices(len(vectors))[0]
    found[first, second] = _small_angles(vectors, *at)
    return np.asarray(found)


def angles_of_pairs(vectors: Floats, first: Indices, second: Indices) -> Floats:
    """Angles of the pairs (first[i], second[i]), shape (pairs,)."""
    ours, theirs = unit_rows(vectors[first]), unit_rows(vectors[second])
    chords = np.sqrt(((ours - theirs) ** 2).sum(axis=1))
    sums = np.sqrt(((ours + theirs) ** 2).sum(axis=1))
    found = 2.0 * np.arctan2(chords, sums)
    small = np.flatnonzero(chords < _SMALL)
    found[small] = _small_angles(vectors, first[small], second[small])
    return np.asarray(found)


def _small_angles(vectors: Floats, first: Indices, second: Indices) -> Floats:
    """Angles below some 1/64, of which tan^2 = (|x|^2 |y|^2 - (x.y)^2) / (x.y)^2 is a fraction."""
    found = np.zeros(len(first))
    for place, (i, j) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        if i != j:
            x, y = _integers(vectors[i]), _integers(vectors[j])
            dot = sum(a * b for a, b in zip(x, y, strict=True))
            rest = sum(a * a for a in x) * sum(b * b for b in y) - dot * dot
            found[place] = math.atan(_root_of_quotient(rest, dot * dot))
    return found


def _integers(row: Floats) -> list[int]:
    """The row times a power of two that makes its components whole: its direction."""
    fractions, exponents = np.frexp(row)
    whole = np.ldexp(fractions, 53).astype(np.int64).tolist()
    used = exponents[row != 0.0]
    least = int(used.min())
    shifts = np.where(row != 0.0, exponents - least, 0).tolist()
    return [number << shift for number, shift in zip(whole, shifts, strict=True)]


def _root_of_quotient(numerator: int, denominator: int) -> float:
    """sqrt(numerator / denominator) within 3 roundings, however large the two are."""
    shift = numerator.bit_length() - denominator.bit_length()
    shift -= shift % 2
    if shift >= 0:
        quotient = numerator / (denominator << shift)
    else:
        quotient = (numerator << -shift) / denominator
    return math.ldexp(math.sqrt(quotient), shift // 2)
