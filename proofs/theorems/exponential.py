"""What laws P_w(y) = π(y) e^(-θ c(w,y))/Z_w have in common: their form, and how much two inputs
may differ when the cost c is a metric."""

from collections.abc import Callable
from typing import Any

import sympy as sp

from ..language import Relation, eq, le
from ..model import Decided, Step
from ..rules import Instance, Monotone, Rewrite, Termwise
from .words import SYMMETRY, TRIANGLE, d, i, j, k, n, v, w, y

__all__ = ["law", "metric_steps", "normaliser", "normaliser_steps", "ratio_steps", "uniform"]

Expr = Any
#: Of an input and an output. A prior may look at the output only; mutations do otherwise.
Pairwise = Callable[[Expr, Expr], Expr]

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def uniform(word: Expr, output: Expr) -> Expr:
    """The prior of a law that has none."""
    return sp.Integer(1)


def law(
    word: Expr, output: Expr, rate: Expr, cost: Pairwise = d, prior: Pairwise = uniform
) -> Expr:
    """P_w(y)."""
    weight = prior(word, output) * sp.exp(-rate * cost(word, output))
    return weight / normaliser(word, rate, cost, prior)


def normaliser(word: Expr, rate: Expr, cost: Pairwise = d, prior: Pairwise = uniform) -> Expr:
    """Z_w."""
    return sp.Sum(prior(word, k) * sp.exp(-rate * cost(word, k)), (k, 1, n))


def metric_steps() -> tuple[Step, ...]:
    """The inequalities that `ratio_steps` wants, for the distance itself."""
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
            "triangle-k",
            le(d(w, k), d(w, v) + d(v, k)),
            Instance(TRIANGLE.formula, ((i, w), (j, v))),
            words="The triangle inequality again, with any word k in place of y.",
        ),
    )


def ratio_steps(
    rate: Expr,
    conclusion: Relation,
    cost: Pairwise = d,
    prior: Pairwise = uniform,
    uses: tuple[str, ...] = (),
) -> tuple[Step, ...]:
    """From the steps triangle-y, swap and triangle-k for the cost to the conclusion, which may
    use others besides."""
    return (
        Step(
            "exponents",
            le(-rate * cost(w, y), rate * cost(w, v) - rate * cost(v, y)),
            Z3,
            ("triangle-y", "swap"),
            "So the exponents of the two inputs differ by the distance of the inputs at most.",
        ),
        Step(
            "numerators",
            le(sp.exp(-rate * cost(w, y)), sp.exp(rate * cost(w, v) - rate * cost(v, y))),
            Monotone("exp"),
            ("exponents",),
            "The exponential function keeps the order.",
        ),
        *normaliser_steps(rate, cost, prior),
        Step(
            "ratio",
            conclusion,
            Z3,
            ("numerators", "normalisers", *uses),
            "Numerator and normaliser give half of ε each.",
        ),
    )


def normaliser_steps(rate: Expr, cost: Pairwise = d, prior: Pairwise = uniform) -> tuple[Step, ...]:
    """From the step triangle-k to Z_v ≤ e^(θ c(w,v)) Z_w."""
    grown = sp.exp(rate * cost(w, v))
    larger = sp.exp(rate * cost(w, v) - rate * cost(w, k))
    bounds = sp.Sum(prior(v, k) * larger, (k, 1, n))
    weighted = Step(
        "weighted-terms",
        le(prior(v, k) * sp.exp(-rate * cost(v, k)), prior(v, k) * larger),
        Z3,
        ("terms",),
        "The prior of k is the same factor on both sides.",
    )
    has_prior = prior is not uniform
    return (
        Step(
            "exponents-k",
            le(-rate * cost(v, k), rate * cost(w, v) - rate * cost(w, k)),
            Z3,
            ("triangle-k",),
            "The same for the terms of the normaliser, in the other direction.",
        ),
        Step(
            "terms",
            le(sp.exp(-rate * cost(v, k)), larger),
            Monotone("exp"),
            ("exponents-k",),
            "The exponential function keeps the order.",
        ),
        *((weighted,) if has_prior else ()),
        Step(
            "sums",
            le(normaliser(v, rate, cost, prior), bounds),
            Termwise(k, 1, n),
            ("weighted-terms" if has_prior else "terms",),
            "Term by term, the normaliser of v is bounded.",
        ),
        Step(
            "factor",
            eq(bounds, grown * normaliser(w, rate, cost, prior)),
            SYMPY,
            words="The common factor stands before the sum.",
        ),
        Step(
            "normalisers",
            le(normaliser(v, rate, cost, prior), grown * normaliser(w, rate, cost, prior)),
            Rewrite(),
            ("factor", "sums"),
            "So the two normalisers differ by the same factor at most.",
        ),
    )
