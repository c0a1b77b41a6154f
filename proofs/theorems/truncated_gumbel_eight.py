"""The smallest vocabulary that was found on which the published claim fails: eight words.

Any two are at distance 1: the corners of a cube in the largest-coordinate distance, or the unit
vectors of eight dimensions divided by √2 in the Euclidean one. At ε = 9.17, just above the bound
5 + 2 ln 8 = 9.159 of the scale, the noise is uniform to within 1.2 parts in a million, which makes
every chance a simple integral.
"""

from typing import Any

import sympy as sp

from ..language import Formula, Relation, eq, ge, le, lt
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Discharge, Instance, Integrate, OneTerm, Substitute, Termwise
from .hypotheses import suppose
from .truncated_gumbel import CLAIM, COUNTEREXAMPLE
from .words import v, y

__all__ = ["density", "scale", "theorem"]

Expr = Any

WORDS, EPSILON = 8, sp.Rational(917, 100)
#: How far from uniform the noise may be, relatively.
SLACK = sp.Rational(12, 10**7)
most, least = (1 + SLACK) / 2, (1 - SLACK) / 2

#: A noise value, a larger one, and the constant of the Poisson law.
x, u = sp.symbols("x u", real=True)
c = sp.Symbol("c", positive=True)
m = sp.Symbol("m", integer=True, positive=True)
#: Density and survival function of the noise, cutoff law, law of the output.
f, S, p, P = (sp.Function(name, nonnegative=True) for name in ("f", "S", "p", "P"))

Z3, SYMPY, ARB = Decided(("z3",)), Decided(("sympy",)), Decided(("arb",))
LOG = sp.log(WORDS)


def scale(epsilon: Expr = EPSILON) -> Expr:
    """1/b, with Δmin = Δmax = 1 and the published constants."""
    a = (epsilon - 2 * (1 + LOG)) / 3
    return sp.Min(sp.LambertW(2 * a), sp.log(a)) / 2


def density(value: Expr, epsilon: Expr = EPSILON) -> Expr:
    """Of the noise, between -1 and 1."""
    rate = scale(epsilon)
    mass = sp.exp(-sp.exp(-rate)) - sp.exp(-sp.exp(rate))
    return rate * sp.exp(-rate * value - sp.exp(-rate * value)) / mass


DENSITY = Assumption(
    "density",
    Formula(eq(f(x), density(x)), given=(le(-1, x), le(x, 1)), forall=(x,)),
    "f is the density of the noise: Gumbel(0, b) conditioned on |g| ≤ Δmax = 1.",
)
SURVIVAL = Assumption(
    "survival",
    Formula(eq(S(x), sp.Integral(f(u), (u, x, 1))), given=(le(-1, x), le(x, 1)), forall=(x,)),
    "S(x) is the chance that noise is above x.",
)
CUTOFFS = Assumption("cutoffs", Formula(eq(sp.Sum(p(m), (m, 1, WORDS)), 1)), "m is 1, …, 8.")
LEAVING = Assumption(
    "leaving",
    Formula(eq(P(v, y), p(WORDS) * sp.Integral(f(x) * S(x + 1) * S(x) ** 6, (x, -1, 0)))),
    "On input v the last word, y, is the output if K = 8, its noise x is below that of the six "
    "others at distance 1, and 1 + x is below the noise of v, which needs x < 0.",
)
KEEPING = Assumption(
    "keeping",
    Formula(ge(P(y, y), p(1) + (1 - p(1)) * sp.Integral(f(x), (x, -1, 0)))),
    "On input y it is the output if K = 1, and otherwise at least if its own noise is below 0.",
)


def theorem() -> Theorem:
    """On eight words at distance 1 the claim is false at ε = 9.17."""
    mutations = (
        Mutation("larger-loss", "the loss is above 9.5", lambda: _build(sp.Rational(19, 2))),
        Mutation("double-rate", "Poisson(2 ln 8) candidates", lambda: _build(rate=2 * LOG)),
        Mutation("no-density", "any noise", lambda: without_assumption(_build(), "density")),
    )
    return _build(mutations=mutations)


