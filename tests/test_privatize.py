"""Text in, text out: nothing of the text leaks, the noise is right, files are whole or absent.

Statistical tests have fixed seeds; each fails by chance with probability at most 1e-7.
"""

import errno
import io
import json
import logging
import os
import re
import secrets
import signal
import stat
import struct
import subprocess
import sys
import time
import tracemalloc
import unicodedata
import warnings
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpaudit import ApproximateDP, EmbeddingSpace, InputError, MetricDP, PureDP, cli, mechanisms
from dpaudit.errors import DPAuditError
from dpaudit.mechanisms.protocol import EpsilonUpperBound
from dpaudit.privatizing import (
    Guarantee,
    Lexicon,
    Privatizer,
    Tally,
    TextError,
    predictable_generator,
    scan,
    secure_generator,
    tokens,
    trial,
)
from dpaudit.privatizing import guarantee as guarantee_module
from dpaudit.privatizing.guarantee import rounded_up
from dpaudit.privatizing.stream import _silence
from dpaudit.privatizing.summary import Summary
from dpaudit.reports import privatized
from tests.support import builtin, fit_p_value

#: Chance that a correct sampler fails a test of fit.
ALPHA = 1e-7

#: A word outside every vocabulary here, and one that some vocabularies have.
SECRET = "zyxplantedsecret"

WORDS = ("here", "near", "far", "farther")
VECTORS = [[0.0, 0.0], [1.0, 0.0], [0.0, 3.0], [5.0, 5.0]]
SPACE = "".join(f"{w} {v[0]} {v[1]}\n" for w, v in zip(WORDS, VECTORS, strict=True))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "space.txt").write_text(SPACE, encoding="utf-8")
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("own_"):
            del sys.modules[name]


