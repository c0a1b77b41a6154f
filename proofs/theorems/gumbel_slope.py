"""What the published scale guarantees for the noise, and where that ends (specification, 4.6).

The scale was made for this. It compares two values of the noise density, so it says something as
long as the set of candidates is the same; `truncated_gumbel` shows what fails.
"""

from typing import Any

import sympy as sp

from ..language import Formula, Relation, eq, gt, le, lt
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Discharge, Instance, Integrate, Monotone
from .gumbel_noise import SOURCE, a, b, density, exponent, longest, z
from .hypotheses import suppose

__all__ = ["theorem"]

Expr = Any

#: Two values of the noise, u ≤ x; a step beyond the edge and the rate of a promise.
u, x = sp.symbols("u x", real=True)
beyond, rate = sp.symbols("t c", positive=True)
#: The density on the whole line.
f = sp.Function("f", nonnegative=True)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def theorem() -> Theorem:
    """Moving the noise by t changes its log density by at most a·t, inside the support only."""
    mutations = (
        Mutation("half-slope", "the slope is bounded by a/2", lambda: _slope(promise=a / 2)),
        Mutation("sign-turned", "the density rises towards 0", lambda: _slope(sign=-1)),
        Mutation(
            "across-the-edge",
            "the larger value may be outside the support",
            lambda: without_assumption(_slope(), "highest"),
        ),
    )
    return _slope(mutations=mutations)


INSIDE = Assumption(
    "inside",
    Formula(eq(f(z), density(z)), given=(le(-longest, z), le(z, longest)), forall=(z,)),
    "f is the density of the noise between -Δmax and Δmax,",
)
OUTSIDE = Assumption(
    "outside", Formula(eq(f(z), 0), given=(gt(z, longest),), forall=(z,)), "and 0 above Δmax."
)


