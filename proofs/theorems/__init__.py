"""The theorems by name, known without loading SymPy; one subject a file.

A file has a function `theorem()` for each entry, named by `attribute`. A test compares what the
entry promises with what the theorem says of itself and with what the checker finds.
"""

import difflib
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from ...errors import InputError

if TYPE_CHECKING:
    from ..model import Theorem

__all__ = ["EXPECTED", "THEOREMS", "Entry", "catalogue", "find"]


@dataclass(frozen=True)
class Entry:
    """Where a theorem is, which status it is expected to have, and which mechanism it covers."""

    name: str
    module: str
    attribute: str = "theorem"
    expected: str = "proved"
    mechanism: str | None = None


#: In the order in which they are shown.
_ENTRIES = (
    Entry("metric-exponential", ".metric_exponential", mechanism="metric-exponential"),
    Entry("random-cutoff", ".random_cutoff", mechanism="random-cutoff-exponential"),
    Entry("randomized-response", ".randomized_response", mechanism="randomized-response"),
)

THEOREMS = {entry.name: entry for entry in _ENTRIES}

#: The expected status of every theorem.
EXPECTED = {entry.name: entry.expected for entry in _ENTRIES}


@cache
def find(name: str) -> "Theorem":
    """The theorem of that name.

    Raises
    ------
    InputError
        If there is none.

    >>> find("random-cutoff").mechanism
    'random-cutoff-exponential'
    """
    if name not in THEOREMS:
        close = difflib.get_close_matches(name, THEOREMS, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise InputError(f"There is no theorem {name!r}.{hint} Known: {', '.join(THEOREMS)}.")
    entry = THEOREMS[name]
    found: Theorem = getattr(import_module(entry.module, __package__), entry.attribute)()
    return found


def catalogue() -> tuple["Theorem", ...]:
    """All theorems, in the order in which they are shown."""
    return tuple(find(name) for name in THEOREMS)
