"""False alarms: many quick audits of correct mechanisms at their exact epsilon.

Each harness run counts the audits that say `violated`. A rate above alpha is noticed if a correct
auditor would have so many with a chance below 1e-7 (an exact binomial test; seeds are fixed). The
auditor as it is must pass, and auditors that are broken on purpose must be noticed: otherwise
the test could not fail.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from dpaudit import ApproximateDP, MetricDP, PureDP, Verdict, audit
from dpaudit.claims import Claim
from dpaudit.statistical import fixed, learning, sequential
from dpaudit.statistical.attackers import Attacker
from dpaudit.statistical.contest import Contender, Contest
from dpaudit.statistical.guesses import Counts, epsilon_lower
from dpaudit.statistical.learning import learn_attacker
from dpaudit.statistical.pools import Pools
from dpaudit.statistical.scores import TableScore

Floats = NDArray[np.float64]

FALSE_ALARM = 1e-7

#: So large that few audits tell a broken auditor from a correct one.
ALPHA = 0.2


@dataclass(frozen=True, eq=False)
class Law:
    """Whole numbers with the probabilities of row x; an input beyond the rows is one of them."""

    laws: Floats

    def sample(self, x, size, rng):
        law = self.laws[x % len(self.laws)]
        return np.searchsorted(np.cumsum(law)[:-1], rng.random(size), side="right")


@dataclass(frozen=True, eq=False)
class Vectors:
    """The same as vectors of two symbols, whose guesses are weighted."""

    law: Law

    def sample(self, x, size, rng):
        found = self.law.sample(x, size, rng)
        return np.column_stack([found // 2, found % 2]).astype(np.int8)


def at_its_epsilon(epsilon: float, outputs: int) -> Law:
    """Every output has the largest loss, in one direction or the other."""
    high = np.arange(outputs) % 2 == 0
    heights = np.where(high, math.exp(epsilon), 1.0)
    laws = np.array([heights, heights[::-1]])
    return Law(laws / laws.sum(axis=1, keepdims=True))


def at_its_delta(epsilon: float, delta: float, outputs: int) -> Law:
    """The same, but that with probability delta the output is one that names the input."""
    laws = (1.0 - delta) * at_its_epsilon(epsilon, outputs).laws
    return Law(np.hstack([laws, delta * np.eye(2)]))


def alarms(
    mechanism: Any,
    claim: Claim,
    audits: int,
    *,
    pairs: int = 1,
    draws: int = 400,
    sequentially: bool = False,
    alpha: float = ALPHA,
) -> int:
    """How many of so many audits, each with a seed of its own, find a violation."""
    chosen = [(2 * k, 2 * k + 1) for k in range(pairs)]
    found = 0
    for seed in range(audits):
        result = audit(
            mechanism,
            claim,
            pairs=chosen,
            draws=draws,
            alpha=alpha,
            seed=seed,
            sequential=sequentially,
        )
        found += result.verdict is Verdict.VIOLATED
    return found


def too_many(found: int, audits: int, alpha: float = ALPHA) -> bool:
    """Whether a correct auditor has so many false alarms with a chance below 1e-7."""
    return bool(binom.sf(found - 1, audits, alpha) < FALSE_ALARM)


def test_the_laws_are_at_their_claims():
    for outputs in (2, 8):
        p, q = at_its_epsilon(0.7, outputs).laws
        assert np.allclose(np.abs(np.log(p / q)), 0.7)
        p, q = at_its_delta(0.7, 0.05, outputs).laws
        for a, b in ((p, q), (q, p)):
            assert np.maximum(a - math.exp(0.7) * b, 0.0).sum() == pytest.approx(0.05)


def test_the_harness_notices_what_it_should():
    """Of 100 audits at alpha = 0.2: 20 alarms are none, 50 are."""
    assert not too_many(20, 100)
    assert not too_many(40, 100)
    assert too_many(50, 100)


# The auditor as it is.

CLAIMS = {
    "pure": (at_its_epsilon(0.1, 8), PureDP(0.1)),
    "pure, large": (at_its_epsilon(2.0, 4), PureDP(2.0)),
    "approximate": (at_its_delta(1.0, 0.05, 4), ApproximateDP(1.0, 0.05)),
    "metric": (at_its_epsilon(1.5, 4), MetricDP(1.5)),
    "vectors": (Vectors(at_its_epsilon(0.5, 4)), PureDP(0.5)),
}


@pytest.mark.parametrize("sequentially", [False, True])
@pytest.mark.parametrize("kind", CLAIMS)
def test_alarms_are_rare(kind, sequentially):
    """More than 20% of 40 audits of two pairs are noticed."""
    mechanism, claim = CLAIMS[kind]
    found = alarms(mechanism, claim, 40, pairs=2, draws=300, sequentially=sequentially)
    assert not too_many(found, 40)


@pytest.mark.slow
@pytest.mark.parametrize("sequentially", [False, True])
@pytest.mark.parametrize("kind", CLAIMS)
def test_alarms_are_rare_in_many_audits(kind, sequentially):
    mechanism, claim = CLAIMS[kind]
    found = alarms(mechanism, claim, 120, pairs=4, draws=800, sequentially=sequentially)
    assert not too_many(found, 120)


def test_some_alarms_there_are():
    """A fixed budget spends much of alpha on laws at the boundary: or nothing was tested above."""
    assert alarms(*CLAIMS["pure, large"], 60) >= 3


# Broken ones.


def _testing_rounds(drawer, pair, number: int, count: int):
    """The draws that the test is going to make, as it makes them."""
    size = max(min(fixed._BATCH, -(-count // fixed._BATCHES)), 1)
    rounds = [
        drawer.draw(
            pair.first, pair.second, min(size, count - start), (fixed.TESTING, number, 0, batch)
        )
        for batch, start in enumerate(range(0, count, size))
    ]
    return replace(
        rounds[0],
        labels=np.concatenate([r.labels for r in rounds]),
        outputs=np.concatenate([r.outputs for r in rounds]),
    )


def _contest(change: Callable[..., Contender]) -> Callable[..., Contest]:
    """In place of `hold_contest`: one that learns on all pairs alike, and whose choice is changed
    by a look at the draws of the test to come, which has one stage."""

    def hold(drawer, pairs, goal, epsilon, budget, seed, progress=None):
        each = budget // len(pairs)
        count = goal(pairs[0]).rounds
        pools = Pools(drawer, pairs, seed)
        pools.drawn = each * len(pairs)
        contenders = []
        for number, pair in enumerate(pairs):
            rounds = drawer.draw(pair.first, pair.second, each, (0, number, 0))
            attacker = learn_attacker(rounds.outputs, rounds.labels, goal(pair), seed)
            contenders.append(Contender(number, pair, rounds, attacker))
        # As many draws as the test makes of the pair that is chosen.
        tests = [_testing_rounds(drawer, c.pair, c.number, count) for c in contenders]
        chosen = change(contenders, tests, goal(pairs[0]))
        sure = replace(chosen, attacker=replace(chosen.attacker, expected=math.inf))
        contenders[chosen.number] = sure
        return Contest(tuple(contenders), pools)

    return hold


def _untouched(contenders, tests, goal) -> Contender:
    return contenders[0]


def _peeking(contenders, tests, goal) -> Contender:
    """The attacker is learned from the test."""
    attacker = learn_attacker(tests[0].outputs, tests[0].labels, replace(goal, rounds=10**6), 0)
    return replace(contenders[0], attacker=attacker)


def _weighing_by_labels(self, scores, labels):
    """In place of the weights that the score gives: a guess counts twice if it is right."""
    counts = self.count_scores(scores, labels)
    nothing = replace(counts, right=0, wrong=0)
    parts = (replace(counts, right=0), replace(counts, wrong=0))
    return (*parts, *[nothing] * (len(self.surer) - 1)) if self.surer else (counts,)


def test_weights_that_depend_on_labels_are_noticed(monkeypatch):
    mechanism, claim = CLAIMS["vectors"]
    options = {"pairs": 2, "draws": 9_000}
    monkeypatch.setattr(learning, "_SUSPICIOUS", -math.inf)  # weights, however little there is
    assert not too_many(alarms(mechanism, claim, 12, **options), 12)
    monkeypatch.setattr(Attacker, "count_by_weight", _weighing_by_labels)
    assert too_many(alarms(mechanism, claim, 12, **options), 12)


def _bound(attacker: Attacker, test, goal) -> float:
    return epsilon_lower(attacker.count(test.outputs, test.labels), 0.0, goal.alpha)


def _turned(attacker: Attacker) -> list[Attacker]:
    """The attacker, its opposite, and those that name one input only."""
    score = attacker.score
    if isinstance(score, TableScore):
        opposite = replace(attacker, score=replace(score, logs=-score.logs))
    else:
        opposite = replace(attacker, score=replace(score, sign=-score.sign))
    opposite = replace(opposite, lower=-attacker.upper, upper=-attacker.lower)
    both = [attacker, opposite]
    ones = [replace(a, upper=math.inf) for a in both] + [replace(a, lower=-math.inf) for a in both]
    return both + ones


def _direction(contenders, tests, goal) -> Contender:
    """The direction, and which of the inputs are named, are chosen on the test."""
    turned = _turned(contenders[0].attacker)
    best = max(turned, key=lambda attacker: _bound(attacker, tests[0], goal))
    return replace(contenders[0], attacker=best)


def _best_of_pairs(contenders, tests, goal) -> Contender:
    """The pair that is tested is the one whose test comes out best."""
    bounds = [_bound(c.attacker, t, goal) for c, t in zip(contenders, tests, strict=True)]
    return contenders[int(np.argmax(bounds))]


@pytest.mark.parametrize(
    ("change", "pairs", "noticed"),
    [
        (_untouched, 1, False),
        (_peeking, 1, True),
        (_direction, 1, True),
        pytest.param(_best_of_pairs, 8, True, marks=pytest.mark.slow),
    ],
)
def test_choices_on_the_test_part_are_noticed(change, pairs, noticed, monkeypatch):
    """A peeking attacker, a direction or a pair chosen on the test part: too many false alarms.
    The same machinery without a look at the test has no more than it may."""
    monkeypatch.setattr(fixed, "hold_contest", _contest(change))
    mechanism = at_its_epsilon(0.01, 8)
    found = alarms(mechanism, PureDP(0.01), 70, pairs=pairs, draws=600)
    assert too_many(found, 70) is noticed


def _at_every_look(gambler, rounds, claim, others, pairs, alpha) -> float:
    """In place of bets: the bound for a fixed number of rounds, after each round."""
    guesses = gambler.attacker.guess(rounds.outputs)
    for guess, label in zip(guesses, rounds.labels, strict=True):
        right = (guess == 1 and label) or (guess == -1 and not label)
        gambler.counts += Counts(1, int(right), int(guess != 0 and not right))
        if epsilon_lower(gambler.counts, 0.0, alpha) > claim.epsilon:
            return math.inf
    return 0.0


def _undivided(gambler, rounds, claim, others, pairs, alpha, proper=sequential._bet) -> float:
    """Every pair starts with the capital of the family."""
    return proper(gambler, rounds, claim, others, 1, alpha)


@pytest.mark.parametrize(
    ("mutation", "pairs", "draws", "alpha", "audits"),
    [
        pytest.param(_at_every_look, 1, 1200, 0.02, 130, marks=pytest.mark.slow),
        (_undivided, 8, 1000, 0.2, 25),
    ],
)
def test_looks_and_pairs_that_are_not_paid_for_are_noticed(
    mutation, pairs, draws, alpha, audits, monkeypatch
):
    """Stopping by a test that is for one look (see also `test_guesses`, where its false alarms
    are enumerated), and no correction over pairs."""
    mechanism, claim = at_its_epsilon(1.0, 2), PureDP(1.0)
    options = {"pairs": pairs, "draws": draws, "sequentially": True, "alpha": alpha}
    proper = alarms(mechanism, claim, 25, **options)
    assert not too_many(proper, 25, alpha)
    monkeypatch.setattr(sequential, "_bet", mutation)
    broken = alarms(mechanism, claim, audits, **options)
    assert too_many(broken, audits, alpha)


def test_leaks_that_are_not_paid_for_are_noticed(monkeypatch):
    """An auditor that forgets delta refutes a true approximate claim."""
    mechanism, claim = CLAIMS["approximate"]
    monkeypatch.setattr(Attacker, "leak", lambda self, delta: 0.0)
    found = alarms(mechanism, claim, 25, draws=20_000)
    assert too_many(found, 25)
