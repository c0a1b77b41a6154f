"""The answer for a person: five lines first, everything with --verbose, numbers that do not
contradict themselves, witnesses that their intervals support, and how it is printed."""

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dpaudit
from dpaudit import EmbeddingSpace, MetricDP
from dpaudit.cli import progress
from dpaudit.exact.audit import exact_audit
from dpaudit.mechanisms import MetricExponential, RandomCutoffExponential
from dpaudit.results import AuditResult, Interval, sections, wording
from dpaudit.results.numerals import apart, equals, percent

SPACE = EmbeddingSpace(["here", "near", "far"], [[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]])

positive = st.floats(1e-300, 1e300)


@given(positive, positive)
def test_different_numbers_look_different(first, second):
    one, other = apart(first, second)
    assert (one == other) == (first == second)


@given(positive, st.integers(1, 6))
def test_neighbouring_floats_look_different(value, steps):
    above = value
    for _ in range(steps):
        above = math.nextafter(above, math.inf)
    one, other = apart(value, above)
    assert one != other
    assert float(one.replace(",", "")) <= float(other.replace(",", ""))


@given(st.floats(0.0, 1.0, exclude_min=True, exclude_max=True))
def test_a_part_is_never_all_of_it(part):
    assert percent(part) not in ("100%", "100.0%", "0%", "0.0%")


@given(positive, st.floats(-1e-12, 1e-12))
def test_an_interval_is_told_from_what_it_stands_against(value, shift):
    true = value * (1.0 + shift)
    shown = equals(Interval(lower=true, upper=true), against=value)
    assert (shown.removeprefix("= ") == apart(value, true)[0]) == (true == value)


@pytest.fixture(scope="module")
def upheld() -> AuditResult:
    return dpaudit.audit(MetricExponential(SPACE, 2.0))


@pytest.mark.parametrize("step", [1, 2, 100, 10**6])
def test_a_claim_just_above_and_just_below_the_true_epsilon(step, upheld):
    """What is shown as violated never shows the same number twice, nor 100% of the claim."""
    true = upheld.true_epsilon.upper
    for sign in (-1, 1):
        claimed = true * (1.0 + sign * step * 1e-12)
        result = dpaudit.audit(MetricExponential(SPACE, 2.0), MetricDP(claimed))
        assert result.verdict == ("upheld" if sign > 0 else "violated")
        said = wording.comparison_sentence(result)
        first, second = (part.partition("; ")[0] for part in said.split("= ")[1:3])
        assert first != second.partition(":")[0], said
        assert "100.0%" not in said
        assert " 1 times" not in said
        witness = wording.witness_sentence(result)
        loss, _, allowed = witness.partition("a loss of ")[2].partition(" nats where the claim ")
        assert loss != allowed.removeprefix("allows ").removesuffix("."), witness


def test_a_witness_is_shown_only_with_its_interval():
    """Words one unit apart and one very far away: log probabilities near -1e17 are rounded to tens
    of nats, and their differences mean nothing."""
    space = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3e16]])
    mechanism = RandomCutoffExponential(space, epsilon=RandomCutoffExponential.bound(space) * 1.5)
    result = dpaudit.audit(mechanism)
    assert result.verdict == "upheld"
    assert result.witness is None, "its interval supports no loss"
    assert "nats where the claim allows" not in str(result)
    found = exact_audit(mechanism, mechanism.claim).witness.log_ratio
    assert found.upper - found.lower > 10.0
    # What ball arithmetic proves is all that is left of the interval.
    assert result.true_epsilon.upper < result.claim.epsilon
    assert "of the claim" in wording.comparison_sentence(result)
    assert "lies between" not in wording.comparison_sentence(result)


@given(st.integers(2, 6), st.floats(0.5, 30.0), st.integers(0, 2**32 - 1))
def test_log_ratios_enclose_the_true_ones(n, epsilon, seed):
    """Against the law of the exponential mechanism in 60 digits."""
    import mpmath

    rng = np.random.default_rng(seed)
    space = EmbeddingSpace([f"w{i}" for i in range(n)], rng.normal(size=(n, 1)))
    mechanism = MetricExponential(space, epsilon)
    witness = exact_audit(mechanism, mechanism.claim).witness
    with mpmath.workdps(60):
        points = [mpmath.mpf(float(x)) for x in space.vectors[:, 0]]

        def log_law(i: int, y: int) -> mpmath.mpf:
            weights = [mpmath.exp(-epsilon * abs(points[i] - p) / 2) for p in points]
            return mpmath.log(weights[y] / mpmath.fsum(weights))

        i, j, y = (space.index(word) for word in (witness.input, witness.neighbour, witness.output))
        true = log_law(i, y) - log_law(j, y)
    assert witness.log_ratio.lower <= true <= witness.log_ratio.upper


