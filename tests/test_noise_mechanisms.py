"""Mechanisms that add noise to vectors and decode: the search, the noise, the laws.

False alarms: all statistical tests of this file together reject correct code with probability at
most `BUDGET` per run; each gets an equal share. The same tests must reject broken code.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import betainc, gammainc
from support import SPACES, builtin, fit_p_value, make_space

from dpaudit import EmbeddingSpace
from dpaudit.claims import MetricDP
from dpaudit.errors import ClaimError, InputError
from dpaudit.mechanisms import (
    DensityCalibratedLaplace,
    DistanceTruncatedLaplace,
    Mahalanobis,
    MultivariateLaplace,
    Vickrey,
)
from dpaudit.mechanisms.kernels import nearest
from dpaudit.mechanisms.kernels.nearest import NearestWords, error_bound
from dpaudit.mechanisms.kernels.noise import draw_truncated, normal_numbers, scaled_down
from dpaudit.mechanisms.protocol import HasRadialNoise, HasUpperBound, RadialNoise
from dpaudit.mechanisms.words import vickrey
from dpaudit.mechanisms.words.distance_truncated_laplace import median_distance
from dpaudit.mechanisms.words.radial import NoisyBatch, NoisyVectors

Floats = NDArray[np.float64]
Make = Callable[[EmbeddingSpace], Any]

#: Probability that any statistical test in this file rejects correct code, per run.
BUDGET = 1e-7

#: Share of one test: there are fewer than 128.
LEVEL = BUDGET / 128

ALL = {
    "multivariate-laplace": lambda s: MultivariateLaplace(s, 2.0),
    "mahalanobis": lambda s: Mahalanobis(s, 2.0),
    "vickrey never": lambda s: Vickrey(s, 2.0),
    "vickrey always": lambda s: Vickrey(s, 2.0, 0.3, "always"),
    "vickrey if-nearest": lambda s: Vickrey(s, 2.0, exclude="if-nearest"),
    "distance-truncated-laplace": lambda s: DistanceTruncatedLaplace(s, 2.0),
    "density-calibrated-laplace": lambda s: DensityCalibratedLaplace(s, 2.0, 3),
}
each = pytest.mark.parametrize("make", ALL.values(), ids=ALL)


def line(*places: float) -> EmbeddingSpace:
    """Words on a line."""
    return EmbeddingSpace([f"w{i}" for i in range(len(places))], [[x] for x in places])


# The search


def exactly_nearest(vectors: Floats, point: Floats, count: int, excluded: int) -> list[int]:
    """The nearest words in fractions, ties to the lower index."""
    own = [Fraction(x) for x in point.tolist()]
    rows = [[Fraction(x) for x in row] for row in vectors.tolist()]
    squares = [sum((a - b) ** 2 for a, b in zip(own, row, strict=True)) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: (squares[i], i))
    return [i for i in order if i != excluded][:count]


def difficult_points(vectors: Floats, rng: np.random.Generator) -> Floats:
    """Points anywhere, words, midpoints of words (ties, but for rounding) and next to those."""
    n, p = vectors.shape
    first, second = rng.integers(0, n, (2, 40))
    middle = 0.5 * vectors[first] + 0.5 * vectors[second]
    spread = np.abs(vectors).max() * rng.standard_normal((20, p))
    points = [vectors[first[:10]], middle, np.nextafter(middle, np.inf), spread, 1e9 * spread]
    return np.concatenate(points)


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("strike", [False, True])
def test_search_is_exact(kind: str, count: int, strike: bool) -> None:
    """Against fractions, with duplicate distances, near ties and excluded words."""
    vectors, rng = make_space(kind).vectors, np.random.default_rng(7)
    if len(vectors) < count + strike:
        pytest.skip("too few words")
    points = difficult_points(vectors, rng)
    excluded = rng.integers(-1, len(vectors), len(points)) if strike else np.full(len(points), -1)
    found = NearestWords(vectors).find(points, count, excluded)
    expected = [
        exactly_nearest(vectors, point, count, int(word))
        for point, word in zip(points, excluded, strict=True)
    ]
    assert found.tolist() == expected


@pytest.mark.parametrize("scale", [1e-139, 1e-30, 1.0, 1e30, 1e138])
@pytest.mark.parametrize("away", [0.0, 1.0, 1e25, 1e130])
def test_search_at_all_magnitudes(scale: float, away: float) -> None:
    """Words and points of extreme sizes, where squares overflow or vanish."""
    rng = np.random.default_rng(8)
    vectors = scale * rng.standard_normal((9, 3))
    points = scale * rng.standard_normal((5, 3)) + away * rng.standard_normal((5, 3))
    found = NearestWords(vectors).find(points, 2)
    assert found.tolist() == [exactly_nearest(vectors, point, 2, -1) for point in points]


def squares(points: Floats, vectors: Floats) -> Floats:
    """Squared distances by direct differences, shape (points, words)."""
    return np.stack([((vectors - point) ** 2).sum(axis=1) for point in points])


@pytest.mark.parametrize("n", [2, 63, 64, 65, 700])
def test_search_among_many(n: int) -> None:
    """Against all distances in double precision, for sizes around the number of lanes."""
    rng = np.random.default_rng(n)
    vectors = rng.standard_normal((n, 40))
    points = 3.0 * rng.standard_normal((300, 40))
    expected = np.argsort(squares(points, vectors), axis=1)[:, :2]
    words = NearestWords(vectors)
    np.testing.assert_array_equal(words.find(points, 2), expected)
    np.testing.assert_array_equal(words.find(points), expected[:, :1])
    np.testing.assert_array_equal(words.find(vectors)[:, 0], np.arange(n))


def test_error_bound_covers_single_precision() -> None:
    """No score is off by more than the bound, and the bound is not vacuous."""
    rng = np.random.default_rng(3)
    for p, length in ((1, 1.0), (64, 0.1), (64, 30.0), (384, 10.0)):
        words = NearestWords(rng.standard_normal((500, p)))
        points = words._centred[:200] + length * rng.standard_normal((200, p)) / math.sqrt(p)
        exact = points @ words._centred.T - words._halves
        with_one = np.hstack([points, np.ones((200, 1))]).astype(np.float32)
        single = with_one @ words._single
        bounds = error_bound(p, 2.0**-24, words._radius, np.linalg.norm(points, axis=1))
        share = (np.abs(single - exact) / bounds[:, None]).max()
        assert 1e-3 < share <= 1.0
    assert error_bound(2**24, 2.0**-24, 1.0, np.ones(1)).tolist() == [np.inf]


def test_search_without_margins_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """The near ties above do need the margins: without, single precision decides some wrongly."""
    vectors = make_space("scattered").vectors
    points = difficult_points(vectors, np.random.default_rng(7))
    expected = [exactly_nearest(vectors, point, 1, -1) for point in points]
    monkeypatch.setattr(nearest, "error_bound", lambda p, u, radius, lengths: 0.0 * lengths)
    assert NearestWords(vectors).find(points).tolist() != expected


# Batches


@each
@pytest.mark.parametrize("kind", ["scattered", "lattice", "scales"])
def test_batches_do_not_change_the_outputs(
    make: Make, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inputs in pieces, or in batches of another size on all cores, give what one call gives."""
    mechanism = make(make_space(kind))
    inputs = np.random.default_rng(1).integers(0, len(mechanism.space), 1000)
    whole = mechanism.sample_indices(inputs, np.random.default_rng(2))
    rng = np.random.default_rng(2)
    pieces = [mechanism.sample_indices(part, rng) for part in np.split(inputs, [0, 1, 2, 19, 600])]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    monkeypatch.setattr(NearestWords, "rows_at_once", 17)
    np.testing.assert_array_equal(mechanism.sample_indices(inputs, np.random.default_rng(2)), whole)
    assert whole.dtype == np.int64
    assert len(np.unique(whole)) > 1


