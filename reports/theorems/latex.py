"""Derivations as one LaTeX document that Debian's texlive-latex-base compiles."""

import unicodedata
from collections.abc import Iterable, Iterator

from ... import __version__
from ...proofs.checker import trusted_base
from ...proofs.display.derivation import Line, derivation, example_sentence
from ...proofs.display.document import Checked, Rejection
from ...proofs.display.formulas import parts
from ...proofs.display.notations import LATEX
from ...proofs.language import Formula, Relation
from ...proofs.model import Theorem, TheoremResult

__all__ = ["escape", "render"]

#: A formula that is wider than the line is set in two lines, each made to fit.
_HEAD = r"""\documentclass[11pt]{article}
\usepackage[utf8]{inputenc}
\usepackage[a4paper,margin=22mm]{geometry}
\usepackage{amsmath,amssymb,amsthm,alltt,graphicx}
\newtheorem*{theorem}{Theorem}
\newcommand{\fit}[1]{\sbox0{$\displaystyle #1$}%
  \ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi}
\newcommand{\relation}[2]{\sbox2{$\displaystyle #1 #2$}%
  \[\ifdim\wd2>\linewidth\begin{gathered}\fit{#1}\\\fit{#2}\end{gathered}\else\usebox2\fi\]}
\setlength{\parindent}{0pt}
\setlength{\emergencystretch}{3em}
\begin{document}
"""

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\(<\)",
    ">": r"\(>\)",
    "|": r"\(|\)",
    '"': r"{\char34}",
    "…": r"\dots{}",
    "–": "--",
    "—": "---",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "§": r"\S{}",
    "\u00a0": "~",
}
_MATH = {
    "≤": r"\le",
    "≥": r"\ge",
    "≠": r"\ne",
    "≈": r"\approx",
    "≡": r"\equiv",
    "∝": r"\propto",
    "∞": r"\infty",
    "·": r"\cdot",
    "×": r"\times",
    "±": r"\pm",
    "−": "-",
    "∑": r"\sum",
    "Σ": r"\Sigma",
    "∏": r"\prod",
    "∫": r"\int",
    "√": r"\surd",
    "∂": r"\partial",
    "→": r"\to",
    "↦": r"\mapsto",
    "⇒": r"\Rightarrow",
    "⇔": r"\Leftrightarrow",
    "∈": r"\in",
    "∉": r"\notin",
    "∪": r"\cup",
    "∩": r"\cap",
    "⊂": r"\subset",
    "⊆": r"\subseteq",
    "∀": r"\forall",
    "∃": r"\exists",
    "⊢": r"\vdash",
    "‖": r"\|",
    "′": "'",
    "⌊": r"\lfloor",
    "⌋": r"\rfloor",
    "⌈": r"\lceil",
    "⌉": r"\rceil",
    "½": r"\tfrac12",
    "ℝ": r"\mathbb{R}",
    "ℕ": r"\mathbb{N}",
    "ℤ": r"\mathbb{Z}",
}
_GREEK = {"epsilon": "varepsilon", "phi": "varphi", "lamda": "lambda", "final sigma": "varsigma"}


#: A label, a sentence, what it says formally, and what comes after that.
_Item = tuple[str, str, Relation | Formula | None, str]


def render(theorems: Iterable[Checked]) -> str:
    """The document: a section for each theorem, and at the end what all of them rest on."""
    lines = [_HEAD]
    for checked in theorems:
        lines += _section(*checked)
    return "\n".join([*lines, *_trusted(), r"\end{document}", ""])


def escape(text: str) -> str:
    r"""Text for LaTeX: special characters are quoted, signs become mathematics, and what LaTeX
    cannot print is named by its code.

    >>> print(escape("50% of ε_1 ≤ 2² in “R&D”, naïve, 日"))
    50\% of \(\varepsilon\)\_1 \(\le\) 2\(^{2}\) in ``R\&D'', naïve, \texttt{U+65E5}
    """
    return "".join(_character(one) for one in text)


def _character(one: str) -> str:
    if one in _SPECIAL:
        return _SPECIAL[one]
    if one in _MATH:
        return rf"\({_MATH[one]}\)"
    # Printable ASCII, and the letters of Latin-1 and Latin Extended-A.
    if one in "\n\t" or " " <= one <= "~" or ("À" <= one <= "ſ" and one.isalpha()):
        return one
    kind, _, letter = unicodedata.name(one, "").lower().rpartition(" letter ")
    if kind == "greek small":
        return rf"\(\{_GREEK.get(letter, letter)}\)"
    if kind == "greek capital":
        return rf"\(\{letter.capitalize()}\)"
    how, _, codes = unicodedata.decomposition(one).partition(" ")
    if how in ("<super>", "<sub>") and " " not in codes:
        mark = "^" if how == "<super>" else "_"
        inner = _character(chr(int(codes, 16))).removeprefix(r"\(").removesuffix(r"\)")
        return rf"\({mark}{{{inner}}}\)"
    return rf"\texttt{{U+{ord(one):04X}}}"


