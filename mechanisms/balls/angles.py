"""Angles without rounding.

The cosine of the angle of two vectors of floats is the root of a fraction, up to its sign: with
x.y and the squared lengths |x|^2 and |y|^2 as whole numbers, cos^2 = (x.y)^2 / (|x|^2 |y|^2). The
key of an angle is -sign(x.y) cos^2, a fraction from -1 (parallel) to 1 (opposite). It rises with
the angle, and two angles are equal exactly when their keys are. The angle itself is
transcendental or a fraction of pi, and is enclosed by a ball.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, total_ordering

import numpy as np
from flint import arb, ctx, fmpq, fmpz, fmpz_mat
from numpy.typing import NDArray

from ...errors import NumericalError
from .geometry import ExactGeometry, Key

__all__ = ["AngleOf", "AngularGeometry", "exact_geometry"]

#: Precisions at which an angle is compared with a fraction, in bits.
_BITS = (64, 256, 1024, 4096)

Indices = NDArray[np.int64]


def exact_geometry(vectors: NDArray[np.float64], metric: str) -> ExactGeometry:
    """All distances between the rows of `vectors` in a metric, exactly.

    Raises
    ------
    InputError
        If the metric is unknown.
    """
    return (AngularGeometry if metric == "angular" else ExactGeometry)(vectors, metric)


@total_ordering
@dataclass(frozen=True, eq=False)
class AngleOf:
    """Stands for the key of an angle that is a given fraction, in radians.

    The cosine of a fraction other than 0 is transcendental (Lindemann), and cos^2 of a key is a
    fraction: the two are never equal, so that enough bits always order them.

    Examples
    --------
    >>> fmpq(0) < AngleOf(fmpq(2)), fmpq(0) < AngleOf(fmpq(1)), fmpq(1) < AngleOf(fmpq(4))
    (True, False, True)
    """

    angle: fmpq

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AngleOf) and self.angle == other.angle

    def __hash__(self) -> int:
        return hash(Fraction(int(self.angle.p), int(self.angle.q)))

    def __gt__(self, other: object) -> bool:
        if isinstance(other, AngleOf):
            return bool(self.angle > other.angle)
        key = fmpq(other)  # type: ignore[call-overload]
        before = ctx.prec
        try:
            for ctx.prec in _BITS:
                angle = arb(self.angle)
                if angle > arb.pi():
                    return True
                if angle < arb.pi():
                    cosine = angle.cos()
                    own = -cosine * abs(cosine)
                    if own > key or own < key:
                        return bool(own > key)
        finally:
            ctx.prec = before
        raise NumericalError(f"An angle cannot be told from {self.angle} radians.")


class AngularGeometry(ExactGeometry):
    """All angles between n vectors, exactly: none of them 0, no two parallel.

    Examples
    --------
    >>> geometry = AngularGeometry(np.array([[1.0, 0.0], [1.0, 1.0], [-2.0, 0.0]]), "angular")
    >>> geometry.row(0)
    [-1, -1/2, 1]
    >>> round(float(geometry.distance(geometry.row(0)[1]).mid()), 12)
    0.785398163397
    """

    @cached_property
    def _angle_factors(self) -> tuple[list[list[int]], fmpz_mat, list[fmpz]]:
        p = self.vectors.shape[1]
        rows = [self._integers[i : i + p] for i in range(0, len(self._integers), p)]
        columns = fmpz_mat(len(rows), p, self._integers).transpose()
        return rows, columns, [fmpz(sum(x * x for x in row)) for row in rows]

    def rows(  # type: ignore[override]
        self, first: int, last: int, start: int = 0
    ) -> list[list[Key]]:
        """Keys from the words `first` to `last` - 1 to all words from `start` on, exactly."""
        rows, columns, squares = self._angle_factors
        flat = [x for row in rows[first:last] for x in row]
        dots = (fmpz_mat(last - first, columns.nrows(), flat) * columns).entries()
        n = len(self)
        return [
            [
                fmpq(-dot * abs(dot), squares[i] * square)
                for dot, square in zip(
                    dots[(i - first) * n + start : (i - first + 1) * n],
                    squares[start:],
                    strict=True,
                )
            ]
            for i in range(first, last)
        ]

    def key_digits(self, first: Indices, second: Indices) -> Indices:
        """Ranks of the keys of the pairs (first[i], second[i]) among them, shape (1, pairs): they
        order as the keys do, and are equal where the keys are."""
        known: dict[int, list[Key]] = {}
        keys = []
        for i, j in zip(first.tolist(), second.tolist(), strict=True):
            if i not in known:
                known[i] = self.rows(i, i + 1)[0]
            keys.append(known[i][j])
        ranks = {key: rank for rank, key in enumerate(sorted(set(keys)))}
        return np.array([[ranks[key] for key in keys]], dtype=np.int64)

    def small_keys(self, first: int, last: int) -> None:
        """No floats count such keys."""
        return

    def distances(self, keys: Sequence[Key], factor: arb | None = None) -> list[arb]:
        """The angles of keys, times `factor`, at the precision in force.

        Sine and cosine are roots of fractions, of which neither is near 0 by cancellation.
        """
        found = []
        for key in keys:
            if isinstance(key, AngleOf):
                angle = arb(key.angle)
            else:
                size = abs(fmpq(key))
                sine, cosine = arb(1 - size).sqrt(), arb(size).sqrt()
                angle = arb.atan2(sine, -cosine if key > 0 else cosine)
            found.append(angle if factor is None else angle * factor)
        return found

    def square(self, key: Key) -> fmpq:
        """No fraction: the square of an angle is transcendental."""
        raise NumericalError("The square of an angle is no fraction.")

    def key_of(self, distance: fmpq) -> AngleOf:
        """What stands for the key that an angle would have which is this fraction."""
        return AngleOf(distance)
