"""Inputs by value: which are the same, and a copy of its own for every call.

A mechanism may write into its input. If the next call saw what the last one left behind, draws
would depend on each other, and the audit would be one of something else.
"""

import copy
import datetime
import hashlib
import marshal
import pickle
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from types import FunctionType
from typing import Any
from uuid import UUID

import numpy as np

from ...errors import InputError
from .failures import shorten

__all__ = ["copier", "identity", "is_frame", "is_series", "same"]

_ATOMS = frozenset(
    {bool, int, float, complex, str, bytes, type(None), type(Ellipsis), Decimal, Fraction, range}
    | {datetime.date, datetime.datetime, datetime.time, datetime.timedelta, UUID}
)

#: Types of which equal values look the same, so that they stand for themselves.
_PLAIN = frozenset({bool, int, str, bytes, type(None)})


def is_frame(value: object) -> bool:
    """Whether this is a data frame of pandas, which is not imported for that."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def is_series(value: object) -> bool:
    """Whether this is a series or an index of pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.Series | pandas.Index)


def same(first: object, second: object) -> bool:
    """Whether two inputs have the same type and the same value, all the way down.

    Examples
    --------
    >>> same(np.arange(5000), np.arange(5000)), same([1], [True]), same([0.0], [-0.0])
    (True, False, False)
    """
    return first is second or bool(identity(first) == identity(second))


def identity(value: Any) -> Any:
    """A hashable value that is equal for the same inputs only.

    Objects of unknown types are compared by their attributes, or else by what pickle makes of them;
    what cannot be pickled is the same as itself only.

    Examples
    --------
    >>> identity({"a": [1, 2]}) == identity({"a": [1, 2]}) != identity({"a": [1, 2.0]})
    True
    """
    try:
        return _identity(value)
    except RecursionError:  # it contains itself
        return (type(value), "id", id(value))


def _identity(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return (kind, value)
    if kind is float:
        return (kind, value.hex())
    if kind in (list, tuple):
        return (kind, _sequence(value))
    if kind is dict:
        return (kind, tuple((_identity(key), _identity(part)) for key, part in value.items()))
    if kind in (set, frozenset):
        return (kind, frozenset(map(_identity, value)))
    if isinstance(value, np.ndarray):
        return (kind, *_array(value))
    if is_frame(value):
        columns = tuple(_identity(value.iloc[:, i]) for i in range(value.shape[1]))
        return (kind, _identity(list(value.columns)), _identity(list(value.index)), columns)
    if is_series(value):
        index = _identity(list(value.index)) if hasattr(value, "index") else None
        return (kind, str(value.dtype), index, _identity(value.to_numpy()))
    if isinstance(value, np.generic | Decimal | Fraction | Enum | range | PurePath):
        return (kind, repr(value))
    if is_dataclass(value) and not isinstance(value, type):
        parts = (getattr(value, field.name) for field in fields(value))
        return (kind, tuple(map(_identity, parts)))
    return (kind, *_object(value))


def _sequence(value: Any) -> Any:
    """The parts of a list or a tuple; long ones of numbers or texts at once."""
    types = set(map(type, value))
    if len(types) == 1:
        (only,) = types
        if only in _PLAIN:
            return (only, tuple(value))
        if only is float:
            return (only, np.array(value).tobytes())
    return tuple(map(_identity, value))


def _array(value: Any) -> tuple[Any, ...]:
    """What an array is, hidden entries of a masked one included."""
    mask: tuple[bytes, ...] = ()
    if isinstance(value, np.ma.MaskedArray):
        mask = (np.ma.getmaskarray(value).tobytes(),)
        value = value.data
    if value.dtype.hasobject:
        return (str(value.dtype), value.shape, _identity(value.tolist()), *mask)
    digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).digest()
    return (str(value.dtype), value.shape, digest, *mask)


def _object(value: Any) -> tuple[Any, ...]:
    if isinstance(value, type | FunctionType):
        return ("id", id(value))
    if hasattr(value, "__dict__") and not _has_own_state(value):
        return (_identity(vars(value)),)
    try:
        return (hashlib.sha256(pickle.dumps(value)).digest(),)
    except Exception:  # whatever `__reduce__` of any object raises
        return ("id", id(value))


def _has_own_state(value: Any) -> bool:
    """Whether an object may hold more than its attributes: in slots, or in C."""
    kinds = type(value).__mro__[:-1]
    return any("__slots__" in vars(kind) or "__reduce__" in vars(kind) for kind in kinds) or any(
        kind.__module__ == "builtins" for kind in kinds
    )


def copier(value: Any) -> Callable[[], Any] | None:
    """Makes copies of an input, or None if it cannot be changed and needs none.

    Raises
    ------
    InputError
        If it cannot be copied, as an open file or an iterator.

    Examples
    --------
    >>> rows = [[1, 2], [3]]
    >>> copies = copier(rows)
    >>> copies() == rows, copies()[0] is rows[0], copier((1, "a")) is None
    (True, False, True)
    """
    if _cannot_change(value):
        return None
    kind = type(value)
    if kind is np.ndarray and not value.dtype.hasobject:
        return _copy_of(value)
    if kind in (list, set, bytearray) and all(map(_cannot_change, value)):
        return _copy_of(value)
    if kind is dict and all(map(_cannot_change, value.values())):
        return _copy_of(value)
    if kind in (list, dict, tuple) and _is_json(value):
        # Half of the time that `copy.deepcopy` takes for a table of some hundred rows, or less.
        packed = marshal.dumps(value)
        return lambda: marshal.loads(packed)
    if is_frame(value) or is_series(value):
        original = copy.deepcopy(value)
        if all(map(_cannot_change, np.ravel(original.to_numpy()).tolist())):
            return lambda: original.copy(deep=True)
    return _deep_copies(value)


def _copy_of(value: Any) -> Callable[[], Any]:
    # The caller may change the object while the audit lasts.
    method: Callable[[], Any] = value.copy().copy
    return method


def _deep_copies(value: Any) -> Callable[[], Any]:
    try:
        original = copy.deepcopy(value)
    except Exception as error:  # whatever `__deepcopy__` or `__reduce__` of any object raises
        raise InputError(
            f"The input {shorten(value, 80)} ({type(value).__name__}) cannot be copied ({error}), "
            "but every call of a mechanism gets a copy of its own: give a value, such as a path or "
            "a list, and open or iterate inside the mechanism."
        ) from error
    return lambda: copy.deepcopy(original)


def _cannot_change(value: Any) -> bool:
    """Whether nothing that is done to a value changes it."""
    kind = type(value)
    if kind in _ATOMS or isinstance(value, np.generic | Enum | PurePath | type | FunctionType):
        return not isinstance(value, np.void)
    if kind in (tuple, frozenset) or (isinstance(value, tuple) and hasattr(value, "_fields")):
        return all(map(_cannot_change, value))
    return False


def _is_json(value: Any, depth: int = 0) -> bool:
    """Whether a value is lists and dictionaries of plain values, all the way down."""
    kind = type(value)
    if kind in _PLAIN or kind is float:
        return True
    if depth > 50:  # it may contain itself
        return False
    if kind in (list, tuple):
        return all(_is_json(part, depth + 1) for part in value)
    return kind is dict and all(
        _is_json(key, depth + 1) and _is_json(part, depth + 1) for key, part in value.items()
    )
