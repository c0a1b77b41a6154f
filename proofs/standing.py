"""The status of one theorem, in milliseconds where the same code has checked it before.

`cache` knows a theorem by its formal content, for which SymPy has to be loaded. Here a theorem is
known by its name and all the code that its content and its check come from, so that an audit can
show a status without waiting for that.
"""

import hashlib
import json
import sys
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from ..results import ProofRecord
from . import store
from .engines import installed, versions

__all__ = ["standing"]


@cache
def standing(name: str) -> ProofRecord:
    """What the checker finds about a theorem of the catalogue, or found when it last saw this code.

    >>> standing("randomized-response").status
    'proved'
    """
    entry = f"standing-{_key(name)}"
    found = _read(entry)
    if found is not None and found.theorem == name and found.status != "open":
        return found
    from .cache import check
    from .theorems import find

    result = check(find(name))
    record = ProofRecord(theorem=name, status=result.status, axioms=result.axioms)
    if result.established:
        store.write(entry, record.model_dump(mode="json"))
    return record


def _key(name: str) -> str:
    text = json.dumps([name, versions(), installed(), sys.version_info[:3], _code()])
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


@cache
def _code() -> str:
    """A digest of all code of proofs: checker, engines and theorems."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).resolve().parent.rglob("*.py")):
        digest.update(str(path).encode("utf-8") + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _read(entry: str) -> ProofRecord | None:
    stored = store.read(entry)
    try:
        return None if stored is None else ProofRecord.model_validate(stored)
    except ValidationError:
        return None
