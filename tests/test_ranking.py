"""Ranks by exact distance, against fractions."""

from fractions import Fraction
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import METRICS, builtin, exact_keys

import dpaudit.mechanisms.spaces.distances as distances_module
import dpaudit.mechanisms.spaces.space as space_module
from dpaudit.mechanisms.balls import ExactGeometry, ball_law
from dpaudit.mechanisms.spaces import EmbeddingSpace
from dpaudit.mechanisms.spaces.ranking import ExactRanking
from dpaudit.mechanisms.words.truncated_gumbel import TruncatedGumbel

Floats = NDArray[np.float64]


def space_of(vectors: Floats, metric: str) -> EmbeddingSpace:
    return EmbeddingSpace(
        [f"w{i}" for i in range(len(vectors))], vectors, metric, on_duplicate="drop"
    )


def expected_order(vectors: Floats, metric: str) -> list[list[int]]:
    """Sorted by exact distance, then by index."""
    keys = exact_keys(vectors, metric)
    return [sorted(range(len(row)), key=lambda y, row=row: (row[y], y)) for row in keys]


def float_order(space: EmbeddingSpace) -> list[list[int]]:
    """Sorted by computed distance, then by index."""
    return np.argsort(space.distance_matrix, axis=1, kind="stable").tolist()


def grid(side: int, unit: float, seed: int = 0) -> Floats:
    cells = np.array([[i, j] for i in range(side) for j in range(side)], dtype=float)
    return np.random.default_rng(seed).permutation(cells) * unit


def vectors_of(kind: str, rng: np.random.Generator) -> Floats:
    n, p = int(rng.integers(2, 13)), int(rng.integers(1, 5))
    if kind == "integers":
        return rng.integers(-3, 4, (n, p)).astype(float)
    if kind == "decimals":
        return np.round(0.1 * rng.integers(-9, 10, (n, p)), 1)
    if kind == "sums":  # what adding 0.1 up gives
        return np.cumsum(np.full((n, p), 0.1), axis=0) * rng.choice([1.0, 2.0, -1.0], p)
    if kind == "exponents":
        return rng.choice([0.1, 1.0, 3.0, -1.0], (n, p)) * 10.0 ** rng.uniform(-60, 60, (n, p))
    if kind == "simplex":
        return np.eye(n) * float(rng.choice([0.1, 1.0, 1.0 / 3.0]))
    if kind == "near simplex":
        return np.eye(n) + 2.0**-51 * rng.integers(0, 3, (n, n))
    if kind == "tiny":  # squares underflow
        return rng.integers(0, 4, (n, p)) * float(rng.choice([1e-155, 1e-162, 1e-170, 5e-324]))
    assert kind == "scattered"
    return rng.standard_normal((n, p))


ROTATED = [  # the same length several ways: 25 = 0 + 25 = 9 + 16, 65 = 1 + 64 = 16 + 49
    [0, 0], [3, 4], [5, 0], [-4, 3], [0, -5], [4, 3], [1, 8], [7, 4], [8, 1], [4, 7], [-8, 1],
]  # fmt: skip

KINDS = (
    "integers", "decimals", "sums", "exponents", "simplex", "near simplex", "tiny", "scattered",
)  # fmt: skip


@pytest.mark.parametrize("products", [False, True])
@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(KINDS), st.sampled_from(METRICS), st.integers(0, 2**32 - 1), st.integers(1, 60)
)
def test_order_against_fractions(
    products: bool, kind: str, metric: str, seed: int, block: int
) -> None:
    """All rows at once or a few at a time, by both routes to the distances."""
    vectors = np.unique(vectors_of(kind, np.random.default_rng(seed)) + 0.0, axis=0)
    if len(vectors) < 2:
        return
    vectors = np.random.default_rng(seed).permutation(vectors)
    route = mock.patch.object(distances_module, "_DIRECT_WORK", 0 if products else 10**9)
    with route, mock.patch.object(space_module, "BLOCK", block):
        space, single = space_of(vectors, metric), space_of(vectors, metric)
        assert space.tiles.direct == (metric != "euclidean" or not products)
        expected = expected_order(vectors, metric)
        assert space.order.tolist() == expected
        for word in range(len(space)):
            assert single.order_rows(slice(word, word + 1)).tolist() == [expected[word]]
        assert "order" not in single.__dict__
        np.testing.assert_array_equal(space.order_rows(slice(1, None)), space.order[1:])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("unit", [1.0, 0.1, 1.0 / 3.0, 2.0**-900, 2.0**400, 1e100])
def test_grids(unit: float, metric: str) -> None:
    """Multiples of one number, most of their distances tied."""
    for vectors in (grid(5, unit), np.array(ROTATED) * unit):
        assert space_of(vectors, metric).order.tolist() == expected_order(vectors, metric)


