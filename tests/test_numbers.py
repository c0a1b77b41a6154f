"""The numeric mechanisms: samplers against their laws, true epsilon against brute force.

False alarms: the statistical tests compute `TESTS` p-values at most, each valid for every sample
size (`fit_p_value`; Massart's form of the Dvoretzky-Kiefer-Wolfowitz inequality), and fail below
1e-7 / TESTS: at most one run in ten million would fail by chance, and the seeds are fixed. Every
kind of test is tried on a sampler that is wrong.
"""

import itertools
import math
import re
import subprocess
import sys
from fractions import Fraction
from functools import cache
from pathlib import Path

import mpmath
import numpy as np
import pytest
from scipy.stats import laplace, norm

from dpaudit.errors import InputError
from dpaudit.mechanisms import numbers
from dpaudit.mechanisms.numbers import NUMBERS, find
from dpaudit.mechanisms.numbers.gaussian import gaussian_delta
from dpaudit.mechanisms.numbers.sparse_vector import BELOW, NOT_ASKED
from dpaudit.mechanisms.protocol import Mechanism
from tests.support import fit_p_value

TESTS = 100
THRESHOLD = 1e-7 / TESTS
DRAWS = 40_000
NAMES = tuple(NUMBERS)
SPARSE = tuple(name for name in NAMES if "sparse-vector" in name and "parallel" not in name)
DEFAULTS = {name: NUMBERS[name].build() for name in NAMES}


# ------------------------------------------------------------------ references


def law_p_value(outputs, law):
    """Fit of rows of symbols (or single values) to a law given as a dictionary of tuples."""
    rows = np.asarray(outputs).reshape(len(outputs), -1)
    seen, counts = np.unique(rows, axis=0, return_counts=True)
    found = {tuple(row): int(count) for row, count in zip(seen.tolist(), counts, strict=True)}
    if set(found) - set(law):
        return 0.0
    keys = sorted(law)
    chances = np.array([float(law[key]) for key in keys])
    return fit_p_value(np.array([found.get(key, 0) for key in keys]), chances / chances.sum())


def cdf_p_value(outputs, cdf):
    """P(sup |F_N - F| > t) <= 2 exp(-2 N t^2) for every N; Massart (1990)."""
    values = cdf(np.sort(outputs))
    n = len(values)
    gap = max(
        (np.arange(1, n + 1) / n - values).max(),
        (values - np.arange(n) / n).max(),
    )
    return min(1.0, 2.0 * math.exp(-2.0 * n * gap * gap))


def panels(corners, scale, reach=None):
    """Gauss-Legendre nodes and weights on panels that end at the corners, shape (N,).

    Panels are no longer than twice `scale` and go `reach` (60 scales) beyond the corners.
    """
    reach = 60.0 * scale if reach is None else reach
    corners = sorted({0.0, *map(float, corners)})
    ends = [corners[0] - reach, *corners, corners[-1] + reach]
    nodes, weights = np.polynomial.legendre.leggauss(16)
    xs, ws = [], []
    for low, high in itertools.pairwise(ends):
        edges = np.linspace(low, high, max(2, int((high - low) / (2 * scale)) + 2))
        half = 0.5 * np.diff(edges)
        xs.append(((edges[:-1] + edges[1:])[:, None] / 2 + half[:, None] * nodes).ravel())
        ws.append((half[:, None] * weights).ravel())
    return np.concatenate(xs), np.concatenate(ws)


def vector_law(x, threshold, line, query, cutoff=None, last=None):
    """Pr of every pattern of symbols of a sparse vector with one threshold noise of scale `line`
    and query noise of scale `query` (0: none), by quadrature over the threshold noise.

    With `last`, the density at which an answer that is above is shown as `last` is in the place
    of its probability, and thresholds above `last` are excluded (algorithm 3).
    """
    scale = min(line, query) if query else line
    corners = [value - threshold for value in x]
    corners += [] if last is None else [last - threshold]
    z, w = panels(corners, scale, 60.0 * max(line, query))
    states = {(): w * laplace.pdf(z, scale=line)}
    for value in x:
        if query:
            above = laplace.sf(threshold + z - value, scale=query)
            below = laplace.cdf(threshold + z - value, scale=query)
        else:
            above = (value >= threshold + z).astype(float)
            below = 1.0 - above
        if last is not None:
            above = laplace.pdf(last - value, scale=query) * (threshold + z <= last)
        new = {}
        for pattern, mass in states.items():
            if cutoff is not None and sum(symbol == 1 for symbol in pattern) == cutoff:
                new[(*pattern, -1)] = mass
            else:
                new[(*pattern, 0)] = mass * below
                new[(*pattern, 1)] = mass * above
        states = new
    return {pattern: math.fsum(mass) for pattern, mass in states.items()}


def renewed_law(x, threshold, line, query, cutoff):
    """The same with threshold noise that is drawn anew after each answer above (algorithm 2)."""
    done = {}

    def go(start, prefix, chance, left):
        if left == 0 or start == len(x):
            pattern = prefix + (-1,) * (len(x) - start)
            done[pattern] = done.get(pattern, 0.0) + chance
            return
        for pattern, p in vector_law(x[start:], threshold, line, query, 1).items():
            above = pattern.index(1) + 1 if 1 in pattern else len(pattern)
            go(start + above, prefix + pattern[:above], chance * p, left - (1 in pattern))

    go(0, (), 1.0, cutoff)
    return done


