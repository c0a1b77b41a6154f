"""The side of a worker process; `workers` is the other one."""

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
from typing import Any

from .callables import Source
from .calling import IDLE, Answer, Chunk, failure, run_chunk
from .in_process import alarm

__all__ = ["identify", "load", "run", "start"]

#: The note that the parent reads, the mechanism and the limit: there once `start` and `load` ran.
_note: Any
_source: Source
_limit: float


def start(shared: Any, limit: float) -> None:
    """Prepare the process before the mechanism is loaded; `shared` is an array of one int64."""
    global _note, _limit
    _note, _limit = memoryview(shared).cast("B").cast("q"), limit
    # What mechanisms print goes to standard error. Not to standard output, which may be the
    # audit's result, and not nowhere, since it may tell an author what goes wrong.
    with contextlib.suppress(OSError):
        os.dup2(2, 1)
    if hasattr(os, "setsid"):
        # A group of its own: Ctrl-C in the terminal reaches the parent only, which then ends the
        # whole group, programs that the mechanism has started included.
        os.setsid()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()


def identify() -> int:
    """The process id: the first sign of life."""
    return os.getpid()


def load(payload: bytes) -> str | None:
    """Unpack the mechanism; return what went wrong, if anything did."""
    global _source
    try:
        _source = pickle.loads(payload)
    except BaseException as error:  # modules of users run here
        return f"{type(error).__name__}: {error}"
    return None


def run(payload: bytes, chunks: list[Chunk]) -> list[Answer]:
    """The outputs of some chunks of a batch."""
    batch = pickle.loads(payload)
    try:
        # Where a call that takes too long is an output, it is ended here; the parent comes later.
        watch = alarm(_note, _limit) if _source.records_exceptions else contextlib.nullcontext()
        with watch:
            return [run_chunk(_source, batch, chunk, _note, _limit) for chunk in chunks]
    except KeyboardInterrupt as error:  # no key of ours: the mechanism raised it
        raise failure(_source, batch, IDLE, "raised", repr(error)) from error


def _end_with_parent() -> None:
    """A parent that was killed cannot say goodbye."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        if hasattr(os, "killpg") and os.getpgid(0) == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)
