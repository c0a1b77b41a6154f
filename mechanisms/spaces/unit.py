"""Vectors of length 1."""

import math

import numpy as np
from numpy.typing import NDArray

from ...errors import SpaceError

__all__ = ["normalized"]


def normalized(word: str, row: NDArray[np.float64]) -> NDArray[np.float64]:
    """The vector divided by its Euclidean length, rounded: these floats are then the vector.

    Sum and root are rounded correctly (`math.fsum`), so that every machine gets the same floats.
    Scaling by a power of two first keeps squares from over- and underflowing.

    Raises
    ------
    SpaceError
        If the vector is 0 or not finite.

    Examples
    --------
    >>> normalized("a", np.array([3.0, 4.0])), normalized("a", np.array([3e-200, 4e-200]))
    (array([0.6, 0.8]), array([0.6, 0.8]))
    """
    largest = float(np.abs(row).max())
    if not 0.0 < largest < math.inf:
        what = "is 0" if largest == 0.0 else "is not finite"
        raise SpaceError(
            f"The vector of the word {word!r} {what}, so it has no direction and cannot be "
            "normalised. Leave the word out."
        )
    scaled = np.ldexp(row, 1 - math.frexp(largest)[1])
    return np.asarray(scaled / math.sqrt(math.fsum((scaled * scaled).tolist())))
