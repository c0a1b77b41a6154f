"""Draws from the ideal law itself, with random bits taken as needed.

A draw inverts the distribution function C_y = P(0) + ... + P(y): its output is the first y with
U < C_y, where U is the number in [0, 1) whose binary digits are fair random bits. Words of 64 bits
are taken one by one. After k words U lies in [u, u + 1) / 2^(64 k) for a known whole number u, and
a ball of the law at sufficient precision gives whole numbers s_y within 1 of 2^(64 k) C_y. As long
as u is s_y - 1 or s_y for the y in question, the next word is taken; otherwise the comparison of U
with C_y has been decided, by integers. So output y is drawn with probability P(y), exactly, for the
law whose parameters and vectors are the floats given, taken as exact numbers.

For the first word the s_y are kept in a table, one row an input, made when the input first
occurs. Further words are needed with probability at most n 2^-63, and then the row is computed
anew with more bits.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...errors import InputError, NumericalError, require_memory
from ..kernels.alias import CHUNK, checked_positions
from ..kernels.inversion import draw_decided, fill_guide, guide_bits
from ..protocol import Indices, WordMechanism

if TYPE_CHECKING:
    from flint import arb

__all__ = ["SAMPLERS", "ExactSampler", "distribution_numbers", "require_sampler"]

Words = NDArray[np.uint64]

#: What the parameter `sampler` may be.
SAMPLERS = ("fast", "exact")

#: Bits beyond those of the table that balls are computed with, and how often they are doubled.
_SPARE_BITS = 64
_DOUBLINGS = 6

_GUIDE_BYTES, _TABLE_BYTES = 4, 8


def require_sampler(sampler: str) -> str:
    """Return `sampler` if there is one of that name.

    Raises
    ------
    InputError
        Otherwise.

    Examples
    --------
    >>> require_sampler("exact")
    'exact'
    """
    if sampler not in SAMPLERS:
        raise InputError(f"sampler is {sampler!r}, but it must be one of {', '.join(SAMPLERS)}.")
    return sampler


def distribution_numbers(probabilities: Callable[[], "list[arb]"], bits: int) -> list[int]:
    """Whole numbers s_y, not falling, each within 1 of 2^bits C_y; proved by ball arithmetic.

    `probabilities` gives the balls of a law at the precision in force. C_y = 1 for the last output,
    by definition, and its number is larger than all that are drawn: 2^bits + 1.

    Raises
    ------
    NumericalError
        If the balls do not become small.

    Examples
    --------
    >>> from flint import arb
    >>> distribution_numbers(lambda: [arb(1) / 3, arb(1) / 3, arb(1) / 3], 8)
    [85, 171, 257]
    """
    from flint import arb

    from ..balls.enclosures import precision

    for doublings in range(_DOUBLINGS):
        with precision((bits + _SPARE_BITS) << doublings):
            scale, half, total = arb(2) ** bits, arb(0.5), arb(0)
            numbers, largest = [], 0
            for probability in probabilities()[:-1]:
                total += probability
                scaled = total * scale
                nearest = (scaled.mid() + half).floor().unique_fmpz()
                if nearest is None or not abs(scaled - nearest) <= 1:
                    break
                # C does not fall, so a number that was right for an earlier y is still within 1.
                largest = max(largest, int(nearest))
                numbers.append(largest)
            else:
                return [*numbers, (1 << bits) + 1]
    raise NumericalError(
        f"The output law could not be enclosed to {bits} bits in ball arithmetic, so nothing "
        "was drawn."
    )


class ExactSampler:
    """Draws from laws that are given as balls, one for each input.

    Rows of the table, at most 12 n + 4 bytes each, are made and kept as inputs occur.

    Parameters
    ----------
    inputs, outputs
        How many there are.
    law
        The probabilities of all outputs on an input, as balls at the precision in force.
    word_bits
        Random bits taken at a time, at most 64; fewer only to test what is rare with 64.

    Examples
    --------
    >>> from flint import arb
    >>> sampler = ExactSampler(1, 3, lambda word: [arb(1) / 2, arb(0), arb(1) / 2])
    >>> sampler.sample(np.zeros(8, dtype=np.int64), np.random.default_rng(1)).tolist()
    [2, 2, 0, 2, 0, 0, 2, 0]
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        law: Callable[[int], "list[arb]"],
        word_bits: int = 64,
    ) -> None:
        self._law, self._bits, self._outputs = law, word_bits, outputs
        lookup = guide_bits(outputs, word_bits)
        self._shift = word_bits - lookup
        self._slots = np.full(inputs, -1, dtype=np.int64)
        self._used = 0
        self._table = np.empty((0, outputs), dtype=np.uint64)
        self._guides = np.empty((0, 2**lookup + 1), dtype=np.int32)
        self._lock = threading.Lock()

    @classmethod
    def of(cls, mechanism: WordMechanism, inputs: int | None = None) -> "ExactSampler":
        """The sampler of a mechanism that has a law in ball arithmetic, on its first `inputs`
        words (default: all)."""
        from ..balls import ball_law
        from ..balls.enclosures import precision

        space, n = mechanism.space, len(mechanism.space)
        # Enough bits to tell that an epsilon is admissible when it is so by a hair.
        with precision(256):
            law = ball_law(mechanism.name, mechanism.parameters, space.vectors, space.metric)
        assert law is not None
        return cls(n if inputs is None else inputs, n, law.probabilities)

    def sample(self, inputs: Indices, rng: Generator) -> Indices:
        """One output for each input, as in `WordMechanism.sample_indices`.

        A draw takes the next word of the generator's stream, and while it is undecided the words
        after that one; no word is taken that is not used.
        """
        inputs = checked_positions(inputs, len(self._slots))
        outputs = np.empty(len(inputs), dtype=np.int64)
        table, guides = self._prepared(inputs)
        words = np.empty(0, dtype=np.uint64)
        done = 0
        while done < len(inputs):
            # Never more words than draws that are left, and each takes at least one.
            if not len(words):
                words = self._words(rng, min(CHUNK, len(inputs) - done))
            decided = draw_decided(
                table, guides, self._shift, self._slots, inputs[done:], words, outputs[done:]
            )
            done, words = done + decided, words[decided:]
            if len(words):
                outputs[done], words = self._refined(int(inputs[done]), words, rng)
                done += 1
        return outputs

    def _words(self, rng: Generator, count: int) -> Words:
        """Fair random bits. Over the full range each number is one 64-bit output of the bit
        generator, for every kind of bit generator."""
        return rng.integers(0, 2**self._bits, count, dtype=np.uint64)

    def _refined(self, word: int, words: Words, rng: Generator) -> tuple[int, Words]:
        """Decide a draw that its first word leaves open; also returns the words not used."""
        digits, bits = int(words[0]), self._bits
        words = words[1:]
        while True:
            if not len(words):
                words = self._words(rng, 1)
            digits, bits = digits << self._bits | int(words[0]), bits + self._bits
            words = words[1:]
            numbers = distribution_numbers(lambda: self._law(word), bits)
            output = bisect_left(numbers, digits)
            if numbers[output] - digits >= 2:
                return output, words

    def _prepared(self, inputs: Indices) -> tuple[Words, NDArray[np.int32]]:
        """Table and guides with a row for every input."""
        with self._lock:
            missing = np.unique(inputs[self._slots[inputs] < 0])
            self._reserve(self._used + len(missing))
            for word in missing:
                self._add_row(int(word))
            return self._table, self._guides

    def _reserve(self, rows: int) -> None:
        if rows <= len(self._table):
            return
        rows = min(len(self._slots), max(rows, 2 * len(self._table)))
        bytes_each = _TABLE_BYTES * self._outputs + _GUIDE_BYTES * self._guides.shape[1]
        require_memory(f"A sampling table for {rows:,} inputs", rows * bytes_each)
        for name in ("_table", "_guides"):
            old = getattr(self, name)
            new = np.empty((rows, old.shape[1]), dtype=old.dtype)
            new[: self._used] = old[: self._used]
            setattr(self, name, new)

    def _add_row(self, word: int) -> None:
        numbers = distribution_numbers(lambda: self._law(word), self._bits)
        # Where the number is above 2^bits - 1, C is so close to 1 that this is within 1 too.
        largest = 2**self._bits - 1
        slot = self._used
        self._table[slot] = np.array([min(s, largest) for s in numbers], dtype=np.uint64)
        fill_guide(self._table[slot], self._shift, self._guides[slot])
        self._used += 1
        # Last, so that no other thread sees a row that is not there yet.
        self._slots[word] = slot
