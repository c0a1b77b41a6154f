"""How fast C_N = B_N - ln N grows, the loss that the Poisson cutoff costs with any noise whatever
(see `truncated_gumbel_any_noise`). As in `cutoff_growth`, there are N = n + 1 words.
"""

from typing import Any

import sympy as sp

from ..language import Relation, ge, le, lt
from ..model import Decided, Mutation, Step, Theorem
from ..rules import Discharge, Induction, Substitute
from .cutoff_growth import bound, from_the_start, gain_steps, least_promise, slope_steps, tangent
from .hypotheses import suppose
from .words import n

__all__ = ["bound_any_noise", "linear_steps", "theorem"]

Expr = Any

#: A multiple of the least ε Δmin.
multiple = sp.Symbol("M", positive=True)
Z3, SYMPY, ARB = Decided(("z3",)), Decided(("sympy",)), Decided(("arb",))

N = n + 1
t, later = sp.log(N), sp.log(N + 1)
TENTH = sp.Rational(1, 10)
#: The number of words from which on C_N > (N/10)(5 + 2 ln N).
LINEAR_FROM = 22


def bound_any_noise(others: Expr) -> Expr:
    """C_N = B_N - ln N = ln N! - (N - 1) ln ln N for N = 1 + `others` words."""
    return bound(others) - sp.log(others + 1)


def theorem() -> Theorem:
    """C_N outgrows every multiple of 5 + 2 ln N, from explicit N on."""
    mutations = (
        Mutation("from-11-words", "once, already from N = 11 on", lambda: _build(once=10)),
        Mutation("from-20-words", "twice, already from N = 20 on", lambda: _build(twice=19)),
        Mutation("from-21-words", "N/10 times, already from N = 21", lambda: _build(linear=20)),
    )
    return _build(mutations=mutations)


def _build(
    once: int = 11,
    twice: int = 20,
    linear: int = LINEAR_FROM - 1,
    mutations: tuple[Mutation, ...] = (),
) -> Theorem:
    begins = (
        ("once", once, sp.Integer(1)),
        ("twice", twice, sp.Integer(2)),
        ("linear", linear, TENTH * N),
    )
    before = tuple(
        Step(
            f"{name}-not-before",
            lt(
                bound_any_noise(sp.Integer(start - 1)),
                sp.sympify(factor).xreplace({n: start - 1}) * least_promise(sp.Integer(start - 1)),
            ),
            ARB,
            (),
            f"And not for N = {start}.",
        )
        for name, start, factor in begins
    )
    named = [from_the_start(name, _claim(factor), start) for name, start, factor in begins]
    return Theorem(
        name="cutoff-growth-any-noise",
        title="The growth of C_N = B_N - ln N",
        words="C_N = ln N! - (N - 1) ln ln N is above 5 + 2 ln N from N = 12 on and not for "
        "N = 11; above twice that from N = 21 on and not for N = 20; above (N/10)(5 + 2 ln N) "
        "from N = 22 on and not for N = 21.",
        latex=r"C_N > 5 + 2\ln N\ (N \ge 12), \quad C_N > 2(5 + 2\ln N)\ (N \ge 21), \quad "
        r"C_N > \tfrac{N}{10}(5 + 2\ln N)\ (N \ge 22)",
        assumptions=(),
        conclusions=(
            *(steps[-1].relation for steps in named),
            *(step.relation for step in before),
        ),
        steps=(
            *linear_steps(linear),
            *_fixed_steps(),
            *_fixed("once", 1, once),
            *_fixed("twice", 2, twice),
            *(step for steps in named for step in steps),
            *before,
        ),
        reference="dpaudit",
        mutations=mutations,
    )


def _claim(factor: Expr) -> Relation:
    return lt(factor * least_promise(n), bound_any_noise(n))


def linear_steps(start: int = LINEAR_FROM - 1) -> tuple[Step, ...]:
    """C_N > (N/10)(5 + 2 ln N) under the hypothesis `start` ≤ n: the last step concludes it."""
    claim = _claim(TENTH * N)
    onward = lt(TENTH * (N + 1) * least_promise(n + 1), bound_any_noise(n + 1))
    begin = sp.Integer(start)
    return (
        *slope_steps(),
        *gain_steps(),
        Step(
            "gain-any",
            ge(bound_any_noise(n + 1) - bound_any_noise(n), later - 1 / t - sp.log(t)),
            Z3,
            ("gain",),
            "C_N gains what B_N does, less the gain of ln N.",
        ),
        Step(
            "base",
            lt(TENTH * (start + 1) * least_promise(begin), bound_any_noise(begin)),
            ARB,
            (),
            f"For N = {start + 1} C_N is above (N/10)(5 + 2 ln N).",
        ),
        suppose("so-far", claim, "Suppose that it is so for N;"),
        suppose("from-start", le(start, n), f"N being at least {start + 1}."),
        *tangent("big", 21, sp.Integer(3), sp.Rational(11, 10), "from-start"),
        Step(
            "onward",
            onward,
            Z3,
            (
                "gain-any",
                "so-far",
                "ln-gain",
                "ln-order",
                "big-after",
                "big-tangent",
                "big-height",
            ),
            "Then C_N gains enough for N + 1.",
        ),
        Step("linear", claim, Induction(n, start), ("base", "onward"), "So it is for all N."),
    )


def _fixed_steps() -> tuple[Step, ...]:
    """C_N > M(5 + 2 ln N) passes from N to N + 1 if N ≥ 11 and N ≥ 5M."""
    onward = lt(multiple * least_promise(n + 1), bound_any_noise(n + 1))
    return (
        suppose("fixed-so-far", _claim(multiple), "Suppose that C_N > M(5 + 2 ln N),"),
        suppose("fixed-from", le(10, n), "N being at least 11"),
        suppose("fixed-multiple", le(5 * multiple, N), "and at least 5M."),
        *tangent("mid", 11, sp.Rational(239, 100), sp.Rational(7, 8), "fixed-from"),
        Step(
            "fixed-onward",
            onward,
            Z3,
            (
                "gain-any",
                "fixed-so-far",
                "fixed-multiple",
                "ln-gain",
                "ln-order",
                "mid-after",
                "mid-tangent",
                "mid-height",
            ),
            "Then it is so for N + 1.",
        ),
    )


def _fixed(name: str, factor: int, start: int) -> tuple[Step, ...]:
    """C_N > M(5 + 2 ln N) for one M, under the hypothesis start ≤ n."""
    onward = lt(factor * least_promise(n + 1), bound_any_noise(n + 1))
    begin = sp.Integer(start)
    return (
        suppose(f"{name}-from", le(start, n), f"From N = {start + 1} on"),
        Step(f"{name}-eleven", le(10, n), Z3, (f"{name}-from",), "N is at least 11"),
        Step(f"{name}-five", le(5 * factor, N), Z3, (f"{name}-from",), f"and {5 * factor}."),
        Step(
            f"{name}-step",
            onward,
            Substitute(((multiple, sp.Integer(factor)),)),
            ("fixed-onward",),
            f"With M = {factor},",
        ),
        Step(
            f"{name}-onward",
            onward,
            Discharge(),
            (f"{name}-eleven", f"{name}-five", f"{name}-step"),
            "it passes on from N to N + 1,",
        ),
        Step(
            f"{name}-base",
            lt(factor * least_promise(begin), bound_any_noise(begin)),
            ARB,
            (),
            f"and for N = {start + 1} it is so.",
        ),
        Step(
            name,
            _claim(sp.Integer(factor)),
            Induction(n, start),
            (f"{name}-base", f"{name}-onward"),
            "So on.",
        ),
    )
