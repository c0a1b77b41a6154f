"""What a certificate says, in sentences."""

import math

from ..results.wording import number, probability
from .model import AllPairsFinding, Certificate, EventFinding, LossFinding

__all__ = ["statement", "what_it_proves"]


def statement(certificate: Certificate) -> str:
    """The verdict with its mechanism, space, claim and reason."""
    claim, space = certificate.claim, certificate.space
    parameters = ", ".join(f"{k} = {v}" for k, v in certificate.mechanism.parameters.items())
    kind = {"pure": "pure DP", "approximate": "approximate DP", "metric": "metric DP"}[claim.kind]
    delta = f", δ = {claim.delta!r}" if claim.delta else ""
    metric = f", {claim.metric} distance" if claim.metric else ""
    where = space.source if space.vectors is None else "the certificate itself"
    return (
        f"{certificate.verdict.upper()}: {kind} with ε = {claim.epsilon!r}{delta}{metric}, of "
        f"{certificate.mechanism.name} ({parameters}) on {space.words:,} words of {where}. "
        f"{_finding(certificate)}"
    )


def _finding(certificate: Certificate) -> str:
    finding = certificate.finding
    if isinstance(finding, LossFinding):
        ours, theirs = (
            probability(finding.log_probability_input.upper),
            probability(finding.log_probability_neighbour.upper),
        )
        excess = (
            "an infinite loss"
            if math.isinf(finding.excess.lower)
            else f"a loss {number(finding.excess.lower)} nats above the claim"
        )
        return (
            f"The output “{finding.output}” has probability {ours} from “{finding.input}” and "
            f"{theirs} from “{finding.neighbour}”: {excess}, so ε* ≥ "
            f"{number(finding.epsilon.lower)}."
        )
    if isinstance(finding, EventFinding):
        return (
            f"On a set of {len(finding.outputs)} “{finding.input}” exceeds what is allowed against "
            f"“{finding.neighbour}” by δ ≥ {number(finding.delta.lower)}."
        )
    return _bound(finding)


def _bound(finding: AllPairsFinding) -> str:
    how = {
        "normalisers": "from the normalisers of the law",
        "uniform": "from a bound on every loss by the distance of the pair",
        "outputs": "over all outputs",
    }[finding.method]
    if finding.delta is not None:
        return f"Over all pairs δ ≤ {finding.delta.upper!r}, {how}."
    return f"Over all pairs ε* ≤ {finding.epsilon.upper!r}, {how}."


def what_it_proves(certificate: Certificate) -> str:
    """What has been proven, what that trusts, and what it does not say."""
    return (
        "This is proven for the ideal output law of the mechanism on these words and vectors, the "
        "floats of which are taken as exact numbers. It trusts python-flint (FLINT/Arb), the "
        "Python interpreter and NumPy's reading of the vectors. It says nothing about other "
        "vocabularies, nor by itself about a sampler: see docs/certificates.md."
    )
