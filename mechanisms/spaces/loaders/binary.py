"""word2vec's own binary format: a header line, then for each word

    entry = [LF] word blank p little-endian float32 numbers

without anything between entries (gensim), or with LF (the original program).
"""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....errors import SpaceError, option
from .collect import Collector
from .model import LoadedEmbedding, ReadOptions, check_limit
from .rows import TEXT_BYTES, header_of
from .streams import ByteStream

__all__ = ["Evidence", "evidence", "read_binary"]

#: A word is at most this many bytes long; longer means that the file is not what it seems.
_LONGEST_WORD = 4096

#: Sizes of components that are not 0. The vectors of real models are far inside; what text, code
#: or compressed data look like when taken for float32 is mostly outside.
_SMALLEST, _LARGEST = np.float32(1e-20), np.float32(1e20)


class _EndError(SpaceError):
    """The bytes end within an entry."""


@dataclass(frozen=True)
class Evidence:
    """What the start of a file says about whether it is word2vec binary.

    Attributes
    ----------
    fault
        What is against it, or None.
    complete
        Whether it was checked to the end of the file.
    beyond_text
        Whether some vector holds bytes that are neither printable nor UTF-8.
    blank_ends
        Whether every vector ends in the byte of a blank, as every line of fastText does. For a
        vector that would be a last component of about 1e-19 in every entry.
    """

    fault: SpaceError | None
    complete: bool = False
    beyond_text: bool = False
    blank_ends: bool = False


def evidence(
    name: str, head: bytes, size: int | None, whole: bool, options: ReadOptions
) -> Evidence:
    """Check all entries in the start of a file, which is all of it if `whole`.

    Words must be words, components 0 or from 1e-20 to 1e20 in size, and the announced length must
    be that of the file, as far as `head` and `size`, its number of bytes, tell.
    """
    stream = ByteStream(io.BytesIO(head), size)
    beyond, blanks, number = False, True, 0
    try:
        _, count, dimension = _header(name, stream)
        _check_room(name, stream, count, dimension)
        entries = _Entries(name, stream, dimension, options.encoding)
        while number < count:
            number += 1
            entry = entries.take()
            _check_components(name, entry)
            beyond = beyond or _beyond_text(entry.data)
            blanks = blanks and entry.data.endswith(b" ")
        if whole:
            entries.check_rest(count)
    except SpaceError as fault:
        cut = isinstance(fault, _EndError) and not whole
        behind_limit = options.limit is not None and number > options.limit
        return Evidence(None if cut or behind_limit else fault, False, beyond, blanks)
    return Evidence(None, whole, beyond, blanks)


def _beyond_text(data: bytes) -> bool:
    if data.translate(None, TEXT_BYTES + bytes(range(128, 256))):
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason != "unexpected end of data" and error.start > 3
    return False


def read_binary(
    name: str, stream: ByteStream, options: ReadOptions, collector: Collector
) -> LoadedEmbedding:
    """Read a word2vec binary file from its start to the limit or its end.

    Raises
    ------
    SpaceError
        With the entry and what is wrong with it.
    """
    header, count, dimension = _header(name, stream)
    if options.dimension not in (None, dimension):
        raise SpaceError(
            f"{option('dimension')} is {options.dimension:,}, but the header of {name} says "
            f"{dimension:,} components."
        )
    check_limit(name, options.limit, count)
    _check_room(name, stream, count, dimension)
    collector.expect(dimension, count)
    entries = _Entries(name, stream, dimension, options.encoding)
    remarks = []
    for _ in range(count):
        if collector.full:
            if stream.size is None:
                remarks.append(
                    "Whether the file has the length that its header announces was not checked: "
                    "it is compressed or a pipe, and reading stopped at the limit."
                )
            break
        entry = entries.take()
        row = _check_components(name, entry)
        if collector.wants(entry.word):
            collector.add(entry.word, row.tolist())
    else:
        entries.check_rest(count)
    return collector.loaded(
        "word2vec binary",
        header=header,
        encoding=options.encoding,
        decided_by="the header",
        remarks=remarks,
    )


