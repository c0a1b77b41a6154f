"""When the published claim of truncated Gumbel does hold: a sufficient condition.

Every word is a candidate when K = N, and wins then at least if its own sum is below some number h
and all others are above it. That bounds every probability from below, and none is above 1.
"""

from typing import Any

import sympy as sp

from ..language import Formula, Relation, eq, ge, le
from ..model import Assumption, Decided, Mutation, Step, Theorem, without_assumption
from ..rules import Discharge, Induction, Instance, Monotone, Substitute
from .gumbel_noise import longest, smallest
from .hypotheses import suppose
from .words import d, epsilon, i, j, n, v, w, y

__all__ = ["least_probability", "theorem"]

Expr = Any

#: There are N = n + 1 words; h is any threshold.
N = n + 1
m = sp.Symbol("m", integer=True, positive=True)
h, x, z = sp.symbols("h x z", real=True)
last = sp.Symbol("p", positive=True)
#: Distance of the i-th nearest word; law of the output; the chance that noise is below a number,
#: and that it is above it; the chance that a word wins when all compete.
D, P, F, S, win = (sp.Function(name, nonnegative=True) for name in ("D", "P", "F", "S", "W"))

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))


def least_probability(
    cutoff: Expr = last, below: Any = F, above: Any = S, others: Expr = n
) -> Expr:
    """No output is less likely: p_N F(h - Δmax) S(h) S(h - Δmin)^(N-1)."""
    return cutoff * below(h - longest) * above(h) * above(h - smallest) ** others


def _above(others: Expr) -> Expr:
    """The chance that the nearest other words from v end up above h."""
    return sp.Product(S(h - D(v, i + 1)), (i, 1, others))


TAIL = Assumption(
    "tail",
    Formula(le(S(z), S(x)), given=(le(x, z),), forall=(x, z)),
    "S(x), the chance that noise is above x, does not grow with x;",
)
HEAD = Assumption(
    "head",
    Formula(le(F(x), F(z)), given=(le(x, z),), forall=(x, z)),
    "F(x), the chance that it is below x, does not fall.",
)
APART = Assumption(
    "apart",
    Formula(le(smallest, D(v, j + 1)), given=(le(1, j),), forall=(j,)),
    "D(v,i) is the distance of the i-th nearest word of v: Δmin at least, but for v itself.",
)
TOGETHER = Assumption("together", Formula(le(d(v, y), longest)), "No distance is above Δmax.")
WINS = Assumption(
    "wins",
    Formula(ge(win(v, y), F(h - d(v, y)) * (S(h) * _above(n)))),
    "W(v,y) is the chance that y wins on v when all compete. With independent noise, that is so at "
    "least if its own sum is below h and all others are above. (Here the factor of y is among "
    "the others, too, which makes the product no larger.)",
)
COMPETES = Assumption(
    "competes",
    Formula(ge(P(v, y), last * win(v, y))),
    "y is a candidate at least when all N words are, which has the probability p.",
)
TOTAL = Assumption("total", Formula(le(P(w, y), 1)), "No probability is above 1.")
DIFFERENT = Assumption(
    "different", Formula(le(smallest, d(w, v))), "w and v are at least Δmin apart."
)


def theorem() -> Theorem:
    """The claim holds where ε Δmin is at least the logarithm of 1/least_probability."""
    mutations = (
        Mutation(
            "half-promise", "half of that ε Δmin is enough", lambda: _build(promise=epsilon / 2)
        ),
        Mutation("one-rival", "only one other word competes", lambda: _build(rivals=1)),
        Mutation(
            "no-last-cutoff",
            "the cutoff N may be impossible, as in mldp-text",
            lambda: without_assumption(_build(), "competes"),
        ),
    )
    return _build(mutations=mutations)


def _build(
    promise: Expr = epsilon, rivals: Expr = n, mutations: tuple[Mutation, ...] = ()
) -> Theorem:
    enough = Assumption(
        "enough",
        Formula(le(sp.exp(-epsilon * smallest), least_probability(others=rivals))),
        "e^(-ε Δmin) is at most p F(h - Δmax) S(h) S(h - Δmin)^(N-1), for some h.",
    )
    conclusion = le(P(w, y), sp.exp(promise * d(w, v)) * P(v, y))
    return Theorem(
        name="truncated-gumbel-holds",
        title="Truncated Gumbel where its claim holds",
        words="Let p be the probability of the cutoff N = n + 1, F and S the chances that noise is "
        "below and above a number. If for some h ε Δmin ≥ -ln(p F(h - Δmax) S(h) "
        "S(h - Δmin)^(N-1)), truncated Gumbel with Poisson(ln N) cutoff is ε-metric-DP on the "
        "vocabulary: so for few words, or for ε large enough.",
        latex=r"\varepsilon \ge \frac{1}{\Delta_{\min}} \ln \frac{1}{p\,F(h - \Delta_{\max})\,"
        r"S(h)\,S(h - \Delta_{\min})^{N-1}} \implies P_w(y) \le e^{\varepsilon d(w,v)} P_v(y)",
        assumptions=(TAIL, HEAD, APART, TOGETHER, WINS, COMPETES, TOTAL, DIFFERENT, enough),
        conclusions=(conclusion,),
        steps=(*_others(), *_bound(), *_ratio(rivals, conclusion)),
        reference="dpaudit, specification 8",
        covers='the cutoff "published", and every ε that is large enough for the vocabulary',
        mechanism="truncated-gumbel",
        mutations=mutations,
    )


def _others() -> tuple[Step, ...]:
    """S(h - Δmin)^(N-1) is at most the chance that all other words end up above h."""
    near = S(h - smallest)
    claim = le(near**m, _above(m))
    moved = le(near, S(h - D(v, j + 1)))
    return (
        suppose("rank", le(1, j), "Take any word but v,"),
        Step("far", le(smallest, D(v, j + 1)), Instance(APART.formula), ("rank",), "Δmin away"),
        Step("room", le(h - D(v, j + 1), h - smallest), Z3, ("far",), "at least,"),
        Step(
            "each",
            moved,
            Instance(TAIL.formula, ((x, h - D(v, j + 1)), (z, h - smallest))),
            ("room",),
            "so it is above h as often as a word at Δmin, at least.",
        ),
        Step("first-rank", le(1, sp.Integer(1)), SYMPY, (), "This is so for the nearest one"),
        Step("one", le(near, S(h - D(v, 2))), Substitute(((j, sp.Integer(1)),)), ("each",), "…"),
        Step(
            "first-word",
            le(near, S(h - D(v, 2))),
            Discharge(),
            ("first-rank", "one"),
            "alone,",
        ),
        Step("single", eq(_above(1), S(h - D(v, 2))), SYMPY, (), "a product of one factor."),
        Step("start", le(near, _above(1)), Z3, ("first-word", "single"), "That is the beginning."),
        suppose("so-far", claim, "If it is so for m words,"),
        Step("next-rank", le(1, m + 1), SYMPY, (), "then the next one"),
        Step("next", le(near, S(h - D(v, m + 2))), Substitute(((j, m + 1),)), ("each",), "…"),
        Step(
            "next-word",
            le(near, S(h - D(v, m + 2))),
            Discharge(),
            ("next-rank", "next"),
            "has the same bound,",
        ),
        Step(
            "split",
            eq(_above(m + 1), _above(m) * S(h - D(v, m + 2))),
            SYMPY,
            (),
            "and gives one more factor:",
        ),
        Step("power", eq(near ** (m + 1), near**m * near), SYMPY, (), "one more on both sides."),
        Step(
            "onward",
            le(near ** (m + 1), _above(m + 1)),
            Z3,
            ("so-far", "next-word", "split", "power"),
            "So it is for m + 1 words,",
        ),
        Step("all-m", claim, Induction(m, 1), ("start", "onward"), "and for any number of them,"),
        Step("count", le(1, n), SYMPY, (), "also for all"),
        Step("n-words", le(near**n, _above(n)), Substitute(((m, n),)), ("all-m",), "…"),
        Step(
            "others",
            le(near**n, _above(n)),
            Discharge(),
            ("count", "n-words"),
            "N - 1 others.",
        ),
    )


def _bound() -> tuple[Step, ...]:
    """P_v(y) is at least `least_probability`."""
    return (
        Step("reach", le(h - longest, h - d(v, y)), Z3, ("together",), "y is Δmax from v at most:"),
        Step(
            "own",
            le(F(h - longest), F(h - d(v, y))),
            Instance(HEAD.formula, ((x, h - longest), (z, h - d(v, y)))),
            ("reach",),
            "its own sum is below h as often as at Δmax, at least.",
        ),
        Step(
            "win",
            le(F(h - longest) * (S(h) * S(h - smallest) ** n), win(v, y)),
            Z3,
            ("own", "others", "wins"),
            "So it wins with that chance at least",
        ),
        Step(
            "likely",
            le(least_probability(), P(v, y)),
            Z3,
            ("win", "competes"),
            "when all words compete.",
        ),
    )


def _ratio(rivals: Expr, conclusion: Relation) -> tuple[Step, ...]:
    return (
        Step(
            "pair",
            le(-epsilon * d(w, v), -epsilon * smallest),
            Z3,
            ("different",),
            "The promise for w and v is no smaller than for words at Δmin,",
        ),
        Step(
            "factor",
            le(sp.exp(-epsilon * d(w, v)), sp.exp(-epsilon * smallest)),
            Monotone("exp"),
            ("pair",),
            "which is all that the bound needs:",
        ),
        Step(
            "ratio",
            conclusion,
            Z3,
            ("likely", "factor", "enough", "total"),
            "no probability is above 1, and none below e^(-ε d(w,v)).",
        ),
    )
