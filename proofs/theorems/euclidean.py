"""The Euclidean norm obeys the triangle inequality, in every dimension."""

from collections.abc import Callable
from typing import Any

import sympy as sp

from ..language import eq, le, lt
from ..model import Decided, Mutation, Step, Theorem
from ..rules import Cases, OneTerm, Substitute, Termwise
from .hypotheses import suppose

__all__ = ["Vector", "c", "minkowski", "norm", "p", "theorem"]

Expr = Any
#: The coordinates of a vector.
Vector = Callable[[Expr], Expr]

#: A coordinate; the dimension.
c, p = sp.symbols("c p", integer=True, positive=True)
#: Multipliers.
s, t = sp.symbols("s t", real=True)
_a, _b = sp.Function("a", real=True), sp.Function("b", real=True)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def norm(vector: Vector) -> Expr:
    """The root of the sum of squares."""
    return sp.sqrt(_dot(vector, vector))


def _dot(first: Vector, second: Vector) -> Expr:
    return sp.Sum(first(c) * second(c), (c, 1, p))


def theorem() -> Theorem:
    """It does, so Euclidean distances are a metric."""
    mutations = (
        Mutation("one-norm", "‖a + b‖ ≤ ‖a‖", lambda: _build(share=0)),
        Mutation("half", "‖a + b‖ ≤ ‖a‖ + ‖b‖/2", lambda: _build(share=sp.Rational(1, 2))),
    )
    return _build(mutations=mutations)


def _build(share: Expr = 1, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    return Theorem(
        name="euclidean-metric",
        title="The Euclidean distance is a metric",
        words="For all vectors a and b with p coordinates, ‖a + b‖ ≤ ‖a‖ + ‖b‖.",
        latex=r"\sqrt{\sum_{c=1}^{p} (a_c + b_c)^2} \le \sqrt{\sum_{c=1}^{p} a_c^2} + "
        r"\sqrt{\sum_{c=1}^{p} b_c^2}",
        assumptions=(),
        conclusions=(le(norm(lambda c: _a(c) + _b(c)), norm(_a) + share * norm(_b)),),
        steps=minkowski(_a, _b, share),
        reference="Cauchy (1821); Minkowski (1896)",
        mutations=mutations,
    )


def minkowski(a: Vector, b: Vector, share: Expr = 1) -> tuple[Step, ...]:
    """From nothing to the step "minkowski", ‖a + b‖ ≤ ‖a‖ + ‖b‖."""
    squares, others, mixed = _dot(a, a), _dot(b, b), _dot(a, b)
    gaps = sp.Sum((s * a(c) - t * b(c)) ** 2, (c, 1, p))
    expanded = s**2 * squares + t**2 * others - 2 * s * t * mixed
    at = ((s, others), (t, mixed))
    chosen = others**2 * squares + mixed**2 * others - 2 * others * mixed * mixed
    nothing, zero = le(others, 0), sp.Sum(0, (c, 1, p))
    cauchy = le(mixed, sp.sqrt(squares) * sp.sqrt(others))
    together = norm(lambda c: a(c) + b(c))
    return (
        Step("squares", le(0, gaps), SYMPY, (), "No sum of squares is negative."),
        Step(
            "expanded",
            eq(gaps, expanded),
            SYMPY,
            (),
            "Expanded, it is a quadratic form in s and t,",
        ),
        Step(
            "positive",
            le(0, expanded),
            Z3,
            ("squares", "expanded"),
            "which is not negative for any s and t:",
        ),
        Step(
            "chosen",
            le(0, chosen),
            Substitute(at),
            ("positive",),
            "in particular for s = b·b and t = a·b.",
        ),
        suppose("if-b", lt(0, others), "Where b is not 0,"),
        Step("cauchy-b", cauchy, Z3, ("chosen", "if-b"), "dividing by b·b gives a·b ≤ ‖a‖‖b‖."),
        suppose("if-0", nothing, "Where b is 0,"),
        Step("b-c", le(b(c) * b(c), others), OneTerm(c), (), "all of its coordinates are 0,"),
        Step(
            "product-c",
            le(a(c) * b(c), 0),
            Z3,
            ("b-c", "if-0"),
            "so no product of coordinates is above 0,",
        ),
        Step(
            "products", le(mixed, zero), Termwise(c, 1, p), ("product-c",), "nor is their sum a·b,"
        ),
        Step("zero", eq(zero, 0), SYMPY, (), "as a sum of zeros is 0,"),
        Step("cauchy-0", cauchy, Z3, ("products", "zero"), "so that a·b ≤ ‖a‖‖b‖ again."),
        Step(
            "cauchy",
            cauchy,
            Cases(lt(0, others)),
            ("cauchy-b", "cauchy-0"),
            "It holds in both cases.",
        ),
        Step(
            "square-of-sum",
            eq(_dot(lambda c: a(c) + b(c), lambda c: a(c) + b(c)), squares + 2 * mixed + others),
            SYMPY,
            words="The square of ‖a + b‖ is a·a + 2 a·b + b·b,",
        ),
        Step(
            "minkowski",
            le(together, norm(a) + share * norm(b)),
            Z3,
            ("square-of-sum", "cauchy"),
            "at most the square of ‖a‖ + ‖b‖.",
        ),
    )
