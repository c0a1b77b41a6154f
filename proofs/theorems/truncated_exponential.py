"""The truncated exponential mechanism, TEM: the exponential mechanism of a clipped metric
(specification, 4.5)."""

from typing import Any

import sympy as sp

from ..language import Relation, eq, le
from ..model import Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Instance, Monotone
from .exponential import law, metric_steps, ratio_steps
from .words import DISTANCE_FROM_ITSELF, SYMMETRY, TRIANGLE, d, epsilon, i, k, v, w, y

__all__ = ["clipped", "gamma", "theorem"]

Expr = Any
HALF = sp.Rational(1, 2)

#: The threshold.
gamma = sp.Symbol("gamma", positive=True)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def clipped(first: Expr, second: Expr) -> Expr:
    """The clipped metric."""
    return sp.Min(d(first, second), gamma)


def theorem() -> Theorem:
    """min(d, γ) is a metric at most d, so its exponential mechanism is ε-metric-DP for d."""
    mutations = (
        Mutation(
            "whole-rate",
            "the law has e^(-ε min(d,γ)) instead of e^(-ε min(d,γ)/2), for the same ε",
            lambda: _build(rate=epsilon),
        ),
        Mutation(
            "half-promise",
            "ε/2 is promised instead of ε",
            lambda: _build(promise=epsilon / 2),
        ),
        Mutation(
            "clipped-from-below",
            "distances are max(d, γ)",
            lambda: _build(cost=lambda first, second: sp.Max(d(first, second), gamma)),
        ),
        Mutation(
            "no-triangle",
            "d need not obey the triangle inequality",
            lambda: without_assumption(_build(), "triangle"),
        ),
    )
    return _build(mutations=mutations)


def _build(
    rate: Expr = HALF * epsilon,
    promise: Expr = epsilon,
    cost: Any = clipped,
    mutations: tuple[Mutation, ...] = (),
) -> Theorem:
    laws = [law(word, y, rate, cost) for word in (w, v)]
    private = le(laws[0], sp.exp(promise * d(w, v)) * laws[1])
    metric = (
        le(cost(v, y), cost(v, w) + cost(w, y)),
        eq(cost(v, w), cost(w, v)),
        eq(cost(w, w), 0),
        le(cost(w, v), d(w, v)),
    )
    return Theorem(
        name="truncated-exponential",
        title="The truncated exponential mechanism",
        words="For every metric d and γ > 0, min(d, γ) is symmetric, 0 between a word and itself, "
        "at most d, and obeys the triangle inequality. The mechanism with P_w(y) proportional to "
        "exp(-ε min(d(w,y), γ)/2) is ε-metric-DP for d.",
        latex=r"P_w(y) \le e^{\varepsilon d(w,v)} P_v(y), \quad P_w(y) = "
        r"\frac{e^{-\varepsilon \min(d(w,y),\gamma)/2}}"
        r"{\sum_{k=1}^{n} e^{-\varepsilon \min(d(w,k),\gamma)/2}}",
        assumptions=(TRIANGLE, SYMMETRY, DISTANCE_FROM_ITSELF),
        conclusions=(*metric, private),
        steps=_steps(rate, promise, cost, metric, private),
        reference="Carvalho, Vasiloudis and Feyisetan (arXiv 2107.07928), theorem 1",
        covers="every ε > 0, every threshold and every metric",
        mechanism="truncated-exponential",
        mutations=mutations,
    )


def _steps(
    rate: Expr, promise: Expr, cost: Any, metric: tuple[Relation, ...], private: Relation
) -> tuple[Step, ...]:
    plain = {step.id: f"plain-{step.id}" for step in metric_steps()}
    return (
        *(Step(plain[one.id], one.relation, one.by, (), one.words) for one in metric_steps()),
        Step(
            "triangle-y",
            metric[0],
            Z3,
            (plain["triangle-y"],),
            "It stays true for the clipped distances: where a term on the right is γ, it is "
            "enough alone.",
        ),
        Step("swap", metric[1], Z3, (plain["swap"],), "The clipped distances are symmetric, too."),
        Step(
            "triangle-k",
            le(cost(w, k), cost(w, v) + cost(v, k)),
            Z3,
            (plain["triangle-k"],),
            "The triangle inequality again, clipped.",
        ),
        Step(
            "itself-w",
            eq(d(w, w), 0),
            Instance(DISTANCE_FROM_ITSELF.formula, ((i, w),)),
            words="A word is at distance 0 from itself,",
        ),
        Step("clipped-itself", metric[2], Z3, ("itself-w",), "so at clipped distance 0."),
        Step("below", metric[3], Z3, (), "The clipped distance is at most the plain one."),
        Step(
            "promises",
            le(promise * cost(w, v), promise * d(w, v)),
            Z3,
            ("below",),
            "So is ε times it,",
        ),
        Step(
            "weaker",
            le(sp.exp(promise * cost(w, v)), sp.exp(promise * d(w, v))),
            Monotone("exp"),
            ("promises",),
            "and a factor that it allows is allowed by the plain one.",
        ),
        *ratio_steps(rate, private, cost, uses=("weaker",)),
    )
