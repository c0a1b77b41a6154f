"""Laplace noise that is shorter where words are dense (specification, 4.10): the claim is false.

Four words of the line, 0, t, 1 and 2 with t ≤ 1/2, and one neighbour to measure the density by
(k = 1). Noise on t is so short that 2 is all but out of its reach; on 1 it is not. In one
dimension noise has density (ρ/2) e^(-ρ|z|), ρ the rate of the input, and 2 is the output where
the noisy vector is above 3/2.
"""

from typing import Any

import sympy as sp

from ..language import Formula, Relation, eq, le, lt
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Monotone
from .words import epsilon

__all__ = ["WORDS", "close", "law", "rate", "theorem"]

Expr = Any

#: How close the two close words are, the noise, and the rate of an input.
close = sp.Symbol("t", positive=True)
z = sp.Symbol("z", real=True)
rate = sp.Function("rho", positive=True)
WORDS = (sp.Integer(0), close, sp.Integer(1), sp.Integer(2))
HALF = sp.Rational(1, 2)
#: Where 2 begins to be the nearest word.
BORDER = sp.Rational(3, 2)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def law(word: Expr) -> Expr:
    """P_w(2), for a word below 3/2."""
    density = rate(word) / 2 * sp.exp(-rate(word) * z)
    return sp.Integral(density, (z, BORDER - word, sp.oo))


def _tail(word: Expr) -> Expr:
    return sp.exp(-rate(word) * (BORDER - word)) / 2


def _spacing(word: Expr) -> Expr:
    """m(w), the distance to the nearest other word."""
    return sp.Min(*(sp.Abs(word - other) for other in WORDS if other != word))


def _calibrated(name: str, word: Expr, words: str) -> Assumption:
    total = sum(map(_spacing, WORDS))
    return Assumption(name, Formula(eq(4 * _spacing(word) * rate(word), total * epsilon)), words)


DENSE = _calibrated(
    "dense",
    close,
    "The rate of the noise on w is ε times the mean of m over the four words, divided by m(w), the "
    "distance to the nearest other word: on t,",
)
SPARSE = _calibrated("sparse", sp.Integer(1), "and on 1.")


def theorem() -> Theorem:
    """On 0, t, 1 and 2 the true loss is above ε/(2t) per unit of distance."""
    mutations = (
        Mutation("twice-the-loss", "ε* is above ε/t", lambda: _build(share=1)),
        Mutation("not-so-close", "t is at most 1", lambda: _build(closest=sp.Integer(1))),
        Mutation(
            "any-rate",
            "the noise on t may be longer",
            lambda: without_assumption(_build(), "dense"),
        ),
    )
    return _build(mutations=mutations)


def _build(
    share: Expr = HALF, closest: Expr = HALF, mutations: tuple[Mutation, ...] = ()
) -> Theorem:
    length = 1 - close
    near = Assumption(
        "close", Formula(le(close, closest)), f"The words are 0, t, 1 and 2 with t ≤ {closest}."
    )
    lost = lt(sp.exp(share * epsilon / close * length) * law(close), law(sp.Integer(1)))
    return Theorem(
        name="density-calibrated-laplace",
        title="Laplace noise calibrated to the density of words",
        words="On the words 0, t, 1 and 2 of the line, 0 < t ≤ 1/2, with k = 1, the output 2 is "
        "more than e^((ε/(2t)) d) times as likely on 1 as on t, d = 1 - t their distance: ε* > "
        "ε/(2t), at every ε. So the claim of ε-metric-DP is false there, and in general that of "
        "every multiple of ε.",
        latex=r"P_1(2) > e^{\frac{\varepsilon}{2t} (1-t)} P_t(2) \ge e^{\varepsilon (1-t)} P_t(2), "
        r"\quad W = \{0, t, 1, 2\},\ 0 < t \le \tfrac12,\ k = 1",
        assumptions=(near, DENSE, SPARSE),
        conclusions=(lost, lt(sp.exp(epsilon * length) * law(close), law(sp.Integer(1)))),
        steps=(*_rates(), *_tails(), *_loss(share, length, lost)),
        reference="dpaudit, specification 4.10",
        covers="k = 1, every ε, on some vocabularies",
        mechanism="density-calibrated-laplace",
        refutes="ε-metric-DP of Laplace noise whose scale is the mean distance to the k nearest "
        "words. Feyisetan, Aggarwal, Xu and Teissier (FLAIRS 2021, arXiv 2012.05403) propose noise "
        "that is calibrated to the region around a word and claim no such guarantee",
        published=False,
        expected="false as audited",
        mutations=mutations,
        counterexample=COUNTEREXAMPLE,
    )


