"""Parts of outputs that are left out, because nobody sees them."""

import ast
import json
from typing import Any

from ...errors import InputError, option
from .structures import DICT, FRAME, Record

__all__ = ["Ignored", "parsed_path", "without"]

#: Stands where something was left out; the same always, so that it says nothing.
LEFT_OUT = None

#: A path: keys and places as ("[]", key), attributes as (".", name), JSON texts as ("json", "").
Ignored = tuple[tuple[str, Any], ...]


def parsed_path(text: str) -> Ignored:
    """A path as results and Python write it; a bare name is a key or an attribute of the output.

    Raises
    ------
    InputError
        If it is none, or the whole output.

    Examples
    --------
    >>> parsed_path('output["rows"][0].id'), parsed_path("id")
    ((('[]', 'rows'), ('[]', 0), ('.', 'id')), (('[]', 'id'),))
    """
    try:
        steps = _steps(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError):
        steps = ()
    if not steps:
        raise InputError(
            f"{option('ignore')} is {text!r}, but it must be the path of a part of the output, as "
            "in 'output[\"id\"]', 'output[0]' or 'output.id'."
        )
    return steps


def _steps(node: ast.expr) -> Ignored:
    if isinstance(node, ast.Name):
        return () if node.id == "output" else (("[]", node.id),)
    if isinstance(node, ast.Subscript):
        return (*_steps(node.value), ("[]", ast.literal_eval(node.slice)))
    if isinstance(node, ast.Attribute):
        return (*_steps(node.value), (".", node.attr))
    if isinstance(node, ast.List) and len(node.elts) == 1:  # ["id"], without the output
        return (("[]", ast.literal_eval(node.elts[0])),)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "json":
        return (*_steps(node.args[0]), ("json", ""))
    raise ValueError(ast.dump(node))


def without(value: Any, path: Ignored, canonical: Any) -> Any:
    """A canonical value in which what a path leads to has one value always; that something is there
    stays. `canonical` is for what a JSON text says.

    Examples
    --------
    >>> without(("a", (1, 2)), (("[]", 1), ("[]", 0)), None)
    ('a', (None, 2))
    """
    if not path:
        return LEFT_OUT
    (step, at), rest = path[0], path[1:]
    if step == "json" and isinstance(value, str):
        try:
            return without(canonical(json.loads(value)), rest, canonical)
        except ValueError:
            return value
    if type(value) is tuple and isinstance(at, int) and -len(value) <= at < len(value):
        place = at % len(value)
        return (*value[:place], without(value[place], rest, canonical), *value[place + 1 :])
    if type(value) is not Record:
        return value
    if value.kind == FRAME and step == "[]":
        columns = without(value.values[0], path, canonical)
        return value._replace(values=(columns, *value.values[1:]))
    # A bare name may be an attribute too.
    if at not in value.names or (step == "." and value.kind == DICT):
        return value
    place = value.names.index(at)
    inside = without(value.values[place], rest, canonical)
    return value._replace(values=(*value.values[:place], inside, *value.values[place + 1 :]))
