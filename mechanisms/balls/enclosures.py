"""Balls of real numbers, and floats on the safe side of them."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from flint import arb, ctx, fmpq

__all__ = ["around", "exact_fraction", "lower_float", "precision", "upper_float"]


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Compute with `bits` bits within the block.

    Examples
    --------
    >>> with precision(200):
    ...     print(arb(2).sqrt().rel_accuracy_bits() > 190)
    True
    """
    with ctx.workprec(bits):
        yield


def exact_fraction(number: float) -> fmpq:
    """A finite float as the fraction that it is.

    Examples
    --------
    >>> exact_fraction(0.375)
    3/8
    """
    return fmpq(*float(number).as_integer_ratio())


def lower_float(ball: arb) -> float:
    """A float below or at every number of the ball, and next to its lower end; -inf if none is.

    Examples
    --------
    >>> lower_float(arb(2).sqrt()) <= math.sqrt(2), lower_float(arb(0.5)), lower_float(arb.nan())
    (True, 0.5, -inf)
    """
    # The comparison is exact, so the result does not rest on how the first guess was rounded.
    guess = float(ball.lower()) if ball.is_finite() else -math.inf
    while guess > -math.inf and not arb(guess) <= ball:
        guess = math.nextafter(guess, -math.inf)
    return guess if guess == guess else -math.inf


def upper_float(ball: arb) -> float:
    """A float above or at every number of the ball, and next to its upper end; inf if none is.

    Examples
    --------
    >>> upper_float(arb(2).sqrt()) >= math.sqrt(2), upper_float(arb(0.5)), upper_float(arb.nan())
    (True, 0.5, inf)
    """
    return 0.0 - lower_float(-ball)  # and not -0.0


def around(ball: arb) -> tuple[float, float]:
    """Floats below and above a ball, up to one further out than need be: quicker than both ends.

    Examples
    --------
    >>> low, high = around(arb(2).sqrt())
    >>> low <= math.sqrt(2) <= high, high - low < 1e-15
    (True, True)
    """
    middle = float(ball.mid())
    low, high = math.nextafter(middle, -math.inf), math.nextafter(middle, math.inf)
    if arb(low) <= ball and ball <= arb(high):
        return low, high
    return lower_float(ball), upper_float(ball)
