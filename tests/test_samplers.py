"""Samplers: they draw from the exact law, to the last unit of their tables, in any batches.

False alarms: all tests of fit of this file together reject correct code with probability at
most `BUDGET` per run; each gets an equal share. The same tests must reject broken samplers.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any
from unittest import mock

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom
from support import (
    DIGITS,
    SPACES,
    builtin,
    exact_distances,
    exact_log_laws,
    fit_p_value,
    known_space,
    make_space,
    mechanism_p_value,
)

import dpaudit.mechanisms.words.metric_exponential as metric_module
import dpaudit.mechanisms.words.randomized_response as response_module
import dpaudit.mechanisms.words.truncated_exponential as truncated_module
from dpaudit.errors import MemoryNeededError, NumericalError
from dpaudit.mechanisms.kernels import alias
from dpaudit.mechanisms.kernels.alias import (
    AliasTables,
    build_tables,
    draw_entries,
    draw_entry,
    fill_tables,
    sample_in_chunks,
    table_error,
)
from dpaudit.mechanisms.protocol import WordMechanism
from dpaudit.mechanisms.spaces import EmbeddingSpace
from dpaudit.mechanisms.words.metric_exponential import MetricExponential
from dpaudit.mechanisms.words.randomized_response import RandomizedResponse
from dpaudit.mechanisms.words.truncated_exponential import TruncatedExponential

Floats = NDArray[np.float64]
Make = Callable[[EmbeddingSpace], Any]

#: Probability that any test of fit in this file rejects correct code, per run.
BUDGET = 1e-6


@dataclass(frozen=True)
class Case:
    """A mechanism on a space, with the inputs that are tried and the draws for each."""

    name: str
    make: Make
    space: str
    inputs: tuple[int, ...]
    draws: int


def space_of(case: Case) -> EmbeddingSpace:
    """The space of a case."""
    return builtin() if case.space == "builtin" else known_space(case.space)


_PLANE, _SIMPLEX, _BUILTIN = "plane-6", "near-simplex-20", "builtin"
_FEW = (0, 17, 1999)
_BASE = [
    Case("exponential", lambda s: MetricExponential(s, 1.0), _PLANE, tuple(range(6)), 200_000),
    Case("exponential", lambda s: MetricExponential(s, 4.0), _SIMPLEX, tuple(range(20)), 100_000),
    Case("exponential", lambda s: MetricExponential(s, 12.0), _BUILTIN, _FEW, 400_000),
    # All words but one outside, some outside, exactly at the edge, and none outside.
    Case("truncated", lambda s: TruncatedExponential(s, 1.0, 0.9), _PLANE, (0, 3), 200_000),
    Case(
        "truncated", lambda s: TruncatedExponential(s, 1.0, 2.5), _PLANE, tuple(range(6)), 200_000
    ),
    Case(
        "truncated", lambda s: TruncatedExponential(s, 1.0, 2.0), _PLANE, tuple(range(6)), 200_000
    ),
    Case("truncated", lambda s: TruncatedExponential(s, 1.0), _PLANE, (0, 5), 200_000),
    Case("truncated", lambda s: TruncatedExponential(s, 2.0, 1.35), _SIMPLEX, (0, 9, 19), 200_000),
    Case("truncated", lambda s: TruncatedExponential(s, 12.0, 1.0), _BUILTIN, _FEW, 400_000),
    Case("response", lambda s: RandomizedResponse(s, 1.0), _PLANE, tuple(range(6)), 200_000),
    Case("response", lambda s: RandomizedResponse(s, 3.0), _SIMPLEX, (0, 10, 19), 200_000),
    Case("response", lambda s: RandomizedResponse(s, 8.0), _BUILTIN, _FEW, 400_000),
]

#: Share of the budget of one test of fit; one more share goes to the test of the test.
LEVEL = BUDGET / (len(_BASE) + 1)


@pytest.mark.parametrize("number", range(len(_BASE)))
def test_sampler_fits_the_exact_law(number: int) -> None:
    """All outputs on several inputs agree with the exact law."""
    case = _BASE[number]
    mechanism = case.make(space_of(case))
    p_value = mechanism_p_value(mechanism, mechanism, list(case.inputs), case.draws, 1000 + number)
    assert p_value > LEVEL


# Broken samplers


class WrongRate(MetricExponential):
    """Draws with theta = 0.6 epsilon."""

    def sample_indices(self, inputs: Any, rng: Any) -> Any:
        return MetricExponential(self.space, 1.2 * self.epsilon).sample_indices(inputs, rng)


class SlightlyWrongRate(MetricExponential):
    """Draws with theta = 0.505 epsilon."""

    def sample_indices(self, inputs: Any, rng: Any) -> Any:
        return MetricExponential(self.space, 1.01 * self.epsilon).sample_indices(inputs, rng)


class WrongThreshold(TruncatedExponential):
    """Draws with a threshold that is 5 % too large."""

    def sample_indices(self, inputs: Any, rng: Any) -> Any:
        wrong = TruncatedExponential(self.space, self.epsilon, 1.05 * self._gamma)
        return wrong.sample_indices(inputs, rng)


class BucketOfOne(TruncatedExponential):
    """Gives the bucket the weight of a single word."""

    @cached_property
    def _tables(self) -> AliasTables:
        def weights(rows: slice) -> Floats:
            block = np.exp(-0.5 * self.epsilon * np.sort(self.space.distance_rows(rows), axis=1))
            ranks, inside = np.arange(len(self.space)), self._inside[rows, None]
            bucket = math.exp(-0.5 * self.epsilon * self._gamma)
            return np.where(ranks < inside, block, np.where(ranks == inside, bucket, 0.0))

        return build_tables(len(self.space), len(self.space), weights)


def skewed_bucket(draw: Any) -> Any:
    """The words of the bucket are not equally likely."""

    def broken(*arguments: Any) -> None:
        *others, uniforms, outputs = arguments
        uniforms = uniforms.copy()
        uniforms[:, 2] **= 1.05
        draw(*others, uniforms, outputs)

    return broken


def reused_uniform(draw: Any) -> Any:
    """The choice in the bucket depends on the choice of the bucket."""

    def broken(*arguments: Any) -> None:
        *others, uniforms, outputs = arguments
        uniforms = uniforms.copy()
        uniforms[:, 2] = uniforms[:, 1]
        draw(*others, uniforms, outputs)

    return broken


def one_more_inside(draw: Any) -> Any:
    """The rank of the bucket is taken for a word."""
    return lambda t, a, order, inside, *rest: draw(t, a, order, inside + 1, *rest)


def one_less_inside(draw: Any) -> Any:
    """The last word inside is taken for the bucket."""
    return lambda t, a, order, inside, *rest: draw(t, a, order, inside - 1, *rest)


def shifted_ranks(draw: Any) -> Any:
    """Ranks are off by one."""
    return lambda t, a, order, *rest: draw(t, a, np.roll(order, 1, axis=1), *rest)


def wrong_aliases(draw: Any) -> Any:
    """Aliases are off by one."""
    return lambda t, aliases, *rest: draw(t, (aliases + 1) % aliases.shape[1], *rest)


def lower_thresholds(draw: Any) -> Any:
    """Thresholds are 2 % too low."""
    return lambda thresholds, *rest: draw(0.98 * thresholds, *rest)


def swapped_rows(draw: Any) -> Any:
    """One input is taken for another."""
    return lambda t, a, rows, *rest: draw(t, a, np.where(rows == 1, 0, rows), *rest)


def one_uniform(draw: Any) -> Any:
    """Column and acceptance share their uniform."""
    return lambda t, a, rows, u, *rest: draw(t, a, rows, np.repeat(u[:, :1], 2, axis=1), *rest)


def less_kept(draw: Any) -> Any:
    """The word is kept 2 % too rarely."""
    return lambda keep, *rest: draw(0.98 * keep, *rest)


def more_kept(draw: Any) -> Any:
    """The word is kept 2 % too often."""
    return lambda keep, *rest: draw(1.02 * keep, *rest)


def last_word_never(draw: Any) -> Any:
    """The last word is never drawn."""
    return lambda keep, n, *rest: draw(keep, n - 1, *rest)


def not_shifted(draw: Any) -> Any:
    """The input word is not stepped over."""

    def broken(keep: float, n: int, rows: Any, uniforms: Any, outputs: Any) -> None:
        draw(keep, n, rows, uniforms, outputs)
        outputs[outputs > rows] -= 1

    return broken


_FAULTY_SUBCLASSES = [
    Case("theta 0.6", lambda s: WrongRate(s, 1.0), _PLANE, tuple(range(6)), 200_000),
    Case("theta 0.6", lambda s: WrongRate(s, 4.0), _SIMPLEX, tuple(range(20)), 100_000),
    Case("theta 0.6", lambda s: WrongRate(s, 12.0), _BUILTIN, _FEW, 400_000),
    Case("theta 0.505", lambda s: SlightlyWrongRate(s, 4.0), _SIMPLEX, tuple(range(20)), 100_000),
    Case("threshold", lambda s: WrongThreshold(s, 1.0, 2.5), _PLANE, tuple(range(6)), 200_000),
    Case("threshold", lambda s: WrongThreshold(s, 12.0, 1.0), _BUILTIN, _FEW, 400_000),
    Case("bucket", lambda s: BucketOfOne(s, 1.0, 2.5), _PLANE, tuple(range(6)), 200_000),
    Case("bucket", lambda s: BucketOfOne(s, 12.0, 1.0), _BUILTIN, _FEW, 400_000),
]


@pytest.mark.parametrize("case", _FAULTY_SUBCLASSES, ids=lambda case: f"{case.name}-{case.space}")
def test_broken_mechanisms_are_caught(case: Case) -> None:
    """The test of fit, at the same level and with as many draws, rejects a broken sampler."""
    mechanism = case.make(space_of(case))
    assert mechanism_p_value(mechanism, mechanism, list(case.inputs), case.draws, 2000) <= LEVEL


def _exponential(space: EmbeddingSpace) -> MetricExponential:
    return MetricExponential(space, 1.0)


def _truncated(space: EmbeddingSpace) -> TruncatedExponential:
    return TruncatedExponential(space, 1.0, 2.5 if len(space) == 6 else 1.35)


def _response(space: EmbeddingSpace) -> RandomizedResponse:
    return RandomizedResponse(space, 1.0 if len(space) == 6 else 5.0)


_METRIC_KERNEL = (metric_module, "draw_entries")
_TRUNCATED_KERNEL = (truncated_module, "_draw")
_RESPONSE_KERNEL = (response_module, "_draw")
_BOTH = (_PLANE, _SIMPLEX)
_KERNEL_FAULTS: list[tuple[Make, tuple[Any, str], Callable[[Any], Any], tuple[str, ...]]] = [
    (_exponential, _METRIC_KERNEL, wrong_aliases, _BOTH),
    (_exponential, _METRIC_KERNEL, lower_thresholds, _BOTH),
    (_exponential, _METRIC_KERNEL, swapped_rows, _BOTH),
    (_exponential, _METRIC_KERNEL, one_uniform, _BOTH),
    (_truncated, _TRUNCATED_KERNEL, skewed_bucket, _BOTH),
    # On the other vocabulary the bucket fills whole columns, where the number is not looked at.
    (_truncated, _TRUNCATED_KERNEL, reused_uniform, (_PLANE,)),
    (_truncated, _TRUNCATED_KERNEL, one_more_inside, _BOTH),
    (_truncated, _TRUNCATED_KERNEL, one_less_inside, _BOTH),
    (_truncated, _TRUNCATED_KERNEL, shifted_ranks, _BOTH),
    (_response, _RESPONSE_KERNEL, less_kept, _BOTH),
    (_response, _RESPONSE_KERNEL, more_kept, _BOTH),
    (_response, _RESPONSE_KERNEL, last_word_never, _BOTH),
    (_response, _RESPONSE_KERNEL, not_shifted, _BOTH),
]


@pytest.mark.parametrize(
    ("make", "kernel", "fault", "vocabulary"),
    [
        pytest.param(make, kernel, fault, vocabulary, id=f"{fault.__name__}-{vocabulary}")
        for make, kernel, fault, vocabularies in _KERNEL_FAULTS
        for vocabulary in vocabularies
    ],
)
def test_broken_kernels_are_caught(
    make: Make, kernel: tuple[Any, str], fault: Callable[[Any], Any], vocabulary: str
) -> None:
    """The same for faults put into the jitted kernels."""
    mechanism = make(known_space(vocabulary))
    inputs = list(range(len(mechanism.space)))
    draws = 1_200_000 // len(inputs)
    with mock.patch.object(*kernel, fault(getattr(*kernel))):
        p_value = mechanism_p_value(mechanism, mechanism, inputs, draws, 3000)
    assert p_value <= LEVEL


# The test of fit itself


@pytest.mark.parametrize("draws", [30, 1000])
def test_p_values_are_valid(draws: int) -> None:
    """On the null hypothesis p <= x has probability at most x, with few draws too.

    4,000 samples for each of two sizes and three levels: the bound on the number of rejections
    is exceeded with probability at most `LEVEL` altogether.
    """
    law = np.array([0.5, 0.2, 0.1, 0.1, 0.05, 0.03, 0.015, 0.004, 0.001])
    samples = np.random.default_rng(11).multinomial(draws, law, size=4000)
    p_values = np.array([fit_p_value(counts, law) for counts in samples])
    assert p_values.min() >= 0.0
    for level in (0.2, 0.05, 0.01):
        assert (p_values <= level).sum() <= binom.isf(LEVEL / 6, 4000, level)


def test_p_values_detect() -> None:
    """Small p-values for a shifted law and for a single impossible or too frequent output."""
    law = np.array([0.5, 0.3, 0.2, 0.0])
    counts = np.array([50_000, 30_000, 20_000, 0])
    assert fit_p_value(counts, law) == 1.0
    assert fit_p_value(counts + np.array([1000, -1000, 0, 0]), law) < 1e-8
    assert fit_p_value(counts + np.array([-1, 0, 0, 1]), law) == 0.0
    rare = np.array([0.6, 0.4 - 1e-9, 1e-9])
    assert fit_p_value(np.array([60_000, 39_997, 3]), rare) < 1e-9
    flat = np.full(500, 1 / 500)
    even, cells = np.full(500, 1000), np.arange(500)
    assert fit_p_value(even, flat) == 1.0
    assert fit_p_value(even + 300 * (cells == 7) - 300 * (cells == 9), flat) < 1e-8
    assert fit_p_value(even + 50 * (cells // 250) - 25, flat) < 1e-8


# Batches


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from([_exponential, _truncated, _response]),
    st.lists(st.integers(0, 40), max_size=5),
    st.integers(1, 50),
    st.integers(0, 2**32 - 1),
)
def test_batches_do_not_change_the_outputs(
    make: Make, splits: list[int], chunk: int, seed: int
) -> None:
    """Inputs in pieces, with kernels called on chunks of any size, give what one call gives."""
    mechanism = make(known_space(_PLANE))
    inputs = np.random.default_rng(seed).integers(0, 6, 40)
    whole = mechanism.sample_indices(inputs, np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    with mock.patch.object(alias, "CHUNK", chunk):
        pieces = [mechanism.sample_indices(part, rng) for part in np.split(inputs, sorted(splits))]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert whole.dtype == np.int64


@pytest.mark.parametrize("make", [_exponential, _truncated, _response])
def test_chunks_as_shipped(make: Make) -> None:
    """More inputs than one chunk: the same outputs as one by one at the seams."""
    mechanism = make(known_space(_SIMPLEX))
    size = alias.CHUNK + 10
    inputs = np.arange(size) % 20
    whole = mechanism.sample_indices(inputs, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    first = mechanism.sample_indices(inputs[: alias.CHUNK - 3], rng)
    rest = [mechanism.sample_indices(inputs[i : i + 1], rng)[0] for i in range(len(first), size)]
    np.testing.assert_array_equal(whole, [*first, *rest])


@pytest.mark.parametrize("make", [_exponential, _truncated, _response])
def test_words_are_those_of_the_indices(make: Make) -> None:
    """`sample` by word or position is `sample_indices` of the same stream, as text."""
    mechanism = make(known_space(_SIMPLEX))
    space = mechanism.space
    outputs = mechanism.sample("w03", 500, np.random.default_rng(6))
    indices = mechanism.sample_indices(np.full(500, 3), np.random.default_rng(6))
    assert outputs.tolist() == [space.words[i] for i in indices]
    assert mechanism.sample(3, 500, np.random.default_rng(6)).tolist() == outputs.tolist()
    assert mechanism.sample("w03", 0, np.random.default_rng(6)).tolist() == []
    assert len(set(outputs.tolist())) > 5


def test_chunks_use_consecutive_uniforms() -> None:
    """Each input gets the next numbers of the stream, whatever the chunk."""
    seen: list[Floats] = []

    def kernel(inputs: Any, uniforms: Floats, outputs: Any) -> None:
        seen.append(uniforms)
        outputs[:] = inputs + 1

    with mock.patch.object(alias, "CHUNK", 4):
        outputs = sample_in_chunks(np.arange(10), 10, np.random.default_rng(7), 3, kernel)
    np.testing.assert_array_equal(outputs, np.arange(1, 11))
    assert [len(block) for block in seen] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(seen), np.random.default_rng(7).random((10, 3)))


# Alias tables


def table_law(thresholds: Floats, aliases: Any) -> list[Fraction]:
    """The law that a row of a table draws from, given perfect uniforms, exactly."""
    n = len(thresholds)
    law = [Fraction(0)] * n
    for column in range(n):
        stay = Fraction(float(thresholds[column]))
        law[column] += stay / n
        law[int(aliases[column])] += (1 - stay) / n
    return law


def weights_law(weights: Floats) -> list[Fraction]:
    """Normalised weights, exactly."""
    exact = [Fraction(float(weight)) for weight in weights]
    return [weight / sum(exact) for weight in exact]


def variation(first: list[Fraction], second: list[Fraction]) -> Fraction:
    """Total variation of two laws, exactly."""
    return sum((abs(a - b) for a, b in zip(first, second, strict=True)), Fraction(0)) / 2


def whole_units(weights: Floats) -> list[int]:
    """Weights as whole units that fill the table; the first heaviest takes what is left."""
    n, row = len(weights), [float(weight) for weight in weights]
    capacity = 2 ** alias._bits(n)
    total = 0.0
    for weight in row:  # in this order: sum() of Python 3.12 rounds in another way
        total += weight
    units = [round(weight / total * n * capacity) for weight in row]
    units[row.index(max(row))] += n * capacity - sum(units)
    return units


def check_tables(weights: Floats) -> None:
    """Hold everything that is promised of the tables of some rows of weights."""
    rows, n = weights.shape
    tables = build_tables(rows, n, lambda part: weights[part])
    assert tables.thresholds.min() >= 0.0
    assert tables.thresholds.max() <= 1.0
    assert tables.aliases.min() >= 0
    assert tables.aliases.max() < n
    units = n * 2 ** alias._bits(n)
    for row in range(rows):
        law = table_law(tables.thresholds[row], tables.aliases[row])
        wanted = weights_law(weights[row])
        assert sum(law) == 1
        assert variation(law, wanted) <= Fraction(table_error(n))
        expected = whole_units(weights[row])
        for y in range(n):
            assert law[y] * units == expected[y]  # nothing is lost in the table
            if weights[row, y] == 0.0:
                assert law[y] == 0  # impossible outputs stay impossible


_WEIGHTS = (
    st.floats(0.0, 1.0)
    | st.sampled_from([0.0, 1.0, 0.5, 1e-300, 5e-324, 2.0**-53])
    | st.floats(0.0, 1e300)
)


@settings(deadline=None, max_examples=150)
@given(st.lists(_WEIGHTS, min_size=1, max_size=25).filter(any))
def test_tables_hold_the_weights(weights: list[float]) -> None:
    """Thresholds and alias mass add up to the weights, rounded to whole units, exactly."""
    check_tables(np.array([weights]))


@pytest.mark.parametrize("span", [1.0, 40.0, 700.0, 745.0])
@pytest.mark.parametrize("n", [2, 3, 64, 65, 129])
def test_tables_of_weights_with_a_long_tail(n: int, span: float) -> None:
    """Weights down to e^-745, the smallest float, in any order."""
    rng = np.random.default_rng(8)
    weights = np.array([rng.permutation(np.exp(-np.linspace(0.0, span, n))) for _ in range(3)])
    check_tables(weights)
    check_tables(weights * 1e-8)


def test_tables_of_many_rows_and_words() -> None:
    """More rows than are built at once, and rows that differ: each table is its own row's."""
    weights = np.random.default_rng(9).exponential(size=(150, 7)) ** 3
    tables = build_tables(150, 7, lambda part: weights[part])
    for row in range(150):
        alone = build_tables(1, 7, lambda part, row=row: weights[row : row + 1])
        np.testing.assert_array_equal(tables.thresholds[row], alone.thresholds[0])
        np.testing.assert_array_equal(tables.aliases[row], alone.aliases[0])


