"""What attackers look at, what is said about them, and which pairs they are tried on; bands of
privacy profiles. Random tests have fixed seeds and state how often a correct program would fail.
"""

import itertools
import math
import re
import struct
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import beta, binom
from support import random_space

from dpaudit import InputError
from dpaudit.claims import MetricDP, PureDP
from dpaudit.statistical import profile
from dpaudit.statistical.attackers import Attacker, Goal
from dpaudit.statistical.cuts import cut_attackers, in_order
from dpaudit.statistical.drawing.outputs import canonical, piece_of_values, settled
from dpaudit.statistical.explain import explain, picture
from dpaudit.statistical.features import Feature, codes, features_of, shape_codes, values
from dpaudit.statistical.guesses import Counts
from dpaudit.statistical.learning import learn_attacker
from dpaudit.statistical.pairs import given_pairs, neighbouring_answers, word_pairs
from dpaudit.statistical.profile import Hits, bands, count_hits, nested_sets
from dpaudit.statistical.scores import FeatureScore, Signed, TableScore, learn_table

Floats = NDArray[np.float64]

#: Chance that a random test below fails on correct code.
FALSE_ALARM = 1e-7

FLOATS = st.floats(allow_nan=True, allow_infinity=True)
SPECIAL = [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 2.0**-1022, 1.7e308, 1.0, 0.1]


def objects(found) -> NDArray[np.object_]:
    array = np.empty(len(found), dtype=object)
    array[:] = found
    return array


# Features.


def lowest_bit(number: float) -> float:
    """The largest e with number = k 2^e for a whole k, by fractions."""
    if not math.isfinite(number):
        return math.nan
    if number == 0.0:
        return 1100.0
    fraction = Fraction(number)
    twos = fraction.numerator & -fraction.numerator
    return twos.bit_length() - 1.0 - (fraction.denominator.bit_length() - 1)


def zero_bits(number: float) -> float:
    """Trailing zero bits of the 53-bit mantissa, leading one included, from the bytes."""
    if number == 0.0:
        return 53.0
    if not math.isfinite(number):
        return math.nan
    (bits,) = struct.unpack("<Q", struct.pack("<d", number))
    mantissa = bits & (2**52 - 1)
    if bits >> 52 & 0x7FF:
        mantissa |= 2**52
    else:  # below the normal numbers: moved up to 53 bits
        mantissa <<= 53 - mantissa.bit_length()
    return float((mantissa & -mantissa).bit_length() - 1)


def same(found: float, expected: float) -> bool:
    return found == expected or (math.isnan(found) and math.isnan(expected))


@given(st.lists(FLOATS, min_size=1, max_size=20))
def test_bits_of_numbers(numbers):
    numbers += SPECIAL
    kinds = [Feature("lowest bit", scalar=True), Feature("zero bits", scalar=True)]
    found = values(np.array(numbers), kinds)
    for number, (low, zeros) in zip(numbers, found, strict=True):
        assert same(low, lowest_bit(number)), number
        assert same(zeros, zero_bits(number)), number


@given(st.lists(st.tuples(FLOATS, FLOATS, FLOATS), min_size=1, max_size=10))
def test_features_of_vectors(rows):
    rows += [(math.nan, -0.0, math.inf), (math.inf, math.inf, 1.0), (math.nan,) * 3]
    outputs = np.array(rows)
    features = features_of(outputs, bits=True)
    assert {f.kind for f in features} == {
        "value", "sorted", "difference", "sum", "largest", "count", "lowest bit",
    }  # fmt: skip
    found = values(outputs, features)
    for row, numbers in zip(rows, found, strict=True):
        ordered = sorted(v for v in row if not math.isnan(v)) + [math.nan] * 3
        finite = np.array([v for v in row if math.isfinite(v)])
        for feature, number in zip(features, numbers, strict=True):
            match feature.kind:
                case "value":
                    expected = row[feature.index]
                case "sorted":
                    expected = ordered[feature.index]
                case "difference":
                    expected = row[feature.index] - row[feature.index - 1]
                case "sum":
                    with np.errstate(over="ignore", invalid="ignore"):
                        exact = float(np.where(np.isfinite(row), row, 0.0).sum())
                        assert same(number, exact)
                    if len(finite) == 0:
                        assert number == 0.0
                    continue
                case "largest":
                    ranks = [-math.inf if math.isnan(v) else v for v in row]
                    expected = ranks.index(max(ranks)) + 1.0
                case "count":
                    expected = sum(same(v, feature.special) for v in row)
                case _:
                    bits = [lowest_bit(v) for v in finite]
                    expected = min(bits, default=math.nan)
            assert same(number, expected), (feature, row)


