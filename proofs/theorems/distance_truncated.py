"""Multivariate Laplace noise of bounded length (specification, 4.8): out of reach is out of reach.

The noise has a length r with density proportional to r^(p-1) e^(-ε r) up to R, and a direction,
which is a function of a number s, uniform between 0 and 1. The output is the word nearest to the
noisy vector. There are N = n + 1 words.
"""

from typing import Any

import sympy as sp

from ..language import Formula, Relation, eq, ge, gt, le, lt
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Instance, Integrate, Monotone, OneTerm, SubRange, Termwise
from .hypotheses import suppose
from .words import d, epsilon, i, j, k, n, v, y

__all__ = ["GEOMETRY", "N", "delta", "factor", "law", "radius", "share", "theorem", "zero_steps"]

Expr = Any

N = n + 1
r = sp.Symbol("r", positive=True)
s = sp.Symbol("s", real=True)
#: Dimension, longest noise, a length that keeps y, the normaliser, a factor that is allowed.
dimension = sp.Symbol("p", integer=True, positive=True)
radius, short, total, factor = sp.symbols("R rho C c", positive=True)
#: The k-th word other than y; the distance of a word from the noisy vector of an input; 1 if that
#: word is the output, otherwise 0.
other = sp.Function("o", integer=True)
e, hit = (sp.Function(name, nonnegative=True) for name in ("e", "H"))

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def density(length: Expr) -> Expr:
    """Of the length of the noise."""
    return length ** (dimension - 1) * sp.exp(-epsilon * length) / total


def law(word: Expr, output: Expr, longest: Expr = radius) -> Expr:
    """P_w(y); or the part of it with noise up to a length."""
    return sp.Integral(_moment(word, output), (r, 0, longest))


def _moment(word: Expr, output: Expr) -> Expr:
    return density(r) * _chance(word, output)


def _chance(word: Expr, output: Expr) -> Expr:
    return sp.Integral(hit(word, r, s, output), (s, 0, 1))


def share(longest: Expr = short) -> Expr:
    """The chance that the noise is shorter than a length."""
    return sp.Integral(density(r), (r, 0, longest))


def delta(first: Expr, second: Expr, allowed: Expr) -> Expr:
    """The privacy profile of a pair where the promise allows a factor."""
    return sp.Sum(sp.Max(0, law(first, k) - allowed * law(second, k)), (k, 1, N))


LENGTH = Assumption(
    "length",
    Formula(eq(e(i, r, s, i), r), forall=(i, r, s)),
    "e(i,r,s,j) is how far word j is from the noisy vector of i, the noise having length r and "
    "direction s. From i itself it is r,",
)
DETOUR = Assumption(
    "by-way-of",
    Formula(le(d(i, j), e(i, r, s, i) + e(i, r, s, j)), forall=(i, j, r, s)),
    "and the triangle inequality holds by way of it.",
)
NEAREST = Assumption(
    "nearest",
    Formula(
        eq(hit(i, r, s, j), 0), given=(lt(e(i, r, s, k), e(i, r, s, j)),), forall=(i, j, k, r, s)
    ),
    "H(i,r,s,j) is 1 if j is the output, otherwise 0. It is 0 if another word is nearer.",
)
#: What every theorem on this mechanism needs.
GEOMETRY = (LENGTH, DETOUR, NEAREST)
SOME = Assumption(
    "some",
    Formula(eq(hit(y, r, s, y) + sp.Sum(hit(y, r, s, other(k)), (k, 1, n)), 1), forall=(r, s)),
    "Some word is the output: y or one of the n others.",
)
ISOLATED = Assumption(
    "isolated",
    Formula(lt(2 * short, d(y, other(k))), given=(le(1, k), le(k, n)), forall=(k,)),
    "All other words are more than 2ρ from y.",
)
SHORT = Assumption("short", Formula(le(short, radius)), "Noise of length ρ is possible.")
APART = Assumption(
    "out-of-reach", Formula(lt(2 * radius, d(v, y))), "v and y are more than 2R apart."
)
WORD_FROM, WORD_TO = (
    Assumption("word-from", Formula(le(1, y)), "y is one of the words 1,"),
    Assumption("word-to", Formula(le(y, N)), "…, N."),
)


def theorem() -> Theorem:
    """If two words are more than 2R apart the loss is infinite; a bound on δ."""
    mutations = (
        Mutation("within-reach", "v and y are more than R apart", lambda: _build(reach=1)),
        Mutation("larger-delta", "δ is twice as large", lambda: _build(times=2)),
        Mutation(
            "not-isolated",
            "y has close neighbours",
            lambda: without_assumption(_build(), "isolated"),
        ),
    )
    return _build(mutations=mutations)


