"""Right guesses: the binomial bound, the bets, and the power that is said of both, against exact
sums in ball arithmetic, by enumeration and by dynamic programming. No test here is random: those
that draw laws or counts draw them from a fixed seed, and what they check holds for every one.
"""

import itertools
import math

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import binom
from support import allowed_ball, binomial_tail

from dpaudit.statistical import guesses
from dpaudit.statistical.bounds import split
from dpaudit.statistical.guesses import (
    Counts,
    anytime_epsilon_lower,
    detectable_epsilon,
    epsilon_lower,
    log_wealth,
    log_wealth_path,
    sequential_detectable,
)

Floats = NDArray[np.float64]

#: Bits of the references.
PRECISION = 256


@pytest.fixture(autouse=True)
def _precision():
    before, ctx.prec = ctx.prec, PRECISION
    yield
    ctx.prec = before


def given_away(rounds: int, leak: float, alpha: float) -> tuple[int, arb]:
    """The fewest rounds that a leak gives away at most, but for a tenth of alpha, and the rest of
    alpha; what the code says, checked on both sides."""
    away, _ = guesses._given_away(rounds, leak, alpha)
    if leak == 0.0:
        assert away == 0
        return 0, arb(alpha)
    rest, part = split(alpha, 9.0, 1.0)
    assert binomial_tail(away + 1, rounds, arb(leak)) <= arb(part), (rounds, leak, alpha)
    assert binomial_tail(away, rounds, arb(leak)) > arb(part), (rounds, leak, alpha)
    return away, arb(rest)


def _many_counts() -> list[tuple[Counts, float, float]]:
    """Counts of all sizes with a leak and an alpha each."""
    rng = np.random.default_rng(1)
    found = [
        (Counts(rounds, right, wrong), leak, alpha)
        for rounds, right, wrong in [
            (1, 1, 0),
            (5, 5, 0),
            (100, 100, 0),
            (10**6, 10**6, 0),
            (10**6, 40, 0),
            (10**7, 10**7 - 3, 3),
            (10**9, 10**9, 0),
            (10**9, 700_000_000, 300_000_000),
            (10**9, 500_100_000, 499_900_000),
            (10**9, 30, 1),
        ]
        for leak in (0.0, 1e-9, 1e-3)
        for alpha in (0.05, 1e-9)
    ]
    for _ in range(100):
        rounds = int(10 ** rng.uniform(0.0, 6.0))
        spoken = int(rng.integers(0, rounds + 1))
        right = int(rng.binomial(spoken, rng.uniform(0.4, 1.0)))
        leak = float(rng.choice([0.0, 1e-6, 0.01, 0.2]))
        alpha = float(rng.choice([0.3, 0.05, 1e-4, 1e-12]))
        found.append((Counts(rounds, right, spoken - right), leak, alpha))
    return found


def test_the_bound_is_that_of_clopper_and_pearson():
    """Never above the exact bound, and hardly ever below: the claim that it names would bring so
    many right guesses with probability at most alpha, and one a little larger with more."""
    positive = 0
    for counts, leak, alpha in _many_counts():
        away, rest = given_away(counts.rounds, leak, alpha)
        right, trials = counts.right - away, counts.spoken - away
        found = epsilon_lower(counts, leak, alpha)
        assert math.isfinite(found)
        assert found >= 0.0
        if found > 0.0:
            positive += 1
            assert binomial_tail(right, trials, allowed_ball(found)) <= rest, (counts, leak, alpha)
        if right > 0:
            above = found + 1e-7 * max(1.0, found)
            assert binomial_tail(right, trials, allowed_ball(above)) > rest * arb("0.999999"), (
                counts
            )
    assert positive > 50


@pytest.mark.parametrize("alpha", [0.2, 0.05, 1e-3])
def test_coverage_for_all_epsilons(alpha):
    """P(bound > epsilon) <= alpha for every epsilon, for every number of guesses up to 40.

    The bound rises with the right guesses, so for epsilon between two bounds that probability is
    P(right >= r) at epsilon, largest just below bound r.
    """
    for trials in range(1, 41):
        bounds = [
            epsilon_lower(Counts(trials, right, trials - right), 0.0, alpha)
            for right in range(trials + 1)
        ]
        assert bounds == sorted(bounds)
        for right, bound in enumerate(bounds):
            if bound > 0.0:
                missed = binomial_tail(right, trials, allowed_ball(bound))
                assert missed <= arb(alpha)
                assert missed >= arb(alpha * 0.999999)  # and no larger than it has to be


