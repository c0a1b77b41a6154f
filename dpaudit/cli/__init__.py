"""The command line: `dpaudit`.

`entry` turns a command line into an exit code, `app` joins the subcommands, one module each;
`outputs` and `streams` are where they write. Everything that computes is imported when a command
runs, so that `dpaudit --help` answers at once.
"""

from .entry import main

__all__ = ["main"]
