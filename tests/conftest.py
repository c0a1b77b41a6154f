"""Settings that all tests share."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import flint
import pytest
from hypothesis import settings
from support import Done, Run

from dpaudit import cli

# The same examples on every run: a failure in CI can be repeated, and the false-alarm rates that
# statistical tests state are those of one fixed run.
settings.register_profile("fixed", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("fixed")

# A shell that starts the tests in the background makes them ignore Ctrl-C, which some tests send to
# themselves and to the programs that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def precision_of_balls() -> Iterator[None]:
    """python-flint's precision is global: what a test sets is undone, for the doctests after it."""
    before = flint.ctx.prec
    yield
    flint.ctx.prec = before


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """`dpaudit` with these arguments in this folder; in this process, for the sake of speed."""

    def command(*arguments: str, folder: Path) -> Done:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "path", list(sys.path))
        monkeypatch.setattr(sys, "argv", ["dpaudit", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        shown = capsys.readouterr()
        return Done(int(end.value.code or 0), shown.out, shown.err)

    return command
