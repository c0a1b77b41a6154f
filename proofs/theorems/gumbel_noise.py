"""The noise of truncated Gumbel and its published scale (specification, 4.6)."""

from typing import Any

import sympy as sp

from ..language import Formula, eq, gt, le, lt
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Monotone
from .words import epsilon, n

__all__ = [
    "SOURCE",
    "a",
    "b",
    "density",
    "density_theorem",
    "exponent",
    "longest",
    "mass",
    "omega",
    "scale_theorem",
    "smallest",
    "z",
]

Expr = Any

#: A value of the noise.
z = sp.Symbol("z", real=True)
#: Scale, Δmax, Δmin, the published a, W₀(2aΔmax), and the chance that plain Gumbel noise is within
#: the support.
b, longest, smallest, a, omega, mass = sp.symbols("b D Delta a omega C", positive=True)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))
SOURCE = "Xu, Feyisetan, Aggarwal, Xu and Teissier (FLAIRS-34, 2021); scale as in mldp-text 0.1.2"


def density(value: Expr) -> Expr:
    """Of Gumbel(0, b) noise conditioned on |g| ≤ Δmax, inside its support."""
    return _plain(value) / mass


def _plain(value: Expr) -> Expr:
    return sp.exp(exponent(value)) / b


def exponent(value: Expr) -> Expr:
    """ln f, up to a constant."""
    return -value / b - sp.exp(-value / b)


def _below(value: Expr) -> Expr:
    """The chance that plain Gumbel noise is below a value."""
    return sp.exp(-sp.exp(-value / b))


def density_theorem() -> Theorem:
    """The density of the noise integrates to 1."""
    mutations = (
        Mutation(
            "half-support",
            "integrated over the positive half of the support only",
            lambda: _density(lowest=sp.Integer(0)),
        ),
        Mutation("no-mass", "the mass may be anything", lambda: _density(inside=sp.Integer(1))),
    )
    return _density(mutations=mutations)


def _density(
    lowest: Expr = -longest,
    inside: Expr | None = None,
    mutations: tuple[Mutation, ...] = (),
) -> Theorem:
    inside = _below(longest) - _below(-longest) if inside is None else inside
    normal = Assumption(
        "mass",
        Formula(eq(mass, inside)),
        "C is the chance that plain Gumbel noise is between -Δmax and Δmax.",
    )
    total = sp.Integral(density(z), (z, lowest, longest))
    steps = (
        Step("ends", lt(-longest / b, longest / b), SYMPY, (), "As -Δmax is below Δmax,"),
        Step(
            "powers",
            lt(sp.exp(-longest / b), sp.exp(longest / b)),
            Monotone("exp"),
            ("ends",),
            "so is e to a multiple of each,",
        ),
        Step(
            "negative", lt(-sp.exp(longest / b), -sp.exp(-longest / b)), Z3, ("powers",), "turned"
        ),
        Step(
            "between",
            lt(_below(-longest), _below(longest)),
            Monotone("exp"),
            ("negative",),
            "and once more: the noise is in the support with some chance.",
        ),
        Step("positive", gt(inside, 0), Z3, ("between",), "So C is above 0."),
        Step(
            "integral",
            eq(total, inside / mass),
            SYMPY,
            (),
            "e^(-e^(-z/b)) has the derivative e^(-z/b - e^(-z/b))/b.",
        ),
        Step("total", eq(total, 1), Z3, ("integral", "mass"), "Which C makes 1."),
    )
    return Theorem(
        name="gumbel-density",
        title="The density of truncated Gumbel noise",
        words="Gumbel(0, b) noise conditioned on |g| ≤ Δmax has a density that integrates to 1, "
        "for all positive b and Δmax.",
        latex=r"\int_{-\Delta_{\max}}^{\Delta_{\max}} \frac{1}{bC} e^{-z/b - e^{-z/b}}\,dz = 1, "
        r"\quad C = e^{-e^{-\Delta_{\max}/b}} - e^{-e^{\Delta_{\max}/b}} > 0",
        assumptions=(normal,),
        conclusions=(gt(inside, 0), eq(total, 1)),
        steps=steps,
        reference=SOURCE,
        mechanism="truncated-gumbel",
        mutations=mutations,
    )