def _chances(epsilon: float, leak: float, sides: int, talk: float) -> tuple[float, float]:
    """Chances of a right and of a wrong guess in a round of the worst mechanism that is
    (epsilon, delta)-DP: it gives the input away in a share delta of the rounds, and elsewhere a
    guess, made with chance `talk`, is right as often as epsilon allows."""
    delta = 2.0 * leak / sides
    theta = 1.0 / (1.0 + math.exp(-epsilon))
    return leak + (1.0 - delta) * talk * theta, (1.0 - delta) * talk * (1.0 - theta)


def _trinomial(rounds: int, right: float, wrong: float) -> Floats:
    """Probabilities of (right, wrong) among so many rounds, shape (rounds + 1, rounds + 1)."""
    rights = binom.pmf(np.arange(rounds + 1), rounds, right)
    left = rounds - np.arange(rounds + 1)
    wrongs = binom.pmf(np.arange(rounds + 1), left[:, None], min(wrong / (1.0 - right), 1.0))
    return rights[:, None] * wrongs


def _missed(rounds: int, leak: float, sides: int, talk: float, alpha: float) -> float:
    """The largest chance over all epsilons that the bound is above epsilon, exactly."""
    bounds = np.zeros((rounds + 1, rounds + 1))
    for right, wrong in itertools.product(range(rounds + 1), repeat=2):
        if right + wrong <= rounds:
            bounds[right, wrong] = epsilon_lower(Counts(rounds, right, wrong), leak, alpha)
    worst = 0.0
    for bound in np.unique(bounds[bounds > 0.0]):
        law = _trinomial(rounds, *_chances(bound, leak, sides, talk))
        worst = max(worst, float(law[bounds >= bound].sum()))
    return worst


@pytest.mark.parametrize(
    ("rounds", "delta", "talk", "sides"),
    [
        (12, 0.0, 0.5, 2),
        (24, 0.0, 0.3, 1),
        (12, 0.02, 1.0, 2),
        (24, 0.3, 1.0, 2),
        (24, 0.1, 0.4, 2),
        (24, 0.2, 0.5, 1),
        (12, 0.5, 0.2, 1),
    ],
)
@pytest.mark.parametrize("alpha", [0.2, 0.02])
def test_coverage_with_silence_and_failures(rounds, delta, talk, sides, alpha):
    """The same with rounds in which nothing is said, and with those that delta gives away."""
    leak = 0.5 * delta * sides
    assert _missed(rounds, leak, sides, talk, alpha) <= alpha * (1.0 + 1e-9)


@pytest.mark.parametrize("mutation", ["no leak", "half the leak", "mean leak", "twice alpha"])
def test_coverage_notices_mutations(mutation, monkeypatch):
    """The enumeration above finds bounds that forget about delta, wholly or in part, and those at
    a level that is too large."""
    if mutation in ("no leak", "half the leak"):
        factor = 0.0 if mutation == "no leak" else 0.5
        proper = guesses._given_away
        monkeypatch.setattr(
            guesses,
            "_given_away",
            lambda rounds, leak, alpha: (proper(rounds, factor * leak, 9.0 * alpha)[0], alpha),
        )
    elif mutation == "mean leak":
        monkeypatch.setattr(
            guesses,
            "_given_away",
            lambda rounds, leak, alpha: (round(0.7 * rounds * leak), alpha),
        )
    else:
        monkeypatch.setattr(guesses, "_given_away", lambda rounds, leak, alpha: (0, 2.0 * alpha))
    delta = 0.0 if mutation == "twice alpha" else 0.4
    assert _missed(60, delta, 2, 1.0, 0.05) > 0.055


@given(
    rounds=st.integers(1, 10**12),
    spoken=st.floats(0.0, 1.0),
    right=st.floats(0.0, 1.0),
    leak=st.sampled_from([0.0, 1e-300, 1e-12, 1e-3, 0.5, 0.999999]),
    alpha=st.sampled_from([0.5, 0.05, 1e-9, 1e-100, 1e-300]),
)
def test_nothing_is_ever_nan_or_infinite(rounds, spoken, right, leak, alpha):
    said = round(spoken * rounds)
    hits = round(right * said)
    counts = Counts(rounds, hits, said - hits)
    found = epsilon_lower(counts, leak, alpha)
    assert 0.0 <= found < math.inf
    better = Counts(rounds, min(hits + 1, said), said - min(hits + 1, said))
    assert epsilon_lower(better, leak, alpha) >= found
    for power in (detectable_epsilon, sequential_detectable):
        assert power(counts, leak, 1.0, alpha) >= 1.0  # so not NaN; it may be infinite
    for epsilon in (1e-12, 1.0, 699.0, 700.0, 701.0, 1e308):
        wealth = log_wealth(counts, epsilon, leak, focus=1.0)
        assert not math.isnan(wealth)
        assert wealth < math.inf


