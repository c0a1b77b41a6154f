"""What formulas of a mechanism say about its epsilon*, for every vocabulary."""

import math

from .claims import Claim
from .errors import InputError
from .exact.claimed import claim_space
from .mechanisms.protocol import (
    EpsilonUpperBound,
    HasLowerBound,
    HasUpperBound,
    SampledWordMechanism,
)
from .mechanisms.spaces import EmbeddingSpace
from .results import ClosedFormRecord, Interval

__all__ = ["claimed_space", "contradiction", "in_distances_of", "lower_bound", "proven_bound"]

#: Room for the rounding of distances and bounds, relatively.
_ROOM = 1e-9


def claimed_space(mechanism: SampledWordMechanism, claim: Claim) -> EmbeddingSpace | None:
    """The space whose distances the claim is in; None if all pairs are at distance 1.

    The distances of the metric "mahalanobis" are those of the mechanism's `claim_space`.
    """
    if claim.metric != "mahalanobis":
        return claim_space(claim, mechanism.space)
    own = getattr(mechanism, "claim_space", None)
    if not isinstance(own, EmbeddingSpace):
        raise InputError(
            f"The claim is in the metric mahalanobis, but {mechanism.name} has no such distances."
        )
    return own


def proven_bound(mechanism: SampledWordMechanism, claim: Claim) -> EpsilonUpperBound | None:
    """The mechanism's own proven bound on epsilon*, in the distances of the claim; None if there
    is none."""
    bound = mechanism.epsilon_upper_bound() if isinstance(mechanism, HasUpperBound) else None
    return None if bound is None else in_distances_of(claim, mechanism, bound)


def in_distances_of(
    claim: Claim, mechanism: SampledWordMechanism, bound: EpsilonUpperBound
) -> EpsilonUpperBound | None:
    """A bound that is stated in the distances of the mechanism's own claim, in those of `claim`.

    Where either has none, it is multiplied by the largest distance or divided by the smallest;
    other distances cannot be compared: None.
    """
    own: Claim | None = getattr(mechanism, "claim", None)
    if own is None:
        return None
    if own.kind != "metric" and claim.kind != "metric":
        return bound
    if own.kind != "metric":
        measured = claimed_space(mechanism, claim)
        assert measured is not None
        value = bound.value / measured.extent.min_distance * (1.0 + _ROOM)
        return EpsilonUpperBound(f"{bound.statement}; over the smallest distance", value)
    if claim.kind != "metric":
        measured = claimed_space(mechanism, own)
        assert measured is not None
        value = bound.value * measured.extent.max_distance * (1.0 + _ROOM)
        return EpsilonUpperBound(f"{bound.statement}; times the largest distance", value)
    return bound if _same_metric(mechanism, claim, own) else None


def contradiction(
    found: Interval, upper: EpsilonUpperBound | None, lower: ClosedFormRecord | None = None
) -> str | None:
    """Why what an audit found about epsilon* cannot be true if what is proven is; None if it can.
    Whoever sees one must believe neither.

    >>> contradiction(Interval(lower=2.0, upper=2.1), EpsilonUpperBound("ε* ≤ ε", 1.0))
    'Internal contradiction: the audit finds ε* ≥ 2.0, but it is proven to be at most 1.0 (ε* ≤ ε).'
    """
    if upper is not None and found.lower > upper.value * (1.0 + _ROOM):
        return (
            f"Internal contradiction: the audit finds ε* ≥ {found.lower!r}, but it is proven to be "
            f"at most {upper.value!r} ({upper.statement})."
        )
    if lower is not None and found.upper < lower.epsilon_lower * (1.0 - _ROOM):
        return (
            f"Internal contradiction: the audit finds ε* ≤ {found.upper!r}, but it is proven to be "
            f"at least {lower.epsilon_lower!r} ({lower.statement})."
        )
    return None


def lower_bound(mechanism: SampledWordMechanism, claim: Claim) -> ClosedFormRecord | None:
    """The mechanism's own lower bound on epsilon*, in the distances of the claim: those that its
    own claim is stated in, unless the bound is infinite, which it is in all of them."""
    if not isinstance(mechanism, HasLowerBound):
        return None
    bound = mechanism.epsilon_lower_bound()
    own: Claim | None = getattr(mechanism, "claim", None)
    comparable = own is not None and own.kind == claim.kind and _same_metric(mechanism, claim, own)
    if not (comparable or math.isinf(bound.value)):
        return None
    return ClosedFormRecord(
        statement=bound.statement,
        epsilon_lower=bound.value,
        decides=claim.delta == 0.0 and bound.value > claim.epsilon * (1.0 + _ROOM),
    )


def _same_metric(mechanism: SampledWordMechanism, claim: Claim, own: Claim) -> bool:
    metric = mechanism.space.metric
    return (claim.metric or metric) == (own.metric or metric)
