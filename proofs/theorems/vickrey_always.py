"""The Vickrey mechanism with the input word struck from the candidates: no factor bounds its
probabilities (specification, 4.3)."""

from typing import Any

import sympy as sp

from ..language import Formula, Relation, eq, le, lt
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Cases, Instance, Integrate, Monotone
from .euclidean import norm
from .hypotheses import suppose
from .multivariate_laplace import density, noise
from .post_processing import LINE, x
from .words import epsilon, i, v, w

__all__ = ["theorem"]

Expr = Any

#: With the input word struck, the chance of an output depends on the input, too.
struck = sp.Function("T", nonnegative=True)
#: Volume, distance and chance of what is known to be possible; any factor.
V, R, chance, F = sp.symbols("V R q F", positive=True)
#: 1 on the set of points where that is, 0 elsewhere.
h = sp.Function("h", nonnegative=True)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def theorem() -> Theorem:
    """The input word struck: a word never comes out of itself, but it does of others."""
    mutations = (
        Mutation(
            "some-factor",
            "the probabilities differ by a factor 2 at most",
            lambda: _build(turned=True),
        ),
        Mutation(
            "not-struck",
            "the input word is not struck",
            lambda: without_assumption(_build(), "struck"),
        ),
        Mutation(
            "nowhere",
            "it is not known that the word comes out of another one",
            lambda: without_assumption(_build(), "possible"),
        ),
    )
    return _build(mutations=mutations)


def _build(turned: bool = False, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    ours, theirs = _law(w, w), _law(v, w)
    broken = le(theirs, 2 * ours) if turned else lt(F * ours, theirs)
    return Theorem(
        name="vickrey-always",
        title="The Vickrey mechanism, the input word struck",
        words="If the input word is always struck from the candidates, P_w(w) = 0, but "
        "P_v(w) > 0 for v ≠ w. So no factor F bounds the ratio, and ε* = ∞.",
        latex=r"P_w(w) = 0 < P_v(w), \quad F \cdot P_w(w) < P_v(w) \text{ for every } F",
        assumptions=(STRUCK, POSSIBLE, REACH, VOLUME),
        conclusions=(eq(ours, 0), lt(0, theirs), broken),
        steps=(*_zero_steps(), *_positive_steps(), _last(broken)),
        reference="dpaudit, specification 4.3",
        covers="exclude=always, every ε > 0 and t",
        mechanism="vickrey",
        refutes="ε-metric-DP, for any ε, of the Vickrey mechanism when the input word is excluded, "
        "which nobody is known to have claimed",
        published=False,
        expected="false as audited",
        mutations=mutations,
        counterexample=COUNTEREXAMPLE,
    )


def _law(word: Expr, output: Expr) -> Expr:
    return sp.Integral(struck(word, x, output) * density(norm(noise(word))), LINE)


STRUCK = Assumption(
    "struck",
    Formula(eq(struck(i, x, i), 0), forall=(i, x)),
    "T(w,x,y) is the chance that y comes out where the noisy vector is x. It is 0 for the input.",
    "T(w,x,w) = 0",
)
POSSIBLE = Assumption(
    "possible",
    Formula(le(chance * h(x), struck(v, x, w)), forall=(x,)),
    "On a set of points, h(x) = 1 there and 0 elsewhere, w comes out of v with a chance of at "
    "least q > 0. For t < 1 these are the points of a ball round φ(w) in which w is the nearest "
    "candidate, and q = 1 - t; for t = 1, points where it is the second nearest one, and q = 1.",
    r"q\, h(x) \le T(v,x,w)",
)
REACH = Assumption(
    "reach",
    Formula(le(norm(noise(v)), R), given=(lt(0, h(x)),), forall=(x,)),
    "This set lies within some distance R of φ(v).",
)
VOLUME = Assumption(
    "volume",
    Formula(eq(sp.Integral(h(x), LINE), V)),
    "It has a volume V > 0.",
)
COUNTEREXAMPLE = """\
from dpaudit import EmbeddingSpace, audit
from dpaudit.mechanisms import Vickrey

space = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]])
result = audit(Vickrey(space, epsilon=10.0, exclude="always"))
assert result.verdict == "violated"
"""


def _zero_steps() -> tuple[Step, ...]:
    """P_w(w) = 0."""
    ours = _law(w, w)
    nothing = sp.Integral(0, LINE)
    return (
        Step(
            "struck-w",
            eq(struck(w, x, w), 0),
            Instance(STRUCK.formula, ((i, w),)),
            words="Wherever the noisy vector is, w does not come out of itself,",
        ),
        Step("zero", eq(ours.function, 0), Z3, ("struck-w",), "so the integrand of P_w(w) is 0,"),
        Step(
            "zeros",
            eq(ours, nothing),
            Integrate(*LINE),
            ("zero",),
            "and P_w(w) is the integral of 0,",
        ),
        Step("of-zero", eq(nothing, 0), SYMPY, (), "which is 0."),
        Step("never-w", eq(ours, 0), Z3, ("zeros", "of-zero"), "So w never comes out of itself."),
    )


def _positive_steps() -> tuple[Step, ...]:
    """P_v(w) > 0."""
    theirs = _law(v, w)
    inside, length = lt(0, h(x)), norm(noise(v))
    least = chance * h(x) * density(R)
    pointwise = le(least, theirs.function)
    exponents = le(-epsilon * R, -epsilon * length)
    total = sp.Integral(least, LINE)
    return (
        Step(
            "possible-x",
            POSSIBLE.formula.relation,
            Instance(POSSIBLE.formula),
            (),
            "On v, the chance of w is at least q on the set.",
        ),
        suppose("inside", inside, "Let x be in the set."),
        Step(
            "near-v",
            le(length, R),
            Instance(REACH.formula),
            ("inside",),
            "Then it is within R of φ(v),",
        ),
        Step("exponents", exponents, Z3, ("near-v",), "so that the density there"),
        Step(
            "densities",
            le(sp.exp(exponents.left), sp.exp(exponents.right)),
            Monotone("exp"),
            ("exponents",),
            "is at least C e^(-ε R),",
        ),
        Step("in-set", pointwise, Z3, ("possible-x", "densities"), "and w has a chance there."),
        suppose("outside", inside.negation, "Let x be outside of it."),
        Step(
            "off-set",
            pointwise,
            Z3,
            ("outside",),
            "Then the bound is 0, which no integrand is below.",
        ),
        Step(
            "pointwise",
            pointwise,
            Cases(inside),
            ("in-set", "off-set"),
            "So the bound holds everywhere,",
        ),
        Step(
            "bound",
            le(total, theirs),
            Integrate(*LINE),
            ("pointwise",),
            "and the same for the integrals.",
        ),
        Step(
            "constant",
            eq(total, chance * density(R) * sp.Integral(h(x), LINE)),
            SYMPY,
            words="The integral of the bound is q C e^(-ε R) V,",
        ),
        Step(
            "comes-out",
            lt(0, theirs),
            Z3,
            ("bound", "constant", "volume"),
            "which is above 0: w does come out of v.",
        ),
    )


def _last(broken: Relation) -> Step:
    words = "0 times any factor is below it."
    return Step("broken", broken, Z3, ("never-w", "comes-out"), words)
