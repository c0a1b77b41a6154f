"""Files that are either written whole or not at all."""

import os
from pathlib import Path

from .errors import InputError

__all__ = ["write_whole"]


def write_whole(path: str | Path, text: str) -> None:
    """Write UTF-8 text to a temporary file beside `path`, then rename it.

    Raises
    ------
    InputError
        If the folder does not exist or cannot be written to.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(target)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from None
    finally:
        temporary.unlink(missing_ok=True)
