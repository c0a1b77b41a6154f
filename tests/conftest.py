"""Settings that all tests share."""

from collections.abc import Iterator

import flint
import pytest
from hypothesis import settings

# The same examples on every run: a failure in CI can be repeated, and the false-alarm rates that
# statistical tests state are those of one fixed run.
settings.register_profile("fixed", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("fixed")


@pytest.fixture(autouse=True)
def precision_of_balls() -> Iterator[None]:
    """python-flint's precision is global: what a test sets is undone, for the doctests after it."""
    before = flint.ctx.prec
    yield
    flint.ctx.prec = before
