"""Truncated Gumbel with Poisson(ln N) cutoff: what is lost with any noise and any rule for ties.

`truncated_gumbel` needs noise of one law without ties, or ties that go to the nearer word: with
noise 0 or 1 at chance ½ and ties to the farther word the loss is below B_N (`COUNTEREXAMPLE`). The
bound C_N = B_N - ln N needs nothing of it: noise may depend on the words, the input, the cutoff and
on each other.
"""

from typing import Any

import sympy as sp

from ..language import Formula, eq, le, lt
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from .cutoff_growth_any_noise import LINEAR_FROM, bound_any_noise, linear_steps
from .poisson_cutoff import (
    ALL_COMPETE,
    ALONE,
    FARTHEST,
    NEAREST,
    POISSON,
    N,
    c,
    chances_steps,
    kept_steps,
    law,
    lemma,
    win,
)
from .truncated_gumbel import (
    AT_A_MULTIPLE,
    CLAIM,
    broken,
    large_steps,
    many_words,
    refutation,
)
from .words import d, epsilon, n, v, y

__all__ = ["large_theorem", "theorem"]

Expr = Any

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))

#: C_N.
COST = bound_any_noise(n)
CHANCE = Assumption(
    "chance",
    Formula(le(win(v, N, N), 1)),
    "The chance that y wins on v when all are candidates is at most 1.",
)
#: The mechanism, as far as this depends on it.
MODEL = (POISSON, ALONE, NEAREST, FARTHEST, CHANCE)


def theorem() -> Theorem:
    """With any noise whatever and any rule for ties, the claim is false where ε R < C_N."""
    mutations = (
        Mutation("larger-loss", "the loss is C_N + 1", lambda: _build(loss=COST + 1)),
        Mutation("smaller-bound", "false wherever ε R < 2 C_N", lambda: _build(reach=2)),
        Mutation("any-word", "y is any word", lambda: without_assumption(_build(), "farthest")),
    )
    return _build(mutations=mutations)


def _build(loss: Expr = COST, reach: Expr = 1, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    promise = lt(epsilon * d(v, y), reach * COST)
    return Theorem(
        name="truncated-gumbel-any-noise",
        title="Truncated Gumbel with Poisson cutoff: what it costs with any noise",
        words="For every vocabulary of N = n + 1 ≥ 2 words, every input v with its farthest word "
        "y, any noise whatever and any rule for ties, P_y(y) is at least e^(C_N) P_v(y) with C_N = "
        "B_N - ln N = ln N! - (N - 1) ln ln N. So ε* ≥ C_N/R, R the least distance of a word to "
        "its farthest one, and the claim of ε-metric-DP is false wherever ε R < C_N. Noise may "
        "depend on the words, the input and the cutoff. How large C_N is says "
        "cutoff-growth-any-noise.",
        latex=r"P_y(y) \ge e^{C_N} P_v(y), \quad C_N = \ln N! - (N-1) \ln\ln N, \quad "
        r"e^{\varepsilon d(v,y)} P_v(y) < P_y(y) \text{ if } \varepsilon\, d(v,y) < C_N",
        assumptions=(
            *MODEL,
            Assumption("promise", Formula(promise), "The promise for the pair is below C_N."),
        ),
        conclusions=(lemma(loss), broken()),
        steps=(*_lemma_steps(loss), *refutation(promise.right)),
        reference="dpaudit",
        covers="every ε with ε R < C_N",
        mechanism="truncated-gumbel",
        refutes=CLAIM,
        expected="refuted",
        mutations=mutations,
        counterexample=COUNTEREXAMPLE,
    )


def large_theorem() -> Theorem:
    """At m times the smallest ε it is false where N ≥ 22 and R ≤ N Δmin/(10 m), with any noise."""
    mutations = (
        Mutation("twice-as-far", "already where R ≤ N Δmin/(5 m)", lambda: _build_large(needed=5)),
        Mutation("from-21-words", "already for N = 21", lambda: _build_large(start=20)),
    )
    return _build_large(mutations=mutations)


def _build_large(
    needed: Expr = 10, start: int = LINEAR_FROM - 1, mutations: tuple[Mutation, ...] = ()
) -> Theorem:
    return Theorem(
        name="truncated-gumbel-any-noise-large",
        title="Truncated Gumbel with Poisson cutoff and any noise, at a multiple of the smallest ε",
        words="At ε = m(5 + 2 ln N)/Δmin the claim is false on every vocabulary with N ≥ 22 and "
        "R ≤ N Δmin/(10 m), R the least distance of a word to its farthest one, with any noise "
        "whatever and any rule for ties.",
        latex=r"e^{\varepsilon d(v,y)} P_v(y) < P_y(y) \text{ if } \varepsilon = "
        r"\frac{m (5 + 2 \ln N)}{\Delta_{\min}},\ N \ge 22,\ d(v,y) \le \frac{N \Delta_{\min}}"
        r"{10 m}",
        assumptions=(
            *MODEL,
            Assumption(
                "from-start", Formula(le(start, n)), f"There are N = n + 1 ≥ {start + 1} words."
            ),
            AT_A_MULTIPLE,
            many_words(needed),
        ),
        conclusions=(broken(),),
        steps=(
            *_lemma_steps(),
            *(step for step in linear_steps(start) if step.id != "from-start"),
            *large_steps(COST),
            *refutation(COST),
        ),
        reference="dpaudit",
        covers="every ε up to N Δmin/(10 R) times the smallest one that the scale accepts",
        mechanism="truncated-gumbel",
        refutes=CLAIM,
        expected="refuted",
        mutations=mutations,
        counterexample=COUNTEREXAMPLE,
    )


def _lemma_steps(loss: Expr = COST) -> tuple[Step, ...]:
    """The last one concludes the lemma."""
    return (
        *kept_steps(),
        *chances_steps(),
        Step(
            "seldom",
            le(law(v, y), ALL_COMPETE),
            Z3,
            ("only-last", "chance", "p-N"),
            "and even then it need not win: P_v(y) ≤ p_N.",
        ),
        Step(
            "quotient",
            eq(sp.exp(loss) * ALL_COMPETE, c * sp.log(N)),
            SYMPY,
            (),
            "The quotient p_1/p_N is e^(C_N).",
        ),
        Step(
            "lemma",
            lemma(loss),
            Z3,
            ("kept", "p-1", "seldom", "quotient"),
            "Hence P_y(y) ≥ e^(C_N) P_v(y), for this pair, whatever the noise.",
        ),
    )


COUNTEREXAMPLE = """\
from fractions import Fraction
from math import factorial, log

# Twenty words, any two at distance 1. Noise is 0 or 1, each with chance 1/2; of words with the same
# sum the farther one comes out.
n = 20
weight = [Fraction(log(n)) ** k / factorial(k) for k in range(1, n + 1)]
p = [one / sum(weight) for one in weight]
# On y: with noise 0 it is ahead of all others, with noise 1 only if all others have it, too.
kept = sum(p[k] * (1 + Fraction(1, 2**k)) / 2 for k in range(n))
# On v, y being the last of all: with noise 0 it is first, if v has noise 1.
last = p[n - 1] / 4
loss = log(kept / last)
least = log(factorial(n)) - (n - 1) * log(log(n))
promised = 1.05 * (5 + 2 * log(n))
print(f"promised: {promised:.3f}  loss: {loss:.3f}  C_20: {least:.3f}  B_20: {least + log(n):.3f}")
assert promised < least < loss < least + log(n)  # above C_20, below B_20
"""
