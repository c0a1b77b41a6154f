"""Numbers and tables for the pages that tools write."""

import math
from collections.abc import Sequence
from pathlib import Path

from dpaudit.files import write_whole

__all__ = ["kept", "markdown_table", "mass", "number", "power", "update_page"]


def number(value: float) -> str:
    """Four significant digits or more, with separators between thousands."""
    return f"{value:,.0f}" if value >= 999.95 else f"{value:#.4g}"


def mass(value: float) -> str:
    """A lower bound on a failure mass, rounded downwards."""
    if value <= 0.0:
        return "0"
    if value < 1e-4:
        return "> 0"
    return "> 0.9999" if value > 0.9999 else f"{math.floor(value * 1e4) / 1e4:.4f}"


def kept(changed: float) -> str:
    """The mean chance that a word is kept; nearly all of them are given by what is missing."""
    if changed >= 0.001:
        return f"{100.0 * (1.0 - changed):.1f}%"
    return f"all but {power(math.log(changed))}"


def power(logarithm: float) -> str:
    """e^logarithm in decimal, also where it is beyond floating point.

    >>> power(math.log(5.0e6)), power(1000.0)
    ('5.0·10^6', '2.0·10^434')
    """
    exponent = math.floor(logarithm / math.log(10.0) + 1e-9)
    lead = math.exp(logarithm - exponent * math.log(10.0))
    if abs(lead - 1.0) < 1e-6:
        return f"10^{exponent}"
    digits = f"{lead:.1f}"
    return f"1.0·10^{exponent + 1}" if digits == "10.0" else f"{digits}·10^{exponent}"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def update_page(path: Path, parts: dict[str, str]) -> None:
    """Put every part between its markers, `<!-- begin: name -->` and `<!-- end: name -->`."""
    text = path.read_text(encoding="utf-8")
    for name, part in parts.items():
        begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise SystemExit(f"{path.name} has no markers for {name}.")
        text = f"{before}{begin}\n\n{part}\n\n{end}{after}"
    write_whole(path, text)
