"""What the mechanisms share that add noise to the vector of a word and decode (4.1-4.3, 4.8, 4.10).

Noise and decoding are Euclidean, whatever the metric of the space. Directions are normalised
Gaussian vectors, radii Gamma variables; all numbers of a draw are taken from the generator before
those of the next one. Decoding is exact (`NearestWords`), so the output is a function of the noisy
vector as computed, whatever the batch that it is in.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from ...errors import InputError, require_positive
from ..kernels.alias import checked_positions
from ..kernels.nearest import NearestWords
from ..kernels.noise import add_noise, draw_noise
from ..kernels.parallel import ordered_map
from ..protocol import Floats, Indices, RadialNoise
from ..spaces import EmbeddingSpace

__all__ = ["NoisyVectors", "joined", "require_noise", "require_share"]

Result = TypeVar("Result")

#: Noise longer than this, or shorter than its inverse, is not computed with.
_LARGEST = 1e140


def require_noise(space: EmbeddingSpace, epsilon: float) -> float:
    """Return `epsilon` as a float if noise with this rate can be computed with.

    Raises
    ------
    InputError
        Unless epsilon is finite, above 0, and neither epsilon nor the mean p / epsilon of the
        radius is beyond 1e140.

    Examples
    --------
    >>> require_noise(EmbeddingSpace(["a", "b"], [[0.0], [1.0]]), 2)
    2.0
    """
    number = require_positive("epsilon", epsilon)
    if not number <= _LARGEST:
        raise InputError(
            f"epsilon is {number:g}, but it must be at most {_LARGEST:g} to be computed with. Use "
            "a smaller epsilon."
        )
    if not space.dimension <= number * _LARGEST:
        raise InputError(
            f"epsilon is {number:g}, but in {space.dimension} dimensions it must be at least "
            f"{space.dimension / _LARGEST:g}, or the noise is too long to be computed with. Use a "
            "larger epsilon."
        )
    return number


def require_share(name: str, value: float) -> float:
    """Return `value` as a float if it lies in [0, 1], both ends included.

    Raises
    ------
    InputError
        Otherwise.

    Examples
    --------
    >>> require_share("t", 1)
    1.0
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(f"{name} is {value!r}, but it must be a number.")
    if not 0.0 <= value <= 1.0:
        raise InputError(f"{name} is {float(value):g}, but it must be from 0 to 1.")
    return float(value)


@dataclass(frozen=True, eq=False)
class NoisyVectors:
    """The vectors of a vocabulary with radial noise, and the words nearest to them.

    Examples
    --------
    >>> space = EmbeddingSpace(["near", "far", "here"], [[1.0], [5.0], [0.0]])
    >>> noisy = NoisyVectors(space, RadialNoise(np.full(3, 2.0)))
    >>> noisy.nearest(np.array([2, 2, 2, 0, 0]), np.random.default_rng(1)).tolist()
    [2, 2, 0, 0, 0]
    """

    space: EmbeddingSpace
    noise: RadialNoise

    @cached_property
    def finder(self) -> NearestWords:
        """Finds the words that are nearest to a vector."""
        return NearestWords(self.space.vectors)

    def nearest(self, inputs: Indices, rng: Generator) -> Indices:
        """The word nearest to the noisy vector of each input, as positions, shape (size,)."""
        finder = self.finder

        def decode(rows: Indices, points: Floats, uniforms: Floats) -> Indices:
            return finder.find(points)[:, 0]

        return joined(self.map(decode, inputs, rng))

    def map(
        self,
        work: Callable[[Indices, Floats, Floats], Result],
        inputs: Indices,
        rng: Generator,
        *,
        uniforms: bool = False,
    ) -> Iterator[Result]:
        """Yield `work(inputs, noisy vectors, uniform numbers)` batch by batch, on all cores.

        The noise is drawn in the order of the inputs, while earlier batches are worked on.
        """
        inputs = checked_positions(inputs, len(self.space))
        columns = self._columns

        def finish(draw: tuple[Indices, Floats, Floats, Floats]) -> Result:
            rows, radii, points, numbers = draw
            # Directions become noisy vectors, in their place if nothing is to be mixed.
            noisy = points if len(columns) == 0 else np.empty_like(points)
            add_noise(self.space.vectors, rows, radii, points, columns, noisy)
            return work(rows, noisy, numbers)

        draws = self._draws(inputs, rng, uniforms)
        if len(inputs) <= self.finder.rows_at_once:
            yield from map(finish, draws)
        else:
            yield from ordered_map(finish, draws)

    def _draws(
        self, inputs: Indices, rng: Generator, uniforms: bool
    ) -> Iterator[tuple[Indices, Floats, Floats, Floats]]:
        """Inputs with radii, directions and uniform numbers, batch by batch."""
        step = self.finder.rows_at_once
        for start in range(0, len(inputs), step):
            rows = inputs[start : start + step]
            rates = self.noise.rates[rows]
            directions = np.empty((len(rows), self.space.dimension))
            radii, numbers = np.empty(len(rows)), np.empty(len(rows) if uniforms else 0)
            draw_noise(rng, rates * self.noise.truncation, directions, radii, numbers)
            yield rows, radii / rates, directions, numbers

    @cached_property
    def _columns(self) -> Floats:
        if self.noise.transform is None:
            return np.empty((0, 0))
        return np.ascontiguousarray(self.noise.transform.T)


def joined(parts: Iterator[Indices]) -> Indices:
    """One array from many, or from none.

    Examples
    --------
    >>> joined(iter([])).tolist()
    []
    """
    found = list(parts)
    return np.concatenate(found) if found else np.empty(0, dtype=np.int64)
