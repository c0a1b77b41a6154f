"""Work for processes; a module of its own, which a process imports in no time."""

import os
from typing import Any

from flint import ctx

__all__ = ["dies", "prints", "raises", "where"]


def where(data: int, piece: int, shared: Any) -> tuple[int, int, int]:
    return os.getpid(), data + piece, ctx.prec


def dies(data: int, piece: int, shared: int) -> int:
    if os.getpid() != shared and piece == 2:
        os._exit(3)
    return data + piece


def prints(data: int, piece: int, shared: None) -> int:
    print("this is no answer")
    return piece


def raises(data: int, piece: int, shared: None) -> int:
    raise ZeroDivisionError(f"piece {piece}")