@pytest.mark.parametrize("kind", ["flat", "steep"])
def test_table_of_a_million_words(kind: str) -> None:
    """Whole units still fit 64 bits, and the error keeps its bound."""
    n = 2**20 + 1
    weights = np.ones((1, n)) if kind == "flat" else np.exp(-np.arange(n) / 1e4)[None]
    tables = build_tables(1, n, lambda part: weights[part])
    stay = tables.thresholds[0].astype(np.longdouble)
    law = stay.copy()
    np.add.at(law, tables.aliases[0], 1 - stay)
    wanted = weights[0].astype(np.longdouble) / weights[0].astype(np.longdouble).sum()
    assert np.abs(law / n - wanted).sum() / 2 <= table_error(n)
    assert table_error(n) < 1e-9


@pytest.mark.parametrize(
    "bad",
    [[0.0, 0.0], [1.0, -1e-300], [math.nan, 1.0], [1.0, math.nan], [math.inf, 1.0], [1e308, 1e308]],
    ids=str,
)
@pytest.mark.parametrize("row", [0, 1, 63, 64, 129])
def test_bad_weights(bad: list[float], row: int) -> None:
    """A row that is no law is refused wherever it stands, and no table comes back."""
    weights = np.ones((130, 2))
    weights[row] = bad
    with pytest.raises(NumericalError, match="not finite, negative or all zero"):
        build_tables(130, 2, lambda part: weights[part])


