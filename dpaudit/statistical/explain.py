"""What an attacker looks at, in words and as a picture.

Single features and tables say it themselves. Of trees and boosted trees a small decision tree tells
most: it is fitted to their guesses, and how often it agrees with them is said too.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .additive import AdditiveScore
from .attackers import Attacker
from .classifiers import ClassifierScore
from .derived import Derived
from .drawing.structures import plain as plain_value
from .features import Feature, values
from .leaves import shown_symbol
from .mixed import MixedScore
from .scores import BoostedScore, Score, Signed, SymbolScore, TableScore, TreeScore

__all__ = ["Picture", "explain", "picture"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Words, where outputs are positions in a vocabulary.
Names = Sequence[str] | None

#: Outputs of a table, and rules of a tree, that are named.
_NAMED = 6
_RULES = 3

#: Draws that the small tree is fitted to; draws and bins of a picture.
_FITTED = 20_000
_PLOTTED = 50_000
_BINS = 40


@dataclass(frozen=True)
class Picture:
    """How often values come up under the two inputs, and what the attacker says there.

    Attributes
    ----------
    axis
        What is on the horizontal axis, in words.
    edges
        Of the bins, one more than there are bins; empty where `outputs` are named instead.
    outputs
        Names of single outputs.
    first, second
        Shares of the draws on each input.
    says
        1, -1 or 0 for each bin: the first input, the second, nothing.
    """

    axis: str
    edges: tuple[float, ...]
    outputs: tuple[str, ...]
    first: tuple[float, ...]
    second: tuple[float, ...]
    says: tuple[int, ...]


def explain(attacker: Attacker, outputs: NDArray[Any], names: Names = None) -> dict[int, str]:
    """For 1 and -1 (the first input, the second): the outputs on which it is named, in words. A
    side that is never named is left out. `names` are those of outputs that are positions.

    Examples
    --------
    >>> from dpaudit.statistical.attackers import Attacker
    >>> from dpaudit.statistical.features import Feature
    >>> from dpaudit.statistical.scores import FeatureScore, Signed
    >>> score = Signed(FeatureScore(Feature("value", scalar=True)), -1.0)
    >>> explain(Attacker(score, -1.0, 0.5, 0.0, 0.0), np.zeros(1))
    {1: 'the output is at most -0.5', -1: 'the output is at least 1'}
    """
    sides: dict[int, str] = {}
    for side in (1, -1):
        cut = attacker.upper if side == 1 else attacker.lower
        if math.isinf(cut):
            continue
        score = attacker.score
        if isinstance(score, Signed) and names is not None:
            sides[side] = _words(attacker, side, names)
        elif isinstance(score, Signed):
            sides[side] = _threshold(score.score.feature, score.sign, side, cut)
        elif isinstance(score, ClassifierScore):
            word = "at least" if score.sign * side > 0 else "at most"
            name = type(score.model).__name__
            sides[side] = f"{name} gives the output log odds of {word} {_number(score.sign * cut)}"
        elif isinstance(score, SymbolScore):
            sides[side] = _symbols(score, attacker, side)
        elif isinstance(score, TableScore):
            sides[side] = _table(score, attacker, side, names)
        else:
            sides[side] = _rules(attacker, outputs, side)
    return sides


def _threshold(feature: Feature | Derived, sign: float, side: int, cut: float) -> str:
    negated = feature.negated if isinstance(feature, Derived) else None
    if negated is not None:
        return str(feature) if sign * side > 0 else negated
    word = "at least" if sign * side > 0 else "at most"
    return f"{feature} is {word} {_number(sign * cut)}"


def _words(attacker: Attacker, side: int, names: Sequence[str]) -> str:
    """Positions below or above a threshold say nothing to anybody: they are words."""
    places = np.flatnonzero(attacker.guess(np.arange(len(names))) == side)
    if not len(places):
        return "no word of the vocabulary comes up"
    return _listed("the output is", [_output(i, names) for i in places[:_NAMED]], len(places))


def _listed(what: str, examples: list[str], count: int) -> str:
    more = count - len(examples)
    listed = ", ".join(examples) + (f" and {more:,} more" if more > 0 else "")
    return f"{what} {'' if count == 1 else 'one of: '}{listed}"


def _number(value: float) -> str:
    return f"{value + 0.0:.6g}"


def _table(score: TableScore, attacker: Attacker, side: int, names: Names) -> str:
    chosen = score.logs >= attacker.upper if side == 1 else score.logs <= attacker.lower
    others = score.other >= attacker.upper if side == 1 else score.other <= attacker.lower
    order = np.argsort(-side * score.logs[chosen], kind="stable")
    examples = [_output(score.examples[chosen][i], names) for i in order[:_NAMED]]
    what = (
        "the output has zeros, infinities and missing values like"
        if score.shapes
        else ("the output is")
    )
    parts = []
    if examples:
        parts.append(_listed(what, examples, int(chosen.sum())))
    if others:
        parts.append("the output did not come up twice in learning")
    return ", or ".join(parts) or "an output comes up that learning did not see"


def _symbols(score: SymbolScore, attacker: Attacker, side: int) -> str:
    """The symbols of a leaf for which an input is named."""
    limit = attacker.upper if side == 1 else -attacker.lower
    logs = {symbol: side * log for symbol, log in score.logs.items() if side * log >= limit}
    order = sorted(logs, key=lambda symbol: -logs[symbol])
    parts = []
    if order:
        examples = [shown_symbol(symbol) for symbol in order[:_NAMED]]
        parts.append(_listed(f"{score.feature} is", examples, len(order)))
    if side * score.other >= limit:
        parts.append(f"{score.feature} is something that did not come up twice in learning")
    return ", or ".join(parts) or f"{score.feature} is something that learning did not see"


def _output(value: Any, names: Names) -> str:
    if names is not None:
        value = names[int(value)]
    plain = value.tolist() if isinstance(value, np.ndarray | np.generic) else plain_value(value)
    if isinstance(plain, list):
        plain = tuple(plain)
    text = f"“{plain}”" if isinstance(plain, str) else repr(plain)
    return text if len(text) <= 60 else text[:57] + "..."


def _rules(attacker: Attacker, outputs: NDArray[Any], side: int) -> str:
    from sklearn.tree import DecisionTreeClassifier

    assert isinstance(attacker.score, TreeScore | BoostedScore | MixedScore | AdditiveScore)
    features = attacker.score.features
    outputs = outputs[:_FITTED]
    said = attacker.guess(outputs) == side
    if not said.any() or said.all():
        return "anything comes out" if said.any() else "a rare output comes up"
    columns = np.nan_to_num(values(outputs, features), nan=-1e30, posinf=1e30, neginf=-1e30)
    tree = DecisionTreeClassifier(max_leaf_nodes=8, random_state=0).fit(columns, said)
    agreement = float((tree.predict(columns) == said).mean())
    paths = _paths(tree.tree_, features)
    rules = [rule for rule, _ in sorted(paths, key=lambda path: -path[1])[:_RULES]]
    if not rules:
        return f"a rule says so that is too long to show, mostly by {_most_used(tree, features)}"
    text = "; or ".join(rules)
    return f"{text} (in short: this agrees with it on {agreement:.1%} of the outputs)"


def _most_used(tree: Any, features: tuple[Feature | Derived, ...]) -> str:
    return str(features[int(np.argmax(tree.feature_importances_))])


def _paths(tree: Any, features: tuple[Feature | Derived, ...]) -> list[tuple[str, float]]:
    """(conjunction of thresholds, weight) of the leaves in which most draws are spoken for."""
    found: list[tuple[str, float]] = []

    def descend(node: int, bounds: dict[int, tuple[float, float]]) -> None:
        left, right = int(tree.children_left[node]), int(tree.children_right[node])
        if left == right:
            silent, spoken = tree.value[node][0]
            if spoken > silent:
                weight = float(spoken * tree.n_node_samples[node])
                found.append((_conjunction(bounds, features), weight))
            return
        feature, cut = int(tree.feature[node]), float(tree.threshold[node])
        low, high = bounds.get(feature, (-math.inf, math.inf))
        descend(left, {**bounds, feature: (low, min(high, cut))})
        descend(right, {**bounds, feature: (max(low, cut), high)})

    descend(0, {})
    return found


def _conjunction(
    bounds: dict[int, tuple[float, float]], features: tuple[Feature | Derived, ...]
) -> str:
    parts = []
    for index, (low, high) in bounds.items():
        feature = features[index]
        name = str(feature)
        negated = feature.negated if isinstance(feature, Derived) else None
        if negated is not None:
            parts.append(negated if math.isinf(low) else name)
        elif math.isinf(low):
            parts.append(f"{name} is at most {_number(high)}")
        elif math.isinf(high):
            parts.append(f"{name} is above {_number(low)}")
        else:
            parts.append(f"{name} is above {_number(low)} and at most {_number(high)}")
    return " and ".join(parts)


def picture(
    attacker: Attacker, outputs: NDArray[Any], labels: Bools, names: Names = None
) -> Picture:
    """The score's view of learning draws, to plot; outputs as in `features`."""
    outputs, labels = outputs[:_PLOTTED], labels[:_PLOTTED]
    guesses = attacker.guess(outputs)
    score = attacker.score
    if isinstance(score, TableScore) or names is not None:
        return _table_picture(score, outputs, labels, guesses, names)
    if isinstance(score, SymbolScore):
        return _symbol_picture(score, outputs, labels, guesses)
    if isinstance(score, Signed):
        seen = values(outputs, [score.score.feature])[:, 0]
        axis = str(score.score.feature)
    else:
        seen, axis = score(outputs), "what the attacker makes of the output (log odds)"
    usable = np.isfinite(seen)
    if not usable.any():
        return Picture(axis, (), (), (), (), ())
    low, high = np.quantile(seen[usable], [0.002, 0.998])
    edges = np.linspace(low, high if high > low else low + 1.0, _BINS + 1)
    places = np.clip(np.searchsorted(edges, seen[usable], side="right") - 1, 0, _BINS - 1)
    return Picture(
        axis,
        tuple(edges.tolist()),
        (),
        *_shares(places, _BINS, labels[usable], labels),
        _says(places, _BINS, guesses[usable]),
    )


