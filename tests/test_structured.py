"""Outputs with parts, texts and exact numbers: every leak below tells its input at a rate of 90%.

Each mechanism is a function of a bit, to which randomized response at epsilon = ln 9 is applied
first. The claim epsilon = 1 is then false and has to be refuted, the claim ln 9 is true; these
audits have alpha = 1e-9 each, so that a correct auditor fails in one of them with a chance below
1e-7.
"""

import json
import math
import string
import uuid
from collections import namedtuple
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from dpaudit import InputError, PureDP, Verdict, audit
from dpaudit.reports import page
from dpaudit.statistical.drawing.ignoring import parsed_path, without
from dpaudit.statistical.drawing.outputs import canonical, piece_of_values, settled
from dpaudit.statistical.drawing.structures import exact, plain
from dpaudit.statistical.leaves import explored
from dpaudit.statistical.unseen import unseen_leaves

pandas = pytest.importorskip("pandas")

TRUE = math.log(9.0)
ALPHA = 1e-9
DRAWS = 6_000

LETTERS = np.array(list(string.ascii_lowercase))


def kept(bit, rng):
    return bit if rng.random() < 0.9 else 1 - bit


def word(rng, length=8):
    return "".join(rng.choice(LETTERS, length))


@dataclass
class Answer:
    total: float
    flag: str


Named = namedtuple("Named", "total who")


def inserted(text, into, rng):
    place = int(rng.integers(len(into)))
    return into[:place] + text + into[place:]


#: Of a bit and a generator, an output that tells the bit.
LEAKS = {
    "text with a nonce": lambda b, rng: f"user={b} nonce={rng.integers(2**62)}",
    "symbol and float": lambda b, rng: ("s" if b else "p", rng.random()),
    "symbol and word": lambda b, rng: ("secret" if b else "public", word(rng)),
    "first of nine tokens": lambda b, rng: [
        "yes" if b else "no", *(word(rng) for _ in range(8))
    ],
    "first of nine words": lambda b, rng: " ".join(
        ["yes" if b else "non", *(word(rng) for _ in range(8))]
    ),
    "length of text": lambda b, rng: word(rng, 9 if b else 8),
    "last character": lambda b, rng: word(rng) + ("a" if b else "b"),
    "case": lambda b, rng: word(rng).upper() if b else word(rng),
    "a word anywhere": lambda b, rng: " ".join(
        rng.permutation([word(rng), word(rng), "secret" if b else "public"])
    ),
    "a substring": lambda b, rng: inserted("xyz" if b else "qqq", word(rng, 20), rng),
    "decimal": lambda b, rng: Decimal(10**20 + b) + 1000 * int(rng.integers(10**6)),
    "digits of a decimal": lambda b, rng: Decimal("1.0") if b else Decimal("1.00"),
    "fraction": lambda b, rng: Fraction(2 * int(rng.integers(10**6)) + 1, 4 if b else 8),
    "numerator": lambda b, rng: Fraction(2 * int(rng.integers(10**6)) + b, 10**9 + 7),
    "number in nested tuples": lambda b, rng: (("a", (b + rng.random() / 10,)), rng.random()),
    "number in ragged lists": lambda b, rng: [
        *rng.random(rng.integers(1, 5)).tolist(), b + rng.random() / 10
    ],
    "number in JSON text": lambda b, rng: json.dumps(
        {"id": word(rng), "rows": [{"v": 0.5 + b + rng.random() / 10}]}
    ),
    "first byte": lambda b, rng: bytes([65 + b]) + rng.bytes(12),
    "a byte": lambda b, rng: rng.bytes(4) + bytes([65 + b]) + rng.bytes(12),
    "whole numbers beyond 2^53": lambda b, rng: 2**60 + 1000 * int(rng.integers(2**50)) + b,
    "whole numbers beyond 2^64": lambda b, rng: 2**90 + 1000 * int(rng.integers(2**50)) + b,
    "parity of 16 bits": lambda b, rng: 2 * int(rng.integers(2**15)) + b,
    "mask": lambda b, rng: np.ma.array(rng.random(2), mask=[bool(b), False]),
    "data under a mask": lambda b, rng: np.ma.array([rng.random(), b + 0.5], mask=[False, True]),
    "a key": lambda b, rng: {"total": rng.random(), **({"k": 1} if b else {})},
    "value of a key": lambda b, rng: {"id": word(rng), "total": b + rng.random() / 10},
    "order of keys": lambda b, rng: {"a": rng.random(), "b": 1} if b else {"b": 1, "a": 0.5},
    "keys that are data": lambda b, rng: {word(rng) + ("a" if b else "b"): rng.random()},
    "member of a set": lambda b, rng: {"alice", "bob", word(rng), *(["carol"] if b else [])},
    "numbers in a set": lambda b, rng: {rng.random(), 5 + b + rng.random() / 10},
    "dataclass": lambda b, rng: Answer(rng.random(), "f" if b else "g"),
    "named tuple": lambda b, rng: Named(rng.random(), "f" if b else "g"),
    "True or 1": lambda b, rng: (True if b else 1, "a"),
    "sign of zero": lambda b, rng: (-0.0 if b else 0.0, "a"),
}  # fmt: skip