def argmax_law(x, scale, exponential):
    """Pr of every index, by quadrature over the winner's noisy answer."""
    density, below = (
        (lambda t: np.where(t >= 0, np.exp(-np.abs(t) / scale) / scale, 0.0), expon_cdf(scale))
        if exponential
        else (lambda t: laplace.pdf(t, scale=scale), lambda t: laplace.cdf(t, scale=scale))
    )
    u, w = panels(x, scale)
    return {
        (i,): math.fsum(
            w
            * density(u - value)
            * math.prod(below(u - other) for j, other in enumerate(x) if j != i)
        )
        for i, value in enumerate(x)
    }


def expon_cdf(scale):
    return lambda t: -np.expm1(-np.maximum(t, 0.0) / scale)


def max_cdf(x, below):
    return lambda u: math.prod(below(u - value) for value in x)


def log_density_of_maximum(u, x):
    """ln of the density at u of the largest of x plus Laplace noise of scale 20."""
    rates = laplace.pdf(u - x, scale=20.0) / laplace.cdf(u - x, scale=20.0)
    return math.log(rates.sum()) + laplace.logcdf(u - x, scale=20.0).sum()


def two_sided(law, other):
    """max |ln ratio| over the outputs of two laws with the same support."""
    assert set(law) == set(other)
    return max(abs(math.log(law[key] / other[key])) for key in law)


def geometric_law(mechanism, count):
    """The clamped two-sided geometric law in fractions, by its definition."""
    power = 2**mechanism.bits
    a = Fraction(power, power + 1)
    norm_ = (1 - a) / (1 + a)
    below = norm_ * a ** (count) / (1 - a)
    above = norm_ * a ** (mechanism.n - count) / (1 - a)
    inside = [norm_ * a ** abs(z - count) for z in range(1, mechanism.n)]
    return [below, *inside, above]


def rappor_law(mechanism, value):
    zero, one = mechanism.bit_chances
    chances = np.where(mechanism.filter(value), one, zero)
    return {
        bits: math.prod(p if bit else 1.0 - p for bit, p in zip(bits, chances, strict=True))
        for bits in itertools.product((0, 1), repeat=mechanism.filter_size)
    }


def cut_law(mechanism, x):
    """The law of the symbols of a sparse vector mechanism, by its algorithm's number."""
    e, c, t = mechanism.epsilon, getattr(mechanism, "cutoff", None), mechanism.threshold
    laws = {
        "sparse-vector-1": lambda: vector_law(x, t, 2 / e, 4 * c / e, c),
        "sparse-vector-2": lambda: renewed_law(x, t, 2 * c / e, 4 * c / e, c),
        "sparse-vector-3": lambda: vector_law(x, t, 2 / e, 2 * c / e, c),
        "sparse-vector-4": lambda: vector_law(x, t, 4 / e, 4 / (3 * e), c),
        "sparse-vector-5": lambda: vector_law(x, t, 2 / e, 0.0),
        "sparse-vector-6": lambda: vector_law(x, t, 2 / e, 2 / e),
        "numerical-sparse-vector": lambda: vector_law(x, t, 3 / e, 6 * c / e, c),
    }
    return laws[mechanism.name]()


def test_quadrature_meets_another_route():
    """Two independent Laplace variables of different scales have a closed difference; and one
    pattern against mpmath."""
    law = vector_law((0.7,), 0.2, 2.0, 3.0)
    a, b, t = 2.0, 3.0, 0.5
    tail = (b * b * math.exp(-t / b) - a * a * math.exp(-t / a)) / (2 * (b * b - a * a))
    assert law[(1,)] == pytest.approx(1 - tail, abs=1e-13)
    assert law[(0,)] == pytest.approx(tail, abs=1e-13)
    x, pattern = (0.5, -1.0, 2.0), (0, 1, -1)

    def integrand(z):
        def below(u):
            return mpmath.exp(u / 3) / 2 if u < 0 else 1 - mpmath.exp(-u / 3) / 2

        return mpmath.exp(-abs(z) / 2) / 4 * below(z - x[0]) * (1 - below(z - x[1]))

    exact = mpmath.quad(integrand, [-200, -30, -1, 0, 0.5, 30, 200])
    assert vector_law(x, 0.0, 2.0, 3.0, 1)[pattern] == pytest.approx(float(exact), rel=1e-10)
    for law in (argmax_law((0.0, 1.0, 3.0), 2.0, True), argmax_law((0.0, 1.0), 2.0, False)):
        assert sum(law.values()) == pytest.approx(1.0, abs=1e-12)


# ------------------------------------------------------------------ the catalogue