def _header(name: str, stream: ByteStream) -> tuple[str, int, int]:
    line, found, _ = stream.peek(200).partition(b"\n")
    header = header_of(line) if found else None
    if header is None:
        raise SpaceError(
            f"{name} is not a word2vec binary file: its first line does not say how many words "
            "and components follow."
        )
    stream.take(len(line) + 1)
    return line.decode("ascii").strip(), *header


def _check_room(name: str, stream: ByteStream, count: int, dimension: int) -> None:
    """Each entry takes 4 bytes a component, a blank, and a byte or more of its word."""
    left = stream.left
    if left is not None and count * (4 * dimension + 2) > left:
        raise SpaceError(
            f"{name} is cut off: its header promises {count:,} words of {dimension:,} components, "
            f"but only {left:,} bytes follow."
        )


@dataclass(frozen=True)
class _Entry:
    number: int
    word: str
    data: bytes


class _Entries:
    """The entries behind the header, one after the other."""

    def __init__(self, name: str, stream: ByteStream, dimension: int, encoding: str) -> None:
        self._name, self._stream, self._encoding = name, stream, encoding
        self._width = 4 * dimension
        self._buffer, self._at, self._number = b"", 0, 0

    def take(self) -> _Entry:
        """The next entry."""
        self._number += 1
        place = f"{self._name}, entry {self._number:,}"
        end = self._buffer.find(b" ", self._at)
        while end < 0 and len(self._buffer) - self._at <= _LONGEST_WORD and self._more():
            end = self._buffer.find(b" ", self._at)
        raw = self._buffer[self._at : end if end >= 0 else None]
        if end < 0 or len(raw) > _LONGEST_WORD:
            error = SpaceError if len(raw) > _LONGEST_WORD else _EndError
            raise error(f"{place}: no word found; the file is cut off or damaged.")
        self._at = end + 1
        while len(self._buffer) - self._at < self._width and self._more():
            pass
        data = self._buffer[self._at : self._at + self._width]
        if len(data) < self._width:
            raise _EndError(f"{place}: the file is cut off inside the vector.")
        self._at += self._width
        return _Entry(self._number, self._decoded(place, raw), data)

    def _more(self) -> bool:
        block = self._stream.block()
        self._buffer, self._at = self._buffer[self._at :] + block, 0
        return bool(block)

    def _decoded(self, place: str, raw: bytes) -> str:
        raw = raw.removeprefix(b"\r\n").removeprefix(b"\n")
        try:
            word = raw.decode(self._encoding)
        except UnicodeError as error:
            byte = getattr(error, "start", 0) + 1
            raise SpaceError(
                f"{place}: byte {byte} of the word is not {self._encoding.upper()} text."
            ) from None
        if not word or "\n" in word or "\r" in word:
            raise SpaceError(
                f"{place}: {word!r} is no word, so this is not a word2vec binary file."
            )
        return word

    def check_rest(self, count: int) -> None:
        """Hold that nothing but line ends follows."""
        rest = self._buffer[self._at :]
        while not rest.strip() and (more := self._stream.block()):
            rest = more
        if rest.strip():
            raise SpaceError(
                f"{self._name}: more follows the {count:,} words that the header promises."
            )


def _check_components(name: str, entry: _Entry) -> NDArray[np.float64]:
    row = np.frombuffer(entry.data, dtype="<f4")
    sizes = np.abs(row)
    odd = ~((sizes >= _SMALLEST) & (sizes <= _LARGEST) | (sizes == 0.0))
    if odd.any():
        place = int(np.argmax(odd))
        raise SpaceError(
            f"{name}, entry {entry.number:,}: the vector of the word {entry.word!r} has the "
            f"component {row[place]:g} (number {place + 1:,}), but those of a word2vec binary file "
            f"must be 0 or from {_SMALLEST:g} to {_LARGEST:g} in size."
        )
    return row.astype(np.float64)
