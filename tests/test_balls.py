"""Laws in ball arithmetic, from exact distances up: against fractions and 50 digits.

The law of `truncated-gumbel` in balls has its own file.
"""

import math
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from flint import arb, fmpq
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import (
    DIGITS,
    KINDS,
    METRICS,
    SPACES,
    VOCABULARIES,
    exact_keys,
    key_distances,
    known_answer,
    known_laws,
    known_space,
    make_space,
    random_space,
    reference_log_laws,
)

from dpaudit import EmbeddingSpace, mechanisms
from dpaudit.errors import ClaimError, InputError
from dpaudit.mechanisms.balls import BallLaw, ExactGeometry, ball_law
from dpaudit.mechanisms.balls.cutoffs import poisson_cutoff
from dpaudit.mechanisms.balls.enclosures import (
    exact_fraction,
    lower_float,
    precision,
    upper_float,
)
from dpaudit.mechanisms.balls.random_cutoff import RandomCutoffBallLaw

Floats = NDArray[np.float64]

ALL_METRICS = (*METRICS, "discrete")

#: Mechanisms with a closed law.
CLOSED = (
    "metric-exponential",
    "truncated-exponential",
    "randomized-response",
    "random-cutoff-exponential",
)

#: Bits at which balls are compared with `DIGITS` digits, and by how much they may differ then.
BITS = 200
CLOSE = mpmath.mpf(10) ** -45


def middle(ball: arb) -> Any:
    """The midpoint to 60 digits."""
    with mpmath.workdps(60):
        return mpmath.mpf(ball.mid().str(60, radius=False))


# Exact distances

COMPONENTS = st.one_of(
    st.sampled_from([0.0, -0.0, 1e-100, 1e100, -1e100, 5e-324, -5e-324, 1.5, 0.1, -3.0, 1e308]),
    st.integers(-4, 4).map(float),
    st.floats(-1e3, 1e3),
)


@st.composite
def vector_sets(draw: st.DrawFn) -> Floats:
    """Different vectors, shape (2 to 6, 1 to 3), with components of very different size."""
    p = draw(st.integers(1, 3))
    rows = draw(
        st.lists(
            st.lists(COMPONENTS, min_size=p, max_size=p), min_size=2, max_size=6, unique_by=tuple
        )
    )
    return np.array(rows)


def scaled(geometry: ExactGeometry, key: Any) -> Fraction:
    """A key as the fraction that it stands for."""
    unit = Fraction(1, 2**geometry.shift)
    return Fraction(int(key)) * (unit * unit if geometry.metric == "euclidean" else unit)


@pytest.mark.parametrize("metric", ALL_METRICS)
@settings(max_examples=60)
@given(vectors=vector_sets())
def test_keys_are_the_distances(metric: str, vectors: Floats) -> None:
    """Keys, ranks and extremes are those of the definition in fractions; so are their squares."""
    geometry, expected, n = (
        ExactGeometry(vectors, metric),
        exact_keys(vectors, metric),
        len(vectors),
    )
    found = dict(geometry)
    for i in range(n):
        row = [scaled(geometry, key) for key in geometry.row(i)]
        assert row == [scaled(geometry, key) for key in found[i]] == expected[i]
        assert geometry.ranked(i) == sorted(range(n), key=lambda y, i=i: (expected[i][y], y))
        squares = [x if metric == "euclidean" else x * x for x in row]
        for key, square in zip(geometry.row(i), squares, strict=True):
            value = geometry.square(key)
            assert Fraction(int(value.p), int(value.q)) == square
    pairs = [(expected[i][j], i, j) for i in range(n) for j in range(i + 1, n)]
    smallest, largest = (scaled(geometry, key) for key in geometry.extremes)
    assert (smallest, largest) == (min(pairs)[0], max(pairs)[0])
    assert geometry.closest == min(pairs)[1:]


