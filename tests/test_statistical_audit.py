"""Audits of black boxes as a whole: what they draw and when, what they conclude about laws whose
exact epsilon is known, how they end.

Random tests have fixed seeds. Where a verdict is compared with the truth the audit has
alpha = 1e-9, so that a correct auditor fails with a chance below 1e-7 in all examples together.
"""

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import make_space

from dpaudit import ApproximateDP, MetricDP, PureDP, Verdict, audit, mechanisms
from dpaudit.claims import Claim
from dpaudit.reports import page
from dpaudit.results import AuditResult
from dpaudit.statistical import contest, fixed, pools, sequential
from dpaudit.statistical.attackers import Attacker
from dpaudit.statistical.drawing import Drawer
from dpaudit.statistical.features import as_objects
from dpaudit.statistical.fixed import fixed_audit
from dpaudit.statistical.guesses import Counts
from dpaudit.statistical.pairs import Pair
from dpaudit.statistical.sequential import sequential_audit
from dpaudit.statistical.stages import Stage, combined_epsilon_lower

Floats = NDArray[np.float64]

ALPHA = 1e-9


@dataclass(frozen=True, eq=False)
class Finite:
    """A law for each input, in rows; outputs are positions, or the `names` of them."""

    laws: Floats
    names: Any = None

    def sample(self, x, size, rng):
        found = np.searchsorted(np.cumsum(self.laws[x])[:-1], rng.random(size), side="right")
        return found if self.names is None else [self.names[i] for i in found]


def finite(*rows, names=None) -> Finite:
    laws = np.array(rows, dtype=np.float64)
    return Finite(laws / laws.sum(axis=1, keepdims=True), names)


def randomized_response(epsilon: float, outputs: int = 2) -> Finite:
    keep = math.exp(epsilon)
    return finite(*(np.ones((outputs, outputs)) + (keep - 1.0) * np.eye(outputs)))


def summary(result):
    """What must not depend on anything but the seed."""
    return result.model_dump(exclude={"timings", "seconds", "created", "environment", "version"})


# What is drawn, and what it is used for.


class Numbered:
    """Outputs are 62-bit numbers that no two draws share, but for a chance of 1e-9 in a test of
    some thousands; and a list of all that were given away."""

    def __init__(self) -> None:
        self.given: list[int] = []

    def sample(self, x, size, rng):
        found = rng.integers(0, 2**62, size)
        self.given += found.tolist()
        return found


class Watched:
    """A score that writes down what it is asked about."""

    def __init__(self, learned: set[int]) -> None:
        self.learned = learned
        self.asked: list[int] = []

    def __call__(self, outputs):
        self.asked += outputs.tolist()
        return (outputs % 3 - 1).astype(np.float64)


class Watch:
    """In place of `learn_attacker`: attackers that say something about every output."""

    def __init__(self) -> None:
        self.scores: list[Watched] = []

    def __call__(self, outputs, labels, goal, seed, *, thorough=True):
        score = Watched(set(outputs.tolist()))
        self.scores.append(score)
        return Attacker(score, -0.5, 0.5, expected=0.0, excess=0.1 * len(self.scores))


def _fixed_use(monkeypatch, pairs: int, draws: int):
    watch, mechanism = Watch(), Numbered()
    monkeypatch.setattr(contest, "learn_attacker", watch)
    chosen = tuple(Pair(k, k + 1) for k in range(pairs))
    with Drawer(mechanism, seed=3) as drawer:
        found = fixed_audit(drawer, chosen, PureDP(1.0), draws=draws, alpha=0.05, seed=3)
    return found, watch, mechanism


