"""The audit of one mechanism as one HTML page that needs nothing but itself."""

import math
import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from ..files import write_whole
from ..results import AuditResult, Verdict, wording
from ..visible import visible

__all__ = ["environment", "render", "write"]

#: Outputs listed beneath the figure of the laws, beside those of the witness.
_LISTED = 12

#: Nats beyond which an attacker's odds are called certainty: a factor of 10^30.
_CERTAIN = 30.0 * math.log(10.0)


def render(result: AuditResult, command: str | None = None) -> str:
    """The page as HTML text: no scripts, nothing loaded, the same bytes for the same result.

    Parts that the result lacks are left out, or replaced by a line that says so. `command` repeats
    the audit, where the result does not hold all that it needs.
    """
    from .figures import LEAST_MASS, figures  # matplotlib, which only a page needs

    return (
        environment()
        .get_template("audit.html")
        .render(
            result=result,
            say=wording,
            figures=figures(result),
            least_mass=LEAST_MASS,
            command=wording.command(result) or command,
            conclusion=_conclusion(result),
            outputs=_listed_outputs(result),
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
def environment() -> Environment:
    """Templates of this folder; what they are given is text, never markup."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"prose": _prose, "log2": math.log2}
    return environment


def _finalized(value: object) -> object:
    """What a template is given, with foreign text in it made visible; markup is our own."""
    return visible(value, lines=True) if type(value) is str else value


def _prose(sentence: str) -> Markup:
    """A sentence, escaped, each quoted word in a direction of its own: a word that is written
    from right to left must not turn the sentence around it.

    >>> str(_prose("From “<b>” to “b”."))
    'From “<bdi>&lt;b&gt;</bdi>” to “<bdi>b</bdi>”.'
    """
    return Markup(re.sub("“(.+?)”", r"“<bdi>\1</bdi>”", str(escape(visible(sentence)))))


def _conclusion(result: AuditResult) -> str | None:
    """What an attacker makes of the witness of a violation, in words, where the mechanism does
    not say it in its explanation."""
    witness = result.witness
    if result.verdict is not Verdict.VIOLATED or witness is None or result.explanation:
        return None
    if result.attack is not None:  # which says it by its right guesses
        return None
    allowed = result.claim.epsilon * witness.distance
    loss = witness.log_ratio.lower
    if loss <= allowed:  # what breaks the claim is its delta
        return None
    word = witness.output
    seen = f"“{word}”" if word is not None else f"an outcome in {witness.event}"
    start = (
        f"What an attacker concludes: whoever sees {seen} and knows that the input was "
        f"“{witness.input}” or “{witness.neighbour}”"
    )
    but = " outside its failure mass δ" if result.claim.delta else ""
    if math.isinf(loss):
        certain = f"is certain that it was “{witness.input}”"
        return f"{start} {certain}. The claim allows no such output{but}."
    odds = f"may multiply the odds of “{witness.input}” by {_factor(loss)}"
    if loss > _CERTAIN:
        odds += ", which is as good as certainty"
    return f"{start} {odds}. The claim allows a factor of at most {_factor(allowed)}{but}."


def _factor(logarithm: float) -> str:
    """A factor for reading, from its natural logarithm, even when it overflows.

    >>> _factor(math.log(20.0)), _factor(4000.0)
    ('20', '10^1737.2')
    """
    if logarithm < math.log(1e6):
        return wording.number(math.exp(logarithm))
    return f"10^{logarithm / math.log(10.0):.1f}"


def _listed_outputs(result: AuditResult) -> list[tuple[int, str, str, str]]:
    """Rank, word and both probabilities of the outputs nearest to the input and of the words of
    the witness."""
    law, witness = result.curves.witness_law, result.witness
    if law is None:
        return []
    named = (witness.neighbour, witness.output) if witness else ()
    rows = zip(
        law.rank,
        law.word,
        map(wording.probability, law.log_probability_input),
        map(wording.probability, law.log_probability_neighbour),
        strict=True,
    )
    return [row for place, row in enumerate(rows) if place < _LISTED or row[1] in named]
