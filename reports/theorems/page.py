"""Theorems as one HTML page: formulas are MathML, which browsers draw by themselves."""

from collections.abc import Iterable

from markupsafe import Markup

from ... import __version__
from ...proofs.checker import trusted_base
from ...proofs.display.derivation import derivation, example_sentence
from ...proofs.display.document import Checked
from ...proofs.display.formulas import parts
from ...proofs.display.notations import MATHML
from ...proofs.language import Formula, Relation
from ..page import environment

__all__ = ["render"]

_SYMBOLS = {
    "proved": "upheld",
    "refuted": "violated",
    "false as audited": "violated",
    "open": "inconclusive",
}


def render(theorems: Iterable[Checked]) -> str:
    """The page as HTML text: no scripts, nothing loaded, the same bytes for the same result."""
    entries = [
        {
            "theorem": theorem,
            "result": result,
            "symbol": _SYMBOLS[result.status],
            "lines": derivation(theorem, result),
            "used": sorted({name for step in result.steps for name in step.checked_by}),
            "rejections": rejections,
            "example": example_sentence(theorem, result),
        }
        for theorem, result, rejections in theorems
    ]
    return (
        environment()
        .get_template("theorems.html")
        .render(entries=entries, base=trusted_base(), formula=_formula, version=__version__)
    )


def _formula(formula: Relation | Formula) -> Markup:
    """A line may be broken between the elements: a formula on a narrow page takes several."""
    drawn = "\n".join(
        f'<math displaystyle="true"><mrow>{part}</mrow></math>' for part in parts(formula, MATHML)
    )
    return Markup(f'<div class="formula">{drawn}</div>')  # names in it are escaped by the notation
