"""Certificate files: read whole or refused, and only in their one canonical form.

A certificate may come from anybody. So what is not an ordinary file of a reasonable size is refused
before anything is read: a pipe or a device may never end.
"""

import os
import stat
from pathlib import Path

from pydantic import ValidationError

from ..errors import InputError
from ..visible import visible
from .model import Certificate

__all__ = [
    "LARGEST_FILE",
    "read_certificate",
    "require_ordinary_file",
]

#: Bytes. Vectors that come from no file are written out; 5 million components fit.
LARGEST_FILE = 2**28

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def require_ordinary_file(path: str | Path) -> int:
    """The size in bytes of an ordinary file that is not empty; it is not opened.

    Files of the kernel under /proc have size 0, and reading some of them never ends.

    Raises
    ------
    InputError
        If there is no such file, or it is a pipe, a device or something else.
    """
    try:
        return _ordinary(path, os.stat(path))  # noqa: PTH116 - Path.stat says the same, less
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:  # a zero byte in the name
        raise InputError(f"{str(path)!r} cannot be read: {error}.") from None


def _ordinary(path: str | Path, found: os.stat_result) -> int:
    if not stat.S_ISREG(found.st_mode):
        kind = next((words for is_a, words in _KINDS if is_a(found.st_mode)), "no file")
        raise InputError(f"{path} is {kind}, but it must be an ordinary file: save it to one.")
    if found.st_size == 0:
        raise InputError(f"{path} is empty.")
    return found.st_size


def read_certificate(path: str | Path) -> Certificate:
    """Read a certificate file.

    Raises
    ------
    InputError
        If there is no such file, or it is no certificate; the message names the field at fault,
        or the first line that is not in canonical form.
    """
    text = _read_text(path)
    try:
        certificate = Certificate.from_json(text)
        canonical = certificate.to_json()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(f"{path} is no certificate: {where}: {first['msg']}.") from None
    if text != canonical:
        raise InputError(
            f"{path} is not in the canonical form of a certificate: "
            f"{_first_difference(text, canonical)}"
        )
    return certificate


def _read_text(path: str | Path) -> str:
    require_ordinary_file(path)
    # The file may have been replaced by a pipe since: opening one waits for a writer otherwise.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(path, flags), "rb") as stream:  # noqa: PTH123 - a descriptor
            size = _ordinary(path, os.fstat(stream.fileno()))
            data = b"" if size > LARGEST_FILE else stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    if max(size, len(data)) > LARGEST_FILE:
        raise InputError(
            f"{path} has {size:,} bytes, but a certificate has at most {LARGEST_FILE:,}."
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text file, so it is no certificate.") from None
    return text.replace("\r\n", "\n")  # line ends change on the way through some systems


def _first_difference(text: str, canonical: str) -> str:
    ours, theirs = text.split("\n"), canonical.split("\n")
    line = next(
        (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
        min(len(ours), len(theirs)),
    )
    found, wanted = (_line(lines, line) for lines in (ours, theirs))
    return (
        f"line {line + 1} is {found}, but dpaudit writes {wanted}. A key that occurs twice, "
        "a number in another spelling or another layout is refused, so that nobody reads "
        "something else than what is checked."
    )


def _line(lines: list[str], place: int) -> str:
    if place >= len(lines):
        return "missing"
    shown = visible(lines[place].strip())
    return repr(shown if len(shown) <= 100 else f"{shown[:100]}…")
