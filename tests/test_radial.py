"""Radial laws: envelopes, radii, estimates, confidence bounds, reach, audits."""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import dblquad
from scipy.optimize import minimize
from scipy.stats import binom, gamma, laplace
from support import SPACES, make_space

from dpaudit import EmbeddingSpace, InputError, MetricDP, PureDP, Verdict, audit, mechanisms
from dpaudit.mechanisms.kernels.envelope import lower_envelopes
from dpaudit.mechanisms.protocol import EpsilonUpperBound, RadialNoise
from dpaudit.radial.audit import radial_audit
from dpaudit.radial.law import RadialLaw
from dpaudit.radial.radius import RadiusLaw
from dpaudit.radial.reach import Unreachable, find_unreachable, is_unreachable, least_distance
from dpaudit.radial.statistics import estimated_statistics
from dpaudit.reports import page
from dpaudit.results import AuditResult, Evidence, wording
from dpaudit.statistical import bounds

Floats = NDArray[np.float64]

#: Chance that a test below fails on correct code, unless it says otherwise.
ALPHA = 1e-7


@dataclass(frozen=True, eq=False)
class Noisy:
    """Multivariate Laplace noise with a claim of one's own."""

    name: ClassVar[str] = "noisy"

    space: EmbeddingSpace
    rate: float
    claimed: float
    bound: float | None = None
    truncation: float = math.inf

    parameters: ClassVar[dict[str, float]] = {}
    sampler_error: ClassVar[None] = None
    remarks: ClassVar[tuple[str, ...]] = ()

    @property
    def claim(self) -> MetricDP:
        return MetricDP(self.claimed, metric="euclidean")

    @property
    def radial_noise(self) -> RadialNoise:
        return RadialNoise(np.full(len(self.space), self.rate), self.truncation)

    def epsilon_upper_bound(self) -> EpsilonUpperBound | None:
        return None if self.bound is None else EpsilonUpperBound("ε* ≤ the rate", self.bound)


class FixedNormals:
    """Stands for a generator, and gives the directions that a test wants."""

    def __init__(self, directions: Floats) -> None:
        self.left = directions

    def standard_normal(self, shape: tuple[int, int]) -> Floats:
        part, self.left = self.left[: shape[0]], self.left[shape[0] :]
        return part.copy()


def space_of(vectors: Any) -> EmbeddingSpace:
    return EmbeddingSpace([f"w{i}" for i in range(len(vectors))], vectors)


def line_law(points: list[float], rate: float) -> Floats:
    """P_w(y) of the Laplace mechanism on sorted points of a line."""
    edges = np.concatenate([[-np.inf], np.convolve(points, [0.5, 0.5], "valid"), [np.inf]])
    return np.stack([np.diff(laplace.cdf(edges, loc=x, scale=1.0 / rate)) for x in points])


def line_epsilon(points: list[float], rate: float) -> float:
    logs = np.log(line_law(points, rate))
    return max(
        float((logs[i] - logs[j]).max()) / abs(points[i] - points[j])
        for i in range(len(points))
        for j in range(len(points))
        if i != j
    )


# Envelopes


def envelope(space: EmbeddingSpace, word: int, direction: Floats, longest: float = np.inf):
    n = len(space)
    words, starts = np.empty(n, dtype=np.int32), np.empty(n)
    offsets = np.empty(2, dtype=np.int64)
    products = (space.vectors @ direction)[None, :]
    squared = np.square(space.distance_matrix[word])
    lower_envelopes(word, squared, products, longest, words, starts, offsets)
    return words[: offsets[1]], starts[: offsets[1]]


@pytest.mark.parametrize("kind", ["pair", "scattered", "lattice"])
def test_envelopes_name_the_nearest_word(kind):
    space = make_space(kind)
    rng = np.random.default_rng(1)
    looked_at = 0
    for word in range(len(space)):
        for _ in range(20):
            direction = rng.standard_normal(space.dimension)
            words, starts = envelope(space, word, direction)
            assert words[0] == word
            assert starts[0] == 0.0
            assert (np.diff(starts) >= 0.0).all()
            assert len(set(words.tolist())) == len(words)
            for radius in [*rng.exponential(2.0, 20), 1e3]:
                if np.abs(starts - radius).min() < 1e-9:
                    continue
                point = space.vectors[word] + radius * direction
                nearest = np.square(space.vectors - point).sum(axis=1).argmin()
                assert nearest == words[np.searchsorted(starts, radius) - 1]
                looked_at += 1
    assert looked_at > 500


def test_envelopes_stop_where_the_noise_does():
    space = space_of([[0.0], [1.0], [3.0]])
    words, starts = envelope(space, 0, np.array([1.0]), longest=2.0)
    assert words.tolist() == [0, 1]
    assert starts.tolist() == [0.0, 0.5]
    words, _ = envelope(space, 0, np.array([1.0]), longest=np.nextafter(2.0, 3.0))
    assert words.tolist() == [0, 1, 2]


