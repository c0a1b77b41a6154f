"""Which parts of outputs were not looked at, though they came out.

A number is looked at by its order and need not come back. A symbol or a text that is different in
nearly every draw says nothing to a table; if nothing that can be derived from it takes few values
either, it may hold anything: an identifier, a hash or an encrypted input.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .derived import Derived, column, symbols
from .leaves import MISSING, Path, explored, name_of_path, parts_of
from .structured import derived_features

__all__ = ["unseen_leaves"]

#: Outputs that are looked at, and the fewest values of a leaf that tell.
_LOOK = 5_000
_LEAST = 100

#: Share of different values from which on a leaf counts as one whose values never come back.
_UNIQUE = 0.99

#: A derived feature takes few values up to this number, if it takes two at all.
_FEW = 64

#: Steps to what a collection has as a whole; and kinds of features that are made of all of a text.
_WHOLE = ("length", "order", "member", "sum", "min", "max")
_DERIVED = ("length", "character", "word", "token", "case", "type", "number inside")

#: Identifiers and digests: UUIDs, long hexadecimal numbers, and what base 64 makes of bytes. That
#: each of their characters takes few values says nothing about what all of them say.
_OPAQUE = re.compile(
    r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?=.*[a-fA-F])[0-9a-fA-F]{16,}"
    r"|(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9+/_-]{16,}={0,2}"
)


def unseen_leaves(outputs: NDArray[Any]) -> list[str]:
    """Names of the leaves of outputs that no attacker could make anything of, in order.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> outputs = np.empty(200, dtype=object)
    >>> outputs[:] = [("a", rng.bytes(16)) for _ in range(200)]
    >>> unseen_leaves(outputs)
    ['output[1]']
    """
    if outputs.dtype != object:
        return []
    outputs = outputs[:_LOOK]
    paths, found = explored(outputs)
    for path in paths:
        if path and path[-1][0] in _WHOLE:
            continue
        parts = parts_of(outputs, path)
        if _is_unseen(path, parts) and not _is_json(path, parts):
            found.append(name_of_path(path))
    return found


def _is_unseen(path: Path, parts: Sequence[Any]) -> bool:
    values = [part for part in parts if _is_symbolic(part)]
    if len(values) < _LEAST or len(set(values)) <= _UNIQUE * len(values):
        return False
    texts = [value for value in values if isinstance(value, str)]
    if texts and sum(map(bool, map(_OPAQUE.fullmatch, texts))) > _UNIQUE * len(values):
        return True
    return not any(_takes_few(values, one) for one in derived_features(path, values))


def _is_symbolic(part: Any) -> bool:
    """Whether a part is neither a number nor a collection."""
    return isinstance(part, str | bytes)


def _takes_few(values: Sequence[Any], feature: Derived) -> bool:
    """Whether a feature takes few values, but more than one."""
    if feature.kind not in _DERIVED:
        return False
    if feature.kind == "length":
        return 1 < len(set(map(len, values))) <= _FEW
    if feature.kind == "number inside":  # a number is looked at by its order
        return float(np.isnan(column(values, feature)).mean()) < 1.0 - _UNIQUE
    found = [symbol for symbol in symbols(values, feature) if symbol is not None]
    return len(found) > _UNIQUE * len(values) and 1 < len(set(found)) <= _FEW


def _is_json(path: Path, parts: Sequence[Any]) -> bool:
    """Whether all texts are JSON, which is looked at part by part."""
    texts = [part for part in parts if isinstance(part, str)]
    inside = parts_of(texts, (("json", None),))
    return bool(texts) and all(part is not MISSING for part in inside)
