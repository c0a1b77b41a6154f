"""How fast B_N grows, the loss that the Poisson cutoff costs (see `truncated_gumbel`).

There are N = n + 1 words, so that ln ln N is a number for every n. All bounds follow from the slope
of the logarithm, 1/s, integrated.
"""

from typing import Any

import sympy as sp

from ..language import Relation, eq, ge, le, lt, renamed
from ..model import Decided, Mutation, Step, Theorem
from ..rules import Cases, Discharge, Induction, Integrate, Monotone, Substitute
from .hypotheses import suppose
from .words import n

__all__ = [
    "bound",
    "from_the_start",
    "gain_steps",
    "least_promise",
    "linear_steps",
    "slope_steps",
    "tangent",
    "theorem",
]

Expr = Any

u, v, s = sp.symbols("u v s", positive=True)
#: A multiple of the least ε Δmin, and how many words there are beyond the first that count.
multiple = sp.Symbol("M", positive=True)
more = sp.Symbol("m", integer=True, positive=True)
Z3, SYMPY, ARB = Decided(("z3",)), Decided(("sympy",)), Decided(("arb",))

N = n + 1
t, later = sp.log(N), sp.log(N + 1)
TENTH = sp.Rational(1, 10)


def bound(others: Expr) -> Expr:
    """B_N = ln(N·N!) - (N - 1) ln ln N for N = 1 + `others` words."""
    size = others + 1
    return sp.log(size * sp.factorial(size)) - others * sp.log(sp.log(size))


def least_promise(others: Expr) -> Expr:
    """5 + 2 ln N: the published scale exists where ε Δmin is above it."""
    return 5 + 2 * sp.log(others + 1)


def theorem() -> Theorem:
    """B_N outgrows every multiple of 5 + 2 ln N, from explicit N on."""
    mutations = (
        Mutation("ninth", "N/9 times instead of N/10", lambda: _build(share=1 / sp.Integer(9))),
        Mutation("from-18-words", "twice, already from N = 18 on", lambda: _build(twice=17)),
        Mutation("from-125-words", "20 times, already from N = 125", lambda: _build(often=124)),
        Mutation("half-limit", "B_N ~ (N ln N)/2", lambda: _build(limit=1 / sp.Integer(2))),
    )
    return _build(mutations=mutations)


def _build(
    twice: int = 18,
    often: int = 125,
    limit: Expr = 1,
    share: Expr = TENTH,
    mutations: tuple[Mutation, ...] = (),
) -> Theorem:
    growing = eq(sp.Limit(bound(n) / (N * sp.log(N)), n, sp.oo), limit)
    begins = (
        ("linear", 9, share * N),
        ("twice", twice, sp.Integer(2)),
        ("often", often, sp.Integer(20)),
    )
    before = tuple(
        Step(
            f"{name}-not-before",
            lt(bound(sp.Integer(start - 1)), factor * least_promise(sp.Integer(start - 1))),
            ARB,
            (),
            f"And not for N = {start}.",
        )
        for name, start, factor in begins[1:]
    )
    named = [from_the_start(name, _claim(factor), start) for name, start, factor in begins]
    return Theorem(
        name="cutoff-growth",
        title="The growth of B_N",
        words="B_N = ln(N·N!) - (N - 1) ln ln N grows like N ln N. It is above (N/10)(5 + 2 ln N) "
        "from N = 10 on; above 2(5 + 2 ln N) from N = 19 on and not for N = 18; and above "
        "20(5 + 2 ln N) from N = 126 on and not for N = 125.",
        latex=r"B_N \sim N \ln N, \quad B_N > \tfrac{N}{10}(5 + 2\ln N)\ (N \ge 10), \quad "
        r"B_N > 2(5 + 2\ln N)\ (N \ge 19), \quad B_N > 20(5 + 2\ln N)\ (N \ge 126)",
        assumptions=(),
        conclusions=(
            growing,
            *(steps[-1].relation for steps in named),
            *(step.relation for step in before),
        ),
        steps=(
            Step("limit", growing, SYMPY, (), "By Stirling's formula."),
            *linear_steps(share),
            *_fixed_steps(),
            *_fixed("twice", 2, twice),
            *_fixed("often", 20, often),
            *(step for steps in named for step in steps),
            *before,
        ),
        reference="Stirling's formula; specification, section 8",
        mutations=mutations,
    )


