"""Theorems speak of the mechanisms as they are coded: the symbolic laws, turned into functions,
give the probabilities of the exact laws, and what is assumed holds on random vocabularies."""

import itertools
import math

import mpmath
import numpy as np
import pytest
import sympy as sp
from scipy import stats
from support import KINDS, fit_p_value, random_space

from dpaudit.mechanisms import (
    DensityPriorExponential,
    Mahalanobis,
    MetricExponential,
    MultivariateLaplace,
    RandomCutoffExponential,
    RandomizedResponse,
    TruncatedExponential,
)
from dpaudit.mechanisms.numbers.discrete import DiscreteLaplace
from dpaudit.mechanisms.numbers.gaussian import gaussian_delta
from dpaudit.mechanisms.spaces import EmbeddingSpace
from dpaudit.mechanisms.words.cutoffs import poisson_cutoff
from dpaudit.mechanisms.words.density import density_prior
from dpaudit.proofs import find
from dpaudit.proofs.language import free_symbols
from dpaudit.proofs.theorems import (
    cutoff_mixture,
    discrete_laplace,
    exponential,
    gaussian,
    gumbel_max,
    laplace,
    mahalanobis,
    multivariate_laplace,
    polar_form,
    random_cutoff,
    random_cutoff_price,
    random_cutoff_scale,
    randomized_response,
    separable,
    truncated_exponential,
)
from dpaudit.proofs.theorems.words import epsilon, n, v, w, y

HALF = epsilon / 2
SIZES = (2, 6)
#: Chance that the test of fit rejects correct code.
LEVEL = 1e-7


def compiled(term, functions, numbers):
    """The value of a term, in mpmath, for functions by name and numbers by symbol."""
    inserted = sp.lambdify(list(numbers), term, modules=[functions, "mpmath"])
    return inserted(*numbers.values())


def truth_of(relation, functions, symbols, room):
    """Whether it holds up to `room`, as a function of the values of symbols."""
    sides = [
        sp.lambdify(symbols, side, modules=[functions, "mpmath"])
        for side in (relation.left, relation.right)
    ]

    def holds(*values):
        left, right = (side(*values) for side in sides)
        slack = room * (1 + abs(left) + abs(right))
        return {
            "<=": left <= right + slack,
            "<": left < right + slack,
            "==": abs(left - right) <= slack,
            "!=": left != right,
        }[relation.op]

    return holds


def assumptions_hold(theorem, functions, numbers):
    """Those that speak of nothing else, for all words 1, …, n; how many were looked at."""
    count = 0
    for assumption in theorem.assumptions:
        formula = assumption.formula
        if not free_symbols(formula) <= set(numbers):
            continue
        count += 1
        symbols = [*numbers, *formula.forall]
        given = [truth_of(condition, functions, symbols, 0.0) for condition in formula.given]
        holds = truth_of(formula.relation, functions, symbols, 1e-9)
        for words in itertools.product(range(1, numbers[n] + 1), repeat=len(formula.forall)):
            values = [*numbers.values(), *words]
            if all(condition(*values) for condition in given):
                assert holds(*values), (assumption.name, words)
    return count


def functions_of(space):
    """Distance, sorted distances and ranks, for words that are numbered from 1."""
    distances = space.distance_matrix
    order = np.argsort(distances, axis=1, kind="stable")
    ranks = np.argsort(order, axis=1, kind="stable")
    return {
        "d": lambda i, j: float(distances[i - 1, j - 1]),
        "D": lambda i, j: float(distances[i - 1, order[i - 1, j - 1]]),
        "r": lambda i, j: int(ranks[i - 1, j - 1]) + 1,
    }


