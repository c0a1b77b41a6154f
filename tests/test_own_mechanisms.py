"""Word mechanisms of a user's own: `sample` alone, an exact law, and what is said where something
is missing."""

import json
import textwrap

import numpy as np
import pytest

import dpaudit
from dpaudit import EmbeddingSpace, InputError, MetricDP, PureDP
from dpaudit.completing import EXACT_EVIDENCE

SPACE = EmbeddingSpace(["here", "near", "far"], [[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]])


class Sampled:
    """Keeps a word with probability 1/2, and draws another one otherwise."""

    def __init__(self, space, epsilon):
        self.space, self.epsilon = space, epsilon

    def sample(self, word, size, rng):
        words = np.array(self.space.words, dtype=object)
        others = words[words != word]
        return np.where(rng.random(size) < 0.5, word, rng.choice(others, size))


class Exact(Sampled):
    """The same with its law."""

    log_law_error = 1e-15

    def log_laws(self, rows):
        n = len(self.space)
        law = np.full((n, n), np.log(0.5 / (n - 1)))
        np.fill_diagonal(law, np.log(0.5))
        return law[rows]


def test_sample_alone_is_enough_for_an_audit_by_draws():
    mechanism = Sampled(SPACE, epsilon=1.0)
    result = dpaudit.audit(mechanism, PureDP(1.0), draws=20_000)
    assert (result.verdict, result.evidence) == ("not-refuted", "statistical")
    assert (result.exit_code, result.search.pairs_total) == (0, 3)
    assert result.mechanism.parameters == {"epsilon": 1.0}
    assert result.claim.neighbouring == "any two different words"
    refuted = dpaudit.audit(mechanism, PureDP(0.5), draws=20_000)
    assert refuted.verdict == "violated"
    assert 0.5 < refuted.true_epsilon.lower <= np.log(2.0)
    one = dpaudit.audit(mechanism, PureDP(0.5), draws=20_000, pairs=[("here", "far")])
    assert one.attack is not None
    assert one.attack.pair == ("here", "far")


@pytest.mark.parametrize("form", ["one", "with a generator", "list", "outside"])
def test_every_form_of_sample(form):
    class Own(Sampled):
        pass

    def one(self, word):
        return str(np.random.choice(["here", "near"]))  # noqa: NPY002

    def with_generator(self, word, rng):
        return str(rng.choice(["here", "near"]))

    def many(self, word, size, rng):
        return rng.choice(["here", "near"], size).tolist()

    def outside(self, word, size, rng):
        return rng.choice(["here", "<unk>"], size)

    Own.sample = {"one": one, "with a generator": with_generator, "list": many}.get(form, outside)
    result = dpaudit.audit(Own(SPACE, 1.0), PureDP(1.0), draws=3000)
    assert result.verdict == "not-refuted"


def test_a_law_and_its_error_are_enough_for_exact_evidence():
    result = dpaudit.audit(Exact(SPACE, 1.0), PureDP(1.0))
    assert (result.verdict, result.evidence) == ("upheld", "exact")
    assert result.true_epsilon.midpoint == pytest.approx(np.log(2.0))
    assert result.statistics is not None
    assert dpaudit.audit(Exact(SPACE, 1.0), PureDP(0.5)).verdict == "violated"
    assert "τ" not in str(result), "nothing is known of its sampler"


def test_what_is_missing_is_said_in_one_sentence():
    class Nothing:
        space = SPACE

    class NoError(Exact):
        log_law_error = None

    class Named(Sampled):
        claim = "private"

    class WrongError(Sampled):
        sampler_error = -1.0

    for mechanism, options, words in (
        (Nothing(), {}, "neither sample"),
        (NoError(SPACE, 1.0), {}, "log_law_error is None"),
        (Sampled(SPACE, 1.0), {"method": "exact"}, "no output law that can be computed"),
        (Sampled(SPACE, 1.0), {"certificate": "c.json"}, "no output law that can be computed"),
    ):
        with pytest.raises(InputError, match=words) as error:
            dpaudit.audit(mechanism, PureDP(1.0), **options)
        assert EXACT_EVIDENCE in str(error.value)
    with pytest.raises(InputError, match=r"The claim of .* must be a claim"):
        dpaudit.audit(Named(SPACE, 1.0), PureDP(1.0))
    with pytest.raises(InputError, match="sampler_error"):
        dpaudit.audit(WrongError(SPACE, 1.0), PureDP(1.0))
    with pytest.raises(InputError, match="makes no claim"):
        dpaudit.audit(Sampled(SPACE, 1.0))
    for name in ("log_laws", "log_law_error", "claim", "name", "parameters", "sampler_error"):
        assert name in EXACT_EVIDENCE


