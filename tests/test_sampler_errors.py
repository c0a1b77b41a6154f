"""The stated error tau of every sampler: laws of the code as shipped, counted exactly.

A uniform number with 53 bits takes 2^53 values, and what a sampler does changes only at some of
them. These are found by bisection with the floating-point operations of the code itself, so the
law of the code is a list of fractions; it is compared with the ideal law to 50 digits.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray
from scipy.special import gammaln, lambertw
from support import DIGITS, builtin, exact_distances, known_space, random_space

from dpaudit.mechanisms.kernels import alias
from dpaudit.mechanisms.spaces import EmbeddingSpace
from dpaudit.mechanisms.words import random_cutoff_exponential, truncated_gumbel
from dpaudit.mechanisms.words.cutoffs import poisson_cutoff
from dpaudit.mechanisms.words.metric_exponential import MetricExponential
from dpaudit.mechanisms.words.random_cutoff_exponential import RandomCutoffExponential
from dpaudit.mechanisms.words.randomized_response import RandomizedResponse
from dpaudit.mechanisms.words.separable import at_most_one
from dpaudit.mechanisms.words.truncated_exponential import TruncatedExponential
from dpaudit.mechanisms.words.truncated_gumbel import TruncatedGumbel

ROOT = Path(__file__).resolve().parent.parent

Floats = NDArray[np.float64]
Law = list[Fraction]

UNIT = 2.0**-53
GRID = 2**53

#: Number of components of the vectors in `space_of`, by their number.
SIZES = {2: 64, 3: 2, 7: 4}


def space_of(n: int) -> EmbeddingSpace:
    """A few vectors whose distances are spread over four orders of magnitude."""
    rng = np.random.default_rng([n, 77])
    scales = 10.0 ** rng.uniform(-2.0, 2.0, (n, 1))
    return EmbeddingSpace(list("abcdefg"[:n]), rng.standard_normal((n, SIZES[n])) * scales)


def spaces() -> list[EmbeddingSpace]:
    """Vocabularies of 2, 3 and 7 words, some with ties, and one with tiny distances."""
    tiny = EmbeddingSpace(["a", "b", "c"], [[1.0, 0.0], [1.0 + 2.0**-40, 0.0], [1.0, 3.0]])
    random = [
        random_space(kind, 7, np.random.default_rng(5)) for kind in ("simplex", "line", "lattice")
    ]
    return [*map(space_of, SIZES), tiny, *random]


SPACES = spaces()


# The law of the code


def chance_below(above: Callable[[float], bool]) -> Fraction:
    """P(not above(U)) for U uniform on the multiples of 2^-53 and `above` monotone."""
    low, high = 0, GRID
    while low < high:
        middle = (low + high) // 2
        if above(middle * UNIT):
            high = middle
        else:
            low = middle + 1
    return Fraction(low, GRID)


def differences(bounds: Law) -> Law:
    """Chances of the steps of a distribution function that ends at 1."""
    return [b - a for a, b in zip([Fraction(0), *bounds[:-1]], bounds, strict=True)]


def column_law(n: int) -> Law:
    """The law of min(int(U * n), n - 1)."""
    bounds = [chance_below(lambda u, c=c: min(int(u * n), n - 1) > c) for c in range(n)]
    return differences(bounds)


def below(threshold: float) -> Fraction:
    """P(U < threshold)."""
    return chance_below(lambda u: u >= threshold)


def table_law(thresholds: Floats, aliases: Any) -> Law:
    """The law of `draw_entry` on a row of a table."""
    law = [Fraction(0)] * len(thresholds)
    for column, chance in enumerate(column_law(len(thresholds))):
        stay = below(float(thresholds[column]))
        law[column] += chance * stay
        law[int(aliases[column])] += chance * (1 - stay)
    return law


def cutoff_law(cumulative: Floats) -> Law:
    """The law of K, for K = 0 ... n, found by a linear search."""
    bounds = [below(float(bound)) for bound in cumulative]
    for k in range(1, len(bounds)):
        bounds[k] = max(bounds[k - 1 : k + 1])
    return differences(bounds)


def rank_bounds(sums: Floats, k: int) -> Law:
    """The chances of rank 0, of 0 or 1, ... given K = k, but for the last one."""
    return [chance_below(lambda u, r=r: u * sums[k - 1] >= sums[r]) for r in range(k - 1)]


def shipped_law(mechanism: Any, word: int) -> Law:
    """The law of the outputs of a sampler on one input, exactly."""
    n, order = len(mechanism.space), mechanism.space.order[word]
    law = [Fraction(0)] * n
    if isinstance(mechanism, RandomizedResponse):
        keep = below(1.0 / (1.0 + mechanism._rest))
        others = [y for y in range(n) if y != word]
        for y, chance in zip(others, column_law(n - 1), strict=True):
            law[y] = (1 - keep) * chance
        law[word] = keep
    elif isinstance(mechanism, RandomCutoffExponential):
        sums = mechanism._sums[word]
        for k, chance in enumerate(cutoff_law(mechanism.cutoff_law.cumulative())):
            bounds = [*rank_bounds(sums, k), Fraction(1)]
            for rank, share in enumerate(differences(bounds)):
                law[order[rank]] += chance * share
    else:
        tables = mechanism._tables
        ranks = table_law(tables.thresholds[word], tables.aliases[word])
        if isinstance(mechanism, MetricExponential):
            return ranks
        inside = int(mechanism._inside[word])
        for rank, chance in enumerate(ranks[:inside]):
            law[order[rank]] += chance
        if inside < n:
            assert not any(ranks[inside + 1 :])
            for place, share in enumerate(column_law(n - inside)):
                law[order[inside + place]] += ranks[inside] * share
    assert sum(law) == 1
    return law


# The ideal law


def ranked(row: list[Any]) -> list[int]:
    """The words by exact distance, ties to the lower index."""
    return sorted(range(len(row)), key=lambda y: (row[y], y))


def closest(matrix: list[list[Any]]) -> Any:
    """The least distance of two different words."""
    return min(matrix[i][j] for i in range(len(matrix)) for j in range(i))


def poisson(n: int, rate: Any, smallest: int, largest: int) -> list[Any]:
    """Pr[K = k] for k = 0 ... n."""
    weights = [
        rate**k / mpmath.factorial(k) if smallest <= k <= largest else mpmath.mpf(0)
        for k in range(n + 1)
    ]
    return [weight / mpmath.fsum(weights) for weight in weights]


def ideal_law(mechanism: Any, matrix: list[list[Any]], word: int) -> list[Any]:
    """The law of the definition, in mpmath."""
    row, n, epsilon = matrix[word], len(matrix), mpmath.mpf(mechanism.epsilon)
    if isinstance(mechanism, RandomizedResponse):
        total = mpmath.exp(epsilon) + n - 1
        return [(mpmath.exp(epsilon) if y == word else 1) / total for y in range(n)]
    if isinstance(mechanism, RandomCutoffExponential):
        eta = mpmath.exp(-2) / n
        chances = [(1 - eta) * p for p in poisson(n, mpmath.log(n), 1, n)]
        chances[n] += eta
        inverse = epsilon - 2 * (1 + mpmath.log(n)) / closest(matrix)
        order, law = ranked(row), [mpmath.mpf(0)] * n
        weights = [mpmath.exp(-inverse * row[y]) for y in order]
        for k in range(1, n + 1):
            for rank in range(k):
                law[order[rank]] += chances[k] * weights[rank] / mpmath.fsum(weights[:k])
        return law
    limit = mechanism.threshold if isinstance(mechanism, TruncatedExponential) else mpmath.inf
    weights = [mpmath.exp(-epsilon / 2 * min(d, mpmath.mpf(limit))) for d in row]
    return [weight / mpmath.fsum(weights) for weight in weights]


def variation(first: Law, second: list[Any]) -> float:
    """Total variation of a law in fractions and one in mpmath."""
    pairs = zip(first, second, strict=True)
    gaps = [abs(mpmath.mpf(a.numerator) / a.denominator - b) for a, b in pairs]
    return float(mpmath.fsum(gaps) / 2)


def largest_variation(mechanism: Any) -> float:
    """Total variation of the code as shipped from the ideal law, for the worst input."""
    space = mechanism.space
    matrix = exact_distances(space.vectors, space.metric)
    with mpmath.workdps(DIGITS):
        return max(
            variation(shipped_law(mechanism, w), ideal_law(mechanism, matrix, w))
            for w in range(len(space))
        )


@pytest.mark.parametrize("epsilon", [1e-3, 1.0, 60.0, 1e5])
@pytest.mark.parametrize("number", range(len(SPACES)))
def test_exponential_and_response(number: int, epsilon: float) -> None:
    """Thresholds also exactly at a distance, where rounding decides who is inside."""
    space = SPACES[number]
    middle = float(np.median(space.distance_matrix[space.distance_matrix > 0.0]))
    made = [MetricExponential(space, epsilon), RandomizedResponse(space, epsilon)]
    for threshold in (None, middle, 0.7 * middle, space.extent.max_distance):
        made.append(TruncatedExponential(space, epsilon, threshold))
    for mechanism in made:
        assert largest_variation(mechanism) <= mechanism.sampler_error


@pytest.mark.parametrize("beyond", [0.0, 1e-13, 1e-9, 0.01, 1.0, 300.0])
@pytest.mark.parametrize("number", range(len(SPACES)))
def test_random_cutoff(number: int, beyond: float) -> None:
    """From the smallest epsilon that is accepted, where 1/b is a difference that cancels."""
    space = SPACES[number]
    bound = RandomCutoffExponential.bound(space)
    epsilon = max(bound * (1.0 + beyond), math.nextafter(bound, math.inf))
    mechanism = RandomCutoffExponential(space, epsilon)
    assert largest_variation(mechanism) <= mechanism.sampler_error


def test_cancellation_in_the_scale_is_more_than_the_rest() -> None:
    """Close to the bound the error of 1/b exceeds all others: without its term tau is no bound."""
    space = EmbeddingSpace(list("abc"), [[0.0, 0.0], [1e-6, 2e-6], [300.0, 1e3]])
    bound = RandomCutoffExponential.bound(space)
    mechanism = RandomCutoffExponential(space, bound * (1.0 + 1e-9))
    found = largest_variation(mechanism)
    others = mechanism.sampler_error - 2.0 * mechanism._cost_error
    assert others < found <= mechanism.sampler_error < 1e-3


# Kernels change their outputs where the bisection says


def edges(bounds: Law) -> Floats:
    """The multiples of 2^-53 on both sides of every bound."""
    found = [int(bound * GRID) + step for bound in bounds for step in (-1, 0)]
    return np.array([j * UNIT for j in found if 0 <= j < GRID])


def test_kernels_change_at_these_numbers() -> None:
    """The compiled samplers agree with the laws above on both sides of every step."""
    space = SPACES[2]
    n, word = len(space), 4
    mechanism = RandomCutoffExponential(space, 1.5 * RandomCutoffExponential.bound(space))
    cumulative = mechanism.cutoff_law.cumulative()
    for k, chances in enumerate(np.cumsum(cutoff_law(cumulative))):
        for first in edges([chances]):
            expected = next(i for i in range(n + 1) if first < cumulative[i])
            assert (first < float(chances)) == (expected <= k)
            bounds = rank_bounds(mechanism._sums[word], expected)
            for second in edges(bounds):
                output = np.array([-1])
                uniforms = np.array([[first, second]])
                random_cutoff_exponential._draw(
                    mechanism._sums, space.order, cumulative, np.array([word]), uniforms, output
                )
                rank = sum(Fraction(second) >= bound for bound in bounds)
                assert output[0] == space.order[word, rank]
    for size in (3, 7, 2000):
        bounds = list(np.cumsum(column_law(size)))
        ones, own = np.ones((1, size)), np.arange(size, dtype=np.int32)[None]
        for u in edges(bounds[:: max(1, size // 40)]):
            column = alias.draw_entry(ones, own, 0, float(u), 0.5)
            assert column == sum(Fraction(u) >= bound for bound in bounds)


@pytest.mark.parametrize("n", [2, 3, 7, 10, 1000])
def test_columns_miss_the_uniform_law_by_little(n: int) -> None:
    """At most n u in total variation, and not by nothing unless n is a power of two."""
    gap = sum(abs(chance - Fraction(1, n)) for chance in column_law(n)) / 2
    assert gap <= n * Fraction(1, GRID)
    assert (gap == 0) == (n == 2)


# Truncated Gumbel


class Numbers:
    """A generator that returns given numbers."""

    def __init__(self, *numbers: float) -> None:
        self._numbers = iter(numbers)

    def random(self) -> float:
        return next(self._numbers)


def gumbel_variation(mechanism: TruncatedGumbel, first: Floats) -> float:
    """With two words: how far from ideal the chance is that the noise exchanges them, in the
    mean over some values of the first number.

    Given the first number the code exchanges the words exactly if the second is below a bound,
    and so does the definition.
    """
    space = mechanism.space
    matrix = exact_distances(space.vectors, space.metric)
    lengths = np.array([[0.0, space.distance_matrix[0, 1]]])
    always = np.array([0.0, 0.0, 1.0])

    def keeps(number: float, u: float) -> bool:
        output = np.array([-1])
        truncated_gumbel._draw.py_func(
            space.order[:1], lengths, always, mechanism.scale, space.extent.max_distance,
            np.array([0]), Numbers(0.5, number, u), output,
        )  # fmt: skip
        return bool(output[0] == 0)

    with mpmath.workdps(DIGITS):
        distance = matrix[0][1]
        a = (mpmath.mpf(mechanism.epsilon) - 2 * (1 + mpmath.log(2)) / distance) / 3
        b = 2 * distance / min(mpmath.lambertw(2 * a * distance).real, mpmath.log(a * distance))
        low, high = (mpmath.exp(-mpmath.exp(s * distance / b)) for s in (1, -1))
        gaps = []
        for number in first:
            y = low + (high - low) * (mpmath.mpf(number) + mpmath.mpf(UNIT) / 2)
            noise = -b * mpmath.log(-mpmath.log(y)) - distance
            ideal = (mpmath.exp(-mpmath.exp(-noise / b)) - low) / (high - low)
            shipped = chance_below(lambda u, number=number: keeps(number, u))
            gaps.append(abs(mpmath.mpf(shipped.numerator) / shipped.denominator - max(ideal, 0)))
        return float(mpmath.fsum(gaps) / len(gaps))


@pytest.mark.parametrize("beyond", [2e-11, 1e-8, 1e-3, 1.0, 1e3, 1e6])
def test_truncated_gumbel(beyond: float) -> None:
    """Two words of many components: far from the bound, and where the scale and the mass cancel.

    Forty values of the first noise estimate a mean that tau bounds by a wide margin.
    """
    rng = np.random.default_rng(31)
    space = EmbeddingSpace(["a", "b"], rng.standard_normal((2, 64)) * [[3.0], [1e-3]])
    bound = TruncatedGumbel.bound(space)
    mechanism = TruncatedGumbel(space, bound * (1.0 + beyond))
    mean = gumbel_variation(mechanism, rng.integers(0, GRID, 40) * UNIT)
    assert 0.0 < mean <= mechanism.sampler_error
    if beyond >= 1e-3:
        assert mechanism.sampler_error < 1e-10


def test_truncated_gumbel_needs_the_mass() -> None:
    """Near the bound noise is far less exact than its range times a few u."""
    space = EmbeddingSpace(["a", "b"], [[0.0], [1.0]])
    mechanism = TruncatedGumbel(space, TruncatedGumbel.bound(space) * (1.0 + 1e-9))
    mean = gumbel_variation(mechanism, np.random.default_rng(37).integers(0, GRID, 40) * UNIT)
    assert 1e-9 < mean <= mechanism.sampler_error < 1e-3


@pytest.mark.parametrize("cutoff", ["published", "mldp-text"])
@pytest.mark.parametrize("n", [2, 3, 7, 40])
def test_cutoff_tables(n: int, cutoff: str) -> None:
    """K as drawn is within `table_error` of its law."""
    space = random_space("scattered", n, np.random.default_rng(41))
    law = TruncatedGumbel(space, 2.0 * TruncatedGumbel.bound(space), cutoff=cutoff).cutoff_law
    with mpmath.workdps(DIGITS):
        published = cutoff == "published"
        smallest, top = (1, n) if published else (0, n - 1)
        exact = poisson(n, mpmath.log(n if published else n - 1), smallest, top)
        found = variation(cutoff_law(law.cumulative()), exact)
        assert found <= law.table_error() < 1e-12
        broken = law.cumulative()
        broken[1] += 1e-6
        if n > 2 or published:
            assert variation(cutoff_law(broken), exact) > law.table_error()


@pytest.mark.parametrize("n", [2, 3, 4, 10, 300])
def test_logarithms_of_the_cutoff(n: int) -> None:
    """Every ln Pr[K = k], down to the far tail, is within its own error."""
    for rate, smallest, largest in ((math.log(n), 1, n), (math.log(n - 1), 0, n - 1)):
        law = poisson_cutoff(n, rate, smallest, largest)
        logs = [law.log_zero, *law.log_probabilities]
        with mpmath.workdps(DIGITS):
            exact = poisson(n, mpmath.log(n if smallest else n - 1), smallest, largest)
            for found, chance, error in zip(logs, exact, law.errors, strict=True):
                if chance == 0:
                    assert found == -math.inf
                    assert error == 0.0
                else:
                    assert abs(mpmath.mpf(float(found)) - mpmath.log(chance)) <= error < 1e-10


# Words whose distances are closer than their errors


def near_ties() -> EmbeddingSpace:
    """From `w`, the word `a` is farther than `b` by less than a rounding, and comes first by
    computed distances."""
    rng = np.random.default_rng(0)
    while True:
        a, b = rng.standard_normal((2, 2))
        b *= np.linalg.norm(a) / np.linalg.norm(b)
        space = EmbeddingSpace(["w", "a", "b"], np.array([[0.0, 0.0], a, b]))
        squares = [sum(Fraction(float(x)) ** 2 for x in vector) for vector in (a, b)]
        by_floats = np.argsort(space.distance_matrix[0], kind="stable").tolist()
        if squares[0] > squares[1] and by_floats == [0, 1, 2]:
            return space


def law_gap(mechanism: Any, word: int) -> float:
    """Largest difference of a log probability and the ideal one."""
    matrix = exact_distances(mechanism.space.vectors, mechanism.space.metric)
    with mpmath.workdps(DIGITS):
        exact = ideal_law(mechanism, matrix, word)
        pairs = zip(mechanism.log_law(word), exact, strict=True)
        return float(max(abs(mpmath.mpf(float(a)) - mpmath.log(b)) for a, b in pairs))


def test_near_ties_are_ranked_exactly() -> None:
    """Law and sampler agree with the ideal law within small errors; by computed distances they
    would not."""
    space = near_ties()
    mechanism = RandomCutoffExponential(space, 1.5 * RandomCutoffExponential.bound(space))
    assert largest_variation(mechanism) <= mechanism.sampler_error < 1e-12
    assert law_gap(mechanism, 0) <= mechanism.log_law_error < 1e-11
    gumbel = TruncatedGumbel(space, 1.5 * TruncatedGumbel.bound(space))
    assert gumbel.sampler_error < 1e-11
    broken = near_ties()
    broken.__dict__["order"] = np.argsort(broken.distance_matrix, axis=1, kind="stable")
    by_floats = RandomCutoffExponential(broken, mechanism.epsilon)
    assert largest_variation(by_floats) > 0.01
    assert law_gap(by_floats, 0) > 0.01


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev"])
def test_decimal_grids(metric: str) -> None:
    """Multiples of 0.1, where rounding separates equal distances and joins different ones."""
    vectors = 0.1 * np.random.default_rng([6, 7]).integers(0, 10, (6, 2))
    space = EmbeddingSpace([f"w{i}" for i in range(6)], vectors, metric)
    assert (np.argsort(space.distance_matrix, axis=1, kind="stable") != space.order).any()
    mechanism = RandomCutoffExponential(space, 1.5 * RandomCutoffExponential.bound(space))
    assert largest_variation(mechanism) <= mechanism.sampler_error < 1e-12
    assert all(law_gap(mechanism, w) <= mechanism.log_law_error < 1e-11 for w in range(6))
    for threshold in np.unique(space.distance_matrix[0])[1:]:
        clipped = TruncatedExponential(space, 20.0, float(threshold))
        assert largest_variation(clipped) <= clipped.sampler_error < 1e-12


# Broken tables exceed the bound, and what cannot be bounded is 1


def test_a_broken_scale_exceeds_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise that is too wide by a factor 1 + 1e-6 is noticed."""
    space = EmbeddingSpace(["a", "b"], [[0.0], [1.0]])
    mechanism = TruncatedGumbel(space, 2.0 * TruncatedGumbel.bound(space))
    tau, scale = mechanism.sampler_error, mechanism.scale
    first = np.random.default_rng(53).integers(0, GRID, 20) * UNIT
    assert gumbel_variation(mechanism, first) <= tau
    monkeypatch.setattr(TruncatedGumbel, "scale", (1.0 + 1e-6) * scale)
    assert gumbel_variation(mechanism, first) > tau


