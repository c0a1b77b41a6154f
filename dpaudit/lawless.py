"""Audits of mechanisms whose output law cannot be computed: from random directions of their noise,
or from what is proven about them for every vocabulary."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .blackbox import Sampling, audit_words_by_sampling
from .claims import Claim
from .errors import NumericalError, refuse_unused
from .exact.audit import Progress
from .mechanisms.protocol import HasRadialNoise, SampledWordMechanism
from .proofstatus import how_proven, proof_record
from .proven import lower_bound, proven_bound
from .radial import audit as radial
from .radial.sampled import sampled_statistics
from .records import unknown_result
from .results import (
    AuditResult,
    ClosedFormRecord,
    Evidence,
    Interval,
    ProvenBoundRecord,
    Verdict,
)
from .statistical.bounds import share

__all__ = ["audit_without_law"]

#: Outputs drawn on every word for the statistics of a mechanism that can only be sampled.
DRAWS_EACH = 1000


def audit_without_law(
    mechanism: SampledWordMechanism,
    claim: Claim,
    given: Mapping[str, Any],
    sampling: Sampling,
    progress: Progress | None,
) -> AuditResult:
    """The audit of a mechanism whose law cannot be computed, only estimated, or not even that.

    `given` are the options of `audit` as the user gave them, None for those that were not.
    """
    alpha, seed, draws = sampling.alpha, sampling.seed, given["draws"]
    if not isinstance(mechanism, HasRadialNoise):
        result = _proven_only(mechanism, claim, seed)
        if result.verdict is not Verdict.INCONCLUSIVE:
            refuse_unused(given, ("draws", "alpha"), "an audit that a formula decides")
        if not hasattr(mechanism, "sample_indices"):
            return result
        return _with_draws(result, mechanism, claim, draws, sampling, progress)
    refuse_unused(
        given, ("draws", "alpha", "max_detectable"), "an audit by directions of radial noise"
    )
    directions = radial.DIRECTIONS if draws is None else draws
    try:
        findings = radial.radial_audit(
            mechanism, claim, directions=directions, alpha=alpha, seed=seed, progress=progress
        )
    except NumericalError as error:
        result = unknown_result(mechanism, claim, seed, Verdict.INCONCLUSIVE, reason=str(error))
        return result.model_copy(update={"evidence": Evidence.STATISTICAL})
    verdict, evidence, reason = radial.decide(claim, findings)
    bound, formula = _proven_bound_record(mechanism, claim), lower_bound(mechanism, claim)
    if formula is not None and formula.decides and findings.unreachable is None and reason is None:
        return _by_formula(mechanism, claim, seed, formula).model_copy(
            update={
                # The formula of a mechanism with a radial law is no theorem of the catalogue.
                "certification": how_proven(formula.statement, None),
                "statistics": findings.statistics,
                "search": findings.search,
                "draws": findings.directions,
                "alpha": alpha,
            }
        )
    explanation: tuple[str, ...] = ()
    certification = None
    if evidence is Evidence.EXACT and verdict is Verdict.VIOLATED:
        explanation = radial.explain(mechanism, findings)
        certification = (
            "Decided by geometry: whether the noise reaches a word was decided in exact arithmetic."
        )
    elif evidence is Evidence.EXACT and bound is not None:
        certification = how_proven(bound.statement, proof_record(mechanism, claim))
    return unknown_result(mechanism, claim, seed, verdict, reason).model_copy(
        update={
            "evidence": evidence,
            "true_epsilon": findings.epsilon,
            "delta_at_claim": findings.delta_at_claim,
            "delta_pair": findings.delta_pair,
            "witness": findings.witness,
            "explanation": explanation,
            "statistics": findings.statistics,
            "search": findings.search,
            "proven_bound": bound,
            "certification": certification,
            "draws": findings.directions,
            "alpha": alpha,
            "max_detectable": sampling.max_detectable,
            "detectable_epsilon": (findings.detectable if verdict is Verdict.NOT_REFUTED else None),
        }
    )


def _with_draws(
    result: AuditResult,
    mechanism: SampledWordMechanism,
    claim: Claim,
    draws: int | None,
    sampling: Sampling,
    progress: Progress | None,
) -> AuditResult:
    """What formulas say, with statistics from draws; and where they decide nothing, a test of the
    sampler on pairs of words."""
    decided = result.verdict is not Verdict.INCONCLUSIVE
    each = DRAWS_EACH if draws is None else draws if decided else min(draws, DRAWS_EACH)
    alpha = radial.require_budget(each, sampling.alpha)
    for_statistics, for_test = (alpha, 0.0) if decided else share(alpha, 2)
    stage = (lambda part: progress("privacy statistics", part)) if progress else None
    rng = np.random.default_rng(sampling.seed)
    statistics = sampled_statistics(mechanism, each, for_statistics, rng, stage)
    drawn, bound = each * len(mechanism.space), result.proven_bound
    if not decided:
        tested = replace(sampling, alpha=for_test)
        result = audit_words_by_sampling(mechanism, claim, None, tested, progress)
        drawn += result.draws or 0
    return result.model_copy(
        update={"statistics": statistics, "draws": drawn, "alpha": alpha, "proven_bound": bound}
    )


def _proven_only(mechanism: SampledWordMechanism, claim: Claim, seed: int) -> AuditResult:
    """What a proven bound alone says about a mechanism that nothing else is known of."""
    lower = lower_bound(mechanism, claim)
    if lower is not None and lower.decides:
        return _by_formula(mechanism, claim, seed, lower)
    bound = _proven_bound_record(mechanism, claim)
    if bound is None or not bound.decides:
        known = "" if bound is None else f" The proven bound {bound.epsilon_upper:g} is above it."
        reason = (
            f"{mechanism.name} has neither an exact law (log_laws) nor radial noise, and no "
            f"formula decides this claim: the law can only be sampled.{known}"
        )
        return unknown_result(mechanism, claim, seed, Verdict.INCONCLUSIVE, reason).model_copy(
            update={"evidence": Evidence.STATISTICAL, "proven_bound": bound}
        )
    return unknown_result(mechanism, claim, seed, Verdict.UPHELD, None).model_copy(
        update={
            "true_epsilon": Interval(lower=0.0, upper=bound.epsilon_upper),
            "delta_at_claim": Interval(lower=0.0, upper=0.0),
            "proven_bound": bound,
            "certification": how_proven(bound.statement, proof_record(mechanism, claim)),
        }
    )


def _by_formula(
    mechanism: SampledWordMechanism, claim: Claim, seed: int, lower: ClosedFormRecord
) -> AuditResult:
    """The violation that a lower bound of the mechanism proves."""
    return unknown_result(mechanism, claim, seed, Verdict.VIOLATED, None).model_copy(
        update={
            "true_epsilon": Interval(lower=lower.epsilon_lower, upper=math.inf),
            "closed_form": lower,
            "certification": how_proven(lower.statement, proof_record(mechanism, claim)),
        }
    )


def _proven_bound_record(mechanism: SampledWordMechanism, claim: Claim) -> ProvenBoundRecord | None:
    bound = proven_bound(mechanism, claim)
    if bound is None:
        return None
    return ProvenBoundRecord(
        statement=bound.statement,
        epsilon_upper=bound.value,
        decides=bound.value <= claim.epsilon,
    )
