"""Pairs of inputs that an audit looks at, in no order: attackers name both inputs."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..claims import Claim
from ..errors import InputError, require_count
from ..mechanisms.spaces import EmbeddingSpace
from ..mechanisms.spaces.distances import pair_distances
from .differences import shown_pair, shown_value
from .drawing.failures import shorten
from .drawing.inputs import same

__all__ = ["Pair", "given_pairs", "neighbouring_answers", "word_pair", "word_pairs"]

#: How distances of numbers and vectors are measured, as orders of a norm.
_NORMS = {"euclidean": 2, "manhattan": 1, "chebyshev": np.inf}


@dataclass(frozen=True)
class Pair:
    """Two inputs, and their distance in the claim: 1 but for metric claims.

    `names` are what reports call them, if not their values.
    """

    first: Any
    second: Any
    distance: float = 1.0
    names: tuple[str, str] | None = None

    @property
    def shown(self) -> tuple[str, str]:
        """What reports call the two inputs."""
        return self.names or shown_pair(self.first, self.second)


def given_pairs(claim: Claim, pairs: Iterable[Sequence[Any]]) -> tuple[Pair, ...]:
    """The pairs that a user gives: (x, x'), or (x, x', distance) for a metric claim.

    Distances of numbers and vectors are measured in the metric of a metric claim (Euclidean if
    it names none); those of other inputs have to be given.

    Raises
    ------
    InputError
        If there is no pair, or a pair is not one of two different inputs, or a distance is
        missing or not a finite number above 0.

    Examples
    --------
    >>> from dpaudit.claims import MetricDP, PureDP
    >>> given_pairs(PureDP(1.0), [(0, 1)])[0].distance
    1.0
    >>> given_pairs(MetricDP(1.0), [((0, 0), (3, 4)), ("a", "b", 2.0)])[0].distance
    5.0
    """
    found = tuple(_given(claim, number, pair) for number, pair in enumerate(pairs, start=1))
    if not found:
        raise InputError("pairs is empty, but at least one pair of inputs is needed.")
    return found


def _given(claim: Claim, number: int, pair: Sequence[Any]) -> Pair:
    if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) not in (2, 3):
        raise InputError(
            f"Pair {number} is {shorten(pair, 120)}, but it must be (x, x') or (x, x', distance)."
        )
    first, second = pair[0], pair[1]
    if same(first, second):
        raise InputError(
            f"Pair {number} has the input {shown_value(first)} twice: nothing to tell apart."
        )
    if claim.kind != "metric":
        if len(pair) == 3:
            raise InputError(
                f"Pair {number} has a distance, {pair[2]!r}, which means nothing to a {claim.kind} "
                "claim: give two inputs, or a metric claim (dpaudit.MetricDP)."
            )
        return Pair(first, second)
    distance: Any = pair[2] if len(pair) == 3 else _distance(first, second, claim.metric)
    if distance is None:
        raise InputError(
            f"The distance of pair {number} is not known: a metric claim on inputs that are not "
            "numbers needs pairs of the form (x, x', distance)."
        )
    if isinstance(distance, bool) or not isinstance(distance, Real):
        raise InputError(f"The distance of pair {number} is {distance!r}, but it must be a number.")
    if not (math.isfinite(distance) and float(distance) > 0.0):
        raise InputError(f"The distance of pair {number} is {distance!r}, but it must be above 0.")
    return Pair(first, second, float(distance))


def _distance(first: Any, second: Any, metric: str | None) -> float | None:
    try:
        if metric == "angular":
            return _angle(np.atleast_1d(first).astype(float), np.atleast_1d(second).astype(float))
        difference = np.atleast_1d(np.asarray(first, dtype=np.float64) - np.asarray(second))
        return float(np.linalg.norm(difference.ravel(), _NORMS[metric or "euclidean"]))
    except (TypeError, ValueError, KeyError):
        return None


def _angle(first: Any, second: Any) -> float | None:
    """The angle of two vectors, None where there is none."""
    if first.ndim != 1 or first.shape != second.shape or not (first.any() and second.any()):
        return None
    vectors = np.stack([first, second])
    return float(pair_distances(vectors, np.array([0]), np.array([1]), "angular")[0])


def neighbouring_answers(length: int, *, every: bool = True) -> tuple[tuple[Any, Any], ...]:
    """Canonical neighbouring answers to `length` queries, for mechanisms on query answers.

    The patterns of Ding, Wang, Wang, Zhang and Kifer, "Detecting Violations of Differential
    Privacy", CCS 2018, table 1. With `every` each answer may change by 1; without, only one of
    them may, and the patterns that change more are left out.

    Examples
    --------
    >>> neighbouring_answers(3, every=False)
    (((1, 1, 1), (2, 1, 1)), ((1, 1, 1), (0, 1, 1)))
    >>> len(neighbouring_answers(10))
    8
    >>> neighbouring_answers(1)
    ((1, 2), (1, 0))
    """
    length = require_count("length", length)
    if length == 1:
        return ((1, 2), (1, 0))
    ones = (1,) * length
    half, rest = length // 2, length - length // 2
    one = ((ones, (2, *ones[1:])), (ones, (0, *ones[1:])))
    if not every:
        return one
    many = (
        (ones, (2,) + (0,) * (length - 1)),  # one above, the rest below
        (ones, (0,) + (2,) * (length - 1)),  # one below, the rest above
        (ones, (0,) * half + (2,) * rest),  # half and half
        (ones, (2,) * length),  # all above
        (ones, (0,) * length),  # all below
        ((1,) * half + (0,) * rest, (0,) * half + (1,) * rest),  # X
    )
    return tuple(dict.fromkeys((*one, *many)))


def word_pairs(
    space: EmbeddingSpace, measured: EmbeddingSpace | None, count: int, seed: int
) -> tuple[Pair, ...]:
    """Nearest, farthest and random pairs of words, a third of `count` each, all different.

    Inputs are positions in the vocabulary. `measured` is the space whose metric the claim uses, or
    None for a claim without a metric. Takes memory for n distances of at most 2,000 words.

    Examples
    --------
    >>> space = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]])
    >>> [pair.shown for pair in word_pairs(space, space, 9, seed=0)]
    [('a', 'b'), ('a', 'c'), ('b', 'c')]
    """
    rng = np.random.default_rng([seed, 0x70A125])
    n = len(space)
    rows = np.sort(rng.permutation(n)[:_ROWS])
    ruler = measured or space
    near, far = [], []
    for row in rows:
        distances = ruler.distance_rows(slice(int(row), int(row) + 1))[0].copy()
        far.append((-float(distances.max()), int(row), int(distances.argmax())))
        distances[row] = np.inf
        near.append((float(distances.min()), int(row), int(distances.argmin())))
    third = max(count // 3, 1)
    chosen = dict.fromkeys(_unordered(near, third) + _unordered(far, third))
    possible = n * (n - 1) // 2
    while len(chosen) < min(count, possible):
        first, second = (int(i) for i in rng.choice(n, size=2, replace=False))
        chosen[min(first, second), max(first, second)] = None
    return tuple(word_pair(space, measured, first, second) for first, second in sorted(chosen))


#: Words whose nearest and farthest neighbours are looked for.
_ROWS = 2_000


def _unordered(found: list[tuple[float, int, int]], count: int) -> list[tuple[int, int]]:
    pairs = dict.fromkeys((min(a, b), max(a, b)) for _, a, b in sorted(found))
    return list(pairs)[:count]


def word_pair(
    space: EmbeddingSpace, measured: EmbeddingSpace | None, first: int, second: int
) -> Pair:
    """Two words by their positions, at their distance in `measured`: see `word_pairs`."""
    row: NDArray[np.float64] | None = None
    if measured is not None:
        row = measured.distance_rows(slice(first, first + 1))[0]
    distance = 1.0 if row is None else float(row[second])
    return Pair(first, second, distance, (space.words[first], space.words[second]))
