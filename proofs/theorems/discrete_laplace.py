"""Two-sided geometric noise on one whole number."""

from typing import Any

import sympy as sp

from ..language import Relation, eq, le
from ..model import Decided, Mutation, Step, Theorem
from ..rules import Induction, Monotone
from .hypotheses import suppose
from .words import epsilon

__all__ = ["a", "b", "k", "law", "theorem"]

Expr = Any

#: Two inputs and an output; a value of the noise that is not negative; a number of terms.
a, b, k = sp.symbols("a b k", integer=True)
z = sp.Symbol("z", integer=True, nonnegative=True)
g, m = sp.symbols("g m", integer=True, positive=True)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def law(place: Expr, output: Expr, rate: Expr = epsilon) -> Expr:
    """The probability of an output on an input."""
    return _at_zero(rate) * sp.exp(-rate * sp.Abs(output - place))


def _at_zero(rate: Expr) -> Expr:
    """tanh(ε/2) in exponentials, the probability that the noise is 0."""
    return (1 - sp.exp(-rate)) / (1 + sp.exp(-rate))


def theorem() -> Theorem:
    """It is ε-DP for each unit of distance, no less, and a difference of geometric variables."""
    mutations = (
        Mutation(
            "half-promise", "ε/2 is promised instead of ε", lambda: _build(promise=epsilon / 2)
        ),
        Mutation("double-rate", "the noise has e^(-2ε|z|)", lambda: _build(rate=2 * epsilon)),
        Mutation("sign-turned", "-ε is promised", lambda: _build(promise=-epsilon)),
    )
    return _build(mutations=mutations)


def _build(
    rate: Expr = epsilon, promise: Expr = epsilon, mutations: tuple[Mutation, ...] = ()
) -> Theorem:
    factor = sp.exp(promise * sp.Abs(a - b))
    private = le(law(a, k, rate), factor * law(b, k, rate))
    attained = eq(law(a, a, rate), factor * law(b, a, rate))
    total, difference = _total(m, rate), _difference(m, rate)
    return Theorem(
        name="discrete-laplace",
        title="Two-sided geometric noise",
        words="For every ε > 0, whole noise z with probability tanh(ε/2) exp(-ε|z|) makes a whole "
        "number ε-DP for each unit that inputs are apart. No smaller factor will do. These are "
        "probabilities of all whole numbers, and those of the difference of two independent "
        "geometric variables.",
        latex=r"P_a(k) \le e^{\varepsilon |a-b|} P_b(k), \quad P_a(a) = e^{\varepsilon |a-b|} "
        r"P_b(a), \quad P_a(k) = \tanh(\varepsilon/2)\, e^{-\varepsilon |k-a|}",
        assumptions=(),
        conclusions=(private, attained, total, difference, *_limits(rate)),
        steps=(
            *_ratio_steps(rate, promise),
            *_sum_steps("total", _total, rate, "Probabilities of noise up to m in size"),
            *_sum_steps("difference", _difference, rate, "Ways in which G - G' = z, G' ≤ m,"),
            *(
                Step(f"limit-{place}", limit, SYMPY, (), "What is missing tends to 0.")
                for place, limit in enumerate(_limits(rate))
            ),
        ),
        reference="Ghosh, Roughgarden and Sundararajan (STOC 2009)",
        covers="every ε > 0",
        mechanism="discrete-laplace",
        mutations=mutations,
    )


def _total(count: Expr, rate: Expr) -> Any:
    """The noise is at most `count` in size: all but 2 e^(-ε(m+1))/(1 + e^-ε)."""
    terms = sp.Sum(sp.exp(-rate * g), (g, 1, count))
    missing = 2 * sp.exp(-rate * (count + 1)) / (1 + sp.exp(-rate))
    return eq(_at_zero(rate) * (1 + 2 * terms), 1 - missing)


def _difference(count: Expr, rate: Expr) -> Any:
    """G = G' + z with G' at most `count`: all but e^(-2 ε m) of the chance of z."""
    start = (1 - sp.exp(-rate)) ** 2
    both = start * sp.exp(-rate * (g - 1 + z)) * sp.exp(-rate * (g - 1))
    whole = _at_zero(rate) * sp.exp(-rate * z)
    return eq(sp.Sum(both, (g, 1, count)), whole * (1 - sp.exp(-2 * rate * count)))


def _limits(rate: Expr) -> tuple[Relation, ...]:
    return tuple(
        eq(sp.Limit(missing, m, sp.oo), 0)
        for missing in (
            2 * sp.exp(-rate * (m + 1)) / (1 + sp.exp(-rate)),
            sp.exp(-2 * rate * m),
        )
    )


def _ratio_steps(rate: Expr, promise: Expr) -> tuple[Step, ...]:
    apart = promise * sp.Abs(a - b)
    bound = le(-rate * sp.Abs(k - a), apart - rate * sp.Abs(k - b))
    factor = sp.exp(apart)
    return (
        Step("negative", le(-rate, 0), SYMPY, (), "As ε is positive, e^-ε is below 1:"),
        Step(
            "below-1",
            le(sp.exp(-rate), 1),
            Monotone("exp"),
            ("negative",),
            "(1 - e^-ε)/(1 + e^-ε) = tanh(ε/2) is not negative.",
        ),
        Step("exponents", bound, Z3, (), "|k - a| and |k - b| differ by |a - b| at most."),
        Step(
            "factors",
            le(sp.exp(bound.left), sp.exp(bound.right)),
            Monotone("exp"),
            ("exponents",),
            "The exponential function keeps the order,",
        ),
        Step(
            "private",
            le(law(a, k, rate), factor * law(b, k, rate)),
            Z3,
            ("factors", "below-1"),
            "and tanh(ε/2) is the same for both inputs.",
        ),
        Step(
            "attained",
            eq(law(a, a, rate), factor * law(b, a, rate)),
            SYMPY,
            words="With equality for k = a.",
        ),
    )


def _sum_steps(name: str, claim: Any, rate: Expr, words: str) -> tuple[Step, ...]:
    """A closed form of partial sums, by induction."""
    goal, following = claim(m, rate), claim(m + 1, rate)
    (total,) = goal.left.atoms(sp.Sum)
    longer = total.func(total.function, (g, 1, m + 1))
    last = total.function.xreplace({g: m + 1})
    return (
        Step(f"{name}-1", claim(sp.Integer(1), rate), SYMPY, (), f"{words}: the first."),
        suppose(f"{name}-m", goal, "Let the closed form hold for m."),
        Step(f"{name}-last", eq(longer, total + last), SYMPY, (), "One more term is added,"),
        Step(
            f"{name}-next",
            following,
            Z3,
            (f"{name}-m", f"{name}-last"),
            "so it holds for m + 1",
        ),
        Step(name, goal, Induction(m, 1), (f"{name}-1", f"{name}-next"), "and so for all m."),
    )