@pytest.mark.parametrize("metric", METRICS)
def test_computed_distances_alone_give_another_order(metric: str) -> None:
    """So the tests above can fail: without the second sort decimal grids are ranked wrongly."""
    vectors = grid(5, 0.1)
    expected = expected_order(vectors, metric)
    assert float_order(space_of(vectors, metric)) != expected

    def nothing(self: Any, first: Any, second: Any) -> Any:
        return np.zeros((1, len(first)), dtype=np.int64)

    for name, fault in (("key_digits", nothing), ("small_keys", lambda *_: np.zeros((25, 25)))):
        with mock.patch.object(ExactGeometry, name, fault):
            unit = 0.1 if name == "key_digits" else 1.0
            assert space_of(grid(5, unit), metric).order.tolist() != expected


@pytest.mark.parametrize("metric", METRICS)
def test_builtin(metric: str) -> None:
    """Equal to the order of exact keys, in a sample of rows."""
    space = builtin().with_metric(metric)
    geometry = ExactGeometry(space.vectors, metric)
    for word in np.random.default_rng(7).integers(0, len(space), 25):
        keys = np.array([int(key) for key in geometry.row(int(word))])
        assert space.order[word].tolist() == np.argsort(keys, kind="stable").tolist()
    assert (space.order[:, 0] == np.arange(len(space))).all()
    assert space.order.dtype == np.int32
    assert not space.order.flags.writeable


def test_distances_that_are_no_numbers_say_nothing() -> None:
    """A row with NaN is ranked by whole numbers alone."""
    space = space_of(np.array([[0.0], [9.0], [4.0], [1.0], [2.5]]), "euclidean")
    distances = space.distance_matrix.copy()
    for row, places in enumerate(([1], [0, 1], [], range(5), [4])):
        distances[row, list(places)] = np.nan
    assert ExactRanking(space.tiles).rank(distances, 0).tolist() == space.order.tolist()


# Exact keys


@pytest.mark.parametrize("metric", [*METRICS, "discrete"])
@settings(max_examples=100, deadline=None)
@given(st.sampled_from(KINDS), st.integers(0, 2**32 - 1))
def test_keys_in_digits(metric: str, kind: str, seed: int) -> None:
    """Digits add up to the exact key and order as it does; so do the keys of whole rows."""
    vectors = vectors_of(kind, np.random.default_rng(seed))
    geometry, n = ExactGeometry(vectors, metric), len(vectors)
    first, second = (index.ravel() for index in np.indices((n, n)))
    digits = geometry.key_digits(first, second)
    width = 1 if metric == "discrete" else geometry._digits[0]
    assert (digits >= 0).all()
    assert (digits[:-1] < 2**width).all()
    unit = Fraction(1, 2 ** (geometry.shift * (2 if metric == "euclidean" else 1)))
    expected = [key for row in exact_keys(vectors, metric) for key in row]
    for pair, key in zip(digits.T, expected, strict=True):
        assert unit * sum(int(digit) << (width * k) for k, digit in enumerate(pair)) == key
    small = geometry.small_keys(0, n)
    if small is not None:
        assert [unit * int(key) for key in small.ravel()] == expected
    assert (small is not None) or kind not in ("integers",) or metric == "discrete"


def test_digits_of_many_components() -> None:
    """Thousands of components leave less room in a digit."""
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((4, 5000))
    for metric in METRICS:
        geometry = ExactGeometry(vectors, metric)
        digits = geometry.key_digits(np.array([0, 2]), np.array([1, 3]))
        width, found = geometry._digits[0], geometry.rows(0, 3)
        for pair, key in zip(digits.T, (found[0][1], found[2][3]), strict=True):
            assert sum(int(digit) << (width * k) for k, digit in enumerate(pair)) == int(key)


# Laws

#: Six points of a decimal grid some of whose computed distances are in a wrong order.
DECIMALS = 0.1 * np.random.default_rng([6, 7]).integers(0, 10, (6, 2))


@pytest.mark.parametrize("metric", METRICS)
def test_truncated_gumbel_on_a_decimal_grid(metric: str) -> None:
    """Every log probability is within its error of the law in balls; by floats it is not."""
    space = space_of(DECIMALS, metric)
    assert float_order(space) != expected_order(DECIMALS, metric)
    mechanism = TruncatedGumbel(space, 1.5 * TruncatedGumbel.bound(space))
    law = ball_law(mechanism.name, mechanism.parameters, space.vectors, metric)
    assert law is not None

    def largest_gap() -> float:
        gaps = []
        for word in range(len(space)):
            exact = [float(ball.log().mid()) for ball in law.probabilities(word)]
            gaps.append(np.abs(mechanism.log_law(word) - exact).max())
        return float(max(gaps))

    assert largest_gap() <= mechanism.log_law_error < 1e-9
    broken = np.array(float_order(space))
    with mock.patch.dict(space.__dict__, {"order": broken}):
        assert largest_gap() > 0.01
        ranks = [mechanism._rank(0, int(word)) for word in broken[0]]
    assert ranks == list(range(1, 7))