@pytest.mark.parametrize("name", NAMES)
def test_entries_tell_the_truth(name):
    entry, mechanism = NUMBERS[name], DEFAULTS[name]
    assert mechanism.name == name
    assert type(mechanism).__name__ == entry.attribute
    assert getattr(numbers, entry.attribute) is entry.load()
    assert isinstance(mechanism, Mechanism)
    assert mechanism.broken == entry.broken == bool(mechanism.flaw)
    assert entry.load()(**mechanism.parameters) == mechanism
    assert mechanism.true_epsilon >= entry.pair_epsilon * (1 - 1e-9)
    if not entry.broken:
        assert mechanism.true_epsilon <= mechanism.claim.epsilon * (1 + 1e-9)
    assert mechanism.claim.neighbouring
    assert mechanism.claim.source != "given by the user"
    first, second = (np.atleast_1d(x).astype(float) for x in entry.pair)
    if mechanism.claim.neighbouring.startswith("any two"):
        return
    assert np.abs(first - second).max() == 1.0
    if "single coordinate" in mechanism.claim.neighbouring:
        assert (first != second).sum() == 1


def test_names():
    assert len(NAMES) == 23
    assert [name for name in NAMES if NUMBERS[name].broken] == [
        *("report-noisy-max-3", "report-noisy-max-4", "noisy-histogram-2"),
        *("sparse-vector-3", "sparse-vector-4", "sparse-vector-5", "sparse-vector-6"),
        *("prefix-sum", "sparse-vector-34-parallel"),
    ]
    with pytest.raises(InputError, match="Did you mean sparse-vector-1"):
        find("sparse-vectr-1")
    with pytest.raises(InputError, match="has no parameter 'sigma'; its parameters are epsilon"):
        find("laplace").build(sigma=1.0)
    with pytest.raises(AttributeError):
        _ = numbers.Nothing
    assert "SparseVector1" in dir(numbers)


def test_the_list_loads_nothing_heavy():
    script = "import dpaudit.mechanisms.numbers, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert {"numpy", "scipy", "numba"} & set(done.stdout.split()) == set()


def test_the_table_of_the_documentation():
    page = Path(__file__).resolve().parent.parent / "docs" / "numeric-mechanisms.md"
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|(.*)\|$", page.read_text("utf-8"), re.M)
    assert [name for name, _ in rows] == list(NAMES)
    for name, row in rows:
        cells = [cell.strip() for cell in row.replace("\\|", "").split("|")]
        shown = math.inf if cells[4] == "∞" else float(cells[4])
        assert f"{DEFAULTS[name].true_epsilon:.3g}" == f"{shown:.3g}"
        assert ("**broken**" in cells[3]) == NUMBERS[name].broken


# ------------------------------------------------------------------ shapes and streams

SHAPES = {
    "finite": {(): np.int64, (5,): np.int8, (10,): np.int8, (20,): np.int8},
    "whole": {(): np.int64},
    "real": {(): np.float64},
    "vector": {(5,): np.float64, (10,): np.float64, (20,): np.float64},
    "mixed": {(10,): np.float64, (20,): np.float64},
}


@pytest.mark.parametrize("name", NAMES)
def test_shapes_and_streams(name):
    mechanism, x = DEFAULTS[name], NUMBERS[name].pair[0]
    outputs = mechanism.sample(x, 301, np.random.default_rng(5))
    assert len(outputs) == 301
    dtype = SHAPES[mechanism.outputs][outputs.shape[1:]]
    assert outputs.dtype == (np.int8 if name == "binary-randomized-response" else dtype)
    again = mechanism.sample(np.asarray(x), 301, np.random.default_rng(5))
    np.testing.assert_array_equal(outputs, again)
    rng = np.random.default_rng(5)
    split = [mechanism.sample(x, size, rng) for size in (1, 100, 200)]
    np.testing.assert_array_equal(outputs, np.concatenate(split))
    other = mechanism.sample(x, 301, np.random.default_rng(6))
    assert not np.array_equal(outputs, other)
    if mechanism.outputs != "mixed":
        assert np.isfinite(outputs).all()


BAD_EPSILONS = (0.0, -1.0, 1e-12, 1e12, math.nan, math.inf)

BAD_PARAMETERS = [
    *((name, {"epsilon": value}) for name in NAMES for value in BAD_EPSILONS),
    *((name, {"queries": 0}) for name in NAMES if "queries" in DEFAULTS[name].parameters),
    *((name, {"threshold": math.nan}) for name in NAMES if name.startswith("sparse")),
    *((f"sparse-vector-{i}", {"cutoff": value}) for i in (1, 2, 3, 4) for value in (0, 11, 1.5)),
    *(("sparse-vector-34-parallel", {"cutoff": value}) for value in (0, 11, 1.5)),
    ("laplace-parallel", {"copies": 0}),
    ("report-noisy-max-1", {"queries": 1}),
    ("noisy-histogram-1", {"bins": 2.5}),
    ("gaussian", {"delta": 0.0}),
    ("gaussian", {"delta": 1.0}),
    ("gaussian", {"sigma": -1.0}),
    ("gaussian", {"sigma": 1e-20}),
    ("gaussian", {"sigma": "wide"}),
    ("truncated-geometric", {"n": 0}),
    ("truncated-geometric", {"n": 13}),
    ("truncated-geometric", {"bits": -1}),
    ("truncated-geometric", {"bits": False}),
    ("rappor", {"f": 1.0}),
    ("rappor", {"p": 0.6}),
    ("rappor", {"p": 0.0}),
    ("rappor", {"q": 1.0}),
    ("rappor", {"hashes": 11}),
    ("one-time-rappor", {"f": 0.0}),
    ("one-time-rappor", {"f": "all"}),
]


