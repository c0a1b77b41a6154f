"""One array from whatever a mechanism returns; the first axis is the draw.

Every output has one canonical value: a number, text, bytes, None, a fraction, a decimal, or a
tuple, a frozenset or a `structures.Record` of such values. What the whole array looks like is a
function of all its values, so it does not depend on the chunks in which they were drawn:

* truth values, whole numbers, floats: bool, int64 or float64, shape (N,);
* vectors of k such numbers: the same dtypes, shape (N, k); arrays with more axes are flattened;
* all else (text, mixed tuples, vectors of different lengths, whole numbers beyond int64, what has
  named parts): object arrays of canonical values, shape (N,), which can be hashed.

Numbers of different types meet in the wider one, unless whole numbers would lose digits.

Nothing that a float says is lost: its bits stay, and so does the sign of zero. NaNs alone become
one NaN, so that they are equal, as array entries by their bits and in tuples by identity.
"""

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .structures import Record, structure

__all__ = [
    "NAN",
    "Piece",
    "UnusableOutputError",
    "canonical",
    "interleaved",
    "one_nan",
    "piece_of_array",
    "piece_of_values",
    "settled",
    "values_of",
]

#: Outputs of some draws. Either numbers of one type, with any number of axes after the first, or
#: an object array of canonical values. Nothing is lost yet, so pieces can be put together later.
Piece = NDArray[Any]

NAN = math.nan

#: Whole numbers up to here are floats without a loss.
_EXACT = 2**53

_NUMBERS = {bool: np.bool_, int: np.int64, float: np.float64}
_IMMUTABLE = frozenset({bool, int, str, bytes, type(None), Fraction})


class UnusableOutputError(Exception):
    """A value of a type that has no canonical form; caught where mechanism and input are known."""

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.value = value


def canonical(value: Any) -> Any:
    """The hashable value that stands for one output.

    Raises
    ------
    UnusableOutputError
        If there is none: objects of unknown types.

    Examples
    --------
    >>> canonical([1, np.float32(0.5), np.array([[True], [False]])])
    (1, 0.5, ((True,), (False,)))
    """
    kind = type(value)
    if kind in _IMMUTABLE:
        return value
    if kind is float:
        return value if value == value else NAN
    if kind is Record:
        return Record(value.kind, value.names, tuple(map(canonical, value.values)))
    if kind is tuple or kind is list:
        return tuple(map(canonical, value))
    if isinstance(value, np.longdouble):  # its `item` returns itself
        return canonical(float(value))
    if isinstance(value, np.generic):
        return canonical(value.item())
    if kind is np.ndarray:
        return canonical(value.tolist())
    found = structure(value, canonical)
    if found is not NotImplemented:
        return found
    if isinstance(value, tuple | list):
        return tuple(map(canonical, value))
    if hasattr(value, "__array__") and not isinstance(value, type):
        return canonical(np.asarray(value).tolist())
    if isinstance(value, Enum) and not isinstance(value, int | str):
        return str(value)
    if isinstance(value, complex):
        return canonical((value.real, value.imag))
    if isinstance(value, Decimal):
        return NAN if value.is_nan() else value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    for plain in (int, float, str):  # subclasses; bool has none
        if isinstance(value, plain):
            return canonical(plain(value))
    raise UnusableOutputError(value)


def piece_of_array(array: NDArray[Any]) -> Piece:
    """The piece for an array that a vectorised mechanism returned.

    Examples
    --------
    >>> piece_of_array(np.array([1, 2], dtype=np.uint8))
    array([1, 2])
    """
    if isinstance(array, np.ma.MaskedArray):
        masks = np.ma.getmaskarray(array)
        both = zip(array.data, masks, strict=True)
        return piece_of_values([canonical(np.ma.MaskedArray(one, mask)) for one, mask in both])
    if 0 in array.shape[1:]:  # empty tuples
        return piece_of_values([canonical(value) for value in array.tolist()])
    if array.dtype.kind == "b":
        return array
    if array.dtype.kind in "iu" and (array.dtype != np.uint64 or not (array >> 63).any()):
        return array.astype(np.int64, copy=False)
    if array.dtype.kind == "c":
        array = np.stack([array.real, array.imag], axis=-1)
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            floats = array.astype(np.float64, copy=False)
        missing = np.isnan(floats)
        # The array may be the mechanism's own: nothing is written into it.
        return np.where(missing, NAN, floats) if missing.any() else floats
    return piece_of_values([canonical(value) for value in array.tolist()])


