"""A score for outputs that mix symbols with numbers, such as those of sparse vector techniques:
which coordinates are numbers may tell as much as the numbers do, and both together tell more.

Outputs of one shape (`features.shape_codes`) get a straight line each: two parameters, so that
leaks of a few percent can be learned from some thousand draws, where trees fit noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .features import Feature, shape_codes, values

__all__ = ["MixedScore", "learn_mixed"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.uint64]

#: What the lines are in, and what tells the shapes apart in explanations.
_NUMBER = Feature("sum")

#: Fewest draws of a shape, fewest and most shapes, and the ridge that draws parameters to 0 (the
#: inverse variance of a normal prior).
_DRAWS = 500
_SHAPES = (2, 64)
_RIDGE = 30.0


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
        scores = lines[:, 0] + lines[:, 1] * _squashed(outputs, self.middle, self.spread)
        return np.where(self.shapes[places] == found, scores, 0.0)


def _squashed(outputs: NDArray[Any], middle: float, spread: float) -> Floats:
    return np.tanh((values(outputs, [_NUMBER])[:, 0] - middle) / spread)


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
    from sklearn.linear_model import LogisticRegression

    found = shape_codes(outputs)
    shapes, places, counts = np.unique(found, return_inverse=True, return_counts=True)
    if not _SHAPES[0] <= len(shapes) <= _SHAPES[1] or len(outputs) < _DRAWS * len(shapes):
        return None
    number = values(outputs, [_NUMBER])[:, 0]
    middle, spread = float(np.median(number)), float(number.std())
    if not 0.0 < spread < np.inf:
        return None
    columns = np.column_stack([np.ones(len(number)), _squashed(outputs, middle, spread)])
    lines = np.zeros((len(shapes), 2))
    for shape in np.flatnonzero(counts >= _DRAWS):
        inside = places == shape
        if labels[inside].any() and not labels[inside].all():
            model = LogisticRegression(
                C=1.0 / _RIDGE, fit_intercept=False, solver="newton-cholesky"
            )
            lines[shape] = model.fit(columns[inside], labels[inside]).coef_[0]
    told = tuple(feature for feature in features if feature.kind == "count")
    return MixedScore(shapes, lines, middle, spread, (_NUMBER, *told))
