"""Multivariate Laplace noise: the mechanism and what is computed from it (specification, 4.1).

Points of R^p are named by one real number x, see `post_processing`; X(x,c) is coordinate c.
"""

from typing import Any

import sympy as sp

from ..language import Relation, le
from ..model import Decided, Mutation, Step, Theorem
from ..rules import Monotone
from .euclidean import Vector, minkowski, norm
from .post_processing import LINE, integral_steps, x
from .words import epsilon, v, w, y

__all__ = ["T", "X", "between", "density", "distance", "law", "noise", "phi", "steps", "theorem"]

Expr = Any

#: Coordinates of a point and of a word; the normaliser (see `polar_form`).
X, phi = sp.Function("X", real=True), sp.Function("phi", real=True)
C = sp.Symbol("C", positive=True)
#: The chance that a word comes out where the noisy vector is x: 1 or 0 for the nearest word.
T = sp.Function("T", nonnegative=True)

Z3 = Decided(("z3",))


def noise(word: Expr) -> Vector:
    """The point, seen from a word."""
    return lambda coordinate: X(x, coordinate) - phi(word, coordinate)


def between(first: Expr, second: Expr) -> Vector:
    """The difference of the vectors of two words."""
    return lambda coordinate: phi(first, coordinate) - phi(second, coordinate)


def distance(first: Expr, second: Expr) -> Expr:
    """The Euclidean distance of two words."""
    return norm(between(first, second))


def density(length: Expr, rate: Expr = epsilon) -> Expr:
    """The density of the noisy vector, at this distance from the word."""
    return C * sp.exp(-rate * length)


def law(word: Expr, output: Expr, rate: Expr = epsilon) -> Expr:
    """P_w(y)."""
    return sp.Integral(T(x, output) * density(norm(noise(word)), rate), LINE)


def theorem() -> Theorem:
    """For every vocabulary, dimension and ε > 0 it is ε-metric-DP."""
    mutations = (
        Mutation(
            "double-rate",
            "the density has e^(-2ε‖z‖), for the same ε",
            lambda: _build(rate=2 * epsilon),
        ),
        Mutation(
            "half-promise", "ε/2 is promised instead of ε", lambda: _build(promise=epsilon / 2)
        ),
        Mutation("sign-turned", "-ε is promised", lambda: _build(promise=-epsilon)),
    )
    return _build(mutations=mutations)


def _build(
    rate: Expr = epsilon, promise: Expr = epsilon, mutations: tuple[Mutation, ...] = ()
) -> Theorem:
    factor = sp.exp(promise * distance(w, v))
    return Theorem(
        name="multivariate-laplace",
        title="Multivariate Laplace noise",
        words="For every vocabulary with vectors in R^p and every ε > 0, adding noise with density "
        "proportional to exp(-ε‖z‖) to the vector of a word, and putting out any word that is "
        "computed from the sum (such as the nearest one), is ε-metric-DP for Euclidean distances.",
        latex=r"P_w(y) \le e^{\varepsilon \|\varphi(w)-\varphi(v)\|} P_v(y), \quad P_w(y) = "
        r"\int_{\mathbb{R}^p} T(x,y)\, C e^{-\varepsilon \|x-\varphi(w)\|}\, dx",
        assumptions=(),
        conclusions=(le(law(w, y, rate), factor * law(v, y, rate)),),
        steps=(
            *minkowski(between(w, v), noise(w)),
            *steps((norm(noise(w)), norm(noise(v)), distance(w, v)), T(x, y), rate, promise),
        ),
        reference="Chatzikokolakis, Andrés, Bordenabe and Palamidessi (PETS 2013); Feyisetan, "
        "Balle, Drake and Diethe (WSDM 2020)",
        covers="every ε > 0",
        mechanism="multivariate-laplace",
        mutations=mutations,
    )


def steps(
    lengths: tuple[Expr, Expr, Expr],
    weight: Expr,
    rate: Expr = epsilon,
    promise: Expr = epsilon,
    uses: tuple[str, ...] = (),
) -> tuple[Step, ...]:
    """From the step "minkowski", theirs ≤ apart + ours, to the bound on the integrals."""
    ours, theirs, apart = lengths
    exponents: Relation = le(-rate * ours, promise * apart - rate * theirs)
    factor, first, second = sp.exp(promise * apart), density(ours, rate), density(theirs, rate)
    return (
        Step(
            "exponents",
            exponents,
            Z3,
            ("minkowski",),
            "With a = φ(w) - φ(v) and b = x - φ(w): no point is farther from one word than from "
            "the other by more than their distance.",
        ),
        Step(
            "factors",
            le(sp.exp(exponents.left), sp.exp(exponents.right)),
            Monotone("exp"),
            ("exponents",),
            "The exponential function keeps the order.",
        ),
        Step(
            "pointwise",
            le(first, factor * second),
            Z3,
            ("factors",),
            "So at every point the densities differ by this factor at most.",
        ),
        *integral_steps(first, second, factor, weight, uses),
    )
