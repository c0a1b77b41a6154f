"""Distances: both routes within their stated error, whatever the tiles; extremes and neighbours.

The reference is mpmath with 50 digits. Tiles are made small by patching `TILE`, and the
matrix-product route is forced by patching `_DIRECT_WORK`.
"""

import math
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from support import METRICS, SPACES, exact_distance, exact_distances, make_space

from dpaudit.errors import MemoryNeededError, SpaceError
from dpaudit.mechanisms.kernels import parallel
from dpaudit.mechanisms.kernels.parallel import cores, ordered_map
from dpaudit.mechanisms.kernels.tiles import products_to_distances
from dpaudit.mechanisms.spaces import EmbeddingSpace, distances
from dpaudit.mechanisms.spaces.distances import DistanceTiles, pair_distances

Floats = NDArray[np.float64]
ROUTES = ("direct", "product")


@contextmanager
def route(name: str, tile: int = 512) -> Iterator[None]:
    """Compute Euclidean distances by one route only, in tiles of this size."""
    work = 0 if name == "product" else 2**62
    with mock.patch.multiple(distances, _DIRECT_WORK=work, TILE=tile):
        yield


def full_matrix(tiles: DistanceTiles) -> Floats:
    """All distances put together from the tiles; NaN where no tile put one."""
    n = len(tiles.vectors)
    matrix = np.full((n, n), np.nan)
    for tile in tiles:
        assert np.isnan(matrix[tile.rows, tile.columns]).all()
        matrix[tile.rows, tile.columns] = tile.distances
        if not tile.diagonal:
            matrix[tile.columns, tile.rows] = tile.distances.T
    return matrix


def worst_relative_error(matrix: Floats, vectors: Floats, metric: str) -> float:
    """Largest relative error of a matrix of distances against 50 digits."""
    worst = 0.0
    for i, row in enumerate(exact_distances(vectors, metric)):
        for j, exact in enumerate(row):
            if exact == 0:
                assert matrix[i, j] == 0.0
            else:
                worst = max(worst, float(abs(matrix[i, j] - exact) / exact))
    return worst


def distinct_rows(vectors: Floats) -> bool:
    """Whether all pairs of rows are far enough apart to be told apart."""
    gaps = np.abs(vectors[:, None] - vectors[None]).max(axis=2)
    return bool((gaps + np.eye(len(vectors)) > 1e-100).all())


@st.composite
def tables(draw: st.DrawFn) -> Floats:
    """Vectors with equal, close and far rows, some of them far from the origin.

    Components near the smallest float are left out: a space refuses distances that underflow.
    """
    shape = draw(st.tuples(st.integers(2, 9), st.integers(1, 5)))
    scale = draw(st.sampled_from([1e-30, 1e-3, 1.0, 1e5, 1e60]))
    offset = draw(st.sampled_from([0.0, 1.0, -1e3, 1e8, 1e12]))
    tame = st.floats(-1, 1).map(lambda number: number if abs(number) > 1e-60 else 0.0)
    numbers = tame | st.sampled_from([0.0, 1.0, 1.0 + 2**-52, 1.0 + 2**-30, -1.0])
    return (draw(hnp.arrays(np.float64, shape, elements=numbers)) + offset) * scale


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("name", ROUTES)
def test_error_is_within_its_bound(name: str, kind: str, metric: str) -> None:
    """Both routes keep `relative_error` on spaces of every kind, and the bound is a tight one."""
    with route(name, tile=4):
        tiles = make_space(kind, metric).tiles
        assert tiles.direct == (name == "direct" or metric != "euclidean")
        assert worst_relative_error(full_matrix(tiles), tiles.vectors, metric) <= (
            tiles.relative_error
        )
        assert tiles.relative_error < 1e-12


