"""How fast the chain of 4.12 forgets its input; states go by mass, q(1) ≥ q(2) ≥ … ≥ q(N).

It rests on an axiom, the spectrum of this chain: see `proofs.axioms`.
"""

from typing import Any

import sympy as sp

from ..axioms import METROPOLIS_SPECTRUM, metropolis_distance, metropolis_mass, spread
from ..language import Formula, Relation, eq, le
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Discharge, Induction, Instance, OneTerm, Substitute, Termwise
from .hypotheses import suppose
from .words import k, n, w

__all__ = ["rate", "theorem"]

Expr = Any

N = n + 1
T = sp.Symbol("T", integer=True, nonnegative=True)
a, b = sp.symbols("a b", nonnegative=True)
q, t = metropolis_mass, metropolis_distance
Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def rate(largest: Expr) -> Expr:
    """ρ, for N = n + 1 states."""
    return sp.Max(1 / n, 1 - 1 / (n * largest))


RHO = rate(q(1))

TOTAL = Assumption(
    "total", Formula(eq(sp.Sum(q(k), (k, 1, N)), 1)), "The masses of the target add up to 1."
)
LARGEST = Assumption(
    "largest",
    Formula(le(q(k), q(1)), given=(le(1, k), le(k, N)), forall=(k,)),
    "The first is the largest.",
)
LAST = Assumption("last", Formula(le(q(N), q(n))), "The last is no larger than the one before.")
WORD_FROM, WORD_TO = (
    Assumption("word-from", Formula(le(1, w)), "The chain starts in one of the states 1,"),
    Assumption("word-to", Formula(le(w, N)), "…, N."),
)


def theorem() -> Theorem:
    """The total variation from the target after T steps."""
    mutations = (
        Mutation("faster", "the rate is ρ/2", lambda: _build(rate(q(1)) / 2)),
        Mutation("no-largest", "the largest mass is not known", lambda: _build(1 / n)),
        Mutation(
            "unsorted", "q(N) may be the largest", lambda: without_assumption(_build(), "last")
        ),
    )
    return _build(mutations=mutations)


def _build(speed: Expr = RHO, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    conclusion = le(4 * q(w) * t(w, T) ** 2, (1 - q(w)) * speed ** (2 * T))
    return Theorem(
        name="metropolis-rate",
        title="How fast a Metropolis-Hastings chain forgets its input",
        words="With N = n + 1 words and q the largest mass of the target Q, the law after T steps "
        "from w is within ½ √((1 - Q(w))/Q(w)) ρ^T of Q in total variation, "
        "ρ = max{1/(N-1), 1 - 1/((N-1) q)}.",
        latex=r"t_w \le \tfrac12 \sqrt{\frac{1 - Q(w)}{Q(w)}}\,\rho^T, \quad "
        r"\rho = \max\Bigl\{\frac{1}{N-1}, 1 - \frac{1}{(N-1) q}\Bigr\}",
        assumptions=(TOTAL, LARGEST, LAST, WORD_FROM, WORD_TO),
        conclusions=(conclusion,),
        steps=(*_spectrum(speed), *_power(), *_rate(speed, conclusion)),
        reference="Diaconis and Stroock (1991); J. Liu (1996); specification, section 8",
        covers="every prior, ε and number of steps",
        mechanism="metropolis-hastings",
        expected="proved modulo metropolis-spectrum",
        mutations=mutations,
    )


def _spectrum(speed: Expr) -> tuple[Step, ...]:
    """No eigenvalue but the first is larger than ρ in absolute value."""
    total, level = sp.Sum(q(k), (k, 1, N)), sp.Sum(q(1), (k, 1, N))
    return (
        suppose("k-from", le(1, k), "No state,"),
        suppose("k-to", le(k, N), "of all N,"),
        Step(
            "no-larger",
            le(q(k), q(1)),
            Instance(LARGEST.formula),
            ("k-from", "k-to"),
            "has more mass than the first,",
        ),
        Step("sums", le(total, level), Termwise(k, 1, N), ("no-larger",), "so all have at most"),
        Step("level", eq(level, N * q(1)), SYMPY, (), "N times its mass:"),
        Step("mean", le(1, N * q(1)), Z3, ("sums", "level", "total"), "it has 1/N or more."),
        Step(
            "inverse",
            le(1 / (n * q(1)), 1 + 1 / n),
            Z3,
            ("mean",),
            "The first eigenvalue is at least -1/(N-1), therefore,",
        ),
        Step("quotient", le(q(N) / (n * q(n)), 1 / n), Z3, ("last",), "like the last one,"),
        Step(
            "spread",
            le(spread(n), speed),
            Z3,
            ("inverse", "quotient"),
            "and none is larger than ρ in absolute value.",
        ),
    )


def _power() -> tuple[Step, ...]:
    """a^(2T) ≤ b^(2T) for 0 ≤ a ≤ b."""
    claim = le(a ** (2 * T), b ** (2 * T))
    return (
        suppose("smaller", le(a, b), "If a number is smaller than another one,"),
        Step("power-0", le(a**0, b**0), SYMPY, (), "so are the powers: at first"),
        suppose("power-T", claim, "for T, then"),
        Step("split-a", eq(a ** (2 * T + 2), a ** (2 * T) * a**2), SYMPY, (), "with"),
        Step("split-b", eq(b ** (2 * T + 2), b ** (2 * T) * b**2), SYMPY, (), "two factors more"),
        Step(
            "power-next",
            le(a ** (2 * T + 2), b ** (2 * T + 2)),
            Z3,
            ("smaller", "power-T", "split-a", "split-b"),
            "for T + 1.",
        ),
        Step("powers", claim, Induction(T, 0), ("power-0", "power-next"), "So for all T,"),
        Step("steps", le(0, T), SYMPY, (), "from 0 on."),
        Step("all-powers", claim, Discharge(), ("steps", "powers"), "That is general;"),
    )


def _rate(speed: Expr, conclusion: Relation) -> tuple[Step, ...]:
    faster = le(spread(n) ** (2 * T), speed ** (2 * T))
    return (
        Step(
            "in-general",
            faster,
            Substitute(((a, spread(n)), (b, speed))),
            ("all-powers",),
            "in particular it holds",
        ),
        Step("spread-power", faster, Discharge(), ("spread", "in-general"), "for the eigenvalues."),
        Step(
            "own-mass",
            le(q(w), sp.Sum(q(k), (k, 1, N))),
            OneTerm(w),
            ("word-from", "word-to"),
            "The mass of w is at most 1,",
        ),
        Step(
            "axiom",
            METROPOLIS_SPECTRUM.formula.relation,
            Instance(METROPOLIS_SPECTRUM.formula),
            ("word-from", "word-to"),
            "and the axiom, with the eigenvalues,",
        ),
        Step(
            "rate",
            conclusion,
            Z3,
            ("axiom", "spread-power", "own-mass", "total"),
            "gives the rate.",
        ),
    )