@each
def test_words_are_those_of_the_indices(make: Make) -> None:
    """`sample` is `sample_indices` of the same stream, as text; no input gives no output."""
    mechanism = make(make_space("scattered"))
    words = mechanism.sample("w3", 300, np.random.default_rng(6))
    indices = mechanism.sample_indices(np.full(300, 3), np.random.default_rng(6))
    assert words.tolist() == [mechanism.space.words[i] for i in indices]
    assert len(mechanism.sample(3, 0, np.random.default_rng(6))) == 0
    with pytest.raises(InputError, match="inputs must be positions from 0 to 10"):
        mechanism.sample_indices(np.array([11]), np.random.default_rng(6))


@pytest.mark.parametrize("stretched", [False, True])
@pytest.mark.parametrize("p", [1, 2, 3, 8])
def test_near_ties_of_noisy_vectors_are_decided_exactly(p: int, stretched: bool) -> None:
    """A second word is put where the noisy vector is halfway, but for rounding: the output is that
    of the noisy vector in fractions, where floats near it would decide some wrongly."""
    rng, wrong = np.random.default_rng([p, stretched]), 0
    matrix = rng.standard_normal((p, p)) if stretched else None
    own = rng.standard_normal(p)
    for seed in range(60):
        noise = RadialNoise(np.array([1.5, 2.0]), transform=matrix)
        only = EmbeddingSpace(["a", "b"], np.stack([own, own + 1.0]))
        (batch,) = batches(only, noise, np.zeros(1, dtype=np.int64), seed)
        exact = batch.exact(0)
        gap = max(abs(Fraction(float(x)) - y) for x, y in zip(batch.points[0], exact, strict=True))
        assert gap <= Fraction(float(batch.errors[0]))
        assert batch.errors[0] < 1e-13 * (1.0 + np.abs(batch.points[0]).max())
        mirrored = [float(2 * x - Fraction(float(y))) for x, y in zip(exact, own, strict=True)]
        vectors = np.stack([own, mirrored])[:: 1 if seed % 2 else -1]
        space = EmbeddingSpace(["a", "b"], vectors)
        place = 0 if seed % 2 else 1
        sizes = [
            sum((x - Fraction(y)) ** 2 for x, y in zip(exact, row, strict=True))
            for row in space.vectors.tolist()
        ]
        found = NoisyVectors(space, RadialNoise(noise.rates[[0, 0]], transform=matrix)).nearest(
            np.array([place]), np.random.default_rng(seed)
        )
        assert found.tolist() == [0 if sizes[0] <= sizes[1] else 1]
        wrong += NearestWords(space.vectors).find(batch.points)[0, 0] != found[0]
    assert wrong > 0


