"""No result prints a guarantee that does not follow from its verdict.

Every kind of result that the audits give, and every verdict that could stand on each of them, is
rendered as text, on the terminal and as a page, and read for sentences that promise something.
"""

import html
import re

import numpy as np
import pytest

from dpaudit import ApproximateDP, EmbeddingSpace, MetricDP, PureDP, Verdict, audit, mechanisms
from dpaudit.mechanisms.registry import find
from dpaudit.mechanisms.words.density_calibrated_laplace import DensityCalibratedLaplace
from dpaudit.mechanisms.words.distance_truncated_laplace import DistanceTruncatedLaplace
from dpaudit.mechanisms.words.vickrey import Vickrey
from dpaudit.proofs.theorems import THEOREMS
from dpaudit.reports import page, terminal
from dpaudit.results import wording

SPACE = EmbeddingSpace(["a", "b", "c", "d"], [[0.0], [0.1], [100.0], [200.0]])
#: What promises something about a text or about the code; each phrase is one that a result of a
#: true claim prints, or printed once.
PROMISES = re.compile(
    r"(loss is|loss of at most|is bounded by|bounded by ε|adds? up[ :]|with a loss of at most"
    r"|weaker by|as shipped (has|keeps)|is protected|cannot be told)"
)


def exponential(claim=None, **more):
    return audit(find("metric-exponential").load()(SPACE, 1.0), claim, **more)


MADE = {
    "certified": lambda: exponential(),
    "exact": lambda: exponential(method="exact"),
    "with-delta": lambda: exponential(MetricDP(1.0, delta=0.01)),
    "pure": lambda: audit(mechanisms.RandomizedResponse(SPACE, 1.0)),
    "approximate": lambda: audit(
        mechanisms.RandomizedResponse(SPACE, 1.0), ApproximateDP(1.0, 0.1)
    ),
    "other-metric": lambda: exponential(MetricDP(1.0, metric="manhattan")),
    "by-bound": lambda: audit(find("multivariate-laplace").load()(SPACE, 1.0), draws=2000),
    "mahalanobis": lambda: audit(find("mahalanobis").load()(SPACE, 1.0), draws=2000),
    "violated": lambda: exponential(MetricDP(0.4)),
    "violated-with-delta": lambda: exponential(MetricDP(0.1, delta=0.01)),
    "infinite": lambda: audit(find("nearest-truncated-exponential").load()(SPACE, 1.0, k=2)),
    "by-geometry": lambda: audit(DistanceTruncatedLaplace(SPACE, 1.0, radius=1.0), draws=2000),
    "by-formula": lambda: audit(DensityCalibratedLaplace(SPACE, 1.0, k=1), draws=2000),
    "always-struck": lambda: audit(Vickrey(SPACE, 1.0, exclude="always"), draws=200),
    "by-directions": lambda: audit(DensityCalibratedLaplace(SPACE, 1.0, k=3), draws=2000),
    "not-refuted": lambda: audit(
        DensityCalibratedLaplace(SPACE, 1.0, k=3), MetricDP(50.0), draws=2000
    ),
    "sampled": lambda: exponential(method="statistical", draws=4000),
    "sampled-violated": lambda: exponential(MetricDP(1e-3), pairs=[("b", "c")], draws=4000, seed=1),
    "numbers": lambda: audit(
        lambda x, size, rng: x + rng.laplace(size=size), PureDP(0.1), pairs=[(0, 1)], draws=20_000
    ),
    "crashed": lambda: audit(lambda x: 1 / x, PureDP(1.0), pairs=[(0, 1)]),
}
EXPECTED = {
    "upheld": {
        *("certified", "exact", "with-delta", "pure", "approximate", "other-metric", "by-bound"),
        "mahalanobis",
    },
    "violated": {
        *("violated", "violated-with-delta", "infinite", "by-geometry", "by-formula"),
        *("always-struck", "sampled-violated", "by-directions", "numbers"),
    },
    "not-refuted": {"not-refuted", "sampled"},
    "inconclusive": {"crashed"},
}


@pytest.fixture(scope="module")
def results():
    return {name: make() for name, make in MADE.items()}


def said(result, capsys):
    """All that is printed and drawn, as text without line breaks."""
    terminal.show(result)
    terminal.show(result, verbose=True)
    shown = capsys.readouterr().out
    drawn = html.unescape(
        re.sub(r"<(style|svg).*?</\1>|<[^>]*>", " ", page.render(result), flags=re.S)
    )
    return [re.sub(r"\s+", " ", text) for text in (str(result), shown, drawn)]


def promises(text):
    """What it promises; what a loss of a witness is, is no promise."""
    return [
        found.group()
        for found in PROMISES.finditer(text)
        if not re.search(r"(so the|show a|prove a) $", text[: found.start()])
        and "nats" not in text[found.start() : found.end() + 16]
    ]


