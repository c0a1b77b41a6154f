"""The bucket of the truncated exponential mechanism: drawing it, then one of its words, gives the
law with the clipped metric (specification, 4.5)."""

from typing import Any

import sympy as sp

from ..language import Formula, Relation, eq, le, lt
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Cases, Instance, Monotone, OneTerm, Substitute, Termwise
from .exponential import law, normaliser
from .hypotheses import suppose
from .truncated_exponential import clipped, gamma
from .words import d, epsilon, i, j, k, n, w, y

__all__ = ["theorem"]

Expr = Any
HALF = sp.Rational(1, 2)

#: 1 for words beyond the threshold, 0 for others; the law as the mechanism draws it.
beyond = sp.Function("beyond", nonnegative=True)
P = sp.Function("P", real=True)
#: What the bucket weighs for each of its words.
WEIGHT = sp.exp(-HALF * epsilon * gamma)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def theorem() -> Theorem:
    """Drawing the bucket and a word from it gives the law with the clipped metric."""
    mutations = (
        Mutation(
            "light-bucket",
            "the bucket weighs half as much",
            lambda: _build(weight=HALF * WEIGHT),
        ),
        Mutation(
            "other-rate",
            "the bucket weighs e^(-ε γ) for each word",
            lambda: _build(weight=sp.exp(-epsilon * gamma)),
        ),
        Mutation(
            "no-uniform-bucket",
            "words of the bucket need not be equally likely",
            lambda: without_assumption(_build(), "drawn-from-bucket"),
        ),
    )
    return _build(mutations=mutations)


