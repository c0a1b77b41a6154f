"""`EmbeddingSpace`: a vocabulary, its vectors and a metric."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...claims import METRICS
from ...errors import InputError, SpaceError, UnknownWordError, require_memory
from ..kernels.parallel import ordered_map
from .digest import content_digest
from .distances import DistanceTiles, Tile
from .ranking import BLOCK, ExactRanking

if TYPE_CHECKING:
    from .loaders import LoadedEmbedding

__all__ = ["EmbeddingSpace", "Extent", "OnDuplicate"]

OnDuplicate = Literal["error", "drop"]
Floats = NDArray[np.float64]

#: Components larger than this, or distances smaller than its inverse, would overflow or
#: underflow when squared.
_LARGEST = 1e140

#: Line breaks would blur the digest of the words; lone surrogates have no UTF-8 form.
_UNUSABLE = re.compile("[\n\r\ud800-\udfff]")


@dataclass(frozen=True, eq=False)
class Extent:
    """Shortest and longest distance, and the nearest other word of every word.

    Attributes
    ----------
    min_distance, max_distance
        Delta_min and Delta_max of the specification, over pairs of different words.
    closest
        Indices of a pair at distance `min_distance`; the first one in lexicographic order.
    nearest_distance, nearest
        Shape (n,): distance to and index of the nearest other word; ties to the lower index.
    """

    min_distance: float
    max_distance: float
    closest: tuple[int, int]
    nearest_distance: Floats
    nearest: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class EmbeddingSpace:
    """A vocabulary W of n words, their vectors in R^p and a metric.

    Parameters
    ----------
    words
        n >= 2 different nonempty strings without line breaks.
    vectors
        Shape (n, p), finite; kept as read-only float64 and taken as exact numbers.
    metric
        "euclidean" (default), "manhattan" or "chebyshev".
    source
        Where the space comes from, for reports and for the command that repeats them.
    on_duplicate
        "error", or "drop" to keep only the first of words that are equal or have equal vectors.

    Raises
    ------
    SpaceError
        If words or vectors are unusable; the message names the words.
    InputError
        If metric or on_duplicate is unknown.

    Examples
    --------
    >>> space = EmbeddingSpace(["a", "b", "c"], [[0, 0], [3, 4], [0, 1]])
    >>> len(space), space.dimension, space.extent.min_distance, space.extent.max_distance
    (3, 2, 1.0, 5.0)
    >>> space.neighbours("a")
    [('c', 1.0), ('b', 5.0)]
    """

    words: tuple[str, ...]
    vectors: Floats
    metric: str
    source: str

    def __init__(
        self,
        words: Sequence[str],
        vectors: ArrayLike,
        metric: str = "euclidean",
        *,
        source: str = "memory",
        on_duplicate: OnDuplicate = "error",
    ) -> None:
        if metric not in METRICS:
            raise InputError(f"metric is {metric!r}, but it must be one of {', '.join(METRICS)}.")
        if on_duplicate not in ("error", "drop"):
            raise InputError(f"on_duplicate is {on_duplicate!r}, but it must be error or drop.")
        names = tuple(words)
        _check_size(len(names))
        matrix = _checked_vectors(names, vectors)
        _check_words(names)
        keep = _without_duplicates(names, matrix, on_duplicate)
        _check_size(len(keep))
        if len(keep) < len(names):
            names, matrix = tuple(names[i] for i in keep), matrix[keep]
        matrix.setflags(write=False)
        object.__setattr__(self, "words", names)
        object.__setattr__(self, "vectors", matrix)
        object.__setattr__(self, "metric", metric)
        # Names of files are bytes; those that are no UTF-8 become text with escapes.
        text = source.encode("utf-8", "backslashreplace").decode("utf-8")
        object.__setattr__(self, "source", text)

    @classmethod
    def builtin(cls, limit: int | None = None, metric: str = "euclidean") -> Self:
        """The space that ships with dpaudit: 2,000 English words x 64 dimensions, most frequent
        words first, made from WordNet by `tools/build_builtin_space.py`.

        Examples
        --------
        >>> space = EmbeddingSpace.builtin()
        >>> len(space), space.dimension
        (2000, 64)
        """
        from .loaders import read_embedding

        loaded = read_embedding(Path(__file__).parent / "data" / "builtin.npz")
        return cls._from_loaded(loaded, "builtin", limit, metric, "error")

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        limit: int | None = None,
        metric: str = "euclidean",
        on_duplicate: OnDuplicate = "error",
    ) -> Self:
        """Read an embedding file: text (GloVe, word2vec, fastText), word2vec binary or .npz.

        `limit` keeps the first so many words (after duplicates are dropped, if they are).

        Raises
        ------
        SpaceError
            If the file cannot be read; the message names the file, the line and the fault.
        """
        from .loaders import read_embedding

        _check_limit(limit)
        loaded = read_embedding(Path(path), None if on_duplicate == "drop" else limit)
        return cls._from_loaded(loaded, str(path), limit, metric, on_duplicate)

    @classmethod
    def from_keyed_vectors(
        cls,
        keyed_vectors: Any,
        *,
        limit: int | None = None,
        metric: str = "euclidean",
        on_duplicate: OnDuplicate = "error",
    ) -> Self:
        """Take the words and vectors of a gensim `KeyedVectors` object."""
        from .loaders import LoadedEmbedding

        try:
            words, vectors = list(keyed_vectors.index_to_key), np.asarray(keyed_vectors.vectors)
        except AttributeError:
            raise InputError(
                f"keyed_vectors is a {type(keyed_vectors).__name__}, but it must have index_to_key "
                "and vectors, like gensim's KeyedVectors."
            ) from None
        loaded = LoadedEmbedding(words, vectors.astype(np.float64))
        return cls._from_loaded(loaded, "gensim", limit, metric, on_duplicate)

    @classmethod
    def _from_loaded(
        cls,
        loaded: "LoadedEmbedding",
        source: str,
        limit: int | None,
        metric: str,
        on_duplicate: OnDuplicate,
    ) -> Self:
        _check_limit(limit)
        space = cls(loaded.words, loaded.vectors, metric, source=source, on_duplicate=on_duplicate)
        if limit is None or limit == len(space):
            return space
        if limit > len(space):
            raise SpaceError(
                f"limit is {limit:,}, but {source} has only {len(space):,} words. Use a smaller "
                "limit or none."
            )
        return cls(space.words[:limit], space.vectors[:limit], metric, source=source)

    def __len__(self) -> int:
        return len(self.words)

    def __repr__(self) -> str:
        return (
            f"EmbeddingSpace({self.source!r}, words={len(self)}, dimension={self.dimension}, "
            f"metric={self.metric!r})"
        )

    @property
    def dimension(self) -> int:
        """Number p of components of a vector."""
        return int(self.vectors.shape[1])

    @cached_property
    def content_digest(self) -> str:
        """SHA-256 of words and vectors, whatever the metric and the source (`digest`)."""
        return content_digest(self.words, self.vectors)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words)}

    def index(self, word: str | int) -> int:
        """Position of a word; a position is returned as it is.

        Raises
        ------
        UnknownWordError
            If the word is not in the vocabulary, with the closest ones suggested.
        """
        if isinstance(word, (int, np.integer)):
            if 0 <= word < len(self):
                return int(word)
            raise UnknownWordError(
                f"word number {word} does not exist: the vocabulary has {len(self):,} words, "
                "counted from 0."
            )
        position = self._positions.get(word) if isinstance(word, str) else None
        if position is None:
            raise UnknownWordError(
                f"The word {word!r} is not in the vocabulary of {self.source}.{self._hint(word)}"
            )
        return position

    def _hint(self, word: str) -> str:
        close = difflib.get_close_matches(str(word).lower(), self.words, n=3, cutoff=0.6)
        return f" Close to it: {', '.join(close)}." if close else ""

    def with_metric(self, metric: str) -> "EmbeddingSpace":
        """The same words and vectors under another metric; built once."""
        if metric == self.metric:
            return self
        if metric not in self._relatives:
            self._relatives[metric] = EmbeddingSpace(
                self.words, self.vectors, metric, source=self.source
            )
        return self._relatives[metric]

    @cached_property
    def _relatives(self) -> "dict[str, EmbeddingSpace]":
        return {}

    @cached_property
    def tiles(self) -> DistanceTiles:
        """All distances, tile by tile; never the whole matrix."""
        return DistanceTiles(self.vectors, self.metric)

    def distance_rows(self, rows: slice) -> Floats:
        """Distances from a range of words to all words, shape (rows, n)."""
        if "distance_matrix" in self.__dict__:
            return self.distance_matrix[rows]
        return self.tiles.tile(rows, slice(0, len(self))).distances

    @cached_property
    def distance_matrix(self) -> Floats:
        """All distances, shape (n, n), 8 n^2 bytes, symmetric to the last bit."""
        n = len(self)
        require_memory(
            f"The distance matrix of {n:,} words", 8 * n * n, "Use fewer words (--limit)."
        )
        matrix = np.empty((n, n))
        for tile in self.tiles:
            matrix[tile.rows, tile.columns] = tile.distances
            if not tile.diagonal:
                matrix[tile.columns, tile.rows] = tile.distances.T
        matrix.setflags(write=False)
        return matrix

    @cached_property
    def extent(self) -> Extent:
        """Shortest and longest distance and all nearest neighbours, in one pass over the tiles.

        Raises
        ------
        SpaceError
            If two words are so close that their distance underflows.
        """
        n = len(self)
        nearest_distance, nearest = np.full(n, np.inf), np.zeros(n, dtype=np.int64)
        max_distance = 0.0
        for found in self.tiles.map(_tile_extent):
            max_distance = max(max_distance, found.longest)
            for part, distances, partners in found.nearest:
                closer = distances < nearest_distance[part]
                nearest_distance[part][closer] = distances[closer]
                nearest[part][closer] = partners[closer]
        first = int(np.argmin(nearest_distance))
        min_distance = float(nearest_distance[first])
        if not min_distance > 1.0 / _LARGEST:
            raise SpaceError(
                f"The words {self.words[first]!r} and {self.words[int(nearest[first])]!r} are only "
                f"{min_distance:g} apart, too close to compute with. Drop one of them, or scale "
                "the vectors up."
            )
        closest = (first, int(nearest[first]))
        return Extent(min_distance, max_distance, closest, nearest_distance, nearest)

    @cached_property
    def order(self) -> NDArray[np.int32]:
        """All words sorted by distance from each word, shape (n, n), 4 n^2 bytes.

        Row w starts with w itself; ties go to the lower index. Sorted by exact distances, whatever
        the rounding of `distance_matrix`, which is made on the way and kept.
        """
        n = len(self)
        require_memory(
            f"The neighbour lists of {n:,} words", 16 * n * n, "Use fewer words (--limit)."
        )
        distances, order = self.distance_matrix, np.empty((n, n), dtype=np.int32)
        step = max(1, BLOCK // n)

        def fill(start: int) -> None:
            rows = slice(start, start + step)
            order[rows] = self._ranking.rank(distances[rows], start)

        for _ in ordered_map(fill, range(0, n, step)):
            pass
        order.setflags(write=False)
        return order

    def order_rows(self, rows: slice) -> NDArray[np.int32]:
        """The rows of `order` for a range of words, shape (rows, n), without the other ones."""
        if "order" in self.__dict__:
            return self.order[rows]
        return self._ranking.rank(self.distance_rows(rows), rows.indices(len(self))[0])

    @cached_property
    def _ranking(self) -> ExactRanking:
        return ExactRanking(self.tiles)

    def neighbours(self, word: str | int, count: int = 10) -> list[tuple[str, float]]:
        """The nearest other words with their distances, nearest first."""
        position = self.index(word)
        distances = self.distance_rows(slice(position, position + 1))[0]
        found = [int(i) for i in np.argsort(distances, kind="stable") if i != position][:count]
        return [(self.words[i], float(distances[i])) for i in found]


@dataclass(frozen=True, eq=False)
class _TileExtent:
    longest: float
    nearest: tuple[tuple[slice, Floats, NDArray[np.int64]], ...]


def _tile_extent(tile: Tile) -> _TileExtent:
    block = tile.distances
    longest = float(block.max())
    if tile.diagonal:
        np.fill_diagonal(block, np.inf)
    by_row, by_column = block.argmin(axis=1), block.argmin(axis=0)
    rows = (tile.rows, block[np.arange(len(block)), by_row], by_row + tile.columns.start)
    columns = (
        tile.columns,
        block[by_column, np.arange(block.shape[1])],
        by_column + tile.rows.start,
    )
    return _TileExtent(longest, (rows,) if tile.diagonal else (rows, columns))


def _check_limit(limit: int | None) -> None:
    if limit is not None and (not isinstance(limit, (int, np.integer)) or limit < 2):
        raise SpaceError(f"limit is {limit!r}, but a vocabulary needs at least 2 words.")


def _check_size(count: int) -> None:
    if count < 2:
        raise SpaceError(
            f"The vocabulary has {count} word{'s' * (count != 1)}, but privacy needs at least 2 "
            "to tell apart."
        )


def _checked_vectors(words: tuple[str, ...], vectors: ArrayLike) -> Floats:
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
    usable = np.abs(matrix) <= _LARGEST
    if not usable.all():
        row, column = (int(i) for i in np.argwhere(~usable)[0])
        raise SpaceError(
            f"The vector of the word {words[row]!r} has the component {matrix[row, column]:g} "
            f"(number {column + 1}), but components must be finite and at most {_LARGEST:g}."
        )
    return matrix


def _check_words(words: tuple[str, ...]) -> None:
    for i, word in enumerate(words):
        if not isinstance(word, str) or not word or _UNUSABLE.search(word):
            raise SpaceError(
                f"Word number {i + 1} is {word!r}, but a word is a nonempty Unicode string "
                "without line breaks."
            )


def _without_duplicates(
    words: tuple[str, ...], vectors: Floats, on_duplicate: OnDuplicate
) -> list[int]:
    """Positions of the words to keep: the first of each group that shares word or vector."""
    way_out = "Remove one, or drop repeated entries (--on-duplicate drop)."
    seen_words: set[str] = set()
    seen_vectors: dict[bytes, int] = {}
    keep = []
    for i, (word, vector) in enumerate(zip(words, vectors + 0.0, strict=True)):
        twin = seen_vectors.get(vector.tobytes())
        if word not in seen_words and twin is None:
            keep.append(i)
            seen_words.add(word)
            seen_vectors[vector.tobytes()] = i
        elif on_duplicate == "drop":
            continue
        elif word in seen_words:
            raise SpaceError(f"The word {word!r} appears twice. {way_out}")
        else:
            raise SpaceError(
                f"The words {words[twin or 0]!r} and {word!r} have the same vector: their distance "
                f"is 0, and no metric claim can hold between them. {way_out}"
            )
    return keep