def _section(
    theorem: Theorem, result: TheoremResult, rejections: tuple[Rejection, ...] | None
) -> Iterator[str]:
    yield rf"\section*{{{escape(theorem.title)}}}"
    yield rf"\textbf{{{escape(result.verdict.capitalize())}}} (\texttt{{{escape(theorem.name)}}})."
    if result.note:
        yield rf"\emph{{{escape(result.note)}}}"
    yield "\\begin{theorem}" + escape(theorem.words)
    yield rf"\[\fit{{{theorem.latex}}}\]"
    yield r"\end{theorem}"
    if theorem.refutes:
        yield rf"It contradicts: {escape(theorem.refutes)}\par"
    if theorem.mechanism:
        yield rf"It covers \texttt{{{escape(theorem.mechanism)}}}: {escape(theorem.covers)}.\par"
    yield rf"Source: {escape(theorem.reference)}.\par"
    assumed = (
        (rf"\textit{{{escape(one.name)}}}", escape(one.words), one.formula, "")
        for one in theorem.assumptions
    )
    yield from _list("Assumptions", assumed)
    yield escape(example_sentence(theorem, result))
    proof = (
        (f"({line.number})", escape(line.words), line.relation, _why(line))
        for line in derivation(theorem, result)
    )
    yield from _list("Proof", proof)
    yield r"\subsection*{Conclusion}"
    yield from map(_displayed, theorem.conclusions)
    yield from _rests_on(theorem, result)
    if theorem.counterexample:
        yield rf"\subsection*{{Counterexample}}{{\footnotesize\begin{{alltt}}{_code(theorem)}"
        yield r"\end{alltt}}"
    if rejections is not None:
        yield from _list("Mutations, wrong on purpose", map(_mutation, rejections))


def _code(theorem: Theorem) -> str:
    """Braces as they are in typewriter type: LaTeX takes them from another font."""
    code = escape(theorem.counterexample.strip())
    return code.replace(r"\{", r"{\char123}").replace(r"\}", r"{\char125}")


def _list(title: str, items: Iterable[_Item]) -> Iterator[str]:
    found = list(items)
    if not found:
        return
    yield rf"\subsection*{{{title}}}"
    yield r"\begin{description}"
    for label, sentence, formula, end in found:
        yield rf"\item[{label}] {sentence}" + (_displayed(formula) if formula else "") + end
    yield r"\end{description}"


def _displayed(formula: Relation | Formula) -> str:
    left, *rest = parts(formula, LATEX)
    return rf"\relation{{{left}}}{{{' '.join(rest)}}}"


def _why(line: Line) -> str:
    reason = f"{line.because} [{line.rule}]" if line.rule else line.because
    why = rf"\hspace*{{\fill}}{{\small {escape(reason)}}}"
    if line.result.status == "checked":
        return why
    return rf"{why}\par\textbf{{{line.result.status}: {escape(line.result.note)}}}"


def _rests_on(theorem: Theorem, result: TheoremResult) -> Iterator[str]:
    assumed = ", ".join(one.name for one in theorem.assumptions) or "nothing"
    cited = ", ".join(result.axioms) or "none"
    used = sorted({name for step in result.steps for name in step.checked_by})
    yield r"\subsection*{Rests on}"
    yield rf"Assumptions: {escape(assumed)}. Axioms: {escape(cited)}."
    yield rf"Checked by: {escape(', '.join(used) or 'nothing')}.\par"


def _mutation(rejection: Rejection) -> _Item:
    mutation, result = rejection
    found = f"Rejected: {result.note}" if not result.established else "Accepted, which is wrong"
    label = rf"\textit{{{escape(mutation.name)}}}"
    return label, f"{escape(mutation.words)}. {escape(found)}.", None, ""


def _trusted() -> Iterator[str]:
    yield r"\section*{What is trusted}"
    yield rf"dpaudit {escape(__version__)}: its checker and formal language, SymPy's answers about"
    yield r"the signs of terms, and:"
    yield r"\begin{description}"
    for part, entries in trusted_base().items():
        for name, words in entries.items():
            yield rf"\item[{escape(name)}] ({escape(part)}) {escape(words)}"
        if not entries:
            yield rf"\item[no {escape(part)}]"
    yield r"\end{description}"
