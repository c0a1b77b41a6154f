"""Settings that all tests share."""

from hypothesis import settings

# The same examples on every run: a failure in CI can be repeated, and the false-alarm rates that
# statistical tests state are those of one fixed run.
settings.register_profile("fixed", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("fixed")
