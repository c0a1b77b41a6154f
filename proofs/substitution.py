"""Replacing symbols by terms: all at once, without capture, within their declared assumptions."""

from collections.abc import Iterable
from typing import Any

import sympy as sp

from .language import BINDERS, OTHER_BINDERS, Formula, Relation, Values, renamed
from .signs import respects

__all__ = ["substitute"]

Expr = Any


def substitute(thing: Any, values: Values) -> Any:
    """A term, relation or formula with symbols replaced, all at once and without capture.

    Raises
    ------
    ValueError
        If a value does not have the declared assumptions of its symbol, or if the term contains
        a limit, a derivative or another construct that this function does not look into.

    Examples
    --------
    >>> i, k = sp.symbols("i k", integer=True)
    >>> d = sp.Function("d")
    >>> print(substitute(sp.Sum(d(i, k), (k, 1, 3)), ((i, k),)))
    Sum(d(k, _k), (_k, 1, 3))
    """
    for symbol, value in values:
        if not symbol.is_Symbol or not respects(value, symbol):
            raise ValueError(f"{value} is not known to be all that {symbol} is declared to be")
    if len({symbol for symbol, _ in values}) < len(values):
        raise ValueError("a symbol has two values")
    return _substitute(thing, dict(values))


def _substitute(thing: Any, values: dict[Expr, Expr]) -> Any:
    if isinstance(thing, Relation):
        return Relation(_substitute(thing.left, values), thing.op, _substitute(thing.right, values))
    if isinstance(thing, Formula):
        return _substitute_formula(thing, values)
    values = {symbol: value for symbol, value in values.items() if symbol in thing.free_symbols}
    if not values:
        return thing
    if isinstance(thing, OTHER_BINDERS):
        raise ValueError(f"cannot substitute within {thing}")
    if not isinstance(thing, BINDERS):
        if not thing.args:
            return values[thing]
        return thing.func(*(_substitute(argument, values) for argument in thing.args))
    if len(thing.limits) > 1:
        raise ValueError(f"cannot substitute within {thing}: nest sums instead")
    ((variable, *limits),) = thing.limits
    inner = _without(values, (variable,))
    fresh = _fresh(variable, inner.values())
    body = _substitute(thing.function.xreplace({variable: fresh}), inner)
    return type(thing)(body, (fresh, *(_substitute(limit, values) for limit in limits)))


def _substitute_formula(formula: Formula, values: dict[Expr, Expr]) -> Formula:
    inner = _without(values, formula.forall)
    names = {symbol: _fresh(symbol, inner.values()) for symbol in formula.forall}
    return Formula(
        _substitute(renamed(formula.relation, names), inner),
        tuple(_substitute(renamed(relation, names), inner) for relation in formula.given),
        tuple(names.values()),
    )


def _without(values: dict[Expr, Expr], bound: Iterable[Expr]) -> dict[Expr, Expr]:
    return {symbol: value for symbol, value in values.items() if symbol not in set(bound)}


def _fresh(variable: Expr, values: Iterable[Expr]) -> Expr:
    """The variable itself, or a new one where a value would be captured by it."""
    if any(variable in value.free_symbols for value in values):
        return sp.Dummy(variable.name, **variable.assumptions0)
    return variable
