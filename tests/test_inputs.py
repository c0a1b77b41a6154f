"""Inputs of black boxes by value: which are the same, how they are shown, copies for every call."""

import json
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from dpaudit import InputError, PureDP, Verdict, audit
from dpaudit.statistical.differences import shown_pair
from dpaudit.statistical.drawing import Drawer
from dpaudit.statistical.drawing.inputs import copier, same
from dpaudit.statistical.pairs import given_pairs

pandas = pytest.importorskip("pandas")


@dataclass
class Person:
    name: str
    visits: list


def frame(rows=200, **changes):
    found = pandas.DataFrame({"age": np.arange(rows), "name": ["x"] * rows})
    for place, age in changes.items():
        found.loc[int(place[1:]), "age"] = age
    return found


#: Pairs that were once called the same, and what the first and the second must say.
DIFFERENT = {
    "list": (list(range(100)), list(range(101)), ("without [100]", "with [100] = 100")),
    "removed": (
        [*range(5), *range(6, 101)],
        list(range(101)),
        ("without [5]", "with [5] = 5"),
    ),
    "array": (np.arange(5000), np.where(np.arange(5000) == 4000, 7, np.arange(5000)),
              ("[4000]: 4000", "[4000]: 7")),
    "longer array": (np.arange(5000), np.arange(5001), ("(5000,)", "[5000]")),
    "frame": (frame(), frame(r117=30), ("row 117, column 'age': 117", "column 'age': 30")),
    "row": (frame(), frame().drop(index=100), ("with row [100] = (100, 'x')", "without row [100]")),
    "column": (frame(), frame().assign(zip=1), ("without column 'zip'", "with column 'zip'")),
    "index": (frame(), frame().rename(index={3: 999}), ("index[3]: 3", "index[3]: 999")),
    "long text": ("a" * 300 + "hallo" + "b" * 300, "a" * 300 + "hello" + "b" * 300,
                  ("character 302: …aaaaaaaaah[a]llo", "aaah[e]llo")),
    "nested": ({"a": [{"b": list(range(90))}]}, {"a": [{"b": [*range(89), 7]}]},
               ("['a'][0]['b'][89]: 89", "['a'][0]['b'][89]: 7")),
    "key": (dict.fromkeys(range(90)), dict.fromkeys(range(91)), ("without [90]", "with [90]")),
    "set": (set(range(90)), set(range(91)), ("without 90", "with 90")),
    "object": (Person("x" * 200, [1]), Person("x" * 200, [2]), (".visits[0]: 1", ".visits[0]: 2")),
    "type": (1, "1", ("1", "'1'")),
    "masked": (np.ma.array(np.arange(3000), mask=False), np.ma.array(np.arange(3000), mask=True),
               ("", "")),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENT)
def test_inputs_are_compared_by_value_and_shown_by_where_they_differ(name):
    first, second, says = DIFFERENT[name]
    assert same(first, copier_of(first))
    assert not same(first, second)
    (pair,) = given_pairs(PureDP(1.0), [(first, second)])
    assert pair.shown[0] != pair.shown[1]
    for shown, said in zip(pair.shown, says, strict=True):
        assert said in shown
        assert len(shown) < 400


def copier_of(value):
    made = copier(value)
    return value if made is None else made()


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.arange(5000),
        frame,
        lambda: "a" * 500,
        lambda: [[1, {"a": {2, 3}}], 2.5, None],
        lambda: Person("a", [np.zeros(3)]),
        lambda: SimpleNamespace(a=[1]),
        lambda: np.ma.array([1, 2], mask=[True, False]),
        lambda: [float("nan")] * 200,
    ],
)
def test_the_same_input_twice_is_refused(make):
    with pytest.raises(InputError, match="twice"):
        given_pairs(PureDP(1.0), [(make(), make())])


