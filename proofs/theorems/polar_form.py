"""Multivariate Laplace noise in polar form: its normaliser and the law of its radius
(specification, 4.1)."""

from typing import Any

import sympy as sp

from ..language import Formula, eq
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Rewrite
from .euclidean import p
from .words import epsilon

__all__ = ["V", "ball_volume", "normaliser", "r", "radius_density", "theorem"]

Expr = Any

#: The volume of the unit ball of R^p; a radius; a coordinate.
V = sp.Symbol("V", positive=True)
r = sp.Symbol("r", nonnegative=True)
u = sp.Symbol("u", real=True)

SYMPY, Z3 = Decided(("sympy",)), Decided(("z3",))


def shell() -> Expr:
    """The growth of the volume V r^p of a ball with its radius."""
    return p * V * r ** (p - 1)


def ball_volume() -> Expr:
    """What V is."""
    return sp.pi ** (p * sp.Rational(1, 2)) / sp.gamma(p * sp.Rational(1, 2) + 1)


def normaliser(rate: Expr = epsilon) -> Expr:
    """C, the density of the noise at 0."""
    half = p * sp.Rational(1, 2)
    return rate**p * sp.gamma(half) / (2 * sp.pi**half * sp.gamma(p))


def radius_density(rate: Expr = epsilon) -> Expr:
    """That of Gamma(p, rate)."""
    return rate**p * r ** (p - 1) * sp.exp(-rate * r) / sp.gamma(p)


def theorem() -> Theorem:
    """The radius is Gamma(p, ε), the density ε^p Γ(p/2) e^(-ε‖z‖)/(2 π^(p/2) Γ(p))."""
    mutations = (
        Mutation(
            "half-normaliser",
            "the density at 0 is half of it",
            lambda: _build(share=sp.Rational(1, 2)),
        ),
        Mutation(
            "other-rate",
            "the radius is Gamma(p, 2ε)",
            lambda: _build(rate=2 * epsilon),
        ),
        Mutation(
            "no-volume",
            "V may be any number",
            lambda: without_assumption(_build(), "both-ways"),
        ),
    )
    return _build(mutations=mutations)


def _build(share: Expr = 1, rate: Expr = epsilon, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    noise = share * normaliser() * sp.exp(-epsilon * r)
    radius = eq(noise * shell(), radius_density(rate))
    total = eq(sp.Integral(radius_density(rate), (r, 0, sp.oo)), 1)
    in_shells = sp.Integral(sp.exp(-(r**2)) * shell(), (r, 0, sp.oo))
    on_line = sp.Integral(sp.exp(-(u**2)), (u, -sp.oo, sp.oo))
    both_ways = Assumption(
        "both-ways",
        Formula(eq(in_shells, on_line**p)),
        "V is the volume of the unit ball of R^p. So the integral of exp(-‖z‖²) over R^p, taken in "
        "shells, is the one taken coordinate by coordinate (Fubini).",
    )
    return Theorem(
        name="polar-form",
        title="Multivariate Laplace noise in polar form",
        words="In every dimension p, a uniform direction with a radius of law Gamma(p, ε) has the "
        "density C exp(-ε‖z‖) with C = ε^p Γ(p/2)/(2 π^(p/2) Γ(p)).",
        latex=r"C e^{-\varepsilon r} \cdot p V r^{p-1} = "
        r"\frac{\varepsilon^p r^{p-1} e^{-\varepsilon r}}{\Gamma(p)}, \quad "
        r"C = \frac{\varepsilon^p\, \Gamma(p/2)}{2 \pi^{p/2}\, \Gamma(p)}, \quad "
        r"V = \frac{\pi^{p/2}}{\Gamma(p/2+1)}",
        assumptions=(both_ways,),
        conclusions=(eq(V, ball_volume()), radius, total),
        steps=(
            Step(
                "shell",
                eq(sp.Derivative(V * r**p, r), shell()),
                SYMPY,
                words="A ball of radius r has the volume V r^p, which grows by p V r^(p-1).",
            ),
            Step("line", eq(on_line, sp.sqrt(sp.pi)), SYMPY, (), "Over a line, exp(-u²) gives √π,"),
            Step(
                "coordinates",
                eq(in_shells, sp.sqrt(sp.pi) ** p),
                Rewrite(),
                ("line", "both-ways"),
                "so the integral over R^p is π^(p/2).",
            ),
            Step(
                "shells",
                eq(in_shells, V * sp.gamma(p * sp.Rational(1, 2) + 1)),
                SYMPY,
                words="In shells it gives V Γ(p/2 + 1).",
            ),
            Step(
                "volume",
                eq(V, ball_volume()),
                Z3,
                ("coordinates", "shells"),
                "So V = π^(p/2)/Γ(p/2 + 1).",
            ),
            Step(
                "radius",
                radius,
                SYMPY,
                ("volume",),
                "The density of the radius is that of z times the growth of the volume.",
            ),
            Step("total", total, SYMPY, (), "It is a probability law: C is the normaliser."),
        ),
        reference="Wu, Li, Kumar, Chaudhuri, Jha and Naughton (SIGMOD 2017), appendix E; "
        "Feyisetan, Balle, Drake and Diethe (WSDM 2020)",
        covers="every ε > 0 and p",
        mechanism="multivariate-laplace",
        mutations=mutations,
    )
