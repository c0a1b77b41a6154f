"""What all outputs that were drawn have in common: whether there is only one, or nothing but NaN.

A mechanism that always answers the same, or never with a number, passes every test of its outputs,
and is most often broken.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .failures import shorten

__all__ = ["Seen"]


class Seen:
    """Looks at every output of an audit, until it is plain that they differ.

    Examples
    --------
    >>> seen = Seen()
    >>> seen.add(np.array([np.nan, np.nan]))
    >>> seen.only_nan, seen.constant
    (True, 'nan')
    >>> seen.add(np.array([1.0]))
    >>> seen.only_nan, seen.constant
    (False, None)
    """

    def __init__(self) -> None:
        self._first: Any = None
        self._any = False
        self._constant = self._nan = True

    @property
    def only_nan(self) -> bool:
        """Whether there were outputs, and all of them hold nothing but NaN."""
        return self._any and self._nan

    @property
    def constant(self) -> str | None:
        """The only output, for a report; None if there are several, or none."""
        return shorten(self._first) if self._any and self._constant else None

    def add(self, outputs: NDArray[Any]) -> None:
        """Look at some outputs, as `outputs.settled` gives them."""
        if not len(outputs) or not (self._constant or self._nan):
            return
        if not self._any:
            self._first, self._any = _value(outputs[0]), True
        look = _look_at_values if outputs.dtype == object else _look_at_numbers
        nan, constant = look(outputs, self._first)
        self._nan, self._constant = self._nan and nan, self._constant and constant


def _look_at_values(outputs: NDArray[Any], first: Any) -> tuple[bool, bool]:
    """Whether all of them are NaN, and whether all are the same as the first one."""
    return all(map(_is_nan, outputs)), all(_same(one, first) for one in outputs)


def _look_at_numbers(outputs: NDArray[Any], first: Any) -> tuple[bool, bool]:
    """The same for an array of numbers."""
    nan = outputs != outputs
    if not isinstance(first, bool | int | float | list):  # it was none of an array of numbers
        return bool(nan.all()), False
    expected = np.asarray(first)
    if expected.shape != outputs.shape[1:]:
        return bool(nan.all()), False
    same = (outputs == expected) | (nan & (expected != expected))
    return bool(nan.all()), bool(same.all())


def _value(output: Any) -> Any:
    return output.tolist() if isinstance(output, np.ndarray | np.generic) else output


def _is_nan(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return len(value) > 0 and all(map(_is_nan, value))
    return bool(value != value)


def _same(value: Any, other: Any) -> bool:
    if isinstance(value, tuple | list) and isinstance(other, tuple | list):
        return len(value) == len(other) and all(map(_same, value, other))
    return bool(value == other) or (_is_nan(value) and _is_nan(other))
