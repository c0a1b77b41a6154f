"""Truncated Gumbel with Poisson(ln N) cutoff and the scale of mldp-text: refuted.

What is refuted is the claim of ε-metric-DP for this algorithm (specification, 4.6). The text of the
paper was not at hand: if its cutoff is another one, nothing here is about the paper. The noise is
not to blame: `gumbel_noise` shows what its scale guarantees, `poisson_cutoff` that no noise without
ties has a smaller loss, and `truncated_gumbel_any_noise` what any noise whatever must lose.
"""

from typing import Any

import sympy as sp

from ..language import Formula, Relation, eq, le, lt
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Monotone
from .cutoff_growth import least_promise, linear_steps
from .gumbel_noise import smallest
from .poisson_cutoff import COST, MODEL, N, law, lemma
from .poisson_cutoff import steps as lemma_steps
from .words import d, epsilon, n, v, y

__all__ = [
    "AT_A_MULTIPLE",
    "CLAIM",
    "COUNTEREXAMPLE",
    "broken",
    "large_steps",
    "large_theorem",
    "many_words",
    "refutation",
    "theorem",
]

Expr = Any

multiple = sp.Symbol("m", positive=True)
Z3 = Decided(("z3",))
CLAIM = (
    "ε-metric-DP of truncated Gumbel with Poisson(ln N) cutoff: N. Xu, O. Feyisetan, A. Aggarwal, "
    "Z. Xu, N. Teissier, FLAIRS-34 (2021), with the scale of mldp-text 0.1.2, a re-implementation "
    "by S. Meisenbacher, N. Nandakumar, A. Klymenko, F. Matthes (LREC-COLING 2024)"
)

#: ε as a multiple of the smallest one.
AT_A_MULTIPLE = Assumption(
    "epsilon",
    Formula(eq(epsilon, multiple * least_promise(n) / smallest)),
    "ε is m times the bound from which on the scale exists (theorem gumbel-scale).",
)


def many_words(needed: Expr = 10) -> Assumption:
    """R is at most N Δmin/(10 m)."""
    return Assumption(
        "many-words",
        Formula(le(needed * multiple * d(v, y), N * smallest)),
        "The distance of v to its farthest word y is at most N Δmin/(10 m).",
    )


COUNTEREXAMPLE = """\
from flint import acb, arb, ctx

ctx.prec = 128  # every number below is a ball that encloses the true one
# Eight words, any two at distance 1: (0,0,0), (0,0,1), ..., (1,1,1), largest coordinate counts.
epsilon, rate = arb("9.17"), arb(8).log()
a = (epsilon - 2 * (1 + rate)) / 3
b = 2 / (2 * a).lambertw().min(a.log())
below = lambda x: (-(-x / b).exp()).exp()  # plain Gumbel noise, then within -1 ... 1
mass = below(arb(1)) - below(arb(-1))
density = lambda x: (-x / b).exp() * below(x) / (b * mass)
above = lambda x: (below(arb(1)) - below(x)) / mass
integral = lambda g, low, high: acb.integral(lambda x, _: g(x), low, high).real
p = [rate**k / arb(k).fac() for k in range(1, 9)]
p = [weight / sum(p) for weight in p]
# P_v(y): all eight compete, y is behind six words at distance 1 and v itself at 0.
last = p[7] * integral(lambda x: density(x) * above(x) ** 6 * above(x + 1), -1, 0)
# P_y(y): with k candidates, y at 0 is ahead of k - 1 words at distance 1.
kept = integral(density, -1, 0) + sum(
    p[k] * integral(lambda x: density(x) * above(x - 1) ** k, 0, 1) for k in range(8)
)
loss = (kept / last).log()
print(f"promised: {epsilon.str(6)}  bound of the scale: {(5 + 2 * rate).str(6)}")
print(f"P_y(y) = {kept.str(10)}, P_v(y) = {last.str(10)}, loss = {loss.str(10)}")
assert epsilon > 5 + 2 * rate and loss > epsilon
"""


def theorem() -> Theorem:
    """With noise without ties, or ties to the nearer word, the claim is false where ε R < B_N."""
    mutations = (
        Mutation("larger-loss", "the loss is B_N + 1", lambda: _build(loss=COST + 1)),
        Mutation("smaller-bound", "false wherever ε R < 2 B_N", lambda: _build(reach=2)),
        Mutation(
            "unlike-noise",
            "the noise of the other words may have any law",
            lambda: without_assumption(_build(), "other-wins"),
        ),
    )
    return _build(mutations=mutations)


