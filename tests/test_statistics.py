"""Privacy statistics against their definitions."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from mpmath import mp, mpf

from dpaudit import EmbeddingSpace, NumericalError, mechanisms
from dpaudit.exact.laws import ExactLaw
from dpaudit.statistics import expected_distinct, privacy_statistics


@pytest.mark.parametrize(
    "law",
    [
        [1.0, 0.0],
        [0.5, 0.5],
        [1 - 3e-7, 1e-7, 2e-7],
        [0.999, 1e-3 - 2e-6, 1.9e-6, 1e-7],
        [1e-300, 1.0 - 1e-6, 1e-6],
        [1 / 3000] * 3000,
    ],
)
def test_expected_distinct(law):
    """Against 50 digits, on both sides of the switch to the series."""
    with mp.workdps(50):
        exact = sum(1 - (1 - mpf(p)) ** 1000 for p in law)
    assert expected_distinct(np.array([law]))[0] == pytest.approx(float(exact), rel=1e-9)


def test_against_plain_loops():
    space = EmbeddingSpace.builtin(limit=300)
    mechanism = mechanisms.MetricExponential(space, epsilon=9.0)
    found = privacy_statistics(ExactLaw(mechanism))
    laws = np.exp(ExactLaw(mechanism).whole())
    kept = [laws[i, i] for i in range(300)]
    assert found.kept.mean == pytest.approx(sum(kept) / 300)
    assert (found.kept.min, found.kept.max) == (min(kept), max(kept))
    support = [sum(1 for p in row if p >= 0.001) for row in laws]
    assert found.support_001.mean == pytest.approx(sum(support) / 300)
    assert (found.support_001.min, found.support_001.max) == (min(support), max(support))
    vulnerability = sum(max(laws[:, y]) for y in range(300)) / 300
    assert found.bayes_vulnerability == pytest.approx(vulnerability)
    assert found.leakage_bits == pytest.approx(math.log2(300 * vulnerability))


def test_support_against_sampling():
    """The expected number of distinct words in 1000 draws, against 200 times 1000 draws.

    The mean of 200 counts, each with a standard deviation below sqrt(300), is within 6 standard
    errors but for a chance of 2e-9.
    """
    space = EmbeddingSpace.builtin(limit=300)
    mechanism = mechanisms.MetricExponential(space, epsilon=9.0)
    rng = np.random.default_rng(20)
    counts = [len(set(mechanism.sample("water", 1000, rng))) for _ in range(200)]
    expected = expected_distinct(np.exp(mechanism.log_law("water"))[None])[0]
    assert abs(np.mean(counts) - expected) < 6 * np.std(counts) / math.sqrt(200)


@pytest.mark.parametrize("epsilon", [1e-9, 1e4])
def test_extremes(epsilon):
    """No privacy loss leaks nothing; no noise leaks everything."""
    space = EmbeddingSpace.builtin(limit=64)
    found = privacy_statistics(ExactLaw(mechanisms.MetricExponential(space, epsilon=epsilon)))
    expected = 1 / 64 if epsilon < 1 else 1.0
    assert found.kept.mean == pytest.approx(expected)
    assert found.bayes_vulnerability == pytest.approx(expected)
    assert found.leakage_bits == pytest.approx(0.0 if epsilon < 1 else 6.0, abs=1e-6)


def test_a_broken_law_is_an_error():
    space = EmbeddingSpace(["a", "b"], [[0.0], [1.0]])
    broken = SimpleNamespace(space=space, log_laws=lambda rows: np.log([[0.5, 0.4]] * 2)[rows])
    with pytest.raises(NumericalError, match="adds up to"):
        privacy_statistics(ExactLaw(broken))  # type: ignore[arg-type]