def test_features_of_objects():
    outputs = objects([("a", 1, 2.5), ("b", 10**400, True), (3,), "x", None, 7, ("a", None, -1.0)])
    features = features_of(outputs)
    assert [f.kind for f in features].count("value") == 3
    assert "length" in {f.kind for f in features}
    found = values(outputs, features)
    table = dict(zip(features, found.T, strict=True))
    length = next(f for f in features if f.kind == "length")
    assert table[length].tolist() == [3, 3, 1, 1, 1, 1, 3]
    second = next(f for f in features if f.kind == "value" and f.index == 1)
    assert table[second][:2].tolist() == [1.0, math.inf]
    assert np.isnan(table[second][2:]).all()
    # A feature does not depend on the other outputs.
    for place in range(len(outputs)):
        alone = values(outputs[place : place + 1], features)[0]
        assert all(same(a, b) for a, b in zip(alone, found[place], strict=True))


@given(st.lists(st.tuples(st.sampled_from(SPECIAL), FLOATS), min_size=2, max_size=12))
def test_outputs_have_one_code_if_and_only_if_they_are_the_same_bits(rows):
    """But for NaNs, which are one. Two 64-bit codes are equal by chance with less than 1e-15."""
    rows += rows[:1]
    for outputs in (np.array(rows), np.array(rows)[:, 0]):
        found = codes(outputs)

        def key(row):
            parts = np.atleast_1d(row)
            return tuple("nan" if math.isnan(v) else struct.pack("<d", v) for v in parts)

        for (a, x), (b, y) in itertools.combinations(zip(found, outputs, strict=True), 2):
            assert (a == b) == (key(x) == key(y))


def test_codes_of_other_outputs():
    assert len(set(codes(np.arange(-500, 500)).tolist())) == 1000
    vectors = np.array(list(itertools.product(range(-3, 4), repeat=4)))
    assert len(set(codes(vectors).tolist())) == len(vectors)
    assert codes(objects(["a", "b", "a", (1,)]), {"a": 1, (1,): 2}).tolist() == [1, 0, 1, 2]
    rows = np.array([[0.0, 1.0], [-0.0, 7.0], [1.0, 0.0], [math.nan, math.inf], [math.nan, 2.0]])
    shapes = shape_codes(rows).tolist()
    assert shapes[0] == shapes[1]
    assert len(set(shapes)) == 4


# Attackers.


def table(outputs, labels, smoothing: float, shapes: bool = False) -> TableScore:
    firsts = labels.astype(np.float64)
    found = learn_table(outputs, firsts, 1.0 - firsts, smoothing, shapes=shapes)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("learned", "batches"),
    [
        ([1, "a", 2, "b"], [[1, 2, 1], ["a", 1], ["b"], [2]]),
        ([1, 2, 3], [[1, None, 2], [3], [0.5, 3], [(1, 2), 3]]),
        ([0.5, 1.0, 2.0], [[1, 2], [0.5, "a"], [0.5, 1]]),
        ([(1, 2), (3,), (1, 2, 3), ()], [[(1, 2), (1, 2)], [(3,)], [(1, 2), (3,), ()]]),
        ([(0, 2), (3, math.nan)], [[(0, 2)], [(3, math.nan), (0, 2, math.nan)], [None, (0, 2)]]),
    ],
)
def test_what_an_output_is_does_not_depend_on_those_drawn_with_it(learned, batches):
    """A batch of numbers is another array than one with a text among them; the score of an output
    is the same in both."""
    settled_ones = settled([piece_of_values([canonical(v) for v in learned * 4])])
    labels = np.arange(len(settled_ones)) % 3 == 0
    scores = [table(settled_ones, labels, 0.5), table(settled_ones, labels, 0.5, shapes=True)]
    scores += [FeatureScore(feature) for feature in features_of(settled_ones)]
    alone: dict[tuple[int, object], float] = {}
    for batch in [*batches, learned, *[[value] for value in learned]]:
        outputs = settled([piece_of_values([canonical(v) for v in batch])])
        for number, score in enumerate(scores):
            for value, found in zip(batch, score(outputs), strict=True):
                before = alone.setdefault((number, repr(value)), float(found))
                assert same(found, before), (score, value, batch)


