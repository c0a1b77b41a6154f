"""Ball arithmetic (python-flint): inequalities on a box, by subdividing it."""

from collections.abc import Iterator
from typing import Any

import flint
import sympy as sp

from ..language import Relation, free_symbols
from .answer import Answer
from .balls import ground_truth, truth, verified

__all__ = ["decide"]

Expr = Any
Box = dict[Expr, tuple[Expr, Expr]]

_BOXES = 20_000


def decide(premises: tuple[Relation, ...], goal: Relation) -> Answer:
    """Whether the goal holds on the box that premises such as 1 <= x and x <= 2 span.

    Other premises cut off parts of the box where they certainly fail.

    >>> from ..language import le
    >>> x = sp.Symbol("x", real=True)
    >>> decide((le(0, x), le(x, 1)), le(sp.exp(x), 3)).verdict
    'holds'
    """
    box = _span(premises, goal)
    if box is None:
        return Answer("unknown", "the premises do not bound every symbol")
    if not box:
        seen = ground_truth(goal)
        if seen is False and verified(premises, goal, {}):
            return Answer("fails", "false in ball arithmetic", (("goal", str(goal)),))
        return Answer("holds", "enclosed") if seen else Answer("unknown", "not separated")
    waiting, count = [box], 0
    while waiting:
        part = waiting.pop()
        count += 1
        if count > _BOXES:
            return Answer("unknown", f"undecided after {_BOXES} boxes")
        balls = {symbol: _ball(*interval) for symbol, interval in part.items()}
        seen = truth(goal, balls)
        if seen is True or any(truth(premise, balls) is False for premise in premises):
            continue
        if seen is False:
            middle = {symbol: (low + high) / 2 for symbol, (low, high) in part.items()}
            if verified(premises, goal, middle):
                shown = tuple(sorted((str(k), str(v)) for k, v in middle.items()))
                return Answer("fails", "false in ball arithmetic", shown)
        waiting.extend(_halves(part))
    return Answer("holds", f"enclosed on {count} boxes")


def _span(premises: tuple[Relation, ...], goal: Relation) -> Box | None:
    """The box of all symbols; None if one has no bounds among the premises."""
    lower: dict[Expr, Expr] = {}
    upper: dict[Expr, Expr] = {}
    for premise in premises:
        if premise.op in ("<=", "<"):
            if premise.left.is_Rational and premise.right.is_Symbol:
                symbol = premise.right
                lower[symbol] = max(lower.get(symbol, premise.left), premise.left)
            if premise.left.is_Symbol and premise.right.is_Rational:
                symbol = premise.left
                upper[symbol] = min(upper.get(symbol, premise.right), premise.right)
    symbols = free_symbols(goal).union(*map(free_symbols, premises))
    if not all(symbol in lower and symbol in upper for symbol in symbols):
        return None
    return {symbol: (lower[symbol], upper[symbol]) for symbol in symbols}


def _ball(low: Expr, high: Expr) -> Any:
    ends = (flint.arb(flint.fmpq(int(end.p), int(end.q))) for end in (low, high))
    first, last = ends
    return first.union(last)


def _halves(box: Box) -> Iterator[Box]:
    """The two halves of a box, cut across its longest side."""
    longest = max(sorted(box, key=str), key=lambda symbol: box[symbol][1] - box[symbol][0])
    low, high = box[longest]
    middle = (low + high) * sp.Rational(1, 2)
    yield {**box, longest: (low, middle)}
    yield {**box, longest: (middle, high)}
