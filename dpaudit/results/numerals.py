"""Numbers for reading."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import Interval

__all__ = ["apart", "equals", "is_narrow", "number", "odds", "percent", "probability"]


def number(value: float, digits: int = 4) -> str:
    """A number for reading: four significant digits, infinity as a sign, and nothing below 1
    shown as 1.

    >>> number(10.02345), number(float("inf")), number(37261.4), number(0.999997)
    ('10.02', '∞', '37,261', '1 - 3e-06')
    """
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if 1e4 <= abs(value) < 1e7:
        return f"{value:,.{max(digits - len(str(int(abs(value)))), 0)}f}"
    if digits == 4 and 0.99995 <= value < 1.0:
        return f"1 - {1.0 - value:.1g}"
    return f"{value:.{digits}g}"


#: Digits that tell any two floats apart.
_MOST_DIGITS = 17


def apart(*values: float) -> tuple[str, ...]:
    """Numbers for reading, with as many digits as tell those apart that are different.

    >>> apart(6.14, 6.1400003), apart(6.14, 7.5), apart(2.0, 2.0)
    (('6.14', '6.1400003'), ('6.14', '7.5'), ('2', '2'))
    """
    for digits in range(4, _MOST_DIGITS + 1):
        shown = tuple(number(value, digits) for value in values)
        if len(set(shown)) == len(set(values)):
            return shown
    return tuple(map(repr, values))


def percent(part: float) -> str:
    """A part of 1 in percent, with as many digits as tell it from all and from nothing.

    >>> percent(0.563), percent(0.99999999), percent(1.0), percent(1e-9)
    ('56.3%', '99.999999%', '100%', '1e-07%')
    """
    if part in (0.0, 1.0):
        return f"{100.0 * part:.0f}%"
    if part < 0.001:
        return f"{100.0 * part:.1g}%"
    for decimals in range(1, _MOST_DIGITS):
        shown = f"{100.0 * part:.{decimals}f}%"
        if float(shown[:-1]) not in (0.0, 100.0):
            return shown
    return f"{100.0 * part!r}%"


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


def is_narrow(interval: Interval) -> bool:
    """Whether an interval is as narrow as what is printed of it."""
    if math.isinf(interval.lower):
        return True
    return interval.upper - interval.lower <= max(1e-9, 1e-6 * abs(interval.upper))


def equals(interval: Interval, against: float | None = None) -> str:
    """“= x” if the interval is as narrow as what is printed, otherwise both ends; with as many
    digits as tell it from the number that it stands `against`.

    >>> from dpaudit.results import Interval
    >>> equals(Interval(lower=1.0, upper=1.0 + 1e-12)), equals(Interval(lower=0.0, upper=0.5))
    ('= 1', 'between 0 and 0.5')
    >>> equals(Interval(lower=1.0000003, upper=1.0000003), against=1.0)
    '= 1.0000003'
    >>> equals(Interval(lower=0.9999999999, upper=1.0000000001), against=1.0)
    'between 0.9999999999 and 1.0000000001'
    """
    others = () if against is None or not math.isfinite(interval.upper) else (against,)
    undecided = against is not None and interval.lower < against < interval.upper
    if is_narrow(interval) and not undecided:
        return f"= {apart(interval.midpoint, *others)[0]}"
    low, high, *_ = apart(interval.lower, interval.upper, *others)
    return f"between {low} and {high}"
