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
    "parameter",
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


#: Stands for a limit that is not known, in bytes.
_UNKNOWN_MEMORY = 2**62

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


def parameter(name: str) -> str:
    """A parameter of a mechanism as the reader of a message gives it a value.

    Examples
    --------
    >>> parameter("epsilon"), parameter("k")
    ('epsilon=…', 'k=…')
    >>> with on_command_line():
    ...     parameter("epsilon"), parameter("k")
    ('--epsilon …', '--set k=…')
    """
    if not _on_command_line:
        return f"{name}=…"
    return "--epsilon …" if name == "epsilon" else f"--set {name}=…"


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
    """Bytes of memory that can be had: the least of what the machine has free without swapping,
    what the address space may still grow by (RLIMIT_AS) and what the control groups of the
    process leave; a very large number if nothing is known.

    Examples
    --------
    >>> available_memory() > 0
    True
    """
    return max(0, min(_free_memory(), _address_space_left(), _cgroup_memory_left()))


def _free_memory() -> int:
    try:
        with Path("/proc/meminfo").open(encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return _UNKNOWN_MEMORY


def _address_space_left() -> int:
    try:
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit == resource.RLIM_INFINITY:
            return _UNKNOWN_MEMORY
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        return limit - pages * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError, ValueError, IndexError):
        return _UNKNOWN_MEMORY


def _cgroup_memory_left(root: Path = Path("/sys/fs/cgroup"), own: Path | None = None) -> int:
    """What the limits of this process's control groups (version 2 or 1) leave, pages of files
    that the kernel can drop not counted as used.

    `own` is the file that lists its groups, one “number:controllers:path” a line.
    """
    try:
        lines = (own or Path("/proc/self/cgroup")).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return _UNKNOWN_MEMORY
    left = _UNKNOWN_MEMORY
    for line in lines:
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number == "0" and not controllers:
            base, limit, usage, droppable = root, "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            base, limit, usage = root / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            droppable = "total_inactive_file"
        else:
            continue
        # Every group above limits too; inside a container the path may be that of the host.
        group = base / path.strip("/")
        for folder in (group, *group.parents):
            if folder == base.parent:
                break
            left = min(left, _group_left(folder, limit, usage, droppable))
    return left


def _group_left(folder: Path, limit: str, usage: str, droppable: str) -> int:
    try:
        most = int((folder / limit).read_text(encoding="ascii"))  # “max” is no number: no limit
        used = int((folder / usage).read_text(encoding="ascii"))
        stat = dict(
            line.split(" ", 1)
            for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines()
        )
        return most - used + int(stat.get(droppable, 0))
    except (OSError, ValueError):
        return _UNKNOWN_MEMORY


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