@pytest.mark.parametrize("metric", ALL_METRICS)
@settings(max_examples=30)
@given(vectors=vector_sets())
def test_distances_are_enclosed(metric: str, vectors: Floats) -> None:
    expected = key_distances(exact_keys(vectors, metric), metric)
    geometry = ExactGeometry(vectors, metric)
    with precision(BITS), mpmath.workdps(60):
        for i, keys in geometry:
            for key, value in zip(keys, expected[i], strict=True):
                assert abs(middle(geometry.distance(key)) - value) <= CLOSE * value
            tripled = geometry.distances(keys, arb(3))
            for ball, value in zip(tripled, expected[i], strict=True):
                assert abs(middle(ball) - 3 * value) <= 3 * CLOSE * value
    for i, keys in geometry:  # at a precision that shows in the radius
        with precision(64), mpmath.workdps(60):
            for ball, value in zip(geometry.distances(keys), expected[i], strict=True):
                assert abs(middle(ball) - value) <= middle(ball.rad()) + CLOSE * value


@pytest.mark.parametrize("metric", ALL_METRICS)
def test_more_rows_than_are_worked_out_at_a_time(metric: str) -> None:
    vectors = np.random.default_rng(3).integers(-9, 9, (130, 2)) / 4.0
    geometry, expected = ExactGeometry(vectors, metric), exact_keys(vectors, metric)
    rows = dict(geometry)
    assert sorted(rows) == list(range(130))
    for i in (0, 63, 64, 65, 127, 128, 129):
        assert [scaled(geometry, key) for key in rows[i]] == expected[i]
    block = geometry.rows(60, 70)
    assert [[scaled(geometry, key) for key in row] for row in block] == expected[60:70]


@pytest.mark.parametrize("metric", ["manhattan", "chebyshev"])
@pytest.mark.parametrize(
    ("largest", "kind"),
    [(2.0**58, np.int64), (2.0**59 - 2.0**6, np.int64), (2.0**60, object), (2.0**200, object)],
)
def test_machine_words_only_where_no_sum_overflows(metric: str, largest: float, kind: type) -> None:
    """Integers are arrays of machine words, or of Python's where two components may be too many."""
    vectors = np.array([[largest, largest], [-largest, -largest], [1.0, -largest], [0.0, 3.0]])
    geometry = ExactGeometry(vectors, metric)
    assert geometry.shift == 0
    assert geometry._array.dtype == kind
    for i in range(4):
        assert [Fraction(int(key)) for key in geometry.row(i)] == exact_keys(vectors, metric)[i]


@pytest.mark.parametrize("metric", METRICS)
def test_key_of_a_rational_distance(metric: str) -> None:
    """3-4-5 in quarters: a threshold of the same length has the same key, a longer one a larger."""
    geometry = ExactGeometry(np.array([[0.0, 0.0], [0.75, 1.0]]), metric)
    key = geometry.row(0)[1]
    length = {"euclidean": 1.25, "manhattan": 1.75, "chebyshev": 1.0}[metric]
    assert geometry.key_of(exact_fraction(length)) == fmpq(key)
    assert geometry.key_of(exact_fraction(math.nextafter(length, 2.0))) > fmpq(key)
    assert geometry.key_of(exact_fraction(math.nextafter(length, 0.0))) < fmpq(key)


def test_unknown_metric() -> None:
    with pytest.raises(InputError, match="cosine"):
        ExactGeometry(np.eye(2), "cosine")


# Floats on the safe side

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=300)
@given(FLOATS, FLOATS, st.integers(-300, 300))
def test_floats_are_the_next_ones_outside(number: float, other: float, exponent: int) -> None:
    """No number of the ball is beyond them, and the next floats inwards are not safe any more."""
    with precision(BITS):
        ball = arb(number).union(arb(other)) * arb(2) ** exponent
        below, above = lower_float(ball), upper_float(ball)
    assert arb(below) <= ball
    assert arb(above) >= ball
    if below > -math.inf:
        assert not arb(math.nextafter(below, math.inf)) <= ball
    else:
        assert not arb(-1.7976931348623157e308) <= ball
    if above < math.inf:
        assert not arb(math.nextafter(above, -math.inf)) >= ball
    else:
        assert not arb(1.7976931348623157e308) >= ball


