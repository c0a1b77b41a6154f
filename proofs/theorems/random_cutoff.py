"""The random-cutoff exponential mechanism, truncated Gumbel repaired (specification, 4.7)."""

from typing import Any

import sympy as sp

from ..language import Formula, eq, ge, le, ne
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Instance, Monotone, OneTerm, Rewrite, SubRange, Termwise
from .words import SYMMETRY, TRIANGLE, d, epsilon, i, j, k, n, v, w, y

__all__ = ["D", "b", "law", "p", "rank", "theorem"]

Expr = Any

#: Distance of the i-th nearest word, rank of a word, probability of a cutoff.
D = sp.Function("D", nonnegative=True)
rank = sp.Function("r", integer=True, positive=True)
p = sp.Function("p", nonnegative=True)
#: A cutoff, the scale, the smallest distance of two words.
m = sp.Symbol("m", integer=True, positive=True)
b = sp.Symbol("b", positive=True)
smallest = sp.Symbol("Delta", positive=True)

#: The least probability of the cutoff n.
MASS = sp.exp(-2) / n

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def law(word: Expr, output: Expr) -> Expr:
    """P_w(y)."""
    return sp.exp(-d(word, output) / b) * _shares(word, output)


def _shares(word: Expr, output: Expr) -> Expr:
    return sp.Sum(p(m) / _normaliser(word, m), (m, rank(word, output), n))


def _normaliser(word: Expr, cutoff: Expr) -> Expr:
    return sp.Sum(sp.exp(-D(word, i) / b), (i, 1, cutoff))


def theorem() -> Theorem:
    """For ε > 2(1 + ln n)/Δmin and the right scale it is ε-metric-DP."""
    mutations = (
        Mutation(
            "half-price",
            "the scale is 1/(ε - (1 + ln n)/Δmin)",
            lambda: _build(price=1),
        ),
        Mutation(
            "half-promise",
            "ε/2 is promised instead of ε",
            lambda: _build(promise=epsilon / 2),
        ),
        Mutation(
            "smaller-mass",
            "the cutoff n has only the probability e^-3/n",
            lambda: _build(mass=sp.exp(-3) / n),
        ),
        Mutation(
            "no-mass",
            "the cutoff n may have any probability, as in truncated Gumbel",
            lambda: without_assumption(_build(), "mass"),
        ),
        Mutation(
            "no-smallest-distance",
            "two words may be as close as they like",
            lambda: without_assumption(_build(), "smallest"),
        ),
    )
    return _build(mutations=mutations)


def _build(
    price: Expr = 2,
    promise: Expr = epsilon,
    mass: Expr = MASS,
    mutations: tuple[Mutation, ...] = (),
) -> Theorem:
    assumptions = _assumptions(price, mass)
    return Theorem(
        name="random-cutoff",
        title="The random-cutoff exponential mechanism",
        words="For every vocabulary of n words, ε > 2(1 + ln n)/Δmin and "
        "b = 1/(ε - 2(1 + ln n)/Δmin), the mechanism that draws a cutoff K with P(K = n) at "
        "least e^-2/n and then one of the K nearest words with probability proportional to "
        "exp(-d/b) is ε-metric-DP.",
        latex=r"P_w(y) \le e^{\varepsilon d(w,v)} P_v(y), \quad P_w(y) = e^{-d(w,y)/b} "
        r"\sum_{m=r(w,y)}^{n} \frac{p(m)}{\sum_{i=1}^{m} e^{-D(w,i)/b}}",
        assumptions=assumptions,
        conclusions=(le(law(w, y), sp.exp(promise * d(w, v)) * law(v, y)),),
        steps=(
            *_upper_bound(),
            *_lower_bound(mass),
            *_exponents(promise),
        ),
        reference="dpaudit, specification 4.7",
        covers="every ε that the mechanism accepts",
        mechanism="random-cutoff-exponential",
        mutations=mutations,
    )


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
SMALLEST = Assumption(
    "smallest",
    Formula(le(smallest, d(j, k)), given=(ne(j, k),), forall=(j, k)),
    "Different words are at least Δmin apart.",
    r"\Delta \le d(w,v) \text{ for } w \ne v",
)


