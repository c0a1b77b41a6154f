"""The engines by name. Each has one function, `decide(premises, goal)`, that answers whether the
goal holds wherever the premises do."""

import hashlib
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import distribution, version
from typing import TYPE_CHECKING

from .answer import UNKNOWN, Answer

if TYPE_CHECKING:
    from ..language import Relation

__all__ = ["ENGINES", "UNKNOWN", "Answer", "engine", "installed", "versions"]

#: Name, module, and the distribution whose version is the engine's.
ENGINES = {
    "sympy": (".with_sympy", "sympy"),
    "z3": (".with_z3", "z3-solver"),
    "arb": (".with_arb", "python-flint"),
}

Decide = Callable[["tuple[Relation, ...]", "Relation"], Answer]


def engine(name: str) -> Decide:
    """The engine of that name, imported when first asked for."""
    decide: Decide = import_module(ENGINES[name][0], __package__).decide
    return decide


def versions() -> dict[str, str]:
    """The installed version of every engine, without loading any."""
    return {name: version(distribution) for name, (_, distribution) in ENGINES.items()}


@cache
def installed() -> list[list[str]]:
    """The libraries behind the engines: name, version, and a digest of the list of their files with
    the digests that the installer wrote down. None is loaded."""
    found = []
    for name in sorted({*(name for _, name in ENGINES.values()), "mpmath"}):
        package = distribution(name)
        record = package.read_text("RECORD") or ""
        found.append([name, package.version, hashlib.sha256(record.encode("utf-8")).hexdigest()])
    return found
