"""The exponential mechanism with a prior that does not depend on the input (specification,
4.11)."""

from typing import Any

import sympy as sp

from ..language import le
from ..model import Mutation, Theorem, without_assumption
from .exponential import law, metric_steps, ratio_steps
from .separable import prior
from .words import SYMMETRY, TRIANGLE, d, epsilon, v, w, y

__all__ = ["theorem"]

Expr = Any
HALF = sp.Rational(1, 2)

#: For a mutation: a weight that depends on the input.
_peeking = sp.Function("pi", positive=True)


def theorem() -> Theorem:
    """Any fixed prior keeps ε-metric-DP."""
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
            "prior-of-the-input",
            "the prior depends on the input",
            lambda: _build(weights=_peeking),
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
    weights: Any = prior,
    mutations: tuple[Mutation, ...] = (),
) -> Theorem:
    laws = [law(word, y, rate, prior=weights) for word in (w, v)]
    conclusion = le(laws[0], sp.exp(promise * d(w, v)) * laws[1])
    return Theorem(
        name="fixed-prior",
        title="The exponential mechanism with a prior",
        words="For every vocabulary of n words with a metric d, every ε > 0 and all positive "
        "weights π(y) that do not depend on the input, the mechanism with P_w(y) proportional to "
        "π(y) exp(-ε d(w,y)/2) is ε-metric-DP.",
        latex=r"P_w(y) \le e^{\varepsilon d(w,v)} P_v(y), \quad P_w(y) = "
        r"\frac{\pi(y) e^{-\varepsilon d(w,y)/2}}{\sum_{k=1}^{n} \pi(k) e^{-\varepsilon d(w,k)/2}}",
        assumptions=(TRIANGLE, SYMMETRY),
        conclusions=(conclusion,),
        steps=(*metric_steps(), *ratio_steps(rate, conclusion, prior=weights)),
        reference="McSherry and Talwar (FOCS 2007), theorem 6",
        covers="every ε > 0, every bandwidth and every metric",
        mechanism="density-prior-exponential",
        mutations=mutations,
    )
