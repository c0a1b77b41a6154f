"""The metric exponential mechanism (specification, 4.4)."""

from typing import Any

import sympy as sp

from ..language import le
from ..model import Mutation, Theorem, without_assumption
from .exponential import law, metric_steps, ratio_steps
from .words import SYMMETRY, TRIANGLE, d, epsilon, v, w, y

__all__ = ["theorem"]

Expr = Any
HALF = sp.Rational(1, 2)


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
        steps=(*metric_steps(), *ratio_steps(rate, conclusion)),
        reference="McSherry and Talwar (FOCS 2007); Chatzikokolakis, Andrés, Bordenabe and "
        "Palamidessi (PETS 2013)",
        covers="every ε > 0 and every metric",
        mechanism="metric-exponential",
        mutations=mutations,
    )