def _build(reach: Expr = 2, times: Expr = 1, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    apart = Assumption(APART.name, Formula(lt(reach * radius, d(v, y))), APART.words)
    conclusions = (
        eq(law(v, y), 0),
        lt(factor * law(v, y), law(y, y)),
        ge(delta(y, v, factor), times * share()),
    )
    return Theorem(
        name="distance-truncated-laplace",
        title="Laplace noise of bounded length",
        words="If the noise is at most R long and two words v, y are more than 2R apart, y is "
        "never the output on input v, and has a positive probability on input y: ε* = ∞. If all "
        "others are more than 2ρ from y, 0 < ρ ≤ R, δ is at least the chance that noise is "
        "shorter than ρ, whatever ε is promised.",
        latex=r"P_v(y) = 0 < P_y(y), \quad \delta_{y,v} \ge \frac{\int_0^{\rho} r^{p-1} "
        r"e^{-\varepsilon r}\,dr}{\int_0^{R} r^{p-1} e^{-\varepsilon r}\,dr} "
        r"\text{ if } d(v,y) > 2R",
        assumptions=(*GEOMETRY, SOME, ISOLATED, SHORT, apart, WORD_FROM, WORD_TO),
        conclusions=conclusions,
        steps=(
            *zero_steps("out-of-reach"),
            *_kept(),
            *_positive(),
            *_conclusions(conclusions),
        ),
        reference="dpaudit, specification 4.8",
        covers="every ε, wherever two words are more than 2R apart",
        mechanism="distance-truncated-laplace",
        refutes="ε-metric-DP, for any ε, of Laplace noise of length at most R where words are out "
        "of reach. Feyisetan, Aggarwal, Xu and Teissier (FLAIRS 2021, arXiv 2012.05403) propose "
        "the technique and claim no such guarantee",
        published=False,
        expected="false as audited",
        mutations=mutations,
        counterexample=COUNTEREXAMPLE,
    )


def zero_steps(apart: str) -> tuple[Step, ...]:
    """P_v(y) = 0, from the step or assumption that v and y are more than 2R apart."""
    own, its = e(v, r, s, v), e(v, r, s, y)
    nothing = sp.Integral(0, (s, 0, 1))
    none = sp.Integral(0, (r, 0, radius))
    return (
        suppose("possible", le(r, radius), "Noise on v is at most R long,"),
        Step("own", eq(own, r), Instance(LENGTH.formula, ((i, v),)), (), "so v that far away,"),
        Step(
            "detour",
            le(d(v, y), own + its),
            Instance(DETOUR.formula, ((i, v), (j, y))),
            (),
            "and, by the triangle inequality,",
        ),
        Step("nearer", lt(own, its), Z3, ("own", "detour", "possible", apart), "nearer than y."),
        Step(
            "miss",
            eq(hit(v, r, s, y), 0),
            Instance(NEAREST.formula, ((i, v), (j, y), (k, v))),
            ("nearer",),
            "So y is not the output,",
        ),
        Step(
            "misses",
            eq(_chance(v, y), nothing),
            Integrate(s, 0, 1),
            ("miss",),
            "in no direction",
        ),
        Step("nothing", eq(nothing, 0), SYMPY, (), "(an integral of 0)"),
        Step(
            "no-length",
            eq(_moment(v, y), 0),
            Z3,
            ("misses", "nothing"),
            "and at no length.",
        ),
        Step("never", eq(law(v, y), none), Integrate(r, 0, radius), ("no-length",), "That is,"),
        Step("none", eq(none, 0), SYMPY, (), "again an integral of 0,"),
        Step("zero", eq(law(v, y), 0), Z3, ("never", "none"), "P_v(y) = 0."),
    )


def _kept() -> tuple[Step, ...]:
    """P_y(y) is at least the chance of noise up to ρ."""
    own, its = e(y, r, s, y), e(y, r, s, other(k))
    misses = sp.Sum(hit(y, r, s, other(k)), (k, 1, n))
    zeros, ones = sp.Sum(0, (k, 1, n)), sp.Integral(1, (s, 0, 1))
    return (
        suppose("is-short", le(r, short), "Noise on y that is at most ρ long"),
        suppose("other-from", le(1, k), "leaves it nearer to y than to any other word, the 1st,"),
        suppose("other-to", le(k, n), "…, n-th:"),
        Step(
            "far",
            lt(2 * short, d(y, other(k))),
            Instance(ISOLATED.formula),
            ("other-from", "other-to"),
            "that one is more than 2ρ from y,",
        ),
        Step("own-y", eq(own, r), Instance(LENGTH.formula, ((i, y),)), (), "the noise r long,"),
        Step(
            "detour-y",
            le(d(y, other(k)), own + its),
            Instance(DETOUR.formula, ((i, y), (j, other(k)))),
            (),
            "so by the triangle inequality",
        ),
        Step("near-y", lt(own, its), Z3, ("own-y", "detour-y", "is-short", "far"), "y is nearer,"),
        Step(
            "not-other",
            eq(hit(y, r, s, other(k)), 0),
            Instance(NEAREST.formula, ((i, y), (j, other(k)), (k, y))),
            ("near-y",),
            "and the other word not the output.",
        ),
        Step("no-others", eq(misses, zeros), Termwise(k, 1, n), ("not-other",), "As none is,"),
        Step("zeros", eq(zeros, 0), SYMPY, (), "and some word is,"),
        Step(
            "some-word",
            eq(hit(y, r, s, y) + misses, 1),
            Instance(SOME.formula),
            (),
            "y or another,",
        ),
        Step("hits", eq(hit(y, r, s, y), 1), Z3, ("some-word", "no-others", "zeros"), "it is y,"),
        Step("always", eq(_chance(y, y), ones), Integrate(s, 0, 1), ("hits",), "in all"),
        Step("ones", eq(ones, 1), SYMPY, (), "directions."),
        Step("moment", eq(_moment(y, y), density(r)), Z3, ("always", "ones"), "For every r ≤ ρ:"),
        Step(
            "kept-short",
            eq(law(y, y, short), share()),
            Integrate(r, 0, short),
            ("moment",),
            "short noise keeps y,",
        ),
        Step(
            "part",
            le(law(y, y, short), law(y, y)),
            SubRange(),
            ("short",),
            "which is a part of P_y(y).",
        ),
        Step("kept", le(share(), law(y, y)), Z3, ("part", "kept-short"), "So much it is at least."),
    )


def _positive() -> tuple[Step, ...]:
    """That chance is above 0: look at lengths between ρ/2 and ρ."""
    half, power = short / 2, dimension - 1
    floor = half**power * sp.exp(-epsilon * short) / total
    outer, level = (sp.Integral(body, (r, half, short)) for body in (density(r), floor))
    return (
        suppose("half", le(half, r), "Noise at least ρ/2 long"),
        Step("ln", le(sp.log(half), sp.log(r)), Monotone("ln"), ("half",), "has ln r ≥ ln ρ/2,"),
        Step("dimension", le(1, dimension), SYMPY, (), "and in at least one dimension"),
        Step("power-ln", le(power * sp.log(half), power * sp.log(r)), Z3, ("ln", "dimension"), "…"),
        Step(
            "powers",
            le(sp.exp(power * sp.log(half)), sp.exp(power * sp.log(r))),
            Monotone("exp"),
            ("power-ln",),
            "a power",
        ),
        Step("power-r", eq(sp.exp(power * sp.log(r)), r**power), SYMPY, (), "r^(p-1)"),
        Step("power-half", eq(sp.exp(power * sp.log(half)), half**power), SYMPY, (), "no less,"),
        Step("exponent", le(-epsilon * short, -epsilon * r), Z3, ("is-short",), "and with r ≤ ρ"),
        Step(
            "decay",
            le(sp.exp(-epsilon * short), sp.exp(-epsilon * r)),
            Monotone("exp"),
            ("exponent",),
            "an exponential no less",
        ),
        Step(
            "floor",
            le(floor, density(r)),
            Z3,
            ("powers", "power-r", "power-half", "decay"),
            "than at the other end.",
        ),
        Step("range", le(half, short), SYMPY, (), "From ρ/2 to ρ"),
        Step("areas", le(level, outer), Integrate(r, half, short), ("floor", "range"), "there is"),
        Step("level", eq(level, floor * half), SYMPY, (), "so much at least,"),
        Step("outer", le(outer, share()), SubRange(), ("range",), "and it is a part of it all."),
        Step("likely", gt(share(), 0), Z3, ("areas", "level", "outer"), "So it is above 0."),
    )


def _conclusions(conclusions: tuple[Relation, ...]) -> tuple[Step, ...]:
    excess = sp.Max(0, law(y, y) - factor * law(v, y))
    return (
        Step(
            "refuted",
            conclusions[1],
            Z3,
            ("zero", "kept", "likely"),
            "P_y(y) is above every multiple of P_v(y) = 0,",
        ),
        Step(
            "excess",
            le(excess, conclusions[2].right),
            OneTerm(y),
            ("word-from", "word-to"),
            "and as one term of δ",
        ),
        Step("delta", conclusions[2], Z3, ("excess", "zero", "kept"), "bounds it from below."),
    )


COUNTEREXAMPLE = """\
from math import exp

# Two words on a line at 0 and 3; noise z with density proportional to e^(-2|z|) for |z| <= 1.
# The word at 3 is nearest where z > 1.5: never, so it is the output on itself alone.
longest, distance = 1.0, 3.0


def chance_below(z):
    inside = max(-longest, min(longest, z))
    half = 1 - exp(-2 * abs(inside))
    return 0.5 + 0.5 * (half if inside > 0 else -half) / (1 - exp(-2 * longest))


far_from_here = 1 - chance_below(distance / 2)
far_from_far = 1 - chance_below(-distance / 2)
print("P_far(far) =", far_from_far, " P_here(far) =", far_from_here)
assert far_from_far == 1.0 and far_from_here == 0.0
"""
