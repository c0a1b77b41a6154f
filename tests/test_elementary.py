"""The logarithm, sine and cosine that noise is made with, against ball arithmetic (Arb)."""

import math
from fractions import Fraction
from itertools import chain

import numpy as np
import pytest
from flint import arb, ctx, fmpq
from numpy.typing import NDArray

from dpaudit.mechanisms.kernels.elementary import (
    LOG_ERROR,
    TURN_ERROR,
    logarithm,
    turn,
)
from dpaudit.mechanisms.kernels.noise import exact_normals, fill_normals

Floats = NDArray[np.float64]

UNIT = 2.0**-53
POINTS = 100_000


def ball(x: float) -> arb:
    """A float as a ball of radius 0."""
    numerator, denominator = x.as_integer_ratio()
    return arb(fmpq(numerator, denominator))


def log_errors(points: list[float], found: list[float]) -> float:
    """Upper bound on the largest relative error of logarithms, in units of u."""
    worst = 0.0
    ctx.prec = 128
    for x, y in zip(points, found, strict=True):
        exact = ball(x).log()
        gap = abs((ball(y) - exact) / exact) if x != 1.0 else abs(ball(y))
        worst = max(worst, float(gap.upper()))
    return worst / UNIT


def turn_errors(points: list[float], cosines: list[float], sines: list[float]) -> float:
    """Upper bound on the largest distance from the true point of the circle, in units of u."""
    worst = 0.0
    ctx.prec = 128
    for v, c, s in zip(points, cosines, sines, strict=True):
        x = 2 * ball(v)
        gap = ((ball(c) - x.cos_pi()) ** 2 + (ball(s) - x.sin_pi()) ** 2).sqrt()
        worst = max(worst, float(gap.upper()))
    return worst / UNIT


def difficult_numbers() -> list[float]:
    """Multiples of u next to 0, 1, powers of two and the ends of the range of the mantissa."""
    middles = chain((2.0**-k for k in range(53)), (2.0**-k * math.sqrt(0.5) for k in range(20)))
    grid = {round(x / UNIT) + step for x in middles for step in (-2, -1, 0, 1, 2)}
    return [k * UNIT for k in sorted(grid) if 0 < k <= 2**53]


@pytest.fixture(scope="module")
def uniforms() -> Floats:
    return np.random.default_rng(61).random(POINTS)


def test_logarithms(uniforms: Floats) -> None:
    """At random points, next to 1, and for products of many uniform numbers."""
    rng = np.random.default_rng(62)
    near_one = 1.0 - rng.integers(0, 2**40, 2000) * UNIT
    tiny = np.exp2(-rng.uniform(0.0, 850.0, 5000))
    points = [*(1.0 - uniforms).tolist(), *difficult_numbers(), *near_one.tolist(), *tiny.tolist()]
    found = [logarithm(x) for x in points]
    assert 1.0 < log_errors(points, found) <= LOG_ERROR
    assert logarithm(1.0) == 0.0
    # Broken: a constant that is off in its last bits.
    assert log_errors(points, [y * (1.0 + 10 * UNIT) for y in found]) > LOG_ERROR


def test_turns(uniforms: Floats) -> None:
    """At random points, and next to all multiples of an eighth."""
    eighths = [(k * 2**50 + step) * UNIT for k in range(9) for step in (-2, -1, 0, 1, 2)]
    points = [*uniforms.tolist(), *(v for v in eighths if 0.0 <= v < 1.0)]
    cosines, sines = (list(parts) for parts in zip(*map(turn, points), strict=True))
    assert 1.0 < turn_errors(points, cosines, sines) <= TURN_ERROR
    # Broken: a turn that is off by 6 u.
    moved = [c - 6 * UNIT * s for c, s in zip(cosines, sines, strict=True)]
    assert turn_errors(points, moved, sines) > TURN_ERROR


def test_the_reduction_is_exact(uniforms: Floats) -> None:
    """x = 2^q m and v = q/4 + t hold without rounding, with m and t in their ranges."""
    for x in [*(1.0 - uniforms[:5000]).tolist(), *difficult_numbers()]:
        bits = int(np.float64(x).view(np.int64))
        exponent = (bits - 0x3FE6A09E00000000) >> 52
        mantissa = float(np.int64(bits - (exponent << 52)).view(np.float64))
        assert Fraction(mantissa) * Fraction(2) ** exponent == Fraction(x)
        assert 0.707106 < mantissa < 1.414214
    for v in uniforms[:5000].tolist():
        quarter = math.floor(4.0 * v + 0.5)
        rest = v - 0.25 * quarter
        assert Fraction(rest) == Fraction(v) - Fraction(quarter, 4)
        assert abs(rest) <= 0.125


def test_what_the_series_leave_out() -> None:
    """The remainders that the docstrings claim, in ball arithmetic over the whole range."""
    ctx.prec = 128
    s = ball(0.17158)
    assert float((s**22 / (23 * (1 - s**2))).upper()) < 0.01 * UNIT
    a = arb.pi() / 4
    assert float((a**18 / arb(18).gamma() / 18).upper()) < 0.02 * UNIT
    half = ball(0.707106)
    assert float(abs((half - 1) / (half + 1)).upper()) < 0.17158
    # The largest mantissa that the reduction gives.
    largest = 2.0 * float(np.int64(0x3FE6A09E00000000).view(np.float64))
    assert (largest - 1.0) / (largest + 1.0) < 0.17158


def test_vector_registers_change_nothing(uniforms: Floats) -> None:
    """The same bits in a long loop, in a short one and one by one: the recheck of near ties relies
    on it."""
    for p in (1, 2, 7, 16, 33, 64):
        numbers = 2 * (p // 2 + 1)
        given = uniforms[: 40 * numbers].reshape(40, numbers)
        normals, spare, lengths = np.empty((40, p)), np.empty(40), np.empty(40)
        fill_normals(given, normals, spare, lengths)
        exact = [exact_normals(row, p) for row in given]
        np.testing.assert_array_equal(normals, [[float(x) for x in row] for row in exact])
        assert (np.linalg.norm(normals, axis=1) <= lengths).all()
