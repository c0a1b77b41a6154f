"""`EmbeddingSpace`: a vocabulary, its vectors and a metric."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...claims import require_metric
from ...errors import InputError, UnknownWordError, option, require_memory
from ...results.reading import ReadingRecord
from ..kernels.parallel import ordered_map
from .checks import (
    check_components,
    check_limit_of_space,
    check_size,
    check_words,
    matrix_of,
    without_duplicates,
)
from .digest import content_digest
from .distances import DistanceTiles, pair_distances
from .extent import Extent, extent_of
from .ranking import BLOCK, ExactRanking
from .unit import normalized

if TYPE_CHECKING:
    from .loaders.model import LoadedEmbedding, Multiword, OnBadLine, OnDuplicate

__all__ = ["EmbeddingSpace", "Extent"]

Floats = NDArray[np.float64]


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
        "euclidean" (default), "manhattan", "chebyshev", or "angular": the angle between two
        vectors in radians, from 0 to pi.
    source
        Where the space comes from, for reports and for the command that repeats them.
    on_duplicate
        "error", or "drop" to keep only the first of words that are equal or have equal vectors
        (of the same direction, for "angular").
    normalize
        Divide every vector by its Euclidean length; the rounded floats are then the vectors.

    Attributes
    ----------
    reading
        How the file was read that the space comes from, or None.

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
    reading: ReadingRecord | None

    #: How many words were asked for, if not all: an unknown word may be among the others.
    _limit: ClassVar[int | None] = None

    def __init__(
        self,
        words: Sequence[str],
        vectors: ArrayLike,
        metric: str = "euclidean",
        *,
        source: str = "memory",
        on_duplicate: "OnDuplicate" = "error",
        normalize: bool = False,
    ) -> None:
        require_metric(metric)
        if on_duplicate not in ("error", "drop"):
            raise InputError(f"on_duplicate is {on_duplicate!r}, but it must be error or drop.")
        names = tuple(words)
        check_size(len(names))
        matrix = matrix_of(names, vectors)
        if normalize:
            check_components(names, matrix)
            for word, row in zip(names, matrix, strict=True):
                row[:] = normalized(word, row)
        self._take(names, matrix, metric, source, on_duplicate, None)

    def _take(
        self,
        names: tuple[str, ...],
        matrix: Floats,
        metric: str,
        source: str,
        on_duplicate: str,
        reading: ReadingRecord | None,
    ) -> None:
        """Check words and vectors and keep them; `matrix` must belong to nobody else."""
        directions = metric == "angular"
        check_size(len(names))
        check_components(names, matrix, directions=directions)
        check_words(names)
        keep = without_duplicates(names, matrix, on_duplicate, directions=directions)
        check_size(len(keep))
        if len(keep) < len(names):
            names, matrix = tuple(names[i] for i in keep), matrix[keep]
        matrix.setflags(write=False)
        # Names of files are bytes; those that are no UTF-8 become text with escapes.
        source = source.encode("utf-8", "backslashreplace").decode("utf-8")
        for name, value in (
            ("words", names),
            ("vectors", matrix),
            ("metric", metric),
            ("source", source),
            ("reading", reading),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def builtin(
        cls,
        limit: int | None = None,
        metric: str = "euclidean",
        *,
        words: str | Path | None = None,
        multiword: "Multiword" = "keep",
        normalize: bool = False,
    ) -> Self:
        """The space that ships with dpaudit: 2,000 English words x 64 dimensions, most frequent
        words first, made from WordNet by `tools/build_builtin_space.py`.

        Examples
        --------
        >>> space = EmbeddingSpace.builtin()
        >>> len(space), space.dimension
        (2000, 64)
        """
        from .loaders import ReadOptions, read_embedding

        require_metric(metric)
        check_limit_of_space(limit)
        options = ReadOptions(limit, words=_text(words), multiword=multiword, normalize=normalize)
        path = Path(__file__).parent / "data" / "builtin.npz"
        loaded = read_embedding(path, options=options, name="builtin")
        return cls._from_loaded(loaded, "builtin", metric, limit)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        limit: int | None = None,
        metric: str = "euclidean",
        on_duplicate: "OnDuplicate" = "error",
        format: str = "auto",
        delimiter: str | None = None,
        dimension: int | None = None,
        encoding: str = "utf-8",
        on_bad_line: "OnBadLine" = "error",
        words: str | Path | None = None,
        multiword: "Multiword" = "keep",
        normalize: bool = False,
        vocabulary: str | Path | None = None,
    ) -> Self:
        """Read an embedding file or pipe: text (GloVe, word2vec, fastText), word2vec binary, NumPy,
        .safetensors, Parquet or Arrow, compressed or not (docs/spaces.md).

        `limit` keeps the first so many words (those that are dropped or left out do not count);
        the other options are those of `loaders.ReadOptions`. How the file was read is in `reading`.

        Raises
        ------
        SpaceError
            If the file cannot be read; the message names the file, the line and the fault.
        MemoryNeededError
            If the vectors do not fit in memory.
        """
        from .loaders import ReadOptions, read_embedding

        require_metric(metric)
        check_limit_of_space(limit)
        options = ReadOptions(
            limit,
            on_duplicate,
            format,
            delimiter,
            dimension,
            encoding,
            on_bad_line,
            _text(words),
            multiword,
            normalize,
            _text(vocabulary),
        )
        loaded = read_embedding(Path(path), options=options, directions=metric == "angular")
        return cls._from_loaded(loaded, str(path), metric, limit)

    @classmethod
    def from_keyed_vectors(
        cls,
        keyed_vectors: Any,
        *,
        limit: int | None = None,
        metric: str = "euclidean",
        on_duplicate: "OnDuplicate" = "error",
        normalize: bool = False,
    ) -> Self:
        """Take the words and vectors of a gensim `KeyedVectors` object.

        With a limit, later rows are not looked at.

        Raises
        ------
        InputError
            If it is something else, such as a model; that has its vectors in `.wv`.
        """
        from .loaders import ReadOptions
        from .loaders.keyed import read_keyed_vectors

        require_metric(metric)
        check_limit_of_space(limit)
        options = ReadOptions(limit, on_duplicate, normalize=normalize)
        loaded = read_keyed_vectors(keyed_vectors, options, directions=metric == "angular")
        return cls._from_loaded(loaded, "gensim", metric, limit)

    @classmethod
    def _from_loaded(
        cls, loaded: "LoadedEmbedding", source: str, metric: str, limit: int | None
    ) -> Self:
        reading = loaded.reading
        if source == "builtin" and reading is not None and not reading.options:
            reading = None  # nothing to say: the file is always the same
        space = object.__new__(cls)
        space._take(tuple(loaded.words), loaded.vectors, metric, source, "error", reading)
        object.__setattr__(space, "_limit", limit)
        return space

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
            raise UnknownWordError(f"The word {word!r} is not {self._where()}.{self._hint(word)}")
        return position

    def _where(self) -> str:
        if self._limit is None:
            return f"in the vocabulary of {self.source}"
        return (
            f"among the first {self._limit:,} words of {self.source}: {option('limit')} leaves "
            "out the others"
        )

    def _hint(self, word: str) -> str:
        close = difflib.get_close_matches(str(word).lower(), self.words, n=3, cutoff=0.6)
        return f" Close to it: {', '.join(close)}." if close else ""

    def with_metric(self, metric: str) -> "EmbeddingSpace":
        """The same words and vectors under another metric; built once."""
        if metric == self.metric:
            return self
        if metric not in self._relatives:
            require_metric(metric)
            space = object.__new__(EmbeddingSpace)
            space._take(self.words, self.vectors, metric, self.source, "error", self.reading)
            object.__setattr__(space, "_limit", self._limit)
            self._relatives[metric] = space
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
        require_memory(f"The distance matrix of {n:,} words", 8 * n * n)
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
        return extent_of(self.tiles, self.words)

    @cached_property
    def order(self) -> NDArray[np.int32]:
        """All words sorted by distance from each word, shape (n, n), 4 n^2 bytes.

        Row w starts with w itself; ties go to the lower index. Sorted by exact distances, whatever
        the rounding of `distance_matrix`, which is made on the way and kept.
        """
        n = len(self)
        require_memory(f"The neighbour lists of {n:,} words", 16 * n * n)
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
        if self.tiles.direct or "distance_matrix" in self.__dict__:
            distances = self.distance_rows(slice(position, position + 1))[0]
        else:  # for one row the centred copy of all vectors that tiles use is not worth its memory
            others = np.arange(len(self))
            first = np.full(len(self), position)
            distances = pair_distances(self.vectors, first, others, self.metric)
        found = [int(i) for i in np.argsort(distances, kind="stable") if i != position][:count]
        return [(self.words[i], float(distances[i])) for i in found]


def _text(path: str | Path | None) -> str | None:
    return None if path is None else str(path)
