"""SymPy: identities, limits, sums and integrals, by exact simplification; signs of terms."""

from typing import Any

import sympy as sp

from ..language import BINDERS, Relation
from ..signs import known_relation
from .answer import UNKNOWN, Answer

__all__ = ["decide"]

Expr = Any


def decide(premises: tuple[Relation, ...], goal: Relation) -> Answer:
    """Whether the goal holds: an equation by simplifying the difference of its sides to 0, an
    inequality if the sign of the difference is known. Nothing is decided numerically.

    Premises that define a symbol or a function term, x = …, are inserted.

    >>> from ..language import eq
    >>> x = sp.Symbol("x", real=True)
    >>> decide((), eq(sp.sin(x) ** 2 + sp.cos(x) ** 2, 1)).verdict
    'holds'
    """
    left, right = _insert(premises, goal)
    if goal.op != "==":
        known = known_relation(Relation(left, goal.op, right))
        return Answer("holds", "the sign of the difference is known") if known else UNKNOWN
    if left in (sp.oo, -sp.oo) or right in (sp.oo, -sp.oo):
        return Answer("holds", "evaluated") if left.doit() == right.doit() else UNKNOWN
    gap = left - right
    for simplify in (sp.expand, sp.simplify, _evaluated, _through_exponentials):
        gap = simplify(gap)
        if gap == 0:
            return Answer("holds", "the difference simplifies to 0")
        if gap.is_Rational:
            return Answer(
                "fails", f"the difference of the two sides is {gap}", (("gap", str(gap)),)
            )
    return UNKNOWN


def _evaluated(term: Expr) -> Expr:
    return sp.simplify(term.doit())


def _through_exponentials(term: Expr) -> Expr:
    return sp.simplify(sp.expand_func(sp.expand_log(sp.powsimp(sp.expand(term)))))


def _insert(premises: tuple[Relation, ...], goal: Relation) -> tuple[Expr, Expr]:
    """Both sides with definitions among the premises inserted, in their order."""
    left, right = goal.left, goal.right
    for premise in premises:
        name = premise.left
        defines = name.is_Symbol or isinstance(name, sp.core.function.AppliedUndef)
        if premise.op != "==" or not defines or name in premise.right.atoms(type(name)):
            continue
        bound = {
            term.limits[0][0]
            for term in (left + right + premise.right).atoms(*BINDERS, sp.Limit)
            if isinstance(term, BINDERS)
        }
        if bound & (name.free_symbols | premise.right.free_symbols) or _has_limit(left, right):
            continue
        left, right = (side.xreplace({name: premise.right}) for side in (left, right))
    return left, right


def _has_limit(*sides: Expr) -> bool:
    """Whether a limit or derivative, in which nothing is inserted, occurs."""
    return any(side.has(sp.Limit, sp.Derivative, sp.Subs, sp.Lambda) for side in sides)
