"""What is asked of a reader, and what it gives."""

import codecs
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ....errors import InputError, SpaceError, option
from ....results.reading import ReadingRecord

__all__ = [
    "FORMATS",
    "LoadedEmbedding",
    "Multiword",
    "OnBadLine",
    "OnDuplicate",
    "ReadOptions",
    "check_limit",
]

OnDuplicate = Literal["error", "drop"]
OnBadLine = Literal["error", "skip"]
Multiword = Literal["keep", "exclude", "join"]

#: Formats that are read, by the names that `--format` takes; "auto" finds out.
FORMATS = ("auto", "text", "binary", "npz", "npy", "safetensors", "parquet", "arrow")

_CHOICES = {
    "format": FORMATS,
    "on_duplicate": ("error", "drop"),
    "on_bad_line": ("error", "skip"),
    "multiword": ("keep", "exclude", "join"),
}

#: Separators that a shell makes hard to write, and how they may be written instead.
_NAMED_DELIMITERS = {"tab": "\t", "\\t": "\t", "blank": " ", "space": " ", "comma": ","}

#: Characters of numbers and of line ends; they cannot separate fields.
_NO_DELIMITER = frozenset("0123456789+-.eE\r\n_")


@dataclass(frozen=True, eq=False)
class LoadedEmbedding:
    """Words and vectors, shape (n, p), as they stand in a file, and how they were read."""

    words: list[str]
    vectors: NDArray[np.float64]
    reading: ReadingRecord | None = None


@dataclass(frozen=True)
class ReadOptions:
    """How a file is to be read; docs/spaces.md describes every option.

    Attributes
    ----------
    limit
        Keep the first so many words, or all; words that are dropped or excluded do not count.
    on_duplicate
        "drop" keeps the first of words that are equal or have equal vectors; "error" leaves them
        for `EmbeddingSpace` to refuse.
    format
        One of `FORMATS`.
    delimiter
        What separates the fields of a text row; None finds blank or tab out.
    dimension
        Number of components, where the file does not say or a header is to be overruled.
    encoding
        Of the words, a codec of Python.
    on_bad_line
        "skip" leaves out rows that the grammar of text refuses, and counts them.
    words
        File with one word a line; only these are kept.
    multiword
        "exclude" leaves out words that no text can hold as one word; "join" keeps them, and they
        are written joined by “_”.
    normalize
        Divide every vector by its Euclidean length.
    vocabulary
        File with one word a line, for formats that hold a matrix only.

    Raises
    ------
    InputError
        If an option has no such value.

    Examples
    --------
    >>> ReadOptions(delimiter="tab").delimiter
    '\\t'
    >>> ReadOptions(dimension=3, normalize=True).given()
    {'dimension': 3, 'normalize': True}
    """

    limit: int | None = None
    on_duplicate: OnDuplicate = "error"
    format: str = "auto"
    delimiter: str | None = None
    dimension: int | None = None
    encoding: str = "utf-8"
    on_bad_line: OnBadLine = "error"
    words: str | None = None
    multiword: Multiword = "keep"
    normalize: bool = False
    vocabulary: str | None = None

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                listed = f"{', '.join(choices[:-1])} or {choices[-1]}"
                raise InputError(f"{option(name)} is {value!r}, but it must be {listed}.")
        if self.dimension is not None and not (
            isinstance(self.dimension, int)
            and not isinstance(self.dimension, bool)
            and self.dimension >= 1
        ):
            raise InputError(
                f"{option('dimension')} is {self.dimension!r}, but it must be a whole number of 1 "
                "or more."
            )
        self._check_delimiter()
        try:
            codecs.lookup(self.encoding)
            str(b"a", self.encoding, "ignore")
        except (LookupError, TypeError, ValueError):
            raise InputError(
                f"{option('encoding')} is {self.encoding!r}, but Python has no text encoding of "
                "this name; utf-8, latin-1, cp1252 and utf-16 are some."
            ) from None
        for name in ("words", "vocabulary"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, str(getattr(self, name)))

    def _check_delimiter(self) -> None:
        if self.delimiter is None:
            return
        found = _NAMED_DELIMITERS.get(self.delimiter, self.delimiter)
        if not isinstance(found, str) or not found or _NO_DELIMITER & set(found):
            raise InputError(
                f"{option('delimiter')} is {self.delimiter!r}, but it must be text without digits, "
                "signs, points, the letter e, underscores and line ends, such as ',', ';' or tab."
            )
        object.__setattr__(self, "delimiter", found)

    def given(self) -> dict[str, Any]:
        """The options that are not at their defaults, all but the limit: the number of words
        stands for it."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name != "limit" and getattr(self, field.name) != field.default
        }

    def without_filters(self) -> "ReadOptions":
        """The same, but every word is wanted."""
        return replace(self, words=None, multiword="keep", on_duplicate="error", normalize=False)


def check_limit(source: object, limit: int | None, count: int, of: str = "") -> None:
    """Raise `SpaceError` if there are fewer than `limit` words."""
    if limit is not None and limit > count:
        raise SpaceError(
            f"limit is {limit:,}, but {source} has only {count:,} words{of}. Use a smaller limit "
            "or none."
        )