def _build(
    promise: Expr = EPSILON, rate: Expr = LOG, mutations: tuple[Mutation, ...] = ()
) -> Theorem:
    poisson = Assumption(
        "poisson",
        Formula(eq(p(m), c * rate**m / sp.factorial(m)), forall=(m,)),
        "The cutoff is m with probability proportional to (ln 8)^m/m!.",
    )
    conclusion = lt(sp.exp(promise) * P(v, y), P(y, y))
    accepted = Step("accepted", lt(5 + 2 * LOG, EPSILON), ARB, (), "The scale exists at this ε.")
    return Theorem(
        name="truncated-gumbel-eight",
        title="Truncated Gumbel on eight words",
        words="On eight words, any two at distance 1, with ε = 9.17 > 5 + 2 ln 8 and the published "
        "scale, the output y is more than e^9.17 times as likely on input y as on another input "
        "v: the claim is false.",
        latex=r"P_y(y) > e^{9.17} P_v(y), \quad d(v,y) = 1,\ N = 8",
        assumptions=(DENSITY, SURVIVAL, poisson, CUTOFFS, LEAVING, KEEPING),
        conclusions=(accepted.relation, conclusion),
        steps=(
            accepted,
            *_uniform(),
            *_survival(),
            *_last_word(),
            *_own_word(),
            *_numbers(poisson, rate, promise, conclusion),
        ),
        reference="dpaudit, specification 8",
        covers="ε = 9.17 on eight words at distance 1",
        mechanism="truncated-gumbel",
        refutes=CLAIM,
        expected="refuted",
        mutations=mutations,
        counterexample=COUNTEREXAMPLE,
    )


def _uniform() -> tuple[Step, ...]:
    """f is ½ to within 1.2 parts in a million."""
    ends = ("x-from", "x-to")
    return (
        suppose("x-from", le(-1, x), "Let x be between -1"),
        suppose("x-to", le(x, 1), "and 1."),
        Step("f", eq(f(x), density(x)), Instance(DENSITY.formula), ends, "The density is smooth"),
        Step(
            "most",
            le(density(x), most),
            ARB,
            ends,
            "and nowhere above (1 + s)/2, s = 1.2/1,000,000,",
        ),
        Step("least", ge(density(x), least), ARB, ends, "nor below (1 - s)/2,"),
        Step("f-most", le(f(x), most), Z3, ("f", "most"), "which is that of uniform noise"),
        Step("f-least", ge(f(x), least), Z3, ("f", "least"), "to within 1.2 parts in a million."),
    )


def _survival() -> tuple[Step, ...]:
    """S(x) ≤ (1 + s)(1 - x)/2."""
    area = sp.Integral(most, (u, x, 1))
    return (
        Step("f-later", le(f(u), most), Substitute(((x, u),)), ("f-most",), "So it is at u,"),
        suppose("u-after-x", le(x, u), "and u being x or more,"),
        Step("u-from", le(-1, u), Z3, ("x-from", "u-after-x"), "u is in the support:"),
        Step("f-after", le(f(u), most), Discharge(), ("u-from", "f-later"), "from x to 1"),
        Step(
            "tail",
            le(sp.Integral(f(u), (u, x, 1)), area),
            Integrate(u, x, 1),
            ("f-after", "x-to"),
            "the noise has no more chance",
        ),
        Step("tail-area", eq(area, most * (1 - x)), SYMPY, (), "than (1 + s)(1 - x)/2."),
        Step(
            "S",
            eq(S(x), sp.Integral(f(u), (u, x, 1))),
            Instance(SURVIVAL.formula),
            ("x-from", "x-to"),
            "That is the chance to be above x:",
        ),
        Step("S-most", le(S(x), most * (1 - x)), Z3, ("S", "tail", "tail-area"), "a bound on S."),
    )


