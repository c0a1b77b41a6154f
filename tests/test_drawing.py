"""Sources, outputs and rounds drawn in this process; worker processes are in `test_workers`."""

import contextlib
import itertools
import json
import math
import pickle
import random
import signal
import threading
import time
from collections import namedtuple
from datetime import date
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dpaudit import PureDP
from dpaudit.errors import DPAuditError, InputError
from dpaudit.mechanisms.numbers.laplace import Laplace
from dpaudit.statistical.drawing import Drawer, MechanismFailure, Rounds, source_of
from dpaudit.statistical.drawing.calling import SIZE, SIZE_ONE_AT_A_TIME
from dpaudit.statistical.drawing.outputs import (
    UnusableOutputError,
    canonical,
    interleaved,
    one_nan,
    piece_of_array,
    piece_of_values,
    settled,
)
from dpaudit.statistical.drawing.structures import Record

#: Every random test here has a fixed seed and this chance to have been unlucky with it.
FALSE_ALARM = 1e-7


def draw(mechanism, count=1000, key=(0,), first=0, second=1, seed=5, **options) -> Rounds:
    with Drawer(mechanism, seed, **options) as drawer:
        return drawer.draw(first, second, count, key)


def noisy(x, size, rng):
    return x + rng.laplace(size=size)


# What a mechanism is.


class Sampled:
    name = "sampled"
    claim = PureDP(0.5)
    remarks = ("a remark",)

    def __init__(self):
        self.parameters = {"epsilon": np.float64(0.5), "k": 3, "who": None, "odd": object}

    def sample(self, x, size, rng):
        return np.full(size, x)


def test_objects_say_who_they_are():
    source = source_of(Sampled())
    assert (source.name, source.claim, source.remarks) == ("sampled", PureDP(0.5), ("a remark",))
    assert source.parameters["epsilon"] == 0.5
    assert json.loads(json.dumps(dict(source.parameters)))["k"] == 3
    assert not source.one_at_a_time
    assert source_of(source) is source


def test_functions_have_their_qualified_name():
    assert source_of(noisy).name == f"{__name__}:noisy"
    assert source_of(partial(noisy, rng=None, size=2)).name == f"{__name__}:noisy"
    assert source_of(partial(lambda x, scale: x, scale=2)).parameters == {"scale": 2}
    assert source_of(Laplace(0.5).sample).name.endswith("Laplace.sample")


class Callable1:
    def __call__(self, x):
        return x


@pytest.mark.parametrize(
    ("mechanism", "form"),
    [
        (noisy, (False, True)),
        (Sampled(), (False, True)),
        (Laplace(1.0), (False, True)),
        (lambda a, b, c: a, (False, True)),
        (lambda x: x, (True, False)),
        (lambda x, scale=1.0: x, (True, False)),
        (lambda x, *more: x, (True, False)),
        (lambda x, rng: x, (True, True)),
        (lambda x, generator: x, (True, True)),
        (lambda x, random_state, scale=1.0: x, (True, True)),
        (Callable1(), (True, False)),
        (abs, (True, False)),
        (partial(lambda eps, x: x, 1.0), (True, False)),
    ],
)
def test_forms(mechanism, form):
    source = source_of(mechanism)
    assert (source.one_at_a_time, source.takes_rng) == form


async def coroutine(x):
    return x


@pytest.mark.parametrize(
    ("mechanism", "says"),
    [
        (lambda: 1, "takes 0 parameters"),
        (lambda x, y: x, r"takes 2 parameters \(x, y\)"),
        (lambda *args: 1, "none to rely on"),
        (lambda x, *, scale: x, r"\(x, scale\)"),
        (lambda a, b, c, d: a, "takes 4 parameters"),
        (3.0, "3.0 cannot be called"),
        (coroutine, "is a coroutine"),
        (max, "max"),
    ],
)
def test_other_forms_are_refused_with_the_three_that_work(mechanism, says):
    with pytest.raises(InputError, match=says) as caught:
        source_of(mechanism)
    for form in ("sample(x, size, rng)", "f(x, size, rng)", "f(x) or f(x, rng)"):
        assert form in str(caught.value)


def test_classes_are_refused_with_a_hint():
    with pytest.raises(InputError, match=r"Laplace is a class: give an instance"):
        source_of(Laplace)


def test_a_claim_is_a_claim():
    mechanism = Sampled()
    mechanism.claim = 0.5
    with pytest.raises(InputError, match=r"claim of sampled is 0\.5"):
        source_of(mechanism)


# What comes back.


class Colour(Enum):
    RED = 1


