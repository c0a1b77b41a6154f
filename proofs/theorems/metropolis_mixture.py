"""The law of the chain of 4.12 from the heaviest word of its target, exactly and without axioms."""

from typing import Any

import sympy as sp

from ..language import Formula, eq, le, ne
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Cases, Discharge, Induction, Instance, OneTerm, Termwise
from .hypotheses import suppose
from .metropolis import M, N, move, q
from .words import i, j, k, n, w, y

__all__ = ["theorem"]

Expr = Any

T = sp.Symbol("T", integer=True, nonnegative=True)
rate = sp.Symbol("l", real=True)
#: The law after T steps from w; the k-th word other than w.
L = sp.Function("L", nonnegative=True)
other = sp.Function("o", integer=True)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def _mixture(steps: Expr, word: Expr) -> Expr:
    return (1 - rate**steps) * q(word) + rate**steps * L(0, word)


def _error(steps: Expr, word: Expr) -> Expr:
    return sp.Abs(L(steps, word) - _mixture(steps, word))


MOVES = Assumption(
    "moves",
    Formula(eq(M(w, j), move(w, j)), given=(ne(w, j),), forall=(j,)),
    "From w the chain goes to another word j with probability min(1, q(j)/q(w))/n.",
)
OTHERS = Assumption("others", Formula(ne(w, other(k)), forall=(k,)), "o(1), …, o(n) are not w.")
ROW = Assumption(
    "row",
    Formula(eq(M(w, w) + sp.Sum(M(w, other(k)), (k, 1, n)), 1)),
    "With the chance to stay these add up to 1,",
)
TOTAL = Assumption(
    "total",
    Formula(eq(q(w) + sp.Sum(q(other(k)), (k, 1, n)), 1)),
    "and so do the masses of all words.",
)
HEAVIEST = Assumption("heaviest", Formula(le(q(j), q(w)), forall=(j,)), "w is the heaviest.")
STATIONARY = Assumption(
    "stationary",
    Formula(eq(sp.Sum(q(k) * M(k, j), (k, 1, N)), q(j)), forall=(j,)),
    "The target is stationary (theorem metropolis-balance).",
)
STEP = Assumption(
    "step",
    Formula(eq(L(T + 1, j), sp.Sum(L(T, k) * M(k, j), (k, 1, N))), forall=(T, j)),
    "One step more: from every word k to j.",
)
FIRST = Assumption(
    "first", Formula(eq(L(1, j), M(w, j)), forall=(j,)), "The first step is one from w,"
)
AT_W = Assumption("at-w", Formula(eq(L(0, w), 1)), "where the chain starts,")
NOWHERE = Assumption(
    "nowhere-else", Formula(eq(L(0, j), 0), given=(ne(w, j),), forall=(j,)), "and nowhere else."
)
WORD_FROM, WORD_TO = (
    Assumption("word-from", Formula(le(1, y)), "y is one of the words 1,"),
    Assumption("word-to", Formula(le(y, N)), "…, N."),
)


def theorem() -> Theorem:
    """The law is a mixture of the target and the input."""
    mutations = (
        Mutation("slower", "l = 1 - 1/(2n q(w))", lambda: _build(slower=2)),
        Mutation(
            "not-the-heaviest",
            "w may have any mass",
            lambda: without_assumption(_build(), "heaviest"),
        ),
    )
    return _build(mutations=mutations)


