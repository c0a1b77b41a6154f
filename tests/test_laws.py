"""Exact laws: known answers, two slow independent routes, symmetries, and the stated errors.

The references are mpmath with 50 digits and Arb balls of 200 bits; neither shares code with the
laws under test or with the other.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any
from unittest import mock

import flint
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import (
    DIGITS,
    METRICS,
    SPACES,
    VOCABULARIES,
    builtin,
    exact_distances,
    exact_log_laws,
    known_answer,
    known_laws,
    known_space,
    make_space,
)

from dpaudit.claims import MetricDP, PureDP
from dpaudit.errors import DPAuditError, InputError, SpaceError, UnknownWordError
from dpaudit.mechanisms.protocol import HasSeparableLaw, Mechanism, WordMechanism
from dpaudit.mechanisms.spaces import EmbeddingSpace, distances
from dpaudit.mechanisms.words.metric_exponential import MetricExponential
from dpaudit.mechanisms.words.randomized_response import RandomizedResponse
from dpaudit.mechanisms.words.truncated_exponential import TruncatedExponential

Floats = NDArray[np.float64]
MECHANISMS = [MetricExponential, TruncatedExponential, RandomizedResponse]
EPSILONS = [1e-6, 0.3, 1.0, 20.0, 1e3, 1e5]
NAMES = {
    "metric-exponential": MetricExponential,
    "truncated-exponential": TruncatedExponential,
    "randomized-response": RandomizedResponse,
}


def all_log_laws(mechanism: WordMechanism) -> Floats:
    """ln P_w(y) for all inputs and outputs."""
    return mechanism.log_laws(slice(0, len(mechanism.space)))


def costs(mechanism: Any) -> list[list[Any]]:
    """theta c(w, y) to 50 digits, from the definition of the mechanism in the specification."""
    with mpmath.workdps(DIGITS):
        epsilon = mpmath.mpf(mechanism.epsilon)
        if isinstance(mechanism, RandomizedResponse):
            n = len(mechanism.space)
            return [[mpmath.mpf(0) if i == j else epsilon for j in range(n)] for i in range(n)]
        matrix = exact_distances(mechanism.space.vectors, mechanism.space.metric)
        if isinstance(mechanism, TruncatedExponential):
            threshold = mpmath.mpf(mechanism.threshold)
            matrix = [[min(distance, threshold) for distance in row] for row in matrix]
        return [[epsilon * distance / 2 for distance in row] for row in matrix]


def worst_error(mechanism: WordMechanism) -> float:
    """Largest absolute error of a log probability against 50 digits, in nats."""
    found = all_log_laws(mechanism)
    with mpmath.workdps(DIGITS):
        return max(
            float(abs(mpmath.mpf(float(found[i, j])) - exact))
            for i, row in enumerate(exact_log_laws(costs(mechanism)))
            for j, exact in enumerate(row)
        )


def variants(space: EmbeddingSpace, epsilon: float) -> list[WordMechanism]:
    """All mechanisms on a space, with thresholds below, within and above the distances."""
    extent = space.extent
    middle = float(np.median(space.distance_matrix))
    thresholds = [
        None,
        0.5 * extent.min_distance,
        extent.min_distance,
        middle,
        2.0 * extent.max_distance,
    ]
    return [
        MetricExponential(space, epsilon),
        RandomizedResponse(space, epsilon),
        *(TruncatedExponential(space, epsilon, threshold) for threshold in thresholds),
    ]


def brute_force_loss(log_laws: Floats, distance_matrix: Floats) -> float:
    """The largest (ln P_w(y) - ln P_w'(y)) / d(w, w'), by going through all triples."""
    n = len(log_laws)
    return max(
        (log_laws[w, y] - log_laws[v, y]) / distance_matrix[w, v]
        for w in range(n)
        for v in range(n)
        if v != w
        for y in range(n)
    )


# Known answers


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("name", ["metric-exponential", "truncated-exponential"])
def test_known_answers(vocabulary: str, name: str) -> None:
    """Laws and true epsilon of the specification's section 13 within 1e-9 relative."""
    space, answer = known_space(vocabulary), known_answer(vocabulary, name)
    keys = {"epsilon", "threshold"} & set(answer)
    mechanism = NAMES[name](space, **{key: answer[key] for key in keys})
    rows = 0
    for word, expected in known_laws(vocabulary, name):
        np.testing.assert_allclose(np.exp(mechanism.log_law(word)), expected, rtol=1e-9, atol=0)
        rows += 1
    assert rows == (6 if vocabulary == "plane-6" else 1)
    loss = brute_force_loss(all_log_laws(mechanism), space.distance_matrix)
    assert loss == pytest.approx(answer["epsilon_star"], rel=1e-9, abs=0)
    witness = answer["witness"]
    w, v, y = (space.index(witness[key]) for key in ("input", "neighbour", "output"))
    ratio = mechanism.log_law(w)[y] - mechanism.log_law(v)[y]
    assert ratio / space.distance_matrix[w, v] == pytest.approx(loss, rel=1e-9, abs=0)
    vulnerability = np.exp(all_log_laws(mechanism)).max(axis=0).mean()
    assert vulnerability == pytest.approx(answer["bayes_vulnerability"], rel=1e-9, abs=0)


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_known_extents(vocabulary: str) -> None:
    """The shortest and the longest distance of the known vocabularies."""
    extent = known_space(vocabulary).extent
    for name in ("min_distance", "max_distance"):
        expected = known_answer(vocabulary, name)
        assert getattr(extent, name) == pytest.approx(expected, rel=1e-14, abs=0)


