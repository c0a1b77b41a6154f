"""How formulas are printed: every term means what it says, in three notations."""

from xml.etree import ElementTree

import pytest
import sympy as sp
from sympy.parsing.sympy_parser import parse_expr

from dpaudit.proofs import catalogue
from dpaudit.proofs.display.derivation import derivation
from dpaudit.proofs.display.formulas import latex, mathml, text
from dpaudit.proofs.language import Formula, eq, le, lt, ne
from dpaudit.proofs.model import TheoremResult

x, y, n = sp.symbols("x y n", positive=True)
k = sp.Symbol("k", integer=True, positive=True)
c = sp.Symbol("c")
d = sp.Function("d")
SUM = sp.Sum(sp.log(k) / x, (k, 1, n))

#: The part of MathML that browsers draw.
CORE = {"math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt"}
CORE |= {"msup", "msub", "msubsup", "munder", "munderover"}


@pytest.mark.parametrize(
    "term",
    [
        *(-x, x - y, 1 / x, x / (y * n), (x + y) / (x - y), -(x + y) / 2, x**-2, 2 ** (x + 1)),
        *((x + y) ** 2, (x / y) ** 3, x**y**n, (x**y) ** n, sp.exp(-x / 2) * (y - 1), -sp.exp(x)),
        *(x * sp.exp(-y) + 1, x - (y - n), x - (y + n) * 2, sp.Rational(-2, 3) * x, x / 3 - y / 7),
        *(
            sp.log(x) ** 2,
            sp.log(x + 1) / sp.log(y),
            sp.exp(x + sp.exp(y)),
            (-x) ** 3,
            (x - y) ** y,
        ),
        *(sp.sqrt(x + y) / 2, sp.Max(x, y - 1) * 2, sp.Integer(-3), sp.Rational(1, 3) ** n),
    ],
    ids=str,
)
def test_text_can_be_read_back(term):
    """Brackets are set wherever they are needed."""
    plain = text(term)
    for sign, meaning in (("·", "*"), ("−", "-"), ("^", "**"), ("√", "sqrt")):
        plain = plain.replace(sign, meaning)
    names = {"e": sp.E, "ln": sp.log, "max": sp.Max, "sqrt": sp.sqrt, "x": x, "y": y, "n": n}
    read = parse_expr(plain.replace("sqrt2", "sqrt(2)"), names)
    at = {x: sp.Rational(7, 3), y: sp.Rational(5, 4), n: 3}
    assert abs(sp.N((read - term).subs(at))) < 1e-12


@pytest.mark.parametrize(
    ("term", "plain", "tex"),
    [
        (SUM, "∑_{k=1}^{n} ln(k)/x", r"\sum_{k = 1}^{n} \frac{\ln(k)}{x}"),
        (x * SUM + 1, "(x·∑_{k=1}^{n} ln(k)/x) + 1", None),
        (c * sp.log(n) ** k, "c·(ln(n))^k", r"c (\ln(n))^{k}"),
        (SUM**2, "(∑_{k=1}^{n} ln(k)/x)^2", None),
        (d(x, y) * sp.exp(x), "e^x·d(x,y)", "e^{x} d(x, y)"),
        (sp.exp(-x / 2), "e^(−x/2)", "e^{-x / 2}"),
        (sp.Integral(x + 1, (x, 0, sp.oo)), "∫_{0}^{∞} (x + 1) dx", None),
        (sp.Limit(1 / x, x, sp.oo), "lim_{x → ∞} 1/x", r"\lim_{x \to \infty} \frac{1}{x}"),
        (sp.Product(k, (k, 1, n)), "∏_{k=1}^{n} k", r"\prod_{k = 1}^{n} k"),
        (sp.factorial(n + 1), "(n + 1)!", "(n + 1)!"),
        (sp.LambertW(2 * x), "W(2·x)", "W(2 x)"),
        (sp.loggamma(x), "ln(Γ(x))", r"\ln(\Gamma(x))"),
        (abs(sp.Symbol("z", real=True)), "|z|", "|z|"),
        (sp.floor(x), "⌊x⌋", r"\lfloor x \rfloor"),
        (-sp.oo, "−∞", r"-\infty"),
        (sp.pi * sp.EulerGamma, "γ·π", None),
        (sp.Derivative(d(x), x), "d/(d x)·d(x)", None),
        (sp.Symbol("Delta_min"), "Δ_min", r"\Delta_{\min}"),
        (sp.Symbol("lambda"), "λ", r"\lambda"),
        (sp.Symbol("rate"), "rate", r"\mathrm{rate}"),
        (le(x, y), "x ≤ y", r"x \le y"),
        (lt(x, y), "x < y", "x < y"),
        (Formula(eq(x, y), (ne(x, n),), (x,)), "x = y if x ≠ n for all x", None),
    ],
)
def test_notation(term, plain, tex):
    assert text(term) == plain
    assert tex is None or latex(term) == tex


def formulas():
    for theorem in catalogue():
        yield from (one.formula for one in theorem.assumptions)
        yield from theorem.conclusions
        yield from (step.relation for step in theorem.steps)


def test_mathml_of_all_theorems_is_well_formed():
    for formula in formulas():
        tree = ElementTree.fromstring(f"<math>{mathml(formula)}</math>")
        assert {element.tag for element in tree.iter()} <= CORE
        assert not any((element.text or "").startswith("_") for element in tree.iter("mi"))


def test_latex_of_all_theorems_is_balanced():
    for formula in formulas():
        written = latex(formula)
        assert written.isascii(), written
        depth = 0
        for sign in written.replace(r"\{", "").replace(r"\}", ""):
            depth += {"{": 1, "}": -1}.get(sign, 0)
            assert depth >= 0
        assert depth == 0
        assert written.count(r"\left") == written.count(r"\right")


def test_names_in_formulas_are_data():
    assert mathml(sp.Symbol("<b>")) == "<mi>&lt;b&gt;</mi>"


def test_lines_say_why():
    """Every rule has words, and whatever a line uses has a number or a name."""
    for theorem in catalogue():
        lines = derivation(theorem, TheoremResult(theorem.name, "open", (), ()))
        assert [line.number for line in lines] == list(range(1, len(theorem.steps) + 1))
        assumed = {one.name for one in theorem.assumptions}
        for line in lines:
            assert line.reason != line.rule
            assert "{" not in line.reason.replace("_{", "").replace("^{", "")
            assert line.result.status == "open"
            earlier = {f"({number})" for number in range(1, line.number)}
            assert set(line.uses) <= assumed | earlier
