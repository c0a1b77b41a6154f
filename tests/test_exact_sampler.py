"""Exact samplers: their law is the ideal one, shown by whole numbers and not only by statistics.

The reference laws are computed in mpmath with 120 digits from exact fractions; balls have no part
in them. Words of 1 to 8 random bits, in place of 64, make what is rare frequent.

False alarms: all tests of fit of this file together reject correct code with probability at most
`BUDGET` per run; each gets an equal share.
"""

import itertools
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import cache
from typing import Any
from unittest import mock

import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from support import builtin, fit_p_value, known_space, make_space, mechanism_p_value

import dpaudit.mechanisms.words.exact_sampler as module
from dpaudit import audit
from dpaudit.cli.options import parse_parameters
from dpaudit.errors import InputError, MemoryNeededError, NumericalError
from dpaudit.mechanisms import registry
from dpaudit.mechanisms.balls.enclosures import precision
from dpaudit.mechanisms.kernels.inversion import draw_decided, fill_guide, guide_bits
from dpaudit.mechanisms.spaces import EmbeddingSpace
from dpaudit.mechanisms.words.exact_sampler import ExactSampler, distribution_numbers
from dpaudit.mechanisms.words.metric_exponential import MetricExponential
from dpaudit.mechanisms.words.random_cutoff_exponential import RandomCutoffExponential
from dpaudit.mechanisms.words.randomized_response import RandomizedResponse
from dpaudit.mechanisms.words.truncated_exponential import TruncatedExponential

Make = Callable[..., Any]

#: Probability that any test of fit in this file rejects correct code, per run.
BUDGET = 1e-7

#: Decimal digits of the references: enough for 4 words of 64 bits and more.
DIGITS = 120


def _random_cutoff(space: EmbeddingSpace, **more: Any) -> RandomCutoffExponential:
    return RandomCutoffExponential(space, 1.05 * RandomCutoffExponential.bound(space), **more)


MAKERS: dict[str, Make] = {
    "exponential": lambda space, **more: MetricExponential(space, 1.0, **more),
    "truncated": lambda space, **more: TruncatedExponential(space, 1.5, 2.0, **more),
    "truncated by default": lambda space, **more: TruncatedExponential(space, 3.0, **more),
    "random cutoff": _random_cutoff,
    "response": lambda space, **more: RandomizedResponse(space, 1.0, **more),
}


# References


def _distance(first: Any, second: Any, metric: str) -> Any:
    gaps = [
        abs(Fraction(float(a)) - Fraction(float(b))) for a, b in zip(first, second, strict=True)
    ]
    if metric == "euclidean":
        return mpmath.sqrt(_mp(sum(gap * gap for gap in gaps)))
    return _mp(sum(gaps) if metric == "manhattan" else max(gaps))


def _mp(number: Fraction) -> Any:
    return mpmath.mpf(number.numerator) / number.denominator


def _random_cutoff_law(mechanism: Any, word: int, rows: list[list[Any]]) -> list[Any]:
    """Section 4.7 of the specification, word for word."""
    n = len(rows)
    eta, rate = mpmath.exp(-2) / n, mpmath.log(n)
    poisson = [rate**k / mpmath.factorial(k) for k in range(1, n + 1)]
    chances = [(1 - eta) * weight / mpmath.fsum(poisson) for weight in poisson]
    chances[-1] += eta
    shortest = min(rows[i][j] for i in range(n) for j in range(i))
    inverse = mpmath.mpf(mechanism.epsilon) - 2 * (1 + mpmath.log(n)) / shortest
    order = sorted(range(n), key=lambda y: (rows[word][y], y))
    weights = [mpmath.exp(-inverse * rows[word][y]) for y in order]
    law = [mpmath.mpf(0)] * n
    for rank, y in enumerate(order):
        law[y] = weights[rank] * mpmath.fsum(
            chances[k - 1] / mpmath.fsum(weights[:k]) for k in range(rank + 1, n + 1)
        )
    return law