@settings(deadline=None, max_examples=60)
@given(tables(), st.sampled_from(METRICS), st.sampled_from(ROUTES), st.integers(1, 5))
def test_error_is_within_its_bound_anywhere(
    vectors: Floats, metric: str, name: str, tile: int
) -> None:
    """As above, for vectors that are searched for."""
    with route(name, tile):
        tiles = DistanceTiles(vectors, metric)
        error = worst_relative_error(full_matrix(tiles), vectors, metric)
        assert error <= tiles.relative_error


@pytest.mark.parametrize("gap", [1e-2, 1e-5, 1e-7, 2.0**-30])
@pytest.mark.parametrize("offset", [0.0, 1e3, 1e9])
def test_cancellation_is_repaired(gap: float, offset: float) -> None:
    """Two tight clusters, each far off: the plain product loses every digit, the route none."""
    rng = np.random.default_rng(1)
    vectors = offset + gap * rng.standard_normal((12, 4))
    vectors[6:] += 5e3
    with route("product", 5):
        tiles = DistanceTiles(vectors, "euclidean")
        bound = tiles.relative_error
        assert worst_relative_error(full_matrix(tiles), vectors, "euclidean") <= bound
    squares = (vectors**2).sum(axis=1)
    naive = squares[:, None] + squares[None] - 2.0 * vectors @ vectors.T
    plain = np.sqrt(np.maximum(naive, 0.0))
    np.fill_diagonal(plain, 0.0)
    assert worst_relative_error(plain, vectors, "euclidean") > 100 * bound


def test_the_threshold_of_the_repair_is_needed() -> None:
    """Without the repair, the same vectors miss the bound: the test above can fail."""
    vectors = 1e-5 * np.random.default_rng(1).standard_normal((12, 4))
    vectors[6:] += 5e3
    with route("product", 5), mock.patch.object(distances, "_CANCELLATION", 0.0):
        matrix = full_matrix(DistanceTiles(vectors, "euclidean"))
    with route("product"):
        bound = DistanceTiles(vectors, "euclidean").relative_error
    np.fill_diagonal(matrix, 0.0)
    assert worst_relative_error(matrix, vectors, "euclidean") > 100 * bound


@pytest.mark.parametrize("cancellation", [0.0, 1 / 64, 0.9])
def test_jitted_products_are_the_plain_ones(cancellation: float) -> None:
    """The compiled pass and its body in plain Python agree; what cancels is -1 and counted."""
    rng = np.random.default_rng(6)
    first, second = rng.standard_normal((5, 2)), rng.standard_normal((7, 2))
    second[2:4] = first[1:3] * (1 + 1e-9)
    first[4] = second[6] = 0.0
    squares = (first**2).sum(axis=1), (second**2).sum(axis=1)
    fast, slow = first @ second.T, first @ second.T
    with np.errstate(invalid="ignore"):
        counts = [
            products_to_distances(fast, *squares, cancellation),
            products_to_distances.py_func(slow, *squares, cancellation),
        ]
    np.testing.assert_array_equal(fast, slow)
    total = squares[0][:, None] + squares[1]
    cancelled = total - 2.0 * (first @ second.T) < cancellation * total
    np.testing.assert_array_equal(fast == -1.0, cancelled)
    assert counts == [cancelled.sum()] * 2
    assert fast[4, 6] == 0.0


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", SPACES)
def test_diameter_bound(kind: str, metric: str) -> None:
    """Above every distance, and at most about twice the longest."""
    space = make_space(kind, metric)
    longest = max(max(row) for row in exact_distances(space.vectors, metric))
    assert longest <= space.tiles.diameter_bound <= 2.0 * longest * (1 + 1e-6)


@settings(deadline=None)
@given(tables(), st.sampled_from(METRICS))
def test_diameter_bound_anywhere(vectors: Floats, metric: str) -> None:
    """Above every distance, however far the vectors are from the origin."""
    longest = max(max(row) for row in exact_distances(vectors, metric))
    assert longest <= DistanceTiles(vectors, metric).diameter_bound


