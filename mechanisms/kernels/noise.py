"""Random vectors from uniform numbers, jitted, one input after the other.

A uniform number is a multiple of 2^-53 in [0, 1), as `Generator.random` gives them; logarithms are
taken of 1 minus it, which is exact and never 0. Pairs of normal numbers are
R (cos 2 pi V, sin 2 pi V) with R = sqrt(-2 ln U) (Box and Muller, Annals of Mathematical
Statistics, 1958). Everything that decides an output is a product of numbers whose errors are
known one by one (docs/samplers.md).
"""

import math
from fractions import Fraction

import numpy as np
from numba import njit
from numpy.random import Generator
from numpy.typing import NDArray

from .elementary import logarithm, turn

__all__ = [
    "BLOCK",
    "add_noise",
    "divide_by_lengths",
    "draw_truncated",
    "exact_normals",
    "fill_normals",
    "fill_scales",
    "gamma_numbers",
    "normal_numbers",
    "scaled_down",
    "truncated_gamma",
]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

#: Uniform numbers that are multiplied before a logarithm is taken: 2^(-53 * 16) is a normal number.
BLOCK = 16


def normal_numbers(dimension: int) -> int:
    """How many uniform numbers `fill_normals` takes for each vector.

    Examples
    --------
    >>> [normal_numbers(p) for p in (1, 2, 3, 64)]
    [2, 4, 4, 66]
    """
    return 2 * (dimension // 2 + 1)


def gamma_numbers(dimension: int) -> int:
    """How many uniform numbers `fill_scales` takes for each vector.

    Examples
    --------
    >>> [gamma_numbers(p) for p in (1, 2, 3, 64)]
    [1, 1, 2, 32]
    """
    return (dimension + 1) // 2


@njit(nogil=True, cache=True, error_model="numpy")
def fill_normals(uniforms: Floats, normals: Floats, spare: Floats, lengths: Floats) -> None:
    """p independent normal numbers a row, and one to spare if p is even.

    With h = floor(p/2), row i takes radii from its uniform numbers 0...h and angles from the
    numbers h + 1...2h + 1.

    Parameters
    ----------
    uniforms : float64 (size, at least normal_numbers(p))
    normals : float64 (size, p)
        Filled: components k and h + k are a pair; the last pair gives one number only.
    spare : float64 (size,)
        Filled with the number of the last pair; for odd p that is the last component.
    lengths : float64 (size,)
        Filled with bounds on the lengths of the rows.
    """
    size, dimension = normals.shape
    half = dimension // 2
    radii = np.empty(half + 1)
    for i in range(size):
        given, row = uniforms[i], normals[i]
        for k in range(half + 1):
            radii[k] = math.sqrt(-2.0 * logarithm(1.0 - given[k]))
        for k in range(half):
            cosine, sine = turn(given[half + 1 + k])
            row[k], row[half + k] = radii[k] * cosine, radii[k] * sine
        spare[i] = radii[half] * turn(given[2 * half + 1])[0]
        if dimension % 2:
            row[dimension - 1] = spare[i]
        square = 0.0
        for k in range(half + 1):
            square += radii[k] * radii[k]
        lengths[i] = 1.01 * math.sqrt(square)


def exact_normals(uniforms: Floats, dimension: int) -> list[Fraction]:
    """A row of `fill_normals` before its products are rounded: R cos and R sin as fractions.

    Examples
    --------
    >>> [float(x) for x in exact_normals(np.array([0.5, 0.75, 0.25, 0.5]), 2)]
    [0.0, 1.1774100225154747]
    """
    half = dimension // 2
    radii = [math.sqrt(-2.0 * logarithm(1.0 - x)) for x in uniforms[: half + 1].tolist()]
    waves = [turn(v) for v in uniforms[half + 1 : 2 * half + 2].tolist()]
    pairs = [(radii[k], waves[k][part]) for part in (0, 1) for k in range(half)]
    if dimension % 2:
        pairs.append((radii[half], waves[half][0]))
    return [Fraction(radius) * Fraction(wave) for radius, wave in pairs]


@njit(nogil=True, cache=True, error_model="numpy")
def _exponentials(uniforms: Floats) -> float:
    """The sum of -ln(1 - U) over some uniform numbers, few logarithms."""
    total, product = 0.0, 1.0
    for k in range(uniforms.shape[0]):
        product *= 1.0 - uniforms[k]
        if k % BLOCK == BLOCK - 1:
            total -= logarithm(product)
            product = 1.0
    return total - logarithm(product)


@njit(nogil=True, cache=True, error_model="numpy")
def fill_scales(uniforms: Floats, spare: Floats, dimension: int, scales: Floats) -> None:
    """sqrt(2B) with a Gamma variable B of shape (p + 1)/2: so many times a vector of p normal
    numbers has length Gamma(p).

    With A a Gamma variable of shape p/2, such as half the square of the length of that vector,
    2 sqrt(AB) has this law (the duplication formula; Devroye, Non-Uniform Random Variate
    Generation, 1986, section IX.3). B is a sum of exponentials and, for even p, half of the square
    of a normal number.

    Parameters
    ----------
    uniforms : float64 (size, gamma_numbers(p))
    spare : float64 (size,)
        From `fill_normals`.
    scales : float64 (size,)
        Filled.
    """
    for i in range(scales.shape[0]):
        total = _exponentials(uniforms[i])
        if dimension % 2 == 0:
            total += 0.5 * (spare[i] * spare[i])
        scales[i] = math.sqrt(2.0 * total)


@njit(nogil=True, cache=True, error_model="numpy")
def truncated_gamma(rng: Generator, shape: int, limit: float) -> float:
    """A Gamma variable with this shape, at least 1, and rate 1, conditioned on being at most
    `limit`, by rejection: the law is exact however small the probability of the condition is.

    Where the limit is far below the shape (`scaled_down`), x = limit e^-t with t of density
    proportional to exp(-shape t - limit e^-t). Since e^-t >= 1 - t, exponential t with rate
    shape - limit, accepted with probability exp(-limit (e^-t - 1 + t)), has this law. Elsewhere
    sums of exponentials are drawn until one is small enough. Either way at least one draw in ten
    is accepted: E[limit t^2/2] = limit/(shape - limit)^2 is at most max(1, 2/shape) below the
    switch, and above it the limit is at most one standard deviation below the mean, or above half
    of it.
    """
    if scaled_down(shape, limit):
        while True:
            t = -logarithm(1.0 - rng.random()) / (shape - limit)
            # expm1(-t) + t cancels for small t, but then it is tiny and the draw is accepted.
            if rng.random() < math.exp(-limit * (math.expm1(-t) + t)):
                return limit * math.exp(-t)
    uniforms = np.empty(shape)
    while True:
        for k in range(shape):
            uniforms[k] = rng.random()
        x = _exponentials(uniforms)
        if x <= limit:
            return x


@njit(nogil=True, cache=True, error_model="numpy")
def scaled_down(shape: int, limit: float) -> bool:
    """Whether `truncated_gamma` shortens the limit, rather than drawing until one is below it.

    Examples
    --------
    >>> scaled_down(64, 55.0), scaled_down(64, 57.0)
    (True, False)
    """
    return limit < 0.5 * shape or limit < shape - math.sqrt(shape)


@njit(nogil=True, cache=True)
def draw_truncated(
    rng: Generator, dimension: int, limits: Floats, uniforms: Floats, radii: Floats
) -> None:
    """Uniform numbers for `fill_normals` and truncated radii, one input after the other, so that
    splitting the inputs into batches does not change the draws.

    Parameters
    ----------
    limits : float64 (size,)
        Largest radius of each draw in units of its own scale.
    uniforms : float64 (size, normal_numbers(p)), radii : float64 (size,)
        Filled.
    """
    for i in range(radii.shape[0]):
        for k in range(uniforms.shape[1]):
            uniforms[i, k] = rng.random()
        radii[i] = truncated_gamma(rng, dimension, limits[i])


@njit(nogil=True, cache=True, error_model="numpy")
def divide_by_lengths(normals: Floats, radii: Floats) -> None:
    """Divide radii by the lengths of rows, in place; a row without length makes it 0.

    Four sums run side by side, for speed and because each has fewer roundings.
    """
    size, dimension = normals.shape
    for i in range(size):
        row = normals[i]
        a = b = c = d = 0.0
        for k in range(0, dimension - 3, 4):
            a += row[k] * row[k]
            b += row[k + 1] * row[k + 1]
            c += row[k + 2] * row[k + 2]
            d += row[k + 3] * row[k + 3]
        for k in range(dimension - dimension % 4, dimension):
            a += row[k] * row[k]
        square = (a + b) + (c + d)
        radii[i] = radii[i] / math.sqrt(square) if square > 0.0 else 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def add_noise(vectors: Floats, rows: Indices, scales: Floats, noise: Floats, noisy: Floats) -> None:
    """noisy[i] = vectors[rows[i]] + scales[i] noise[i], shape (size, p); may be `noise` itself."""
    for i in range(noisy.shape[0]):
        scale, vector = scales[i], vectors[rows[i]]
        for k in range(noisy.shape[1]):
            noisy[i, k] = vector[k] + scale * noise[i, k]
