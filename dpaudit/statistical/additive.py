"""A score for vectors of symbols, such as answers above or below a threshold: every coordinate adds
what its symbol says.

There may be too many different vectors for a table, of which most come up a few times only; one
parameter for each symbol of a coordinate can be learned from some ten thousand draws, where trees
fit noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .features import Feature, is_numeric

__all__ = ["AdditiveScore", "learn_additive"]

Floats = NDArray[np.float64]

#: Most coordinates, and most different symbols of one.
_COORDINATES = 64
_SYMBOLS = 8

#: Fewest draws, and the inverse variance of the normal prior of a symbol's log odds.
_DRAWS = 2_000
_RIDGE = 30.0

#: Stands for NaN, which is no number equal to itself.
_MISSING = 1e300


@dataclass(frozen=True, eq=False)
class AdditiveScore:
    """Log odds that are a sum over coordinates.

    Attributes
    ----------
    symbols
        Of each coordinate, in rising order; others add nothing.
    odds
        What each of them adds.
    intercept
        What every output has.
    features
        What explanations are made of.
    """

    symbols: tuple[Floats, ...]
    odds: tuple[Floats, ...]
    intercept: float
    features: tuple[Feature, ...]

    def __call__(self, outputs: NDArray[Any]) -> Floats:
        """Scores of outputs, shape (N,)."""
        found = np.full(len(outputs), self.intercept)
        if not _are_vectors(outputs) or outputs.shape[1] != len(self.symbols):
            return found
        for column, symbols, odds in zip(_plain(outputs).T, self.symbols, self.odds, strict=True):
            places = np.minimum(np.searchsorted(symbols, column), len(symbols) - 1)
            found += np.where(symbols[places] == column, odds[places], 0.0)
        return found


def _are_vectors(outputs: NDArray[Any]) -> bool:
    return is_numeric(outputs) and outputs.ndim == 2


def _plain(outputs: NDArray[Any]) -> Floats:
    """Outputs as numbers, with a number in the place of NaN."""
    columns = outputs.astype(np.float64)
    return np.where(np.isnan(columns), _MISSING, columns)


def learn_additive(
    outputs: NDArray[Any], firsts: Floats, seconds: Floats, features: Sequence[Feature]
) -> AdditiveScore | None:
    """The score, or None if outputs are no vectors of few symbols.

    Parameters
    ----------
    outputs
        Shape (N, coordinates); a coordinate with one symbol only says nothing.
    firsts, seconds
        How often each came up under the two inputs, shape (N,).
    features
        What explanations are made of.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.random(4000) < 0.5
    >>> outputs = (rng.random((4000, 9)) < np.where(labels, 0.6, 0.4)[:, None]).astype(int)
    >>> score = learn_additive(outputs, 1.0 * labels, 1.0 * ~labels, [])
    >>> bool(score(np.ones((1, 9), dtype=int))[0] > 2.0)
    True
    """
    from sklearn.linear_model import LogisticRegression

    drawn = float(firsts.sum() + seconds.sum())
    if not _are_vectors(outputs) or not 1 < outputs.shape[1] <= _COORDINATES or drawn < _DRAWS:
        return None
    columns = _plain(outputs)
    # A look at some tells whether there are many.
    if any(len(np.unique(column[:_DRAWS])) > _SYMBOLS for column in columns.T):
        return None
    symbols = [np.unique(column) for column in columns.T]
    if max(map(len, symbols)) > _SYMBOLS or max(map(len, symbols)) < 2:
        return None
    told = np.concatenate(
        [column[:, None] == found for column, found in zip(columns.T, symbols, strict=True)], axis=1
    ).astype(np.float64)
    model = LogisticRegression(C=1.0 / _RIDGE, solver="newton-cholesky")
    labels = np.repeat([True, False], len(outputs))
    counts = np.concatenate([firsts, seconds])
    seen = counts > 0.0
    model.fit(np.concatenate([told, told])[seen], labels[seen], sample_weight=counts[seen])
    ends = np.cumsum([len(found) for found in symbols])[:-1]
    odds = np.split(model.coef_[0], ends)
    used = tuple(feature for feature in features if feature.kind in ("value", "count", "sum"))
    return AdditiveScore(tuple(symbols), tuple(odds), float(model.intercept_[0]), used)