class Level(IntEnum):
    LOW = 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (np.int8(3), 3),
        (np.bool_(True), True),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.longdouble(0.5), 0.5),
        (np.array(3.5), 3.5),
        (np.array([[1, 2], [3, 4]]), ((1, 2), (3, 4))),
        ([1, [2.5, "a"], None], (1, (2.5, "a"), None)),
        (namedtuple("Answer", "a b")(1, 2), Record("Answer", ("a", "b"), (1, 2))),
        ({"b": [1], 2: {"a"}}, Record("dict", ("b", 2), ((1,), frozenset({"a"})))),
        ({1, 2}, frozenset({1, 2})),
        (SimpleNamespace(total=1.5), Record("SimpleNamespace", ("total",), (1.5,))),
        (
            np.ma.array([1, 2], mask=[1, 0]),
            Record("MaskedArray", ("data", "mask"), ((1, 2), (True, False))),
        ),
        (date(2024, 1, 2), "2024-01-02"),
        (np.str_("a"), "a"),
        (bytearray(b"x"), b"x"),
        (np.array(["a", "b"]), ("a", "b")),
        (1 + 2j, (1.0, 2.0)),
        (Fraction(1, 3), Fraction(1, 3)),
        (Decimal("0.1"), Decimal("0.1")),
        (Colour.RED, "Colour.RED"),
        (Level.LOW, 1),
        (True, True),
        ((), ()),
    ],
)
def test_canonical_values(value, expected):
    found = canonical(value)
    assert found == expected
    assert type(found) is type(expected)
    hash(found)


def test_floats_keep_their_bits_and_nans_are_one():
    assert math.copysign(1.0, canonical(-0.0)) == -1.0
    assert canonical(5e-324) == 5e-324
    odd = np.array([0x7FF8000000000123, 0xFFF8000000000000], dtype=np.uint64).view(np.float64)
    assert len(set(piece_of_array(odd).view(np.uint64).tolist())) == 1
    assert odd.view(np.uint64)[0] == 0x7FF8000000000123  # the mechanism's own array is as it was
    ours = [
        canonical((float("nan"), "a")),
        canonical((float("-nan"), "a")),
        canonical([np.nan, "a"]),
    ]
    assert len(set(ours)) == 1
    signs = settled([piece_of_array(np.array([0.0, -0.0]))])
    assert np.signbit(signs).tolist() == [False, True]


def test_nans_are_one_after_pickling():
    piece = piece_of_values([(math.nan, "a"), ("b",), (math.nan, "a")])
    copied = pickle.loads(pickle.dumps(piece))
    assert len(set(one_nan(copied))) == 2


@pytest.mark.parametrize(
    "value", [object(), np.ndarray, (1, [object()]), {1: object()}, len, range(2), Callable1()]
)
def test_unusable_values(value):
    with pytest.raises(UnusableOutputError):
        canonical(value)


@pytest.mark.parametrize(
    ("values", "dtype", "shape"),
    [
        ([True, False], "bool", (2,)),
        ([1, -2], "int64", (2,)),
        ([1, True], "int64", (2,)),
        ([1, 0.5], "float64", (2,)),
        ([math.nan, 1, True], "float64", (3,)),
        ([2**63, 1], "object", (2,)),
        ([2**53 + 1, 0.5], "object", (2,)),
        ([(1, 2), (3, 4), (5, 6)], "int64", (3, 2)),
        ([(1, 0.5), (2, 1.5)], "float64", (2, 2)),
        ([((1, 2), (3, 4)), ((5, 6), (7, 8))], "int64", (2, 4)),
        ([(1, 2), (3,)], "object", (2,)),
        ([(1,), 1], "object", (2,)),
        ([(1, "a"), (2, "b")], "object", (2,)),
        ([(), ()], "object", (2,)),
        (["a", "b"], "object", (2,)),
        ([None, 1], "object", (2,)),
        ([b"a", "a"], "object", (2,)),
    ],
)
def test_dtypes_and_shapes(values, dtype, shape):
    array = settled([piece_of_values(values)])
    assert (str(array.dtype), array.shape) == (dtype, shape)


SCALARS = st.one_of(
    st.booleans(),
    st.integers(-3, 3),
    st.just(2**53 + 1),
    st.just(2**70),
    st.floats(width=16),
)
VALUES = st.one_of(
    st.lists(SCALARS, min_size=1, max_size=8),
    st.lists(st.tuples(SCALARS, SCALARS), min_size=1, max_size=8),
    st.lists(st.tuples(st.tuples(SCALARS), st.tuples(SCALARS)), min_size=1, max_size=8),
    st.lists(
        st.one_of(
            SCALARS,
            st.text("ab", max_size=2),
            st.none(),
            st.lists(SCALARS, max_size=2).map(tuple),
        ),
        min_size=1,
        max_size=8,
    ),
)


