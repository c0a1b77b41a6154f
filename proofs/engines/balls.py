"""Terms in ball arithmetic: enclosures of their value, never a guess."""

from collections.abc import Mapping
from typing import Any

import flint
import sympy as sp
from sympy.core.function import AppliedUndef

from ..language import BINDERS, Relation, binders, free_symbols
from ..signs import respects

__all__ = ["enclose", "ground_truth", "truth", "verified"]

Expr = Any
Ball = Any

_FUNCTIONS = {
    sp.exp: "exp",
    sp.log: "log",
    sp.gamma: "gamma",
    sp.loggamma: "lgamma",
    sp.LambertW: "lambertw",
    sp.erf: "erf",
    sp.erfc: "erfc",
    sp.sin: "sin",
    sp.cos: "cos",
    sp.tanh: "tanh",
    sp.sinh: "sinh",
    sp.cosh: "cosh",
}

#: Longest sum that is added up term by term.
_TERMS = 5_000


class _CannotError(ValueError):
    """There is no enclosure for this term."""


def enclose(term: Expr, box: Mapping[Expr, Ball]) -> Ball:
    """A ball that contains the term for all values in a box; not finite where there is none.

    >>> x = sp.Symbol("x", real=True)
    >>> print(enclose(sp.exp(x) - 1, {x: flint.arb(0)}))
    0
    """
    try:
        return _enclose(sp.sympify(term), box)
    except _CannotError:
        return flint.arb("nan")


def _enclose(term: Expr, box: Mapping[Expr, Ball]) -> Ball:
    if term in box:
        return box[term]
    if term.is_Rational:
        return flint.arb(flint.fmpq(int(term.p), int(term.q)))
    if term is sp.pi:
        return flint.arb.pi()
    if term is sp.E:
        return flint.arb(1).exp()
    if isinstance(term, BINDERS):
        return _sum(term, box)
    values = [_enclose(argument, box) for argument in term.args]
    if not values or not all(value.is_finite() for value in values):
        raise _CannotError(term)
    if term.is_Add:
        return sum(values[1:], values[0])
    if term.is_Mul:
        product = values[0]
        for value in values[1:]:
            product = product * value
        return product
    if term.is_Pow:
        return _power(term.exp, *values)
    return _function(term, values)


def _function(term: Expr, values: list[Ball]) -> Ball:
    if isinstance(term, sp.Abs):
        return abs(values[0])
    if isinstance(term, sp.Max | sp.Min):
        name = "max" if isinstance(term, sp.Max) else "min"
        result = values[0]
        for value in values[1:]:
            result = getattr(result, name)(value)
        return result
    if isinstance(term, sp.factorial):
        return (values[0] + 1).gamma()
    if type(term) in _FUNCTIONS and len(values) == 1:
        return getattr(values[0], _FUNCTIONS[type(term)])()
    raise _CannotError(term)


def _power(exponent: Expr, base: Ball, value: Ball) -> Ball:
    if exponent.is_Integer:
        return base ** int(exponent)
    if exponent == sp.Rational(1, 2):
        return base.sqrt()
    if not base > 0:
        raise _CannotError(exponent)
    return (value * base.log()).exp()


def _sum(term: Expr, box: Mapping[Expr, Ball]) -> Ball:
    limits = term.limits[0]
    if isinstance(term, sp.Integral) or len(term.limits) > 1 or len(limits) != 3:
        raise _CannotError(term)
    variable, lower, upper = limits
    if not (lower.is_Integer and upper.is_Integer and -1 <= upper - lower < _TERMS):
        raise _CannotError(term)
    product = isinstance(term, sp.Product)
    total = flint.arb(1 if product else 0)
    for place in range(int(lower), int(upper) + 1):
        part = _enclose(term.function.xreplace({variable: sp.Integer(place)}), box)
        total = total * part if product else total + part
    return total


def truth(relation: Relation, box: Mapping[Expr, Ball]) -> bool | None:
    """Whether a relation holds everywhere in a box (True), nowhere (False), or neither is seen."""
    left, right = enclose(relation.left, box), enclose(relation.right, box)
    if not (left.is_finite() and right.is_finite()):
        return None
    if relation.op in ("<=", "<"):
        below = left <= right if relation.op == "<=" else left < right
        above = left > right if relation.op == "<=" else left >= right
        return True if below else False if above else None
    if left < right or left > right:
        return relation.op == "!="
    if left.is_exact() and right.is_exact():
        return relation.op == "=="
    return None


def ground_truth(relation: Relation) -> bool | None:
    """Whether a relation without free symbols holds, or None if that is not seen.

    >>> from ..language import lt
    >>> ground_truth(lt(sp.pi, sp.Rational(22, 7)))
    True
    """
    if free_symbols(relation):
        return None
    gap = sp.expand(relation.left - relation.right)
    if gap.is_Rational:
        outcomes = {"<=": gap <= 0, "<": gap < 0, "==": gap == 0, "!=": gap != 0}
        return bool(outcomes[relation.op])
    before = flint.ctx.prec
    try:
        for precision in (64, 256, 1024):
            flint.ctx.prec = precision
            seen = truth(relation, {})
            if seen is not None:
                return seen
    finally:
        flint.ctx.prec = before
    return None


def verified(premises: tuple[Relation, ...], goal: Relation, values: Mapping[Expr, Expr]) -> bool:
    """Whether values of symbols and function terms satisfy all premises and break the goal.

    Values are rational. Symbols must take values of their declared kind, and equal function
    terms equal values, or else no function has these values. A function within a sum has more
    values than one: nothing is said about it.
    """
    if any(term.has(AppliedUndef) for part in (*premises, goal) for term in binders(part)):
        return False
    symbols = {term: value for term, value in values.items() if term.is_Symbol}
    if not all(respects(value, symbol) for symbol, value in symbols.items()):
        return False
    functions: dict[Expr, Expr] = {}
    for term, value in values.items():
        if not term.is_Symbol:
            place = term.func(*(argument.xreplace(symbols) for argument in term.args))
            if functions.setdefault(place, value) != value or not respects(value, term):
                return False

    def at_values(relation: Relation) -> Relation:
        sides = (
            side.xreplace(symbols).xreplace(functions) for side in (relation.left, relation.right)
        )
        left, right = sides
        return Relation(left, relation.op, right)

    return (
        all(ground_truth(at_values(premise)) is True for premise in premises)
        and ground_truth(at_values(goal)) is False
    )
