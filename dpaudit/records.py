"""The parts of a result that say what was audited, before anything is known about it."""

import platform
from importlib.metadata import PackageNotFoundError, version

from .claims import Claim
from .mechanisms.protocol import SampledWordMechanism
from .mechanisms.spaces import EmbeddingSpace
from .results import (
    AuditResult,
    ClaimRecord,
    Curves,
    Evidence,
    Interval,
    MechanismRecord,
    SearchRecord,
    SpaceRecord,
    Verdict,
)

__all__ = ["unknown_result"]

_REPORTED_VERSIONS = ("dpaudit", "numpy", "scipy", "numba", "python-flint")


def unknown_result(
    mechanism: SampledWordMechanism, claim: Claim, seed: int, verdict: Verdict, reason: str | None
) -> AuditResult:
    """A result that knows nothing yet but what was asked: it rules nothing out."""
    n = len(mechanism.space)
    return AuditResult(
        mechanism=MechanismRecord(
            name=mechanism.name,
            parameters=dict(mechanism.parameters),
            sampler_error=mechanism.sampler_error,
            remarks=mechanism.remarks,
        ),
        space=_space_record(mechanism.space),
        claim=_claim_record(claim, mechanism.space),
        evidence=Evidence.EXACT,
        verdict=verdict,
        reason=reason,
        epsilon=Interval(lower=0.0, upper=float("inf")),
        delta_at_claim=Interval(lower=0.0, upper=1.0),
        witness=None,
        statistics=None,
        curves=Curves(),
        search=SearchRecord(pairs_total=n * (n - 1), pairs_visited=0),
        seed=seed,
        versions=_versions(),
    )


def _space_record(space: EmbeddingSpace) -> SpaceRecord:
    """What a result says about an embedding space."""
    return SpaceRecord(
        source=space.source,
        words=len(space),
        dimension=space.dimension,
        metric=space.metric,
        min_distance=space.extent.min_distance,
        max_distance=space.extent.max_distance,
        sha256=space.sha256,
    )


def _claim_record(claim: Claim, space: EmbeddingSpace) -> ClaimRecord:
    """What a result says about a claim; an open metric becomes that of the space."""
    return ClaimRecord(
        kind=claim.kind,
        epsilon=claim.epsilon,
        delta=claim.delta,
        metric=(claim.metric or space.metric) if claim.kind == "metric" else None,
        neighbouring=claim.neighbouring,
        unit=claim.unit,
        source=claim.source,
    )


def _versions() -> dict[str, str]:
    """Versions of Python, dpaudit and the libraries that compute."""
    found = {"python": platform.python_version()}
    for name in _REPORTED_VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found
