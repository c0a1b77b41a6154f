"""Results by content: a theorem is checked again when it, an engine or the checker has changed.

Only results that establish something are kept (`store`), under a digest of everything formal in
the theorem and of all code that a check of it runs.
"""

import hashlib
import json
import sys
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from . import checker, store
from .engines import installed, versions
from .model import StepResult, Theorem, TheoremResult
from .signs import declared

__all__ = ["check", "key"]


def check(theorem: Theorem, *, use_cache: bool = True) -> TheoremResult:
    """What the checker finds, or found when it last saw exactly this theorem.

    >>> from dpaudit.proofs import find
    >>> check(find("randomized-response"), use_cache=False).status
    'proved'
    """
    name = _name(theorem) if use_cache else None
    if name is None:
        return checker.check(theorem)
    found = _read(name, theorem)
    if found is not None:
        return found
    result = checker.check(theorem)
    if result.established:
        store.write(name, asdict(result))
    return result


def _name(theorem: Theorem) -> str | None:
    try:
        return key(theorem)
    except (TypeError, AttributeError):  # what is malformed, or cannot be told from another thing
        return None


def key(theorem: Theorem) -> str:
    """A digest of the formal content of a theorem and of all that a check of it depends on.

    Raises
    ------
    TypeError
        If something in the theorem is not known by its content, such as a class of somebody else.
    """
    parts = [_content(theorem, {}), versions(), installed(), sys.version_info[:3], _sources()]
    return _digest(parts)


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode("utf-8")).hexdigest()


#: What readers see, and what is wrong on purpose.
_INFORMAL = {"title", "words", "latex", "reference", "covers", "expected", "mutations"}

#: Digests of terms within one theorem, by their identity; terms that are equal to SymPy need not be
#: the same to the checker.
Known = dict[int, str]


def _content(thing: Any, known: Known) -> Any:
    """Nested lists of strings that are the same for the same formal content only."""
    if is_dataclass(thing):
        parts = [
            [field.name, _content(getattr(thing, field.name), known)]
            for field in fields(thing)
            if field.name not in _INFORMAL
        ]
        return [f"{type(thing).__module__}.{type(thing).__qualname__}", parts]
    if isinstance(thing, tuple):
        return [_content(part, known) for part in thing]
    if isinstance(thing, sp.Basic):
        return _term(thing, known)
    if thing is None or type(thing) in (str, int, bool):
        return repr(thing)
    raise TypeError(f"{type(thing).__name__} has no place in a theorem")


def _term(term: sp.Basic, known: Known) -> str:
    """A digest of the tree of a term: at every place the class or name, with what is declared."""
    if id(term) not in known:
        known[id(term)] = _digest([_head(term), [_term(part, known) for part in term.args]])
    return known[id(term)]


def _head(term: sp.Basic) -> list[Any]:
    if isinstance(term, AppliedUndef):
        return ["function", term.func.__name__, sorted(declared(term).items())]
    kind = f"{type(term).__module__}.{type(term).__qualname__}"
    if not kind.startswith("sympy."):
        raise TypeError(f"{kind} is a class whose content is not known")
    if isinstance(term, sp.Symbol):
        return [kind, sp.srepr(term), sorted(declared(term).items())]
    return [kind] if term.args else [kind, sp.srepr(term)]


@cache
def _sources() -> str:
    """A digest of the code of the checker, its rules and its engines."""
    room = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for path in sorted([*room.glob("*.py"), *(room / "engines").glob("*.py")]):
        digest.update(path.name.encode("utf-8") + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _read(name: str, theorem: Theorem) -> TheoremResult | None:
    stored = store.read(name)
    try:
        steps = tuple(_step(step) for step in stored["steps"])
        found = TheoremResult(
            theorem.name,
            stored["status"],
            tuple(map(str, stored["axioms"])),
            steps,
            example=tuple((str(term), str(value)) for term, value in stored["example"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
    expected = theorem.status_if_checked
    whole = [step.id for step in steps] == [step.id for step in theorem.steps]
    checked = all(step.status == "checked" for step in steps)
    return found if whole and checked and found.status == expected else None


def _step(stored: dict[str, Any]) -> StepResult:
    return StepResult(
        id=str(stored["id"]),
        status=stored["status"],
        checked_by=tuple(map(str, stored["checked_by"])),
        note=str(stored["note"]),
        seconds=float(stored["seconds"]),
    )
