"""Tests in stages and weighted guesses: against exact sums, by enumeration, by simulation. What is
random comes from a fixed seed; where a rate is compared, the margin is five standard deviations.
"""

import itertools
import math
from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import ctx
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from support import allowed_ball, binomial_tail

from dpaudit.statistical.guesses import Counts, allowed_rate, epsilon_lower
from dpaudit.statistical.stages import (
    Stage,
    combined_detectable,
    combined_epsilon_lower,
    refuted,
    weighted_tail,
)


def _stage_sizes(rights: tuple[int, ...]) -> int:
    """Guesses of the next stage of an adversary who talks more after bad luck."""
    return 12 if not rights else (20 if rights[-1] < 7 else 5)


def _alarms_of_stages(epsilon: float, alpha: float, refutes) -> float:
    """Probability that a claim that holds with equality is refuted in two stages of 20 rounds each,
    where the second depends on the first; by enumeration."""
    rate, found = allowed_rate(epsilon), 0.0
    first = _stage_sizes(())
    for right in range(first + 1):
        second = _stage_sizes((right,))
        for other in range(second + 1):
            stages = [
                Stage(Counts(20, right, first - right)),
                Stage(Counts(20, other, second - other)),
            ]
            if refutes(stages, epsilon, alpha):
                found += binom.pmf(right, first, rate) * binom.pmf(other, second, rate)
    return float(found)


def _best_stage(stages, epsilon, alpha) -> bool:
    return any(refuted([stage], epsilon, alpha) for stage in stages)


def _weighted_afterwards(stages, epsilon, alpha) -> bool:
    """Mutation: the number of rounds of a stage is known only after a look at its guesses."""
    scored = [
        replace(stage, counts=replace(stage.counts, rounds=1 + 10**6 * (stage.counts.right > 7)))
        for stage in stages
    ]
    return refuted(scored, epsilon, alpha)


@pytest.mark.parametrize("epsilon", [0.05, 0.7, 2.0])
@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.01])
def test_stages_that_depend_on_earlier_ones_refute_nothing_that_is_true(epsilon, alpha):
    found = _alarms_of_stages(epsilon, alpha, refuted)
    assert found <= alpha
    if epsilon < 1.0:
        assert found > 0.1 * alpha  # or nothing was tested


@pytest.mark.parametrize("mutation", [_best_stage, _weighted_afterwards])
def test_the_enumeration_of_stages_notices_choices_afterwards(mutation):
    assert max(_alarms_of_stages(e, 0.2, mutation) for e in (0.05, 0.3, 0.7)) > 0.2


def _stages_by_pooling(stages) -> list[Stage]:
    return [Stage(sum((stage.counts for stage in stages), start=Counts(0, 0, 0)))]


def test_stages_alike_are_worth_nearly_as_much_as_one():
    """And the power that is promised for them is that of one test of all rounds."""
    stages = [Stage(Counts(10_000, 5_600, 4_400)) for _ in range(4)]
    (whole,) = _stages_by_pooling(stages)
    apart, together = combined_epsilon_lower(stages, 0.05), combined_epsilon_lower([whole], 0.05)
    assert apart == pytest.approx(together, abs=1e-3)
    assert together == epsilon_lower(whole.counts, 0.0, 0.05)
    assert combined_detectable(stages, 0.1, 0.05) == pytest.approx(
        combined_detectable([whole], 0.1, 0.05), abs=2e-3
    )
    # Per unit of distance.
    far = [replace(stage, distance=2.0) for stage in stages]
    assert combined_epsilon_lower(far, 0.05) == pytest.approx(apart / 2.0)
    assert combined_epsilon_lower([replace(whole, distance=2.0)], 0.05) == together / 2.0


@given(
    counts=st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6)),
        min_size=2,
        max_size=5,
    ),
    leak=st.sampled_from([0.0, 1e-6, 0.1]),
    alpha=st.sampled_from([0.5, 0.05, 1e-9, 1e-100]),
)
def test_the_combined_bound_is_a_number_that_grows_with_right_guesses(counts, leak, alpha):
    stages = [Stage(Counts(r + w + s + 1, r, w), leak) for r, w, s in counts]
    found = combined_epsilon_lower(stages, alpha)
    assert 0.0 <= found <= 700.0
    power = combined_detectable(stages, 1.0, alpha)
    assert power >= 1.0
    better = [replace(s, counts=replace(s.counts, right=s.counts.right + 1)) for s in stages]
    assert combined_epsilon_lower(better, alpha) >= found * (1.0 - 1e-9)


