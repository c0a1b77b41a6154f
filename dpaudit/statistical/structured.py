"""What is worth looking at in outputs that are no plain numbers or vectors, and attackers by it.

Every leaf (`leaves`) is looked at by itself: its numbers by thresholds, its symbols by a table,
whether or not whole outputs ever come back. Trees look at all leaves together. All of this is
learned from one matrix that is computed once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .attackers import Attacker, Goal
from .cuts import cut_attackers, in_order
from .derived import Derived, column, symbols
from .features import Feature, values
from .leaves import MISSING, Path, parts_of, paths_of
from .scores import (
    BoostedScore,
    FeatureScore,
    Signed,
    SymbolScore,
    TreeScore,
    learn_boosted,
    learn_table,
    learn_tree,
    most_telling,
)

__all__ = ["derived_features", "structured_attackers"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Draws that are learned from, and those by which it is decided what is looked at.
_LEARNED = 40_000
_LOOK = 4_000

#: Characters, words and numbers of a text that are looked at from the start, and from the end.
_CHARACTERS = (8, 8)
_WORDS = (10, 3)
_INSIDE = 6

#: Substrings: their longest length, how many are looked at, in how many texts, of what length.
_LONGEST = 5
_SUBSTRINGS = 12
_TEXTS = 2_000
_TEXT_LENGTH = 400

#: Symbols of a leaf for which trees look; tables, single features, and what luck adds to a count.
_NAMED = 3
_TABLES = 12
_SINGLES = 24
_SMOOTHING = 2.0

#: Numbers that are whole and further apart are looked at by their last digits too.
_WIDE = 256
_MODULI = (2, 10)
_FLOAT_DIGITS = 2**53


@dataclass(frozen=True, eq=False)
class _Columns:
    """Features that are numbers, with their values, shape (N, k), and those that are symbols."""

    numbers: tuple[Feature | Derived, ...]
    matrix: Floats
    symbols: tuple[tuple[Derived, list[Any]], ...]


def structured_attackers(
    outputs: NDArray[Any],
    labels: Bools,
    features: Sequence[Feature],
    goal: Goal,
    seed: int,
    thorough: bool,
) -> list[Attacker]:
    """Attackers by the leaves of canonical outputs, shape (N,).

    Parameters
    ----------
    outputs, labels
        Learning draws; True marks the first input.
    features
        Of whole outputs, which trees look at as well.
    goal
        The test that is to come.
    seed
        For the ties of the trees.
    thorough
        Whether to fit boosted trees.
    """
    outputs, labels = outputs[:_LEARNED], labels[:_LEARNED]
    columns = _columns(outputs, labels, features, goal.bits)
    firsts = labels.astype(np.float64)
    rounds = float(len(labels))
    found: list[Attacker] = []
    if len(columns.numbers):
        for place in most_telling(_finite(columns.matrix), labels, _SINGLES):
            score = FeatureScore(columns.numbers[place])
            ordered = in_order(columns.matrix[:, place], firsts, 1.0 - firsts)
            found += cut_attackers(Signed(score, 1.0), ordered, rounds, goal)
            found += cut_attackers(Signed(score, -1.0), ordered.reversed(), rounds, goal)
    for feature, column_of in columns.symbols:
        found += _by_symbols(feature, column_of, labels, goal)
    if len(columns.numbers) > 1:
        learners = (learn_tree, learn_boosted) if thorough else (learn_tree,)
        for learn in learners:
            found += _by_trees(partial(learn, seed=seed), columns, labels, goal)
    return found


def _finite(matrix: Floats) -> Floats:
    return np.clip(matrix, -1e30, 1e30)


def _columns(
    outputs: NDArray[Any], labels: Bools, features: Sequence[Feature], bits: bool
) -> _Columns:
    """What is looked at in these outputs, without what is the same in all of them."""
    numbers: list[Feature | Derived] = list(features)
    matrix = [values(outputs, features)]
    tables: list[tuple[Derived, list[Any]]] = []
    gains: list[float] = []
    for path in paths_of(outputs[:_LOOK]):
        parts = parts_of(outputs, path)
        for feature in derived_features(path, parts[:_LOOK], bits=bits):
            if feature.kind in _SYMBOLIC:
                found = symbols(parts, feature)
                gain, telling = _telling_symbols(found, labels)
                if gain > 0.0:
                    tables.append((feature, found))
                    gains.append(gain)
                numbers += [Derived(path, "is", (feature, symbol)) for symbol in telling]
                matrix += [_equal(found, symbol) for symbol in telling]
            else:
                numbers.append(feature)
                matrix.append(column(parts, feature)[:, None])
        for text in _telling_substrings(parts[:_TEXTS], labels[:_TEXTS]):
            numbers.append(Derived(path, "contains", text))
            matrix.append(column(parts, numbers[-1])[:, None])  # type: ignore[arg-type]
    whole = np.concatenate(matrix, axis=1)
    differ = [not (c == c[0]).all() and not np.isnan(c).all() for c in whole.T]
    kept = np.flatnonzero(differ)
    best = np.argsort(gains)[::-1][:_TABLES]
    return _Columns(
        tuple(numbers[i] for i in kept), whole[:, kept], tuple(tables[i] for i in sorted(best))
    )


#: Kinds of `Derived` that are symbols.
_SYMBOLIC = frozenset({"symbol", "type", "character", "word", "token", "case"})


def derived_features(path: Path, parts: Sequence[Any], *, bits: bool = False) -> list[Derived]:
    """What to look at in a leaf, by examples of it; `bits` adds the last bits of floats.

    >>> [str(one) for one in derived_features((), [True, False])]
    ['output', 'output']
    """
    if path and path[-1][0] == "member":
        return [Derived(path, "number")]
    there = [part for part in parts if part is not MISSING]
    kinds = set(map(type, there))
    found = [Derived(path, "there")] if len(there) < len(parts) else []
    found.append(Derived(path, "symbol"))
    if len(kinds) > 1:
        found.append(Derived(path, "type"))
    if kinds & {str, bytes}:
        found += _of_texts(path, [part for part in there if isinstance(part, str | bytes)])
    numbers = [part for part in there if not isinstance(part, str | bytes | type(None))]
    if bits and float in kinds:
        found.append(Derived(path, "lowest bit"))
    return found + (_of_numbers(path, numbers) if numbers else [])


def _of_numbers(path: Path, numbers: list[Any]) -> list[Derived]:
    found = [Derived(path, "number")]
    whole = [one for one in numbers if isinstance(one, int)]
    names = {type(one).__name__ for one in numbers}
    if names & {"Decimal", "Fraction"} or any(abs(one) > _FLOAT_DIGITS for one in whole):
        exact = sorted(Fraction(one) for one in numbers if _is_exact(one))
        if exact:
            found.append(Derived(path, "offset", exact[len(exact) // 2]))
    if "Fraction" in names:
        found.append(Derived(path, "denominator"))
    if "Decimal" in names:
        found.append(Derived(path, "decimals"))
    wide = bool(whole) and max(whole) - min(whole) > _WIDE
    if wide or names & {"Decimal", "Fraction"}:
        found += [Derived(path, "remainder", modulus) for modulus in _MODULI]
    return found


def _is_exact(number: Any) -> bool:
    kind = type(number).__name__
    return kind in ("int", "bool", "Fraction") or (kind == "Decimal" and number.is_finite())


def _of_texts(path: Path, texts: list[Any]) -> list[Derived]:
    longest = max(map(len, texts))
    found = [Derived(path, "length")]
    found += [Derived(path, "character", at) for at in range(min(longest, _CHARACTERS[0]))]
    found += [Derived(path, "character", -1 - at) for at in range(min(longest, _CHARACTERS[1]))]
    if any(isinstance(text, str) for text in texts):
        found += [Derived(path, "case"), Derived(path, "capitals")]
        found += [Derived(path, "number inside", at) for at in range(_INSIDE)]
    words = max(len(text.split()) for text in texts[:_TEXTS])
    for kind in ("word", "token"):
        found += [Derived(path, kind, at) for at in range(min(max(words, 2), _WORDS[0]))]
        found += [Derived(path, kind, -1 - at) for at in range(min(words, _WORDS[1]))]
    return found


def _telling_symbols(found: list[Any], labels: Bools) -> tuple[float, list[Any]]:
    """How much a table of the symbols tells, as a chi-squared statistic, and which tell most."""
    numbers: dict[Any, int] = {}
    codes = np.array([numbers.setdefault(symbol, len(numbers)) for symbol in found])
    if len(numbers) < 2:
        return 0.0, []
    counts = np.bincount(codes)
    excess = np.bincount(codes, weights=labels) - labels.mean() * counts
    # What came up once or twice cannot be told from luck.
    squares = np.where(counts > 2, excess**2 / counts, 0.0)
    names = list(numbers)
    telling = [names[i] for i in np.argsort(-squares, kind="stable")[:_NAMED] if squares[i] > 0.0]
    return float(squares.sum() / max(np.count_nonzero(counts > 2), 1)), telling


def _equal(found: list[Any], symbol: Any) -> Floats:
    return np.array([one == symbol for one in found], dtype=np.float64)[:, None]


def _telling_substrings(parts: list[Any], labels: Bools) -> list[Any]:
    """Substrings whose presence differs most between the labels, in texts or bytes."""
    from sklearn.feature_extraction.text import CountVectorizer

    kind = next((type(part) for part in parts if type(part) in (str, bytes)), None)
    if kind is None:
        return []
    texts = [part if type(part) is kind else kind() for part in parts]
    # Bytes as characters one to one.
    plain = [text.decode("latin-1") if kind is bytes else text for text in texts]
    plain = [text[:_TEXT_LENGTH] for text in plain]
    vectoriser = CountVectorizer(
        analyzer=_substrings, binary=True, lowercase=False, max_features=5_000, min_df=5
    )
    try:
        seen = vectoriser.fit_transform(plain)
    except ValueError:  # nothing comes up five times
        return []
    counts = np.asarray(seen.sum(axis=0)).ravel()
    firsts = np.asarray(seen[np.flatnonzero(labels)].sum(axis=0)).ravel()
    share = labels.mean()
    rest = np.maximum(len(labels) - counts, 1)
    squares = (firsts - share * counts) ** 2 * (1.0 / np.maximum(counts, 1) + 1.0 / rest)
    names = vectoriser.get_feature_names_out()
    lengths = np.array(list(map(len, names)))
    best = np.lexsort((-lengths, -squares))[:_SUBSTRINGS]
    found = [str(names[i]) for i in best if 0 < counts[i] < len(labels)]
    return [text.encode("latin-1") for text in found] if kind is bytes else found


def _substrings(text: str) -> list[str]:
    """All substrings up to the longest length."""
    ends = range(1, _LONGEST + 1)
    return [text[i : i + length] for length in ends for i in range(len(text) - length + 1)]


def _by_symbols(feature: Derived, found: list[Any], labels: Bools, goal: Goal) -> list[Attacker]:
    """Attackers by a table of the symbols of one leaf, with cuts from tables of the other half."""
    numbers: dict[Any, int] = {}
    codes = np.array([numbers.setdefault(symbol, len(numbers)) for symbol in found])
    names = list(numbers)

    def learn(part: slice) -> SymbolScore | None:
        firsts = labels[part].astype(np.float64)
        table = learn_table(codes[part], firsts, 1.0 - firsts, _SMOOTHING)
        if table is None:
            return None
        logs = {names[i]: log for i, log in zip(table.examples, table.logs.tolist(), strict=True)}
        return SymbolScore(feature, logs, table.other)

    def scored(score: SymbolScore, part: slice) -> Floats:
        return np.array([score.logs.get(symbol, score.other) for symbol in found[part]])

    return _judged(learn, scored, labels, goal)


def _judged(
    learn: Callable[[slice], Any],
    scored: Callable[[Any, slice], Floats],
    labels: Bools,
    goal: Goal,
) -> list[Attacker]:
    """Attackers by a score that is fitted to all draws, with cuts from scores of each half that
    were fitted to the other one."""
    half = len(labels) // 2
    parts = (slice(0, half), slice(half, None))
    learned = [learn(part) for part in parts]
    whole = learn(slice(None))
    if learned[0] is None or learned[1] is None or whole is None:
        return []
    scores = np.concatenate([scored(learned[1], parts[0]), scored(learned[0], parts[1])])
    firsts = labels.astype(np.float64)
    ordered = in_order(scores, firsts, 1.0 - firsts)
    return cut_attackers(whole, ordered, float(len(labels)), goal)


def _by_trees(
    fit: Callable[..., Any], columns: _Columns, labels: Bools, goal: Goal
) -> list[Attacker]:
    """Attackers by trees on the matrix, whose columns are then called what they are."""
    places = [Feature("value", place) for place in range(columns.matrix.shape[1])]

    def learn(part: slice) -> Any:
        return fit(columns.matrix[part], labels[part], places)

    def scored(score: Any, part: slice) -> Floats:
        return np.asarray(score(columns.matrix[part]))

    return [
        replace(one, score=_named(one.score, columns.numbers))
        for one in _judged(learn, scored, labels, goal)
    ]


def _named(score: Any, numbers: Sequence[Feature | Derived]) -> TreeScore | BoostedScore:
    found: TreeScore | BoostedScore = score
    return replace(found, features=tuple(numbers[one.index] for one in score.features))
