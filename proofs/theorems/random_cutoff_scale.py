"""A sharper scale for the random-cutoff mechanism: half of its price is needed where ε is large."""

from typing import Any

import sympy as sp

from ..language import Formula, eq, le
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Instance, Monotone, Termwise
from .cutoff_mixture import (
    CUTOFFS,
    DIFFERENT,
    NEAREST,
    RANK,
    SMALLEST,
    D,
    at_least_steps,
    at_most_steps,
    b,
    distance_steps,
    law,
    normaliser,
    smallest,
)
from .hypotheses import suppose
from .words import SYMMETRY, TRIANGLE, d, epsilon, i, j, n, v, w, y

__all__ = ["eta", "theorem"]

Expr = Any

#: The chance that all words compete whatever the other cutoffs are.
eta = sp.Symbol("eta", positive=True)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))

OTHERS = Assumption(
    "others",
    Formula(le(smallest, D(j, i)), given=(le(2, i),), forall=(j, i)),
    "From the second one on, the nearest words are other words, at least Δmin away.",
    r"\Delta \le D(w,i) \text{ for } i \ge 2",
)
AT_MOST_1 = Assumption("share-at-most-1", Formula(le(eta, 1)), "η is a probability.")


def theorem() -> Theorem:
    """For every η and ε > ln(n/η)/Δmin, b = Δmin/ln(η e^(ε Δmin) - n + 1) will do."""
    mutations = (
        Mutation(
            "half-promise",
            "ε/2 is promised instead of ε",
            lambda: _build(promise=epsilon / 2),
        ),
        Mutation(
            "fewer-words",
            "the scale is made for half as many words",
            lambda: _build(words=n / 2),
        ),
        Mutation(
            "no-share",
            "the scale is that of η = 1",
            lambda: _build(share=sp.Integer(1)),
        ),
        Mutation(
            "no-others",
            "other words may be as close as they like",
            lambda: without_assumption(_build(), "others"),
        ),
    )
    return _build(mutations=mutations)


def _build(
    promise: Expr = epsilon,
    words: Expr = n,
    share: Expr = eta,
    mutations: tuple[Mutation, ...] = (),
) -> Theorem:
    scale = Assumption(
        "scale",
        Formula(eq(sp.exp(smallest / b), share * sp.exp(epsilon * smallest) - words + 1)),
        "b = Δmin/ln(η e^(ε Δmin) - n + 1) is a positive number: so ε > ln(n/η)/Δmin.",
    )
    return Theorem(
        name="random-cutoff-scale",
        title="A sharper scale for the random cutoff",
        words="For every η in (0, 1], every law q of the other cutoffs and every ε > ln(n/η)/Δmin, "
        "the random-cutoff mechanism is ε-metric-DP with b = Δmin/ln(η e^(ε Δmin) - n + 1). With "
        "η = e^-2/n the range of ε is the same as before, but 1/b is larger, for large ε by "
        "(ln n)/Δmin: about half of the price 2(1 + ln n)/Δmin is not needed. With a larger η the "
        "range is wider; η = 1 needs ε > (ln n)/Δmin only, but has no cutoff.",
        latex=r"P_w(y) \le e^{\varepsilon d(w,v)} P_v(y) \text{ for } "
        r"e^{\Delta/b} = \eta e^{\varepsilon \Delta} - n + 1",
        assumptions=(
            TRIANGLE,
            SYMMETRY,
            NEAREST,
            OTHERS,
            RANK,
            SMALLEST,
            DIFFERENT,
            CUTOFFS,
            AT_MOST_1,
            scale,
        ),
        conclusions=(le(law(w, y, eta), sp.exp(promise * d(w, v)) * law(v, y, eta)),),
        steps=(
            *at_most_steps(eta),
            *_normaliser_steps(),
            *at_least_steps(eta),
            *_exponents(promise),
        ),
        reference="dpaudit",
        covers="another scale than the mechanism's, so a smaller ε for its law",
        mechanism="random-cutoff-exponential",
        mutations=mutations,
    )


