"""Laplace noise on one number."""

from dataclasses import replace
from typing import Any

import sympy as sp

from ..language import Relation, eq, le
from ..model import Decided, Mutation, Step, Theorem
from ..rules import Integrate, Monotone, Rewrite
from .hypotheses import suppose
from .post_processing import LINE, chance, integral_steps, x
from .words import epsilon

__all__ = ["a", "density", "shift", "theorem"]

Expr = Any

#: An input; how much larger another input is.
a = sp.Symbol("a", real=True)
shift = sp.Symbol("Delta", nonnegative=True)
#: The outputs up to the smaller input.
BELOW = (x, -sp.oo, a)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def density(place: Expr, rate: Expr = epsilon) -> Expr:
    """The density of the output at x on an input."""
    return rate / 2 * sp.exp(-rate * sp.Abs(x - place))


def theorem() -> Theorem:
    """It is ε-DP for each unit of distance, and no less."""
    mutations = (
        Mutation(
            "half-promise", "ε/2 is promised instead of ε", lambda: _build(promise=epsilon / 2)
        ),
        Mutation("double-rate", "the noise has half the scale", lambda: _build(rate=2 * epsilon)),
        Mutation("sign-turned", "-ε is promised", lambda: _build(promise=-epsilon)),
    )
    return _build(mutations=mutations)


def _build(
    rate: Expr = epsilon, promise: Expr = epsilon, mutations: tuple[Mutation, ...] = ()
) -> Theorem:
    factor = sp.exp(promise * shift)
    ours, theirs = density(a, rate), density(a + shift, rate)
    weighted = [sp.Integral(chance(x) * one, LINE) for one in (ours, theirs)]
    below = [sp.Integral(one, BELOW) for one in (ours, theirs)]
    attained = eq(below[0], factor * below[1])
    return Theorem(
        name="laplace",
        title="Laplace noise",
        words="For every ε > 0, noise with density (ε/2) exp(-ε|z|) makes a number ε-DP for each "
        "unit that inputs are apart, in both directions. No smaller factor will do: outputs up to "
        "the smaller input, which come out of it with probability 1/2, attain it.",
        latex=r"\int T f_a \le e^{\varepsilon \Delta} \int T f_{a+\Delta}, \quad "
        r"\int_{-\infty}^{a} f_a = e^{\varepsilon \Delta} \int_{-\infty}^{a} f_{a+\Delta}, \quad "
        r"f_a(x) = \tfrac{\varepsilon}{2} e^{-\varepsilon |x-a|}",
        assumptions=(),
        conclusions=(
            le(weighted[0], factor * weighted[1]),
            le(weighted[1], factor * weighted[0]),
            attained,
            eq(below[0], sp.Rational(1, 2)),
        ),
        steps=(
            *_ratio_steps(a, a + shift, rate, promise),
            *_ratio_steps(a + shift, a, rate, promise, prefix="back-"),
            *_below_steps(rate, promise, attained),
        ),
        reference="Dwork, McSherry, Nissim and Smith (TCC 2006)",
        covers="every ε > 0",
        mechanism="laplace",
        mutations=mutations,
    )


def _exponent(place: Expr, rate: Expr) -> Expr:
    return -rate * sp.Abs(x - place)


def _ratio_steps(
    first: Expr, second: Expr, rate: Expr, promise: Expr, prefix: str = ""
) -> tuple[Step, ...]:
    """One direction, with names that begin with a prefix."""
    bound = le(_exponent(first, rate), promise * shift + _exponent(second, rate))
    factor, ours, theirs = sp.exp(promise * shift), density(first, rate), density(second, rate)
    steps = (
        Step(
            "exponents",
            bound,
            Z3,
            words="|x - a| and |x - a - Δ| differ by Δ at most, whichever is larger.",
        ),
        Step(
            "factors",
            le(sp.exp(bound.left), sp.exp(bound.right)),
            Monotone("exp"),
            ("exponents",),
            "The exponential function keeps the order.",
        ),
        Step(
            "pointwise",
            le(ours, factor * theirs),
            Z3,
            ("factors",),
            "So at every point the densities differ by this factor at most.",
        ),
        *integral_steps(ours, theirs, factor, chance(x)),
    )
    return tuple(
        replace(step, id=prefix + step.id, uses=tuple(prefix + use for use in step.uses))
        for step in steps
    )


def _below_steps(rate: Expr, promise: Expr, attained: Relation) -> tuple[Step, ...]:
    """Outputs up to the smaller input."""
    ours, theirs = density(a, rate), density(a + shift, rate)
    plain = rate / 2 * sp.exp(rate * (x - a))
    factor = sp.exp(promise * shift)
    same = eq(_exponent(a, rate), promise * shift + _exponent(a + shift, rate))
    half = eq(_exponent(a, rate), rate * (x - a))
    return (
        suppose("below", le(x, a), "Let x be at most a, so nearer to a than to a + Δ by Δ."),
        Step("same-exponents", same, Z3, ("below",), "Then the exponents differ by exactly ε Δ,"),
        Step(
            "same-factors",
            eq(sp.exp(same.left), sp.exp(same.right)),
            Monotone("exp"),
            ("same-exponents",),
            "and the bound on the factors holds with equality,",
        ),
        Step(
            "same", eq(ours, factor * theirs), Z3, ("same-factors",), "as it does for the densities"
        ),
        Step(
            "same-integrals",
            eq(sp.Integral(ours, BELOW), sp.Integral(factor * theirs, BELOW)),
            Integrate(*BELOW),
            ("same",),
            "and for their integrals over all such x,",
        ),
        Step(
            "same-factor",
            eq(sp.Integral(factor * theirs, BELOW), attained.right),
            SYMPY,
            words="where the factor stands before the integral.",
        ),
        Step(
            "attained",
            attained,
            Rewrite(),
            ("same-factor", "same-integrals"),
            "So the factor is attained.",
        ),
        Step("plain-exponent", half, Z3, ("below",), "There |x - a| is a - x,"),
        Step(
            "plain-factor",
            eq(sp.exp(half.left), sp.exp(half.right)),
            Monotone("exp"),
            ("plain-exponent",),
            "so the exponential has no corner",
        ),
        Step(
            "plain", eq(ours, plain), Z3, ("plain-factor",), "and the density is (ε/2) e^(ε(x-a))."
        ),
        Step(
            "plain-integrals",
            eq(sp.Integral(ours, BELOW), sp.Integral(plain, BELOW)),
            Integrate(*BELOW),
            ("plain",),
            "The probability of these outputs is its integral,",
        ),
        Step(
            "half",
            eq(sp.Integral(plain, BELOW), sp.Rational(1, 2)),
            SYMPY,
            (),
            "which is one half:",
        ),
        Step(
            "half-of-all",
            eq(sp.Integral(ours, BELOW), sp.Rational(1, 2)),
            Rewrite(),
            ("half", "plain-integrals"),
            "they come out of a with probability 1/2.",
        ),
    )
