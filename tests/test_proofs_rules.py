"""The formal language, the signs and the rules: what each rule gives, and the misuse it refuses."""

import pytest
import sympy as sp

from dpaudit.proofs.language import Formula, Judgement, canonical, eq, le, lt, ne
from dpaudit.proofs.rules import (
    RULES,
    Cases,
    Discharge,
    Induction,
    Instance,
    Integrate,
    Monotone,
    OneTerm,
    Rewrite,
    RuleError,
    SubRange,
    Substitute,
    Termwise,
)
from dpaudit.proofs.signs import known, why_not_real
from dpaudit.proofs.substitution import substitute

i, j, k = sp.symbols("i j k", integer=True)
n, m = sp.symbols("n m", integer=True, positive=True)
x, y, z = sp.symbols("x y z", real=True)
a, b = sp.symbols("a b", positive=True)
f = sp.Function("f", real=True)
g = sp.Function("g", nonnegative=True)
GOAL = le(0, 1)


def given(*relations):
    """Hypotheses without variables."""
    return frozenset(canonical(Formula(relation)) for relation in relations)


def shown(relation, *hypotheses):
    return Judgement(relation, given(*hypotheses))


def test_every_rule_is_in_the_closed_list_and_described():
    assert len(RULES) == 11
    assert all(rule.__doc__ for rule in RULES)


def test_bound_variables_have_no_name():
    assert canonical(sp.Sum(f(i), (i, 1, n))) == canonical(sp.Sum(f(k), (k, 1, n)))
    assert canonical(sp.Sum(f(i), (i, 1, n))) != canonical(sp.Sum(f(n), (k, 1, n)))
    first, second = (Formula(le(0, f(s)), forall=(s,)) for s in (i, k))
    assert canonical(first) == canonical(second) != canonical(Formula(le(0, f(i))))


def test_substitution_does_not_capture():
    total = sp.Sum(f(i + k), (k, 1, n))
    moved = substitute(total, ((i, k),))
    assert k in moved.free_symbols
    assert canonical(moved) == canonical(sp.Sum(f(j + k), (j, 1, n)))
    formula = substitute(Formula(le(f(i), f(j)), forall=(i,)), ((j, i),))
    assert canonical(formula) == canonical(Formula(le(f(k), f(i)), forall=(k,)))


def test_substitution_is_simultaneous():
    assert substitute(x - y, ((x, y), (y, x))) == y - x


@pytest.mark.parametrize(
    ("symbol", "value"), [(n, k), (n, x), (a, x), (a, sp.Integer(0)), (i, x), (x, sp.oo)]
)
def test_substitution_respects_what_a_symbol_is_declared_to_be(symbol, value):
    with pytest.raises(ValueError, match="declared"):
        substitute(symbol + 1, ((symbol, value),))


def test_substitution_refuses_what_it_cannot_look_into():
    with pytest.raises(ValueError, match="within"):
        substitute(sp.Limit(x * y, y, 0), ((x, z),))


def test_signs_of_sums():
    assert known(sp.Sum(sp.exp(-f(k)), (k, 1, n)), "positive")
    assert not known(sp.Sum(sp.exp(-f(k)), (k, 1, n - 1)), "positive")
    assert known(sp.Sum(g(k), (k, 1, n - 1)), "nonnegative")
    assert not known(sp.Sum(f(k), (k, 1, n)), "nonnegative")
    assert not known(sp.Sum(g(k), (k, 1, j)), "nonnegative")  # the range may be none
    assert not known(sp.Sum(m, (m, -5, -1)), "nonnegative")  # m is declared what it is not
    assert known(sp.Sum(g(k), (k, 1, sp.oo)), "nonnegative")
    assert known(n + sp.exp(a) - 1, "positive")
    assert known(sp.Integral(g(x), (x, 0, 1)), "nonnegative")
    assert not known(sp.Integral(g(x), (x, 1, 0)), "nonnegative")


@pytest.mark.parametrize(
    "term", [1 / x, sp.log(x), sp.sqrt(x), sp.Symbol("free"), sp.Sum(f(m), (m, 0, 3)), sp.oo]
)
def test_terms_without_agreed_value_are_refused(term):
    assert why_not_real(le(term, 1)) is not None


