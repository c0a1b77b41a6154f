"""The sweep over pairs and the privacy profile, against loops that are too plain to be wrong."""

import math
from dataclasses import replace

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpaudit.errors import InputError, NumericalError
from dpaudit.exact import pruning
from dpaudit.exact.profile import delta_of_pairs, delta_over_pairs
from dpaudit.exact.search import Problem
from dpaudit.exact.sweep import sweep
from dpaudit.mechanisms.kernels.loss import TILE, pack_panels

INF = math.inf


def naive_sweep(laws, distances):
    """(value, input, neighbour, output) by three loops in lexicographic order."""
    n, best = len(laws), (-INF, -1, -1, -1)
    for w in range(n):
        for v in range(n):
            if v == w:
                continue
            loss, place = -INF, -1
            for y in range(n):
                if laws[w, y] == -INF:
                    continue
                difference = laws[w, y] - laws[v, y]
                if difference > loss:
                    loss, place = difference, y
            # An output that is impossible on w only gives -inf, and says nothing.
            if loss / distances[w, v] > best[0]:
                best = (float(loss / distances[w, v]), w, v, place)
    return best


def array_sweep(laws, distances):
    """The same as `naive_sweep` on finite laws, for hundreds of words."""
    n, best = len(laws), (-INF, -1, -1, -1)
    for w in range(n):
        ratios = (laws[w] - laws).max(axis=1) / np.where(np.arange(n) == w, 1.0, distances[w])
        ratios[w] = -INF
        v = int(ratios.argmax())
        if ratios[v] > best[0]:
            best = (float(ratios[v]), w, v, int((laws[w] - laws[v]).argmax()))
    return best


def outcome(found):
    return found.value, found.input, found.neighbour, found.output


def euclidean(points):
    return np.sqrt(((points[:, None, :] - points[None, :, :]) ** 2).sum(axis=2))


def normalised(scores):
    top = scores.max(axis=1, keepdims=True)
    return scores - top - np.log(np.exp(scores - top).sum(axis=1, keepdims=True))


