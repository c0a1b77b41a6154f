"""The audit with a fixed budget: learn on one part of the draws, test on the rest, once."""

from collections.abc import Callable
from dataclasses import dataclass

from ..claims import Claim
from .attackers import Attacker, Goal
from .bounds import split
from .contest import Contender, hold_contest
from .drawing import Drawer
from .guesses import Counts, detectable_epsilon, epsilon_lower
from .pairs import Pair
from .profile import Bands, Hits, bands, count_hits, nested_sets

__all__ = ["FixedFindings", "fixed_audit"]

#: Shares of the draws that are learned from: one pair, several pairs.
_LEARN_ONE = 0.15
_LEARN_MANY = 0.4

#: Of alpha, for the bound on epsilon and for the bands of the privacy profile.
_WEIGHTS = (19.0, 1.0)

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
        The pair that was tested, its attacker and the draws that they were learned from.
    counts
        Of the test; None if it did not begin.
    epsilon_lower
        Confidence bound in nats per unit of distance of the pair, at least 0.
    detectable
        Smallest epsilon that would have been refuted with 90% power; per unit of distance.
    bands
        Lower bands of the privacy profile of the pair.
    learning, testing, visited
        Numbers of draws made, and of pairs that were drawn from.
    interrupted
        Whether the user stopped it early.
    """

    contender: Contender
    counts: Counts | None
    epsilon_lower: float
    detectable: float
    bands: Bands | None
    learning: int
    testing: int
    visited: int
    interrupted: bool


def fixed_audit(
    drawer: Drawer,
    pairs: tuple[Pair, ...],
    claim: Claim,
    *,
    draws: int,
    alpha: float,
    seed: int,
    bits: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> FixedFindings:
    """Learn, then test one attacker on one pair by draws that nothing else has seen.

    Ctrl-C during the test ends it with the draws that were made: how many these are says nothing
    about outputs, which nobody saw. During learning it is passed on.
    """
    level, band_level = split(alpha, *_WEIGHTS)
    learning = max(int((_LEARN_ONE if len(pairs) == 1 else _LEARN_MANY) * draws), 1)

    def goal(pair: Pair) -> Goal:
        return Goal(draws - learning, level, claim.epsilon * pair.distance, claim.delta, bits)

    stage = (lambda part: progress("learning", part)) if progress else None
    best, learned, visited = hold_contest(drawer, pairs, goal, claim.epsilon, learning, seed, stage)
    testing = draws - learned
    if best.attacker is None or testing < 1:
        return FixedFindings(best, None, 0.0, float("inf"), None, learned, 0, visited, False)
    stage = (lambda part: progress("testing", part)) if progress else None
    counts, hits, interrupted = _test(drawer, best, best.attacker, testing, stage)
    leak = best.attacker.leak(claim.delta)
    distance = best.pair.distance
    return FixedFindings(
        contender=best,
        counts=counts,
        epsilon_lower=epsilon_lower(counts, leak, level) / distance,
        detectable=detectable_epsilon(counts, leak, claim.epsilon * distance, level) / distance,
        bands=bands(hits, claim.epsilon * distance, band_level),
        learning=learned,
        testing=counts.rounds,
        visited=visited,
        interrupted=interrupted,
    )


def _test(
    drawer: Drawer,
    contender: Contender,
    attacker: Attacker,
    count: int,
    progress: Callable[[float], None] | None,
) -> tuple[Counts, Hits, bool]:
    """Counts of all guesses, hits of nested sets, and whether Ctrl-C ended it."""
    assert contender.rounds is not None
    sets = nested_sets(attacker, attacker.score(contender.rounds.outputs))
    counts, hits = Counts(0, 0, 0), sets.none()
    size = max(min(_BATCH, -(-count // _BATCHES)), 1)
    try:
        for number, start in enumerate(range(0, count, size)):
            key = (TESTING, contender.number, number)
            pair = contender.pair
            rounds = drawer.draw(pair.first, pair.second, min(size, count - start), key)
            scores = attacker.score(rounds.outputs)
            batch = (
                attacker.count_scores(scores, rounds.labels),
                count_hits(sets, scores, rounds.labels),
            )
            # Together, so that an interruption leaves both of the same draws.
            counts, hits = counts + batch[0], hits + batch[1]
            if progress:
                progress(counts.rounds / count)
    except KeyboardInterrupt:
        return counts, hits, True
    return counts, hits, False
