"""The metric exponential mechanism (specification, 4.4)."""

from typing import Any

import sympy as sp

from ..language import Relation, eq, le
from ..model import Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Instance, Monotone, Rewrite, Termwise
from .words import SYMMETRY, TRIANGLE, d, epsilon, i, j, k, n, v, w, y

__all__ = ["law", "theorem"]

Expr = Any
HALF = sp.Rational(1, 2)


def law(word: Expr, output: Expr, rate: Expr) -> Expr:
    """P_w(y), with rate · d in the exponent."""
    return sp.exp(-rate * d(word, output)) / _normaliser(word, rate)


def _normaliser(word: Expr, rate: Expr) -> Expr:
    return sp.Sum(sp.exp(-rate * d(word, k)), (k, 1, n))


def theorem() -> Theorem:
    """For every vocabulary, metric and ε > 0 it is ε-metric-DP."""
    mutations = (
        Mutation(
            "whole-rate",
            "the law has e^(-ε d) instead of e^(-ε d/2), for the same ε",
            lambda: _build(rate=epsilon),
        ),
        Mutation(
            "half-promise",
            "ε/2 is promised instead of ε",
            lambda: _build(promise=epsilon / 2),
        ),
        Mutation(
            "no-triangle",
            "d need not obey the triangle inequality",
            lambda: without_assumption(_build(), "triangle"),
        ),
        Mutation(
            "sign-turned",
            "words far away are preferred and the promise is negative",
            lambda: _build(promise=-epsilon),
        ),
    )
    return _build(mutations=mutations)


def _build(
    rate: Expr = HALF * epsilon, promise: Expr = epsilon, mutations: tuple[Mutation, ...] = ()
) -> Theorem:
    conclusion = le(law(w, y, rate), sp.exp(promise * d(w, v)) * law(v, y, rate))
    return Theorem(
        name="metric-exponential",
        title="The metric exponential mechanism",
        words="For every vocabulary of n words with a metric d and every ε > 0, the mechanism "
        "with P_w(y) proportional to exp(-ε d(w,y)/2) is ε-metric-DP.",
        latex=r"P_w(y) \le e^{\varepsilon d(w,v)} P_v(y), \quad P_w(y) = "
        r"\frac{e^{-\varepsilon d(w,y)/2}}{\sum_{k=1}^{n} e^{-\varepsilon d(w,k)/2}}",
        assumptions=(TRIANGLE, SYMMETRY),
        conclusions=(conclusion,),
        steps=_steps(rate, conclusion),
        reference="McSherry and Talwar (FOCS 2007); Chatzikokolakis, Andrés, Bordenabe and "
        "Palamidessi (PETS 2013)",
        covers="every ε > 0 and every metric",
        mechanism="metric-exponential",
        mutations=mutations,
    )


def _steps(rate: Expr, conclusion: Relation) -> tuple[Step, ...]:
    grown = sp.exp(rate * d(w, v))

    def term(word: Expr, output: Expr) -> Expr:
        return sp.exp(-rate * d(word, output))

    return (
        Step(
            "triangle-y",
            le(d(v, y), d(v, w) + d(w, y)),
            Instance(TRIANGLE.formula, ((i, v), (j, w), (k, y))),
            words="The triangle inequality from v by way of w to y.",
        ),
        Step(
            "swap",
            eq(d(v, w), d(w, v)),
            Instance(SYMMETRY.formula, ((i, v), (j, w))),
            words="Distances are the same in both directions.",
        ),
        Step(
            "exponents",
            le(-rate * d(w, y), rate * d(w, v) - rate * d(v, y)),
            Decided(("z3",)),
            ("triangle-y", "swap"),
            "So the exponents of the two inputs differ by the distance of the inputs at most.",
        ),
        Step(
            "numerators",
            le(term(w, y), sp.exp(rate * d(w, v) - rate * d(v, y))),
            Monotone("exp"),
            ("exponents",),
            "The exponential function keeps the order.",
        ),
        Step(
            "triangle-k",
            le(d(w, k), d(w, v) + d(v, k)),
            Instance(TRIANGLE.formula, ((i, w), (j, v))),
            words="The triangle inequality again, with any word k in place of y.",
        ),
        Step(
            "exponents-k",
            le(-rate * d(v, k), rate * d(w, v) - rate * d(w, k)),
            Decided(("z3",)),
            ("triangle-k",),
            "The same for the terms of the normaliser, in the other direction.",
        ),
        Step(
            "terms",
            le(term(v, k), sp.exp(rate * d(w, v) - rate * d(w, k))),
            Monotone("exp"),
            ("exponents-k",),
            "The exponential function keeps the order.",
        ),
        Step(
            "sums",
            le(
                _normaliser(v, rate),
                sp.Sum(sp.exp(rate * d(w, v) - rate * d(w, k)), (k, 1, n)),
            ),
            Termwise(k, 1, n),
            ("terms",),
            "Term by term, the normaliser of v is bounded.",
        ),
        Step(
            "factor",
            eq(
                sp.Sum(sp.exp(rate * d(w, v) - rate * d(w, k)), (k, 1, n)),
                grown * _normaliser(w, rate),
            ),
            Decided(("sympy",)),
            words="The common factor stands before the sum.",
        ),
        Step(
            "normalisers",
            le(_normaliser(v, rate), grown * _normaliser(w, rate)),
            Rewrite(),
            ("factor", "sums"),
            "So the two normalisers differ by the same factor at most.",
        ),
        Step(
            "ratio",
            conclusion,
            Decided(("z3",)),
            ("numerators", "normalisers"),
            "Numerator and normaliser give half of ε each.",
        ),
    )