def _slope(promise: Expr = a, sign: Expr = 1, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    steepest = sp.exp(2 * longest / b) / b
    slope = sign * (sp.exp(-z / b) - 1) / b
    reach = promise * (x - u)
    conclusions = (
        eq(sp.Derivative(sp.log(density(z)), z), slope),
        le(sp.Abs(slope), promise),
        le(f(x), sp.exp(reach) * f(u)),
        le(f(u), sp.exp(reach) * f(x)),
        lt(sp.exp(rate * beyond) * f(longest + beyond), f(longest)),
    )
    return Theorem(
        name="gumbel-slope",
        title="The slope of truncated Gumbel noise",
        words="If e^(2Δmax/b)/b ≤ a, moving the noise by t changes its log density by at most "
        "a·t while both places are in the support. Nothing follows across the edge of the "
        "support: no factor whatever makes up for the density 0 beyond it.",
        latex=r"|(\ln f)'| \le \frac{e^{2\Delta_{\max}/b}}{b} \le a \text{ inside,} \quad "
        r"e^{ct} f(\Delta_{\max} + t) = 0 < f(\Delta_{\max}) \text{ for all } c, t > 0",
        assumptions=(
            Assumption(
                "scale",
                Formula(le(steepest, a)),
                "The scale obeys e^(2Δmax/b)/b ≤ a (theorem gumbel-scale).",
            ),
            INSIDE,
            OUTSIDE,
            Assumption("from", Formula(le(-longest, z)), "z is in the support,"),
            Assumption("lowest", Formula(le(-longest, u)), "so are u"),
            Assumption("highest", Formula(le(x, longest)), "and x,"),
            Assumption("order", Formula(le(u, x)), "and u is the smaller one of these."),
        ),
        conclusions=conclusions,
        steps=(
            Step(
                "derivative",
                conclusions[0],
                SYMPY,
                (),
                "With v = e^(-z/b), ln f is ln v - v and a constant, so its slope (v - 1)/b.",
            ),
            *_bounds(slope, steepest, promise),
            *_moved(slope, promise),
            *_factors(reach),
            *_edge(conclusions[-1]),
        ),
        reference=SOURCE,
        mechanism="truncated-gumbel",
        mutations=mutations,
    )


def _bounds(slope: Expr, steepest: Expr, promise: Expr) -> tuple[Step, ...]:
    """|(ln f)'| ≤ e^(2Δmax/b)/b ≤ a from -Δmax on."""
    return (
        Step("exponent", le(-z / b, 2 * longest / b), Z3, ("from",), "As -z is at most Δmax,"),
        Step(
            "v",
            le(sp.exp(-z / b), sp.exp(2 * longest / b)),
            Monotone("exp"),
            ("exponent",),
            "v is at most e^(2Δmax/b), even with some room,",
        ),
        Step("rise", le(0, 2 * longest / b), SYMPY, (), "which itself is,"),
        Step("one", le(1, sp.exp(2 * longest / b)), Monotone("exp"), ("rise",), "at least 1."),
        Step(
            "steepest",
            le(sp.Abs(slope), steepest),
            Z3,
            ("v", "one"),
            "So the slope is at most e^(2Δmax/b)/b, up or down,",
        ),
        Step("slope", le(sp.Abs(slope), promise), Z3, ("steepest", "scale"), "and at most a."),
    )


def _moved(slope: Expr, promise: Expr) -> tuple[Step, ...]:
    """What the slope adds up to between u and x."""
    from_u = le(u, z)
    reach = sp.Integral(promise, (z, u, x))
    steps = [
        suppose("after-u", from_u, "Let z be u or more:"),
        Step("there", le(-longest, z), Z3, ("after-u", "lowest"), "then z is in the support,"),
        Step("area", eq(reach, promise * (x - u)), SYMPY, (), "From u to x a adds up to a(x - u),"),
        Step(
            "change",
            eq(sp.Integral(slope, (z, u, x)), exponent(x) - exponent(u)),
            SYMPY,
            (),
            "and the slope to the change of ln f.",
        ),
    ]
    for name, sign in (("up", 1), ("down", -1)):
        steps += [
            Step(f"slope-{name}", le(sign * slope, promise), Z3, ("slope",), f"Going {name}:"),
            Step(
                f"there-{name}",
                le(sign * slope, promise),
                Discharge(),
                ("there", f"slope-{name}"),
                "the bound on the slope holds there,",
            ),
            Step(
                f"sum-{name}",
                le(sp.Integral(sign * slope, (z, u, x)), reach),
                Integrate(z, u, x),
                (f"there-{name}", "order"),
                "and the integral of the smaller one is the smaller one.",
            ),
            Step(
                f"sign-{name}",
                eq(sp.Integral(sign * slope, (z, u, x)), sign * sp.Integral(slope, (z, u, x))),
                SYMPY,
                (),
                "A sign stands before the integral.",
            ),
        ]
    return tuple(steps)


def _factors(reach: Expr) -> tuple[Step, ...]:
    """The change of ln f as a factor of f."""
    steps = [
        Step("u-inside", le(u, longest), Z3, ("order", "highest"), "u is below the upper edge,"),
        Step("x-inside", le(-longest, x), Z3, ("order", "lowest"), "x above the lower one."),
        Step(
            "f-u",
            eq(f(u), density(u)),
            Instance(INSIDE.formula, ((z, u),)),
            ("lowest", "u-inside"),
            "So f is the formula at u",
        ),
        Step(
            "f-x",
            eq(f(x), density(x)),
            Instance(INSIDE.formula, ((z, x),)),
            ("x-inside", "highest"),
            "and at x.",
        ),
    ]
    for name, first, second in (("up", x, u), ("down", u, x)):
        steps += [
            Step(
                f"exponents-{name}",
                le(exponent(first), reach + exponent(second)),
                Z3,
                (f"sum-{name}", f"sign-{name}", "area", "change"),
                "The exponents differ by a(x - u) at most,",
            ),
            Step(
                f"powers-{name}",
                le(sp.exp(exponent(first)), sp.exp(reach + exponent(second))),
                Monotone("exp"),
                (f"exponents-{name}",),
                "the powers by the factor e^(a(x - u)),",
            ),
            Step(
                f"densities-{name}",
                le(f(first), sp.exp(reach) * f(second)),
                Z3,
                (f"powers-{name}", "f-u", "f-x"),
                "and so do the densities.",
            ),
        ]
    return tuple(steps)


def _edge(conclusion: Relation) -> tuple[Step, ...]:
    """Beyond the edge no factor helps."""
    return (
        Step("low-edge", le(-longest, longest), SYMPY, (), "Δmax itself"),
        Step("high-edge", le(longest, longest), SYMPY, (), "is in the support,"),
        Step(
            "at-the-edge",
            eq(f(longest), density(longest)),
            Instance(INSIDE.formula, ((z, longest),)),
            ("low-edge", "high-edge"),
            "where the density is positive;",
        ),
        Step("further", lt(longest, longest + beyond), SYMPY, (), "Δmax + t is not,"),
        Step(
            "nothing",
            eq(f(longest + beyond), 0),
            Instance(OUTSIDE.formula, ((z, longest + beyond),)),
            ("further",),
            "so that the density is 0.",
        ),
        Step(
            "edge",
            conclusion,
            Z3,
            ("at-the-edge", "nothing"),
            "No factor e^(ct) makes 0 as large as a positive number.",
        ),
    )