@given(FLOATS)
def test_a_float_is_its_own_enclosure(number: float) -> None:
    assert lower_float(arb(number)) == number == upper_float(arb(number))
    fraction = exact_fraction(number)
    assert Fraction(int(fraction.p), int(fraction.q)) == Fraction(number)


@pytest.mark.parametrize("rounding_bits", [24, 53, 64, 200])
@given(st.fractions(max_denominator=10**6).filter(bool))
def test_fractions_are_bracketed(rounding_bits: int, fraction: Fraction) -> None:
    """Whatever the precision; with enough of it by neighbouring floats."""
    with precision(rounding_bits):
        ball = arb(fmpq(fraction.numerator, fraction.denominator))
        below, above = lower_float(ball), upper_float(ball)
    assert Fraction(below) <= fraction <= Fraction(above)
    if rounding_bits == 200:
        exactly = Fraction(below) == fraction == Fraction(above)
        assert exactly or math.nextafter(below, math.inf) == above


def test_floats_of_extreme_balls() -> None:
    tiny, huge = arb(2) ** -5000, arb(2) ** 5000
    assert (lower_float(tiny), upper_float(tiny)) == (0.0, 5e-324)
    assert (lower_float(-tiny), upper_float(-tiny)) == (-5e-324, 0.0)
    assert (lower_float(huge), upper_float(huge)) == (1.7976931348623157e308, math.inf)
    assert (lower_float(-huge), upper_float(-huge)) == (-math.inf, -1.7976931348623157e308)
    assert (lower_float(arb(0)), upper_float(arb(0))) == (0.0, 0.0)
    for unknown in (arb.nan(), arb(0) / arb(0), arb("[0 +/- inf]")):
        assert (lower_float(unknown), upper_float(unknown)) == (-math.inf, math.inf)
    # An infinite ball may get a number below it, but none above.
    assert upper_float(arb("inf")) == math.inf
    assert lower_float(arb("-inf")) == -math.inf


def test_precision_ends_with_its_block() -> None:
    def bits() -> int:
        return int(arb(2).sqrt().rel_accuracy_bits())

    outside = bits()
    with precision(300):
        assert bits() > 290
    assert bits() == outside


# Laws


@pytest.mark.parametrize(
    ("n", "rate", "smallest", "largest"),
    [(1, 0, 0, 1), (2, 1, 0, 1), (3, 3, 1, 3), (9, 9, 1, 9), (9, 8, 0, 8), (60, 60, 1, 60)],
)
def test_poisson_cutoff(n: int, rate: int, smallest: int, largest: int) -> None:
    """Poisson(ln rate), conditioned; impossible numbers have a ball of radius 0."""
    with precision(BITS), mpmath.workdps(60):
        found = poisson_cutoff(n, arb(rate).log() if rate else arb(0), smallest, largest)
        mean = mpmath.log(rate) if rate else mpmath.mpf(0)
        weights = [mean**k / mpmath.factorial(k) for k in range(n + 1)]
        total = mpmath.fsum(weights[smallest : largest + 1])
        assert len(found) == n + 1
        for k, ball in enumerate(found):
            if smallest <= k <= largest:
                assert abs(middle(ball) - weights[k] / total) <= CLOSE
                assert ball.rad() < arb(10) ** -45
            else:
                assert ball == 0


def parameters_for(name: str, space: EmbeddingSpace, size: float) -> dict[str, float]:
    """Parameters with an epsilon of `size`, where there is a smallest one above it."""
    epsilon = size / space.extent.max_distance
    if name == "random-cutoff-exponential":
        return {"epsilon": epsilon + 2.0 * (1.0 + math.log(len(space))) / space.extent.min_distance}
    if name == "truncated-exponential":
        # A threshold that is some distance of the space, exactly where the metric allows.
        return {"epsilon": epsilon, "threshold": float(space.distance_rows(slice(0, 1))[0, -1])}
    return {"epsilon": size if name == "randomized-response" else epsilon}


def law_of(name: str, space: EmbeddingSpace, size: float) -> tuple[dict[str, float], BallLaw]:
    parameters = parameters_for(name, space, size)
    law = ball_law(name, parameters, space.vectors, space.metric)
    assert law is not None
    return parameters, law