@pytest.mark.parametrize(("name", "parameters"), BAD_PARAMETERS)
def test_bad_parameters(name, parameters):
    with pytest.raises(InputError):
        find(name).build(**parameters)


@pytest.mark.parametrize("name", NAMES)
def test_bad_inputs(name):
    mechanism, rng = DEFAULTS[name], np.random.default_rng(1)
    x = NUMBERS[name].pair[0]
    vector = np.ndim(x) == 1
    wrong = [None, "3", math.nan, [[1.0]], [1.0, [2.0]], True]
    wrong += (
        [0.0, [*x, 1], [math.inf, *x[1:]], [1e300, *x[1:]], ["a", *x[1:]]]
        if vector
        else [math.inf, 1e300, [0]]
    )
    if mechanism.outputs in ("finite", "whole") and not vector:
        wrong += [0.5, 2**60]
    for value in wrong:
        with pytest.raises(InputError):
            mechanism.sample(value, 3, rng)
    for size in (0, -1, 2.5, True):
        with pytest.raises(InputError):
            mechanism.sample(x, size, rng)


# ------------------------------------------------------------------ samplers against laws


def real_cases():
    for name, x in (("laplace", 3.5), ("gaussian", -2.0)):
        mechanism = find(name).build(epsilon=0.7)
        cdf = laplace(x, 1 / 0.7).cdf if name == "laplace" else norm(x, mechanism.sigma).cdf
        yield name, mechanism.sample(x, DRAWS, np.random.default_rng(11)), cdf
    x = (0.0, 1.0, -2.0)
    for name, cdf in (
        ("report-noisy-max-3", max_cdf(x, lambda t: laplace.cdf(t, scale=4.0))),
        ("report-noisy-max-4", max_cdf(x, expon_cdf(4.0))),
    ):
        mechanism = find(name).build(epsilon=0.5, queries=3)
        yield name, mechanism.sample(x, DRAWS, np.random.default_rng(12)), cdf
    for name, scale in (("noisy-histogram-1", 4.0), ("noisy-histogram-2", 0.25)):
        mechanism = find(name).build(epsilon=0.25, bins=3)
        outputs = mechanism.sample(x, DRAWS, np.random.default_rng(13))
        for i, value in enumerate(x):
            yield name, outputs[:, i], laplace(value, scale).cdf
    outputs = find("prefix-sum").build(epsilon=0.25, queries=3)
    outputs = outputs.sample(x, DRAWS, np.random.default_rng(14))
    for i, value in enumerate(x):
        noisy = np.diff(outputs, axis=1, prepend=0.0)[:, i]
        yield "prefix-sum", noisy, laplace(value, 4.0).cdf
    outputs = find("laplace-parallel").build(epsilon=0.75, copies=3)
    outputs = outputs.sample(1.0, DRAWS, np.random.default_rng(16))
    for column in outputs.T:
        yield "laplace-parallel", column, laplace(1.0, 4.0).cdf
    for name in ("sparse-vector-3", "numerical-sparse-vector", "sparse-vector-34-parallel"):
        mechanism = find(name).build(epsilon=0.5, queries=3, cutoff=1)
        outputs = mechanism.sample(x, 2 * DRAWS, np.random.default_rng(15))
        shown = outputs[:, 1][np.isfinite(outputs[:, 1])]
        yield name, shown, shown_cdf(name, x)


def shown_cdf(name, x):
    """Of the second answer, given that it is the first above; epsilon = 0.5."""
    if name == "numerical-sparse-vector":
        return laplace(x[1], 6.0).cdf
    # Algorithm 3: the density at a is that of the noise times the chance that the threshold is
    # below a while the first query is below the threshold.
    edges = np.linspace(-150.0, 150.0, 6001)
    grid = np.linspace(-240.0, 150.0, 39001)
    g = laplace.pdf(grid, scale=4.0) * laplace.cdf(grid - x[0], scale=4.0)
    reach = np.concatenate([[0.0], np.cumsum(0.5 * (g[1:] + g[:-1]) * np.diff(grid))])
    density = laplace.pdf(edges - x[1], scale=4.0) * np.interp(edges, grid, reach)
    mass = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(edges))])
    return lambda t: np.interp(t, edges, mass / mass[-1])


