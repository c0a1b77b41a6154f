"""Files that are either written whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .errors import InputError

__all__ = ["whole_file", "write_whole"]


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
    of the file that it replaces, or those of any new file. Links are followed; a device or a pipe
    is written to as it is.

    Raises
    ------
    InputError
        If the file cannot be written. An `OSError` within the block counts as that.
    """
    target = Path(os.path.realpath(path))
    temporary = None
    try:
        if target.exists() and not target.is_file():
            with target.open("wb") as stream:
                yield stream
            return
        descriptor, temporary = tempfile.mkstemp(".part", f".{target.name[:99]}.", target.parent)
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(descriptor)
            os.fchmod(descriptor, _permissions(target))
        Path(temporary).replace(target)
        temporary = None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _permissions(target: Path) -> int:
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask
