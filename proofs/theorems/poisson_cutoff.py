"""What the Poisson cutoff costs, whatever law the noise has: the lemma behind `truncated_gumbel`.

On input w a number K of candidates is drawn, K = m with probability proportional to (ln N)^m/m!;
the candidates are the m words nearest to w, each gets independent noise of one law, and the
candidate with the smallest distance plus noise is the output. Any law of the noise is that of
q(U), with U uniform between 0 and 1 and q its quantile function, so chances that depend on a
noise value are integrals over U. Words go by their rank from the input; there are N = n + 1.
"""

from typing import Any

import sympy as sp

from ..language import Formula, Relation, eq, ge, le
from ..model import Assumption, Decided, Step
from ..rules import Instance, Integrate, OneTerm, Termwise
from .cutoff_growth import bound
from .hypotheses import suppose
from .words import i, n, v, y

__all__ = [
    "ALL_COMPETE",
    "ALONE",
    "COST",
    "FARTHEST",
    "MODEL",
    "NEAREST",
    "POISSON",
    "N",
    "c",
    "chances_steps",
    "kept_steps",
    "law",
    "lemma",
    "p",
    "steps",
    "win",
]

Expr = Any

N = n + 1
#: A cutoff, a level of U, two numbers, the constant of the Poisson law.
m = sp.Symbol("m", integer=True, positive=True)
s, x, z = sp.symbols("s x z", real=True)
c = sp.Symbol("c", positive=True)
#: Cutoff law, rank, distance of the i-th nearest word, quantiles of the noise.
p = sp.Function("p", nonnegative=True)
rank = sp.Function("r", integer=True, positive=True)
D = sp.Function("D", nonnegative=True)
q = sp.Function("q", real=True)
#: The chance that noise is above a number; that all words but the i-th and the last end up above
#: a number, from v, when all are candidates; that the i-th nearest wins among m candidates.
T = sp.Function("T", nonnegative=True)
R = sp.Function("R", nonnegative=True)
win = sp.Function("W", nonnegative=True)

Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))
IN_RANGE = (le(1, i), le(i, n))


def law(word: Expr, output: Expr) -> Expr:
    """P_w(y)."""
    place = rank(word, output)
    return sp.Sum(p(m) * win(word, place, m), (m, place, N))


def _contest(own: Expr, other: Expr) -> Expr:
    """The chance that a word at distance `own` ends up below one at distance `other`, and below
    all but these two."""
    return sp.Integral(_moment(own, other), (s, 0, 1))


def _moment(own: Expr, other: Expr) -> Expr:
    return R(i, q(s) + own) * T(q(s) + own - other)


POISSON = Assumption(
    "poisson",
    Formula(eq(p(m), c * sp.log(N) ** m / sp.factorial(m)), forall=(m,)),
    "The cutoff is m with probability proportional to (ln N)^m/m!.",
)
ALONE = Assumption(
    "alone",
    Formula(eq(win(y, 1, 1), 1)),
    "W(w,i,m) is the chance that the i-th nearest word of w wins among the m nearest. A single "
    "candidate wins.",
)
NEAREST = Assumption(
    "nearest",
    Formula(eq(rank(y, y), 1)),
    "r(w,y) is the rank of y from w. y has rank 1 from itself,",
)
FARTHEST = Assumption(
    "farthest", Formula(eq(rank(v, y), N)), "and the last rank from v: it is the farthest word."
)
SORTED = Assumption(
    "sorted",
    Formula(le(D(v, i), D(v, N)), given=IN_RANGE, forall=(i,)),
    "D(v,i) is the distance of the i-th nearest word of v. None is farther than the last one.",
)
TAIL = Assumption(
    "tail",
    Formula(le(T(z), T(x)), given=(le(x, z),), forall=(x, z)),
    "T(x), the chance that noise is above x, does not grow with x.",
)
REST = Assumption(
    "rest",
    Formula(le(R(i, z), R(i, x)), given=(le(x, z),), forall=(i, x, z)),
    "Nor does R(i,x), the chance that all words but the i-th and the last end up above x on v.",
)
LAST = Assumption(
    "last-wins",
    Formula(eq(win(v, N, N), _contest(D(v, N), D(v, i))), given=IN_RANGE, forall=(i,)),
    "The noise of every word is q(U), U uniform between 0 and 1 and independent of the others. The "
    "last word wins if the i-th and all others end up above it. (A tie goes to the nearer word; "
    "with a density there is none.)",
)
OTHER = Assumption(
    "other-wins",
    Formula(ge(win(v, i, N), _contest(D(v, i), D(v, N))), given=IN_RANGE, forall=(i,)),
    "The i-th word wins at least if the last and all others end up above it; its noise has the "
    "same law.",
)
ONE = Assumption(
    "one-winner",
    Formula(le(sp.Sum(win(v, i, N), (i, 1, n)) + win(v, N, N), 1)),
    "At most one word wins.",
)

#: The mechanism, as far as the lemma depends on it.
MODEL = (POISSON, ALONE, NEAREST, FARTHEST, SORTED, TAIL, REST, LAST, OTHER, ONE)


#: B_N, and the chance p_N that all words are candidates.
COST = bound(n)
ALL_COMPETE = c * sp.log(N) ** N / sp.factorial(N)


def lemma(loss: Expr) -> Relation:
    """P_y(y) ≥ e^loss P_v(y)."""
    return le(sp.exp(loss) * law(v, y), law(y, y))