#: What the rule of some of them must speak of.
SAID = {
    "a key": 'output["k"]',
    "value of a key": 'output["total"]',
    "member of a set": '"carol"',
    "length of text": "len(output)",
    "dataclass": "output.flag",
    "named tuple": "output.who",
    "symbol and float": "output",
}


def audited(leak, epsilon, seed=0, **options):
    def mechanism(x, rng):
        return leak(kept(x, rng), rng)

    options = {"draws": DRAWS, "alpha": ALPHA, **options}
    return audit(mechanism, PureDP(epsilon), pairs=[(0, 1)], seed=seed, **options)


@pytest.mark.parametrize("name", LEAKS)
def test_leaks_are_found_and_their_correct_twins_are_left_alone(name):
    found = audited(LEAKS[name], 1.0, alpha=0.05)
    assert found.verdict is Verdict.VIOLATED
    assert SAID.get(name, "") in f"{found.attack.first} {found.attack.second}"
    assert 1.0 < found.true_epsilon.lower < TRUE + 0.5
    twin = audited(LEAKS[name], TRUE)
    assert twin.verdict is Verdict.NOT_REFUTED


def test_frames():
    def leak(b, rng):
        return pandas.DataFrame({"v": [rng.random(), b + rng.random() / 10], "w": ["a", None]})

    found = audited(leak, 1.0, alpha=0.05, draws=2_000)
    assert found.verdict is Verdict.VIOLATED
    assert 'output["v"][1]' in found.attack.first
    assert audited(leak, TRUE, draws=2_000).verdict is Verdict.NOT_REFUTED


@pytest.mark.parametrize("name", ["text with a nonce", "value of a key", "member of a set"])
def test_bets_look_at_leaves_too(name):
    found = audited(LEAKS[name], 1.0, sequential=True, alpha=0.05)
    assert found.verdict is Verdict.VIOLATED
    assert found.draws < DRAWS
    assert audited(LEAKS[name], TRUE, sequential=True).verdict is Verdict.NOT_REFUTED


def test_a_vectorised_mechanism_may_return_structures():
    def mechanism(x, size, rng):
        return [LEAKS["value of a key"](kept(x, rng), rng) for _ in range(size)]

    found = audit(mechanism, PureDP(1.0), pairs=[(0, 1)], draws=4_000)
    assert found.verdict is Verdict.VIOLATED
    masked = audit(
        lambda x, size, rng: np.ma.array(rng.random(size), mask=rng.random(size) < 0.1 + 0.8 * x),
        PureDP(1.0), pairs=[(0, 1)], draws=4_000,
    )  # fmt: skip
    assert masked.verdict is Verdict.VIOLATED


def test_pages_show_leaves_and_foreign_text_is_text():
    found = audited(lambda b, rng: {"<script>": "a" if b else "b", "id": rng.random()}, 1.0)
    assert found.verdict is Verdict.VIOLATED
    assert "<script>" in found.attack.first
    assert "output[&#34;&lt;script&gt;" in page.render(found).replace("&quot;", "&#34;")


