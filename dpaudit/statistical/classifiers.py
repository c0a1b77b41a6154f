"""Attackers by classifiers that a user has fitted: any function of the output is a valid one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, option
from .attackers import Attacker, Goal
from .cuts import cut_attackers, in_order
from .drawing.structures import VIEW, Record, plain
from .features import is_numeric

__all__ = ["ClassifierScore", "classifier_attackers", "require_classifiers"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Probabilities closer to 0 or 1 say no more.
_LEAST = 1e-12


@dataclass(frozen=True, eq=False)
class ClassifierScore:
    """The log odds of a fitted classifier of two classes, times `sign`.

    It is given what it was fitted to: numbers and vectors as an array of shape (N, k), all else as
    a list of outputs; where there is a function of features, what this made of the outputs.
    """

    model: Any
    sign: float

    def __call__(self, outputs: NDArray[Any]) -> Floats:
        """Scores of outputs, shape (N,)."""
        given = _given(outputs)
        name = type(self.model).__name__
        try:
            if hasattr(self.model, "decision_function"):
                found = np.asarray(self.model.decision_function(given), dtype=np.float64)
            else:
                rates = np.asarray(self.model.predict_proba(given), dtype=np.float64)
                rates = np.clip(rates, _LEAST, 1.0 - _LEAST)
                found = np.log(rates[:, 1]) - np.log(rates[:, 0])
        except Exception as error:  # code of the user's
            raise InputError(
                f"{option('attackers')}: {name} raised {type(error).__name__} on outputs: {error}. "
                "It must be fitted to outputs as they come: arrays of shape (N, k) for numbers, "
                "lists for all else."
            ) from error
        if found.shape != (len(outputs),):
            raise InputError(
                f"{option('attackers')}: {name} gave scores of shape {found.shape} to "
                f"{len(outputs):,} outputs, but there must be one an output: a classifier of two "
                "classes, the two inputs."
            )
        return self.sign * found


def _given(outputs: NDArray[Any]) -> Any:
    if is_numeric(outputs):
        return outputs.reshape(len(outputs), -1)
    values = [_viewed(output) for output in outputs]
    rows = [value if isinstance(value, tuple) else (value,) for value in values]
    if len(set(map(len, rows))) == 1 and all(map(_are_numbers, rows)):
        return np.array(rows, dtype=np.float64)
    return [plain(value) for value in values]


def _viewed(output: Any) -> Any:
    if type(output) is Record and output.kind == VIEW:
        return output.values[1]
    return output


def _are_numbers(row: tuple[Any, ...]) -> bool:
    return bool(row) and all(isinstance(part, int | float) for part in row)


def require_classifiers(models: Any) -> tuple[Any, ...]:
    """One fitted classifier or several, as a tuple.

    Raises
    ------
    InputError
        If one has no scores or is not of two classes.

    Examples
    --------
    >>> require_classifiers(None)
    ()
    """
    if models is None:
        return ()
    found = tuple(models) if isinstance(models, list | tuple) else (models,)
    for model in found:
        name = type(model).__name__
        if not (hasattr(model, "decision_function") or hasattr(model, "predict_proba")):
            raise InputError(
                f"{option('attackers')} holds {name}, but it must be a classifier with "
                "decision_function or predict_proba."
            )
        classes = getattr(model, "classes_", None)
        if classes is None or len(classes) != 2:
            count = "is not fitted" if classes is None else f"has {len(classes)} classes"
            raise InputError(
                f"{option('attackers')}: {name} {count}, but it must be fitted to two classes, the "
                "two inputs."
            )
    return found


def classifier_attackers(
    models: Sequence[Any], outputs: NDArray[Any], labels: Bools, goal: Goal
) -> list[Attacker]:
    """Attackers by classifiers, with cuts from learning draws; whichever class stands for which
    input."""
    firsts = labels.astype(np.float64)
    found: list[Attacker] = []
    for model in models:
        scores = ClassifierScore(model, 1.0)(outputs)
        ordered = in_order(scores, firsts, 1.0 - firsts)
        rounds = float(len(labels))
        found += cut_attackers(ClassifierScore(model, 1.0), ordered, rounds, goal)
        found += cut_attackers(ClassifierScore(model, -1.0), ordered.reversed(), rounds, goal)
    return [one for one in found if math.isfinite(one.excess)]