def check_law(name: str, space: EmbeddingSpace, size: float) -> None:
    """All probabilities to 45 digits, and balls that hold them at a low precision too."""
    with precision(BITS):
        parameters, law = law_of(name, space, size)
    expected = reference_log_laws(name, parameters, space.vectors, space.metric)
    for word, row in enumerate(expected):
        with precision(BITS), mpmath.workdps(60):
            for ball, value in zip(law.probabilities(word), row, strict=True):
                # An exponent of up to 200 leaves that much less of the 45 digits.
                assert abs(middle(ball.log()) - value) <= 1000 * CLOSE
        with precision(64), mpmath.workdps(60):
            for y, (ball, value) in enumerate(zip(law.probabilities(word), row, strict=True)):
                probability = mpmath.exp(value)
                assert abs(middle(ball) - probability) <= middle(ball.rad()) + CLOSE * probability
                assert ball.rad() < ball.mid() * arb(2) ** -30
                assert law.probability(word, y).overlaps(ball)


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("name", CLOSED)
def test_laws_to_fifty_digits(name: str, kind: str) -> None:
    size = 30.0 if kind in ("pair", "scattered", "lattice") else 3.0
    for metric in METRICS if kind in ("pair", "lattice") else ("euclidean",):
        check_law(name, make_space(kind, metric), size)


@pytest.mark.parametrize("name", CLOSED)
@settings(max_examples=15)
@given(
    st.sampled_from(KINDS),
    st.integers(2, 6),
    st.integers(0, 2**32 - 1),
    st.floats(0.01, 60.0),
)
def test_laws_on_random_spaces(name: str, kind: str, n: int, seed: int, size: float) -> None:
    check_law(name, random_space(kind, n, np.random.default_rng(seed)), size)


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("name", CLOSED)
def test_fast_laws_are_within_their_own_error(name: str, kind: str) -> None:
    """Every log probability of the fast law differs from the ball by no more than it says."""
    space = make_space(kind)
    with precision(96):
        parameters, law = law_of(name, space, 8.0)
        mechanism = mechanisms.MECHANISMS[name].load()(space, **parameters)
        for word in range(len(space)):
            fast, doubt = mechanism.log_law(word), mechanism.log_law_error + 1e-15
            for value, ball in zip(fast, law.probabilities(word), strict=True):
                assert abs(arb(float(value)) - ball.log()) < arb(doubt) + abs(arb(float(value))) * (
                    arb(2) ** -51
                )


@pytest.mark.parametrize("name", CLOSED[:3])
def test_normalisers_are_the_sums_of_weights(name: str) -> None:
    """The pass over all pairs at once, against one word after the other."""
    for kind in SPACES:
        _, law = law_of(name, make_space(kind), 8.0)
        with precision(96):
            for word, total in enumerate(law.normalisers()):  # type: ignore[attr-defined]
                assert total.overlaps(law.normaliser(word))  # type: ignore[attr-defined]
                assert total.rad() < total.mid() * arb(2) ** -80


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("name", [name for name in CLOSED if name != "randomized-response"])
def test_known_answers(name: str, vocabulary: str) -> None:
    """Section 13 of the specification."""
    answer, space = known_answer(vocabulary, name), known_space(vocabulary)
    parameters = {key: answer[key] for key in ("epsilon", "threshold") if key in answer}
    law = ball_law(name, parameters, space.vectors, space.metric)
    assert law is not None
    for word, expected in known_laws(vocabulary, name):
        found = [float(ball.mid()) for ball in law.probabilities(space.index(word))]
        assert found == pytest.approx(expected.tolist(), rel=1e-13)


