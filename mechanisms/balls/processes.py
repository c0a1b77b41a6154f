"""Ball arithmetic on all cores, by processes.

python-flint never lets go of the interpreter lock, and its precision is one number for all threads
of a process (`benchmarks/ball_processes.py` measures the one, a test the other): threads do not
help. So pieces of work go to processes of this interpreter, each with a copy of the data. They are
started without multiprocessing, which would import the user's script a second time.

A piece and its result are the same wherever it is computed. Where processes cannot be started, or
one of them ends, the work is done in this process.
"""

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from queue import SimpleQueue
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar

from flint import arb, ctx, fmpz

from ..kernels.parallel import cores
from .enclosures import precision

__all__ = ["BallProcesses", "as_balls", "as_numbers", "main", "rows_in_pieces"]

Piece = TypeVar("Piece")
Result = TypeVar("Result")
Numbers = list[tuple[int, int, int, int]]

#: What a process runs: it finds the package where this process found it.
_START = "import sys; sys.path[:] = {path!r}; from {module} import main; main()"


def as_numbers(balls: Iterable[arb]) -> Numbers:
    """Finite balls exactly, as whole numbers: (m, e, s, f) is m 2^e ± s 2^f. A ball that is not
    finite comes back as one that may be any number.

    Examples
    --------
    >>> as_numbers([arb(0.75)])
    [(3, -2, 0, 0)]
    """
    found = []
    for ball in balls:
        if not ball.is_finite():
            found.append((0, 0, -1, 0))
            continue
        (middle, shift), (radius, lift) = ball.mid().man_exp(), ball.rad().man_exp()
        found.append((int(middle), int(shift), int(radius), int(lift)))
    return found


def as_balls(numbers: Numbers) -> list[arb]:
    """The balls of `as_numbers`: the same middle, a radius rounded up in its last bit."""
    return [
        arb.nan() if radius < 0 else arb(_dyadic(middle, shift), _dyadic(radius, lift))
        for middle, shift, radius, lift in numbers
    ]


def _dyadic(number: int, exponent: int) -> arb:
    with precision(max(2, number.bit_length())):
        return arb((fmpz(number), fmpz(exponent)))


def rows_in_pieces(n: int, rows: int) -> list[tuple[int, int]]:
    """The ranges 0 … n - 1 in pieces of so many rows, each as (first, last + 1).

    Examples
    --------
    >>> rows_in_pieces(5, 2)
    [(0, 2), (2, 4), (4, 5)]
    """
    return [(first, min(first + rows, n)) for first in range(0, n, rows)]


class BallProcesses:
    """Runs `work(data, piece, shared)` on the cores; a context manager.

    Parameters
    ----------
    data
        What all pieces need; processes get a copy by pickle when they start.
    seconds
        How long the work takes on one core, roughly: below a few seconds, or with one core, all
        of it is done in this process.

    Examples
    --------
    >>> with BallProcesses(data=10, seconds=0.0) as processes:
    ...     list(processes.map(_product, [1, 2, 3], shared=2))
    [20, 40, 60]
    """

    def __init__(self, data: Any, seconds: float) -> None:
        self._data = data
        self._count = cores() if seconds > _WORTH_SECONDS and _can_start() else 1
        self._processes: list[_Process] = []
        self._idle: SimpleQueue[_Process | None] = SimpleQueue()

    def __enter__(self) -> Self:
        if self._count > 1:
            data = pickle.dumps(self._data, pickle.HIGHEST_PROTOCOL)
            for _ in range(self._count):
                process = _Process.started(data)
                if process is not None:
                    self._processes.append(process)
                self._idle.put(process)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.end()

    def map(
        self,
        work: Callable[[Any, Piece, Any], Result],
        pieces: Sequence[Piece],
        shared: Any = None,
    ) -> Iterator[Result]:
        """Results in the order of the pieces, at the precision in force.

        `work` is a function of a module; pieces, `shared` and results must be what pickle takes,
        which a ball is not (`as_numbers`).
        """
        if not self._processes:
            for piece in pieces:
                yield work(self._data, piece, shared)
            return
        bits, packed = ctx.prec, pickle.dumps(shared, pickle.HIGHEST_PROTOCOL)

        def ask(piece: Piece) -> tuple[bool, Any]:
            process = self._idle.get()
            done, result = False, None
            try:
                if process is not None:
                    done, result = process.answer(bits, work, piece, packed)
            finally:
                self._idle.put(process if done else None)
            return done, result

        remaining = iter(pieces)
        with ThreadPoolExecutor(self._count) as threads:
            waiting: deque[tuple[Piece, Future[tuple[bool, Any]]]] = deque()
            try:
                for piece in islice(remaining, 2 * self._count):
                    waiting.append((piece, threads.submit(ask, piece)))
                while waiting:
                    piece, future = waiting.popleft()
                    done, result = future.result()
                    # Here and not in the thread: the precision is one number for all threads.
                    yield result if done else work(self._data, piece, shared)
                    for following in islice(remaining, 1):
                        waiting.append((following, threads.submit(ask, following)))
            except BaseException:
                # Threads wait for processes; these are ended first, so that nothing is awaited.
                for process in self._processes:
                    process.end()
                for _, future in waiting:
                    future.cancel()
                raise


def _product(data: int, piece: int, shared: int) -> int:
    return data * piece * shared


#: Seconds of work on one core from which on starting processes, about a second, pays.
_WORTH_SECONDS = 4.0


def _can_start() -> bool:
    """Whether `sys.executable` is a Python that can be started again."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)


class _Process:
    """The parent's side of one process."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._shared: bytes | None = None

    @classmethod
    def started(cls, data: bytes) -> "_Process | None":
        """A process that has the data, or None if it cannot be had."""
        path = [entry for entry in sys.path if isinstance(entry, str)]
        command = [sys.executable, "-c", _START.format(path=path, module=__name__)]
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except OSError:
            return None
        found = cls(process)
        try:
            found._send(data)
        except OSError:
            found.end()
            return None
        return found

    def answer(self, bits: int, work: Any, piece: Any, shared: bytes) -> tuple[bool, Any]:
        """Whether the process did the work, and its result.

        An exception of the work counts as not done: it is raised again where the work is done then.
        """
        try:
            new = None if shared is self._shared else shared
            self._send(pickle.dumps((bits, work, piece, new), pickle.HIGHEST_PROTOCOL))
            self._shared = shared
            assert self._process.stdout is not None
            done, result = pickle.load(self._process.stdout)
        except (OSError, EOFError, ValueError, pickle.PickleError):
            return False, None
        return done, result

    def _send(self, message: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(message)
        self._process.stdin.flush()

    def end(self) -> None:
        """Whatever it does."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with _forgiven():
                if stream is not None:
                    stream.close()


@contextmanager
def _forgiven() -> Iterator[None]:
    """A stream of a process that has ended may fail to close what it still holds."""
    try:
        yield
    except OSError:
        return


def main() -> None:
    """What a process does: it answers until its input ends."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets Ctrl-C too, and ends this one
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that is printed gets among the answers
    try:
        _serve(sys.stdin.buffer, answers)
    except (EOFError, BrokenPipeError):
        os._exit(0)  # the parent has what it wanted, or is gone


def _serve(questions: BinaryIO, answers: BinaryIO) -> None:
    data, shared = pickle.load(questions), None
    while True:
        bits, work, piece, new = pickle.load(questions)
        if new is not None:
            shared = pickle.loads(new)
        try:
            with precision(bits):
                answer = True, work(data, piece, shared)
        except Exception:
            answer = False, None
        pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()
