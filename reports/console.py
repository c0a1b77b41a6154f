"""Where text for a person is printed: its width, and lines without trailing blanks."""

import os
import re
import sys

from rich.console import Console, RenderableType
from rich.text import Text

__all__ = ["make_console", "print_lines"]

_WIDTH = 88
_NARROWEST = 20


def make_console(width: int = _WIDTH) -> Console:
    """Standard output as wide as the terminal, or as `COLUMNS` says, or else `width` columns."""
    columns = os.environ.get("COLUMNS", "")
    asked = max(int(columns), _NARROWEST) if columns.isdigit() else None
    if sys.stdout.isatty():
        return Console(file=sys.stdout, highlight=False, width=asked)
    return Console(file=sys.stdout, highlight=False, width=asked or width)


def print_lines(console: Console, what: RenderableType) -> None:
    """Print something, text as it is (no markup), without the blanks that fill up lines."""
    with console.capture() as captured:
        console.print(Text(what) if isinstance(what, str) else what)
    # Blanks may stand before the codes that end a colour.
    text = re.sub(r"[ \t]+((?:\x1b\[[0-9;]*m)*)$", r"\1", captured.get(), flags=re.M)
    console.file.write(text)