def finite_cases():
    def draw(name, x, **parameters):
        mechanism = find(name).build(**parameters)
        return mechanism, mechanism.sample(x, DRAWS, np.random.default_rng(21))

    mechanism, outputs = draw("discrete-laplace", 4, epsilon=0.7)
    tanh, rest = math.tanh(0.35), math.exp(-0.7)
    law = {(k,): tanh * rest ** abs(k - 4) for k in range(-10, 19)}
    law[(-11,)] = law[(19,)] = tanh * rest**15 / (1 - rest)
    yield "discrete-laplace", np.clip(outputs, -11, 19), law
    for count in (0, 2, 5):
        mechanism, outputs = draw("truncated-geometric", count, epsilon=0.8)
        chances = enumerate(geometric_law(mechanism, count))
        yield mechanism.name, outputs, {(z,): p for z, p in chances}
    for bit in (0, 1):
        mechanism, outputs = draw("binary-randomized-response", bit, epsilon=0.7)
        keep = math.exp(0.7) / (1 + math.exp(0.7))
        yield mechanism.name, outputs, {(bit,): keep, (1 - bit,): 1 - keep}
    for name in ("rappor", "one-time-rappor"):
        chances = {"p": 0.1, "q": 0.8} if name == "rappor" else {}
        mechanism, outputs = draw(name, 5, hashes=2, filter_size=5, f=0.5, **chances)
        yield name, outputs, rappor_law(mechanism, 5)
    x = (1.0, 0.0, 2.5)
    for name, exponential in (("report-noisy-max-1", False), ("report-noisy-max-2", True)):
        mechanism, outputs = draw(name, x, epsilon=0.8, queries=3)
        yield name, outputs, argmax_law(x, 2.5, exponential)
    x = (0.5, -1.0, 2.0)
    for name in SPARSE:
        for cutoff in (1, 2):
            cut = {"cutoff": cutoff} if "cutoff" in DEFAULTS[name].parameters else {}
            if cutoff == 2 and not cut:
                continue
            mechanism, outputs = draw(name, x, epsilon=1.5, queries=3, threshold=0.25, **cut)
            if mechanism.outputs == "mixed":
                outputs = np.where(outputs == BELOW, 0, np.where(outputs == NOT_ASKED, -1, 1))
            yield name, outputs, cut_law(mechanism, x)
    name = "sparse-vector-34-parallel"
    mechanism, outputs = draw(name, x, epsilon=1.5, queries=3, threshold=0.25)
    third, fourth = outputs[:, :3], outputs[:, 3:]
    third = np.where(third == BELOW, 0, np.where(third == NOT_ASKED, -1, 1))
    parts = [cut_law(find(f"sparse-vector-{i}").build(**mechanism.parameters), x) for i in (3, 4)]
    law = {(*a, *b): p * q for a, p in parts[0].items() for b, q in parts[1].items()}
    yield name, np.hstack([third, fourth]).astype(int), law
    # Signs of all coordinates together: noise of different coordinates is independent.
    coins = dict.fromkeys(itertools.product((0, 1), repeat=3), 0.125)
    keys = {"noisy-histogram-1": "bins", "noisy-histogram-2": "bins"}
    keys |= {"prefix-sum": "queries", "laplace-parallel": "copies"}
    for name, key in keys.items():
        _, outputs = draw(name, 0 if key == "copies" else (0, 0, 0), **{key: 3})
        if name == "prefix-sum":
            outputs = np.diff(outputs, axis=1, prepend=0.0)
        yield name, (outputs > 0).astype(int), coins


@cache
def real():
    return list(real_cases())


@cache
def finite():
    return list(finite_cases())


def test_every_sampler_is_tested_and_the_budget_is_kept():
    assert {case[0] for case in real() + finite()} == set(NAMES)
    assert len(real()) + len(finite()) <= TESTS


@pytest.mark.parametrize("name", NAMES)
def test_real_laws(name):
    for _, outputs, cdf in (case for case in real() if case[0] == name):
        assert cdf_p_value(outputs, cdf) > THRESHOLD
        shifted = outputs + 0.1 * outputs.std()
        assert cdf_p_value(shifted, cdf) < THRESHOLD, "the control was not seen"
        wider = 1.2 * (outputs - outputs.mean()) + outputs.mean()
        assert cdf_p_value(wider, cdf) < THRESHOLD, "the control was not seen"


@pytest.mark.parametrize("name", NAMES)
def test_finite_laws(name):
    for _, outputs, law in (case for case in finite() if case[0] == name):
        assert math.isclose(sum(law.values()), 1.0, abs_tol=1e-10)
        assert law_p_value(outputs, law) > THRESHOLD
        kinds, counts = np.unique(outputs, axis=0, return_counts=True)
        replaced = outputs.copy()
        replaced[: len(outputs) // 12] = kinds[counts.argmin()]  # one twelfth stuck at one output
        assert law_p_value(replaced, law) < THRESHOLD, "the control was not seen"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("sparse-vector-1", "sparse-vector-4"),
        ("sparse-vector-6", "sparse-vector-5"),
        ("report-noisy-max-1", "report-noisy-max-2"),
    ],
)
def test_one_specimen_is_not_another(name, wrong):
    law = next(law for found, _, law in finite() if found == name)
    outputs = next(outputs for found, outputs, _ in finite() if found == wrong)
    assert law_p_value(outputs, law) < THRESHOLD


# ------------------------------------------------------------------ true epsilon


@pytest.mark.parametrize(("n", "bits"), [(1, 1), (1, 4), (3, 2), (5, 5), (6, 3)])
def test_truncated_geometric_in_fractions(n, bits):
    mechanism = find("truncated-geometric").build(n=n, bits=bits)
    laws = []
    for count in range(n + 1):
        numerators = [0, *mechanism.cumulative(count)]
        law = [Fraction(b - a, mechanism.denominator) for a, b in itertools.pairwise(numerators)]
        assert law == geometric_law(mechanism, count)
        assert sum(law) == 1
        laws.append(law)
    ratios = [
        max(max(p / q, q / p) for p, q in zip(a, b, strict=True))
        for a, b in itertools.pairwise(laws)
    ]
    assert max(ratios) == 1 + Fraction(1, 2**bits)
    assert mechanism.true_epsilon == pytest.approx(math.log(1 + 2.0**-bits), rel=1e-15)


