"""What a certificate speaks about: a law, a claim and the distances of both, all exact."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from flint import arb, fmpq, fmpz
from numpy.typing import NDArray

from ..claims import Claim
from ..mechanisms.balls import BallLaw, ExactGeometry
from ..mechanisms.balls.angles import exact_geometry
from ..mechanisms.balls.enclosures import exact_fraction, lower_float, upper_float
from ..results.model import Interval

__all__ = ["BITS", "Case", "enclosure", "later_keys", "log_enclosure", "log_ends", "make_case"]

#: Precisions that are tried one after the other, in bits.
BITS = (96, 192, 384, 768, 1536, 3072)


@dataclass(frozen=True, eq=False)
class Case:
    """A law with a claim about it.

    Attributes
    ----------
    words
        The vocabulary.
    law
        The output law in ball arithmetic.
    claimed
        The distances of the claim; all 1 for a claim without them.
    epsilon, delta
        Those of the claim, as exact fractions.
    """

    words: tuple[str, ...]
    law: BallLaw
    claimed: ExactGeometry
    epsilon: fmpq
    delta: fmpq

    def __reduce__(self) -> tuple[type["Case"], tuple[Any, ...]]:
        """What other processes get (pickle): a law without what it remembers, which are balls."""
        law: Any = object.__new__(type(self.law))
        for field in fields(self.law):  # type: ignore[arg-type]  # every law is a dataclass
            object.__setattr__(law, field.name, getattr(self.law, field.name))
        return Case, (self.words, law, self.claimed, self.epsilon, self.delta)

    def distance(self, first: int, second: int) -> arb:
        """The claim's distance of two words."""
        return self.claimed.distance(self.claimed.row(first)[second])


def make_case(
    words: tuple[str, ...],
    vectors: NDArray[np.float64],
    metric: str,
    law: BallLaw,
    claim: Claim,
) -> Case:
    """The case of a claim about the law of a mechanism on a space with this metric.

    A metric claim that leaves its metric open means that of the space.
    """
    # The law may have another metric than the space: that of randomized response is discrete.
    wanted = (claim.metric or metric) if claim.kind == "metric" else "discrete"
    same = claim.kind == "metric" and wanted == law.geometry.metric
    claimed = law.geometry if same else exact_geometry(vectors, wanted)
    return Case(words, law, claimed, exact_fraction(claim.epsilon), exact_fraction(claim.delta))


def later_keys(case: Case, rows: tuple[int, int]) -> Iterator[tuple[int, list[fmpz], list[fmpz]]]:
    """Every word i of a range with its keys to the words i + 1, i + 2, ..., in the law and in the
    claim."""
    if case.claimed is case.law.geometry:
        yield from ((i, keys, keys) for i, keys in case.claimed.later(*rows))
        return
    parts = zip(case.law.geometry.later(*rows), case.claimed.later(*rows), strict=True)
    yield from ((i, keys, claimed) for (i, keys), (_, claimed) in parts)


def enclosure(ball: arb) -> Interval:
    """The ball as an interval of floats, rounded outward."""
    return Interval(lower=lower_float(ball), upper=upper_float(ball))


def log_ends(probability: arb) -> tuple[arb | None, arb | None]:
    """ln of the lower and of the upper end of a nonnegative ball; None stands for -infinity.

    Of a ball that is not a number nothing is known: its upper end is not a number either.
    """
    low, high = probability.lower(), probability.upper()
    return (low.log() if low > 0 else None), (None if high <= 0 else high.log())


def log_enclosure(probability: arb) -> Interval:
    """ln of a nonnegative ball as an interval of floats, rounded outward."""
    low, high = log_ends(probability)
    infinity = float("inf")
    return Interval(
        lower=-infinity if low is None else lower_float(low),
        upper=-infinity if high is None else upper_float(high),
    )