def steps(loss: Expr = COST) -> tuple[Step, ...]:
    """The last one concludes the lemma."""
    return (*kept_steps(), *_exchanged(), *_together(loss))


def kept_steps() -> tuple[Step, ...]:
    """P_y(y) ≥ p_1."""
    return (
        Step("rank-1", le(rank(y, y), 1), Z3, ("nearest",), "y is a candidate on input y"),
        Step(
            "one-candidate",
            le(p(1) * win(y, rank(y, y), 1), law(y, y)),
            OneTerm(1),
            ("rank-1",),
            "even when K = 1,",
        ),
        Step(
            "wins-alone",
            eq(p(1) * win(y, rank(y, y), 1), p(1) * win(y, 1, 1)),
            SYMPY,
            ("nearest",),
            "where it is the only one",
        ),
        Step(
            "kept",
            le(p(1), law(y, y)),
            Z3,
            ("one-candidate", "wins-alone", "alone"),
            "and wins: P_y(y) ≥ p_1.",
        ),
    )


def _exchanged() -> tuple[Step, ...]:
    """P_v(y) ≤ p_N/N: the farthest word wins least often."""
    last, other = D(v, N), D(v, i)
    level = q(s)
    return (
        suppose("i-from", IN_RANGE[0], "On input v take the i-th nearest word, i one of 1,"),
        suppose("i-to", IN_RANGE[1], "…, N - 1."),
        Step(
            "nearer",
            le(other, last),
            Instance(SORTED.formula),
            ("i-from", "i-to"),
            "It is not farther than y. Give it and y the same noise value, one after the other.",
        ),
        Step("higher", le(level + other, level + last), Z3, ("nearer",), "y is then higher up,"),
        Step(
            "others-above",
            le(R(i, level + last), R(i, level + other)),
            Instance(REST.formula, ((x, level + other), (z, level + last))),
            ("higher",),
            "so all other words are rather above the i-th,",
        ),
        Step(
            "gap",
            le(level + other - last, level + last - other),
            Z3,
            ("nearer",),
            "and of these two,",
        ),
        Step(
            "rival-above",
            le(T(level + last - other), T(level + other - last)),
            Instance(TAIL.formula, ((x, level + other - last), (z, level + last - other))),
            ("gap",),
            "y is rather above the i-th than the i-th above y:",
        ),
        Step(
            "moment",
            le(_moment(last, other), _moment(other, last)),
            Z3,
            ("others-above", "rival-above"),
            "y wins with this noise value at most as often as the i-th word does.",
        ),
        Step(
            "contests",
            le(_contest(last, other), _contest(other, last)),
            Integrate(s, 0, 1),
            ("moment",),
            "So it is over all noise values.",
        ),
        Step(
            "y-wins",
            eq(win(v, N, N), _contest(last, other)),
            Instance(LAST.formula),
            ("i-from", "i-to"),
            "That is how often y wins,",
        ),
        Step(
            "i-wins",
            ge(win(v, i, N), _contest(other, last)),
            Instance(OTHER.formula),
            ("i-from", "i-to"),
            "and the i-th word no less than that.",
        ),
        Step(
            "least",
            le(win(v, N, N), win(v, i, N)),
            Z3,
            ("contests", "y-wins", "i-wins"),
            "So no word wins less often than y.",
        ),
        Step(
            "all",
            le(sp.Sum(win(v, N, N), (i, 1, n)), sp.Sum(win(v, i, N), (i, 1, n))),
            Termwise(i, 1, n),
            ("least",),
            "Over all N - 1 others:",
        ),
        Step(
            "count",
            eq(sp.Sum(win(v, N, N), (i, 1, n)), n * win(v, N, N)),
            SYMPY,
            (),
            "N - 1 times the chance of y",
        ),
        Step(
            "share",
            le(N * win(v, N, N), 1),
            Z3,
            ("all", "count", "one-winner"),
            "and its own once more is at most 1.",
        ),
    )


def chances_steps() -> tuple[Step, ...]:
    """P_v(y) in terms of p_N, and p_1 and p_N themselves."""
    return (
        Step(
            "only-last",
            eq(law(v, y), p(N) * win(v, N, N)),
            SYMPY,
            ("farthest",),
            "From v the word y is a candidate only if all are.",
        ),
        Step(
            "p-1",
            eq(p(1), c * sp.log(N)),
            Instance(POISSON.formula, ((m, sp.Integer(1)),)),
            (),
            "A single candidate has the chance c ln N,",
        ),
        Step(
            "p-N",
            eq(p(N), ALL_COMPETE),
            Instance(POISSON.formula, ((m, N),)),
            (),
            "all N have c (ln N)^N/N!.",
        ),
    )


def _together(loss: Expr) -> tuple[Step, ...]:
    return (
        *chances_steps(),
        Step(
            "seldom",
            le(law(v, y), ALL_COMPETE / N),
            Z3,
            ("only-last", "share", "p-N"),
            "So P_v(y) ≤ p_N/N.",
        ),
        Step(
            "quotient",
            eq(sp.exp(loss) * (sp.log(N) ** N / sp.factorial(N) / N), sp.log(N)),
            SYMPY,
            (),
            "The quotient N p_1/p_N is e^(B_N).",
        ),
        Step(
            "lemma",
            lemma(loss),
            Z3,
            ("kept", "p-1", "seldom", "quotient"),
            "Hence P_y(y) ≥ e^(B_N) P_v(y), for this pair, whatever law the noise has.",
        ),
    )
