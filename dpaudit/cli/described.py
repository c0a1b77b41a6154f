"""What is known of one mechanism by name: parameters with defaults and ranges, claim, evidence.

Ranges and meanings are those of the docstring, section “Parameters”, where they are written down
once for Python and the command line.
"""

import inspect
import re
from dataclasses import dataclass
from typing import Any

from ..visible import visible
from .targets import Target

__all__ = ["ParameterLine", "parameter_lines", "summary_of"]


#: What numeric mechanisms do not repeat in every docstring (`specimen.require_epsilon`).
_OF_NUMBERS = {"epsilon": "Privacy loss in nats; from 1e-09 to 1e+09."}


@dataclass(frozen=True)
class ParameterLine:
    """A parameter: name, “required”, “optional” or its default, meaning and range."""

    name: str
    default: str
    meaning: str


def summary_of(found: Any) -> str:
    """The first paragraph of a docstring on one line.

    >>> summary_of(summary_of)
    'The first paragraph of a docstring on one line.'
    """
    text = inspect.getdoc(found) or ""
    return visible(" ".join(text.split("\n\n")[0].split()))


def parameter_lines(target: Target) -> list[ParameterLine]:
    """The parameters that --epsilon and --set give to a mechanism.

    Examples
    --------
    >>> from dpaudit.cli.targets import find_target
    >>> [line.name for line in parameter_lines(find_target("metric-exponential"))]
    ['epsilon', 'sampler']
    >>> parameter_lines(find_target("laplace"))[0].default
    'default 0.1'
    """
    found = target.found if target.entry is None else target.entry.load()
    given = {} if target.entry is None else target.entry.defaults
    meanings = {**({} if target.entry is None else _OF_NUMBERS), **_meanings_of(found)}
    try:
        signature = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):  # some classes in C do not tell
        return []
    inputs = () if inspect.isclass(found) or target.words else ("x", "size", "rng")
    return [
        ParameterLine(
            one.name,
            _default(given.get(one.name, one.default), one.empty),
            meanings.get(one.name, ""),
        )
        for place, one in enumerate(signature)
        if one.name != "space" and not (inputs and (place == 0 or one.name in inputs))
    ]


def _meanings_of(found: Any) -> dict[str, str]:
    """What the docstring says, or the one that it refers to: “Parameters as in `SparseVector1`”."""
    text = inspect.getdoc(found) or ""
    other = re.search(r"Parameters\s+as\s+in\s+`(\w+)`", text)
    same = getattr(inspect.getmodule(found), other[1], None) if other else None
    return {**(_meanings_of(same) if same else {}), **_meanings(text)}


def _default(value: Any, missing: Any) -> str:
    if value is missing:
        return "required"
    return "optional" if value is None else f"default {visible(str(value))}"


def _meanings(docstring: str) -> dict[str, str]:
    """Names and descriptions of the section “Parameters” of a docstring.

    >>> _meanings("A.\\n\\nParameters\\n----------\\nk\\n    Words; 1 to n.\\n\\nExamples\\n---")
    {'k': 'Words; 1 to n.'}
    """
    section = re.search(r"^Parameters\n-+\n(.*?)(?=\n\n\S|\Z)", docstring, re.S | re.M)
    found: dict[str, list[str]] = {}
    names: list[str] = []
    for line in section[1].splitlines() if section else []:
        if line and not line.startswith(" "):
            names = [name.strip() for name in line.split(",")]
            found |= {name: [] for name in names}
        else:
            for name in names:
                found[name].append(line.strip())
    return {name: visible(" ".join(lines).strip()) for name, lines in found.items()}