def test_broken_odds_exceed_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """So are odds of randomized response that are off by a factor 1 + 1e-6."""
    mechanism = RandomizedResponse(known_space("plane-6"), 1.0)
    rest = mechanism._rest
    assert largest_variation(mechanism) <= mechanism.sampler_error
    monkeypatch.setattr(RandomizedResponse, "_rest", (1.0 + 1e-6) * rest)
    assert largest_variation(mechanism) > mechanism.sampler_error


def move_a_threshold(mechanism: Any) -> None:
    tables = mechanism._tables
    row, column = np.argwhere((tables.thresholds > 0.01) & (tables.thresholds < 0.99))[0]
    tables.thresholds[row, column] += 1e-6


def move_a_sum(mechanism: Any) -> None:
    mechanism._sums[0, 0] *= 1.0 + 1e-6


@pytest.mark.parametrize(
    ("kind", "epsilon", "fault"),
    [
        (MetricExponential, 1.0, move_a_threshold),
        (TruncatedExponential, 1.0, move_a_threshold),
        (RandomCutoffExponential, 8.0, move_a_sum),
    ],
)
def test_broken_tables_exceed_the_bound(kind: Any, epsilon: float, fault: Any) -> None:
    """One number moved by 1e-6 is noticed."""
    mechanism = kind(known_space("plane-6"), epsilon)
    assert largest_variation(mechanism) <= mechanism.sampler_error
    fault(mechanism)
    assert largest_variation(mechanism) > mechanism.sampler_error


