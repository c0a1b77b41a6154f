"""What an attacker can look at: numbers that are computed from outputs, each with a name in words.

Outputs are an array whose first axis is the draw: numbers, shape (N,), vectors of numbers, shape
(N, k), or any hashable objects, shape (N,). A feature never depends on other draws, so an
attacker who was learned on some outputs can be used on others.

Whole outputs are told apart by 64-bit codes. Two outputs with one code (a chance of 2^-64 a pair)
cost an attacker power, never soundness: any function of the output is a valid attacker.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .derived import Derived, column
from .drawing.outputs import canonical
from .drawing.structures import exact
from .leaves import Path, parts_of

__all__ = ["Feature", "as_objects", "codes", "features_of", "is_numeric", "shape_codes", "values"]

Floats = NDArray[np.float64]
Codes = NDArray[np.uint64]

#: Vectors are looked at coordinate by coordinate up to this length.
_COORDINATES = 64

#: As many digits to base 6 fit into 63 bits.
_DIGITS = 24

#: Odd constants of a mixing function (splitmix64; Steele, Lea and Flood, OOPSLA 2014).
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_STEP = np.uint64(0x9E3779B97F4A7C15)

#: The lowest set bit of zero: it is a multiple of every power of two.
_ZERO_BIT = 1100.0

#: Whole numbers are looked at modulo these if there are many different ones: every digit belongs to
#: their value. The last is for those of which a float has not all digits.
_MODULI = (2.0, 10.0)
_LARGE, _LARGE_MODULUS = 2**53, 65536.0
_WIDE = 256

Kind = Literal[
    "value",
    "sorted",
    "difference",
    "sum",
    "largest",
    "lowest bit",
    "zero bits",
    "count",
    "length",
    "remainder",
]


@dataclass(frozen=True)
class Feature:
    """One number of an output.

    Attributes
    ----------
    kind
        "value" (coordinate `index`), "sorted" (value of rank `index`, smallest first),
        "difference" (of neighbouring coordinates, `index` and the one before), "sum" (of finite
        coordinates), "largest"
        (the coordinate that is largest), "lowest bit" (the largest power of two that all
        coordinates are multiples of), "zero bits" (trailing zero bits of a number's mantissa),
        "count" (coordinates equal to `special`), "length" (of a sequence), "remainder" (of
        coordinate `index`, a whole number, modulo `special`).
    scalar
        Whether outputs are single numbers.
    """

    kind: Kind
    index: int = 0
    special: float = 0.0
    scalar: bool = False

    def __str__(self) -> str:
        place = "the output" if self.scalar else f"coordinate {self.index + 1}"
        return {
            "value": place,
            "sorted": f"the value of rank {self.index + 1} (smallest first)",
            "difference": f"coordinate {self.index + 1} minus coordinate {self.index}",
            "sum": "the sum of the finite coordinates",
            "largest": "the number of the largest coordinate",
            "lowest bit": f"the exponent of the lowest bit set in {self._all}",
            "zero bits": f"the number of trailing zero bits of {place}",
            "count": f"the number of {_special(self.special)}",
            "length": "the length of the output",
            "remainder": f"{place} modulo {self.special:g}",
        }[self.kind]

    @property
    def _all(self) -> str:
        return "the output" if self.scalar else "any coordinate"


def _special(value: float) -> str:
    """Coordinates of a value that is counted, in words."""
    if math.isnan(value):
        return "missing coordinates (NaN)"
    if math.isinf(value):
        return "infinite coordinates" if value > 0 else "coordinates that are minus infinity"
    return "zeros" if value == 0.0 else f"coordinates that are {value:g}"


def is_numeric(outputs: NDArray[Any]) -> bool:
    """Whether outputs are numbers or vectors of numbers."""
    return outputs.dtype.kind in "biuf"


def _matrix(outputs: NDArray[Any]) -> Floats:
    """Coordinates of the outputs, shape (N, k): NaN where there is no number."""
    if is_numeric(outputs):
        return outputs.reshape(len(outputs), -1).astype(np.float64, copy=False)
    width = max((_length(output) for output in outputs), default=0)
    rows = [_numbers(output, min(width, _COORDINATES)) for output in outputs]
    return np.array(rows, dtype=np.float64).reshape(len(outputs), -1)


def _length(output: object) -> int:
    return len(output) if isinstance(output, tuple) else 1


def _numbers(output: object, width: int) -> list[float]:
    parts: Sequence[object] = output if isinstance(output, tuple) else (output,)
    found = [_number(part) for part in parts[:width]]
    return found + [np.nan] * (width - len(found))


def _number(part: object) -> float:
    """A number of an output that has other things as well; what is none is NaN."""
    if isinstance(part, (bool, int, float)):
        try:
            return float(part)
        except OverflowError:
            return np.inf if part > 0 else -np.inf
    return np.nan


def features_of(outputs: NDArray[Any], *, bits: bool = False) -> tuple[Feature, ...]:
    """The features that are worth looking at in outputs like these, shape as in the module.

    `bits` adds those of the numbers as the machine stores them. A sampler in floating point leaks
    through them though its ideal law is private (Mironov, "On Significance of the Least
    Significant Bits", CCS 2012).

    Examples
    --------
    >>> [str(feature) for feature in features_of(np.array([0.5, 0.25]), bits=True)][:2]
    ['the output', 'the exponent of the lowest bit set in the output']
    """
    if not is_numeric(outputs):
        return _features_of_objects(outputs)
    scalar = outputs.ndim == 1
    lowest = (Feature("lowest bit", scalar=scalar),) if bits else ()
    if scalar:
        zeros = (Feature("zero bits", scalar=True),) if bits else ()
        whole = _remainders(outputs.reshape(-1, 1), scalar=True)
        return (Feature("value", scalar=True), *whole, *lowest, *zeros)
    width = min(outputs.shape[1], _COORDINATES)
    found = [Feature("value", index) for index in range(width)]
    if width > 1:
        found += [Feature("sorted", index) for index in range(width)]
        found += [Feature("difference", index) for index in range(1, width)]
        found += [Feature("sum"), Feature("largest")]
        found += _counts(_matrix(outputs[:, :width]))
    return (*found, *_remainders(outputs[:, :width]), *lowest)


def _remainders(columns: NDArray[Any], scalar: bool = False) -> list[Feature]:
    """Of coordinates that are whole numbers far apart, what is left modulo small numbers."""
    found: list[Feature] = []
    if columns.dtype.kind not in "iu" or not len(columns):
        return found
    for index in range(columns.shape[1]):
        low, high = int(columns[:, index].min()), int(columns[:, index].max())
        if high - low > _WIDE:
            large = (_LARGE_MODULUS,) if max(high, -low) > _LARGE else ()
            moduli = (*_MODULI, *large) if scalar else _MODULI[:1] + large
            found += [Feature("remainder", index, modulus, scalar) for modulus in moduli]
    return found


def _features_of_objects(outputs: NDArray[Any]) -> tuple[Feature, ...]:
    matrix = _matrix(outputs)
    numbers = np.isfinite(matrix).any(axis=0)
    scalar = not any(isinstance(output, tuple) for output in outputs)
    found = [Feature("value", int(index), scalar=scalar) for index in np.flatnonzero(numbers)]
    if len({_length(output) for output in outputs}) > 1:
        found.append(Feature("length"))
    return (*found, *_counts(matrix)) if matrix.shape[1] > 1 else tuple(found)


def _counts(matrix: Floats) -> list[Feature]:
    """Counts of the special values that occur."""
    specials = [0.0, -np.inf, np.inf, np.nan]
    return [Feature("count", special=value) for value in specials if _equal(matrix, value).any()]


def _equal(matrix: Floats, value: float) -> NDArray[np.bool_]:
    return np.isnan(matrix) if np.isnan(value) else matrix == value


def values(outputs: NDArray[Any], features: Sequence[Feature | Derived]) -> Floats:
    """The features of all outputs, shape (N, number of features), NaN where there is none.

    Examples
    --------
    >>> values(np.array([0.75, 3.0]), [Feature("value"), Feature("lowest bit")]).tolist()
    [[0.75, -2.0], [3.0, 0.0]]
    """
    found = np.empty((len(outputs), len(features)), order="F")
    plain = [feature for feature in features if isinstance(feature, Feature)]
    matrix = _matrix(outputs) if plain else np.empty((len(outputs), 0))
    parts: dict[Path, list[Any]] = {}
    ordered = None
    with np.errstate(invalid="ignore", over="ignore"):  # sums and differences of infinities
        for place, feature in enumerate(features):
            if isinstance(feature, Derived):
                if feature.path not in parts:
                    parts[feature.path] = parts_of(as_objects(outputs), feature.path)
                found[:, place] = column(parts[feature.path], feature)
                continue
            if feature.kind == "sorted" and ordered is None:
                ordered = np.sort(matrix[:, :_COORDINATES], axis=1)
            found[:, place] = _values(outputs, matrix, ordered, feature)
    return found


def _values(
    outputs: NDArray[Any], matrix: Floats, ordered: Floats | None, feature: Feature
) -> Floats:
    width = matrix.shape[1]
    match feature.kind:
        case "value":
            return matrix[:, feature.index] if feature.index < width else _missing(len(matrix))
        case "sorted" if ordered is not None and feature.index < ordered.shape[1]:
            return ordered[:, feature.index]
        case "difference" if feature.index < width:
            return matrix[:, feature.index] - matrix[:, feature.index - 1]
        case "sum":
            return np.where(np.isfinite(matrix), matrix, 0.0).sum(axis=1)
        case "largest":
            return np.where(np.isnan(matrix), -np.inf, matrix).argmax(axis=1) + 1.0
        case "lowest bit":
            return np.fmin.reduce(_lowest_bit(matrix), axis=1)
        case "zero bits":
            lowest = _lowest_bit(matrix[:, 0])
            _, exponents = np.frexp(matrix[:, 0])
            return np.where(matrix[:, 0] == 0.0, 53.0, lowest - exponents + 53.0)
        case "count":
            equal = _equal(matrix, feature.special)
            if not is_numeric(outputs):
                equal &= _present(outputs, width)
            return equal.sum(axis=1).astype(np.float64)
        case "remainder" if feature.index < width:
            return _modulo(outputs, matrix, feature)
        case "length" if is_numeric(outputs):
            return np.full(len(outputs), float(outputs[0].size) if len(outputs) else np.nan)
        case "length":
            return np.array([_length(output) for output in outputs], dtype=np.float64)
    return _missing(len(matrix))


def _modulo(outputs: NDArray[Any], matrix: Floats, feature: Feature) -> Floats:
    """Remainders, by all digits of whole numbers."""
    if outputs.dtype.kind in "iu":
        coordinate = outputs.reshape(len(outputs), -1)[:, feature.index]
        return (coordinate % int(feature.special)).astype(np.float64)
    return np.mod(matrix[:, feature.index], feature.special)


def _present(outputs: NDArray[Any], width: int) -> NDArray[np.bool_]:
    """Which columns belong to an output, and are not there for a longer one."""
    lengths = np.array([_length(output) for output in outputs])
    return np.arange(width) < lengths[:, None]


def _missing(count: int) -> Floats:
    return np.full(count, np.nan)


def _lowest_bit(numbers: Floats) -> Floats:
    """The exponent e of the largest power 2^e that a number is a whole multiple of."""
    finite = np.isfinite(numbers)
    mantissas, exponents = np.frexp(np.where(finite, numbers, 0.0))
    whole = (mantissas * 2.0**53).astype(np.int64)
    _, lowest = np.frexp((whole & -whole).astype(np.float64))
    found = np.where(whole == 0, _ZERO_BIT, exponents - 53.0 + lowest - 1.0)
    return np.where(finite, found, np.nan)


def codes(outputs: NDArray[Any], vocabulary: dict[object, int] | None = None) -> Codes:
    """A code for each whole output; objects are looked up in `vocabulary`, by what tells them apart
    (`structures.exact`), 0 if not there.

    Examples
    --------
    >>> len(set(codes(np.array([1.0, 2.0, 1.0])).tolist()))
    2
    """
    if not is_numeric(outputs):
        known = vocabulary or {}
        return np.array([known.get(exact(output), 0) for output in outputs], dtype=np.uint64)
    columns = outputs.reshape(len(outputs), -1)
    if columns.dtype.kind == "f":
        # NaNs have many bit patterns.
        bits = np.where(np.isnan(columns), np.nan, columns).astype(np.float64).view(np.int64)
    else:
        bits = columns.astype(np.int64)
    return _hashed(bits)


def shape_codes(outputs: NDArray[Any]) -> Codes:
    """A code for where an output has ordinary numbers, infinities, NaNs and zeros."""
    matrix = _matrix(outputs)
    kinds = np.int8(5) - (matrix == 0.0)
    kinds -= np.int8(2) * (matrix == -np.inf) + np.int8(3) * (matrix == np.inf)
    kinds -= np.int8(4) * np.isnan(matrix)
    if not is_numeric(outputs):
        kinds *= _present(outputs, matrix.shape[1])
    # Whatever is drawn with it, a short output is a number of digits, a long one is hashed.
    short = (kinds[:, :_DIGITS] @ 6 ** np.arange(min(matrix.shape[1], _DIGITS))).astype(np.uint64)
    long = kinds[:, _DIGITS:].any(axis=1)
    if long.any():
        short[long] = _hashed(kinds[long].astype(np.int64), kinds[long] > 0)
    return np.asarray(short)


def as_objects(outputs: NDArray[Any]) -> NDArray[np.object_]:
    """Numbers and vectors as hashable objects.

    Examples
    --------
    >>> as_objects(np.array([[1, 2]])).tolist()
    [(1, 2)]
    """
    if outputs.dtype == object:
        return outputs
    return np.fromiter(map(canonical, outputs.tolist()), dtype=object, count=len(outputs))


def _hashed(columns: NDArray[np.int64], there: NDArray[np.bool_] | None = None) -> Codes:
    """A 64-bit hash of each row, shape (N, k), of the entries that are `there`."""
    if columns.shape[1] == 1 and there is None:
        return np.ascontiguousarray(columns[:, 0]).view(np.uint64)
    found = np.zeros(len(columns), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for index, column in enumerate(columns.T):
            mixed = found + column.astype(np.uint64) + _STEP
            mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX[0]
            mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX[1]
            mixed ^= mixed >> np.uint64(31)
            found = mixed if there is None else np.where(there[:, index], mixed, found)
    return found
