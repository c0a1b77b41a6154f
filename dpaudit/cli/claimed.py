"""The claim that a command line asks to check."""

from typing import TYPE_CHECKING

from ..claims import ANY_NEIGHBOURS
from ..errors import InputError

if TYPE_CHECKING:
    from ..claims import Claim
    from ..statistical.drawing import Source

__all__ = ["claim_from", "claim_of_black_box"]

#: How a claim in another currency becomes one that can be audited.
_CONVERSIONS = {
    "zcdp": "ρ-zCDP implies approximate DP with ε = ρ + 2·sqrt(ρ·ln(1/δ)) for every δ "
    "(Bun and Steinke 2016, proposition 1.3)",
    "renyi": "(α, ε)-Rényi DP implies approximate DP with ε + ln(1/δ)/(α - 1) for every δ "
    "(Mironov 2017, proposition 3)",
    "gaussian": "μ-Gaussian DP implies approximate DP with δ(ε) = Φ(-ε/μ + μ/2) - "
    "e^ε·Φ(-ε/μ - μ/2) (Dong, Roth and Su 2022, corollary 2.13)",
}
_CONVERSIONS["rdp"] = _CONVERSIONS["renyi"]
_CONVERSIONS["gdp"] = _CONVERSIONS["gaussian"]


def claim_from(
    own: "Claim | None",
    kind: str | None,
    epsilon: float | None,
    delta: float | None,
    *,
    neighbouring: str = ANY_NEIGHBOURS,
    metric: str | None = None,
) -> "Claim":
    """The mechanism's own claim with whatever the command line changes about it.

    Parameters
    ----------
    own
        Of the mechanism; None if it makes none.
    kind, epsilon, delta
        From the command line; None for what it does not say.
    neighbouring
        Of which inputs the claim speaks, where the mechanism does not say it.
    metric
        Of a metric claim; by default the one of `own`.

    Examples
    --------
    >>> claim_from(None, "pure", 1.0, None, neighbouring="two bits").neighbouring
    'two bits'
    """
    from ..claims import ApproximateDP, MetricDP, PureDP

    if own is None and (epsilon is None or kind is None):
        raise InputError(
            "The mechanism makes no claim: say which one to check, as in --claim metric "
            "--claim-epsilon 12."
        )
    if kind is None and own is not None:
        kind = "approximate" if delta and own.kind == "pure" else own.kind
    assert kind is not None
    if kind.lower() in _CONVERSIONS:
        raise InputError(
            f"--claim {kind} is not supported yet. Convert the claim first: "
            f"{_CONVERSIONS[kind.lower()]}."
        )
    if own and kind == own.kind and epsilon is None and delta is None:
        return own
    value = epsilon if epsilon is not None else own.epsilon if own else 0.0
    if delta is None and own and kind == own.kind:
        delta = own.delta
    if kind == "metric":
        named = metric or (own.metric if own else None)
        return MetricDP(value, delta or 0.0, named, neighbouring=neighbouring)
    if kind == "approximate":
        if delta is None:
            raise InputError("--claim approximate needs --delta.")
        return ApproximateDP(value, delta, neighbouring=neighbouring)
    if kind == "pure":
        if delta:
            raise InputError("--claim pure allows no --delta; use --claim approximate.")
        return PureDP(value, neighbouring=neighbouring)
    raise InputError(f"--claim is {kind!r}, but it must be pure, approximate or metric.")


def claim_of_black_box(
    mechanism: "Source", asked: tuple[str | None, float | None, float | None, str | None]
) -> "Claim":
    """The claim to check; `asked` are kind, epsilon, delta and metric from the command line."""
    kind, epsilon, delta, metric = asked
    own = mechanism.claim
    if own is None and epsilon is None:
        raise InputError(
            f"{mechanism.name} makes no claim: say which one to check, as in --claim-epsilon 1."
        )
    return claim_from(
        own,
        kind or (None if own else "approximate" if delta else "pure"),
        epsilon,
        delta,
        neighbouring=own.neighbouring if own else ANY_NEIGHBOURS,
        metric=metric,
    )
