"""Random directions and radii, jitted, one input after the other.

Every draw takes its numbers from the generator before the next one begins, so that splitting the
draws into batches does not change them.
"""

import math

import numpy as np
from numba import njit
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["add_noise", "draw_noise", "truncated_gamma"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

#: Vectors that are transformed together, so that a row of the matrix serves all of them.
_TOGETHER = 16


@njit(nogil=True, cache=True)
def truncated_gamma(rng: Generator, shape: float, limit: float) -> float:
    """A Gamma variable with this shape, at least 1, and rate 1, conditioned on being at most
    `limit`, by rejection: the law is exact however small the probability of the condition is.

    Where the limit is far below the shape, x = limit e^-t with t of density proportional to
    exp(-shape t - limit e^-t). Since e^-t >= 1 - t, exponential t with rate shape - limit,
    accepted with probability exp(-limit (e^-t - 1 + t)), has this law. Elsewhere Gamma variables
    are drawn until one is small enough. Either way at least one draw in ten is accepted:
    E[limit t^2/2] = limit/(shape - limit)^2 is at most max(1, 2/shape) below the switch, and
    above it the limit is at most one standard deviation below the mean, or above half of it.
    """
    if limit < 0.5 * shape or limit < shape - math.sqrt(shape):
        while True:
            t = rng.standard_exponential() / (shape - limit)
            # expm1(-t) + t cancels for small t, but then it is tiny and the draw is accepted.
            if rng.random() < math.exp(-limit * (math.expm1(-t) + t)):
                return limit * math.exp(-t)
    while True:
        x = rng.standard_gamma(shape)
        if x <= limit:
            return x


@njit(nogil=True, cache=True)
def draw_noise(
    rng: Generator, limits: Floats, directions: Floats, radii: Floats, uniforms: Floats
) -> None:
    """Directions uniform on the sphere, radii Gamma(p) with rate 1, one pair a limit.

    Parameters
    ----------
    limits : float64 (size,)
        Largest radius of each draw in units of its own scale; may be infinite.
    directions, radii : float64 (size, p), (size,)
        Filled.
    uniforms : float64 (size,) or (0,)
        Filled with a uniform number for each draw, if there is room.
    """
    size, dimension = directions.shape
    for i in range(size):
        square = 0.0
        while not square > 0.0:
            square = 0.0
            for k in range(dimension):
                x = rng.standard_normal()
                directions[i, k] = x
                square += x * x
        length = math.sqrt(square)
        for k in range(dimension):
            directions[i, k] /= length
        radii[i] = truncated_gamma(rng, float(dimension), limits[i])
        if uniforms.shape[0]:
            uniforms[i] = rng.random()


@njit(nogil=True, cache=True)
def add_noise(
    vectors: Floats,
    rows: Indices,
    radii: Floats,
    directions: Floats,
    columns: Floats,
    noisy: Floats,
) -> None:
    """noisy[i] = vectors[rows[i]] + radii[i] * A directions[i], shape (size, p).

    `columns` are the columns of A, one a row; of shape (0, 0) if A is the identity. Sums run over
    the components in order, for every vector alone, so that its bits do not depend on the others.
    """
    size, dimension = noisy.shape
    if columns.shape[0] == 0:
        for i in range(size):
            for k in range(dimension):
                noisy[i, k] = vectors[rows[i], k] + radii[i] * directions[i, k]
        return
    for start in range(0, size, _TOGETHER):
        stop = min(start + _TOGETHER, size)
        noisy[start:stop] = 0.0
        # Four columns at a time: fewer passes over the sums, in the same order of terms.
        for j in range(0, dimension - 3, 4):
            a, b, c, d = columns[j], columns[j + 1], columns[j + 2], columns[j + 3]
            for i in range(start, stop):
                row = noisy[i]
                w, x = directions[i, j], directions[i, j + 1]
                y, z = directions[i, j + 2], directions[i, j + 3]
                for k in range(dimension):
                    row[k] = row[k] + w * a[k] + x * b[k] + y * c[k] + z * d[k]
        for j in range(dimension - dimension % 4, dimension):
            for i in range(start, stop):
                for k in range(dimension):
                    noisy[i, k] += directions[i, j] * columns[j, k]
        for i in range(start, stop):
            for k in range(dimension):
                noisy[i, k] = vectors[rows[i], k] + radii[i] * noisy[i, k]
