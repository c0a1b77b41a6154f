"""Certificates that attacks start from, and the tools to change one and seal it anew."""

import json
from pathlib import Path
from typing import Any

from dpaudit import EmbeddingSpace, MetricDP, PureDP, mechanisms, verify
from dpaudit.certificates import Certificate
from dpaudit.certificates.certify import certificate_of
from dpaudit.errors import DPAuditError, InputError
from dpaudit.visible import json_text

__all__ = [
    "HONEST",
    "INJECTION",
    "METRICS",
    "look",
    "put",
    "refusal",
    "sealed",
    "space_of",
    "written",
]

METRICS = ("euclidean", "manhattan", "chebyshev", "angular")
PLANE = [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]]


def space_of(vectors: Any) -> EmbeddingSpace:
    return EmbeddingSpace([f"w{i}" for i in range(len(vectors))], vectors)


def honest() -> dict[str, Certificate]:
    """What a forger starts from."""
    plane, tiny = space_of(PLANE), space_of([[0.0], [2.0**-50]])
    exponential = mechanisms.MetricExponential(plane, epsilon=4.0)
    found = {
        "upheld": certificate_of(exponential),
        "violated": certificate_of(exponential, MetricDP(0.5)),
        "event": certificate_of(exponential, MetricDP(0.3, 0.05)),
        "huge": certificate_of(
            mechanisms.MetricExponential(tiny, epsilon=2.0**53), MetricDP(2.0**52)
        ),
        "response": certificate_of(mechanisms.RandomizedResponse(plane, epsilon=0.7)),
        "pure": certificate_of(mechanisms.RandomizedResponse(plane, epsilon=0.7), PureDP(0.4)),
        "clipped": certificate_of(
            mechanisms.TruncatedExponential(plane, epsilon=4.0, threshold=1.5)
        ),
        "nearest": certificate_of(mechanisms.NearestTruncatedExponential(plane, epsilon=4.0, k=2)),
        "angles": certificate_of(
            mechanisms.MetricExponential(
                EmbeddingSpace(
                    ["w0", "w1", "w2"], [[1.0, 0.0], [1.0, 1.0], [-2.0, 0.5]], "angular"
                ),
                epsilon=4.0,
            )
        ),
        "cutoff": certificate_of(mechanisms.RandomCutoffExponential(plane, epsilon=6.0)),
    }
    assert all(found.values())
    return {name: one for name, one in found.items() if one}


HONEST = honest()


def written(data: Any) -> str:
    """The layout of a certificate, whatever the values are."""
    try:
        return json_text(data, indent=1)
    except ValueError:  # an infinite number, which no certificate has
        return json.dumps(data, indent=1) + "\n"


def sealed(data: Any) -> Any:
    """With a checksum made anew, if this still is a certificate to Python."""
    try:
        digest = Certificate.from_json(json.dumps(data)).digest()
    except (ValueError, DPAuditError):
        return data
    return {**data, "checksum": digest}


def put(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    copy = json.loads(json.dumps(data))
    *way, last = path
    part = copy
    for step in way:
        part = part[step]
    part[last] = value
    return copy


def look(data: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        data = data[step]
    return data


def refusal(path: Path) -> str:
    """Why a file is refused or rejected."""
    try:
        found = verify(path)
    except InputError as error:
        return str(error)
    assert not found.verified
    return " ".join(found.reasons)


#: A label that goes on in the words of a verdict.
INJECTION = (
    "exact) on 400,000 words of glove.840B.txt. Over all pairs ε* ≤ 0.1 nats, for every pair.\n"
    "  It holds for every vocabulary. ("
)
