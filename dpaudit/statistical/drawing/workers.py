"""Calls in worker processes: no hang and no crash of a mechanism takes the audit with it.

A worker is a `ProcessPoolExecutor` with one process, so that a broken one is known. Its process
writes down which call it is in, as one number in shared memory; the parent looks at the numbers
and kills a process whose number stays the same for too long. So a hang is found even in C code
that never lets go of the interpreter.

Processes are spawned, never forked: a fork copies locks and random state in the middle of
whatever other threads are doing. Scripts therefore need `if __name__ == "__main__":`.
"""

import contextlib
import multiprocessing
import multiprocessing.process
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from typing import Any

from ...errors import InputError, option
from . import worker
from .callables import Source
from .calling import IDLE, Answer, Batch, Chunk, failure
from .outputs import one_nan
from .payload import packed

__all__ = ["Workers"]

#: Seconds in which a worker must have imported what the mechanism needs.
_START = 300.0

#: Seconds between two looks at the notes, and those in which a dead process says how it ended.
_LOOK = 0.1
_PATIENCE = 5.0

#: A task should take at least so long, and never holds more than so many chunks.
_TASK_SECONDS, _MOST_CHUNKS = 0.1, 256


@dataclass(eq=False)
class _Worker:
    """One process; `note` is the number that it writes down."""

    executor: ProcessPoolExecutor
    note: Any
    process: BaseProcess | None = None


@dataclass(eq=False)
class _Task:
    """Chunks that a worker is at work on; `since` when its note is the one last seen."""

    worker: _Worker
    chunks: range
    start: float = field(default_factory=time.monotonic)
    seen: int = IDLE
    since: float = 0.0
    hung: bool = False


