"""Check a certificate: derive every figure anew from vectors and parameters, and compare.

Nothing that the file says about probabilities, losses or bounds is used: the verdict must follow
from what is derived here, and what is derived must be what the file says, to the last digit. (The
figures are balls of some 96 bits rounded outward to floats, so they do not depend on details of
the libraries.)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ..errors import DPAuditError, SpaceError, VerdictError
from ..mechanisms.balls import ball_law, parameters_as_taken
from ..mechanisms.balls.enclosures import precision
from ..mechanisms.spaces import EmbeddingSpace
from ..results.model import Interval, Verdict
from .all_pairs import all_pairs
from .case import Case, make_case
from .embedding import read_space, reading_sentences, unknown_options
from .files import read_certificate
from .loss import event_finding, loss_finding
from .model import SCHEMAS, AllPairsFinding, Certificate, Finding, LossFinding

__all__ = ["Check", "Verification", "verify"]

Progress = Callable[[float], None]

#: Precisions that are accepted, in bits: less does not tell floats apart, more takes for ever.
_LEAST_BITS, _MOST_BITS = 64, 4096


@dataclass(frozen=True)
class Check:
    """One thing that was checked, and if it failed, why."""

    what: str
    passed: bool
    reason: str = ""


@dataclass(frozen=True)
class Verification:
    """All that was checked about a certificate; verified if everything passed.

    `embedding` is what the words and vectors were compared with: the path of an embedding file,
    "builtin", or None if the certificate carries them and nothing else was looked at. `reading`
    says how that file was read just now.
    """

    certificate: Certificate
    checks: tuple[Check, ...]
    embedding: str | None = None
    reading: tuple[str, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether the certificate proves its verdict and says nothing false."""
        return all(check.passed for check in self.checks)

    def raise_for_verdict(self) -> Self:
        """This verification, if the certificate proves what it says.

        Raises
        ------
        VerdictError
            If it does not, with the reasons. It is an `AssertionError` as well.
        """
        if not self.verified:
            raise VerdictError(f"The certificate is rejected: {' '.join(self.reasons)}")
        return self

    def __bool__(self) -> bool:
        raise TypeError(
            "A verification has no truth value, because a rejected certificate would count as "
            "true. Write verification.raise_for_verdict(), or look at verification.verified."
        )

    def __repr__(self) -> str:
        return f"<Verification: {'verified' if self.verified else 'rejected'}>"

    @property
    def not_checked(self) -> dict[str, str]:
        """What the file states and no derivation rests on, by field. How words and vectors were
        read is part of it, unless they were read from their file just now."""
        stated = self.certificate.not_checked
        return {k: v for k, v in stated.items() if not (self.reading and k == "space.reading")}

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is rejected; empty if it is not."""
        return tuple(check.reason for check in self.checks if not check.passed)


def verify(
    certificate: Certificate | str | Path,
    space: str | Path | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Derive everything that a certificate says anew, and compare.

    Parameters
    ----------
    certificate
        The certificate, or its file.
    space
        Embedding file that must hold the words and vectors of the certificate as its first ones,
        duplicates dropped; "builtin" is the space that ships with dpaudit. None: what a certificate
        carries is compared with nothing else, and one that holds only a digest is checked with
        the file that it names.
    progress
        Called now and then with the part of the work that is done.

    Raises
    ------
    InputError
        If the file is no certificate, or the embedding that it speaks about, or that it is to be
        compared with, cannot be read.

    Examples
    --------
    >>> from dpaudit.certificates.certify import certificate_of
    >>> from dpaudit.mechanisms.words.metric_exponential import MetricExponential
    >>> space = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]])
    >>> certificate = certificate_of(MetricExponential(space, epsilon=1.0))
    >>> verify(certificate).verified
    True
    """
    if not isinstance(certificate, Certificate):
        certificate = read_certificate(certificate)
    checks = [_checksum(certificate)]
    path, named = None if space is None else str(space), None
    if path is None and certificate.space.vectors is None:
        path = certificate.space.source
    try:
        _require_words_with_vectors(certificate)
        if path is not None:
            _require_known_options(certificate)
            named = read_space(certificate.space, path, chosen=space is not None)
        case = _case(certificate, path, named, checks)
        if case is not None:
            checks += _derive(certificate, case, progress)
    except _RejectedError as reason:
        checks.append(Check("statement", False, str(reason)))
    reading = () if named is None else reading_sentences(named)
    return Verification(certificate, tuple(checks), path, reading)


class _RejectedError(Exception):
    """The certificate states something impossible."""


def _checksum(certificate: Certificate) -> Check:
    return Check(
        "checksum",
        certificate.checksum == certificate.digest(),
        "The checksum is not that of the content: the file was changed after it was written.",
    )


def _require_words_with_vectors(certificate: Certificate) -> None:
    if (certificate.space.vocabulary is None) != (certificate.space.vectors is None):
        raise _RejectedError("The certificate has words without vectors, or vectors without words.")


def _require_known_options(certificate: Certificate) -> None:
    unknown = unknown_options(certificate.space)
    if unknown:
        raise _RejectedError(f"No embedding file is read with an option {unknown[0]!r}.")