def _assumptions(price: Expr, mass: Expr) -> tuple[Assumption, ...]:
    cost = price * (1 + sp.log(n)) / smallest
    return (
        TRIANGLE,
        SYMMETRY,
        NEAREST,
        RANK,
        SMALLEST,
        Assumption("different", Formula(ne(w, v)), "w and v are different.", r"w \ne v"),
        Assumption(
            "cutoffs",
            Formula(eq(sp.Sum(p(m), (m, 1, n)), 1)),
            "The cutoffs 1, …, n have probabilities that add up to 1.",
            r"\sum_{m=1}^{n} p(m) = 1",
        ),
        Assumption("mass", Formula(ge(p(n), mass)), f"The cutoff n has at least {mass}."),
        Assumption(
            "scale",
            Formula(eq(1 / b, epsilon - cost)),
            "The scale b is a positive number: so ε > 2(1 + ln n)/Δmin.",
        ),
    )


def _upper_bound() -> tuple[Step, ...]:
    """P_w(y) is at most e^(-d(w,y)/b)."""
    all_cutoffs = sp.Sum(p(m), (m, rank(w, y), n))
    return (
        Step(
            "first-term",
            le(sp.exp(-D(w, 1) / b), _normaliser(w, m)),
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
            le(1, _normaliser(w, m)),
            Rewrite(),
            ("nearest-w", "first-term"),
            "So every normaliser is at least 1.",
        ),
        Step(
            "share",
            le(p(m) / _normaliser(w, m), p(m)),
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
            "all-shares",
            le(_shares(w, y), all_cutoffs),
            Termwise(m, rank(w, y), n),
            ("share", "range"),
            "Summed over the cutoffs under which y is a candidate.",
        ),
        Step(
            "fewer-cutoffs",
            le(all_cutoffs, sp.Sum(p(m), (m, 1, n))),
            SubRange(),
            ("range",),
            "These are some of all cutoffs.",
        ),
        Step(
            "at-most-1",
            le(_shares(w, y), 1),
            Z3,
            ("all-shares", "fewer-cutoffs", "cutoffs"),
            "So the sum is at most 1,",
        ),
        Step(
            "upper",
            le(law(w, y), sp.exp(-d(w, y) / b)),
            Z3,
            ("at-most-1",),
            "and the probability at most its first factor.",
        ),
    )


def _lower_bound(mass: Expr) -> tuple[Step, ...]:
    """The sum in P_v(y) is at least e^-2/n²."""
    ones = sp.Sum(1, (i, 1, n))
    return (
        Step(
            "rank-v",
            le(rank(v, y), n),
            Instance(RANK.formula, ((j, v), (k, y))),
            words="The rank of y from v is one of 1, …, n, too:",
        ),
        Step(
            "last-term",
            le(p(n) / _normaliser(v, n), _shares(v, y)),
            OneTerm(n),
            ("rank-v",),
            "y is a candidate when the cutoff is n.",
        ),
        Step("exponent", le(-D(v, i) / b, 0), SYMPY, (), "No exponent is positive,"),
        Step(
            "term", le(sp.exp(-D(v, i) / b), 1), Monotone("exp"), ("exponent",), "no term over 1,"
        ),
        Step("terms", le(_normaliser(v, n), ones), Termwise(i, 1, n), ("term",), "so that all"),
        Step("count", eq(ones, n), SYMPY, (), "n terms together"),
        Step("at-most-n", le(_normaliser(v, n), n), Z3, ("terms", "count"), "are at most n."),
        Step(
            "lower",
            ge(_shares(v, y), mass / n),
            Z3,
            ("last-term", "at-most-n", "mass"),
            "So the sum is at least the probability of the cutoff n, divided by n.",
        ),
    )


def _exponents(promise: Expr) -> tuple[Step, ...]:
    """What the bounds leave between the two inputs is e^(ε d)."""
    exponent = promise * d(w, v) - d(v, y) / b - 2 - 2 * sp.log(n)
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
        Step(
            "exponents",
            le(-d(w, y) / b, exponent),
            Z3,
            ("triangle-y", "swap", "apart", "scale"),
            "So 2(1 + ln n) ≤ 2(1 + ln n) d(w,v)/Δmin, which is what ε has above 1/b.",
        ),
        Step(
            "factors",
            le(sp.exp(-d(w, y) / b), sp.exp(exponent)),
            Monotone("exp"),
            ("exponents",),
            "The exponential function keeps the order.",
        ),
        Step(
            "ratio",
            le(law(w, y), sp.exp(promise * d(w, v)) * law(v, y)),
            Z3,
            ("upper", "lower", "factors"),
            "The bounds on both probabilities, put together.",
        ),
    )
