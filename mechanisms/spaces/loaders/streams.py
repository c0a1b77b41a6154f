"""Bytes of embedding files: plain, compressed, from a pipe; blocks, lines with a largest length."""

import bz2
import errno
import gzip
import io
import lzma
import os
import select
import stat
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from ....errors import MemoryNeededError, SpaceError, option

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = [
    "DAMAGE",
    "LONGEST_LINE",
    "ByteStream",
    "Source",
    "file_errors",
    "lines",
    "open_source",
    "unreadable_zip",
]

#: Bytes that are read at once.
_BLOCK = 2**20

#: A line of a text file has at most so many bytes: some 700,000 components.
LONGEST_LINE = 2**24

#: Seconds to wait for somebody who writes to a named pipe.
_PATIENCE = 10.0

_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")

#: What readers of compressed data raise for damaged or unfinished ones.
DAMAGE = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile)


class ByteStream:
    """Bytes that are read once, from front to back, with as much of a look ahead as asked for.

    Attributes
    ----------
    size
        Number of all bytes, or None where that is not known before the end.
    unended
        Whether `lines` found a last line without a line end.
    """

    def __init__(self, raw: BinaryIO, size: int | None = None) -> None:
        self._raw = raw
        self._ahead = b""
        self._taken = 0
        self.size = size
        self.unended = False

    @property
    def left(self) -> int | None:
        """Bytes that follow, or None where that is not known."""
        return None if self.size is None else self.size - self._taken

    def peek(self, count: int) -> bytes:
        """The next `count` bytes, or all that are left if they are fewer; not taken."""
        parts, have = [self._ahead], len(self._ahead)
        while have < count and (more := self._raw.read(min(_BLOCK, count - have))):
            parts.append(more)
            have += len(more)
        self._ahead = b"".join(parts)
        return self._ahead[:count]

    def take(self, count: int) -> bytes:
        """The next `count` bytes, fewer at the end."""
        found = self.peek(count)
        self._ahead = self._ahead[count:]
        self._taken += len(found)
        return found

    def block(self) -> bytes:
        """Some of the next bytes, none at the end."""
        found, self._ahead = self._ahead or self._raw.read(_BLOCK), b""
        self._taken += len(found)
        return found


def lines(stream: ByteStream, name: str) -> Iterator[bytes]:
    """The lines that are left, without LF; the last one may lack it.

    Raises
    ------
    SpaceError
        For a line of more than `LONGEST_LINE` bytes.
    """
    rest, number = b"", 1
    while block := stream.block():
        found = (rest + block).split(b"\n")
        rest = found.pop()
        if len(rest) > LONGEST_LINE:
            raise SpaceError(
                f"{name} is not an embedding file: there is a line of more than "
                f"{LONGEST_LINE:,} bytes behind line {number + len(found) - 1:,}."
            )
        number += len(found)
        yield from found
    if rest:
        stream.unended = True
        yield rest


@dataclass
class Source:
    """An open embedding file.

    Attributes
    ----------
    name
        As messages call it.
    path
        Where it is.
    stream
        Its bytes after decompression.
    file
        A stream that can be rewound, if the file is not compressed, or None.
    compression
        Name of the compression, or None.
    archive
        The members, if it is a zip file of several or of NumPy arrays.
    """

    name: str
    path: str
    stream: ByteStream
    file: BinaryIO | None
    compression: str | None = None
    archive: zipfile.ZipFile | None = None


@contextmanager
def open_source(path: Path, name: str) -> Iterator[Source]:
    """Open a regular file or a pipe; compressed data are recognised by their first bytes.

    Raises
    ------
    SpaceError
        For a device, a pipe that nobody writes to, and an archive of several files.
    OSError
        If the file cannot be opened.
    """
    with ExitStack() as stack:
        raw, size = _open(path, name, stack)
        head = raw.peek(6)[:6]
        if not head:
            raise SpaceError(f"{name} is empty.")
        plain = raw if size is not None else None
        if head.startswith(b"\x1f\x8b"):
            stream = cast(BinaryIO, stack.enter_context(gzip.GzipFile(fileobj=raw)))
            yield Source(name, str(path), ByteStream(stream), None, "gzip")
        elif head.startswith(b"BZh"):
            stream = cast(BinaryIO, stack.enter_context(bz2.BZ2File(raw)))
            yield Source(name, str(path), ByteStream(stream), None, "bzip2")
        elif head.startswith(b"\xfd7zXZ"):
            stream = cast(BinaryIO, stack.enter_context(lzma.LZMAFile(raw)))
            yield Source(name, str(path), ByteStream(stream), None, "xz")
        elif head[:4] in _ZIP_MAGIC:
            yield _open_zip(path, name, raw if plain else _spooled(raw, stack), stack)
        else:
            yield Source(
                name,
                str(path),
                ByteStream(cast(BinaryIO, raw), size),
                cast("BinaryIO | None", plain),
            )