@pytest.mark.parametrize("pairs", [1, 7])
def test_learning_and_testing_draws_never_overlap(monkeypatch, pairs):
    """Nothing that an attacker was learned from comes up in its test, tests use each draw once, and
    there are no more draws than were asked for."""
    found, watch, mechanism = _fixed_use(monkeypatch, pairs, 7_000)
    given_away, tested_draws = mechanism.given, found.counts.rounds
    assert len(set(given_away)) == len(given_away) == found.learning + tested_draws <= 7_000
    order = {output: place for place, output in enumerate(given_away)}
    tested: list[int] = []
    for score in watch.scores:
        # Attackers see their own learning draws too, for the sets of the band.
        fresh = [output for output in score.asked if output not in score.learned]
        if fresh:
            # Everything that the attacker knows was there before the first of its tests.
            first = min(order[output] for output in fresh)
            assert max(order[output] for output in score.learned) < first
        tested += fresh
    assert len(tested) == len(set(tested)) == tested_draws
    assert len(found.stages) == (1 if pairs == 1 else fixed._STAGES)
    # The learning draws before the test, and nothing else, are in no test.
    assert set(given_away[found.learning :]) == set(tested)


def test_the_recording_notices_draws_that_are_used_twice(monkeypatch):
    """Mutation: testing draws with the key of learning draws are the same draws."""

    def repeated(drawer, contender, count, testing, stage):
        pair = contender.pair
        yield drawer.draw(pair.first, pair.second, count, (pools.LEARNING, 0, 0))

    monkeypatch.setattr(fixed, "_batches", repeated)
    _, _, mechanism = _fixed_use(monkeypatch, 1, 7_000)
    assert len(set(mechanism.given)) < len(mechanism.given)


def test_the_recording_notices_tests_that_count_twice(monkeypatch):
    """Mutation: every round is tested twice."""
    proper = fixed._Test.add
    monkeypatch.setattr(
        fixed._Test, "add", lambda test, rounds: proper(test, rounds) or proper(test, rounds)
    )
    with pytest.raises(AssertionError):
        test_learning_and_testing_draws_never_overlap(monkeypatch, 7)


def _sequential_use(monkeypatch, pairs: int, draws: int):
    watch, mechanism = Watch(), Numbered()
    monkeypatch.setattr(sequential, "learn_attacker", watch)
    chosen = tuple(Pair(k, k + 1) for k in range(pairs))
    with Drawer(mechanism, seed=3) as drawer:
        found = sequential_audit(drawer, chosen, PureDP(1.0), draws=draws, alpha=0.05, seed=3)
    return found, watch, mechanism


@pytest.mark.parametrize("pairs", [1, 5])
def test_bets_are_made_by_attackers_of_earlier_rounds(monkeypatch, pairs):
    found, watch, mechanism = _sequential_use(monkeypatch, pairs, 5_000)
    given_away = mechanism.given
    assert len(set(given_away)) == len(given_away) == found.draws == 5_000
    order = {output: place for place, output in enumerate(given_away)}
    bets = [output for score in watch.scores for output in score.asked]
    # Each draw is bet on once at most, and all are that have an attacker.
    assert len(set(bets)) == len(bets) == found.looks
    assert len(bets) == 5_000 - 64 * pairs
    for score in watch.scores:
        if score.asked:
            assert not set(score.asked) & score.learned
            # Everything that the attacker knows was there before the first of its bets.
            first = min(order[output] for output in score.asked)
            assert max(order[output] for output in score.learned) < first


def test_the_recording_notices_bets_on_what_is_known(monkeypatch):
    """Mutation: an attacker that is learned before the bet on the same rounds."""
    proper = sequential._bet

    def peeking(gambler, rounds, claim, others, pairs, alpha):
        sequential._learn(gambler, rounds, claim, alpha, 0, False)
        return proper(gambler, rounds, claim, others, pairs, alpha)

    monkeypatch.setattr(sequential, "_bet", peeking)
    _, watch, _ = _sequential_use(monkeypatch, 1, 5_000)
    assert any(set(score.asked) & score.learned for score in watch.scores)


