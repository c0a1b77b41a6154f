"""Multivariate Laplace noise in a Mahalanobis norm (specification, 4.2)."""

from typing import Any

import sympy as sp

from ..language import eq, le
from ..model import Decided, Mutation, Step, Theorem
from ..rules import Rewrite, Termwise
from .euclidean import Vector, c, minkowski, norm, p
from .multivariate_laplace import T, X, density, phi, steps
from .post_processing import LINE, x
from .words import epsilon, v, w, y

__all__ = ["A", "distance", "law", "theorem", "whitened"]

Expr = Any

#: Entries of the whitening matrix Σ^(-1/2); for any square matrix the proof is the same.
A = sp.Function("A", real=True)
#: A second coordinate.
e = sp.Symbol("e", integer=True, positive=True)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def whitened(vector: Vector) -> Vector:
    """Coordinates of A times a vector."""
    return lambda coordinate: sp.Sum(A(coordinate, e) * vector(e), (e, 1, p))


def distance(first: Expr, second: Expr) -> Expr:
    """The distance of two words in the norm of the mechanism, ‖Ax‖ = √(xᵀ AᵀA x)."""
    return norm(_between(first, second))


def _between(first: Expr, second: Expr) -> Vector:
    return whitened(lambda coordinate: phi(first, coordinate) - phi(second, coordinate))


def _noise(word: Expr) -> Vector:
    return whitened(lambda coordinate: X(x, coordinate) - phi(word, coordinate))


def law(word: Expr, output: Expr, rate: Expr = epsilon) -> Expr:
    """P_w(y)."""
    return sp.Integral(T(x, output) * density(norm(_noise(word)), rate), LINE)


def theorem() -> Theorem:
    """In its own norm it is ε-metric-DP."""
    mutations = (
        Mutation(
            "double-rate",
            "the density has e^(-2ε‖Az‖), for the same ε",
            lambda: _build(rate=2 * epsilon),
        ),
        Mutation(
            "half-promise", "ε/2 is promised instead of ε", lambda: _build(promise=epsilon / 2)
        ),
        Mutation(
            "other-norm",
            "ε is promised for Euclidean distances",
            lambda: _build(apart=norm(lambda one: phi(w, one) - phi(v, one))),
        ),
    )
    return _build(mutations=mutations)


def _build(
    rate: Expr = epsilon,
    promise: Expr = epsilon,
    apart: Expr | None = None,
    mutations: tuple[Mutation, ...] = (),
) -> Theorem:
    apart = distance(w, v) if apart is None else apart
    ours, theirs = norm(_noise(w)), norm(_noise(v))
    return Theorem(
        name="mahalanobis",
        title="Mahalanobis noise",
        words="For every vocabulary with vectors in R^p, every ε > 0 and every invertible matrix A "
        "(for the mechanism Σ^(-1/2)), adding noise with density proportional to exp(-ε‖Az‖) and "
        "putting out any word that is computed from the sum is ε-metric-DP for the distances "
        "‖A(φ(w) - φ(v))‖.",
        latex=r"P_w(y) \le e^{\varepsilon \|A(\varphi(w)-\varphi(v))\|} P_v(y), \quad P_w(y) = "
        r"\int_{\mathbb{R}^p} T(x,y)\, C e^{-\varepsilon \|A(x-\varphi(w))\|}\, dx",
        assumptions=(),
        conclusions=(le(law(w, y, rate), sp.exp(promise * apart) * law(v, y, rate)),),
        steps=(*_norm_steps(), *steps((ours, theirs, apart), T(x, y), rate, promise)),
        reference="Xu, Aggarwal, Feyisetan and Teissier (PrivateNLP 2020)",
        covers="every ε > 0 and lam, for distances in its own norm",
        mechanism="mahalanobis",
        mutations=mutations,
    )


def _norm_steps() -> tuple[Step, ...]:
    """The triangle inequality in the norm of the mechanism."""
    a, b, total = _between(w, v), _noise(w), _noise(v)
    *before, last = minkowski(a, b)
    squares = [sp.Sum(square, (c, 1, p)) for square in ((a(c) + b(c)) ** 2, total(c) ** 2)]
    return (
        *before,
        Step(f"{last.id}-sums", last.relation, last.by, last.uses, last.words),
        Step(
            "linear",
            eq(a(c) + b(c), total(c)),
            SYMPY,
            words="The matrix is linear: A(φ(w) - φ(v)) + A(x - φ(w)) = A(x - φ(v)),",
        ),
        Step(
            "linear-squares",
            eq((a(c) + b(c)) ** 2, total(c) ** 2),
            Z3,
            ("linear",),
            "the squares of the coordinates are the same,",
        ),
        Step(
            "linear-sums",
            eq(*squares),
            Termwise(c, 1, p),
            ("linear-squares",),
            "and so are their sums;",
        ),
        Step(
            "minkowski",
            le(norm(total), norm(a) + norm(b)),
            Rewrite(),
            ("linear-sums", f"{last.id}-sums"),
            "so this is the triangle inequality in the norm ‖A·‖.",
        ),
    )