def test_doubtful_choices_are_decided_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """`vickrey`, where every comparison of distances is left to fractions."""
    for t in (0.0, 0.3, 0.5):
        mechanism = Vickrey(make_space("scattered"), 2.0, t)
        inputs = np.random.default_rng(1).integers(0, len(mechanism.space), 200)
        usual = mechanism.sample_indices(inputs, np.random.default_rng(2))
        with monkeypatch.context() as patch:
            patch.setattr(
                vickrey, "pair_lengths", lambda *given: [x.fill(np.nan) for x in given[3:]]
            )
            exact = mechanism.sample_indices(inputs, np.random.default_rng(2))
        np.testing.assert_array_equal(exact, usual)


# The noise

Draws = tuple[Floats, Floats, Floats]


def batches(
    space: EmbeddingSpace, noise: RadialNoise, inputs: NDArray[np.int64], seed: int
) -> list[NoisyBatch]:
    """Noisy vectors, and with them a further uniform number if the noise is not truncated."""
    rng, choices = np.random.default_rng(seed), noise.truncation == math.inf
    noisy = NoisyVectors(space, noise)
    return list(noisy.map(lambda batch: batch, inputs, rng, choices=choices))


def draws(p: int, limit: float, size: int, seed: int) -> Draws:
    """Directions, radii and, without a limit, uniform numbers."""
    space = EmbeddingSpace(["a", "b"], np.stack([np.zeros(p), np.ones(p)]))
    noise = RadialNoise(np.ones(2), truncation=limit)
    found = batches(space, noise, np.zeros(size, dtype=np.int64), seed)
    points = np.concatenate([batch.points for batch in found])
    radii = np.linalg.norm(points, axis=1)
    uniforms = np.concatenate([batch.choices for batch in found])
    return points / radii[:, None], radii, uniforms


def distribution_p_value(values: Floats, distribution: Callable[[Floats], Floats]) -> float:
    """2 exp(-2 N D^2) with the Kolmogorov-Smirnov distance D: valid for every N (Massart 1990)."""
    heights, n = distribution(np.sort(values)), len(values)
    steps = np.arange(n + 1) / n
    distance = max(float((steps[1:] - heights).max()), float((heights - steps[:-1]).max()))
    return min(1.0, 2.0 * math.exp(-2.0 * n * distance**2))


def radius_law(p: int, limit: float) -> Callable[[Floats], Floats]:
    """Distribution function of Gamma(p) conditioned on at most `limit`.

    Below the mean from the series x^p e^-x sum of x^k / (p (p+1) ... (p+k)), whose factors that
    underflow cancel in the quotient.
    """
    if limit > p:
        return lambda x: gammainc(p, x) / gammainc(p, limit)

    def series(x: Floats) -> Floats:
        term = np.full_like(x, 1.0 / p)
        total = term.copy()
        for k in range(1, 2000):
            term = term * x / (p + k)
            total += term
        return total

    whole = series(np.array([limit]))[0]
    return lambda x: np.exp(p * np.log(x / limit) + limit - x) * series(x) / whole