@pytest.mark.parametrize("sequentially", [False, True])
@pytest.mark.parametrize("pairs", [1, 3, 40])
@pytest.mark.parametrize("draws", [10, 64, 1001, 3000])
def test_the_budget_is_kept_and_said(sequentially, pairs, draws):
    calls = []

    def counting(x, size, rng):
        calls.append(size)
        return rng.integers(0, 3, size)

    result = audit(
        counting,
        PureDP(1.0),
        pairs=[(k, k + 1) for k in range(pairs)],
        draws=draws,
        sequential=sequentially,
    )
    assert sum(calls) == result.draws <= draws
    # Of ten draws, one was for learning, from which there is nothing to be learned.
    assert result.draws >= (0.9 * draws if draws > 10 else 1)
    assert result.search.pairs_total == pairs
    assert 1 <= result.search.pairs_visited <= pairs
    if result.attack is not None and not sequentially:
        assert result.attack.learning_draws + result.attack.testing_draws == result.draws
    assert result.verdict is not Verdict.VIOLATED


# Against exact laws.


def exact_epsilon(p: Floats, q: Floats) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        loss = np.abs(np.log(p) - np.log(q))
    return float(np.nanmax(loss))


def exact_delta(p: Floats, q: Floats, epsilon: float) -> float:
    forth, back = (np.maximum(a - math.exp(epsilon) * b, 0.0).sum() for a, b in ((p, q), (q, p)))
    return float(max(forth, back))


WEIGHTS = st.lists(st.integers(0, 40), min_size=2, max_size=5)


@st.composite
def law_pairs(draw) -> Finite:
    first = draw(WEIGHTS)
    second = draw(st.lists(st.integers(0, 40), min_size=len(first), max_size=len(first)))
    assume(sum(first) > 0 and sum(second) > 0 and first != second)
    return finite(first, second)


@settings(max_examples=60)
@given(
    law_pairs(),
    st.sampled_from([0.2, 0.8, 1.0, 1.5]),
    st.sampled_from(["pure", "approximate", "metric"]),
    st.booleans(),
    st.integers(0, 10**6),
)
def test_bounds_do_not_exceed_the_truth(mechanism, share, kind, sequentially, seed):
    """For random laws: the bounds on epsilon and on delta, and so the verdict. 60 examples at
    alpha = 1e-9: fails by chance with probability 6e-8 at most."""
    p, q = mechanism.laws
    largest = exact_epsilon(p, q)
    epsilon = share * largest if 0.0 < largest < math.inf else 1.0
    claim: Claim
    distance, delta = 1.0, 0.0
    if kind == "pure":
        claim = PureDP(epsilon)
    elif kind == "approximate":
        # At its exact delta; then the claim is true, but just so.
        delta = min(exact_delta(p, q, epsilon), 0.99)
        claim = ApproximateDP(epsilon, delta)
    else:
        distance = 2.5
        claim = MetricDP(epsilon / distance)
    result = audit(
        mechanism,
        claim,
        pairs=[(0, 1, distance) if claim.kind == "metric" else (0, 1)],
        alpha=ALPHA,
        draws=1500,
        sequential=sequentially,
        seed=seed,
    )
    true = exact_delta(p, q, epsilon)
    if result.delta_at_claim is not None:
        assert result.delta_at_claim.lower <= true * (1.0 + 1e-12)
    holds = true <= delta * (1.0 + 1e-12)
    if result.verdict is Verdict.VIOLATED:
        assert not holds
    if holds:
        assert result.true_epsilon is None or result.true_epsilon.lower <= claim.epsilon * (
            1.0 + 1e-12
        )
    if kind != "approximate":
        assert result.true_epsilon.lower <= largest / distance * (1.0 + 1e-12)


@pytest.mark.parametrize("distance", [0.4, 2.5])
@pytest.mark.parametrize("sequentially", [False, True])
def test_metric_claims_are_per_unit_of_distance(distance, sequentially):
    """A loss of 1.5 upholds a claim of 1.5 per distance and refutes one of half of it; bounds and
    what would have been detected are per distance too. alpha = 1e-9."""
    mechanism = randomized_response(1.5)
    for share, verdict in [(1.0, Verdict.NOT_REFUTED), (0.5, Verdict.VIOLATED)]:
        claimed = share * 1.5 / distance
        result = audit(
            mechanism,
            MetricDP(claimed),
            pairs=[(0, 1, distance)],
            draws=6000,
            alpha=ALPHA,
            sequential=sequentially,
        )
        assert result.verdict is verdict
        assert 0.5 * claimed < result.true_epsilon.lower <= 1.5 / distance
        if verdict is Verdict.NOT_REFUTED:
            assert claimed < result.detectable_epsilon < 1.5 * claimed