def test_bounds_fail_closed() -> None:
    """Costs beyond all bounds give 1, and so does what is not a number."""
    space = known_space("plane-6")
    for mechanism in (
        MetricExponential(space, 1e200),
        TruncatedExponential(space, 1e200, 1.0),
        RandomCutoffExponential(space, 1e200),
    ):
        assert mechanism.sampler_error == 1.0
    wide = EmbeddingSpace(list("abc"), [[0.0], [1e-120], [1e130]])
    bound = RandomCutoffExponential.bound(wide)
    assert RandomCutoffExponential(wide, 1.01 * bound).sampler_error == 1.0
    assert at_most_one(math.nan) == 1.0


# What is assumed of the library


@njit
def _compiled(function: int, x: float) -> float:
    if function == 0:
        return math.exp(x)
    if function == 1:
        return math.log(x)
    if function == 2:
        return math.log1p(x)
    return math.expm1(x)


def largest_error(found: Callable[[float], float], exact: Callable[..., Any], points: Any) -> float:
    """The largest relative error over some points, in units of u."""
    with mpmath.workdps(DIGITS):
        errors = [
            abs(mpmath.mpf(float(found(float(x)))) / exact(mpmath.mpf(float(x))) - 1)
            for x in points
        ]
        return float(max(errors)) / UNIT


