"""Mechanisms with their samplers and exact laws, and the spaces that they work on.

The classes of `registry.MECHANISMS` can be imported from here; each is loaded when first used.
"""

from typing import Any

from .registry import MECHANISMS

__all__ = ["MECHANISMS"]

_BY_ATTRIBUTE = {entry.attribute: entry for entry in MECHANISMS.values()}


def __getattr__(name: str) -> Any:
    if name in _BY_ATTRIBUTE:
        return _BY_ATTRIBUTE[name].load()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_BY_ATTRIBUTE])
