"""The Metropolis-Hastings chain of 4.12: its target is stationary, and what T steps cost in δ.

The chain for one input runs on the words 1, …, N = n + 1; its target has the masses q(1), …, q(N).
From x it goes to y ≠ x with probability min(1, q(y)/q(x))/n: one of the n other words is proposed,
and accepted or not. Otherwise it stays.
"""

from typing import Any

import sympy as sp

from ..language import Formula, eq, le, ne
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Cases, Instance, Substitute, Termwise
from .hypotheses import suppose
from .words import d, epsilon, i, j, k, n, v, w, y

__all__ = ["N", "balance_theorem", "delta_theorem", "move", "q"]

Expr = Any

N = n + 1
x = sp.Symbol("x", integer=True)
#: Target of one chain, and its transition matrix.
q = sp.Function("q", positive=True)
M = sp.Function("M", nonnegative=True)
#: Target and law after T steps for every input, and the total variation between the two.
Q, P, t = (sp.Function(name, nonnegative=True) for name in ("Q", "P", "t"))

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def move(here: Expr, there: Expr) -> Expr:
    """The chance to go from one word to another."""
    return sp.Min(1, q(there) / q(here)) / n


ROWS = Assumption(
    "rows",
    Formula(eq(sp.Sum(M(i, k), (k, 1, N)), 1), forall=(i,)),
    "The chances from one word, that of staying included, add up to 1.",
)


def balance_theorem() -> Theorem:
    """Detailed balance, and that the target is stationary."""
    mutations = (
        Mutation(
            "all-accepted", "every proposal is accepted", lambda: _balance(lambda i, j: 1 / n)
        ),
        Mutation(
            "turned",
            "accepted with probability min(1, q(x)/q(y))",
            lambda: _balance(lambda i, j: move(j, i)),
        ),
        Mutation("no-rows", "words may get lost", lambda: without_assumption(_balance(), "rows")),
    )
    return _balance(mutations=mutations)


