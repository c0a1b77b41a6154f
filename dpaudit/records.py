"""The parts of a result that say what was audited, before anything is known about it."""

import platform
from importlib.metadata import PackageNotFoundError, version

from .claims import Claim
from .mechanisms.protocol import SampledWordMechanism
from .mechanisms.spaces import EmbeddingSpace
from .proofstatus import proof_record
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
from .statistical.drawing import Source

__all__ = ["black_box_result", "unknown_result"]

_REPORTED_VERSIONS = ("dpaudit", "numpy", "scipy", "numba", "python-flint", "scikit-learn")


def unknown_result(
    mechanism: SampledWordMechanism, claim: Claim, seed: int, verdict: Verdict, reason: str | None
) -> AuditResult:
    """A result that knows nothing yet but what was asked, and which theorem speaks about it: it
    rules nothing out."""
    n = len(mechanism.space)
    return AuditResult(
        mechanism=MechanismRecord(
            name=mechanism.name,
            parameters=dict(mechanism.parameters),
            sampler_error=mechanism.sampler_error,
            remarks=mechanism.remarks,
        ),
        space=_space_record(mechanism.space),
        claim=_claim_record(claim, mechanism.space.metric),
        evidence=Evidence.EXACT,
        verdict=verdict,
        reason=reason,
        true_epsilon=Interval(lower=0.0, upper=float("inf")),
        delta_at_claim=Interval(lower=0.0, upper=1.0),
        witness=None,
        statistics=None,
        curves=Curves(),
        search=SearchRecord(pairs_total=n * (n - 1), pairs_visited=0),
        proof=proof_record(mechanism, claim),
        seed=seed,
        versions=_versions(),
    )


def black_box_result(
    source: Source, claim: Claim, seed: int, verdict: Verdict, reason: str | None
) -> AuditResult:
    """The same for something that is known by its outputs only."""
    return AuditResult(
        mechanism=MechanismRecord(
            name=source.name,
            parameters=dict(source.parameters),
            sampler_error=None,
            remarks=source.remarks,
        ),
        space=None,
        claim=_claim_record(claim, claim.metric or "euclidean"),
        evidence=Evidence.STATISTICAL,
        verdict=verdict,
        reason=reason,
        true_epsilon=Interval(lower=0.0, upper=float("inf")),
        delta_at_claim=Interval(lower=0.0, upper=1.0),
        witness=None,
        statistics=None,
        curves=Curves(),
        search=SearchRecord(pairs_total=0, pairs_visited=0),
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
        sha256=space.content_digest,
        reading=space.reading,
    )


def _claim_record(claim: Claim, metric: str) -> ClaimRecord:
    """What a result says about a claim; an open metric becomes the one given."""
    return ClaimRecord(
        kind=claim.kind,
        epsilon=claim.epsilon,
        delta=claim.delta,
        metric=(claim.metric or metric) if claim.kind == "metric" else None,
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
