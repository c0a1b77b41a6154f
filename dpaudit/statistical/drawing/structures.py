"""Outputs with names: dictionaries, records, frames, as values that can be hashed.

A dictionary, a dataclass, a named tuple, a data frame, a masked array and whatever else has parts
with names is a `Record`; a set is a frozenset. Nothing is left out: the order of the entries of a
dictionary and the numbers under a mask come out too, so they belong to the value.
"""

import datetime
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np

from .inputs import is_frame, is_series

__all__ = ["DICT", "EXCEPTION", "FRAME", "VIEW", "Record", "exact", "plain", "structure"]

#: Kinds of records whose parts have keys and not attributes, and of those with columns.
DICT, FRAME = "dict", "DataFrame"

#: The kind of a record of an output and of what a user's function makes of it; and of an exception.
VIEW, EXCEPTION = "view", "exception"

_TEXTS = (datetime.date, datetime.time, datetime.timedelta, UUID, PurePath)


class Record(NamedTuple):
    """Parts with names, in order.

    Attributes
    ----------
    kind
        `DICT`, or the name of the type.
    names, values
        Keys or attributes, and the canonical value of each.
    """

    kind: str
    names: tuple[Any, ...]
    values: tuple[Any, ...]


def structure(value: Any, canonical: Callable[[Any], Any]) -> Any:
    """The canonical value of something with named or unordered parts, or of a value that is looked
    at as text; NotImplemented for all else. `canonical` is for the parts.

    Examples
    --------
    >>> structure({"a": 1}, lambda part: part)
    Record(kind='dict', names=('a',), values=(1,))
    """
    kind = type(value)
    if isinstance(value, Mapping):
        return _record(DICT, value.keys(), value.values(), canonical)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return _record(kind.__name__, value._fields, value, canonical)
    if isinstance(value, set | frozenset):
        return frozenset(map(canonical, value))
    if isinstance(value, type):
        return NotImplemented
    if is_dataclass(value):
        names = [field.name for field in fields(value)]
        return _record(kind.__name__, names, (getattr(value, n) for n in names), canonical)
    if isinstance(value, np.ma.MaskedArray):
        inside = (value.data.tolist(), np.ma.getmaskarray(value).tolist())
        return _record("MaskedArray", ("data", "mask"), inside, canonical)
    if is_frame(value):
        columns = (value.iloc[:, place].tolist() for place in range(value.shape[1]))
        by_name = _record(DICT, value.columns.tolist(), columns, canonical)
        index = canonical(value.index.tolist())
        return Record(FRAME, ("columns", "index"), (by_name, index))
    if is_series(value):
        if not hasattr(value, "index"):
            return canonical(value.tolist())
        named = (value.tolist(), value.index.tolist(), value.name)
        return _record("Series", ("values", "index", "name"), named, canonical)
    if isinstance(value, _TEXTS):
        return str(value)
    if _is_missing(value):
        return None
    if isinstance(value, SimpleNamespace) or hasattr(kind, "__attrs_attrs__") or _is_model(kind):
        return _record(kind.__name__, vars(value).keys(), vars(value).values(), canonical)
    return NotImplemented


def _record(kind: str, names: Any, values: Any, canonical: Callable[[Any], Any]) -> Record:
    return Record(kind, tuple(map(canonical, names)), tuple(map(canonical, values)))


def _is_missing(value: Any) -> bool:
    """Whether this is the missing value of pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and (value is pandas.NA or value is pandas.NaT)


def _is_model(kind: type) -> bool:
    """Whether instances are models of pydantic, all of whose fields are attributes."""
    return hasattr(kind, "__pydantic_fields__")


def exact(value: Any) -> Any:
    """What tells canonical values apart where `==` does not: 1 from True and 1.0, 0.0 from -0.0,
    and decimals with more digits.

    Examples
    --------
    >>> exact((1, "a")) == exact((True, "a")), exact("a")
    (False, 'a')
    """
    kind = type(value)
    if kind is str or kind is int or kind is bytes or value is None:
        return value
    if kind is tuple:
        return tuple(map(exact, value))
    if kind is Record:
        return (Record, value.kind, tuple(map(exact, value.names)), tuple(map(exact, value.values)))
    if kind is frozenset:
        return frozenset(map(exact, value))
    if kind is float and value == 0.0:
        return (kind, str(value))
    return (kind, value.as_tuple()) if hasattr(value, "as_tuple") else (kind, value)


def plain(value: Any) -> Any:
    """A canonical value as Python would show it, for reports.

    Examples
    --------
    >>> plain(Record("dict", ("a",), ((1, 2),))), plain(Record("Sum", ("total",), (3,)))
    ({'a': (1, 2)}, Sum(total=3))
    """
    if type(value) is Record:
        parts = dict(zip(map(plain, value.names), map(plain, value.values), strict=True))
        return parts if value.kind == DICT else _Shown(value.kind, parts)
    if type(value) is tuple:
        return tuple(map(plain, value))
    if type(value) is frozenset:
        return _Members(sorted(map(repr, map(plain, value))))
    return value


class _Shown:
    """Something with attributes, as its type would show it; can be a key of a dictionary."""

    def __init__(self, kind: str, parts: Mapping[Any, Any]) -> None:
        self._kind, self._parts = kind, parts

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self._parts.items())
        return f"{self._kind}({inside})"


class _Members:
    """A set in one order, whatever that of its members in memory."""

    def __init__(self, members: list[str]) -> None:
        self._members = members

    def __repr__(self) -> str:
        return f"{{{', '.join(self._members)}}}" if self._members else "set()"