RADII = [(p, math.inf) for p in (1, 2, 7, 64, 384)] + [
    (1, 1e-9),
    (1, 0.49),
    (1, 0.51),
    (1, 4.0),
    (2, 0.9),
    (2, 1.1),
    (64, 1e-3),
    (64, 55.9),
    (64, 56.1),
    (64, 70.0),
    (384, 12.0),
    (384, 364.0),
]


@pytest.mark.parametrize(("p", "limit"), RADII)
def test_radii_have_their_law(p: int, limit: float) -> None:
    """All regimes of the truncation, also where its probability underflows."""
    radii = draws(p, limit, 20_000, 11)[1]
    assert radii.max() <= limit * (1.0 + 1e-13)
    assert distribution_p_value(radii, radius_law(p, limit)) > LEVEL
    # Broken: another rate, which is another limit for the same radii, or another dimension.
    assert distribution_p_value(radii, radius_law(2 * p + 1, limit)) <= LEVEL
    if limit == math.inf:
        assert distribution_p_value(1.1 * radii, radius_law(p, limit)) <= LEVEL
    else:
        assert distribution_p_value(0.9 * radii, radius_law(p, limit)) <= LEVEL


@pytest.mark.parametrize(("p", "limit"), [(p, limit) for p, limit in RADII if limit < math.inf])
def test_truncated_radii_stay_below_the_limit(p: int, limit: float) -> None:
    """As drawn, without rounding; and the truncation does not use the numbers of directions."""
    uniforms, radii = np.empty((2000, normal_numbers(p))), np.empty(2000)
    draw_truncated(np.random.default_rng(3), p, np.full(2000, limit), uniforms, radii)
    assert radii.min() > 0.0
    assert radii.max() <= limit
    assert distribution_p_value(uniforms.ravel(), lambda x: x) > LEVEL


@pytest.mark.parametrize("p", [*range(1, 200), 384, 1000, 10_000])
def test_one_try_in_ten_is_accepted(p: int) -> None:
    """What the bound on the sampler's error says about truncated radii, where a limit is hardest:
    next to the switch, on either side."""
    switch = max(0.5 * p, p - math.sqrt(p))
    assert not scaled_down(p, switch)
    assert gammainc(p, switch) > 0.1
    below = np.nextafter(switch, 0.0)
    assert scaled_down(p, below)
    assert below / (p - below) ** 2 <= max(1.0, 2.0 / p) * (1.0 + 1e-9)


def direction_law(p: int) -> Callable[[Floats], Floats]:
    """Distribution function of one coordinate of a direction: (1 + x)/2 is a Beta variable."""
    return lambda x: betainc((p - 1) / 2, (p - 1) / 2, np.clip((1.0 + x) / 2, 0.0, 1.0))


@pytest.mark.parametrize("p", [2, 3, 64])
@pytest.mark.parametrize("part", ["all", "long"])
def test_directions_are_uniform(p: int, part: str) -> None:
    """The component along some axis has its law, also among draws with a long radius."""
    directions, radii, uniforms = draws(p, math.inf, 60_000, 12)
    np.testing.assert_allclose((directions**2).sum(axis=1), 1.0, rtol=1e-13)
    if part == "long":
        chosen = (radii > p) & (uniforms > 0.3)
        directions = directions[chosen]
    axis = np.random.default_rng(5).standard_normal(p)
    along = directions @ (axis / np.linalg.norm(axis))
    assert distribution_p_value(along, direction_law(p)) > LEVEL
    assert distribution_p_value(directions[:, 0], direction_law(p)) > LEVEL
    assert distribution_p_value(along, direction_law(2 * p)) <= LEVEL
    assert distribution_p_value(along + 0.1, direction_law(p)) <= LEVEL


def test_signs_and_uniform_numbers() -> None:
    """In one dimension the direction is a fair sign."""
    directions, _, uniforms = draws(1, math.inf, 100_000, 13)
    positive = int((directions > 0).sum())
    fair = np.array([0.5, 0.5])
    assert set(np.unique(directions)) == {-1.0, 1.0}
    assert fit_p_value(np.array([positive, 100_000 - positive]), fair) > LEVEL
    assert fit_p_value(np.array([positive + 1500, 98_500 - positive]), fair) <= LEVEL
    assert distribution_p_value(uniforms, lambda x: x) > LEVEL
    assert distribution_p_value(uniforms**1.1, lambda x: x) <= LEVEL