def test_cuts_name_sides_and_nan_is_silence():
    score = FeatureScore(Feature("value", scalar=True))
    attacker = Attacker(score, lower=-1.0, upper=2.0, expected=0.0, excess=0.0)
    outputs = np.array([-math.inf, -1.0, -0.5, 2.0, math.inf, math.nan])
    assert attacker.guess(outputs).tolist() == [-1, -1, 0, 1, 1, 0]
    labels = np.array([True, False, True, True, False, True])
    assert attacker.count(outputs, labels) == Counts(6, 2, 2)
    assert (attacker.sides, attacker.leak(0.1)) == (2, 0.1)
    one = Attacker(score, lower=-math.inf, upper=2.0, expected=0.0, excess=0.0)
    assert one.guess(outputs).tolist() == [0, 0, 0, 1, 1, 0]
    assert (one.sides, one.leak(0.1)) == (1, 0.05)
    both = Attacker(score, lower=-math.inf, upper=math.inf, expected=0.0, excess=0.0)
    assert not both.guess(outputs).any()
    assert both.sides == 0


def test_a_few_guesses_that_were_right_are_not_worth_a_side():
    """10,000 guesses are right on one side. A second one with 30 costs more, if they are wrong now
    and then, than it brings; one with 9,000 does not."""
    for second, sides in ((30, 1), (9_000, 2)):
        scores = np.repeat([-1.0, 0.0, 1.0], [second, 20_000, 10_000])
        firsts = np.where(scores == 0.0, 0.5, scores > 0.0)
        ordered = in_order(scores, firsts, 1.0 - firsts)
        goal = Goal(200_000, 0.05, 1.0)
        score = FeatureScore(Feature("value", scalar=True))
        found = cut_attackers(score, ordered, float(len(scores)), goal)
        assert max(found, key=lambda attacker: attacker.expected).sides == sides


def test_guesses_count_once_more_for_each_cut_that_they_are_beyond():
    """Against a loop over outputs; NaN is silence."""
    score = FeatureScore(Feature("value", scalar=True))
    surer = ((-2.0, 2.5), (-math.inf, 4.0))
    attacker = Attacker(score, -1.0, 2.0, expected=0.0, excess=0.0, surer=surer)
    rng = np.random.default_rng(3)
    outputs = rng.normal(scale=3.0, size=500)
    outputs[:6] = [-2.0, -1.0, 2.0, 2.5, 4.0, math.nan]
    labels = rng.random(500) < 0.5
    tally = {(weight, right): 0 for weight in (1, 2, 3) for right in (True, False)}
    for output, label in zip(outputs, labels, strict=True):
        cuts = [(-1.0, 2.0), *surer]
        weight = sum(int(output >= high) - int(output <= low) for low, high in cuts)
        if weight:
            tally[abs(weight), bool((weight > 0) == label)] += 1
    expected = [Counts(500, tally[w, True], tally[w, False]) for w in (1, 2, 3)]
    assert list(attacker.count_by_weight(outputs, labels)) == expected
    assert all(one.spoken for one in expected)
    total = attacker.count(outputs, labels)
    assert [total.right, total.wrong] == [
        sum(getattr(one, name) for one in expected) for name in ("right", "wrong")
    ]


