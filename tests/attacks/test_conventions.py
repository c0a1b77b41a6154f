"""What the checker takes formulas to mean, one test a convention: SymPy may change its mind."""

from collections.abc import Callable

import pytest
import sympy as sp

from dpaudit.proofs import trusted_base
from dpaudit.proofs.conventions import CONVENTIONS
from dpaudit.proofs.engines import engine
from dpaudit.proofs.language import Relation, eq, le, lt
from dpaudit.proofs.signs import known, why_not_real

x, y = sp.symbols("x y", real=True)
p = sp.Symbol("p", positive=True)
k, m = sp.symbols("k m", integer=True)
j = sp.Symbol("j", integer=True, positive=True)
oo = sp.oo


def holds(goal: Relation, *premises: Relation, by: str = "sympy") -> bool:
    """Whether the checker admits the relation, and the engine says that it holds."""
    assert why_not_real(goal) is None, goal
    return bool(engine(by)(premises, goal).verdict == "holds")


def limits() -> None:
    assert holds(eq(sp.Limit(1 / x, x, 0), oo))
    assert not holds(eq(sp.Limit(1 / x, x, 0), -oo))
    assert holds(eq(sp.Limit(1 / x, x, 0, "-"), -oo))
    assert holds(eq(sp.Limit(sp.Abs(x) / x, x, 0), 1))
    assert not holds(eq(sp.Limit(sp.Abs(x) / x, x, 0), 0))


def existence() -> None:
    assert known(sp.Sum(1 / j, (j, 1, oo)), "real")
    assert known(sp.Integral(sp.exp(x), (x, 0, oo)), "real")
    assert not known(sp.Sum(1 / k, (k, 1, oo)), "real")
    # As one whole side of an equation, and nowhere else.
    assert why_not_real(le(sp.Limit(x, x, 0), 0))
    assert why_not_real(eq(sp.Limit(x, x, 0) + 1, 1))
    assert why_not_real(le(sp.Derivative(x, x), 1))


def divergent_sums() -> None:
    assert holds(eq(sp.Sum(1 / j, (j, 1, oo)), oo))
    assert holds(eq(sp.Sum(j, (j, 1, oo)), oo))
    assert not holds(eq(sp.Sum(1 / j**2, (j, 1, oo)), oo))


def empty_sums() -> None:
    assert holds(eq(sp.Sum(k**2, (k, 5, 4)), 0))
    assert holds(eq(sp.Product(k + 1, (k, 5, 4)), 1))
    assert holds(eq(sp.Sum(k, (k, 1, -3)), 3))  # - (-2 - 1 - 0)
    assert holds(eq(sp.Sum(k, (k, 5, 2)), -7))
    assert not holds(eq(sp.Sum(k, (k, 5, 2)), 0))
    assert holds(eq(sp.Sum(k, (k, 1, m)), m * (m + 1) / 2))


def integrals() -> None:
    assert holds(eq(sp.Integral(x, (x, 1, 0)), sp.Rational(-1, 2)))
    assert not holds(eq(sp.Integral(x, (x, 1, 0)), sp.Rational(1, 2)))
    assert holds(eq(sp.Integral(x, (x, 1, 1)), 0))
    # A positive variable runs from 0, which it never is.
    assert known(sp.Integral(sp.log(p) ** 2, (p, 0, 1)), "nonnegative")


def powers() -> None:
    assert sp.Integer(0) ** 0 == 1
    assert x**0 == 1


def remainders() -> None:
    assert known(sp.Mod(x, p), "real")
    assert known(sp.Mod(x, 2), "nonnegative")
    assert not known(sp.Mod(x, y), "real")
    assert holds(eq(sp.Mod(-1, 2), 1))
    assert holds(eq(sp.Mod(sp.Integer(3), sp.Integer(-2)), -1))


def steps() -> None:
    assert known(sp.Heaviside(x), "real")
    assert sp.Heaviside(0) == sp.Rational(1, 2)
    assert known(sp.DiracDelta(x), "real")
    assert holds(eq(sp.Derivative(sp.Heaviside(x), x), sp.DiracDelta(x)))


def signs() -> None:
    assert known(p, "finite")
    assert known(k, "finite")
    assert holds(lt(0, p))
    assert not holds(le(1, j - 1))
    assert holds(le(1, j))
    # Real, but not known to be: a logarithm, a root, a quotient.
    for term in (sp.log(x), sp.sqrt(x), 1 / x, sp.factorial(k), sp.tan(x), sp.gamma(x)):
        assert not known(term, "real")


def division() -> None:
    assert holds(eq(0 * (1 / p), 0), by="z3")
    assert not holds(eq(1 / p, 0), by="z3")
    decide = engine("z3")
    for value in (0, 7):
        assert decide((eq(x, 0),), eq(1 / x, value)).verdict != "holds"
        assert decide((eq(x, -1),), eq(sp.sqrt(x), value)).verdict != "holds"


def relations() -> None:
    kept = eq(x + 0 * y, x)
    assert isinstance(kept, Relation)
    assert kept != (kept.left == kept.right)
    assert str(lt(1, 0)) == "1 < 0"


PINS: dict[str, Callable[[], None]] = {
    "limits": limits,
    "existence": existence,
    "divergent sums": divergent_sums,
    "empty sums": empty_sums,
    "integrals": integrals,
    "powers": powers,
    "remainders": remainders,
    "steps": steps,
    "signs": signs,
    "division": division,
    "relations": relations,
}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_convention_is_as_it_is_written(name: str) -> None:
    PINS[name]()


def test_every_convention_is_in_the_trusted_base_and_pinned() -> None:
    assert trusted_base()["conventions"] == CONVENTIONS
    assert set(PINS) == set(CONVENTIONS)
