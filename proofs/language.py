"""The formal language: relations between real terms, and what follows from which hypotheses.

Terms are SymPy expressions. A free symbol stands for every value that its declared assumptions
allow; an undeclared function such as d(i, j) for every function with its declared assumptions.
A term outside its domain (1/0, the logarithm of 0) has no agreed value, so `checker` admits
only terms that are real for all those values, see `signs`. A sum from a to a - 1 is zero; one over
a range with b < a - 1 has the value that SymPy gives it (Karr), and rules ask that there is none.
An integral, infinite sum, limit or derivative stands for its value: statements speak of the case
that it exists.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import sympy as sp

__all__ = [
    "Formula",
    "Judgement",
    "Relation",
    "Values",
    "binders",
    "canonical",
    "eq",
    "free_symbols",
    "ge",
    "gt",
    "le",
    "lt",
    "ne",
    "renamed",
]

Expr = Any  # SymPy ships no types
Values = tuple[tuple[Expr, Expr], ...]

#: Terms that bind a variable and that rules can look into; all others are left alone.
BINDERS = (sp.Sum, sp.Product, sp.Integral)
OTHER_BINDERS = (sp.Limit, sp.Derivative, sp.Lambda, sp.Subs, sp.ConditionSet, sp.Order)


@dataclass(frozen=True)
class Relation:
    """left op right, with op one of <=, <, == and !=. Kept as written, never evaluated."""

    left: Expr
    op: Literal["<=", "<", "==", "!="]
    right: Expr

    def __str__(self) -> str:
        return f"{self.left} {self.op} {self.right}"

    @property
    def negation(self) -> "Relation":
        """What holds exactly when this does not."""
        if self.op in ("<=", "<"):
            return Relation(self.right, "<" if self.op == "<=" else "<=", self.left)
        return Relation(self.left, "!=" if self.op == "==" else "==", self.right)


def le(left: Any, right: Any) -> Relation:
    """left <= right.

    >>> x = sp.Symbol("x", real=True)
    >>> print(le(x, x + 1))
    x <= x + 1
    """
    return Relation(sp.sympify(left), "<=", sp.sympify(right))


def lt(left: Any, right: Any) -> Relation:
    """left < right."""
    return Relation(sp.sympify(left), "<", sp.sympify(right))


def ge(left: Any, right: Any) -> Relation:
    """left >= right, kept as right <= left."""
    return le(right, left)


def gt(left: Any, right: Any) -> Relation:
    """left > right, kept as right < left."""
    return lt(right, left)


def eq(left: Any, right: Any) -> Relation:
    """left == right."""
    return Relation(sp.sympify(left), "==", sp.sympify(right))


def ne(left: Any, right: Any) -> Relation:
    """left != right."""
    return Relation(sp.sympify(left), "!=", sp.sympify(right))


@dataclass(frozen=True)
class Formula:
    """For all values of `forall`: if all of `given` hold, so does `relation`."""

    relation: Relation
    given: tuple[Relation, ...] = ()
    forall: tuple[Expr, ...] = ()

    def __str__(self) -> str:
        names = ", ".join(map(str, self.forall))
        prefix = f"for all {names}: " if self.forall else ""
        condition = f"if {' and '.join(map(str, self.given))} then " if self.given else ""
        return f"{prefix}{condition}{self.relation}"


@dataclass(frozen=True)
class Judgement:
    """The conclusion holds wherever all hypotheses do. Hypotheses are kept in canonical form."""

    conclusion: Relation
    hypotheses: frozenset[Formula] = field(default_factory=frozenset)


@lru_cache(maxsize=20_000)
def _canonical(term: Expr, depth: int) -> Expr:
    if not term.args or not term.has(*BINDERS):
        return term
    if not isinstance(term, BINDERS):
        return term.func(*(_canonical(argument, depth) for argument in term.args))
    (variable, *limits), *rest = term.limits
    body = term.function if not rest else type(term)(term.function, *rest[::-1])
    fresh = sp.Symbol(f"_bound{depth}", **variable.assumptions0)
    body = _canonical(body.xreplace({variable: fresh}), depth + 1)
    return type(term)(body, (fresh, *(_canonical(limit, depth) for limit in limits)))


def canonical(thing: Any) -> Any:
    """The same term, relation or formula with bound variables of sums and integrals renamed by
    their depth, so that two that differ in those names only become equal.

    >>> j, k = sp.symbols("j k", integer=True)
    >>> canonical(sp.Sum(j, (j, 1, 9))) == canonical(sp.Sum(k, (k, 1, 9)))
    True
    """
    if isinstance(thing, Relation):
        return Relation(_canonical(thing.left, 0), thing.op, _canonical(thing.right, 0))
    if isinstance(thing, Formula):
        names = {
            symbol: sp.Symbol(f"_forall{place}", **symbol.assumptions0)
            for place, symbol in enumerate(thing.forall)
        }
        return Formula(
            canonical(renamed(thing.relation, names)),
            tuple(canonical(renamed(relation, names)) for relation in thing.given),
            tuple(names.values()),
        )
    return _canonical(thing, 0)


def renamed(relation: Relation, values: Mapping[Expr, Expr]) -> Relation:
    """The relation with symbols exchanged for others that occur nowhere in it."""
    return Relation(relation.left.xreplace(values), relation.op, relation.right.xreplace(values))


def free_symbols(thing: Relation | Formula) -> set[Expr]:
    """Symbols that a relation or formula speaks about without binding them."""
    if isinstance(thing, Formula):
        relations = (thing.relation, *thing.given)
        return set().union(*map(free_symbols, relations)) - set(thing.forall)
    return thing.left.free_symbols | thing.right.free_symbols


def binders(relation: Relation) -> list[Expr]:
    """All sums, products and integrals within a relation."""
    return [*relation.left.atoms(*BINDERS), *relation.right.atoms(*BINDERS)]
