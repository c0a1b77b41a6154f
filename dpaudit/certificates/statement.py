"""What a certificate says, in sentences.

The sentences are made from the fields that `checker` derives anew, and from no other. Words of the
vocabulary stand between quotation marks that no word can close. What the file states without proof
has a sentence of its own.
"""

import json
import math

from ..errors import option
from ..results.wording import probability
from ..visible import visible
from .checker import Verification
from .embedding import BUILTIN
from .model import AllPairsFinding, Certificate, EventFinding, LossFinding

__all__ = ["not_checked_sentence", "quoted", "space_sentences", "statement", "what_it_proves"]

#: Characters of a foreign text that are shown.
_LONGEST = 80

#: Of how words and vectors were read: some sentences.
_LONGEST_READING = 400


def quoted(text: str, longest: int = _LONGEST) -> str:
    r"""Foreign text between quotation marks, everything that acts, hides or quotes as its escape;
    of a long one the first `longest` characters.

    Examples
    --------
    >>> print(quoted("bank"), quoted('a" holds everywhere'), quoted("b\x1b[2J"))
    "bank" "a\" holds everywhere" "b\\x1b[2J"
    >>> quoted("x" * 1000)[-22:]
    'x…" (1,000 characters)'
    """
    shown = json.dumps(visible(text[:longest]), ensure_ascii=False)
    return shown if len(text) <= longest else f'{shown[:-1]}…" ({len(text):,} characters)'


def statement(certificate: Certificate) -> str:
    """The verdict with its mechanism, space, claim and reason."""
    claim, space, mechanism = certificate.claim, certificate.space, certificate.mechanism
    parameters = ", ".join(f"{visible(k)} = {_value(v)}" for k, v in mechanism.parameters.items())
    kind = {"pure": "pure DP", "approximate": "approximate DP", "metric": "metric DP"}[claim.kind]
    delta = f", δ = {claim.delta!r}" if claim.delta else ""
    metric = f", {claim.metric} distance" if claim.metric else ""
    return (
        f"{certificate.verdict.upper()}: {kind} with ε = {claim.epsilon!r}{delta}{metric}, of "
        f"{visible(mechanism.name)} ({parameters}) on one vocabulary of {space.words:,} words with "
        f"vectors of dimension {space.dimension:,}, {space.metric} distance. "
        f"{_finding(certificate)}"
    )


def _value(value: float | int | str) -> str:
    return visible(value) if isinstance(value, str) else repr(value)


def _finding(certificate: Certificate) -> str:
    finding = certificate.finding
    if isinstance(finding, LossFinding):
        ours, theirs = (
            _probability(log_probability.lower, log_probability.upper)
            for log_probability in (
                finding.log_probability_input,
                finding.log_probability_neighbour,
            )
        )
        excess = (
            "the loss is infinite"
            if math.isinf(finding.excess.lower)
            else f"the loss is at least {finding.excess.lower!r} nats above what is claimed"
        )
        least = "∞" if math.isinf(finding.epsilon.lower) else repr(finding.epsilon.lower)
        relation = "=" if math.isinf(finding.epsilon.lower) else "≥"
        return (
            f"The output {quoted(finding.output)} has probability {ours} from the input "
            f"{quoted(finding.input)} and {theirs} from {quoted(finding.neighbour)}: {excess}, "
            f"so ε* {relation} {least}."
        )
    if isinstance(finding, EventFinding):
        return (
            f"On a set of {len(finding.outputs):,} outputs the probability from the input "
            f"{quoted(finding.input)} exceeds e^(εd) times that from {quoted(finding.neighbour)} "
            f"by at least {finding.delta.lower!r}, so δ(ε) ≥ {finding.delta.lower!r}."
        )
    return _bound(finding)


def _probability(low: float, high: float) -> str:
    return "0" if high == -math.inf else f"about {probability(0.5 * (low + high))}"


def _bound(finding: AllPairsFinding) -> str:
    how = {
        "normalisers": "from the normalisers of the law",
        "uniform": "from a bound on every loss by the distance of the pair",
        "outputs": "over all outputs",
    }[finding.method]
    if finding.delta is not None:
        return f"Over all pairs δ(ε) ≤ {finding.delta.upper!r}, {how}."
    return f"Over all pairs ε* ≤ {finding.epsilon.upper!r}, {how}."


def space_sentences(found: Verification) -> tuple[str, str]:
    """Which words and vectors are meant, and what they were compared with."""
    space = found.certificate.space
    meant = f"SHA-256 of the words and vectors: {visible(space.sha256)}."
    if found.embedding is None:
        return meant, (
            "The certificate carries the words and vectors; no embedding file was compared. "
            f"To compare one: {option('space', 'FILE')}."
        )
    name = "the built-in space" if found.embedding == BUILTIN else quoted(found.embedding)
    failed = {check.what for check in found.checks if not check.passed}
    carried = space.vectors is not None
    differs = "embedding file" if carried else "words and vectors"
    passed = {check.what for check in found.checks if check.passed}
    if differs in failed:
        return meant, f"The first {space.words:,} words and vectors read from {name} are others."
    if differs not in passed:
        return meant, f"{name} was not compared."
    also = "the certificate, and " if carried else ""
    return meant, (
        f"The words and vectors are those of {also}{name}: the first {space.words:,} different "
        "ones that were read from it have this digest."
    )


def not_checked_sentence(found: Verification) -> str:
    """What the file states and no derivation rests on."""
    longest = {"space.reading": _LONGEST_READING}
    return "Stated by the file, not checked: " + ", ".join(
        f"{visible(field)} {quoted(text, longest.get(field, _LONGEST))}"
        for field, text in found.not_checked.items()
    )


def what_it_proves(certificate: Certificate) -> str:
    """What has been proven, what that trusts, and what it does not say."""
    return (
        "This is proven for the ideal output law of the mechanism on these words and vectors, the "
        "floats of which are taken as exact numbers. It trusts python-flint (FLINT/Arb), the "
        "Python interpreter and NumPy's reading of the vectors. It says nothing about other "
        "vocabularies, nor by itself about a sampler: see docs/certificates.md."
    )
