"""The sequential audit: bets on every round, a look after each, and a stop as soon as they pay.

Every pair has a gambler with an equal share of the starting capital, and the family is tested by
the sum of their wealth: an average of e-values is one (Vovk and Wang, Annals of Statistics 2021).
A pair is named only if its own share pays for it. The attacker of a round was learned from earlier
rounds, of which none is wasted: each is bet on first and learned from afterwards.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import logsumexp

from ..claims import Claim
from .attackers import Attacker, Goal
from .bounds import union
from .contest import promise
from .drawing import Drawer, Rounds
from .guesses import Counts, anytime_epsilon_lower, log_wealth_path, sequential_detectable
from .learning import learn_attacker
from .pairs import Pair
from .pools import joined

__all__ = ["SequentialFindings", "sequential_audit"]

#: Rounds before the first attacker of a pair, and how much a pair's draws grow from one attacker
#: to the next.
_FIRST = 64
_GROWTH = 0.8

#: Most rounds at once, and the most that an attacker learns from.
_BATCH = 1 << 17
_LEARNED = 200_000

#: Rounds whose wealth is computed at once.
_PATH = 4096

#: First number of the keys of draws.
BETTING = 2


@dataclass(eq=False)
class _Gambler:
    """One pair: what was drawn on it, the present attacker, the bets so far."""

    number: int
    pair: Pair
    rounds: Rounds | None = None
    attacker: Attacker | None = None
    counts: Counts = field(default_factory=lambda: Counts(0, 0, 0))
    log_wealth: float = 0.0
    drawn: int = 0
    batches: int = 0


@dataclass(frozen=True, eq=False)
class SequentialFindings:
    """What was found.

    Attributes
    ----------
    pair, attacker, counts, rounds
        The pair with the largest wealth, its last attacker, its bets, and draws to show.
    rejected
        Whether the wealth of the family reached 1/alpha, and so the claim is refuted.
    named
        Whether the pair alone pays for that.
    log_wealth
        Logarithm of the largest wealth of the family.
    epsilon_lower
        Lower bound on the epsilon of all pairs together, per unit of distance.
    detectable
        Smallest epsilon that the draws on this pair would have refuted with 90% power.
    draws, looks, visited
        Rounds drawn, rounds bet on, pairs drawn from.
    history
        (draws, log wealth of the family) after every batch.
    interrupted
        Whether the user stopped it.
    """

    pair: Pair
    attacker: Attacker | None
    counts: Counts
    rounds: Rounds | None
    rejected: bool
    named: bool
    log_wealth: float
    epsilon_lower: float
    detectable: float
    draws: int
    looks: int
    visited: int
    history: tuple[tuple[int, float], ...]
    interrupted: bool


def sequential_audit(
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
) -> SequentialFindings:
    """Bet until the claim is refuted or `draws` rounds are drawn.

    Valid at every look and whenever it is stopped, Ctrl-C included; before the first look that is
    passed on.
    """
    share = union(alpha, len(pairs))
    gamblers = [_Gambler(number, pair) for number, pair in enumerate(pairs)]
    best_wealth, drawn, looks, turn = -math.inf, 0, 0, 0
    history: list[tuple[int, float]] = []
    interrupted = rejected = False
    try:
        while drawn < draws and not rejected:
            gambler = _next(gamblers, claim, turn)
            turn += 1
            size = min(max(_FIRST, min(int(_GROWTH * gambler.drawn), _BATCH)), draws - drawn)
            key = (BETTING, gambler.number, gambler.batches)
            rounds = drawer.draw(gambler.pair.first, gambler.pair.second, size, key)
            drawn += size
            others = [g.log_wealth for g in gamblers if g is not gambler]
            if gambler.attacker is not None:
                looks += size
                reached = _bet(gambler, rounds, claim, others, len(pairs), alpha)
                best_wealth = max(best_wealth, reached)
                rejected = best_wealth >= math.log(1.0 / alpha)
                history.append((drawn, reached))
            gambler.drawn += size
            gambler.batches += 1
            _learn(gambler, rounds, claim, share, seed, bits, classifiers)
            if progress:
                progress("betting", drawn / draws)
    except KeyboardInterrupt:
        if looks == 0:
            raise
        interrupted = True
    best = max(gamblers, key=lambda g: (g.log_wealth, g.drawn))
    lower = anytime_epsilon_lower(
        [g.counts for g in gamblers],
        [g.pair.distance for g in gamblers],
        claim.delta,
        alpha,
        claim.epsilon,
    )
    claimed = claim.epsilon * best.pair.distance
    return SequentialFindings(
        pair=best.pair,
        attacker=best.attacker,
        counts=best.counts,
        rounds=best.rounds,
        rejected=rejected,
        named=best.log_wealth >= math.log(1.0 / share),
        log_wealth=max(best_wealth, 0.0),
        epsilon_lower=lower,
        detectable=sequential_detectable(best.counts, claim.delta, claimed, share)
        / best.pair.distance,
        draws=drawn,
        looks=looks,
        visited=sum(g.drawn > 0 for g in gamblers),
        history=tuple(history),
        interrupted=interrupted,
    )


def _next(gamblers: list[_Gambler], claim: Claim, turn: int) -> _Gambler:
    """Everybody once; then in turn the most promising one and the one with the fewest draws."""
    new = [g for g in gamblers if g.drawn == 0]
    if new:
        return new[0]
    if turn % 2 == 0:
        return min(gamblers, key=lambda g: g.drawn)
    return max(
        gamblers, key=lambda g: (g.log_wealth > 1.0, promise(g.attacker, g.pair, claim.epsilon))
    )


def _bet(
    gambler: _Gambler,
    rounds: Rounds,
    claim: Claim,
    others: list[float],
    pairs: int,
    alpha: float,
) -> float:
    """Bet on new rounds one by one, up to the one that makes the family rich; returns the largest
    log wealth of the family on the way."""
    assert gambler.attacker is not None
    guesses = gambler.attacker.guess(rounds.outputs)
    rights = np.cumsum(((guesses == 1) & rounds.labels) | ((guesses == -1) & ~rounds.labels))
    spoken = np.cumsum(guesses != 0)
    claimed = claim.epsilon * gambler.pair.distance
    before = gambler.counts
    best = -math.inf
    for start in range(0, len(rounds), _PATH):
        part = slice(start, start + _PATH)
        numbers = np.arange(1, len(rounds) + 1)[part]
        path = log_wealth_path(
            before.rounds + numbers,
            before.right + rights[part],
            before.wrong + spoken[part] - rights[part],
            claimed,
            claim.delta,
            claimed,
        )
        family = np.logaddexp(path, logsumexp(others) if others else -math.inf) - math.log(pairs)
        hits = np.flatnonzero(family >= math.log(1.0 / alpha))
        last = int(hits[0]) if len(hits) else len(numbers) - 1
        best = max(best, float(family[: last + 1].max()))
        gambler.log_wealth = float(path[last])
        right, said = int(rights[part][last]), int(spoken[part][last])
        gambler.counts = before + Counts(int(numbers[last]), right, said - right)
        if len(hits):
            break
    return best


def _learn(
    gambler: _Gambler,
    rounds: Rounds,
    claim: Claim,
    level: float,
    seed: int,
    bits: bool,
    classifiers: tuple[Any, ...] = (),
) -> None:
    """A new attacker from everything that was drawn on this pair, up to a limit."""
    if gambler.rounds is not None and len(gambler.rounds) >= _LEARNED:
        return
    if gambler.rounds is not None:
        labels = np.concatenate([gambler.rounds.labels, rounds.labels])
        rounds = Rounds(labels, joined(gambler.rounds.outputs, rounds.outputs))
    gambler.rounds = rounds
    goal = Goal(
        max(2 * len(gambler.rounds), _FIRST),
        level,
        claim.epsilon * gambler.pair.distance,
        claim.delta,
        bits,
        classifiers=classifiers,
    )
    gambler.attacker = learn_attacker(
        gambler.rounds.outputs, gambler.rounds.labels, goal, seed, thorough=gambler.drawn > 2_000
    )
