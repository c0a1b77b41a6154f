"""Three ways to write the same formula: as text, in LaTeX, in MathML.

A notation puts pieces together; `formulas` knows which. A piece is what was written so far, with
how tightly its last operation binds, so that brackets are set where they are needed and only there.
"""

import unicodedata
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self
from xml.sax.saxutils import escape

__all__ = ["LATEX", "MATHML", "TEXT", "Notation", "Piece"]

#: How tightly operations bind. A sum over a range reaches as far to the right as it can.
SUM, RANGE, PRODUCT, POWER, ATOM = range(5)


class Piece(NamedTuple):
    """Something written, and how tightly its last operation binds."""

    text: str
    level: int = ATOM


class Notation(Protocol):
    """How to write the parts of a formula."""

    @property
    def small(self) -> "Notation":
        """For exponents."""
        ...

    def name(self, name: str) -> Piece:
        """A symbol, with a subscript after an underscore; Greek letters by their English names."""
        ...

    def digits(self, digits: str) -> Piece:
        """A number that is not negative."""
        ...

    def words(self, words: str) -> str:
        """Words within a formula."""
        ...

    def sign(self, sign: str) -> str:
        """A sign before or after a piece, or the sign for infinity."""
        ...

    def operator(self, sign: str) -> str:
        """A sign between two pieces: "" between factors, "d" before the variable of an integral."""
        ...

    def row(self, parts: list[str], level: int) -> Piece:
        """Pieces and signs one after the other."""
        ...

    def fraction(self, above: Piece, below: Piece) -> Piece:
        """A fraction."""
        ...

    def power(self, base: Piece, exponent: Piece) -> Piece:
        """A power; the exponent was written by `small`."""
        ...

    def root(self, of: Piece) -> Piece:
        """A square root."""
        ...

    def call(self, name: Piece, arguments: list[Piece]) -> Piece:
        """A function of its arguments; a power of it is that of its value, in brackets."""
        ...

    def brackets(self, left: str, inner: Piece, right: str) -> Piece:
        """A piece between two brackets."""
        ...

    def large(self, sign: str, below: str, above: str, body: Piece) -> Piece:
        """A sum, product, integral or limit; what stands below and above may be empty."""
        ...


def bracketed(notation: Notation, piece: Piece, least: int) -> str:
    """The piece, in brackets if it binds less tightly than `least`."""
    return piece.text if piece.level >= least else notation.brackets("(", piece, ")").text


def _split(name: str) -> tuple[str, str]:
    base, _, index = name.strip("_").partition("_")
    return base, index


def _greek(name: str) -> str:
    """The letter of that English name, or the name itself.

    >>> _greek("epsilon"), _greek("Delta"), _greek("lambda"), _greek("x")
    ('ε', 'Δ', 'λ', 'x')
    """
    size = "CAPITAL" if name[:1].isupper() else "SMALL"
    spelt = {"LAMBDA": "LAMDA"}.get(name.upper(), name.upper())
    try:
        return unicodedata.lookup(f"GREEK {size} LETTER {spelt}") if len(name) > 1 else name
    except KeyError:
        return name


@dataclass(frozen=True)
class _Text:
    """One line of Unicode."""

    @property
    def small(self) -> Self:
        return self

    def name(self, name: str) -> Piece:
        base, index = _split(name)
        return Piece(f"{_greek(base)}_{_greek(index)}" if index else _greek(base))

    def digits(self, digits: str) -> Piece:
        return Piece(digits)

    def words(self, words: str) -> str:
        return words

    def sign(self, sign: str) -> str:
        return sign

    def operator(self, sign: str) -> str:
        return {"": "·", ",": ", ", "d": " d"}.get(sign, f" {sign} ")

    def row(self, parts: list[str], level: int) -> Piece:
        return Piece("".join(parts), level)

    def fraction(self, above: Piece, below: Piece) -> Piece:
        parts = bracketed(self, above, PRODUCT), bracketed(self, below, POWER)
        return Piece("/".join(parts), PRODUCT)

    def power(self, base: Piece, exponent: Piece) -> Piece:
        raised = exponent.text if exponent.level == ATOM else f"({exponent.text})"
        return Piece(f"{bracketed(self, base, ATOM)}^{raised}", POWER)

    def root(self, of: Piece) -> Piece:
        return Piece(f"√{bracketed(self, of, ATOM)}", POWER)

    def call(self, name: Piece, arguments: list[Piece]) -> Piece:
        return Piece(f"{name.text}({','.join(piece.text for piece in arguments)})", POWER)

    def brackets(self, left: str, inner: Piece, right: str) -> Piece:
        return Piece(f"{left}{inner.text}{right}")

    def large(self, sign: str, below: str, above: str, body: Piece) -> Piece:
        low = f"_{{{below.replace(' = ', '=')}}}" if below else ""
        high = f"^{{{above}}}" if above else ""
        return Piece(f"{sign}{low}{high} {bracketed(self, body, RANGE)}", RANGE)


