"""The composition rules: all that the checker believes besides the engines and the axioms.

A rule derives a judgement from the judgements of earlier steps. It never takes a conclusion on
trust: it builds the conclusion itself, and `checker` compares it with what the step says. A side
condition that is neither known from signs nor among the premises becomes a hypothesis of the
result, and a theorem may only rest on the hypotheses that it states.

In the descriptions, Γ and Δ stand for hypotheses.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import sympy as sp

from .language import (
    OTHER_BINDERS,
    Formula,
    Judgement,
    Relation,
    Values,
    binders,
    canonical,
    free_symbols,
    le,
    lt,
)
from .signs import bounds_fit, known, known_relation
from .substitution import substitute

__all__ = [
    "RULES",
    "Cases",
    "Discharge",
    "Induction",
    "Instance",
    "Integrate",
    "Monotone",
    "OneTerm",
    "Rewrite",
    "Rule",
    "RuleError",
    "SubRange",
    "Substitute",
    "Termwise",
]

Expr = Any
Premises = tuple[Judgement, ...]


class RuleError(ValueError):
    """The premises do not have the form that the rule needs."""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise RuleError(message)


def _hypotheses(premises: Iterable[Judgement]) -> frozenset[Formula]:
    return frozenset().union(*(premise.hypotheses for premise in premises))


def _without(hypotheses: frozenset[Formula], relations: Iterable[Relation]) -> frozenset[Formula]:
    return hypotheses - {canonical(Formula(relation)) for relation in relations}


def _owed(conditions: Iterable[Relation], premises: Premises) -> frozenset[Formula]:
    """The side conditions that neither signs nor the premises settle."""
    shown = {canonical(premise.conclusion) for premise in premises}
    return frozenset(
        canonical(Formula(condition))
        for condition in conditions
        if not known_relation(condition) and canonical(condition) not in shown
    )


def _fresh(variable: Expr, hypotheses: frozenset[Formula]) -> None:
    for hypothesis in hypotheses:
        _require(
            variable not in free_symbols(hypothesis),
            f"{variable} is not arbitrary: a hypothesis speaks of it: {hypothesis}",
        )


def _only(premises: Premises, count: int = 1) -> None:
    _require(len(premises) == count, f"the rule takes {count} premises, got {len(premises)}")


@dataclass(frozen=True)
class Instance:
    """An assumption or axiom, for some of the values for which it holds.

    From `formula` follows its relation with `values` in place of its variables. Premises that
    are the conditions under which it holds are used up.
    """

    formula: Formula
    values: Values = ()

    def derive(self, premises: Premises, goal: Relation) -> Judgement:
        """{formula} ∪ conditions ∪ Γ ⊢ the instance."""
        variables = tuple(symbol for symbol, _ in self.values)
        _require(
            set(variables) <= set(self.formula.forall), "values for what is not a variable of it"
        )
        open_formula = Formula(self.formula.relation, self.formula.given)
        instance = substitute(open_formula, self.values)
        owed = _owed(instance.given, premises)
        hypotheses = _hypotheses(premises) | owed | {canonical(self.formula)}
        return Judgement(instance.relation, hypotheses)


@dataclass(frozen=True)
class Substitute:
    """From Γ ⊢ φ follows Γ ⊢ φ with values in place of symbols, throughout."""

    values: Values

    def derive(self, premises: Premises, goal: Relation) -> Judgement:
        """The premise for other values; its hypotheses change with it."""
        _only(premises)
        hypotheses = frozenset(
            canonical(substitute(hypothesis, self.values)) for hypothesis in premises[0].hypotheses
        )
        return Judgement(substitute(premises[0].conclusion, self.values), hypotheses)


@dataclass(frozen=True)
class Termwise:
    """From a(k) op b(k) for lower ≤ k ≤ upper follows Σ a op Σ b. A strict < becomes ≤."""

    variable: Expr
    lower: Expr
    upper: Expr

    def derive(self, premises: Premises, goal: Relation) -> Judgement:
        """First premise: the terms. Others: that the range is one (lower ≤ upper + 1)."""
        _require(len(premises) >= 1, "the rule needs a premise")
        return _over_range(self, sp.Sum, premises)


@dataclass(frozen=True)
class Integrate:
    """From a(x) op b(x) for lower ≤ x ≤ upper follows ∫ a op ∫ b. A strict < becomes ≤."""

    variable: Expr
    lower: Expr
    upper: Expr

    def derive(self, premises: Premises, goal: Relation) -> Judgement:
        """First premise: the integrands. Others: that the range is one (lower ≤ upper)."""
        _require(len(premises) >= 1, "the rule needs a premise")
        return _over_range(self, sp.Integral, premises)


def _over_range(rule: Termwise | Integrate, binder: Any, premises: Premises) -> Judgement:
    variable, lower, upper = rule.variable, sp.sympify(rule.lower), sp.sympify(rule.upper)
    relation = premises[0].conclusion
    _require(relation.op != "!=", "terms that differ may have equal sums")
    terms = [binder(side, (variable, lower, upper)) for side in (relation.left, relation.right)]
    _require(
        all(isinstance(term, binder) and bounds_fit(term) for term in terms)
        and variable not in lower.free_symbols | upper.free_symbols,
        f"the range does not fit {variable}",
    )
    ends = [bound for bound in (lower, upper) if bound not in (sp.oo, -sp.oo)]
    _require(binder is sp.Integral or len(ends) == 2, "an infinite sum may not exist")
    hypotheses = _without(
        premises[0].hypotheses, (le(lower, variable), le(variable, upper))
    ) | _hypotheses(premises[1:])
    _fresh(variable, hypotheses)
    room = 1 if binder is sp.Sum else 0
    owed = _owed([le(lower, upper + room)] if len(ends) == 2 else [], premises[1:])
    op: Literal["<=", "=="] = "==" if relation.op == "==" else "<="
    return Judgement(Relation(terms[0], op, terms[1]), hypotheses | owed)


@dataclass(frozen=True)
class OneTerm:
    """f(j) ≤ Σ f(k) over lower ≤ k ≤ upper, for f ≥ 0 (by signs) and lower ≤ j ≤ upper."""

    place: Expr

    def derive(self, premises: Premises, goal: Relation) -> Judgement:
        """The sum is read off the goal; premises may give the range of j."""
        total, place = goal.right, sp.sympify(self.place)
        _require(isinstance(total, sp.Sum) and len(total.limits) == 1, "no sum on the right")
        variable, lower, upper = total.limits[0]
        _require(
            bounds_fit(total) and known(total.function, "nonnegative"),
            "the terms are not known to be nonnegative",
        )
        term = substitute(total.function, ((variable, place),))
        owed = _owed([le(lower, place), le(place, upper)], premises)
        return Judgement(le(term, total), _hypotheses(premises) | owed)


@dataclass(frozen=True)
class SubRange:
    """Σ f or ∫ f over [a, b] is at most that over [c, d], for f ≥ 0 (by signs), c ≤ a, b ≤ d."""

    def derive(self, premises: Premises, goal: Relation) -> Judgement:
        """Both are read off the goal; premises may compare the ranges."""
        part, whole = goal.left, goal.right
        _require(type(part) is type(whole), "not two sums or two integrals")
        for total in (part, whole):
            _require(
                isinstance(total, sp.Sum | sp.Integral) and len(total.limits) == 1,
                "no sum and no integral",
            )
            _require(
                bounds_fit(total) and known(total.function, "nonnegative"),
                "the terms are not known to be nonnegative",
            )
        (variable, first, last), (other, lower, upper) = part.limits[0], whole.limits[0]
        # The body comes from the larger range; the comparison with the goal finds any other.
        body = substitute(whole.function, ((other, variable),))
        room = 1 if isinstance(part, sp.Sum) else 0
        conditions = [le(lower, first), le(first, last + room), le(last, upper)]
        derived = le(part.func(body, (variable, first, last)), whole)
        return Judgement(derived, _hypotheses(premises) | _owed(conditions, premises))


@dataclass(frozen=True)
class Monotone:
    """From a op b follows f(a) op f(b) for f = exp, or f = ln where 0 < a; op is ≤, < or =."""

    function: Literal["exp", "ln"]

    def derive(self, premises: Premises, goal: Relation) -> Judgement:
        """First premise: a op b. For ln, a second one may be 0 < a."""
        _require(len(premises) >= 1 and premises[0].conclusion.op != "!=", "nothing to compare")
        _require(self.function in ("exp", "ln"), f"{self.function} is not exp or ln")
        relation = premises[0].conclusion
        owed: frozenset[Formula] = frozenset()
        apply = sp.exp
        if self.function == "ln":
            owed, apply = _owed([lt(0, relation.left)], premises[1:]), sp.log
        derived = Relation(apply(relation.left), relation.op, apply(relation.right))
        return Judgement(derived, _hypotheses(premises) | owed)


@dataclass(frozen=True)
class Rewrite:
    """From a = b and φ follows φ with every a replaced by b."""

    def derive(self, premises: Premises, goal: Relation) -> Judgement:
        """First premise: the equation. Second: φ."""
        _only(premises, 2)
        equation, target = (premise.conclusion for premise in premises)
        _require(equation.op == "==", "the first premise is no equation")
        sides = (equation.left, equation.right, target.left, target.right)
        _require(
            not any(side.has(*OTHER_BINDERS) or side in (sp.oo, -sp.oo) for side in sides),
            "limits and infinities are not rewritten",
        )
        bound = {term.limits[0][0] for term in [*binders(target), *binders(equation)]}
        _require(not bound & free_symbols(equation), "the equation speaks of a bound variable")
        change = {equation.left: equation.right}
        derived = Relation(target.left.xreplace(change), target.op, target.right.xreplace(change))
        return Judgement(derived, _hypotheses(premises))


@dataclass(frozen=True)
class Cases:
    """From Γ, c ⊢ φ and Δ, not c ⊢ φ follows Γ ∪ Δ ⊢ φ."""

    condition: Relation

    def derive(self, premises: Premises, goal: Relation) -> Judgement:
        """First premise: where the condition holds. Second: where it does not."""
        _only(premises, 2)
        _require(
            all(canonical(premise.conclusion) == canonical(goal) for premise in premises),
            "the cases conclude different things",
        )
        first = _without(premises[0].hypotheses, (self.condition,))
        return Judgement(goal, first | _without(premises[1].hypotheses, (self.condition.negation,)))


@dataclass(frozen=True)
class Discharge:
    """From Γ ⊢ φ and Δ, φ ⊢ ψ follows Γ ∪ Δ ⊢ ψ."""

    def derive(self, premises: Premises, goal: Relation) -> Judgement:
        """Last premise: ψ. Those before it: hypotheses of it that are now shown."""
        _require(len(premises) >= 2, "nothing to discharge")
        *shown, last = premises
        rest = _without(last.hypotheses, (premise.conclusion for premise in shown))
        return Judgement(last.conclusion, rest | _hypotheses(shown))


@dataclass(frozen=True)
class Induction:
    """From Γ ⊢ φ(start) and Δ, start ≤ n, φ(n) ⊢ φ(n+1) follows Γ ∪ Δ, start ≤ n ⊢ φ(n)."""

    variable: Expr
    start: Expr

    def derive(self, premises: Premises, goal: Relation) -> Judgement:
        """First premise: the start. Second: the step."""
        _only(premises, 2)
        n, start = self.variable, sp.sympify(self.start)
        probe = sp.Sum(n, (n, start, start)) if n.is_Symbol else None
        _require(probe is not None and bounds_fit(probe), f"{n} does not run from {start} on")
        _require(n not in start.free_symbols, "the start depends on the variable")
        expected = [substitute(goal, ((n, value),)) for value in (start, n + 1)]
        _require(
            all(
                canonical(premise.conclusion) == canonical(relation)
                for premise, relation in zip(premises, expected, strict=True)
            ),
            "the premises are not the start and the step of the goal",
        )
        rest = _without(premises[1].hypotheses, (goal, le(start, n))) | premises[0].hypotheses
        _fresh(n, rest)
        return Judgement(goal, rest | _owed([le(start, n)], ()))


Rule = (
    Instance
    | Substitute
    | Termwise
    | Integrate
    | OneTerm
    | SubRange
    | Monotone
    | Rewrite
    | Cases
    | Discharge
    | Induction
)

#: The closed list. A step with a rule of any other type is not checked.
RULES: tuple[type[Rule], ...] = (
    Instance,
    Substitute,
    Termwise,
    Integrate,
    OneTerm,
    SubRange,
    Monotone,
    Rewrite,
    Cases,
    Discharge,
    Induction,
)
