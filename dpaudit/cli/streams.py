"""Standard output and error that survive whatever they are connected to.

Three things happen to them: the reader of a pipe goes (`| head -1`), which must not change the exit
code; a terminal cannot encode a character; and the disk behind them is full, which is an output
that cannot be written. Text is written in the encoding of the terminal, with an ASCII rendering of
our own marks and escapes for all else; machine formats are bytes in UTF-8 (`standard_output`).
"""

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO, TextIO

from ..errors import InputError
from ..visible import visible

__all__ = ["finish", "reader_has_gone", "say", "standard_output", "steady_streams"]

#: How marks of ours are written where the encoding lacks them.
_PLAIN = {
    **{"✓": "[ok]", "✗": "[X]", "“": '"', "”": '"', "’": "'", "…": "...", "–": "-", "—": "-"},
    **{"ε": "epsilon", "δ": "delta", "Δ": "Delta", "τ": "tau", "α": "alpha", "μ": "mu"},
    **{"η": "eta", "γ": "gamma", "λ": "lambda", "ρ": "rho", "θ": "theta", "π": "pi", "σ": "sigma"},
    **{"Σ": "Sum", "φ": "phi", "∞": "inf", "≤": "<=", "≥": ">=", "≠": "!=", "·": "*", "×": "x"},
    **{"√": "sqrt", "²": "^2", "→": "->", "⇒": "=>", "∈": "in", "−": "-", "±": "+-"},
    **{"█": "#", "━": "-", "•": "*", "‖": "|", "∫": "int", "∏": "Prod", "ₙ": "_n"},
}

_HANDLER = "dpaudit.plain"


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Error handler: marks by their ASCII rendering, everything else as an escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    written = "".join(
        _PLAIN.get(one) or one.encode("ascii", "backslashreplace").decode("ascii")
        for one in missing
    )
    return written, error.end


codecs.register_error(_HANDLER, _plain)


class _Steady(io.FileIO):
    """A descriptor that discards what is written once its reader has gone, or once writing to it
    has failed and that was said. Of standard error nothing is said: there is no place left."""

    gone = False

    def write(self, data: object, /) -> int:
        size = memoryview(data).nbytes  # type: ignore[arg-type]
        if self.gone:
            return size
        try:
            return super().write(data) or 0  # type: ignore[arg-type]
        except OSError as error:
            self.gone = True
            if isinstance(error, BrokenPipeError) or self.fileno() == 2:
                return size
            raise InputError(
                f"Standard output cannot be written: {error.strerror or error}."
            ) from None


@contextlib.contextmanager
def steady_streams() -> Iterator[None]:
    """Within the block, `sys.stdout` and `sys.stderr` neither break nor fail to encode."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _steady(sys.stdout), _steady(sys.stderr)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, InputError):
                stream.flush()
        sys.stdout, sys.stderr = before


def _steady(stream: TextIO | None) -> TextIO:
    if stream is None:  # closed by whoever started us: nobody wants to read it
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123
    try:
        stream.flush()
        descriptor = stream.fileno()
    except (OSError, ValueError):  # one that a test or a notebook put there
        return stream
    terminal = os.isatty(descriptor)
    raw = _Steady(descriptor, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(stream, "encoding", None) or "utf-8",
        errors=_HANDLER,
        line_buffering=terminal or descriptor == 2,
    )


def reader_has_gone() -> bool:
    """Whether what is written to standard output is read by nobody any more."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, _Steady) and raw.gone


def finish() -> None:
    """Write out what standard output holds.

    Raises
    ------
    InputError
        If it cannot be written, unless its reader has gone.
    """
    sys.stdout.flush()


def say(text: str) -> None:
    """A line to standard error, if it can be written at all; foreign text in it is visible."""
    with contextlib.suppress(OSError, ValueError):
        print(f"dpaudit: {visible(text)}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def standard_output() -> Iterator[BinaryIO]:
    """Standard output for bytes, after what was printed before."""
    finish()
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        raise InputError("There is no standard output to write bytes to.")
    yield buffer
    finish()