def exactly(array) -> list:
    """Values with their types and the bits of floats."""
    return [repr(value) for value in array.tolist()] + [str(array.dtype), array.shape]


@given(VALUES, st.data())
def test_chunks_leave_no_trace(values, data):
    values = [canonical(value) for value in values]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(values)), max_size=3)) | {0, len(values)})
    whole = settled([piece_of_values(values)])
    pieces = [piece_of_values(values[a:b]) for a, b in itertools.pairwise(cuts)]
    assert exactly(settled(pieces)) == exactly(whole)


@given(VALUES, st.data())
def test_interleaving_leaves_no_trace(values, data):
    values = [canonical(value) for value in values]
    labels = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    sides = [
        [v for v, b in zip(values, labels, strict=True) if b == side] for side in (True, False)
    ]
    first, second = (piece_of_values(side) if side else None for side in sides)
    both = interleaved(np.array(labels), first, second)
    assert exactly(settled([both])) == exactly(settled([piece_of_values(values)]))


@pytest.mark.parametrize(
    ("array", "dtype", "shape"),
    [
        (np.arange(4, dtype=np.int8), "int64", (4,)),
        (np.arange(4, dtype=np.uint64), "int64", (4,)),
        (np.arange(4, dtype=np.uint64) + np.uint64(2**63), "object", (4,)),
        (np.zeros((4, 3), dtype=np.float16), "float64", (4, 3)),
        (np.zeros((4, 3, 2)), "float64", (4, 6)),
        (np.zeros(4, dtype=complex), "float64", (4, 2)),
        (np.zeros(4, dtype=np.longdouble), "float64", (4,)),
        (np.array(["a", "b", "c", "d"]), "object", (4,)),
        (np.array([1, "b", None, 2.5], dtype=object), "object", (4,)),
        (np.array([[1, 2.5]] * 4, dtype=object), "float64", (4, 2)),
        (np.zeros((4, 0)), "object", (4,)),
    ],
)
def test_arrays(array, dtype, shape):
    outputs = settled([piece_of_array(array)])
    assert (str(outputs.dtype), outputs.shape) == (dtype, shape)


def test_numbers_take_no_python_loop():
    array = np.random.default_rng(1).random((1_000_000, 2))
    start = time.perf_counter()
    settled([piece_of_array(array)] * 3)
    assert time.perf_counter() - start < 2.0  # 0.03 s; a loop takes 3 s and more


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        (3.0, r"returned 3.0 \(float\)"),
        (np.float64(3.0), "returned np.float64"),
        (np.zeros(3), r"array of shape \(3,\)"),
        ([1, 2], "list of 2"),
        ((1, 2), r"returned \(1, 2\) \(tuple\)"),
        ("text", "returned 'text'"),
        ({"a": 1}, r"\(dict\)"),
        (None, r"\(NoneType\)"),
    ],
)
def test_wrong_returns_of_vectorised_mechanisms(returned, says):
    def mechanism(x, size, rng):
        return returned

    with pytest.raises(InputError, match=says) as caught:
        draw(mechanism, first="here", second="here")
    assert "on input 'here' with size" in str(caught.value)
    assert "mechanism" in str(caught.value)


@pytest.mark.parametrize("one", [True, False])
def test_unusable_outputs_name_mechanism_and_input(one):
    def single(x):
        return range(x)

    def vectorised(x, size, rng):
        return [range(x)] * size

    with pytest.raises(InputError, match=r"returned range\(0, 7\) \(range\) on input 7"):
        draw(single if one else vectorised, first=7, second=7)


# Rounds.


def test_labels_say_where_outputs_come_from():
    for mechanism in (
        lambda x, size, rng: np.full(size, x),
        lambda x, size, rng: [x] * size,
        lambda x: x,
        lambda x, rng: np.int8(x),
    ):
        rounds = draw(mechanism, count=40_000 if mechanism.__code__.co_argcount == 3 else 700)
        assert (rounds.outputs == ~rounds.labels).all()
        assert len(rounds) == len(rounds.outputs)


def test_strings_and_vectors():
    assert set(draw(lambda x: x, first="a", second=None).outputs) == {"a", None}
    assert draw(lambda x, size, rng: np.full((size, 3), x)).outputs.shape == (1000, 3)
    ragged = draw(lambda x: [x] * (1 + x))
    assert set(ragged.outputs) == {(0,), (1, 1)}


