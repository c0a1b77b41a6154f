"""What a random cutoff costs at least: no scale escapes it (specification, 4.7)."""

from typing import Any

import sympy as sp

from ..language import Formula, eq, le
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Instance, OneTerm
from .cutoff_mixture import NEAREST, D, b, law, m, normaliser, q, rank
from .random_cutoff_scale import AT_MOST_1, eta
from .words import DISTANCE_FROM_ITSELF, d, i, j, n, v, y

__all__ = ["least_ratio", "theorem"]

Expr = Any

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))

OWN_RANK = Assumption(
    "own-rank",
    Formula(eq(rank(j, j), 1), forall=(j,)),
    "r(w,y) is the rank of y from w; w itself has rank 1.",
    "r(w,w) = 1",
)
FARTHEST = Assumption(
    "farthest", Formula(eq(rank(v, y), n)), "y is the farthest word from v.", "r(v,y) = n"
)


def theorem() -> Theorem:
    """The loss on the farthest word is at least d/b + ln(p_1 Z/p_n)."""
    mutations = (
        Mutation(
            "double",
            "the loss is larger by ln 2",
            lambda: _build(more=2),
        ),
        Mutation(
            "no-share",
            "the cutoff n has the probability that it has without η",
            lambda: _build(share=sp.Integer(0)),
        ),
        Mutation(
            "not-farthest",
            "y is any word",
            lambda: without_assumption(_build(), "farthest"),
        ),
    )
    return _build(mutations=mutations)


def least_ratio(share: Expr = eta) -> Expr:
    """e^(d/b) Z p_1/p_n, times p_n: the chance of the cutoff n, which may be 0."""
    return sp.exp(d(v, y) / b) * normaliser(v) * (1 - eta) * q(1)


def _build(more: Expr = 1, share: Expr = eta, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    last_cutoff = (1 - share) * q(n) + share
    conclusion = le(more * least_ratio() * law(v, y, eta), last_cutoff * law(y, y, eta))
    return Theorem(
        name="random-cutoff-price",
        title="What a random cutoff costs at least",
        words="Whatever the scale b, if y is the farthest word from v, P_y(y)/P_v(y) is at least "
        "e^(d(v,y)/b) Z p_1/p_n, where Z is the normaliser of v over all words and p_k the "
        "probability of the cutoff k. So ε ≥ 1/b + ln(Z p_1/p_n)/d(v,y) for every ε that holds. "
        "For the cutoff of the mechanism p_1/p_n is nearly e² ln n.",
        latex=r"\frac{P_y(y)}{P_v(y)} \ge e^{d(v,y)/b}\, \frac{Z_{v,n}\, p_1}{p_n}, \quad "
        r"p_1 \ge (1-\eta) q(1),\ p_n = (1-\eta) q(n) + \eta",
        assumptions=(NEAREST, DISTANCE_FROM_ITSELF, OWN_RANK, FARTHEST, AT_MOST_1),
        conclusions=(conclusion,),
        steps=(
            *_far_steps(),
            *_own_steps(),
            Step(
                "ratio",
                conclusion,
                Z3,
                ("far", "own", "share-at-most-1"),
                "In the product with e^(d/b) Z p_1 the first is p_n p_1, at most p_n times the "
                "second.",
            ),
        ),
        reference="dpaudit",
        covers="every scale and every law of the cutoff",
        mechanism="random-cutoff-exponential",
        mutations=mutations,
    )


def _part(word: Expr, first: Expr) -> Expr:
    """The sum in the law, from a cutoff on."""
    return sp.Sum(q(m) / normaliser(word, m), (m, first, n))


def _far_steps() -> tuple[Step, ...]:
    """P_v(y) = e^(-d/b) p_n/Z."""
    exact = sp.exp(-d(v, y) / b) * ((1 - eta) * q(n) + eta) / normaliser(v)
    return (
        Step(
            "one-cutoff",
            eq(_part(v, rank(v, y)), q(n) / normaliser(v)),
            SYMPY,
            ("farthest",),
            "From v, y is a candidate only when the cutoff is n:",
        ),
        Step("far", eq(law(v, y, eta), exact), Z3, ("one-cutoff",), "so P_v(y) is e^(-d/b) p_n/Z."),
    )


def _own_steps() -> tuple[Step, ...]:
    """P_y(y) is at least p_1."""
    own, alone = sp.exp(-d(y, y) / b), sp.exp(-D(y, 1) / b)
    return (
        Step(
            "own-rank-y",
            eq(rank(y, y), 1),
            Instance(OWN_RANK.formula, ((j, y),)),
            (),
            "From y, it has rank 1,",
        ),
        Step("first", le(rank(y, y), 1), Z3, ("own-rank-y",), "so that it is a candidate"),
        Step(
            "cutoff-1",
            le(q(1) / normaliser(y, sp.Integer(1)), _part(y, rank(y, y))),
            OneTerm(1),
            ("first",),
            "when the cutoff is 1, too.",
        ),
        Step("one-term", eq(normaliser(y, sp.Integer(1)), alone), SYMPY, (), "Then Z is one term,"),
        Step(
            "nearest-y",
            eq(D(y, 1), 0),
            Instance(NEAREST.formula, ((j, y),)),
            (),
            "that of y itself at distance 0,",
        ),
        Step("alone", eq(alone, 1), SYMPY, ("nearest-y",), "so Z is 1."),
        Step(
            "itself-y",
            eq(d(y, y), 0),
            Instance(DISTANCE_FROM_ITSELF.formula, ((i, y),)),
            (),
            "As y is at distance 0 from itself,",
        ),
        Step("own-factor", eq(own, 1), SYMPY, ("itself-y",), "the factor e^(-d/b) is 1, too."),
        Step(
            "own",
            le((1 - eta) * q(1), law(y, y, eta)),
            Z3,
            ("cutoff-1", "one-term", "alone", "own-factor", "share-at-most-1"),
            "So P_y(y) is at least p_1.",
        ),
    )
