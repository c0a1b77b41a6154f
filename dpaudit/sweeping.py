"""Audits at several values of one parameter: what a choice of it is worth."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .auditing import audit
from .claims import Claim
from .errors import InputError
from .results import Curves
from .results.sweep import SweepPoint, SweepResult

__all__ = ["parse_values", "sweep"]

#: Values that one sweep may have.
_MOST_VALUES = 1000


def parse_values(text: str) -> tuple[str, list[float | int]]:
    """Name and values from “name=first:last:count”, evenly spaced, both ends included.

    Values are whole numbers if the ends are and the steps between them too.

    Raises
    ------
    InputError
        If the text does not look like that, or a number is out of range.

    Examples
    --------
    >>> parse_values("epsilon=1:2:3")
    ('epsilon', [1.0, 1.5, 2.0])
    >>> parse_values("k=5:15:3")
    ('k', [5, 10, 15])
    """
    name, equals, numbers = text.partition("=")
    parts = numbers.split(":")
    try:
        first, last, count = float(parts[0]), float(parts[1]), int(parts[2])
    except (ValueError, IndexError):
        count = 0
    if not (name and equals and len(parts) == 3 and 2 <= count <= _MOST_VALUES):
        raise InputError(
            f"--sweep is {text!r}, but it must look like epsilon=1:40:20, with 2 to "
            f"{_MOST_VALUES:,} values."
        )
    if not (math.isfinite(first) and math.isfinite(last) and first != last):
        raise InputError(f"--sweep is {text!r}, but it must go from one number to another one.")
    values = np.linspace(first, last, count).tolist()
    whole = all(value.is_integer() for value in values) and "." not in numbers
    return name, [int(value) for value in values] if whole else values


def sweep(
    build: Callable[[float | int], Any],
    parameter: str,
    values: Sequence[float | int],
    claim: Callable[[Any], Claim] | None = None,
    progress: Callable[[float], None] | None = None,
    **options: Any,
) -> SweepResult:
    """Audit the mechanism that `build` makes from each of the values.

    Parameters
    ----------
    build
        From a value of the parameter to a mechanism; may raise `InputError` for values that the
        mechanism refuses, which are kept with the reason.
    parameter, values
        Its name, for the result, and its values.
    claim
        The claim to check about a mechanism; by default its own.
    progress
        Called with the part of the values that is done.
    options
        Passed to `audit`.

    Raises
    ------
    InputError
        If the mechanism refuses every value.

    Examples
    --------
    >>> from dpaudit.mechanisms.spaces import EmbeddingSpace
    >>> from dpaudit.mechanisms.words.metric_exponential import MetricExponential
    >>> space = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]])
    >>> result = sweep(lambda value: MetricExponential(space, value), "epsilon", [1.0, 2.0])
    >>> [(value, round(audit.statistics.kept.mean, 4)) for value, audit in result.audited]
    [(1.0, 0.5605), (2.0, 0.7381)]
    """
    points, name = [], ""
    for done, value in enumerate(values, start=1):
        try:
            mechanism = build(value)
        except InputError as error:
            points.append(SweepPoint(value=value, result=None, refused=str(error)))
        else:
            name = mechanism.name
            method = "exact" if hasattr(mechanism, "log_laws") else "auto"
            checked = claim(mechanism) if claim else None
            result = audit(mechanism, checked, **{"method": method, **options})
            points.append(SweepPoint(value=value, result=_without_curves(result)))
        if progress:
            progress(done / len(values))
    if not name:
        raise InputError(f"No value of {parameter} is accepted. {points[0].refused}")
    return SweepResult(mechanism=name, parameter=parameter, points=tuple(points))


def _without_curves(result: Any) -> Any:
    return result.model_copy(update={"curves": Curves()})