@pytest.mark.parametrize("n", [2, 3, 6])
@settings(max_examples=15)
@given(st.sampled_from(KINDS), st.integers(0, 2**32 - 1), st.floats(0.001, 50.0))
def test_no_loss_is_beyond_the_bound_by_distance(n: int, kind: str, seed: int, size: float) -> None:
    """d/b + x bounds every loss of `random-cutoff-exponential`, below the claim itself."""
    space = random_space(kind, n, np.random.default_rng(seed))
    with precision(BITS), mpmath.workdps(60):
        law_name = "random-cutoff-exponential"
        parameters, law = law_of(law_name, space, size)
        assert isinstance(law, RandomCutoffBallLaw)
        extra, steepness = middle(law.largest_extra_loss()), middle(law.steepness)
        laws = reference_log_laws(law_name, parameters, space.vectors, space.metric)
        distances = key_distances(exact_keys(space.vectors, space.metric), space.metric)
        for i in range(n):
            for j in range(n):
                if i != j:
                    loss = max(a - b for a, b in zip(laws[i], laws[j], strict=True))
                    bound = steepness * distances[i][j] + extra
                    assert loss <= bound + CLOSE
                    assert bound < parameters["epsilon"] * distances[i][j]
        assert extra <= 2 * (1 + mpmath.log(n))


# What is refused

GOOD: dict[str, dict[str, Any]] = {
    "metric-exponential": {"epsilon": 1.0},
    "truncated-exponential": {"epsilon": 1.0, "threshold": 2.0},
    "randomized-response": {"epsilon": 1.0},
    "random-cutoff-exponential": {"epsilon": 9.0},
    "nearest-truncated-exponential": {"epsilon": 1.0, "k": 2},
    "density-prior-exponential": {"epsilon": 1.0, "bandwidth": 2.0},
    "metropolis-hastings": {"epsilon": 1.0, "bandwidth": 2.0, "steps": 3},
    "truncated-gumbel": {"epsilon": 20.0, "cutoff": "published"},
}

VECTORS = np.array([[0.0], [1.0], [3.0]])


def test_good_parameters_are_taken() -> None:
    exact = {e.name for e in mechanisms.MECHANISMS.values() if "exact" in e.evidence}
    assert set(GOOD) == exact
    for name, parameters in GOOD.items():
        assert ball_law(name, parameters, VECTORS, "euclidean") is not None
        with_sampler = {**parameters, "sampler": "exact"}
        assert ball_law(name, with_sampler, VECTORS, "euclidean") is not None


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("bad", [0, -1.0, math.nan, math.inf, "1", True, None, 10**400])
def test_parameters_out_of_range(name: str, bad: Any) -> None:
    for key in GOOD[name]:
        with pytest.raises(InputError, match=key):
            ball_law(name, {**GOOD[name], key: bad}, VECTORS, "euclidean")


@pytest.mark.parametrize("name", GOOD)
def test_parameters_missing_or_unknown(name: str) -> None:
    for key in GOOD[name]:
        missing = {other: value for other, value in GOOD[name].items() if other != key}
        with pytest.raises(InputError, match=key):
            ball_law(name, missing, VECTORS, "euclidean")
    with pytest.raises(InputError, match="gamma"):
        ball_law(name, {**GOOD[name], "gamma": 1.0}, VECTORS, "euclidean")


def test_unknown_mechanism_has_no_law() -> None:
    assert ball_law("vickrey", {"epsilon": 1.0}, VECTORS, "euclidean") is None


@given(st.integers(2, 9), st.floats(1e-3, 1e3))
def test_scale_of_the_random_cutoff_exists_only_above_its_bound(n: int, unit: float) -> None:
    vectors = unit * np.arange(float(n))[:, None]
    bound = 2.0 * (1.0 + math.log(n)) / float(np.diff(vectors[:, 0]).min())
    assume(math.isfinite(bound))
    for factor, fits in ((1.0 - 1e-9, False), (1.0 + 1e-9, True)):
        parameters = {"epsilon": bound * factor}
        if fits:
            assert ball_law("random-cutoff-exponential", parameters, vectors, "euclidean")
        else:
            with pytest.raises(ClaimError, match="epsilon"):
                ball_law("random-cutoff-exponential", parameters, vectors, "euclidean")


def test_digits_of_the_references() -> None:
    """`BITS` and `CLOSE` go with `DIGITS`."""
    assert BITS * math.log10(2.0) > DIGITS
    assert mpmath.mpf(10) ** (5 - DIGITS) >= CLOSE