@settings(deadline=None)
@given(tables(), st.sampled_from(METRICS), st.sampled_from(ROUTES), st.integers(1, 10))
def test_tile_size_does_not_matter(vectors: Floats, metric: str, name: str, tile: int) -> None:
    """Tiles of any size put together give the distances of a single tile."""
    with route(name, tile):
        tiles = DistanceTiles(vectors, metric)
        small = full_matrix(tiles)
        ranges = [range(part.start, part.stop) for part, _ in tiles.grid()]
        assert max(len(part) for part in ranges) <= tile
    with route(name, len(vectors)):
        whole = full_matrix(DistanceTiles(vectors, metric))
    if name == "direct" or metric != "euclidean":
        np.testing.assert_array_equal(small, whole)
    else:  # the linear algebra library may sum in another order
        np.testing.assert_allclose(small, whole, rtol=2e-12, atol=0.0)


@settings(deadline=None)
@given(tables(), st.sampled_from(METRICS), st.sampled_from(ROUTES), st.integers(1, 10))
def test_distances_are_symmetric_to_the_bit(
    vectors: Floats, metric: str, name: str, tile: int
) -> None:
    """d(i, j) and d(j, i) are one float, inside diagonal tiles too, and d(i, i) is 0."""
    with route(name, tile):
        matrix = full_matrix(DistanceTiles(vectors, metric))
        for part in DistanceTiles(vectors, metric):
            if part.diagonal:
                np.testing.assert_array_equal(part.distances, part.distances.T)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert not matrix.diagonal().any()


@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize("extra", [-1, 0, 1])
@pytest.mark.parametrize("dimension", [1, 7])
def test_around_multiples_of_the_shipped_tile(name: str, extra: int, dimension: int) -> None:
    """With the real tile size, one row less, none and one more than two tiles."""
    n = 2 * distances.TILE + extra
    vectors = np.random.default_rng(2).standard_normal((n, dimension))
    words = [str(i) for i in range(n)]
    with route(name):
        space = EmbeddingSpace(words, vectors)
        matrix, extent, bound = space.distance_matrix, space.extent, space.tiles.relative_error
    naive = np.sqrt(((vectors[:, None].astype(np.longdouble) - vectors[None]) ** 2).sum(axis=2))
    assert (np.abs(matrix - naive) <= bound * naive).all()
    np.testing.assert_array_equal(matrix, matrix.T)
    assert extent.max_distance == matrix.max()
    others = matrix + np.diag(np.full(n, np.inf))
    np.testing.assert_array_equal(extent.nearest_distance, others.min(axis=1))
    np.testing.assert_array_equal(extent.nearest, others.argmin(axis=1))


@settings(deadline=None)
@given(
    tables().filter(distinct_rows),
    st.sampled_from(METRICS),
    st.sampled_from(ROUTES),
    st.integers(1, 10),
)
def test_extent_against_a_plain_loop(vectors: Floats, metric: str, name: str, tile: int) -> None:
    """Extremes and nearest words in one pass are those of a double loop over 50 digits."""
    n = len(vectors)
    with route(name, tile):
        space = EmbeddingSpace([f"w{i}" for i in range(n)], vectors, metric)
        extent, bound = space.extent, space.tiles.relative_error
    exact = exact_distances(vectors, metric)
    pairs = [exact[i][j] for i in range(n) for j in range(n) if i != j]
    assert abs(extent.min_distance - min(pairs)) <= bound * min(pairs)
    assert abs(extent.max_distance - max(pairs)) <= bound * max(pairs)
    assert extent.min_distance == extent.nearest_distance.min()
    first, second = extent.closest
    assert first < second
    assert extent.nearest_distance[first] == extent.min_distance
    assert exact[first][second] <= min(pairs) * (1 + 2 * bound)
    for i in range(n):
        least = min(exact[i][j] for j in range(n) if j != i)
        nearest = int(extent.nearest[i])
        assert nearest != i
        assert exact[i][nearest] <= least * (1 + 2 * bound)
        assert abs(extent.nearest_distance[i] - least) <= bound * least
        # A lower index may only be passed over if it is farther.
        assert all(exact[i][j] >= least for j in range(nearest) if j != i)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize("tile", [1, 2, 5, 36])
