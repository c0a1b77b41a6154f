"""Formats that need a library of their own: .safetensors, Parquet and Arrow files."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ....errors import MemoryNeededError, SpaceError
from .arrays import as_floats, check_matrix, read_matrix, vocabulary_for
from .collect import Collector
from .model import LoadedEmbedding, ReadOptions, check_limit
from .streams import Source

if TYPE_CHECKING:
    from pyarrow import RecordBatch, Schema

__all__ = ["ARROW_MAGIC", "PARQUET_MAGIC", "is_safetensors", "read_safetensors", "read_table"]

PARQUET_MAGIC, ARROW_MAGIC = b"PAR1", b"ARROW1\0\0"

#: Rows of a table or matrix that are read at once.
_ROWS = 4096


def is_safetensors(head: bytes) -> bool:
    """Whether a file begins with the length of a JSON header and the header.

    Examples
    --------
    >>> is_safetensors(b'\\x02\\0\\0\\0\\0\\0\\0\\0{}'), is_safetensors(b"the 0.1 0.2")
    (True, False)
    """
    length = int.from_bytes(head[:8], "little")
    return len(head) > 8 and 2 <= length <= 10**8 and head[8:9] == b"{"


def _require_file(source: Source, kind: str) -> None:
    if source.file is None:
        raise SpaceError(
            f"{source.name} holds {kind} data, which is read only from a file that is neither "
            "compressed as a whole nor a pipe. Decompress it into a file first."
        )


def _missing(name: str, kind: str, extra: str) -> SpaceError:
    return SpaceError(
        f"{name} is a {kind} file, and {extra} is not installed, which reads it. Install dpaudit "
        f"with it: pip install 'dpaudit[{extra}]'."
    )


def read_safetensors(source: Source, options: ReadOptions, collector: Collector) -> LoadedEmbedding:
    """Read the one matrix of a .safetensors file that has a row for every word.

    Raises
    ------
    SpaceError
        If there is no such matrix or more than one, or no vocabulary.
    """
    name = source.name
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        raise _missing(name, ".safetensors", "safetensors") from None
    _require_file(source, ".safetensors")
    words = vocabulary_for(name, options)
    try:
        with safe_open(source.path, framework="numpy") as file:
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
            fitting = [key for key, at in shapes.items() if len(at) == 2 and at[0] == len(words)]
            if len(fitting) != 1:
                listed = ", ".join(f"{key} {shape}" for key, shape in list(shapes.items())[:5])
                raise SpaceError(
                    f"{name} has {len(fitting) or 'no'} matrices with a row for each of the "
                    f"{len(words):,} words of the vocabulary, but it must be one. Its tensors: "
                    f"{listed}{', …' if len(shapes) > 5 else ''}. Save the matrix alone."
                )
            matrix = file.get_slice(fitting[0])
            shape = shapes[fitting[0]]
            check_matrix(name, shape, matrix[0:1].dtype, len(words))
            collector.expect(shape[1], shape[0])
            check_limit(name, options.limit, len(words))
            last = shape[0]
            parts = (matrix[at : min(at + _ROWS, last)] for at in range(0, last, _ROWS))
            return read_matrix(".safetensors", words, parts, collector, f"the tensor {fitting[0]}")
    except (SafetensorError, TypeError, ValueError) as error:
        if isinstance(error, (SpaceError, MemoryNeededError)):
            raise
        raise SpaceError(
            f"{name} is not a .safetensors file that NumPy can read ({error}). It may be damaged, "
            "or of a type such as bfloat16: save it as float32."
        ) from None


def read_table(
    source: Source, kind: str, options: ReadOptions, collector: Collector
) -> LoadedEmbedding:
    """Read a Parquet or Arrow file: a column of words, and one of lists or several of numbers.

    Raises
    ------
    SpaceError
        If the columns are others, or something is missing in them.
    """
    name = source.name
    try:
        import pyarrow as pa
    except ImportError:
        raise _missing(name, kind.capitalize(), "arrow") from None
    _require_file(source, kind.capitalize())
    try:
        if kind == "parquet":
            from pyarrow import parquet

            with parquet.ParquetFile(source.path) as file:
                batches = file.iter_batches(batch_size=_ROWS)
                rows = file.metadata.num_rows
                return _batches(name, kind, file.schema_arrow, rows, batches, options, collector)
        with pa.OSFile(source.path) as stream, pa.ipc.open_file(stream) as reader:
            found = (reader.get_batch(i) for i in range(reader.num_record_batches))
            return _batches(name, kind, reader.schema, None, found, options, collector)
    except (pa.ArrowException, ValueError, TypeError, OSError) as error:
        if isinstance(error, (SpaceError, MemoryNeededError)):
            raise
        raise SpaceError(
            f"{name} is not a readable {kind.capitalize()} file ({error}). It may be damaged."
        ) from None


def _batches(
    name: str,
    kind: str,
    schema: "Schema",
    rows: int | None,
    batches: Iterator["RecordBatch"],
    options: ReadOptions,
    collector: Collector,
) -> LoadedEmbedding:
    word, numbers = _columns(name, schema)
    expected = False
    if rows is not None:
        check_limit(name, options.limit, rows)
    for batch in batches:
        if not len(batch):
            continue
        matrix = _matrix(name, batch, numbers)
        if not expected:
            collector.expect(matrix.shape[1], rows)
            expected = True
        elif matrix.shape[1] != collector.dimension:
            raise SpaceError(
                f"{name}: vectors of {collector.dimension:,} and of {matrix.shape[1]:,} numbers."
            )
        column = batch.column(word)
        if column.null_count:
            raise SpaceError(f"{name}: a word is missing in the column {word!r}.")
        words = column.to_pylist()
        check_matrix(name, matrix.shape, matrix.dtype, len(words))
        if collector.full:
            break
        collector.add_rows(words, as_floats(name, matrix))
    if not expected:
        raise SpaceError(f"{name} has no rows.")
    return collector.loaded(
        f"{kind.capitalize()} with words in the column {word!r}",
        decided_by="the columns" if len(numbers) > 1 else f"the column {numbers[0]!r}",
    )


def _columns(name: str, schema: "Schema") -> tuple[str, list[str]]:
    """The names of the column of words and of those of numbers or lists."""
    import pyarrow as pa

    types = pa.types
    words = [f.name for f in schema if types.is_string(f.type) or types.is_large_string(f.type)]
    others = [f for f in schema if f.name not in words]
    lists = [
        f
        for f in others
        if types.is_list(f.type) or types.is_large_list(f.type) or types.is_fixed_size_list(f.type)
    ]
    plain = [f for f in others if _is_number(f.type)]
    fits = len(words) == 1 and (
        (len(lists) == 1 and len(others) == 1 and _is_number(lists[0].type.value_type))
        or (not lists and plain and len(plain) == len(others) and len({f.type for f in plain}) == 1)
    )
    if not fits or len({f.name for f in schema}) < len(schema):
        listed = ", ".join(f"{f.name}: {f.type}" for f in list(schema)[:5])
        raise SpaceError(
            f"{name} must have one column of words and besides it either one column of lists of "
            f"numbers or columns of numbers of one type, but it has {listed}"
            f"{', …' if len(schema) > 5 else ''}."
        )
    return words[0], [f.name for f in (lists or plain)]


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _matrix(name: str, batch: "RecordBatch", columns: list[str]) -> NDArray[Any]:
    """The numbers of a batch, shape (rows, p)."""
    first = batch.column(columns[0])
    nested = hasattr(first, "flatten") and hasattr(first.type, "value_type")
    parts = [first.flatten()] if nested else [batch.column(column) for column in columns]
    if any(part.null_count for part in parts) or first.null_count:
        raise SpaceError(f"{name}: a number is missing (null).")
    arrays = [part.to_numpy(zero_copy_only=False) for part in parts]
    if not nested:
        return np.stack(arrays, axis=1)
    lengths = set(first.value_lengths().to_pylist()) if hasattr(first, "value_lengths") else None
    if lengths is not None and len(lengths) != 1:
        raise SpaceError(f"{name}: the lists in {columns[0]!r} differ in length.")
    return arrays[0].reshape(len(batch), -1)