# What was not looked at.


def identified(b, rng):
    return {"id": str(uuid.UUID(bytes=rng.bytes(16), version=4)), "total": b + rng.random() / 10}


@pytest.mark.parametrize("sequential", [False, True])
def test_a_part_that_was_not_looked_at_is_named_and_decides(sequential):
    options = {"draws": 3_000, "sequential": sequential}
    found = audited(identified, TRUE, **options)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert 'output["id"]' in found.reason
    assert "total" not in found.reason
    assert "features" in found.reason
    assert "ignore" in found.reason
    assert found.exit_code == 3
    ignored = audited(identified, TRUE, ignore='output["id"]', **options)
    assert ignored.verdict is Verdict.NOT_REFUTED
    assert any('output["id"]' in remark for remark in ignored.mechanism.remarks)
    featured = audited(identified, TRUE, features=lambda out: out["id"][0], **options)
    assert featured.verdict is Verdict.NOT_REFUTED
    # Ignoring hides no other part.
    assert audited(identified, 1.0, ignore="id", alpha=0.05).verdict is Verdict.VIOLATED


def values(make, count=1000):
    rng = np.random.default_rng(3)
    return settled([piece_of_values([canonical(make(rng)) for _ in range(count)])])


@pytest.mark.parametrize(
    ("make", "unseen"),
    [
        (lambda rng: rng.bytes(16), ["output"]),
        (lambda rng: rng.bytes(16).hex(), ["output"]),
        (lambda rng: ("a", rng.bytes(9)), ["output[1]"]),
        (lambda rng: json.dumps({"id": rng.bytes(16).hex()}), ['json(output)["id"]']),
        (lambda rng: {"a": {"b": [rng.bytes(16).hex()]}}, ['output["a"]["b"][0]']),
        (lambda rng: {rng.bytes(16).hex()}, ["sorted(output)[0]"]),
        (lambda rng: {rng.bytes(16).hex(): 1}, ["list(output)[0]"]),
        (lambda rng: ["a"] * 100, ["output[64:]"]),
        (lambda rng: [[[[[[[[rng.random(), "a"]]]]]]]], ["output[0][0][0][0][0][0]"]),
        (lambda rng: (rng.random(), "a"), []),
        (lambda rng: word(rng, int(rng.integers(3, 9))), []),
        (lambda rng: f"{rng.random()}", []),
        (lambda rng: Decimal(rng.random()), []),
        (lambda rng: rng.random(3), []),
    ],
)
def test_unseen_leaves(make, unseen):
    assert unseen_leaves(values(make)) == unseen


def test_a_dictionary_with_too_many_parts_says_so():
    outputs = values(lambda rng: {f"k{i}": {"a": "b", "c": rng.random()} for i in range(150)}, 200)
    assert explored(outputs)[1]


def test_bits_of_floats_in_structures():
    def leak(b, rng):
        return {"v": int(rng.integers(2**20)) / 2**20 + (0 if b else 2**-40), "id": word(rng)}

    assert audited(leak, 1.0, alpha=0.05, draws=3_000).verdict is not Verdict.VIOLATED
    found = audited(leak, 1.0, alpha=0.05, draws=3_000, bits=True)
    assert found.verdict is Verdict.VIOLATED
    assert 'lowest bit set in output["v"]' in found.attack.first


# The ways out.


class LocalHash:
    """Local hashing with seeds of 62 bits: one bit of the hash of the input, kept or not."""

    @staticmethod
    def bit(seed, value):
        return (seed * (2 * value + 3) * 0x9E3779B97F4A7C15 >> 61) & 1

    @classmethod
    def sample(cls, x, rng):
        seed = int(rng.integers(2**62))
        return seed, kept(cls.bit(seed, x), rng)


def test_features_find_what_hides_in_a_hash():
    options = {"pairs": [(0, 1)], "draws": 10_000}

    def features(output):
        seed, bit = output
        return [LocalHash.bit(seed, value) == bit for value in (0, 1)]

    found = audit(LocalHash.sample, PureDP(1.0), features=features, **options)
    assert found.verdict is Verdict.VIOLATED
    assert "features" in found.attack.first
    twin = audit(LocalHash.sample, PureDP(TRUE), features=features, alpha=ALPHA, **options)
    assert twin.verdict is Verdict.NOT_REFUTED
    workers = audit(LocalHash.sample, PureDP(1.0), features=features, workers=1, **options)
    assert workers.attack == found.attack


