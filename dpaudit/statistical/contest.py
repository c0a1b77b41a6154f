"""Which pair to test, and by which attacker: a contest on learning draws.

All pairs start with the same number of draws; then the better half gets more, and so on down to
two, as in successive halving (Karnin, Koren and Somekh, ICML 2013), except that nobody is out: a
pair whose promise shrinks with more draws makes room for others. Nothing here is tested: what is
learned meets fresh draws.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .attackers import Attacker, Goal
from .drawing import Drawer, Rounds
from .learning import learn_attacker
from .pairs import Pair
from .pools import Pools

__all__ = ["Contender", "Contest", "hold_contest", "most_promising", "promise", "relearned"]

#: Part of the draws that all pairs share alike; fewest stages after that, and pairs in the last.
_FIRST = 0.5
_STAGES = 4
_FINAL = 2

#: Standard deviations that an attacker exceeds the draws by that it was learned from, if there is
#: nothing to learn.
_LUCK = 1.0

#: Fewest draws of a pair in a stage.
_LEAST = 100


@dataclass(frozen=True, eq=False)
class Contender:
    """A pair, the learning draws on it, and what was learned from them."""

    number: int
    pair: Pair
    rounds: Rounds | None = None
    attacker: Attacker | None = None


@dataclass(frozen=True, eq=False)
class Contest:
    """How a contest ended: all pairs that were drawn from, in order of their numbers, and what was
    drawn."""

    contenders: tuple[Contender, ...]
    pools: Pools


def promise(attacker: Attacker | None, pair: Pair, epsilon: float) -> tuple[int, float]:
    """How promising an attacker is: first whether a bound above the claim is to be expected, and
    how large; otherwise, by how much the claim was exceeded in learning."""
    if attacker is None:
        return (-1, 0.0)
    if attacker.expected > epsilon * pair.distance:
        return (1, attacker.expected / pair.distance)
    return (0, attacker.excess)


def most_promising(contenders: Sequence[Contender], epsilon: float, count: int) -> list[Contender]:
    """The `count` most promising ones, the best first.

    An excess grows with the root of the draws that it was learned from. So it is the excess per
    root that counts, or a pair would stay in front because it was drawn from more; what luck adds
    to the excess of any pair is taken off first.
    """

    def key(contender: Contender) -> tuple[int, float]:
        rank, value = promise(contender.attacker, contender.pair, epsilon)
        if rank == 0 and contender.rounds is not None:
            value = (value - _LUCK) / math.sqrt(len(contender.rounds))
        return rank, value

    return sorted(contenders, key=key, reverse=True)[:count]


def relearned(
    contender: Contender, pools: Pools, goal: Goal, seed: int, *, thorough: bool = True
) -> Contender:
    """The same pair with an attacker that was learned from all outputs there are."""
    rounds = pools.rounds(contender.pair)
    attacker = learn_attacker(rounds.outputs, rounds.labels, goal, seed, thorough=thorough)
    return replace(contender, rounds=rounds, attacker=attacker)


def hold_contest(
    drawer: Drawer,
    pairs: tuple[Pair, ...],
    goal: Callable[[Pair], Goal],
    epsilon: float,
    budget: int,
    seed: int,
    progress: Callable[[float], None] | None = None,
) -> Contest:
    """Attackers for all pairs, the better the more promising a pair is.

    Parameters
    ----------
    drawer
        Draws on a pair.
    pairs
        At least one.
    goal
        The test that is to come, for a pair.
    epsilon
        The claim, per unit of distance.
    budget
        Most draws; if there are too many pairs for it, only as many as it allows are looked at.
        Two are made at least.
    seed
        For the ties of trees, and for the choice among too many pairs.
    progress
        Called with the part that is done.
    """
    kept = max(int(_FIRST * budget) // _LEAST, 1)
    if len(pairs) > kept:
        order = np.random.default_rng([seed, 0xC0]).permutation(len(pairs))[:kept]
        pairs = tuple(pairs[i] for i in sorted(order))
    plan = _plan(len(pairs), budget)
    pools = Pools(drawer, pairs, seed)
    found = [Contender(number, pair) for number, pair in enumerate(pairs)]
    steps, done = sum(count for count, _ in plan), 0
    for stage, (count, draws) in enumerate(plan):
        alive = most_promising(found, epsilon, count)
        inputs = pools.inputs(contender.pair for contender in alive)
        for number in inputs:
            pools.grow(number, max(draws // len(inputs), 1), stage)
        thorough = stage == len(plan) - 1
        for contender in alive:
            again = relearned(contender, pools, goal(contender.pair), seed, thorough=thorough)
            found[contender.number] = again
            done += 1
            if progress:
                progress(done / steps)
    return Contest(tuple(found), pools)


def _plan(pairs: int, budget: int) -> list[tuple[int, int]]:
    """The stages: how many pairs are drawn from, and how many draws there are for them.

    >>> _plan(8, 1000)
    [(8, 500), (4, 125), (2, 125), (2, 125), (2, 125)]
    >>> _plan(1, 1000)
    [(1, 1000)]
    """
    if pairs <= _FINAL:
        return [(pairs, budget)]
    first = (pairs, int(_FIRST * budget))
    counts = []
    while pairs > _FINAL:
        pairs = max(pairs // 2, _FINAL)
        counts.append(pairs)
    counts += [_FINAL] * (_STAGES - len(counts))
    each = (budget - first[1]) // len(counts)
    return [first, *((count, each) for count in counts)]
