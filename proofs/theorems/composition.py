"""Composition: what a text of independently privatised words promises (specification, 2)."""

from typing import Any

import sympy as sp

from ..language import Formula, eq, le
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Induction, Instance
from ..substitution import substitute
from .hypotheses import suppose
from .words import d, epsilon

__all__ = ["law", "theorem"]

Expr = Any

#: A position of a text; its length.
t = sp.Symbol("t", integer=True, positive=True)
m = sp.Symbol("m", integer=True, positive=True)
#: The words of the input, of another input, and of the output.
word, other, output = (sp.Function(name, integer=True) for name in ("w", "v", "y"))
#: The law of one word, which may be another one at each position.
P = sp.Function("P", nonnegative=True)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def law(text: Any, length: Expr = m) -> Expr:
    """The probability of the output on a text, as words are privatised independently."""
    return sp.Product(P(t, text(t), output(t)), (t, 1, length))


def _distance(length: Expr = m) -> Expr:
    return sp.Sum(d(word(t), other(t)), (t, 1, length))


def theorem() -> Theorem:
    """The promises of the words add up."""
    mutations = (
        Mutation(
            "half-promise", "half of the sum is promised", lambda: _build(share=sp.Rational(1, 2))
        ),
        Mutation(
            "not-grown",
            "each position promises 2ε, the text still ε times the sum",
            lambda: _build(each=2 * epsilon),
        ),
        Mutation(
            "no-promise",
            "the mechanisms of the positions promise nothing",
            lambda: without_assumption(_build(), "private"),
        ),
    )
    return _build(mutations=mutations)


def _build(share: Expr = 1, each: Expr = epsilon, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    private = Assumption(
        "private",
        Formula(
            le(P(t, word(t), output(t)), sp.exp(each * _apart(t)) * P(t, other(t), output(t))),
            forall=(t,),
        ),
        "At every position the mechanism is ε-metric-DP, whatever the other words are.",
    )

    def bound(length: Expr) -> Any:
        factor = sp.exp(share * epsilon * _distance(length))
        return le(law(word, length), factor * law(other, length))

    return Theorem(
        name="composition",
        title="Composition over a text",
        words="A text of m words, each privatised by an ε-metric-DP mechanism with independent "
        "randomness, is ε-metric-DP for the sum of the distances of the words: every output text "
        "has probabilities on two texts of the same length that differ by at most "
        "exp(ε Σ d(w_t, v_t)).",
        latex=r"\prod_{t=1}^{m} P_t(w_t, y_t) \le e^{\varepsilon \sum_{t=1}^{m} d(w_t, v_t)} "
        r"\prod_{t=1}^{m} P_t(v_t, y_t)",
        assumptions=(private,),
        conclusions=(bound(m),),
        steps=_steps(share, private, bound),
        reference="Dwork, McSherry, Nissim and Smith (TCC 2006); Chatzikokolakis, Andrés, "
        "Bordenabe and Palamidessi (PETS 2013)",
        mutations=mutations,
    )


def _apart(place: Expr) -> Expr:
    return d(word(place), other(place))


def _steps(share: Expr, private: Assumption, bound: Any) -> tuple[Step, ...]:
    one = sp.Integer(1)

    def promise(name: str, place: Expr) -> Step:
        relation = substitute(private.formula.relation, ((t, place),))
        words = "At each position the mechanism keeps its promise."
        return Step(name, relation, Instance(private.formula, ((t, place),)), (), words)

    def longer(name: str, text: Any) -> Step:
        last = P(m + 1, text(m + 1), output(m + 1))
        words = "A text with one more word has one more factor,"
        return Step(f"longer-{name}", eq(law(text, m + 1), law(text) * last), SYMPY, (), words)

    def factor(length: Expr) -> Expr:
        return sp.exp(share * epsilon * _distance(length))

    return (
        promise("first-word", one),
        Step("w-1", eq(law(word, one), P(1, word(1), output(1))), SYMPY, (), "A text of one word"),
        Step(
            "v-1",
            eq(law(other, one), P(1, other(1), output(1))),
            SYMPY,
            (),
            "has the probability of its word, on both inputs,",
        ),
        Step(
            "d-1",
            eq(factor(one), sp.exp(share * epsilon * _apart(one))),
            SYMPY,
            (),
            "and the distance of two such texts is that of the words.",
        ),
        Step(
            "start",
            bound(one),
            Z3,
            ("first-word", "w-1", "v-1", "d-1"),
            "So the statement holds for one word.",
        ),
        suppose("shorter", bound(m), "Let it hold for m words."),
        promise("next-word", m + 1),
        longer("w", word),
        longer("v", other),
        Step(
            "farther",
            eq(factor(m + 1), factor(m) * sp.exp(share * epsilon * _apart(m + 1))),
            SYMPY,
            words="and its distance has one more term.",
        ),
        Step(
            "next",
            bound(m + 1),
            Z3,
            ("shorter", "next-word", "longer-w", "longer-v", "farther"),
            "The inequalities are multiplied: it holds for m + 1 words,",
        ),
        Step("all", bound(m), Induction(m, 1), ("start", "next"), "and so for all texts."),
    )