def _normaliser_steps() -> tuple[Step, ...]:
    """Z over all words is at most 1 + (n - 1) e^(-Δmin/b)."""

    def terms(first: int, last: Expr) -> Expr:
        return sp.Sum(sp.exp(-D(v, i) / b), (i, first, last))

    far = sp.exp(-smallest / b)
    exponents = le(-D(v, i) / b, -smallest / b)
    return (
        Step(
            "own",
            eq(D(v, 1), 0),
            Instance(NEAREST.formula, ((j, v),)),
            (),
            "The nearest word of v is v itself.",
        ),
        Step(
            "first",
            eq(terms(1, sp.Integer(1)), sp.exp(-D(v, 1) / b)),
            SYMPY,
            (),
            "The first term of Z is that of v,",
        ),
        Step("first-1", le(-D(v, 1) / b, 0), Z3, ("own",), "with the exponent 0,"),
        Step(
            "first-exp",
            le(sp.exp(-D(v, 1) / b), 1),
            Monotone("exp"),
            ("first-1",),
            "so it is at most 1.",
        ),
        suppose("second", le(2, i), "From the second one on,"),
        Step(
            "far",
            le(smallest, D(v, i)),
            Instance(OTHERS.formula, ((j, v),)),
            ("second",),
            "words are at least Δmin away,",
        ),
        Step(
            "far-exponents", exponents, Z3, ("far",), "so that their exponents are at most -Δmin/b"
        ),
        Step(
            "far-terms",
            le(sp.exp(exponents.left), sp.exp(exponents.right)),
            Monotone("exp"),
            ("far-exponents",),
            "and their terms at most e^(-Δmin/b).",
        ),
        Step(
            "far-sum",
            le(terms(2, n), sp.Sum(far, (i, 2, n))),
            Termwise(i, 2, n),
            ("far-terms",),
            "Summed over them,",
        ),
        Step(
            "far-count",
            eq(sp.Sum(far, (i, 2, n)), (n - 1) * far),
            SYMPY,
            (),
            "that is n - 1 times the same.",
        ),
        Step(
            "apart-sums",
            eq(normaliser(v), terms(1, sp.Integer(1)) + terms(2, n)),
            SYMPY,
            words="Z consists of these two parts,",
        ),
        Step(
            "normaliser",
            le(normaliser(v), 1 + (n - 1) * far),
            Z3,
            ("apart-sums", "first", "first-exp", "far-sum", "far-count"),
            "so it is at most 1 + (n - 1) e^(-Δmin/b).",
        ),
    )


def _exponents(promise: Expr) -> tuple[Step, ...]:
    """What the bounds leave between the two inputs is e^(ε d)."""
    steep = le(sp.exp(smallest / b), sp.exp(epsilon * smallest))
    exponent = promise * d(w, v) - epsilon * smallest + smallest / b - d(v, y) / b
    return (
        *distance_steps(),
        Step("some-word", le(1, n), SYMPY, (), "There is a word,"),
        Step(
            "steep",
            steep,
            Z3,
            ("scale", "share-at-most-1", "some-word"),
            "so by the choice of the scale e^(Δmin/b) is at most e^(ε Δmin),",
        ),
        Step(
            "logs",
            le(smallest / b, epsilon * smallest),
            Monotone("ln"),
            ("steep",),
            "hence Δmin/b at most ε Δmin",
        ),
        Step("slope", le(1 / b, epsilon), Z3, ("logs",), "and 1/b at most ε."),
        Step(
            "exponents",
            le(-d(w, y) / b, exponent),
            Z3,
            ("triangle-y", "swap", "apart", "slope"),
            "What d(w,v) is above Δmin costs ε per unit at most,",
        ),
        Step(
            "factors",
            le(sp.exp(-d(w, y) / b), sp.exp(exponent)),
            Monotone("exp"),
            ("exponents",),
            "and the exponential function keeps the order.",
        ),
        Step(
            "price",
            le(sp.exp(smallest / b - epsilon * smallest), eta / normaliser(v)),
            Z3,
            ("normaliser", "scale"),
            "For Δmin itself the scale leaves the factor η/Z.",
        ),
        Step(
            "ratio",
            le(law(w, y, eta), sp.exp(promise * d(w, v)) * law(v, y, eta)),
            Z3,
            ("upper", "cutoff-n", "factors", "price"),
            "The bounds on both probabilities, put together.",
        ),
    )