@pytest.mark.parametrize("counts", [Counts(0, 0, 0), Counts(9, 0, 0), Counts(9, 0, 9)])
def test_without_right_guesses_there_is_no_bound(counts):
    for leak in (0.0, 0.1):
        assert epsilon_lower(counts, leak, 0.05) == 0.0
        assert anytime_epsilon_lower([counts], [1.0], leak, 0.05, 1.0) == 0.0


@pytest.mark.parametrize("broken", [math.nan, 0.0, -1.0, math.inf])
def test_a_failed_special_function_proves_nothing(broken, monkeypatch):
    monkeypatch.setattr(guesses, "betaincinv", lambda a, b, p: broken)
    assert epsilon_lower(Counts(1000, 900, 100), 0.0, 0.05) == 0.0
    monkeypatch.undo()
    if broken != math.inf:  # this one is on the safe side
        monkeypatch.setattr(guesses, "betainccinv", lambda a, b, p: broken)
        assert epsilon_lower(Counts(1000, 900, 100), 0.0, 0.05) == 0.0


# Bets.


def _pair_at_the_boundary(rng: np.random.Generator, outputs: int, epsilon: float):
    """Two random laws, some outputs of which may be impossible, and the delta at which they are
    just (epsilon, delta)-DP."""
    laws = rng.dirichlet(np.full(outputs, 0.6), 2)
    laws[rng.random((2, outputs)) < 0.15] = 0.0
    if not laws.sum(axis=1).all():
        laws = np.full((2, outputs), 1.0)
    laws /= laws.sum(axis=1, keepdims=True)
    p, q = laws
    gaps = (p - math.exp(epsilon) * q, q - math.exp(epsilon) * p)
    return p, q, max(float(np.maximum(gap, 0.0).sum()) for gap in gaps)


def _worst_growth(rng: np.random.Generator, leak_share: float = 1.0) -> float:
    """The largest factor by which the expected wealth grows in a round, over random pairs of laws
    at their exact (epsilon, delta), all attackers on them and all short histories."""
    worst = 0.0
    for _ in range(12):
        epsilon = float(rng.choice([0.0, 0.1, 1.0, 3.0]))
        p, q, delta = _pair_at_the_boundary(rng, int(rng.integers(2, 5)), epsilon)
        if delta >= 1.0:
            continue
        for names in itertools.product((-1, 0, 1), repeat=len(p)):
            said = np.array(names)
            sides = int((said == 1).any()) + int((said == -1).any())
            leak = 0.5 * delta * sides * leak_share
            # Over labels and outputs.
            right = 0.5 * (p[said == 1].sum() + q[said == -1].sum())
            wrong = 0.5 * (q[said == 1].sum() + p[said == -1].sum())
            chances = np.array([right, wrong, 1.0 - right - wrong])
            histories = np.array(
                [(a, b, c) for a in range(5) for b in range(4) for c in range(4)], dtype=np.int64
            )
            focus = float(rng.choice([epsilon, 0.01, 5.0]))

            def wealth(counts, epsilon=epsilon, leak=leak, focus=focus):
                right, wrong, silent = counts.T
                rounds = right + wrong + silent
                return np.exp(log_wealth_path(rounds, right, wrong, epsilon, leak, focus))

            now = wealth(histories)
            after = [wealth(histories + step) for step in np.eye(3, dtype=np.int64)]
            alive = now > 0.0
            assert all((then[~alive] == 0.0).all() for then in after)
            expected = chances @ np.array(after)
            worst = max(worst, float((expected[alive] / now[alive]).max(initial=0.0)))
    return worst


def test_expected_wealth_never_grows():
    """Whatever happened before, for every attacker on finite laws at their exact (epsilon, delta):
    who names both inputs pays a leak of delta, who names one half of it."""
    rng = np.random.default_rng(2)
    worst = _worst_growth(rng)
    assert worst <= 1.0 + 1e-11
    assert worst > 1.0 - 1e-11  # the laws are at the boundary: somebody loses nothing
    # Mutation: a leak that is a little too small is noticed.
    assert _worst_growth(np.random.default_rng(2), leak_share=0.9) > 1.001


