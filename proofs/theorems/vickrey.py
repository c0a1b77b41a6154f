"""The Vickrey mechanism: private as long as the choice looks at the noisy vector only
(specification, 4.3)."""

from typing import Any

import sympy as sp

from ..language import Formula, le
from ..model import Assumption, Mutation, Step, Theorem, without_assumption
from ..rules import Instance
from .euclidean import minkowski, norm
from .multivariate_laplace import between, density, distance, noise, steps
from .post_processing import LINE, x
from .words import epsilon, v, w, y

__all__ = ["theorem"]

Expr = Any

#: Whether a word is the nearest, or the second nearest one of a point: 1 or 0.
nearest, second = sp.Function("u1", nonnegative=True), sp.Function("u2", nonnegative=True)
#: The chance that the second one comes out.
q = sp.Function("q", nonnegative=True)


def theorem() -> Theorem:
    """Nothing struck: post-processing of multivariate Laplace noise."""
    mutations = (
        Mutation(
            "double-rate",
            "the density has e^(-2ε‖z‖), for the same ε",
            lambda: _build(rate=2 * epsilon),
        ),
        Mutation(
            "half-promise", "ε/2 is promised instead of ε", lambda: _build(promise=epsilon / 2)
        ),
        Mutation(
            "no-chance",
            "the chance of the second word may be above 1",
            lambda: without_assumption(_build(), "chance"),
        ),
    )
    return _build(mutations=mutations)


def _build(
    rate: Expr = epsilon, promise: Expr = epsilon, mutations: tuple[Mutation, ...] = ()
) -> Theorem:
    weight = nearest(x, y) * (1 - q(x)) + second(x, y) * q(x)
    lengths = norm(noise(w)), norm(noise(v)), distance(w, v)
    laws = [sp.Integral(weight * density(length, rate), LINE) for length in lengths[:2]]
    chances = Assumption(
        "chance",
        Formula(le(q(x), 1), forall=(x,)),
        "q(x), the chance that the second nearest word of x comes out, is at most 1.",
    )
    return Theorem(
        name="vickrey",
        title="The Vickrey mechanism, nothing struck",
        words="For every vocabulary with vectors in R^p and every ε > 0, adding noise with density "
        "proportional to exp(-ε‖z‖) and putting out the nearest word of the sum x, or the second "
        "nearest with a chance q(x) that depends on x only, is ε-metric-DP.",
        latex=r"P_w(y) \le e^{\varepsilon \|\varphi(w)-\varphi(v)\|} P_v(y), \quad P_w(y) = "
        r"\int_{\mathbb{R}^p} \bigl(1[y = u_1(x)](1 - q(x)) + 1[y = u_2(x)]\, q(x)\bigr) "
        r"C e^{-\varepsilon \|x-\varphi(w)\|}\, dx",
        assumptions=(chances,),
        conclusions=(le(laws[0], sp.exp(promise * distance(w, v)) * laws[1]),),
        steps=(
            *minkowski(between(w, v), noise(w)),
            Step(
                "a-chance",
                le(q(x), 1),
                Instance(chances.formula),
                words="The chance of the nearest word, 1 - q(x), is not negative.",
            ),
            *steps(lengths, weight, rate, promise, uses=("a-chance",)),
        ),
        reference="Xu, Aggarwal, Feyisetan and Teissier (PrivateNLP 2021)",
        covers="exclude=never, every ε > 0 and t",
        mechanism="vickrey",
        mutations=mutations,
    )
