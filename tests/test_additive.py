"""Scores that are a sum over coordinates. Draws come from fixed seeds; what is compared has a
margin of at least five standard deviations."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from dpaudit.statistical.additive import AdditiveScore, learn_additive
from dpaudit.statistical.attackers import Goal
from dpaudit.statistical.explain import explain, picture
from dpaudit.statistical.features import features_of
from dpaudit.statistical.learning import learn_attacker


def _answers(count: int, seed: int, shift: float, width: int = 12):
    """Vectors of the symbols 0 and 1: under the first input 1 is more likely in the first half, and
    less in the second."""
    rng = np.random.default_rng(seed)
    labels = rng.random(count) < 0.5
    tilt = np.where(np.arange(width) < width // 2, shift, -shift)
    rates = 0.5 + np.where(labels[:, None], 0.5, -0.5) * tilt
    return (rng.random((count, width)) < rates).astype(np.int8), labels


def _learned(outputs, labels, features=()):
    return learn_additive(outputs, labels.astype(float), (~labels).astype(float), features)


def test_odds_are_the_penalized_maximum_of_the_likelihood():
    """Against a plain minimization; NaN and infinity are symbols as any others."""
    outputs, labels = _answers(3_000, seed=1, shift=0.3, width=3)
    outputs = outputs.astype(np.float64)
    outputs[outputs[:, 0] == 0.0, 0] = math.nan
    outputs[outputs[:, 1] == 1.0, 1] = math.inf
    found = _learned(outputs, labels)(outputs)
    first = [np.isnan(outputs[:, 0]), outputs[:, 0] == 1.0]
    rest = [outputs[:, 1] == 0.0, np.isinf(outputs[:, 1]), outputs[:, 2] == 0, outputs[:, 2] == 1]
    design = np.column_stack([np.ones(len(labels)), *first, *rest])
    signs = np.where(labels, 1.0, -1.0)

    def loss(parameters):
        odds = design @ parameters
        return np.logaddexp(0.0, -signs * odds).sum() + 15.0 * (parameters[1:] ** 2).sum()

    best = minimize(loss, np.zeros(7), tol=1e-12).x
    assert found == pytest.approx(design @ best, abs=1e-3)


def test_counted_outputs_teach_the_same_as_single_ones():
    outputs, labels = _answers(5_000, seed=2, shift=0.2)
    different, places = np.unique(outputs, axis=0, return_inverse=True)
    counts = [
        np.bincount(places.ravel()[labels == side], minlength=len(different)) for side in (1, 0)
    ]
    tallied = learn_additive(different, counts[0].astype(float), counts[1].astype(float), [])
    assert tallied(outputs) == pytest.approx(_learned(outputs, labels)(outputs), abs=1e-6)


def test_symbols_that_were_not_seen_add_nothing():
    outputs, labels = _answers(3_000, seed=3, shift=0.3)
    score = _learned(outputs, labels)
    strange = np.full((1, 12), 7.0)
    assert score(strange) == pytest.approx([score.intercept])
    for other in (np.array(["a", "b"], dtype=object), np.zeros((2, 5)), np.zeros(2)):
        assert score(other).tolist() == [score.intercept] * 2


@pytest.mark.parametrize(
    "change",
    [
        lambda outputs: outputs[:, 0],
        lambda outputs: outputs + np.random.default_rng(0).random(outputs.shape),
        lambda outputs: np.zeros_like(outputs),
        lambda outputs: np.array([tuple(map(str, row)) for row in outputs], dtype=object),
    ],
)
def test_other_outputs_have_no_such_score(change):
    outputs, labels = _answers(3_000, seed=4, shift=0.3)
    assert _learned(change(outputs), labels) is None
    assert _learned(outputs[:1_000], labels[:1_000]) is None


def test_a_weak_leak_in_all_coordinates_is_learned():
    """4,096 different vectors, each too rare for a table, whose odds differ by a few percent."""
    outputs, labels = _answers(100_000, seed=5, shift=0.015)
    attacker = learn_attacker(outputs, labels, Goal(10_000, 0.05, 0.1, eager=True), seed=0)
    assert isinstance(attacker.score, AdditiveScore)
    assert attacker.surer
    fresh, truth = _answers(200_000, seed=6, shift=0.015)
    allowed = 1.0 / (1.0 + math.exp(-0.1))
    parts = attacker.count_by_weight(attacker.score(fresh), truth)
    excess = sum(w * (c.right - allowed * c.spoken) for w, c in enumerate(parts, start=1))
    spread = math.sqrt(
        allowed * (1 - allowed) * sum(w**2 * c.spoken for w, c in enumerate(parts, 1))
    )
    assert excess > 4.0 * spread
    features = features_of(outputs)
    assert set(explain(attacker, outputs)) == {1, -1}
    assert attacker.score.features
    assert set(attacker.score.features) <= set(features)
    assert set(picture(attacker, outputs, labels).says) > {0}
