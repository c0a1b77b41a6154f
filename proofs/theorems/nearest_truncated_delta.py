"""What k-nearest truncation costs in δ, in closed form (specification, 4.9)."""

from typing import Any

import sympy as sp

from ..language import Formula, eq, le, lt
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Cases, Instance, Monotone, Substitute, Termwise
from .hypotheses import suppose
from .nearest_truncated import FAR, NEAR, D, P, count, delta, normaliser, rank
from .words import SYMMETRY, TRIANGLE, d, epsilon, i, j, k, n, v, w

__all__ = ["theorem"]

Expr = Any

x = sp.Symbol("x", real=True)
#: 1 if the distance from a word to another is at most a number, otherwise 0; 1 if a word is not
#: among the K nearest of another, otherwise 0.
within = sp.Function("I", nonnegative=True)
lost = sp.Function("J", nonnegative=True)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def _held(word: Expr, radius: Expr) -> Expr:
    """How many words are within a radius."""
    return sp.Sum(within(word, k, radius), (k, 1, n))


ONE, ZERO = (
    Assumption(
        name,
        Formula(eq(within(i, j, x), value), given=(condition,), forall=(i, j, x)),
        f"I(i,j,x) is {value} if d(i,j) {sign} x.",
    )
    for name, value, condition, sign in (
        ("inside", 1, le(d(i, j), x), "≤"),
        ("outside", 0, lt(x, d(i, j)), ">"),
    )
)
HOLDS = Assumption(
    "holds",
    Formula(le(i, _held(j, D(j, i))), given=(le(1, i), le(i, n)), forall=(i, j)),
    "Within the distance of the i-th nearest word there are i words,",
)
LEAST = Assumption(
    "least",
    Formula(le(D(j, i), x), given=(le(i, _held(j, x)),), forall=(i, j, x)),
    "and within no smaller one.",
)
LOST, FOUND = (
    Assumption(
        name,
        Formula(eq(lost(i, j), value), given=(condition,), forall=(i, j)),
        f"J(i,j) is {value} if j is {word} the K nearest words of i.",
    )
    for name, value, condition, word in (
        ("lost", 1, lt(count, rank(i, j)), "not among"),
        ("found", 0, le(rank(i, j), count), "among"),
    )
)
SOME = Assumption("some", Formula(le(count, n)), "K is at most n.")


def theorem() -> Theorem:
    """δ at the nominal ε is the mass of the words that the other input has lost."""
    mutations = (
        Mutation(
            "half-promise",
            "δ for a promise of ε/2",
            lambda: _build(promise=epsilon / 2),
        ),
        Mutation(
            "no-triangle",
            "d need not obey the triangle inequality",
            lambda: without_assumption(_build(), "triangle"),
        ),
        Mutation("double-delta", "twice that δ", lambda: _build(times=2)),
    )
    return _build(mutations=mutations)


def _build(
    promise: Expr = epsilon, times: Expr = 1, mutations: tuple[Mutation, ...] = ()
) -> Theorem:
    allowed = sp.exp(promise * d(w, v))
    missing = sp.Sum(times * lost(v, k) * P(w, k), (k, 1, n))
    return Theorem(
        name="nearest-truncation-delta",
        title="The δ of the exponential mechanism over the nearest words",
        words="For every vocabulary and metric, δ of a pair (w,v) at the nominal ε is exactly "
        "the probability, on input w, of the words that are not among the K nearest of v: "
        "truncation costs that, and nothing else does.",
        latex=r"\delta_{w,v}(\varepsilon) = \sum_{y:\, r(v,y) > K} P_w(y)",
        assumptions=(
            NEAR,
            FAR,
            TRIANGLE,
            SYMMETRY,
            ONE,
            ZERO,
            HOLDS,
            LEAST,
            LOST,
            FOUND,
            SOME,
        ),
        conclusions=(eq(delta(w, v, allowed), missing),),
        steps=(*_counted(), *_normalisers(), *_common(allowed), *_excess(allowed, missing)),
        reference="dpaudit, specification 8",
        covers="every k and every ε",
        mechanism="nearest-truncated-exponential",
        mutations=mutations,
    )


