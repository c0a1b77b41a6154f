"""Settings that all tests share."""

import signal
from collections.abc import Iterator

import flint
import pytest
from hypothesis import settings

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