def _symbol_picture(
    score: SymbolScore, outputs: NDArray[Any], labels: Bools, guesses: NDArray[np.int8]
) -> Picture:
    """The symbols of the leaf in the place of whole outputs."""
    shown = [shown_symbol(symbol) for symbol in score.symbols(outputs)]
    found = _bars(score(outputs), shown.__getitem__, labels, guesses)
    return replace(found, axis=str(score.feature))


def _table_picture(
    score: Score,
    outputs: NDArray[Any],
    labels: Bools,
    guesses: NDArray[np.int8],
    names: Names,
) -> Picture:
    def name(place: int) -> str:
        return _output(outputs[place], names)

    return _bars(score(outputs), name, labels, guesses)


def _bars(
    found: Floats, name: Callable[[int], str], labels: Bools, guesses: NDArray[np.int8]
) -> Picture:
    """A bar for each of the most frequent scores; `name` of the output at a place."""
    # Outputs of one score are drawn as one bar, named by an example.
    scores, places, counts = np.unique(found, return_inverse=True, return_counts=True)
    kept = np.sort(np.argsort(-counts, kind="stable")[: _BINS // 2])
    where = np.full(len(scores), -1)
    where[kept] = np.arange(len(kept))
    bars, inside = where[places], where[places] >= 0
    bar_names = [name(int(np.flatnonzero(bars == bar)[0])) for bar in range(len(kept))]
    return Picture(
        "the output",
        (),
        tuple(bar_names),
        *_shares(bars[inside], len(kept), labels[inside], labels),
        _says(bars[inside], len(kept), guesses[inside]),
    )


def _shares(
    places: NDArray[np.int64], bins: int, labels: Bools, everybody: Bools
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    first = np.bincount(places[labels], minlength=bins) / max(int(everybody.sum()), 1)
    second = np.bincount(places[~labels], minlength=bins) / max(int((~everybody).sum()), 1)
    return tuple(first.tolist()), tuple(second.tolist())


def _says(places: NDArray[np.int64], bins: int, guesses: NDArray[np.int8]) -> tuple[int, ...]:
    """What is said in most cases."""
    total = np.bincount(places, weights=guesses, minlength=bins)
    count = np.maximum(np.bincount(places, minlength=bins), 1)
    mean = total / count
    signs: list[Literal[-1, 0, 1]] = [1 if m > 0.5 else -1 if m < -0.5 else 0 for m in mean]
    return tuple(signs)
