"""One more word of a text under claims with a failure mass: losses and failure masses add up.

The first word has the law P on one text and Q on the other; k runs over its outputs. Whatever set
of output texts is looked at, R(k) and S(k) are the chances, on the two texts, that the rest of the
output completes k to a text of the set.
"""

from typing import Any

import sympy as sp

from ..language import Formula, eq, le
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Instance, Termwise
from .hypotheses import suppose
from .words import k, n

__all__ = ["P", "Q", "R", "S", "theorem"]

Expr = Any

#: Laws of the first word and of the rest, losses allowed for them, their failure masses.
P, Q, R, S = (sp.Function(name, nonnegative=True) for name in "PQRS")
a, b = sp.symbols("a b", nonnegative=True)
first, rest = sp.symbols("delta_1 delta_2", nonnegative=True)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))
IN_RANGE = (le(1, k), le(k, n))


def _over(body: Expr) -> Expr:
    return sp.Sum(body, (k, 1, n))


def _excess(loss: Expr) -> Expr:
    return sp.Max(0, P(k) - sp.exp(loss) * Q(k))


FIRST = Assumption(
    "first",
    Formula(le(_over(_excess(a)), first)),
    "For the first word the claim (a, δ₁) holds: a = ε d, d the distance of the two first words. "
    "Its failure mass is the sum of all excesses.",
)
REST = Assumption(
    "rest",
    Formula(le(R(k), sp.exp(b) * S(k) + rest), given=IN_RANGE, forall=(k,)),
    "For the rest of the text (b, δ₂) holds, whatever the first output is.",
)
CHANCE = Assumption(
    "chance", Formula(le(R(k), 1), given=IN_RANGE, forall=(k,)), "R(k) is a probability,"
)
LAW = Assumption("law", Formula(eq(_over(P(k)), 1)), "and P a law.")


def theorem() -> Theorem:
    """(a, δ₁) for a word and (b, δ₂) for the rest give (a + b, δ₁ + δ₂)."""
    mutations = (
        Mutation("half-mass", "only the mass of the first word", lambda: _build(second=0)),
        Mutation("half-loss", "only the loss of the rest", lambda: _build(loss=b)),
        Mutation("no-law", "P need not add up to 1", lambda: without_assumption(_build(), "law")),
    )
    return _build(mutations=mutations)


def _build(second: Expr = 1, loss: Expr = a + b, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    ours, theirs = _over(P(k) * R(k)), _over(Q(k) * S(k))
    bound = sp.exp(loss) * Q(k) * S(k) + _excess(a) + second * rest * P(k)
    conclusion = le(ours, sp.exp(loss) * theirs + first + second * rest)
    total = sp.exp(loss) * theirs + _over(_excess(a)) + second * rest * _over(P(k))
    share = sp.Min(1, sp.exp(b) * S(k))
    return Theorem(
        name="composition-delta",
        title="Composition over a text with a failure mass",
        words="If the first word of a text satisfies (a, δ₁) and the rest (b, δ₂), with "
        "independent randomness, the text satisfies (a + b, δ₁ + δ₂). So m words that each have "
        "(ε, δ)-metric-DP have a loss of at most ε Σd but for a failure mass of m δ, word by word "
        "from the last one on.",
        latex=r"\sum_k P(k) R(k) \le e^{a+b} \sum_k Q(k) S(k) + \delta_1 + \delta_2",
        assumptions=(FIRST, REST, CHANCE, LAW),
        conclusions=(conclusion,),
        steps=(
            suppose("k-from", IN_RANGE[0], "Let the first output be one of 1,"),
            suppose("k-to", IN_RANGE[1], "…, n."),
            Step(
                "later",
                le(R(k), sp.exp(b) * S(k) + rest),
                Instance(REST.formula),
                ("k-from", "k-to"),
                "The rest falls into the set with this chance at most,",
            ),
            Step(
                "at-most-1",
                le(R(k), 1),
                Instance(CHANCE.formula),
                ("k-from", "k-to"),
                "and with no more than 1:",
            ),
            Step(
                "capped",
                le(R(k), share + rest),
                Z3,
                ("later", "at-most-1"),
                "so, but for δ₂, with h = min(1, e^b S).",
            ),
            Step(
                "split",
                le(P(k) * share, sp.exp(a) * Q(k) * share + _excess(a)),
                Z3,
                (),
                "As 0 ≤ h ≤ 1, P h is at most e^a Q h and the excess,",
            ),
            Step(
                "term",
                le(P(k) * R(k), bound),
                Z3,
                ("capped", "split"),
                "and e^a Q h at most e^(a+b) Q S. So it is for one output;",
            ),
            Step("sum", le(ours, _over(bound)), Termwise(k, 1, n), ("term",), "over all of them,"),
            Step("apart", eq(_over(bound), total), SYMPY, (), "sum by sum,"),
            Step(
                "text",
                conclusion,
                Z3,
                ("sum", "apart", "first", "law"),
                "the excesses add up to δ₁ at most, and P to 1.",
            ),
        ),
        reference="Dwork and Roth, The Algorithmic Foundations of Differential Privacy (2014), "
        "theorem 3.16",
        mutations=mutations,
    )
