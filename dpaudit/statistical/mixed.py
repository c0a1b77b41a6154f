"""A score for outputs that mix symbols with numbers, such as those of sparse vector techniques:
which coordinates are numbers may tell as much as the numbers do, and both together tell more.

Outputs of one shape (`features.shape_codes`) get a straight line each, and all lines are drawn
towards a curve in what tells most shapes apart, such as the number of infinities. These are few
parameters, so that leaks of a few percent can be learned from some ten thousand draws, where trees
fit noise.
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

#: What the lines are in, and what tells the shapes apart in explanations.
_NUMBER = Feature("sum")

#: Fewest draws of a shape, and fewest and most shapes.
_DRAWS = 500
_SHAPES = (2, 64)

#: Degree of the curves; inverse variances of the normal priors of their coefficients, and, to
#: choose from, of how far the line of a shape is from them.
_DEGREE = 3
_CURVE_RIDGE = 10.0
_LINE_RIDGES = (30.0, 170.0, 1000.0)

#: Bins of the squashed sum, from -1 to 1: the likelihood is computed by counts.
_BINS = 128

#: Steps of Newton's method, and the longest.
_NEWTON = 12
_STEP = 4.0


@dataclass(frozen=True, eq=False)
class MixedScore:
    """Log odds, linear within each shape in the squashed sum of the numbers.

    Attributes
    ----------
    shapes
        Codes in rising order; others score 0.
    lines
        Intercept and slope of each, shape (number of shapes, 2).
    middle, spread
        Of the sum: median and standard deviation.
    features
        What explanations are made of.
    """

    shapes: Codes
    lines: Floats
    middle: float
    spread: float
    features: tuple[Feature, ...]

    def __call__(self, outputs: NDArray[Any]) -> Floats:
        """Scores of outputs, shape (N,)."""
        found = shape_codes(outputs)
        places = np.minimum(np.searchsorted(self.shapes, found), len(self.shapes) - 1)
        lines = self.lines[places]
        scores = lines[:, 0] + lines[:, 1] * _squashed(
            values(outputs, [_NUMBER])[:, 0], self.middle, self.spread
        )
        return np.where(self.shapes[places] == found, scores, 0.0)


def _squashed(number: Floats, middle: float, spread: float) -> Floats:
    return np.tanh((number - middle) / spread)


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
    columns = places * _BINS + _bins(_squashed(number, middle, spread))
    size = len(shapes) * _BINS
    drawn = np.bincount(columns, minlength=size).reshape(len(shapes), _BINS)
    ours = np.bincount(columns[labels], minlength=size).reshape(len(shapes), _BINS)
    places_of_shapes = _places_of_shapes(outputs[firsts], told, counts)
    lines = _lines(ours.astype(np.float64), drawn.astype(np.float64), places_of_shapes)
    lines[counts < _DRAWS] = 0.0
    return MixedScore(shapes, lines, middle, spread, (_NUMBER, *told))


def _bins(squashed: Floats) -> NDArray[np.int64]:
    return np.clip((squashed + 1.0) * (_BINS / 2), 0, _BINS - 1).astype(np.int64)


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


def _lines(ours: Floats, drawn: Floats, places: Floats) -> Floats:
    """Intercepts and slopes of the log odds of `ours` among `drawn`, both of shape (shapes, bins),
    by logistic regression with normal priors. Of the ridges the one that makes the labels most
    probable is taken (Laplace's approximation of the evidence)."""
    numbers = (np.arange(_BINS) + 0.5) / (_BINS / 2) - 1.0
    line = np.stack([np.ones(_BINS), numbers], axis=1)
    powers = np.stack([places**degree for degree in range(_DEGREE + 1)], axis=1)
    # (shapes, 2, parameters): which parameters make up the line of a shape.
    curve = np.einsum("sd,ij->sidj", powers, np.eye(2)).reshape(len(places), 2, -1)
    own = np.einsum("st,ij->sitj", np.eye(len(places)), np.eye(2)).reshape(len(places), 2, -1)
    made = np.concatenate([curve, own], axis=2)
    best = (-math.inf, np.zeros((len(places), 2)))
    for ridge in _LINE_RIDGES:
        ridges = np.repeat([_CURVE_RIDGE, ridge], [curve.shape[2], own.shape[2]])
        best = max(best, _fitted(ours, drawn, line, made, ridges), key=lambda one: one[0])
    return best[1]


def _fitted(
    ours: Floats, drawn: Floats, line: Floats, made: Floats, ridges: Floats
) -> tuple[float, Floats]:
    """Logarithm of the evidence, but for a constant, and the lines, shape (shapes, 2)."""
    parameters = np.zeros(len(ridges))
    for _ in range(_NEWTON):
        odds = (made @ parameters) @ line.T
        rates = expit(odds)
        gradient = np.einsum("sb,bi,sip->p", ours - drawn * rates, line, made)
        curvature = np.einsum("sb,bi,bj->sij", drawn * rates * (1.0 - rates), line, line)
        hessian = np.einsum("sip,sij,sjq->pq", made, curvature, made, optimize=True)
        hessian[np.diag_indices_from(hessian)] += ridges
        step = np.linalg.solve(hessian, gradient - ridges * parameters)
        # Damped, so that outputs that tell all end in large odds and not in NaN.
        parameters = parameters + step / max(1.0, float(np.abs(step).max()) / _STEP)
    lines = made @ parameters
    odds = lines @ line.T
    likelihood = float((ours * odds - drawn * np.logaddexp(0.0, odds)).sum())
    prior = 0.5 * float(np.log(ridges).sum() - (ridges * parameters**2).sum())
    return likelihood + prior - 0.5 * float(np.linalg.slogdet(hessian)[1]), lines