class Ended:
    """How a run of the command line ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """`dpaudit privatize` in this process, on the small space unless told otherwise."""

    def command(*arguments, text=None, name="metric-exponential", epsilon=2.0, space="space.txt"):
        given = ["dpaudit", "privatize", name, "-e", str(epsilon), "--space", space, *arguments]
        monkeypatch.setattr(sys, "argv", given)
        if text is not None:
            data = text if isinstance(text, bytes) else text.encode("utf-8")
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = capsys.readouterr()
        return Ended(ended.value.code or 0, shown.out, shown.err)

    return command


def small_space() -> EmbeddingSpace:
    return EmbeddingSpace(WORDS, VECTORS)


def privatise(text, mechanism, blocks=(2**18,), **options):
    """Output, words of each line, and the run."""
    data = text.encode("utf-8") if isinstance(text, str) else text
    parts, counts = [], []
    rng = options.pop("rng", None) or predictable_generator(options.pop("seed", 7))
    worker = Privatizer(mechanism, mechanism.space, rng, **options)
    worker.run(cut(data, blocks), parts.append, counts.extend)
    return "".join(parts), counts, worker


def cut(data: bytes, sizes):
    """Blocks of the given sizes, in turn."""
    start, turn = 0, 0
    while start < len(data):
        size = sizes[turn % len(sizes)]
        yield data[start : start + size]
        start, turn = start + size, turn + 1


# --- What a word is -----------------------------------------------------------------------------

LOWER = Lexicon(["here", "don't", "well-known", "café", "ὀδός", "نمی‌دانم", "new_york"])

TEXTS = {
    "case": ("HERE Here hErE", ["here"] * 3),
    "punctuation": ("“Here,” (here); here… here!", ["here"] * 4),
    "apostrophes": ("DON'T don’t 'here' heres'", ["don't", "don't", "here", "heres"]),
    "hyphens": ("well-known well\u2010known here--here -here-", ["well-known"] * 2 + ["here"] * 3),
    "composed": ("caf\u00e9 cafe\u0301 CAFE\u0301", ["café"] * 3),
    "greek": ("ὈΔΌΣ ὈΔΌΣ. ὈΔΌΣ.Α here", ["ὀδός", "ὀδός", "ὀδός", "α", "here"]),
    "joiner": ("نمی\u200cدانم", ["نمی\u200cدانم"]),
    "digits": ("mp3 1,5 2024", ["mp3", "1", "5", "2024"]),
    "underscore": ("New_York", ["new_york"]),
    "marks alone": ("\u0301 here \u0301", ["here"]),
    "line ends": ("here\r\nhere\rhere\nhere", ["here", "\n", "here", "\n", "here", "\n", "here"]),
    "no line ends": ("here\x0bhere\x0chere\x85here\u2028here\u2029here", ["here"] * 6),
    "byte order mark": ("\ufeffhere", ["here"]),
    "empty": ("", []),
    "empty lines": ("\n\n", ["\n", "\n"]),
    "devanagari": ("नमस्ते", [unicodedata.normalize("NFC", "नमस्ते")]),
}


@pytest.mark.parametrize("case", TEXTS)
def test_words_of_a_text(case):
    text, expected = TEXTS[case]
    found = [t for p in tokens.pieces([text.encode()]) for t in LOWER.read(p)[0]]
    assert found == expected
    found = [t for p in tokens.pieces([text.encode()]) for t in LOWER.read_with_punctuation(p)[0]]
    assert found == expected


def test_case_counts_where_the_vocabulary_uses_it():
    lexicon = Lexicon(["Apple", "apple", "May"])
    assert lexicon.read("Apple apple MAY May")[1].tolist() == [0, 1, tokens.UNKNOWN, 2]


def test_equal_spellings_lead_to_the_first_word():
    assert Lexicon(["don’t", "don't"]).read("don't don’t")[1].tolist() == [0, 0]


NASTY = st.lists(
    st.sampled_from(
        [
            *"aZ1_é日。Σσ.=' -’\n\r\t",
            "\u0301",
            "\u0338",
            "\u200d",
            "\x85",
            "\u1161",
            "İ",
            "ﬁ",
            "\U0001f600",
        ]
    ),
    max_size=40,
).map("".join)


@settings(max_examples=400)
@given(text=NASTY, sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_blocks_do_not_change_words(text, sizes):
    """Also not the punctuation between them, and not the number of lines."""
    data = text.encode("utf-8")

    def read(blocks):
        found = [LOWER.read_with_punctuation(piece) for piece in tokens.pieces(blocks)]
        plain = ""
        for words, _, between in found:
            plain += "".join(a + b for a, b in zip(between, [*words, ""], strict=True))
        return [word for words, _, _ in found for word in words], plain

    whole = read([data])
    assert read(cut(data, sizes)) == whole
    simple = [token for piece in tokens.pieces(cut(data, sizes)) for token in LOWER.read(piece)[0]]
    assert simple == whole[0]
    lines = re.split("\r\n|\r|\n", text.removeprefix("\ufeff"))
    assert simple.count("\n") == len(lines) - 1


def test_faults_are_placed_and_not_quoted():
    for size in (1, 2, 5, 1000):
        for data, place in (
            (b"here\nzyx\xffplanted", "Byte 9 "),
            (b"here zyx\xe4\xb8", "Byte 9 "),  # cut off
            (b"here zyx\xed\xa0\x80", "Byte 9 "),  # a surrogate
            (b"here zyx\0planted", "Byte 9 is NUL"),
        ):
            with pytest.raises(TextError) as caught:
                list(tokens.pieces(cut(data, (size,))))
            assert str(caught.value).startswith(place)
            assert "zyx" not in str(caught.value)
            assert caught.value.__context__ is None, "the exception of Python holds the bytes"


@pytest.mark.parametrize("size", [1000, 4096, 5000, 2**18])
@pytest.mark.parametrize("letter", ["z", "-", "é"])
def test_endless_words_are_refused_whatever_the_blocks(size, letter):
    most = tokens.LONGEST_WORD
    fine = f"here {letter * most} here\n{letter * most}"
    assert "".join(tokens.pieces(cut(fine.encode(), (size,)))) == fine
    with pytest.raises(TextError, match=r"^Line 3 has more than 4,096 ") as caught:
        list(tokens.pieces(cut(f"here\n\n. {letter * (most + 1)} here".encode(), (size,))))
    assert letter * 5 not in str(caught.value)


# --- Random numbers -----------------------------------------------------------------------------


def chacha20(key: bytes, block: int) -> bytes:
    """One block of the cipher, from its definition (Bernstein 2008; RFC 8439, section 2.3)."""
    start = struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<QQ", block, 0))
    x = list(start)

    def quarter(a, b, c, d):
        for i, j, k, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[i] = (x[i] + x[j]) & 0xFFFFFFFF
            mixed = x[k] ^ x[i]
            x[k] = ((mixed << turn) | (mixed >> (32 - turn))) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(x, start, strict=True)))


def test_the_stream_is_that_of_the_cipher_under_the_whole_key(monkeypatch):
    key = bytes(range(101, 133))
    asked = []

    def randbits(bits):
        asked.append(bits)
        return int.from_bytes(key, "little")

    monkeypatch.setattr(secrets, "randbits", randbits)
    raw = secure_generator().bit_generator.random_raw(24)
    assert asked == [256]
    assert raw.astype("<u8").tobytes() == b"".join(chacha20(key, block) for block in range(3))


def test_every_generator_has_a_key_of_its_own():
    streams = {secure_generator().bit_generator.random_raw(4).tobytes() for _ in range(20)}
    assert len(streams) == 20


@pytest.mark.parametrize("sampler", ["fast", "exact"])
def test_fit_under_the_secure_generator(monkeypatch, sampler):
    """The whole way from text to text, against the exact law."""
    monkeypatch.setattr(secrets, "randbits", lambda bits: 0x5EED << 200)
    mechanism = mechanisms.MetricExponential(small_space(), epsilon=0.7, sampler=sampler)
    draws = 20_000
    text = "\n".join(" ".join(WORDS) for _ in range(draws))
    output, _, _ = privatise(text, mechanism, (997,), rng=secure_generator())
    table = np.array([line.split() for line in output.splitlines()])
    assert table.shape == (draws, 4)
    for column, word in enumerate(WORDS):
        counts = np.array([(table[:, column] == other).sum() for other in WORDS])
        assert fit_p_value(counts, np.exp(mechanism.log_law(word))) > ALPHA / 8
    # Words are independent of their neighbours: the joint law is the product.
    joint = np.array(
        [((table[:, 0] == a) & (table[:, 1] == b)).sum() for a in WORDS for b in WORDS]
    )
    laws = [np.exp(mechanism.log_law(word)) for word in WORDS[:2]]
    assert fit_p_value(joint, np.outer(*laws).ravel()) > ALPHA / 8


# --- The stream ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", mechanisms.MECHANISMS)
@pytest.mark.parametrize("punctuation", [False, True])
def test_same_seed_same_output_whatever_the_blocks(name, punctuation):
    space = EmbeddingSpace.builtin(limit=30)
    factory = mechanisms.MECHANISMS[name].load()
    smallest = factory.bound(space) if hasattr(factory, "bound") else 1.0
    mechanism = factory(space, epsilon=1.5 * smallest)
    ends = (" ", ", ", "\r\n", "\n\n", " Ünknown ")
    text = "".join(f"{space.words[i * i % 30]}{ends[i * i % 7 % 5]}" for i in range(600))
    options = {"unknown": "mask", "punctuation": punctuation}
    first = privatise(text, mechanism, **options)
    for blocks in ((1,), (7, 64), (1000,)):
        again = privatise(text, mechanism, blocks, **options)
        assert again[:2] == first[:2]
    assert privatise(text, mechanism, seed=8, **options)[0] != first[0]


def test_structure_survives_and_nothing_else():
    mechanism = mechanisms.MetricExponential(small_space(), epsilon=100.0)  # keeps every word
    text = "Here, NEAR!\r\n\r\n   far\tfarther...\n\n!?\nhere"
    output, counts, worker = privatise(text, mechanism)
    assert output == "here near\n\nfar farther\n\n\nhere\n"
    assert counts == [2, 0, 2, 0, 0, 1]
    assert (worker.lines, worker.words) == (6, 5)
    assert privatise("here\n", mechanism)[0] == "here\n"
    assert privatise("", mechanism)[:2] == ("", [])
    assert privatise("...", mechanism)[:2] == ("\n", [0])
    assert privatise("\ufeff", mechanism)[:2] == ("", [])


def test_punctuation_is_kept_if_asked_for():
    mechanism = mechanisms.MetricExponential(small_space(), epsilon=100.0)
    text = "Here,  (NEAR)!\n—far—farther\U0001f600…\there"
    assert (
        privatise(text, mechanism, punctuation=True)[0] == "here,  (near)!\n far farther  \there\n"
    )


@pytest.mark.parametrize(
    ("unknown", "plain", "punctuated"),
    [
        ("mask", "<unk> here <unk>\n<unk>\nnear <unk>\n", "<unk>, here <unk>\n<unk>\nnear <unk>\n"),
        ("drop", "here\n\nnear\n", ", here \n\nnear \n"),
        ("keep", "anna here bob\ncarl\nnear dora\n", "anna, here bob\ncarl\nnear dora\n"),
    ],
)
def test_words_outside_the_vocabulary(unknown, plain, punctuated):
    mechanism = mechanisms.MetricExponential(small_space(), epsilon=100.0)
    for punctuation, expected in ((False, plain), (True, punctuated)):
        for blocks in ((1000,), (1,)):
            output, counts, worker = privatise(
                "Anna, here Bob\nCarl\nnear Dora",
                mechanism,
                blocks,
                unknown=unknown,
                punctuation=punctuation,
            )
            assert output == expected
            assert counts == [1, 0, 1]
            assert worker.unknown_words == 4


@pytest.mark.parametrize("punctuation", [False, True])
@pytest.mark.parametrize("blocks", [(1000,), (1,)])
def test_refusal_stops_before_the_word(blocks, punctuation):
    mechanism = mechanisms.MetricExponential(small_space(), epsilon=100.0)
    parts: list[str] = []
    worker = Privatizer(
        mechanism, mechanism.space, predictable_generator(1), punctuation=punctuation
    )
    text = f"here\nnear {SECRET} far\n"
    with pytest.raises(TextError) as caught:
        worker.run(cut(text.encode(), blocks), parts.append, lambda counts: None)
    assert "".join(parts) == "here\nnear" + " " * punctuation
    assert "line 2" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_memory_does_not_grow_with_the_line():
    mechanism = mechanisms.MetricExponential(small_space(), epsilon=2.0)

    def peak(words):
        def blocks():
            for _ in range(words // 1000):
                yield b"here near, " * 500

        worker = Privatizer(mechanism, mechanism.space, predictable_generator(1))
        tracemalloc.start()
        worker.run(blocks(), len, len)
        scan(blocks(), Lexicon(WORDS))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert worker.words == words
        return found

    peak(1000)  # caches
    assert peak(200_000) < 1.3 * peak(2_000)


def test_scan_counts():
    found = scan([b"here near\n", SECRET.encode() + b" here anna Anna"], Lexicon(WORDS))
    assert (found.words, found.unknown, found.examples) == (6, 3, ())
    found = scan([b"here near\n", SECRET.encode() + b" here anna Anna"], Lexicon(WORDS), True)
    assert found.examples == (SECRET, "anna")


def test_the_tally_counts_kinds():
    space = small_space()
    tally = Tally(space, extent=True)
    tally.add(np.array([0, 0, 0, 0, 1]), np.array([0, 1, 2, 3, 0]))
    # From “here”: near is nearest, far at 3 is within half of 7.07, farther is not.
    assert (tally.same, tally.nearest, tally.near, tally.far) == (1, 2, 1, 1)
    large = Tally(space, extent=False)
    large.add(np.array([0, 0]), np.array([0, 3]))
    assert (large.same, large.far) == (1, 1)


# --- What it adds up to -------------------------------------------------------------------------


def test_bounds_are_rounded_up():
    rng = np.random.default_rng(4)
    for value in (10.0 ** rng.uniform(-8, 12, 300)).tolist():
        shown = Decimal(rounded_up(value).replace(",", ""))
        assert Decimal(repr(value)) <= shown <= Decimal(value) * Decimal("1.0011")


class Claims:
    """A mechanism as far as `Guarantee` looks."""

    def __init__(self, claim, sampler_error=None):
        self.claim, self.sampler_error = claim, sampler_error


def test_composition():
    space = small_space()
    pure = Guarantee.of(Claims(PureDP(0.5)), space)
    assert pure.epsilon_at_most(7) == 3.5
    assert pure.line(3, 7) == "line 3: 7 words, claimed loss at most 3.5"
    assert pure.line(4, 0) == "line 4: 0 words, loss 0"
    loose = Guarantee.of(Claims(ApproximateDP(0.5, 1e-3)), space)
    assert loose.loss(10) == "claimed loss at most 5, δ at most 0.01"
    assert loose.delta_at_most(5000) == 1.0
    metric = Guarantee.of(Claims(MetricDP(2.0, metric="manhattan")), space)
    assert metric.loss(1) == "claimed loss at most 2·Σd ≤ 20"
    own = Guarantee.of(Claims(MetricDP(2.0)), space)
    assert own.epsilon_at_most(3) == pytest.approx(6 * np.sqrt(50))
    assert (
        Guarantee.of(mechanisms.RandomizedResponse(space, epsilon=0.5), space).loss(2).endswith("1")
    )
    assert Guarantee.of(Claims(None), space).line(1, 2) == "line 1: 2 words, no guarantee"


def test_a_norm_of_the_mechanisms_own():
    claim = MetricDP(2.0, metric="mahalanobis")
    assert Guarantee.of(Claims(claim), small_space()).loss(3) == "claimed loss at most 2·Σd"
    known = Claims(claim)
    known.claim_space = EmbeddingSpace(WORDS, 2.0 * np.array(VECTORS))
    assert Guarantee.of(known, small_space()).epsilon_at_most(1) == pytest.approx(4 * np.sqrt(50))


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev"])
def test_the_largest_distance_of_a_large_vocabulary_is_bounded(monkeypatch, metric):
    rng = np.random.default_rng(5)
    space = EmbeddingSpace([str(i) for i in range(40)], rng.standard_normal((40, 3)), metric)
    monkeypatch.setattr(guarantee_module, "_EXACT_EXTENT", 10)
    found = Guarantee.of(Claims(MetricDP(1.0)), space).largest_distance
    assert "extent" not in space.__dict__
    assert space.extent.max_distance <= found <= 2.01 * space.extent.max_distance


def test_formulas_of_the_mechanism_are_heard():
    space = builtin()
    refuted = Guarantee.of(mechanisms.TruncatedGumbel(space, epsilon=205.0), space)
    assert refuted.refuted is not None
    assert refuted.loss(3) == "no guarantee"
    assert refuted.epsilon_at_most(3) is None

    class Proven(Claims):
        def epsilon_upper_bound(self):
            return EpsilonUpperBound("by a lemma", 1.0)

    proven = Guarantee.of(Proven(MetricDP(1.0)), small_space())
    assert proven.proven == "by a lemma"
    assert proven.loss(1) == "loss at most 1·Σd ≤ 7.072"
    assert Guarantee.of(Proven(MetricDP(0.9)), small_space()).proven is None


# --- The command --------------------------------------------------------------------------------


def test_file_to_file(run, folder):
    (folder / "in.txt").write_bytes(b"Here, near\r\nfar\n")
    done = run("--in", "in.txt", "--out", "out.txt", "--json", "-")
    assert done.code == 0, done.err
    lines = (folder / "out.txt").read_text().split("\n")
    assert [len(line.split()) for line in lines] == [2, 1, 0]
    assert "line 1: 2 words, loss at most 2·Σd ≤ 28.29" in done.err
    assert "total: 2 lines, 3 words, loss at most 2·Σd ≤ 42.43" in done.err
    assert "Check it" not in done.err  # the mechanism has a proof
    data = json.loads(done.out)
    assert (data["lines"], data["words"], data["secure"]) == (2, 3, True)
    assert data["loss_at_most"] == pytest.approx(6 * np.sqrt(50))
    assert "seed" not in done.out


def test_pipe_to_pipe(run):
    done = run(text="here near\nfar")
    assert done.code == 0
    assert [len(line.split()) for line in done.out.splitlines()] == [2, 1]
    assert run("--quiet", text="here").err == ""
    total = run("--total-only", text="here\nhere\n").err
    assert "line 1:" not in total
    assert "total: 2 lines" in total


def test_runs_differ_unless_seeded(run):
    text = "here near far farther " * 30
    assert run(text=text).out != run(text=text).out
    seeded = ("--seed", "5", "--insecure", "--quiet")
    first = run(*seeded, text=text)
    assert first.out == run(*seeded, "--batch", "3", text=text).out
    assert "WARNING" in first.err, "whatever --quiet says"
    assert "not private" in first.err


def test_the_seed_is_written_nowhere(run, folder):
    seed = "918273645"
    done = run(
        *("--seed", seed, "--insecure", "--out", "o.txt", "--json", "o.json", "--html", "o.html"),
        text="here near",
    )
    written = [path.read_text(encoding="utf-8") for path in folder.glob("o.*")]
    assert len(written) == 3
    assert all(seed not in text for text in [done.out, done.err, *written])
    assert "not private" in (folder / "o.html").read_text(encoding="utf-8")
    assert json.loads((folder / "o.json").read_text())["secure"] is False


def test_warnings_are_never_silent(run):
    keep = run("--unknown", "keep", "--quiet", text="here anna")
    assert keep.out.endswith(" anna\n")
    assert "WARNING: --unknown keep" in keep.err
    assert "WARNING: --keep-punctuation" in run("--keep-punctuation", "-q", text="here").err
    refuted = run("-q", name="truncated-gumbel", epsilon=205, space="builtin", text="water")
    assert "WARNING: the mechanism's claim is false" in refuted.err
    assert run("-q", text="here").err == ""


def test_a_file_with_unknown_words_is_refused(run, folder):
    (folder / "in.txt").write_text(f"here {SECRET}\nnear anna {SECRET}\n")
    done = run("--in", "in.txt", "--out", "out.txt", "--json", "j.json", "--html", "h.html")
    assert done.code == 2
    assert "in.txt has 3 words outside the vocabulary, of 5." in done.err
    assert SECRET not in done.err
    assert done.out == ""
    assert {path.name for path in folder.iterdir()} == {"space.txt", "in.txt"}
    assert run("--in", "in.txt").out == ""
    shown = run("--in", "in.txt", "--show-originals")
    assert SECRET in shown.err
    assert shown.out == ""


def test_standard_input_stops_at_an_unknown_word(run, folder):
    done = run(text=f"here\nnear {SECRET}\nfar\n")
    assert done.code == 2
    assert len(done.out.split()) == 2
    assert "2 words were written before this, loss at most 2·Σd ≤ 28.29" in done.err
    assert "Stopped in line 2" in done.err
    assert SECRET not in done.out + done.err
    assert run("--out", "out.txt", text=f"here {SECRET}").code == 2
    assert not (folder / "out.txt").exists(), "a file is whole or absent"
    assert SECRET in run("--show-originals", text=SECRET).err


@pytest.mark.parametrize("unknown", ["mask", "drop"])
def test_unknown_words_get_nowhere(run, folder, unknown):
    (folder / "in.txt").write_text(f"here {SECRET}\n{SECRET.title()} far\n")
    done = run(
        *("--in", "in.txt", "--out", "o.txt", "--json", "o.json", "--html", "o.html"),
        *("--unknown", unknown, "--show-originals"),
    )
    assert done.code == 0, done.err
    written = [path.read_text(encoding="utf-8") for path in folder.glob("o.*")]
    assert len(written) == 3
    for text in [done.out, done.err, *written]:
        assert SECRET not in text.lower()
    assert "outside the vocabulary" in (folder / "o.html").read_text(encoding="utf-8")
    data = (folder / "o.json").read_text(encoding="utf-8")
    assert not {"same", "tally", "unknown_words"} & set(json.loads(data)), "no secret counts"


BAD_TEXT = {
    "not UTF-8": f"here {SECRET} ".encode() + b"\xff here",
    "cut off": f"here {SECRET} ".encode() + b"\xe4\xb8",
    "NUL": f"here {SECRET} \0".encode(),
    "UTF-16": f"here {SECRET}".encode("utf-16"),
    "endless": f"here {SECRET * 1000}".encode(),
}


@pytest.mark.parametrize("unknown", ["refuse", "mask", "drop", "keep"])
@pytest.mark.parametrize("case", BAD_TEXT)
def test_what_is_no_text_is_refused(run, folder, case, unknown):
    """A file before anything is written; what cannot be scanned, when it comes."""
    (folder / "in.txt").write_bytes(BAD_TEXT[case])
    for out in ((), ("--out", "out.txt")):
        done = run("--in", "in.txt", "--unknown", unknown, *out)
        assert done.code == 2
        assert done.out == ""
        assert SECRET not in done.err
        assert "Traceback" not in done.err
    done = run("--unknown", unknown, text=BAD_TEXT[case])
    assert done.code == 2
    assert SECRET not in done.err
    assert SECRET not in done.out or unknown == "keep"
    assert {path.name for path in folder.iterdir()} == {"space.txt", "in.txt"}


OWN = f'''
import logging, sys, warnings
import numpy as np
from dpaudit.mechanisms import MetricExponential

class Base(MetricExponential):
    name = "own"
    def sample_indices(self, inputs, rng):
        for word in inputs:
            if word == 4:
                self.fail("{{}}".format(self.space.words[word]))
        return super().sample_indices(inputs, rng)

class Raises(Base):
    def fail(self, word): raise ValueError("cannot do " + word)
class Chained(Base):
    def fail(self, word):
        try: raise KeyError(word)
        except KeyError as error: raise RuntimeError(word) from error
class Domestic(Base):
    def fail(self, word): self.space.index(word + "s")
class Exits(Base):
    def fail(self, word): sys.exit("cannot do " + word)
class Interrupts(Base):
    def fail(self, word): raise KeyboardInterrupt(word)
class Pipe(Base):
    def fail(self, word): raise BrokenPipeError(32, word)
class Memory(Base):
    def fail(self, word): raise MemoryError(word)
class Chatters(Base):
    def fail(self, word):
        print(word)
        print(word, file=sys.stderr)
        warnings.warn(word)
        logging.getLogger("own").error(word)
        logging.critical(word)
class Shape(MetricExponential):
    def sample_indices(self, inputs, rng): return np.zeros(len(inputs) + (4 in inputs), dtype=int)
class Floats(MetricExponential):
    def sample_indices(self, inputs, rng): return inputs * (0.5 if 4 in inputs else 1)
class Outside(MetricExponential):
    def sample_indices(self, inputs, rng): return inputs + (4 in inputs)
class Nothing(MetricExponential):
    def sample_indices(self, inputs, rng): return inputs if 4 not in inputs else None
class Broken(MetricExponential):
    def sample_indices(self, inputs, rng): raise RuntimeError("out of order")
class Plain:
    def __init__(self, space, epsilon): self.space = space
    def sample(self, x, size, rng):
        return ["elsewhere" if x == "{SECRET}" else x] * size
'''


@pytest.fixture
def own(folder):
    (folder / "own_mechanisms.py").write_text(OWN)
    (folder / "five.txt").write_text(f"{SPACE}{SECRET} 2 2\n")
    (folder / "in.txt").write_text(f"here near\nfar {SECRET} here\n")
    return folder


FAILURES = {
    "Raises": (2, "failed with ValueError"),
    "Chained": (2, "failed with RuntimeError"),
    "Domestic": (2, "failed with UnknownWordError"),
    "Exits": (2, "failed with SystemExit"),
    "Pipe": (2, "failed with BrokenPipeError"),
    "Memory": (2, "failed with MemoryError"),
    "Interrupts": (130, ""),
    "Shape": (2, "one output for each word"),
    "Floats": (2, "positions"),
    "Outside": (2, "outside the vocabulary"),
    "Nothing": (2, "one output for each word"),
    "Plain": (2, "outside the vocabulary"),
    "Chatters": (0, "total"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failing_mechanism_does_not_quote(run, own, case, caplog):
    code, named = FAILURES[case]
    before = {path.name for path in own.iterdir()}
    options = ("--batch", "4", "--json", "j.json", "--html", "h.html")
    done = run(
        "--in",
        "in.txt",
        "--out",
        "o.txt",
        *options,
        name=f"own_mechanisms:{case}",
        space="five.txt",
    )
    assert done.code == code, done.err
    assert named in done.err
    assert "Traceback" not in done.err
    shown = [done.out, done.err, caplog.text]
    if code:
        assert {path.name for path in own.iterdir()} - {"__pycache__"} == before
    else:
        shown += [(own / name).read_text(encoding="utf-8") for name in ("j.json", "h.html")]
    assert all(SECRET not in text for text in shown)


def test_the_message_of_a_mechanism_is_shown_on_demand(run, own):
    done = run("--in", "in.txt", "--show-originals", name="own_mechanisms:Raises", space="five.txt")
    assert f"cannot do {SECRET}" in done.err
    # What fails without any text is said in full.
    done = run("--in", "in.txt", name="own_mechanisms:Broken", space="five.txt")
    assert "fails on a trial word: RuntimeError: out of order" in done.err
    assert done.code == 2


def test_the_failure_carries_no_chain(own):
    """A debugger or a log handler that walks from the exception finds nothing."""
    import own_mechanisms

    space = EmbeddingSpace.load("five.txt")
    for kind, expected in (("Chained", DPAuditError), ("Interrupts", KeyboardInterrupt)):
        with pytest.raises(expected) as caught:
            privatise(SECRET, getattr(own_mechanisms, kind)(space, epsilon=1.0))
        assert SECRET not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None


def test_unforeseen_errors_of_dpaudit_do_not_quote(run, folder, monkeypatch):
    (folder / "in.txt").write_text(f"here {SECRET}")

    def broken(self, piece):
        raise IndexError(piece)

    monkeypatch.setattr(Lexicon, "read", broken)
    for arguments in (("--in", "in.txt", "--out", "o.txt"), ("--in", "in.txt")):
        done = run(*arguments)
        assert done.code == 4
        assert "unforeseen IndexError" in done.err
        details = Path(re.search(r"details in (\S+\.txt)", done.err)[1])
        assert SECRET not in details.read_text(encoding="utf-8")
        details.unlink()
        assert SECRET not in done.err
    done = run(text=f"here {SECRET}")
    assert "unforeseen IndexError" in done.err
    assert SECRET not in done.err


def test_silence_ends(capsys):
    with _silence():
        print("inside")
    print("outside")
    logging.getLogger("own").critical("logged")
    with pytest.warns(UserWarning, match="warned"):
        warnings.warn("warned", stacklevel=1)
    shown = capsys.readouterr()
    assert shown.out == "outside\n"
    assert not logging.root.manager.disable


def test_a_file_that_changes_is_not_written(run, folder, monkeypatch):
    source, original = folder / "in.txt", Privatizer.run
    for text, named in (
        ("far near\n", "changed while it was read"),
        ("here near\nfar", "changed while it was read"),
        (f"here {SECRET}", "Stopped in line 1"),
    ):

        def later(self, *arguments, text=text):
            source.write_text(text)
            original(self, *arguments)

        monkeypatch.setattr(Privatizer, "run", later)
        source.write_text("here near\n")
        done = run("--in", "in.txt", "--out", "out.txt")
        assert done.code == 2
        assert named in done.err
        assert SECRET not in done.err
        assert not (folder / "out.txt").exists()


def test_the_output_is_whole_or_as_it_was(run, folder, monkeypatch):
    (folder / "in.txt").write_text("here near\n" * 1000)
    (folder / "out.txt").write_text("before")
    seen: list[int] = []

    def stopped(self, blocks, write, report):
        write("half of it")
        for path in folder.glob(".out.txt*"):
            seen.append(stat.S_IMODE(path.stat().st_mode))
        raise KeyboardInterrupt(SECRET)

    with monkeypatch.context() as patch:
        patch.setattr(Privatizer, "run", stopped)
        done = run("--in", "in.txt", "--out", "out.txt")
    assert done.code == 130
    assert SECRET not in done.err
    assert seen == [0o600], "nobody else reads what is not finished"
    assert (folder / "out.txt").read_text() == "before"
    assert {path.name for path in folder.iterdir()} == {"space.txt", "in.txt", "out.txt"}


def test_permissions(run, folder):
    (folder / "in.txt").write_text("here\n")
    before = os.umask(0o027)
    try:
        assert run("--in", "in.txt", "--out", "new.txt").code == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "new.txt").stat().st_mode) == 0o640
    (folder / "new.txt").chmod(0o604)
    assert run("--in", "in.txt", "--out", "new.txt").code == 0
    assert stat.S_IMODE((folder / "new.txt").stat().st_mode) == 0o604


def test_links_and_devices(run, folder):
    (folder / "in.txt").write_text("here\n")
    (folder / "real.txt").write_text("before")
    (folder / "link.txt").symlink_to("real.txt")
    assert run("--in", "in.txt", "--out", "link.txt").code == 0
    assert (folder / "link.txt").is_symlink()
    assert (folder / "real.txt").read_text() != "before"
    # A pipe stands for every special file: a broken version, run as root, would replace a device.
    os.mkfifo(folder / "pipe")
    reader = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert run("--in", "in.txt", "--out", "pipe").code == 0
        assert stat.S_ISFIFO((folder / "pipe").stat().st_mode)
        assert os.read(reader, 100).decode().strip() in WORDS
    finally:
        os.close(reader)


SAME = {
    "same name": ("--in", "in.txt", "--out", "in.txt"),
    "another spelling": ("--in", "in.txt", "--out", "./in.txt"),
    "symbolic link": ("--in", "in.txt", "--out", "soft.txt"),
    "hard link": ("--in", "hard.txt", "--out", "in.txt"),
    "page over text": ("--in", "in.txt", "--html", "in.txt"),
    "two outputs": ("--in", "in.txt", "--out", "o.txt", "--json", "o.txt"),
    "standard output twice": ("--in", "in.txt", "--json", "-"),
}


@pytest.mark.parametrize("case", SAME)
def test_one_file_twice_is_refused(run, folder, case):
    (folder / "in.txt").write_text("here\n")
    (folder / "soft.txt").symlink_to("in.txt")
    (folder / "hard.txt").hardlink_to("in.txt")
    before = {path.name for path in folder.iterdir()}
    done = run(*SAME[case])
    assert done.code == 2
    assert done.out == ""
    assert (folder / "in.txt").read_text() == "here\n"
    assert {path.name for path in folder.iterdir()} == before


BAD_OPTIONS = {
    "no such input": (("--in", "no.txt"), "no.txt"),
    "a folder for input": (("--in", "."), "cannot be read"),
    "a folder for output": (("--in", "in.txt", "--out", "."), "folder"),
    "no such folder": (("--in", "in.txt", "--out", "no/out.txt"), "no/out.txt"),
    "no folder for the page": (
        ("--in", "in.txt", "--out", "o", "--html", "no/p.html"),
        "no/p.html",
    ),
    "unknown policy": (("--unknown", "forget"), "forget"),
    "seed without insecure": (("--seed", "1"), "--insecure"),
    "insecure without seed": (("--insecure",), "--seed"),
    "mask in the vocabulary": (("--unknown", "mask", "--mask", "Near"), "word of the vocabulary"),
    "mask with a space": (("--unknown", "mask", "--mask", "a b"), "without spaces"),
    "page on standard output": (("--html", "-"), "--html"),
    "bad parameter": (("--set", "gamma=1"), "gamma"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options(run, folder, case):
    (folder / "in.txt").write_text("here\n")
    arguments, named = BAD_OPTIONS[case]
    done = run(*arguments, text="here")
    assert done.code == 2
    assert named in done.err
    assert done.out == ""
    assert {path.name for path in folder.iterdir()} == {"space.txt", "in.txt"}


def test_a_page_that_cannot_be_written_leaves_no_output(run, folder, monkeypatch):
    def broken(summary):
        raise InputError("no page today")

    monkeypatch.setattr(privatized, "render", broken)
    done = run("--out", "o.txt", "--html", "h.html", text="here")
    assert done.code == 2
    assert {path.name for path in folder.iterdir()} == {"space.txt"}


def test_the_page(run, folder):
    (folder / "in.txt").write_text("here near\nfar farther\n" * 50)
    done = run("--in", "in.txt", "--out", "o.txt", "--html", "h.html")
    assert done.code == 0
    page = (folder / "h.html").read_text(encoding="utf-8")
    assert "not covered by the guarantee" in page
    assert "200 privatised words: loss at most 2·Σd ≤ 2829" in page.replace("\n", " ")
    assert "the same word came out" in page
    assert "<script" not in page
    for word in WORDS:
        assert not re.search(
            rf"\b{word}\b", re.sub(r"nearest|farther away", "", page.split("</style>")[1])
        )
    counts = [int(n) for n in re.findall(r'<td class="number">(\d+)</td>', page)]
    assert sum(counts) == 200


def test_the_page_shows_text_as_text():
    space = EmbeddingSpace(WORDS, VECTORS, source="<script>alert(1)</script>")
    mechanism = mechanisms.MetricExponential(space, epsilon=1.0)
    guarantee = Guarantee.of(mechanism, space)
    summary = Summary("<b>", {"a": "<i>"}, space, guarantee, True, "keep", True, 1, 2, 3)
    page = privatized.render(summary)
    assert "<script>" not in page
    assert "<b>" not in page
    assert "<i>" not in page
    assert "&lt;script&gt;" in page


def test_a_trial_finds_what_is_wrong_with_the_mechanism():
    space = small_space()
    with pytest.raises(InputError, match="trial word"):
        trial(lambda x, size, rng: ["elsewhere"], space)
    trial(lambda x, size, rng: [x] * size, space)


def test_a_plain_mechanism_with_only_sample(run, own):
    (own / "in.txt").write_text("here near\nfar\n")
    done = run("--in", "in.txt", name="own_mechanisms:Plain", space="five.txt")
    assert done.code == 0, done.err
    assert done.out == "here near\nfar\n"
    assert "makes no claim" in done.err
    assert "no guarantee" in done.err


# --- As users run it ----------------------------------------------------------------------------

COMMAND = [sys.executable, "-m", "dpaudit", "privatize", "metric-exponential", "-e", "2"]
COMMAND += ["--space", "space.txt"]


def test_lines_come_out_as_they_go_in(folder):
    with subprocess.Popen(
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for words in (2, 3):
            process.stdin.write(b"here " * words + b"\n")
            process.stdin.flush()
            assert len(process.stdout.readline().split()) == words
        process.stdin.close()
        assert process.wait(60) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_leaves_nothing(folder, number):
    with subprocess.Popen(
        [*COMMAND, "--out", "out.txt"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        # A suite that runs in the background is deaf to interrupts, and so would this process be.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b"here near\n")
        process.stdin.flush()
        while b"line 1" not in process.stderr.readline():
            pass
        assert len(list(folder.glob(".out.txt*"))) == 1
        process.send_signal(number)
        time.sleep(0)
        assert process.wait(60) == 128 + number
        assert b"Traceback" not in process.stderr.read()
    assert {path.name for path in folder.iterdir()} == {"space.txt"}


def test_a_closed_pipe_is_no_error(folder):
    (folder / "in.txt").write_text("here near\n" * 100_000)
    script = f"{' '.join(COMMAND)} --in in.txt -q | head -1"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, cwd=folder, check=False
    )
    assert done.stderr == ""
    assert len(done.stdout.split()) == 2
    script = f"set -o pipefail; {script}"
    assert subprocess.run(["bash", "-c", script], cwd=folder, check=False).returncode == 0


def test_a_full_disk_is_an_error(run, folder, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        done = run("--out", "out.txt", text="here near\n")
    assert done.code == 2
    assert "out.txt cannot be written: No space left" in done.err
    assert {path.name for path in folder.iterdir()} == {"space.txt"}
    if Path("/dev/full").is_char_device():  # as standard output only: nothing can replace it
        with Path("/dev/full").open("wb") as stream:
            ended = subprocess.run(
                COMMAND,
                input=b"here near\n",
                stdout=stream,
                stderr=subprocess.PIPE,
                cwd=folder,
                check=False,
            )
        assert ended.returncode == 2
        assert b"Standard output cannot be written: No space left" in ended.stderr
