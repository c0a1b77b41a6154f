"""The embedding file that a certificate is compared with, read as the certificate says.

The certificate may come from anybody, and so may the names of files in it: only ordinary files are
opened under them. What options it states proves nothing, because words and vectors are compared by
their digest after the reading.
"""

import inspect
import os
import stat
from collections.abc import Callable
from typing import Any

from ..errors import InputError, SpaceError, option
from ..mechanisms.spaces import EmbeddingSpace
from ..visible import visible
from .files import require_ordinary_file
from .model import CertifiedSpace

__all__ = ["BUILTIN", "read_space", "reading_sentences", "unknown_options"]

#: Stands for the space that ships with dpaudit, where a path may stand.
BUILTIN = "builtin"

#: Options of reading that are names of other files.
_FILES = ("words", "vocabulary")


def _options_of(reader: Callable[..., EmbeddingSpace]) -> set[str]:
    return set(inspect.signature(reader).parameters) - {"path", "limit", "metric"}


def unknown_options(stated: CertifiedSpace) -> list[str]:
    """Options of reading that a certificate states and that do not exist."""
    named = stated.reading.options if stated.reading else {}
    return sorted(set(named) - _options_of(EmbeddingSpace.load))


def _stated_options(stated: CertifiedSpace, path: str) -> dict[str, Any]:
    """The options of reading that a certificate states and that have a meaning for this path;
    duplicates are always dropped."""
    takes = _options_of(EmbeddingSpace.builtin if path == BUILTIN else EmbeddingSpace.load)
    named = stated.reading.options if stated.reading else {}
    return {k: value for k, value in named.items() if k in takes - {"on_duplicate"}}


def read_space(stated: CertifiedSpace, path: str, *, chosen: bool) -> EmbeddingSpace:
    """The first words and vectors, as many as a certificate states, of an embedding file.

    Parameters
    ----------
    stated
        Number of words, metric, and options of reading.
    path
        The file, or "builtin".
    chosen
        Whether the user named it, and not the certificate: it may be a pipe then.

    Raises
    ------
    InputError
        If it cannot be read, which says nothing about the certificate.
    """
    options = _stated_options(stated, path)
    for name in _FILES:
        if name in options:
            require_ordinary_file(str(options[name]))
    if path == BUILTIN:
        return EmbeddingSpace.builtin(stated.words, stated.metric, **options)
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises where a name is too long
        raise SpaceError(
            f"There is no embedding file {path}, with which the words and vectors of the "
            f"certificate are to be compared. Say where it is ({option('space', 'FILE')})."
        )
    if not (chosen and stat.S_ISFIFO(os.stat(path).st_mode)):  # noqa: PTH116
        require_ordinary_file(path)
    try:
        return EmbeddingSpace.load(
            path, limit=stated.words, metric=stated.metric, on_duplicate="drop", **options
        )
    except InputError as error:
        how = f", read with {_named(options)} as it says" if options else ""
        raise SpaceError(
            f"{path} does not give the {stated.words:,} words and vectors of the certificate{how}: "
            f"{error}"
        ) from None


def reading_sentences(space: EmbeddingSpace) -> tuple[str, ...]:
    """How a space was read from its file, and with which options; nothing for the built-in one as
    it is.

    Examples
    --------
    >>> reading_sentences(EmbeddingSpace.builtin(10))
    ()
    >>> reading_sentences(EmbeddingSpace.builtin(10, normalize=True))[-1]
    'Options of reading, from the certificate: normalize = True.'
    """
    if space.reading is None:
        return ()
    options = {k: value for k, value in space.reading.options.items() if k != "on_duplicate"}
    asked = [f"Options of reading, from the certificate: {_named(options)}."] if options else []
    return (*space.reading.sentences(), *map(visible, asked))


def _named(options: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in options.items())
