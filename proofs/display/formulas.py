"""Terms, relations and formulas as text, LaTeX and MathML: the one home of how they look."""

from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from ..language import Formula, Relation
from .notations import (
    ATOM,
    LATEX,
    MATHML,
    POWER,
    PRODUCT,
    RANGE,
    SUM,
    TEXT,
    Notation,
    Piece,
    bracketed,
)

__all__ = ["latex", "mathml", "parts", "text"]

Expr = Any

_SIGNS = {"<=": "≤", "<": "<", "==": "=", "!=": "≠"}
_LARGE = {"Sum": "∑", "Product": "∏", "Integral": "∫"}
_NAMES = {
    "LambertW": "W",
    "Max": "max",
    "Min": "min",
    "gamma": "Gamma",
    "log": "ln",
    "lowergamma": "gamma",
    "uppergamma": "Gamma",
}
_BRACKETS = {"Abs": ("|", "|"), "floor": ("⌊", "⌋"), "ceiling": ("⌈", "⌉")}


def text(thing: Any) -> str:
    """A term, relation or formula on one line.

    >>> from dpaudit.proofs import find
    >>> print(text(find("metric-exponential").assumptions[0].formula))
    d(i,k) ≤ d(i,j) + d(j,k) for all i, j, k
    >>> x, k = sp.symbols("x k", positive=True)
    >>> print(text(sp.exp(-x / 2) * sp.Sum(sp.log(k) / x, (k, 1, 9))))
    e^(−x/2)·∑_{k=1}^{9} ln(k)/x
    """
    return " ".join(parts(thing, TEXT))


def latex(thing: Any) -> str:
    """The same for math mode.

    >>> print(latex(sp.Symbol("epsilon") / sp.sqrt(2)))
    \\frac{\\sqrt{2} \\varepsilon}{2}
    """
    return " ".join(parts(thing, LATEX))


def mathml(thing: Any) -> str:
    """The same as the content of a `math` element.

    >>> print(mathml(sp.Symbol("x") ** 2))
    <msup><mi>x</mi><mn>2</mn></msup>
    """
    return "".join(parts(thing, MATHML))


def parts(thing: Any, notation: Notation) -> list[str]:
    """What `text`, `latex` or `mathml` give, in parts between which a line may be broken."""
    if isinstance(thing, Relation):
        sign = notation.operator(_SIGNS[thing.op])
        right = notation.row([sign.lstrip(), _write(thing.right, notation).text], SUM)
        return [_write(thing.left, notation).text, right.text]
    if isinstance(thing, Formula):
        return _formula(thing, notation)
    return [_write(sp.sympify(thing), notation).text]


def _formula(formula: Formula, to: Notation) -> list[str]:
    written = parts(formula.relation, to)
    comma = to.operator(",")
    if formula.given:
        conditions = [" ".join(parts(given, to)) for given in formula.given]
        written.append(to.words("if ") + comma.join(conditions))
    if formula.forall:
        names = [_write(symbol, to).text for symbol in formula.forall]
        written.append(to.words("for all ") + comma.join(names))
    return written


def _write(term: Expr, to: Notation) -> Piece:
    kind = type(term).__name__
    if term.is_Symbol:
        return to.name(term.name)
    if term.is_Integer and term >= 0:
        return to.digits(str(term))
    if term.is_Add:
        return _sum(term, to)
    if term.could_extract_minus_sign() and (term.is_Mul or term.is_Number):
        inner = _write(-term, to)
        return to.row([to.sign("−"), bracketed(to, inner, PRODUCT)], SUM)
    if term.is_Rational:
        return to.fraction(to.digits(str(term.p)), to.digits(str(term.q)))
    if term.is_Mul:
        return _product(term, to)
    if term.is_Pow or isinstance(term, sp.exp):
        return _power(term, to)
    if kind in _LARGE:
        return _large(term, to)
    if isinstance(term, sp.Limit):
        body, variable, place = term.args[:3]
        below = [_write(variable, to).text, to.operator("→"), _write(place, to).text]
        return to.large("lim", to.row(below, SUM).text, "", _write(body, to))
    if isinstance(term, sp.factorial):
        return to.row([bracketed(to, _write(term.args[0], to), ATOM), to.sign("!")], POWER)
    if kind in _BRACKETS:
        left, right = _BRACKETS[kind]
        return to.brackets(left, _write(term.args[0], to), right)
    if isinstance(term, sp.loggamma):
        return to.call(to.name("ln"), [to.call(to.name("Gamma"), [_write(term.args[0], to)])])
    if isinstance(term, sp.Function | AppliedUndef | sp.Max | sp.Min):
        name = to.name(_NAMES.get(kind, term.func.__name__))
        return to.call(name, [_write(argument, to) for argument in term.args])
    return _constant(term, to)