_LATEX_SIGNS = {
    "": " ",
    "d": r"\, d",
    "∞": r"\infty",
    ",": ", ",
    "≤": r" \le ",
    "<": " < ",
    "=": " = ",
    "≠": r" \ne ",
    "−": " - ",
    "→": r" \to ",
    "∑": r"\sum",
    "∏": r"\prod",
    "∫": r"\int",
    "lim": r"\lim",
    "⌊": r"\lfloor ",
    "⌋": r" \rfloor",
    "⌈": r"\lceil ",
    "⌉": r" \rceil",
}
_LATEX_NAMES = {"epsilon": "varepsilon", "phi": "varphi"}
#: Functions that are set upright, with a little space before them.
_WORDS = {"ln", "exp", "max", "min", "lim", "sin", "cos", "det"}


@dataclass(frozen=True)
class _Latex:
    """LaTeX, for math mode, with amsmath. `slashed` writes fractions on one line."""

    slashed: bool = False

    @property
    def small(self) -> "_Latex":
        return _Latex(slashed=True)

    def name(self, name: str) -> Piece:
        base, index = _split(name)
        below = f"_{{{self._letters(index)}}}" if index else ""
        return Piece(self._letters(base) + below)

    def _letters(self, name: str) -> str:
        if name in _WORDS:
            return f"\\{name}"
        if _greek(name) != name:
            return f"\\{_LATEX_NAMES.get(name, name)}"
        return name if len(name.rstrip("'")) <= 1 or name.isdigit() else rf"\mathrm{{{name}}}"

    def digits(self, digits: str) -> Piece:
        return Piece(digits)

    def words(self, words: str) -> str:
        return rf"\quad\text{{{words}}}"

    def sign(self, sign: str) -> str:
        return _LATEX_SIGNS.get(sign, sign).strip()

    def operator(self, sign: str) -> str:
        return _LATEX_SIGNS.get(sign, f" {sign} ")

    def row(self, parts: list[str], level: int) -> Piece:
        return Piece("".join(parts), level)

    def fraction(self, above: Piece, below: Piece) -> Piece:
        if self.slashed:
            top, bottom = bracketed(self, above, PRODUCT), bracketed(self, below, POWER)
            return Piece(f"{top} / {bottom}", PRODUCT)
        return Piece(rf"\frac{{{above.text}}}{{{below.text}}}", PRODUCT)

    def power(self, base: Piece, exponent: Piece) -> Piece:
        return Piece(f"{bracketed(self, base, ATOM)}^{{{exponent.text}}}", POWER)

    def root(self, of: Piece) -> Piece:
        return Piece(rf"\sqrt{{{of.text}}}")

    def call(self, name: Piece, arguments: list[Piece]) -> Piece:
        inner = Piece(", ".join(piece.text for piece in arguments))
        return Piece(name.text + self.brackets("(", inner, ")").text, POWER)

    def brackets(self, left: str, inner: Piece, right: str) -> Piece:
        opening, closing = (_LATEX_SIGNS.get(sign, sign) for sign in (left, right))
        tall = any(sign in inner.text for sign in (r"\frac", r"\sum", r"\int", r"\prod"))
        if tall:
            return Piece(rf"\left{opening.strip()} {inner.text} \right{closing.strip()}")
        return Piece(f"{opening}{inner.text}{closing}")

    def large(self, sign: str, below: str, above: str, body: Piece) -> Piece:
        low = f"_{{{below}}}" if below else ""
        high = f"^{{{above}}}" if above else ""
        written = bracketed(self, body, RANGE)
        return Piece(f"{_LATEX_SIGNS[sign]}{low}{high} {written}", RANGE)


