"""What can be derived from a leaf of an output (`leaves`): numbers, symbols and conditions.

Of a text these are its length, its characters from both ends, its words, its case, the numbers in
it and substrings. Every digit of whole numbers, decimals and fractions belongs to their value.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .drawing.structures import exact
from .leaves import MISSING, Path, name_of_path, shown_symbol

__all__ = ["Derived", "column", "symbols"]

Floats = NDArray[np.float64]

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")

_EXACT_TYPES = (int, Decimal, Fraction)


@dataclass(frozen=True)
class Derived:
    """One thing to look at in a leaf.

    Attributes
    ----------
    path
        Where the leaf is.
    kind
        As a number: "number", "offset" (from `argument`, without rounding), "remainder" (modulo
        `argument`; of the digits of a decimal, of the numerator of a fraction),
        "denominator", "decimals", "lowest bit", "length", "capitals", "number inside" (number
        `argument` of a text). As a symbol: "symbol", "type", "character" (from either end),
        "word", "token" (letters and digits only), "case". As a condition, 0 or 1: "there", "is"
        (`argument`: a feature that is a symbol, and its value), "contains" (`argument`: a text).
    """

    path: Path
    kind: str
    argument: Any = None

    @property
    def negated(self) -> str | None:
        """What it says when it is 0, if it is a condition."""
        name, at = name_of_path(self.path), self.argument
        if self.path and self.path[-1][0] == "member":
            return f"{shown_symbol(self.path[-1][1])} not in {name_of_path(self.path[:-1])}"
        match self.kind:
            case "there":
                return f"{name} is not there"
            case "is":
                return f"{at[0]} is not {shown_symbol(at[1])}"
            case "contains":
                return f"{shown_symbol(at)} not in {name}"
        return None

    def __str__(self) -> str:
        name, at = name_of_path(self.path), self.argument
        match self.kind:
            case "offset":
                return f"{name} - {at}"
            case "remainder":
                return f"{name} modulo {at} (its digits, its numerator)"
            case "lowest bit":
                return f"the exponent of the lowest bit set in {name}"
            case "decimals":
                return f"the number of decimals of {name}"
            case "length":
                return f"len({name})"
            case "capitals":
                return f"the number of capital letters in {name}"
            case "number inside":
                return f"number {at + 1} in {name}"
            case "character":
                return f"{name}[{at}]"
            case "word" | "token":
                place = f"{at + 1}" if at >= 0 else f"{-at} from the end"
                return f"{self.kind} {place} of {name}"
            case "there":
                return f"{name} is there"
            case "is":
                return f"{at[0]} is {shown_symbol(at[1])}"
            case "contains":
                return f"{shown_symbol(at)} in {name}"
            case "type" | "case" | "denominator":
                return f"the {self.kind} of {name}"
        return name


def column(parts: Sequence[Any], feature: Derived) -> Floats:
    """A feature as a number, of the parts that its path leads to; NaN where there is none.

    >>> column(["a7", "b", MISSING], Derived((), "length")).tolist()
    [2.0, 1.0, nan]
    """
    at = feature.argument
    match feature.kind:
        case "there":
            return np.array([part is not MISSING for part in parts], dtype=np.float64)
        case "is":
            wanted = at[1]
            found = symbols(parts, at[0])
            return np.array([symbol == wanted for symbol in found], dtype=np.float64)
        case "contains":
            kind = type(at)
            return np.array([type(p) is kind and at in p for p in parts], dtype=np.float64)
    make = _NUMBERS[feature.kind]
    return np.array([make(part, at) for part in parts], dtype=np.float64)


def _plain_number(part: Any, at: Any) -> float:
    if isinstance(part, float | Decimal | Fraction | int):
        try:
            return float(part)
        except OverflowError:
            return math.inf if part > 0 else -math.inf
    return math.nan


def _offset(part: Any, at: Any) -> float:
    if isinstance(part, _EXACT_TYPES) and _is_finite(part):
        return _plain_number(Fraction(part) - at, None)
    return _plain_number(part, None)


def _is_finite(part: Any) -> bool:
    return not isinstance(part, Decimal) or part.is_finite()


def _remainder(part: Any, at: int) -> float:
    if isinstance(part, Fraction):
        return float(part.numerator % at)
    if isinstance(part, Decimal) and part.is_finite():
        # All digits, the last ones after the point included, as one whole number.
        return float(int("".join(map(str, part.as_tuple().digits))) % at)
    return float(part % at) if isinstance(part, int) else math.nan


def _denominator(part: Any, at: Any) -> float:
    return _plain_number(part.denominator, None) if isinstance(part, Fraction) else math.nan


def _decimals(part: Any, at: Any) -> float:
    if isinstance(part, Decimal) and part.is_finite():
        return -float(part.as_tuple().exponent)
    return math.nan


def _lowest_bit(part: Any, at: Any) -> float:
    """The exponent e of the largest power 2^e that a number is a whole multiple of."""
    if not isinstance(part, float) or not math.isfinite(part) or part == 0.0:
        return math.nan
    numerator, denominator = part.as_integer_ratio()
    return float((numerator & -numerator).bit_length() - denominator.bit_length())


def _text_length(part: Any, at: Any) -> float:
    return float(len(part)) if isinstance(part, str | bytes) else math.nan


def _capitals(part: Any, at: Any) -> float:
    return float(sum(map(str.isupper, part))) if isinstance(part, str) else math.nan


def _number_inside(part: Any, at: int) -> float:
    found = _NUMBER.findall(part) if isinstance(part, str) else []
    return float(found[at]) if at < len(found) else math.nan


_NUMBERS = {
    "number": _plain_number,
    "offset": _offset,
    "remainder": _remainder,
    "denominator": _denominator,
    "decimals": _decimals,
    "lowest bit": _lowest_bit,
    "length": _text_length,
    "capitals": _capitals,
    "number inside": _number_inside,
}


def symbols(parts: Sequence[Any], feature: Derived) -> list[Any]:
    """A feature as a symbol that can be hashed, of the parts that its path leads to.

    >>> symbols(["a7", "b", 1], Derived((), "character", -1))
    ['7', 'b', nothing]
    """
    if feature.kind == "symbol":
        return [part if part is MISSING else exact(part) for part in parts]
    if feature.kind == "type":
        return [type(part).__name__ for part in parts]
    make = _SYMBOLS[feature.kind]
    at = feature.argument
    return [make(part, at) if type(part) in (str, bytes) else MISSING for part in parts]


def _character(part: Any, at: int) -> Any:
    return part[at] if -len(part) <= at < len(part) else None


def _word(part: Any, at: int) -> Any:
    return _character(part.split(), at)


def _token(part: Any, at: int) -> Any:
    return _character(_WORD.findall(part), at) if isinstance(part, str) else None


def _case(part: Any, at: Any) -> Any:
    if part.isupper():
        return "upper"
    if part.islower():
        return "lower"
    if part.istitle():
        return "title"
    return "mixed" if part.upper() != part.lower() else "none"


_SYMBOLS = {"character": _character, "word": _word, "token": _token, "case": _case}