def test_ties_along_a_ray():
    """Three lines through one point: the flattest is skipped or gets no length. Equal lines, of
    words that mirror each other at the ray: the lower index."""
    space = space_of([[0.0, 0.0], [2.0, 2.0], [2.0, -2.0], [4.0, 0.0]])
    words, starts = envelope(space, 0, np.array([1.0, 0.0]))
    lengths = np.diff([*starts, np.inf])
    assert [int(w) for w, length in zip(words, lengths, strict=True) if length > 0] == [0, 3]
    space = space_of([[0.0, 0.0], [2.0, 1.0], [2.0, -1.0]])
    assert envelope(space, 0, np.array([1.0, 0.0]))[0].tolist() == [0, 1]


# Radii


@pytest.mark.parametrize(
    ("shape", "rate", "truncation"),
    [
        (1, 2.0, math.inf), (3, 0.5, math.inf), (64, 12.0, math.inf), (300, 12.0, math.inf),
        (1, 2.0, 0.3), (3, 1.0, 2.0), (64, 12.0, 1.4), (300, 12.0, 0.8), (300, 1.0, 20.0),
    ],
)  # fmt: skip
def test_radii_match_high_precision(shape, rate, truncation):
    """Relative error, also where the mass below the truncation underflows (300!, 9.6^300)."""
    law = RadiusLaw(shape, rate, truncation)
    middle = min(shape / rate, truncation)
    starts = np.array([0.0, 0.3, 0.6, 0.9, 0.97, 0.99, 1.2, 2.0]) * middle
    starts = starts[starts < truncation]
    found = law.intervals(starts, np.array([len(starts) - 1]))
    with mpmath.workdps(60):
        top = mpmath.inf if math.isinf(truncation) else mpmath.mpf(rate) * mpmath.mpf(truncation)
        ends = [mpmath.mpf(rate) * mpmath.mpf(float(x)) for x in starts] + [top]
        whole = mpmath.gammainc(shape, 0, top)
        for i, chance in enumerate(found):
            exact = mpmath.gammainc(shape, ends[i], ends[i + 1]) / whole
            if exact > 1e-290:
                assert float(abs(chance - exact) / exact) < 1e-11
    assert found.sum() == pytest.approx(1.0, abs=1e-12)


# Laws


def test_law_on_a_line_is_that_of_laplace():
    """The two directions of a line, once each, give the law itself."""
    points = [-1.0, 0.0, 0.25, 3.0]
    space, exact = space_of([[x] for x in points]), line_law(points, 1.7)
    law = RadialLaw(RadialNoise(np.full(4, 1.7)), space)
    estimate = law.estimate(2, FixedNormals(np.array([[3.0], [-0.1]])))  # type: ignore[arg-type]
    np.testing.assert_allclose(estimate.means, exact, rtol=1e-12)
    by_chance = law.estimate(2000, np.random.default_rng(0))
    assert np.abs(by_chance.means - exact).max() < math.sqrt(math.log(32 / ALPHA) / 4000)