def _build(loss: Expr = COST, reach: Expr = 1, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    promise = lt(epsilon * d(v, y), reach * COST)
    return Theorem(
        name="truncated-gumbel",
        title="Truncated Gumbel with Poisson cutoff: what the cutoff costs",
        words="For every vocabulary of N = n + 1 ≥ 2 words, every input v with its farthest word "
        "y, and every law of the noise, the same for all words and independent, without ties or "
        "with ties to the nearer word, P_y(y) is at least e^(B_N) P_v(y) with B_N = ln(N·N!) - "
        "(N - 1) ln ln N. So ε* ≥ B_N/R, R the least distance of a word to its farthest one, and "
        "the claim of ε-metric-DP is false wherever ε R < B_N. How large B_N is says "
        "cutoff-growth, what follows truncated-gumbel-large, and what is left for other noise and "
        "other rules for ties truncated-gumbel-any-noise.",
        latex=r"P_y(y) \ge e^{B_N} P_v(y), \quad B_N = \ln(N \cdot N!) - (N-1) \ln\ln N, \quad "
        r"e^{\varepsilon d(v,y)} P_v(y) < P_y(y) \text{ if } \varepsilon\, d(v,y) < B_N",
        assumptions=(
            *MODEL,
            Assumption("promise", Formula(promise), "The promise for the pair is below B_N."),
        ),
        conclusions=(lemma(loss), broken()),
        steps=(*lemma_steps(loss), *refutation(promise.right)),
        reference="dpaudit, specification 8",
        covers="every ε with ε R < B_N",
        mechanism="truncated-gumbel",
        refutes=CLAIM,
        expected="refuted",
        mutations=mutations,
        counterexample=COUNTEREXAMPLE,
    )


def large_theorem() -> Theorem:
    """At m times the smallest ε the claim is false where N ≥ 10 and R ≤ N Δmin/(10 m)."""
    mutations = (
        Mutation("twice-as-far", "already where R ≤ N Δmin/(5 m)", lambda: _build_large(needed=5)),
        Mutation(
            "no-scale",
            "for every ε",
            lambda: without_assumption(_build_large(), "epsilon"),
        ),
    )
    return _build_large(mutations=mutations)


def _build_large(needed: Expr = 10, mutations: tuple[Mutation, ...] = ()) -> Theorem:
    return Theorem(
        name="truncated-gumbel-large",
        title="Truncated Gumbel with Poisson cutoff at a multiple of the smallest ε",
        words="The scale of mldp-text exists for ε = m(5 + 2 ln N)/Δmin with m > 1 only. With such "
        "an ε the claim is false on every vocabulary with N ≥ 10 and R ≤ N Δmin/(10 m), R the "
        "least distance of a word to its farthest one, for all noise of truncated-gumbel: so it "
        "can hold only where N < 10 or some two words are closer than 10 m R/N.",
        latex=r"e^{\varepsilon d(v,y)} P_v(y) < P_y(y) \text{ if } \varepsilon = "
        r"\frac{m (5 + 2 \ln N)}{\Delta_{\min}},\ N \ge 10,\ N \ge \frac{10 m\, d(v,y)}"
        r"{\Delta_{\min}}",
        assumptions=(
            *MODEL,
            Assumption("from-start", Formula(le(9, n)), "There are N = n + 1 ≥ 10 words."),
            AT_A_MULTIPLE,
            many_words(needed),
        ),
        conclusions=(broken(),),
        steps=(
            *lemma_steps(),
            *(step for step in linear_steps() if step.id != "from-start"),
            *large_steps(),
            *refutation(COST),
        ),
        reference="dpaudit, specification 8",
        covers="every ε up to N Δmin/(10 R) times the smallest one that the scale accepts",
        mechanism="truncated-gumbel",
        refutes=CLAIM,
        expected="refuted",
        mutations=mutations,
        counterexample=COUNTEREXAMPLE,
    )


def broken() -> Relation:
    """The pair breaks the claim: e^(ε d(v,y)) P_v(y) < P_y(y)."""
    return lt(sp.exp(epsilon * d(v, y)) * law(v, y), law(y, y))


def large_steps(cost: Expr = COST) -> tuple[Step, ...]:
    """From N ≥ 10 m d(v,y)/Δmin and the growth of `cost` to ε d(v,y) < `cost`."""
    return (
        Step(
            "reach",
            le(multiple * d(v, y) / smallest, N / 10),
            Z3,
            ("many-words",),
            "m d(v,y)/Δmin is N/10 at most,",
        ),
        Step(
            "promised",
            le(epsilon * d(v, y), N / 10 * least_promise(n)),
            Z3,
            ("epsilon", "reach"),
            "so ε d(v,y) is (N/10)(5 + 2 ln N) at most,",
        ),
        Step(
            "promise",
            lt(epsilon * d(v, y), cost),
            Z3,
            ("promised", "linear"),
            "which is below what the cutoff costs.",
        ),
    )


def refutation(limit: Expr) -> tuple[Step, ...]:
    """From ε d(v,y) < B_N and the bounds on both probabilities."""
    return (
        Step(
            "allowed",
            lt(sp.exp(epsilon * d(v, y)), sp.exp(limit)),
            Monotone("exp"),
            ("promise",),
            "The promise allows a smaller factor than the cutoff costs;",
        ),
        Step(
            "refuted",
            broken(),
            Z3,
            ("allowed", "kept", "p-1", "seldom", "quotient"),
            "the true one is at least that, and P_y(y) ≥ p_1 > 0.",
        ),
    )
