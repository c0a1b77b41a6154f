"""Where results are kept; apart from `cache`, because that loads SymPy."""

import os
from pathlib import Path

__all__ = ["folder"]


def folder() -> Path:
    """The folder `proofs` of dpaudit's cache: `DPAUDIT_CACHE`, or else the user's.

    >>> folder().name
    'proofs'
    """
    named = os.environ.get("DPAUDIT_CACHE")
    if named:
        return Path(named) / "proofs"
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "dpaudit" / "proofs"
