"""The engines: what they can decide, and that they say `unknown` about all else."""

import flint
import pytest
import sympy as sp

from dpaudit.proofs.engines import ENGINES, balls, engine, versions, with_arb, with_sympy, with_z3
from dpaudit.proofs.language import eq, ge, gt, le, lt, ne

k = sp.Symbol("k", integer=True)
n = sp.Symbol("n", integer=True, positive=True)
x, y = sp.symbols("x y", real=True)
a, b = sp.symbols("a b", positive=True)
f = sp.Function("f", real=True)
POWERS = sp.Sum(b**k, (k, 1, n))
LINE = sp.Integral(f(x), (x, -sp.oo, sp.oo))

#: True, and decided by the engine.
TRUE = [
    ("sympy", (), eq(sp.cos(x) ** 2 + sp.sin(x) ** 2, 1)),
    ("sympy", (), eq(sp.Sum(a * f(k), (k, 1, n)), a * sp.Sum(f(k), (k, 1, n)))),
    ("sympy", (), eq(sp.Integral(sp.exp(-a * b), (b, 0, sp.oo)), 1 / a)),
    ("sympy", (), eq(sp.Limit(sp.log(a) / a, a, sp.oo), 0)),
    ("sympy", (), eq(sp.Limit(sp.exp(a) / a, a, sp.oo), sp.oo)),
    ("sympy", (eq(f(1), 2),), eq(f(1) + 1, 3)),
    ("sympy", (), gt(sp.exp(x) + a, 0)),
    ("sympy", (), eq(sp.Sum(f(k), (k, 1, n + 1)), sp.Sum(f(k), (k, 1, n)) + f(n + 1))),
    ("sympy", (), eq(sp.Product(f(k), (k, 1, n + 1)), sp.Product(f(k), (k, 1, n)) * f(n + 1))),
    ("sympy", (), eq(sp.log(a / POWERS), sp.log(a) - sp.log(POWERS))),
    ("z3", (le(x, y), le(y, 1)), le(x, 1)),
    ("z3", (), ge(x**2 + y**2, 2 * x * y)),
    ("z3", (), eq(sp.exp(x + y / 2), sp.exp(x) * sp.exp(y / 2))),
    ("z3", (le(a, b),), le(1 / b, 1 / a)),
    ("z3", (), ge(sp.Max(x, y), x)),
    ("z3", (lt(a, LINE),), le(-LINE, b)),
    ("z3", (), le(0, sp.exp(-a * sp.sqrt(sp.Sum((f(k) - x) ** 2, (k, 1, n)))))),
    ("z3", (), le(sp.sqrt(a + b), sp.sqrt(a) + sp.sqrt(b))),
    ("z3", (le(a, b),), le(a ** sp.Rational(3, 2), b * sp.sqrt(a))),
    ("z3", (lt(0, f(1)),), ne(f(1), 0)),
    ("arb", (le(0, x), le(x, 1)), lt(sp.exp(x), sp.Rational(11, 4))),
    ("arb", (), lt(sp.pi, sp.Rational(22, 7))),
    ("arb", (le(-2, x), le(x, 2), gt(x, 1)), gt(x**2, sp.Rational(99, 100))),
]

#: False: no engine may say that it holds.
FALSE = [
    ((), eq(sp.sin(x), x)),
    ((), le(sp.exp(x), sp.exp(y))),
    ((le(x, y),), lt(x, y)),
    ((), le(x**2 + y**2, x * y)),
    ((), eq(sp.Limit(1 / a, a, sp.oo), 1)),
    ((le(0, x), le(x, 1)), le(sp.exp(x), 2)),
    ((), eq(sp.Sum(a * f(k), (k, 1, n)), sp.Sum(f(k), (k, 1, n)))),
    ((), gt(sp.exp(1), 3)),
    ((), ne(x, y)),
    ((), eq(sp.Sum(f(k), (k, 1, n + 1)), sp.Sum(f(k), (k, 1, n)) + f(n))),
    ((), eq(sp.Sum(f(k), (k, 9, n + 1)), sp.Sum(f(k), (k, 9, n)))),
    ((), ge(sp.sqrt(a + b), sp.sqrt(a) + sp.sqrt(b))),
    ((), eq(sp.sqrt(x**2), x)),
    ((), eq(sp.Sum(k * f(k), (k, 1, n)), n * sp.Sum(f(k), (k, 1, n)))),
    ((), eq(sp.Sum(f(k) ** 2, (k, 1, n)), sp.Sum(f(k), (k, 1, n)) ** 2)),
    ((), eq(sp.Integral(x * f(x), (x, 0, 1)), x * sp.Integral(f(x), (x, 0, 1)))),
    ((), le(0, LINE)),
    ((), eq(sp.log(POWERS**2), sp.log(POWERS))),
]


@pytest.mark.parametrize(("name", "premises", "goal"), TRUE)
def test_true_obligations(name, premises, goal):
    assert engine(name)(premises, goal).verdict == "holds"


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(("premises", "goal"), FALSE)
def test_nothing_false_holds(name, premises, goal):
    assert engine(name)(premises, goal).verdict != "holds"