# The laws


def p_value(mechanism: Any, word: int, law: Floats, size: int = 100_000) -> float:
    """Fit of the outputs on one word to a law."""
    outputs = mechanism.sample_indices(np.full(size, word), np.random.default_rng(17))
    return fit_p_value(np.bincount(outputs, minlength=len(law)), law)


def flip(chance: float) -> Floats:
    """The law on two words, given the chance that the other one comes out."""
    return np.array([1.0 - chance, chance])


def test_two_words_on_a_line() -> None:
    """4.1 in one dimension: Laplace noise beyond half the distance, e^(-epsilon d/2)/2."""
    space = line(0.0, 1.5)
    assert p_value(MultivariateLaplace(space, 2.0), 0, flip(0.5 * math.exp(-1.5))) > LEVEL
    assert p_value(MultivariateLaplace(space, 2.1), 0, flip(0.5 * math.exp(-1.5))) <= LEVEL


def tail(x: float) -> float:
    """P(z_1 > x) in three dimensions at epsilon = 1: the marginal density is (1+|x|)e^-|x|/4."""
    return 0.25 * (2.0 + x) * math.exp(-x)


def test_two_words_in_space() -> None:
    """4.1 and 4.2 in three dimensions; C is 3 d d^T/|d|^2 where d is the only difference."""
    vectors = np.array([[0.0, 1.0, -1.0], [1.0, 2.0, 0.5]])
    space, distance = EmbeddingSpace(["a", "b"], vectors), math.sqrt(1.0 + 1.0 + 2.25)
    laplace = flip(tail(1.5 * distance / 2))
    assert p_value(MultivariateLaplace(space, 1.5), 1, laplace[::-1].copy()) > LEVEL
    stretched = flip(tail(1.5 * distance / 2 / math.sqrt(0.4 * 3.0 + 0.6)))
    assert p_value(Mahalanobis(space, 1.5, 0.4), 0, stretched) > LEVEL
    assert p_value(Mahalanobis(space, 1.5, 0.4), 0, laplace) <= LEVEL
    assert p_value(Mahalanobis(space, 1.5, 0.55), 0, stretched) <= LEVEL


def laplace_law(places: list[float], word: int, rate: float) -> Floats:
    """4.1 on a line: differences of the Laplace distribution function between midpoints."""
    order = np.argsort(places)
    sorted_places = np.array(places)[order]
    edges = 0.5 * (sorted_places[1:] + sorted_places[:-1]) - places[word]
    heights = np.where(edges < 0, 0.5 * np.exp(rate * edges), 1.0 - 0.5 * np.exp(-rate * edges))
    law = np.empty(len(places))
    law[order] = np.diff(np.concatenate([[0.0], heights, [1.0]]))
    return law


PLACES = [0.0, 1.0, 2.5, -0.75, 4.0]


def test_noise_follows_the_density_of_the_words() -> None:
    """4.10 on a line, each word with the rate of its own neighbourhood."""
    mechanism = DensityCalibratedLaplace(line(*PLACES), 1.5, 2)
    gaps = np.abs(np.subtract.outer(PLACES, PLACES))
    means = np.sort(gaps, axis=1)[:, 1:3].mean(axis=1)
    rates = 1.5 / (means / means.mean())
    np.testing.assert_allclose(mechanism.radial_noise.rates, rates, rtol=1e-14)
    for word in (0, 4):
        assert p_value(mechanism, word, laplace_law(PLACES, word, rates[word])) > LEVEL
        assert p_value(mechanism, word, laplace_law(PLACES, word, 1.5)) <= LEVEL


def test_scales_of_many_words() -> None:
    """Against the whole distance matrix; more neighbours than words are all of them."""
    space = builtin()
    distances = np.sort(space.distance_matrix, axis=1)
    means = distances[:, 1:11].mean(axis=1)
    np.testing.assert_allclose(
        DensityCalibratedLaplace(space, 1.0).scales, means / means.mean(), rtol=1e-12
    )
    few = line(*PLACES)
    assert (
        DensityCalibratedLaplace(few, 1.0, 99).scales.tolist()
        == DensityCalibratedLaplace(few, 1.0, 4).scales.tolist()
    )