def assert_same_law(mechanism, law, functions, numbers):
    """ln P_w(y) of the code and of the theorem, for all words, to 1e-9."""
    size = len(mechanism.space)
    found = mechanism.log_laws(slice(0, size))
    value = sp.lambdify([w, y, *numbers], law, modules=[functions, "mpmath"])
    expected = [
        [float(mpmath.log(value(i, j, *numbers.values()))) for j in range(1, size + 1)]
        for i in range(1, size + 1)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.fixture(params=itertools.product(KINDS, SIZES), ids=lambda one: f"{one[0]}-{one[1]}")
def space(request):
    kind, size = request.param
    return random_space(kind, size, np.random.default_rng([KINDS.index(kind), size]))


def test_metric_exponential(space):
    functions, numbers = functions_of(space), {n: len(space), epsilon: 1.7}
    law = exponential.law(w, y, HALF)
    assert_same_law(MetricExponential(space, 1.7), law, functions, numbers)
    assert assumptions_hold(find("metric-exponential"), functions, numbers) == 2


def test_fixed_prior(space):
    mechanism = DensityPriorExponential(space, 1.7)
    prior = np.exp(density_prior(space, mechanism.bandwidth).logs)
    functions = {**functions_of(space), "pi": lambda i: float(prior[i - 1])}
    numbers = {n: len(space), epsilon: 1.7}
    law = exponential.law(w, y, HALF, prior=separable.prior)
    assert_same_law(mechanism, law, functions, numbers)
    assert assumptions_hold(find("fixed-prior"), functions, numbers) == 2


def test_separable_loss(space):
    """The largest log ratio of every pair is the closed formula."""
    mechanism = DensityPriorExponential(space, 1.7)
    prior = np.exp(density_prior(space, mechanism.bandwidth).logs)
    functions = {**functions_of(space), "pi": lambda i: float(prior[i - 1])}
    numbers = {n: len(space), separable.theta: 0.85}
    laws = mechanism.log_laws(slice(0, len(space)))
    value = sp.lambdify([w, v, *numbers], separable.loss(w, v), modules=[functions, "mpmath"])
    for i, j in itertools.permutations(range(len(space)), 2):
        loss = float(value(i + 1, j + 1, *numbers.values()))
        assert (laws[i] - laws[j]).max() == pytest.approx(loss, rel=1e-9, abs=1e-9)
    assert assumptions_hold(find("separable-loss"), functions, numbers) == 3


def test_truncated_exponential(space):
    threshold = float(np.median(space.distance_matrix[space.distance_matrix > 0]))
    beyond = space.distance_matrix > threshold
    functions = {
        **functions_of(space),
        "beyond": lambda i, j: int(beyond[i - 1, j - 1]),
        "Min": min,
    }
    numbers = {n: len(space), epsilon: 1.7, truncated_exponential.gamma: threshold}
    law = exponential.law(w, y, HALF, truncated_exponential.clipped)
    mechanism = TruncatedExponential(space, 1.7, threshold=threshold)
    assert_same_law(mechanism, law, functions, numbers)
    assert assumptions_hold(find("truncated-exponential"), functions, numbers) == 3
    assert assumptions_hold(find("truncated-exponential-bucket"), functions, numbers) == 2


def cutoff_functions(space):
    chances = poisson_cutoff(len(space), math.log(len(space)), 1, len(space)).probabilities
    return {**functions_of(space), "q": lambda m: float(chances[m])}


@pytest.mark.parametrize("multiple", [1.01, 2.0])
def test_random_cutoff(space, multiple):
    mechanism = RandomCutoffExponential(space, multiple * RandomCutoffExponential.bound(space))
    functions = cutoff_functions(space)
    numbers = {
        n: len(space),
        epsilon: mechanism.epsilon,
        cutoff_mixture.b: mechanism.scale,
        cutoff_mixture.smallest: space.extent.min_distance,
    }
    law = cutoff_mixture.law(w, y, random_cutoff.SHARE)
    # The law depends on ε only through the scale.
    assert_same_law(mechanism, law, functions, {k: x for k, x in numbers.items() if k != epsilon})
    assert assumptions_hold(find("random-cutoff"), functions, numbers) == 7


def test_random_cutoff_scale(space):
    """With its own scale the law keeps the promise on all pairs, and 1/b is larger."""
    size, shortest = len(space), space.extent.min_distance
    share = math.exp(-2) / size
    promise = 1.5 * RandomCutoffExponential.bound(space)
    scale = shortest / math.log(share * math.exp(promise * shortest) - size + 1)
    assert scale < RandomCutoffExponential(space, promise).scale
    functions = cutoff_functions(space)
    numbers = {
        n: size,
        epsilon: promise,
        cutoff_mixture.b: scale,
        cutoff_mixture.smallest: shortest,
        random_cutoff_scale.eta: share,
    }
    assert assumptions_hold(find("random-cutoff-scale"), functions, numbers) == 9
    law = cutoff_mixture.law(w, y, random_cutoff_scale.eta)
    value = sp.lambdify([w, y, *numbers], law, modules=[functions, "mpmath"])
    words = range(1, size + 1)
    logs = np.array(
        [[float(mpmath.log(value(i, j, *numbers.values()))) for j in words] for i in words]
    )
    assert np.abs(np.exp(logs).sum(axis=1) - 1).max() < 1e-9
    losses = (logs[:, None, :] - logs[None, :, :]).max(axis=2)
    assert (losses <= promise * space.distance_matrix * (1 + 1e-12)).all()


def test_random_cutoff_price(space):
    """The loss of the mechanism on the farthest word is at least what the theorem says."""
    mechanism = RandomCutoffExponential(space, 1.3 * RandomCutoffExponential.bound(space))
    functions = cutoff_functions(space)
    numbers = {
        n: len(space),
        cutoff_mixture.b: mechanism.scale,
        random_cutoff_scale.eta: math.exp(-2) / len(space),
    }
    assert assumptions_hold(find("random-cutoff-price"), functions, numbers) == 4
    laws = mechanism.log_laws(slice(0, len(space)))
    last = float(mechanism.cutoff_law.log_probabilities[-1])
    value = sp.lambdify(
        [v, y, *numbers], random_cutoff_price.least_ratio(), modules=[functions, "mpmath"]
    )
    for i in range(len(space)):
        j = int(space.order[i, -1])
        least = float(mpmath.log(value(i + 1, j + 1, *numbers.values()))) - last
        assert laws[j, j] - laws[i, j] >= least - 1e-9


def test_randomized_response(space):
    numbers = {n: len(space), epsilon: 1.7}
    keep, change = (compiled(term, {}, numbers) for term in randomized_response.law())
    found = np.exp(RandomizedResponse(space, 1.7).log_laws(slice(0, len(space))))
    expected = np.full((len(space), len(space)), float(change))
    np.fill_diagonal(expected, float(keep))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    functions = {"P": lambda i, j: found[i - 1, j - 1]}
    assert assumptions_hold(find("randomized-response"), functions, numbers) == 2


@pytest.mark.parametrize("dimension", [1, 2, 3, 8, 50])
def test_polar_form(dimension):
    """V, C and the density of the radius against known values and SciPy's Gamma law."""
    numbers = {polar_form.p: dimension, epsilon: 1.7}
    volume = compiled(polar_form.ball_volume(), {}, {polar_form.p: dimension})
    if dimension <= 3:
        assert float(volume) == pytest.approx([2.0, math.pi, 4 * math.pi / 3][dimension - 1])
    in_shells = sp.lambdify(
        [polar_form.r, polar_form.p, polar_form.V],
        sp.exp(-(polar_form.r**2)) * polar_form.shell(),
        "mpmath",
    )
    whole = mpmath.quad(lambda radius: in_shells(radius, dimension, volume), [0, 9, 30])
    assert float(whole) == pytest.approx(math.pi ** (dimension / 2), rel=1e-9)
    constant = compiled(polar_form.normaliser(), {}, numbers)
    for radius in (0.1, 1.0, 7.0):
        expected = stats.gamma(dimension, scale=1 / 1.7).pdf(radius)
        found = compiled(polar_form.radius_density(), {}, {**numbers, polar_form.r: radius})
        assert float(found) == pytest.approx(expected, rel=1e-9)
        shell = dimension * volume * radius ** (dimension - 1)
        assert float(constant * mpmath.exp(-1.7 * radius) * shell) == pytest.approx(expected)


def test_multivariate_laplace_on_a_line():
    """The sampler against the integrals of the symbolic density over the cells of the words."""
    places = [0.0, 1.0, 1.5, 4.0]
    mechanism = MultivariateLaplace(EmbeddingSpace("abcd", [[place] for place in places]), 1.3)
    constant = compiled(polar_form.normaliser(), {}, {polar_form.p: 1, epsilon: 1.3})
    length = sp.Symbol("length", nonnegative=True)
    term = multivariate_laplace.density(length).subs(multivariate_laplace.C, constant)
    density = sp.lambdify([length, epsilon], term, "mpmath")
    # Between the words, and at the word itself, where the density has a corner.
    borders = [-60.0, 0.5, 1.0, 1.25, 2.75, 60.0]
    pieces = [
        float(mpmath.quad(lambda point: density(abs(point - 1.0), 1.3), piece))
        for piece in itertools.pairwise(borders)
    ]
    law = [pieces[0], pieces[1] + pieces[2], *pieces[3:]]
    outputs = mechanism.sample_indices(np.full(200_000, 1), np.random.default_rng(5))
    assert fit_p_value(np.bincount(outputs, minlength=4), np.array(law)) > LEVEL


def test_mahalanobis_norm(space):
    """The distances of the claim are those of the theorem, for the inverse root of Σ."""
    mechanism = Mahalanobis(space, 2.0)
    matrix, vectors = np.linalg.inv(mechanism.root), space.vectors
    functions = {
        "A": lambda i, j: float(matrix[i - 1, j - 1]),
        "phi": lambda i, j: float(vectors[i - 1, j - 1]),
    }
    dimension = {mahalanobis.p: space.dimension}
    term = mahalanobis.distance(w, v)
    value = sp.lambdify([w, v, *dimension], term, modules=[functions, "mpmath"])
    claimed = mechanism.claim_space.distance_matrix
    for i, j in itertools.permutations(range(len(space)), 2):
        found = float(value(i + 1, j + 1, space.dimension))
        assert found == pytest.approx(claimed[i, j], rel=1e-9)


def test_gumbel_max():
    """Simulated with NumPy's Gumbel noise."""
    scores = np.array([0.3, -1.0, 0.0, 1.2])
    functions = {"s": lambda i: float(scores[i - 1])}
    law = [
        float(compiled(gumbel_max.softmax(gumbel_max.j), functions, {gumbel_max.j: i, n: 4}))
        for i in range(1, 5)
    ]
    noise = np.random.default_rng(7).gumbel(size=(200_000, 4))
    winners = np.bincount((scores + noise).argmax(axis=1), minlength=4)
    assert fit_p_value(winners, np.array(law)) > LEVEL


def test_laplace():
    for place, output in itertools.product([0.0, 1.0], [-2.0, 0.5, 3.0]):
        numbers = {laplace.a: place, laplace.x: output, epsilon: 0.7}
        expected = stats.laplace(loc=place, scale=1 / 0.7).pdf(output)
        found = compiled(laplace.density(laplace.a), {}, numbers)
        assert float(found) == pytest.approx(expected, rel=1e-9)


def test_discrete_laplace():
    numbers = {discrete_laplace.a: 3, epsilon: 0.7}
    law = [
        float(compiled(discrete_laplace.law(discrete_laplace.a, sp.Integer(k)), {}, numbers))
        for k in range(-60, 67)
    ]
    at_zero = math.tanh(0.35)
    assert law[63] == pytest.approx(at_zero, rel=1e-9)
    outputs = DiscreteLaplace(0.7).sample(3, 200_000, np.random.default_rng(9))
    counts = np.bincount(outputs + 60, minlength=len(law))
    assert fit_p_value(counts, np.array(law)) > LEVEL


@pytest.mark.parametrize("sigma", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("promise", [0.1, 1.0, 3.0])
def test_gaussian(sigma, promise):
    numbers = {gaussian.shift: 1.0, gaussian.sigma: sigma, epsilon: promise}
    found = compiled(gaussian.profile(), {}, numbers)
    assert float(found) == pytest.approx(gaussian_delta(promise, sigma), rel=1e-9)


def test_a_wrong_law_is_seen():
    """The comparison does not pass whatever it is given."""
    space = random_space("scattered", 7, np.random.default_rng(1))
    functions, numbers = functions_of(space), {n: 7, epsilon: 1.7}
    with pytest.raises(AssertionError):
        assert_same_law(
            MetricExponential(space, 1.7), exponential.law(w, y, epsilon), functions, numbers
        )
    functions["d"] = lambda i, j: 1.0 + (i - j) ** 2
    with pytest.raises(AssertionError, match="triangle"):
        assumptions_hold(find("metric-exponential"), functions, numbers)


@pytest.mark.parametrize("seed", range(12))
def test_the_axiom_about_the_chain_against_powers_of_its_matrix(seed):
    """The one axiom, `metropolis-spectrum`: masses from nearly equal to far apart, ties too."""
    from dpaudit.proofs.axioms import METROPOLIS_SPECTRUM, metropolis_distance, metropolis_mass

    rng = np.random.default_rng(seed)
    states = int(rng.integers(2, 7))
    weights = np.exp(-rng.choice([0.01, 1.0, 8.0]) * rng.integers(0, 5, states))
    masses = np.sort(weights / weights.sum())[::-1]
    moves = np.minimum(1.0, masses[None, :] / masses[:, None]) / (states - 1)
    np.fill_diagonal(moves, 0.0)
    np.fill_diagonal(moves, 1.0 - moves.sum(axis=1))
    relation = METROPOLIS_SPECTRUM.formula.relation
    start_symbol, steps_symbol = METROPOLIS_SPECTRUM.formula.forall
    (size_symbol,) = free_symbols(METROPOLIS_SPECTRUM.formula)
    for steps in (0, 1, 2, 7, 30):
        laws = np.linalg.matrix_power(moves, steps)
        distances = 0.5 * np.abs(laws - masses).sum(axis=1)
        for start in range(states):
            numbers = {start_symbol: start + 1, steps_symbol: steps, size_symbol: states - 1}
            left, right = (side.subs(numbers) for side in (relation.left, relation.right))
            values = {metropolis_mass(i + 1): float(q) for i, q in enumerate(masses)}
            values[metropolis_distance(start + 1, steps)] = float(distances[start])
            assert float(left.xreplace(values)) <= float(right.xreplace(values)) + 1e-12
