"""Results of audits: the frozen models (`model`) and what they say in sentences (`wording`)."""

from .model import (
    AuditResult,
    ClaimRecord,
    Curves,
    Evidence,
    Interval,
    LossCurve,
    MechanismRecord,
    ProfileCurve,
    ProofRecord,
    SearchRecord,
    SpaceRecord,
    StatisticsRecord,
    Summary,
    Verdict,
    Witness,
    WitnessLawCurve,
)

__all__ = [
    "AuditResult",
    "ClaimRecord",
    "Curves",
    "Evidence",
    "Interval",
    "LossCurve",
    "MechanismRecord",
    "ProfileCurve",
    "ProofRecord",
    "SearchRecord",
    "SpaceRecord",
    "StatisticsRecord",
    "Summary",
    "Verdict",
    "Witness",
    "WitnessLawCurve",
]