def _rates() -> tuple[Step, ...]:
    """4 t ρ(t) = (2 + t) ε and 4 (1 - t) ρ(1) = (2 + t) ε."""
    places = ("at 0 it is t", "at t", "at 1 it is 1 - t,", "and at 2 it is 1.")
    values = (close, close, 1 - close, sp.Integer(1))
    spaced = tuple(
        Step(f"spacing-{number}", eq(_spacing(word), value), Z3, ("close",), words)
        for number, (word, value, words) in enumerate(zip(WORDS, values, places, strict=True))
    )
    names = tuple(step.id for step in spaced)
    return (
        *spaced,
        Step(
            "rate-t",
            eq(4 * close * rate(close), (2 + close) * epsilon),
            Z3,
            ("dense", *names),
            "So the rate on t is (2 + t) ε/(4t),",
        ),
        Step(
            "rate-1",
            eq(4 * (1 - close) * rate(sp.Integer(1)), (2 + close) * epsilon),
            Z3,
            ("sparse", *names),
            "that on 1 is (2 + t) ε/(4(1 - t)).",
        ),
    )


def _tails() -> tuple[Step, ...]:
    words = (
        ("tail-t", close, "Noise on t is above 3/2 - t"),
        ("tail-1", sp.Integer(1), "and noise on 1 above 1/2 with the chance of a tail."),
    )
    return tuple(
        Step(name, eq(law(word), _tail(word)), SYMPY, (), said) for name, word, said in words
    )


def _loss(share: Expr, length: Expr, lost: Relation) -> tuple[Step, ...]:
    """ρ(t) (3/2 - t) - ρ(1)/2 > (share ε/t) (1 - t)."""
    here, there = rate(close) * (BORDER - close), rate(sp.Integer(1)) * HALF
    own = epsilon * length
    return (
        Step(
            "shorter",
            lt(share * epsilon / close * length - here, -there),
            Z3,
            ("close", "rate-t", "rate-1"),
            "The exponents differ by more than (ε/(2t)) (1 - t): what is left over is (2 - t - "
            "6t² + 2t³) ε/(8t(1 - t)) > 0.",
        ),
        Step(
            "factors",
            lt(sp.exp(share * epsilon / close * length - here), sp.exp(-there)),
            Monotone("exp"),
            ("shorter",),
            "So their exponentials differ by more than that factor,",
        ),
        Step("lost", lost, Z3, ("factors", "tail-t", "tail-1"), "and the probabilities of 2 do."),
        Step(
            "more",
            le(own, share * epsilon / close * length),
            Z3,
            ("close",),
            "As t ≤ 1/2, this is at least what the claim allows:",
        ),
        Step(
            "allowed",
            le(sp.exp(own), sp.exp(share * epsilon / close * length)),
            Monotone("exp"),
            ("more",),
            "the factor e^(ε(1 - t))",
        ),
        Step(
            "refuted",
            lt(sp.exp(own) * law(close), law(sp.Integer(1))),
            Z3,
            ("allowed", "lost", "tail-t"),
            "is exceeded.",
        ),
    )


COUNTEREXAMPLE = """\
from math import exp, log

# Words 0, 1/10, 100 and 200 of the line; noise with density (r/2) e^(-r|z|), its scale 1/r the
# distance to the nearest other word, 1 in the mean. The output is the nearest word; epsilon is 1.
words, epsilon = [0.0, 0.1, 100.0, 200.0], 1.0
spacing = [min(abs(w - v) for v in words if v != w) for w in words]
rates = [epsilon * sum(spacing) / len(words) / m for m in spacing]
# Noise on 1/10 and on 100 reaches 200 where it is above 149.9 and above 50.
loss = -rates[2] * (150.0 - 100.0) + rates[1] * (150.0 - 0.1)
found = loss / (100.0 - 0.1)
print(f"claimed: {epsilon}  output 200, inputs 100 and 0.1: loss {loss:.1f}, per unit {found:.2f}")
assert found > 750.0
"""