@contextmanager
def file_errors(name: object) -> Iterator[None]:
    """What goes wrong with a file within the block becomes a `SpaceError` that names it."""
    try:
        yield
    except SpaceError:
        raise
    except DAMAGE as error:
        raise SpaceError(
            f"{name} cannot be decompressed: {error}. The file is damaged or cut off; fetch it "
            "again."
        ) from None
    except OSError as error:
        raise SpaceError(f"{name} cannot be read: {error.strerror or error}.") from None
    except MemoryError:
        raise MemoryNeededError(
            f"{name} does not fit in memory. Load fewer words ({option('limit')})."
        ) from None


def _open(path: Path, name: str, stack: ExitStack) -> tuple[io.BufferedReader, int | None]:
    kind = path.stat().st_mode
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISREG(kind):
        stream = cast(io.BufferedReader, stack.enter_context(path.open("rb", buffering=_BLOCK)))
        return stream, os.fstat(stream.fileno()).st_size
    if not stat.S_ISFIFO(kind):
        raise SpaceError(
            f"{name} is a device or a socket, and vectors are read from files and pipes only."
        )
    pipe = _Pipe(path, name)
    stack.callback(pipe.close)
    return io.BufferedReader(pipe, _BLOCK), None


class _Pipe(io.RawIOBase):
    """A pipe to read from, opened without waiting for a writer who may never come.

    Reading a pipe without data tells which it is: nothing to read yet, or nobody who writes.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._first = b""
        try:
            self._await_writer(name)
            os.set_blocking(self._descriptor, True)
        except BaseException:
            self.close()
            raise

    def _await_writer(self, name: str) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN | select.POLLHUP)
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            if poll.poll(50):
                return
            try:
                self._first = os.read(self._descriptor, 1)
            except BlockingIOError:  # a writer has opened it and may take his time
                return
            if self._first:
                return
        raise SpaceError(
            f"{name} is a pipe that no process has written to for {_PATIENCE:g} seconds. Start "
            "its writer first, or name a file."
        )

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        if self._first:
            memoryview(buffer).cast("B")[:1] = self._first
            self._first = b""
            return 1
        return os.readv(self._descriptor, [buffer])

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


def _spooled(raw: BinaryIO, stack: ExitStack) -> BinaryIO:
    """A temporary file with what a pipe holds: a zip file is read from its end."""
    file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    while block := raw.read(_BLOCK):
        file.write(block)
    file.seek(0)
    return cast(BinaryIO, file)


def _open_zip(path: Path, name: str, file: BinaryIO, stack: ExitStack) -> Source:
    try:
        archive = stack.enter_context(zipfile.ZipFile(file))
    except (*DAMAGE, NotImplementedError, ValueError, OSError) as error:
        raise unreadable_zip(name, error) from None
    members = [member for member in archive.infolist() if not member.is_dir()]
    arrays = [member for member in members if member.filename.endswith(".npy")]
    if len(members) != 1 or arrays:
        if members and not arrays:
            _refuse_members(name, [member.filename for member in members])
        return Source(name, str(path), ByteStream(file), None, archive=archive)
    try:
        stream = cast(BinaryIO, stack.enter_context(archive.open(members[0])))
    except (*DAMAGE, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise unreadable_zip(name, error) from None
    return Source(name, str(path), ByteStream(stream, members[0].file_size), None, "zip")


def unreadable_zip(name: str, error: object) -> SpaceError:
    """What to say about a zip file, .npz included, that cannot be read."""
    return SpaceError(
        f"{name} is not a readable .npz or .zip file ({error}). It may be damaged or cut off, or "
        "use a compression or an encryption that is not supported."
    )


def _refuse_members(name: str, members: list[str]) -> None:
    if any(member.endswith("data.pkl") for member in members):
        raise SpaceError(
            f"{name} is a PyTorch file, which holds pickled objects, and these are never loaded. "
            "Save the matrix with safetensors.torch.save_file, or words and vectors with "
            "numpy.savez."
        )
    shown = ", ".join(members[:3])
    raise SpaceError(
        f"{name} is not a readable embedding: it is a .zip of {len(members)} files ({shown}"
        f"{', …' if len(members) > 3 else ''}), and has no array 'words'. Unzip it and name one "
        "of them."
    )
