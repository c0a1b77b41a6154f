"""The verdict that the intervals of an exact audit allow."""

from ..claims import Claim
from ..results import Verdict
from .audit import ExactFindings

__all__ = ["decide"]


def decide(claim: Claim, findings: ExactFindings) -> tuple[Verdict, str | None]:
    """The verdict, and the reason if it is `inconclusive`: whatever intervals do not decide is."""
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