def test_tables_ask_for_memory_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """12 bytes an entry; without them no weight is computed."""
    monkeypatch.setattr("dpaudit.errors.available_memory", lambda: 12 * 10 * 5 - 1)

    def weights(part: slice) -> Floats:
        raise AssertionError

    with pytest.raises(MemoryNeededError, match="10 words"):
        build_tables(10, 5, weights)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(_WEIGHTS, min_size=5, max_size=5), min_size=1, max_size=4))
def test_jitted_tables_are_the_plain_ones(rows: list[list[float]]) -> None:
    """The compiled kernel and its body in plain Python fill the same tables, to the bit."""
    weights = np.array(rows)
    made = []
    for fill in (fill_tables, fill_tables.py_func):
        tables = AliasTables(np.full((len(rows), 5), -1.0), np.full((len(rows), 5), -1, np.int32))
        with np.errstate(all="ignore"):
            usable = fill(weights, 2 ** alias._bits(5), tables.thresholds, tables.aliases)
        made.append((bool(usable), tables))
    assert made[0][0] == made[1][0]
    assert made[0][0] == all(any(row) for row in rows)
    np.testing.assert_array_equal(made[0][1].thresholds, made[1][1].thresholds)
    np.testing.assert_array_equal(made[0][1].aliases, made[1][1].aliases)