def test_counterexamples_are_verified():
    answer = with_z3.decide((le(x, 2),), le(x, 1))
    assert answer.verdict == "fails"
    ((name, value),) = answer.counterexample
    assert name == "x"
    assert 1 < sp.Rational(value) <= 2
    answer = with_arb.decide((le(0, x), le(x, 1)), le(sp.exp(x), 2))
    assert answer.verdict == "fails"
    assert sp.exp(sp.Rational(dict(answer.counterexample)["x"])) > 2


def test_a_model_of_the_abstraction_is_no_counterexample():
    """ln 2 is a free variable for z3, which finds values for it that it does not have."""
    assert with_z3.decide((), lt(sp.log(2), 1)).verdict == "unknown"
    assert with_z3.decide((), le(sp.log(a), a)).verdict != "holds"
    assert with_z3.decide((), le(sp.exp(x), 1 + x + x**2 + 9)).verdict != "holds"


def test_reciprocals_of_zero_have_any_value():
    assert with_z3.decide((), eq(x * (1 / x + y - y), 1)).verdict != "fails"
    assert with_z3.decide((), eq(1 / x, 0)).verdict != "holds"
    assert with_z3.decide((eq(x, 0),), eq(1 / x, 0)).verdict == "unknown"


def test_functions_have_one_value_a_place():
    """f(x) = 0 and f(y) = 1 is no counterexample where x = y."""
    assert not balls.verified((), eq(f(x), f(y)), {x: 1, y: 1, f(x): 0, f(y): 1})
    ok = {x: sp.Integer(1), y: sp.Integer(2), f(x): sp.Integer(0), f(y): sp.Integer(1)}
    assert balls.verified((), eq(f(x), f(y)), ok)
    assert not balls.verified((), gt(a, 0), {a: sp.Integer(0)})
    g = sp.Function("g", positive=True)
    assert not balls.verified((), gt(g(1), 0), {g(1): sp.Integer(-1)})
    total = sp.Sum(f(k), (k, 1, 2))
    assert not balls.verified((), le(total, 0), {f(k): sp.Integer(1), k: sp.Integer(1)})


def test_z3_gives_up(monkeypatch):
    monkeypatch.setattr(with_z3, "_STEPS", 1)
    answer = with_z3.decide((), ge(x**2 + y**2, 2 * x * y))
    assert answer.verdict == "unknown"
    assert "gave up" in answer.note


def test_z3_knows_no_infinity():
    assert with_z3.decide((), lt(x, sp.oo)).verdict == "unknown"


def test_arb_needs_a_box():
    assert with_arb.decide((le(0, x),), le(x, 1)).verdict == "unknown"
    assert with_arb.decide((), le(x, 1)).verdict == "unknown"


def test_arb_does_not_decide_contact(monkeypatch):
    monkeypatch.setattr(with_arb, "_BOXES", 50)
    answer = with_arb.decide((le(0, x), le(x, 1)), le(1 + x, sp.exp(x)))
    assert answer.verdict == "unknown"
    assert "50 boxes" in answer.note


def test_arb_does_not_decide_where_nothing_is_finite(monkeypatch):
    monkeypatch.setattr(with_arb, "_BOXES", 50)
    assert with_arb.decide((le(-1, x), le(x, 1)), le(sp.log(x), 1)).verdict == "unknown"
    assert with_arb.decide((le(-1, x), le(x, 1)), lt(0, 1 / x**2)).verdict == "unknown"


def test_unknown_functions_have_no_enclosure():
    assert not balls.enclose(f(x), {x: flint.arb(1)}).is_finite()
    assert balls.ground_truth(le(sp.Integral(sp.exp(a), (a, 0, 1)), 9)) is None


@pytest.mark.parametrize(
    "term",
    [
        sp.exp(sp.Rational(1, 3)) * sp.log(7),
        sp.gamma(sp.Rational(7, 2)) / sp.sqrt(sp.pi),
        sp.LambertW(3) + sp.erf(sp.Rational(1, 5)),
        sp.Max(sp.Rational(1, 3), sp.E - 2) * sp.Min(2, sp.pi),
        sp.Sum(sp.exp(-k) / sp.factorial(k), (k, 0, 9)),
        sp.Product(1 + k, (k, 1, 5)) ** sp.Rational(-2, 3),
        sp.Abs(sp.Integer(1) - sp.pi) + sp.cosh(1) - sp.tanh(sp.Rational(1, 7)),
    ],
)
def test_enclosures_against_mpmath(term):
    ball = balls.enclose(term, {})
    reference = sp.N(term.doit(), 40)
    assert abs(sp.Float(ball.mid().str(30, radius=False), 40) - reference) < 1e-13
    assert ball.rad() < 1e-13


def test_versions_name_every_engine():
    assert set(versions()) == set(ENGINES) == {"sympy", "z3", "arb"}


def test_a_range_that_is_none_has_no_sum():
    assert with_sympy.decide((), le(0, sp.Sum(k**2, (k, 3, 1)))).verdict == "unknown"
