"""Randomized response over a vocabulary (specification, 4.13)."""

from typing import Any

import sympy as sp

from ..language import Formula, eq, ge, le, ne
from ..model import Assumption, Decided, Mutation, Step, Theorem
from ..rules import Cases, Instance, Monotone, Substitute
from .words import epsilon, i, j, n, v, w, y

__all__ = ["P", "law", "theorem"]

Expr = Any

#: The law, as a function of input and output.
P = sp.Function("P", positive=True)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def law(rate: Expr = epsilon) -> tuple[Expr, Expr]:
    """The chance to keep a word, and that of each other word."""
    total = sp.exp(rate) + n - 1
    return sp.exp(rate) / total, 1 / total


def theorem() -> Theorem:
    """For every vocabulary and ε > 0 it is ε-DP, and no less."""
    mutations = (
        Mutation(
            "half-promise", "ε/2 is promised instead of ε", lambda: _build(promise=epsilon / 2)
        ),
        Mutation("double-rate", "the law has e^(2ε)", lambda: _build(rate=2 * epsilon)),
        Mutation("sign-turned", "-ε is promised", lambda: _build(promise=-epsilon)),
    )
    return _build(mutations=mutations)


def _build(
    rate: Expr = epsilon, promise: Expr = epsilon, mutations: tuple[Mutation, ...] = ()
) -> Theorem:
    keep, change = law(rate)
    kept = Assumption(
        "kept",
        Formula(eq(P(i, j), keep), given=(eq(i, j),), forall=(i, j)),
        "A word is kept with probability e^ε/(e^ε + n - 1).",
    )
    changed = Assumption(
        "changed",
        Formula(eq(P(i, j), change), given=(ne(i, j),), forall=(i, j)),
        "Each other word has probability 1/(e^ε + n - 1).",
    )
    different = Assumption("different", Formula(ne(v, w)), "w and v are different.")
    private = le(P(w, y), sp.exp(promise) * P(v, y))
    attained = eq(P(w, w), sp.exp(promise) * P(v, w))
    steps = (
        Step("positive", le(0, rate), SYMPY, (), "ε is not negative,"),
        Step("grows", le(1, sp.exp(rate)), Monotone("exp"), ("positive",), "so e^ε is at least 1."),
        Step(
            "law-kept",
            eq(P(w, y), keep),
            Instance(kept.formula, ((i, w), (j, y))),
            words="If y is w, its probability is that of keeping it.",
        ),
        Step(
            "law-changed",
            eq(P(w, y), change),
            Instance(changed.formula, ((i, w), (j, y))),
            words="If y is another word, it is 1/(e^ε + n - 1).",
        ),
        Step("upper-kept", le(P(w, y), keep), Z3, ("law-kept",), "At most the first, if kept,"),
        Step(
            "upper-changed",
            le(P(w, y), keep),
            Z3,
            ("law-changed", "grows"),
            "and also if changed, as e^ε ≥ 1;",
        ),
        Step(
            "upper",
            le(P(w, y), keep),
            Cases(eq(w, y)),
            ("upper-kept", "upper-changed"),
            "so in any case.",
        ),
        Step(
            "lower-kept",
            ge(P(w, y), change),
            Z3,
            ("law-kept", "grows"),
            "At least the second, if kept, as e^ε ≥ 1,",
        ),
        Step("lower-changed", ge(P(w, y), change), Z3, ("law-changed",), "and also if changed;"),
        Step(
            "lower-w",
            ge(P(w, y), change),
            Cases(eq(w, y)),
            ("lower-kept", "lower-changed"),
            "so in any case,",
        ),
        Step("lower", ge(P(v, y), change), Substitute(((w, v),)), ("lower-w",), "and for any v."),
        Step(
            "private",
            private,
            Z3,
            ("upper", "lower"),
            "The two bounds differ by the factor e^ε.",
        ),
        Step("total", eq(keep + (n - 1) * change, 1), SYMPY, (), "It is a probability law."),
        Step(
            "own",
            eq(P(w, w), keep),
            Instance(kept.formula, ((i, w), (j, w))),
            words="w itself comes out of w if it is kept,",
        ),
        Step(
            "others",
            eq(P(v, w), change),
            Instance(changed.formula, ((i, v), (j, w))),
            ("different",),
            "and of v if it is changed.",
        ),
        Step("attained", attained, Z3, ("own", "others"), "So y = w attains the factor."),
    )
    return Theorem(
        name="randomized-response",
        title="Randomized response",
        words="For every vocabulary of n words and every ε > 0, keeping a word with probability "
        "e^ε/(e^ε + n - 1), otherwise drawing another one uniformly, is ε-DP between any two "
        "words, and the factor e^ε is attained.",
        latex=r"P_w(y) \le e^{\varepsilon} P_v(y), \quad P_w(w) = e^{\varepsilon} P_v(w) "
        r"\text{ for } v \ne w",
        assumptions=(kept, changed, different),
        conclusions=(private, eq(keep + (n - 1) * change, 1), attained),
        steps=steps,
        reference="Warner (JASA 1965); Kairouz, Bonawitz and Ramage (ICML 2016)",
        covers="every ε > 0",
        mechanism="randomized-response",
        mutations=mutations,
    )
