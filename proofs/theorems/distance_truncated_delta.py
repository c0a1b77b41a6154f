"""Laplace noise of bounded length between inputs that share no output (specification, 4.8)."""

from typing import Any

import sympy as sp

from ..language import Formula, eq, le, lt
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Cases, Discharge, Instance, Substitute, Termwise
from .distance_truncated import GEOMETRY, N, delta, factor, law, radius, zero_steps
from .hypotheses import suppose
from .words import SYMMETRY, TRIANGLE, d, i, j, k, v, w, y

__all__ = ["theorem"]

Expr = Any

Z3 = Decided(("z3",))

TOTAL = Assumption(
    "total",
    Formula(eq(sp.Sum(law(w, k), (k, 1, N)), 1)),
    "The probabilities of all N words add up to 1.",
)


def theorem() -> Theorem:
    """δ is 1 between words that are more than 4R apart."""
    mutations = (
        Mutation("nearer", "w and v are more than 3R apart", lambda: _build(reach=3)),
        Mutation("smaller-delta", "δ is 1/2", lambda: _build(value=sp.Rational(1, 2))),
        Mutation(
            "no-triangle",
            "d need not obey the triangle inequality",
            lambda: without_assumption(_build(), "triangle"),
        ),
    )
    return _build(mutations=mutations)


def _build(reach: Expr = 4, value: Expr = 1, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    apart = Assumption(
        "far-apart", Formula(lt(reach * radius, d(w, v))), "w and v are more than 4R apart."
    )
    return Theorem(
        name="distance-truncation-delta",
        title="The δ of Laplace noise of bounded length",
        words="If two words are more than 4R apart, no output is possible on both: δ = 1, whatever "
        "ε is promised.",
        latex=r"\delta_{w,v} = 1 \text{ if } d(w,v) > 4R",
        assumptions=(*GEOMETRY, TRIANGLE, SYMMETRY, TOTAL, apart),
        conclusions=(eq(delta(w, v, factor), value),),
        steps=(
            suppose("apart", lt(2 * radius, d(v, y)), "Let v and y be more than 2R apart."),
            *zero_steps("apart"),
            *_disjoint(),
            *_sum(value),
        ),
        reference="dpaudit, specification 4.8",
        covers="every ε, wherever two words are more than 4R apart",
        mechanism="distance-truncated-laplace",
        mutations=mutations,
    )


def _disjoint() -> tuple[Step, ...]:
    """A word that is possible on w is impossible on v."""
    far = lt(2 * radius, d(w, k))
    term = eq(sp.Max(0, law(w, k) - factor * law(v, k)), law(w, k))
    return (
        suppose("out-of-w", far, "If k is out of reach of w,"),
        Step(
            "impossible-w",
            eq(law(w, k), 0),
            Substitute(((v, w), (y, k))),
            ("zero",),
            "it is impossible on w",
        ),
        Step("nothing-w", eq(law(w, k), 0), Discharge(), ("out-of-w", "impossible-w"), "as shown,"),
        Step("term-out", term, Z3, ("nothing-w",), "and adds its probability 0 to δ."),
        suppose("in-w", le(d(w, k), 2 * radius), "If it is within reach of w,"),
        Step(
            "way",
            le(d(w, v), d(w, k) + d(k, v)),
            Instance(TRIANGLE.formula, ((i, w), (j, k), (k, v))),
            (),
            "the triangle inequality",
        ),
        Step("back", eq(d(k, v), d(v, k)), Instance(SYMMETRY.formula, ((i, k), (j, v))), (), "…"),
        Step(
            "out-of-v",
            lt(2 * radius, d(v, k)),
            Z3,
            ("way", "back", "in-w", "far-apart"),
            "puts it out of reach of v,",
        ),
        Step(
            "impossible-v", eq(law(v, k), 0), Substitute(((y, k),)), ("zero",), "so impossible on v"
        ),
        Step("nothing-v", eq(law(v, k), 0), Discharge(), ("out-of-v", "impossible-v"), "as shown,"),
        Step("term-in", term, Z3, ("nothing-v",), "and it adds all of its probability on w."),
        Step("term", term, Cases(far), ("term-out", "term-in"), "In any case it does that."),
    )


def _sum(value: Expr) -> tuple[Step, ...]:
    kept = sp.Sum(law(w, k), (k, 1, N))
    profile = delta(w, v, factor)
    return (
        Step("profile", eq(profile, kept), Termwise(k, 1, N), ("term",), "So δ is the sum of all"),
        Step("delta", eq(profile, value), Z3, ("profile", "total"), "probabilities on w: 1."),
    )
