"""The parts of outputs that are no plain numbers or vectors, with names.

A leaf is reached by a path of steps from the output: a place, a key, an attribute, the value of a
JSON text, and what a collection has as a whole (its length, the order of its keys, the sum of its
numbers, whether it has a member).
"""

import json
import math
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from .drawing.outputs import UnusableOutputError, canonical
from .drawing.structures import DICT, VIEW, Record, plain

__all__ = [
    "MISSING",
    "Path",
    "explored",
    "name_of_path",
    "parts_of",
    "paths_of",
    "shown_symbol",
]

#: Steps of a path: what kind, and its place, key or name.
Step = tuple[str, Any]
Path = tuple[Step, ...]


_COLLECTIONS = frozenset({tuple, Record, frozenset})

#: Steps to parts, and not to what a collection has as a whole.
_INWARD = frozenset({"item", "key", "name", "json", "sorted", "keys", "values", "view"})


class _Missing:
    """Stands for a part that an output does not have."""

    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()

#: Most parts of a collection that are leaves of their own, and members that are asked for.
_PARTS = 64
_MEMBERS = 48

#: Most leaves of all, and how deep structures are looked into.
_LEAVES = 200
_DEPTH = 6


def shown_symbol(symbol: Any) -> str:
    """A symbol, as `symbols` gives it, for reports."""
    if isinstance(symbol, tuple) and len(symbol) == 2 and isinstance(symbol[0], type):
        kind, value = symbol  # see `structures.exact`
        return f"Decimal('{Decimal(value)}')" if kind is Decimal else f"{value}"
    text = (
        json.dumps(symbol, ensure_ascii=False) if isinstance(symbol, str) else repr(plain(symbol))
    )
    return text if len(text) <= 60 else f"{text[:57]}..."


def name_of_path(path: Path) -> str:
    """A path as Python would write it.

    >>> name_of_path((("key", "a"), ("item", 0), ("length", None)))
    'len(output["a"][0])'
    """
    name = "output"
    for step, at in path:
        match step:
            case "item":
                name = f"{name}[{at}]"
            case "key":
                name = f"{name}[{shown_symbol(at)}]"
            case "name" if at != "columns":
                name = f"{name}.{at}"
            case "json":
                name = f"json({name})"
            case "length":
                name = f"len({name})"
            case "sorted":
                name = f"sorted({name})[{at}]"
            case "keys":
                name = f"list({name})"
            case "values":
                name = f"list({name}.values())"
            case "order":
                name = f"the order of the keys of {name}"
            case "member":
                name = f"{shown_symbol(at)} in {name}"
            case "sum" | "min" | "max":
                name = f"{step}({name})"
            case "view":
                name = "features" if at else "output"
    return name


def _step(value: Any, step: Step) -> Any:
    """The part of a canonical value that a step leads to."""
    what, at = step
    kind = type(value)
    match what:
        case "item":
            ours = kind is tuple and -len(value) <= at < len(value)
            return value[at] if ours else MISSING
        case "key" | "name":
            if kind is Record and (value.kind == DICT) == (what == "key") and at in value.names:
                return value.values[value.names.index(at)]
            return MISSING
        case "view":
            return value.values[at] if kind is Record and value.kind == VIEW else MISSING
        case "json":
            return _parsed(value) if kind is str else MISSING
        case "sorted":
            ours = kind is frozenset and at < len(value)
            return sorted(value, key=_sorting)[at] if ours else MISSING
        case "keys" | "values":
            if kind is Record and value.kind == DICT:
                return value.names if what == "keys" else value.values
            return MISSING
        case "length":
            if kind is Record:
                return len(value.names)
            return len(value) if kind in (tuple, frozenset) else MISSING
        case "order":
            return value.names if kind is Record else MISSING
        case "member":
            return at in value if kind in (tuple, frozenset) else MISSING
    if kind is not tuple or not _are_numbers(value):
        return MISSING
    if what == "sum":
        return math.fsum(value)
    return min(value) if what == "min" else max(value)


def _sorting(member: Any) -> tuple[str, Any]:
    """The order of the members of a set: numbers by value, all else by what it looks like."""
    if isinstance(member, int | float):
        return ("", member)
    return (type(member).__name__, repr(member))


def _are_numbers(value: tuple[Any, ...]) -> bool:
    """Whether there are numbers, and nothing else."""
    return len(value) > 0 and all(
        isinstance(part, int | float) and math.isfinite(part) for part in value
    )


def _parsed(text: str) -> Any:
    """What a JSON text says, if it is one of an object or an array."""
    if not text.lstrip().startswith(("{", "[")):
        return MISSING
    try:
        return canonical(json.loads(text))
    except (ValueError, RecursionError, UnusableOutputError):
        return MISSING


