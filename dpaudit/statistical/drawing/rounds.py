"""The primitive of statistical audits: rounds of a fair label and an output."""

from dataclasses import dataclass
from numbers import Integral
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, require_count, require_positive
from .callables import source_of
from .calling import Answer, Batch, Chunk, chunks_of
from .failures import MechanismFailure
from .in_process import run_here
from .outputs import settled
from .seen import Seen

if TYPE_CHECKING:
    from .workers import Workers

__all__ = ["Drawer", "Rounds"]

#: A `SeedSequence` tells apart whole numbers below this one by themselves.
_WORD = 2**32


@dataclass(frozen=True, eq=False)
class Rounds:
    """Labelled draws.

    Attributes
    ----------
    labels
        Shape (count,); True where the output came from the first input.
    outputs
        First axis of length count; see `outputs` for the dtypes.
    """

    labels: NDArray[np.bool_]
    outputs: NDArray[Any]

    def __len__(self) -> int:
        return len(self.labels)


class Drawer:
    """Draws rounds from a mechanism; a context manager.

    The same seed and key give the same rounds, whatever the number of workers, and different
    keys give independent ones. This holds for mechanisms that take their randomness from `rng`,
    from Python's `random` or from NumPy's global state; the last two are seeded anew for each
    chunk of draws, and put back afterwards if there are no workers. Mechanisms with other sources
    of randomness (Numba's, the operating system's) or with a memory of earlier calls can be drawn
    from, but a seed does not reproduce them.

    Parameters
    ----------
    mechanism
        An object or function as in `callables.source_of`.
    seed
        A whole number of 0 or more.
    workers
        Number of processes that call the mechanism; 0 for this one. Only with workers are crashes
        and hangs in C code caught.
    time_limit
        Seconds that a call may take; of a function that returns many outputs, the call for at
        most 16,384 of them.

    Attributes
    ----------
    drawn
        Rounds drawn so far.
    seen
        What their outputs have in common.
    changes_input
        Whether the mechanism was seen to change its input.

    Examples
    --------
    >>> def randomized_response(x, size, rng):
    ...     return np.where(rng.random(size) < 0.75, x, 1 - x)
    >>> with Drawer(randomized_response, seed=1) as drawer:
    ...     rounds = drawer.draw(0, 1, 1000, key=(0,))
    >>> rounds.outputs.shape
    (1000,)
    >>> bool(rounds.outputs[rounds.labels].mean() < 0.3)
    True
    """

    def __init__(
        self, mechanism: Any, seed: int, workers: int = 0, time_limit: float = 60.0
    ) -> None:
        self.source = source_of(mechanism)
        self._seed = _require_whole("seed", seed)
        self._count = _require_whole("workers", workers)
        self._limit = require_positive("time_limit", time_limit)
        self._workers: Workers | None = None
        self.drawn = 0
        self.changes_input = False
        self.seen = Seen()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes. The next draw would start new ones."""
        workers, self._workers = self._workers, None
        if workers is not None:
            workers.close()

    def draw(self, first: Any, second: Any, count: int, key: tuple[int, ...]) -> Rounds:
        """`count` rounds on two inputs; `key` names the batch, and so its random numbers.

        Raises
        ------
        MechanismFailure
            If the mechanism raises, hangs or crashes.
        InputError
            If the mechanism returns what cannot be used or cannot be sent to a worker, or if
            an argument is out of range.
        """
        count = require_count("count", count)
        batch = Batch(first, second, count, self._seed, _require_key(key))
        chunks = chunks_of(self.source, batch)
        try:
            if self._count == 0:
                answers = run_here(self.source, batch, chunks, self._limit)
            else:
                answers = self._run_there(batch, chunks)
        except MechanismFailure as failed:
            self.drawn += failed.drawn
            raise
        self.drawn += count
        self.changes_input |= any(answer.changed for answer in answers)
        outputs = settled([answer.outputs for answer in answers])
        self.seen.add(outputs)
        return Rounds(np.concatenate([chunk.labels for chunk in chunks]), outputs)

    def _run_there(self, batch: Batch, chunks: list[Chunk]) -> list[Answer]:
        from .workers import Workers

        if self._workers is None:
            self._workers = Workers(self.source, self._count, self._limit)
        try:
            return self._workers.run(batch, chunks)
        except BaseException:
            # Ctrl-C included: nobody waits for calls whose outputs nobody wants.
            workers, self._workers = self._workers, None
            workers.kill()
            raise


def _require_whole(name: str, value: int) -> int:
    if isinstance(value, Integral) and not isinstance(value, bool) and value >= 0:
        return int(value)
    raise InputError(f"{name} is {value!r}, but it must be a whole number of 0 or more.")


def _require_key(key: tuple[int, ...]) -> tuple[int, ...]:
    whole = tuple(_require_whole("key", part) for part in key)
    if any(part >= _WORD for part in whole):
        raise InputError(f"key is {key!r}, but its numbers must be below 2^32.")
    return whole