@settings(max_examples=50)
@given(
    right=st.integers(0, 10**6),
    wrong=st.integers(0, 10**6),
    silent=st.integers(0, 10**6),
    leak=st.sampled_from([0.0, 1e-9, 0.01, 0.4]),
    focus=st.sampled_from([0.0, 0.1, 1.0, 30.0, 1e9]),
)
def test_wealth_starts_at_one_at_most_and_decreases_in_epsilon(right, wrong, silent, leak, focus):
    grid = np.concatenate([[0.0], np.geomspace(1e-6, 690.0, 20)])
    nobody = Counts(0, 0, 0)
    assert all(log_wealth(nobody, epsilon, leak, focus) <= 1e-12 for epsilon in grid)
    counts = Counts(right + wrong + silent, right, wrong)
    wealth = [log_wealth(counts, float(epsilon), leak, focus) for epsilon in grid]
    for larger, smaller in itertools.pairwise(wealth):
        assert smaller <= larger or smaller - larger <= 1e-9 * abs(larger)
    assert log_wealth(counts, 701.0, leak, focus) == -math.inf


def _ever_rich(refuted, horizon: int, chances: tuple[float, float]) -> float:
    """The chance that `refuted(right, wrong, rounds)` is ever true, by dynamic programming over
    the counts; `chances` of a right and of a wrong guess, nothing is said in the rest."""
    right, wrong = chances
    silent = 1.0 - right - wrong
    silent = silent if silent > 1e-12 else 0.0
    alive = np.zeros((horizon + 1, horizon + 1))
    alive[0, 0] = 1.0
    rich = 0.0
    for rounds in range(1, horizon + 1):
        after = silent * alive
        after[1:] += right * alive[:-1]
        after[:, 1:] += wrong * alive[:, :-1]
        rights, wrongs = np.nonzero(after)
        out = refuted(rights, wrongs, rounds)
        rich += float(after[rights[out], wrongs[out]].sum())
        after[rights[out], wrongs[out]] = 0.0
        alive = after
    return rich


@pytest.mark.parametrize(
    ("epsilon", "delta", "sides", "talk", "horizon"),
    [
        (0.1, 0.0, 2, 1.0, 200),
        (1.0, 0.0, 2, 1.0, 200),
        (2.5, 0.0, 2, 1.0, 200),
        (1.0, 0.2, 2, 1.0, 200),
        (0.5, 0.02, 2, 1.0, 200),
        (0.5, 0.1, 1, 0.5, 60),
        (1.0, 0.0, 1, 0.3, 60),
    ],
)
def test_the_wealth_is_ever_large_with_probability_alpha_at_most(
    epsilon, delta, sides, talk, horizon
):
    """Ville's inequality, exactly, under the mechanism that helps the gambler most."""
    leak = 0.5 * delta * sides
    chances = _chances(epsilon, leak, sides, talk)
    for alpha in (0.3, 0.05):

        def refuted(rights, wrongs, rounds, alpha=alpha):
            numbers = np.full(len(rights), rounds)
            wealth = log_wealth_path(numbers, rights, wrongs, epsilon, leak, epsilon)
            return wealth >= math.log(1.0 / alpha)

        rich = _ever_rich(refuted, horizon, chances)
        assert 0.0 < rich <= alpha


def test_the_enumeration_notices_looks_that_are_not_paid_for():
    """Mutations: a bound for a fixed number of rounds that is looked at after each; a gambler who
    does not pay for what delta gives away."""
    theta = 1.0 / (1.0 + math.exp(-1.0))

    def naive(rights, wrongs, rounds):
        return binom.sf(rights - 1, rounds, theta) <= 0.05

    assert _ever_rich(naive, 200, (theta, 1.0 - theta)) > 0.15

    def careless(rights, wrongs, rounds):
        numbers = np.full(len(rights), rounds)
        return log_wealth_path(numbers, rights, wrongs, 1.0, 0.0, 1.0) >= math.log(20.0)

    assert _ever_rich(careless, 200, _chances(1.0, 0.2, 2, 1.0)) > 0.1


def test_the_wealth_is_the_average_of_its_bets():
    """Against products of factors, bet by bet."""
    rng = np.random.default_rng(3)
    for _ in range(30):
        epsilon, leak = float(rng.uniform(0.0, 3.0)), float(rng.choice([0.0, 0.03, 0.3]))
        focus = float(rng.uniform(0.0, 4.0))
        right, wrong, silent = (int(k) for k in rng.integers(0, 40, 3))
        weights = guesses._weights(focus, leak)
        assert weights.sum() <= 1.0 + 1e-12
        assert weights.min() >= 0.0
        total = 0.0
        for stake, weight in zip(guesses._STAKES, weights, strict=True):
            if stake * (math.exp(epsilon) + leak) <= 1.0:
                total += (
                    weight
                    * (1.0 + stake * (1.0 - leak)) ** right
                    * (1.0 - stake * (math.exp(epsilon) + leak)) ** wrong
                    * (1.0 - stake * leak) ** silent
                )
        counts = Counts(right + wrong + silent, right, wrong)
        assert log_wealth(counts, epsilon, leak, focus) == pytest.approx(math.log(total), abs=1e-9)