def test_truncated_geometric_keeps_its_claim_with_the_right_logarithm():
    for epsilon in (0.02, 0.1, 0.5, 1.0, 3.0):
        assert not find("truncated-geometric").build(epsilon=epsilon, n=3).broken
    natural = math.ceil(math.log(2 / 0.1))
    assert natural == 3
    assert find("truncated-geometric").build(bits=natural).broken


@pytest.mark.parametrize("name", ["rappor", "one-time-rappor"])
def test_rappor_by_all_outputs(name):
    mechanism = find(name).build(hashes=2, filter_size=6)
    laws = [rappor_law(mechanism, value) for value in range(12)]
    worst = max(two_sided(a, b) for a, b in itertools.combinations(laws, 2))
    assert worst == pytest.approx(mechanism.true_epsilon, rel=1e-12)
    first, second = mechanism.worst_pair
    assert two_sided(laws[first], laws[second]) == pytest.approx(worst, rel=1e-12)
    assert DEFAULTS[name].worst_pair == NUMBERS[name].pair
    one, other = (DEFAULTS[name].filter(value) for value in NUMBERS[name].pair)
    assert one.sum() == other.sum() == 4
    assert not (one & other).any()


def test_gaussian_profile_by_integration():
    u = np.linspace(-60.0, 60.0, 1_200_001)
    for epsilon, sigma in ((0.0, 0.5), (0.3, 2.0), (1.0, 3.73), (4.0, 0.7)):
        gain = norm.pdf(u, 1.0, sigma) - math.exp(epsilon) * norm.pdf(u, 0.0, sigma)
        value = np.maximum(gain, 0.0).sum() * (u[1] - u[0])
        assert gaussian_delta(epsilon, sigma) == pytest.approx(value, rel=1e-5)
    assert gaussian_delta(1e-9, 1e12) == 0.0
    for epsilon, delta in ((0.1, 1e-6), (1.0, 1e-5), (8.0, 0.01)):
        mechanism = find("gaussian").build(epsilon=epsilon, delta=delta)
        assert gaussian_delta(epsilon, mechanism.sigma) <= delta
        assert gaussian_delta(epsilon, mechanism.sigma * (1 - 1e-9)) > delta
        assert mechanism.true_epsilon == pytest.approx(epsilon, rel=1e-8)
        narrow = find("gaussian").build(epsilon=epsilon, delta=delta, sigma=mechanism.sigma / 2)
        assert narrow.broken
        assert gaussian_delta(narrow.true_epsilon, narrow.sigma) == pytest.approx(delta, rel=1e-6)


def test_noisy_maximum():
    one, two, three, four = (DEFAULTS[f"report-noisy-max-{i}"] for i in (1, 2, 3, 4))
    far = [(0.0, gap, *(-2000.0,) * 3) for gap in (3000.0, 3002.0)]
    loss = two_sided(
        *({k: p for k, p in argmax_law(x, 20.0, False).items() if k == (0,)} for x in far)
    )
    assert 0.99 * one.true_epsilon < loss < one.true_epsilon
    near = [argmax_law(x, 20.0, True) for x in find("report-noisy-max-2").pair]
    assert two_sided(*near) == pytest.approx(two.true_epsilon, rel=1e-9)
    rng = np.random.default_rng(3)
    for _ in range(40):  # no neighbours lose more
        x = rng.uniform(-60, 60, 5)
        y = x + rng.choice([-1.0, 0.0, 1.0], 5)
        for exponential in (False, True):
            assert two_sided(
                argmax_law(x, 20.0, exponential), argmax_law(y, 20.0, exponential)
            ) <= one.true_epsilon * (1 + 1e-9)

    x, u = np.ones(5), np.linspace(-300, 300, 601)
    losses = [abs(log_density_of_maximum(t, x) - log_density_of_maximum(t, x + 1)) for t in u]
    assert max(losses) == pytest.approx(three.true_epsilon, rel=1e-12)
    assert find("report-noisy-max-3").build(queries=2).broken is False
    x, y = find("report-noisy-max-4").pair
    assert four.sample(y, 1000, np.random.default_rng(1)).min() >= 1.0
    chance = max_cdf(x, expon_cdf(20.0))(np.array(1.0))
    seen = (four.sample(x, 200_000, np.random.default_rng(1)) < 1.0).sum()
    assert chance == pytest.approx(0.00156, rel=0.01)
    assert seen > 100
    assert math.isinf(four.true_epsilon)


def below_then_above(queries, cutoff, height):
    """The family of the docstring of `SparseVector1`."""
    low = (height,) * (queries - cutoff) + (0.0,) * cutoff
    high = (height + 1,) * (queries - cutoff) + (-1.0,) * cutoff
    return low, high, (0,) * (queries - cutoff) + (1,) * cutoff


