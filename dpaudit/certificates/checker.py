"""Check a certificate: derive every figure anew from vectors and parameters, and compare.

Nothing that the file says about probabilities, losses or bounds is used: the verdict must follow
from what is derived here, and what is derived must be what the file says, to the last digit. (The
figures are balls of some 96 bits rounded outward to floats, so they do not depend on details of
the libraries.)
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import DPAuditError, SpaceError, option
from ..mechanisms.balls import ball_law, parameters_as_taken
from ..mechanisms.balls.enclosures import precision
from ..mechanisms.spaces import EmbeddingSpace
from ..mechanisms.spaces.loaders import read_embedding
from ..results.model import Interval, Verdict
from .all_pairs import all_pairs
from .case import Case, make_case
from .files import read_certificate, require_ordinary_file, require_short_lines
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
    "builtin", or None if the certificate carries them and nothing else was looked at.
    """

    certificate: Certificate
    checks: tuple[Check, ...]
    embedding: str | None = None

    @property
    def verified(self) -> bool:
        """Whether the certificate proves its verdict and says nothing false."""
        return all(check.passed for check in self.checks)

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
    path = None if space is None else str(space)
    if path is None and certificate.space.vectors is None:
        path = certificate.space.source
    try:
        case = _case(certificate, path, checks)
        if case is not None:
            checks += _derive(certificate, case, progress)
    except _RejectedError as reason:
        checks.append(Check("statement", False, str(reason)))
    return Verification(certificate, tuple(checks), path)


class _RejectedError(Exception):
    """The certificate states something impossible."""


def _checksum(certificate: Certificate) -> Check:
    return Check(
        "checksum",
        certificate.checksum == certificate.digest(),
        "The checksum is not that of the content: the file was changed after it was written.",
    )


def _case(certificate: Certificate, path: str | None, checks: list[Check]) -> Case | None:
    """What the certificate speaks about; None if words or vectors are not the ones meant."""
    stated = certificate.space
    if (stated.vocabulary is None) != (stated.vectors is None):
        raise _RejectedError("The certificate has words without vectors, or vectors without words.")
    carried = _carried(certificate)
    named = None if path is None else _embedding(path, stated.words, stated.metric)
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


def _embedding(path: str, words: int, metric: str) -> EmbeddingSpace:
    """The first so many words of an embedding file.

    Raises
    ------
    InputError
        If it cannot be read, which says nothing about the certificate.
    """
    if path == "builtin":
        return EmbeddingSpace.builtin(words, metric)
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises where a name is too long
        raise SpaceError(
            f"There is no embedding file {path}, with which the words and vectors of the "
            f"certificate are to be compared. Say where it is ({option('space', 'FILE')})."
        )
    require_ordinary_file(path)
    # Duplicates were dropped, so it may take more lines than words; not the whole of a large file.
    for limit in (words, 2 * words):
        require_short_lines(path, limit)
        try:
            loaded = read_embedding(Path(path), limit)
            space = EmbeddingSpace(loaded.words, loaded.vectors, metric, on_duplicate="drop")
        except SpaceError:
            break
        if len(space) >= words:
            return EmbeddingSpace(space.words[:words], space.vectors[:words], metric)
    require_short_lines(path, None)
    return EmbeddingSpace.load(path, limit=words, metric=metric, on_duplicate="drop")


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