def test_features_of_arrays():
    def mechanism(x, size, rng):
        noise = rng.random((size, 2))
        noise[:, 1] = (noise[:, 0] + 0.5 * (x ^ (rng.random(size) > 0.9))) % 1.0
        return noise

    found = audit(
        mechanism, PureDP(1.0), pairs=[(0, 1)], draws=4_000,
        features=lambda row: (row[1] - row[0]) % 1.0 > 0.25,
    )  # fmt: skip
    assert found.verdict is Verdict.VIOLATED


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"features": lambda out: out["a"]}, "features raised TypeError"),
        ({"features": lambda out: object()}, "features returned"),
        ({"features": 3}, "must be a function"),
        ({"ignore": "output"}, "ignore is 'output'"),
        ({"ignore": ["output[0]", "a b"]}, "ignore is 'a b'"),
        ({"on_exception": "skip"}, "on_exception is 'skip'"),
        ({"attackers": 3}, "attackers holds int"),
    ],
)
def test_unusable_options(options, says):
    with pytest.raises(InputError, match=says):
        audited(lambda b, rng: b, 1.0, draws=200, **options)


def fifth_decimal(outputs):
    if outputs.shape[1] != 1:
        raise ValueError("not what it was fitted to")
    return np.floor(outputs * 1e5) % 2


def odd_fifth_decimal(x, size, rng):
    """A uniform number whose fifth decimal is odd or even; no threshold and no tree sees that."""
    odd = x ^ (rng.random(size) > 0.9)
    return (2 * rng.integers(50_000, size=size) + odd + rng.random(size)) / 1e5


def test_a_fitted_classifier_takes_part():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    rng = np.random.default_rng(1)
    outputs = np.concatenate([odd_fifth_decimal(x, 1_000, rng) for x in (0, 1)])[:, None]
    pipeline = make_pipeline(FunctionTransformer(fifth_decimal), LogisticRegression())
    model = pipeline.fit(outputs, np.repeat([0, 1], 1_000))
    options = {"pairs": [(0, 1)], "draws": 10_000}
    assert audit(odd_fifth_decimal, PureDP(1.0), **options).verdict is Verdict.NOT_REFUTED
    for sequential in (False, True):
        found = audit(
            odd_fifth_decimal, PureDP(1.0), attackers=model, sequential=sequential, **options
        )
        assert found.verdict is Verdict.VIOLATED
        assert "Pipeline" in found.attack.first
        assert page.render(found)
    twin = audit(odd_fifth_decimal, PureDP(TRUE), attackers=[model], alpha=ALPHA, **options)
    assert twin.verdict is Verdict.NOT_REFUTED
    with pytest.raises(InputError, match="attackers: Pipeline raised"):
        audit(lambda x, size, rng: rng.random((size, 2)), PureDP(1.0), attackers=model, **options)
    with pytest.raises(InputError, match="not fitted"):
        audit(odd_fifth_decimal, PureDP(1.0), attackers=LogisticRegression(), **options)


def test_a_classifier_of_texts():
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    leak = LEAKS["a word anywhere"]
    rng = np.random.default_rng(1)
    texts = [leak(bit, rng) for bit in (0, 1) for _ in range(200)]
    model = make_pipeline(CountVectorizer(), MultinomialNB()).fit(texts, np.repeat([0, 1], 200))
    assert audited(leak, 1.0, attackers=model, alpha=0.05).verdict is Verdict.VIOLATED


def fails_on_empty(x, rng):
    if not x and rng.random() < 0.9:
        raise ValueError("empty")
    return rng.random()


def fails_on_empty_many(x, size, rng):
    if not x and (rng.random(size) < 0.9).any():
        raise ValueError("empty")
    return rng.random(size)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("mechanism", [fails_on_empty, fails_on_empty_many])
