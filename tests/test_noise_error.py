"""The bound on the error of decoded noise: its parts against 50 digits, its form, its failures."""

import math
from typing import Any

import mpmath
import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpq
from numpy.typing import NDArray
from scipy.special import gammainc
from support import builtin, make_space

from dpaudit import EmbeddingSpace, audit
from dpaudit.mechanisms import (
    DensityCalibratedLaplace,
    DistanceTruncatedLaplace,
    Mahalanobis,
    MultivariateLaplace,
    Vickrey,
)
from dpaudit.mechanisms.kernels import noise as kernels
from dpaudit.mechanisms.kernels.elementary import LOG_ERROR, TURN_ERROR
from dpaudit.mechanisms.words.noise_error import (
    UNIT,
    matrix_error,
    noise_error,
    rate_error,
    root_error,
)
from dpaudit.results import wording

Floats = NDArray[np.float64]

DIGITS = 50


def exponential(u: float) -> Any:
    """-ln(1 - u)."""
    return -mpmath.log(1 - mpmath.mpf(u))


@pytest.mark.parametrize("p", [1, 2, 3, 16, 64, 385])
def test_scales(p: int) -> None:
    """B, of which sqrt(2B) is the scale, is within the parts that `_scale_error` adds up; scales
    that are off by more are noticed."""
    first, count = kernels.normal_numbers(p), kernels.gamma_numbers(p)
    given = np.random.default_rng(p).random((200, first + count))
    normals, spare, lengths = np.empty((200, p)), np.empty(200), np.empty(200)
    scales = np.empty(200)
    kernels.fill_normals(given, normals, spare, lengths)
    kernels.fill_scales(given[:, first:], spare, p, scales)
    logs = -(-count // kernels.BLOCK) + 1
    half, shares = p // 2, []
    with mpmath.workdps(DIGITS):
        for row, scale in zip(given, scales, strict=True):
            extra = mpmath.mpf(0)
            if p % 2 == 0:
                wave = mpmath.cos(2 * mpmath.pi * mpmath.mpf(row[2 * half + 1]))
                extra = exponential(row[half]) * wave**2
            exact = mpmath.fsum(map(exponential, row[first:].tolist())) + extra
            absolute = 1.01 * count + (LOG_ERROR + 3.0 + 2.0 * TURN_ERROR) * (
                float(2 * exponential(row[half])) if p % 2 == 0 else 0.0
            )
            allowed = (absolute + (LOG_ERROR + logs + 6.0) * float(exact)) * UNIT
            shares.append(float(abs(mpmath.mpf(float(scale)) ** 2 / 2 - exact)) / allowed)
    assert 0.01 < max(shares) <= 1.0


@pytest.mark.parametrize(("p", "limit"), [(1, 0.3), (64, 3.0), (64, 55.0), (384, 300.0)])
def test_truncated_radii(p: int, limit: float) -> None:
    """A shortened limit is within the error that `_radius_error` gives to its logarithm."""

    class Numbers:
        """Stands for a generator; the last two numbers are those that were accepted."""

        def __init__(self, seed: int) -> None:
            self.rng, self.given = np.random.default_rng(seed), [0.0]

        def random(self) -> float:
            self.given.append(self.rng.random())
            return self.given[-1]

    worst = 0.0
    with mpmath.workdps(DIGITS):
        for seed in range(100):
            numbers = Numbers(seed)
            found = kernels.truncated_gamma.py_func(numbers, p, limit)
            assert len(numbers.given) % 2 == 1
            t = exponential(numbers.given[-2]) / (p - mpmath.mpf(limit))
            exact = mpmath.mpf(limit) * mpmath.exp(-t)
            allowed = ((LOG_ERROR + 2.0) * float(t) + 10.0) * UNIT
            worst = max(worst, float(abs(mpmath.log(mpmath.mpf(found) / exact))) / allowed)
    assert 0.01 < worst <= 1.0


@pytest.mark.parametrize("p", [1, 2, 3, 9, 64, 384])
def test_lengths(p: int) -> None:
    """Quotients by lengths are within (p/8 + 8) u; a row without length gives 0."""
    normals = np.random.default_rng(p).standard_normal((50, p))
    normals[0] = 0.0
    radii = np.ones(50)
    kernels.divide_by_lengths(normals, radii)
    assert radii[0] == 0.0
    with mpmath.workdps(DIGITS):
        for row, found in zip(normals[1:].tolist(), radii[1:].tolist(), strict=True):
            exact = 1 / mpmath.sqrt(mpmath.fsum(mpmath.mpf(x) ** 2 for x in row))
            assert abs(mpmath.mpf(found) / exact - 1) <= (p / 8 + 8) * UNIT


def test_chances_near_a_place() -> None:
    """What one place at which the output changes costs: chances that a normal pair, or the radius
    of one, is within a share of some value, and the mean of |p - r|."""
    share = 1e-3
    radii = np.linspace(1e-3, 6.0, 2000)
    inside = np.exp(-((radii * (1 - share)) ** 2) / 2) - np.exp(-((radii * (1 + share)) ** 2) / 2)
    assert 1.4 * share < inside.max() <= 1.5 * share
    for p in (1, 2, 64, 384):
        # E|r - p| = 2 p^p e^-p / Gamma(p), at most sqrt(p).
        mean = 2.0 * math.exp(p * math.log(p) - p - math.lgamma(p))
        assert mean <= math.sqrt(p)
        grid = np.linspace(0.0, 6.0 * p + 40.0, 200_001)
        moved = np.abs(np.diff(gammainc(p, grid * 1.01) - gammainc(p, grid))).sum() / 2
        assert 0.3 * rate_error(p, 0.01) < moved <= rate_error(p, 0.01)


# Places at which an output changes


def changes(outputs: NDArray[Any]) -> int:
    """How often neighbours differ."""
    return int((outputs[1:] != outputs[:-1]).any(axis=-1).sum())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n", [3, 6, 12])
def test_changes_along_lines_and_circles(n: int, seed: int) -> None:
    """Nearest words n - 1 and 2(n - 1) times, the two nearest 4n and 8n times; that is reached to
    within a factor."""
    rng = np.random.default_rng([n, seed])
    # Words on a parabola or around a circle of about their own size change often.
    angles = 2.0 * np.pi * np.arange(n) / n
    radius = 1.0 + 0.02 * rng.standard_normal(n)
    vectors = np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    turns = np.linspace(0.0, 2.0 * np.pi, 40_001)
    circle = 0.9 * np.stack([np.cos(turns), np.sin(turns)], axis=1) + 0.01 * rng.standard_normal(2)
    steps = np.linspace(-3.0, 3.0, 40_001)[:, None]
    straight = rng.standard_normal(2) * 0.3 + steps * rng.standard_normal(2)
    for points, bound in ((circle, 2 * (n - 1)), (straight, n - 1)):
        squares = ((points[:, None] - vectors) ** 2).sum(axis=2)
        order = np.argsort(squares, axis=1, kind="stable")
        assert changes(order[:, :1]) <= bound
        pairs = 8 * n if points is circle else 4 * n
        assert changes(order[:, :2]) <= pairs
        for u, t in ((0.3, 0.5), (0.7, 0.5), (0.1, 0.9)):
            first, second = np.sqrt(np.take_along_axis(squares, order[:, :2], axis=1)).T
            later = u * (1 - t) * second < t * (1 - u) * first
            found = np.where(later, order[:, 1], order[:, 0])[:, None]
            assert changes(found) <= 3 * pairs + 2
    assert (
        changes(np.argsort(((circle[:, None] - vectors) ** 2).sum(axis=2), axis=1)[:, :1]) >= n - 1
    )


# Mahalanobis


def exact_kappa(mechanism: Mahalanobis) -> float:
    """The Frobenius norm of Sigma^-1 A A^T - 1 in ball arithmetic: its eigenvalues are the
    extremes of x^T A A^T x / x^T Sigma x, less 1."""
    ctx.prec = 300
    vectors = mechanism.space.vectors
    n, p = vectors.shape

    def balls(values: Floats) -> arb_mat:
        return arb_mat([[arb(fmpq(*x.as_integer_ratio())) for x in row] for row in values.tolist()])

    rows, ones = balls(vectors), arb_mat([[arb(1)] * n])
    mean = ones * rows * arb(fmpq(1, n))
    centred = rows - ones.transpose() * mean
    product = centred.transpose() * centred
    trace = sum((product[i, i] for i in range(p)), arb(0))
    lam = arb(fmpq(*float(mechanism.lam).as_integer_ratio()))
    one = arb_mat([[arb(int(i == j)) for j in range(p)] for i in range(p)])
    sigma = product * (lam * p / trace) + one * (1 - lam)
    root = balls(mechanism.root)
    gap = sigma.inv() * root * root.transpose() - one
    eigenvalues = np.linalg.eigvals(
        np.array([[float(gap[i, j].mid()) for j in range(p)] for i in range(p)])
    )
    return float(np.abs(eigenvalues).max())


@pytest.mark.parametrize("lam", [0.2, 0.9, 1.0])
@pytest.mark.parametrize("away", [0.0, 1e3])
def test_roots(lam: float, away: float) -> None:
    """The bound holds, also for vectors far from 0 and without a share of the identity; a root
    that is off is noticed."""
    vectors = np.random.default_rng(5).standard_normal((30, 6)) * np.arange(1, 7) + away
    space = EmbeddingSpace([f"w{i}" for i in range(30)], vectors)
    mechanism = Mahalanobis(space, 2.0, lam)
    bound = root_error(vectors, lam, mechanism.covariance, mechanism.root)
    assert 0.0 < exact_kappa(mechanism) <= bound < 1e-9
    tau = mechanism.sampler_error
    assert MultivariateLaplace(space, 2.0).sampler_error < tau < 1e-8
    moved = mechanism.root + 1e-6 * np.eye(6)
    assert root_error(vectors, lam, mechanism.covariance, moved) > 1e-7


def test_no_covariance_costs_nothing() -> None:
    """lam = 0 has the error of `multivariate-laplace`."""
    space = make_space("scattered")
    plain = MultivariateLaplace(space, 2.0).sampler_error
    assert Mahalanobis(space, 2.0, 0.0).sampler_error == plain


def test_matrix_error_bounds_a_known_variation() -> None:
    """Against the total variation between Laplace laws whose scales differ, in one dimension."""
    for kappa in (1e-6, 1e-3, 0.1):
        a, b = 1.0, 1.0 / math.sqrt(1.0 + kappa)
        cross = math.log(a / b) / (a - b)
        assert 0.0 < math.exp(-b * cross) - math.exp(-a * cross) <= matrix_error(1, kappa)
    assert matrix_error(3, math.nan) == matrix_error(3, 0.3) == matrix_error(10_000, 0.2) == 1.0


# The whole bound


def test_the_bound_does_not_depend_on_epsilon() -> None:
    """All errors are relative to the noise; only a radius makes a difference."""
    space = builtin()
    for make in (MultivariateLaplace, Mahalanobis, Vickrey, DensityCalibratedLaplace):
        assert make(space, 1.0).sampler_error == make(space, 1e6).sampler_error < 2e-8
    for epsilon in (1e-3, 1.0, 12.0, 100.0, 1e5):
        assert 1e-10 < DistanceTruncatedLaplace(space, epsilon).sampler_error < 2e-8


def test_the_bound_grows_with_words_and_dimensions() -> None:
    """In proportion to the number of changes, and slower than the square of the dimension."""
    for limit in (math.inf, 0.1, 40.0):
        assert noise_error(64, 2000, limit) == pytest.approx(
            2 * noise_error(64, 1000, limit), rel=0.1
        )
        assert noise_error(64, 1000, limit) < noise_error(65, 1000, limit)
        assert noise_error(128, 1000, limit) < 4 * noise_error(64, 1000, limit)
    assert noise_error(384, 5999) < 3e-8
    assert MultivariateLaplace(builtin(), 1.0).sampler_error == noise_error(64, 1999)


def test_striking_words_costs_more() -> None:
    """`vickrey` has more changes than decoding, most where the input is struck if it is nearest."""
    space = make_space("scattered")
    plain = MultivariateLaplace(space, 2.0).sampler_error
    never, always, nearest = (
        Vickrey(space, 2.0, exclude=rule).sampler_error
        for rule in ("never", "always", "if-nearest")
    )
    assert plain < never == always < nearest


def test_reports_state_the_bound() -> None:
    """With what it costs at the distances of the space, if the claim is in those."""
    space = make_space("scattered")
    plain, stretched = (
        wording.sampler_sentence(audit(make(space, 2.0), draws=200)) or ""
        for make in (MultivariateLaplace, Mahalanobis)
    )
    assert "for the closest pair" in plain
    assert "keeps ε with δ = (1 + e^(εd))·τ for a pair at distance d" in stretched