@pytest.mark.parametrize(
    "rights", [((6_000, 3_900), (500, 490), (900, 300)), ((40, 0), (30, 1)), ((100_000, 1), (9, 9))]
)
def test_normal_scores_of_stages_meet_mpmath(rights):
    """At the bound the sum of the scores, from tails summed exactly, is the normal quantile."""
    stages = [Stage(Counts(2 * (r + w), r, w)) for r, w in rights]
    found = combined_epsilon_lower(stages, 0.05)
    assert found > 0.0
    with mpmath.workdps(60):
        total = sum(2 * (r + w) for r, w in rights)
        score = mpmath.mpf(0)
        for r, w in rights:
            with ctx.workprec(256):
                ball = binomial_tail(r, r + w, allowed_ball(found)).mid()
            tail = mpmath.mpf(ball.str(60, radius=False))
            one = mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * tail)
            score += mpmath.sqrt(mpmath.mpf(2 * (r + w)) / total) * one
        goal = mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * mpmath.mpf("0.05"))
        assert goal <= score <= goal + 1e-6


# Weighted guesses.


def _weighted(*parts: tuple[int, int]) -> Stage:
    """A stage with so many (right, wrong) guesses that count once, twice, ..."""
    right, wrong = sum(r for r, _ in parts), sum(w for _, w in parts)
    rounds = 2 * (right + wrong)
    by_weight = tuple(Counts(rounds, r, w) for r, w in parts)
    return Stage(Counts(rounds, right, wrong), by_weight=by_weight)


def _exact_tail(parts: list[tuple[int, int]], rate: Fraction) -> Fraction:
    """The probability that the weighted sum is as large or larger, guess by guess."""
    law = {0: Fraction(1)}
    for weight, (right, wrong) in enumerate(parts, start=1):
        for _ in range(right + wrong):
            after: dict[int, Fraction] = {}
            for total, chance in law.items():
                after[total] = after.get(total, Fraction(0)) + chance * (1 - rate)
                after[total + weight] = after.get(total + weight, Fraction(0)) + chance * rate
            law = after
    reached = sum(weight * right for weight, (right, _) in enumerate(parts, start=1))
    return sum((chance for total, chance in law.items() if total >= reached), Fraction(0))


@given(
    parts=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=4),
    rate=st.sampled_from([0.5, 0.525, 0.75, 0.999, 1.0 - 2.0**-50]),
)
def test_weighted_tails_meet_fractions(parts, rate):
    found = weighted_tail([Counts(99, r, w) for r, w in parts], rate)
    exact = _exact_tail(parts, Fraction(rate))
    assert exact <= Fraction(found) or found == 1.0
    assert found <= float(exact) + 2e-9


@pytest.mark.parametrize("rate", [0.5, 0.525, 0.9, 0.9999])
@pytest.mark.parametrize("spoken", [(700, 0, 900), (40_000, 3_000, 12, 1), (1, 1, 30_000)])
@pytest.mark.parametrize("luck", [-4.0, 0.0, 2.0, 5.0])
def test_weighted_tails_of_many_guesses_meet_a_plain_convolution(spoken, rate, luck):
    """All sums, none left out, by multiplying polynomials."""
    law = np.ones(1)
    for weight, count in enumerate(spoken, start=1):
        stretched = np.zeros(weight * count + 1)
        stretched[::weight] = binom.pmf(np.arange(count + 1), count, rate)
        law = _convolved(law, stretched)
    counts = []
    for count in spoken:
        right = round(rate * count + luck * math.sqrt(rate * (1.0 - rate) * count))
        right = min(max(right, 0), count)
        counts.append(Counts(99_999, right, count - right))
    reached = sum(weight * c.right for weight, c in enumerate(counts, start=1))
    exact = float(law[reached:].sum())
    assert exact - 1e-13 <= weighted_tail(counts, rate) <= exact + 2e-9