def _last_word() -> tuple[Step, ...]:
    """P_v(y) ≤ p_8 ((1 + s)/2)^8 769/56."""
    moment = f(x) * S(x + 1) * S(x) ** 6
    bound = most * (-most * x) * (most * (1 - x)) ** 6
    return (
        suppose("x-below", le(x, 0), "Let x be below 0."),
        Step("x-below-1", le(x, 1), Z3, ("x-below",), "So it is below 1,"),
        Step("next-from", le(-1, x + 1), Z3, ("x-from",), "1 + x is above -1"),
        Step("next-to", le(x + 1, 1), Z3, ("x-below",), "and below 1,"),
        Step(
            "S-there",
            le(S(x + 1), -most * x),
            Substitute(((x, x + 1),)),
            ("S-most",),
            "and the bound on S speaks of it.",
        ),
        Step(
            "S-next",
            le(S(x + 1), -most * x),
            Discharge(),
            ("next-from", "next-to", "S-there"),
            "The input v is above y with that chance at most,",
        ),
        Step(
            "S-six", le(S(x) ** 6, (most * (1 - x)) ** 6), Z3, ("S-most",), "the six others, too,"
        ),
        Step(
            "product",
            le(moment, bound),
            Z3,
            ("f-most", "S-next", "S-six"),
            "and y wins with noise x",
        ),
        Step("moment", le(moment, bound), Discharge(), ("x-below-1", "product"), "at most so:"),
        Step(
            "wins",
            le(sp.Integral(moment, (x, -1, 0)), sp.Integral(bound, (x, -1, 0))),
            Integrate(x, -1, 0),
            ("moment",),
            "Over all x below 0,",
        ),
        Step(
            "wins-area",
            eq(sp.Integral(bound, (x, -1, 0)), most**8 * sp.Rational(769, 56)),
            SYMPY,
            (),
            "an integral of a polynomial, 0.0536 for uniform noise.",
        ),
    )


def _own_word() -> tuple[Step, ...]:
    """P_y(y) ≥ p_1 + (1 - p_1)(1 - s)/2."""
    return (
        Step(
            "f-below", ge(f(x), least), Discharge(), ("x-below-1", "f-least"), "The density below 0"
        ),
        Step(
            "below-0",
            ge(sp.Integral(f(x), (x, -1, 0)), sp.Integral(least, (x, -1, 0))),
            Integrate(x, -1, 0),
            ("f-below",),
            "makes up at least",
        ),
        Step("half", eq(sp.Integral(least, (x, -1, 0)), least), SYMPY, (), "all but one half."),
    )


def _numbers(
    poisson: Assumption, rate: Expr, promise: Expr, conclusion: Relation
) -> tuple[Step, ...]:
    weight = rate**m / sp.factorial(m)
    total = sp.Sum(weight, (m, 1, WORDS))
    last = rate**WORDS / sp.factorial(WORDS)
    return (
        Step("p", eq(p(m), c * weight), Instance(poisson.formula), (), "The Poisson chances"),
        Step(
            "chances",
            eq(sp.Sum(p(m), (m, 1, WORDS)), sp.Sum(c * weight, (m, 1, WORDS))),
            Termwise(m, 1, WORDS),
            ("p",),
            "of 1, …, 8",
        ),
        Step("factor", eq(sp.Sum(c * weight, (m, 1, WORDS)), c * total), SYMPY, (), "add up to 1."),
        Step("first", le(rate, total), OneTerm(1), (), "That of 1, one of these,"),
        Step(
            "p-1",
            eq(p(1), c * rate),
            Instance(poisson.formula, ((m, sp.Integer(1)),)),
            (),
            "is 0.297,",
        ),
        Step(
            "p-8",
            eq(p(WORDS), c * last),
            Instance(poisson.formula, ((m, sp.Integer(WORDS)),)),
            (),
            "that of 8 is 0.00124.",
        ),
        Step(
            "numbers",
            lt(
                sp.exp(promise) * last * most**8 * sp.Rational(769, 56),
                rate + (total - rate) * least,
            ),
            ARB,
            (),
            "In numbers: e^9.17 · 0.00124 · 0.0536 is below 0.297 + 0.703 · 0.499999.",
        ),
        Step(
            "leaves",
            le(P(v, y), c * last * most**8 * sp.Rational(769, 56)),
            Z3,
            ("leaving", "wins", "wins-area", "p-8"),
            "The first is e^9.17 times a bound on P_v(y),",
        ),
        Step(
            "keeps",
            ge(P(y, y), c * (rate + (total - rate) * least)),
            Z3,
            ("keeping", "below-0", "half", "p-1", "chances", "factor", "cutoffs", "first"),
            "the second one on P_y(y).",
        ),
        Step("refuted", conclusion, Z3, ("leaves", "keeps", "numbers"), "So the claim is false."),
    )
