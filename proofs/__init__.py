"""The proof checker and its theorems (specification, section 8).

A theorem is data: what it assumes, what it concludes, and the steps between. Each step follows
from earlier ones by one of a few rules (`rules`), or is decided by an engine (`engines`).

>>> result = check(find("metric-exponential"))
>>> result.verdict
'proved'

Every name below is loaded when first used: SymPy and z3 are heavy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cache import check
    from .checker import trusted_base
    from .model import StepResult, Theorem, TheoremResult
    from .theorems import EXPECTED, catalogue, find

_HOMES = {
    "EXPECTED": ".theorems",
    "StepResult": ".model",
    "Theorem": ".model",
    "TheoremResult": ".model",
    "catalogue": ".theorems",
    "check": ".cache",
    "find": ".theorems",
    "trusted_base": ".checker",
}

__all__ = [
    "EXPECTED",
    "StepResult",
    "Theorem",
    "TheoremResult",
    "catalogue",
    "check",
    "find",
    "trusted_base",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