def test_the_bound_at_all_looks_is_where_the_average_wealth_crosses():
    pairs = [Counts(4000, 2600, 900), Counts(500, 100, 90), Counts(0, 0, 0)]
    distances, alpha = [0.5, 2.0, 1.0], 0.05
    found = anytime_epsilon_lower(pairs, distances, 0.001, alpha, focus=1.0)

    def wealth(epsilon):
        logs = [
            log_wealth(c, epsilon * d, 0.001, 1.0 * d)
            for c, d in zip(pairs, distances, strict=True)
        ]
        return float(logsumexp(logs)) - math.log(len(logs))

    assert found > 1.0
    assert wealth(found) >= math.log(1.0 / alpha) > wealth(found + 1e-6)
    # One pair of three pays for all: it has to be richer than alone.
    assert found < anytime_epsilon_lower(pairs[:1], distances[:1], 0.001, alpha, focus=1.0)


# Power.


@pytest.mark.parametrize("leak", [0.0, 1e-4, 0.02])
@pytest.mark.parametrize("claimed", [0.1, 1.0, 5.0])
def test_the_detectable_epsilon_is_detected_in_nine_of_ten_runs(leak, claimed):
    """By exact binomial sums, at and just below it, of the test itself: the fewest right guesses
    whose bound is above the claim are found by bisection."""
    alpha, tried = 0.05, 0
    for rounds, spoken in [(300, 300), (1000, 700), (20_000, 5_000), (10**6, 10**6), (10**6, 3000)]:
        counts = Counts(rounds, spoken, 0)
        found = detectable_epsilon(counts, leak, claimed, alpha)

        def refuted(right, rounds=rounds, spoken=spoken):
            return epsilon_lower(Counts(rounds, right, spoken - right), leak, alpha) > claimed

        if not refuted(spoken):
            assert found == math.inf
            continue
        low, high = 0, spoken
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if refuted(middle) else (middle, high)
        if math.isinf(found):
            assert binomial_tail(high, spoken, allowed_ball(700.0)) < arb("0.9")
            continue
        tried += 1
        assert found > claimed
        assert binomial_tail(high, spoken, allowed_ball(found)) >= arb("0.9") - arb("1e-9")
        assert binomial_tail(high, spoken, allowed_ball(found - 1e-6 * found)) < arb("0.9")
    assert tried >= 1


@pytest.mark.parametrize("leak", [0.0, 1e-4, 0.02])
@pytest.mark.parametrize("claimed", [0.1, 1.0, 5.0])
def test_the_detectable_epsilon_of_bets(leak, claimed):
    """The same for one who bets, by the wealth after the last round."""
    alpha, tried = 0.05, 0
    for rounds, spoken in [(300, 300), (20_000, 5_000), (10**6, 10**6)]:
        found = sequential_detectable(Counts(rounds, spoken, 0), leak, claimed, alpha)

        def refuted(right, rounds=rounds, spoken=spoken):
            counts = Counts(rounds, right, spoken - right)
            return log_wealth(counts, claimed, leak, claimed) >= math.log(1.0 / alpha)

        if not refuted(spoken):
            assert found == math.inf
            continue
        low, high = 0, spoken
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if refuted(middle) else (middle, high)
        if math.isinf(found):
            assert binomial_tail(high, spoken, allowed_ball(700.0)) < arb("0.9")
            continue
        tried += 1
        assert found > claimed
        assert binomial_tail(high, spoken, allowed_ball(found + 1e-6)) >= arb("0.9")
        # 90% or a little more, as it goes with whole numbers.
        assert binomial_tail(high, spoken, allowed_ball(found - 1e-6)) < arb("0.9")
    assert tried >= 1


def test_nothing_is_detectable_in_silence_or_beyond_numbers():
    for power in (detectable_epsilon, sequential_detectable):
        assert power(Counts(1000, 0, 0), 0.0, 1.0, 0.05) == math.inf
        assert power(Counts(1000, 1000, 0), 0.0, 701.0, 0.05) == math.inf
        assert power(Counts(1000, 1000, 0), 0.0, 1.0, 0.05) < 2.0
