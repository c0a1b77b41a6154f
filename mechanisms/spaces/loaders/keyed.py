"""gensim's `KeyedVectors`, told by its attributes: gensim itself is not needed."""

from typing import Any

import numpy as np

from ....errors import InputError, SpaceError
from .arrays import check_matrix, read_matrix
from .collect import Collector
from .model import LoadedEmbedding, ReadOptions, check_limit

__all__ = ["read_keyed_vectors"]


def read_keyed_vectors(
    keyed_vectors: Any, options: ReadOptions, *, directions: bool = False
) -> LoadedEmbedding:
    """The words and vectors, up to the limit.

    Raises
    ------
    InputError
        If the object has no words and vectors.
    SpaceError
        If they do not fit each other.
    """
    kind = type(keyed_vectors).__name__
    try:
        words, vectors = list(keyed_vectors.index_to_key), np.asarray(keyed_vectors.vectors)
    except AttributeError:
        if hasattr(getattr(keyed_vectors, "wv", None), "index_to_key"):
            raise InputError(
                f"keyed_vectors is a {kind}, a model that can be trained; its words and vectors "
                "are in its attribute wv. Pass model.wv."
            ) from None
        raise InputError(
            f"keyed_vectors is a {kind}, but it must have index_to_key and vectors, like gensim's "
            "KeyedVectors."
        ) from None
    check_matrix("keyed_vectors", vectors.shape, vectors.dtype, len(words))
    check_limit("gensim", options.limit, len(words))
    if options.on_duplicate == "error" and options.limit is not None:
        words, vectors = words[: options.limit], vectors[: options.limit]
    for word in words:
        if not isinstance(word, str):
            raise SpaceError(f"keyed_vectors has the key {word!r}, but a word must be a string.")
    collector = Collector("gensim", options, directions=directions)
    collector.expect(vectors.shape[1], len(words))
    return read_matrix("gensim KeyedVectors", words, iter([vectors]), collector, "the array")
