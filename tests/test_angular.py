"""Angles as a metric: floats, exact keys, balls, certified verdicts, and what is refused."""

import json
import math
from itertools import pairwise
from pathlib import Path

import mpmath
import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st
from support import Run, builtin

from dpaudit import MetricDP, audit
from dpaudit.certificates import verify
from dpaudit.certificates.certify import certificate_of
from dpaudit.errors import InputError, SpaceError
from dpaudit.mechanisms import registry
from dpaudit.mechanisms.balls.angles import AngleOf, exact_geometry
from dpaudit.mechanisms.spaces import EmbeddingSpace
from dpaudit.mechanisms.spaces.distances import pair_distances
from dpaudit.mechanisms.words.metric_exponential import MetricExponential

Rows = list[list[float]]


def reference(x: list[float], y: list[float]) -> mpmath.mpf:
    """The angle with enough digits, by another formula than those that are tested."""
    with mpmath.workdps(400):
        a, b = mpmath.matrix(x), mpmath.matrix(y)
        dot = (a.T * b)[0]
        lengths = mpmath.sqrt((a.T * a)[0] * (b.T * b)[0])
        return mpmath.acos(max(-1, min(1, dot / lengths)))


_COMPONENTS = st.one_of(
    st.floats(-4, 4).filter(lambda x: x == 0.0 or abs(x) > 1e-30),
    st.integers(-3, 3).map(float),
    st.sampled_from([1e-9, 1e9, 1 + 2**-40, 1 + 2**-52]),
)


@st.composite
def spaces(draw: st.DrawFn) -> EmbeddingSpace:
    p = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(_COMPONENTS, min_size=p, max_size=p), min_size=3, max_size=8))
    # Some rows lie close to the first one, and one opposite to it.
    rows += [[x * (1 + 2.0**-k) if i == 0 else x for i, x in enumerate(rows[0])] for k in (12, 50)]
    rows += [[-x for x in rows[0]]]
    kept = [row for row in rows if any(abs(x) > 1e-100 for x in row)]
    words = [f"w{i}" for i in range(len(kept))]
    try:
        return EmbeddingSpace(words, kept, "angular", on_duplicate="drop")
    except SpaceError:
        return EmbeddingSpace(["a", "b"], [[1.0], [-1.0]], "angular")


@settings(deadline=None)
@given(spaces())
def test_angles_within_their_error(space: EmbeddingSpace) -> None:
    """Every route against 400 digits: matrix, tiles, pairs, balls; equal both ways round."""
    n = len(space)
    matrix, error = space.distance_matrix, space.tiles.relative_error
    np.testing.assert_array_equal(matrix, matrix.T)
    geometry = exact_geometry(space.vectors, "angular")
    for i in range(n):
        balls = geometry.distances(geometry.row(i))
        for j in range(n):
            if i == j:
                assert matrix[i, j] == 0.0
                assert balls[j] == 0
                continue
            true = reference(space.vectors[i].tolist(), space.vectors[j].tolist())
            pair = pair_distances(space.vectors, np.array([i]), np.array([j]), "angular")[0]
            assert abs(matrix[i, j] - true) <= error * true
            assert abs(pair - true) <= error * true
            low, high = float(balls[j].lower()), float(balls[j].upper())
            assert low * (1 - 1e-15) <= true <= high * (1 + 1e-15)
            assert high - low <= 1e-12 * high


@settings(deadline=None)
@given(spaces())
def test_exact_order(space: EmbeddingSpace) -> None:
    """Ranks are those of the keys, and these are those of the angles."""
    geometry = exact_geometry(space.vectors, "angular")
    for word in range(len(space)):
        expected = geometry.ranked(word)
        assert space.order[word].tolist() == expected
        true = [
            reference(space.vectors[word].tolist(), space.vectors[y].tolist()) for y in expected
        ]
        with mpmath.workdps(400):
            least = mpmath.mpf(10) ** -200
            assert all(a <= b + least for a, b in pairwise(true[1:]))


def test_equal_angles_are_equal_keys() -> None:
    """Angles of 45 degrees between vectors of other lengths, whose cosines round differently."""
    rows = [[1.0, 0.0, 0.0], [0.1, 0.1, 0.0], [0.7, 0.0, 0.7], [3.0, 0.0, -3.0], [-5.0, 5.0, 0.0]]
    geometry = exact_geometry(np.array(rows), "angular")
    keys = geometry.row(0)
    assert keys[1] == keys[2] == keys[3] == fmpq(-1, 2)
    assert keys[4] == fmpq(1, 2)
    space = EmbeddingSpace(list("abcde"), rows, "angular")
    assert space.order[0].tolist() == [0, 1, 2, 3, 4]
    assert geometry.extremes == (fmpq(-1, 2), fmpq(1, 2))


def test_clipping_at_a_fraction() -> None:
    """A threshold in radians is compared with keys in balls, and never equal to one."""
    assert AngleOf(fmpq(1)) == AngleOf(fmpq(2, 2))
    assert sorted([AngleOf(fmpq(3)), fmpq(0), AngleOf(fmpq(1)), fmpq(-1)]) == [
        fmpq(-1), AngleOf(fmpq(1)), fmpq(0), AngleOf(fmpq(3)),
    ]  # fmt: skip
    half_pi = fmpq(*(math.pi / 2).as_integer_ratio())
    assert fmpq(0) < AngleOf(half_pi + fmpq(1, 10**12))
    assert fmpq(0) > AngleOf(half_pi - fmpq(1, 10**12))