# Two slow routes


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("kind", SPACES)
def test_laws_against_fifty_digits(kind: str, epsilon: float) -> None:
    """Every log probability is within the stated error, which is small beside the largest."""
    space = make_space(kind)
    for mechanism in variants(space, epsilon):
        assert worst_error(mechanism) <= mechanism.log_law_error
        largest = -all_log_laws(mechanism).min()
        assert mechanism.log_law_error < 1e-12 * max(1.0, largest)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", SPACES)
def test_laws_in_every_metric(kind: str, metric: str) -> None:
    """The same for the other metrics."""
    for mechanism in variants(make_space(kind, metric), 2.0):
        assert worst_error(mechanism) <= mechanism.log_law_error


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("kind", SPACES)
def test_laws_by_the_product_route(kind: str, epsilon: float) -> None:
    """The same where distances come from matrix products in small tiles."""
    with mock.patch.multiple(distances, _DIRECT_WORK=0, TILE=4):
        space = make_space(kind)
        assert not space.tiles.direct
        for mechanism in (
            MetricExponential(space, epsilon),
            TruncatedExponential(space, epsilon, float(space.extent.max_distance) / 3),
        ):
            assert worst_error(mechanism) <= mechanism.log_law_error


def arb_distance(first: Floats, second: Floats, metric: str) -> flint.arb:
    """A ball that holds the distance of two vectors, by the definition of the metric."""
    gaps = [abs(flint.arb(float(a)) - flint.arb(float(b))) for a, b in zip(first, second)]  # noqa: B905
    if metric == "euclidean":
        return sum((gap * gap for gap in gaps), flint.arb(0)).sqrt()
    if metric == "manhattan":
        return sum(gaps, flint.arb(0))
    longest = gaps[0]
    for gap in gaps[1:]:
        longest = longest.max(gap)
    return longest


