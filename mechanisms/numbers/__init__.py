"""Mechanisms on numbers, specimens for statistical audits: docs/numeric-mechanisms.md.

The classes of `catalogue.NUMBERS` can be imported from here; each is loaded when first used.
"""

from typing import Any

from .catalogue import NUMBERS, find

__all__ = ["NUMBERS", "find"]

_BY_ATTRIBUTE = {entry.attribute: entry for entry in NUMBERS.values()}


def __getattr__(name: str) -> Any:
    if name in _BY_ATTRIBUTE:
        return _BY_ATTRIBUTE[name].load()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_BY_ATTRIBUTE])
