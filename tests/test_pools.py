"""Outputs kept for learning: shared by pairs, balanced, bounded."""

import numpy as np
import pytest

from dpaudit.statistical import pools as module
from dpaudit.statistical.contest import hold_contest
from dpaudit.statistical.drawing import Drawer, Rounds
from dpaudit.statistical.pairs import Pair
from dpaudit.statistical.pools import Pools


class Recorded:
    """Outputs say which input they came from, and which call of it; a list of all calls."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}

    def sample(self, x, size, rng):
        before = self.sizes.get(repr(x), 0)
        self.sizes[repr(x)] = before + size
        return 1_000_000 * int(np.sum(x)) + before + np.arange(size)


PAIRS = (Pair((0,), (1,)), Pair((0,), (2,)), Pair((3,), (2,)))


def grown(count: int) -> tuple[Pools, Recorded]:
    mechanism = Recorded()
    pools = Pools(Drawer(mechanism, seed=1), PAIRS, seed=1)
    for number in pools.inputs(PAIRS):
        pools.grow(number, count, 0)
    return pools, mechanism


def test_an_input_of_several_pairs_is_drawn_from_once():
    pools, mechanism = grown(100)
    assert mechanism.sizes == {f"({x},)": 100 for x in range(4)}
    assert pools.drawn == 400


@pytest.mark.parametrize("pair", PAIRS)
def test_labels_name_the_input_and_are_balanced(pair):
    pools, _ = grown(100)
    rounds = pools.rounds(pair)
    assert rounds.labels.sum() == 100
    assert len(rounds) == len(set(rounds.outputs.tolist())) == 200
    expected = np.where(rounds.labels, pair.first[0], pair.second[0])
    assert (rounds.outputs // 1_000_000 == expected).all()
    # In no order: trees and halves take the first ones.
    assert 20 <= rounds.labels[:100].sum() <= 80


def test_tested_rounds_are_added_to_both_inputs_and_the_oldest_go(monkeypatch):
    monkeypatch.setattr(module, "_MOST", 120)
    pools, _ = grown(100)
    labels = np.arange(60) < 40
    pools.add(PAIRS[0], Rounds(labels, np.where(labels, -1, 1_000_000 - 1)))
    rounds = pools.rounds(PAIRS[0])
    # 140 and 120 there were; as many of both, and the newest, are left.
    assert len(rounds) == 240
    assert (rounds.outputs[rounds.labels] == -1).sum() == 40
    assert rounds.outputs[rounds.labels].max() == 99
    pools.grow(pools.inputs(PAIRS)[0], 50, 1)
    assert pools.drawn == 400  # there is no room


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ([1], [1], True), ([1], [True], False), ((1, 2), (1, 2), True), ("a", "a", True),
        (1, "1", False), (1, 1.0, False),
    ],
)  # fmt: skip
def test_equal_inputs_are_one(first, second, shared):
    """By type and value, whether they can be hashed or not."""
    pairs = (Pair(first, 0), Pair(second, 0))
    pools = Pools(Drawer(Recorded(), seed=1), pairs, seed=1)
    assert len(pools.inputs(pairs)) == (2 if shared else 3)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9, 40])
def test_a_contest_keeps_its_budget(count):
    mechanism = Recorded()
    pairs = tuple(Pair((0,), (k + 1,)) for k in range(count))
    with Drawer(mechanism, seed=1) as drawer:
        contest = hold_contest(drawer, pairs, _goal, 1.0, 30_000, seed=1)
    assert 29_000 <= contest.pools.drawn == sum(mechanism.sizes.values()) <= 30_000
    assert [c.number for c in contest.contenders] == list(range(count))
    assert all(c.attacker is not None for c in contest.contenders)


def _goal(pair):
    from dpaudit.statistical.attackers import Goal

    return Goal(10_000, 0.05, 1.0)