def _convolved(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A convolution of which only what is not nothing is multiplied out."""
    found = np.zeros(len(first) + len(second) - 1)
    for place in np.flatnonzero(second > 1e-18):
        found[place : place + len(first)] += second[place] * first
    return found


def test_a_tail_that_is_too_small_to_tell_is_no_smaller_than_its_error():
    assert 0.0 < weighted_tail([Counts(9**6, 9**5, 0), Counts(9**6, 9**5, 0)], 0.5) <= 1e-9
    assert weighted_tail([Counts(9, 0, 0), Counts(9, 0, 0)], 0.5) == 1.0
    assert weighted_tail([Counts(9, 0, 4), Counts(9, 0, 3)], 0.5) == 1.0


def test_guesses_of_one_weight_are_tested_as_before():
    counts = Counts(20_000, 6_000, 5_000)
    plain = epsilon_lower(counts, 0.0, 0.05)
    for weight in (1, 2, 5):
        stage = Stage(counts, by_weight=(Counts(20_000, 0, 0),) * (weight - 1) + (counts,))
        assert combined_epsilon_lower([stage], 0.05) == pytest.approx(plain, abs=1e-6)
        assert combined_epsilon_lower([stage], 0.05) <= plain + 1e-8
        assert combined_detectable([stage], 0.1, 0.05) == pytest.approx(
            combined_detectable([Stage(counts)], 0.1, 0.05), abs=1e-3
        )


def test_weights_find_what_is_hidden_among_unsure_guesses():
    """Few guesses that are often right, and many that the claim allows."""
    unsure, sure = (52_500, 47_500), (1_080, 820)
    plain = Stage(Counts(400_000, unsure[0] + sure[0], unsure[1] + sure[1]))
    assert combined_epsilon_lower([plain], 0.05) < 0.1
    assert combined_epsilon_lower([_weighted(unsure, (0, 0), (0, 0), (0, 0), sure)], 0.05) > 0.1


_SPOKEN = (7, 5, 3)


def _alarms_of_weights(epsilon: float, alpha: float, rates, refutes) -> float:
    """Probability that a claim is refuted if guesses that count once, twice, ... are right with
    these parts of the largest probability that it allows; by enumeration."""
    found = 0.0
    for rights in itertools.product(*(range(count + 1) for count in _SPOKEN)):
        chances = [part * allowed_rate(epsilon) for part in rates]
        if refutes(rights, epsilon, alpha):
            found += math.prod(
                binom.pmf(r, n, c) for r, n, c in zip(rights, _SPOKEN, chances, strict=True)
            )
    return found


def _by_weights(rights, epsilon, alpha) -> bool:
    parts = [(r, n - r) for r, n in zip(rights, _SPOKEN, strict=True)]
    return refuted([_weighted(*parts)], epsilon, alpha)


def _by_later_weights(rights, epsilon, alpha) -> bool:
    """Mutation: what was right more often counts more."""
    parts = [(r, n - r) for r, n in zip(rights, _SPOKEN, strict=True)]
    parts.sort(key=lambda part: part[0] / (part[0] + part[1]))
    return refuted([_weighted(*parts)], epsilon, alpha)


@pytest.mark.parametrize("epsilon", [0.05, 0.7, 2.0])
@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.01])
def test_weighted_guesses_refute_nothing_that_is_true(epsilon, alpha):
    found = _alarms_of_weights(epsilon, alpha, (1.0, 1.0, 1.0), _by_weights)
    assert found <= alpha
    if epsilon < 1.0:
        assert found > 0.1 * alpha  # or nothing was tested
    for rates in ((1.0, 0.9, 0.5), (0.2, 1.0, 1.0)):
        assert _alarms_of_weights(epsilon, alpha, rates, _by_weights) <= found


def test_the_enumeration_of_weights_notices_choices_afterwards():
    alone = (1.0, 1.0, 1.0)
    assert max(_alarms_of_weights(e, 0.2, alone, _by_later_weights) for e in (0.05, 0.3)) > 0.2


def test_what_delta_gives_away_is_never_weighted():
    stage = _weighted((5, 1), (7, 2))
    with pytest.raises(ValueError, match="where delta gives some away"):
        replace(stage, leak=1e-9)
    with pytest.raises(ValueError, match="right and wrong guesses"):
        replace(stage, counts=Counts(30, 12, 4))


def test_the_power_of_weighted_guesses_is_that_of_simulations():
    stages = [_weighted((5_000, 5_000), (2_000, 2_000), (700, 700)) for _ in range(3)]
    epsilon = combined_detectable(stages, 0.1, 0.05)
    rng, spoken = np.random.default_rng(7), np.array([10_000, 4_000, 1_400])
    trials, found = 400, 0
    for _ in range(trials):
        drawn = []
        for _ in stages:
            rights = rng.binomial(spoken, allowed_rate(epsilon))
            drawn.append(_weighted(*zip(rights.tolist(), (spoken - rights).tolist(), strict=True)))
        found += refuted(drawn, 0.1, 0.05)
    assert abs(found / trials - 0.9) < 5.0 * math.sqrt(0.09 / trials)
