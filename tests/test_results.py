"""Results: frozen, round trips through JSON, infinities and NaN, sentences."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dpaudit import EmbeddingSpace, audit, mechanisms
from dpaudit.results import AuditResult, Interval, Verdict, Witness, wording


@pytest.fixture(scope="module")
def result() -> AuditResult:
    space = EmbeddingSpace(["here", "near", "<far>"], [[0, 0], [1, 0], [0, 3]])
    return audit(mechanisms.MetricExponential(space, epsilon=2.0))


def test_json_round_trip(result):
    text = result.to_json()
    again = AuditResult.from_json(text)
    assert again == result
    assert again.to_json() == text
    assert json.loads(text)["schema"] == "dpaudit.audit/2"


def test_every_field_of_the_specification_is_there(result):
    """Section 10 names them; `curves` has its own model."""
    data = json.loads(result.to_json())
    assert list(data) == [
        *("schema", "mechanism", "space", "claim", "evidence", "verdict", "reason"),
        "true_epsilon",
        *("delta_at_claim", "delta_pair", "witness", "statistics", "curves", "search"),
        *("closed_form", "proven_bound", "explanation", "attack", "proof"),
        *("certification", "certified_epsilon", "certificate"),
        *("draws", "alpha", "detectable_epsilon", "max_detectable", "constant_output"),
        *("expect_constant", "seed", "versions", "exit_code"),
    ]
    assert list(data["mechanism"]) == ["name", "parameters", "sampler_error", "remarks"]
    assert list(data["space"]) == [
        *("source", "words", "dimension", "metric", "min_distance", "max_distance", "sha256"),
        "reading",
    ]
    assert list(data["claim"]) == [
        *("kind", "epsilon", "delta", "metric", "neighbouring", "unit", "source"),
    ]
    assert list(data["curves"])[:3] == ["witness_law", "pair_losses", "profile"]
    assert data["curves"]["convergence"] is None
    assert {"input", "neighbour", "distance", "output", "event", "log_ratio"} <= set(
        data["witness"]
    )
    assert list(data["statistics"]) == [
        *("kept", "support_001", "support_1000", "bayes_vulnerability", "leakage_bits"),
        "intervals",
    ]
    assert list(data["search"]) == ["pairs_total", "pairs_visited", "directions", "looks"]


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_intervals_round_trip(first, second):
    interval = Interval(lower=min(first, second), upper=max(first, second))
    assert Interval.model_validate_json(interval.model_dump_json()) == interval


def test_infinity_is_a_string_and_nan_is_refused():
    interval = Interval(lower=1.0, upper=math.inf)
    assert json.loads(interval.model_dump_json()) == {"lower": 1.0, "upper": "inf"}
    with pytest.raises(ValidationError):
        Interval(lower=math.nan, upper=1.0)
    with pytest.raises(ValidationError):
        Interval.model_validate_json('{"lower": "nan", "upper": 1}')
    with pytest.raises(ValidationError):
        Interval(lower=2.0, upper=1.0)


def test_results_are_frozen_and_strict(result):
    with pytest.raises(ValidationError):
        result.verdict = Verdict.VIOLATED
    with pytest.raises(ValidationError):
        Witness.model_validate({"input": "a", "neighbour": "b", "distance": 1, "ratio": 2})
    data = json.loads(result.to_json())
    with pytest.raises(ValidationError):
        AuditResult.model_validate({**data, "schema": "dpaudit.audit/1"})
    with pytest.raises(ValidationError):
        AuditResult.model_validate({**data, "surprise": 1})


def test_json_matches_its_schema(result):
    """The published schema knows every key that is written."""
    schema = AuditResult.json_schema()
    assert set(json.loads(result.to_json())) == set(schema["properties"])
    assert schema["additionalProperties"] is False


def test_exit_codes(result):
    codes = {
        verdict: result.model_copy(update={"verdict": verdict}).exit_code for verdict in Verdict
    }
    assert codes == {"upheld": 0, "violated": 1, "not-refuted": 3, "inconclusive": 3}
    # `not-refuted` passes where twice the claim, 2, would have been refuted.
    for detectable, code in ((4.0, 0), (4.1, 3), (math.inf, 3)):
        changes = {"verdict": Verdict.NOT_REFUTED, "detectable_epsilon": detectable}
        drawn = result.model_copy(update=changes)
        assert drawn.exit_code == code
        assert drawn.model_copy(update={"max_detectable": detectable}).exit_code == 0


def test_str_says_the_verdict_first(result):
    lines = str(result).splitlines()
    assert lines[0].startswith("UPHELD (certified evidence): metric-exponential")
    assert any(line.startswith("Worst pair") for line in lines)
    assert any("names the input with probability" in line for line in lines)


def test_the_warning_appears_where_epsilon_is_large():
    """Section 3: epsilon * Delta_min > ln n."""
    space = EmbeddingSpace(["here", "near", "far"], [[0, 0], [1, 0], [0, 3]])
    weak = audit(mechanisms.MetricExponential(space, epsilon=math.log(3) * 1.01))
    strong = audit(mechanisms.MetricExponential(space, epsilon=math.log(3) * 0.99))
    assert "does not hide one word among 3" in str(weak)
    assert "does not hide" not in str(strong)


@pytest.mark.parametrize(
    ("log_probability", "text"),
    [(0.0, "1"), (math.log(0.125), "0.125"), (-50.0, "1.9e-22"), (-4000.0, "10^-1737.2")],
)
def test_probabilities_are_readable(log_probability, text):
    assert wording.probability(log_probability) == text


def test_sampler_cost_does_not_overflow(result):
    huge = result.claim.model_copy(update={"epsilon": 1e6})
    assert "and 1 for the farthest" in (
        wording.sampler_sentence(result.model_copy(update={"claim": huge})) or ""
    )
