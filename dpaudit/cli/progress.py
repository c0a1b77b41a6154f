"""How far a long piece of work is: a bar on a terminal, a line every ten seconds elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .streams import say

__all__ = ["BEAT", "progress_bar"]

#: Seconds between two lines of the heartbeat.
BEAT = 10.0

Report = Callable[[str, float], None]


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Report | None]:
    """Something to call with a stage and the part of it that is done; None if `quiet`.

    On standard error, and only while the block lasts. What ends before the first beat prints
    nothing where there is no terminal.
    """
    if quiet:
        yield None
        return
    with _bar() if sys.stderr.isatty() else _heartbeat() as report:
        yield report


@contextmanager
def _bar() -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    tasks: dict[str, Any] = {}
    with bar:

        def report(stage: str, part: float) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=1.0)
            bar.update(tasks[stage], completed=part)

        yield report


@contextmanager
def _heartbeat() -> Iterator[Report]:
    started, ended = time.monotonic(), threading.Event()
    latest = ["starting"]

    def report(stage: str, part: float) -> None:
        latest[0] = f"{stage} {part:.0%}"

    def beat() -> None:
        while not ended.wait(BEAT):
            say(f"at work for {time.monotonic() - started:.0f} s: {latest[0]}")

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield report
    finally:
        ended.set()
        thread.join(timeout=1.0)