def test_instance():
    formula = Formula(le(1, g(i)), given=(ne(i, j),), forall=(i, j))
    derived = Instance(formula, ((i, k),)).derive((), GOAL)
    assert derived.conclusion == le(1, g(k))
    assert derived.hypotheses == given(ne(k, j)) | {canonical(formula)}
    used = Instance(formula, ((i, k),)).derive((shown(ne(k, j)),), GOAL)
    assert used.hypotheses == {canonical(formula)}


def test_instance_refuses_values_for_what_is_fixed():
    with pytest.raises(RuleError, match="not a variable"):
        Instance(Formula(le(1, x)), ((x, sp.Integer(0)),)).derive((), GOAL)


def test_substitute_changes_hypotheses_too():
    derived = Substitute(((x, y),)).derive((shown(le(x, 1), lt(x, z)),), GOAL)
    assert derived == shown(le(y, 1), lt(y, z))


def test_termwise():
    premise = shown(lt(f(k), g(k)), le(1, k), le(k, n), lt(0, x))
    derived = Termwise(k, 1, n).derive((premise,), GOAL)
    expected = le(sp.Sum(f(k), (k, 1, n)), sp.Sum(g(k), (k, 1, n)))
    assert derived == shown(expected, lt(0, x))


@pytest.mark.parametrize(
    ("rule", "premise"),
    [
        (Termwise(k, 1, n), shown(le(f(k), g(k)), le(k, 3))),  # k is not arbitrary
        (Termwise(k, 2, n), shown(le(f(k), g(k)), le(1, k))),  # another range
        (Termwise(m, -1, n), shown(le(f(m), g(m)))),  # m is declared positive
        (Termwise(k, 1, k), shown(le(f(k), g(k)))),
        (Termwise(x, 1, n), shown(le(f(x), g(x)))),  # not an integer
        (Termwise(k, 1, sp.oo), shown(le(f(k), g(k)))),
        (Termwise(k, 1, n), shown(ne(f(k), g(k)))),
        (Integrate(x, 0, 1), shown(le(f(x), g(x)), le(x, y))),
        (Integrate(a, -1, 1), shown(le(f(a), g(a)))),
        (Integrate(k, 0, 1), shown(le(f(k), g(k)))),
    ],
)
def test_bounds_under_a_sum_or_integral_refuse(rule, premise):
    with pytest.raises(RuleError):
        rule.derive((premise,), GOAL)


def test_a_range_that_may_be_none_is_owed():
    derived = Termwise(k, 1, j).derive((shown(le(f(k), g(k))),), GOAL)
    assert derived.hypotheses == given(le(1, j + 1))
    derived = Integrate(x, y, z).derive((shown(le(f(x), g(x))),), GOAL)
    assert derived.hypotheses == given(le(y, z))
    paid = Integrate(x, y, z).derive((shown(le(f(x), g(x))), shown(le(y, z))), GOAL)
    assert paid.hypotheses == frozenset()


def test_integrate_over_the_line():
    derived = Integrate(x, -sp.oo, sp.oo).derive((shown(le(f(x), g(x))),), GOAL)
    line = (x, -sp.oo, sp.oo)
    assert derived == shown(le(sp.Integral(f(x), line), sp.Integral(g(x), line)))


def test_one_term():
    total = sp.Sum(g(k), (k, 1, n))
    derived = OneTerm(j).derive((), le(g(j), total))
    assert derived == shown(le(g(j), total), le(1, j), le(j, n))
    # The term is that of the sum, whatever the goal says.
    assert OneTerm(n).derive((), le(g(1), total)).conclusion == le(g(n), total)


@pytest.mark.parametrize("total", [sp.Sum(f(k), (k, 1, n)), sp.Sum(g(m), (m, -3, 3)), g(1)])
def test_one_term_refuses(total):
    with pytest.raises(RuleError):
        OneTerm(1).derive((), le(1, total))


def test_sub_range():
    part, whole = sp.Sum(g(k), (k, 2, j)), sp.Sum(g(i), (i, 1, n))
    derived = SubRange().derive((shown(le(j, n)),), le(part, whole))
    assert derived == shown(le(part, whole), le(2, j + 1))
    other = SubRange().derive((), le(sp.Sum(g(k + 1), (k, 2, j)), whole))
    assert canonical(other.conclusion.left) == canonical(part)
    with pytest.raises(RuleError, match="nonnegative"):
        SubRange().derive((), le(sp.Sum(f(k), (k, 2, j)), sp.Sum(f(k), (k, 1, n))))


