"""Scores of outputs that mix symbols with numbers. The laws are drawn from fixed seeds; what is
compared has a margin of at least five standard deviations."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from dpaudit.statistical import mixed
from dpaudit.statistical.attackers import Goal
from dpaudit.statistical.explain import explain, picture
from dpaudit.statistical.features import features_of
from dpaudit.statistical.learning import learn_attacker
from dpaudit.statistical.mixed import MixedScore, learn_mixed

BELOW = -math.inf


def _mixed(count: int, seed: int, slope: float):
    """Symbols in the first coordinate, and a number in the second that tells the label only where
    the symbol is a number too."""
    rng = np.random.default_rng(seed)
    labels = rng.random(count) < 0.5
    told = rng.random(count) < 0.3
    shift = np.where(told, slope * (labels - 0.5), 0.0)
    outputs = np.column_stack([np.where(told, 1.0, BELOW), rng.normal(shift)])
    return outputs, labels, told


@pytest.mark.parametrize("ridge", [30.0, 1000.0])
def test_odds_are_the_penalized_maximum_of_the_likelihood(ridge, monkeypatch):
    """Against a plain minimization over all parameters, draw by draw: piecewise linear odds whose
    coefficients are polynomials in the count of infinities, and a line of each shape on top."""
    monkeypatch.setattr(mixed, "_OWN_RIDGES", (ridge,))
    outputs, labels, told = _mixed(4_000, seed=1, slope=0.8)
    found = learn_mixed(outputs, labels, features_of(outputs))(outputs)
    numbers = np.where(told, 1.0, 0.0) + outputs[:, 1]
    squashed = np.tanh((numbers - np.median(numbers)) / numbers.std())
    place = ((~told) - (~told).mean()) / (~told).std()
    line = np.column_stack([np.ones(len(labels)), squashed])
    knots = np.quantile(squashed, np.arange(1, 9) / 9)
    changes = np.maximum(squashed[:, None] - knots, 0.0)
    columns = [line * place[:, None] ** degree for degree in range(4)]
    columns += [changes * place[:, None] ** degree for degree in range(4)]
    columns += [line * told[:, None], line * ~told[:, None]]
    design = np.concatenate(columns, axis=1)
    ridges = np.repeat([10.0, 1000.0, ridge], [8, 32, 4])
    signs = np.where(labels, 1.0, -1.0)

    def loss(parameters):
        odds = design @ parameters
        slopes = -signs / (1.0 + np.exp(signs * odds))
        value = np.logaddexp(0.0, -signs * odds).sum() + 0.5 * (ridges * parameters**2).sum()
        return value, design.T @ slopes + ridges * parameters

    best = minimize(loss, np.zeros(44), jac=True, tol=1e-12, method="L-BFGS-B").x
    # The bins of the sum are 1/64 wide.
    assert found == pytest.approx(design @ best, abs=0.02)


def _shapes(lines: np.ndarray, seed: int):
    """Outputs of as many shapes as there are lines: a number after 0, 1, ... symbols."""
    rng = np.random.default_rng(seed)
    shapes, labels = rng.integers(len(lines), size=60_000), rng.random(60_000) < 0.5
    outputs = np.full((60_000, len(lines)), math.inf)
    outputs[np.arange(len(lines)) < shapes[:, None]] = BELOW
    outputs[np.arange(60_000), shapes] = rng.normal(np.where(labels, lines[shapes], -lines[shapes]))
    return outputs, labels


@pytest.mark.parametrize(
    ("lines", "ridge"),
    [(np.linspace(-0.2, 0.3, 8), 3000.0), (np.tile([0.6, -0.6, -0.6, 0.6], 2), 30.0)],
)
def test_shapes_that_follow_a_curve_are_told_from_those_that_do_not(lines, ridge, monkeypatch):
    """The evidence takes a large ridge where neighbouring shapes are alike, a small one where every
    shape has its own line."""
    outputs, labels = _shapes(lines, seed=9)
    features = features_of(outputs)
    taken = learn_mixed(outputs, labels, features)(outputs)
    monkeypatch.setattr(mixed, "_OWN_RIDGES", (ridge,))
    assert learn_mixed(outputs, labels, features)(outputs).tolist() == taken.tolist()


def test_outputs_that_tell_all_are_learned_without_overflow():
    rng = np.random.default_rng(10)
    labels = rng.random(8_000) < 0.5
    outputs = np.column_stack([np.where(labels, 1.0, BELOW), rng.normal(size=8_000)])
    scores = learn_mixed(outputs, labels, features_of(outputs))(outputs)
    assert np.isfinite(scores).all()
    assert ((scores > 1.0) == labels).all()


def test_shapes_that_were_not_seen_score_nothing():
    outputs, labels, _ = _mixed(4_000, seed=2, slope=0.8)
    score = learn_mixed(outputs, labels, [])
    strange = np.array([[math.inf, 1.0], [BELOW, BELOW], [0.0, 0.0]])
    assert score(strange).tolist() == [0.0, 0.0, 0.0]
    assert np.isfinite(score(np.array([[1.0, 1e308], [1.0, -1e308]]))).all()


@pytest.mark.parametrize("count", [400, 999])
def test_few_draws_teach_no_lines(count):
    outputs, labels, _ = _mixed(count, seed=3, slope=0.8)
    assert learn_mixed(outputs, labels, []) is None


def test_outputs_of_one_shape_or_of_too_many_have_no_lines():
    rng = np.random.default_rng(4)
    labels = rng.random(40_000) < 0.5
    assert learn_mixed(rng.normal(size=(40_000, 2)), labels, []) is None
    many = np.where(rng.random((40_000, 7)) < 0.5, BELOW, 1.0)
    assert learn_mixed(many, labels, []) is None
    assert learn_mixed(np.full((40_000, 2), [BELOW, 1.0]), labels, []) is None


def test_a_weak_leak_in_symbol_and_number_is_learned_by_lines():
    """And what is said of it in words and in the picture is what the attacker does."""
    outputs, labels, told = _mixed(200_000, seed=5, slope=0.3)
    goal = Goal(200_000, 0.05, 0.15, eager=True)
    attacker = learn_attacker(outputs, labels, goal, seed=0, thorough=False)
    assert isinstance(attacker.score, MixedScore)
    guesses = attacker.guess(outputs)
    assert (told[guesses != 0]).all()
    fresh, truth, _ = _mixed(200_000, seed=6, slope=0.3)
    counts = attacker.count(fresh, truth)
    allowed = 1.0 / (1.0 + math.exp(-0.15))
    spread = math.sqrt(counts.spoken * allowed * (1.0 - allowed))
    assert counts.right > allowed * counts.spoken + 3.0 * spread
    said = explain(attacker, outputs)
    assert said
    assert all("the sum of the finite coordinates" in text for text in said.values())
    shown = picture(attacker, outputs, labels)
    assert set(shown.says) - {0}
    assert shown.axis == "what the attacker makes of the output (log odds)"


def test_tuples_are_scored_as_the_numbers_in_them():
    """A symbol in a tuple is where a number is missing, as NaN is in a vector."""
    outputs, labels, told = _mixed(8_000, seed=7, slope=2.0)
    outputs[~told, 0] = math.nan
    rows = np.empty(len(outputs), dtype=object)
    rows[:] = [(1.0 if t else "none", float(x)) for t, x in zip(told, outputs[:, 1], strict=True)]
    as_tuples, as_numbers = learn_mixed(rows, labels, []), learn_mixed(outputs, labels, [])
    assert as_tuples(rows) == pytest.approx(as_numbers(outputs))
    assert np.ptp(as_tuples(rows)) > 1.0
