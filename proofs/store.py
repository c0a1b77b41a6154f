"""Results that are kept between runs: small files in a folder of the user's cache.

A cache may come from somewhere else: a shared folder, the archive of another job. So every entry is
sealed with a secret of this user (HMAC-SHA-256), which lies outside of the cache, and an entry that
was not written with it counts as absent. Without a secret nothing is kept and nothing is believed.
Whoever can read the secret can also change the installed code; against that no cache is safe.
"""

import hashlib
import hmac
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import write_whole

__all__ = ["folder", "read", "write"]

#: Bytes of the secret, and of an entry at most.
_SECRET_BYTES, _LARGEST = 32, 2**24


def folder() -> Path:
    """The folder `proofs` of dpaudit's cache: `DPAUDIT_CACHE`, or else the user's.

    >>> folder().name
    'proofs'
    """
    named = os.environ.get("DPAUDIT_CACHE")
    return (Path(named) if named else _home("XDG_CACHE_HOME", ".cache") / "dpaudit") / "proofs"


def _home(variable: str, default: str) -> Path:
    named = os.environ.get(variable)
    return Path(named) if named else Path.home() / default


def read(name: str) -> Any:
    """What `write` has kept under this name, or None: nothing, or nothing that is believed."""
    secret = _secret()
    try:
        path = folder() / f"{name}.json"
        if secret is None or not stat.S_ISREG(path.stat().st_mode):
            return None
        with path.open("rb") as stream:
            stored = json.loads(stream.read(_LARGEST).decode("utf-8"))
        content, seal = stored["content"], str(stored["seal"])
        ours = _seal(secret, name, content)
        return content if hmac.compare_digest(ours, seal.encode("utf-8").decode("ascii")) else None
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        return None  # RuntimeError: no home, or nested too deep


def write(name: str, content: Any) -> None:
    """Keep what JSON can hold. Nothing depends on it: what cannot be written is done without."""
    secret = _secret(create=True)
    if secret is None:
        return
    stored = {"content": content, "seal": _seal(secret, name, content)}
    try:
        path = folder() / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            return  # a pipe would wait for a reader
        write_whole(path, json.dumps(stored, indent=1, ensure_ascii=False) + "\n")
    except (OSError, InputError, RuntimeError):
        return


def _seal(secret: bytes, name: str, content: Any) -> str:
    text = json.dumps([name, content], sort_keys=True)
    return hmac.new(secret, text.encode("utf-8"), hashlib.sha256).hexdigest()


def _secret(*, create: bool = False) -> bytes | None:
    """The secret of this user, which nobody else can read; None if there is none."""
    try:
        path = _home("XDG_STATE_HOME", ".local/state") / "dpaudit" / "cache-secret"
        if create and not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(secrets.token_bytes(_SECRET_BYTES))
        found = path.stat()
        if os.name == "posix" and (found.st_uid != os.geteuid() or found.st_mode & 0o077):
            return None
        secret = path.read_bytes() if stat.S_ISREG(found.st_mode) else b""
    except (OSError, RuntimeError):
        return None
    return secret if len(secret) == _SECRET_BYTES else None