@pytest.mark.parametrize(
    ("name", "queries", "cutoff"),
    [
        ("sparse-vector-1", 10, 1),
        ("sparse-vector-1", 5, 1),
        ("sparse-vector-1", 9, 2),
        ("sparse-vector-2", 4, 1),
        ("sparse-vector-4", 10, 1),
        ("sparse-vector-4", 3, 1),
        ("sparse-vector-4", 6, 2),
        ("numerical-sparse-vector", 6, 1),
    ],
)
def test_sparse_vector_limits(name, queries, cutoff):
    mechanism = find(name).build(epsilon=1.0, queries=queries, cutoff=cutoff)
    true = mechanism.true_epsilon
    if name == "numerical-sparse-vector":  # what the symbols alone lose
        true *= 2 / 3
    losses = []
    for height in (5.0, 200.0):
        x, y, pattern = below_then_above(queries, cutoff, height)
        losses.append(math.log(cut_law(mechanism, x)[pattern] / cut_law(mechanism, y)[pattern]))
    assert 0 < losses[0] <= losses[1] * (1 + 1e-9) <= true * (1 + 2e-9)
    assert losses[1] > 0.98 * true


@pytest.mark.parametrize("name", [f"sparse-vector-{i}" for i in (1, 2, 4, 6)])
def test_no_neighbours_lose_more(name):
    queries = 4 if name != "sparse-vector-6" else 3
    mechanism = find(name).build(epsilon=1.0, queries=queries)
    rng = np.random.default_rng(8)
    worst = 0.0
    for _ in range(60):
        x = rng.uniform(-12.0, 12.0, queries)
        y = x + rng.choice([-1.0, 0.0, 1.0], queries)
        worst = max(worst, two_sided(cut_law(mechanism, x), cut_law(mechanism, y)))
    assert 0.5 * mechanism.true_epsilon < worst <= mechanism.true_epsilon * (1 + 1e-9)


@pytest.mark.parametrize("queries", [1, 2, 3, 6])
def test_sparse_vector_6_limit(queries):
    mechanism = find("sparse-vector-6").build(epsilon=1.0, queries=queries)
    half = queries // 2
    pattern = (0,) * half + (1,) * (queries - half)
    laws = [
        cut_law(mechanism, (a,) * half + (-a,) * (queries - half))[pattern] for a in (150.0, 151.0)
    ]
    if queries == 1:  # a query far below the threshold
        laws = [cut_law(mechanism, (-a,))[pattern] for a in (150.0, 151.0)]
    loss = abs(math.log(laws[0] / laws[1]))
    assert 0.97 * mechanism.true_epsilon < loss <= mechanism.true_epsilon * (1 + 1e-9)


@pytest.mark.parametrize(("queries", "cutoff"), [(10, 1), (4, 2), (1, 1)])
def test_sparse_vector_3_densities(queries, cutoff):
    mechanism = find("sparse-vector-3").build(epsilon=1.0, queries=queries, cutoff=cutoff)
    pattern = (0,) * (queries - 1) + (1,)

    def density(x, last):
        return vector_law(x, 0.0, 2.0, 2.0 * cutoff, cutoff, last)[pattern]

    zeros, ones = (0.0,) * queries, (1.0,) * queries
    loss = math.log(density(zeros, -0.5) / density(ones, -0.5))
    assert loss == pytest.approx(mechanism.true_epsilon, rel=1e-9)
    rng = np.random.default_rng(2)
    for _ in range(20):
        x = rng.uniform(-5.0, 5.0, queries)
        y, last = x + rng.choice([-1.0, 1.0], queries), rng.uniform(-8.0, 8.0)
        loss = abs(math.log(density(x, last) / density(y, last)))
        assert loss <= mechanism.true_epsilon * (1 + 1e-9)
    assert mechanism.broken == (queries > 2 * cutoff)


def test_sparse_vector_5_impossible_output():
    entry = find("sparse-vector-5")
    x, y = entry.pair
    pattern = (1,) * 5 + (0,) * 5
    laws = [cut_law(entry.build(), value) for value in (x, y)]
    assert laws[0][pattern] == pytest.approx(0.5 * -math.expm1(-0.05), rel=1e-12)
    assert laws[1][pattern] == 0.0
    outputs = entry.build().sample(y, 20_000, np.random.default_rng(4))
    assert not (outputs == pattern).all(axis=1).any()
    assert entry.build(queries=1).true_epsilon == 0.05


def both_losses(name):
    """The largest loss of the pair of the catalogue in either direction: of independent parts the
    losses add up."""
    mechanism, (x, y) = DEFAULTS[name], NUMBERS[name].pair
    parts = [find(f"sparse-vector-{i}").build(**mechanism.parameters) for i in (3, 4)]
    scale = 2 / mechanism.epsilon
    for first, second in ((x, y), (y, x)):
        worst = []
        for last in (-30.0, 0.0, 0.5, 1.0, 1.5, 2.0, 30.0):
            laws = [vector_law(z, 0.0, scale, 2 * scale, 2, last) for z in (first, second)]
            worst += [
                math.log(p / laws[1][key]) for key, p in laws[0].items() if 1 in key and p > 0.0
            ]
        laws = [cut_law(parts[1], z) for z in (first, second)]
        yield max(worst) + max(math.log(p / laws[1][key]) for key, p in laws[0].items())