def _claim(factor: Expr) -> Relation:
    return lt(factor * least_promise(n), bound(n))


def from_the_start(name: str, claim: Relation, start: int) -> tuple[Step, ...]:
    """The result of an induction, for N = start + 1, start + 2, …"""
    moved = start - 1 + more
    relation = renamed(claim, {n: moved})
    return (
        Step(
            f"{name}-range", le(start, moved), SYMPY, (), "With n = m + a constant, n is so large"
        ),
        Step(f"{name}-moved", relation, Substitute(((n, moved),)), (name,), "that it holds"),
        Step(
            f"{name}-all",
            relation,
            Discharge(),
            (f"{name}-range", f"{name}-moved"),
            f"from N = {start + 1} on.",
        ),
    )


def slope_steps() -> tuple[Step, ...]:
    """ln v - ln u ≤ (v - u)/u for u ≤ v."""
    rise, level = sp.Integral(1 / s, (s, u, v)), sp.Integral(1 / u, (s, u, v))
    return (
        suppose("s-after-u", le(u, s), "Let s be u or more:"),
        Step("falls", le(1 / s, 1 / u), Z3, ("s-after-u",), "then 1/s is 1/u or less."),
        suppose("v-after-u", le(u, v), "And let v be u or more:"),
        Step("area", le(rise, level), Integrate(s, u, v), ("falls", "v-after-u"), "from u to v"),
        Step("rise", eq(rise, sp.log(v) - sp.log(u)), SYMPY, (), "the logarithm rises"),
        Step("level", eq(level, (v - u) / u), SYMPY, (), "at the slope 1/u at most."),
        Step(
            "slope",
            le(sp.log(v) - sp.log(u), (v - u) / u),
            Z3,
            ("area", "rise", "level"),
            "So ln v - ln u ≤ (v - u)/u.",
        ),
    )


def gain_steps() -> tuple[Step, ...]:
    """B_(N+1) - B_N ≥ 2 ln(N+1) - ln N - 1/ln N - ln ln N."""
    return (
        Step("next", le(N, N + 1), SYMPY, (), "In particular from N to N + 1:"),
        Step("slope-next", le(later - t, 1 / N), Substitute(((u, N), (v, N + 1))), ("slope",), "…"),
        Step(
            "ln-gain",
            le(later - t, 1 / N),
            Discharge(),
            ("next", "slope-next"),
            "the logarithm gains 1/N at most,",
        ),
        Step("ln-order", le(t, later), Monotone("ln"), ("next",), "not less than nothing,"),
        Step(
            "slope-ln",
            le(sp.log(later) - sp.log(t), (later - t) / t),
            Substitute(((u, t), (v, later))),
            ("slope",),
            "and from ln N to ln(N + 1)",
        ),
        Step(
            "ln-ln-gain",
            le(sp.log(later) - sp.log(t), (later - t) / t),
            Discharge(),
            ("ln-order", "slope-ln"),
            "that of the logarithm gains 1/(N ln N) at most.",
        ),
        Step(
            "difference",
            eq(bound(n + 1), bound(n) + 2 * later - t - N * sp.log(later) + n * sp.log(t)),
            SYMPY,
            (),
            "What B_(N+1) has above B_N,",
        ),
        Step(
            "N-times",
            le(N * (sp.log(later) - sp.log(t)), 1 / t),
            Z3,
            ("ln-gain", "ln-ln-gain"),
            "in which N times that gain is 1/ln N at most:",
        ),
        Step(
            "gain",
            ge(bound(n + 1) - bound(n), 2 * later - t - 1 / t - sp.log(t)),
            Z3,
            ("difference", "N-times"),
            "a lower bound.",
        ),
    )


def tangent(name: str, size: int, place: Expr, height: Expr, known: str) -> tuple[Step, ...]:
    """ln ln N is below its tangent, from a number of words on: `place` < ln `size` ≤ ln N."""
    ready = le(sp.log(t) - sp.log(place), (t - place) / place)
    return (
        Step(f"{name}-size", le(size, N), Z3, (known,), f"With N at least {size},"),
        Step(f"{name}-ln", le(sp.log(size), t), Monotone("ln"), (f"{name}-size",), "ln N is"),
        Step(f"{name}-at", lt(place, sp.log(size)), ARB, (), f"above {place}"),
        Step(f"{name}-after", le(place, t), Z3, (f"{name}-ln", f"{name}-at"), "all the time,"),
        Step(f"{name}-slope", ready, Substitute(((u, place), (v, t))), ("slope",), "and ln ln N"),
        Step(
            f"{name}-tangent",
            ready,
            Discharge(),
            (f"{name}-after", f"{name}-slope"),
            "below the tangent there,",
        ),
        Step(f"{name}-height", lt(sp.log(place), height), ARB, (), f"which starts below {height}."),
    )