def test_what_has_no_angle() -> None:
    """Zero vectors are refused; parallel ones are duplicates, exactly; opposite ones are not."""
    with pytest.raises(SpaceError, match="'b' is 0, so it has no angle"):
        EmbeddingSpace(["a", "b"], [[1.0, 2.0], [0.0, -0.0]], "angular")
    rows = [[1.0, 3.0], [0.1, 0.3], [2.0, 6.0], [-1.0, -3.0]]
    with pytest.raises(SpaceError, match="'a' and 'c' have vectors of the same direction"):
        EmbeddingSpace(list("abcd"), rows, "angular")
    space = EmbeddingSpace(list("abcd"), rows, "angular", on_duplicate="drop")
    assert space.words == ("a", "b", "d")  # 0.1 and 0.3 are not 1 to 3 as floats
    assert 0.0 < space.extent.min_distance < 1e-15
    with pytest.raises(SpaceError, match="same direction"):
        EmbeddingSpace(list("abcd"), rows).with_metric("angular")


@pytest.mark.parametrize("limit", [None, 3])
def test_parallel_rows_of_a_file(tmp_path: Path, limit: int | None) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("a 1 2\nb 2 4\nc -1 -2\nd 3 1\n")
    options = {"metric": "angular", "on_duplicate": "drop", "limit": limit}
    assert EmbeddingSpace.load(path, **options).words == ("a", "c", "d")  # type: ignore[arg-type]


@pytest.mark.parametrize("metric", ["cosine", "Cosine", "cos"])
def test_cosine_is_refused_with_the_reason(metric: str) -> None:
    with pytest.raises(InputError, match=r"angular.*triangle inequality.*Use angular"):
        EmbeddingSpace(["a", "b"], [[1.0], [2.0]], metric)
    with pytest.raises(InputError, match="triangle inequality"):
        MetricDP(1.0, metric=metric)


_PARAMETERS = {
    "truncated-exponential": {"threshold": 1.25},
    "nearest-truncated-exponential": {"k": 3},
}


@pytest.mark.parametrize(
    "name",
    [
        "metric-exponential",
        "truncated-exponential",
        "density-prior-exponential",
        "nearest-truncated-exponential",
        "random-cutoff-exponential",
        "truncated-gumbel",
        "randomized-response",
    ],
)
def test_certified_verdicts(name: str) -> None:
    """Exact audits and their certificates agree, above and below the true epsilon."""
    rng = np.random.default_rng(5)
    space = EmbeddingSpace([f"w{i}" for i in range(9)], rng.standard_normal((9, 4)), "angular")
    epsilon = 60.0 if name in ("random-cutoff-exponential", "truncated-gumbel") else 3.0
    mechanism = registry.build(
        registry.find(name).load(), name, space, {"epsilon": epsilon, **_PARAMETERS.get(name, {})}
    )
    result = audit(mechanism, MetricDP(epsilon, metric="angular"))
    assert result.evidence == "certified", result.certification
    if np.isinf(result.true_epsilon.lower):
        return
    true = result.true_epsilon.midpoint
    for factor, verdict in ((0.99, "violated"), (1.01, "upheld")):
        claim = MetricDP(factor * true, metric="angular")
        found = audit(mechanism, claim)
        assert (found.verdict, found.evidence) == (verdict, "certified"), found.certification
        assert found.claim.metric == "angular"
        assert verify(certificate_of(mechanism, claim)).verified


def test_ties() -> None:
    """Two words have equal normalisers, so that the loss is exactly epsilon/2 times the angle: the
    claim of half of epsilon is a tie, which is settled. In another metric the ratio is
    transcendental, and balls tell it from every claim."""
    space = EmbeddingSpace(["a", "b"], [[1.0, 0.0], [0.0, 1.0]], "angular")
    mechanism = MetricExponential(space, epsilon=2.0)
    assert audit(mechanism, MetricDP(1.0, metric="angular")).verdict == "upheld"
    exact = float(mpmath.pi / 2 / mpmath.sqrt(2))
    assert audit(mechanism, MetricDP(exact * (1 + 1e-9), metric="euclidean")).verdict == "upheld"
    assert audit(mechanism, MetricDP(exact * (1 - 1e-9), metric="euclidean")).verdict == "violated"


def test_radial_mechanisms_keep_their_claim() -> None:
    """Noise in the vectors' space is private in its norm, whatever the metric of the space."""
    space = builtin().with_metric("angular")
    mechanism = registry.build(
        registry.find("multivariate-laplace").load(),
        "multivariate-laplace",
        space,
        {"epsilon": 5.0},
    )
    assert mechanism.claim.metric == "euclidean"


def test_pairs_of_black_boxes() -> None:
    """An angular claim measures the angle between input vectors, where there is one."""
    from dpaudit.statistical.pairs import _distance

    assert _distance((1, 0), (0, 2), "angular") == pytest.approx(np.pi / 2)
    assert _distance((1, 0), (0, 0), "angular") is None
    assert _distance("a", "b", "angular") is None


def test_the_command(run: Run, tmp_path: Path) -> None:
    command = "audit metric-exponential --epsilon 4 --limit 60 --metric angular --json -"
    done = run(*command.split(), folder=tmp_path)
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert (result["space"]["metric"], result["claim"]["metric"]) == ("angular", "angular")
    assert result["evidence"] == "certified"
    command = "privatize metric-exponential --epsilon 4 --metric cosine"
    done = run(*command.split(), folder=tmp_path)
    assert done.code == 2
    assert "triangle inequality" in done.err