def test_parallel_mechanisms():
    """Both parts of the parallel sparse vector approach what they lose on the same pairs, in the
    same direction; a composition claims the sum of what its parts claim."""
    mechanism = find("sparse-vector-34-parallel").build(epsilon=1.0, queries=6)
    third, fourth = (find(f"sparse-vector-{i}").build(**mechanism.parameters) for i in (3, 4))
    assert mechanism.claim.epsilon == third.claim.epsilon + fourth.claim.epsilon == 2.0
    assert mechanism.true_epsilon == third.true_epsilon + fourth.true_epsilon == 1.5 + 3.25
    x, y, pattern = below_then_above(6, 2, 200.0)
    laws = [vector_law(z, 0.0, 2.0, 4.0, 2, 100.0)[pattern] for z in (x, y)]
    loss = math.log(laws[0] / laws[1])
    assert loss == pytest.approx(third.true_epsilon, rel=1e-9)
    laws = [cut_law(fourth, z)[pattern] for z in (x, y)]
    loss += math.log(laws[0] / laws[1])
    assert 0.98 * mechanism.true_epsilon < loss <= mechanism.true_epsilon * (1 + 1e-9)
    assert find("sparse-vector-34-parallel").build(queries=4).true_epsilon is None
    many = find("laplace-parallel").build(epsilon=0.5, copies=7)
    assert many.true_epsilon == many.claim.epsilon == 0.5


def test_unknown_true_epsilon_is_none():
    assert find("sparse-vector-1").build(queries=3).true_epsilon is None
    assert find("sparse-vector-1").build(queries=3).broken is False
    assert find("rappor").build(hashes=10).true_epsilon is None


def test_pair_epsilons():
    """The exact loss of every pair of the catalogue."""
    found, three = {}, find("report-noisy-max-3")
    for name in ("laplace", "noisy-histogram-1", "noisy-histogram-2", "prefix-sum"):
        scale = 0.1 if name == "noisy-histogram-2" else 10.0
        u = np.linspace(-5.0, 5.0, 101)
        found[name] = np.abs(laplace.logpdf(u, 0, scale) - laplace.logpdf(u, 1, scale)).max()
    found["prefix-sum"] *= 10  # independent noise on ten numbers, all of which differ
    beyond = laplace.logpdf(1.0, 1, 200.0) - laplace.logpdf(1.0, 0, 200.0)
    found["laplace-parallel"] = 20 * beyond  # 20 outputs, each as far up as both inputs
    found["discrete-laplace"] = max(0.1 * abs(abs(k) - abs(k - 1)) for k in range(-3, 4))
    geometric = DEFAULTS["truncated-geometric"]
    laws = [dict(enumerate(geometric_law(geometric, count))) for count in (0, 1)]
    found["truncated-geometric"] = two_sided(*laws)
    keep = math.exp(0.1) / (1 + math.exp(0.1))
    found["binary-randomized-response"] = math.log(keep / (1 - keep))
    for name in ("rappor", "one-time-rappor"):
        zero, one = DEFAULTS[name].bit_chances
        found[name] = 4 * (math.log(one / zero) + math.log((1 - zero) / (1 - one)))
    for name, exponential in (("report-noisy-max-1", False), ("report-noisy-max-2", True)):
        found[name] = two_sided(*(argmax_law(x, 20.0, exponential) for x in NUMBERS[name].pair))
    for name in ("sparse-vector-1", "sparse-vector-2", "sparse-vector-4", "sparse-vector-6"):
        found[name] = two_sided(*(cut_law(DEFAULTS[name], x) for x in NUMBERS[name].pair))
    name = "numerical-sparse-vector"
    laws = [cut_law(DEFAULTS[name], x) for x in NUMBERS[name].pair]
    found[name] = max(
        abs(math.log(laws[0][pattern] / laws[1][pattern])) + (0.1 / 3 if 1 in pattern else 0.0)
        for pattern in laws[0]
    )
    found["report-noisy-max-4"] = found["sparse-vector-5"] = math.inf  # shown above
    u = np.linspace(-300.0, 300.0, 601)
    densities = [[log_density_of_maximum(t, np.array(x)) for t in u] for x in three.pair]
    found[three.name] = np.abs(np.subtract(*densities)).max()
    # Of algorithm 3: at an answer below all queries and the threshold, the bound is attained.
    losses = []
    for last in (-3.0, 0.5, 2.5, 30.0):
        laws = [vector_law(x, 0.0, 20.0, 20.0, 1, last) for x in find("sparse-vector-3").pair]
        losses.append(two_sided(*({k: p for k, p in law.items() if 1 in k} for law in laws)))
    found["sparse-vector-3"] = max(losses)
    found["sparse-vector-34-parallel"] = max(both_losses("sparse-vector-34-parallel"))
    gaussian = DEFAULTS["gaussian"]
    assert gaussian_delta(1.0, gaussian.sigma) == pytest.approx(1e-5, rel=1e-9)
    found["gaussian"] = 1.0
    assert set(found) == set(NAMES)
    for name, value in found.items():
        assert NUMBERS[name].pair_epsilon == pytest.approx(value, rel=1e-8), name