def test_jitted_draws_are_the_plain_ones() -> None:
    """The compiled kernels and their plain bodies draw the same outputs from the same numbers."""
    rng = np.random.default_rng(10)
    weights = rng.exponential(size=(6, 6))
    tables = build_tables(6, 6, lambda part: weights[part])
    rows, uniforms = rng.integers(0, 6, 300), rng.random((300, 3))
    order = np.argsort(rng.random((6, 6)), axis=1).astype(np.int32)
    inside = np.array([1, 2, 3, 4, 5, 6])
    two = np.ascontiguousarray(uniforms[:, :2])
    for kernel, arguments in [
        (draw_entries, (tables.thresholds, tables.aliases, rows, two)),
        (
            truncated_module._draw,
            (tables.thresholds, tables.aliases, order, inside, rows, uniforms),
        ),
        (response_module._draw, (0.4, 6, rows, two)),
    ]:
        fast, slow = np.full(300, -1), np.full(300, -1)
        kernel(*arguments, fast)
        kernel.py_func(*arguments, slow)
        np.testing.assert_array_equal(fast, slow)
        assert set(fast.tolist()) == set(range(6))


def test_draws_follow_the_table_by_definition() -> None:
    """Column floor(n U), kept where the second number is below the threshold, else its alias."""
    tables = AliasTables(np.array([[0.25, 1.0, 0.0]]), np.array([[1, 1, 0]], dtype=np.int32))
    cases = [
        (0.0, 0.0, 0),
        (0.0, np.nextafter(0.25, 0), 0),
        (0.0, 0.25, 1),
        (0.34, 0.999, 1),
        (0.99, 0.0, 0),
        (1 - 2.0**-53, 0.5, 0),
    ]
    for column, accept, expected in cases:
        for draw in (draw_entry, draw_entry.py_func):
            assert draw(tables.thresholds, tables.aliases, 0, column, accept) == expected