def ideal_law(mechanism: Any, word: int) -> list[Any]:
    """P_w(y) for all y to `DIGITS` digits, from the definitions."""
    space, n = mechanism.space, len(mechanism.space)
    with mpmath.workdps(DIGITS):
        vectors = space.vectors
        if isinstance(mechanism, RandomCutoffExponential):
            rows = [[_distance(a, b, space.metric) for b in vectors] for a in vectors]
            return _random_cutoff_law(mechanism, word, rows)
        epsilon = mpmath.mpf(mechanism.epsilon)
        if isinstance(mechanism, RandomizedResponse):
            costs = [epsilon * (y != word) for y in range(n)]
        else:
            costs = [epsilon / 2 * _distance(vectors[word], b, space.metric) for b in vectors]
            if isinstance(mechanism, TruncatedExponential):
                limit = epsilon / 2 * mpmath.mpf(mechanism.threshold)
                costs = [min(cost, limit) for cost in costs]
        weights = [mpmath.exp(-cost) for cost in costs]
        return [weight / mpmath.fsum(weights) for weight in weights]


def cumulative(law: list[Any]) -> list[Fraction]:
    """C_y as fractions that are right to about `DIGITS` digits; the last one is 1."""
    with mpmath.workdps(DIGITS):
        scale = mpmath.mpf(2) ** 380
        sums = [int(mpmath.nint(total * scale)) for total in itertools.accumulate(law)]
    return [*(Fraction(total, 2**380) for total in sums[:-1]), Fraction(1)]


def output_of(sums: list[Fraction], number: Fraction) -> int:
    """The first y with U < C_y, by definition."""
    return bisect_right(sums, number)


# Random bits by hand


class OutOfWordsError(Exception):
    """More random words were asked for than there are."""


class Script:
    """Stands for a `numpy.random.Generator`: gives the words that it was made from."""

    def __init__(self, words: list[int], bits: int = 64) -> None:
        self.words, self.bits = list(words), bits

    def integers(self, low: int, high: int, size: int, dtype: Any) -> Any:
        assert (low, high, dtype) == (0, 2**self.bits, np.uint64)
        if size > len(self.words):
            raise OutOfWordsError
        taken, self.words = self.words[:size], self.words[size:]
        return np.array(taken, dtype=np.uint64)


def split(digits: int, words: int, bits: int = 64) -> list[int]:
    """A number of `words` * `bits` binary digits as words, the leading one first."""
    return [(digits >> bits * (words - 1 - i)) % 2**bits for i in range(words)]


def draw(sampler: Any, word: int, words: list[int], bits: int = 64) -> tuple[int, int]:
    """One draw from scripted words: the output and how many words it took."""
    script: Any = Script(words, bits)
    output = int(sampler.sample(np.array([word]), script)[0])
    return output, len(words) - len(script.words)


def sampler_of(make: Make, space: EmbeddingSpace, bits: int = 64) -> ExactSampler:
    """The sampler inside of a mechanism, with words of fewer bits."""
    law = make(space, sampler="exact")._exact._law
    return ExactSampler(len(space), len(space), law, word_bits=bits)


def law_of(*parts: int) -> Callable[[int], list[arb]]:
    """A law of whole parts, some of which may be 0."""
    return lambda word: [arb(part) / sum(parts) for part in parts]


# Tables


def check_numbers(numbers: list[int], sums: list[Fraction], bits: int) -> None:
    """Within 1 of 2^bits C, not falling, and the last beyond every draw."""
    assert len(numbers) == len(sums)
    assert all(a <= b for a, b in itertools.pairwise(numbers))
    assert all(
        abs(number - total * 2**bits) <= 1
        for number, total in zip(numbers[:-1], sums[:-1], strict=True)
    )
    assert numbers[-1] == 2**bits + 1


@pytest.mark.parametrize("kind", ["plane-6", "clustered", "lattice", "scales"])
@pytest.mark.parametrize("name", MAKERS)
def test_tables_hold_the_ideal_law(name: str, kind: str) -> None:
    """Whole numbers for one, two and three words, against 120 digits; a wrong one is seen."""
    space = known_space(kind) if kind == "plane-6" else make_space(kind)
    mechanism = MAKERS[name](space, sampler="exact")
    words = [0] if name == "response" else range(0, len(space), 2)
    for word in words:
        sums = cumulative(ideal_law(mechanism, word))
        for bits in (64, 128, 192):
            numbers = distribution_numbers(lambda w=word: mechanism._exact._law(w), bits)
            check_numbers(numbers, sums, bits)
        numbers[0] += 2
        with pytest.raises(AssertionError):
            check_numbers(numbers, sums, bits)