def scale_theorem() -> Theorem:
    """The published scale bounds e^(2Δmax/b)."""
    mutations = (
        Mutation("half-scale", "the scale b is half as large", lambda: _scale(numerator=1)),
        Mutation("half-promise", "a/2 is promised", lambda: _scale(promise=a / 2)),
        Mutation(
            "no-lambert",
            "nothing is known of W",
            lambda: without_assumption(_scale(), "lambert"),
        ),
    )
    return _scale(mutations=mutations)


def _scale(numerator: Expr = 2, promise: Expr = a, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    ratio = 2 * longest / b
    grown = sp.exp(ratio)
    assumptions = (
        Assumption(
            "a",
            Formula(eq(a, (epsilon - 2 * (1 + sp.log(n)) / smallest) / 3)),
            "The published a, a positive number.",
        ),
        Assumption(
            "lambert",
            Formula(eq(omega * sp.exp(omega), 2 * a * longest)),
            "ω = W₀(2aΔmax), the positive number with ω e^ω = 2aΔmax.",
        ),
        Assumption(
            "scale",
            Formula(eq(numerator * longest / b, sp.Min(omega, sp.log(a * smallest)))),
            "The published scale b = 2Δmax / min{ω, ln(aΔmin)}, a positive number.",
        ),
    )
    steps = (
        Step("lambert-part", le(ratio, omega), Z3, ("scale",), "2Δmax/b is the smaller of two:"),
        Step("log-part", le(ratio, sp.log(a * smallest)), Z3, ("scale",), "at most the other too."),
        Step(
            "first",
            le(grown, sp.exp(omega)),
            Monotone("exp"),
            ("lambert-part",),
            "The exponential function keeps the order.",
        ),
        Step(
            "product",
            le(ratio * grown, 2 * promise * longest),
            Z3,
            ("lambert-part", "first", "lambert"),
            "Both factors are at most those of ω e^ω = 2aΔmax.",
        ),
        Step(
            "slope",
            le(grown / b, promise),
            Z3,
            ("product",),
            "Which is, divided by 2Δmax, the bound on the slope.",
        ),
        Step(
            "power",
            le(grown, promise * smallest),
            Monotone("exp"),
            ("log-part",),
            "And e^(ln aΔmin) is aΔmin.",
        ),
        Step("positive", lt(0, ratio), SYMPY, (), "As 2Δmax/b is above 0,"),
        Step("above-one", lt(1, grown), Monotone("exp"), ("positive",), "its power is above 1,"),
        Step(
            "range",
            lt((5 + 2 * sp.log(n)) / smallest, epsilon),
            Z3,
            ("power", "above-one", "a"),
            "and so is aΔmin: ε is above the bound from which on the scale exists.",
        ),
    )
    return Theorem(
        name="gumbel-scale",
        title="The published scale of truncated Gumbel noise",
        words="With a = (ε - 2(1 + ln n)/Δmin)/3 and b = 2Δmax/min{W₀(2aΔmax), ln(aΔmin)}, both "
        "positive: (2Δmax/b) e^(2Δmax/b) ≤ 2aΔmax, hence e^(2Δmax/b)/b ≤ a; e^(2Δmax/b) ≤ aΔmin; "
        "and ε > (5 + 2 ln n)/Δmin.",
        latex=r"\frac{2\Delta_{\max}}{b} e^{2\Delta_{\max}/b} \le 2a\Delta_{\max}, \quad "
        r"e^{2\Delta_{\max}/b} \le a\Delta_{\min}, \quad \varepsilon > "
        r"\frac{5 + 2\ln n}{\Delta_{\min}}",
        assumptions=assumptions,
        conclusions=(
            le(ratio * grown, 2 * promise * longest),
            le(grown / b, promise),
            le(grown, promise * smallest),
            lt((5 + 2 * sp.log(n)) / smallest, epsilon),
        ),
        steps=steps,
        reference=SOURCE,
        covers="every ε for which the scale exists",
        mechanism="truncated-gumbel",
        mutations=mutations,
    )