def test_law_in_the_plane_is_that_of_quadrature():
    """Words on a square: cells are quadrants. Directions at equal angles are a trapezoidal rule."""
    space = space_of([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    angles = 2.0 * np.pi * (np.arange(4096) + 0.5) / 4096
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    law = RadialLaw(RadialNoise(np.full(4, 2.0)), space)
    means = law.estimate(4096, FixedNormals(directions)).means  # type: ignore[arg-type]

    def density(y: float, x: float) -> float:
        return 4.0 / (2.0 * math.pi) * math.exp(-2.0 * math.hypot(x, y))

    far = 25.0
    both, _ = dblquad(density, 0.5, far, 0.5, far, epsabs=1e-9)
    one, _ = dblquad(density, 0.5, far, -far, 0.5, epsabs=1e-9)
    assert means[0, 3] == pytest.approx(both, abs=1e-6)
    assert means[0, 1] == pytest.approx(one, abs=1e-6)
    assert means[3, 0] == pytest.approx(both, abs=1e-6)


def sampled_counts(noise: RadialNoise, space: EmbeddingSpace, word: int, size: int, seed: int):
    """Plain sampling: a direction, a radius, the nearest word."""
    rng = np.random.default_rng(seed)
    p = space.dimension
    u = rng.standard_normal((size, p))
    u /= np.linalg.norm(u, axis=1)[:, None]
    if noise.transform is not None:
        u = u @ noise.transform.T
    rate = noise.rates[word]
    top = gamma.cdf(noise.truncation, p, scale=1.0 / rate)
    r = gamma.ppf(rng.random(size) * top, p, scale=1.0 / rate)
    points = space.vectors[word] + r[:, None] * u
    distances = np.square(points[:, None, :] - space.vectors[None, :, :]).sum(axis=2)
    return np.bincount(distances.argmin(axis=1), minlength=len(space)).astype(float)


def agree(law: RadialLaw, reference: RadialNoise, words: list[int]) -> bool:
    """Whether intervals from rays and from samples of `reference` meet, all of them."""
    estimate = law.estimate(4000, np.random.default_rng(5), np.array(words))
    rays = bounds.empirical_bernstein(estimate.sums, estimate.squares, 4000, ALPHA / 2)
    counts = np.stack([sampled_counts(reference, law.space, w, 20_000, w) for w in words])
    draws = bounds.empirical_bernstein(counts, counts, 20_000, ALPHA / 2)
    return bool(((rays[0] <= draws[1]) & (draws[0] <= rays[1])).all())


@pytest.mark.parametrize("kind", ["plain", "truncated", "stretched"])
def test_law_is_that_of_sampling(kind):
    space = make_space("scattered")
    rates = np.linspace(1.0, 3.0, len(space))
    transform = np.array([[2.0, 1.5, 0.0], [0.0, 1.0, -0.9], [0.3, 0.0, 0.4]])
    noise = {
        "plain": RadialNoise(rates),
        "truncated": RadialNoise(rates, truncation=1.5),
        "stretched": RadialNoise(rates, transform=transform),
    }[kind]
    law, words = RadialLaw(noise, space), [0, 4, 10]
    assert agree(law, noise, words)
    # The test can fail: another rate, no truncation, no transform.
    other = RadialNoise(1.5 * rates) if kind == "plain" else RadialNoise(rates)
    assert not agree(law, other, words)


def test_estimates_do_not_depend_on_threads_or_pieces():
    space = make_space("scattered")
    law = RadialLaw(RadialNoise(np.full(len(space), 2.0)), space)

    def estimate(threads: int, inputs: list[int] | None = None):
        chosen = None if inputs is None else np.array(inputs)
        rng = np.random.default_rng(3)
        return law.estimate(300, rng, chosen, guess=np.zeros(11, np.int64), threads=threads)

    one, three = estimate(1), estimate(3)
    for name in ("sums", "squares", "kept", "guessed"):
        assert getattr(one, name).tobytes() == getattr(three, name).tobytes()
    few = estimate(2, [7, 2])
    assert few.sums.tobytes() == one.sums[[7, 2]].tobytes()
    inside = np.zeros(11, dtype=bool)
    inside[[1, 5]] = True
    parts = law.event_contributions(300, np.random.default_rng(3), [(7, inside)])
    assert parts.sum() == pytest.approx(one.sums[7, inside].sum(), rel=1e-12)


def test_contributions_vary_less_than_words():
    """Every contribution x is in [0, 1], so x^2 <= x; in one dimension much less."""
    space = make_space("scattered")
    law = RadialLaw(RadialNoise(np.full(len(space), 2.0)), space)
    estimate = law.estimate(500, np.random.default_rng(0))
    assert (estimate.squares <= estimate.sums + 1e-12).all()
    np.testing.assert_allclose(estimate.means.sum(axis=1), 1.0, rtol=1e-12)
    assert estimate.kept.mean() == pytest.approx(np.diag(estimate.means).mean(), rel=1e-12)


def test_estimates_can_be_added():
    space = make_space("scattered")
    law = RadialLaw(RadialNoise(np.full(len(space), 2.0)), space)
    rng = np.random.default_rng(3)
    both = law.estimate(128, rng, onto=law.estimate(128, rng))
    whole = law.estimate(256, np.random.default_rng(3))
    assert both.directions == 256
    np.testing.assert_allclose(both.sums, whole.sums, rtol=1e-12)


@pytest.mark.parametrize("kind", SPACES)
def test_difficult_spaces(kind):
    """Contributions add up to 1, and P_w(w) is the largest chance of a word at a large rate."""
    space = make_space(kind)
    rate = 50.0 * space.dimension / space.extent.min_distance
    law = RadialLaw(RadialNoise(np.full(len(space), rate)), space)
    means = law.estimate(64, np.random.default_rng(0)).means
    np.testing.assert_allclose(means.sum(axis=1), 1.0, rtol=1e-9)
    assert (means.argmax(axis=1) == np.arange(len(space))).all()


# Confidence bounds


def test_alpha_is_divided():
    assert bounds.share(0.1, 4) == [0.025] * 4
    assert bounds.union(0.1, 5) == 0.02


LAWS = {
    "rare": lambda rng, shape: (rng.random(shape) < 0.03).astype(float),
    "frequent": lambda rng, shape: (rng.random(shape) < 0.9).astype(float),
    "smooth": lambda rng, shape: rng.beta(0.3, 2.0, shape),
}
MEANS = {"rare": 0.03, "frequent": 0.9, "smooth": 0.3 / 2.3}


def too_many(failures: int, trials: int, alpha: float) -> bool:
    """Whether so many failures happen with probability below ALPHA if each has at most alpha."""
    return bool(binom.sf(failures - 1, trials, alpha) < ALPHA)


@pytest.mark.parametrize("name", LAWS)
def test_coverage_of_single_means(name):
    rng, mean, trials, alpha = np.random.default_rng(2), MEANS[name], 600, 0.1
    values = LAWS[name](rng, (trials, 200))
    lower, upper = bounds.betting_lower(values, alpha), bounds.betting_upper(values, alpha)
    assert not too_many(int((lower > mean).sum()), trials, alpha)
    assert not too_many(int((upper < mean).sum()), trials, alpha)
    assert (lower <= values.mean(axis=1)).all()
    assert (upper >= values.mean(axis=1)).all()
    # They are of use: narrower than Hoeffding's for the rare and the frequent one.
    if name != "smooth":
        assert np.median(upper - lower) < 2.0 * math.sqrt(math.log(1 / alpha) / 400)
    # The count can fail: bounds at ten times this alpha are too often wrong for it.
    wrong = bounds.betting_lower(values, 0.9) > mean
    assert too_many(int(wrong.sum()), trials, alpha / 10)


@pytest.mark.parametrize("name", LAWS)
def test_coverage_of_many_means_together(name):
    rng, mean, trials, alpha = np.random.default_rng(3), MEANS[name], 400, 0.2
    failures = 0
    for _ in range(trials):
        values = LAWS[name](rng, (100, 5))
        lower, upper = bounds.empirical_bernstein(
            values.sum(axis=0), np.square(values).sum(axis=0), 100, alpha
        )
        failures += bool((lower > mean).any() or (upper < mean).any())
    assert not too_many(failures, trials, alpha)


def test_bounds_where_they_are_known():
    """Constant values, for which every formula can be solved by hand."""
    count, alpha = 50, 0.01
    constant = np.full(count, 0.5)
    lower, upper = bounds.empirical_bernstein(np.array([25.0]), np.array([12.5]), count, alpha)
    margin = 7.0 * math.log(4.0 / alpha) / (3.0 * 49.0)
    assert upper[0] - 0.5 == pytest.approx(margin, rel=1e-9)
    assert 0.5 - lower[0] == pytest.approx(margin, rel=1e-9)
    ones, zeros = np.ones(count), np.zeros(count)
    # (1 + 0.99/k)^50 = 100, all that may be staked being staked.
    k = 0.99 / (alpha ** (-1.0 / count) - 1.0)
    assert bounds.ratio_lower(ones, zeros, 10.0, alpha) == pytest.approx(math.log(k), rel=1e-9)
    # (1 + bet (1/2 - c))^50 = 100.
    c = 0.5 - (alpha ** (-1.0 / count) - 1.0) / 0.3
    found = bounds.difference_lower(constant, zeros, 2.0, 0.3, alpha)
    assert found == pytest.approx(c, rel=1e-9)
    assert bounds.betting_lower(constant, alpha)[0] < 0.5 < bounds.betting_upper(constant, alpha)[0]
    assert bounds.jensen_margin(count, alpha, 3.0) == pytest.approx(
        3.0 * math.sqrt(math.log(100.0) / 100.0)
    )


def pairs_of_draws(rng: np.random.Generator, size: int) -> tuple[Floats, Floats]:
    """E X = 0.3, E X' = 0.1, dependent."""
    common = rng.random(size)
    return (common < 0.3).astype(float), 0.5 * (common < 0.2).astype(float)


def test_coverage_of_ratios_and_differences():
    rng, trials, alpha = np.random.default_rng(4), 600, 0.1
    true, failures = math.log(3.0), [0, 0]
    for _ in range(trials):
        first, second = pairs_of_draws(rng, 300)
        failures[0] += bounds.ratio_lower(first, second, 0.3, alpha) > true
        failures[1] += bounds.difference_lower(first, second, 2.0, 0.3, alpha) > 0.1
    assert not too_many(failures[0], trials, alpha)
    assert not too_many(failures[1], trials, alpha)
    # At the level itself, the bound is nearly as often wrong as it may be: it wastes little.
    assert failures[0] > 0


def test_ratio_bounds_come_close():
    rng = np.random.default_rng(5)
    likely, bet = bounds.likely_ratio(*pairs_of_draws(rng, 2000), 50_000, 0.05)
    found = bounds.ratio_lower(*pairs_of_draws(rng, 50_000), bet, 0.05)
    assert 0.95 * math.log(3.0) < found < math.log(3.0)
    assert found == pytest.approx(likely, abs=0.1)
    nothing = np.zeros(100)
    assert bounds.ratio_lower(nothing, nothing, 1.0, 0.05) == -math.inf
    assert bounds.likely_ratio(nothing, nothing, 100, 0.05)[0] == -math.inf
    assert bounds.difference_lower(nothing, nothing, 2.0, 1.0, 0.05) == 0.0


def test_what_is_detectable_is_detected():
    """Power 90% at the ratio that `ratio_power` finds: measured on draws with that ratio."""
    rng, size, claimed, alpha = np.random.default_rng(6), 400, 1.0, 0.05
    first, second = pairs_of_draws(rng, 20_000)
    ratio = next(
        r for r in np.arange(1.0, 3.0, 0.02)
        if bounds.ratio_power(first[:size], second[:size], r, claimed, alpha)
    )  # fmt: skip
    total = first[:size].mean() + second[:size].mean()
    theirs = total / (1.0 + math.exp(ratio))
    hits = 0
    for _ in range(200):
        x, y = pairs_of_draws(rng, size)
        # Thinned or thickened so that the means are those of the alternative.
        x, y = x * ((total - theirs) / 0.3), y * (theirs / 0.1)
        bet = bounds.best_bet(x, y, math.exp(claimed))
        hits += bounds.ratio_lower(np.minimum(x, 1.0), y, bet, alpha) > claimed
    assert 0.75 < hits / 200 <= 1.0


# Reach


def test_reach_on_a_line():
    vectors = np.array([[0.0], [1.0], [2.0]])
    distance, proof = least_distance(vectors, 2, 0)
    assert distance == pytest.approx(1.5)
    assert proof is not None
    assert is_unreachable(vectors, 1.4999, proof)
    assert not is_unreachable(vectors, 1.5001, proof)
    # A half-space that holds the origin says nothing, however long its normal.
    assert not is_unreachable(vectors, 1.0, Unreachable(1, 0, (2,), (1,)))
    # Exactly at the bisector the ball only touches the cell: a boundary has no probability.
    bisector = Unreachable(1, 0, (0,), (1,))
    assert bisector.by_bisector
    assert is_unreachable(vectors, 0.5, bisector)
    assert not is_unreachable(vectors, math.nextafter(0.5, 1.0), bisector)


def test_wrong_proofs_are_rejected():
    vectors = np.random.default_rng(0).standard_normal((30, 3))
    distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    output, neighbour = (int(i) for i in np.unravel_index(distances.argmax(), distances.shape))
    distance, proof = least_distance(vectors, output, neighbour)
    assert proof is not None
    assert len(proof.words) > 1
    radius = distance * (1.0 - 1e-9)
    assert is_unreachable(vectors, radius, proof)
    assert not is_unreachable(vectors, distance * (1.0 + 1e-9), proof)
    o, w, words, weights = proof.output, proof.neighbour, proof.words, proof.weights
    assert not is_unreachable(vectors, radius, Unreachable(w, w, words, weights))
    assert not is_unreachable(vectors, radius, Unreachable(o, w, words[:1], weights[:1]))
    assert not is_unreachable(vectors, radius, Unreachable(o, w, (), ()))
    assert not is_unreachable(vectors, radius, Unreachable(o, w, words, (0,) * len(words)))
    for i in range(len(words)):
        changed = list(weights)
        changed[i] = weights[i] + 2**38
        assert not is_unreachable(vectors, radius, Unreachable(o, w, words, tuple(changed)))
        changed[i] = -weights[i]
        assert not is_unreachable(vectors, radius, Unreachable(o, w, words, tuple(changed)))


def test_least_distances_are_those_of_another_optimiser():
    rng = np.random.default_rng(1)
    for _ in range(12):
        vectors = rng.standard_normal((9, 2))
        output, neighbour = 0, 1
        distance, proof = least_distance(vectors, output, neighbour)
        normals = vectors[output] - vectors
        squares = np.square(vectors - vectors[neighbour]).sum(axis=1)
        heights = 0.5 * (squares[output] - squares)
        found = minimize(
            lambda z: float(z @ z), vectors[output] - vectors[neighbour], jac=lambda z: 2 * z,
            constraints={"type": "ineq", "fun": lambda z, a=normals, b=heights: a @ z - b,
                         "jac": lambda z, a=normals: a},
            method="SLSQP", options={"ftol": 1e-14, "maxiter": 500},
        )  # fmt: skip
        assert distance == pytest.approx(math.sqrt(found.fun), rel=1e-4)
        assert proof is not None
        assert is_unreachable(vectors, distance * (1 - 1e-9), proof)


def test_nothing_that_was_reached_is_called_unreachable():
    """Plane, brute force: whatever a point of the ball decodes to is reachable."""
    rng = np.random.default_rng(2)
    decided = 0
    for _ in range(20):
        vectors, radius = rng.standard_normal((8, 2)), 0.9
        points = rng.uniform(-radius, radius, (4000, 2))
        points = points[np.linalg.norm(points, axis=1) < radius]
        for neighbour in range(8):
            near = vectors[neighbour] + points
            reached = np.square(near[:, None] - vectors[None]).sum(axis=2).argmin(axis=1)
            for output in set(range(8)) - {neighbour}:
                _, proof = least_distance(vectors, output, neighbour)
                if proof and is_unreachable(vectors, radius, proof):
                    decided += 1
                    assert output not in reached
    assert decided > 100


def test_the_search_takes_the_bisector_first_and_programs_after_it():
    vectors = np.array([[0.0], [1.0], [2.0]])
    distances = np.abs(vectors - vectors.T)
    kept = np.array([0.5, 0.4, 0.6])
    found = find_unreachable(vectors, distances, 1.0, kept)
    assert found == Unreachable(2, 0, (0,), (1,))
    found = find_unreachable(vectors, distances, 1.2, kept)
    assert found is not None
    assert (found.output, found.neighbour, found.words) in [(2, 0, (1,)), (0, 2, (1,))]
    assert find_unreachable(vectors, distances, 1.6, kept) is None


def test_proofs_need_no_luck_with_rounding():
    """Components that are no short fractions, and a radius that is the exact distance's float."""
    vectors = np.array([[0.1, 0.2], [0.7, 1.0]])
    distance = math.sqrt(0.6**2 + 0.8**2)
    proof = Unreachable(1, 0, (0,), (1,))
    exact = sum((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(*vectors.tolist(), strict=True))
    for radius in (math.nextafter(distance / 2, 0), distance / 2, math.nextafter(distance / 2, 1)):
        assert is_unreachable(vectors, radius, proof) == (exact >= 4 * Fraction(radius) ** 2)


# Audits

POINTS = [0.0, 1.0, 2.5]


def line(rate: float, claimed: float, **more: Any) -> Noisy:
    return Noisy(space_of([[x] for x in POINTS]), rate, claimed, **more)


def test_half_the_noise_is_caught():
    """Claimed for rate 1, drawn with rate 2; the true epsilon* is known."""
    true = line_epsilon(POINTS, 2.0)
    result = audit(line(2.0, 1.0), draws=20_000, alpha=1e-6)
    assert result.verdict is Verdict.VIOLATED
    assert result.evidence is Evidence.STATISTICAL
    assert 1.0 < 0.9 * true < result.true_epsilon.lower < true
    assert math.isinf(result.true_epsilon.upper)
    assert result.witness is not None
    assert math.isfinite(result.witness.log_ratio.lower)
    assert (result.alpha, result.draws, result.exit_code) == (1e-6, 20_000, 1)
    assert "up to a false alarm" in str(result)


def test_false_alarms_are_as_rare_as_stated():
    """Claims at exactly epsilon*, so that every bound above it is wrong."""
    trials, alpha = 100, 0.2
    mechanism = line(2.0, line_epsilon(POINTS, 2.0))
    alarms = sum(
        radial_audit(mechanism, mechanism.claim, directions=400, alpha=alpha, seed=seed)
        .epsilon.lower > mechanism.claimed
        for seed in range(trials)
    )  # fmt: skip
    assert not too_many(alarms, trials, alpha / 2)
    assert too_many(trials // 2, trials, alpha / 2)


def test_intervals_of_statistics_hold():
    trials, alpha = 60, 0.2
    law = line_law(POINTS, 2.0)
    truth = {
        "kept": float(np.diag(law).mean()),
        "bayes_vulnerability": float(law.max(axis=0).sum()) / 3,
        "support_001": float((law >= 0.001).sum(axis=1).mean()),
        "support_1000": float((1 - (1 - law) ** 1000).sum(axis=1).mean()),
    }
    radial = RadialLaw(line(2.0, 1.0).radial_noise, line(2.0, 1.0).space)
    failures = 0
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        first = radial.estimate(100, rng)
        kept = first.kept
        both = radial.estimate(100, rng, guess=first.sums.argmax(axis=0), onto=first)
        found = estimated_statistics(both, np.concatenate([kept, both.kept]), both.guessed, alpha)
        assert found.intervals is not None
        inside = [
            getattr(found.intervals, name).lower - 1e-12 <= value
            <= getattr(found.intervals, name).upper + 1e-12
            for name, value in truth.items()
        ]  # fmt: skip
        failures += not all(inside)
        bits = found.intervals.leakage_bits
        assert bits.upper == pytest.approx(math.log2(3 * found.intervals.bayes_vulnerability.upper))
    assert not too_many(failures, trials, alpha)


def test_not_refuted_says_what_would_have_been():
    result = audit(line(1.0, 1.5), draws=20_000)
    assert result.verdict is Verdict.NOT_REFUTED
    assert result.detectable_epsilon is not None
    assert 1.5 < result.detectable_epsilon < 3.0
    assert result.exit_code == 0
    assert audit(line(1.0, 1.5), draws=20_000, max_detectable=1.5).exit_code == 3
    assert "not a pass" in str(result)
    few = audit(line(1.0, 1.5), draws=100)
    assert few.detectable_epsilon is not None
    assert few.detectable_epsilon > result.detectable_epsilon
    assert few.exit_code == (0 if few.detectable_epsilon <= 3.0 else 3)


def test_a_proven_bound_upholds():
    result = audit(line(1.0, 1.0, bound=1.0), draws=2000)
    assert (result.verdict, result.evidence) == (Verdict.UPHELD, Evidence.EXACT)
    assert result.true_epsilon.upper == 1.0
    assert 0.5 < result.true_epsilon.lower < 1.0
    assert result.delta_at_claim.upper == 0.0
    assert result.proven_bound is not None
    assert result.proven_bound.decides
    assert "Proven on paper" in (result.certification or "")
    assert "a bound that is proven for every vocabulary" in str(result)
    assert result.detectable_epsilon is None
    # Other distances than those of the bound: nothing follows.
    other = audit(line(1.0, 1.0, bound=1.0), MetricDP(1.0, metric="manhattan"), draws=2000)
    assert other.verdict is Verdict.NOT_REFUTED
    assert math.isinf(other.true_epsilon.upper)
    # A pure claim: times the largest distance, 2.5.
    assert audit(line(1.0, 1.0, bound=1.0), PureDP(2.6), draws=2000).verdict is Verdict.UPHELD
    assert audit(line(1.0, 1.0, bound=1.0), PureDP(2.4), draws=2000).verdict != Verdict.UPHELD


def test_a_bound_that_draws_contradict_is_not_believed():
    result = audit(line(2.0, 1.0, bound=1.0), draws=20_000)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "contradiction" in (result.reason or "")
    assert result.exit_code == 3


def test_truncated_noise_is_refuted_by_geometry():
    result = audit(line(1.0, 5.0, truncation=1.2), draws=1000)
    assert (result.verdict, result.evidence) == (Verdict.VIOLATED, Evidence.EXACT)
    assert math.isinf(result.true_epsilon.lower)
    witness = result.witness
    assert witness is not None
    assert witness.output == witness.input
    assert {witness.input, witness.neighbour} == {"w0", "w2"}
    assert witness.log_probability_neighbour == -math.inf
    assert result.explanation
    assert "exact arithmetic" in str(result)
    # Nothing is out of reach of longer noise.
    within = audit(line(1.0, 5.0, truncation=4.0), draws=1000)
    assert within.evidence is Evidence.STATISTICAL
    assert math.isfinite(within.true_epsilon.lower)
    # And with a failure mass, an infinite loss refutes nothing by itself.
    allowed = MetricDP(5.0, 0.5, metric="euclidean")
    assert audit(line(1.0, 5.0, truncation=1.2), allowed, draws=1000).verdict != Verdict.VIOLATED


def test_a_failure_mass():
    true = 0.0
    law = line_law(POINTS, 2.0)
    for i in range(3):
        for j in range(3):
            factor = math.exp(1.0 * abs(POINTS[i] - POINTS[j]))
            true = max(true, float(np.maximum(law[i] - factor * law[j], 0.0).sum()))
    small, large = (MetricDP(1.0, d, metric="euclidean") for d in (0.5 * true, 1.2 * true))
    found = audit(line(2.0, 1.0), small, draws=20_000, alpha=1e-6)
    assert found.verdict is Verdict.VIOLATED
    assert small.delta < found.delta_at_claim.lower < true
    assert audit(line(2.0, 1.0), large, draws=20_000, alpha=1e-6).verdict is Verdict.NOT_REFUTED


def test_results_are_the_same_bytes_and_round_trip():
    runs = [audit(line(2.0, 1.0), draws=500, seed=seed).to_json() for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert AuditResult.from_json(runs[0]).to_json() == runs[0]
    data = json.loads(runs[0])
    assert data["search"]["directions"] == data["draws"] == 500
    assert set(data["statistics"]["intervals"]) == {
        *("kept", "support_001", "support_1000", "bayes_vulnerability", "leakage_bits"),
    }


@pytest.mark.parametrize(
    "mechanism",
    [
        lambda: line(2.0, 1.0), lambda: line(1.0, 1.5), lambda: line(1.0, 1.0, bound=1.0),
        lambda: line(1.0, 5.0, truncation=1.2),
    ],
)  # fmt: skip
def test_pages_render(mechanism: Callable[[], Noisy]):
    result = audit(mechanism(), draws=500)
    html = page.render(result)
    assert result.verdict.upper().replace("-", " ") in html
    assert "500 random directions" in html
    assert "would mislead" in html


@dataclass(frozen=True, eq=False)
class Opaque:
    """Neither law nor radial noise."""

    name: ClassVar[str] = "opaque"
    parameters: ClassVar[dict[str, float]] = {}
    sampler_error: ClassVar[None] = None
    remarks: ClassVar[tuple[str, ...]] = ("It keeps a secret.",)

    space: EmbeddingSpace
    bound: float | None

    claim: ClassVar[MetricDP] = MetricDP(1.0, metric="euclidean")

    def epsilon_upper_bound(self) -> EpsilonUpperBound | None:
        return None if self.bound is None else EpsilonUpperBound("ε* is small", self.bound)


def test_a_mechanism_with_nothing_but_a_bound():
    space = line(1.0, 1.0).space
    result = audit(Opaque(space, 1.0))  # type: ignore[arg-type]
    assert (result.verdict, result.evidence) == (Verdict.UPHELD, Evidence.EXACT)
    assert result.statistics is None
    assert "≤ 1 (proven)" in str(result)
    for bound in (None, 2.0):
        result = audit(Opaque(space, bound))  # type: ignore[arg-type]
        assert result.verdict is Verdict.INCONCLUSIVE
        assert "can only be sampled" in (result.reason or "")
        assert result.mechanism.remarks == ("It keeps a secret.",)


def test_bad_input():
    for more, words in [
        ({"draws": 99}, "draws is 99"),
        ({"draws": 1e4}, "draws is 10000.0"),
        ({"alpha": 0.0}, "alpha is 0"),
        ({"alpha": 1.0}, "alpha is 1"),
        ({"alpha": math.nan}, "alpha is nan"),
        ({"method": "exact"}, "no output law that can be computed"),
        ({"certificate": "x.json"}, "no certificate"),
        ({"method": "guess"}, "method is 'guess'"),
    ]:
        with pytest.raises(InputError, match=words):
            audit(line(1.0, 1.0), **more)
    with pytest.raises(InputError, match="mahalanobis"):
        audit(line(1.0, 1.0), MetricDP(1.0, metric="mahalanobis"), draws=100)
    exact = mechanisms.MetricExponential(line(1.0, 1.0).space, 1.0)
    drawn = audit(exact, method="statistical", draws=2000)
    assert (drawn.evidence, drawn.draws) == ("statistical", 2000)


SPACE = "here 0 0\nnear 1 0\nfar 0 3\nfarther 5 5\n"


def test_command_line(tmp_path):
    """One process for each exit code of a statistical audit, and what it writes."""
    (tmp_path / "space.txt").write_text(SPACE, encoding="utf-8")

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "dpaudit", "audit", "multivariate-laplace", "-e", "2"]
        command += ["--space", "space.txt", "--draws", "5000", "--alpha", "1e-6", *more]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False
        )

    upheld = run("--json", "result.json", "--html", "page.html", "--verbose")
    assert upheld.returncode == 0, upheld.stderr
    assert "Not derived for this vocabulary" in " ".join(upheld.stdout.split())
    result = AuditResult.from_json((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert (result.draws, result.alpha, result.verdict) == (5000, 1e-6, "upheld")
    assert "--draws 5000" in (tmp_path / "page.html").read_text(encoding="utf-8")
    violated = run("--claim-epsilon", "0.2", "--method", "statistical")
    assert violated.returncode == 1, violated.stderr
    assert "VIOLATED (statistical evidence)" in violated.stdout
    open_ended = run("--claim-epsilon", "1.99", "--max-detectable", "1.991", "--quiet")
    assert open_ended.returncode == 3
    refused = run("--method", "exact")
    assert refused.returncode == 2
    assert "no output law that can be computed" in refused.stderr


# --- Mechanisms that can only be sampled ----------------------------------------------------------


def vickrey(**parameters):
    from dpaudit.mechanisms.words.vickrey import Vickrey

    points = np.random.default_rng(5).standard_normal((12, 2))
    return Vickrey(EmbeddingSpace([f"w{i}" for i in range(12)], points), epsilon=3.0, **parameters)


@pytest.mark.parametrize(
    ("parameters", "verdict", "code"),
    [
        ({}, "upheld", 0),
        ({"exclude": "always"}, "violated", 1),
        ({"exclude": "if-nearest", "t": 0.0}, "violated", 1),
    ],
)
def test_vickrey_is_decided_by_formulas(parameters, verdict, code):
    result = audit(vickrey(**parameters))
    assert (result.verdict, result.exit_code) == (verdict, code)
    assert result.statistics is not None
    if verdict == "violated":
        assert np.isinf(result.true_epsilon.lower)
        assert "a bound that is proven says so" in wording.verdict_meaning(result)
    if parameters.get("exclude") == "always":
        assert result.statistics.kept.max == 0.0
    page.render(result)
    assert audit(vickrey(**parameters)).to_json() == result.to_json()


def test_a_vickrey_that_no_formula_decides_is_tested_by_its_sampler():
    """Half of the error probability is for the test, and half for the statistics."""
    claim = MetricDP(1.0, metric="euclidean")
    result = audit(vickrey(), claim, draws=20_000, alpha=0.02)
    assert (result.verdict, result.evidence) == ("violated", "statistical")
    assert 1.0 < result.true_epsilon.lower <= 3.0
    assert (result.draws, result.alpha) == (20_000 + 12 * 1000, 0.02)
    assert result.proven_bound is not None
    assert result.proven_bound.epsilon_upper == 3.0
    assert result.statistics is not None
    assert result.statistics.intervals is not None
    assert result.space is not None
    page.render(result)


def test_sampled_statistics_cover_those_of_a_known_law():
    """Randomized response has a law: every interval must hold what is computed from it. Error
    probability 1e-7."""
    from dpaudit.mechanisms.words.randomized_response import RandomizedResponse
    from dpaudit.radial.sampled import sampled_statistics

    mechanism = RandomizedResponse(vickrey().space, epsilon=2.0)
    exact = audit(mechanism, method="exact").statistics
    found = sampled_statistics(mechanism, 4000, 1e-7, np.random.default_rng(11))
    assert exact is not None
    assert found.intervals is not None
    for name in ("kept", "support_001", "support_1000"):
        interval = getattr(found.intervals, name)
        assert interval.lower <= getattr(exact, name).mean <= interval.upper
    interval = found.intervals.bayes_vulnerability
    assert interval.lower <= exact.bayes_vulnerability <= interval.upper
    assert interval.upper - interval.lower < 0.2
    # A law that keeps more words is told apart, so this test can fail.
    other = sampled_statistics(
        RandomizedResponse(vickrey().space, epsilon=3.0), 4000, 1e-7, np.random.default_rng(11)
    )
    assert other.intervals is not None
    assert not other.intervals.kept.lower <= exact.kept.mean <= other.intervals.kept.upper
