"""What right guesses prove: a claim (epsilon, delta) bounds how well anybody can tell which of two
inputs an output came from.

One round: a fair coin picks one of two inputs, the mechanism draws an output, and an attacker,
fixed before the draw, names the input or is silent. Under the claim a spoken guess is right with
probability at most e^eps / (1 + e^eps), but for rounds that the failure mass delta gives away:
a mechanism that is (eps, delta)-DP on two inputs is, with probability 1 - delta, one that is
(eps, 0)-DP (Kairouz, Oh and Viswanath, ICML 2015, theorem 3.2 and its proof; so used by Steinke,
Nasr and Jagielski, "Privacy Auditing with One (1) Training Run", NeurIPS 2023). An attacker who
names one input only profits from half of these rounds. The share of rounds given away at most is
called `leak` here: delta for an attacker who names both inputs, delta / 2 for one who names one.

Two tests of the counts: for a number of rounds that was fixed in advance (`epsilon_lower`; in
`stages`, if attackers change), and for any number of looks (`log_wealth`,
`anytime_epsilon_lower`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainccinv, betaincinv, logsumexp, xlog1py
from scipy.stats import binom

from .bounds import bisect_last, split

__all__ = [
    "Counts",
    "allowed_rate",
    "anytime_epsilon_lower",
    "detectable_epsilon",
    "epsilon_lower",
    "log_wealth",
    "log_wealth_path",
    "sequential_detectable",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Of alpha, what is spent on the number of rounds that delta gives away.
LEAK_WEIGHTS = (9.0, 1.0)

#: Relative rounding error of the inverse beta functions, with much to spare; tests compare them
#: with ball arithmetic.
ROUNDING = 1e-9

#: Bets that the wealth is averaged over: unit stakes, from all to almost nothing.
_STAKES = 2.0 ** (-0.5 * np.arange(81))
_FOCUS = 2.0**-10

#: No claim above is tested: e^700 still is a number.
LARGEST_EPSILON = 700.0

POWER = 0.9
_HALVINGS = 60


@dataclass(frozen=True)
class Counts:
    """Rounds, and the right and wrong guesses among them.

    Examples
    --------
    >>> Counts(rounds=100, right=40, wrong=20).spoken
    60
    """

    rounds: int
    right: int
    wrong: int

    @property
    def spoken(self) -> int:
        """Rounds in which the attacker named an input."""
        return self.right + self.wrong

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.rounds + other.rounds, self.right + other.right, self.wrong + other.wrong
        )


def _given_away(rounds: int, leak: float, alpha: float) -> tuple[int, float]:
    """How many rounds delta gives away at most, but for a part of alpha; and the rest of alpha."""
    if leak == 0.0:
        return 0, alpha
    rest, part = split(alpha, *LEAK_WEIGHTS)
    return int(binom.isf(part, rounds, leak)), rest


def epsilon_lower(counts: Counts, leak: float, alpha: float) -> float:
    """Lower confidence bound of the epsilon of the pair, at least 0; `inf` is never concluded.

    The exact bound of Clopper and Pearson (Biometrika 1934) on the rate of right guesses, after the
    rounds that delta may have given away are taken out of both counts.

    Parameters
    ----------
    counts
        Of a number of rounds that was fixed before the first; the attacker too.
    leak
        Share of the rounds that delta gives away, in [0, 1).
    alpha
        Error probability.

    Examples
    --------
    >>> round(epsilon_lower(Counts(1000, 600, 200), leak=0.0, alpha=0.05), 3)
    0.962
    >>> epsilon_lower(Counts(1000, 0, 0), leak=0.0, alpha=0.05)
    0.0
    """
    away, rest = _given_away(counts.rounds, leak, alpha)
    right, wrong = counts.right - away, counts.wrong
    if right <= 0:
        return 0.0
    rate = float(betaincinv(right, wrong + 1, rest)) * (1.0 - ROUNDING)
    rest_of_rate = float(betainccinv(wrong + 1, right, rest)) * (1.0 + ROUNDING)
    if not (0.0 < rate <= 1.0 and rest_of_rate > 0.0):
        return 0.0
    return max(math.log(rate) - math.log(rest_of_rate), 0.0)


def detectable_epsilon(counts: Counts, leak: float, claimed: float, alpha: float) -> float:
    """Smallest epsilon whose attacker, as talkative as this one, would refute `claimed` by so many
    rounds with 90% power; infinite if none would.

    Examples
    --------
    >>> round(detectable_epsilon(Counts(100_000, 50_000, 45_000), 0.0, 0.1, 0.05), 3)
    0.119
    >>> detectable_epsilon(Counts(3, 1, 1), 0.0, 0.1, 0.05)
    inf
    """
    away, rest = _given_away(counts.rounds, leak, alpha)
    spoken = counts.spoken - away
    if spoken <= 0 or claimed > LARGEST_EPSILON:
        return math.inf
    needed = int(binom.isf(rest, spoken, allowed_rate(claimed))) + 1
    if needed > spoken:
        return math.inf
    # What delta may give away has to be made up for, by a mechanism that gives nothing away.
    needed += away
    low, high = claimed, LARGEST_EPSILON
    if binom.sf(needed - 1, counts.spoken, allowed_rate(high)) < POWER:
        return math.inf
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        enough = binom.sf(needed - 1, counts.spoken, allowed_rate(middle)) >= POWER
        low, high = (low, middle) if enough else (middle, high)
    return high


def allowed_rate(epsilon: float) -> float:
    """Largest probability of a right guess under a pure claim of `epsilon` nats for the pair.

    Examples
    --------
    >>> allowed_rate(0.0)
    0.5
    """
    return 1.0 / (1.0 + math.exp(-epsilon))


def log_wealth(counts: Counts, epsilon: float, leak: float, focus: float) -> float:
    """Logarithm of the wealth, at most 0 at the start, of one who bets against (epsilon, delta).

    A stake u multiplies the wealth by 1 + u (1[right] - e^epsilon 1[wrong] - leak), for any fixed
    0 <= u <= 1/(e^epsilon + leak): under the claim nonnegative with expectation at most 1, whatever
    happened before. The wealth is an average over stakes with weights that do not depend on the
    draws nor on `epsilon`; stakes that are too large for `epsilon` count as lost. So it decreases
    in epsilon, and reaches 1/alpha with probability at most alpha, ever (Ville).

    Parameters
    ----------
    counts
        Of rounds whose attackers depend on earlier rounds only.
    epsilon
        The epsilon that is tested, in nats.
    leak
        See `epsilon_lower`.
    focus
        The epsilon against which the bets are placed, fixed in advance: half of the weight is near
        the stakes that suit it. Any value is valid.

    Examples
    --------
    >>> log_wealth(Counts(0, 0, 0), 1.0, 0.0, focus=1.0) <= 0.0
    True
    >>> bool(log_wealth(Counts(200, 180, 20), 1.0, 0.0, focus=1.0) > math.log(20.0))
    True
    """
    path = log_wealth_path(
        np.array([counts.rounds]), np.array([counts.right]), np.array([counts.wrong]),
        epsilon, leak, focus,
    )  # fmt: skip
    return float(path[0])


def log_wealth_path(
    rounds: Ints, right: Ints, wrong: Ints, epsilon: float, leak: float, focus: float
) -> Floats:
    """`log_wealth` after each of many numbers of rounds: three counts, shape (T,), give (T,)."""
    if epsilon > LARGEST_EPSILON:
        return np.full(len(rounds), -math.inf)
    loss = math.exp(epsilon) + leak
    allowed = _STAKES * loss <= 1.0
    stakes, weights = _STAKES[allowed], _weights(focus, leak)[allowed]
    if not len(stakes):
        return np.full(len(rounds), -math.inf)
    silent = rounds - right - wrong
    logs = right[:, None] * np.log1p(stakes * (1.0 - leak))
    # xlog1py: a bet of everything is lost by one wrong guess, and not by none.
    logs += xlog1py(wrong[:, None], -stakes * loss)
    logs += xlog1py(silent[:, None], -stakes * leak)
    # SciPy's logsumexp takes ten times as long for a few numbers, of which there are many calls.
    largest = logs.max(axis=1)
    largest = np.where(np.isfinite(largest), largest, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(logs - largest[:, None]) @ weights) + largest)


def _weights(focus: float, leak: float) -> Floats:
    """Weights of the stakes: half even over all, half even near the largest that `focus` allows."""
    largest = 1.0 / (math.exp(min(focus, LARGEST_EPSILON)) + leak)
    near = (largest >= _STAKES) & (_FOCUS * largest <= _STAKES)
    even = np.full(len(_STAKES), 1.0 / len(_STAKES))
    if not near.any():
        return even
    return 0.5 * even + 0.5 * near / near.sum()


def anytime_epsilon_lower(
    counts: Sequence[Counts],
    distances: Sequence[float],
    leak: float,
    alpha: float,
    focus: float,
) -> float:
    """Lower confidence bound of epsilon, at least 0, that holds at all looks together.

    The average wealth of gamblers on several pairs, against epsilon times the distance of each,
    refutes everything below: if the claim is true for all pairs, it reaches 1/alpha with
    probability at most alpha.

    Parameters
    ----------
    counts, distances
        Of each pair.
    leak, focus
        See `log_wealth`; `focus` is per unit of distance.

    Examples
    --------
    >>> round(anytime_epsilon_lower([Counts(10_000, 6_000, 2_000)], [1.0], 0.0, 0.05, focus=1.0), 2)
    1.01
    """
    goal = math.log(1.0 / alpha)

    def refuted(epsilon: float) -> bool:
        logs = [
            log_wealth(count, epsilon * distance, leak, focus * distance)
            for count, distance in zip(counts, distances, strict=True)
        ]
        return float(logsumexp(logs)) - math.log(len(logs)) >= goal

    return bisect_last(refuted, 0.0, LARGEST_EPSILON / min(distances)) or 0.0


def sequential_detectable(counts: Counts, leak: float, claimed: float, alpha: float) -> float:
    """Smallest epsilon at which bets by a guesser as talkative as this one would have refuted
    `claimed` after so many rounds with about 90% power; infinite if none would.

    The number of right guesses is taken at its 10% quantile.

    Examples
    --------
    >>> round(sequential_detectable(Counts(100_000, 50_000, 45_000), 0.0, 0.1, 0.05), 2)
    0.13
    """
    if counts.spoken == 0:
        return math.inf

    def missed(epsilon: float) -> bool:
        right = int(binom.ppf(1.0 - POWER, counts.spoken, allowed_rate(epsilon)))
        likely = Counts(counts.rounds, right, counts.spoken - right)
        return log_wealth(likely, claimed, leak, claimed) < math.log(1.0 / alpha)

    if missed(LARGEST_EPSILON):
        return math.inf
    return bisect_last(missed, claimed, LARGEST_EPSILON) or claimed
