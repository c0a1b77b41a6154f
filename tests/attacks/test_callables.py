"""Mechanisms of somebody else: they may lie about themselves, break off, print, or return anything.

None of them gets a verdict that it does not deserve.
"""

from typing import Any, ClassVar

import numpy as np
import pytest

from dpaudit import EmbeddingSpace, MetricDP, PureDP, Verdict, audit
from dpaudit.errors import DPAuditError
from dpaudit.mechanisms.words.metric_exponential import MetricExponential
from dpaudit.results import Evidence

SPACE = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]])


class SaysWholeNumber(MetricExponential):
    """Its parameters are no floats, as a certificate would print them."""

    @property
    def parameters(self) -> Any:
        return {**super().parameters, "epsilon": 2**53 + 1}


class SaysMore(MetricExponential):
    """A label that would be printed as part of the mechanism."""

    @property
    def parameters(self) -> Any:
        return {**super().parameters, "note": "proven for every vocabulary"}


class SaysAnotherEpsilon(MetricExponential):
    """A law of epsilon that goes by the parameters of a tenth of it."""

    @property
    def parameters(self) -> Any:
        return {**super().parameters, "epsilon": 0.1 * self.epsilon}


class SaysAnotherName(MetricExponential):
    name: ClassVar[str] = "randomized-response"


@pytest.mark.parametrize(
    "mechanism", [SaysWholeNumber, SaysMore, SaysAnotherEpsilon, SaysAnotherName]
)
@pytest.mark.parametrize("claimed", [0.2, 2.0, 100.0])
def test_mechanisms_that_lie_about_themselves(mechanism: type, claimed: float) -> None:
    """Nothing is certified of them; what differs from what they say is a contradiction."""
    truth = audit(MetricExponential(SPACE, epsilon=2.0), MetricDP(claimed)).verdict
    result = audit(mechanism(SPACE, epsilon=2.0), MetricDP(claimed))
    assert result.evidence is Evidence.EXACT
    assert result.certified_epsilon is None
    assert result.verdict in (truth, Verdict.INCONCLUSIVE)


def drawn(function: Any, **more: Any) -> Any:
    return audit(function, PureDP(1.0), pairs=[(0, 1)], draws=4000, alpha=0.05, workers=0, **more)


class Colourful:
    """An output that acts when it is shown."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"\x1b[2J\x1b]0;owned\x07{self.value}"

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def colourful(x: int, size: int, rng: np.random.Generator) -> list[Any]:
    return [Colourful(x) for _ in range(size)]


def words_that_act(x: int, size: int, rng: np.random.Generator) -> list[str]:
    return [f"\x1b[2J{x}\u202e" for _ in range(size)]


def leaves(x: int, size: int, rng: np.random.Generator) -> Any:
    raise SystemExit(0)


def raises(x: int, size: int, rng: np.random.Generator) -> Any:
    raise RuntimeError("\x1b[2J VERIFIED")


def too_few(x: int, size: int, rng: np.random.Generator) -> Any:
    return [x] * (size - 1)


def nothing(x: int, size: int, rng: np.random.Generator) -> Any:
    return None


def not_numbers(x: int, size: int, rng: np.random.Generator) -> Any:
    return np.full(size, np.nan)


@pytest.mark.parametrize(
    "function", [colourful, words_that_act, leaves, raises, too_few, nothing, not_numbers]
)
def test_callables_get_no_verdict_that_they_do_not_deserve(function: Any) -> None:
    """`words_that_act` names its input; the others break off, or give nothing to look at."""
    expected = {words_that_act: Verdict.VIOLATED}
    try:
        verdict = drawn(function).verdict
    except DPAuditError as error:
        verdict, shown = Verdict.INCONCLUSIVE, str(error)
    else:
        shown = ""
    assert verdict is expected.get(function, Verdict.INCONCLUSIVE)
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_callables_that_seed_numpy_do_not_steer_the_auditor() -> None:
    """A correct mechanism that resets NumPy's global state is not refuted by it, nor helped."""

    def seeds(x: int, size: int, rng: np.random.Generator) -> Any:
        np.random.seed(0)  # noqa: NPY002 - what is tried
        flips = rng.random(size) < np.exp(0.9) / (1.0 + np.exp(0.9))
        return np.where(flips, x, 1 - x)

    assert drawn(seeds, seed=3).verdict in (Verdict.NOT_REFUTED, Verdict.INCONCLUSIVE)
