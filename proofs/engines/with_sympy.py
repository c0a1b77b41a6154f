"""SymPy: identities, limits, sums and integrals, by exact simplification; signs of terms."""

from typing import Any

import sympy as sp

from ..language import BINDERS, Relation
from ..signs import known, known_relation, opaque
from ..substitution import substitute
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
    if any(sp.expand(rewrite(gap)) == 0 for rewrite in (_linear, _last_terms_apart)):
        return Answer("holds", "the difference expands to 0")
    # With sums as they are, with their last terms apart, and as unknown numbers of known sign.
    for start in dict.fromkeys((gap, _last_terms_apart(gap), opaque(gap))):
        gap = start
        for simplify in (sp.expand, sp.simplify, _evaluated, _through_exponentials):
            gap = simplify(gap)
            if gap == 0:
                return Answer("holds", "the difference simplifies to 0")
            if gap.is_Rational:
                return Answer(
                    "fails", f"the difference of the two sides is {gap}", (("gap", str(gap)),)
                )
    return UNKNOWN


def _linear(term: Expr) -> Expr:
    """The term with sums and integrals of one term each, constant factors before them."""

    def split(part: Expr) -> Expr:
        total = sp.Integer(0)
        for summand in sp.Add.make_args(sp.expand(part.function)):
            constant, rest = summand.as_independent(part.limits[0][0], as_Add=False)
            total += constant * part.func(rest, *part.limits)
        return total

    return term.replace(
        lambda part: isinstance(part, sp.Sum | sp.Integral) and len(part.limits) == 1, split
    )


def _last_terms_apart(term: Expr) -> Expr:
    """The term with every sum and product from a to u + 1, a ≤ u + 1, split at u."""

    def ends_after(part: Expr) -> bool:
        if not isinstance(part, sp.Sum | sp.Product) or len(part.limits) > 1:
            return False
        _, lower, upper = part.limits[0]
        return bool(upper.is_Add and upper.args[0] == 1) and known(upper - lower, "nonnegative")

    def split(part: Expr) -> Expr:
        (variable, lower, upper), body = part.limits[0], part.function
        last = substitute(body, ((variable, upper),))
        rest = part.func(body, (variable, lower, upper - 1))
        return rest + last if isinstance(part, sp.Sum) else rest * last

    return term.replace(ends_after, split)


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