@pytest.mark.parametrize(
    ("number", "name", "low", "high"),
    [
        (0, "exp", -700.0, 1.0),
        (0, "exp", -1e-3, 1e-3),
        (1, "log", 0.3, 3.0),
        (1, "log", 1e-300, 1e-5),
        (1, "log", 3.0, 1e6),
        (2, "log1p", 1e-12, 1e-3),
        (2, "log1p", 0.0, 1e6),
        (3, "expm1", -1.0, 5.0),
    ],
)
def test_elementary_functions(number: int, name: str, low: float, high: float) -> None:
    """NumPy's, Python's and the compiled ones are within 8 u, four units in the last place."""
    points = np.random.default_rng(47).uniform(low, high, 150)
    exact = getattr(mpmath, name)
    for found in (getattr(np, name), getattr(math, name), lambda x: _compiled(number, x)):
        assert largest_error(found, exact, points) <= 8.0


def test_special_functions() -> None:
    """gammaln and lambertw within 16 u; gammaln is exact where it vanishes."""
    assert gammaln(1.0) == gammaln(2.0) == 0.0
    whole = [*range(3, 200), *np.geomspace(200, 1e6, 60).round()]
    assert largest_error(gammaln, mpmath.loggamma, whole) <= 16.0
    points = [*np.linspace(1.5, 60.0, 60), *np.geomspace(1e2, 1e300, 60)]
    assert largest_error(lambda x: lambertw(x).real, mpmath.lambertw, points) <= 16.0


def test_the_table_of_the_page_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m tools.sampler_errors --output docs/samplers.md` writes it anew; numbers to 2%."""
    monkeypatch.syspath_prepend(ROOT)
    from tools.sampler_errors import sampler_table

    page = (ROOT / "docs" / "samplers.md").read_text(encoding="utf-8")
    shown = page.partition("<!-- begin: sampler errors -->")[2].partition("<!-- end:")[0].strip()
    fields = [
        [cell.strip() for line in text.splitlines() for cell in line.strip("| ").split("|")]
        for text in (shown, sampler_table(builtin()))
    ]
    assert len(fields[0]) == len(fields[1]) > 70
    for before, now in zip(*fields, strict=True):
        if now[:1].isdigit():
            assert float(before) == pytest.approx(float(now), rel=0.02)
        else:
            assert before == now
