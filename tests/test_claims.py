"""Claims: what is promised is checked when it is written down, and does not change afterwards."""

import dataclasses
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpaudit.claims import METRICS, ApproximateDP, MetricDP, PureDP
from dpaudit.errors import (
    DPAuditError,
    InputError,
    MemoryNeededError,
    NumericalError,
    available_memory,
    require_fraction,
    require_memory,
    require_positive,
)

KINDS = [PureDP, lambda epsilon: ApproximateDP(epsilon, 0.1), MetricDP]
KIND_NAMES = ["pure", "approximate", "metric"]
BAD_EPSILONS = [0, 0.0, -0.0, -1, -1e-300, math.nan, math.inf, -math.inf]
NOT_NUMBERS = [True, False, np.True_, "1", b"1", None, [1.0], 1j, Decimal(1), np.array([1.0])]
BAD_DELTAS = [-1e-300, -1, 1, 1.0, 1.5, math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("make", KINDS, ids=KIND_NAMES)
@pytest.mark.parametrize("epsilon", BAD_EPSILONS, ids=repr)
def test_epsilon_must_be_finite_and_positive(make: Any, epsilon: float) -> None:
    """The error names the argument, the value and the bound, and is a ValueError."""
    with pytest.raises(InputError, match=r"epsilon is .* finite number above 0") as caught:
        make(epsilon)
    assert isinstance(caught.value, ValueError)
    assert f"{epsilon:g}" in str(caught.value)


@pytest.mark.parametrize("make", KINDS, ids=KIND_NAMES)
@pytest.mark.parametrize("epsilon", NOT_NUMBERS, ids=repr)
def test_epsilon_must_be_a_number(make: Any, epsilon: Any) -> None:
    """Strings, truth values and arrays are not taken for numbers."""
    with pytest.raises(InputError, match=r"epsilon is .* must be a number"):
        make(epsilon)


@pytest.mark.parametrize("epsilon", [1, 0.5, np.float64(2), np.int32(3), Fraction(1, 3), 5e-324])
def test_epsilon_becomes_a_float(epsilon: Any) -> None:
    """Every real number type is accepted and stored as a plain float."""
    for claim in (PureDP(epsilon), ApproximateDP(epsilon, 0), MetricDP(epsilon)):
        assert type(claim.epsilon) is float
        assert claim.epsilon == float(epsilon)


@pytest.mark.parametrize("number", [10**400, -(10**400), Fraction(10**400)], ids=["+", "-", "/"])
def test_numbers_beyond_floats_are_bad_input(number: Any) -> None:
    """A number too large for a float is refused like infinity, not with an OverflowError."""
    with pytest.raises(InputError, match="epsilon"):
        PureDP(number)
    with pytest.raises(InputError, match="delta"):
        ApproximateDP(1.0, number)


@pytest.mark.parametrize("make", [ApproximateDP, MetricDP])
@pytest.mark.parametrize("delta", BAD_DELTAS, ids=repr)
def test_delta_must_be_in_its_range(make: Any, delta: float) -> None:
    """delta lies in [0, 1); at 1 a claim would promise nothing."""
    with pytest.raises(InputError, match=r"delta is .* at least 0 and below 1"):
        make(1.0, delta)


@pytest.mark.parametrize("make", [ApproximateDP, MetricDP])
@pytest.mark.parametrize("delta", NOT_NUMBERS, ids=repr)
def test_delta_must_be_a_number(make: Any, delta: Any) -> None:
    """Strings, truth values and arrays are not taken for numbers."""
    with pytest.raises(InputError, match=r"delta is .* must be a number"):
        make(1.0, delta)


@given(st.floats(0, exclude_min=True, allow_infinity=False), st.floats(0, 1, exclude_max=True))
def test_valid_numbers_are_kept_to_the_bit(epsilon: float, delta: float) -> None:
    """Validation changes no value, however small or close to its bound."""
    for claim in (ApproximateDP(epsilon, delta), MetricDP(epsilon, delta)):
        assert (claim.epsilon, claim.delta) == (epsilon, delta)
    assert PureDP(epsilon).epsilon == epsilon


@pytest.mark.parametrize("metric", ["", "euclid", "Euclidean", "cosine", 2, ["euclidean"]])
def test_unknown_metric(metric: Any) -> None:
    """The error names the metric given and those that exist."""
    with pytest.raises(InputError) as caught:
        MetricDP(1.0, metric=metric)
    assert repr(metric) in str(caught.value)
    assert all(known in str(caught.value) for known in METRICS)


@pytest.mark.parametrize("metric", [None, *METRICS])
def test_known_metrics(metric: str | None) -> None:
    """Every metric of a space can be claimed; None stands for the space's own."""
    assert MetricDP(1.0, metric=metric).metric == metric


@pytest.mark.parametrize("claim", [PureDP(1), ApproximateDP(1, 0.1), MetricDP(1)], ids=KIND_NAMES)
def test_claims_are_frozen(claim: Any) -> None:
    """No attribute can be changed after validation."""
    for name in ("epsilon", "delta", "neighbouring", "source", "new"):
        with pytest.raises((dataclasses.FrozenInstanceError, AttributeError)):
            setattr(claim, name, 2.0)
    assert claim.epsilon == 1.0


def test_claims_are_values() -> None:
    """Equal claims are equal and hash alike; claims of different kinds differ."""
    assert PureDP(1) == PureDP(1.0)
    assert hash(PureDP(1)) == hash(PureDP(1.0))
    assert len({PureDP(1), ApproximateDP(1, 0), MetricDP(1), MetricDP(1, 0.0), PureDP(2)}) == 4
    assert PureDP(1, source="a paper") != PureDP(1)


def test_claims_answer_the_same_questions() -> None:
    """Every kind has the same attributes, so that no audit asks for the class."""
    claims = [PureDP(1), ApproximateDP(1, 0.25), MetricDP(1, 0.5, "manhattan")]
    assert [claim.kind for claim in claims] == KIND_NAMES
    assert [claim.delta for claim in claims] == [0.0, 0.25, 0.5]
    assert [claim.metric for claim in claims] == [None, None, "manhattan"]
    units = ["nats", "nats", "nats per unit of distance"]
    assert [claim.unit for claim in claims] == units
    assert all(claim.neighbouring and claim.source for claim in claims)


def test_texts_are_keyword_only() -> None:
    """A third number is not taken for the neighbouring relation."""
    with pytest.raises(TypeError):
        PureDP(1, 0.5)  # type: ignore[misc]
    with pytest.raises(TypeError):
        ApproximateDP(1, 0.5, 0.5)  # type: ignore[misc]


def test_the_way_out_is_part_of_the_message() -> None:
    """Checks append what the caller says about mending the fault, after a space."""
    with pytest.raises(InputError, match=r"above 0\. Try 1\.$"):
        require_positive("gamma", 0, "Try 1.")
    with pytest.raises(InputError, match=r"below 1\. Try 0\.$"):
        require_fraction("beta", 1, "Try 0.")


def test_memory_is_asked_for_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is the free memory: exactly as much passes, one byte more does not."""
    assert available_memory() > 2**20
    monkeypatch.setattr("dpaudit.errors.available_memory", lambda: 3_000_000_000)
    require_memory("The law", 3_000_000_000, "Use less.")
    with pytest.raises(MemoryNeededError, match=r"The law needs 3\.0 GB .* 3\.0 GB .* Use less\."):
        require_memory("The law", 3_000_000_001, "Use less.")


def test_all_errors_have_one_root() -> None:
    """What a user can mend is a ValueError; a failed computation is an ArithmeticError."""
    for kind in (InputError, MemoryNeededError):
        assert issubclass(kind, DPAuditError)
        assert issubclass(kind, ValueError)
    assert issubclass(NumericalError, DPAuditError)
    assert issubclass(NumericalError, ArithmeticError)
    assert not issubclass(NumericalError, ValueError)
