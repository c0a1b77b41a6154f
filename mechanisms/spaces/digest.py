"""The one digest of a vocabulary and its vectors: in results, certificates and summaries alike."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["content_digest"]


def content_digest(words: Sequence[str], vectors: NDArray[np.float64]) -> str:
    """SHA-256 of "n p", the UTF-8 words and the little-endian float64 vectors, line by line.

    Examples
    --------
    >>> content_digest(("a", "b"), np.eye(2))[:8] != content_digest(("a", "b"), -np.eye(2))[:8]
    True
    """
    n, dimension = vectors.shape
    digest = hashlib.sha256("\n".join([f"{n} {dimension}", *words, ""]).encode("utf-8"))
    digest.update(np.ascontiguousarray(vectors, dtype="<f8").data)
    return digest.hexdigest()
