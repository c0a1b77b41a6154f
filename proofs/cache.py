"""Results by content: a theorem is checked again when it, an engine or the checker has changed.

One small file a result, in a folder of the user's cache; `DPAUDIT_CACHE` names another one. Only
results that establish something are kept. A file that cannot be read, or that is not about
exactly this content, counts as absent.
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

from ..errors import InputError
from ..files import write_whole
from . import checker
from .engines import versions
from .folder import folder
from .model import StepResult, Theorem, TheoremResult
from .signs import declared

__all__ = ["check", "folder", "key"]


def check(theorem: Theorem, *, use_cache: bool = True) -> TheoremResult:
    """What the checker finds, or found when it last saw exactly this theorem.

    >>> from dpaudit.proofs import find
    >>> check(find("randomized-response"), use_cache=False).status
    'proved'
    """
    path = folder() / f"{key(theorem)}.json"
    if use_cache:
        found = _read(path, theorem)
        if found is not None:
            return found
    result = checker.check(theorem)
    if use_cache and result.established:
        _write(path, result)
    return result


def key(theorem: Theorem) -> str:
    """A digest of the formal content of a theorem and of all that a check of it depends on."""
    text = json.dumps([_content(theorem), versions(), sys.version_info[:3], _sources()])
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


#: What readers see, and what is wrong on purpose.
_INFORMAL = {"title", "words", "latex", "reference", "covers", "expected", "mutations"}


def _content(thing: Any) -> Any:
    """Nested lists of strings that are the same for the same formal content only."""
    if is_dataclass(thing):
        parts = [
            [field.name, _content(getattr(thing, field.name))]
            for field in fields(thing)
            if field.name not in _INFORMAL
        ]
        return [type(thing).__name__, parts]
    if isinstance(thing, tuple):
        return [_content(part) for part in thing]
    if isinstance(thing, sp.Basic):
        return _formula(thing)
    if thing is None or isinstance(thing, str | int):
        return repr(thing)
    raise TypeError(f"{type(thing).__name__} has no place in a theorem")


@cache  # the steps of a theorem share their terms
def _formula(term: sp.Basic) -> list[Any]:
    # srepr leaves out what functions are declared to be.
    functions = sorted(
        (sp.srepr(part), sorted(declared(part).items())) for part in term.atoms(AppliedUndef)
    )
    return [sp.srepr(term), functions]


@cache
def _sources() -> str:
    """A digest of the code of the checker, its rules and its engines."""
    room = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for path in sorted([*room.glob("*.py"), *(room / "engines").glob("*.py")]):
        digest.update(path.name.encode("utf-8") + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _read(path: Path, theorem: Theorem) -> TheoremResult | None:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["key"] != path.stem:
            return None
        result = stored["result"]
        steps = tuple(_step(step) for step in result["steps"])
        found = TheoremResult(
            theorem.name, result["status"], tuple(map(str, result["axioms"])), steps
        )
    except (OSError, ValueError, KeyError, TypeError):
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


def _write(path: Path, result: TheoremResult) -> None:
    """Nothing depends on the file: one that cannot be written is done without."""
    text = json.dumps({"key": path.stem, "result": asdict(result)}, indent=1, ensure_ascii=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text + "\n")
    except (OSError, InputError):
        return