def family(kind, n, rng):
    """Laws and distances of one of the shapes that the sweep must cope with."""
    distances = euclidean(rng.normal(size=(n, 4)))
    if kind == "metric":
        return normalised(-rng.uniform(0.5, 20.0) * distances), distances
    if kind == "ties":
        laws = normalised(rng.integers(0, 3, size=(n, n)).astype(float))
        return laws.round(2), np.ones((n, n))
    if kind == "huge":
        return -rng.uniform(0.0, 4000.0, size=(n, n)) * (rng.random((n, n)) < 0.5), distances
    if kind == "blocks":
        sides = rng.integers(0, 2, size=(n, 1)) + rng.integers(0, 2, size=n) * 3.0
        return sides + rng.normal(scale=1e-3, size=(n, n)), distances
    if kind == "twins":  # the worst pair is very close, and differs at ordinary outputs
        laws = np.repeat(10.0 * rng.normal(size=(n // 2 + 1, n)), 2, axis=0)[:n]
        twins = np.arange(n) // 2 == np.arange(n)[:, None] // 2
        return laws + 0.1 * rng.normal(size=(n, n)), np.where(twins, 1e-4, 1.0)
    if kind == "constant":
        return np.zeros((n, n)), distances
    return rng.normal(size=(n, n)), np.abs(rng.normal(size=(n, n))) + 0.1


KINDS = ["metric", "ties", "huge", "blocks", "twins", "constant", "random"]
SEEDS = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=150)
@given(n=st.integers(2, 12), seed=SEEDS, kind=st.sampled_from(KINDS), prune=st.booleans())
def test_agrees_with_three_loops(n, seed, kind, prune):
    laws, distances = family(kind, n, np.random.default_rng(seed))
    found = sweep(laws, distances, prune=prune)
    assert outcome(found) == naive_sweep(laws, distances)
    assert found.log_ratio == laws[found.input, found.output] - laws[found.neighbour, found.output]
    assert found.pairs_total == n * (n - 1)


@settings(deadline=None, max_examples=150)
@given(
    n=st.integers(2, 8), seed=SEEDS, share=st.sampled_from([0.02, 0.2, 0.6]), columns=st.booleans()
)
def test_impossible_outputs(n, seed, share, columns):
    rng = np.random.default_rng(seed)
    laws, distances = family("random", n, rng)
    if columns:  # whole columns only: the loss stays finite
        laws[:, rng.random(n) < share] = -INF
    else:
        laws[rng.random((n, n)) < share] = -INF
    if (laws == -INF).all(axis=1).any():
        with pytest.raises(NumericalError, match="no law"):
            sweep(laws, distances)
        return
    assert outcome(sweep(laws, distances)) == naive_sweep(laws, distances)
    assert outcome(sweep(laws, distances, prune=False)) == naive_sweep(laws, distances)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [63, TILE - 1, TILE, TILE + 1, 2 * TILE + 1])
def test_every_route_gives_the_same_at_tile_edges(kind, n):
    laws, distances = family(kind, n, np.random.default_rng(n))
    expected = array_sweep(laws, distances)
    for prune in (False, True):
        for threads in (1, 3):
            found = sweep(laws, distances, prune=prune, threads=threads)
            assert outcome(found) == expected, (prune, threads)


def test_pruning_visits_few_pairs_of_a_metric_law():
    rng = np.random.default_rng(3)
    points = rng.normal(size=(400, 64))
    distances = euclidean(points / np.linalg.norm(points, axis=1, keepdims=True))
    laws = normalised(-5.0 * distances)
    found = sweep(laws, distances)
    assert 1 <= found.pairs_visited < 0.01 * found.pairs_total
    full = sweep(laws, distances, prune=False)
    assert full.pairs_visited == full.pairs_total
    assert found == replace(full, pairs_visited=found.pairs_visited)


@pytest.mark.parametrize("seed", range(200))
def test_a_bound_that_equals_the_answer_cuts_nothing_off(seed):
    # Every column holds the same entries, two values in another order, so the bound of a pair is
    # its true loss up to the rounding of centred entries.
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 13))
    column = np.where(np.arange(n) < rng.integers(1, n), rng.random(), 0.0)
    laws = rng.permuted(np.tile(column, (n, 1)), axis=1).T
    assert outcome(sweep(laws, np.ones((n, n)))) == naive_sweep(laws, np.ones((n, n)))


@settings(deadline=None, max_examples=60)
@given(n=st.integers(3, 12), seed=SEEDS, kept=st.integers(1, 2), spread=st.sampled_from([1, 1e6]))
def test_bounds_hold_as_floating_point_numbers(n, seed, kept, spread):
    rng = np.random.default_rng(seed)
    laws = rng.normal(size=(n, n)) + spread * rng.normal(size=n)
    panels = pack_panels(laws, repeat=True)
    problem = Problem(laws, panels, np.ones((n, n)), None)
    extremes = pruning._extremes(problem, kept)
    bounds = pruning._loss_bounds(extremes, slice(0, n))
    for w in range(n):
        for v in range(n):
            listed = set(extremes.listed[w, 0]) | set(extremes.listed[v, 1])
            rest = [y for y in range(n) if y not in listed]
            assert (laws[w, rest] - laws[v, rest] <= bounds[w, v]).all()


@pytest.mark.parametrize("seed", range(20))
def test_ties_in_different_tiles_go_to_the_smallest_pair(seed):
    rng = np.random.default_rng(seed)
    n = 2 * TILE + 20
    laws = np.zeros((n, n))
    for y in rng.integers(0, n, size=3):
        late, early = TILE + rng.integers(0, TILE + 20, 3), rng.integers(0, TILE + 20, 3)
        laws[late, y], laws[early, y] = 1.0, -1.0
    expected = array_sweep(laws, np.ones((n, n)))
    assert expected[0] == 2.0
    for prune in (False, True):
        assert outcome(sweep(laws, np.ones((n, n)), prune=prune)) == expected


def test_a_bound_that_is_too_small_would_be_noticed(monkeypatch):
    def far_too_small(extremes, inputs):
        return np.full((inputs.stop - inputs.start, len(extremes.rest)), -INF)

    cases = [family("twins", 60, np.random.default_rng(seed)) for seed in range(20)]
    expected = [array_sweep(*case) for case in cases]
    assert [outcome(sweep(*case)) for case in cases] == expected
    monkeypatch.setattr(pruning, "_loss_bounds", far_too_small)
    assert [outcome(sweep(*case)) for case in cases] != expected