def _counted() -> tuple[Step, ...]:
    """The i-th nearest word of w is at most d(w,v) farther than that of v."""
    near, far = le(d(v, k), x), lt(x, d(v, k))
    wider = x + d(w, v)
    each = le(within(v, k, x), within(w, k, wider))
    return (
        suppose("k-near", near, "If k is within x of v,"),
        Step(
            "detour",
            le(d(w, k), d(w, v) + d(v, k)),
            Instance(TRIANGLE.formula, ((i, w), (j, v))),
            (),
            "by the triangle inequality",
        ),
        Step("wide", le(d(w, k), wider), Z3, ("detour", "k-near"), "it is within x + d(w,v) of w:"),
        Step(
            "in-w",
            eq(within(w, k, wider), 1),
            Instance(ONE.formula, ((i, w), (j, k), (x, wider))),
            ("wide",),
            "counted there",
        ),
        Step(
            "in-v",
            eq(within(v, k, x), 1),
            Instance(ONE.formula, ((i, v), (j, k))),
            ("k-near",),
            "as here.",
        ),
        Step("both", each, Z3, ("in-w", "in-v"), "Once each."),
        suppose("k-far", far, "If not,"),
        Step(
            "not-in-v",
            eq(within(v, k, x), 0),
            Instance(ZERO.formula, ((i, v), (j, k))),
            ("k-far",),
            "it does not count here,",
        ),
        Step("one", each, Z3, ("not-in-v",), "and there perhaps."),
        Step("each", each, Cases(near), ("both", "one"), "In any case no less there."),
        Step("counts", le(_held(v, x), _held(w, wider)), Termwise(k, 1, n), ("each",), "In all,"),
        Step(
            "ranked",
            le(_held(v, D(v, i)), _held(w, D(v, i) + d(w, v))),
            Substitute(((x, D(v, i)),)),
            ("counts",),
            "and with the distance of the i-th nearest word of v",
        ),
        suppose("i-from", le(1, i), "for i from 1"),
        suppose("i-to", le(i, count), "to K:"),
        Step("i-word", le(i, n), Z3, ("i-to", "some"), "there is such a word,"),
        Step(
            "i-held",
            le(i, _held(v, D(v, i))),
            Instance(HOLDS.formula, ((j, v),)),
            ("i-from", "i-word"),
            "i words are within its distance of v,",
        ),
        Step(
            "i-wide",
            le(i, _held(w, D(v, i) + d(w, v))),
            Z3,
            ("i-held", "ranked"),
            "so i words within d(w,v) more of w.",
        ),
        Step(
            "moved",
            le(D(w, i), D(v, i) + d(w, v)),
            Instance(LEAST.formula, ((j, w), (x, D(v, i) + d(w, v)))),
            ("i-wide",),
            "Sorted distances move no more than the input does.",
        ),
    )


def _normalisers() -> tuple[Step, ...]:
    """normaliser(v) ≤ e^(ε d/2) normaliser(w)."""
    exponent = epsilon * d(w, v) / 2 - epsilon * D(w, i) / 2
    grown = sp.Sum(sp.exp(exponent.xreplace({i: k})), (k, 1, count))
    return (
        Step("exponents", le(-epsilon * D(v, i) / 2, exponent), Z3, ("moved",), "The exponents,"),
        Step(
            "terms",
            le(sp.exp(-epsilon * D(v, i) / 2), sp.exp(exponent)),
            Monotone("exp"),
            ("exponents",),
            "the weights",
        ),
        Step(
            "sums",
            le(normaliser(v), grown),
            Termwise(i, 1, count),
            ("terms",),
            "and their sums follow,",
        ),
        Step(
            "factor", eq(grown, sp.exp(epsilon * d(w, v) / 2) * normaliser(w)), SYMPY, (), "so that"
        ),
        Step(
            "normalisers",
            le(normaliser(v), sp.exp(epsilon * d(w, v) / 2) * normaliser(w)),
            Z3,
            ("sums", "factor"),
            "the normalisers differ by e^(ε d(w,v)/2) at most.",
        ),
    )


