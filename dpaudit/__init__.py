"""dpaudit checks claims of differential privacy: exactly, statistically, symbolically.

    space = dpaudit.EmbeddingSpace.builtin()
    mechanism = dpaudit.mechanisms.MetricExponential(space, epsilon=12)
    result = dpaudit.audit(mechanism)
    print(result)

Every name below is loaded when first used, so that `import dpaudit` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import mechanisms
    from .auditing import audit
    from .certificates import Certificate, verify
    from .claims import ApproximateDP, MetricDP, PureDP
    from .errors import (
        ClaimError,
        DPAuditError,
        InputError,
        MemoryNeededError,
        NumericalError,
        SpaceError,
        UnknownWordError,
        VerdictError,
    )
    from .mechanisms.spaces import EmbeddingSpace
    from .results import AuditResult, Evidence, Interval, Verdict, Witness
    from .statistical.pairs import neighbouring_answers

__version__ = "0.1.0"

_HOMES = {
    "ApproximateDP": ".claims",
    "AuditResult": ".results",
    "Certificate": ".certificates",
    "ClaimError": ".errors",
    "DPAuditError": ".errors",
    "EmbeddingSpace": ".mechanisms.spaces",
    "Evidence": ".results",
    "InputError": ".errors",
    "Interval": ".results",
    "MemoryNeededError": ".errors",
    "MetricDP": ".claims",
    "NumericalError": ".errors",
    "PureDP": ".claims",
    "SpaceError": ".errors",
    "UnknownWordError": ".errors",
    "Verdict": ".results",
    "VerdictError": ".errors",
    "Witness": ".results",
    "audit": ".auditing",
    "mechanisms": "",
    "neighbouring_answers": ".statistical.pairs",
    "verify": ".certificates",
}

__all__ = [
    "ApproximateDP",
    "AuditResult",
    "Certificate",
    "ClaimError",
    "DPAuditError",
    "EmbeddingSpace",
    "Evidence",
    "InputError",
    "Interval",
    "MemoryNeededError",
    "MetricDP",
    "NumericalError",
    "PureDP",
    "SpaceError",
    "UnknownWordError",
    "Verdict",
    "VerdictError",
    "Witness",
    "audit",
    "mechanisms",
    "neighbouring_answers",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "mechanisms":
        value: Any = import_module(".mechanisms", __name__)
    else:
        value = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
