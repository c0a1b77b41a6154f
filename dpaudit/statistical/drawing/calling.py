"""One chunk of calls of a mechanism, the same in this process and in a worker.

Draws are made in chunks of fixed size. All randomness of a chunk comes from `SeedSequence`
children that are named by the seed, the key of the batch and the number of the chunk, so the
outputs do not depend on the process that made them, nor on the order. Labels have children of
their own and are drawn in the auditor's process: whatever a mechanism does with its generators,
it learns nothing about the labels.

Mechanisms that use Python's `random` or NumPy's global state draw from it as they please: both
are seeded for each chunk from a child as well, so a seed reproduces them too.
"""

import random
from collections.abc import Callable, MutableSequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from ...errors import InputError, option
from .callables import Source
from .failures import Kind, MechanismFailure, shorten
from .ignoring import without
from .inputs import copier, identity, is_frame
from .outputs import (
    Piece,
    UnusableOutputError,
    canonical,
    interleaved,
    piece_of_array,
    piece_of_values,
    values_of,
)
from .structures import EXCEPTION, VIEW, Record

__all__ = [
    "IDLE",
    "Answer",
    "Batch",
    "Chunk",
    "Note",
    "TimeUp",
    "chunks_of",
    "failure",
    "run_chunk",
]

#: Rounds of a chunk. Many where a call makes many outputs: seeding costs some 0.1 ms a chunk.
#: Not more, because a call of a slow mechanism has to keep within the time limit. Few where each
#: output is a call of its own: those calls may take seconds each and are shared among workers.
SIZE, SIZE_ONE_AT_A_TIME = 16_384, 128

#: Of so many chunks of single calls, one is looked at for changes of the input.
_LOOK = 16

#: What a process writes down for those who watch the time: a single number, `IDLE` or one that
#: differs from call to call and is even on the first input, odd on the second.
Note = MutableSequence[int]
IDLE = 0

#: What a note grows by from one single call of a chunk to the next: it stays even or odd.
_NEXT = 2**32

_LABELS, _ORDER, _FIRST, _SECOND, _GLOBALS = range(5)

_EXPECTED_VALUE = (
    "An output is a number, text, bytes, None, or a tuple, list, array, set, dictionary, dataclass "
    "or data frame of these; turn any other object into one of them"
)


class TimeUp(BaseException):
    """Raised inside a call that takes too long; no `except Exception` of a mechanism stops it."""


@dataclass(frozen=True)
class Batch:
    """What is drawn: `count` rounds on two inputs, with the names of their random numbers."""

    first: Any
    second: Any
    count: int
    seed: int
    key: tuple[int, ...]

    def child(self, purpose: int, chunk: int = 0) -> SeedSequence:
        """The seed for one purpose in one chunk."""
        return SeedSequence(self.seed, spawn_key=(purpose, *self.key, chunk))


@dataclass(frozen=True, eq=False)
class Chunk:
    """Rounds that are drawn together.

    Attributes
    ----------
    number
        Place in the batch, from 0.
    labels
        True for the first input, shape (rounds,).
    first_goes_first
        Which input a vectorised mechanism is called on first; a coin, so that a mechanism that
        remembers its calls cannot tell the labels by the order.
    """

    number: int
    labels: NDArray[np.bool_]
    first_goes_first: bool


@dataclass(frozen=True, eq=False)
class Answer:
    """What the calls of a chunk gave.

    Attributes
    ----------
    outputs
        In the order of the labels.
    changed
        Whether the mechanism was seen to change its input, of which every call has a copy.
    """

    outputs: Piece
    changed: bool


def chunks_of(source: Source, batch: Batch) -> list[Chunk]:
    """All chunks of a batch, with their labels."""
    size = SIZE_ONE_AT_A_TIME if source.one_at_a_time else SIZE
    starts = range(0, batch.count, size)
    labels = np.random.default_rng(batch.child(_LABELS)).integers(0, 2, batch.count, dtype=bool)
    orders = np.random.default_rng(batch.child(_ORDER)).integers(0, 2, len(starts), dtype=bool)
    return [
        Chunk(number, labels[start : start + size], bool(order))
        for number, (start, order) in enumerate(zip(starts, orders, strict=True))
    ]