@settings(deadline=None, max_examples=30)
@given(n=st.integers(2, 40), seed=SEEDS)
def test_renaming_the_words_moves_the_witness_along(n, seed):
    rng = np.random.default_rng(seed)
    laws, distances = family("random", n, rng)
    new = rng.permutation(n)
    renamed = sweep(laws[np.ix_(new, new)], distances[np.ix_(new, new)])
    found = sweep(laws, distances)
    assert renamed.value == found.value
    assert (new[renamed.input], new[renamed.neighbour]) == (found.input, found.neighbour)


def test_progress_rises_to_one_and_may_interrupt():
    laws, distances = family("ties", 300, np.random.default_rng(0))
    for prune in (False, True):
        seen = []
        sweep(laws, distances, prune=prune, progress=seen.append)
        assert seen == sorted(seen)
        assert seen[-1] == 1.0

    def interrupt(part):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(laws, distances, progress=interrupt)


@pytest.mark.parametrize("function", [sweep, lambda laws, d: delta_over_pairs(laws, d, 1.0)])
def test_bad_input_is_refused(function):
    laws, distances = np.log(np.full((3, 3), 1 / 3)), np.ones((3, 3))
    for bad in (np.nan, INF):
        broken = laws.copy()
        broken[1, 2] = bad
        with pytest.raises(NumericalError, match=r"log_laws\[1, 2\]"):
            function(broken, distances)
    for bad in (np.nan, INF, 0.0, -1.0):
        broken = distances.copy()
        broken[2, 1] = bad
        with pytest.raises(InputError, match=r"distances\[2, 1\]"):
            function(laws, broken)
        broken = distances.copy()
        broken[2, 2] = bad  # the diagonal is nobody's business
        function(laws, broken)
    for shape in ((3, 2), (1, 1), (0, 0), (9,)):
        with pytest.raises(InputError, match="shape"):
            function(np.zeros(shape), np.ones(shape))
    with pytest.raises(InputError, match="shape"):
        function(laws, np.ones((2, 2)))


def test_overflow_is_no_infinite_loss():
    with pytest.raises(NumericalError, match="overflow"):
        sweep(np.array([[1.5e308, 0.0], [-1.5e308, 0.0]]), np.ones((2, 2)))


def exact_delta(first, second, cost):
    """delta of one pair in 60 digits."""
    with mpmath.workdps(60):
        total = mpmath.mpf(0)
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            p = mpmath.exp(a) if a > -INF else mpmath.mpf(0)
            q = mpmath.exp(mpmath.mpf(b) + cost) if b > -INF else mpmath.mpf(0)
            total += max(mpmath.mpf(0), p - q)
        return total


def exact_deltas(laws, distances, epsilon):
    n = len(laws)
    return {
        (w, v): exact_delta(
            laws[w], laws[v], mpmath.fmul(epsilon, float(distances[w, v]), exact=True)
        )
        for w in range(n)
        for v in range(n)
        if w != v
    }


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(2, 6),
    seed=SEEDS,
    scale=st.sampled_from([0.1, 1.0, 30.0, 900.0, 4000.0]),
    epsilon=st.sampled_from([0.0, 0.3, 2.0, 400.0, 500.0, 2000.0, 1e7]),
    few=st.booleans(),
)
def test_delta_lies_in_the_enclosure(n, seed, scale, epsilon, few):
    rng = np.random.default_rng(seed)
    laws, distances = normalised(-scale * rng.random((n, n))), rng.uniform(0.2, 1.5, (n, n))
    laws[:, rng.random(n) < 0.2] = -INF
    laws[rng.random((n, n)) < 0.1] = -INF
    laws[:, 0] = np.maximum(laws[:, 0], -scale)
    expected = exact_deltas(laws, distances, epsilon)
    mask = rng.random((n, n)) < 0.5 if few else np.ones((n, n), dtype=bool)
    mask[0, 1] = True
    wanted = {pair: mass for pair, mass in expected.items() if mask[pair]}
    found = delta_over_pairs(laws, distances, epsilon, candidates=mask)
    largest = min(max(wanted.values()), 1)
    assert 0.0 <= found.lower <= largest <= found.upper <= 1.0
    assert found.upper > 0.0
    assert found.upper - found.lower < 1e-11
    assert wanted[found.input, found.neighbour] >= found.lower
    pairs = np.array(list(expected))
    single = delta_of_pairs(laws, distances, pairs[:, 0], pairs[:, 1], [epsilon])
    limits = [float(min(mass, 1)) for mass in expected.values()]
    np.testing.assert_allclose(single[:, 0], limits, rtol=0, atol=1e-11)


