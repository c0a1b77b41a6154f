"""How many steps a chain needs: the true epsilon against the number of steps, and from where on the
claim holds.

Every number that is given comes from the law after that many steps, over all pairs. What is said
of numbers of steps in between rests on one of two proofs, and otherwise is not said:

* a mechanism may know that no loss rises with the number of steps (`loss_never_rises`); then one
  number at which the claim holds settles all larger ones;
* a mechanism may bound how far its law still is from the limit, for all larger numbers of steps
  (`log_distance_from_limit`). With such bounds b_w, in nats, the loss of a pair is at most
  L(w, w') + b_w + b_w', L that of the limit.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..claims import Claim
from ..mechanisms.protocol import HasSeparableLaw, HasSteps
from ..results import ConvergenceCurve, Interval
from .audit import exact_audit, true_epsilon
from .claimed import claimed_distances

__all__ = ["convergence"]

Floats = NDArray[np.float64]

#: Vocabularies beyond this are left out: every number of steps costs a search over all pairs.
_MOST_WORDS = 4000

#: Where the search ends if the claim is still not seen to hold.
_MOST_STEPS = 10**9

#: The curve ends where epsilon* is this close to the limit, relatively.
_CLOSE = 0.01

#: So many numbers of steps are looked at one by one, where no proof settles them.
_ONE_BY_ONE = 64

#: Allowance for rounding in the bound by the distance from the limit, relatively.
_ROOM = 1e-9


def convergence(
    mechanism: HasSteps, claim: Claim, progress: Callable[[float], None] | None = None
) -> ConvergenceCurve | None:
    """epsilon* at 1, 2, 5, 10, 20, ... steps until it is close to its limit, and where it falls to
    the epsilon of the claim; None for more than 4,000 words.

    A failure mass in the claim is left aside: this is about epsilon*.

    Examples
    --------
    >>> from dpaudit.mechanisms.spaces import EmbeddingSpace
    >>> from dpaudit.mechanisms.words.metropolis_hastings import MetropolisHastings
    >>> space = EmbeddingSpace(list("abcde"), [[0.0], [1.0], [3.0], [4.0], [6.0]])
    >>> mechanism = MetropolisHastings(space, epsilon=1.0, bandwidth=1.0, steps=4)
    >>> curve = convergence(mechanism, mechanism.claim)
    >>> curve.steps, curve.holds_from, curve.proven_from
    ((1, 2, 3, 4, 5, 10), 3, 3)
    """
    search = _Search(mechanism, claim)
    if len(mechanism.limit.space) > _MOST_WORDS:
        return None
    limit = exact_audit(mechanism.limit, claim).epsilon
    report = progress or (lambda part: None)
    grid = _grid(mechanism.steps)
    for count, steps in enumerate(grid):
        report(0.5 * count / len(grid))
        found = search.at(steps)
        done = search.holds(steps) or limit.upper > claim.epsilon
        if done and steps >= mechanism.steps and found.upper <= (1.0 + _CLOSE) * limit.upper:
            break
    report(0.5)
    holds_from = search.first_of_the_last_run()
    proven_from = None
    if holds_from is not None:
        proven_from = holds_from
        if not mechanism.loss_never_rises:
            proven_from = search.proven_from(holds_from)
            holds_from = search.first_of_the_last_run()
    report(1.0)
    tried = sorted(search.found)
    return ConvergenceCurve(
        steps=tuple(tried),
        epsilon=tuple(search.found[steps].midpoint for steps in tried),
        limit=limit.midpoint,
        holds_from=holds_from,
        proven_from=proven_from,
    )


def _grid(steps: int) -> list[int]:
    """1, 2, 5, 10, ... and the number of steps that is audited.

    >>> _grid(7)[:6]
    [1, 2, 5, 7, 10, 20]
    """
    powers = [10**k for k in range(len(str(_MOST_STEPS)))]
    round_numbers = {factor * power for power in powers for factor in (1, 2, 5)}
    return sorted({n for n in round_numbers if n <= max(_MOST_STEPS, steps)} | {steps})


class _Search:
    """epsilon* at numbers of steps, each computed once."""

    def __init__(self, mechanism: HasSteps, claim: Claim) -> None:
        self._mechanism, self._claim = mechanism, claim
        self.found: dict[int, Interval] = {}

    def at(self, steps: int) -> Interval:
        """An enclosure of epsilon* after so many steps."""
        if steps not in self.found:
            self.found[steps] = true_epsilon(self._mechanism.with_steps(steps), self._claim)
        return self.found[steps]

    def holds(self, steps: int) -> bool:
        """Whether epsilon* is at most that of the claim after so many steps."""
        return self.at(steps).upper <= self._claim.epsilon

    def first_of_the_last_run(self) -> int | None:
        """The smallest number of steps such that the claim holds there and at all larger numbers
        that were tried, but not with one step less; None if there is none.

        Bisection finds such a place whether or not epsilon* falls everywhere in between.
        """
        last = max(self.found)
        if not self.holds(last):
            return None
        failing = max((steps for steps in self.found if not self.holds(steps)), default=0)
        holding = min(steps for steps in self.found if steps > failing)
        while holding - failing > 1:
            middle = (failing + holding) // 2
            if self.holds(middle):
                holding = middle
            else:
                failing = middle
        return holding

    def proven_from(self, holds_from: int) -> int | None:
        """A number of steps from which on the claim holds for certain, given that it was seen to
        hold from `holds_from` on: by the distance from the limit, and one by one below that."""
        slack = self._slack()
        low, high = holds_from - 1, holds_from
        while not self._settled(high, slack):
            if high > _MOST_STEPS:
                return None
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            if self._settled(middle, slack):
                high = middle
            else:
                low = middle
        while high > max(1, low + 1 - _ONE_BY_ONE) and self.holds(high - 1):
            high -= 1
        return high

    def _settled(self, steps: int, slack: Floats) -> bool:
        away = self._mechanism.log_distance_from_limit(steps)
        return bool((away[:, None] + away <= slack).all())

    def _slack(self) -> Floats:
        """What the claim allows beyond the loss of the limit, for every pair, shape (n, n)."""
        limit, claim = self._mechanism.limit, self._claim
        distances = claimed_distances(claim, limit.space)
        if not isinstance(limit, HasSeparableLaw):
            return np.full_like(distances, -np.inf)
        law = limit.separable_law
        loss = law.cost(limit.space.distance_matrix)
        loss += np.abs(law.log_normalisers[:, None] - law.log_normalisers)
        slack = claim.epsilon * distances * (1.0 - _ROOM)
        slack -= loss * (1.0 + _ROOM) + 2.0 * limit.log_law_error
        np.fill_diagonal(slack, np.inf)
        return slack
