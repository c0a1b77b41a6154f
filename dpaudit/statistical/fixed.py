"""The audit with a fixed budget: learn on one part of the draws, test on the rest.

If what was learned promises to refute the claim, or if only one pair was given, the test is a
single stage. Otherwise it has several: each tests the pair and the attacker that are the most
promising after all draws before it, and all of them count. So a violation that is too small to be
seen in learning is still found while testing.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..claims import Claim
from .attackers import Goal
from .bounds import split
from .contest import Contender, hold_contest, most_promising, promise, relearned
from .drawing import Drawer, Rounds
from .guesses import Counts
from .pairs import Pair
from .pools import Pools
from .profile import Bands, Hits, bands, count_hits, nested_sets
from .stages import Stage, combined_detectable, combined_epsilon_lower

__all__ = ["FixedFindings", "fixed_audit"]

#: Shares of the draws that are learned from: one pair, several pairs.
_LEARN_ONE = 0.15
_LEARN_MANY = 0.35

#: Stages of a test that promises nothing.
_STAGES = 10

#: Growth of a pair's draws after which attackers without weights are learned anew.
_GROWTH = 2.0

#: Of alpha, for the bound on epsilon and for the bands of the privacy profile.
_WEIGHTS = (19.0, 1.0)

#: Most learning draws by which the sets of the privacy profile are chosen.
_SETTING = 50_000

#: Most draws at once, and the fewest batches, so that progress is seen.
_BATCH = 1 << 18
_BATCHES = 16

#: First number of the keys of testing draws.
TESTING = 1


@dataclass(frozen=True, eq=False)
class FixedFindings:
    """What was found.

    Attributes
    ----------
    contender
        The pair that was tested last, its attacker and the draws that it was learned from.
    pairs, stages
        Of each stage of the test, the pair and what came of it; none if it did not begin.
    epsilon_lower
        Confidence bound in nats per unit of distance for all these pairs together, at least 0.
    detectable
        Smallest epsilon that would have been refuted with 90% power; per unit of distance.
    bands
        Lower bands of the privacy profile of the last pair, by the last stage.
    learning, visited
        Numbers of learning draws, and of pairs that were drawn from.
    interrupted
        Whether the user stopped it early.
    """

    contender: Contender
    pairs: tuple[Pair, ...]
    stages: tuple[Stage, ...]
    epsilon_lower: float
    detectable: float
    bands: Bands | None
    learning: int
    visited: int
    interrupted: bool

    @property
    def counts(self) -> Counts:
        """Of all stages together."""
        return sum((stage.counts for stage in self.stages), start=Counts(0, 0, 0))


def fixed_audit(
    drawer: Drawer,
    pairs: tuple[Pair, ...],
    claim: Claim,
    *,
    draws: int,
    alpha: float,
    seed: int,
    bits: bool = False,
    classifiers: tuple[Any, ...] = (),
    progress: Callable[[str, float], None] | None = None,
) -> FixedFindings:
    """Learn, then test attackers by draws that nothing has seen before.

    Ctrl-C during the test ends it with the draws that were made. That is valid if how many these
    are says nothing about coins and outputs: if the run time of the mechanism does not depend on
    them. Before anything is tested it is passed on.
    """
    level, band_level = split(alpha, *_WEIGHTS)
    learning = max(int((_LEARN_ONE if len(pairs) == 1 else _LEARN_MANY) * draws), 1)

    def goal(pair: Pair) -> Goal:
        claimed, eager = claim.epsilon * pair.distance, len(pairs) > 1
        return Goal(draws - learning, level, claimed, claim.delta, bits, eager, classifiers)

    def told(activity: str, part: float) -> None:
        if progress:
            progress(activity, part)

    told_learning = partial(told, "learning")
    contest = hold_contest(drawer, pairs, goal, claim.epsilon, learning, seed, told_learning)
    contenders, learned = list(contest.contenders), contest.pools.drawn
    (best,) = most_promising(contenders, claim.epsilon, 1)
    testing = draws - learned
    sure = promise(best.attacker, best.pair, claim.epsilon)[0] > 0
    planned = 1 if sure or len(pairs) == 1 else _STAGES
    tests: list[_Test] = []
    interrupted = False
    try:
        for number in range(planned if best.attacker is not None else 0):
            if number and _worth_learning(best, contest.pools):
                # Trees that had less to say than smooth odds would take most of the time.
                thorough = not tests[-1].weighted
                again = relearned(best, contest.pools, goal(best.pair), seed, thorough=thorough)
                contenders[best.number] = again
                (best,) = most_promising(contenders, claim.epsilon, 1)
            tests.append(_Test(best))
            count = testing * (number + 1) // planned - testing * number // planned
            for rounds in _batches(drawer, best, count, testing, number):
                tests[-1].add(rounds)
                if number < planned - 1:
                    contest.pools.add(best.pair, rounds)
                told("testing", sum(test.counts.rounds for test in tests) / testing)
    except KeyboardInterrupt:
        if not any(test.counts.rounds for test in tests):
            raise
        interrupted = True
    tests = [test for test in tests if test.counts.rounds]
    last = tests[-1] if tests else None
    stages = tuple(test.stage(claim.delta) for test in tests)
    return FixedFindings(
        contender=last.contender if last else best,
        pairs=tuple(test.contender.pair for test in tests),
        stages=stages,
        epsilon_lower=combined_epsilon_lower(stages, level) if stages else 0.0,
        detectable=combined_detectable(stages, claim.epsilon, level) if stages else math.inf,
        bands=last.bands(claim.epsilon, band_level) if last else None,
        learning=learned,
        visited=len(contenders),
        interrupted=interrupted,
    )


def _worth_learning(contender: Contender, pools: Pools) -> bool:
    """Whether to learn once more on this pair, after another stage: what weighs its guesses gains
    from every draw; others, which take longer to learn, from as many again."""
    assert contender.rounds is not None
    assert contender.attacker is not None
    if contender.attacker.surer:
        return True
    return pools.count(contender.pair) >= _GROWTH * len(contender.rounds)


def _batches(
    drawer: Drawer, contender: Contender, count: int, testing: int, stage: int
) -> Iterator[Rounds]:
    """The draws of one stage of the test."""
    size = max(min(_BATCH, -(-testing // _BATCHES)), 1)
    pair = contender.pair
    for number, start in enumerate(range(0, count, size)):
        key = (TESTING, contender.number, stage, number)
        yield drawer.draw(pair.first, pair.second, min(size, count - start), key)


class _Test:
    """The test of one contender: all guesses, and hits of nested sets."""

    def __init__(self, contender: Contender) -> None:
        assert contender.rounds is not None
        assert contender.attacker is not None
        self.contender, self._attacker = contender, contender.attacker
        scores = self._attacker.score(contender.rounds.outputs[:_SETTING])
        self._sets = nested_sets(self._attacker, scores)
        none = tuple(Counts(0, 0, 0) for _ in range(1 + len(self._attacker.surer)))
        self._found: tuple[tuple[Counts, ...], Hits] = none, self._sets.none()

    @property
    def weighted(self) -> bool:
        """Whether guesses count by how sure they are."""
        return bool(self._attacker.surer)

    @property
    def counts(self) -> Counts:
        """Of all guesses."""
        by_weight = self._found[0]
        right, wrong = sum(one.right for one in by_weight), sum(one.wrong for one in by_weight)
        return Counts(by_weight[0].rounds, right, wrong)

    def stage(self, delta: float) -> Stage:
        """The test as a stage of many."""
        by_weight = self._found[0] if self._attacker.surer else ()
        distance = self.contender.pair.distance
        return Stage(self.counts, self._attacker.leak(delta), distance, by_weight)

    def bands(self, epsilon: float, alpha: float) -> Bands:
        """Bands of the privacy profile; `epsilon` is per unit of distance."""
        return bands(self._found[1], epsilon * self.contender.pair.distance, alpha)

    def add(self, rounds: Rounds) -> None:
        """Count what the attacker says about new rounds."""
        scores = self._attacker.score(rounds.outputs)
        counts = self._attacker.count_by_weight(scores, rounds.labels)
        hits = count_hits(self._sets, scores, rounds.labels)
        # Stored at once, so that an interruption leaves both of the same draws.
        before, others = self._found
        both = tuple(one + new for one, new in zip(before, counts, strict=True))
        self._found = both, others + hits
