"""Outputs that attackers learn from, kept by input: a draw on an input that several pairs share
serves all of them.

Learning asks for no random labels, so every input is drawn from alone. Tests draw their own rounds
(`fixed`, `sequential`); only after these are counted, their outputs may come here.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .drawing import Drawer, Rounds
from .drawing.inputs import identity
from .features import as_objects
from .pairs import Pair

__all__ = ["LEARNING", "Pools", "joined"]

#: First number of the keys of learning draws.
LEARNING = 0

#: Most outputs of an input that are kept.
_MOST = 200_000


def joined(first: NDArray[Any] | None, second: NDArray[Any]) -> NDArray[Any]:
    """Two lots of outputs, one after the other."""
    if first is None:
        return second
    if first.shape[1:] != second.shape[1:] or first.dtype != second.dtype:
        # Such as whole numbers and fractions: both as objects, so that nothing is rounded.
        first, second = as_objects(first), as_objects(second)
    return np.concatenate([first, second])


class Pools:
    """The outputs of every input so far.

    Parameters
    ----------
    drawer
        Draws the outputs.
    pairs
        All that will be asked about.
    seed
        For the order in which a pair's outputs are learned from.

    Attributes
    ----------
    drawn
        Number of draws made by `grow`.
    """

    def __init__(self, drawer: Drawer, pairs: Iterable[Pair], seed: int) -> None:
        self._drawer, self._seed = drawer, seed
        self._numbers: dict[object, int] = {}
        self._inputs: list[Any] = []
        self._outputs: list[NDArray[Any] | None] = []
        self.drawn = 0
        for pair in pairs:
            for value in (pair.first, pair.second):
                if self._numbers.setdefault(identity(value), len(self._inputs)) == len(
                    self._inputs
                ):
                    self._inputs.append(value)
                    self._outputs.append(None)

    def inputs(self, pairs: Iterable[Pair]) -> list[int]:
        """Numbers of the different inputs of these pairs."""
        return list(dict.fromkeys(number for pair in pairs for number in self._both(pair)))

    def grow(self, number: int, count: int, stage: int) -> None:
        """`count` more outputs of an input, as far as there is room for them."""
        found = self._outputs[number]
        count = min(count, _MOST - (0 if found is None else len(found)))
        if count < 1:
            return
        value = self._inputs[number]
        fresh = self._drawer.draw(value, value, count, (LEARNING, number, stage))
        self.drawn += count
        self._outputs[number] = joined(found, fresh.outputs)

    def add(self, pair: Pair, rounds: Rounds) -> None:
        """Outputs of a test that is over."""
        for number, named in zip(self._both(pair), (rounds.labels, ~rounds.labels), strict=True):
            self._outputs[number] = joined(self._outputs[number], rounds.outputs[named])[-_MOST:]

    def count(self, pair: Pair) -> int:
        """How many outputs there are of the pair, as many of one input as of the other."""
        return 2 * min(len(output) for output in self._of(pair))

    def rounds(self, pair: Pair) -> Rounds:
        """As many outputs of one input as of the other, the newest, in random order."""
        first, second = self._of(pair)
        count = min(len(first), len(second))
        outputs = joined(first[-count:], second[-count:])
        order = np.random.default_rng([self._seed, 0x0DE2, count]).permutation(2 * count)
        return Rounds((np.arange(2 * count) < count)[order], outputs[order])

    def _of(self, pair: Pair) -> tuple[NDArray[Any], NDArray[Any]]:
        first, second = (self._outputs[number] for number in self._both(pair))
        assert first is not None
        assert second is not None
        return first, second

    def _both(self, pair: Pair) -> tuple[int, int]:
        return self._numbers[identity(pair.first)], self._numbers[identity(pair.second)]