def test_a_buffer_that_is_used_again():
    buffer, single = np.empty(SIZE), np.empty(2)

    def vectorised(x, size, rng):
        buffer[:size] = x
        return buffer[:size]

    def one(x):
        single[:] = x
        return single

    for mechanism in (vectorised, one):
        rounds = draw(mechanism)
        outputs = rounds.outputs if rounds.outputs.ndim == 1 else rounds.outputs[:, 0]
        assert (outputs == ~rounds.labels).all()


def test_an_empty_side_is_not_called():
    sizes = []

    def mechanism(x, size, rng):
        sizes.append(size)
        return np.full(size, x)

    for key in range(20):
        draw(mechanism, count=1, key=(key,))
    assert sizes == [1] * 20


def test_labels_are_fair_and_have_no_memory():
    """Three tests, each with a chance of a false alarm of 1e-7."""
    labels = draw(noisy, count=1_000_000).labels
    assert stats.binomtest(int(labels.sum()), len(labels)).pvalue > FALSE_ALARM
    triples = labels[: len(labels) // 3 * 3].reshape(-1, 3) @ [4, 2, 1]
    assert stats.chisquare(np.bincount(triples, minlength=8)).pvalue > FALSE_ALARM
    first = np.array([draw(noisy, count=1, key=(k,)).labels[0] for k in range(2000)])
    assert stats.binomtest(int(first.sum()), 2000).pvalue > FALSE_ALARM


def bits_of(source: str, size: int, rng) -> np.ndarray:
    """Random bits as they come."""
    if source == "rng":
        return rng.integers(0, 2, size, dtype=bool)
    if source == "global numpy":
        return np.random.randint(0, 2, size).astype(bool)  # noqa: NPY002
    return np.array([random.getrandbits(1) for _ in range(size)], dtype=bool)


@pytest.mark.parametrize("source", ["rng", "global numpy", "global random"])
def test_the_mechanism_cannot_see_the_labels(source):
    """The bits that a mechanism sees, in the order in which it sees them and in the one in which
    they come out, agree with the labels by chance only: 4 x 21 comparisons, all at 1e-7 / 84."""
    seen = []

    def vectorised(x, size, rng):
        seen.append(bits_of(source, size, rng))
        return seen[-1]

    rounds = draw(vectorised, count=SIZE)
    sequences = [rounds.outputs, *seen]
    assert len(seen) == 2
    compared = [(bits, rounds.labels[: len(bits)]) for bits in sequences]
    rounds = draw(lambda x, rng: bits_of(source, 1, rng)[0], count=SIZE)
    compared.append((rounds.outputs, rounds.labels))
    for bits, labels in compared:
        for lag in range(-10, 11):
            agree = int((np.roll(bits, lag) == labels).sum())
            assert stats.binomtest(agree, len(labels)).pvalue > FALSE_ALARM / 84


def test_which_input_is_called_first_is_a_coin():
    calls = []

    def mechanism(x, size, rng):
        calls.append(x)
        return np.full(size, x)

    for key in range(400):
        draw(mechanism, count=20, key=(key,))
    assert len(calls) == 800
    assert stats.binomtest(sum(calls[::2]), 400).pvalue > FALSE_ALARM


def test_no_draw_is_used_twice():
    """A mechanism whose outputs are 63 random bits never gives one of them again: not on the
    other input, not in another chunk, not under another key or seed."""

    def vectorised(x, size, rng):
        return rng.integers(0, 2**63, size)

    def single(x, rng):
        return int(rng.integers(0, 2**63))

    def global_numpy(x, size, rng):
        return np.random.randint(0, 2**63, size, dtype=np.int64)  # noqa: NPY002

    def global_random(x):
        return random.getrandbits(63)

    keys = [(), (0,), (1,), (0, 0), (0, 1), (1, 0), (0, 0, 0), (2**32 - 1,), (1, 2), (1, 2, 3)]
    assert SIZE_ONE_AT_A_TIME < 500
    for mechanism, count in ((vectorised, 3 * SIZE), (global_numpy, 2 * SIZE), (single, 500)):
        seen = [draw(mechanism, count, key).outputs for key in keys]
        seen.append(draw(mechanism, count, keys[0], seed=6).outputs)
        everything = np.concatenate(seen)
        assert len(np.unique(everything)) == len(everything)
    seen = [draw(global_random, 500, key).outputs for key in keys]
    assert len(np.unique(np.concatenate(seen))) == 500 * len(keys)


def test_labels_differ_between_keys():
    """Agreement of labels of different keys, 45 pairs at 1e-7 / 45."""
    keys = [(), (0,), (1,), (0, 0), (0, 1), (1, 0), (0, 0, 0), (2**32 - 1,), (1, 2), (1, 2, 3)]
    labels = [draw(noisy, 10_000, key).labels for key in keys]
    for one, other in itertools.combinations(labels, 2):
        agree = int((one == other).sum())
        assert stats.binomtest(agree, 10_000).pvalue > FALSE_ALARM / 45


def test_same_seed_same_rounds():
    def single(x):
        return x + random.random() + np.random.random()  # noqa: NPY002

    for mechanism in (noisy, single):
        one, again = draw(mechanism, 2000), draw(mechanism, 2000)
        assert (one.outputs == again.outputs).all()
        assert (one.labels == again.labels).all()
        assert (draw(mechanism, 2000, seed=6).outputs != one.outputs).all()


def test_a_longer_batch_begins_with_the_labels_of_a_shorter_one():
    assert (draw(noisy, 5000).labels[:300] == draw(noisy, 300).labels).all()


def test_global_random_state_is_put_back():
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    expected = random.random(), np.random.random()  # noqa: NPY002
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    draw(lambda x: random.random())
    with pytest.raises(MechanismFailure):
        draw(lambda x: 1 / 0)
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002


def test_prints_do_not_reach_standard_output(capsys):
    draw(lambda x: print("noise") or x, count=3)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "noise\n" * 3


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"workers": -1}, "workers is -1"),
        ({"workers": True}, "workers is True"),
        ({"time_limit": 0}, "time_limit is 0"),
        ({"count": 0}, "count is 0"),
        ({"key": (-1,)}, "key is -1"),
        ({"key": (2**32,)}, "key is"),
    ],
)
def test_bad_arguments(changes, says):
    with pytest.raises(InputError, match=says):
        draw(noisy, **changes)


