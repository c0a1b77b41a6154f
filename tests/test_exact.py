"""The exact audit: known answers, two routes against each other and against plain loops."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from dpaudit import ApproximateDP, EmbeddingSpace, MetricDP, PureDP, Verdict, audit, mechanisms
from dpaudit.errors import InputError
from dpaudit.exact.audit import exact_audit
from dpaudit.exact.laws import ExactLaw
from dpaudit.mechanisms.protocol import WordMechanism

KNOWN = json.loads((Path(__file__).parent / "known_answers.json").read_text(encoding="utf-8"))
NAMES = (
    *("metric-exponential", "truncated-exponential", "random-cutoff-exponential"),
    *("density-prior-exponential", "metropolis-hastings"),
)
PARAMETERS = ("epsilon", "threshold", "bandwidth", "steps")
#: Mechanisms with an exact law; `truncated-gumbel`, whose claim is false, has tests of its own.
EXACT = sorted(
    entry.name
    for entry in mechanisms.MECHANISMS.values()
    if "exact" in entry.evidence and entry.name != "truncated-gumbel"
)


def known_mechanism(vocabulary: dict[str, Any], name: str) -> Any:
    space = EmbeddingSpace(vocabulary["words"], vocabulary["vectors"])
    answer = vocabulary[name]
    parameters = {key: answer[key] for key in PARAMETERS if key in answer}
    return mechanisms.MECHANISMS[name].load()(space, **parameters), answer


@pytest.mark.parametrize("separable", [True, False], ids=["separable", "sweep"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("vocabulary", KNOWN["vocabularies"], ids=lambda v: v["name"])
def test_known_answers(vocabulary, name, separable):
    """Section 13, to 1e-9 relative: epsilon*, the loss at the witness, delta, vulnerability."""
    mechanism, answer = known_mechanism(vocabulary, name)
    found = exact_audit(mechanism, mechanism.claim, separable=separable)
    assert found.epsilon.midpoint == pytest.approx(answer["epsilon_star"], rel=1e-9)
    assert found.epsilon.lower <= answer["epsilon_star"] <= found.epsilon.upper
    assert found.epsilon.upper - found.epsilon.lower < 1e-10
    assert found.delta_at_claim.upper == answer["max_delta_at_claim"] == 0.0
    witness = found.witness
    assert witness.log_ratio.lower / witness.distance == pytest.approx(
        answer["epsilon_star"], rel=1e-9
    )
    result = audit(mechanism)
    assert result.statistics is not None
    assert result.statistics.bayes_vulnerability == pytest.approx(
        answer["bayes_vulnerability"], rel=1e-9
    )


@st.composite
def spaces(draw: st.DrawFn, largest: int = 9) -> EmbeddingSpace:
    """Small random spaces, some clustered, coordinates on a grid so that ties occur too."""
    n = draw(st.integers(2, largest))
    dimension = draw(st.integers(1, 3))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.integers(-2, 3)
    vectors = rng.normal(size=(n, dimension)) * scale
    if draw(st.booleans()):
        vectors = np.round(vectors / scale * 3) * scale
    vectors = np.unique(vectors, axis=0)
    vectors = rng.permutation(vectors)
    if len(vectors) < 2:
        vectors = np.array([[0.0], [scale]])
    return EmbeddingSpace([f"w{i}" for i in range(len(vectors))], vectors)


@st.composite
def mechanisms_on_small_spaces(draw: st.DrawFn) -> Any:
    space = draw(spaces())
    relative = draw(st.floats(0.05, 30.0))
    epsilon = relative / space.extent.max_distance
    name = draw(st.sampled_from(EXACT))
    if name == "truncated-exponential":
        threshold = draw(st.floats(0.1, 1.2)) * space.extent.max_distance
        return mechanisms.TruncatedExponential(space, epsilon, threshold)
    if name == "random-cutoff-exponential":
        smallest = 2.0 * (1.0 + math.log(len(space))) / space.extent.min_distance
        return mechanisms.RandomCutoffExponential(space, smallest + epsilon)
    if name == "metropolis-hastings":  # enough steps for the claim of the target
        return mechanisms.MetropolisHastings(space, epsilon, steps=2000)
    return mechanisms.MECHANISMS[name].load()(space, epsilon=epsilon)


def naive_epsilon(mechanism: Any, pure: bool) -> float:
    """max over pairs and outputs of the log ratio over the distance, in plain loops."""
    space = mechanism.space
    laws = [mechanism.log_law(word) for word in space.words]
    best = 0.0
    for i in range(len(space)):
        for j in range(len(space)):
            if i != j:
                distance = 1.0 if pure else math.dist(space.vectors[i], space.vectors[j])
                loss = max(a - b for a, b in zip(laws[i], laws[j], strict=True))
                best = max(best, loss / distance)
    return best


@settings(max_examples=150, deadline=None)
@given(mechanisms_on_small_spaces(), st.booleans())
def test_both_routes_agree_with_plain_loops(mechanism, pure):
    claim = PureDP(1.0) if pure else MetricDP(1.0)
    expected = naive_epsilon(mechanism, pure)
    for separable in (True, False):
        found = exact_audit(mechanism, claim, separable=separable)
        assert found.epsilon.midpoint == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert found.epsilon.lower <= expected * (1 + 1e-12)
        assert found.epsilon.upper >= expected * (1 - 1e-12)


@settings(max_examples=60, deadline=None)
@given(mechanisms_on_small_spaces())
def test_own_claims_are_never_refuted(mechanism):
    assert audit(mechanism).verdict in (Verdict.UPHELD, Verdict.INCONCLUSIVE)


@settings(max_examples=60, deadline=None)
@given(spaces(), st.floats(0.1, 10.0))
def test_true_epsilon_lies_between_half_the_claim_and_the_claim(space, relative):
    """For a metric exponential law: theta = epsilon/2 is attained by every pair."""
    epsilon = relative / space.extent.max_distance
    mechanism = mechanisms.MetricExponential(space, epsilon)
    found = exact_audit(mechanism, mechanism.claim).epsilon
    assert epsilon / 2 <= found.upper
    assert found.lower <= epsilon


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 20.0), st.floats(0.01, 100.0))
def test_invariances(seed, epsilon, scale):
    """On spaces without ties: order of the words, rotation, and scale with lengths scaled too."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(7, 3))
    words = [f"w{i}" for i in range(7)]
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    order = rng.permutation(7)

    def true_epsilon(matrix: Any, factor: float, names: list[str], clipped: bool) -> Any:
        space = EmbeddingSpace(names, matrix)
        mechanism = (
            mechanisms.TruncatedExponential(space, epsilon / factor, 1.5 * factor)
            if clipped
            else mechanisms.MetricExponential(space, epsilon / factor)
        )
        found = exact_audit(mechanism, mechanism.claim)
        # A clipped metric makes ties even here: pairs out of reach of all others share one Z.
        pair = None if clipped else (found.witness.input, found.witness.neighbour)
        return found.epsilon.midpoint * factor, pair

    for clipped in (False, True):
        expected, pair = true_epsilon(vectors, 1.0, words, clipped)
        for matrix, factor, names in (
            (vectors[order], 1.0, [words[i] for i in order]),
            (vectors @ rotation, 1.0, words),
            (vectors * scale, scale, words),
        ):
            found, witnesses = true_epsilon(matrix, factor, names, clipped)
            assert found == pytest.approx(expected, rel=1e-9)
            assert witnesses == pair


