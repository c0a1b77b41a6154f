"""Readers for embedding files, each with errors that name the file, the place and the fault.

Formats: text with one word and its vector per line (GloVe; word2vec and fastText with a header
line), word2vec binary, and NumPy .npz with the arrays `words` and `vectors`. Pickles are never
loaded. The format is told from the content, not from the name.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...errors import SpaceError, require_memory

__all__ = ["LoadedEmbedding", "read_embedding"]

#: Lines looked at to find the dimension of a text file without a header.
_SAMPLE = 100

#: A word in a binary file is at most this long; longer means that the file is not what it seems.
_LONGEST_WORD = 4096


@dataclass(frozen=True, eq=False)
class LoadedEmbedding:
    """Words and vectors, shape (n, p), as they stand in a file, not yet checked."""

    words: list[str]
    vectors: NDArray[np.float64]


def read_embedding(path: Path, limit: int | None = None) -> LoadedEmbedding:
    """Read the first `limit` words (or all) of an embedding file.

    Raises
    ------
    SpaceError
        If the file is missing, empty, cut off, not of a known format, or holds something that
        is not a number; with the line or entry where that was seen.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(4)
            stream.seek(0)
            if not start:
                raise SpaceError(f"{path} is empty.")
            if start.startswith(b"PK"):
                return _read_npz(path, stream, limit)
            header = _read_header(stream)
            if header and _is_binary(stream):
                return _read_binary(path, stream, header, limit)
            return _read_text(path, stream, header, limit)
    except OSError as error:
        raise SpaceError(f"{path} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:
        if isinstance(error, SpaceError):
            raise
        raise SpaceError(f"{str(path)!r} cannot be read: {error}.") from None  # a zero byte in it


def _read_npz(path: Path, stream: BinaryIO, limit: int | None) -> LoadedEmbedding:
    try:
        with np.load(stream, allow_pickle=False) as arrays:
            for name in ("words", "vectors"):
                if name not in arrays:
                    raise SpaceError(
                        f"{path} has no array {name!r}; an .npz space needs words and vectors."
                    )
            words, vectors = np.asarray(arrays["words"]), np.asarray(arrays["vectors"])
            _check_arrays(path, words, vectors)
            _check_limit(path, limit, len(words))
            return LoadedEmbedding(words[:limit].tolist(), vectors[:limit].astype(np.float64))
    except SpaceError:
        raise
    except Exception as error:  # NumPy and zipfile raise a dozen kinds for damaged files
        raise SpaceError(
            f"{path} is not a readable .npz file ({error}). It may be cut off, or hold pickled "
            "objects, which are never loaded: save words as an array of strings."
        ) from None


def _check_arrays(path: Path, words: NDArray[Any], vectors: NDArray[Any]) -> None:
    if words.ndim != 1 or words.dtype.kind != "U":
        raise SpaceError(f"{path}: words has type {words.dtype}, but must be a list of strings.")
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu" or len(vectors) != len(words):
        raise SpaceError(
            f"{path}: vectors has shape {vectors.shape} and type {vectors.dtype}, but "
            f"{len(words)} words need as many rows of numbers."
        )


def _read_header(stream: BinaryIO) -> tuple[int, int] | None:
    """The numbers of words and components if the first line holds just these.

    Leaves the stream behind the header, or at its start if there is none.
    """
    fields = stream.readline(100).split()
    if len(fields) == 2 and all(field.isdigit() for field in fields):
        words, dimension = int(fields[0]), int(fields[1])
        behind = stream.tell()
        second = stream.readline(2**20).rstrip(b" \r\n")
        stream.seek(behind)
        # "3 5" may also be the word "3" with a vector of one component, like all lines after it.
        one_component = dimension != 1 and second.count(b" ") == 1 and not _is_binary(stream)
        if dimension and not one_component:
            return words, dimension
    stream.seek(0)
    return None


def _is_binary(stream: BinaryIO) -> bool:
    """Whether what follows is no text of words and numbers: it has control characters, or its
    first line does not end in a number."""
    place = stream.tell()
    sample = stream.read(2**16)
    stream.seek(place)
    if any(byte < 32 and byte not in b"\t\n\r" for byte in sample):
        return True
    last = sample.split(b"\n", 1)[0].rstrip().rpartition(b" ")[2]
    return bool(last) and not _is_number(last.decode("latin-1"))


def _read_binary(
    path: Path, stream: BinaryIO, header: tuple[int, int], limit: int | None
) -> LoadedEmbedding:
    """word2vec's own format: after the header, each word, a space, p little-endian float32."""
    count, dimension = header
    _check_limit(path, limit, count)
    count = count if limit is None else limit
    left = path.stat().st_size - stream.tell()
    if count * (4 * dimension + 2) > left:
        raise SpaceError(
            f"{path} is cut off: its header promises {header[0]:,} words of {dimension} "
            f"components, but only {left:,} bytes follow."
        )
    _require_memory(path, count, dimension)
    words, vectors = [], np.empty((count, dimension))
    for i in range(count):
        word = bytearray()
        while (character := stream.read(1)) != b" ":
            if not character or len(word) > _LONGEST_WORD:
                raise SpaceError(f"{path}, entry {i + 1}: no word found; the file is cut off.")
            word += character
        data = stream.read(4 * dimension)
        if len(data) < 4 * dimension:
            raise SpaceError(f"{path}, entry {i + 1}: the file is cut off inside the vector.")
        words.append(_decode(path, bytes(word).lstrip(b"\r\n"), f"entry {i + 1}"))
        vectors[i] = np.frombuffer(data, dtype="<f4")
    if limit is None and stream.read(2**16).strip():
        raise SpaceError(f"{path}: more follows the {count:,} words that the header promises.")
    return LoadedEmbedding(words, vectors)


def _read_text(
    path: Path, stream: BinaryIO, header: tuple[int, int] | None, limit: int | None
) -> LoadedEmbedding:
    if header:
        count, dimension = header
        _check_limit(path, limit, count)
        _require_memory(path, count if limit is None else limit, dimension)
    else:
        count, dimension = None, _dimension(path, stream)
    words: list[str] = []
    rows: list[NDArray[np.float64]] = []
    for place, line in _lines(path, stream, first=2 if header else 1):
        if limit is not None and len(words) == limit:
            break
        if count is not None and len(words) == count:
            raise SpaceError(f"{path}, {place}: the header promises only {count:,} words.")
        word, row = _parse_line(path, place, line, dimension)
        words.append(word)
        rows.append(row)
    if count is not None and len(words) < (count if limit is None else limit):
        raise SpaceError(
            f"{path} is cut off: its header promises {count:,} words, but {len(words):,} follow."
        )
    _check_limit(path, limit, len(words))
    return LoadedEmbedding(words, np.array(rows))


def _lines(path: Path, stream: BinaryIO, first: int) -> Iterator[tuple[str, str]]:
    """The lines that are not blank, each with its place for error messages."""
    for number, raw in enumerate(stream, start=first):
        if raw.strip():
            yield f"line {number}", _decode(path, raw, f"line {number}").rstrip(" \r\n")


def _dimension(path: Path, stream: BinaryIO) -> int:
    """The commonest number of components in the first lines; rewinds the stream."""
    lines = (line for (_, line), _ in zip(_lines(path, stream, 1), range(_SAMPLE), strict=False))
    counts = Counter(line.count(" ") for line in lines)
    stream.seek(0)
    if not counts or (dimension := counts.most_common(1)[0][0]) < 1:
        raise SpaceError(
            f"{path} is not an embedding file: its lines are not a word and numbers separated "
            "by spaces."
        )
    return dimension


def _parse_line(
    path: Path, place: str, line: str, dimension: int
) -> tuple[str, NDArray[np.float64]]:
    """Split from the right on ASCII space, because words may contain spaces (GloVe 840B)."""
    word, *fields = line.rsplit(" ", dimension)
    if len(fields) < dimension or not word:
        raise SpaceError(
            f"{path}, {place}: found {line.count(' ') + 1} fields, but a word and {dimension} "
            "components are expected."
        )
    if " " in word and _is_number(word.rsplit(" ", 1)[1]):
        raise SpaceError(f"{path}, {place}: found more than the {dimension} components expected.")
    try:
        row = np.array([float(field) for field in fields])
        if "_" in line and any("_" in field for field in fields):
            raise ValueError
    except ValueError:
        wrong = next(field for field in fields if not _is_number(field))
        raise SpaceError(f"{path}, {place}: {wrong!r} is not a number.") from None
    if not np.isfinite(row).all():
        raise SpaceError(
            f"{path}, {place}: the vector of {word!r} has a component that is not finite."
        )
    return word, row


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return "_" not in field


def _decode(path: Path, raw: bytes, place: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SpaceError(
            f"{path}, {place}: byte {error.start + 1} is not UTF-8 text. Is this an embedding file?"
        ) from None


def _check_limit(path: Path, limit: int | None, count: int) -> None:
    if limit is not None and limit > count:
        raise SpaceError(
            f"limit is {limit:,}, but {path} has only {count:,} words. Use a smaller limit or none."
        )


def _require_memory(path: Path, count: int, dimension: int) -> None:
    require_memory(
        f"{path} with {count:,} words of {dimension} components",
        8 * count * dimension,
        "Load fewer words (--limit).",
    )
