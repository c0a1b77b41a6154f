"""Every error that dpaudit raises on purpose, under one root.

An error that a user can mend is also the built-in kind that a Python programmer would expect
(`ValueError`, `ArithmeticError`), and its message names the argument, the value, the bound that
it misses and the way out. The checks that many rooms share are at the end of the file, so that
their messages are worded once.
"""

import math
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path

from .visible import visible

__all__ = [
    "ClaimError",
    "DPAuditError",
    "InputError",
    "InternalError",
    "MemoryNeededError",
    "NumericalError",
    "SpaceError",
    "UnknownWordError",
    "VerdictError",
    "available_memory",
    "on_command_line",
    "option",
    "refuse_unused",
    "require_count",
    "require_fraction",
    "require_memory",
    "require_positive",
]


class DPAuditError(Exception):
    """Root of all errors raised by dpaudit; foreign text in its message is made visible."""

    def __str__(self) -> str:
        return visible(super().__str__())


class InputError(DPAuditError, ValueError):
    """An argument, option or file is unusable: exit code 2 on the command line."""


class ClaimError(InputError):
    """A mechanism cannot be built so that it would make the claim asked for."""


class SpaceError(InputError):
    """An embedding space or the file that should hold one is unusable."""


class UnknownWordError(SpaceError):
    """A word is not in the vocabulary."""


class MemoryNeededError(InputError):
    """The work asked for needs more memory than the machine has free."""


class InternalError(DPAuditError):
    """A fault of dpaudit itself: no verdict, and exit code 4 on the command line."""


class VerdictError(DPAuditError, AssertionError):
    """A claim is violated, or nothing was decided about it (`raise_for_verdict`)."""


class NumericalError(DPAuditError, ArithmeticError):
    """A computation failed or missed its tolerance: the verdict is `inconclusive`."""


_on_command_line = False


@contextmanager
def on_command_line() -> Iterator[None]:
    """Within the block, messages name options as the command line writes them."""
    global _on_command_line
    before, _on_command_line = _on_command_line, True
    try:
        yield
    finally:
        _on_command_line = before


def option(name: str, value: object = None) -> str:
    """An option with its value as the reader of a message writes it, in Python or in a shell.

    Parameters
    ----------
    name
        As in Python, “on_duplicate”.
    value
        None for the name alone, True for a switch.

    Examples
    --------
    >>> option("on_duplicate", "drop"), option("limit"), option("bits", True)
    ("on_duplicate='drop'", 'limit', 'bits=True')
    >>> with on_command_line():
    ...     option("on_duplicate", "drop"), option("limit"), option("bits", True)
    ('--on-duplicate drop', '--limit', '--bits')
    """
    if not _on_command_line:
        return name if value is None else f"{name}={value!r}"
    written = f"--{name.replace('_', '-')}"
    return written if value is None or value is True else f"{written} {value}"


def refuse_unused(given: Mapping[str, object], used: Collection[str], what: str) -> None:
    """Raise `InputError` if an option was given that would have no effect.

    Parameters
    ----------
    given
        Values by name; None and False stand for options that were not given.
    used
        Names of those that have an effect.
    what
        What they have none on, in words.

    Examples
    --------
    >>> refuse_unused({"draws": None, "bits": False}, (), "an exact audit")
    >>> refuse_unused({"draws": 10}, (), "an exact audit")
    Traceback (most recent call last):
    ...
    dpaudit.errors.InputError: draws has no effect on an exact audit: leave it out.
    """
    for name, value in given.items():
        if value is not None and value is not False and name not in used:
            raise InputError(f"{option(name)} has no effect on {what}: leave it out.")


def require_positive(name: str, value: float, way_out: str = "") -> float:
    """Return `value` as a float if it is a finite number above zero.

    Raises
    ------
    InputError
        Otherwise; `way_out` is appended to the message.

    Examples
    --------
    >>> require_positive("epsilon", 2)
    2.0
    >>> require_positive("epsilon", float("nan"))
    Traceback (most recent call last):
    ...
    dpaudit.errors.InputError: epsilon is nan, but it must be a finite number above 0.
    """
    number = _as_float(name, value)
    if not (math.isfinite(number) and number > 0.0):
        raise InputError(
            f"{name} is {number:g}, but it must be a finite number above 0.{_space(way_out)}"
        )
    return number


def require_fraction(name: str, value: float, way_out: str = "") -> float:
    """Return `value` as a float if it lies in [0, 1); raise `InputError` otherwise.

    Examples
    --------
    >>> require_fraction("delta", 0)
    0.0
    >>> require_fraction("delta", 1.0)
    Traceback (most recent call last):
    ...
    dpaudit.errors.InputError: delta is 1, but it must be at least 0 and below 1.
    """
    number = _as_float(name, value)
    if not 0.0 <= number < 1.0:
        raise InputError(
            f"{name} is {number:g}, but it must be at least 0 and below 1.{_space(way_out)}"
        )
    return number


def require_count(name: str, value: int, largest: int | None = None) -> int:
    """Return `value` as an int if it is a whole number from 1 to `largest`.

    Raises
    ------
    InputError
        Otherwise.

    Examples
    --------
    >>> require_count("k", 3, 10)
    3
    >>> require_count("k", 11, 10)
    Traceback (most recent call last):
    ...
    dpaudit.errors.InputError: k is 11, but it must be a whole number from 1 to 10.
    """
    bounds = "of 1 or more" if largest is None else f"from 1 to {largest:,}"
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not (whole and value >= 1 and (largest is None or value <= largest)):
        raise InputError(f"{name} is {value!r}, but it must be a whole number {bounds}.")
    return int(value)


def available_memory() -> int:
    """Bytes of memory that can be had without swapping, or a very large number if unknown."""
    try:
        with Path("/proc/meminfo").open(encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 2**62


def require_memory(purpose: str, needed: int, way_out: str = "") -> None:
    """Raise `MemoryNeededError` before `needed` bytes are allocated that are not there.

    The usual way out are fewer words.

    Examples
    --------
    >>> require_memory("one number", 8, "Count less.")
    >>> require_memory("the law", 2**70, "Use fewer words.")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    dpaudit.errors.MemoryNeededError: the law needs 1,180,591,620,717.4 GB of memory, but ...
    """
    available = available_memory()
    if needed > available:
        way_out = way_out or f"Use fewer words ({option('limit')})."
        raise MemoryNeededError(
            f"{purpose} needs {needed / 1e9:,.1f} GB of memory, but only "
            f"{available / 1e9:,.1f} GB is free. {way_out}"
        )


def _as_float(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(f"{name} is {value!r}, but it must be a number.")
    try:
        return float(value)
    except OverflowError:
        raise InputError(f"{name} is a number too large for a float.") from None


def _space(way_out: str) -> str:
    return f" {way_out}" if way_out else ""
