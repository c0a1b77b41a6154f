"""The audit of one mechanism as one HTML page that needs nothing but itself."""

import math
import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from ..files import write_whole
from ..results import AuditResult, WitnessLawCurve, wording

__all__ = ["render", "write"]

#: Outputs listed beneath the figure of the laws.
_LISTED = 12


def render(result: AuditResult) -> str:
    """The page as HTML text: no scripts, nothing loaded, the same bytes for the same result.

    Parts that the result lacks are left out, or replaced by a line that says so.
    """
    from .figures import figures  # matplotlib, which only a page needs

    return (
        _environment()
        .get_template("audit.html")
        .render(
            result=result,
            say=wording,
            figures=figures(result),
            outputs=_listed_outputs(result.curves.witness_law),
        )
    )


def write(result: AuditResult, path: str | Path) -> None:
    """Write the page to a file, whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    write_whole(path, render(result))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"prose": _prose, "log2": math.log2}
    return environment


def _prose(sentence: str) -> Markup:
    """A sentence, escaped, each quoted word in a direction of its own: a word that is written
    from right to left must not turn the sentence around it.

    >>> str(_prose("From “<b>” to “b”."))
    'From “<bdi>&lt;b&gt;</bdi>” to “<bdi>b</bdi>”.'
    """
    return Markup(re.sub("“(.+?)”", r"“<bdi>\1</bdi>”", str(escape(sentence))))


def _listed_outputs(law: WitnessLawCurve | None) -> list[tuple[int, str, str, str]]:
    """Rank, word and both probabilities of the outputs nearest to the input."""
    if law is None:
        return []
    rows = zip(
        law.rank,
        law.word,
        map(wording.probability, law.log_probability_input),
        map(wording.probability, law.log_probability_neighbour),
        strict=True,
    )
    return list(rows)[:_LISTED]
