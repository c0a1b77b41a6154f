"""What a published fault is: a broken mechanism, its corrected twin, and the claim of both."""

import ast
import inspect
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from dpaudit.claims import Claim

__all__ = ["SIGMA", "Fault", "Floats", "lines_of", "two_sided_geometric"]

Floats = NDArray[np.float64]

#: Deviation of normal noise for sensitivity 1, epsilon = 1 and delta = 1e-5 (Dwork and Roth 2014).
SIGMA = math.sqrt(2.0 * math.log(1.25e5))

#: f(x, size, rng), which returns `size` outputs.
Mechanism = Callable[[Any, int, Generator], Any]


@dataclass(frozen=True)
class Fault:
    """One fault that somebody published, in a few lines.

    Attributes
    ----------
    name
        A short name, unique.
    source
        Where it was published: paper, or repository and number of the issue.
    what
        What is wrong, in a clause.
    broken, corrected
        f(x, size, rng): what the source describes, and the same without the fault.
    claim
        What both claim. It holds for `corrected` on `pairs`, and not for `broken`.
    pairs
        Inputs that the claim calls neighbours.
    options
        Options of `dpaudit.audit` that a user who suspects this fault gives.
    shown_by
        Draws that refute `broken` with near certainty, at an error probability of 1e-8.
    """

    name: str
    source: str
    what: str
    broken: Mechanism
    corrected: Mechanism
    claim: Claim
    pairs: Sequence[Sequence[Any]]
    options: Mapping[str, Any] = field(default_factory=dict)
    shown_by: int = 20_000


def lines_of(mechanism: Mechanism) -> int:
    """Lines of code of a mechanism, its `def` included; blank lines, comments and the docstring
    are not counted, nor is what it calls.

    Examples
    --------
    >>> lines_of(two_sided_geometric)
    4
    """
    source = textwrap.dedent(inspect.getsource(mechanism))
    definition = ast.parse(source).body[0]
    assert isinstance(definition, ast.FunctionDef)
    lines = [line.strip() for line in source.splitlines()]
    if ast.get_docstring(definition) is not None:
        text = definition.body[0]
        lines[text.lineno - 1 : text.end_lineno] = []
    return sum(line != "" and not line.startswith("#") for line in lines)


def two_sided_geometric(scale: float, shape: Any, rng: Generator) -> NDArray[np.int64]:
    """Whole numbers k with probabilities in proportion to e^(-|k|/scale)."""
    success = -np.expm1(-1.0 / scale)
    difference: NDArray[np.int64] = rng.geometric(success, shape) - rng.geometric(success, shape)
    return difference
