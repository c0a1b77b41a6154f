"""The exponential mechanism over the k nearest words (specification, 4.9): no claim holds."""

from typing import Any

import sympy as sp

from ..language import Formula, Relation, eq, ge, le, lt
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Instance, Monotone, OneTerm, Rewrite, Termwise
from .words import DISTANCE_FROM_ITSELF, d, epsilon, i, j, k, n, v, y

__all__ = ["FAR", "NEAR", "D", "P", "count", "delta", "normaliser", "rank", "theorem"]

Expr = Any

#: How many words compete, and any factor that a promise may allow.
count = sp.Symbol("K", integer=True, positive=True)
factor = sp.Symbol("c", positive=True)
#: Distance of the i-th nearest word, rank of a word, law of the output.
D, P = (sp.Function(name, nonnegative=True) for name in ("D", "P"))
rank = sp.Function("r", integer=True, positive=True)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def normaliser(word: Expr) -> Expr:
    """The normaliser."""
    return sp.Sum(sp.exp(-epsilon * D(word, k) / 2), (k, 1, count))


def delta(first: Expr, second: Expr, allowed: Expr) -> Expr:
    """The privacy profile of a pair where the promise allows a factor."""
    return sp.Sum(sp.Max(0, P(first, k) - allowed * P(second, k)), (k, 1, n))


NEAR = Assumption(
    "near",
    Formula(
        eq(P(i, j), sp.exp(-epsilon * d(i, j) / 2) / normaliser(i)),
        given=(le(rank(i, j), count),),
        forall=(i, j),
    ),
    "Of the K nearest words each is the output with probability proportional to e^(-ε d/2),",
)
FAR = Assumption(
    "far",
    Formula(eq(P(i, j), 0), given=(lt(count, rank(i, j)),), forall=(i, j)),
    "and no other word is.",
)
NEAREST = Assumption("nearest", Formula(eq(rank(y, y), 1)), "y is the nearest word to itself.")
LAST = Assumption("last", Formula(eq(rank(v, y), n)), "y is the farthest of n words from v.")
FEWER = Assumption("fewer", Formula(lt(count, n)), "Fewer words than n compete.")
WORD_FROM, WORD_TO = (
    Assumption("word-from", Formula(le(1, y)), "y is one of the words 1,"),
    Assumption("word-to", Formula(le(y, n)), "…, n."),
)


def theorem() -> Theorem:
    """For K < n the loss is infinite, and δ at least 1/K whatever is promised."""
    mutations = (
        Mutation("all-compete", "K may be n", lambda: without_assumption(_build(), "fewer")),
        Mutation("larger-delta", "δ is at least 2/K", lambda: _build(share=2 / count)),
        Mutation("not-the-last", "y is any word", lambda: without_assumption(_build(), "last")),
    )
    return _build(mutations=mutations)


def _build(share: Expr = 1 / count, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    conclusions = (
        eq(P(v, y), 0),
        lt(factor * P(v, y), P(y, y)),
        ge(delta(y, v, factor), share),
    )
    return Theorem(
        name="nearest-truncated-exponential",
        title="The exponential mechanism over the nearest words",
        words="For every vocabulary, if fewer words than n compete, every input v has a word y, "
        "its farthest, that is never the output on v and has probability at least 1/K on input y: "
        "ε* = ∞, and δ ≥ 1/K whatever ε is promised.",
        latex=r"P_v(y) = 0 < \frac{1}{K} \le P_y(y), \quad \delta_{y,v} \ge \frac{1}{K} "
        r"\text{ if } K < n",
        assumptions=(NEAR, FAR, DISTANCE_FROM_ITSELF, NEAREST, LAST, FEWER, WORD_FROM, WORD_TO),
        conclusions=conclusions,
        steps=(*_zero(), *_kept(), *_conclusions(share, conclusions)),
        reference="dpaudit, specification 4.9",
        covers="every k < n and every ε",
        mechanism="nearest-truncated-exponential",
        refutes="ε-metric-DP, for any ε, of the exponential mechanism over the k < n nearest "
        "words, which nobody is known to have claimed",
        published=False,
        expected="false as audited",
        mutations=mutations,
        counterexample=COUNTEREXAMPLE,
    )


def _zero() -> tuple[Step, ...]:
    return (
        Step("out", lt(count, rank(v, y)), Z3, ("last", "fewer"), "From v, y is out of the K,"),
        Step("zero", eq(P(v, y), 0), Instance(FAR.formula, ((i, v), (j, y))), ("out",), "never"),
    )


def _kept() -> tuple[Step, ...]:
    """P_y(y) ≥ 1/K."""
    ones = sp.Sum(1, (k, 1, count))
    return (
        Step("one-competes", le(1, count), SYMPY, (), "At least one word competes:"),
        Step("among", le(rank(y, y), count), Z3, ("nearest", "one-competes"), "from y, that is y,"),
        Step(
            "law",
            eq(P(y, y), sp.exp(-epsilon * d(y, y) / 2) / normaliser(y)),
            Instance(NEAR.formula, ((i, y), (j, y))),
            ("among",),
            "with its weight",
        ),
        Step(
            "no-distance",
            eq(d(y, y), 0),
            Instance(DISTANCE_FROM_ITSELF.formula, ((i, y),)),
            (),
            "of",
        ),
        Step(
            "one-over",
            eq(P(y, y), 1 / normaliser(y)),
            Rewrite(),
            ("no-distance", "law"),
            "e^0 = 1,",
        ),
        Step("exponent", le(-epsilon * D(y, k) / 2, 0), SYMPY, (), "while no exponent is above 0,"),
        Step(
            "term",
            le(sp.exp(-epsilon * D(y, k) / 2), 1),
            Monotone("exp"),
            ("exponent",),
            "no weight above 1,",
        ),
        Step("terms", le(normaliser(y), ones), Termwise(k, 1, count), ("term",), "so that all K"),
        Step("count", eq(ones, count), SYMPY, (), "add up to K at most."),
        Step("kept", ge(P(y, y), 1 / count), Z3, ("one-over", "terms", "count"), "So P_y(y) ≥ 1/K"),
    )


def _conclusions(share: Expr, conclusions: tuple[Relation, ...]) -> tuple[Step, ...]:
    excess = sp.Max(0, P(y, y) - factor * P(v, y))
    return (
        Step(
            "refuted",
            conclusions[1],
            Z3,
            ("zero", "kept"),
            "is above every multiple of P_v(y) = 0,",
        ),
        Step(
            "excess",
            le(excess, conclusions[2].right),
            OneTerm(y),
            ("word-from", "word-to"),
            "and as one term of δ",
        ),
        Step("delta", conclusions[2], Z3, ("excess", "zero", "kept"), "makes δ at least 1/K."),
    )


COUNTEREXAMPLE = """\
from math import exp

# Three words on a line at 0, 1 and 5; K = 2 compete; ε = 2. The word at 5 is never the output at 0.
place, epsilon = {"here": 0.0, "near": 1.0, "far": 5.0}, 2.0


def law(word):
    distance = {other: abs(place[other] - place[word]) for other in place}
    nearest = sorted(place, key=distance.get)[:2]
    weights = {other: exp(-epsilon * distance[other] / 2) for other in nearest}
    return {other: weights.get(other, 0.0) / sum(weights.values()) for other in place}


print("P_far(far) =", law("far")["far"], " P_here(far) =", law("here")["far"])
assert law("far")["far"] >= 1 / 2 and law("here")["far"] == 0.0
"""