def _balance(chance: Any = move, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    moves = Assumption(
        "moves",
        Formula(eq(M(i, j), chance(i, j)), given=(ne(i, j),), forall=(i, j)),
        "From i the chain goes to another word j with probability min(1, q(j)/q(i))/n.",
    )
    balance = eq(q(x) * M(x, y), q(y) * M(y, x))
    arriving = sp.Sum(q(k) * M(k, y), (k, 1, N))
    leaving = sp.Sum(q(y) * M(y, k), (k, 1, N))
    steps = (
        suppose("different", ne(x, y), "Let x and y be different words."),
        Step(
            "forth",
            eq(M(x, y), chance(x, y)),
            Instance(moves.formula, ((i, x), (j, y))),
            ("different",),
            "There is the chance to go from x to y,",
        ),
        Step("vice-versa", ne(y, x), Z3, ("different",), "and, as y and x are different,"),
        Step(
            "back",
            eq(M(y, x), chance(y, x)),
            Instance(moves.formula, ((i, y), (j, x))),
            ("vice-versa",),
            "that to go back.",
        ),
        Step("flows", balance, Z3, ("forth", "back"), "Both flows are min(q(x), q(y))/n."),
        suppose("same", eq(x, y), "If they are the same word,"),
        Step("trivial", balance, SYMPY, ("same",), "the flows are the same thing."),
        Step("balance", balance, Cases(eq(x, y)), ("trivial", "flows"), "Detailed balance."),
        Step(
            "from-k",
            eq(q(k) * M(k, y), q(y) * M(y, k)),
            Substitute(((x, k),)),
            ("balance",),
            "What comes to y from k goes from y to k.",
        ),
        Step("all", eq(arriving, leaving), Termwise(k, 1, N), ("from-k",), "Over all words,"),
        Step(
            "factor",
            eq(leaving, q(y) * sp.Sum(M(y, k), (k, 1, N))),
            SYMPY,
            (),
            "what leaves y, or stays,",
        ),
        Step(
            "row",
            eq(sp.Sum(M(y, k), (k, 1, N)), 1),
            Instance(ROWS.formula, ((i, y),)),
            (),
            "is all of it:",
        ),
        Step("stationary", eq(arriving, q(y)), Z3, ("all", "factor", "row"), "q(y) again."),
    )
    return Theorem(
        name="metropolis-balance",
        title="The Metropolis-Hastings chain keeps its target",
        words="For every target with positive masses on N words, the chain that proposes one of "
        "the other words uniformly and accepts with probability min(1, q(y)/q(x)) is in detailed "
        "balance with the target, which is therefore stationary.",
        latex=r"q(x) M(x,y) = q(y) M(y,x), \quad \sum_{x} q(x) M(x,y) = q(y)",
        assumptions=(moves, ROWS),
        conclusions=(balance, steps[-1].relation),
        steps=steps,
        reference="Metropolis et al. (J. Chem. Phys. 1953); Hastings (Biometrika 1970)",
        covers="every prior, ε and number of steps",
        mechanism="metropolis-hastings",
        mutations=mutations,
    )


VARIATION = Assumption(
    "variation",
    Formula(
        eq(sp.Sum(sp.Max(0, P(i, k) - Q(i, k)), (k, 1, n)), t(i)),
        forall=(i,),
    ),
    "t(i) is the total variation between the law on i and its target: what the law has above it,",
)
BELOW = Assumption(
    "below",
    Formula(
        eq(sp.Sum(sp.Max(0, Q(i, k) - P(i, k)), (k, 1, n)), t(i)),
        forall=(i,),
    ),
    "or below it; both are the same, as both add up to 1.",
)


#: The factor that the promise allows between w and v.
PROMISED = sp.exp(epsilon * d(w, v))


def delta_theorem() -> Theorem:
    """What a chain that is not yet at its target costs."""
    mutations = (
        Mutation("one-side", "δ is at most the t of the first", lambda: _delta(second=0)),
        Mutation("unweighted", "δ is at most t(w) + t(v)", lambda: _delta(second=1)),
        Mutation(
            "no-promise",
            "the targets keep no promise",
            lambda: without_assumption(_delta(), "target"),
        ),
    )
    return _delta(mutations=mutations)


def _delta(second: Expr = PROMISED, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    target = Assumption(
        "target",
        Formula(le(Q(w, i), PROMISED * Q(v, i)), forall=(i,)),
        "The targets keep the promise.",
    )
    excess = sp.Max(0, P(w, k) - PROMISED * P(v, k))
    above, below = sp.Max(0, P(w, k) - Q(w, k)), sp.Max(0, Q(v, k) - P(v, k))
    sums = [sp.Sum(body, (k, 1, n)) for body in (excess, above + PROMISED * below, above, below)]
    conclusion = le(sums[0], t(w) + second * t(v))
    steps = (
        Step(
            "promise",
            le(Q(w, k), PROMISED * Q(v, k)),
            Instance(target.formula, ((i, k),)),
            (),
            "For every word k the targets keep the promise,",
        ),
        Step(
            "excess",
            le(excess, above + PROMISED * below),
            Z3,
            ("promise",),
            "so what breaks it is what the laws have above and below their targets.",
        ),
        Step("sums", le(sums[0], sums[1]), Termwise(k, 1, n), ("excess",), "Over all words:"),
        Step("split", eq(sums[1], sums[2] + PROMISED * sums[3]), SYMPY, (), "two sums,"),
        Step(
            "above", eq(sums[2], t(w)), Instance(VARIATION.formula, ((i, w),)), (), "which are t(w)"
        ),
        Step("below-v", eq(sums[3], t(v)), Instance(BELOW.formula, ((i, v),)), (), "and t(v)."),
        Step("delta", conclusion, Z3, ("sums", "split", "above", "below-v"), "So δ is bounded."),
    )
    return Theorem(
        name="metropolis-delta",
        title="What a chain costs that is not yet at its target",
        words="If the targets of two inputs keep the promise ε, the laws on them obey it up to "
        "δ = t(w) + e^(ε d(w,v)) t(v), t being the total variation between a law and its target.",
        latex=r"\delta_{w,v}(\varepsilon) \le t_w + e^{\varepsilon d(w,v)} t_v",
        assumptions=(VARIATION, BELOW, target),
        conclusions=(conclusion,),
        steps=steps,
        reference="specification, section 8",
        covers="every prior, ε and number of steps",
        mechanism="metropolis-hastings",
        mutations=mutations,
    )
