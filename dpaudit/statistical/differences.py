"""What reports call two inputs: their values where these are short, else where they differ."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from ..visible import visible
from .drawing.inputs import is_frame, is_series, same

__all__ = ["shown_pair", "shown_value"]

#: Characters of a value, and differences that are shown, with the characters of each.
_LENGTH = 120
_SHOWN = 3
_PART = 40

#: Characters of a text that are shown before and after what differs.
_AROUND = 10


class _Absent:
    """Stands where one of the two inputs has nothing."""


class _There:
    """Stands for a member of a set, which has no value but itself."""


_ABSENT, _THERE = _Absent(), _There()


def shown_value(value: object) -> str:
    """An input as reports show it: its text or representation, foreign characters visible."""
    return _cut(_text(value), _LENGTH)


def shown_pair(first: object, second: object) -> tuple[str, str]:
    """What two different inputs are called: not two equal beginnings, but where they differ.

    Examples
    --------
    >>> shown_pair((1, 2), (1, 3))
    ('(1, 2)', '(1, 3)')
    >>> shown_pair(list(range(100)), list(range(101)))
    ('list of 100 (without [100])', 'list of 101 (with [100] = 100)')
    >>> shown_pair("a" * 500, "a" * 400 + "b" + "a" * 99)  # doctest: +ELLIPSIS
    ('text of 500 characters (character 401: …aaaaaaaaaa[a]aaa...', 'text of 500 ...
    """
    texts = _text(first), _text(second)
    if texts[0] == texts[1] and isinstance(first, str) != isinstance(second, str):
        texts = visible(repr(first)), visible(repr(second))
    whole = not (_is_abridged(first) or _is_abridged(second))
    if whole and max(map(len, texts)) <= _LENGTH and texts[0] != texts[1]:
        return texts
    found = []
    for difference in _differences(first, second, ""):
        found.append(difference)
        if len(found) > _SHOWN:
            break
    shown = []
    for value, side in ((first, 0), (second, 1)):
        parts = [_part(path, values, side) for path, *values in found[:_SHOWN]]
        more = ["…"] if len(found) > _SHOWN else []
        what = _what(value)
        shown.append(f"{what} ({', '.join(parts + more)})" if parts else what)
    if shown[0] == shown[1]:  # nothing is known about where they differ
        shown = [
            f"{text}, {name} input" for text, name in zip(shown, ("first", "second"), strict=True)
        ]
    return shown[0], shown[1]


def _is_abridged(value: object) -> bool:
    """Whether the representation leaves parts out."""
    if is_frame(value) or is_series(value):
        return True
    return isinstance(value, np.ndarray) and value.size > np.get_printoptions()["threshold"]


def _text(value: object) -> str:
    """The whole text of a value, on one line."""
    if is_frame(value) or is_series(value):
        return _what(value)
    return visible(value if isinstance(value, str) else repr(value))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _part(path: str, values: list[Any], side: int) -> str:
    """One difference, as one of the two inputs has it."""
    value, other = values[side], values[1 - side]
    if isinstance(value, _Absent):
        return f"without {path}"
    if isinstance(value, _There):
        return f"with {path}"
    text = _cut(_text(value), _PART) if not isinstance(value, _Marked) else value.text
    return f"with {path} = {text}" if isinstance(other, _Absent) else f"{path}: {text}"


class _Marked:
    """A piece of text, with what differs in brackets."""

    def __init__(self, before: str, part: str, after: str) -> None:
        self.text = visible(f"…{before[-_AROUND:]}[{_cut(part, _PART)}]{after[:_AROUND]}…")


def _what(value: Any) -> str:
    """The kind and the size of an input."""
    kind = type(value).__name__
    if isinstance(value, str):
        return f"text of {len(value):,} characters"
    if is_frame(value):
        return f"{kind} of {value.shape[0]:,} rows and {value.shape[1]:,} columns"
    if isinstance(value, np.ndarray):
        return f"array of shape {value.shape}"
    if isinstance(value, Mapping):
        return f"{kind} of {len(value):,} entries"
    return f"{kind} of {len(value):,}" if hasattr(value, "__len__") else kind


def _differences(first: Any, second: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """(path, value, other value) of the innermost parts that differ, in order."""
    if same(first, second):
        return
    if type(first) is not type(second):
        yield path or "value", first, second
    elif isinstance(first, str | bytes):
        yield _of_texts(first, second, path)
    elif is_frame(first):
        yield from _of_frames(first, second, path)
    elif is_series(first):
        yield from _of_sequences(list(first), list(second), path)
    elif isinstance(first, np.ndarray):
        yield from _of_arrays(first, second, path)
    elif isinstance(first, list | tuple):
        yield from _of_sequences(list(first), list(second), path)
    elif isinstance(first, Mapping):
        for key in dict.fromkeys([*first, *second]):
            name = f"{path}[{_cut(visible(repr(key)), _PART)}]"
            yield from _of_parts(first.get(key, _ABSENT), second.get(key, _ABSENT), name)
    elif isinstance(first, set | frozenset):
        for member in sorted(first ^ second, key=repr):
            name = f"{path} {_cut(visible(repr(member)), _PART)}".strip()
            ours = member in first
            yield name, _THERE if ours else _ABSENT, _ABSENT if ours else _THERE
    elif is_dataclass(first):
        for field in fields(first):
            name = f"{path}.{field.name}"
            yield from _differences(getattr(first, field.name), getattr(second, field.name), name)
    elif hasattr(first, "__dict__"):
        for key in dict.fromkeys([*vars(first), *vars(second)]):
            there = (vars(first).get(key, _ABSENT), vars(second).get(key, _ABSENT))
            yield from _of_parts(there[0], there[1], f"{path}.{key}")
    else:
        yield path or "value", first, second


def _of_parts(value: Any, other: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(value, _Absent) or isinstance(other, _Absent):
        yield path, value, other
    else:
        yield from _differences(value, other, path)


def _of_texts(first: Any, second: Any, path: str) -> tuple[str, Any, Any]:
    """The shortest stretch of two texts outside of which they are equal."""
    start = _common(first, second)
    end = _common(first[start:][::-1], second[start:][::-1])
    stretch = [one[start : len(one) - end] for one in (first, second)]
    unit = "byte" if isinstance(first, bytes) else "character"
    name = f"{path} {unit} {start + 1:,}".strip()
    if isinstance(first, bytes):
        return name, stretch[0], stretch[1]
    marked = [
        _Marked(one[:start], part, one[len(one) - end :])
        for one, part in zip((first, second), stretch, strict=True)
    ]
    return name, marked[0], marked[1]


def _common(first: Any, second: Any) -> int:
    """How many parts two sequences have in common at the start."""
    count = min(len(first), len(second))
    return next((i for i in range(count) if not same(first[i], second[i])), count)


def _of_sequences(first: Any, second: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Differences by place; where parts were added or removed, these."""
    if len(first) == len(second):
        for place, both in enumerate(zip(first, second, strict=True)):
            yield from _differences(*both, f"{path}[{place}]")
        return
    start = _common(first, second)
    end = _common(first[start:][::-1], second[start:][::-1])
    ours, theirs = first[start : len(first) - end], second[start : len(second) - end]
    for place in range(max(len(ours), len(theirs))):
        value = ours[place] if place < len(ours) else _ABSENT
        other = theirs[place] if place < len(theirs) else _ABSENT
        yield from _of_parts(value, other, f"{path}[{start + place}]")


def _of_arrays(first: Any, second: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if first.shape[1:] != second.shape[1:] or first.ndim == 0 or first.dtype != second.dtype:
        about = [f"{one.dtype} of shape {one.shape}" for one in (first, second)]
        yield path or "array", about[0], about[1]
        return
    if first.shape != second.shape:
        yield from _of_sequences(list(first), list(second), path)
        return
    yield from _of_sequences(first.tolist(), second.tolist(), path)


def _of_frames(first: Any, second: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """By column and row; rows that were added or removed as a whole."""
    columns = [list(one.columns) for one in (first, second)]
    if columns[0] != columns[1]:
        for name in dict.fromkeys([*columns[0], *columns[1]]):
            there = [len(one) if name in one.columns else _ABSENT for one in (first, second)]
            if any(isinstance(one, _Absent) for one in there):
                yield f"{path} column {name!r}".strip(), there[0], there[1]
        return
    parts = [[one.iloc[:, i].tolist() for i in range(len(columns[0]))] for one in (first, second)]
    rows = [list(zip(*(one[i] for i in range(len(columns[0]))), strict=True)) for one in parts]
    if len(rows[0]) != len(rows[1]):
        yield from _of_sequences(rows[0], rows[1], f"{path} row ".lstrip())
        return
    for place, (row, other) in enumerate(zip(*rows, strict=True)):
        for name, value, there in zip(columns[0], row, other, strict=True):
            yield from _differences(value, there, f"{path} row {place}, column {name!r}".strip())
    yield from _of_sequences(list(first.index), list(second.index), f"{path} index".strip())
