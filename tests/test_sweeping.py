"""Audits at several values of a parameter."""

import json
import math

import numpy as np
import pytest
from typer.testing import CliRunner

from dpaudit import EmbeddingSpace, InputError, audit
from dpaudit.cli.app import app
from dpaudit.mechanisms.words.metric_exponential import MetricExponential
from dpaudit.mechanisms.words.random_cutoff_exponential import RandomCutoffExponential
from dpaudit.mechanisms.words.truncated_gumbel import TruncatedGumbel
from dpaudit.reports import sweep as report
from dpaudit.results.sweep import SweepResult
from dpaudit.sweeping import parse_values, sweep

SPACE = EmbeddingSpace(
    ["a", "b", "<script>", "d"], np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("epsilon=1:40:14", [float(x) for x in range(1, 41, 3)]),
        ("k=5:6:3", [5.0, 5.5, 6.0]),
        ("epsilon=2:1:2", [2, 1]),
        ("epsilon=1.0:2.0:2", [1.0, 2.0]),
        ("x=-1:1:3", [-1, 0, 1]),
    ],
)
def test_values(text, values):
    name, found = parse_values(text)
    assert (name, found) == (text.partition("=")[0], values)
    # Whole numbers stay whole where every value is one, and only if no decimal point is given.
    whole = all(float(x).is_integer() for x in values) and "." not in text
    assert all(isinstance(x, int) == whole for x in found)


@pytest.mark.parametrize(
    "text",
    [
        *("", "epsilon", "=1:2:3", "epsilon=", "epsilon=1:2", "epsilon=1:2:3:4", "epsilon=a:2:3"),
        *("epsilon=1:2:1", "epsilon=1:1:3", "epsilon=1:2:2.5", "epsilon=1:inf:3"),
        *("epsilon=nan:2:3", "epsilon=1:2:1001", "epsilon=1:2:-3"),
    ],
)
def test_bad_values(text):
    with pytest.raises(InputError, match="--sweep"):
        parse_values(text)


def test_every_point_is_the_audit_there():
    found = sweep(lambda value: MetricExponential(SPACE, value), "epsilon", [1, 5.5])
    for value, result in found.audited:
        alone = audit(MetricExponential(SPACE, value), method="exact")
        assert result.true_epsilon == alone.true_epsilon
        assert result.statistics == alone.statistics
        assert result.claim.epsilon == value
    assert [point.value for point in found.points] == [1, 5.5]
    assert found.exit_code == 0
    assert SweepResult.from_json(found.to_json()) == found


def test_refused_values_are_kept_with_the_reason():
    bound = RandomCutoffExponential.bound(SPACE)
    values = [0.5 * bound, 1.5 * bound]
    found = sweep(lambda value: RandomCutoffExponential(SPACE, value), "epsilon", values)
    assert found.points[0].result is None
    assert "above" in (found.points[0].refused or "")
    assert [value for value, _ in found.audited] == [1.5 * bound]
    with pytest.raises(InputError, match="No value of epsilon is accepted"):
        sweep(lambda value: RandomCutoffExponential(SPACE, value), "epsilon", values[:1])


def test_page_with_infinite_values():
    """mldp-text's cutoff loses infinitely much: nothing to draw, and the caption says so."""
    bound = TruncatedGumbel.bound(SPACE)
    found = sweep(
        lambda value: TruncatedGumbel(SPACE, value, cutoff="mldp-text"),
        "epsilon",
        [1.5 * bound, 2.0 * bound],
    )
    assert all(math.isinf(result.true_epsilon.upper) for _, result in found.audited)
    assert found.exit_code == 1
    page = report.render(found)
    assert "Infinite or unknown at 2 of 2 values." in page
    assert "<script>" not in page
    assert page == report.render(found)


def test_worst_exit_code_first():
    claim = MetricExponential(SPACE, 2.0).claim
    found = sweep(
        lambda value: MetricExponential(SPACE, value), "epsilon", [1, 20], lambda _: claim
    )
    assert [result.exit_code for _, result in found.audited] == [0, 1]
    assert found.exit_code == 1


def run(*arguments):
    return CliRunner().invoke(app, ["audit", *arguments])


def test_command(tmp_path):
    page, data = tmp_path / "sweep.html", tmp_path / "sweep.json"
    done = run(
        *("metric-exponential", "--limit", "20", "--sweep", "epsilon=1:5:3"),
        *("--html", str(page), "--json", str(data)),
    )
    assert done.exit_code == 0
    assert "20 words of" in page.read_text("utf-8")
    lines = [line.split() for line in done.stdout.splitlines() if line.split()[1:2] == ["upheld"]]
    points = json.loads(data.read_text("utf-8"))["points"]
    assert [float(line[0]) for line in lines] == [point["value"] for point in points] == [1, 3, 5]


@pytest.mark.parametrize(
    "extra", [("--certificate", "c.json"), ("--epsilon", "2"), ("--log", "l.json")]
)
def test_what_does_not_go_together(extra):
    done = run("metric-exponential", "--limit", "20", "--sweep", "epsilon=1:5:3", *extra)
    assert isinstance(done.exception, InputError)