@dataclass(frozen=True)
class _MathML:
    """Presentation MathML, the part that all browsers draw (MathML Core)."""

    slashed: bool = False

    @property
    def small(self) -> "_MathML":
        return _MathML(slashed=True)

    def name(self, name: str) -> Piece:
        base, index = _split(name)
        written = f"<mi>{escape(_greek(base))}</mi>"
        if base in _WORDS:
            return Piece(f'<mrow><mspace width="0.17em"/>{written}</mrow>')
        if index:
            inner = f"<mn>{index}</mn>" if index.isdigit() else f"<mi>{escape(_greek(index))}</mi>"
            written = f"<msub>{written}{inner}</msub>"
        return Piece(written)

    def digits(self, digits: str) -> Piece:
        return Piece(f"<mn>{digits}</mn>")

    def words(self, words: str) -> str:
        return f'<mspace width="1em"/><mtext>{escape(words).replace(" ", "&#xA0;")}</mtext>'

    def sign(self, sign: str) -> str:
        return f"<mo>{sign}</mo>" if sign != "∞" else "<mi>∞</mi>"

    def operator(self, sign: str) -> str:
        if sign == "d":
            return '<mspace width="0.17em"/><mi>d</mi>'
        if sign in ("≤", "<", "=", "≠"):
            # What stands before it may be in another element, on another line.
            return f'<mo form="infix">{escape(sign)}</mo>'
        return f"<mo>{escape(sign) or '&#x2062;'}</mo>"  # invisible times

    def row(self, parts: list[str], level: int) -> Piece:
        return Piece(f"<mrow>{''.join(parts)}</mrow>", level)

    def fraction(self, above: Piece, below: Piece) -> Piece:
        if self.slashed:
            top, bottom = bracketed(self, above, PRODUCT), bracketed(self, below, POWER)
            return Piece(f"<mrow>{top}<mo>/</mo>{bottom}</mrow>", PRODUCT)
        return Piece(f"<mfrac>{above.text}{below.text}</mfrac>", PRODUCT)

    def power(self, base: Piece, exponent: Piece) -> Piece:
        return Piece(f"<msup>{bracketed(self, base, ATOM)}{exponent.text}</msup>", POWER)

    def root(self, of: Piece) -> Piece:
        return Piece(f"<msqrt>{of.text}</msqrt>")

    def call(self, name: Piece, arguments: list[Piece]) -> Piece:
        inner = self.operator(",").join(piece.text for piece in arguments)
        written = self.brackets("(", Piece(inner), ")").text
        return Piece(f"<mrow>{name.text}<mo>&#x2061;</mo>{written}</mrow>", POWER)  # apply function

    def brackets(self, left: str, inner: Piece, right: str) -> Piece:
        # Some browsers set space around brackets that may grow.
        tall = any(tag in inner.text for tag in ("<mfrac", "<munder", "<msubsup"))
        fence = "<mo>{}</mo>" if tall else '<mo stretchy="false">{}</mo>'
        return Piece(f"<mrow>{fence.format(left)}{inner.text}{fence.format(right)}</mrow>")

    def large(self, sign: str, below: str, above: str, body: Piece) -> Piece:
        low, high = f"<mrow>{below}</mrow>", f"<mrow>{above}</mrow>"
        mark = f"<mo>{sign}</mo>"
        beside = sign == "∫"
        if below and above:
            tag = "msubsup" if beside else "munderover"
            mark = f"<{tag}>{mark}{low}{high}</{tag}>"
        elif below:
            tag = "msub" if beside else "munder"
            mark = f"<{tag}>{mark}{low}</{tag}>"
        return Piece(f"<mrow>{mark}{bracketed(self, body, RANGE)}</mrow>", RANGE)


TEXT: Notation = _Text()
LATEX: Notation = _Latex()
MATHML: Notation = _MathML()