def arb_log_probability(mechanism: Any, word: int, output: int) -> flint.arb:
    """A ball that holds ln P_w(y)."""
    space = mechanism.space
    epsilon = flint.arb(float(mechanism.epsilon))

    def cost(y: int) -> flint.arb:
        if isinstance(mechanism, RandomizedResponse):
            return flint.arb(0) if y == word else epsilon
        distance = arb_distance(space.vectors[word], space.vectors[y], space.metric)
        if isinstance(mechanism, TruncatedExponential):
            distance = distance.min(flint.arb(float(mechanism.threshold)))
        return epsilon * distance / 2

    total = sum(((-cost(y)).exp() for y in range(len(space))), flint.arb(0))
    return -cost(output) - total.log()


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(METRICS),
    st.sampled_from(EPSILONS),
    st.sampled_from([0.0, 1e4]),
    st.floats(0.01, 4.0),
)
def test_laws_against_balls(
    seed: int, metric: str, epsilon: float, offset: float, threshold: float
) -> None:
    """On random vocabularies, every value is certainly within the stated error of its ball."""
    rng = np.random.default_rng(seed)
    n, dimension = int(rng.integers(2, 9)), int(rng.integers(1, 4))
    vectors = offset + rng.standard_normal((n, dimension))
    space = EmbeddingSpace([f"w{i}" for i in range(n)], vectors, metric)
    for mechanism in (
        MetricExponential(space, epsilon),
        TruncatedExponential(space, epsilon, threshold),
        RandomizedResponse(space, epsilon),
    ):
        word, output = int(rng.integers(n)), int(rng.integers(n))
        found = mechanism.log_law(word)
        bound = flint.arb(mechanism.log_law_error)
        with flint.ctx.workprec(200):
            for y in {word, output}:
                ball = arb_log_probability(mechanism, word, y)
                assert abs(flint.arb(float(found[y])) - ball) <= bound


@pytest.mark.parametrize("kind", ["scattered", "clustered"])
def test_stated_error_is_exceeded_by_a_wrong_law(kind: str) -> None:
    """The comparison can fail: a law off by ten times its stated error is noticed."""
    mechanism = MetricExponential(make_space(kind), 3.0)
    right = all_log_laws(mechanism)
    wrong = right + 10.0 * mechanism.log_law_error
    with mock.patch.object(MetricExponential, "log_laws", lambda self, rows: wrong[rows]):
        assert worst_error(mechanism) > mechanism.log_law_error


# Closed forms and symmetries


@pytest.mark.parametrize("epsilon", [1e-6, 0.5, math.log(8), 5.0, 40.0, 800.0, 1e5, 1e300])
@pytest.mark.parametrize("kind", ["pair", "scattered"])
def test_randomized_response_in_closed_form(kind: str, epsilon: float) -> None:
    """e^epsilon and 1 over e^epsilon + n - 1, also where e^epsilon overflows."""
    space = make_space(kind)
    n = len(space)
    found = all_log_laws(RandomizedResponse(space, epsilon))
    with mpmath.workdps(DIGITS):
        log_total = mpmath.log1p((n - 1) * mpmath.exp(-mpmath.mpf(epsilon)))
        kept, changed = float(-log_total), float(-mpmath.mpf(epsilon) - log_total)
    expected = np.full((n, n), changed)
    np.fill_diagonal(expected, kept)
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-300)


def test_randomized_response_loses_exactly_epsilon() -> None:
    """Every pair's loss is epsilon to rounding, whatever the vectors are."""
    mechanism = RandomizedResponse(make_space("clustered"), 1.25)
    laws = all_log_laws(mechanism)
    for w, v in [(0, 1), (0, 9), (7, 3)]:
        assert (laws[w] - laws[v]).max() == pytest.approx(1.25, abs=2 * mechanism.log_law_error)
    assert mechanism.separable_law.equal_normalisers
    assert len(set(mechanism.separable_law.log_normalisers.tolist())) == 1


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("kind", SPACES)
def test_rows_sum_to_one(kind: str, epsilon: float) -> None:
    """Up to the stated error; and every log probability is finite and at most 0."""
    for mechanism in variants(make_space(kind), epsilon):
        laws = all_log_laws(mechanism)
        assert np.isfinite(laws).all()
        assert laws.max() <= 0.0
        sums = np.exp(laws).sum(axis=1)
        assert np.abs(sums - 1.0).max() <= 2.0 * mechanism.log_law_error + 1e-15 * len(laws)


@pytest.mark.parametrize("kind", SPACES)
def test_permutation_of_words(kind: str) -> None:
    """The law does not depend on the order of the vocabulary."""
    space = make_space(kind)
    order = np.random.default_rng(1).permutation(len(space))
    shuffled = EmbeddingSpace([space.words[i] for i in order], space.vectors[order])
    for before, after in zip(variants(space, 3.0), variants(shuffled, 3.0), strict=True):
        np.testing.assert_allclose(
            all_log_laws(after),
            all_log_laws(before)[np.ix_(order, order)],
            rtol=0,
            atol=2 * before.log_law_error,
        )