def test_ties_go_to_the_lower_index(metric: str, name: str, tile: int) -> None:
    """On a shuffled integer grid, where all arithmetic is exact, nearly everything is tied."""
    grid = np.array([[i, j] for i in range(6) for j in range(6)], dtype=float)
    vectors = np.random.default_rng(3).permutation(grid)
    words = [f"w{i}" for i in range(36)]
    with route(name, tile):
        space = EmbeddingSpace(words, vectors, metric)
        extent, order = space.extent, space.order
        neighbours = [space.neighbours(i, 35) for i in range(36)]
    pairs = []
    for i in range(36):
        # Squares and sums of small whole numbers are exact, so that ties are ties.
        gaps = [[abs(a - b) for a, b in zip(x, vectors[i], strict=True)] for x in vectors]
        if metric == "euclidean":
            lengths = [math.sqrt(sum(gap * gap for gap in row)) for row in gaps]
        else:
            lengths = [sum(row) if metric == "manhattan" else max(row) for row in gaps]
        ranking = sorted(range(36), key=lambda j: (lengths[j], j))
        assert order[i].tolist() == ranking
        assert extent.nearest[i] == ranking[1]
        assert extent.nearest_distance[i] == lengths[ranking[1]]
        assert neighbours[i] == [(words[j], lengths[j]) for j in ranking[1:]]
        pairs += [(lengths[j], i, j) for j in range(36) if j != i]
    assert extent.closest == min(pairs)[1:]
    assert extent.max_distance == max(pairs)[0]
    assert extent.min_distance == 1.0


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", ROUTES)
def test_rows_agree_with_the_matrix(metric: str, name: str) -> None:
    """Rows computed alone are those of the matrix; once it is there they are cut from it."""
    with route(name, 4):
        space = make_space("scattered", metric)
        rows = [space.distance_rows(slice(i, i + 1))[0] for i in range(len(space))]
        parts = [space.distance_rows(slice(3, 7)), space.distance_rows(slice(0, 11))]
        assert "distance_matrix" not in space.__dict__
        matrix = space.distance_matrix
        bound = 2 * space.tiles.relative_error
    np.testing.assert_allclose(rows, matrix, rtol=bound, atol=0)
    np.testing.assert_allclose(parts[0], matrix[3:7], rtol=bound, atol=0)
    np.testing.assert_allclose(parts[1], matrix, rtol=bound, atol=0)
    assert space.distance_rows(slice(2, 4)).base is matrix or np.shares_memory(
        space.distance_rows(slice(2, 4)), matrix
    )
    with pytest.raises(ValueError, match="read-only"):
        matrix[0, 1] = 0.0


@settings(deadline=None, max_examples=50)
@given(tables(), st.sampled_from(METRICS), st.data())
def test_pair_distances(vectors: Floats, metric: str, data: st.DataObject) -> None:
    """Distances of listed pairs, in chunks or not, against 50 digits."""
    indices = st.lists(st.integers(0, len(vectors) - 1), min_size=6, max_size=6)
    first, second = np.array(data.draw(indices)), np.array(data.draw(indices))
    found = pair_distances(vectors, first, second, metric)
    bound = (vectors.shape[1] + 4) * 2.0**-53
    for value, i, j in zip(found, first, second, strict=True):
        exact = exact_distance(vectors[i], vectors[j], metric)
        assert abs(value - exact) <= bound * exact


