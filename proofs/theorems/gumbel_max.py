"""The Gumbel-max trick: the largest of scores with Gumbel noise follows the softmax of the scores
(specification, 4.7)."""

from typing import Any

import sympy as sp

from ..language import eq
from ..model import Decided, Mutation, Step, Theorem
from ..rules import Induction, Integrate, Substitute
from .hypotheses import suppose
from .words import i, j, n

__all__ = ["density", "distribution", "law", "score", "softmax", "theorem"]

Expr = Any

#: The score of a candidate: -d(w,y)/b in the mechanism.
score = sp.Function("s", real=True)
#: The noisy score of the winner; a number of candidates; a positive number.
x = sp.Symbol("x", real=True)
m = sp.Symbol("m", integer=True, positive=True)
z = sp.Symbol("z", positive=True)
LINE = (x, -sp.oo, sp.oo)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def distribution(value: Expr) -> Expr:
    """F, the chance that Gumbel noise is at most this."""
    return sp.exp(-sp.exp(-value))


def density(value: Expr, rate: Expr = 1) -> Expr:
    """f, its derivative."""
    return rate * sp.exp(-rate * value) * distribution(value)


def law(winner: Expr, rate: Expr = 1) -> Expr:
    """The chance that a candidate has the largest noisy score: all others are below it."""
    return sp.Integral(_integrand(winner, rate), LINE)


def _integrand(winner: Expr, rate: Expr) -> Expr:
    others = _below(n) / distribution(x - score(winner))
    return density(x - score(winner), rate) * others


def _below(count: Expr) -> Expr:
    return sp.Product(distribution(x - score(i)), (i, 1, count))


def softmax(winner: Expr, power: Expr = 1) -> Expr:
    """e^s over the sum of all."""
    return sp.exp(power * score(winner)) / _total(n)


def _total(count: Expr) -> Expr:
    return sp.Sum(sp.exp(score(i)), (i, 1, count))


def theorem() -> Theorem:
    """It does, for all scores."""
    mutations = (
        Mutation("doubled", "scores count twice", lambda: _build(power=2)),
        Mutation("sign-turned", "the smallest score is the likeliest", lambda: _build(power=-1)),
        Mutation("half-scale", "the noise density falls twice as fast", lambda: _build(rate=2)),
    )
    return _build(mutations=mutations)


def _build(rate: Expr = 1, power: Expr = 1, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    conclusion = eq(law(j, rate), softmax(j, power))
    return Theorem(
        name="gumbel-max",
        title="The Gumbel-max trick",
        words="If independent standard Gumbel noise is added to the scores s(1), …, s(n), the "
        "largest sum is that of j with probability exp(s(j))/(exp(s(1)) + … + exp(s(n))).",
        latex=r"\int f(x - s_j) \prod_{i \ne j} F(x - s_i)\, dx = "
        r"\frac{e^{s_j}}{\sum_{i=1}^{n} e^{s_i}}, \quad F(x) = e^{-e^{-x}},\ f = F'",
        assumptions=(),
        conclusions=(conclusion, eq(sp.Derivative(distribution(x), x), density(x, rate))),
        steps=(
            Step(
                "density",
                eq(sp.Derivative(distribution(x), x), density(x, rate)),
                SYMPY,
                words="f is the derivative of F.",
            ),
            *_product_steps(),
            *_integral_steps(rate, conclusion),
        ),
        reference="Gumbel (1954); Yellott, Journal of Mathematical Psychology 15 (1977)",
        mutations=mutations,
    )


def _product_steps() -> tuple[Step, ...]:
    """F(x - s(1)) ⋯ F(x - s(m)) = exp(-e^(-x) Σ e^s)."""

    def closed(count: Expr) -> Any:
        return eq(_below(count), sp.exp(-sp.exp(-x) * _total(count)))

    one, last = sp.Integer(1), distribution(x - score(m + 1))
    return (
        Step("one", closed(one), SYMPY, (), "One candidate is below x with chance F(x - s)."),
        suppose("some", closed(m), "Let the formula hold for m of them."),
        Step(
            "next-factor",
            eq(_below(m + 1), _below(m) * last),
            SYMPY,
            words="One more gives one more factor,",
        ),
        Step(
            "next-term",
            eq(sp.exp(-sp.exp(-x) * _total(m + 1)), sp.exp(-sp.exp(-x) * _total(m)) * last),
            SYMPY,
            words="and in the formula one more term in the exponent,",
        ),
        Step(
            "more",
            closed(m + 1),
            Z3,
            ("some", "next-factor", "next-term"),
            "so the formula holds for m + 1,",
        ),
        Step(
            "any", closed(m), Induction(m, 1), ("one", "more"), "and for any number of candidates,"
        ),
        Step("all", closed(n), Substitute(((m, n),)), ("any",), "as for all n of them."),
    )


def _integral_steps(rate: Expr, conclusion: Any) -> tuple[Step, ...]:
    plain = sp.exp(score(j)) * sp.exp(-x - _total(n) * sp.exp(-x))
    known = sp.Integral(sp.exp(-x - z * sp.exp(-x)), LINE)
    at_total = sp.Integral(sp.exp(-x - _total(n) * sp.exp(-x)), LINE)
    return (
        Step(
            "integrand",
            eq(_integrand(j, rate), plain),
            Z3,
            ("all",),
            "f is e^-x F: so the integrand, F of the winner replaced by f, is a plain exponential.",
        ),
        Step(
            "integrals",
            eq(law(j, rate), sp.Integral(plain, LINE)),
            Integrate(*LINE),
            ("integrand",),
            "Integrated over the noisy score of the winner:",
        ),
        Step("known", eq(known, 1 / z), SYMPY, (), "exp(-x - z e^-x) integrates to 1/z,"),
        Step(
            "at-total",
            eq(at_total, 1 / _total(n)),
            Substitute(((z, _total(n)),)),
            ("known",),
            "here with the sum of all e^s for z,",
        ),
        Step(
            "constant",
            eq(sp.Integral(plain, LINE), sp.exp(score(j)) * at_total),
            SYMPY,
            words="and with e^s of the winner as a factor.",
        ),
        Step(
            "softmax",
            conclusion,
            Z3,
            ("integrals", "at-total", "constant"),
            "Together that is the softmax.",
        ),
    )