def parts_of(outputs: Iterable[Any], path: Path) -> list[Any]:
    """What a path leads to in each of the outputs, `MISSING` where there is nothing.

    >>> parts_of([("a", 1), ("b",)], (("item", 1),))
    [1, nothing]
    """
    found = list(outputs)
    for step in path:
        found = [MISSING if part is MISSING else _step(part, step) for part in found]
    return found


def paths_of(outputs: Iterable[Any]) -> list[Path]:
    """The paths to all leaves that occur in canonical outputs.

    >>> [name_of_path(path) for path in paths_of([("a", 1), ("b",)])]
    ['output[0]', 'output[1]', 'output[-1]', 'len(output)']
    """
    return explored(outputs)[0]


def explored(outputs: Iterable[Any]) -> tuple[list[Path], list[str]]:
    """The paths to all leaves, and the names of parts that are beyond a limit and are no leaves.

    >>> explored([tuple("ab" * 50)] * 2)[1]
    ['output[64:]']
    """
    leaves: dict[Path, None] = {}
    wholes: dict[Path, None] = {}
    left_out: list[str] = []
    waiting: list[tuple[Path, list[Any]]] = [((), list(outputs))]
    while waiting:
        path, parts = waiting.pop(0)
        if len(leaves) + len(wholes) >= _LEAVES:
            left_out.append(name_of_path(path))
            continue
        kinds = set(map(type, parts))
        inner = [part for part in parts if type(part) in _COLLECTIONS]
        if kinds - _COLLECTIONS - {_Missing}:
            leaves[path] = None
        steps = _steps(inner)
        texts = [part for part in parts if type(part) is str]
        if any(_parsed(text) is not MISSING for text in texts[:_PARTS]):
            steps.append(("json", None))
        longest = max((len(one) for one in inner if type(one) is not Record), default=0)
        if longest > _PARTS:
            left_out.append(f"{name_of_path(path)}[{_PARTS}:]")
        if steps and len(path) >= _DEPTH:
            left_out.append(name_of_path(path))
            continue
        for step in steps:
            below = [MISSING if part is MISSING else _step(part, step) for part in parts]
            if step[0] in _INWARD:
                waiting.append(((*path, step), [part for part in below if part is not MISSING]))
            elif step[0] == "order":
                # Which keys there are is asked for each of them; this is about their order.
                if len(set(below)) > len(set(map(_unordered, below))):
                    wholes[(*path, step)] = None
            elif any(part != below[0] for part in below):
                wholes[(*path, step)] = None
    # That something is a member of a set says more to a reader than the place that it has there.
    by_place = [path for path in leaves if any(step == "sorted" for step, _ in path)]
    return [*(path for path in leaves if path not in set(by_place)), *wholes, *by_place], left_out


def _unordered(names: Any) -> Any:
    return MISSING if names is MISSING else frozenset(names)


def _steps(values: list[Any]) -> list[Step]:
    """The steps that lead on from collections."""
    steps: dict[Step, None] = {}
    members: Counter[Any] = Counter()
    tuples = [value for value in values if type(value) is tuple]
    sets = [value for value in values if type(value) is frozenset]
    records = [value for value in values if type(value) is Record]
    lengths = set(map(len, tuples))
    if records and records[0].kind == VIEW:
        return [("view", 0), ("view", 1)]
    names = Counter(
        ("key" if record.kind == DICT else "name", name)
        for record in records
        for name in record.names
    )
    for step, _ in names.most_common(_PARTS):
        steps[step] = None
    if len(names) > _PARTS:  # keys that are data
        steps |= {("keys", None): None, ("values", None): None}
    for place in range(min(max(map(len, sets), default=0), _PARTS)):
        steps["sorted", place] = None
    for place in range(min(max(lengths, default=0), _PARTS)):
        steps["item", place] = None
    if len(lengths) > 1:
        steps["item", -1] = None
    for value in (*sets, *tuples):
        members.update(part for part in set(value) if _is_symbol(part))
    # Members that hardly come back are no members to ask for; places say what numbers are.
    steps |= {("member", one): None for one, n in members.most_common(_MEMBERS) if n > 20}
    if any(map(_are_numbers, tuples)):
        steps |= {("sum", None): None, ("min", None): None, ("max", None): None}
    if records:
        steps["order", None] = None
    if values:
        steps["length", None] = None
    return list(steps)


def _is_symbol(part: Any) -> bool:
    """Whether a member is asked for; numbers in tuples would be asked for in vain."""
    return isinstance(part, str | bytes) or part is None or isinstance(part, int)
