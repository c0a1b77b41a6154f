"""Which format a file has, and the reader for it."""

import codecs
from dataclasses import replace
from pathlib import Path

from ....errors import DPAuditError, SpaceError, option
from .arrays import NPY_MAGIC, read_npy, read_npz
from .binary import evidence, read_binary
from .collect import Collector
from .foreign import refuse_foreign
from .model import LoadedEmbedding, ReadOptions
from .rows import TEXT_BYTES, header_of, spells_numbers
from .streams import Source, file_errors, open_source
from .tables import ARROW_MAGIC, PARQUET_MAGIC, is_safetensors, read_safetensors, read_table
from .text import read_text, text_fault

__all__ = ["read_embedding"]

#: Bytes at the start of a file that are looked at before its format is decided.
_HEAD = 2**22


def read_embedding(
    path: Path,
    limit: int | None = None,
    options: ReadOptions | None = None,
    *,
    directions: bool = False,
    name: str | None = None,
) -> LoadedEmbedding:
    """Read the first `limit` words (or all) of an embedding file.

    Parameters
    ----------
    path
        A file or a pipe, compressed or not.
    limit
        Stands above that of `options`.
    options
        How to read; the default finds everything out.
    directions
        Whether vectors that are multiples of each other count as equal, where equal ones are
        dropped.
    name
        What messages call the file; its path by default.

    Raises
    ------
    SpaceError
        If the file is missing, empty, cut off, not of a known format, or contradicts the grammar
        of its format; with the line or entry where that was seen.
    MemoryNeededError
        If the vectors do not fit in memory.
    """
    options = options or ReadOptions()
    if limit is not None:
        options = replace(options, limit=limit)
    with file_errors(path):
        try:
            with open_source(path, name or str(path)) as source:
                loaded = _read(source, options, directions)
                if loaded.reading is None or source.compression is None:
                    return loaded
                reading = loaded.reading.model_copy(update={"compression": source.compression})
                return replace(loaded, reading=reading)
        except ValueError as error:
            if isinstance(error, DPAuditError):
                raise
            raise SpaceError(f"{str(path)!r} cannot be read: {error}.") from None


def _read(source: Source, options: ReadOptions, directions: bool) -> LoadedEmbedding:
    name, stream, wanted = source.name, source.stream, options.format
    collector = Collector(name, options, directions=directions)
    if source.archive is not None:
        _check_format(name, wanted, "npz")
        return read_npz(source, options, collector)
    head = stream.peek(_HEAD)
    if not head:
        raise SpaceError(f"{name} is empty.")
    refuse_foreign(name, head)
    if head.startswith(NPY_MAGIC):
        _check_format(name, wanted, "npy")
        return read_npy(source, options, collector)
    for magic, kind in ((PARQUET_MAGIC, "parquet"), (ARROW_MAGIC, "arrow")):
        if head.startswith(magic):
            _check_format(name, wanted, kind)
            return read_table(source, kind, options, collector)
    if wanted == "safetensors" or (wanted == "auto" and is_safetensors(head)):
        return read_safetensors(source, options, collector)
    if wanted not in ("auto", "text", "binary"):
        raise SpaceError(f"{option('format')} is {wanted}, but {name} does not begin like one.")
    if wanted == "binary" or (wanted == "auto" and _is_binary(source, head, options)):
        return read_binary(name, stream, options, collector)
    return read_text(name, stream, options, collector)


def _check_format(name: str, wanted: str, found: str) -> None:
    if wanted not in ("auto", found):
        raise SpaceError(f"{option('format')} is {wanted}, but {name} is of the format {found}.")


def _is_binary(source: Source, head: bytes, options: ReadOptions) -> bool:
    """Whether a file is word2vec binary and not text.

    Raises
    ------
    SpaceError
        If it could be both, or if it looks like a damaged binary file.
    """
    name = source.name
    line, end, _ = head[:200].partition(b"\n")
    if not end or header_of(line) is None or not _ascii_superset(options.encoding):
        return False
    whole = len(head) < _HEAD or not source.stream.peek(_HEAD + 1)[_HEAD:]
    binary = evidence(name, head, source.stream.size, whole, options)
    if binary.fault is not None:
        odd = head.translate(None, TEXT_BYTES + bytes(range(128, 256)))
        if (odd or not _decodes(head, options)) and text_fault(name, head, whole, options):
            raise binary.fault
        return False
    if not binary.complete and not binary.beyond_text:
        return False  # nothing but printable characters, and no end to check: that is no evidence
    if text_fault(name, head, whole, options) is not None:
        return not spells_numbers(head, options)  # a text that is damaged is no binary file
    if binary.blank_ends:
        return False
    raise SpaceError(
        f"{name} can be read as text and as word2vec binary, with other vectors. Say which it is "
        f"({option('format', 'text')} or {option('format', 'binary')})."
    )


def _ascii_superset(encoding: str) -> bool:
    every = bytes(range(32, 127))
    return every.decode(encoding, "replace") == every.decode("ascii")


def _decodes(head: bytes, options: ReadOptions) -> bool:
    """Whether the start of a file is text in the encoding asked for."""
    try:
        codecs.getincrementaldecoder(options.encoding)().decode(head)
    except UnicodeError:
        return False
    return True