def linear_steps(share: Expr = TENTH) -> tuple[Step, ...]:
    """B_N > (N/10)(5 + 2 ln N) under the hypothesis 9 ≤ n, the conclusion of the last step."""
    claim = _claim(share * N)
    onward = lt(share * (N + 1) * least_promise(n + 1), bound(n + 1))
    needed = share * (N + 1) * least_promise(n + 1) - share * N * least_promise(n)
    known = ("big-after", "big-tangent", "big-height")
    return (
        *slope_steps(),
        *gain_steps(),
        Step(
            "base",
            lt(share * 10 * least_promise(sp.Integer(9)), bound(sp.Integer(9))),
            ARB,
            (),
            "For N = 10 B_N is above (N/10)(5 + 2 ln N).",
        ),
        suppose("so-far", claim, "Suppose that it is so for N;"),
        suppose("from-start", le(9, n), "N being at least 10."),
        suppose("few", le(n, 12), "Up to N = 13"),
        Step(
            "few-gain",
            lt(needed, 2 * later - t - N * sp.log(later) + n * sp.log(t)),
            ARB,
            ("from-start", "few"),
            "B_N gains enough, by ball arithmetic,",
        ),
        Step("few-onward", onward, Z3, ("few-gain", "difference", "so-far"), "for N + 1."),
        suppose("many", lt(12, n), "Beyond,"),
        *tangent("big", 13, sp.Rational(64, 25), sp.Rational(941, 1000), "many"),
        Step(
            "many-onward",
            onward,
            Z3,
            ("gain", "so-far", "ln-gain", "ln-order", *known),
            "So B_N gains enough here too:",
        ),
        Step("onward", onward, Cases(le(n, 12)), ("few-onward", "many-onward"), "in any case."),
        Step("linear", claim, Induction(n, 9), ("base", "onward"), "So for all N."),
    )


def _fixed_steps() -> tuple[Step, ...]:
    """B_N > M(5 + 2 ln N) passes from N to N + 1 if N ≥ 10 and N ≥ 5M."""
    onward = lt(multiple * least_promise(n + 1), bound(n + 1))
    return (
        suppose("fixed-so-far", _claim(multiple), "Suppose that B_N > M(5 + 2 ln N),"),
        suppose("fixed-from", le(9, n), "N being at least 10"),
        suppose("fixed-multiple", le(5 * multiple, N), "and at least 5M."),
        *tangent("mid", 10, sp.Rational(23, 10), sp.Rational(5, 6), "fixed-from"),
        Step(
            "fixed-onward",
            onward,
            Z3,
            (
                "gain",
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
    """B_N > M(5 + 2 ln N) for one M, under the hypothesis start ≤ n."""
    onward = lt(factor * least_promise(n + 1), bound(n + 1))
    values = ((multiple, sp.Integer(factor)),)
    return (
        suppose(f"{name}-from", le(start, n), f"From N = {start + 1} on"),
        Step(f"{name}-ten", le(9, n), Z3, (f"{name}-from",), "N is at least 10"),
        Step(f"{name}-five", le(5 * factor, N), Z3, (f"{name}-from",), f"and {5 * factor}."),
        Step(f"{name}-step", onward, Substitute(values), ("fixed-onward",), f"With M = {factor},"),
        Step(
            f"{name}-onward",
            onward,
            Discharge(),
            (f"{name}-ten", f"{name}-five", f"{name}-step"),
            "it passes on from N to N + 1,",
        ),
        Step(
            f"{name}-base",
            lt(factor * least_promise(sp.Integer(start)), bound(sp.Integer(start))),
            ARB,
            (),
            f"and for N = {start + 1} it is so.",
        ),
        Step(
            name, _claim(factor), Induction(n, start), (f"{name}-base", f"{name}-onward"), "So on."
        ),
    )