def test_every_verdict_is_looked_at(results):
    by_verdict = {verdict.value: set() for verdict in Verdict}
    for name, result in results.items():
        by_verdict[result.verdict.value].add(name)
    assert by_verdict == EXPECTED


@pytest.mark.parametrize("name", MADE)
def test_promises_stand_where_the_claim_holds_and_nowhere_else(results, name, capsys):
    """As found, and with every other verdict in its place: the sentences go by the verdict."""
    for verdict in Verdict:
        result = results[name].model_copy(update={"verdict": verdict})
        texts = said(result, capsys)
        for text in texts:
            if verdict is Verdict.UPHELD and result.space is not None:
                assert re.search(r"adds up \(theorem composition(-delta)?\): two texts", text), text
            else:
                assert promises(text) == [], text
        if result.space is not None and verdict is not Verdict.UPHELD:
            assert all("no bound follows from this audit" in text for text in texts)


@pytest.mark.parametrize("name", sorted(EXPECTED["upheld"]))
def test_what_an_upheld_claim_means_for_texts(results, name):
    """ε Σd or m ε, and a failure mass of m·δ exactly where the claim has one."""
    result = results[name]
    (text,) = (line for line in wording.worth_sentences(result) if "adds up" in line)
    metric = result.claim.kind == "metric"
    assert ("at most ε Σd" in text, "at most m ε" in text) == (metric, not metric)
    assert ("m·δ for m words" in text) == (result.claim.delta > 0.0)
    named = re.search(r"theorem ([a-z-]+)", text).group(1)
    assert THEOREMS[named].expected == "proved"
    if result.claim.delta:
        assert f"δ = {result.claim.delta:g}" in text
        sampler = wording.sampler_sentence(result) or ""
        assert f"δ = {result.claim.delta:g} + (1 + " in sampler


def test_losses_and_failure_masses_of_words_add_up():
    """Two words: randomized response has the loss 2ε, and what shows its input with chance δ, and
    nothing otherwise, needs more than δ and at most 2δ."""
    mechanism, delta = mechanisms.RandomizedResponse(SPACE, 1.0), 0.01
    ours, theirs = (np.exp(mechanism.log_law(word)) for word in "ab")
    ratio = np.outer(ours, ours) / np.outer(theirs, theirs)
    assert np.log(ratio).max() == pytest.approx(2.0)
    ours, theirs = np.array([delta, 0.0, 1.0 - delta]), np.array([0.0, delta, 1.0 - delta])
    mass = np.maximum(0.0, np.outer(ours, ours) - np.outer(theirs, theirs)).sum()
    assert delta < mass <= 2 * delta


def test_the_guess_is_one_of_a_uniform_input(results):
    for name, result in results.items():
        for line in wording.worth_sentences(result):
            if "attacker" in line:
                assert line.startswith("For an input drawn uniformly from the vocabulary"), name


def test_a_formula_is_not_called_statistical(results):
    """The bound that decides is proven, and no theorem that says something else is cited for it."""
    result = results["by-formula"]
    assert "(proven)" in wording.comparison_sentence(result)
    assert result.certification.startswith("Proven on paper")
    assert result.proof.status == "false as audited"
    assert "nobody is known to have published" in wording.proof_sentence(result)


def test_false_in_general_is_not_false_here():
    """A theorem against a claim is said to bite on this vocabulary where something shows it."""
    even = EmbeddingSpace(["a", "b", "c", "d"], [[0.0], [1.0], [2.0], [3.0]])
    for mechanism in (
        DensityCalibratedLaplace(even, 1.0, k=1),
        DistanceTruncatedLaplace(even, 1.0, radius=50.0),
    ):
        for result in (
            audit(mechanism, draws=2000),
            audit(mechanism, method="statistical", draws=2000, pairs=[("a", "b")]),
        ):
            assert result.verdict == "not-refuted"
            assert "is false in general; its bound does not" in wording.proof_sentence(result)


@pytest.mark.parametrize("sequential", [False, True])
def test_an_interrupted_test_says_when_it_is_valid(results, sequential):
    """With a fixed budget; bets may stop at any time (Ville)."""
    result = results["numbers"]
    stopped = {"interrupted": True, "sequential": sequential}
    stopped = result.model_copy(update={"attack": result.attack.model_copy(update=stopped)})
    assert ("only if the run time" in str(stopped)) == (not sequential)
    assert "run time" not in str(result)


def test_a_text_that_promises_is_found():
    """The test can fail: what was printed once."""
    assert promises("adds up: its loss is bounded by ε times the sum") != []
    assert promises("the code as shipped has a guarantee weaker by δ") != []
    assert promises("so the loss is 3 nats where the claim allows 1.") == []