@pytest.mark.parametrize("fault", ["shape", "raises", "nan", "sum", "strings"])
def test_a_broken_law_never_passes(fault):
    class Broken(Exact):
        def log_laws(self, rows):
            law = super().log_laws(rows)
            if fault == "raises":
                raise KeyError("missing")
            return {
                "shape": law[:, :2],
                "nan": law * np.nan,
                "sum": law + 1.0,
                "strings": [["x"] * 3] * len(law),
            }[fault]

    if fault in ("nan", "sum"):
        result = dpaudit.audit(Broken(SPACE, 1.0), PureDP(1.0))
        assert (result.verdict, result.exit_code) == ("inconclusive", 3)
    else:
        with pytest.raises(InputError, match="log_laws of"):
            dpaudit.audit(Broken(SPACE, 1.0), PureDP(1.0))


def test_a_name_borrows_no_theorem():
    """A mechanism that calls itself like one of ours is not covered by its proof."""

    class Impostor(Exact):
        name = "metric-exponential"

    result = dpaudit.audit(Impostor(SPACE, 12.0), MetricDP(12.0))
    assert result.proof is None
    assert result.verdict == "inconclusive", "its law is not the one that its name stands for"
    assert "contradict" in (result.reason or "").lower() or "law" in (result.reason or "")


MINE = """
import numpy as np


class Mine:
    def __init__(self, space, epsilon):
        self.space, self.epsilon = space, epsilon

    def sample(self, word, size, rng):
        words = np.array(self.space.words, dtype=object)
        return np.where(rng.random(size) < 0.5, word, rng.choice(words, size))


class Lawful(Mine):
    log_law_error = 1e-15

    def log_laws(self, rows):
        n = len(self.space)
        return np.log(np.full((n, n), 0.5 / n) + 0.5 * np.eye(n))[rows]
"""


def test_on_the_command_line(run, tmp_path):
    (tmp_path / "mine_own.py").write_text(textwrap.dedent(MINE), encoding="utf-8")
    (tmp_path / "space.txt").write_text("here 0 0\nnear 1 0\nfar 0 3\n", encoding="utf-8")
    (tmp_path / "in.txt").write_text("here near\n", encoding="utf-8")
    common = ("-e", "1", "--space", "space.txt")
    claim = ("--claim", "pure", "--claim-epsilon", "2")
    done = run("audit", "mine_own:Mine", *common, *claim, "--draws", "5000", folder=tmp_path)
    assert done.code == 0, done.err
    assert "NOT REFUTED (statistical evidence): mine_own:Mine on 3 words" in done.out
    done = run("audit", "mine_own:Mine", *common, folder=tmp_path)
    assert done.code == 2
    assert "--claim metric --claim-epsilon 12" in done.err
    done = run(
        *("audit", "mine_own:Lawful", *common, *claim, "--method", "exact", "--json", "-"),
        folder=tmp_path,
    )
    assert json.loads(done.out)["verdict"] == "upheld"
    done = run("law", "mine_own:Mine", *common, "--word", "here", folder=tmp_path)
    assert done.code == 2
    assert "dpaudit audit mine_own:Mine" in done.err
    assert EXACT_EVIDENCE in done.err
    done = run("law", "mine_own:Lawful", *common, "--word", "here", folder=tmp_path)
    assert (done.code, "0.6667" in done.out) == (0, True)
    done = run("privatize", "mine_own:Mine", *common, "--in", "in.txt", folder=tmp_path)
    assert done.code == 0, done.err
