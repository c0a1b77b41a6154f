"""What all numeric mechanisms share: the base class, and the checks of inputs.

They are specimens for statistical audits: textbook mechanisms and published mistakes, each with
what it claims and the epsilon that it really has. Noise is drawn in double precision by NumPy's
generators, so the shipped code leaks through the last bits of its outputs (Mironov, CCS 2012);
`true_epsilon` speaks of the ideal law.

Outputs have one convention: `sample` returns an array whose first axis has length `size`. One
number an output gives shape (size,), a vector of n answers gives (size, n).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...claims import ApproximateDP, PureDP
from ...errors import InputError, require_count, require_memory, require_positive

__all__ = [
    "EVERY_COORDINATE",
    "ONE_COORDINATE",
    "ONE_NUMBER",
    "Outputs",
    "Specimen",
    "require_epsilon",
    "require_number",
    "require_size",
    "require_vector",
    "require_whole",
]

#: finite: one of finitely many values; whole: whole numbers; real: one real number; vector: real
#: numbers; mixed: a vector of real numbers and the symbols BELOW and NOT_ASKED.
Outputs = Literal["finite", "whole", "real", "vector", "mixed"]

ONE_NUMBER = "two numbers that differ by at most 1"
EVERY_COORDINATE = "vectors of query answers that differ by at most 1 in every coordinate"
ONE_COORDINATE = "vectors that differ in a single coordinate, and there by at most 1"

#: Largest absolute value of an input, and bounds on epsilon: so no output can overflow.
_LARGEST = 2**53
_LEAST_EPSILON, _LARGEST_EPSILON = 1e-9, 1e9


class Specimen(ABC):
    """A numeric mechanism with a claim and, where it is known, the epsilon that it really has.

    Subclasses are frozen dataclasses whose fields are the parameters.

    Attributes
    ----------
    name
        The name in `catalogue.NUMBERS`.
    outputs
        The kind of its outputs, see `Outputs`.
    flaw
        What is wrong with it and who found it, in one sentence; empty if nothing is.
    """

    name: ClassVar[str]
    outputs: ClassVar[Outputs]
    flaw: ClassVar[str] = ""

    @property
    def parameters(self) -> Mapping[str, float | int]:
        """Parameters by the names that the constructor uses."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    @property
    @abstractmethod
    def claim(self) -> PureDP | ApproximateDP:
        """What the mechanism promises, on which neighbours, and who says so."""

    @property
    @abstractmethod
    def true_epsilon(self) -> float | None:
        """The least epsilon for which the claim would be true at its delta: a supremum over all
        neighbouring inputs, infinite if there is none, None if it is not known."""

    @property
    def broken(self) -> bool:
        """Whether the claim is known to be false."""
        true = self.true_epsilon
        return true is not None and true > self.claim.epsilon * (1.0 + 1e-9)

    @abstractmethod
    def sample(self, x: Any, size: int, rng: Generator) -> NDArray[Any]:
        """`size` independent outputs on the input x, along the first axis.

        Uses the generator's stream output by output: splitting a sample into batches does not
        change it.

        Raises
        ------
        InputError
            If x is not an input of this mechanism or `size` is not a whole number of 1 or more.
        """


def require_size(size: int, columns: int = 1) -> int:
    """Return `size` if it is a whole number of 1 or more and the draws fit into memory.

    Examples
    --------
    >>> require_size(3)
    3
    """
    size = require_count("size", size)
    require_memory(f"a sample of {size:,} outputs", 32 * size * columns, "Draw fewer at once.")
    return size


def require_epsilon(epsilon: float) -> float:
    """Return `epsilon` as a float if it lies between 1e-9 and 1e9.

    Examples
    --------
    >>> require_epsilon(1e-12)
    Traceback (most recent call last):
    ...
    dpaudit.errors.InputError: epsilon is 1e-12, but it must be between 1e-09 and 1e+09.
    """
    epsilon = require_positive("epsilon", epsilon)
    if not _LEAST_EPSILON <= epsilon <= _LARGEST_EPSILON:
        raise InputError(
            f"epsilon is {epsilon:g}, but it must be between {_LEAST_EPSILON:g} and "
            f"{_LARGEST_EPSILON:g}."
        )
    return epsilon


def require_number(name: str, value: Any) -> float:
    """Return `value` as a float if it is a number from -2^53 to 2^53.

    Examples
    --------
    >>> require_number("x", 2)
    2.0
    >>> require_number("x", float("inf"))
    Traceback (most recent call last):
    ...
    dpaudit.errors.InputError: x is inf, but it must be a number from -2^53 to 2^53.
    """
    array = _array(value)
    if array.shape != () or array.dtype.kind not in "iuf" or not abs(float(array)) <= _LARGEST:
        raise InputError(f"{name} is {value!r}, but it must be a number from -2^53 to 2^53.")
    return float(array)


def require_whole(name: str, value: Any, least: int, largest: int) -> int:
    """Return `value` as an int if it is a whole number from `least` to `largest`.

    Examples
    --------
    >>> require_whole("x", 1.0, 0, 1)
    1
    >>> require_whole("x", 2, 0, 1)
    Traceback (most recent call last):
    ...
    dpaudit.errors.InputError: x is 2, but it must be a whole number from 0 to 1.
    """
    least, largest = max(least, -_LARGEST), min(largest, _LARGEST)
    array = _array(value)
    fits = array.shape == () and array.dtype.kind in "iuf" and math.isfinite(array)
    if not (fits and array == np.floor(array) and least <= array <= largest):
        raise InputError(
            f"{name} is {value!r}, but it must be a whole number from {least:,} to {largest:,}."
        )
    return int(array)


def require_vector(x: Any, length: int) -> NDArray[np.float64]:
    """Return `x` as an array of floats if it is a vector of `length` numbers from -2^53 to 2^53.

    Examples
    --------
    >>> require_vector((1, 2), 2).tolist()
    [1.0, 2.0]
    >>> require_vector([1.0], 2)
    Traceback (most recent call last):
    ...
    dpaudit.errors.InputError: x is [1.0], but it must be a vector of 2 numbers, -2^53 to 2^53.
    """
    array = _array(x)
    if array.shape == (length,) and array.dtype.kind in "iuf":
        numbers = array.astype(np.float64)
        if (np.abs(numbers) <= _LARGEST).all():
            return numbers
    raise InputError(f"x is {x!r}, but it must be a vector of {length} numbers, -2^53 to 2^53.")


def _array(value: Any) -> NDArray[Any]:
    try:
        return np.asarray(value)
    except ValueError:  # rows of different lengths
        return np.empty((0, 0))