@pytest.mark.parametrize("factor", [4.0, 2.0**-20, 3.0, 0.1])
@pytest.mark.parametrize("kind", SPACES)
def test_scale_of_vectors(kind: str, factor: float) -> None:
    """Vectors and threshold times c, epsilon over c: the same law, to the bit for powers of 2."""
    space = make_space(kind)
    scaled = EmbeddingSpace(space.words, space.vectors * factor)
    threshold = float(np.median(space.distance_matrix)) + 0.01 * space.extent.min_distance
    pairs: list[tuple[WordMechanism, WordMechanism]] = [
        (MetricExponential(space, 3.0), MetricExponential(scaled, 3.0 / factor)),
        (
            TruncatedExponential(space, 3.0, threshold),
            TruncatedExponential(scaled, 3.0 / factor, threshold * factor),
        ),
        (TruncatedExponential(space, 3.0), TruncatedExponential(scaled, 3.0 / factor)),
    ]
    exact = math.frexp(factor)[0] == 0.5
    # Scaling by another factor rounds the vectors, which clustered ones feel.
    magnitude = float(np.abs(space.vectors).max())
    slack = 0.0 if exact else 3.0 * 2.0**-50 * space.dimension * magnitude
    for before, after in pairs:
        error = 0.0 if exact else before.log_law_error + after.log_law_error + slack
        np.testing.assert_allclose(all_log_laws(after), all_log_laws(before), rtol=0, atol=error)


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("margin", [1.0, 1.5, 1e6])
def test_threshold_that_clips_nothing(kind: str, margin: float) -> None:
    """From Delta_max upwards TEM is the metric exponential mechanism, bit for bit."""
    space = make_space(kind)
    tem = TruncatedExponential(space, 2.5, space.extent.max_distance * margin)
    np.testing.assert_array_equal(all_log_laws(tem), all_log_laws(MetricExponential(space, 2.5)))


def test_threshold_below_all_distances() -> None:
    """TEM then keeps the word or takes any other with equal chances: randomized response."""
    space = make_space("scattered")
    threshold = 0.5 * space.extent.min_distance
    np.testing.assert_allclose(
        all_log_laws(TruncatedExponential(space, 3.0, threshold)),
        all_log_laws(RandomizedResponse(space, 1.5 * threshold)),
        rtol=0,
        atol=1e-14,
    )


@pytest.mark.parametrize("epsilon", [1e-6, 0.5, 10.0, 1e5])
@pytest.mark.parametrize("kind", SPACES)
def test_default_threshold(kind: str, epsilon: float) -> None:
    """(2/epsilon) ln((1 - beta)(n - 1)/beta), beta = 0.001; the bucket then has at most beta."""
    space = make_space(kind)
    mechanism = TruncatedExponential(space, epsilon)
    with mpmath.workdps(DIGITS):
        beta = mpmath.mpf("0.001")
        expected = 2 / mpmath.mpf(epsilon) * mpmath.log((1 - beta) * (len(space) - 1) / beta)
    assert mechanism.threshold == pytest.approx(float(expected), rel=1e-14)
    outside = space.distance_matrix > mechanism.threshold
    bucket = np.where(outside, np.exp(all_log_laws(mechanism)), 0.0).sum(axis=1)
    assert bucket.max() <= 0.001 * (1 + 1e-12)
    if kind == "scattered" and epsilon == 1e5:
        assert outside.any()


