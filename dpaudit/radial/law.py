"""Output laws of mechanisms that add radial noise, estimated by rays (specification, 5.4).

Given the direction u of the noise, the output is a function of the radius: a list of intervals
(`mechanisms/kernels/envelope`), whose probabilities are known. So every direction contributes to
every P_w(y) a number in [0, 1] with mean P_w(y), and its variance is at most that of a drawn word.
All inputs share the directions, which does not matter for a single mean and helps in
comparisons of two inputs.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..errors import NumericalError, require_memory
from ..mechanisms.kernels.envelope import accumulate, event_chances, lower_envelopes
from ..mechanisms.kernels.parallel import ordered_map
from ..mechanisms.protocol import RadialNoise
from ..mechanisms.spaces import EmbeddingSpace
from .radius import RadiusLaw

__all__ = ["LawEstimate", "RadialLaw"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

#: Directions that are worked on at a time, and those of them that one thread multiplies.
_RAYS = 128
_PRODUCTS = 64

#: Inputs that one thread works on at a time.
_INPUTS = 16


@dataclass(frozen=True, eq=False)
class LawEstimate:
    """Sums over directions for some inputs and all outputs.

    Attributes
    ----------
    inputs
        Positions of the inputs, shape (m,).
    sums, squares
        Sums of the contributions and of their squares, shape (m, n).
    directions
        Number N of directions.
    kept
        Contribution of each new direction to the mean over the inputs of P_w(w), shape (N,)
        unless the estimate was added to another.
    guessed
        The same for sum over y of P_g(y)(y) / m, with the rule g that was asked for; 0 without one.
    """

    inputs: Indices
    sums: Floats
    squares: Floats
    directions: int
    kept: Floats
    guessed: Floats

    @property
    def means(self) -> Floats:
        """Unbiased estimates of P_w(y), shape (m, n)."""
        return self.sums / self.directions


@dataclass(frozen=True, eq=False)
class RadialLaw:
    """The law of "the word nearest to phi(w) + r A u".

    Parameters
    ----------
    noise
        The noise.
    space
        The vocabulary; nearest is in Euclidean distance, whatever the metric of the space.

    Examples
    --------
    On a line there are two directions, so few of them tell nearly everything:

    >>> space = EmbeddingSpace(["a", "b"], [[0.0], [2.0]])
    >>> law = RadialLaw(RadialNoise(np.ones(2)), space)
    >>> estimate = law.estimate(1000, np.random.default_rng(0))
    >>> exact = 1 - np.exp(-1) / 2
    >>> bool(abs(estimate.means[0, 0] - exact) < 0.03), round(float(exact), 3)
    (True, 0.816)
    """

    noise: RadialNoise
    space: EmbeddingSpace

    @cached_property
    def _euclidean(self) -> EmbeddingSpace:
        return self.space.with_metric("euclidean")

    @cached_property
    def _unit(self) -> float:
        """Lengths are taken in this unit, so that no product overflows."""
        return self._euclidean.extent.max_distance

    @cached_property
    def _vectors(self) -> Floats:
        """Vectors about their mean, in units; rounding matters less the closer they are to 0."""
        return (self.space.vectors - self.space.vectors.mean(axis=0)) / self._unit

    def _radius(self, word: int) -> RadiusLaw:
        noise = self.noise
        return RadiusLaw(
            self.space.dimension,
            float(noise.rates[word]) * self._unit,
            noise.truncation / self._unit,
        )

    def _rays(self, directions: int, rng: Generator, threads: int | None) -> Iterator[Floats]:
        """Products of directions, in pieces, with all words, shape (piece, n).

        The directions are the same ones however they are cut.
        """
        for first in range(0, directions, _RAYS):
            normals = rng.standard_normal((min(_RAYS, directions - first), self.space.dimension))
            normals /= np.linalg.norm(normals, axis=1)[:, None]
            if self.noise.transform is not None:
                normals = normals @ self.noise.transform.T
            products = np.empty((len(normals), len(self.space)))

            def multiply(
                start: int, normals: Floats = normals, products: Floats = products
            ) -> None:
                part = slice(start, start + _PRODUCTS)
                np.matmul(normals[part], self._vectors.T, out=products[part])

            for _ in ordered_map(multiply, range(0, len(normals), _PRODUCTS), threads):
                pass
            if not np.isfinite(products).all():
                raise NumericalError("A product of a direction and a vector is not finite.")
            yield products

    def _along(
        self, word: int, squared: Floats, rays: Floats
    ) -> tuple[NDArray[np.int32], Floats, Indices]:
        """Words, their chances and where each ray begins, for one input."""
        radius = self._radius(word)
        words, starts = np.empty(rays.size, dtype=np.int32), np.empty(rays.size)
        offsets = np.empty(len(rays) + 1, dtype=np.int64)
        lower_envelopes(word, squared, rays, radius.truncation, words, starts, offsets)
        used = int(offsets[-1])
        return words, radius.intervals(starts[:used], offsets[1:] - 1), offsets

    def _squared(self, words: Indices) -> Floats:
        """Squared distances from some words to all, shape (words, n)."""
        rows = [self._euclidean.distance_rows(slice(int(w), int(w) + 1))[0] for w in words]
        return np.square(np.stack(rows) / self._unit)

    def estimate(
        self,
        directions: int,
        rng: Generator,
        inputs: Indices | None = None,
        *,
        guess: Indices | None = None,
        onto: LawEstimate | None = None,
        threads: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> LawEstimate:
        """Unbiased estimates of P_w(y) for some inputs (default: all) and all outputs.

        The result is a function of the state of `rng` and of the arguments; threads change
        nothing. Memory: 16 m n bytes for m inputs, so 16 n^2 for all, and about 3 MB per
        thread and 1,000 words.

        Parameters
        ----------
        directions
            Number of independent uniform directions.
        guess
            For every output the input that is guessed, shape (n,): see `LawEstimate.guessed`.
        onto
            An estimate for the same inputs from independent directions to add to; its sums are
            used up. `kept` and `guessed` are those of the new directions only.

        Raises
        ------
        MemoryNeededError
            If the sums do not fit.
        NumericalError
            If contributions of a direction do not add up to 1.
        """
        n = len(self.space)
        words = np.arange(n) if inputs is None else inputs
        rule = np.full(n, -1, np.int32) if guess is None else guess.astype(np.int32)
        if onto is None:
            require_memory(f"The estimated law of {len(words):,} words", 16 * len(words) * n)
            sums, squares = np.zeros((len(words), n)), np.zeros((len(words), n))
        else:
            words, sums, squares = onto.inputs, onto.sums, onto.squares
        total = directions + (onto.directions if onto else 0)
        kept, guessed = np.zeros(directions), np.zeros(directions)
        done = 0
        for rays in self._rays(directions, rng, threads):
            count = len(rays)

            def work(start: int, rays: Floats = rays, count: int = count) -> tuple[Floats, Floats]:
                part = words[start : start + _INPUTS]
                own, told = np.zeros(count), np.zeros(count)
                for i, squared in enumerate(self._squared(part)):
                    found, chances, offsets = self._along(int(part[i]), squared, rays)
                    row = start + i
                    accumulate(
                        int(part[i]), found, chances, offsets, rule,
                        sums[row], squares[row], own, told,
                    )  # fmt: skip
                return own, told

            pieces = range(0, len(words), _INPUTS)
            for number, (own, told) in enumerate(ordered_map(work, pieces, threads)):
                kept[done : done + count] += own
                guessed[done : done + count] += told
                if progress:
                    share = (number + 1) / len(pieces)
                    progress((done + share * count) / directions)
            done += count
        if not np.allclose(sums.sum(axis=1), total, rtol=1e-9):
            raise NumericalError("Contributions of a direction do not add up to 1.")
        return LawEstimate(
            words,
            sums,
            squares,
            total,
            np.minimum(kept / len(words), 1.0),
            np.minimum(guessed / len(words), 1.0),
        )

    def event_contributions(
        self,
        directions: int,
        rng: Generator,
        events: Sequence[tuple[int, NDArray[np.bool_]]],
        *,
        threads: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Floats:
        """What every direction contributes to P_w(S), for some inputs w with sets S of outputs.

        `events` holds pairs of an input and a mask of shape (n,); the result has shape
        (events, directions), and takes 8 bytes a number.
        """
        found = np.empty((len(events), directions))
        inputs = np.array([word for word, _ in events], dtype=np.int64)
        squared = self._squared(inputs)
        done = 0
        for rays in self._rays(directions, rng, threads):
            part = slice(done, done + len(rays))

            def work(number: int, rays: Floats = rays, part: slice = part) -> None:
                word, inside = events[number]
                words, chances, offsets = self._along(word, squared[number], rays)
                event_chances(words, chances, offsets, inside, found[number, part])

            for _ in ordered_map(work, range(len(events)), threads):
                pass
            done = part.stop
            if progress:
                progress(done / directions)
        return found