def test_exceptions_are_outputs_if_asked_for(mechanism, workers):
    options = {"pairs": [((), (1,))], "draws": 2_000, "workers": workers}
    stopped = audit(mechanism, PureDP(1.0), **options)
    assert stopped.verdict is Verdict.INCONCLUSIVE
    found = audit(mechanism, PureDP(1.0), on_exception="record", **options)
    assert found.verdict is Verdict.VIOLATED
    assert "exception" in " ".join(found.mechanism.remarks)


def test_recorded_exceptions_are_those_of_single_draws():
    """Were a call for many outputs made first, failures would be as frequent as the square of their
    rate, and a mechanism whose rates are 1:2 would seem to fail at 1:4."""
    sizes = set()

    def rarely(x, size, rng):
        sizes.add(size)
        if (rng.random(size) < 1e-3 * (1 + x)).any():
            raise ValueError("unlucky")
        return rng.random(size)

    result = audit(
        rarely, PureDP(math.log(2)), pairs=[(0, 1)], draws=20_000, on_exception="record",
        alpha=ALPHA,
    )  # fmt: skip
    assert result.verdict is Verdict.NOT_REFUTED
    assert sizes == {1}


@pytest.mark.parametrize("workers", [0, 1])
def test_no_answer_in_time_is_an_output_if_asked_for(workers):
    def hangs(x, rng):
        while x and rng.random() < 0.5:
            pass_time()
        return 1

    def pass_time():
        import time

        time.sleep(5.0)

    options = {"pairs": [(0, 1)], "draws": 30, "time_limit": 0.05, "workers": workers}
    assert audit(hangs, PureDP(0.1), **options).verdict is Verdict.INCONCLUSIVE
    found = audit(hangs, PureDP(0.1), on_exception="record", **options)
    assert found.attack is not None
    assert found.reason is None


@pytest.mark.parametrize("workers", [0, 1])
def test_draws_counts_what_was_drawn_before_an_exception(workers):
    calls = []

    def fails_late(x, rng):
        calls.append(1)
        if rng.random() < 0.002:
            raise ValueError("late")
        return 1

    result = audit(fails_late, PureDP(1.0), pairs=[(0, 1)], draws=5_000, workers=workers)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.draws > 0
    if not workers:
        assert result.draws == len(calls) - 1


# Parts.


@pytest.mark.parametrize(
    ("value", "path", "left"),
    [
        ({"a": 1, "b": [2, 3]}, 'output["b"][1]', {"a": 1, "b": (2, None)}),
        ({"a": 1}, "a", {"a": None}),
        ({"a": 1}, '["a"]', {"a": None}),
        (Answer(1.0, "x"), "output.flag", "Answer(total=1.0, flag=None)"),
        ([1, 2, 3], "output[-1]", (1, 2, None)),
        ('{"id": 3, "n": 4}', 'json(output)["id"]', {"id": None, "n": 4}),
        (pandas.DataFrame({"v": [1, 2]}), 'output["v"][0]',
         "DataFrame(columns={'v': (None, 2)}, index=(0, 1))"),
        ({"a": 1}, "output[7]", {"a": 1}),
        ("text", 'output["a"]', "text"),
    ],
)  # fmt: skip
def test_parts_are_left_out(value, path, left):
    found = plain(without(canonical(value), parsed_path(path), canonical))
    assert (repr(found) if isinstance(left, str) and left != "text" else found) == left


def test_every_name_of_a_leaf_that_is_a_part_can_be_ignored():
    outputs = values(lambda rng: {"a": [rng.bytes(9), {"b": rng.bytes(9)}], "c": rng.bytes(9)})
    names = unseen_leaves(outputs)
    assert len(names) == 3
    for name in names:
        path = parsed_path(name)
        left = [without(output, path, canonical) for output in outputs]
        assert name not in unseen_leaves(settled([piece_of_values(left)]))


def test_exact_values():
    pairs = [(1, True), (1, 1.0), (0.0, -0.0), (Decimal("1.0"), Decimal("1.00")), ((1,), (True,))]
    for first, second in pairs:
        assert first == second
        assert exact(first) != exact(second)
        assert exact(first) == exact(first)