@pytest.mark.parametrize("make", MECHANISMS)
@pytest.mark.parametrize("cached", [True, False])
def test_one_row_and_all_rows(make: Callable[..., WordMechanism], cached: bool) -> None:
    """The law of one word is its row, by name or position, distances kept or not."""
    space = make_space("scattered")
    mechanism = make(space, 2.0)
    laws = all_log_laws(make(make_space("scattered"), 2.0))
    if cached:
        assert space.distance_matrix.shape == (11, 11)
    for i, word in enumerate(space.words):
        np.testing.assert_array_equal(mechanism.log_law(word), laws[i])
        np.testing.assert_array_equal(mechanism.log_law(i), laws[i])
    np.testing.assert_array_equal(mechanism.log_laws(slice(3, 8)), laws[3:8])
    np.testing.assert_array_equal(mechanism.log_laws(slice(None)), laws)
    assert ("distance_matrix" in space.__dict__) == cached
    with pytest.raises(UnknownWordError):
        mechanism.log_law("nowhere")


@pytest.mark.parametrize("make", MECHANISMS)
def test_laws_are_fresh_arrays(make: Callable[..., WordMechanism]) -> None:
    """Writing into a law that was handed out changes neither the next one nor the distances."""
    space = make_space("scattered")
    mechanism = make(space, 2.0)
    before = space.distance_matrix.copy()
    laws = all_log_laws(mechanism)
    kept = laws.copy()
    laws[:] = 7.0
    np.testing.assert_array_equal(all_log_laws(mechanism), kept)
    np.testing.assert_array_equal(space.distance_matrix, before)


def test_law_on_the_builtin_space_needs_no_matrix() -> None:
    """One row costs one pass over the tiles and agrees with a plain computation."""
    space = EmbeddingSpace.builtin()
    row = MetricExponential(space, 10.0).log_law("doctor")
    assert "distance_matrix" not in space.__dict__
    position = space.index("doctor")
    gaps = space.vectors.astype(np.longdouble) - space.vectors[position]
    weights = np.exp(-5.0 * np.sqrt((gaps**2).sum(axis=1)))
    np.testing.assert_allclose(np.exp(row), (weights / weights.sum()).astype(float), rtol=1e-13)
    assert MetricExponential(builtin(), 10.0).log_law_error < 1e-11


# Separable laws


@pytest.mark.parametrize("epsilon", [0.3, 4.0, 60.0])
@pytest.mark.parametrize("kind", SPACES)
def test_true_epsilon_of_a_separable_law(kind: str, epsilon: float) -> None:
    """max (theta c + |ln Z_w - ln Z_w'|) / d from the parts is the loss found by brute force."""
    space = make_space(kind)
    pairs = ~np.eye(len(space), dtype=bool)
    for mechanism in variants(space, epsilon):
        assert isinstance(mechanism, HasSeparableLaw)
        law = mechanism.separable_law
        gaps = np.abs(law.log_normalisers[:, None] - law.log_normalisers[None])
        parts = (law.cost(space.distance_matrix) + gaps)[pairs] / space.distance_matrix[pairs]
        found = brute_force_loss(all_log_laws(mechanism), space.distance_matrix)
        slack = 2 * mechanism.log_law_error / space.extent.min_distance
        assert parts.max() == pytest.approx(found, rel=1e-12, abs=slack)
        if isinstance(mechanism.claim, MetricDP):
            assert found <= mechanism.claim.epsilon + slack


def test_error_of_the_normalisers() -> None:
    """ln Z_w is within its own stated error too, on every space and at every epsilon."""
    for kind in SPACES:
        for epsilon in EPSILONS:
            for mechanism in variants(make_space(kind), epsilon):
                law = mechanism.separable_law
                with mpmath.workdps(DIGITS):
                    for found, row in zip(law.log_normalisers, costs(mechanism), strict=True):
                        exact = mpmath.log(mpmath.fsum(mpmath.exp(-cost) for cost in row))
                        assert abs(mpmath.mpf(float(found)) - exact) <= law.error


