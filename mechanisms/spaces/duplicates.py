"""Words that repeat earlier ones, and vectors between which a distance is 0."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

__all__ = ["Seen", "parallel"]

Row = NDArray[np.float64]


class Seen:
    """Words and vectors that were kept so far, to find what repeats them.

    A hash of the vectors finds candidates, so that no second copy of them is held; candidates are
    compared exactly. With `directions`, vectors count as equal if one is a positive multiple of
    the other: their angle is 0.

    Examples
    --------
    >>> rows = np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, 3.0]])
    >>> seen = Seen(lambda position: rows[position])
    >>> seen.add("a", 0)
    >>> seen.word("a"), seen.vector(rows[1]), seen.vector(rows[2])
    (True, 0, None)
    >>> seen = Seen(lambda position: rows[position], directions=True)
    >>> seen.add("a", 0)
    >>> seen.vector(rows[2])
    0
    """

    def __init__(self, kept: Callable[[int], Row], *, directions: bool = False) -> None:
        self._kept, self._directions = kept, directions
        self._words: set[str] = set()
        self._vectors: dict[int, list[int] | int] = {}

    def word(self, word: str) -> bool:
        """Whether the word is there."""
        return word in self._words

    def vector(self, row: Row) -> int | None:
        """Position of the vector that equals this one, or None."""
        found = self._vectors.get(self._key(row))
        if found is None:
            return None
        same = parallel if self._directions else np.array_equal
        places = found if isinstance(found, list) else [found]
        return next((i for i in places if same(self._kept(i), row)), None)

    def add(self, word: str, position: int) -> None:
        """Keep a word, whose vector has this position."""
        self._words.add(word)
        key = self._key(self._kept(position))
        found = self._vectors.get(key)
        if found is None:
            self._vectors[key] = position
        else:
            self._vectors[key] = [*(found if isinstance(found, list) else [found]), position]

    def _key(self, row: Row) -> int:
        if self._directions and row.any():
            # Parallel vectors have the same quotients, and so the same rounded ones.
            with np.errstate(over="ignore", under="ignore"):
                row = row / abs(row[np.flatnonzero(row)[0]])
        return hash((row + 0.0).tobytes())


def parallel(first: Row, second: Row) -> bool:
    """Whether the angle between two vectors is exactly 0.

    Examples
    --------
    >>> parallel(np.array([1.0, 3.0]), np.array([0.1, 0.3])), 3 * 0.1 == 0.3
    (False, False)
    >>> parallel(np.array([0.5, 1.5]), np.array([1.0, 3.0]))
    True
    >>> parallel(np.array([0.5, 1.5]), np.array([-1.0, -3.0]))
    False
    """
    support = np.flatnonzero(first)
    if not np.array_equal(support, np.flatnonzero(second)):
        return False
    pairs = [(Fraction(first[i]), Fraction(second[i])) for i in support.tolist()]
    return not pairs or (
        (pairs[0][0] > 0) == (pairs[0][1] > 0)
        and all(x * pairs[0][1] == y * pairs[0][0] for x, y in pairs)
    )