def _build(slower: Expr = 1, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    conclusion = eq(L(T, y) - q(y), rate**T * (L(0, y) - q(y)))
    speed = Assumption(
        "rate", Formula(eq(rate, 1 - 1 / (slower * n * q(w)))), "l is 1 - 1/(n q(w))."
    )
    return Theorem(
        name="metropolis-mixture",
        title="A Metropolis-Hastings chain from the heaviest word",
        words="If the input w is the likeliest word of its own target q, the law after T steps is "
        "(1 - l^T) q + l^T [y = w] with l = 1 - 1/((N-1) q(w)), N = n + 1.",
        latex=r"P_w(y) = (1 - \ell^T)\, q(y) + \ell^T\, [y = w], \quad "
        r"\ell = 1 - \frac{1}{(N-1)\, q(w)}",
        assumptions=(
            speed,
            *(MOVES, OTHERS, ROW, TOTAL, HEAVIEST, STATIONARY, STEP, FIRST, AT_W, NOWHERE),
            *(WORD_FROM, WORD_TO),
        ),
        conclusions=(conclusion,),
        steps=(
            *_away("away", j),
            *_staying(),
            *_one_step(),
            *_next_step(),
            *_all_steps(),
            Step(
                "term",
                le(_error(T, y), sp.Sum(_error(T, k), (k, 1, N))),
                OneTerm(y),
                ("word-from", "word-to"),
                "In particular for y",
            ),
            Step("law", conclusion, Z3, ("term", "errors"), "it is the mixture."),
        ),
        reference="J. Liu, Statistics and Computing 6 (1996), for proposals over all states",
        covers="every input that is the likeliest word of its own target, and every T",
        mechanism="metropolis-hastings",
        mutations=mutations,
    )


def _away(name: str, word: Expr) -> tuple[Step, ...]:
    """The chance to go from w to another word."""
    different = ne(w, word)
    start = (
        suppose(f"{name}-other", different, "Let j be another word than w.")
        if word == j
        else Step(f"{name}-other", different, Instance(OTHERS.formula), (), "The k-th other word")
    )
    return (
        start,
        Step(
            f"{name}-move",
            eq(M(w, word), move(w, word)),
            Instance(MOVES.formula, ((j, word),)),
            (f"{name}-other",),
            "is reached with the chance of a proposal that is accepted,",
        ),
        Step(
            f"{name}-lighter",
            le(q(word), q(w)),
            Instance(HEAVIEST.formula, ((j, word),)),
            (),
            "and, being lighter,",
        ),
        Step(
            name,
            eq(M(w, word), q(word) / (n * q(w))),
            Z3,
            (f"{name}-move", f"{name}-lighter"),
            "with q(j)/q(w) of the chance of being proposed.",
        ),
    )


def _staying() -> tuple[Step, ...]:
    moves, shares = (sp.Sum(body, (k, 1, n)) for body in (M(w, other(k)), q(other(k)) / (n * q(w))))
    masses = sp.Sum(q(other(k)), (k, 1, n))
    return (
        *_away("leaves", other(k)),
        Step("leaving", eq(moves, shares), Termwise(k, 1, n), ("leaves",), "All others have"),
        Step("common", eq(shares, masses / (n * q(w))), SYMPY, (), "a common factor:"),
        Step(
            "stays",
            eq(M(w, w), (1 - rate) * q(w) + rate),
            Z3,
            ("leaving", "common", "row", "total", "rate"),
            "the rest is the chance to stay.",
        ),
    )


def _one_step() -> tuple[Step, ...]:
    """One step from w gives (1 - l) q + l [j = w]."""
    mixed = eq(M(w, j), (1 - rate) * q(j) + rate * L(0, j))
    return (
        Step(
            "not-there",
            eq(L(0, j), 0),
            Instance(NOWHERE.formula),
            ("away-other",),
            "The chain does not start in another word,",
        ),
        Step("mixed-other", mixed, Z3, ("away", "not-there", "rate"), "so one step is a mixture"),
        suppose("same", eq(w, j), "there, and if j is w,"),
        Step("turned", eq(j, w), Z3, ("same",), "(w is j)"),
        Step("mixed-w", mixed, SYMPY, ("turned", "stays", "at-w"), "it is one, too."),
        Step("mixed", mixed, Cases(eq(w, j)), ("mixed-w", "mixed-other"), "In any case."),
    )


def _next_step() -> tuple[Step, ...]:
    """If the law after T steps is the mixture, so is that after T + 1."""
    errors = sp.Sum(_error(T, k), (k, 1, N))
    arriving = [
        sp.Sum(body * M(k, j), (k, 1, N)) for body in (L(T, k), _mixture(T, k), q(k), L(0, k))
    ]
    return (
        suppose("so-far", le(errors, 0), "Suppose that the law is the mixture after T steps."),
        suppose("k-from", le(1, k), "For each of the words 1,"),
        suppose("k-to", le(k, N), "…, N,"),
        Step(
            "each",
            le(_error(T, k), sp.Sum(_error(T, i), (i, 1, N))),
            OneTerm(k),
            ("k-from", "k-to"),
            "then, the error is one of those",
        ),
        Step(
            "flow",
            eq(L(T, k) * M(k, j), _mixture(T, k) * M(k, j)),
            Z3,
            ("each", "so-far"),
            "that are 0 together,",
        ),
        Step("arriving", eq(*arriving[:2]), Termwise(k, 1, N), ("flow",), "and what arrives at j"),
        Step(
            "apart",
            eq(arriving[1], (1 - rate**T) * arriving[2] + rate**T * arriving[3]),
            SYMPY,
            (),
            "comes from the target or from the input:",
        ),
        Step("one-more", eq(L(T + 1, j), arriving[0]), Instance(STEP.formula), (), "one step,"),
        Step("target", eq(arriving[2], q(j)), Instance(STATIONARY.formula), (), "from the target"),
        Step(
            "step-0",
            eq(L(1, j), arriving[3]),
            Instance(STEP.formula, ((T, sp.Integer(0)),)),
            (),
            "to the target, from the input",
        ),
        Step("from-w", eq(L(1, j), M(w, j)), Instance(FIRST.formula), (), "as one step from w."),
        Step("power", eq(rate ** (T + 1), rate**T * rate), SYMPY, (), "One more factor l:"),
        Step(
            "next",
            le(_error(T + 1, j), 0),
            Z3,
            ("arriving", "apart", "one-more", "target", "step-0", "from-w", "mixed", "power"),
            "the law after T + 1 steps is the mixture, too.",
        ),
    )


def _all_steps() -> tuple[Step, ...]:
    """The mixture for all T."""

    def errors(steps: Expr) -> Expr:
        return sp.Sum(_error(steps, k), (k, 1, N))

    zeros, claim = sp.Sum(0, (k, 1, N)), le(errors(T), 0)
    return (
        Step("zeros", eq(zeros, 0), SYMPY, (), "Nothing adds up to nothing."),
        Step("all-next", le(errors(T + 1), zeros), Termwise(j, 1, N), ("next",), "So for all j"),
        Step("onward", le(errors(T + 1), 0), Z3, ("all-next", "zeros"), "it passes on to T + 1."),
        Step("at-0", le(_error(0, k), 0), SYMPY, (), "Before the first step it is so:"),
        Step("all-0", le(errors(0), zeros), Termwise(k, 1, N), ("at-0",), "for all words"),
        Step("start", le(errors(0), 0), Z3, ("all-0", "zeros"), "together."),
        Step("induction", claim, Induction(T, 0), ("start", "onward"), "Hence for all T,"),
        Step("counted", le(0, T), SYMPY, (), "from 0 on:"),
        Step("errors", claim, Discharge(), ("counted", "induction"), "the law is the mixture."),
    )