def test_the_answer_comes_first_in_five_lines(run, tmp_path):
    done = run("audit", "metric-exponential", "-e", "12", "--limit", "50", folder=tmp_path)
    labels = [line.split()[0] for line in done.out.splitlines() if not line.startswith("    ")]
    assert labels == ["✓", "Loss", "Worth", "Evidence", "More"]
    assert done.out.startswith("✓ UPHELD (certified evidence): metric-exponential on 50 words")
    longer = run("audit", "metric-exponential", "-e", "12", "--limit", "50", "-v", folder=tmp_path)
    assert len(longer.out) > 2 * len(done.out)
    result = dpaudit.audit(MetricExponential(EmbeddingSpace.builtin(limit=50), 12.0))
    flat = " ".join(longer.out.split())
    for _, sentence in sections.sections(result):
        assert sentence in flat
        assert sentence in str(result)


SMALL = ("audit", "metric-exponential", "--limit", "20")

#: What prints tables and paragraphs.
PRINTED = {
    "answer": (*SMALL, "-e", "12"),
    "everything": (*SMALL, "-e", "9", "-v"),
    "mechanisms": ("mechanisms",),
    "one mechanism": ("mechanisms", "vickrey"),
    "proof": ("prove", "randomized-response"),
    "sweep": (*SMALL, "--sweep", "epsilon=1:2:2"),
}


@pytest.mark.parametrize("columns", ["", "40", "60", "132", "5", "wide"])
@pytest.mark.parametrize("printed", PRINTED)
def test_columns_are_heeded_and_no_line_ends_in_blanks(
    columns, printed, run, tmp_path, monkeypatch
):
    monkeypatch.setenv("COLUMNS", columns)
    lines = run(*PRINTED[printed], folder=tmp_path).out.splitlines()
    assert lines
    assert not [line for line in lines if line != line.rstrip()]
    if columns in ("60", "132") and printed in ("answer", "everything", "one mechanism"):
        assert max(map(len, lines)) <= int(columns)


def test_a_heartbeat_off_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(progress, "BEAT", 0.05)
    with progress.progress_bar(quiet=False) as report:
        assert report is not None
        report("privacy loss", 0.25)
        time.sleep(0.3)
    said = capsys.readouterr().err.splitlines()
    assert said
    assert all(line.startswith("dpaudit: at work for ") for line in said)
    assert said[-1].endswith("privacy loss 25%")
    with progress.progress_bar(quiet=True) as report:
        assert report is None
    time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_short_work_says_nothing(capsys):
    with progress.progress_bar(quiet=False) as report:
        assert report is not None
        report("privacy loss", 0.5)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize(
    "command", ["", *(["audit", "law", "mechanisms", "prove", "privatize", "verify"])]
)
def test_help(option, command, run, tmp_path):
    done = run(*[command] * bool(command), option, folder=tmp_path)
    assert done.code == 0
    assert "Usage: dpaudit" in done.out


def test_version(run, tmp_path):
    assert run("-V", folder=tmp_path).out == run("--version", folder=tmp_path).out
    assert run("-V", folder=tmp_path).out == f"dpaudit {dpaudit.__version__}\n"


def test_completion_knows_the_mechanisms(monkeypatch, capsys, tmp_path, run):
    monkeypatch.setenv("_DPAUDIT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "dpaudit audit metric")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert "metric-exponential" in run(folder=tmp_path).out


def test_one_mechanism_shows_its_parameters(run, tmp_path):
    """With defaults and ranges, for every mechanism by name."""
    from dpaudit.mechanisms.numbers import NUMBERS
    from dpaudit.mechanisms.registry import MECHANISMS

    for name in (*MECHANISMS, *NUMBERS):
        out = run("mechanisms", name, folder=tmp_path).out
        assert out.startswith(f"{name}: ")
        assert "  epsilon" in out or name in ("rappor", "one-time-rappor"), name
        assert "Example: dpaudit audit" in out
    out = " ".join(run("mechanisms", "metric-exponential", folder=tmp_path).out.split())
    assert "epsilon required Privacy loss per unit of distance, in nats; finite and above 0." in out
    out = " ".join(run("mechanisms", "laplace", folder=tmp_path).out.split())
    assert "epsilon default 0.1 Privacy loss in nats; from 1e-09 to 1e+09." in out


def test_the_ranges_that_are_shown_are_those_of_the_code():
    """The one range that no docstring repeats."""
    from dpaudit.mechanisms.numbers import find

    for epsilon in (1e-9, 1e9):
        assert find("laplace").build(epsilon=epsilon).epsilon == epsilon
    for epsilon in (0.9e-9, 1.1e9):
        with pytest.raises(dpaudit.InputError, match="between 1e-09 and 1e\\+09"):
            find("laplace").build(epsilon=epsilon)
