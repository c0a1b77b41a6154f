"""The verdict that the intervals of an exact audit allow."""

from ..claims import Claim
from ..results import Verdict, Witness
from .audit import ExactFindings

__all__ = ["decide", "supported_witness"]

#: How wide the log ratio of a witness may be, as a part of it, to be shown as a loss.
_WIDEST = 0.01


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


def supported_witness(claim: Claim, verdict: Verdict, witness: Witness) -> Witness | None:
    """The witness, unless the interval of its log ratio does not support what it would be shown
    for: a loss, and where a claim without delta is violated, one above what the claim allows.

    Log probabilities near -3e17 are rounded to 64 nats, so their differences are noise.

    Examples
    --------
    >>> from dpaudit.claims import MetricDP
    >>> from dpaudit.results import Interval
    >>> noise = Interval(lower=-64.0, upper=192.0)
    >>> witness = Witness(input="a", neighbour="b", distance=1.0, log_ratio=noise)
    >>> supported_witness(MetricDP(23.57), Verdict.UPHELD, witness) is None
    True
    """
    loss = witness.log_ratio
    # An interval of infinities has no width.
    if loss.lower < loss.upper and not loss.upper - loss.lower <= max(_WIDEST * loss.upper, 1e-9):
        return None
    allowed = claim.epsilon * witness.distance
    if verdict is Verdict.VIOLATED and claim.delta == 0.0 and not loss.lower > allowed:
        return None
    return witness