# Failures in this process.


def test_exceptions_name_the_input():
    def fails(x):
        if x == 1:
            raise ValueError("no ones please")
        return x

    with pytest.raises(MechanismFailure) as caught:
        draw(fails)
    failure = caught.value
    assert isinstance(failure, DPAuditError)
    assert (failure.kind, failure.input) == ("raised", "1")
    assert failure.message == "ValueError: no ones please"
    assert "fails raised an exception on input 1: ValueError" in str(failure)
    assert str(pickle.loads(pickle.dumps(failure))) == str(failure)
    assert isinstance(failure.__cause__, ValueError)


def test_long_inputs_are_cut():
    with pytest.raises(MechanismFailure) as caught:
        draw(lambda x: 1 / 0, first="a" * 1000, second="b" * 1000)
    assert len(caught.value.input) == 200


@pytest.mark.parametrize("error", [SystemExit(3), MemoryError(), RecursionError("deep")])
def test_everything_that_is_raised_is_a_failure(error):
    def fails(x, size, rng):
        raise error

    with pytest.raises(MechanismFailure, match=type(error).__name__):
        draw(fails)


def test_ctrl_c_is_not_a_failure_of_the_mechanism():
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw(interrupted)


def test_a_mechanism_that_refuses_its_input_is_bad_input():
    with pytest.raises(InputError, match=r"x is '[ab]', but it must be a number"):
        draw(Laplace(1.0), first="a", second="b")


def spins(x, rng):
    while x == 1:
        pass
    return x


def stubborn(x):
    with contextlib.suppress(BaseException):  # swallows the first alarm, not the second
        time.sleep(60)
    time.sleep(60)


@pytest.mark.parametrize("mechanism", [spins, stubborn])
def test_hangs_end_at_the_limit(mechanism):
    start = time.monotonic()
    with pytest.raises(MechanismFailure, match=r"no answer within 0\.2 s") as caught:
        draw(mechanism, first=1, second=1, time_limit=0.2)
    assert (caught.value.kind, caught.value.input) == ("hung", "1")
    assert time.monotonic() - start < 5.0


def test_slow_is_not_hung():
    """All calls together take longer than the limit, no single one does."""

    def slow(x):
        time.sleep(0.02)
        return x

    assert len(draw(slow, count=25, time_limit=0.4)) == 25


def test_alarms_of_others_go_on():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        draw(noisy)
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0.0
        with pytest.raises(MechanismFailure):
            draw(spins, first=1, second=1, time_limit=0.1)
        time.sleep(0.2)
        assert rung == [1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def test_other_threads_can_draw():
    results = []
    thread = threading.Thread(target=lambda: results.append(draw(noisy)))
    thread.start()
    thread.join()
    assert (results[0].outputs == draw(noisy).outputs).all()