def _constant(term: Expr, to: Notation) -> Piece:
    named = {sp.pi: "pi", sp.E: "e", sp.EulerGamma: "gamma"}
    if term == sp.oo:
        return Piece(to.sign("∞"))
    if term == -sp.oo:
        return to.row([to.sign("−"), to.sign("∞")], SUM)
    if term in named:
        return to.name(named[term])
    if term.is_Number:
        return to.digits(str(term))
    if isinstance(term, sp.Derivative) and len(term.args) == 2:
        below = to.row([to.name("d").text, " ", _write(term.variables[0], to).text], PRODUCT)
        rate = to.fraction(to.name("d"), below)
        return to.row([rate.text, to.operator(""), _bracketed(term.expr, to)], PRODUCT)
    # Nothing else is known; its name and arguments still say what it is.
    return to.call(to.name(type(term).__name__), [_write(one, to) for one in term.args])


def _bracketed(term: Expr, to: Notation) -> str:
    return bracketed(to, _write(term, to), POWER)


def _sum(term: Expr, to: Notation) -> Piece:
    """Terms with a minus last, so that a sum seldom starts with one; numbers after the others."""
    terms = sorted(
        term.as_ordered_terms(), key=lambda one: (one.could_extract_minus_sign(), one.is_Number)
    )
    written: list[str] = []
    for place, one in enumerate(terms):
        negative = one.could_extract_minus_sign()
        piece = _write(-one if negative else one, to)
        if place or negative:
            written.append(to.operator("−" if negative else "+") if place else to.sign("−"))
        last = place == len(terms) - 1
        written.append(bracketed(to, piece, RANGE if last and not negative else PRODUCT))
    return to.row(written, SUM)


def _product(term: Expr, to: Notation) -> Piece:
    above, below = sp.fraction(term, exact=True)
    if below != 1:
        # What has a range stays beside the fraction: it is too wide to stand on it.
        factors = sp.Mul.make_args(above)
        wide = [one for one in factors if one.has(sp.Sum, sp.Product, sp.Integral)]
        if wide and len(wide) < len(factors):
            rest = sp.Mul(*(one for one in factors if one not in wide)) / below
            return _row([rest, *wide], to)
        return to.fraction(_write(above, to), _write(below, to))
    return _row(sorted(term.as_ordered_factors(), key=_place), to)


def _place(factor: Expr) -> int:
    """Where a factor stands: functions behind powers, and what has a range last."""
    if type(factor).__name__ in _LARGE:
        return 4
    if isinstance(factor, AppliedUndef):
        return 3
    if isinstance(factor, sp.exp):
        return 2 if factor.args[0].could_extract_minus_sign() else 1
    return 0


def _row(factors: list[Expr], to: Notation) -> Piece:
    written: list[str] = []
    level = PRODUCT
    for place, one in enumerate(factors):
        piece = _write(one, to)
        last = place == len(factors) - 1
        if last and piece.level == RANGE:
            level = RANGE
        if place:
            written.append(to.operator(""))
        written.append(bracketed(to, piece, RANGE if last else PRODUCT))
    return to.row(written, level)


def _power(term: Expr, to: Notation) -> Piece:
    base, exponent = (sp.E, term.args[0]) if isinstance(term, sp.exp) else term.as_base_exp()
    if exponent == sp.Rational(1, 2):
        return to.root(_write(base, to))
    if exponent.is_Number and exponent < 0:
        return to.fraction(to.digits("1"), _write(base**-exponent, to))
    return to.power(_write(base, to), _write(exponent, to.small))


def _large(term: Expr, to: Notation) -> Piece:
    """Nested where there are several ranges; the first of them is the innermost."""
    body = _write(term.function, to)
    for variable, *ends in term.limits:
        sign = _LARGE[type(term).__name__]
        low, high = ("", "") if len(ends) < 2 else (_write(end, to).text for end in ends)
        if sign == "∫":
            # The d of the variable closes the integral.
            inner = [bracketed(to, body, PRODUCT), to.operator("d"), _write(variable, to).text]
            body = to.large(sign, low, high, to.row(inner, PRODUCT))
        else:
            start = [_write(variable, to).text, to.operator("="), low] if low else []
            body = to.large(sign, to.row(start, SUM).text if start else "", high, body)
    return body
