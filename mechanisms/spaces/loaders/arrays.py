"""NumPy files: .npz with the arrays `words` and `vectors`, .npy with vectors alone.

Headers are checked against the length of the data before anything is allocated, rows are
converted a few at a time, and arrays of objects, which are pickles, are never loaded.
"""

import zipfile
from collections.abc import Iterator
from math import prod
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from ....errors import MemoryNeededError, SpaceError, option, require_memory
from .collect import Collector, read_list
from .model import LoadedEmbedding, ReadOptions, check_limit
from .streams import ByteStream, Source, unreadable_zip

__all__ = [
    "NPY_MAGIC",
    "as_floats",
    "check_matrix",
    "read_matrix",
    "read_npy",
    "read_npz",
    "vocabulary_for",
]

NPY_MAGIC = b"\x93NUMPY"

#: Bytes of an array that are read at once.
_STEP = 2**22


class _Array:
    """An array in a stream: its header is read, its rows are still to come."""

    def __init__(self, name: str, stream: BinaryIO | ByteStream, size: int | None) -> None:
        """`size` is the number of bytes with the header, or None if it is not known."""
        self.name = name
        self._stream = _Counted(stream)
        version = np.lib.format.read_magic(self._stream)
        readers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in readers:
            raise ValueError(f"version {version} of the .npy format is not supported")
        self.shape, self.fortran, self.dtype = readers[version](self._stream)
        if self.dtype.hasobject:
            raise ValueError("it holds pickled objects, which are never loaded")
        if any(length < 0 for length in self.shape):
            raise ValueError("a negative length")
        self.bytes = self.dtype.itemsize * prod(self.shape)
        if size is not None and self._stream.count + self.bytes != size:
            raise ValueError(
                f"its header promises {self.bytes:,} bytes, but {size - self._stream.count:,} "
                "follow"
            )

    def rows(self) -> Iterator[NDArray[Any]]:
        """The array in pieces along its first axis."""
        if not self.shape or not self.bytes:
            return
        if self.fortran and len(self.shape) > 1:
            require_memory(
                f"{self.name}, stored by columns,", 2 * self.bytes, "Save it by rows (order C)."
            )
            whole = np.frombuffer(self._read(self.bytes), self.dtype)
            yield whole.reshape(self.shape[::-1]).T
            return
        width = self.bytes // self.shape[0]
        step = max(1, _STEP // width)
        for start in range(0, self.shape[0], step):
            count = min(step, self.shape[0] - start)
            part = np.frombuffer(self._read(count * width), self.dtype)
            yield part.reshape(count, *self.shape[1:])

    def _read(self, count: int) -> bytes:
        data = self._stream.read(count)
        if len(data) < count:
            raise ValueError("it is cut off")
        return data


class _Counted:
    """A stream that counts what was read of it."""

    def __init__(self, stream: BinaryIO | ByteStream) -> None:
        self._stream = stream
        self.count = 0

    def read(self, count: int = 0, /) -> bytes:
        """Exactly so many bytes, or all that are left."""
        if isinstance(self._stream, ByteStream):
            data = self._stream.take(count)
        else:
            parts, left = [], count
            while left and (part := self._stream.read(left)):
                parts.append(part)
                left -= len(part)
            data = b"".join(parts)
        self.count += len(data)
        return data


def read_npz(source: Source, options: ReadOptions, collector: Collector) -> LoadedEmbedding:
    """Read the arrays `words` and `vectors` of a zip file of arrays."""
    name, archive = source.name, source.archive
    assert archive is not None
    try:
        members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        for key in ("words", "vectors"):
            if key not in members:
                raise SpaceError(
                    f"{name} has no array {key!r}; an .npz space needs words and vectors."
                )
        with _member(archive, members["words"]) as stream:
            words = _words(name, _Array(f"{name}: words", stream, members["words"].file_size))
        with _member(archive, members["vectors"]) as stream:
            vectors = _Array(f"{name}: vectors", stream, members["vectors"].file_size)
            return _pair(name, "NumPy .npz", words, vectors, collector, "the array")
    except (SpaceError, MemoryNeededError, OSError, MemoryError):
        raise
    except Exception as error:  # NumPy and zipfile raise a dozen kinds for damaged files
        raise unreadable_zip(name, error) from None


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> BinaryIO:
    return cast(BinaryIO, archive.open(member))


def read_npy(source: Source, options: ReadOptions, collector: Collector) -> LoadedEmbedding:
    """Read vectors from an .npy file and words from a vocabulary file."""
    words = vocabulary_for(source.name, options)
    try:
        vectors = _Array(source.name, source.stream, source.stream.size)
        return _pair(source.name, "NumPy .npy", words, vectors, collector, "the array")
    except (SpaceError, MemoryNeededError, OSError, MemoryError):
        raise
    except Exception as error:
        raise SpaceError(
            f"{source.name} is not a readable .npy file ({error}). It may be damaged or cut off."
        ) from None


def vocabulary_for(name: str, options: ReadOptions) -> list[str]:
    """The words of a matrix without words, from the file that `vocabulary` names."""
    if options.vocabulary is None:
        raise SpaceError(
            f"{name} holds a matrix without words. Name a file with one word a line, in the order "
            f"of its rows ({option('vocabulary', 'FILE')})."
        )
    return read_list(options.vocabulary, "the words of a vocabulary")


def _words(name: str, array: _Array) -> list[str]:
    if len(array.shape) != 1 or array.dtype.kind != "U":
        raise SpaceError(
            f"{name}: words has type {array.dtype} and shape {array.shape}, but must be a list of "
            "strings."
        )
    # A Python string takes some 60 bytes, or less than its letters do in the array.
    needed = 64 * array.shape[0] + array.bytes // 4
    require_memory(f"The {array.shape[0]:,} words of {name}", needed, "Load another file.")
    return [word for part in array.rows() for word in part.tolist()]


def _pair(
    name: str, kind: str, words: list[str], array: _Array, collector: Collector, by: str
) -> LoadedEmbedding:
    check_matrix(name, array.shape, array.dtype, len(words))
    collector.expect(int(array.shape[1]), int(array.shape[0]))
    check_limit(name, collector.options.limit, len(words))
    return read_matrix(kind, words, array.rows(), collector, by)


def check_matrix(name: str, shape: tuple[int, ...], dtype: object, words: int) -> None:
    """Raise `SpaceError` unless an array has a row of real numbers for every word."""
    kind = getattr(dtype, "kind", "")
    if len(shape) != 2 or kind not in ("f", "i", "u") or shape[0] != words or shape[1] == 0:
        raise SpaceError(
            f"{name}: vectors has shape {tuple(shape)} and type {dtype}, but {words:,} words need "
            "as many rows of numbers."
        )


def read_matrix(
    kind: str,
    words: list[str],
    parts: Iterator[NDArray[Any]],
    collector: Collector,
    by: str,
) -> LoadedEmbedding:
    """Words with the rows of a matrix, which comes in parts."""
    start = 0
    for part in parts:
        step = max(1, _STEP // (8 * part.shape[1]))
        for at in range(0, len(part), step):
            if collector.full:
                break
            rows = as_floats(collector.name, part[at : at + step])
            collector.add_rows(words[start + at : start + at + len(rows)], rows)
        start += len(part)
        if collector.full:
            break
    return collector.loaded(kind, decided_by=by)


def as_floats(name: str, rows: NDArray[Any]) -> NDArray[np.float64]:
    """The same numbers as float64; refuses those that float64 does not hold."""
    found = rows.astype(np.float64)
    finite = np.isfinite(found)
    if rows.dtype.itemsize >= 8 and not (found.astype(rows.dtype) == rows)[finite].all():
        raise SpaceError(
            f"{name}: vectors has type {rows.dtype} and numbers that a 64-bit float does not hold "
            "exactly. Round them to float64 first."
        )
    return found