def test_largest_uniform_stays_in_range() -> None:
    """1 - 2^-53, the largest number of the stream, gives the last output for every n."""
    largest = 1.0 - 2.0**-53
    for n in [*range(2, 200), 2000, 10**5 + 1]:
        thresholds, aliases = np.ones((1, n)), np.zeros((1, n), dtype=np.int32)
        assert draw_entry(thresholds, aliases, 0, largest, 0.5) == n - 1
        output = np.array([-1])
        response_module._draw(0.0, n, np.array([n - 1]), np.array([[0.5, largest]]), output)
        assert output[0] == n - 2
        order, inside = np.arange(n, dtype=np.int32)[None], np.array([n - 1])
        uniforms = np.array([[largest, 0.5, largest]])
        truncated_module._draw(thresholds, aliases, order, inside, np.array([0]), uniforms, output)
        assert output[0] == n - 1


# The stated error of the samplers


def sampler_law(mechanism: WordMechanism, word: int) -> list[Fraction]:
    """The law that the tables of a mechanism draw from on one input, exactly."""
    tables: AliasTables = mechanism._tables  # type: ignore[attr-defined]
    law = table_law(tables.thresholds[word], tables.aliases[word])
    if isinstance(mechanism, MetricExponential):
        return law
    assert isinstance(mechanism, TruncatedExponential)
    n, inside = len(mechanism.space), int(mechanism._inside[word])
    spread = [Fraction(0)] * n
    for rank, chance in enumerate(law):
        if rank < inside:
            spread[mechanism.space.order[word, rank]] += chance
        else:
            assert rank == inside or chance == 0
            for other in mechanism.space.order[word, inside:]:
                spread[other] += chance / (n - inside)
    return spread