def _case(
    certificate: Certificate, path: str | None, named: EmbeddingSpace | None, checks: list[Check]
) -> Case | None:
    """What the certificate speaks about; None if words or vectors are not the ones meant."""
    stated = certificate.space
    carried = _carried(certificate)
    space = carried or named
    assert space is not None  # without vectors there is a path
    checks.append(
        Check(
            "words and vectors",
            _is_meant(certificate, space),
            f"The words and vectors {'in the certificate' if carried else f'of {path}'} are not "
            "those that the certificate was made for: their digest differs.",
        )
    )
    if carried and named:
        checks.append(
            Check(
                "embedding file",
                _is_meant(certificate, named),
                f"The space of {path} is not the one of the certificate: its first "
                f"{stated.words:,} words and vectors have another digest.",
            )
        )
    return _stated_case(certificate, space) if _is_meant(certificate, space) else None


def _is_meant(certificate: Certificate, space: EmbeddingSpace) -> bool:
    stated = certificate.space
    sizes = (len(space), space.dimension) == (stated.words, stated.dimension)
    return sizes and space.content_digest == stated.sha256


def _stated_case(certificate: Certificate, space: EmbeddingSpace) -> Case:
    """Law and claim of the certificate on this space."""
    stated = certificate.mechanism
    try:
        claim = certificate.claim.claim()
        taken = parameters_as_taken(stated.name, stated.parameters)
        if certificate.schema_name == SCHEMAS[0]:
            _require_same_spelling(stated.parameters, taken)
        with precision(_LEAST_BITS):
            law = ball_law(stated.name, taken, space.vectors, space.metric)
        space.with_metric(certificate.claim.metric or space.metric)  # angles not every vector has
    except DPAuditError as error:
        raise _RejectedError(str(error)) from None
    assert law is not None  # as there are parameters that it takes
    return make_case(space.words, space.vectors, space.metric, law, claim)


def _require_same_spelling(stated: Mapping[str, object], taken: Mapping[str, object]) -> None:
    for key, value in taken.items():
        if repr(stated[key]) != repr(value):
            raise _RejectedError(
                f"{key} is {stated[key]!r} in the certificate, but the law takes {value!r}."
            )


def _carried(certificate: Certificate) -> EmbeddingSpace | None:
    """The words and vectors that are written in the certificate."""
    stated = certificate.space
    if stated.vectors is None or stated.vocabulary is None:
        return None
    try:
        return EmbeddingSpace(stated.vocabulary, stated.vectors, stated.metric)
    except SpaceError as error:
        raise _RejectedError(f"The vectors in the certificate are unusable: {error}") from None


def _derive(certificate: Certificate, case: Case, progress: Progress | None) -> list[Check]:
    if not _LEAST_BITS <= certificate.bits <= _MOST_BITS:
        raise _RejectedError(
            f"bits is {certificate.bits}, but it must be from {_LEAST_BITS} to {_MOST_BITS}."
        )
    derived, proves = derive(case, certificate.finding, certificate.bits, progress)
    checks = _compare(certificate.finding, derived)
    return [
        *checks,
        Check(
            "verdict",
            proves is certificate.verdict,
            f"What is derived from vectors and parameters does not prove {certificate.verdict}.",
        ),
    ]


def derive(
    case: Case, stated: Finding, bits: int, progress: Progress | None
) -> tuple[Finding, Verdict | None]:
    """Derive a finding anew, of which only the words and the method are taken, and say what it
    proves."""
    if isinstance(stated, AllPairsFinding):
        return _all_pairs(case, stated, bits, progress)
    first, second = _position(case, stated.input), _position(case, stated.neighbour)
    if first == second:
        raise _RejectedError(f"Input and neighbour are the same word {stated.input!r}.")
    if isinstance(stated, LossFinding):
        loss = loss_finding(case, first, second, _position(case, stated.output), bits)
        refutes = case.delta == 0 and loss.excess.lower > 0.0
        return loss, Verdict.VIOLATED if refutes else None
    outputs = [_position(case, word) for word in stated.outputs]
    if not outputs or len(set(outputs)) != len(outputs):
        raise _RejectedError("The outputs of the event are not a set: none, or one twice.")
    event = event_finding(case, first, second, outputs, bits)
    return event, Verdict.VIOLATED if event.delta.lower > float(case.delta) else None


def _all_pairs(
    case: Case, stated: AllPairsFinding, bits: int, progress: Progress | None
) -> tuple[Finding, Verdict | None]:
    try:
        found = all_pairs(case, stated.method, bits, progress)
    except ValueError as error:
        raise _RejectedError(str(error)) from None
    return found.finding, Verdict.UPHELD if found.upholds(case) else None


def _position(case: Case, word: str) -> int:
    try:
        return case.words.index(word)
    except ValueError:
        raise _RejectedError(f"The word {word!r} is not in the vocabulary.") from None


def _compare(stated: Finding, derived: Finding) -> list[Check]:
    checks = []
    for field in type(stated).model_fields:
        ours, theirs = getattr(derived, field), getattr(stated, field)
        reason = f"{field} is {_show(theirs)} in the certificate, but {_show(ours)} when derived."
        checks.append(Check(field.replace("_", " "), ours == theirs, reason))
    return checks


def _show(value: object) -> str:
    return f"[{value.lower!r}, {value.upper!r}]" if isinstance(value, Interval) else repr(value)
