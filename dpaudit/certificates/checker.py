"""Check a certificate: derive every figure anew from vectors and parameters, and compare.

Nothing that the file says about probabilities, losses or bounds is used: the verdict must follow
from what is derived here, and what is derived must be what the file says, to the last digit. (The
figures are balls of some 96 bits rounded outward to floats, so they do not depend on details of
the libraries.)
"""

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from ..errors import DPAuditError, InputError, SpaceError, VerdictError
from ..mechanisms.balls import ball_law
from ..mechanisms.balls.enclosures import precision
from ..mechanisms.spaces import EmbeddingSpace
from ..results.model import Interval, Verdict
from .all_pairs import all_pairs
from .case import Case, make_case
from .loss import event_finding, loss_finding
from .model import AllPairsFinding, Certificate, Finding, LossFinding

__all__ = ["Check", "Verification", "read_certificate", "verify"]

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

    `reading` says how words and vectors were read from their file just now, or, where the
    certificate holds them itself, how it says that they were.
    """

    certificate: Certificate
    checks: tuple[Check, ...]
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
    def reasons(self) -> tuple[str, ...]:
        """Why it is rejected; empty if it is not."""
        return tuple(check.reason for check in self.checks if not check.passed)


def read_certificate(path: str | Path) -> Certificate:
    """Read a certificate file.

    Raises
    ------
    InputError
        If there is no such file, or it is no certificate; the message names the field at fault.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text file, so it is no certificate.") from None
    try:
        return Certificate.from_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(f"{path} is no certificate: {where}: {first['msg']}.") from None


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
        Embedding file to use for a certificate that holds only the digest of one, in place of
        the path that it names.
    progress
        Called now and then with the part of the work that is done.

    Raises
    ------
    InputError
        If the file is no certificate, or the embedding that it speaks about cannot be read.

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
    stated, found = certificate.space.reading, None
    try:
        found = _vocabulary(certificate, space)
        case = _case(certificate, found, checks)
        if case is not None:
            checks += _derive(certificate, case, progress)
    except _RejectedError as reason:
        checks.append(Check("statement", False, str(reason)))
    read = found.reading if found is not None else None
    reading = read.sentences() if read else []
    if stated is not None and certificate.space.vectors is not None:
        reading = ["According to the certificate, of its words and vectors:", *stated.sentences()]
    return Verification(certificate, tuple(checks), tuple(reading))


class _RejectedError(Exception):
    """The certificate states something impossible."""


def _checksum(certificate: Certificate) -> Check:
    return Check(
        "checksum",
        certificate.checksum == certificate.digest(),
        "The checksum is not that of the content: the file was changed after it was written.",
    )


def _vocabulary(certificate: Certificate, path: str | Path | None) -> EmbeddingSpace:
    """The words and vectors that the certificate speaks about."""
    try:
        return _space(certificate, path)
    except InputError as error:
        if certificate.space.vectors is None:
            raise  # a file that cannot be read says nothing about the certificate
        raise _RejectedError(f"The vectors in the certificate are unusable: {error}") from None


def _case(certificate: Certificate, space: EmbeddingSpace, checks: list[Check]) -> Case | None:
    """What the certificate speaks about; None if words or vectors are not the ones meant."""
    stated = certificate.space
    same = (
        space.content_digest == stated.sha256
        and (len(space), space.dimension) == (stated.words, stated.dimension)
        and (stated.vocabulary is None) == (stated.vectors is None)
    )
    where = "in the certificate" if stated.vectors is not None else f"of {space.source}"
    checks.append(
        Check(
            "words and vectors",
            same,
            f"The words and vectors {where} are not those that the certificate was made for: "
            "their digest differs.",
        )
    )
    if not same:
        return None
    try:
        claim = certificate.claim.claim()
        with precision(_LEAST_BITS):
            law = ball_law(
                certificate.mechanism.name,
                certificate.mechanism.parameters,
                space.vectors,
                stated.metric,
            )
    except DPAuditError as error:
        raise _RejectedError(str(error)) from None
    if law is None:
        raise _RejectedError(
            f"No law in ball arithmetic is known for the mechanism {certificate.mechanism.name!r}."
        )
    return make_case(space.words, space.vectors, stated.metric, law, claim)


def _space(certificate: Certificate, path: str | Path | None) -> EmbeddingSpace:
    stated = certificate.space
    if stated.vectors is not None and stated.vocabulary is not None:
        return EmbeddingSpace(stated.vocabulary, stated.vectors, stated.metric)
    options: dict[str, Any] = dict(stated.reading.options) if stated.reading else {}
    if path is None and stated.source == "builtin":
        return EmbeddingSpace.builtin(stated.words, stated.metric, **_known(options, "builtin"))
    file = Path(path or stated.source)
    if not os.path.exists(file):  # noqa: PTH110 - Path.exists raises where a name is too long
        raise SpaceError(
            f"The certificate speaks about the vectors of {stated.source}, and there is no file "
            f"{file}. Say where it is (--space)."
        )
    if path is None and not file.is_file():
        raise SpaceError(
            f"The certificate speaks about the vectors of {stated.source}, which is not a regular "
            "file. Say where they are (--space)."
        )
    options = {**_known(options, "load"), "on_duplicate": "drop"}
    return EmbeddingSpace.load(file, limit=stated.words, metric=stated.metric, **options)


def _known(options: dict[str, Any], reader: str) -> dict[str, Any]:
    """The options of reading in a certificate, if the reader has them."""
    names = inspect.signature(getattr(EmbeddingSpace, reader)).parameters
    for name in options:
        if name not in names or name in ("path", "limit", "metric"):
            raise _RejectedError(f"Its file cannot be read with the option {name!r}.")
    return options


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
