"""The exact loss of separable laws (specification, 5.1)."""

from collections.abc import Callable
from typing import Any

import sympy as sp

from ..language import Relation, eq, le
from ..model import Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Instance, Monotone, Rewrite, Substitute
from .exponential import law, metric_steps, normaliser, normaliser_steps
from .words import DISTANCE_FROM_ITSELF, SYMMETRY, TRIANGLE, d, i, v, w, y

__all__ = ["loss", "pi", "prior", "theorem", "theta"]

Expr = Any
HALF = sp.Rational(1, 2)

#: Weight of a word, whatever the input.
pi = sp.Function("pi", positive=True)
#: The rate of a law: ε/2 for the mechanisms of this library.
theta = sp.Symbol("theta", positive=True)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def prior(word: Expr, output: Expr) -> Expr:
    """The same for every input."""
    return pi(output)


def loss(first: Expr, second: Expr, rate: Expr = theta) -> Expr:
    """The privacy loss of an ordered pair of inputs."""
    ratio = sp.log(normaliser(second, rate, prior=prior)) - sp.log(
        normaliser(first, rate, prior=prior)
    )
    return rate * d(first, second) + ratio


def theorem() -> Theorem:
    """The loss of a pair is θd + ln Z_v - ln Z_w, so ε* = θ + max |ln Z_w - ln Z_v|/d."""
    mutations = (
        Mutation(
            "half-rate",
            "the first term is θ d/2",
            lambda: _build(share=HALF),
        ),
        Mutation(
            "sign-turned",
            "the normalisers have changed places",
            lambda: _build(turn=-1),
        ),
        Mutation(
            "three-halves",
            "ε* is at most 3θ/2",
            lambda: _build(most=sp.Rational(3, 2)),
        ),
        Mutation(
            "no-distance-from-itself",
            "a word may be at some distance from itself",
            lambda: without_assumption(_build(), "itself"),
        ),
    )
    return _build(mutations=mutations)


def _build(
    share: Expr = 1, turn: Expr = 1, most: Expr = 2, mutations: tuple[Mutation, ...] = ()
) -> Theorem:
    def spread(first: Expr, second: Expr) -> Expr:
        return loss(first, second) - theta * d(first, second)

    def stated(first: Expr, second: Expr) -> Expr:
        return share * theta * d(first, second) + turn * spread(first, second)

    def log_ratio(first: Expr, second: Expr, output: Expr) -> Expr:
        logs = [sp.log(law(word, output, theta, prior=prior)) for word in (first, second)]
        return logs[0] - logs[1]

    at_most = le(log_ratio(w, v, y), stated(w, v))
    attained = eq(log_ratio(w, v, w), stated(w, v))
    larger = sp.Max(stated(w, v), stated(v, w))
    pair = eq(larger, share * theta * d(w, v) + sp.Abs(spread(w, v)))
    range_of = (le(theta * d(w, v), larger), le(larger, most * theta * d(w, v)))
    return Theorem(
        name="separable-loss",
        title="The exact loss of a separable law",
        words="If P_w(y) is proportional to π(y) exp(-θ d(w,y)) with a metric d and weights π "
        "that do not depend on the input, the privacy loss of w against v is "
        "θ d(w,v) + ln Z_v - ln Z_w, attained at y = w. So ε* is θ plus the largest "
        "|ln Z_w - ln Z_v|/d(w,v), between θ and 2θ. This holds for a clipped metric, too, with "
        "losses in clipped distances.",
        latex=r"\max_y \ln\frac{P_w(y)}{P_v(y)} = \theta d(w,v) + \ln Z_v - \ln Z_w, \quad "
        r"\varepsilon^* = \theta + \max_{w \ne v} \frac{|\ln Z_w - \ln Z_v|}{d(w,v)} "
        r"\in [\theta, 2\theta]",
        assumptions=(TRIANGLE, SYMMETRY, DISTANCE_FROM_ITSELF),
        conclusions=(at_most, attained, pair, *range_of),
        steps=(*_loss_steps(stated, log_ratio), *_pair_steps(pair, range_of)),
        reference="dpaudit, specification 5.1",
        mutations=mutations,
    )


def _loss_steps(stated: Callable[..., Expr], log_ratio: Callable[..., Expr]) -> tuple[Step, ...]:
    """What holds for every output, and with equality for y = w."""

    def gap(output: Expr) -> Expr:
        return theta * (d(v, output) - d(w, output) - d(w, v)) + loss(w, v)

    return (
        *metric_steps(),
        Step(
            "any-output",
            eq(log_ratio(w, v, y), gap(y)),
            SYMPY,
            words="In the logarithm of the ratio the weight of y cancels.",
        ),
        Step(
            "at-most",
            le(log_ratio(w, v, y), stated(w, v)),
            Z3,
            ("any-output", "triangle-y", "swap"),
            "By the triangle inequality d(v,y) - d(w,y) is at most d(w,v).",
        ),
        Step(
            "at-w",
            eq(log_ratio(w, v, w), gap(w)),
            Substitute(((y, w),)),
            ("any-output",),
            "The same for y = w,",
        ),
        Step(
            "itself-w",
            eq(d(w, w), 0),
            Instance(DISTANCE_FROM_ITSELF.formula, ((i, w),)),
            words="where the word is at distance 0 from itself:",
        ),
        Step(
            "attained",
            eq(log_ratio(w, v, w), stated(w, v)),
            Z3,
            ("at-w", "itself-w", "swap"),
            "so y = w attains the bound, for every pair.",
        ),
    )


def _pair_steps(pair: Relation, range_of: tuple[Relation, Relation]) -> tuple[Step, ...]:
    """The larger loss of the two directions, and what it lies between."""
    first, second = (normaliser(word, theta, prior=prior) for word in (w, v))
    grown = sp.exp(theta * d(w, v))
    return (
        Step(
            "pair",
            pair,
            Z3,
            ("swap",),
            "Of the two directions, one has |ln Z_w - ln Z_v| with a plus sign.",
        ),
        Step("least", range_of[0], Z3, ("pair",), "So ε* is at least θ."),
        *normaliser_steps(theta, prior=prior),
        Step(
            "logs",
            le(sp.log(second), sp.log(grown * first)),
            Monotone("ln"),
            ("normalisers",),
            "The logarithm keeps the order of the normalisers,",
        ),
        Step(
            "log-of-product",
            eq(sp.log(grown * first), theta * d(w, v) + sp.log(first)),
            SYMPY,
            words="and makes the factor a summand:",
        ),
        Step(
            "one-way",
            le(sp.log(second), theta * d(w, v) + sp.log(first)),
            Rewrite(),
            ("log-of-product", "logs"),
            "ln Z_v is at most θ d above ln Z_w,",
        ),
        Step(
            "other-way",
            le(sp.log(first), theta * d(v, w) + sp.log(second)),
            Substitute(((w, v), (v, w))),
            ("one-way",),
            "and the other way round.",
        ),
        Step(
            "most",
            range_of[1],
            Z3,
            ("pair", "one-way", "other-way", "swap"),
            "So neither loss is above 2θ d, and ε* is at most 2θ.",
        ),
    )
