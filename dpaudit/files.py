"""Files that are either written whole or not at all, and what is not a file.

Only regular files are replaced. A device, a pipe, and every name of a descriptor that is open
already (`/dev/stdout`, `/dev/fd/3`) is a stream: it is written to where it stands, so that
`--json /dev/stdout >> log.txt` adds to the log.
"""

import contextlib
import fcntl
import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .errors import InputError

__all__ = ["descriptor_of", "require_writable", "same_file", "whole_file", "write_whole"]

#: How many links may lead to a descriptor.
_MOST_LINKS = 40


def descriptor_of(path: str | Path) -> int | None:
    """The open descriptor that a path is another name of, or None.

    Examples
    --------
    >>> descriptor_of("/dev/stdout"), descriptor_of("/dev/fd/7"), descriptor_of("stdout")
    (1, 7, None)
    """
    name = Path(path)
    for _ in range(_MOST_LINKS):
        folder = Path(os.path.realpath(name.parent))
        if name.name.isdigit() and _is_folder_of_descriptors(str(folder)):
            return int(name.name)
        name = folder / name.name
        try:
            name = folder / name.readlink()
        except (OSError, ValueError):  # no link, or no name that a file can have
            return None
    return None


def _is_folder_of_descriptors(folder: str) -> bool:
    # Not compiled once for all: a forked worker has another number.
    return folder == "/dev/fd" or bool(
        re.fullmatch(rf"/proc/(self|{os.getpid()})(/task/\d+)?/fd", folder)
    )


def same_file(first: str | Path, second: str | Path) -> bool:
    """Whether two paths, or descriptors' names, lead to one regular file, existing or not.

    Examples
    --------
    >>> same_file("a.txt", "./a.txt"), same_file("a.txt", "b.txt")
    (True, False)
    >>> same_file("/dev/null", "/dev/null")
    False
    """
    one, other = _status(first), _status(second)
    if one is None and other is None:
        return os.path.realpath(first) == os.path.realpath(second)
    if one is None or other is None or not stat.S_ISREG(one.st_mode):
        return False
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def _status(path: str | Path) -> os.stat_result | None:
    descriptor = descriptor_of(path)
    try:
        return Path(path).stat() if descriptor is None else os.fstat(descriptor)
    except (OSError, ValueError):
        return None


def require_writable(path: str | Path, name: str) -> None:
    """Notice before any work that `whole_file` could not write to `path`.

    A file is tried in its folder and removed again; a stream must be open for writing.

    Parameters
    ----------
    path
        Where something will be written.
    name
        The argument or option that gave it, for the message.

    Raises
    ------
    InputError
        If it cannot be written: a folder, in a folder that is not there, read-only, too long a
        name, a disk without room.
    """
    try:
        descriptor = descriptor_of(path)
        if descriptor is not None:
            if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
                raise InputError(f"{name} is {str(path)!r}, but that is open for reading only.")
            return
        target = Path(os.path.realpath(path))
        if target.is_dir() or str(path).endswith("/"):
            raise InputError(f"{name} is {str(path)!r}, but that is a folder: give a file in it.")
        if target.exists() and not target.is_file():
            if not os.access(target, os.W_OK):
                raise InputError(f"{name} is {str(path)!r}, which may not be written to.")
            return
        if not target.parent.is_dir():
            raise InputError(
                f"{name} is {str(path)!r}, but there is no folder {str(target.parent)!r}."
            )
        with contextlib.suppress(FileNotFoundError):
            target.lstat()  # a name that is too long fails here
        descriptor, temporary = _temporary(target)
        os.close(descriptor)
        Path(temporary).unlink()
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(
            f"{name} is {str(path)!r}, which cannot be written: {_why(error)}."
        ) from None


def write_whole(path: str | Path, text: str) -> None:
    """Write UTF-8 text by `whole_file`.

    Raises
    ------
    InputError
        If the folder does not exist or cannot be written to.
    """
    with whole_file(path) as stream:
        stream.write(text.encode("utf-8"))


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """A stream to a temporary file beside `path`, renamed to it at the end of the block.

    If the block is left by an exception, whatever it is, the temporary file is removed and `path`
    stays as it was. Only the owner can read the temporary file; at the end it gets the permissions
    of the file that it replaces, or those of any new file. Links are followed; a device, a pipe or
    the name of an open descriptor is written to as it is,
    and if its reader goes, nobody misses the rest.

    Raises
    ------
    InputError
        If the file cannot be written. An `OSError` within the block counts as that.
    """
    temporary = None
    try:
        descriptor = descriptor_of(path)
        if descriptor is not None:
            if sys.stdout is not None:
                sys.stdout.flush()  # what was printed before comes first
            with (
                contextlib.suppress(BrokenPipeError),
                os.fdopen(os.dup(descriptor), "wb") as stream,
            ):
                yield stream
            return
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():
            with contextlib.suppress(BrokenPipeError), target.open("wb") as stream:
                yield stream
            return
        descriptor, temporary = _temporary(target)
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(descriptor)
            os.fchmod(descriptor, _permissions(target))
        Path(temporary).replace(target)
        temporary = None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {_why(error)}.") from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _temporary(target: Path) -> tuple[int, str]:
    # Of bytes, since a name has at most 255 of them, and this one is longer than the target's.
    name = os.fsdecode(os.fsencode(target.name)[:99])
    return tempfile.mkstemp(".part", f".{name}.", target.parent)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _permissions(target: Path) -> int:
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask
