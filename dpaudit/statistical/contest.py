"""Which pair to test, and by which attacker: successive halving on learning draws.

All pairs start with the same number of draws; the better half gets as many again, and so on
(Karnin, Koren and Somekh, ICML 2013). Nothing here is tested: what is learned meets fresh draws.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .attackers import Attacker, Goal, learn_attacker
from .drawing import Drawer, Rounds
from .features import as_objects
from .pairs import Pair

__all__ = ["Contender", "hold_contest", "joined", "promise"]

#: Fewest draws of a pair in a stage, and the most that an attacker learns from.
_LEAST = 100
_MOST = 400_000

#: Up to so many pairs, attackers are learned thoroughly.
_THOROUGH = 2

#: First numbers of the keys of learning draws.
LEARNING = 0


@dataclass(frozen=True, eq=False)
class Contender:
    """A pair, the learning draws on it, and what was learned from them."""

    number: int
    pair: Pair
    rounds: Rounds | None = None
    attacker: Attacker | None = None


def promise(attacker: Attacker | None, pair: Pair, epsilon: float) -> tuple[int, float]:
    """How promising an attacker is: first whether a bound above the claim is to be expected, and
    how large; otherwise, by how much the claim was exceeded in learning."""
    if attacker is None:
        return (-1, 0.0)
    if attacker.expected > epsilon * pair.distance:
        return (1, attacker.expected / pair.distance)
    return (0, attacker.excess)


def joined(first: Rounds | None, second: Rounds) -> Rounds:
    """Two lots of rounds, one after the other."""
    if first is None:
        return second
    a, b = first.outputs, second.outputs
    if a.shape[1:] != b.shape[1:] or a.dtype != b.dtype:
        # Such as whole numbers and fractions: both as objects, so that nothing is rounded.
        a, b = as_objects(a), as_objects(b)
    return Rounds(np.concatenate([first.labels, second.labels]), np.concatenate([a, b]))


def hold_contest(
    drawer: Drawer,
    pairs: tuple[Pair, ...],
    goal: Callable[[Pair], Goal],
    epsilon: float,
    budget: int,
    seed: int,
    progress: Callable[[float], None] | None = None,
) -> tuple[Contender, int, int]:
    """The most promising pair with its attacker, and the numbers of draws and of pairs drawn from.

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
    seed
        For the ties of trees, and for the choice among too many pairs.
    progress
        Called with the part that is done.
    """
    stages = max(math.ceil(math.log2(len(pairs))), 0) + 1
    fewest = _LEAST * stages
    if len(pairs) * fewest > budget and len(pairs) > 1:
        kept = max(budget // fewest, 1)
        order = np.random.default_rng([seed, 0xC0]).permutation(len(pairs))[:kept]
        pairs = tuple(pairs[i] for i in sorted(order))
        stages = max(math.ceil(math.log2(len(pairs))), 0) + 1
    alive = [Contender(number, pair) for number, pair in enumerate(pairs)]
    drawn = 0
    for stage in range(stages):
        each = min(max(budget // stages // len(alive), 1), _MOST)
        learned = []
        for place, contender in enumerate(alive):
            key = (LEARNING, contender.number, stage)
            fresh = drawer.draw(contender.pair.first, contender.pair.second, each, key)
            drawn += each
            rounds = joined(contender.rounds, fresh)
            attacker = learn_attacker(
                rounds.outputs,
                rounds.labels,
                goal(contender.pair),
                seed,
                thorough=len(alive) <= _THOROUGH,
            )
            learned.append(replace(contender, rounds=rounds, attacker=attacker))
            if progress:
                progress((stage + (place + 1) / len(alive)) / stages)
        learned.sort(key=lambda c: promise(c.attacker, c.pair, epsilon), reverse=True)
        alive = learned[: max(len(learned) // 2, 1)]
    return alive[0], drawn, len(pairs)
