"""The random-cutoff exponential mechanism, truncated Gumbel repaired (specification, 4.7)."""

from typing import Any

import sympy as sp

from ..language import Formula, eq, le
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Monotone, Termwise
from .cutoff_mixture import (
    CUTOFFS,
    DIFFERENT,
    NEAREST,
    RANK,
    SMALLEST,
    D,
    at_least_steps,
    at_most_steps,
    b,
    distance_steps,
    law,
    normaliser,
    smallest,
)
from .words import SYMMETRY, TRIANGLE, d, epsilon, i, n, v, w, y

__all__ = ["SHARE", "theorem"]

Expr = Any

#: η, the chance that all words compete whatever the other cutoffs are.
SHARE = sp.exp(-2) / n

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


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
            "smaller-share",
            "all words compete only with the chance e^-3/n",
            lambda: _build(share=sp.exp(-3) / n),
        ),
        Mutation(
            "no-share",
            "the cutoff n is not made likelier, as in truncated Gumbel",
            lambda: _build(share=sp.Integer(0)),
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
    share: Expr = SHARE,
    mutations: tuple[Mutation, ...] = (),
) -> Theorem:
    scale = Assumption(
        "scale",
        Formula(eq(1 / b, epsilon - price * (1 + sp.log(n)) / smallest)),
        "The scale b is a positive number: so ε > 2(1 + ln n)/Δmin.",
    )
    return Theorem(
        name="random-cutoff",
        title="The random-cutoff exponential mechanism",
        words="For every vocabulary of n words, ε > 2(1 + ln n)/Δmin and "
        "b = 1/(ε - 2(1 + ln n)/Δmin): draw a cutoff K that is n with probability η = e^-2/n and "
        "otherwise has any law q on 1, …, n (the mechanism takes Poisson(ln n)), then one of the K "
        "nearest words with probability proportional to exp(-d/b). This is ε-metric-DP.",
        latex=r"P_w(y) \le e^{\varepsilon d(w,v)} P_v(y), \quad P_w(y) = e^{-d(w,y)/b} \Bigl("
        r"(1 - \eta) \sum_{m=r(w,y)}^{n} \frac{q(m)}{Z_{w,m}} + \frac{\eta}{Z_{w,n}}\Bigr), \quad "
        r"Z_{w,m} = \sum_{i=1}^{m} e^{-D(w,i)/b}, \quad \eta = \frac{e^{-2}}{n}",
        assumptions=(TRIANGLE, SYMMETRY, NEAREST, RANK, SMALLEST, DIFFERENT, CUTOFFS, scale),
        conclusions=(le(law(w, y, share), sp.exp(promise * d(w, v)) * law(v, y, share)),),
        steps=(
            *_share_steps(share),
            *at_most_steps(share),
            *_lower_bound(share),
            *_exponents(promise, share),
        ),
        reference="dpaudit, specification 4.7",
        covers="every ε that the mechanism accepts",
        mechanism="random-cutoff-exponential",
        mutations=mutations,
    )


def _share_steps(share: Expr) -> tuple[Step, ...]:
    return (
        Step("power", le(sp.exp(-2), 1), Decided(("arb",)), (), "As e^-2 is at most 1,"),
        Step("some-word", le(1, n), SYMPY, (), "and there is a word,"),
        Step("share-at-most-1", le(share, 1), Z3, ("power", "some-word"), "η is at most 1."),
    )


def _lower_bound(share: Expr) -> tuple[Step, ...]:
    """What stands beside e^(-d(v,y)/b) in P_v(y) is at least η/n."""
    ones = sp.Sum(1, (i, 1, n))
    *before, cutoff = at_least_steps(share)
    return (
        *before,
        cutoff,
        Step("exponent", le(-D(v, i) / b, 0), SYMPY, (), "No exponent is positive,"),
        Step(
            "term", le(sp.exp(-D(v, i) / b), 1), Monotone("exp"), ("exponent",), "no term over 1,"
        ),
        Step(
            "terms",
            le(normaliser(v), ones),
            Termwise(i, 1, n),
            ("term",),
            "so that the normaliser is at most a sum of n ones,",
        ),
        Step("count", eq(ones, n), SYMPY, (), "which is n:"),
        Step(
            "at-most-n", le(normaliser(v), n), Z3, ("terms", "count"), "no normaliser is above n."
        ),
        Step(
            "lower",
            le(share / n, cutoff.relation.right),
            Z3,
            ("cutoff-n", "at-most-n"),
            "So it is at least η/n.",
        ),
    )


def _exponents(promise: Expr, share: Expr) -> tuple[Step, ...]:
    """What the bounds leave between the two inputs is e^(ε d)."""
    exponent = promise * d(w, v) - d(v, y) / b - 2 - 2 * sp.log(n)
    return (
        *distance_steps(),
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
            le(law(w, y, share), sp.exp(promise * d(w, v)) * law(v, y, share)),
            Z3,
            ("upper", "lower", "factors"),
            "The bounds on both probabilities, put together.",
        ),
    )
