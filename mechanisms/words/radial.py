"""What the mechanisms share that add noise to the vector of a word and decode (4.1-4.3, 4.8, 4.10).

Noise and decoding are Euclidean, whatever the metric of the space. Noise is made from uniform
numbers, which are taken from the generator in the order of the inputs. The noisy vector of a
draw is phi + c A x **in exact arithmetic**, with the floats phi (vector of the word), c (scale),
A (transform) and normal numbers x as `exact_normals` gives them: floats near it are decoded
where their error decides nothing, fractions elsewhere. So the output does not depend on the
batch that a draw is in, nor on the order of any sum, and the only errors of the noise are those
of c, A and x (docs/samplers.md).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from numbers import Real
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from ...errors import InputError, require_positive
from ..kernels import noise as kernels
from ..kernels.alias import checked_positions
from ..kernels.nearest import NearestWords
from ..kernels.parallel import ordered_map
from ..protocol import Floats, Indices, RadialNoise
from ..spaces import EmbeddingSpace
from .noise_error import UNIT

__all__ = ["NoisyBatch", "NoisyVectors", "joined", "require_noise", "require_share"]

Result = TypeVar("Result")
_Draw = tuple[Indices, Floats, Floats, Floats, Floats]

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
class NoisyBatch:
    """Noisy vectors of some inputs.

    Attributes
    ----------
    rows : int64 (size,)
        The inputs.
    points, errors : float64 (size, p), (size,)
        Floats near the noisy vectors, and how far off they may be.
    choices : float64 (size,) or (0,)
        A further uniform number for each input, if asked for.
    """

    rows: Indices
    points: Floats
    errors: Floats
    choices: Floats
    _noise: "NoisyVectors"
    _scales: Floats
    _uniforms: Floats

    def part(self, places: Indices) -> "NoisyBatch":
        """Some of them."""
        return NoisyBatch(
            self.rows[places],
            self.points[places],
            self.errors[places],
            self.choices[places] if len(self.choices) else self.choices,
            self._noise,
            self._scales[places],
            self._uniforms[places],
        )

    def exact(self, i: int) -> list[Fraction]:
        """The noisy vector of one of them."""
        own = self._noise.space.vectors[self.rows[i]].tolist()
        normals = kernels.exact_normals(self._uniforms[i], len(own))
        transform = self._noise.noise.transform
        if transform is not None:
            normals = [
                sum((Fraction(a) * x for a, x in zip(row, normals, strict=True)), Fraction(0))
                for row in transform.tolist()
            ]
        scale = Fraction(float(self._scales[i]))
        return [Fraction(x) + scale * y for x, y in zip(own, normals, strict=True)]


@dataclass(frozen=True, eq=False)
class NoisyVectors:
    """The vectors of a vocabulary with radial noise, and the words nearest to them.

    Examples
    --------
    >>> space = EmbeddingSpace(["near", "far", "here"], [[1.0], [5.0], [0.0]])
    >>> noisy = NoisyVectors(space, RadialNoise(np.full(3, 2.0)))
    >>> noisy.nearest(np.array([2, 2, 2, 0, 0]), np.random.default_rng(1)).tolist()
    [2, 2, 2, 0, 0]
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

        def decode(batch: NoisyBatch) -> Indices:
            return finder.find(batch.points, errors=batch.errors, exact=batch.exact)[:, 0]

        return joined(self.map(decode, inputs, rng))

    def map(
        self,
        work: Callable[[NoisyBatch], Result],
        inputs: Indices,
        rng: Generator,
        *,
        choices: bool = False,
    ) -> Iterator[Result]:
        """Yield `work(noisy vectors)` batch by batch, on all cores; `choices` asks for a further
        uniform number for each input, if the noise is not truncated.

        Uniform numbers are drawn in the order of the inputs, while earlier batches are worked on.
        """
        inputs = checked_positions(inputs, len(self.space))

        def finish(draw: _Draw) -> Result:
            return work(self._batch(*draw, choices=choices))

        draws = self._draws(inputs, rng, choices)
        if len(inputs) <= self.finder.rows_at_once:
            yield from map(finish, draws)
        else:
            yield from ordered_map(finish, draws)

    def _draws(self, inputs: Indices, rng: Generator, choices: bool) -> Iterator[_Draw]:
        """Inputs with their uniform numbers, scales, normal numbers and bounds on the lengths of
        these, batch by batch."""
        step, p = self.finder.rows_at_once, self.space.dimension
        first, count = kernels.normal_numbers(p), kernels.gamma_numbers(p)
        for start in range(0, len(inputs), step):
            rows = inputs[start : start + step]
            size, rates = len(rows), self.noise.rates[rows]
            normals, spare, lengths = np.empty((size, p)), np.empty(size), np.empty(size)
            scales = np.empty(size)
            if self.noise.truncation == np.inf:
                uniforms = rng.random((size, first + count + choices))
                kernels.fill_normals(uniforms, normals, spare, lengths)
                kernels.fill_scales(uniforms[:, first : first + count], spare, p, scales)
            else:
                uniforms = np.empty((size, first))
                kernels.draw_truncated(rng, p, rates * self.noise.truncation, uniforms, scales)
                kernels.fill_normals(uniforms, normals, spare, lengths)
                kernels.divide_by_lengths(normals, scales)
            yield rows, uniforms, scales / rates, normals, lengths

    def _batch(
        self,
        rows: Indices,
        uniforms: Floats,
        scales: Floats,
        normals: Floats,
        lengths: Floats,
        *,
        choices: bool,
    ) -> NoisyBatch:
        """The noisy vectors of some inputs, from their numbers, in place."""
        if self.noise.transform is not None:
            normals = normals @ self.noise.transform.T
        kernels.add_noise(self.space.vectors, rows, scales, normals, normals)
        longest, share = self._rounding
        errors = share * (scales * lengths) + longest
        choice = uniforms[:, -1] if choices else np.empty(0)
        return NoisyBatch(rows, normals, errors, choice, self, scales, uniforms)

    @cached_property
    def _rounding(self) -> tuple[float, float]:
        """How far points may be off, whatever the noise, and as a share of its length before the
        transform.

        A product R cos and one with the scale are rounded, and so is the sum: u(3 |c x| + |phi|).
        In A x each component is off by (p + 1)u times the sum of the sizes of its terms
        (Higham 2002, section 3.1), so the vector by at most (p + 1)u times the Frobenius norm of A
        and |x|. Numbers that underflow are in the 1e-300.
        """
        longest = float(np.sqrt(np.square(self.space.vectors).sum(axis=1).max()))
        transform = self.noise.transform
        stretch = 1.0 if transform is None else float(np.linalg.norm(transform))
        terms = 1 if transform is None else self.space.dimension
        return 1.1 * UNIT * longest + 1e-300, 1.1 * (terms + 4) * stretch * UNIT


def joined(parts: Iterator[Indices]) -> Indices:
    """One array from many, or from none.

    Examples
    --------
    >>> joined(iter([])).tolist()
    []
    """
    found = list(parts)
    return np.concatenate(found) if found else np.empty(0, dtype=np.int64)
