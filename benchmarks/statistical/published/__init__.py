"""Published faults of libraries and papers, each in a few lines with its corrected twin.

A module a family; `FAULTS` has all of them. Every mechanism is a function f(x, size, rng) whose
outputs have the type that those of its source have: numbers, texts, None, lists of different
lengths, dictionaries.
"""

from benchmarks.statistical.published import (
    counting,
    crashes,
    learning,
    local,
    noise,
    selection,
    synthetic,
    text,
)
from benchmarks.statistical.published.fault import Fault, lines_of

__all__ = ["FAULTS", "Fault", "lines_of"]

FAULTS: tuple[Fault, ...] = (
    *noise.FAULTS,
    *counting.FAULTS,
    *learning.FAULTS,
    *selection.FAULTS,
    *local.FAULTS,
    *text.FAULTS,
    *synthetic.FAULTS,
    *crashes.FAULTS,
)