def test_tile_size_does_not_matter(monkeypatch):
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(40, 4))
    results = []
    for tile in (3, 7, 40, 512):
        monkeypatch.setattr("dpaudit.mechanisms.spaces.distances.TILE", tile)
        space = EmbeddingSpace([f"w{i}" for i in range(40)], vectors)
        found = exact_audit(mechanisms.MetricExponential(space, 3.0), MetricDP(3.0))
        results.append((found.epsilon.midpoint, found.witness.input, found.witness.neighbour))
    assert len({result[1:] for result in results}) == 1
    assert np.ptp([result[0] for result in results]) < 1e-12


def test_matrix_product_route_agrees(monkeypatch):
    """Large vocabularies take their distances from matrix products."""
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(60, 30)) + 50.0
    vectors[1] = vectors[0] + 1e-4
    found = []
    for work in (0, 10**12):
        monkeypatch.setattr("dpaudit.mechanisms.spaces.distances._DIRECT_WORK", work)
        space = EmbeddingSpace([f"w{i}" for i in range(60)], vectors)
        assert space.tiles.direct == (work > 0)
        found.append(exact_audit(mechanisms.MetricExponential(space, 3.0), MetricDP(3.0)))
    assert found[0].epsilon.midpoint == pytest.approx(found[1].epsilon.midpoint, rel=1e-9)
    assert found[0].witness.input == found[1].witness.input


@settings(max_examples=40, deadline=None)
@given(mechanisms_on_small_spaces(), st.floats(0.05, 0.95))
def test_delta_at_a_smaller_claim(mechanism, part):
    """Over all pairs, against a sum at 40 digits."""
    claim = mechanism.claim
    smaller = type(claim)(claim.epsilon * part)
    found = exact_audit(mechanism, smaller)
    space, laws = mechanism.space, ExactLaw(mechanism).whole()
    with mp.workdps(40):
        probabilities = [[mp.exp(mpf(float(v))) for v in row] for row in laws]
        worst = mpf(0)
        for i in range(len(space)):
            for j in range(len(space)):
                if i != j:
                    distance = math.dist(space.vectors[i], space.vectors[j])
                    factor = mp.exp(smaller.epsilon * (distance if claim.kind == "metric" else 1))
                    pairs = zip(probabilities[i], probabilities[j], strict=True)
                    worst = max(worst, sum(max(mpf(0), p - factor * q) for p, q in pairs))
    assert found.delta_at_claim.lower <= float(worst) + 1e-13
    assert found.delta_at_claim.upper >= float(worst) - 1e-13
    assert found.delta_at_claim.upper - found.delta_at_claim.lower < 1e-9