FORMS = {
    "texts": ["zero", "one", "two", "three"],
    "tuples": [(0, "a"), (0, "b"), (1, "a"), (1, "b")],
    "mixed": [0, "one", (2, 2.0), None],
    "lengths": [(), (1,), (1, 1), (1, 1, 1)],
    "vectors": [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)],
    "floats": [-math.inf, 0.1, math.nan, math.inf],
    "truths": [(False, False), (False, True), (True, False), (True, True)],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sequentially", [False, True])
def test_the_form_of_outputs_does_not_matter(form, sequentially):
    """The same law in other words: the same draws, and the same verdict where it is clear; the
    claim that holds is violated with a chance of 1e-9."""
    plain = finite([4, 3, 2, 1], [1, 2, 3, 4])
    named = replace(plain, names=FORMS[form])
    with Drawer(plain, 5) as one, Drawer(named, 5) as other:
        a, b = (drawer.draw(0, 1, 500, (0,)) for drawer in (one, other))
    assert (a.labels == b.labels).all()
    expected = [repr(FORMS[form][i]) for i in a.outputs]
    assert [repr(v) for v in as_objects(b.outputs)] == expected
    for claimed, verdict in [(0.3, Verdict.VIOLATED), (math.log(4.0), Verdict.NOT_REFUTED)]:
        for mechanism in (plain, named):
            result = audit(
                mechanism,
                PureDP(claimed),
                pairs=[(0, 1)],
                draws=4000,
                alpha=ALPHA,
                sequential=sequentially,
                seed=5,
            )
            assert result.verdict is verdict


@pytest.mark.parametrize("kind", ["pair", "lattice"])
@pytest.mark.parametrize(
    "name", ["MetricExponential", "RandomizedResponse", "TruncatedExponential"]
)
@pytest.mark.parametrize("sequentially", [False, True])
def test_agreement_with_exact_laws(name, kind, sequentially):
    """On words: never above the exact epsilon (alpha = 1e-9); and by 30,000 draws at least 80% of
    the exact loss of the pair, where it shows in events that are not rare."""
    space = make_space(kind)
    mechanism = getattr(mechanisms, name)(space, epsilon=1.0)
    words = space.words[:2]
    laws = np.exp([mechanism.log_law(w) for w in words])
    distance = 1.0
    if mechanism.claim.kind == "metric":
        distance = float(space.distance_rows(slice(0, 1))[0][1])
    loss = exact_epsilon(laws[0], laws[1]) / distance
    exact = audit(mechanism, method="exact")
    result = audit(
        mechanism,
        replace(mechanism.claim, epsilon=0.1),
        method="statistical",
        pairs=[words],
        draws=30_000,
        alpha=ALPHA,
        sequential=sequentially,
    )
    assert result.verdict is Verdict.VIOLATED
    assert 0.1 < result.true_epsilon.lower <= min(loss, exact.true_epsilon.upper) * (1.0 + 1e-9)
    if not sequentially and (kind == "pair" or name == "RandomizedResponse"):
        assert result.true_epsilon.lower >= 0.8 * loss  # bets stop at the claim
    assert {result.witness.input, result.witness.neighbour} == set(words)


# Stages.


def _weak(count: int, pairs: int, broken: int) -> Finite:
    """Randomized response on `count` outputs at ln 1.2; and at ln 1.5 on the inputs of one pair."""
    rows = [np.ones(count) + 0.2 * (np.arange(count) == k % 2) for k in range(2 * pairs)]
    for side in (0, 1):
        rows[2 * broken + side][side] = 1.5
    return finite(*rows)


