"""Gaussian noise on one number: its exact privacy profile."""

from typing import Any

import sympy as sp

from ..language import Formula, Relation, eq, le
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Instance, Integrate, Monotone, Substitute
from .hypotheses import suppose
from .post_processing import chance, x
from .words import epsilon

__all__ = ["a", "density", "normal", "profile", "shift", "sigma", "theorem"]

Expr = Any

#: An input; how much larger the other one is; the standard deviation; a place.
a, u = sp.symbols("a u", real=True)
shift, sigma = sp.symbols("Delta sigma", positive=True)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def density(place: Expr) -> Expr:
    """The density of the output at x on an input."""
    return sp.exp(_exponent(place)) / (sigma * sp.sqrt(2 * sp.pi))


def _exponent(place: Expr) -> Expr:
    return -((x - place) ** 2) / (2 * sigma**2)


def normal(value: Expr) -> Expr:
    """Φ, the distribution function of the standard normal law."""
    return (1 + sp.erf(value / sp.sqrt(2))) / 2


def profile(factor: Expr = 1) -> Expr:
    """δ(ε)."""
    centre, tilt = shift / (2 * sigma), epsilon * sigma / shift
    return normal(centre - tilt) - factor * sp.exp(epsilon) * normal(-centre - tilt)


def theorem() -> Theorem:
    """No set of outputs has a larger failure mass than δ(ε), and one has it."""
    mutations = (
        Mutation(
            "half-profile",
            "e^ε Φ(…) counts twice",
            lambda: _build(factor=2),
        ),
        Mutation(
            "other-border",
            "the border between the likelier outputs is a + Δ/2",
            lambda: _build(tilt=0),
        ),
        Mutation(
            "no-chance",
            "T may be above 1",
            lambda: without_assumption(_build(), "chance"),
        ),
    )
    return _build(mutations=mutations)