@dataclass(frozen=True, eq=False)
class Fixed(WordMechanism):
    """A mechanism whose law is given: for laws that no correct mechanism has."""

    name: ClassVar[str] = "fixed"
    parameters: ClassVar[dict[str, float]] = {}
    claim: ClassVar[MetricDP] = MetricDP(5.0)
    sampler_error: ClassVar[float] = 0.0
    log_law_error: ClassVar[float] = 1e-15

    space: EmbeddingSpace
    laws: Any

    def log_laws(self, rows: slice) -> Any:
        with np.errstate(divide="ignore"):
            return np.log(np.array(self.laws, dtype=float))[rows]


def fixed(laws: Any) -> Fixed:
    return Fixed(EmbeddingSpace([f"w{i}" for i in range(len(laws))], np.eye(len(laws))), laws)


def test_impossible_outputs_make_the_loss_infinite():
    result = audit(fixed([[0.5, 0.5, 0.0], [0.25, 0.5, 0.25], [0.25, 0.5, 0.25]]))
    assert result.verdict is Verdict.VIOLATED
    assert (result.true_epsilon.lower, result.true_epsilon.upper) == (math.inf, math.inf)
    assert result.witness is not None
    assert (result.witness.input, result.witness.neighbour) == ("w1", "w0")
    assert result.witness.output == "w2"
    assert result.witness.log_ratio.lower == math.inf
    assert result.delta_at_claim.lower == pytest.approx(0.25)
    assert "loss is infinite" in str(result)


def test_outputs_impossible_under_both_are_skipped():
    result = audit(fixed([[0.5, 0.5, 0.0], [0.25, 0.75, 0.0], [0.5, 0.5, 0.0]]))
    assert result.true_epsilon.midpoint == pytest.approx(math.log(2) / math.sqrt(2))


@pytest.mark.parametrize(
    "laws",
    [
        [[0.5, 0.4, 0.0], [0.2, 0.6, 0.2], [0.2, 0.6, 0.2]],
        [[math.nan, 0.5, 0.5], [0.2, 0.6, 0.2], [0.2, 0.6, 0.2]],
        [[math.inf, 0.5, 0.5], [0.2, 0.6, 0.2], [0.2, 0.6, 0.2]],
    ],
    ids=["does not sum to one", "NaN", "infinite"],
)
def test_a_broken_law_is_inconclusive_never_a_pass(laws):
    result = audit(fixed(laws))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.exit_code == 3
    assert "w0" in (result.reason or "")
    assert (result.true_epsilon.lower, result.true_epsilon.upper) == (0.0, math.inf)
    assert "neither a pass nor a refutation" in str(result)


def test_approximate_claims_are_judged_by_delta():
    mechanism = mechanisms.RandomizedResponse(
        EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]]), epsilon=2.0
    )
    delta = 1 - math.exp(1.0 - 2.0)  # of keeping a word, times its probability
    keep = math.exp(2.0) / (math.exp(2.0) + 2)
    above = audit(mechanism, ApproximateDP(1.0, delta * keep + 1e-9))
    below = audit(mechanism, ApproximateDP(1.0, delta * keep - 1e-9))
    assert (above.verdict, below.verdict) == (Verdict.UPHELD, Verdict.VIOLATED)
    assert below.witness is not None
    assert below.witness.event is not None


def test_violated_pair_is_really_violated():
    space = EmbeddingSpace.builtin(limit=100)
    result = audit(mechanisms.MetricExponential(space, epsilon=10.0), MetricDP(5.02))
    witness = result.witness
    assert result.verdict is Verdict.VIOLATED
    assert witness is not None
    mechanism = mechanisms.MetricExponential(space, epsilon=10.0)
    position = space.index(witness.output or "")
    first = float(mechanism.log_law(witness.input)[position])
    second = float(mechanism.log_law(witness.neighbour)[position])
    assert first - second > 5.02 * witness.distance


def test_progress_is_reported_in_order():
    seen: list[tuple[str, float]] = []
    space = EmbeddingSpace.builtin(limit=300)
    audit(
        mechanisms.MetricExponential(space, epsilon=10.0),
        MetricDP(5.02),
        progress=lambda stage, part: seen.append((stage, part)),
    )
    stages = list(dict.fromkeys(stage for stage, _ in seen))
    assert stages == ["privacy loss", "output law", "failure mass", "privacy statistics"]
    for stage in stages:
        parts = [part for name, part in seen if name == stage]
        assert parts == sorted(parts)
        assert parts[-1] == pytest.approx(1.0)


def test_usage_errors():
    space = EmbeddingSpace(["a", "b"], [[0.0], [1.0]])
    with pytest.raises(InputError, match="method"):
        audit(mechanisms.MetricExponential(space, 1.0), method="guess")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="makes no claim"):
        audit(lambda x: x)
