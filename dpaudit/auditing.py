"""`audit`: checks a claim about a mechanism with the best evidence available."""

import math
from pathlib import Path
from typing import Literal

from .certificates.certify import PATIENCE, Certification, certify
from .claims import Claim
from .curves import curves
from .errors import InputError, NumericalError
from .exact.audit import ExactFindings, Progress, exact_audit
from .exact.claimed import pair_distance
from .exact.convergence import convergence
from .exact.profile import mass_by_output
from .exact.verdict import decide
from .files import write_whole
from .lawless import audit_without_law
from .mechanisms.protocol import (
    ExplainsLoss,
    HasSteps,
    WordMechanism,
)
from .proven import lower_bound, proven_bound
from .records import unknown_result
from .results import (
    AuditResult,
    Curves,
    Evidence,
    Interval,
    Verdict,
    wording,
)
from .statistics import privacy_statistics

__all__ = ["audit"]


def audit(
    mechanism: WordMechanism,
    claim: Claim | None = None,
    *,
    method: Literal["auto", "exact", "statistical"] = "auto",
    certificate: str | Path | None = None,
    alpha: float = 0.05,
    draws: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> AuditResult:
    """Check `claim` (by default the mechanism's own) over every pair of words.

    Parameters
    ----------
    mechanism
        A word mechanism with an exact law, or one that adds radial noise to a vector; one with
        neither is upheld where a proven bound on its epsilon says so.
    claim
        What to check; `PureDP`, `ApproximateDP` or `MetricDP`.
    method
        "exact": the output law in floating point. "auto", for the best evidence that there is,
        derives what that finds anew in ball arithmetic, unless this would take minutes.
        "statistical": from random directions of radial noise; "auto" takes it where there is
        no exact law.
    certificate
        File to write the certificate to. If this is given, minutes do not matter.
    alpha
        Error probability of everything statistical in the result, taken together.
    draws
        Directions of the noise that a statistical audit draws; by default 100,000.
    seed
        Fixes the sample of pairs that the curves show, on which the verdict of an exact audit does
        not depend, and the directions of a statistical one.
    progress
        Called now and then with the name of a stage and the part of it that is done.

    Returns
    -------
    AuditResult
        Frozen; `print` it, or see its `verdict`, `epsilon`, `witness`.

    Raises
    ------
    InputError
        If an argument is unusable. A numerical failure is no error but an `inconclusive` result,
        and so is a contradiction between the two computations.

    Examples
    --------
    >>> from dpaudit.mechanisms.spaces import EmbeddingSpace
    >>> from dpaudit.mechanisms.words.metric_exponential import MetricExponential
    >>> space = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]])
    >>> result = audit(MetricExponential(space, epsilon=1.0))
    >>> result.verdict.value, round(result.epsilon.midpoint, 6)
    ('upheld', 0.60795)
    """
    if method not in ("auto", "exact", "statistical"):
        raise InputError(f"method is {method!r}, but it must be auto, exact or statistical.")
    if not hasattr(mechanism, "log_laws"):
        return audit_without_law(
            mechanism, claim, method, certificate, alpha, draws, seed, progress
        )
    if method == "statistical":
        raise InputError(
            f"{mechanism.name} has an exact law, which says more than draws: use the method auto."
        )
    if certificate is not None and method == "exact":
        raise InputError("A certificate is more than exact evidence: use the method auto.")
    claim = claim or mechanism.claim
    try:
        findings = exact_audit(mechanism, claim, progress=progress)
        statistics = privacy_statistics(
            findings.law, (lambda part: progress("privacy statistics", part)) if progress else None
        )
        plotted = curves(claim, findings, seed)
        if isinstance(mechanism, HasSteps):
            stage = (lambda part: progress("convergence", part)) if progress else None
            plotted = plotted.model_copy(
                update={"convergence": convergence(mechanism, claim, stage)}
            )
    except NumericalError as error:
        return unknown_result(mechanism, claim, seed, Verdict.INCONCLUSIVE, reason=str(error))
    theorem = proven_bound(mechanism, claim)
    if theorem is not None and findings.epsilon.lower > theorem.value * (1.0 + 1e-9):
        contradiction = (
            f"Internal contradiction: the exact audit finds ε* ≥ {findings.epsilon.lower!r}, but "
            f"it is proven to be at most {theorem.value!r}: {theorem.statement}."
        )
        return unknown_result(mechanism, claim, seed, Verdict.INCONCLUSIVE, contradiction)
    verdict, reason = decide(claim, findings)
    result = unknown_result(mechanism, claim, seed, verdict, reason).model_copy(
        update={
            "epsilon": findings.epsilon,
            "delta_at_claim": findings.delta_at_claim,
            "delta_pair": findings.delta_pair,
            "witness": findings.witness,
            "closed_form": lower_bound(mechanism, claim),
            "explanation": _explanation(mechanism, claim, findings, verdict),
            "search": findings.search,
            "statistics": statistics,
            "curves": plotted,
        }
    )
    if method == "exact":
        return result
    patience = PATIENCE if certificate is None else math.inf
    outcome = certify(mechanism, claim, findings, patience=patience, progress=progress)
    result = _with_certification(result, outcome)
    if certificate is not None and outcome.certificate is not None:
        write_whole(certificate, outcome.certificate.to_json())
        result = result.model_copy(update={"certificate": str(certificate)})
    return result


def _with_certification(result: AuditResult, outcome: Certification) -> AuditResult:
    """What ball arithmetic changes about a result of the exact audit."""
    if outcome.contradiction:
        # Neither computation can be believed, so nothing is left of what they found.
        return result.model_copy(
            update={
                "verdict": Verdict.INCONCLUSIVE,
                "reason": outcome.reason,
                "epsilon": Interval(lower=0.0, upper=float("inf")),
                "delta_at_claim": Interval(lower=0.0, upper=1.0),
                "delta_pair": None,
                "witness": None,
                "statistics": None,
                "explanation": (),
                "curves": Curves(),
            }
        )
    certificate = outcome.certificate
    if certificate is None:
        return result.model_copy(update={"certification": outcome.reason})
    changes: dict[str, object] = {
        "evidence": Evidence.CERTIFIED,
        "verdict": certificate.verdict,
        "reason": None,
        "certification": outcome.reason,
        "certified_epsilon": outcome.epsilon,
    }
    if outcome.enclosure is not None:
        changes["epsilon"] = outcome.enclosure
    if certificate.verdict is Verdict.UPHELD and result.claim.delta == 0.0:
        changes |= {"delta_at_claim": Interval(lower=0.0, upper=0.0), "delta_pair": None}
    return result.model_copy(update=changes)


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
    output = int(mass_by_output(ours, theirs, allowed).argmax())
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
