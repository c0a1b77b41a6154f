"""Post-processing: what is computed from an output promises what the output promises.

Outputs are numbered by one integer, or one real number x. The latter covers vectors as well: R^p
with its volume is the same measure space as the line with its length, under other names of its
points (Kechris, Classical Descriptive Set Theory, 17.41), and nothing is said of x but the value
of densities and chances there.
"""

from typing import Any

import sympy as sp

from ..language import Formula, Relation, eq, le
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Instance, Integrate, Rewrite, Termwise
from .words import epsilon, k, n

__all__ = ["LINE", "chance", "draws", "f", "g", "integral_steps", "theorem", "x"]

Expr = Any

#: A point; the distance of the two inputs.
x = sp.Symbol("x", real=True)
distance = sp.Symbol("d", nonnegative=True)
#: Densities (or probabilities) of the output under the two inputs.
f, g = sp.Function("f", nonnegative=True), sp.Function("g", nonnegative=True)
#: The chance that what is computed from an output lies in some set of final outputs.
chance = sp.Function("T", nonnegative=True)

LINE = (x, -sp.oo, sp.oo)
Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def draws(density: Any) -> Expr:
    """The probability of the set of final outputs, for real outputs."""
    return sp.Integral(chance(x) * density(x), LINE)


def _sum(probability: Any) -> Expr:
    return sp.Sum(chance(k) * probability(k), (k, 1, n))


def theorem() -> Theorem:
    """Pure and approximate promises stay what they are."""
    mutations = (
        Mutation(
            "half-promise",
            "ε/2 is promised for what is computed",
            lambda: _build(promise=epsilon / 2),
        ),
        Mutation(
            "half-failure",
            "half the failure mass is promised",
            lambda: _build(failure=sp.Rational(1, 2)),
        ),
        Mutation(
            "no-chance",
            "T may be above 1",
            lambda: without_assumption(_build(), "chance"),
        ),
    )
    return _build(mutations=mutations)


def _build(
    promise: Expr = epsilon, failure: Expr = 1, mutations: tuple[Mutation, ...] = ()
) -> Theorem:
    factor = sp.exp(promise * distance)
    private, private_each, chances = assumptions = _assumptions()
    pure = le(draws(f), factor * draws(g))
    finite = le(_sum(f), factor * _sum(g))
    excess = failure * sp.Max(0, f(x) - factor * g(x))
    approximate = le(
        sp.Integral(chance(x) * (f(x) - factor * g(x)), LINE), sp.Integral(excess, LINE)
    )
    return Theorem(
        name="post-processing",
        title="Post-processing",
        words="If a mechanism is ε-metric-DP, so is everything that is computed from its output, "
        "with or without further randomness that is independent of the input. For any mechanism, "
        "no set of final outputs has a larger failure mass than the outputs have at the same ε.",
        latex=r"\int T f \le e^{\varepsilon d} \int T g, \quad \int T (f - e^{\varepsilon d} g) "
        r"\le \int \max(0, f - e^{\varepsilon d} g)",
        assumptions=assumptions,
        conclusions=(pure, finite, approximate),
        steps=(
            Step(
                "pointwise",
                le(f(x), sp.exp(epsilon * distance) * g(x)),
                Instance(private.formula),
                words="At every point the densities differ by the promised factor at most.",
            ),
            *integral_steps(f(x), g(x), factor, chance(x)),
            *_sum_steps(private_each, factor),
            *_excess_steps(chances, factor, approximate),
        ),
        reference="Dwork and Roth, The Algorithmic Foundations of Differential Privacy (2014), "
        "proposition 2.1",
        mutations=mutations,
    )


def _assumptions() -> tuple[Assumption, ...]:
    factor = sp.exp(epsilon * distance)
    return (
        Assumption(
            "private",
            Formula(le(f(x), factor * g(x)), forall=(x,)),
            "Nowhere is the density for one input more than e^(ε d) times that for the other.",
        ),
        Assumption(
            "private-each",
            Formula(le(f(k), factor * g(k)), forall=(k,)),
            "The same for probabilities, if outputs are numbered 1, …, n.",
        ),
        Assumption(
            "chance",
            Formula(le(chance(x), 1), forall=(x,)),
            "T(x), the chance that a final output computed from x lies in a set, is at most 1.",
        ),
    )


def integral_steps(
    first: Expr, second: Expr, factor: Expr, weight: Expr, uses: tuple[str, ...] = ()
) -> tuple[Step, ...]:
    """From the step "pointwise", first ≤ factor · second, to the integrals with a weight; the
    steps in `uses` show that it is not negative, where its sign is not known."""
    bound = sp.Integral(weight * factor * second, LINE)
    left, right = (sp.Integral(weight * one, LINE) for one in (first, second))
    return (
        Step(
            "weighted",
            le(weight * first, weight * factor * second),
            Z3,
            ("pointwise", *uses),
            "The chance that follows is the same under both inputs, as it sees the point only.",
        ),
        Step(
            "integrals",
            le(left, bound),
            Integrate(*LINE),
            ("weighted",),
            "So do the integrals over all points,",
        ),
        Step(
            "factor",
            eq(bound, factor * right),
            SYMPY,
            words="where the factor stands before the integral,",
        ),
        Step(
            "integrated",
            le(left, factor * right),
            Rewrite(),
            ("factor", "integrals"),
            "the probabilities differ by this factor at most.",
        ),
    )


def _sum_steps(private: Assumption, factor: Expr) -> tuple[Step, ...]:
    """The same for outputs 1, …, n."""
    bound = sp.Sum(chance(k) * factor * g(k), (k, 1, n))
    return (
        Step(
            "each",
            le(f(k), sp.exp(epsilon * distance) * g(k)),
            Instance(private.formula),
            words="If outputs are numbered, for each of them",
        ),
        Step(
            "weighted-each",
            le(chance(k) * f(k), chance(k) * factor * g(k)),
            Z3,
            ("each",),
            "the same holds with the chance that follows,",
        ),
        Step(
            "sums",
            le(_sum(f), bound),
            Termwise(k, 1, n),
            ("weighted-each",),
            "and for the sums over all outputs,",
        ),
        Step("factor-sum", eq(bound, factor * _sum(g)), SYMPY, (), "with the factor in front,"),
        Step(
            "summed",
            le(_sum(f), factor * _sum(g)),
            Rewrite(),
            ("factor-sum", "sums"),
            "so for the probabilities of final outputs.",
        ),
    )


def _excess_steps(chances: Assumption, factor: Expr, conclusion: Relation) -> tuple[Step, ...]:
    """The failure mass does not grow."""
    return (
        Step(
            "a-chance",
            le(chance(x), 1),
            Instance(chances.formula),
            words="Without any promise: as T is a chance,",
        ),
        Step(
            "excess",
            le(conclusion.left.function, conclusion.right.function),
            Z3,
            ("a-chance",),
            "T·(f - e^(ε d) g) is nowhere above the positive part of the difference,",
        ),
        Step(
            "failure",
            conclusion,
            Integrate(*LINE),
            ("excess",),
            "so no failure mass is above the integral of this part.",
        ),
    )