def test_truncated_noise() -> None:
    """4.8 on a line, with all words in reach and with one out of reach."""
    space, epsilon, radius = line(0.0, 1.5), 1.0, 1.2
    chance = 0.5 * (math.exp(-0.75) - math.exp(-radius)) / (1.0 - math.exp(-radius))
    mechanism = DistanceTruncatedLaplace(space, epsilon, radius)
    assert p_value(mechanism, 0, flip(chance)) > LEVEL
    assert p_value(mechanism, 0, flip(0.5 * math.exp(-0.75))) <= LEVEL
    short = DistanceTruncatedLaplace(space, epsilon, 0.74)
    assert (
        short.sample_indices(np.zeros(50_000, dtype=np.int64), np.random.default_rng(1)).max() == 0
    )
    assert "ε* = ∞" in short.remarks[0]
    assert DistanceTruncatedLaplace(space, epsilon, 0.76).remarks == ()


def test_truncated_noise_stays_in_its_ball() -> None:
    """No noisy vector is farther than the radius, and no output farther than twice that."""
    space = builtin()
    mechanism = DistanceTruncatedLaplace(space, 12.0, 0.55)
    inputs = np.random.default_rng(3).integers(0, 2000, 5000)
    noisy = NoisyVectors(space, mechanism.radial_noise)
    lengths = np.concatenate(
        list(
            noisy.map(
                lambda batch: np.linalg.norm(batch.points - space.vectors[batch.rows], axis=1),
                inputs,
                np.random.default_rng(4),
            )
        )
    )
    assert 0.5 < lengths.max() <= 0.55 * (1.0 + 1e-12)
    outputs = mechanism.sample_indices(inputs, np.random.default_rng(4))
    assert space.distance_matrix[inputs, outputs].max() <= 1.1
    assert len(np.unique(outputs)) > 1000


def vickrey_law(word: int, epsilon: float, t: float, exclude: str) -> Floats:
    """4.3 on a line, by integration over the noisy vector."""
    law = np.zeros(len(PLACES))

    def chance(v: float, y: int) -> float:
        order = sorted(range(len(PLACES)), key=lambda i: abs(v - PLACES[i]))
        if exclude == "always" or (exclude == "if-nearest" and order[0] == word):
            order.remove(word)
        first, second = (abs(v - PLACES[i]) for i in order[:2])
        later = t * first / (t * first + (1.0 - t) * second) if t < 1.0 else 1.0
        density = 0.5 * epsilon * math.exp(-epsilon * abs(v - PLACES[word]))
        return density * ({order[0]: 1.0 - later, order[1]: later}).get(y, 0.0)

    corners = sorted({0.5 * (a + b) for a in PLACES for b in PLACES} | {-25.0, 30.0})
    for y in range(len(PLACES)):
        for low, high in pairwise(corners):
            law[y] += quad(chance, low, high, args=(y,), epsabs=1e-13, epsrel=1e-11)[0]
    return law / law.sum()


VICKREY = [(t, exclude) for t in (0.3, 0.5) for exclude in ("never", "always", "if-nearest")]


@pytest.mark.parametrize(("t", "exclude"), [*VICKREY, (0.0, "never"), (1.0, "never")])
def test_vickrey(t: float, exclude: str) -> None:
    """All ways to exclude the input, against the integral of the definition."""
    space, law = line(*PLACES), vickrey_law(1, 1.0, t, exclude)
    assert p_value(Vickrey(space, 1.0, t, exclude), 1, law) > LEVEL
    other = abs(t - 0.2)
    assert p_value(Vickrey(space, 1.0, other, exclude), 1, law) <= LEVEL
    if exclude == "always":
        assert law[1] == 0.0
    for wrong in {"never", "always", "if-nearest"} - {exclude}:
        assert p_value(Vickrey(space, 1.0, t, wrong), 1, law) <= LEVEL


def test_vickrey_at_the_ends_of_t() -> None:
    """t = 0 is 4.1 with the same directions and radii; noise lost in rounding changes nothing."""
    space = line(*PLACES)
    np.testing.assert_allclose(vickrey_law(1, 1.0, 0.0, "never"), laplace_law(PLACES, 1, 1.0))
    words = np.arange(5)
    assert Vickrey(space, 1e30, 0.0).sample_indices(words, np.random.default_rng(0)).tolist() == [
        *words
    ]
    second = Vickrey(space, 1e30, 1.0).sample_indices(words, np.random.default_rng(0))
    assert not (second == words).any()
    struck = Vickrey(space, 1e30, 0.0, "if-nearest")
    assert not (struck.sample_indices(words, np.random.default_rng(0)) == words).any()