def run_chunk(source: Source, batch: Batch, chunk: Chunk, note: Note, limit: float) -> Answer:
    """The outputs of one chunk, in the order of its labels.

    Raises
    ------
    MechanismFailure
        If the mechanism raises, or the watch calls time.
    InputError
        If it returns what cannot be used, or itself says that its input is wrong.
    """
    _seed_globals(batch.child(_GLOBALS, chunk.number))
    try:
        if source.one_at_a_time:
            return _one_at_a_time(source, batch, chunk, note, limit)
        return _vectorised(source, batch, chunk, note, limit)
    except TimeUp:
        raise failure(source, batch, note[0], "hung", f"no answer within {limit:g} s") from None
    except (InputError, KeyboardInterrupt):
        raise
    except BaseException as error:  # `sys.exit()` is a failure of the mechanism too
        if note[0] == IDLE:
            raise
        message = f"{type(error).__name__}: {_text(error)}"
        raise failure(source, batch, note[0], "raised", message) from error
    finally:
        note[0] = IDLE


def failure(source: Source, batch: Batch, note: int, kind: Kind, message: str) -> MechanismFailure:
    """The failure during the call that is noted."""
    if note == IDLE:
        guilty, drawn = shorten((batch.first, batch.second)) + " (one of the two)", 0
    else:
        guilty = shorten(batch.second if note % 2 else batch.first)
        before = note % _NEXT // 2 - 1
        drawn = before if source.one_at_a_time else before // 2 * SIZE
    return MechanismFailure(kind, guilty, message, source.name, drawn)


class _Inputs:
    """The two inputs of a batch, by label: a copy for every call, if they can be changed."""

    def __init__(self, batch: Batch) -> None:
        self._originals = (batch.second, batch.first)
        self.copiers = tuple(map(copier, self._originals))
        self.changed = False

    def take(self, label: bool) -> Any:
        """The input for a call."""
        copies = self.copiers[label]
        return self._originals[label] if copies is None else copies()

    def look(self, label: bool, used: Any) -> None:
        """Notice whether a call has changed its input."""
        copies = self.copiers[label]
        if copies is not None and not self.changed:
            self.changed = bool(identity(used) != identity(copies()))


def _one_at_a_time(source: Source, batch: Batch, chunk: Chunk, note: Note, limit: float) -> Answer:
    call = source.call
    inputs = _Inputs(batch)
    copiers = inputs.copiers
    # Made only where it is wanted: in a chunk of fast calls it would take a tenth of the time.
    rest = (np.random.default_rng(batch.child(_FIRST, chunk.number)),) if source.takes_rng else ()
    arguments = [(batch.second, *rest), (batch.first, *rest)]
    # To look at every call would take longer than most calls do.
    records = source.records_exceptions
    seen = partial(_looked_at, source) if source.changes_outputs else canonical
    looked = chunk.number % _LOOK == 0
    looks = {int(chunk.labels.argmax()), int(chunk.labels.argmin())} if looked else set()
    values = []
    number = 2 * (chunk.number * SIZE_ONE_AT_A_TIME + 1)
    for turn, label in enumerate(chunk.labels.tolist()):
        copies = copiers[label]
        if copies is not None:
            arguments[label] = (copies(), *rest)
        note[0] = number + (not label)
        value = call(*arguments[label]) if not records else _tried(call, arguments[label], limit)
        try:
            # At once, since the mechanism may write its next output into the same array.
            values.append(seen(value))
        except UnusableOutputError as error:
            raise _unusable(source, arguments[label][0], error) from None
        if turn in looks:
            inputs.look(label, arguments[label][0])
        number += 2
    note[0] = IDLE
    return Answer(piece_of_values(values), inputs.changed)


def _vectorised(source: Source, batch: Batch, chunk: Chunk, note: Note, limit: float) -> Answer:
    inputs = _Inputs(batch)
    firsts = int(np.count_nonzero(chunk.labels))
    sizes = (len(chunk.labels) - firsts, firsts)
    pieces: list[Piece | None] = [None, None]
    for turn, label in enumerate((chunk.first_goes_first, not chunk.first_goes_first)):
        if sizes[label] == 0:  # mechanisms may refuse size 0
            continue
        rng = np.random.default_rng(batch.child(_FIRST if label else _SECOND, chunk.number))
        x = inputs.take(label)
        note[0] = 2 * (2 * chunk.number + turn + 1) + (not label)
        try:
            if source.records_exceptions:
                piece = _singly(source, inputs, label, sizes[label], rng, note, limit)
            else:
                piece = _several(source, x, sizes[label], source.call(x, sizes[label], rng))
        except UnusableOutputError as error:
            raise _unusable(source, x, error) from None
        # The mechanism may write its next outputs into the same array.
        pieces[label] = piece.copy() if turn == 0 else piece
        inputs.look(label, x)
    note[0] = IDLE
    return Answer(interleaved(chunk.labels, pieces[True], pieces[False]), inputs.changed)