def piece_of_values(values: Sequence[Any]) -> Piece:
    """The piece for canonical values.

    Examples
    --------
    >>> piece_of_values([(0.5, 1.0), (2.0, 3.0)])
    array([[0.5, 1. ], [2. , 3. ]])
    >>> piece_of_values([1, 0.5])
    array([1, 0.5], dtype=object)
    """
    numbers = _numbers(values, one_type=True)
    return _objects(values, len(values)) if numbers is None else numbers


def interleaved(labels: NDArray[np.bool_], first: Piece | None, second: Piece | None) -> Piece:
    """One piece: the next of `first` where the label is True, the next of `second` elsewhere.

    Examples
    --------
    >>> interleaved(np.array([True, False, True]), np.array([1, 2]), np.array([-1]))
    array([ 1, -1, 2])
    """
    if first is None or second is None:
        one = second if first is None else first
        if one is None:
            raise ValueError("there is nothing to put together")
        return one.copy()
    if first.dtype == second.dtype and first.shape[1:] == second.shape[1:]:
        both = np.empty((len(labels), *first.shape[1:]), dtype=first.dtype)
        # Three times as fast as writing through a random mask.
        both[np.flatnonzero(labels)] = first
        both[np.flatnonzero(~labels)] = second
        return both
    turns = (iter(values_of(second)), iter(values_of(first)))
    return piece_of_values([next(turns[label]) for label in labels.tolist()])


def settled(pieces: Sequence[Piece]) -> NDArray[Any]:
    """All pieces as one array, the same for every division of its values into pieces.

    Examples
    --------
    >>> settled([np.array([1, 2]), np.array([0.5])])
    array([1. , 2. , 0.5])
    >>> settled([np.array([1, 2]), np.array([0.5]), np.array([2**53 + 1])])
    array([1, 2, 0.5, 9007199254740993], dtype=object)
    >>> settled([np.array([[1, 2]]), np.array([[3]])])
    array([(1, 2), (3,)], dtype=object)
    """
    shapes = {piece.shape[1:] for piece in pieces}
    kinds: set[str] = {piece.dtype.kind for piece in pieces}
    if len(shapes) == 1 and "O" not in kinds and not _loses_digits(pieces, kinds):
        return _two_axes(np.concatenate(pieces))
    values = list(chain.from_iterable(map(values_of, pieces)))
    numbers = _numbers(values, one_type=False)
    return _objects(values, len(values)) if numbers is None else _two_axes(numbers)


def one_nan(piece: Piece) -> Piece:
    """The piece with NaNs as one object again, which they are not after a journey by pickle."""
    return _objects(map(canonical, piece), len(piece)) if piece.dtype == object else piece


def _numbers(values: Sequence[Any], one_type: bool) -> NDArray[Any] | None:
    """Canonical values as an array of numbers, or None if they are not numbers, differ in shape,
    would lose digits or, where `one_type`, are of several types."""
    shape = [len(values)]
    flat = values
    while (types := set(map(type, flat))) == {tuple}:
        lengths = set(map(len, flat))
        if len(lengths) > 1 or 0 in lengths:
            return None
        shape += lengths
        flat = list(chain.from_iterable(flat))
    if not types <= _NUMBERS.keys() or (one_type and len(types) > 1):
        return None
    kind = next(kind for kind in (float, int, bool) if kind in types)
    if len(types) > 1 and kind is float and any(type(v) is int and abs(v) > _EXACT for v in flat):
        return None
    try:
        return np.array(flat, dtype=_NUMBERS[kind]).reshape(shape)
    except OverflowError:
        return None


def _loses_digits(pieces: Sequence[Piece], kinds: set[str]) -> bool:
    """Whether whole numbers beyond 2^53 would become floats."""
    return {"i", "f"} <= kinds and any(
        piece.dtype.kind == "i" and ((piece > _EXACT) | (piece < -_EXACT)).any() for piece in pieces
    )


def values_of(piece: Piece) -> list[Any]:
    """The canonical values of a piece."""
    if piece.dtype == object:
        return list(piece)
    values: list[Any] = piece.tolist()
    if piece.ndim > 1 or piece.dtype.kind == "f":
        return list(map(canonical, values))
    return values


def _objects(values: Iterable[Any], count: int) -> NDArray[np.object_]:
    # `np.array` would make a second axis of tuples of equal length.
    return np.fromiter(values, dtype=object, count=count)


def _two_axes(array: NDArray[Any]) -> NDArray[Any]:
    return array.reshape(len(array), -1) if array.ndim > 2 else array
