"""Tests in stages, and guesses that count by how sure the attacker is of them.

Attackers and pairs of a stage may depend on all draws before it: the p-values of stages are joined
by the inverse normal method (Lehmacher and Wassmer, "Adaptive sample size calculations in group
sequential trials", Biometrics 55, 1999).

In a stage a guess may count once, twice, and so on. Given the outputs of all rounds, the weights
are known and the coins are independent, and under a pure claim every guess is right with
probability at most e^eps / (1 + e^eps). So the weighted sum of right guesses is at most as large as
one of binomial variables, in distribution. Where an attacker is hardly sure of most guesses, this
needs fewer draws than any cut between guesses that count and others that do not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import betainc, ndtr, ndtri
from scipy.stats import binom

from .bounds import bisect_last, split, union
from .guesses import (
    LARGEST_EPSILON,
    LEAK_WEIGHTS,
    POWER,
    ROUNDING,
    Counts,
    allowed_rate,
    detectable_epsilon,
    epsilon_lower,
)

__all__ = ["Stage", "combined_detectable", "combined_epsilon_lower", "refuted", "weighted_tail"]

#: The smallest probability of a tail that is told apart from smaller ones.
_LEAST_TAIL = 1e-300

#: Standard deviations of a binomial law that are added up one by one; the rest is counted as lost.
#: The error of sums by Fourier transforms, with much to spare; minus the logarithm of a chance far
#: below it.
_REACH = 9.0
_TRANSFORMED = 1e-10
_FAR = 40.0

#: Relative precision of what is detectable, which is rounded up.
_POWER_WIDTH = 1e-4


@dataclass(frozen=True)
class Stage:
    """One stage of a test: what an attacker who was fixed before it did on a pair.

    Attributes
    ----------
    counts
        Of all guesses; the number of rounds must not depend on outputs.
    leak
        Share of the rounds that delta gives away to this attacker.
    distance
        Of the pair.
    by_weight
        The guesses that count once, twice, ...; empty if all of them count once. With a leak all
        must: what delta gives away could be what counts most.
    """

    counts: Counts
    leak: float = 0.0
    distance: float = 1.0
    by_weight: tuple[Counts, ...] = ()

    def __post_init__(self) -> None:
        if not self.by_weight:
            return
        if self.leak > 0.0:
            raise ValueError("weighted guesses have no test where delta gives some away")
        found = [sum(getattr(one, name) for one in self.by_weight) for name in ("right", "wrong")]
        if found != [self.counts.right, self.counts.wrong]:
            raise ValueError(f"by_weight has {found} right and wrong guesses, counts {self.counts}")


def combined_epsilon_lower(stages: Sequence[Stage], alpha: float) -> float:
    """Lower confidence bound, at least 0, of the epsilon per unit of distance of all pairs that
    were tested in stages. Pair, attacker and weights of a stage may depend on everything before it.

    Under the claim the p-value of each stage is at least as large as a uniform variable, whatever
    happened before; so the sum of w_k ndtri(1 - p_k), with the squares of the weights in proportion
    to the rounds, exceeds the normal quantile with probability at most alpha. With one stage and
    guesses that count once this is `epsilon_lower`.

    Parameters
    ----------
    stages
        At least one; their numbers of rounds must not depend on outputs.
    alpha
        Error probability.

    Examples
    --------
    >>> half = Stage(Counts(500, 300, 100))
    >>> round(combined_epsilon_lower([half, half], alpha=0.05), 3)
    0.958
    >>> sure = Stage(Counts(500, 300, 100), by_weight=(Counts(500, 100, 90), Counts(500, 200, 10)))
    >>> round(combined_epsilon_lower([sure], alpha=0.05), 3)
    1.287
    """
    if len(stages) == 1 and not stages[0].by_weight:
        (one,) = stages
        return epsilon_lower(one.counts, one.leak, alpha) / one.distance
    most = LARGEST_EPSILON / max(stage.distance for stage in stages)
    return bisect_last(lambda e: refuted(stages, e, alpha), 0.0, most) or 0.0


def refuted(stages: Sequence[Stage], epsilon: float, alpha: float) -> bool:
    """Whether a pure claim of `epsilon` per unit of distance is refuted by these stages together.

    Examples
    --------
    >>> half = Stage(Counts(500, 300, 100))
    >>> refuted([half, half], 0.9, alpha=0.05), refuted([half, half], 1.0, alpha=0.05)
    (True, False)
    """
    kept, rest = _without_leaks(stages, alpha)
    return _normal_sum(kept, epsilon) >= float(-ndtri(rest)) + ROUNDING


def _without_leaks(stages: Sequence[Stage], alpha: float) -> tuple[list[Stage], float]:
    """Stages without the right guesses that delta gives away, but for a part of alpha; and the rest
    of alpha."""
    if not any(stage.leak for stage in stages):
        return list(stages), alpha
    rest, part = split(alpha, *LEAK_WEIGHTS)
    level = union(part, len(stages))
    kept = []
    for stage in stages:
        away = int(binom.isf(level, stage.counts.rounds, stage.leak))
        right = stage.counts.right - away
        kept.append(replace(stage, counts=replace(stage.counts, right=right)) if away else stage)
    return kept, rest


def _normal_sum(stages: Sequence[Stage], epsilon: float) -> float:
    """The sum of normal scores of the p-values of stages under a pure claim, per unit."""
    total = sum(stage.counts.rounds for stage in stages)
    found = 0.0
    for stage in stages:
        score = _normal_score(stage, epsilon * stage.distance)
        if score == -math.inf:
            return score
        found += math.sqrt(stage.counts.rounds / total) * score
    return found


def _normal_score(stage: Stage, claimed: float) -> float:
    """ndtri(1 - p), rounded towards no violation."""
    counts = stage.counts
    if counts.right <= 0:
        return -math.inf
    if stage.by_weight:
        return float(-ndtri(weighted_tail(stage.by_weight, allowed_rate(claimed))))
    # The smaller one of both tails.
    tail = float(betainc(counts.right, counts.wrong + 1, allowed_rate(claimed)))
    if tail <= 0.5:
        return float(-ndtri(max(tail * (1.0 + ROUNDING), _LEAST_TAIL)))
    rest = float(betainc(counts.wrong + 1, counts.right, allowed_rate(-claimed)))
    return float(ndtri(rest * (1.0 - ROUNDING)))


def weighted_tail(by_weight: Sequence[Counts], rate: float) -> float:
    """Upper bound, at most 1, of the probability that right guesses, each counted by its weight,
    come to as much as they did or more, if each is right with probability `rate`.

    The law of the sum is a convolution of binomial laws; what rounding and left out tails can make
    of it, some 1e-10, is added. So the bound says nothing of smaller probabilities.

    Parameters
    ----------
    by_weight
        The guesses that count once, twice, ...
    rate
        Probability of a right guess, in (0, 1).

    Examples
    --------
    >>> round(weighted_tail([Counts(9, 1, 1), Counts(9, 1, 0)], 0.5), 6)
    0.375
    """
    weights = np.arange(1, len(by_weight) + 1)
    spoken = np.array([counts.spoken for counts in by_weight], dtype=np.int64)
    reached = int(weights @ [counts.right for counts in by_weight])
    excess = reached - rate * float(weights @ spoken)
    # Hoeffding's inequality (JASA 1963), in either direction, far from the mean.
    if 2.0 * excess**2 > _FAR * float(weights**2 @ spoken):
        return 2.0 * _TRANSFORMED if excess > 0.0 else 1.0
    laws, least, lost = [], 0, 0.0
    for weight, counts in enumerate(by_weight, start=1):
        if counts.spoken == 0:
            continue
        reach = _REACH * math.sqrt(counts.spoken * rate * (1.0 - rate)) + _REACH**2
        low = max(math.floor(counts.spoken * rate - reach), 0)
        high = min(math.ceil(counts.spoken * rate + reach), counts.spoken)
        lost += float(binom.cdf(low - 1, counts.spoken, rate) + binom.sf(high, counts.spoken, rate))
        law = np.zeros((high - low) * weight + 1)
        law[::weight] = binom.pmf(np.arange(low, high + 1), counts.spoken, rate)
        laws.append(law)
        least += low * weight
    length = sum(len(law) - 1 for law in laws) + 1
    if reached <= least or not laws:
        return 1.0
    size = next_fast_len(length, real=True)
    spectrum = np.prod([rfft(law, size) for law in laws], axis=0)
    sums = irfft(spectrum, size)[:length]
    tail = max(float(sums[reached - least :].sum()), 0.0) * (1.0 + ROUNDING)
    return min(tail + lost + _TRANSFORMED, 1.0)


def combined_detectable(stages: Sequence[Stage], claimed: float, alpha: float) -> float:
    """Smallest epsilon per unit of distance whose attackers, as talkative as these, would refute
    `claimed` in so many stages with about 90% power; infinite if none would.

    Every stage is taken to have so few right guesses that they are all as few with 10%. With one
    stage and guesses that count once this is `detectable_epsilon`.

    Examples
    --------
    >>> half = Stage(Counts(50_000, 25_000, 22_500))
    >>> round(combined_detectable([half, half], 0.1, 0.05), 3)
    0.119
    """
    if len(stages) == 1 and not stages[0].by_weight:
        (one,) = stages
        claim = claimed * one.distance
        return detectable_epsilon(one.counts, one.leak, claim, alpha) / one.distance
    most = LARGEST_EPSILON / max(stage.distance for stage in stages)
    if claimed > most:
        return math.inf
    total = sum(stage.counts.rounds for stage in stages)

    def missed(epsilon: float) -> bool:
        likely = []
        for stage in stages:
            luck = float(ndtri(1.0 - POWER)) * math.sqrt(stage.counts.rounds / total)
            likely.append(_unlucky(stage, allowed_rate(epsilon * stage.distance), luck))
        return not refuted(likely, claimed, alpha)

    if missed(most):
        return math.inf
    found = bisect_last(missed, claimed, most, width=_POWER_WIDTH)
    return claimed if found is None else found * (1.0 + 2.0 * _POWER_WIDTH)


def _unlucky(stage: Stage, rate: float, luck: float) -> Stage:
    """The stage with as many right guesses as are `luck` standard deviations from what `rate` lets
    expect, shared among the weights so that this is improbable least."""
    parts = stage.by_weight or (stage.counts,)
    squares = [weight**2 * part.spoken for weight, part in enumerate(parts, start=1)]
    likely = []
    for square, part in zip(squares, parts, strict=True):
        share = math.sqrt(square / max(sum(squares), 1))
        right = int(binom.ppf(ndtr(luck * share), part.spoken, rate)) if part.spoken else 0
        likely.append(Counts(part.rounds, right, part.spoken - right))
    rights = sum(part.right for part in likely)
    counts = Counts(stage.counts.rounds, rights, stage.counts.spoken - rights)
    return replace(stage, counts=counts, by_weight=tuple(likely) if stage.by_weight else ())
