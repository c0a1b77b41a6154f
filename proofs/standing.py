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

from ..errors import InputError
from ..files import write_whole
from ..results import ProofRecord
from .engines import versions
from .folder import folder

__all__ = ["standing"]


@cache
def standing(name: str) -> ProofRecord:
    """What the checker finds about a theorem of the catalogue, or found when it last saw this code.

    >>> standing("randomized-response").status
    'proved'
    """
    path = folder() / f"standing-{_key(name)}.json"
    found = _read(path)
    if found is not None and found.theorem == name and found.status != "open":
        return found
    from .cache import check
    from .theorems import find

    result = check(find(name))
    record = ProofRecord(theorem=name, status=result.status, axioms=result.axioms)
    if result.established:
        _write(path, record)
    return record


def _key(name: str) -> str:
    text = json.dumps([name, versions(), sys.version_info[:3], _code()])
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


@cache
def _code() -> str:
    """A digest of all code of proofs: checker, engines and theorems."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).resolve().parent.rglob("*.py")):
        digest.update(str(path).encode("utf-8") + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _read(path: Path) -> ProofRecord | None:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return ProofRecord.model_validate(stored["record"]) if stored["key"] == path.stem else None
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None


def _write(path: Path, record: ProofRecord) -> None:
    """Nothing depends on the file: one that cannot be written is done without."""
    stored = {"key": path.stem, "record": record.model_dump(mode="json")}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(stored, indent=1) + "\n")
    except (OSError, InputError):
        return