def _tried(call: Callable[..., Any], arguments: tuple[Any, ...], limit: float) -> Any:
    """The output of a call, or a record of how it failed."""
    try:
        return call(*arguments)
    except TimeUp:
        return Record(EXCEPTION, ("type", "text"), ("no answer", f"within {limit:g} s"))
    except (Exception, SystemExit) as error:
        return Record(EXCEPTION, ("type", "text"), (type(error).__name__, _text(error)))


def _singly(
    source: Source,
    inputs: "_Inputs",
    label: bool,
    size: int,
    rng: np.random.Generator,
    note: Note,
    limit: float,
) -> Piece:
    """Outputs of calls that may fail, drawn one by one.

    Of a call for many outputs an exception would be the output of all of them, and where none comes
    it would be known that none of them failed: neither is a draw by itself.
    """
    values: list[Any] = []
    for _ in range(size):
        x = inputs.take(label)
        returned = _tried(source.call, (x, 1, rng), limit)
        if _failed(returned):
            values.append(_looked_at(source, returned))
        else:
            values += values_of(_several(source, x, 1, returned))
        note[0] += _NEXT
    return piece_of_values(values)


def _failed(returned: Any) -> bool:
    return type(returned) is Record and returned.kind == EXCEPTION


def _looked_at(source: Source, value: Any) -> Any:
    """The canonical value of an output, without what is to be ignored, and beside it what the
    user's function makes of it."""
    found = canonical(value)
    for path in source.ignore:
        found = without(found, path, canonical)
    if source.features is None:
        return found
    if _failed(value):
        return Record(VIEW, ("output", "features"), (found, None))
    try:
        features = canonical(source.features(value))
    except UnusableOutputError as error:
        raise InputError(
            f"{option('features')} returned {shorten(error.value, 80)} "
            f"({type(error.value).__name__}) on output {shorten(value, 80)}. {_EXPECTED_VALUE}."
        ) from None
    except Exception as error:  # code of the user's
        raise InputError(
            f"{option('features')} raised {type(error).__name__}: {_text(error)} on output "
            f"{shorten(value, 80)}."
        ) from error
    return Record(VIEW, ("output", "features"), (found, features))


def _several(source: Source, x: Any, size: int, returned: Any) -> Piece:
    """The piece for what a vectorised mechanism returned, checked."""
    if isinstance(returned, list):
        if len(returned) == size:
            seen = partial(_looked_at, source) if source.changes_outputs else canonical
            return piece_of_values(list(map(seen, returned)))
        what = f"a list of {len(returned):,}"
    elif is_frame(returned):
        what = f"a data frame of {len(returned):,} rows"
    elif hasattr(returned, "__array__") and np.ndim(returned) > 0:
        masked = isinstance(returned, np.ma.MaskedArray)
        array = returned if masked else np.asarray(returned)
        if len(array) == size and source.changes_outputs:
            return piece_of_values([_looked_at(source, row) for row in array])
        if len(array) == size:
            return piece_of_array(array)
        what = f"an array of shape {array.shape}"
    else:
        what = f"{shorten(returned, 80)} ({type(returned).__name__})"
    raise InputError(
        f"{source.name} returned {what} on input {shorten(x)} with size {size:,}, but it must be "
        f"a list or an array whose first axis has length {size:,}, one entry an output. A function "
        f"that returns one output takes f(x) or f(x, rng)."
    )


def _unusable(source: Source, x: Any, error: UnusableOutputError) -> InputError:
    value = error.value
    return InputError(
        f"{source.name} returned {shorten(value, 80)} ({type(value).__name__}) on input "
        f"{shorten(x)}. {_EXPECTED_VALUE}."
    )


def _seed_globals(child: SeedSequence) -> None:
    words = child.generate_state(8)
    random.seed(int.from_bytes(words.tobytes(), "little"))
    np.random.seed(words)  # noqa: NPY002 - for mechanisms that use it


def _text(error: BaseException) -> str:
    text = str(error)
    return text if len(text) <= 500 else f"{text[:497]}..."