@pytest.mark.parametrize("n", [TILE - 1, TILE, TILE + 1])
@pytest.mark.parametrize("epsilon", [0.5, 700.0])
def test_the_two_routes_of_delta_agree(n, epsilon):
    rng = np.random.default_rng(n)
    distances = euclidean(rng.normal(size=(n, 3)))
    laws = normalised(-1.5 * epsilon * distances)
    first, second = np.nonzero(~np.eye(n, dtype=bool))
    singles = delta_of_pairs(laws, distances, first, second, [epsilon])[:, 0]
    place = int(singles.argmax())
    for threads in (1, 3):
        found = delta_over_pairs(laws, distances, epsilon, threads=threads)
        assert found.lower <= singles[place] + 1e-12
        assert found.upper >= singles[place] - 1e-12
        assert found.upper - found.lower < 1e-10
    chosen = np.zeros((n, n), dtype=bool)
    chosen[first[place], second[place]] = True
    found = delta_over_pairs(laws, distances, epsilon, candidates=chosen)
    assert (found.input, found.neighbour) == (first[place], second[place])


def test_a_tiny_delta_is_seen_and_never_called_zero():
    # One output of probability e^-80 that the neighbour cannot have.
    laws = np.array([[np.log1p(-np.exp(-80.0)), -80.0], [0.0, -INF]])
    found = delta_over_pairs(laws, np.ones((2, 2)), 1.0)
    assert 0.0 < found.lower <= math.exp(-80.0) * (1 + 1e-12)
    assert found.upper >= math.exp(-80.0)
    none = delta_over_pairs(np.log(np.full((2, 2), 0.5)), np.ones((2, 2)), 1.0)
    assert none.lower == 0.0
    assert none.upper > 0.0


def test_rounding_of_large_costs_stays_in_the_enclosure():
    rng = np.random.default_rng(11)
    for low in rng.uniform(-4000.0, -1000.0, size=50).tolist():
        laws = np.array([[-math.log(2.0), -math.log(2.0)], [low, 0.0]])
        epsilon = rng.uniform(0.2, 3.0)
        distance = (-low - 0.7 - rng.random()) / epsilon
        exact = exact_delta(laws[0], laws[1], mpmath.fmul(epsilon, distance, exact=True))
        # At this cost the pair (1, 0) has mass e^0 - e^(cost - ln 2) < 0.
        found = delta_over_pairs(laws, np.full((2, 2), distance), epsilon)
        assert found.lower <= exact <= found.upper
        assert found.upper - found.lower < 1e-11


def test_bad_epsilon_and_pairs_are_refused():
    laws, distances = np.log(np.full((2, 2), 0.5)), np.ones((2, 2))
    for epsilon in (np.nan, INF, -1.0):
        with pytest.raises(InputError, match="epsilon"):
            delta_over_pairs(laws, distances, epsilon)
        with pytest.raises(InputError, match="epsilon"):
            delta_of_pairs(laws, distances, [0], [1], [epsilon])
    with pytest.raises(InputError, match="different"):
        delta_of_pairs(laws, distances, [1], [1], [1.0])
    with pytest.raises(InputError, match="different"):
        delta_of_pairs(laws, distances, [0], [2], [1.0])
    with pytest.raises(InputError, match="no pair"):
        delta_over_pairs(laws, distances, 1.0, candidates=np.eye(2, dtype=bool))
    with pytest.raises(NumericalError, match="at most 0"):
        delta_over_pairs(laws + 1.0, distances, 1.0)