def _symbols(count: int, seed: int):
    """Vectors of two symbols whose odds are 1.3, 1.2, 1.1 and what is left."""
    rng = np.random.default_rng(seed)
    labels = rng.random(count) < 0.5
    odds = np.array([1.3, 1.2, 1.1, 0.4])
    laws = np.array([[0.1, 0.1, 0.1, 0.7], np.array([0.1, 0.1, 0.1, 0.7]) * odds])
    laws[1, 3] = 1.0 - laws[1, :3].sum()
    places = (rng.random((count, 1)) > np.cumsum(laws, axis=1)[labels.astype(int)]).sum(axis=1)
    return np.column_stack([places // 2, places % 2]).astype(np.int8), labels, places


def test_weak_suspicions_count_by_how_far_they_exceed_the_claim():
    """To the unit, in proportion to the odds beyond the claim; nothing below."""
    outputs, labels, _ = _symbols(200_000, seed=4)
    epsilon = math.log(1.15)
    goal = Goal(1_000, 0.05, epsilon, eager=True)
    attacker = learn_attacker(outputs, labels, goal, seed=0)
    assert attacker.surer
    cuts = [(attacker.lower, attacker.upper), *attacker.surer]
    assert all(-low == high for low, high in cuts)
    assert cuts == sorted(cuts, key=lambda cut: cut[1])
    weights = []
    for vector in ((0, 0), (0, 1), (1, 0), (1, 1)):
        score = abs(attacker.score(np.array([vector], dtype=np.int8))[0])
        weights.append(sum(score >= high for _, high in cuts))
    # Rates of right guesses: 56.5%, 54.5%, 52.4% and 52.4%; the claim allows 53.5%.
    assert weights[0] > weights[1] > weights[2] == weights[3] == 0
    assert weights[0] / weights[1] == pytest.approx((0.5652 - 0.5349) / (0.5455 - 0.5349), rel=0.5)


@pytest.mark.parametrize(
    "change", [{"eager": False}, {"delta": 1e-6}, {"epsilon": 0.01, "rounds": 10**6}]
)
def test_guesses_count_once_where_weights_have_no_test_or_no_use(change):
    """With one stage, with a delta, and where a bound above the claim is to be expected."""
    outputs, labels, _ = _symbols(200_000, seed=5)
    goal = replace(Goal(1_000, 0.05, math.log(1.15), eager=True), **change)
    assert learn_attacker(outputs, labels, goal, seed=0).surer == ()


@given(st.lists(st.floats(allow_nan=True), min_size=60, max_size=120), st.randoms())
def test_no_output_is_named_twice_and_sides_are_true(numbers, random):
    """What the sides say, on which the share of delta rests: an attacker of one side never names
    the other input, on no output, not even infinite ones."""
    labels = np.array([random.random() < 0.5 for _ in numbers])
    outputs = np.array(numbers)
    attacker = learn_attacker(outputs, labels, Goal(1000, 0.05, 0.5, 0.01), seed=0)
    if attacker is None:
        return
    assert not attacker.lower >= attacker.upper
    every = np.concatenate([outputs, SPECIAL])
    said = set(attacker.guess(every).tolist())
    if attacker.upper == math.inf:
        assert 1 not in said
    if attacker.lower == -math.inf:
        assert -1 not in said


def test_tables_say_smoothed_log_ratios():
    rng = np.random.default_rng(4)
    outputs, labels = rng.integers(0, 9, 400), rng.random(400) < 0.5
    outputs[:2] = [100, 101]  # each of which came once
    score = table(outputs, labels, 8.0)
    for value in range(9):
        here = outputs == value
        firsts = int(labels[here].sum())
        expected = math.log((firsts + 8.0) / (here.sum() - firsts + 8.0))
        assert score(np.array([value]))[0] == pytest.approx(expected)
    assert score(np.array([100]))[0] == score(np.array([555]))[0] == score.other


# What is said about them.


def _scalar_attacker(sign: float, lower: float, upper: float) -> Attacker:
    score = Signed(FeatureScore(Feature("value", scalar=True)), sign)
    return Attacker(score, lower, upper, 0.0, 0.0)


@given(
    sign=st.sampled_from([1.0, -1.0]),
    cuts=st.tuples(st.floats(-9.0, 9.0), st.floats(-9.0, 9.0)).filter(lambda c: c[0] < c[1]),
    sides=st.sampled_from([(1,), (-1,), (1, -1)]),
)
def test_thresholds_in_words_are_true(sign, cuts, sides):
    """The rule that is read in the sentence makes the attacker's guesses, on all numbers but those
    that the rounding to six digits takes to the other side."""
    lower = cuts[0] if -1 in sides else -math.inf
    upper = cuts[1] if 1 in sides else math.inf
    attacker = _scalar_attacker(sign, lower, upper)
    outputs = np.linspace(-10.0, 10.0, 4001)
    said = explain(attacker, outputs)
    assert set(said) == set(sides)
    guesses = attacker.guess(outputs)
    for side, sentence in said.items():
        word, number = re.fullmatch(
            r"the output is (at least|at most) (-?[\d.e-]+)", sentence
        ).groups()  # type: ignore[union-attr]
        cut = float(number)
        rule = outputs >= cut if word == "at least" else outputs <= cut
        clear = np.abs(outputs - cut) > 1e-5 * max(abs(cut), 1e-9)
        assert ((guesses == side) == rule)[clear].all()


def test_tables_in_words_are_true():
    """Every output that is listed is named, and with "more" the count is that of all."""
    rng = np.random.default_rng(5)
    for trial in range(30):
        ids = rng.integers(0, 14, 600)
        words = objects([f"w{i}" for i in ids])
        labels = rng.random(600) < 0.1 + 0.8 * (ids / 14.0)
        score = table(words, labels, 0.5)
        upper = float(np.quantile(score.logs, 0.4 + 0.04 * (trial % 12)))
        lower = float(np.quantile(score.logs, 0.3))
        attacker = Attacker(score, lower, upper, 0.0, 0.0)
        known = objects([f"w{i}" for i in range(14)])
        guesses = attacker.guess(known)
        for side, sentence in explain(attacker, words).items():
            listed = re.findall("“(.*?)”", sentence)
            named = {w for w, g in zip(known, guesses, strict=True) if g == side}
            assert set(listed) <= named
            more = re.search(r"and ([\d,]+) more", sentence)
            assert len(listed) + (int(more.group(1)) if more else 0) == len(named)
            unseen = attacker.guess(objects(["never seen"]))[0] == side
            assert ("did not come up twice" in sentence) == unseen
            seen = score(objects(listed))
            assert (np.diff(side * seen) <= 1e-12).all()  # the most telling ones first


def test_names_of_positions():
    outputs = np.repeat(np.arange(3), 50)
    score = table(outputs, outputs == 2, 0.5)
    attacker = Attacker(score, -math.inf, 0.5, 0.0, 0.0)
    assert explain(attacker, outputs, ["ant", "bee", "cat"]) == {1: "the output is “cat”"}


@pytest.mark.parametrize(("sign", "cut", "said"), [
    (1.0, 0.5, "the output is one of: “bee”, “cat”"),
    (-1.0, -0.5, "the output is “ant”"),
    (1.0, 7.0, "no word of the vocabulary comes up"),
])  # fmt: skip
def test_thresholds_on_positions_name_words(sign, cut, said):
    score = Signed(FeatureScore(Feature("value", scalar=True)), sign)
    attacker = Attacker(score, -math.inf, cut, 0.0, 0.0)
    names = ["ant", "bee", "cat"]
    outputs, labels = np.array([0, 1, 2, 2]), np.array([False, True, True, True])
    assert explain(attacker, outputs, names) == {1: said}
    assert set(picture(attacker, outputs, labels, names).outputs) == {f"“{n}”" for n in names}


def test_trees_in_words_agree_as_often_as_is_said():
    """The rules, read from the sentence and evaluated, agree with the attacker as said."""
    rng = np.random.default_rng(6)
    labels = rng.random(4000) < 0.5
    outputs = rng.normal(size=(4000, 2)).round(3)
    # Only the two coordinates together tell the inputs apart.
    outputs[:, 1] = np.where(labels, 1.0, -1.0) * np.sign(outputs[:, 0]) * np.abs(outputs[:, 1])
    attacker = learn_attacker(outputs, labels, Goal(4000, 0.05, 0.1), seed=0)
    assert attacker is not None
    assert attacker.sides > 0
    guesses = attacker.guess(outputs)
    features = {str(f): f for f in features_of(outputs)}
    checked = 0
    for side, sentence in explain(attacker, outputs).items():
        text, _, share = sentence.partition(" (in short: this agrees with it on ")
        if not share or text.count(";") == 2:
            continue  # at most three rules are listed: then there may be more
        rule = np.zeros(len(outputs), dtype=bool)
        for clause in text.split("; or "):
            inside = np.ones(len(outputs), dtype=bool)
            # "and" joins thresholds of several features, and the two ends of one.
            for name, words in re.findall(
                r"(?:^|and )([a-z][^<>]*?) is ((?:above|at most) \S+(?: and at most \S+)?)", clause
            ):
                seen = values(outputs, [features[name]])[:, 0]
                for word, number in re.findall(r"(above|at most) (\S+)", words):
                    inside &= seen > float(number) if word == "above" else seen <= float(number)
            rule |= inside
        agreement = float((rule == (guesses == side)).mean())
        said = float(share.split("%")[0]) / 100.0
        assert agreement == pytest.approx(said, abs=0.01)
        checked += 1
    assert checked >= 1


def test_pictures_show_shares_and_what_is_said():
    rng = np.random.default_rng(7)
    labels = rng.random(3000) < 0.5
    outputs = rng.normal(np.where(labels, 1.0, 0.0))
    seen = picture(_scalar_attacker(1.0, -1.0, 1.5), outputs, labels)
    assert len(seen.edges) == len(seen.first) + 1 == len(seen.says) + 1
    assert sum(seen.first) == pytest.approx(1.0)
    assert sum(seen.second) == pytest.approx(1.0)
    for low, high, says in zip(seen.edges, seen.edges[1:], seen.says, strict=False):
        if low > 1.5:
            assert says == 1
        if high < -1.0:
            assert says == -1
        if low > -1.0 and high < 1.5:
            assert says == 0


# Bands of privacy profiles.

#: Laws of the two inputs on five outputs, one of which is impossible under the first.
_P = np.array([0.4, 0.3, 0.2, 0.1, 0.0])
_Q = np.array([0.1, 0.2, 0.3, 0.25, 0.15])


def _delta(p: Floats, q: Floats, epsilon: float) -> float:
    return float(np.maximum(p - math.exp(epsilon) * q, 0.0).sum())


def _least_false_negative(p: Floats, q: Floats, false_positive: float) -> float:
    """Of the best test that says "p" with chance `false_positive` under q: Neyman and Pearson."""
    order = np.argsort(-p / np.maximum(q, 1e-300))
    x = np.concatenate([[0.0], np.cumsum(q[order])])
    y = np.concatenate([[0.0], np.cumsum(p[order])])
    return 1.0 - float(np.interp(false_positive, x, y))


def _band_failures(alpha: float, runs: int, seed: int) -> int:
    """In how many of the runs one of the bounds of a band is wrong, at any epsilon or point."""
    rng = np.random.default_rng(seed)
    # A score of its own for each output, and one that is NaN for none: as an attacker has it.
    scores = np.log((_P + 0.05) / (_Q + 0.05))
    attacker = Attacker(FeatureScore(Feature("value")), -0.7, 0.9, 0.0, 0.0)
    sets = nested_sets(attacker, rng.choice(scores, 4000, p=0.5 * (_P + _Q)))
    failures = 0
    for _ in range(runs):
        labels = rng.random(300) < 0.5
        firsts = int(labels.sum())
        found = np.empty(300)
        found[labels] = rng.choice(scores, firsts, p=_P)
        found[~labels] = rng.choice(scores, 300 - firsts, p=_Q)
        band = bands(count_hits(sets, found, labels), 0.4, alpha)
        true = [max(_delta(_P, _Q, e), _delta(_Q, _P, e)) for e in band.epsilon]
        wrong = any(d > t + 1e-12 for d, t in zip(band.delta, true, strict=True))
        upper = len(sets.upper)
        for place, (x, y) in enumerate(zip(band.false_positive, band.false_negative, strict=True)):
            p, q = (_P, _Q) if place < upper else (_Q, _P)
            wrong |= y < _least_false_negative(p, q, x) - 1e-12
        failures += wrong
    return failures


def test_bands_hold_together():
    """In 400 runs at alpha = 0.3, bands are wrong anywhere in more than 30% of them with a chance
    below 1e-7; without the correction for the number of sets they are (mutation)."""
    runs, alpha = 400, 0.3
    failures = _band_failures(alpha, runs, seed=8)
    assert binom.sf(failures - 1, runs, alpha) > FALSE_ALARM
    assert failures > 0  # or nothing was tested


def test_bands_without_a_correction_are_noticed(monkeypatch):
    monkeypatch.setattr(profile, "union", lambda alpha, count: alpha)
    runs, alpha = 400, 0.3
    assert binom.sf(_band_failures(alpha, runs, seed=8) - 1, runs, alpha) < FALSE_ALARM


def test_bands_against_a_plain_computation():
    rng = np.random.default_rng(9)
    for _ in range(20):
        firsts, seconds = (int(n) for n in rng.integers(1, 2000, 2))
        first, second = rng.integers(0, firsts + 1, 5), rng.integers(0, seconds + 1, 5)
        upper, claimed, alpha = int(rng.integers(0, 6)), float(rng.uniform(0.1, 2.0)), 0.01
        found = bands(Hits(first, second, firsts, seconds, upper), claimed, alpha)
        p, q = [], []
        for place in range(5):
            ours, theirs = (first[place], firsts), (second[place], seconds)
            if place >= upper:
                ours, theirs = theirs, ours
            # Clopper and Pearson, one-sided, ten bounds.
            a, n = (int(v) for v in ours)
            b, m = (int(v) for v in theirs)
            p.append(0.0 if a == 0 else float(beta.ppf(alpha / 10, a, n - a + 1)))
            q.append(1.0 if b == m else float(beta.isf(alpha / 10, b + 1, m - b)))
        assert found.false_positive == pytest.approx(q, abs=1e-7)
        assert found.false_negative == pytest.approx([1.0 - v for v in p], abs=1e-7)
        for epsilon, delta in [
            *zip(found.epsilon, found.delta, strict=True),
            (claimed, found.at_claim),
        ]:
            expected = max(0.0, *(a - math.exp(epsilon) * b for a, b in zip(p, q, strict=True)))
            assert delta == pytest.approx(expected, abs=1e-7)
        best = int(np.argmax([a - math.exp(claimed) * b for a, b in zip(p, q, strict=True)]))
        if found.at_claim > 1e-6:
            assert found.forward == (best < upper)
        assert claimed in found.epsilon or any(abs(e - claimed) < 1e-9 for e in found.epsilon)


def test_hits_are_counted_as_the_sets_say():
    rng = np.random.default_rng(10)
    scores = rng.normal(size=500).round(1)
    scores[:6] = [math.nan, math.inf, -math.inf, 0.0, -0.0, math.nan]
    labels = rng.random(500) < 0.4
    attacker = Attacker(FeatureScore(Feature("value")), -0.3, 0.4, 0.0, 0.0)
    sets = nested_sets(attacker, scores)
    assert 0.4 in sets.upper
    assert -0.3 in sets.lower
    hits = count_hits(sets, scores, labels) + sets.none()
    assert (hits.firsts, hits.seconds) == (int(labels.sum()), int((~labels).sum()))
    for place, cut in enumerate(sets.upper):
        assert hits.first[place] == sum(scores[labels] >= cut)
        assert hits.second[place] == sum(scores[~labels] >= cut)
    for place, cut in enumerate(sets.lower, start=len(sets.upper)):
        assert hits.first[place] == sum(scores[labels] <= cut)
        assert hits.second[place] == sum(scores[~labels] <= cut)


def test_without_draws_bands_say_nothing():
    none = Hits(np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64), 0, 0, 2)
    found = bands(none, 1.0, 0.05)
    assert found.at_claim == 0.0
    assert set(found.delta) == {0.0}
    assert set(found.false_positive) == set(found.false_negative) == {1.0}


# Pairs.


@pytest.mark.parametrize("length", [1, 2, 3, 5, 10])
def test_neighbouring_answers_are_neighbours(length):
    for every in (True, False):
        pairs = neighbouring_answers(length, every=every)
        assert len(set(pairs)) == len(pairs)
        assert len({frozenset(pair) for pair in pairs}) == len(pairs)
        for first, second in pairs:
            a, b = np.atleast_1d(first), np.atleast_1d(second)
            assert a.shape == b.shape == (length,)
            changes = np.abs(a - b)
            assert changes.max() == 1
            if not every:
                assert changes.sum() == 1
    assert set(neighbouring_answers(length, every=False)) <= set(neighbouring_answers(length))


@pytest.mark.parametrize("kind", ["scattered", "line", "lattice", "clustered"])
def test_word_pairs_hold_the_nearest_and_the_farthest(kind):
    rng = np.random.default_rng(11)
    for n in (2, 5, 12, 30):
        space = random_space(kind, n, rng)
        matrix = np.array([space.distance_rows(slice(i, i + 1))[0] for i in range(n)])
        above = matrix[np.triu_indices(n, 1)]
        for measured in (space, None):
            for count in (1, 6, 24, 10_000):
                pairs = word_pairs(space, measured, count, seed=3)
                chosen = {(pair.first, pair.second) for pair in pairs}
                assert len(chosen) == len(pairs)
                assert all(0 <= i < j < n for i, j in chosen)
                gaps = [matrix[i, j] for i, j in chosen]
                assert min(gaps) == above.min()
                assert max(gaps) == above.max()
                assert len(pairs) == min(max(count, len({*chosen})), n * (n - 1) // 2)
                for pair in pairs:
                    distance = matrix[pair.first, pair.second] if measured else 1.0
                    assert pair.distance == distance
                    assert pair.shown == (space.words[pair.first], space.words[pair.second])
        assert len(word_pairs(space, space, 10_000, seed=3)) == n * (n - 1) // 2
        first, again = (word_pairs(space, space, 12, seed=s) for s in (5, 5))
        assert first == again


@pytest.mark.parametrize(
    ("claim", "pairs", "says"),
    [
        (PureDP(1.0), [], "pairs is empty"),
        (PureDP(1.0), [(0,)], "Pair 1 is"),
        (PureDP(1.0), [(0, 1), (1, 2, 3, 4)], "Pair 2 is"),
        (PureDP(1.0), ["ab"], "Pair 1 is 'ab'"),
        (PureDP(1.0), [3], "Pair 1 is 3"),
        (PureDP(1.0), [((1, 2), (1, 2))], "twice"),
        (MetricDP(1.0), [("a", "b")], "distance of pair 1 is not known"),
        (MetricDP(1.0), [("a", "b", 0.0)], "must be above 0"),
        (MetricDP(1.0), [("a", "b", -1.0)], "must be above 0"),
        (MetricDP(1.0), [("a", "b", math.inf)], "must be above 0"),
        (MetricDP(1.0), [("a", "b", math.nan)], "must be above 0"),
        (MetricDP(1.0, metric="mahalanobis"), [(0, 1)], "is not known"),
        (MetricDP(1.0), [((0, 1), (0, 1, 2))], "is not known"),
        (MetricDP(1.0), [(0.0, math.nan)], "must be above 0"),
    ],
)
def test_unusable_pairs(claim, pairs, says):
    with pytest.raises(InputError, match=re.escape(says)):
        given_pairs(claim, pairs)


def test_distances_of_given_pairs():
    corners = [((0.0, 0.0), (3.0, -4.0))]
    for metric, distance in [
        (None, 5.0), ("euclidean", 5.0), ("manhattan", 7.0), ("chebyshev", 4.0),
    ]:  # fmt: skip
        assert given_pairs(MetricDP(1.0, metric=metric), corners)[0].distance == distance
    assert given_pairs(MetricDP(1.0), [(2, 5)])[0].distance == 3.0
    assert given_pairs(MetricDP(1.0), [(2, 5, 0.5)])[0].distance == 0.5
    # Only metric claims have distances.
    with pytest.raises(InputError, match="means nothing to a pure claim"):
        given_pairs(PureDP(1.0), [(2, 5, 9.0)])