@pytest.mark.parametrize("metric", METRICS)
def test_pair_distances_in_chunks(metric: str) -> None:
    """More pairs than fit one chunk give the same as pairs one by one, up to rounding."""
    vectors = np.random.default_rng(4).standard_normal((3, 2**19))
    first, second = np.array([0, 1, 2, 0, 1]), np.array([1, 2, 0, 0, 0])
    together = pair_distances(vectors, first, second, metric)
    alone = [
        pair_distances(vectors, first[i : i + 1], second[i : i + 1], metric)[0] for i in range(5)
    ]
    np.testing.assert_allclose(together, alone, rtol=1e-12, atol=0.0)
    assert together[3] == 0.0
    assert pair_distances(vectors, first[:0], second[:0], metric).shape == (0,)


@pytest.mark.parametrize("name", ROUTES)
def test_streaming_needs_a_few_tiles_of_memory(name: str) -> None:
    """The extent of 3,000 words: far below the matrix, and nothing grows with n n p.

    The matrix takes 72 MB and all differences 3.6 GB; tiles of 256 rows take 0.5 MB each.
    """
    n, dimension = 3000, 50
    vectors = np.random.default_rng(5).standard_normal((n, dimension))
    space = EmbeddingSpace([str(i) for i in range(n)], vectors)
    with route(name, 256), mock.patch.object(parallel, "cores", return_value=2):
        tracemalloc.start()
        try:
            extent = space.extent
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert 256 * 256 * 8 <= peak < n * n * 8 / 4  # the lower bound: tracing does see the tiles
    assert "distance_matrix" not in space.__dict__
    word = int(extent.nearest[17])
    gaps = np.sqrt(((vectors - vectors[17]) ** 2).sum(axis=1))
    assert gaps.argsort()[1] == word


def test_the_matrix_is_refused_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Matrix and neighbour lists ask for their memory first; extent and rows need not."""
    space = make_space("scattered")
    monkeypatch.setattr("dpaudit.errors.available_memory", lambda: 900)
    with pytest.raises(MemoryNeededError, match=r"distance matrix of 11 words .*limit"):
        _ = space.distance_matrix
    monkeypatch.setattr("dpaudit.errors.available_memory", lambda: 1900)
    with pytest.raises(MemoryNeededError, match=r"neighbour lists of 11 words .*limit"):
        _ = space.order
    assert space.extent.min_distance > 0
    assert space.distance_rows(slice(0, 1)).shape == (1, 11)


def test_too_close_words_are_named() -> None:
    """Different vectors whose distance underflows cannot be computed with."""
    space = EmbeddingSpace(["far", "here", "there"], [[1.0], [0.0], [1e-200]])
    with pytest.raises(SpaceError, match=r"'here' and 'there' .* too close"):
        _ = space.extent


@pytest.mark.parametrize("threads", [None, 1, 2, 7])
def test_ordered_map_keeps_the_order(threads: int | None) -> None:
    """Results come in the order of the pieces, also when later pieces are done first."""

    def work(piece: int) -> int:
        time.sleep(0.002 * (piece % 3 == 0))
        return piece * piece

    assert list(ordered_map(work, range(40), threads)) == [i * i for i in range(40)]
    assert list(ordered_map(work, [], threads)) == []


def test_ordered_map_is_lazy_and_stops() -> None:
    """At most threads + 1 pieces are ahead of the consumer, and an error ends the work."""
    started: list[int] = []
    lock = threading.Lock()

    def work(piece: int) -> int:
        with lock:
            started.append(piece)
        if piece == 5:
            raise ValueError("piece 5")
        return piece

    results = ordered_map(work, range(1000), threads=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    assert max(started) <= 6
    with pytest.raises(ValueError, match="piece 5"):
        list(results)
    assert max(started) < 20


def test_cores_is_at_least_one() -> None:
    """Also on a system that does not tell."""
    assert cores() >= 1
    with mock.patch("dpaudit.mechanisms.kernels.parallel.os", spec=["cpu_count"]) as system:
        system.cpu_count.return_value = None
        assert cores() == 1
