"""Published faults: what 20,000 draws can show is refuted, and no corrected twin is.

False alarms: every audit has an error probability of 1e-8, and there are at most 100 audits of
corrected mechanisms; seeds are fixed. The mechanisms of the benchmark of false alarms are tested to
be at their epsilon, by p-values that fail below 1e-8.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from benchmarks.statistical import published_faults
from benchmarks.statistical.published import FAULTS, lines_of
from benchmarks.statistical.published_faults import Outcome, outcome
from benchmarks.statistical.structured import PAIRS, STRUCTURED

ALPHA = 1e-8
FEW = 20_000

ALL = {fault.name: fault for fault in FAULTS}


def test_there_are_enough_and_each_has_a_source():
    assert len(ALL) == len(FAULTS) >= 30
    for fault in FAULTS:
        assert fault.source
        assert fault.what
        assert fault.broken is not fault.corrected
        assert 0 < lines_of(fault.broken) <= 20


@pytest.mark.parametrize("name", [n for n, f in ALL.items() if f.shown_by <= FEW])
def test_few_draws_refute(name):
    assert outcome(ALL[name], ALL[name].broken, draws=FEW, alpha=ALPHA).verdict == "violated"


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, f in ALL.items() if f.shown_by > FEW])
def test_more_draws_refute(name):
    fault = ALL[name]
    assert outcome(fault, fault.broken, draws=fault.shown_by, alpha=ALPHA).verdict == "violated"


@pytest.mark.parametrize("name", ALL)
def test_corrected_twins_are_left_alone(name):
    found = outcome(ALL[name], ALL[name].corrected, draws=FEW, alpha=ALPHA)
    assert found.verdict == "not-refuted", found


def test_a_fault_in_a_corrected_twin_would_be_noticed():
    """What the test above looks at is not blind: the broken mechanism in place of the other."""
    fault = ALL["unary-encoding"]
    swapped = replace(fault, broken=fault.corrected, corrected=fault.broken)
    assert outcome(swapped, swapped.corrected, draws=FEW, alpha=ALPHA).verdict == "violated"
    assert outcome(swapped, swapped.broken, draws=FEW, alpha=ALPHA).verdict == "not-refuted"


def test_lines_are_counted_without_comments_and_docstrings():
    def mechanism(x, size, rng):
        """Two lines
        of text."""
        # A comment.

        noise = rng.laplace(
            0.0,
            1.0,
            size,
        )
        return x + noise

    assert lines_of(mechanism) == 7


def test_the_command_counts_and_says_why(capsys, monkeypatch):
    chosen = ["unary-encoding", "empty-input"]
    monkeypatch.setattr("sys.argv", ["published_faults", *chosen, "--draws", "2000"])
    published_faults.main()
    printed = capsys.readouterr().out
    assert "| `unary-encoding` |" in printed
    assert "Samuel-Maddock/pure-LDP issue 11" in printed
    assert "of 2 broken ones refuted, 0 of 2 corrected ones" in printed


def test_what_is_refused_is_no_verdict():
    found = outcome(ALL["unary-encoding"], lambda x, size, rng: [object()] * size, draws=FEW)
    assert isinstance(found, Outcome)
    assert found.verdict in ("refused", "inconclusive")
    assert found.reason


#: Of the mechanisms of the benchmark of false alarms: an output with the full loss of 1.
TIGHT = {
    "dictionaries": lambda output: "carol" in output and output["total"] > 1.0,
    "sets": lambda output: {"ann", "bob", "carol"} <= output,
    "texts": lambda output: "carol" in output and "age=30" in output,
    "lengths-of-texts": lambda output: len(output.split()) == 3,
    "mixed": lambda output: output[0] == "yes" and output[1] > 1.0 and output[2] is None,
    "lists": lambda output: output[0] > 1.0 and len(output) == 3,
    "nested": lambda output: all(word in output["rows"][1]["note"] for word in ("carol", "=30")),
}


def ratio_p_value(mechanism, event, epsilon):
    """Whether an event is e^epsilon times as likely on the second input as on the first. Given the
    number of both, that of the second is less variable than a binomial variable."""
    counts = [
        sum(map(event, mechanism(x, 40_000, np.random.default_rng(number))))
        for number, x in enumerate(PAIRS[0])
    ]
    rate = 1.0 / (1.0 + math.exp(-epsilon))
    return binomtest(counts[1], sum(counts), rate).pvalue


@pytest.mark.parametrize("name", STRUCTURED)
def test_structured_mechanisms_are_at_their_epsilon(name):
    assert ratio_p_value(STRUCTURED[name], TIGHT[name], 1.0) > 1e-8
    assert ratio_p_value(STRUCTURED[name], TIGHT[name], 0.8) < 1e-8
    assert ratio_p_value(STRUCTURED[name], TIGHT[name], 1.2) < 1e-8
