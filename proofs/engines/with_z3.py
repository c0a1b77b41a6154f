"""z3: nonlinear arithmetic over the reals, everything else abstracted to unknown reals.

An exponential of a sum is the product of the exponentials of its terms, a reciprocal is the
number whose product with the original is 1 (any number at all, where the original is 0), a square
root the nonnegative number whose square is the original (where that is not negative). Every other
term becomes a variable about which z3 knows its sign only (`signs`). Whatever z3 proves
holds for the original too; a model of z3 need not be one of the original and is verified first.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm
from typing import Any

import sympy as sp
import z3

from ..language import BINDERS, OTHER_BINDERS, Formula, Relation, canonical
from ..signs import known, opaque
from .answer import Answer
from .balls import verified

__all__ = ["contradictory", "decide"]

Expr = Any

#: Steps of z3 (deterministic, unlike time), and a limit in time beside it, in milliseconds.
_STEPS = 20_000_000
_MILLISECONDS = 10_000
_LARGEST_POWER = 12
_NOT_REAL = (sp.oo, -sp.oo, sp.zoo, sp.nan)


def decide(premises: tuple[Relation, ...], goal: Relation) -> Answer:
    """Whether the goal follows from the premises in real arithmetic.

    >>> from ..language import le
    >>> x, y = sp.symbols("x y", real=True)
    >>> decide((), le(2 * x * y, x**2 + y**2)).verdict
    'holds'
    """
    relations = (*premises, goal)
    if not all(map(_is_known, relations)):
        return Answer("unknown", "z3 does not know limits and infinities")
    translation = _Translation(relations)
    formulas = [translation.relation(premise) for premise in premises]
    refuted = z3.Not(translation.relation(goal))
    solver = z3.SolverFor("QF_NRA", ctx=translation.context)
    solver.set("rlimit", _STEPS)
    solver.set("timeout", _MILLISECONDS)
    solver.add(*formulas, *translation.facts, refuted)
    outcome = solver.check()
    if outcome == z3.unsat:
        return Answer("holds", "the negation has no solution")
    if outcome != z3.sat:
        return Answer("unknown", f"z3 gave up: {solver.reason_unknown()}")
    values = translation.values(solver.model(), relations)
    if values is None or not verified(premises, goal, values):
        return Answer("unknown", "z3 found no proof")
    shown = tuple(sorted((str(term), str(value)) for term, value in values.items()))
    return Answer("fails", "a counterexample, verified in exact or ball arithmetic", shown)


def contradictory(formulas: Sequence[Formula]) -> bool:
    """Whether z3 shows that no values meet the formulas, with their variables read as fixed.

    Formulas with limits and infinities are left out. False says nothing.

    >>> from ..language import ge, lt
    >>> x, y = sp.symbols("x y", real=True)
    >>> under = [Formula(lt(y, 0), given=(lt(0, x),)), Formula(ge(y, 0)), Formula(lt(0, x))]
    >>> contradictory(under), contradictory(under[:2])
    (True, False)
    """
    known_ones = [f for f in formulas if all(map(_is_known, (f.relation, *f.given)))]
    relations = tuple(relation for f in known_ones for relation in (f.relation, *f.given))
    translation = _Translation(relations)
    for formula in known_ones:
        holds = translation.relation(formula.relation)
        for condition in formula.given:
            holds = z3.Implies(translation.relation(condition), holds)
        translation.facts.append(holds)
    solver = z3.SolverFor("QF_NRA", ctx=translation.context)
    solver.set("rlimit", _STEPS // 10)
    solver.set("timeout", _MILLISECONDS // 10)
    solver.add(*translation.facts)
    return bool(solver.check() == z3.unsat)


def _is_known(relation: Relation) -> bool:
    """Whether a relation is without limits and infinities."""
    return not any(
        side.has(*OTHER_BINDERS) or opaque(side).has(*_NOT_REAL) for side in _sides(relation)
    )


def _sides(relation: Relation) -> tuple[Expr, Expr]:
    return relation.left, relation.right


class _NotRealError(ValueError):
    """A limit or an infinity, which cannot stand for a real variable."""


class _Translation:
    """z3's variables for the terms that stay whole, and what is known of each."""

    def __init__(self, relations: tuple[Relation, ...]) -> None:
        self.context = z3.Context()
        self.facts: list[Any] = []
        self._atoms: dict[Expr, Any] = {}
        self._reciprocals: dict[Any, Any] = {}
        self._roots: dict[Any, Any] = {}
        self._parts: dict[Expr, int] = {}
        for relation in relations:
            for side in _sides(relation):
                for term in side.atoms(sp.exp):
                    for factor, monomial in _exponents(term):
                        self._parts[monomial] = lcm(
                            self._parts.get(monomial, 1), factor.denominator
                        )

    def relation(self, relation: Relation) -> Any:
        left, right = (self.term(side) for side in _sides(relation))
        return {
            "<=": lambda: left <= right,
            "<": lambda: left < right,
            "==": lambda: left == right,
            "!=": lambda: left != right,
        }[relation.op]()

    def term(self, term: Expr) -> Any:
        if term.is_Rational:
            return z3.RealVal(f"{term.p}/{term.q}", self.context)
        if term.is_Add or term.is_Mul:
            first, *rest = (self.term(argument) for argument in term.args)
            for value in rest:
                first = first + value if term.is_Add else first * value
            return first
        if isinstance(term, sp.exp) or term is sp.E:
            return self._exponential(sp.exp(1, evaluate=False) if term is sp.E else term)
        if term.is_Pow and term.exp.is_Integer and abs(term.exp) <= _LARGEST_POWER:
            return self._power(self.term(term.base), int(term.exp))
        if term.is_Pow and (2 * term.exp).is_Integer and abs(term.exp) <= _LARGEST_POWER:
            return self._power(self._root(self.term(term.base)), int(2 * term.exp))
        if isinstance(term, sp.Max | sp.Min | sp.Abs):
            return self._choice(term)
        return self._atom(term)

    def _choice(self, term: Expr) -> Any:
        first, *rest = (self.term(argument) for argument in term.args)
        if isinstance(term, sp.Abs):
            return z3.If(first >= 0, first, -first)
        for value in rest:
            larger = first >= value
            keep = larger if isinstance(term, sp.Max) else z3.Not(larger)
            first = z3.If(keep, first, value)
        return first

    def _power(self, base: Any, exponent: int) -> Any:
        one = z3.RealVal(1, self.context)
        if exponent < 0:
            base, exponent = self._reciprocal(base), -exponent
        result = one
        for _ in range(exponent):
            result = base if result is one else result * base
        return result

    def _reciprocal(self, base: Any) -> Any:
        if base not in self._reciprocals:
            inverse = z3.FreshReal("inverse", self.context)
            self.facts.append(z3.Implies(base != 0, base * inverse == 1))
            self._reciprocals[base] = inverse
        return self._reciprocals[base]

    def _root(self, base: Any) -> Any:
        if base not in self._roots:
            root = z3.FreshReal("root", self.context)
            self.facts += [root >= 0, z3.Implies(base >= 0, root * root == base)]
            self._roots[base] = root
        return self._roots[base]

    def _exponential(self, term: Expr) -> Any:
        result = z3.RealVal(1, self.context)
        for factor, monomial in _exponents(term):
            parts = self._parts.get(monomial, factor.denominator)
            power = factor * parts
            if power.denominator != 1 or abs(power) > _LARGEST_POWER:
                return self._atom(term)
            result = result * self._power(self._atom(sp.exp(monomial / parts)), int(power))
        return result

    def _atom(self, term: Expr) -> Any:
        term = canonical(term)
        if isinstance(term, OTHER_BINDERS) or term in _NOT_REAL:
            raise _NotRealError(term)
        if term not in self._atoms:
            atom = z3.FreshReal("term", self.context)
            self._atoms[term] = atom
            if known(term, "positive"):
                self.facts.append(atom > 0)
            elif known(term, "nonnegative"):
                self.facts.append(atom >= 0)
            elif known(term, "negative"):
                self.facts.append(atom < 0)
            elif known(term, "nonpositive"):
                self.facts.append(atom <= 0)
            elif known(term, "nonzero"):
                self.facts.append(atom != 0)
        return self._atoms[term]

    def values(self, model: Any, relations: tuple[Relation, ...]) -> dict[Expr, Expr] | None:
        """Rational values of a model for symbols and function terms; None if one is irrational.

        Symbols that z3 has not met, such as the words in d(v, w), get different integers.
        """
        found: dict[Expr, Expr] = {}
        terms = [side for relation in relations for side in _sides(relation)]
        wanted = set().union(
            *(term.free_symbols | term.atoms(sp.core.function.AppliedUndef) for term in terms)
        )
        unseen = 0
        for term in sorted(wanted, key=str):
            if term not in self._atoms:
                unseen += 1
                found[term] = sp.Integer(unseen)
                continue
            value = model.eval(self._atoms[term], model_completion=True)
            if not z3.is_rational_value(value):
                return None
            found[term] = sp.Rational(value.numerator_as_long(), value.denominator_as_long())
        return found


def _exponents(term: Expr) -> list[tuple[Fraction, Expr]]:
    """The exponent as a sum of rational multiples of terms, sums and integrals left as they are."""
    hidden = {part: sp.Dummy(real=True) for part in term.args[0].atoms(*BINDERS)}
    shown = {dummy: part for part, dummy in hidden.items()}
    found = []
    for part in sp.Add.make_args(sp.expand(term.args[0].xreplace(hidden))):
        factor, monomial = part.xreplace(shown).as_coeff_Mul(rational=True)
        found.append((Fraction(int(factor.p), int(factor.q)), monomial))
    return found