def _build(weight: Expr = WEIGHT, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    def near(word: Expr, output: Expr) -> Expr:
        return sp.exp(-HALF * epsilon * d(word, output))

    def split(word: Expr, output: Expr) -> Expr:
        return (1 - beyond(word, output)) * near(word, output) + beyond(word, output) * weight

    size = sp.Sum(beyond(w, k), (k, 1, n))
    total = sp.Sum((1 - beyond(w, k)) * near(w, k), (k, 1, n)) + weight * size
    conclusion = eq(P(w, y), law(w, y, HALF * epsilon, clipped))
    inside = Assumption(
        "inside",
        Formula(eq(beyond(i, j), 0), given=(le(d(i, j), gamma),), forall=(i, j)),
        "Words within γ compete;",
    )
    outside = Assumption(
        "outside",
        Formula(eq(beyond(i, j), 1), given=(lt(gamma, d(i, j)),), forall=(i, j)),
        "the others are in the bucket.",
    )
    competing = Assumption(
        "competing",
        Formula(eq(P(w, y) * total, near(w, y)), given=(le(d(w, y), gamma),)),
        "A word that competes comes out with its share e^(-ε d/2) of the weights, where the "
        "bucket weighs e^(-ε γ/2) for each of its words.",
    )
    drawn = Assumption(
        "drawn-from-bucket",
        Formula(eq(P(w, y) * size * total, weight * size), given=(lt(gamma, d(w, y)),)),
        "A word of the bucket comes out with the bucket's share, divided by the number of its "
        "words.",
    )
    first = Assumption("first", Formula(le(1, y)), "Words are numbered from 1")
    last = Assumption("last", Formula(le(y, n)), "to n, and y is one of them.")
    return Theorem(
        name="truncated-exponential-bucket",
        title="The bucket of the truncated exponential mechanism",
        words="If words within γ of w compete with weights exp(-ε d(w,y)/2), and all others are "
        "in a bucket of weight exp(-ε γ/2) each, from which one is drawn uniformly, then P_w(y) is "
        "proportional to exp(-ε min(d(w,y), γ)/2).",
        latex=r"P_w(y) = \frac{e^{-\varepsilon \min(d(w,y),\gamma)/2}}"
        r"{\sum_{k=1}^{n} e^{-\varepsilon \min(d(w,k),\gamma)/2}}",
        assumptions=(inside, outside, competing, drawn, first, last),
        conclusions=(conclusion,),
        steps=_steps(split, total, (inside, outside, competing, drawn), conclusion),
        reference="Carvalho, Vasiloudis and Feyisetan (arXiv 2107.07928), algorithm 1",
        covers="every ε > 0 and every threshold",
        mechanism="truncated-exponential",
        mutations=mutations,
    )


def _steps(
    split: Any, total: Expr, assumed: tuple[Assumption, ...], conclusion: Relation
) -> tuple[Step, ...]:
    inside, outside, competing, drawn = assumed
    within, out = le(d(w, y), gamma), lt(gamma, d(w, y))
    near, clip = sp.exp(-HALF * epsilon * d(w, y)), sp.exp(-HALF * epsilon * clipped(w, y))
    size, weights = sp.Sum(beyond(w, k), (k, 1, n)), normaliser(w, HALF * epsilon, clipped)
    term, place = eq(split(w, y), clip), ((i, w), (j, y))

    def exponents(side: Expr) -> Relation:
        return eq(-HALF * epsilon * side, -HALF * epsilon * clipped(w, y))

    return (
        suppose("if-near", within, "Let y be within γ of w."),
        Step(
            "near-0",
            eq(beyond(w, y), 0),
            Instance(inside.formula, place),
            ("if-near",),
            "Then it is not in the bucket,",
        ),
        Step("near-min", exponents(d(w, y)), Z3, ("if-near",), "its distance is the clipped one,"),
        Step("near-exp", eq(near, clip), Monotone("exp"), ("near-min",), "and so is its weight:"),
        Step(
            "near-term",
            term,
            Z3,
            ("near-0", "near-exp"),
            "the two parts add up to the weight for the clipped distance.",
        ),
        suppose("if-far", out, "Let y be farther away than γ."),
        Step(
            "far-1",
            eq(beyond(w, y), 1),
            Instance(outside.formula, place),
            ("if-far",),
            "Then it is in the bucket,",
        ),
        Step("far-min", exponents(gamma), Z3, ("if-far",), "its clipped distance is γ,"),
        Step(
            "far-exp",
            eq(WEIGHT, clip),
            Monotone("exp"),
            ("far-min",),
            "which gives the weight in the bucket:",
        ),
        Step(
            "far-term",
            term,
            Z3,
            ("far-1", "far-exp"),
            "again the two parts add up to the clipped weight.",
        ),
        Step("term", term, Cases(within), ("near-term", "far-term"), "So they do in both cases,"),
        Step(
            "term-k",
            eq(split(w, k), sp.exp(-HALF * epsilon * clipped(w, k))),
            Substitute(((y, k),)),
            ("term",),
            "for any word k.",
        ),
        Step(
            "terms",
            eq(sp.Sum(split(w, k), (k, 1, n)), weights),
            Termwise(k, 1, n),
            ("term-k",),
            "So all weights together are those of the clipped metric,",
        ),
        Step(
            "apart",
            eq(sp.Sum(split(w, k), (k, 1, n)), total),
            SYMPY,
            words="and they are those of the competing words and of the bucket.",
        ),
        Step(
            "near-share",
            competing.formula.relation,
            Instance(competing.formula),
            ("if-near",),
            "By its definition",
        ),
        Step(
            "near-law",
            conclusion,
            Z3,
            ("near-share", "terms", "apart", "near-exp"),
            "a competing word has its weight over the sum of all.",
        ),
        Step(
            "far-share",
            drawn.formula.relation,
            Instance(drawn.formula),
            ("if-far",),
            "A word of the bucket has an equal part of its share.",
        ),
        Step(
            "counted",
            le(beyond(w, y), size),
            OneTerm(y),
            ("first", "last"),
            "The bucket is not empty, as y is in it;",
        ),
        Step(
            "far-law",
            conclusion,
            Z3,
            ("far-share", "far-1", "counted", "terms", "apart", "far-exp"),
            "so each of its words has its weight over the sum of all.",
        ),
        Step("law", conclusion, Cases(within), ("near-law", "far-law"), "So it is for all words."),
    )