@pytest.mark.parametrize("epsilon", [1e-6, 1.0, 30.0, 1e3])
@pytest.mark.parametrize("kind", SPACES)
def test_tables_are_within_the_sampler_error(kind: str, epsilon: float) -> None:
    """Total variation between the tables of every input and the law to 50 digits."""
    space = make_space(kind)
    matrix = exact_distances(space.vectors, space.metric)
    for threshold in (None, space.extent.min_distance, float(np.median(space.distance_matrix))):
        makers: list[Any] = [TruncatedExponential(space, epsilon, threshold)]
        if threshold is None:
            makers.append(MetricExponential(space, epsilon))
        for mechanism in makers:
            with mpmath.workdps(DIGITS):
                limit = mpmath.inf if threshold is None else mpmath.mpf(mechanism.threshold)
                if isinstance(mechanism, TruncatedExponential):
                    limit = mpmath.mpf(mechanism.threshold)
                rate = mpmath.mpf(epsilon) / 2
                costs = [[rate * min(d, limit) for d in row] for row in matrix]
                laws = [[mpmath.exp(x) for x in row] for row in exact_log_laws(costs)]
            assert 0.0 < mechanism.sampler_error < 1e-9 * max(1.0, float(max(map(max, costs))))
            for word in range(len(space)):
                found = sampler_law(mechanism, word)
                with mpmath.workdps(DIGITS):
                    distance = sum(
                        abs(mpmath.mpf(a.numerator) / a.denominator - b)
                        for a, b in zip(found, laws[word], strict=True)
                    )
                    assert distance / 2 <= mechanism.sampler_error