@pytest.mark.parametrize("epsilon", [100.0, 200.0, 600.0])
def test_small_normalisers_keep_their_digits(epsilon: float) -> None:
    """ln Z_w keeps its relative precision where it is far below the rounding of 1."""
    space = make_space("scattered")
    for mechanism in (MetricExponential(space, epsilon), RandomizedResponse(space, epsilon)):
        assert mechanism.separable_law.log_normalisers.min() < 1e-17
        with mpmath.workdps(400):
            for i, row in enumerate(costs(mechanism)):
                rest = mpmath.fsum(mpmath.exp(-cost) for j, cost in enumerate(row) if j != i)
                exact = float(mpmath.log1p(rest))
                found = mechanism.separable_law.log_normalisers[i]
                assert found == pytest.approx(exact, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("make", [MetricExponential, TruncatedExponential])
def test_distances_that_underflow(make: Callable[..., Any]) -> None:
    """Squares below the smallest float: the error is stated, or the space is refused."""
    space = EmbeddingSpace(["a", "b"], [[0.0], [1e-165]])
    try:
        mechanism = make(space, 1e165)
        error = mechanism.log_law_error
        found = worst_error(mechanism)
    except SpaceError:
        return
    assert found <= error


def test_cost_leaves_its_argument_alone() -> None:
    """The parts of a law can be evaluated on shared distances."""
    space = make_space("scattered")
    matrix = space.distance_matrix
    for mechanism in variants(space, 2.0):
        assert not np.shares_memory(mechanism.separable_law.cost(matrix), matrix)


# Constructors


@pytest.mark.parametrize("make", MECHANISMS)
@pytest.mark.parametrize("epsilon", [0, 0.0, -1, math.nan, math.inf, -math.inf])
def test_epsilon_out_of_range(make: Callable[..., WordMechanism], epsilon: float) -> None:
    """The error names epsilon, its value and the bound."""
    with pytest.raises(InputError, match=rf"epsilon is {epsilon:g}, .* finite number above 0"):
        make(make_space("pair"), epsilon)


@pytest.mark.parametrize("make", MECHANISMS)
@pytest.mark.parametrize("epsilon", [True, "1", None, 1j, [1.0]], ids=repr)
def test_epsilon_that_is_no_number(make: Callable[..., WordMechanism], epsilon: Any) -> None:
    """Truth values and strings are not taken for numbers."""
    with pytest.raises(InputError, match=r"epsilon is .* must be a number"):
        make(make_space("pair"), epsilon)


@pytest.mark.parametrize("threshold", [0, 0.0, -1, math.nan, math.inf, True, "1"], ids=repr)
def test_threshold_out_of_range(threshold: Any) -> None:
    """The error names the threshold."""
    with pytest.raises(InputError, match="threshold is"):
        TruncatedExponential(make_space("pair"), 1.0, threshold)


@pytest.mark.parametrize("make", MECHANISMS)
def test_mechanisms_say_what_they_are(make: Callable[..., WordMechanism]) -> None:
    """Name, parameters that rebuild the mechanism, a claim at epsilon in the space's metric."""
    space = make_space("scattered", "manhattan")
    mechanism: Any = make(space, 2)
    assert NAMES[mechanism.name] is make
    assert isinstance(mechanism, Mechanism)
    assert mechanism.parameters["epsilon"] == 2.0
    again = make(space, **mechanism.parameters)
    np.testing.assert_array_equal(all_log_laws(again), all_log_laws(mechanism))
    assert again.parameters == mechanism.parameters
    assert mechanism.claim.epsilon == 2.0
    assert mechanism.claim.delta == 0.0
    if make is RandomizedResponse:
        assert isinstance(mechanism.claim, PureDP)
    else:
        assert mechanism.claim.metric == "manhattan"
    with pytest.raises(dataclasses.FrozenInstanceError):
        mechanism.epsilon = 3.0


@pytest.mark.parametrize("make", [MetricExponential, TruncatedExponential])
def test_costs_beyond_floats(make: Callable[..., Any]) -> None:
    """An epsilon so large that costs overflow: an error of the house, or a bound that says so."""
    space = EmbeddingSpace(["a", "b", "c"], [[0.0], [1e10], [3e10]])
    arguments = (1e308, 1e10) if make is TruncatedExponential else (1e308,)
    try:
        mechanism = make(space, *arguments)
        law, error = mechanism.log_law("a"), mechanism.log_law_error
    except DPAuditError:
        return
    assert law.tolist() == [0.0, -math.inf, -math.inf]
    assert error == math.inf
