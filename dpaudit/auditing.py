"""`audit`: checks a claim about a mechanism with the best evidence available."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import numpy as np

from .claims import Claim
from .curves import curves
from .errors import InputError, NumericalError
from .exact.audit import ExactFindings, Progress, exact_audit
from .exact.claimed import pair_distance
from .mechanisms.protocol import ExplainsLoss, HasLowerBound, WordMechanism
from .mechanisms.spaces import EmbeddingSpace
from .results import (
    AuditResult,
    ClaimRecord,
    ClosedFormRecord,
    Curves,
    Evidence,
    Interval,
    MechanismRecord,
    SearchRecord,
    SpaceRecord,
    Verdict,
    wording,
)
from .statistics import privacy_statistics

__all__ = ["audit"]

_REPORTED_VERSIONS = ("dpaudit", "numpy", "scipy", "numba")


def audit(
    mechanism: WordMechanism,
    claim: Claim | None = None,
    *,
    method: Literal["auto", "exact"] = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> AuditResult:
    """Check `claim` (by default the mechanism's own) over every pair of words.

    Parameters
    ----------
    mechanism
        A word mechanism with an exact law.
    claim
        What to check; `PureDP`, `ApproximateDP` or `MetricDP`.
    method
        "exact", or "auto" for the best evidence that there is.
    seed
        Fixes the sample of pairs that the curves show; the verdict does not depend on it.
    progress
        Called now and then with the name of a stage and the part of it that is done.

    Returns
    -------
    AuditResult
        Frozen; `print` it, or see its `verdict`, `epsilon`, `witness`.

    Raises
    ------
    InputError
        If an argument is unusable. A numerical failure is no error but an `inconclusive` result.

    Examples
    --------
    >>> from dpaudit.mechanisms.words.metric_exponential import MetricExponential
    >>> space = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]])
    >>> result = audit(MetricExponential(space, epsilon=1.0))
    >>> result.verdict.value, round(result.epsilon.midpoint, 6)
    ('upheld', 0.60795)
    """
    if method not in ("auto", "exact"):
        raise InputError(f"method is {method!r}, but it must be auto or exact.")
    if not hasattr(mechanism, "log_laws"):
        raise InputError(
            f"mechanism is a {type(mechanism).__name__} without log_laws, so it has no exact law; "
            "only mechanisms with an exact law can be audited."
        )
    claim = claim or mechanism.claim
    try:
        findings = exact_audit(mechanism, claim, progress=progress)
        statistics = privacy_statistics(
            findings.law, (lambda part: progress("privacy statistics", part)) if progress else None
        )
        plotted = curves(claim, findings, seed)
    except NumericalError as error:
        return _result(mechanism, claim, seed, Verdict.INCONCLUSIVE, reason=str(error))
    verdict, reason = _decide(claim, findings)
    return _result(mechanism, claim, seed, verdict, reason).model_copy(
        update={
            "epsilon": findings.epsilon,
            "delta_at_claim": findings.delta_at_claim,
            "delta_pair": findings.delta_pair,
            "witness": findings.witness,
            "closed_form": _closed_form(mechanism, claim),
            "explanation": _explanation(mechanism, claim, findings, verdict),
            "search": findings.search,
            "statistics": statistics,
            "curves": plotted,
        }
    )


def _decide(claim: Claim, findings: ExactFindings) -> tuple[Verdict, str | None]:
    """The verdict from intervals: whatever they do not decide is inconclusive."""
    what, found, bound = (
        ("δ", findings.delta_at_claim, claim.delta)
        if claim.delta > 0.0
        else ("ε*", findings.epsilon, claim.epsilon)
    )
    if found.upper <= bound:
        return Verdict.UPHELD, None
    if found.lower > bound:
        return Verdict.VIOLATED, None
    return Verdict.INCONCLUSIVE, (
        f"{what} lies between {found.lower!r} and {found.upper!r}, and the claim {bound!r} lies "
        "between them too: floating point cannot decide a tie."
    )


def _closed_form(mechanism: WordMechanism, claim: Claim) -> ClosedFormRecord | None:
    """The mechanism's own lower bound, where the claim is in the metric that it is stated in."""
    in_own_metric = claim.kind == "metric" and claim.metric in (None, mechanism.space.metric)
    if not (isinstance(mechanism, HasLowerBound) and in_own_metric):
        return None
    bound = mechanism.epsilon_lower_bound()
    return ClosedFormRecord(
        statement=bound.statement,
        epsilon_lower=bound.value,
        decides=claim.delta == 0.0 and bound.value > claim.epsilon * (1.0 + 1e-9),
    )


def _explanation(
    mechanism: WordMechanism, claim: Claim, findings: ExactFindings, verdict: Verdict
) -> tuple[str, ...]:
    """Why the claim fails, on the pair with the largest failure mass and the output that adds
    most to it: the witness of epsilon* may be an output that nobody will ever see."""
    if verdict is not Verdict.VIOLATED or findings.delta_pair is None:
        return ()
    if not isinstance(mechanism, ExplainsLoss):
        return ()
    space = mechanism.space
    first, second = (space.index(word) for word in findings.delta_pair)
    ours, theirs = findings.law.row(first), findings.law.row(second)
    allowed = claim.epsilon * pair_distance(claim, space, first, second)
    with np.errstate(invalid="ignore"):  # impossible under both: NaN, which adds nothing
        parts = -np.exp(ours) * np.expm1(np.minimum(allowed + theirs - ours, 0.0))
    output = int(np.nanargmax(parts))
    a, b, y = (f"“{space.words[i]}”" for i in (first, second, output))
    mechanism_says = mechanism.explain(first, second, output)
    if not mechanism_says:
        return ()
    return (
        f"Take the pair with the largest failure mass, {a} and {b}, and the output {y}. From {a} "
        f"it has probability {wording.probability(float(ours[output]))}, from {b} "
        f"{wording.probability(float(theirs[output]))}; the claim allows odds of at most "
        f"{wording.odds(allowed)} to 1.",
        *mechanism_says,
    )


def _result(
    mechanism: WordMechanism, claim: Claim, seed: int, verdict: Verdict, reason: str | None
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
        space=space_record(mechanism.space),
        claim=claim_record(claim, mechanism.space),
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
        versions=versions(),
    )


def space_record(space: EmbeddingSpace) -> SpaceRecord:
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


def claim_record(claim: Claim, space: EmbeddingSpace) -> ClaimRecord:
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


def versions() -> dict[str, str]:
    """Versions of Python, dpaudit and the libraries that compute."""
    found = {"python": platform.python_version()}
    for name in _REPORTED_VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found
