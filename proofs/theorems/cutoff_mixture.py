"""A random cutoff: the law with an exponential mechanism over the K nearest words, and bounds on
what stands beside e^(-d/b) in it (specification, 4.7)."""

from typing import Any

import sympy as sp

from ..language import Formula, eq, ge, le, ne
from ..model import Assumption, Decided, Step
from ..rules import Instance, OneTerm, Rewrite, SubRange, Substitute, Termwise
from .words import SYMMETRY, TRIANGLE, d, i, j, k, n, v, w, y

__all__ = [
    "CUTOFFS",
    "DIFFERENT",
    "NEAREST",
    "RANK",
    "SMALLEST",
    "D",
    "at_least_steps",
    "at_most_steps",
    "b",
    "distance_steps",
    "law",
    "m",
    "normaliser",
    "q",
    "rank",
    "smallest",
]

Expr = Any

#: Distance of the i-th nearest word, rank of a word, the law that the cutoff mostly has.
D = sp.Function("D", nonnegative=True)
rank = sp.Function("r", integer=True, positive=True)
q = sp.Function("q", nonnegative=True)
#: A cutoff, the scale, the smallest distance of two words.
m = sp.Symbol("m", integer=True, positive=True)
b, smallest = sp.symbols("b Delta", positive=True)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))

NEAREST = Assumption(
    "nearest",
    Formula(eq(D(j, 1), 0), forall=(j,)),
    "D(w,i) is the distance of the i-th nearest word; the nearest one is w itself.",
    "D(w,1) = 0",
)
RANK = Assumption(
    "rank",
    Formula(le(rank(j, k), n), forall=(j, k)),
    "r(w,y), the rank of y from w, is at most n.",
    r"r(w,y) \le n",
)
CUTOFFS = Assumption(
    "cutoffs",
    Formula(eq(sp.Sum(q(m), (m, 1, n)), 1)),
    "The cutoffs 1, …, n have probabilities q that add up to 1, whatever they are.",
    r"\sum_{m=1}^{n} q(m) = 1",
)
SMALLEST = Assumption(
    "smallest",
    Formula(le(smallest, d(j, k)), given=(ne(j, k),), forall=(j, k)),
    "Different words are at least Δmin apart.",
    r"\Delta \le d(w,v) \text{ for } w \ne v",
)
DIFFERENT = Assumption("different", Formula(ne(w, v)), "w and v are different.", r"w \ne v")


def law(word: Expr, output: Expr, share: Expr) -> Expr:
    """P_w(y), where the cutoff is n with probability `share` and otherwise follows q."""
    return sp.exp(-d(word, output) / b) * _beside(word, output, share)


def normaliser(word: Expr, cutoff: Expr = n) -> Expr:
    """Z over the nearest words up to a cutoff."""
    return sp.Sum(sp.exp(-D(word, i) / b), (i, 1, cutoff))


def _beside(word: Expr, output: Expr, share: Expr) -> Expr:
    return (1 - share) * _mixture(word, output) + share / normaliser(word)


def _mixture(word: Expr, output: Expr) -> Expr:
    return sp.Sum(q(m) / normaliser(word, m), (m, rank(word, output), n))


def at_most_steps(share: Expr) -> tuple[Step, ...]:
    """From the step "share-at-most-1": P_w(y) is at most e^(-d(w,y)/b), the step "upper"."""
    all_cutoffs = sp.Sum(q(m), (m, rank(w, y), n))
    return (
        Step(
            "first-term",
            le(sp.exp(-D(w, 1) / b), normaliser(w, m)),
            OneTerm(1),
            words="A sum of positive terms is at least its first one.",
        ),
        Step(
            "nearest-w",
            eq(D(w, 1), 0),
            Instance(NEAREST.formula, ((j, w),)),
            words="The nearest word is w itself.",
        ),
        Step(
            "at-least-1",
            le(1, normaliser(w, m)),
            Rewrite(),
            ("nearest-w", "first-term"),
            "So every normaliser is at least 1,",
        ),
        Step(
            "at-least-1-n",
            le(1, normaliser(w)),
            Substitute(((m, n),)),
            ("at-least-1",),
            "that of all words, too.",
        ),
        Step(
            "part",
            le(q(m) / normaliser(w, m), q(m)),
            Z3,
            ("at-least-1",),
            "Dividing by it makes nothing larger.",
        ),
        Step(
            "rank-w",
            le(rank(w, y), n),
            Instance(RANK.formula, ((j, w), (k, y))),
            words="The rank of y from w is one of 1, …, n.",
        ),
        Step("range", le(rank(w, y), n + 1), Z3, ("rank-w",), "So the cutoffs from it on exist."),
        Step(
            "parts",
            le(_mixture(w, y), all_cutoffs),
            Termwise(m, rank(w, y), n),
            ("part", "range"),
            "Summed over the cutoffs under which y is a candidate.",
        ),
        Step(
            "fewer-cutoffs",
            le(all_cutoffs, sp.Sum(q(m), (m, 1, n))),
            SubRange(),
            ("range",),
            "These are some of all cutoffs.",
        ),
        Step(
            "at-most-1",
            le(_beside(w, y, share), 1),
            Z3,
            ("parts", "fewer-cutoffs", "cutoffs", "at-least-1-n", "share-at-most-1"),
            "So what stands beside e^(-d/b) is a mean of numbers that are at most 1,",
        ),
        Step(
            "upper",
            le(law(w, y, share), sp.exp(-d(w, y) / b)),
            Z3,
            ("at-most-1",),
            "and the probability at most this factor.",
        ),
    )


def at_least_steps(share: Expr) -> tuple[Step, ...]:
    """From the step "share-at-most-1": the cutoff n alone gives the step "cutoff-n"."""
    return (
        Step(
            "rank-v",
            le(rank(v, y), n),
            Instance(RANK.formula, ((j, v), (k, y))),
            words="The rank of y from v is one of 1, …, n, too:",
        ),
        Step(
            "last-part",
            le(q(n) / normaliser(v), _mixture(v, y)),
            OneTerm(n),
            ("rank-v",),
            "y is a candidate when the cutoff is n.",
        ),
        Step(
            "cutoff-n",
            ge(_beside(v, y, share), share / normaliser(v)),
            Z3,
            ("last-part", "share-at-most-1"),
            "So at least η/Z stands beside e^(-d/b).",
        ),
    )


def distance_steps() -> tuple[Step, ...]:
    """The inequalities for distances: triangle-y, swap and apart."""
    return (
        Step(
            "triangle-y",
            le(d(v, y), d(v, w) + d(w, y)),
            Instance(TRIANGLE.formula, ((i, v), (j, w), (k, y))),
            words="The triangle inequality from v by way of w to y.",
        ),
        Step(
            "swap",
            eq(d(v, w), d(w, v)),
            Instance(SYMMETRY.formula, ((i, v), (j, w))),
            words="Distances are the same in both directions.",
        ),
        Step(
            "apart",
            le(smallest, d(w, v)),
            Instance(SMALLEST.formula, ((j, w), (k, v))),
            ("different",),
            "w and v are at least Δmin apart.",
        ),
    )