def test_types_signs_and_hidden_entries_count():
    assert not same([1], [True])
    assert not same(0.0, -0.0)
    assert not same(np.zeros(3), np.zeros(3, dtype=np.float32))
    masked = [np.ma.array([1, hidden], mask=[False, True]) for hidden in (2, 3)]
    assert not same(*masked)
    assert same(float("nan"), float("nan"))


def test_inputs_that_contain_themselves():
    ring: list = []
    ring.append(ring)
    assert same(ring, ring)
    assert copier(ring)() is not ring


@pytest.mark.parametrize("value", [1, "a", (1, ("b", 2.5)), None, frozenset({1}), 2**70, b"x"])
def test_what_cannot_change_is_not_copied(value):
    assert copier(value) is None


@pytest.mark.parametrize(
    "value",
    [
        [1, 2], [[1], [2]], {"a": 1}, {"a": [1]}, ([1], 2), {1, 2}, np.zeros(3),
        np.array([[1], None], dtype=object), Person("a", [1]), np.ma.array([1], mask=[True]),
        [{1, 2}], bytearray(b"a"), pandas.Series([1, 2]), frame(3),
        pandas.DataFrame({"a": [[1], [2]]}),
    ],
    ids=repr,
)  # fmt: skip
def test_copies_are_the_same_and_share_nothing(value):
    made = copier(value)
    one, two = made(), made()
    assert same(one, value)
    assert type(one) is type(value)
    assert one is not two
    assert one is not value


def test_what_cannot_be_copied_is_refused_with_a_way_out():
    with pytest.raises(InputError, match="cannot be copied"):
        audit(lambda x: 0, PureDP(1.0), pairs=[((i for i in "a"), "b")], draws=100)


def in_place(x, rng):
    x += rng.laplace(0.0, 1.0, len(x))
    return x


def in_place_many(x, size, rng):
    found = x + rng.laplace(0.0, 1.0, (size, len(x)))
    x[:] = found[-1]
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("mechanism", [in_place, in_place_many])
def test_noise_added_in_place_is_private_and_leaves_the_callers_arrays_alone(mechanism, seed):
    """Exactly 1-DP a call. alpha is 1e-9."""
    first, second = np.zeros(2), np.array([1.0, 0.0])
    result = audit(
        mechanism, PureDP(1.0), pairs=[(first, second)], draws=20_000, seed=seed, alpha=1e-9
    )
    assert result.verdict is Verdict.NOT_REFUTED
    assert first.tolist() == [0.0, 0.0]
    assert second.tolist() == [1.0, 0.0]
    assert "changes the input" in " ".join(result.mechanism.remarks)
    assert result.attack.pair == ("array([0., 0.])", "array([1., 0.])")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_mechanism_that_empties_its_input_is_seen_through(workers):
    """True epsilon: 10. The first call would have left nothing to count for all others."""

    def emptied(x, rng):
        count = len(x["rows"])
        x["rows"].clear()
        return count + rng.laplace(0.0, 0.1)

    pairs = [(json.loads('{"rows": [1, 2]}'), json.loads('{"rows": [1]}'))]
    result = audit(emptied, PureDP(1.0), pairs=pairs, draws=5_000, workers=workers)
    assert result.verdict is Verdict.VIOLATED
    assert pairs[0][0] == {"rows": [1, 2]}
    assert result.mechanism.remarks


@pytest.mark.parametrize("value", [[1.0, 2.0], np.zeros(3), frame(3), Person("a", [1])])
def test_a_mechanism_that_only_reads_gets_no_remark(value):
    with Drawer(lambda x, rng: rng.random(), seed=1) as drawer:
        drawer.draw(value, value, 300, (0,))
    assert not drawer.changes_input


def test_shown_pairs_make_foreign_characters_visible():
    shown = shown_pair("a" * 200 + "\x1b[2J", "a" * 200 + "b")
    assert "\x1b" not in "".join(shown)
    assert "\\x1b" in shown[0]