@pytest.mark.parametrize("name", MAKERS)
def test_tables_of_the_builtin_space(name: str) -> None:
    """One row of 2,000 words agrees with the law in floating point."""
    mechanism = MAKERS[name](builtin(), sampler="exact")
    word = 0 if name == "response" else 1234
    numbers = distribution_numbers(lambda: mechanism._exact._law(word), 64)
    sums = np.cumsum(np.exp(mechanism.log_law(word)))[:-1]
    np.testing.assert_allclose(np.array(numbers[:-1]) / 2.0**64, sums, rtol=1e-9, atol=0)


# The law, by enumeration


def decided_prefixes(
    sampler: ExactSampler, word: int, bits: int, depth: int, prefix: tuple[int, ...] = ()
) -> Iterator[tuple[tuple[int, ...], int | None]]:
    """All sequences of words at which a draw ends with their outputs, and those of `depth` words at
    which it has not ended, with None."""
    try:
        output, taken = draw(sampler, word, list(prefix), bits)
    except OutOfWordsError:
        if len(prefix) == depth:
            yield prefix, None
        else:
            for digit in range(2**bits):
                yield from decided_prefixes(sampler, word, bits, depth, (*prefix, digit))
    else:
        assert taken == len(prefix)
        yield prefix, output


def check_partition(
    sampler: ExactSampler, word: int, sums: list[Fraction], bits: int, depth: int
) -> None:
    """Every decided interval lies within that of its output, and little is undecided.

    As the intervals of all sequences are disjoint and fill [0, 1), the probability of each output
    is that of the law up to what is undecided, and exactly that of the law for depth to infinity.
    """
    measures, undecided, whole = [Fraction(0)] * len(sums), Fraction(0), Fraction(0)
    below = [Fraction(0), *sums[:-1]]
    for prefix, output in decided_prefixes(sampler, word, bits, depth):
        width = Fraction(1, 2 ** (bits * len(prefix)))
        start = sum(
            (Fraction(digit, 2 ** (bits * (i + 1))) for i, digit in enumerate(prefix)), Fraction(0)
        )
        whole += width
        if output is None:
            undecided += width
        else:
            measures[output] += width
            assert below[output] <= start
            assert start + width <= sums[output]
    assert whole == 1
    assert undecided <= Fraction(2 * len(sums), 2 ** (bits * depth))
    for measure, low, high in zip(measures, below, sums, strict=True):
        assert measure <= high - low <= measure + undecided


@pytest.mark.parametrize(("bits", "depth"), [(1, 9), (3, 4), (8, 2)])
@pytest.mark.parametrize("name", MAKERS)
def test_all_bit_strings(name: str, bits: int, depth: int) -> None:
    """The bit strings of each output have the measure of its ideal probability."""
    space = known_space("plane-6")
    sampler, word = sampler_of(MAKERS[name], space, bits), 0 if name == "response" else 2
    sums = cumulative(ideal_law(MAKERS[name](space), word))
    check_partition(sampler, word, sums, bits, depth)


def test_a_wrong_table_has_a_wrong_partition() -> None:
    """The same check fails where one number of a table is off by 3 of 256."""
    space, make = known_space("plane-6"), MAKERS["exponential"]
    sums = cumulative(ideal_law(make(space), 2))
    sampler = sampler_of(make, space, 8)
    check_partition(sampler, 2, sums, 8, 2)
    sampler._table[0, 3] += 3
    with pytest.raises(AssertionError):
        check_partition(sampler, 2, sums, 8, 2)


