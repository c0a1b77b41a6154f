"""Calls in this process: quick to start, but only exceptions and slow Python code are caught."""

import contextlib
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

import numpy as np

from .callables import Source
from .calling import IDLE, Answer, Batch, Chunk, Note, TimeUp, run_chunk

__all__ = ["alarm", "run_here"]


def run_here(source: Source, batch: Batch, chunks: list[Chunk], limit: float) -> list[Answer]:
    """The outputs of the chunks of a batch, one answer a chunk.

    Python's and NumPy's global random state are as before when it returns. What the mechanism
    prints goes to standard error: standard output may be the audit's result.

    The time limit is kept by an alarm, thus only in the main thread, only on POSIX, and not
    while code in C holds the interpreter: such a call fails when it comes back.

    Raises
    ------
    MechanismFailure
        If a call raises or takes longer than `limit` seconds.
    InputError
        If the mechanism returns what cannot be used.
    """
    note: Note = [IDLE]
    with _restored_globals(), contextlib.redirect_stdout(sys.stderr), alarm(note, limit):
        return [run_chunk(source, batch, chunk, note, limit) for chunk in chunks]


@contextlib.contextmanager
def _restored_globals() -> Iterator[None]:
    ours, numpys = random.getstate(), np.random.get_state(legacy=False)  # noqa: NPY002 - it is saved, not used
    try:
        yield
    finally:
        random.setstate(ours)
        np.random.set_state(numpys)  # noqa: NPY002


@contextlib.contextmanager
def alarm(note: Note, limit: float) -> Iterator[None]:
    """Raise `TimeUp` in the main thread when the note stays the same for `limit` seconds.

    One timer that ticks ten times in the limit, and not one for every call: setting a timer
    costs more than many a call.
    """
    here = threading.current_thread() is threading.main_thread()
    if not (here and hasattr(signal, "setitimer") and signal.getsignal(signal.SIGALRM) is not None):
        yield
        return

    seen, since = note[0], time.monotonic()

    def tick(signum: int, frame: FrameType | None) -> None:
        nonlocal seen, since
        if note[0] != seen:
            seen, since = note[0], time.monotonic()
        elif seen != IDLE and time.monotonic() - since >= limit:
            raise TimeUp

    start = time.monotonic()
    handler = signal.signal(signal.SIGALRM, tick)
    signal.siginterrupt(signal.SIGALRM, False)  # system calls of libraries go on after a tick
    remaining, interval = signal.setitimer(signal.ITIMER_REAL, limit / 10, limit / 10)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, handler)
        if remaining > 0.0:  # somebody else's alarm, perhaps overdue by now
            rest = remaining - (time.monotonic() - start)
            signal.setitimer(signal.ITIMER_REAL, max(rest, 1e-3), interval)
