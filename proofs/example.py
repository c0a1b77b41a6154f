"""Values on a small vocabulary that meet the assumptions of a theorem: it is not about nothing.

A search, not a proof system: sizes are 1 to 3, words are whole numbers, functions such as d(i, j)
get values from a few families, equations with one unknown are solved for it. Assumptions for all
words are read for the words of that vocabulary, those for all real numbers at a few. Everything is
verified in exact or ball arithmetic before it is called an example. Not every theorem has one that
is found this way: functions under an integral have none.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from .engines.balls import enclose, ground_truth
from .language import Formula, Relation, free_symbols
from .model import Theorem
from .signs import declared, respects

__all__ = ["find_example"]

Expr = Any
Values = dict[Expr, Expr]

#: Tries, instances of one assumption, relations that are evaluated in all tries together (some
#: seconds of work; counted, not timed, so that the outcome is the same everywhere), and values that
#: are shown.
_TRIES, _INSTANCES, _EVALUATIONS, _SHOWN = 400, 130, 10_000, 16

#: Operations of a term that SymPy is asked to simplify or solve.
_LONGEST = 60

_SIZES = (2, 3, 1)
_REALS = tuple(map(sp.Rational, ("1", "1/2", "2", "0", "1/4", "4", "1/8", "10", "-1")))

#: How a function of words gets its values, by its arguments.
_FAMILIES: tuple[Callable[..., Expr], ...] = (
    lambda *at: abs(at[0] - at[-1]),
    lambda *at: sp.Integer(at[0] != at[-1]),
    lambda *at: sp.Integer(1),
    lambda *at: sp.Rational(1, 2),
    lambda *at: sp.Rational(1, 4),
    lambda *at: sp.Integer(0),
    lambda *at: sp.Integer(2),
    lambda *at: at[-1],
    lambda *at: sp.Rational(1, 3),
)


class _NoneError(Exception):
    """These values do not meet the assumptions, or cannot be worked out."""


def find_example(theorem: Theorem) -> tuple[tuple[str, str], ...]:
    """Values of symbols and functions that meet all assumptions, as text; empty if none is found,
    or if nothing is assumed. The same every time.

    >>> from .theorems import find
    >>> found = dict(find_example(find("metric-exponential")))
    >>> found["d(1, 2)"] == found["d(2, 1)"]
    True
    """
    formulas = [one.formula for one in theorem.assumptions]
    sides = [s for f in formulas for r in (f.relation, *f.given) for s in (r.left, r.right)]
    if not formulas or any(side.has(sp.Integral, sp.Limit, sp.Derivative) for side in sides):
        return ()
    rng, budget = random.Random(0), iter(range(_EVALUATIONS))
    for attempt in range(_TRIES):
        try:
            size, orderly = _SIZES[attempt % len(_SIZES)], attempt % 2 == 0
            found = _Attempt(rng, size, budget, orderly).meet(formulas)
        except StopIteration:
            return ()
        except (_NoneError, ValueError, TypeError, NotImplementedError, RecursionError):
            continue
        shown = [(str(term), str(value)) for term, value in found.items()]
        return tuple(sorted(shown, key=lambda pair: ("(" in pair[0], pair))[:_SHOWN])
    return ()


@dataclass
class _Attempt:
    """One choice of sizes and families, and the values that follow from it."""

    rng: random.Random
    size: int
    budget: Iterator[int]
    orderly: bool
    values: Values = field(default_factory=dict)
    families: dict[str, Callable[..., Expr]] = field(default_factory=dict)

    def meet(self, formulas: list[Formula]) -> Values:
        """Values that meet all formulas, or `_NoneError`."""
        self._choose_integers(formulas)
        waiting = [one for formula in formulas for one in self._instances(formula)]
        active: list[Relation] = []
        while waiting or active:
            progress = False
            for formula in list(waiting):
                conditions = [self._decided(relation) for relation in formula.given]
                if False in conditions:
                    waiting.remove(formula)
                elif None not in conditions:
                    waiting.remove(formula)
                    active.append(formula.relation)
                    progress = True
            for relation in list(active):
                now = self._at_values(relation)
                unknown = _unknown(now)
                if not unknown or now.left == now.right:
                    if not _holds(now):
                        raise _NoneError
                    active.remove(relation)
                elif relation.op == "==" and len(unknown) == 1:
                    self._give(unknown[0], _solved(now, unknown[0]))
                else:
                    continue
                progress = True
            if not progress:
                self._guess([*active, *(r for one in waiting for r in one.given)])
        # A value that was guessed after a relation was seen to hold does not occur in it; yet all
        # are looked at once more.
        for formula in formulas:
            for one in self._instances(formula):
                if all(_holds(self._at_values(relation)) for relation in one.given):
                    now = self._at_values(one.relation)
                    if _unknown(now) or not _holds(now):
                        raise _NoneError
        return self.values

    def _choose_integers(self, formulas: list[Formula]) -> None:
        symbols = {symbol for formula in formulas for symbol in free_symbols(formula)}
        for symbol in sorted((s for s in symbols if s.is_integer), key=str):
            sizes = symbol.is_positive
            top = self.size if sizes and self.rng.random() < 0.7 else self.rng.randint(1, 3)
            self._give(symbol, sp.Integer(top))

    def _instances(self, formula: Formula) -> Iterator[Formula]:
        """The formula for the words 1, 2, … or a few real numbers in place of its variables."""
        words = [sp.Integer(i) for i in range(1, self.size + 2)]
        ranges = [
            [
                value
                for value in (words if symbol.is_integer else _REALS[:4])
                if respects(value, symbol)
            ]
            for symbol in formula.forall
        ]
        for chosen in islice(product(*ranges), _INSTANCES):
            change = dict(zip(formula.forall, chosen, strict=True))
            yield Formula(
                _put(formula.relation, change), tuple(_put(r, change) for r in formula.given)
            )

    def _at_values(self, relation: Relation) -> Relation:
        next(self.budget)
        return Relation(self._term(relation.left), relation.op, self._term(relation.right))

    def _term(self, term: Expr) -> Expr:
        """The term with known symbols and, from the inside out, known function terms put in."""
        term = term.xreplace(self.values)
        if term.has(sp.Sum, sp.Product):
            term = term.replace(_is_short, _added_up)
        while True:
            known = {a: self.values[a] for a in term.atoms(AppliedUndef) if a in self.values}
            if not known:
                return term
            term = term.xreplace(known)

    def _decided(self, relation: Relation) -> bool | None:
        now = self._at_values(relation)
        return None if _unknown(now) else _holds(now)

    def _give(self, thing: Expr, value: Expr) -> None:
        if not _fits(value, thing):
            raise _NoneError
        self.values[thing] = value

    def _guess(self, relations: list[Relation]) -> None:
        """A value for one unknown, and with a function for all of its values that are asked for."""
        unknown = [u for relation in relations for u in _unknown(self._at_values(relation))]
        if not unknown:
            raise _NoneError
        thing = unknown[0] if self.orderly else self.rng.choice(unknown[:4])
        if thing.is_Symbol:
            self._give(thing, self.rng.choice([v for v in _REALS if respects(v, thing)]))
            return
        name = thing.func.__name__
        if name not in self.families:
            self.families[name] = self.rng.choice(_FAMILIES)
        self._give(thing, sp.sympify(self.families[name](*thing.args)))


def _put(relation: Relation, change: Values) -> Relation:
    return Relation(relation.left.xreplace(change), relation.op, relation.right.xreplace(change))


def _is_short(term: Expr) -> bool:
    if not isinstance(term, sp.Sum | sp.Product) or len(term.limits) > 1:
        return False
    _, lower, upper = term.limits[0]
    return bool(lower.is_Integer and upper.is_Integer and 0 <= upper - lower + 1 <= 20)


def _added_up(term: Expr) -> Expr:
    variable, lower, upper = term.limits[0]
    parts = [
        term.function.xreplace({variable: sp.Integer(place)})
        for place in range(int(lower), int(upper) + 1)
    ]
    return sp.Add(*parts) if isinstance(term, sp.Sum) else sp.Mul(*parts)


def _unknown(relation: Relation) -> list[Expr]:
    """Symbols, and function terms with numbers for arguments, that have no value yet."""
    found = {
        atom
        for side in (relation.left, relation.right)
        for atom in side.atoms(AppliedUndef)
        if all(argument.is_number for argument in atom.args) and not _inner(atom)
    }
    symbols = relation.left.free_symbols | relation.right.free_symbols
    return sorted(symbols, key=str) + sorted(found, key=str)


def _inner(atom: Expr) -> bool:
    return any(argument.has(AppliedUndef) for argument in atom.args)


def _solved(relation: Relation, unknown: Expr) -> Expr:
    """A value of the unknown for which the equation holds."""
    sides = (relation.left, relation.right)
    for side, other in (sides, sides[::-1]):
        if side == unknown and not other.has(unknown):
            return other
    stand_in = sp.Dummy("unknown", positive=True)
    gap = sp.expand((relation.left - relation.right).xreplace({unknown: stand_in}))
    if gap.has(AppliedUndef) or gap.count_ops() > _LONGEST:
        raise _NoneError
    for power in (1, -1):  # linear in the unknown, or in its reciprocal
        slope = gap.coeff(stand_in, power)
        rest = sp.expand(gap - slope * stand_in**power)
        if slope != 0 and not slope.has(stand_in) and not rest.has(stand_in):
            return (-rest / slope) ** power
    raise _NoneError


def _fits(value: Expr, thing: Expr) -> bool:
    """Whether a number is all that a symbol or function is declared to be. The sign of one that is
    no fraction is that of its ball: SymPy would take long."""
    value = sp.sympify(value)
    if value.is_Rational:
        return respects(value, thing)
    ball = enclose(value, {})
    facts = declared(thing)
    if not ball.is_finite() or facts.get("integer") or facts.get("rational"):
        return False
    signs = {"positive": ball > 0, "negative": ball < 0, "nonzero": ball > 0 or ball < 0}
    signs |= {"nonnegative": ball >= 0, "nonpositive": ball <= 0}
    return all(holds or not facts.get(sign) for sign, holds in signs.items())


def _holds(relation: Relation) -> bool:
    """Whether a relation without unknowns holds for certain; an equation also if SymPy says so."""
    if relation.left == relation.right:
        return relation.op in ("==", "<=")
    seen = ground_truth(relation)
    if seen is not None or relation.op not in ("==", "<="):
        return seen is True
    gap = relation.left - relation.right
    return bool(gap.count_ops() <= _LONGEST and sp.simplify(gap) == 0)