@pytest.mark.parametrize(
    "mechanism",
    [
        lambda: MetricExponential(builtin(), 20.0),
        lambda: TruncatedExponential(builtin(), 20.0, 1.0),
        lambda: TruncatedExponential(builtin(), 20.0),
        lambda: RandomizedResponse(builtin(), 8.0),
    ],
)
def test_sampler_error_on_the_builtin_space(mechanism: Callable[[], Any]) -> None:
    """Far below anything that sampling could see, and not zero."""
    assert 2.0**-53 <= mechanism().sampler_error < 1e-9


# Extremes


@pytest.mark.parametrize("epsilon", [1e3, 1e5])
def test_large_epsilon_keeps_every_word(epsilon: float) -> None:
    """Where the chance to change is below e^-400, nothing changes."""
    space = known_space(_PLANE)
    inputs = np.arange(6).repeat(1000)
    for mechanism in (
        MetricExponential(space, epsilon),
        TruncatedExponential(space, epsilon, 2.0),
        RandomizedResponse(space, epsilon),
    ):
        outputs = mechanism.sample_indices(inputs, np.random.default_rng(12))
        np.testing.assert_array_equal(outputs, inputs)


@pytest.mark.parametrize("make", [MetricExponential, TruncatedExponential, RandomizedResponse])
def test_two_words(make: Any) -> None:
    """The smallest vocabulary; both outputs occur on both inputs.

    With epsilon = 1 each has probability above 0.19, so 500 draws miss one of the four with
    probability below 1e-40.
    """
    mechanism = make(EmbeddingSpace(["a", "b"], [[0.0], [1.0]]), 1.0)
    outputs = mechanism.sample_indices(np.repeat([0, 1], 500), np.random.default_rng(13))
    assert set(outputs[:500].tolist()) == set(outputs[500:].tolist()) == {0, 1}
