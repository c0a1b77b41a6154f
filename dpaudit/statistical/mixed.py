"""A score for outputs that mix symbols with numbers, such as those of sparse vector techniques:
which coordinates are numbers may tell as much as the numbers do, and both together tell more.

Log odds are smooth in the sum of the numbers and in what tells most shapes apart
(`features.shape_codes`), such as the number of infinities; and outputs of one shape may have a
straight line of their own on top. These are few parameters, so that leaks of a few percent can be
learned from some hundred thousand draws, where trees fit noise.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from .features import Feature, shape_codes, values

__all__ = ["MixedScore", "learn_mixed"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.uint64]

#: The number that odds are smooth in, besides what tells the shapes apart.
_NUMBER = Feature("sum")

#: Fewest draws of a shape, and fewest and most shapes.
_DRAWS = 500
_SHAPES = (2, 64)

#: Odds are piecewise linear in the squashed sum, with so many knots, at quantiles; the coefficients
#: are polynomials of this degree in the place of a shape.
_KNOTS = 8
_DEGREE = 3

#: Inverse variances of normal priors: of the polynomials of a line, of those of its changes at the
#: knots, and, to choose from, of how far the line of a shape is from them.
_LINE_RIDGE = 10.0
_KNOT_RIDGE = 1000.0
_OWN_RIDGES = (30.0, 300.0, 3000.0)

#: Bins of the squashed sum, from -1 to 1.
_BINS = 128

#: Steps of Newton's method, and the longest.
_NEWTON = 12
_STEP = 4.0


@dataclass(frozen=True, eq=False)
class MixedScore:
    """Log odds of a shape and of the squashed sum of the numbers.

    Attributes
    ----------
    shapes
        Codes in rising order; others score 0.
    odds
        For each shape and bin of the squashed sum, shape (number of shapes, bins).
    middle, spread
        Of the sum: median and standard deviation.
    features
        What explanations are made of.
    """

    shapes: Codes
    odds: Floats
    middle: float
    spread: float
    features: tuple[Feature, ...]

    def __call__(self, outputs: NDArray[Any]) -> Floats:
        """Scores of outputs, shape (N,)."""
        found = shape_codes(outputs)
        places = np.minimum(np.searchsorted(self.shapes, found), len(self.shapes) - 1)
        bins = _bins(values(outputs, [_NUMBER])[:, 0], self.middle, self.spread)
        return np.where(self.shapes[places] == found, self.odds[places, bins], 0.0)


def _bins(number: Floats, middle: float, spread: float) -> NDArray[np.int64]:
    """The bins of the squashed number."""
    squashed = np.tanh((number - middle) / spread)
    return np.clip((squashed + 1.0) * (_BINS / 2), 0, _BINS - 1).astype(np.int64)


def learn_mixed(
    outputs: NDArray[Any], labels: Bools, features: Sequence[Feature]
) -> MixedScore | None:
    """The score, or None if outputs do not come in a few shapes, each of them often.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.random(4000) < 0.5
    >>> symbols = np.where(rng.random(4000) < 0.5, np.inf, 0.5)
    >>> outputs = np.column_stack([symbols, rng.normal(labels)])
    >>> score = learn_mixed(outputs, labels, [])
    >>> bool(score(np.array([[np.inf, 2.0]]))[0] > 0.5)
    True
    """
    found = shape_codes(outputs)
    shapes, firsts, places, counts = np.unique(
        found, return_index=True, return_inverse=True, return_counts=True
    )
    if not _SHAPES[0] <= len(shapes) <= _SHAPES[1] or len(outputs) < _DRAWS * len(shapes):
        return None
    number = values(outputs, [_NUMBER])[:, 0]
    middle, spread = float(np.median(number)), float(number.std())
    if not 0.0 < spread < np.inf:
        return None
    told = tuple(feature for feature in features if feature.kind in ("count", "length"))
    columns = places * _BINS + _bins(number, middle, spread)
    size = len(shapes) * _BINS
    drawn = np.bincount(columns, minlength=size).reshape(len(shapes), _BINS)
    ours = np.bincount(columns[labels], minlength=size).reshape(len(shapes), _BINS)
    where = _places_of_shapes(outputs[firsts], told, counts)
    odds = _odds(ours.astype(np.float64), drawn.astype(np.float64), where)
    odds[counts < _DRAWS] = 0.0
    return MixedScore(shapes, odds, middle, spread, (_NUMBER, *told))


def _places_of_shapes(
    examples: NDArray[Any], told: tuple[Feature, ...], counts: NDArray[np.int64]
) -> Floats:
    """Where shapes lie on the curve, in standard deviations from the mean of the draws: by the
    feature that has the most different values, if any has two."""
    if not told:
        return np.zeros(len(examples))
    columns = values(examples, told)
    column = columns[:, np.argmax([len(np.unique(column)) for column in columns.T])]
    column = column - np.average(column, weights=counts)
    spread = math.sqrt(float(np.average(column**2, weights=counts)))
    return np.asarray(column / spread if spread > 0.0 else np.zeros(len(column)))


def _odds(ours: Floats, drawn: Floats, places: Floats) -> Floats:
    """Log odds of `ours` among `drawn`, all of shape (shapes, bins), by logistic regression with
    normal priors. Of the ridges the one that makes the labels most probable is taken (Laplace's
    approximation of the evidence)."""
    numbers = (np.arange(_BINS) + 0.5) / (_BINS / 2) - 1.0
    shares = np.cumsum(drawn.sum(axis=0)) / drawn.sum()
    knots = np.searchsorted(shares, np.arange(1, _KNOTS + 1) / (_KNOTS + 1))
    changes = np.maximum(numbers[:, None] - numbers[knots], 0.0)
    basis = np.column_stack([np.ones(_BINS), numbers, changes])
    powers = np.stack([places**degree for degree in range(_DEGREE + 1)], axis=1)
    # (shapes, columns of the basis, parameters): which parameters make up the odds of a shape.
    size = (len(places), basis.shape[1], -1)
    common = np.einsum("sd,ij->sijd", powers, np.eye(basis.shape[1])).reshape(size)
    own = np.einsum("st,ij->sitj", np.eye(len(places)), np.eye(basis.shape[1])[:, :2])
    made = np.concatenate([common, own.reshape(size)], axis=2)
    counts = [2 * powers.shape[1], _KNOTS * powers.shape[1], 2 * len(places)]
    best = (-math.inf, np.zeros_like(ours))
    for ridge in _OWN_RIDGES:
        ridges = np.repeat([_LINE_RIDGE, _KNOT_RIDGE, ridge], counts)
        best = max(best, _fitted(ours, drawn, basis, made, ridges), key=lambda one: one[0])
    return best[1]


def _fitted(
    ours: Floats, drawn: Floats, basis: Floats, made: Floats, ridges: Floats
) -> tuple[float, Floats]:
    """Logarithm of the evidence, but for a constant, and the log odds, shape (shapes, bins)."""
    parameters = np.zeros(len(ridges))
    for _ in range(_NEWTON):
        odds = (made @ parameters) @ basis.T
        rates = expit(odds)
        spread = drawn * rates * (1.0 - rates)
        gradient = np.einsum("sb,bi,sip->p", ours - drawn * rates, basis, made, optimize=True)
        curvature = np.einsum("sb,bi,bj->sij", spread, basis, basis, optimize=True)
        hessian = np.einsum("sip,sij,sjq->pq", made, curvature, made, optimize=True)
        hessian[np.diag_indices_from(hessian)] += ridges
        step = np.linalg.solve(hessian, gradient - ridges * parameters)
        # Damped, so that outputs that tell all end in large odds and not in NaN.
        parameters = parameters + step / max(1.0, float(np.abs(step).max()) / _STEP)
    odds = (made @ parameters) @ basis.T
    likelihood = float((ours * odds - drawn * np.logaddexp(0.0, odds)).sum())
    prior = 0.5 * float(np.log(ridges).sum() - (ridges * parameters**2).sum())
    return likelihood + prior - 0.5 * float(np.linalg.slogdet(hessian)[1]), odds