@pytest.mark.parametrize("bits", [1, 2, 5, 8])
@pytest.mark.parametrize("parts", [(1, 0, 1), (0, 1, 0, 0, 2, 0), (0, 0, 1), (1, 0), (1, 0, 255)])
def test_impossible_outputs_never_occur(parts: tuple[int, ...], bits: int) -> None:
    """No bit string leads to an output of probability 0, wherever it stands; steps that are
    binary fractions, where U = C occurs, are no exception."""
    sampler = ExactSampler(1, len(parts), law_of(*parts), word_bits=bits)
    sums = [Fraction(s, sum(parts)) for s in itertools.accumulate(parts)]
    check_partition(sampler, 0, sums, bits, 10 // bits if bits < 8 else 2)
    outputs = {output for _, output in decided_prefixes(sampler, 0, bits, max(1, 8 // bits))}
    assert not {y for y, part in enumerate(parts) if part == 0} & outputs


@cache
def _long_draws(name: str, bits: int) -> tuple[ExactSampler, list[list[Fraction]]]:
    space, make = known_space("plane-6"), MAKERS[name]
    mechanism = make(space)
    words = range(1) if name == "response" else range(6)
    return sampler_of(make, space, bits), [cumulative(ideal_law(mechanism, w)) for w in words]


@settings(max_examples=150)
@given(st.sampled_from(sorted(MAKERS)), st.sampled_from([1, 3, 8, 64]), st.data())
def test_outputs_are_those_of_the_number(name: str, bits: int, data: st.DataObject) -> None:
    """Whatever the words: the output is the first y with U < C_y. Steps of C are tried too."""
    sampler, laws = _long_draws(name, bits)
    word, words = data.draw(st.integers(0, len(laws) - 1)), 300 // bits
    near = data.draw(st.sampled_from([Fraction(1, 3), *laws[word][:-1]]))
    free = data.draw(st.integers(0, 300))  # this many last digits are arbitrary
    digits = int(near * 2 ** (words * bits))
    free = min(free, words * bits)
    digits = (digits >> free << free) + data.draw(st.integers(0, 2**free - 1))
    try:
        output, _ = draw(sampler, word, split(digits, words, bits), bits)
    except OutOfWordsError:
        assert any(abs(digits - total * 2 ** (words * bits)) <= 2 for total in laws[word])
    else:
        assert output == output_of(laws[word], Fraction(digits, 2 ** (words * bits)))


# Rare outputs


def _pair(exponent: int, sampler: str) -> MetricExponential:
    """Two words, each going to the other with probability about 2^-exponent."""
    space = EmbeddingSpace(["a", "b"], [[0.0], [1.0]])
    return MetricExponential(space, 2.0 * exponent * float(np.log(2.0)), sampler=sampler)


@pytest.mark.parametrize("exponent", [60, 100, 150])
def test_rare_outputs_are_drawn_as_often_as_they_should(exponent: int) -> None:
    """The fast sampler cannot draw an output of probability 2^-60; the exact one draws it, and the
    bit strings that lead to it have its probability for their measure."""
    fast, exact = _pair(exponent, "fast"), _pair(exponent, "exact")
    for word in (0, 1):
        # Every column keeps or goes to the word itself, whatever the uniform numbers.
        assert fast._tables.thresholds[word].tolist() == [float(word == y) for y in (0, 1)]
        assert fast._tables.aliases[word, 1 - word] == word
    words = 4
    for word in (0, 1):
        with precision(400):
            rare = exact._exact._law(word)[1 - word]
            ends = [x.fmpq() for x in (rare.lower(), rare.upper())]
        enclosure = [Fraction(int(x.p), int(x.q)) for x in ends]
        assert enclosure[0] <= enclosure[1] < Fraction(1, 2 ** (exponent - 1))
        (number, _) = distribution_numbers(lambda w=word: exact._exact._law(w), 64 * words)
        # U below this many units of 2^-256 gives 0, from there on 1; draws at the seam:
        assert draw(exact._exact, word, split(number - 2, words))[0] == 0
        assert draw(exact._exact, word, split(number + 1, words))[0] == 1
        least, most = number - 1, number + 1  # 0 for sure below, 1 for sure from here on
        if word == 0:
            least, most = 2 ** (64 * words) - most, 2 ** (64 * words) - least
        assert Fraction(least, 2 ** (64 * words)) <= enclosure[0]
        assert enclosure[1] <= Fraction(most, 2 ** (64 * words))
        assert most - least == 2
        # Some word in the middle of its interval, drawn at once or after a second word.
        half = int((1 - enclosure[0] / 2 if word == 0 else enclosure[0] / 2) * 2 ** (64 * words))
        output, taken = draw(exact._exact, word, split(half, words))
        assert output == 1 - word
        assert taken == {60: 1, 100: 2, 150: 3}[exponent]


def test_fast_tables_can_draw_what_is_not_so_rare() -> None:
    """With 2^-40 the same look at the fast tables finds the other word."""
    thresholds = _pair(40, "fast")._tables.thresholds
    assert 0.0 < thresholds[0, 1] < 2.0**-38


# Undecided draws


@pytest.mark.parametrize("name", ["exponential", "random cutoff"])
def test_draws_at_a_step_take_words_until_decided(name: str) -> None:
    """Four words that are the digits of C_y leave the draw open; the fifth decides, either way."""
    space = known_space("plane-6")
    mechanism = MAKERS[name](space, sampler="exact")
    for word, y in ((0, 0), (3, 2), (5, 4)):
        sums = cumulative(ideal_law(mechanism, word))
        words = split(int(sums[y] * 2**256), 4)
        for taken in range(1, 5):
            with pytest.raises(OutOfWordsError):
                draw(mechanism._exact, word, words[:taken])
        assert draw(mechanism._exact, word, [*words, 0, 7, 7]) == (y, 5)
        assert draw(mechanism._exact, word, [*words, 2**64 - 1, 7, 7]) == (y + 1, 5)


def test_steps_that_share_their_first_words() -> None:
    """Outputs of probability 2^-100 between two common ones: all reached after two words."""
    vectors = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [2.0**-20, 0.0]]
    space = EmbeddingSpace([*"abcde"], vectors)
    mechanism = MetricExponential(space, 200.0 * float(np.log(2.0)), sampler="exact")
    sampler: ExactSampler = mechanism._exact
    sums = cumulative(ideal_law(mechanism, 0))
    seen = set()
    for low, high in itertools.pairwise([Fraction(0), *sums]):
        digits = int((low + high) / 2 * 2**256)
        output, taken = draw(sampler, 0, split(digits, 4))
        assert output == output_of(sums, Fraction(digits, 2**256))
        seen.add((output, taken))
    assert seen == {(0, 1), (1, 2), (2, 2), (3, 3), (4, 1)}
    # b, c and d hide behind one number of the table.
    assert len({int(x) for x in sampler._table[0, :4]}) == 1


@pytest.mark.parametrize("words", [[0], [2**64 - 1]])
def test_ends_of_the_unit_interval(words: list[int]) -> None:
    """All zeros give the first output, all ones the last, if need be after further words."""
    mechanism = MAKERS["exponential"](known_space("plane-6"), sampler="exact")
    expected = 0 if words == [0] else 5
    assert draw(mechanism._exact, 4, words * 3)[0] == expected
    assert draw(_pair(100, "exact")._exact, 0, [2**64 - 1] * 3) == (1, 2)


# The stream


@settings(max_examples=60)
@given(
    st.sampled_from(["exponential", "truncated", "random cutoff", "response"]),
    st.sampled_from([2, 4, 6, 64]),
    st.lists(st.integers(0, 40), max_size=5),
    st.integers(1, 50),
    st.integers(0, 2**32 - 1),
)
def test_batches_do_not_change_the_outputs(
    name: str, bits: int, splits: list[int], chunk: int, seed: int
) -> None:
    """Inputs in pieces and words in chunks of any size, with refinements in many draws (up to all
    for 2 bits, none for 64): the same outputs, and the generator is left at the same place."""
    sampler, laws = _long_draws(name, bits)
    inputs = np.random.default_rng(seed).integers(0, len(laws), 40)
    rng, again, single = (np.random.default_rng(seed) for _ in range(3))
    whole = sampler.sample(inputs, rng)
    with mock.patch.object(module, "CHUNK", chunk):
        pieces = [sampler.sample(part, again) for part in np.split(inputs, sorted(splits))]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    one_by_one = [sampler.sample(inputs[i : i + 1], single)[0] for i in range(40)]
    np.testing.assert_array_equal(one_by_one, whole)
    states = [r.bit_generator.state for r in (rng, again, single)]
    assert states[0] == states[1] == states[2]
    assert whole.dtype == np.int64


@pytest.mark.parametrize("place", [0, 1, 4, 9])
def test_no_word_is_wasted(place: int) -> None:
    """One draw of ten takes three words, wherever it stands: twelve words do, in this order."""
    space = known_space("plane-6")
    sampler: ExactSampler = MAKERS["exponential"](space, sampler="exact")._exact
    sums = cumulative(ideal_law(MAKERS["exponential"](space), 1))
    easy = [int((a + b) / 2 * 2**64) for a, b in itertools.pairwise([Fraction(0), *sums])]
    hard = [*split(int(sums[2] * 2**128), 2), 2**64 - 1]
    words = [*(easy[i % 6] for i in range(place)), *hard, *(easy[i % 6] for i in range(place, 9))]
    script: Any = Script(words)
    outputs = sampler.sample(np.full(10, 1), script)
    assert script.words == []
    expected = [i % 6 for i in range(9)]
    expected.insert(place, 3)
    assert outputs.tolist() == expected


@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "Philox", "SFC64", "MT19937"])
def test_words_are_the_raw_output(kind: str) -> None:
    """64 bits a word from every bit generator, all of them used and none skipped."""
    make = getattr(np.random, kind)
    sampler = ExactSampler(1, 2, law_of(1, 1))
    words = sampler._words(np.random.Generator(make(5)), 1000)
    raw = make(5).random_raw(2000 if kind == "MT19937" else 1000)
    if kind == "MT19937":  # 32 bits each
        raw = raw[0::2] << np.uint64(32) | raw[1::2]
    np.testing.assert_array_equal(words, raw)
    assert np.bitwise_or.reduce(words) == 2**64 - 1


# Fit

_FIT: list[tuple[str, str, int, tuple[int, ...], int]] = [
    *((name, "plane-6", 64, tuple(range(6)), 100_000) for name in MAKERS),
    ("exponential", "near-simplex-20", 64, tuple(range(20)), 50_000),
    ("exponential", "builtin", 64, (0, 17, 1999), 200_000),
    ("random cutoff", "builtin", 64, (0, 1999), 200_000),
    ("response", "builtin", 64, (0, 17, 1999), 200_000),
    # With 8 bits, one draw in twenty is decided by a second word.
    *((name, "plane-6", 8, (2,), 40_000) for name in ("exponential", "truncated", "random cutoff")),
]

LEVEL = BUDGET / len(_FIT)


def _fitted(name: str, space: str, bits: int) -> Any:
    vocabulary = builtin() if space == "builtin" else known_space(space)
    mechanism = MAKERS[name](vocabulary, sampler="exact")
    if bits < 64:
        sampler = sampler_of(MAKERS[name], vocabulary, bits)
        mechanism.__dict__["_exact"] = sampler
    return mechanism


@pytest.mark.parametrize("number", range(len(_FIT)))
def test_sampler_fits_the_exact_law(number: int) -> None:
    """All outputs on several inputs agree with the law in floating point."""
    name, space, bits, inputs, draws = _FIT[number]
    mechanism = _fitted(name, space, bits)
    p_value = mechanism_p_value(mechanism, mechanism, list(inputs), draws, 4000 + number)
    assert p_value > LEVEL


def _lower_table(sampler: ExactSampler) -> None:
    sampler._table -= sampler._table // np.uint64(50)


def _next_slot(sampler: ExactSampler) -> None:
    sampler._slots[:] = np.roll(sampler._slots, 1)


def _shifted_guide(sampler: ExactSampler) -> None:
    sampler._guides[:, :-1] = sampler._guides[:, 1:]


def _refined_up(sampler: ExactSampler) -> None:
    right = sampler._refined

    def wrong(word: int, words: Any, rng: Any) -> Any:
        output, rest = right(word, words, rng)
        return min(output + 1, 5), rest

    sampler._refined = wrong  # type: ignore[method-assign]


def _words_twice(sampler: ExactSampler) -> None:
    right = sampler._words
    sampler._words = (
        lambda rng, count: np.repeat(  # type: ignore[method-assign]
            right(rng, count)[: (count + 1) // 2], 2
        )[:count]
    )


@pytest.mark.parametrize(
    ("fault", "bits"),
    [(_lower_table, 64), (_next_slot, 64), (_shifted_guide, 64), (_refined_up, 6)],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_broken_samplers_are_caught(fault: Callable[[ExactSampler], None], bits: int) -> None:
    """The test of fit rejects each of these at the same level."""
    mechanism = _fitted("exponential", "plane-6", bits)
    mechanism.sample_indices(np.arange(6), np.random.default_rng(0))
    fault(mechanism._exact)
    inputs = list(range(6)) if bits == 64 else [2]
    draws = 100_000 if bits == 64 else 40_000
    assert mechanism_p_value(mechanism, mechanism, inputs, draws, 4100) <= LEVEL


def test_outputs_of_successive_draws_are_independent() -> None:
    """Pairs of draws fit the product law, refinements included; a repeated word is caught.

    Two tests of fit, at the level of the others.
    """
    for fault in (None, _words_twice):
        mechanism = _fitted("exponential", "plane-6", 8)
        if fault:
            fault(mechanism._exact)
        outputs = mechanism.sample_indices(np.full(40_000, 2), np.random.default_rng(4200))
        law = np.exp(mechanism.log_law(2))
        counts = np.bincount(6 * outputs[0::2] + outputs[1::2], minlength=36)
        assert (fit_p_value(counts, np.outer(law, law).ravel()) > LEVEL) == (fault is None)


# The kernels


@pytest.mark.parametrize("bits", [3, 8, 64])
def test_jitted_kernels_are_the_plain_ones(bits: int) -> None:
    """The compiled kernels and their bodies fill and search alike, and like a plain search."""
    rng = np.random.default_rng(4300)
    for n in (2, 3, 6, 40):
        row = np.sort(rng.integers(0, 2**bits, n, dtype=np.uint64))
        row[-1] = 2**bits - 1
        shift = bits - guide_bits(n, bits)
        guides = []
        for fill in (fill_guide, fill_guide.py_func):
            guide = np.full((1, 2 ** (bits - shift) + 1), -1, dtype=np.int32)
            fill(row, shift, guide[0])
            guides.append(guide)
        np.testing.assert_array_equal(*guides)
        words = rng.integers(0, 2**bits, 200, dtype=np.uint64)
        words[:3] = [0, 2**bits - 1, row[0]]
        inputs, slots = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
        for i in range(200):
            first = next(y for y in range(n) if int(row[y]) >= int(words[i]))
            decided = int(row[first]) - int(words[i]) >= 2
            for kernel in (draw_decided, draw_decided.py_func):
                output = np.array([-1])
                arguments = (row[None], guides[0], shift, slots, inputs, words[i : i + 1])
                assert kernel(*arguments, output) == decided
                assert output[0] == (first if decided else -1)


# What a user sees


@pytest.mark.parametrize("name", MAKERS)
def test_what_it_says_it_is(name: str) -> None:
    """The parameter is known by name, rebuilds the mechanism and must be one of two."""
    space = known_space("plane-6")
    fast, exact = MAKERS[name](space), MAKERS[name](space, sampler="exact")
    assert fast.sampler == fast.parameters["sampler"] == "fast"
    assert exact.parameters == {**fast.parameters, "sampler": "exact"}
    assert exact.sampler_error == 0.0 < fast.sampler_error
    again = registry.build(type(exact), exact.name, space, exact.parameters)
    assert again.parameters == exact.parameters
    settings_given = [f"{k}={v}" for k, v in exact.parameters.items() if k != "epsilon"]
    assert parse_parameters(exact.epsilon, settings_given) == exact.parameters
    for wrong in ("Exact", "", None, True, 1):
        with pytest.raises(InputError, match=r"sampler is .* one of fast, exact"):
            MAKERS[name](space, sampler=wrong)


@pytest.mark.parametrize("name", MAKERS)
def test_audits_do_not_depend_on_the_sampler(name: str) -> None:
    """Byte for byte, but for the parameter and the error of the sampler."""
    space = known_space("plane-6")
    fast, exact = (audit(MAKERS[name](space, sampler=kind)) for kind in ("fast", "exact"))
    assert "exactly (τ = 0)" in str(exact)
    record = exact.mechanism.model_copy(
        update={
            "parameters": fast.mechanism.parameters,
            "sampler_error": fast.mechanism.sampler_error,
        }
    )
    assert exact.model_copy(update={"mechanism": record}).to_json() == fast.to_json()


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("bad", [-1, 6, 2**40])
def test_inputs_out_of_range(name: str, bad: int) -> None:
    """An error of the house; no inputs give no outputs and use no random bits."""
    mechanism = MAKERS[name](known_space("plane-6"), sampler="exact")
    with pytest.raises(InputError, match="from 0 to 5"):
        mechanism.sample_indices(np.array([0, bad]), np.random.default_rng(0))
    nothing: Any = Script([])
    assert mechanism.sample_indices(np.array([], dtype=np.int64), nothing).shape == (0,)


def test_an_epsilon_that_is_admissible_by_a_hair() -> None:
    """From the next float above the bound that truly is above it, the exact law exists."""
    space = known_space("near-simplex-20")
    epsilon = RandomCutoffExponential.bound(space) * (1.0 + 2.0**-50)
    mechanism = RandomCutoffExponential(space, epsilon, sampler="exact")
    outputs = mechanism.sample_indices(np.zeros(500, dtype=np.int64), np.random.default_rng(1))
    assert len(set(outputs.tolist())) > 3


def test_a_law_that_cannot_be_enclosed_is_not_drawn_from() -> None:
    """Balls that stay wide or are no numbers: an error, and no output."""
    for wide in (arb(0.5, 0.01), arb.nan(), arb(1) / arb(0)):
        sampler = ExactSampler(1, 2, lambda word, wide=wide: [wide, wide])
        with pytest.raises(NumericalError, match="nothing was drawn"):
            sampler.sample(np.zeros(1, dtype=np.int64), np.random.default_rng(0))


def test_tables_ask_for_memory_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows come as inputs occur: one fits, three do not, and no law is computed for them."""
    mechanism = MAKERS["exponential"](known_space("plane-6"), sampler="exact")
    each = 8 * 6 + 4 * 5
    monkeypatch.setattr("dpaudit.errors.available_memory", lambda: 2 * each)
    mechanism.sample_indices(np.zeros(100, dtype=np.int64), np.random.default_rng(0))
    monkeypatch.setattr(mechanism._exact, "_law", None)
    with pytest.raises(MemoryNeededError, match="3 inputs"):
        mechanism.sample_indices(np.array([0, 1, 2]), np.random.default_rng(0))


def test_rows_are_kept_while_the_table_grows() -> None:
    """Whatever the order in which inputs occur, and in several threads at once."""
    space = known_space("near-simplex-20")
    fresh = MAKERS["exponential"](space, sampler="exact")
    expected = fresh.sample_indices(np.arange(20).repeat(50), np.random.default_rng(2))
    grown = MAKERS["exponential"](space, sampler="exact")
    for word in (7, 3, 19, 0, 0, 12):
        grown.sample_indices(np.array([word]), np.random.default_rng(0))
    shared = MAKERS["exponential"](space, sampler="exact")

    def work(seed: int) -> Any:
        inputs = np.random.default_rng(seed).permutation(20)
        for word in inputs:
            shared.sample_indices(np.array([word]), np.random.default_rng(seed))
        return shared.sample_indices(np.arange(20).repeat(50), np.random.default_rng(2))

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(8)))
    found.append(grown.sample_indices(np.arange(20).repeat(50), np.random.default_rng(2)))
    for outputs in found:
        np.testing.assert_array_equal(outputs, expected)
    assert sorted(shared._exact._slots.tolist()) == list(range(20))


def test_fast_samplers_do_not_load_ball_arithmetic() -> None:
    """Only the first exact draw does."""
    script = """
import sys, numpy as np
from dpaudit import EmbeddingSpace, mechanisms
space = EmbeddingSpace(["a", "b"], [[0.0], [1.0]])
for sampler in ("fast", "exact"):
    for entry in mechanisms.MECHANISMS.values():
        if entry.name != "truncated-gumbel" and "exact" in entry.evidence:
            mechanism = entry.load()(space, 9.0, sampler=sampler)
            assert "flint" not in sys.modules
            mechanism.sampler_error
            if sampler == "fast":
                mechanism.sample(0, 3, np.random.default_rng(0))
mechanism.sample(0, 3, np.random.default_rng(0))
assert "flint" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
