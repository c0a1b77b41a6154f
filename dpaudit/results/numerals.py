"""Numbers for reading."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import Interval

__all__ = ["equals", "number", "odds", "probability"]


def number(value: float) -> str:
    """A number for reading: four significant digits, infinity as a sign, and nothing below 1
    shown as 1.

    >>> number(10.02345), number(float("inf")), number(37261.4), number(0.999997)
    ('10.02', '∞', '37,261', '1 - 3e-06')
    """
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if 1e4 <= abs(value) < 1e7:
        return f"{value:,.0f}"
    if 0.99995 <= value < 1.0:
        return f"1 - {1.0 - value:.1g}"
    return f"{value:.4g}"


def probability(log_probability: float) -> str:
    """A probability for reading, from its natural logarithm, even when it underflows.

    >>> probability(math.log(0.25)), probability(-4000.0), probability(-math.inf)
    ('0.25', '10^-1737.2', '0')
    """
    if log_probability == -math.inf:
        return "0"
    if log_probability > math.log(1e-12):
        return f"{math.exp(log_probability):.4g}"
    if log_probability > -690.0:
        return f"{math.exp(log_probability):.1e}"
    return f"10^{log_probability / math.log(10):.1f}"


def odds(log_odds: float) -> str:
    """Odds for reading, from their natural logarithm.

    >>> odds(math.log(20.0)), odds(4000.0)
    ('20', '10^1737.2')
    """
    return number(math.exp(log_odds)) if log_odds < 14.0 else f"10^{log_odds / math.log(10):.1f}"


def equals(interval: Interval) -> str:
    """“= x” if the interval is as narrow as what is printed, otherwise both ends.

    >>> from dpaudit.results import Interval
    >>> equals(Interval(lower=1.0, upper=1.0 + 1e-12)), equals(Interval(lower=0.0, upper=0.5))
    ('= 1', 'between 0 and 0.5')
    """
    width = interval.upper - interval.lower
    if math.isinf(interval.lower) or width <= max(1e-9, 1e-6 * abs(interval.upper)):
        return f"= {number(interval.midpoint)}"
    return f"between {number(interval.lower)} and {number(interval.upper)}"