def test_what_draws_show_in_stages():
    """A pair that leaks a little more than the claim allows is found among others that attain it.
    The stages add up, and the bound stays below the truth."""
    mechanism = _weak(20, 4, broken=2)
    pairs = [(2 * k, 2 * k + 1) for k in range(4)]
    result = audit(mechanism, PureDP(math.log(1.2)), pairs=pairs, draws=60_000, alpha=0.01, seed=5)
    found = result.attack
    assert result.verdict is Verdict.VIOLATED
    assert math.log(1.2) < result.true_epsilon.lower <= math.log(1.5)
    assert len(found.stages) == fixed._STAGES
    for total, part in (("testing_draws", "draws"), ("guesses", "guesses"), ("right", "right")):
        assert getattr(found, total) == sum(getattr(stage, part) for stage in found.stages)
    assert found.learning_draws + found.testing_draws == result.draws <= 60_000
    assert found.pair == found.stages[-1].pair == ("4", "5")
    said = str(result)
    assert f"in {fixed._STAGES} stages" in said
    assert "later ones from the draws of earlier stages as well" in said
    if len({stage.pair for stage in found.stages}) == 1:
        assert result.witness is not None
        assert "The stages of the test together show a loss" in said
    else:
        assert result.witness is None
        assert "no single pair is shown to attain it" in said


