"""What is known of a term from the declared assumptions of its symbols alone.

SymPy's assumption system answers for elementary terms and is trusted with them; it is not asked
about sums, products and integrals, which are replaced by symbols of the sign that follows from
their parts. "Known" is never more than that: `None` and "false" both count as not known.
"""

from typing import Any

import sympy as sp

from .language import BINDERS, OTHER_BINDERS, Relation, canonical

__all__ = [
    "bounds_fit",
    "declared",
    "known",
    "known_relation",
    "opaque",
    "respects",
    "why_not_real",
]

Expr = Any


def known(term: Expr, property_name: str) -> bool:
    """Whether a term has a property such as "real" or "positive" for all values of its symbols.

    >>> n = sp.Symbol("n", integer=True, positive=True)
    >>> k = sp.Symbol("k", integer=True)
    >>> known(sp.Sum(sp.exp(-k), (k, 1, n)), "positive")
    True
    >>> known(1 / k, "real")
    False
    """
    term = opaque(sp.sympify(term))
    name = f"is_{property_name}"
    return getattr(term, name) is True or getattr(_from_zero(term), name) is True


def _from_zero(term: Expr) -> Expr:
    """The term with every positive integer n written as 1 + m, as SymPy does not see n ≥ 1."""
    symbols = (s for s in term.free_symbols if s.is_integer and s.is_positive)
    return term.xreplace(
        {s: 1 + sp.Symbol(f"_from_zero_{s}", integer=True, nonnegative=True) for s in symbols}
    )


def declared(name: Expr) -> dict[str, bool]:
    """What a symbol, or an undeclared function such as d(i, j), is declared to be."""
    facts = name.assumptions0 if name.is_Symbol else name.func.default_assumptions
    return {fact: value for fact, value in facts.items() if value is not None}


def respects(value: Expr, name: Expr) -> bool:
    """Whether a value has every property that a symbol or function is declared to have."""
    value = opaque(sp.sympify(value))
    return all(
        getattr(value, f"is_{fact}") is expected for fact, expected in declared(name).items()
    )


def known_relation(relation: Relation) -> bool:
    """Whether a relation holds for all values, by signs alone."""
    gap = relation.right - relation.left
    names = {"<=": "nonnegative", "<": "positive", "==": "zero", "!=": "nonzero"}
    return known(gap, names[relation.op]) or known(sp.expand(gap), names[relation.op])


def opaque(term: Expr) -> Expr:
    """The term with every outermost sum, product and integral replaced by a symbol of its sign."""
    term = canonical(term)
    if isinstance(term, OTHER_BINDERS):
        return sp.Symbol(f"_{term}")
    if isinstance(term, BINDERS):
        return sp.Symbol(f"_{sp.srepr(term)}", **_properties(term))
    if not term.args or not term.has(*BINDERS, *OTHER_BINDERS):
        return term
    return term.func(*map(opaque, term.args))


def _properties(term: Expr) -> dict[str, bool]:
    """Declared assumptions for the symbol that stands for a sum, product or integral."""
    if len(term.limits) > 1 or len(term.limits[0]) != 3 or not bounds_fit(term):
        return {}
    _, lower, upper = term.limits[0]
    body = term.function
    if not known(body, "real"):
        return {}
    infinite = lower == -sp.oo or upper == sp.oo
    if isinstance(term, sp.Integral) or infinite:
        ordered = infinite or known(upper - lower, "nonnegative")
        return _sign(body, "nonnegative") if ordered else {"real": True}
    # An empty sum is only agreed upon where it ends right below its beginning.
    if not known(upper - lower + 1, "nonnegative"):
        return {"real": True}
    if isinstance(term, sp.Product):
        return _sign(body, "positive")
    return _sign(body, "positive" if known(upper - lower, "nonnegative") else "nonnegative")


def _sign(body: Expr, strongest: str) -> dict[str, bool]:
    if strongest == "positive" and known(body, "positive"):
        return {"positive": True}
    return {"nonnegative": True} if known(body, "nonnegative") else {"real": True}


def bounds_fit(term: Expr) -> bool:
    """Whether the declared assumptions of a bound variable say no more than its range does."""
    variable, lower, upper = term.limits[0]
    integral = isinstance(term, sp.Integral)
    ends = [bound for bound in (lower, upper) if bound not in (sp.oo, -sp.oo)]
    if not all(known(bound, "real" if integral else "integer") for bound in ends):
        return False
    kind = {"real": True} if integral else {"integer": True}
    allowed = [kind]
    if known(lower, "nonnegative"):
        allowed.append({**kind, "nonnegative": True})
    # Dropping the end point 0 from an integral changes nothing.
    if known(lower, "positive") or (integral and known(lower, "nonnegative")):
        allowed.append({**kind, "positive": True})
    return any(
        variable.assumptions0 == sp.Symbol("_", **assumptions).assumptions0
        for assumptions in allowed
    )


def why_not_real(relation: Relation) -> str | None:
    """Why a relation has no agreed meaning, or None if both sides are real for all values."""
    for side in (relation.left, relation.right):
        if not isinstance(side, sp.Expr):
            return f"{side} is not a term"
        for symbol in side.free_symbols:
            if not known(symbol, "real") or symbol.name.startswith("_"):
                return f"{symbol} is not declared real, or its name is one that the checker uses"
        for term in side.atoms(*BINDERS):
            if len(term.limits) > 1 or len(term.limits[0]) != 3 or not bounds_fit(term):
                return f"the range of {term} does not fit its variable"
        evaluated = isinstance(side, sp.Limit | sp.Derivative) or side in (sp.oo, -sp.oo)
        if relation.op == "==" and evaluated:
            continue
        if not known(side, "real"):
            return f"{side} is not known to be real"
    return None
