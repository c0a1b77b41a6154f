"""Whether what a certificate states is true, by brute force over all pairs and outputs, 50 digits.

It shares no code with the certificates: the laws are those of `support.reference_log_laws`.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray
from support import (
    DIGITS,
    exact_keys,
    key_distances,
    reference_delta,
    reference_epsilon,
    reference_log_laws,
)

from dpaudit import EmbeddingSpace, Verdict
from dpaudit.certificates import Certificate
from dpaudit.results import Interval

__all__ = ["Truth", "finding_is_true", "is_true", "truth_of", "verdict_is_true"]

Floats = NDArray[np.float64]


def claimed_distances(claim: Any, vectors: Floats, metric: str) -> list[list[Any]]:
    kind = (claim.metric or metric) if claim.kind == "metric" else "discrete"
    return key_distances(exact_keys(vectors, kind), kind)


@dataclasses.dataclass(frozen=True)
class Truth:
    """What brute force finds about the mechanism, the words and the claim of a certificate."""

    words: list[str]
    laws: list[list[Any]]
    distances: list[list[Any]]

    @property
    def slack(self) -> Any:
        """Relative error of the judge."""
        return mpmath.mpf(10) ** -18

    def contains(self, interval: Interval, value: Any) -> bool:
        if not mpmath.isfinite(value):
            return bool(interval.lower <= value <= interval.upper)
        room = abs(value) * mpmath.mpf(10) ** -20
        return bool(interval.lower - room <= value <= interval.upper + room)


def truth_of(name: str, parameters: Mapping[str, Any], space: Any, claim: Any) -> Truth:
    vectors = np.array(space.vectors, dtype=float)
    return Truth(
        list(space.words),
        reference_log_laws(name, parameters, vectors, space.metric),
        claimed_distances(claim, vectors, space.metric),
    )


def is_true(certificate: Certificate, space: EmbeddingSpace | None = None) -> bool:
    """Whether the verdict and every figure of a certificate are right, by brute force.

    `space` is the one meant by a certificate that holds only a digest.
    """
    stated, claim = certificate.space, certificate.claim
    if stated.vectors is not None:
        assert stated.vocabulary is not None
        space = EmbeddingSpace(stated.vocabulary, stated.vectors, stated.metric)
    assert space is not None
    if (len(space), space.dimension) != (stated.words, stated.dimension):
        return False
    if claim.kind == "pure" and claim.delta != 0.0:
        return False
    if claim.kind != "metric" and claim.metric is not None:
        return False
    parameters = certificate.mechanism.parameters
    with mpmath.workdps(DIGITS):
        truth = truth_of(certificate.mechanism.name, parameters, space, claim)
        return verdict_is_true(certificate, truth) and finding_is_true(certificate, truth)


def verdict_is_true(certificate: Certificate, truth: Truth) -> bool:
    claim, upheld = certificate.claim, certificate.verdict is Verdict.UPHELD
    if claim.delta == 0.0:
        found, bound = reference_epsilon(truth.laws, truth.distances), claim.epsilon
    else:
        found = reference_delta(truth.laws, truth.distances, claim.epsilon)
        bound = claim.delta
    # The judge cannot tell a tie, but a claim that is one float away.
    return bool(found <= bound * (1 + truth.slack) if upheld else found > bound * (1 - truth.slack))


def finding_is_true(certificate: Certificate, truth: Truth) -> bool:
    finding, claim = certificate.finding, certificate.claim
    epsilon = mpmath.mpf(claim.epsilon)
    if finding.kind == "all-pairs":
        pairs = [(finding.epsilon, reference_epsilon(truth.laws, truth.distances))]
        if finding.delta is not None:
            delta = reference_delta(truth.laws, truth.distances, claim.epsilon)
            pairs.append((finding.delta, delta))
        return all(truth.contains(interval, value) for interval, value in pairs)
    first, second = truth.words.index(finding.input), truth.words.index(finding.neighbour)
    ours, theirs = truth.laws[first], truth.laws[second]
    distance = truth.distances[first][second]
    if finding.kind == "loss":
        output = truth.words.index(finding.output)
        loss = ours[output] - theirs[output]
        pairs = [
            (finding.log_probability_input, ours[output]),
            (finding.log_probability_neighbour, theirs[output]),
            (finding.distance, distance),
            (finding.epsilon, loss / distance),
        ]
        return loss > epsilon * distance and all(truth.contains(*pair) for pair in pairs)
    outputs = [truth.words.index(word) for word in finding.outputs]
    mass, other = (mpmath.fsum(mpmath.exp(law[y]) for y in outputs) for law in (ours, theirs))
    delta = mass - mpmath.exp(epsilon * distance) * other
    pairs = [
        (finding.probability_input, mass),
        (finding.probability_neighbour, other),
        (finding.distance, distance),
    ]
    return (
        len(set(outputs)) == len(outputs)
        and delta > claim.delta
        and all(truth.contains(*pair) for pair in pairs)
        and bool(abs(finding.delta.midpoint - delta) < 1e-14)
    )