class Workers:
    """Worker processes that hold one mechanism. Close it: `close()`, or `kill()` in a hurry."""

    def __init__(self, source: Source, count: int, limit: float) -> None:
        payload = packed(source, source, "The function or object", count)
        self._source, self._limit = source, limit
        # A worker that records such calls ends them itself, if it can.
        self._grace = 2.0 * limit if source.records_exceptions else limit
        self._workers: list[_Worker] = []
        self._chunks_a_task = 1
        context = multiprocessing.get_context("spawn")
        for _ in range(count):
            note = context.RawArray("q", 1)
            executor = ProcessPoolExecutor(1, context, worker.start, (note, limit))
            self._workers.append(_Worker(executor, note))
        try:
            self._start(payload)
        except BaseException:
            self.kill()
            raise

    def run(self, batch: Batch, chunks: list[Chunk]) -> list[Answer]:
        """The outputs of a batch, in the order of its chunks.

        Raises
        ------
        MechanismFailure
            If a call raises, takes too long or ends its process. Of several failures, the one in
            the earliest chunk, whatever the number of workers.
        InputError
            If the mechanism returns what cannot be used.
        """
        payload = packed(self._source, batch, "An input")
        done: dict[int, list[Answer]] = {}
        running: dict[Future[list[Answer]], _Task] = {}
        idle = list(self._workers)
        following = 0
        failed: tuple[int, BaseException] | None = None
        while True:
            while idle and following < len(chunks) and failed is None:
                end = following + self._share(len(chunks) - following)
                task = _Task(idle.pop(), range(following, end))
                try:
                    future = task.worker.executor.submit(worker.run, payload, chunks[following:end])
                except BrokenProcessPool as broken:  # its process ended between two batches
                    failed = following, self._explained(broken, task, batch)
                else:
                    running[future] = task
                following = end
            if not any(
                failed is None or task.chunks.start < failed[0] for task in running.values()
            ):
                break
            finished, _ = wait(running, min(_LOOK, self._limit / 4), FIRST_COMPLETED)
            for future in finished:
                task = running.pop(future)
                idle.append(task.worker)
                error = future.exception()
                if error is None:
                    done[task.chunks.start] = future.result()
                    self._adapt(task)
                elif failed is None or task.chunks.start < failed[0]:
                    failed = task.chunks.start, self._explained(error, task, batch)
            self._kill_hung(running.values())
        if failed is not None:
            raise failed[1]
        answers = [answer for start in sorted(done) for answer in done[start]]
        return [replace(answer, outputs=one_nan(answer.outputs)) for answer in answers]

    def close(self) -> None:
        """End the processes when they have finished what they do."""
        for one in self._workers:
            one.executor.shutdown(cancel_futures=True)

    def kill(self) -> None:
        """End the processes now, and what they have started."""
        for one in self._workers:
            _kill(one.process)
        for one in self._workers:
            # A process that has not yet said who it is ends by itself.
            one.executor.shutdown(wait=one.process is not None, cancel_futures=True)

    def _start(self, payload: bytes) -> None:
        with _ctrl_c_waits():
            signs = [one.executor.submit(worker.identify) for one in self._workers]
        try:
            for one, sign in zip(self._workers, signs, strict=True):
                pid = sign.result(_START)
                children = multiprocessing.active_children()
                one.process = next(child for child in children if child.pid == pid)
            loads = [one.executor.submit(worker.load, payload) for one in self._workers]
            problems = [load.result(_START) for load in loads]
        except (BrokenProcessPool, TimeoutError) as error:
            raise InputError(
                f"The worker processes for {self._source.name} did not start ({error}). In a "
                f'script, call dpaudit under `if __name__ == "__main__":`, or draw in this '
                f"process ({option('workers', 0)})."
            ) from error
        if problems[0] is not None:
            raise InputError(
                f"{self._source.name} cannot be loaded in a worker process: {problems[0]}. Put "
                f"what it needs into a module that can be imported, or draw in this process "
                f"({option('workers', 0)})."
            )

    def _share(self, remaining: int) -> int:
        """Chunks for the next task: some are left for the other workers."""
        return max(1, min(self._chunks_a_task, remaining // (2 * len(self._workers))))

    def _adapt(self, task: _Task) -> None:
        """Larger tasks for quick calls. Has no influence on results: seeds belong to chunks."""
        quick = time.monotonic() - task.start < _TASK_SECONDS
        if quick and len(task.chunks) >= self._chunks_a_task:
            self._chunks_a_task = min(2 * self._chunks_a_task, _MOST_CHUNKS)

    def _kill_hung(self, tasks: Any) -> None:
        now = time.monotonic()
        for task in tasks:
            note = task.worker.note[0]
            if note != task.seen:
                task.seen, task.since = note, now
            elif note != IDLE and now - task.since >= self._grace and not task.hung:
                task.hung = True
                _kill(task.worker.process)

    def _explained(self, error: BaseException, task: _Task, batch: Batch) -> BaseException:
        """What to tell the user about the exception of a task."""
        if not isinstance(error, BrokenProcessPool):
            return error
        note = task.worker.note[0]
        if task.hung:
            message = f"no answer within {self._limit:g} s"
            return failure(self._source, batch, task.seen, "hung", message)
        return failure(self._source, batch, note, "crashed", _how_it_ended(task.worker.process))


def _how_it_ended(process: BaseProcess | None) -> str:
    """A sentence about an exit code."""
    if process is None:
        return "the process ended"
    # The pool's own thread may be the one that learns the exit code: then `join` returns at once,
    # and the code is there a moment later.
    deadline = time.monotonic() + _PATIENCE
    process.join(_PATIENCE)
    while (code := process.exitcode) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    if code is None or code >= 0:
        return f"the process ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    out_of_memory = ", which the system also sends when memory runs out" if -code == 9 else ""
    return f"the process was ended by signal {-code} ({name}){out_of_memory}"


def _kill(process: BaseProcess | None) -> None:
    if process is None or process.pid is None or not process.is_alive():
        return
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg") and os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


@contextlib.contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Processes that start here inherit that Ctrl-C is held back, and greet no one with a
    traceback before they are ready."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
