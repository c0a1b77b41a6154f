"""Scores of outputs, learned from labelled draws: the higher, the more an output looks like one of
the first input.

Each kind is learned by a function and is a frozen dataclass that maps outputs to numbers. A score
makes no promise; what it is worth is tested on other draws (`attackers`, `guesses`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .derived import Derived, symbols
from .drawing.structures import exact
from .features import Feature, as_objects, codes, is_numeric, shape_codes, values
from .leaves import parts_of

__all__ = [
    "BoostedScore",
    "FeatureScore",
    "Score",
    "Signed",
    "SymbolScore",
    "TableScore",
    "TreeScore",
    "learn_boosted",
    "learn_table",
    "learn_tree",
    "most_telling",
    "single_features",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.uint64]

#: Leaves of a tree, and the fewest draws in one.
_LEAVES = 24
_LEAST_LEAF = 20

#: Most draws that a tree or boosted trees learn from, so that learning costs less than sampling.
_TREE_DRAWS = 12_000
_BOOSTED_DRAWS = 100_000


#: Boosted trees: how many, how much each counts, the share of the draws in a leaf at least, and how
#: many features they look at.
_ROUNDS = 30
_RATE = 0.1
_LEAF_SHARE = 200
_TELLING = 10
_BINS = 16
_TOLD = 20_000


class Score(Protocol):
    """Maps outputs to numbers, one each; NaN says nothing."""

    def __call__(self, outputs: NDArray[Any]) -> Floats:
        """Scores of outputs, shape (N,)."""
        ...


@dataclass(frozen=True, eq=False)
class FeatureScore:
    """A single feature, as it is."""

    feature: Feature | Derived

    def __call__(self, outputs: NDArray[Any]) -> Floats:
        """Scores of outputs, shape (N,)."""
        return values(outputs, [self.feature])[:, 0]


@dataclass(frozen=True, eq=False)
class Signed:
    """A score or its negative."""

    score: FeatureScore
    sign: float

    def __call__(self, outputs: NDArray[Any]) -> Floats:
        """Scores of outputs, shape (N,)."""
        return self.sign * self.score(outputs)


@dataclass(frozen=True, eq=False)
class TableScore:
    """The smoothed logarithm of the ratio of counts, for each code that came up in learning.

    Attributes
    ----------
    keys, logs
        Codes in rising order and their scores; `other` for all else.
    shapes
        Whether the codes are those of the shapes of outputs.
    examples
        An output for each key, to explain the table.
    vocabulary
        Numbers of the outputs that are objects.
    """

    keys: Codes
    logs: Floats
    other: float
    shapes: bool
    examples: NDArray[Any]
    vocabulary: dict[object, int] = field(repr=False)

    def __call__(self, outputs: NDArray[Any]) -> Floats:
        """Scores of outputs, shape (N,)."""
        if not self.shapes and not self._alike(outputs):
            # What an output is must not depend on those that were drawn with it.
            known = dict(zip(as_objects(self.examples), self.logs, strict=True))
            return np.array([known.get(output, self.other) for output in as_objects(outputs)])
        found = shape_codes(outputs) if self.shapes else codes(outputs, self.vocabulary)
        return _look_up(found, self.keys, self.logs, self.other)

    def _alike(self, outputs: NDArray[Any]) -> bool:
        """Whether outputs are stored as those that were learned from, and so have their codes."""
        kinds = [array.dtype.kind.replace("b", "i") for array in (outputs, self.examples)]
        return kinds[0] == kinds[1] and outputs.shape[1:] == self.examples.shape[1:]


@dataclass(frozen=True, eq=False)
class SymbolScore:
    """The smoothed logarithm of the ratio of counts, for each symbol of one leaf that came up in
    learning; `other` for all else."""

    feature: Derived
    logs: dict[Any, float]
    other: float

    def __call__(self, outputs: NDArray[Any]) -> Floats:
        """Scores of outputs, shape (N,)."""
        found = self.symbols(outputs)
        return np.array([self.logs.get(symbol, self.other) for symbol in found], dtype=np.float64)

    def symbols(self, outputs: NDArray[Any]) -> list[Any]:
        """The symbol of each output."""
        return symbols(parts_of(as_objects(outputs), self.feature.path), self.feature)


@dataclass(frozen=True, eq=False)
class TreeScore:
    """Smoothed log ratios in the leaves of a decision tree on features."""

    features: tuple[Feature | Derived, ...]
    tree: Any
    leaves: Codes
    logs: Floats

    def __call__(self, outputs: NDArray[Any]) -> Floats:
        """Scores of outputs, shape (N,)."""
        found = self.tree.apply(_finite(values(outputs, self.features))).astype(np.uint64)
        return _look_up(found, self.leaves, self.logs, 0.0)


@dataclass(frozen=True, eq=False)
class BoostedScore:
    """Log odds by boosted trees on features."""

    features: tuple[Feature | Derived, ...]
    model: Any

    def __call__(self, outputs: NDArray[Any]) -> Floats:
        """Scores of outputs, shape (N,)."""
        from threadpoolctl import threadpool_limits

        columns = _finite(values(outputs, self.features))
        with threadpool_limits(1, user_api="openmp"):  # as in learning
            return np.asarray(self.model.decision_function(columns), dtype=np.float64)


def _finite(columns: Floats) -> Floats:
    """Infinities as numbers beyond all others, because trees take none; NaN they do."""
    return np.clip(columns, -1e30, 1e30).astype(np.float32).astype(np.float64)


def _look_up(found: Codes, keys: Codes, logs: Floats, other: float) -> Floats:
    if not len(keys):
        return np.full(len(found), other)
    places = np.minimum(np.searchsorted(keys, found), len(keys) - 1)
    return np.where(keys[places] == found, logs[places], other)


def _log_ratios(first: Floats, second: Floats, smoothing: float) -> Floats:
    return np.log((first + smoothing) / (second + smoothing))


def single_features(
    outputs: NDArray[Any], features: Sequence[Feature]
) -> list[tuple[FeatureScore, Floats]]:
    """A score for every feature that is not constant, and its values."""
    columns = values(outputs, features)
    return [
        (FeatureScore(feature), column)
        for feature, column in zip(features, columns.T, strict=True)
        if not (np.isnan(column).all() or (column == column[0]).all())
    ]


def learn_table(
    outputs: NDArray[Any],
    firsts: Floats,
    seconds: Floats,
    smoothing: float,
    *,
    shapes: bool = False,
) -> TableScore | None:
    """Outputs that come back exactly (or their shapes), or None if hardly any does.

    `firsts` and `seconds` say how often each came up under the two inputs.

    Examples
    --------
    >>> score = learn_table(np.array([0, 1]), np.array([2.0, 1.0]), np.array([1.0, 2.0]), 0.5)
    >>> score(np.array([0, 1, 2])).round(2).tolist()
    [0.51, -0.51, 0.0]
    """
    vocabulary: dict[object, int] = {}
    if not is_numeric(outputs):
        for output in outputs:
            vocabulary.setdefault(exact(output), len(vocabulary) + 1)
    found = shape_codes(outputs) if shapes else codes(outputs, vocabulary)
    keys, places, inverse = np.unique(found, return_index=True, return_inverse=True)
    first: Floats = np.bincount(inverse, weights=firsts, minlength=len(keys)).astype(np.float64)
    second: Floats = np.bincount(inverse, weights=seconds, minlength=len(keys)).astype(np.float64)
    # Values that came once are no atoms as far as one can see.
    atoms = first + second > 1.0
    if not atoms.any():
        return None
    rare = ~atoms
    other = float(_log_ratios(first[rare].sum(), second[rare].sum(), max(smoothing, 1.0)))
    logs = _log_ratios(first, second, smoothing)
    return TableScore(keys[atoms], logs[atoms], other, shapes, outputs[places[atoms]], vocabulary)


def learn_tree(
    outputs: NDArray[Any], labels: Bools, features: Sequence[Feature], seed: int
) -> TreeScore | None:
    """A small decision tree on the features, or None if there is too little to learn from."""
    from sklearn.tree import DecisionTreeClassifier

    outputs, labels = outputs[:_TREE_DRAWS], labels[:_TREE_DRAWS]
    if len(labels) < 4 * _LEAST_LEAF or labels.all() or not labels.any():
        return None
    columns = _finite(values(outputs, features))
    telling = most_telling(columns, labels)
    features, columns = [features[i] for i in telling], columns[:, telling]
    tree = DecisionTreeClassifier(
        max_leaf_nodes=_LEAVES, min_samples_leaf=_LEAST_LEAF, random_state=seed
    )
    tree.fit(columns, labels)
    leaves, inverse, counts = np.unique(
        tree.apply(columns), return_inverse=True, return_counts=True
    )
    first: Floats = np.bincount(inverse, weights=labels, minlength=len(leaves)).astype(np.float64)
    logs = _log_ratios(first, counts.astype(np.float64) - first, 0.5)
    return TreeScore(tuple(features), tree, leaves.astype(np.uint64), logs)


def learn_boosted(
    outputs: NDArray[Any], labels: Bools, features: Sequence[Feature], seed: int
) -> BoostedScore | None:
    """Boosted trees on the features, or None if there is too little to learn from."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    outputs, labels = outputs[:_BOOSTED_DRAWS], labels[:_BOOSTED_DRAWS]
    if len(labels) < 500 or labels.all() or not labels.any():
        return None
    columns = _finite(values(outputs, features))
    telling = [i for i in most_telling(columns, labels) if _differs(columns[:, i])]
    if not telling:
        return None
    model = HistGradientBoostingClassifier(
        max_iter=_ROUNDS,
        max_leaf_nodes=8,
        learning_rate=_RATE,
        min_samples_leaf=max(_LEAST_LEAF, len(labels) // _LEAF_SHARE),
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    # One thread: the same trees everywhere, and no waiting for threads where cores are busy.
    with threadpool_limits(1):
        model.fit(columns[:, telling], labels)
    return BoostedScore(tuple(features[i] for i in telling), model)


def _differs(column: Floats) -> bool:
    """Whether there are two different numbers; scikit-learn cannot bin a single one beside NaN."""
    found = column[~np.isnan(column)]
    return len(found) > 0 and bool((found != found[0]).any())


def most_telling(columns: Floats, labels: Bools, count: int = _TELLING) -> list[int]:
    """Columns whose quantiles differ most between the labels, by a chi-squared statistic."""
    found = []
    columns, labels = columns[:_TOLD], labels[:_TOLD]
    base = labels.mean()
    for column in columns.T:
        if np.isnan(column).all():
            found.append(0.0)
            continue
        edges = np.unique(np.nanquantile(column, np.linspace(0.0, 1.0, _BINS + 1)[1:-1]))
        bins = np.searchsorted(edges, column)
        counts = np.bincount(bins)
        first = np.bincount(bins, weights=labels)
        excess = (first - base * counts) ** 2 / np.maximum(counts, 1)
        found.append(excess.sum() / max(np.count_nonzero(counts) - 1, 1))
    return sorted(np.argsort(found)[::-1][:count].tolist())