@pytest.mark.parametrize("p", [1, 2, 3, 8])
def test_few_vectors_are_near_a_boundary(p: int) -> None:
    """docs/samplers.md: within s of one with a chance of at most (n - 1) epsilon s e^(epsilon s).

    One side of Hoeffding's inequality. The bound is nearly reached by two words on a line.
    """
    rng, n, size, reach = np.random.default_rng(p), 2 if p == 1 else 12, 100_000, 0.02
    vectors = 0.05 * rng.standard_normal((n, p)) * np.arange(n)[:, None] / n
    directions, radii, _ = draws(p, math.inf, size, 21)
    points = vectors[0] + radii[:, None] * directions
    to_words = squares(points, vectors)
    own = to_words.argmin(axis=1)
    gaps = np.linalg.norm(vectors[own][:, None] - vectors[None], axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        margins = (to_words - to_words.min(axis=1)[:, None]) / (2.0 * gaps)
    margins[np.arange(size), own] = np.inf
    near = float((margins.min(axis=1) <= reach).mean())
    bound = (n - 1) * reach * math.exp(reach)
    slack = math.sqrt(-math.log(LEVEL) / (2 * size))
    assert near <= bound + slack
    if p == 1:
        assert near > 0.8 * bound - slack > 0.0


# Mahalanobis


def test_without_covariance_it_is_multivariate_laplace() -> None:
    """lam = 0: the same outputs from the same stream, and the distances of the space."""
    space = builtin()
    inputs = np.random.default_rng(0).integers(0, 2000, 600)
    mechanism = Mahalanobis(space, 30.0, 0.0)
    plain = MultivariateLaplace(space, 30.0)
    np.testing.assert_array_equal(
        mechanism.sample_indices(inputs, np.random.default_rng(9)),
        plain.sample_indices(inputs, np.random.default_rng(9)),
    )
    np.testing.assert_array_equal(mechanism.claim_space.vectors, space.vectors)


def test_claim_space_has_the_norm_of_the_claim() -> None:
    """|x|^2 = x^T Sigma^-1 x between all words, and Sigma has the mean variance 1."""
    space = make_space("scattered")
    mechanism = Mahalanobis(space, 1.0, 0.7)
    sigma = 0.7 * np.cov(space.vectors.T) / np.trace(np.cov(space.vectors.T)) * 3 + 0.3 * np.eye(3)
    np.testing.assert_allclose(mechanism.covariance, sigma, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(mechanism.root @ mechanism.root, sigma, rtol=1e-12, atol=1e-14)
    gaps = space.vectors[:, None] - space.vectors[None]
    expected = np.sqrt(np.einsum("ijk,kl,ijl->ij", gaps, np.linalg.inv(sigma), gaps))
    np.testing.assert_allclose(mechanism.claim_space.distance_matrix, expected, rtol=1e-10)
    assert mechanism.claim == MetricDP(1.0, metric="mahalanobis", source=mechanism.claim.source)
    with pytest.raises(InputError, match=r"one of euclidean.*mahalanobis"):
        MetricDP(1.0, metric="nonsense")
    with pytest.raises(InputError, match=r"angular\.$"):
        EmbeddingSpace(["a", "b"], [[0.0], [1.0]], "mahalanobis")
    large = EmbeddingSpace(space.words, 1e138 * space.vectors)
    np.testing.assert_allclose(Mahalanobis(large, 1e-139, 0.7).covariance, sigma, rtol=1e-12)


# What is said about them


def test_bounds_are_claimed_where_there_is_a_proof() -> None:
    """And nowhere else."""
    space = make_space("scattered")
    bounds = {}
    for name, make in ALL.items():
        mechanism = make(space)
        assert isinstance(mechanism, HasUpperBound)
        bound = mechanism.epsilon_upper_bound()
        bounds[name] = bound and bound.value
        assert isinstance(mechanism, HasRadialNoise) == (not name.startswith("vickrey"))
        assert 0.0 < mechanism.sampler_error < 1e-10
        assert mechanism.claim.epsilon == 2.0
    proved = {"multivariate-laplace": 2.0, "mahalanobis": 2.0, "vickrey never": 2.0}
    assert bounds == dict.fromkeys(ALL) | proved
    assert "ε* = ∞" in Vickrey(space, 1.0, exclude="always").remarks[0]
    assert "ε* = ∞" in Vickrey(space, 1.0, 0.0, "if-nearest").remarks[0]
    assert Vickrey(space, 1.0, exclude="if-nearest").remarks == ()


def test_the_metric_of_the_space_does_not_matter() -> None:
    """Noise, decoding and claim are Euclidean."""
    for make in ALL.values():
        usual, other = make(make_space("lattice")), make(make_space("lattice", "manhattan"))
        inputs = np.arange(12)
        first, second = (
            m.sample_indices(inputs, np.random.default_rng(1)).tolist() for m in (usual, other)
        )
        assert first == second
        assert usual.claim == other.claim


def test_median_distance() -> None:
    """Against all pairs at once, for an even and an odd number of them, and with ties."""
    spaces = [make_space(kind) for kind in SPACES]
    spaces += [builtin(), EmbeddingSpace.builtin(limit=1998)]
    for space in spaces:
        distances = space.distance_matrix[np.triu_indices(len(space), 1)]
        assert median_distance(space) == pytest.approx(float(np.median(distances)), rel=1e-12)


BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: MultivariateLaplace(line(0, 1), 0.0), InputError, "epsilon is 0, but"),
    (lambda: MultivariateLaplace(line(0, 1), math.nan), InputError, "epsilon is nan, but"),
    (lambda: MultivariateLaplace(line(0, 1), 1e-145), InputError, "at least 1e-140"),
    (lambda: Vickrey(line(0, 1), 1e141), InputError, r"at most 1e\+140"),
    (lambda: Vickrey(line(0, 1), 1.0, 1.5), InputError, "t is 1.5, but it must be from 0 to 1"),
    (lambda: Vickrey(line(0, 1), 1.0, True), InputError, "t is True, but it must be a number"),
    (lambda: Vickrey(line(0, 1), 1.0, exclude="x"), InputError, "exclude is 'x', but .* if-near"),
    (lambda: Vickrey(line(0, 1), 1.0, exclude="always"), InputError, "at least 3 words"),
    (lambda: Vickrey(line(0, 1), 1.0, exclude="if-nearest"), InputError, "there are 2. Use more"),
    (lambda: Mahalanobis(line(0, 1), -1.0), InputError, "epsilon is -1, but"),
    (lambda: Mahalanobis(line(0, 1), 1.0, -0.1), InputError, "lam is -0.1, but .* from 0 to 1"),
    (lambda: Mahalanobis(line(0, 1), 1.0, math.nan), InputError, "lam is nan, but"),
    (
        lambda: Mahalanobis(EmbeddingSpace(["a", "b"], [[0, 0], [1, 1]]), 1.0, 1.0),
        ClaimError,
        "lam is 1, but .* Use a smaller lam",
    ),
    (lambda: DistanceTruncatedLaplace(line(0, 1), 1.0, 0.0), InputError, "radius is 0, but"),
    (lambda: DistanceTruncatedLaplace(line(0, 1), 1.0, math.inf), InputError, "radius is inf"),
    (lambda: DensityCalibratedLaplace(line(0, 1), 1.0, 0), InputError, "k is 0, but"),
    (lambda: DensityCalibratedLaplace(line(0, 1), 1.0, 2.5), InputError, "k is 2.5, but"),  # type: ignore[arg-type]
    (lambda: DensityCalibratedLaplace(line(0, 1), 1.0, True), InputError, "k is True, but"),
]


@pytest.mark.parametrize(("make", "error", "message"), BAD)
def test_bad_parameters(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    """The error names the argument, the value and the bound."""
    with pytest.raises(error, match=message):
        make()


def test_extreme_epsilons_can_be_drawn_with() -> None:
    """At the ends of what the constructors accept, without overflow."""
    for epsilon in (1.1e-140 * 3, 1e-20, 1e20, 1e140):
        for mechanism in (
            MultivariateLaplace(make_space("scattered"), epsilon),
            Mahalanobis(make_space("scattered"), epsilon),
            Vickrey(make_space("scattered"), epsilon),
            DistanceTruncatedLaplace(make_space("scattered"), epsilon),
            DensityCalibratedLaplace(make_space("scattered"), epsilon),
        ):
            outputs = mechanism.sample_indices(np.arange(11), np.random.default_rng(2))
            if epsilon > 1.0 and not isinstance(mechanism, Vickrey):
                assert outputs.tolist() == list(range(11))