def test_a_part_of_an_integral():
    h = sp.Function("h", nonnegative=True)
    part, whole = sp.Integral(h(x), (x, a, y)), sp.Integral(h(z), (z, 0, b))
    derived = SubRange().derive((shown(le(y, b)),), le(part, whole))
    assert derived.conclusion == le(part, whole)
    # That 0 <= a is known; that the part is no range backwards is owed.
    assert derived.hypotheses == given(le(a, y))
    with pytest.raises(RuleError, match="nonnegative"):
        SubRange().derive((), le(sp.Integral(f(x), (x, a, y)), sp.Integral(f(x), (x, 0, b))))
    with pytest.raises(RuleError, match="two sums or two integrals"):
        SubRange().derive((), le(sp.Sum(g(k), (k, 1, n)), whole))
    with pytest.raises(RuleError, match="no sum"):
        SubRange().derive((), le(sp.Product(g(k), (k, 1, n)), sp.Product(g(k), (k, 1, m))))


def test_monotone():
    assert Monotone("exp").derive((shown(lt(x, y)),), GOAL) == shown(lt(sp.exp(x), sp.exp(y)))
    assert Monotone("ln").derive((shown(le(a, b)),), GOAL) == shown(le(sp.log(a), sp.log(b)))
    assert Monotone("ln").derive((shown(le(x, y)),), GOAL).hypotheses == given(lt(0, x))
    with pytest.raises(RuleError):
        Monotone("exp").derive((shown(ne(x, y)),), GOAL)
    with pytest.raises(RuleError):
        Monotone("sin").derive((shown(le(x, y)),), GOAL)


def test_rewrite():
    derived = Rewrite().derive((shown(eq(f(1), x)), shown(le(f(1) + y, 3))), GOAL)
    assert derived.conclusion == le(x + y, 3)
    under_sum = shown(le(sp.Sum(f(k), (k, 1, n)), 3))
    with pytest.raises(RuleError, match="bound variable"):
        Rewrite().derive((shown(eq(f(k), x)), under_sum), GOAL)
    with pytest.raises(RuleError, match="no equation"):
        Rewrite().derive((shown(le(f(1), x)), shown(le(f(1), 3))), GOAL)
    with pytest.raises(RuleError, match="limits"):
        Rewrite().derive((shown(eq(x, 1)), shown(eq(sp.Limit(x, x, 0), 0))), GOAL)


def test_cases():
    goal, condition = le(f(x), 1), le(x, 0)
    first, second = shown(goal, condition, lt(0, a)), shown(goal, lt(0, x))
    assert Cases(condition).derive((first, second), goal) == shown(goal, lt(0, a))
    # A gap between the cases stays a hypothesis.
    gap = Cases(condition).derive((first, shown(goal, lt(1, x))), goal)
    assert canonical(Formula(lt(1, x))) in gap.hypotheses
    with pytest.raises(RuleError, match="different things"):
        Cases(condition).derive((first, shown(le(f(x), 2))), goal)


def test_discharge():
    derived = Discharge().derive((shown(le(x, 1), lt(0, y)), shown(le(x, 3), le(x, 1))), GOAL)
    assert derived == shown(le(x, 3), lt(0, y))
    kept = Discharge().derive((shown(le(x, 2)), shown(le(x, 3), le(x, 1))), GOAL)
    assert canonical(Formula(le(x, 1))) in kept.hypotheses


def test_induction():
    goal = le(f(k), g(k))
    start = shown(le(f(1), g(1)), lt(0, x))
    step = shown(le(f(k + 1), g(k + 1)), goal, le(1, k))
    assert Induction(k, 1).derive((start, step), goal) == shown(goal, lt(0, x), le(1, k))
    for wrong in (
        (shown(le(f(2), g(2))), step),
        (start, shown(le(f(k + 2), g(k + 2)), goal)),
        (start, shown(le(f(k + 1), g(k + 1)), goal, le(k, 9))),
        (shown(le(f(1), g(1)), le(k, 9)), step),
    ):
        with pytest.raises(RuleError):
            Induction(k, 1).derive(wrong, goal)
    with pytest.raises(RuleError):
        Induction(m, 0).derive((start, step), le(f(m), g(m)))
