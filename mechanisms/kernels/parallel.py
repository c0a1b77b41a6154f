"""Work spread over the cores by threads, with results in the order of the input.

NumPy, SciPy and the jitted kernels release the interpreter lock, so plain threads are enough;
between two pieces of work the caller can report progress or be interrupted. The linear algebra
library is held to one thread meanwhile: two pools of threads on the same cores run at half
speed.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import islice
from typing import TypeVar

from threadpoolctl import ThreadpoolController

__all__ = ["cores", "ordered_map"]

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _libraries() -> ThreadpoolController:
    """The linear algebra libraries of this process; looked for once, because that is slow."""
    return ThreadpoolController()


def ordered_map(
    work: Callable[[Piece], Result], pieces: Iterable[Piece], threads: int | None = None
) -> Iterator[Result]:
    """Yield `work(piece)` in the order of `pieces`, with at most `threads` + 1 results waiting.

    Examples
    --------
    >>> list(ordered_map(lambda x: x * x, range(5)))
    [0, 1, 4, 9, 16]
    """
    threads = threads or cores()
    remaining = iter(pieces)
    waiting: list[Future[Result]] = []
    with _libraries().limit(limits=1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        try:
            waiting = [pool.submit(work, piece) for piece in islice(remaining, threads + 1)]
            while waiting:
                yield waiting.pop(0).result()
                waiting += [pool.submit(work, piece) for piece in islice(remaining, 1)]
        finally:
            for future in waiting:
                future.cancel()