@dataclass(frozen=True, eq=False)
class Symbols:
    """The same outputs as vectors of two symbols, of which an attacker knows the odds."""

    law: Finite

    def sample(self, x, size, rng):
        found = self.law.sample(x, size, rng)
        return np.column_stack([found // 5, found % 5]).astype(np.int8)


def test_guesses_that_count_by_how_sure_they_are():
    """Each stage says how many guesses count once, twice, ..., and the report how often all of them
    were right, so counted."""
    mechanism, claim = Symbols(_weak(20, 2, broken=1)), PureDP(math.log(1.2))
    pairs = [(0, 1), (2, 3)]
    result = audit(mechanism, claim, pairs=pairs, draws=60_000, alpha=0.01, seed=5)
    assert result.verdict is Verdict.VIOLATED
    assert math.log(1.2) < result.true_epsilon.lower <= math.log(1.5)
    stages = result.attack.stages
    weighted = [stage for stage in stages if stage.by_weight]
    assert len(stages) == fixed._STAGES
    assert weighted
    for stage in weighted:
        assert sum(guesses for guesses, _ in stage.by_weight) == stage.guesses
        assert sum(right for _, right in stage.by_weight) == stage.right
    recounted = combined_epsilon_lower([_recounted(stage) for stage in stages], 0.01 * 0.95)
    assert recounted == pytest.approx(result.true_epsilon.lower, rel=1e-8)
    parts = [stage.by_weight or ((stage.guesses, stage.right),) for stage in stages]
    tally = [
        sum(w * part[side] for one in parts for w, part in enumerate(one, 1)) for side in (0, 1)
    ]
    said = str(result)
    assert f"A guess counts 1 to {len(weighted[0].by_weight)} times" in said
    assert f"so counted, {tally[1] / tally[0]:.2%} were right" in said
    again = AuditResult.model_validate_json(result.model_dump_json(by_alias=True))
    assert again.attack == result.attack


def _recounted(stage) -> Stage:
    """What a reader of a result computes from it."""
    parts = tuple(Counts(stage.draws, right, said - right) for said, right in stage.by_weight)
    counts = Counts(stage.draws, stage.right, stage.guesses - stage.right)
    return Stage(counts, distance=stage.distance, by_weight=parts)


def test_pairs_that_change_name_no_witness(monkeypatch):
    """If the stages were on several pairs, the bound is one on all of them together."""
    turn = itertools.count()
    proper = fixed.most_promising

    def in_turn(contenders, epsilon, count):
        assert count == 1
        proper(contenders, epsilon, count)
        return [contenders[next(turn) % len(contenders)]]

    monkeypatch.setattr(fixed, "most_promising", in_turn)
    monkeypatch.setattr(fixed, "promise", lambda *arguments: (0, 0.0))
    monkeypatch.setattr(fixed, "_GROWTH", 0.0)
    pairs = [(0, 1), (1, 0)]
    result = audit(randomized_response(2.0), PureDP(0.5), pairs=pairs, draws=10_000)
    assert result.verdict is Verdict.VIOLATED
    assert [stage.pair for stage in result.attack.stages[:2]] == [("0", "1"), ("1", "0")]
    assert result.witness is None
    assert 0.5 < result.true_epsilon.lower <= 2.0
    said = str(result)
    assert "the bound on ε* is one on all of them together" in said
    for pair in (("0", "1"), ("1", "0")):
        stages = [stage for stage in result.attack.stages if stage.pair == pair]
        right, guesses = sum(one.right for one in stages), sum(one.guesses for one in stages)
        assert (
            f"“{pair[0]}” and “{pair[1]}” ({len(stages)} stages: {right:,} of {guesses:,} guesses "
            "right, at most 62.25% under the claim)"
        ) in said
    table = page.render(result).partition("The stages")[2].partition("</table>")[0]
    assert table.count("<tr>") == 1 + len(result.attack.stages)


# How audits end.


class Interrupted:
    """Ctrl-C while it draws for the time that is given."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.drawn = 0

    def sample(self, x, size, rng):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        self.drawn += size
        return np.where(rng.random(size) < 0.9, x, 1 - x)


def test_ctrl_c_while_learning_ends_the_audit():
    """Nothing is known yet, so it is an interruption as any other."""
    for pairs in ([(0, 1)], [(0, 1), (1, 0)]):
        with pytest.raises(KeyboardInterrupt):
            audit(Interrupted(1), PureDP(1.0), pairs=pairs, draws=2000)


def batch_size(learning: int) -> int:
    """Of tests by what is left of 4,000 draws."""
    return math.ceil((4000 - learning) / fixed._BATCHES)


@pytest.mark.parametrize("calls", [2, 5, 7, 9, 20])
def test_ctrl_c_while_testing_gives_what_is_known(calls):
    """The draws of the batches that came to their end, and the bound of exactly these: less than
    that of all, never above the truth, ln 9."""
    mechanism = Interrupted(calls)
    if calls < 6:  # each batch is two calls, the first ones are the learning draws of two inputs
        with pytest.raises(KeyboardInterrupt):
            audit(mechanism, PureDP(1.0), pairs=[(0, 1)], draws=4000, alpha=ALPHA)
        return
    result = audit(mechanism, PureDP(1.0), pairs=[(0, 1)], draws=4000, alpha=ALPHA)
    whole = audit(Interrupted(10**9), PureDP(1.0), pairs=[(0, 1)], draws=4000, alpha=ALPHA)
    assert whole.attack.interrupted is False
    assert result.attack.interrupted
    assert result.draws == result.attack.learning_draws + result.attack.testing_draws
    size = batch_size(result.attack.learning_draws)
    assert mechanism.drawn - size <= result.draws <= mechanism.drawn < 4000
    assert result.attack.testing_draws == size * ((calls - 4) // 2)
    assert result.true_epsilon.lower < whole.true_epsilon.lower <= math.log(9.0)
    assert result.attack.right <= result.attack.guesses <= result.attack.testing_draws


@pytest.mark.parametrize("calls", [0, 1, 2, 4, 8, 14])
def test_ctrl_c_between_bets(calls):
    mechanism = Interrupted(calls)
    options = {"pairs": [(0, 1)], "draws": 20_000, "sequential": True, "alpha": ALPHA}
    if calls < 4:
        with pytest.raises(KeyboardInterrupt):
            audit(mechanism, PureDP(3.0), **options)
        return
    result = audit(mechanism, PureDP(3.0), **options)
    assert result.verdict is Verdict.NOT_REFUTED
    assert result.attack.interrupted
    assert result.draws <= mechanism.drawn
    assert result.search.looks == result.draws - 64
    assert result.true_epsilon.lower <= math.log(9.0)


def test_counts_of_interrupted_tests_are_those_of_a_shorter_one():
    """Hits and guesses are of the same draws."""
    seen: list[Counts] = []
    proper = fixed._Test.bands

    def spying(test, *arguments):
        seen.append(test.counts)
        hits = test._found[1]
        assert hits.firsts + hits.seconds == test.counts.rounds
        return proper(test, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fixed._Test, "bands", spying)
        for calls in (8, 11, 15):
            result = audit(Interrupted(calls), PureDP(1.0), pairs=[(0, 1)], draws=4000)
    size = batch_size(result.attack.learning_draws)
    assert [count.rounds for count in seen] == [2 * size, 3 * size, 5 * size]


@pytest.mark.parametrize("sequentially", [False, True])
@pytest.mark.parametrize("after", [0, 3, 9])
def test_failures_are_inconclusive_and_name_the_input(sequentially, after):
    calls = itertools.count()

    def failing(x, size, rng):
        if next(calls) >= after and x == "bad input":
            raise ZeroDivisionError("no noise left")
        return rng.random(size)

    result = audit(
        failing,
        PureDP(1.0),
        pairs=[("good input", "bad input")],
        draws=3000,
        sequential=sequentially,
    )
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "'bad input'" in result.reason
    assert "ZeroDivisionError: no noise left" in result.reason
    assert result.true_epsilon.lower == 0.0


def flipping(x, size, rng):
    """Of a module, so that workers can import it."""
    return np.where(rng.random(size) < 0.8, x, 1 - x)


@pytest.mark.parametrize("sequentially", [False, True])
def test_same_seed_same_result(sequentially):
    def once(seed):
        return summary(
            audit(
                flipping,
                PureDP(1.0),
                pairs=[(0, 1), (1, 0)],
                draws=3000,
                seed=seed,
                sequential=sequentially,
            )
        )

    assert once(4) == once(4)
    assert once(4) != once(5)


@pytest.mark.parametrize(
    ("workers", "sequentially"),
    [
        (1, False),
        pytest.param(2, False, marks=pytest.mark.slow),
        pytest.param(1, True, marks=pytest.mark.slow),
        pytest.param(2, True, marks=pytest.mark.slow),
    ],
)
def test_workers_leave_no_trace(workers, sequentially):
    one, other = (
        summary(
            audit(
                lambda x, size, rng: np.where(rng.random(size) < 0.8, x, 1 - x),
                PureDP(1.0),
                pairs=[(0, 1)],
                draws=40_000,
                sequential=sequentially,
                workers=count,
            )
        )
        for count in (0, workers)
    )
    assert one == other


def test_silent_mechanisms_teach_nothing():
    """A constant output: no error, no NaN, no violation."""
    for output in (0, "x", (1, 2), math.nan, None):
        for sequentially in (False, True):
            result = audit(
                lambda x, output=output: output,
                ApproximateDP(0.5, 1e-6),
                pairs=[(0, 1)],
                draws=300,
                sequential=sequentially,
            )
            assert result.verdict in (Verdict.NOT_REFUTED, Verdict.INCONCLUSIVE)
            assert result.true_epsilon is None or result.true_epsilon.lower == 0.0


def test_an_infinite_loss_gives_a_large_bound():
    """The output is the input: 20,000 draws prove an epsilon of more than 8."""
    for sequentially in (False, True):
        result = audit(
            lambda x, size, rng: np.full(size, x),
            PureDP(8.0),
            pairs=[(0, 1)],
            draws=60_000,
            sequential=sequentially,
        )
        assert result.verdict is Verdict.VIOLATED
        assert 8.0 < result.true_epsilon.lower < math.inf


@pytest.mark.parametrize("seed", [0, 4])
def test_the_bits_of_a_textbook_sampler_give_a_large_bound(seed):
    """From 1 its outputs near 0 are multiples of 2^-53, from 0 they are not (Mironov, CCS 2012).
    Nothing else is as pure: one wrong guess among 100,000 takes half a nat from the bound, some
    leaves of a tree or a second side a whole one. Seeds for which these look worth it."""

    def textbook(x, size, rng):
        uniform = rng.random(size) - 0.5
        return x - np.sign(uniform) * np.log1p(-2.0 * np.abs(uniform))

    result = audit(textbook, PureDP(1.0), pairs=[(0, 1)], bits=True, seed=seed)
    assert result.verdict is Verdict.VIOLATED
    assert result.true_epsilon.lower > 10.0
    assert result.attack.first == (
        "the exponent of the lowest bit set in the output is at most -53.5"
    )