def _common(allowed: Expr) -> tuple[Step, ...]:
    """P_w(k) ≤ e^(ε d) P_v(k) for the words k that compete on input v."""

    def weight(word: Expr) -> Expr:
        return sp.exp(-epsilon * d(word, k) / 2)

    share = epsilon * d(w, v) / 2
    bounded = le(P(w, k), allowed * P(v, k))
    steps = [
        suppose("k-found", le(rank(v, k), count), "Let k be among the K nearest words of v."),
        Step(
            "law-v",
            eq(P(v, k), weight(v) / normaliser(v)),
            Instance(NEAR.formula, ((i, v), (j, k))),
            ("k-found",),
            "It has its share there.",
        ),
        suppose("k-found-w", le(rank(w, k), count), "If it is among those of w, too,"),
        Step(
            "law-w",
            eq(P(w, k), weight(w) / normaliser(w)),
            Instance(NEAR.formula, ((i, w), (j, k))),
            ("k-found-w",),
            "it has a share there,",
        ),
        Step(
            "back",
            le(d(v, k), d(v, w) + d(w, k)),
            Instance(TRIANGLE.formula, ((i, v), (j, w))),
            (),
            "and by the triangle inequality",
        ),
        Step("swap", eq(d(v, w), d(w, v)), Instance(SYMMETRY.formula, ((i, v), (j, w))), (), "…"),
        Step(
            "weights-exponent",
            le(-epsilon * d(w, k) / 2, share - epsilon * d(v, k) / 2),
            Z3,
            ("back", "swap"),
            "the weights",
        ),
        Step(
            "weights",
            le(weight(w), sp.exp(share - epsilon * d(v, k) / 2)),
            Monotone("exp"),
            ("weights-exponent",),
            "differ by e^(ε d(w,v)/2) at most, too.",
        ),
        Step(
            "common",
            bounded,
            Z3,
            ("law-v", "law-w", "weights", "normalisers"),
            "Both together make e^(ε d(w,v)).",
        ),
        suppose("k-lost-w", lt(count, rank(w, k)), "If it is not,"),
        Step(
            "nothing-w",
            eq(P(w, k), 0),
            Instance(FAR.formula, ((i, w), (j, k))),
            ("k-lost-w",),
            "its probability on w is 0,",
        ),
        Step("bounded-0", bounded, Z3, ("nothing-w",), "less than any."),
        Step(
            "bounded",
            bounded,
            Cases(le(rank(w, k), count)),
            ("common", "bounded-0"),
            "So the promise holds for this word.",
        ),
    ]
    return tuple(steps)


def _excess(allowed: Expr, missing: Expr) -> tuple[Step, ...]:
    excess = sp.Max(0, P(w, k) - allowed * P(v, k))
    term = eq(excess, missing.function)
    return (
        Step(
            "found-v",
            eq(lost(v, k), 0),
            Instance(FOUND.formula, ((i, v), (j, k))),
            ("k-found",),
            "It adds nothing",
        ),
        Step("term-found", term, Z3, ("bounded", "found-v"), "to δ."),
        suppose("k-lost", lt(count, rank(v, k)), "Let k be none of the K nearest words of v."),
        Step(
            "nothing-v",
            eq(P(v, k), 0),
            Instance(FAR.formula, ((i, v), (j, k))),
            ("k-lost",),
            "Its probability on v is 0,",
        ),
        Step(
            "lost-v",
            eq(lost(v, k), 1),
            Instance(LOST.formula, ((i, v), (j, k))),
            ("k-lost",),
            "and it adds all of its",
        ),
        Step("term-lost", term, Z3, ("nothing-v", "lost-v"), "probability on w."),
        Step(
            "term",
            term,
            Cases(le(rank(v, k), count)),
            ("term-found", "term-lost"),
            "That is every word,",
        ),
        Step(
            "delta",
            eq(delta(w, v, allowed), missing),
            Termwise(k, 1, n),
            ("term",),
            "and δ is the sum.",
        ),
    )