def _build(factor: Expr = 1, tilt: Expr = 1, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    border = a + shift / 2 - tilt * epsilon * sigma**2 / shift
    gap = density(a) - sp.exp(epsilon) * density(a + shift)
    sides = [sp.Integral(chance(x) * gap, one) for one in _sides(border)]
    best = sp.Integral(gap, (x, -sp.oo, border))
    at_most, exact = le(sides[0] + sides[1], best), eq(best, profile(factor))
    chances = Assumption(
        "chance",
        Formula(le(chance(x), 1), forall=(x,)),
        "T(x), the chance that x counts as in the set, is at most 1.",
        r"T(x) \le 1",
    )
    return Theorem(
        name="gaussian",
        title="Gaussian noise",
        words="For noise of standard deviation σ on numbers that are Δ apart, and every ε > 0, "
        "the largest failure mass over all sets of outputs is "
        "δ(ε) = Φ(Δ/(2σ) - εσ/Δ) - e^ε Φ(-Δ/(2σ) - εσ/Δ): no set has more, and the outputs up to "
        "a + Δ/2 - εσ²/Δ have it.",
        latex=r"\int T (f_a - e^{\varepsilon} f_{a+\Delta}) \le \delta(\varepsilon) = "
        r"\Phi\!\left(\frac{\Delta}{2\sigma} - \frac{\varepsilon\sigma}{\Delta}\right) - "
        r"e^{\varepsilon} \Phi\!\left(-\frac{\Delta}{2\sigma} - "
        r"\frac{\varepsilon\sigma}{\Delta}\right)",
        assumptions=(chances,),
        conclusions=(at_most, exact),
        steps=(
            *_border_steps(border),
            *_side_steps(chances, border, gap, at_most),
            *_profile_steps(border, gap, exact),
        ),
        reference="Balle and Wang (ICML 2018), theorem 8",
        covers="every σ and ε > 0; neighbours that are Δ = 1 apart",
        mechanism="gaussian",
        mutations=mutations,
    )


def _sides(border: Expr) -> tuple[Any, Any]:
    return (x, -sp.oo, border), (x, border, sp.oo)


def _border_steps(border: Expr) -> tuple[Step, ...]:
    """On which side of the border e^ε times the other density is larger."""
    ours, theirs = density(a), sp.exp(epsilon) * density(a + shift)
    tilted = shift * (x - border) / sigma**2
    same = eq(epsilon + _exponent(a + shift), _exponent(a) + tilted)
    below, above = le(tilted, 0), le(0, tilted)
    return (
        Step(
            "exponents",
            same,
            SYMPY,
            words="The logarithm of e^ε f_(a+Δ)/f_a is a line with slope Δ/σ² and its zero at the "
            "border.",
        ),
        Step(
            "factors",
            eq(sp.exp(same.left), sp.exp(same.right)),
            Monotone("exp"),
            ("exponents",),
            "So the densities differ by the exponential of this line.",
        ),
        suppose("below", le(x, border), "Let x be below the border."),
        Step("line-below", below, Z3, ("below",), "Then the line is not positive,"),
        Step(
            "at-most-1",
            le(sp.exp(tilted), 1),
            Monotone("exp"),
            ("line-below",),
            "its exponential is at most 1,",
        ),
        Step(
            "f-larger",
            le(theirs, ours),
            Z3,
            ("factors", "at-most-1"),
            "and e^ε f_(a+Δ) is at most f_a.",
        ),
        suppose("above", le(border, x), "Let x be above the border."),
        Step("line-above", above, Z3, ("above",), "Then the line is not negative,"),
        Step(
            "at-least-1",
            le(1, sp.exp(tilted)),
            Monotone("exp"),
            ("line-above",),
            "its exponential is at least 1,",
        ),
        Step(
            "f-smaller",
            le(ours, theirs),
            Z3,
            ("factors", "at-least-1"),
            "and e^ε f_(a+Δ) is at least f_a.",
        ),
    )


def _side_steps(
    chances: Assumption, border: Expr, gap: Expr, at_most: Relation
) -> tuple[Step, ...]:
    """The best set is all below the border."""
    (left, right), weighted = _sides(border), chance(x) * gap
    nothing = sp.Integral(0, right)
    return (
        Step(
            "a-chance",
            le(chance(x), 1),
            Instance(chances.formula),
            (),
            "T is a chance, so at most 1.",
        ),
        Step(
            "gain",
            le(weighted, gap),
            Z3,
            ("a-chance", "f-larger"),
            "So below the border nothing gains more than T = 1,",
        ),
        Step(
            "gains",
            le(sp.Integral(weighted, left), sp.Integral(gap, left)),
            Integrate(*left),
            ("gain",),
            "at each x and in all;",
        ),
        Step(
            "loss", le(weighted, 0), Z3, ("f-smaller",), "above it nothing gains more than T = 0,"
        ),
        Step(
            "losses",
            le(sp.Integral(weighted, right), nothing),
            Integrate(*right),
            ("loss",),
            "at each x and in all,",
        ),
        Step("nothing", eq(nothing, 0), SYMPY, (), "which is 0."),
        Step(
            "at-most",
            at_most,
            Z3,
            ("gains", "losses", "nothing"),
            "So the set of all x below the border is the best one.",
        ),
    )


def _profile_steps(border: Expr, gap: Expr, exact: Relation) -> tuple[Step, ...]:
    """The value for the best set."""
    to_u = (x, -sp.oo, u)

    def mass(place: Expr) -> Relation:
        return eq(sp.Integral(density(place), to_u), normal((u - place) / sigma))

    def at_border(place: Expr) -> Relation:
        masses = sp.Integral(density(place), (x, -sp.oo, border))
        return eq(masses, normal((border - place) / sigma))

    masses = [at_border(place).left for place in (a, a + shift)]
    return (
        Step("mass-u", mass(a), SYMPY, (), "Outputs up to u have a chance Φ((u - a)/σ),"),
        Step(
            "mass",
            at_border(a),
            Substitute(((u, border),)),
            ("mass-u",),
            "in particular those up to the border;",
        ),
        Step(
            "other-mass-u",
            mass(a + shift),
            Substitute(((a, a + shift),)),
            ("mass-u",),
            "on the other input",
        ),
        Step(
            "other-mass",
            at_border(a + shift),
            Substitute(((u, border),)),
            ("other-mass-u",),
            "these have Φ of the border less a + Δ.",
        ),
        Step(
            "apart",
            eq(sp.Integral(gap, (x, -sp.oo, border)), masses[0] - sp.exp(epsilon) * masses[1]),
            SYMPY,
            words="The integral of the difference is the difference of these,",
        ),
        Step(
            "values",
            eq(at_border(a).right - sp.exp(epsilon) * at_border(a + shift).right, exact.right),
            SYMPY,
            words="in which the border is inserted.",
        ),
        Step("exact", exact, Z3, ("apart", "values", "mass", "other-mass"), "That is δ(ε)."),
    )
