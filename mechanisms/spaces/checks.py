"""What makes words and vectors unusable as a space, and what repeats in them."""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import SpaceError, option
from .duplicates import Seen

__all__ = [
    "LARGEST",
    "check_components",
    "check_limit_of_space",
    "check_size",
    "check_words",
    "matrix_of",
    "without_duplicates",
]

Floats = NDArray[np.float64]

#: Components larger than this, or distances smaller than its inverse, would overflow or
#: underflow when squared.
LARGEST = 1e140

#: Line breaks would blur the digest of the words; lone surrogates have no UTF-8 form.
_UNUSABLE = re.compile("[\n\r\ud800-\udfff]")

#: Components that are looked at together.
_STEP = 2**20


def check_limit_of_space(limit: int | None) -> None:
    """Raise `SpaceError` for a limit that leaves no two words."""
    whole = isinstance(limit, (int, np.integer)) and not isinstance(limit, bool)
    if limit is not None and (not whole or limit < 2):
        raise SpaceError(f"limit is {limit!r}, but a vocabulary needs at least 2 words.")


def check_size(count: int) -> None:
    """Raise `SpaceError` for a vocabulary of fewer than two words."""
    if count < 2:
        raise SpaceError(
            f"The vocabulary has {count} word{'s' * (count != 1)}, but privacy needs at least 2 "
            "to tell apart."
        )


def matrix_of(words: tuple[str, ...], vectors: ArrayLike) -> Floats:
    """A copy of the vectors as float64, shape (n, p)."""
    try:
        if np.iscomplexobj(vectors):
            raise TypeError
        matrix = np.array(vectors, dtype=np.float64, order="C")
    except (TypeError, ValueError, OverflowError):
        raise SpaceError("vectors is not a table of numbers with rows of equal length.") from None
    if matrix.ndim != 2 or matrix.shape[0] != len(words) or matrix.shape[1] == 0:
        raise SpaceError(
            f"vectors has shape {matrix.shape}, but {len(words)} words need {len(words)} rows of "
            "one or more numbers."
        )
    return matrix


def _pieces(matrix: Floats) -> Iterator[tuple[int, Floats]]:
    """A few rows at a time, so that no second matrix comes into being."""
    step = max(1, _STEP // matrix.shape[1])
    for start in range(0, len(matrix), step):
        yield start, matrix[start : start + step]


def check_components(words: tuple[str, ...], matrix: Floats, *, directions: bool = False) -> None:
    """Raise `SpaceError` for a component that is not finite or too large, and for a vector of
    zeros where directions are compared."""
    for start, rows in _pieces(matrix):
        usable = np.abs(rows) <= LARGEST
        if not usable.all():
            row, column = (int(i) for i in np.argwhere(~usable)[0])
            raise SpaceError(
                f"The vector of the word {words[start + row]!r} has the component "
                f"{rows[row, column]:g} (number {column + 1}), but components must be finite and "
                f"at most {LARGEST:g}."
            )
        if directions and not (nonzero := rows.any(axis=1)).all():
            word = words[start + int(np.argmin(nonzero))]
            raise SpaceError(
                f"The vector of the word {word!r} is 0, so it has no angle to any other. Leave "
                "the word out, or choose another metric."
            )


def check_words(words: tuple[str, ...]) -> None:
    """Raise `SpaceError` for what is no word."""
    for i, word in enumerate(words):
        if not isinstance(word, str) or not word or _UNUSABLE.search(word):
            raise SpaceError(
                f"Word number {i + 1} is {word!r}, but a word is a nonempty Unicode string "
                "without line breaks."
            )


def without_duplicates(
    words: tuple[str, ...], matrix: Floats, on_duplicate: str, *, directions: bool = False
) -> list[int]:
    """Positions of the words to keep: the first of each group that shares word or vector.

    Raises
    ------
    SpaceError
        If `on_duplicate` is "error" and there is such a group; the message names two of it.
    """
    way_out = f"Remove one, or drop repeated entries ({option('on_duplicate', 'drop')})."
    seen = Seen(lambda position: matrix[position], directions=directions)
    keep = []
    for i, (word, vector) in enumerate(zip(words, matrix, strict=True)):
        twin = seen.vector(vector)
        if twin is None and not seen.word(word):
            keep.append(i)
            seen.add(word, i)
        elif on_duplicate == "drop":
            continue
        elif seen.word(word):
            raise SpaceError(f"The word {word!r} appears twice. {way_out}")
        else:
            same = "vectors of the same direction" if directions else "the same vector"
            raise SpaceError(
                f"The words {words[twin or 0]!r} and {word!r} have {same}: their distance is 0, "
                f"and no metric claim can hold between them. {way_out}"
            )
    return keep
