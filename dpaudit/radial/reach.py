"""Which words a ball of noise cannot reach: infinite losses, decided by geometry.

Where the noise is at most R long, y is an impossible output of w' exactly when the ball of radius R
about phi(w') does not meet the inside of the Voronoi cell of y; and y itself is always possible on
y, because a small ball about phi(y) lies in its cell. So an unreachable pair is an infinite loss.

With the origin at phi(w'), the cell is {z : G z >= h} with a row for every word j,

    G_j = phi(y) - phi(j),    h_j = (|phi(y) - phi(w')|^2 - |phi(j) - phi(w')|^2) / 2.

For every lambda >= 0 and every z in the cell, lambda.h <= lambda.G z <= |G^T lambda| |z|, so the
cell is at least (lambda.h)/|G^T lambda| away. The best lambda is that of the least-distance
program min |z|, found by nonnegative least squares (Lawson and Hanson, "Solving Least Squares
Problems", chapter 23). It need not be exact: lambda and the vectors, as floats, are rational
numbers, and whether (lambda.h)^2 >= R^2 |G^T lambda|^2 is decided in integers. With lambda on w'
alone this is the bisector of y and w': out of reach if d(y, w') >= 2R.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

__all__ = ["Unreachable", "find_unreachable", "is_unreachable", "least_distance"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

#: Words whose half-spaces are taken at first, and those added in each round.
_FIRST = 64
_MORE = 32
_ROUNDS = 6

#: Bits that are kept of lambda.
_BITS = 40


@dataclass(frozen=True)
class Unreachable:
    """A proof that `output` is impossible on `neighbour`, though not on itself.

    `words` and `weights` are the support of lambda; the weights are whole numbers.
    """

    output: int
    neighbour: int
    words: tuple[int, ...]
    weights: tuple[int, ...]

    @property
    def by_bisector(self) -> bool:
        """Whether the two words alone prove it: they are at least 2R apart."""
        return self.words == (self.neighbour,)


def is_unreachable(vectors: Floats, radius: float, proof: Unreachable) -> bool:
    """Check a proof in exact arithmetic; the floats are taken as exact numbers.

    Examples
    --------
    >>> vectors = np.array([[0.0], [1.0], [2.0]])
    >>> is_unreachable(vectors, 1.0, Unreachable(2, 0, (0,), (1,)))
    True
    >>> is_unreachable(vectors, 1.1, Unreachable(2, 0, (0,), (1,)))
    False
    >>> is_unreachable(vectors, 1.1, Unreachable(2, 0, (1,), (1,)))
    True
    """
    if not proof.words or min(proof.weights) < 0 or max(proof.weights) == 0:
        return False
    if proof.output == proof.neighbour:
        return False
    used = [proof.output, proof.neighbour, *proof.words]
    points = {word: [Fraction(x) for x in vectors[word].tolist()] for word in used}
    scale = 1
    for point in points.values():  # denominators are powers of two: the largest serves all
        scale = max(scale, *(x.denominator for x in point))
    whole = {word: [int(x * scale) for x in point] for word, point in points.items()}
    here, target = whole[proof.neighbour], whole[proof.output]

    def square(word: Sequence[int]) -> int:
        return sum((a - b) ** 2 for a, b in zip(word, here, strict=True))

    reached = square(target)
    height = 0  # 2 lambda.h scale^2
    normal = [0] * len(here)  # G^T lambda scale
    for word, weight in zip(proof.words, proof.weights, strict=True):
        other = whole[word]
        height += weight * (reached - square(other))
        for i, (a, b) in enumerate(zip(target, other, strict=True)):
            normal[i] += weight * (a - b)
    length = sum(x * x for x in normal)
    limit = Fraction(radius)
    # height / (2 scale^2) >= radius sqrt(length) / scale, squared.
    return (
        height > 0
        and (height * limit.denominator) ** 2 >= 4 * (limit.numerator * scale) ** 2 * length
    )


def least_distance(
    vectors: Floats, output: int, neighbour: int
) -> tuple[float, Unreachable | None]:
    """Distance from the vector of `neighbour` to the cell of `output`, and the lambda that
    bounds it from below; in floating point, over the half-spaces that matter.

    Half-spaces are added where the solution so far violates them, so the distance is too small if
    the rounds run out, never too large but for rounding.

    Examples
    --------
    >>> vectors = np.array([[0.0], [1.0], [2.0]])
    >>> distance, proof = least_distance(vectors, 2, 0)
    >>> round(distance, 9), is_unreachable(vectors, 1.49, proof)
    (1.5, True)
    """
    from scipy.optimize import nnls

    n = len(vectors)
    origin = vectors[neighbour]
    normals = vectors[output] - vectors
    squares = np.square(vectors - origin).sum(axis=1)
    heights = 0.5 * (squares[output] - squares)
    unit = float(np.sqrt(squares[output]))
    normals, heights = normals / unit, heights / unit**2
    lengths = np.linalg.norm(normals, axis=1)
    lengths[output] = 1.0
    # Unit normals, so that no half-space weighs more than another.
    normals, heights = normals / lengths[:, None], heights / lengths
    taken = np.zeros(n, dtype=bool)
    nearest = np.argsort(lengths, kind="stable")[: min(n, _FIRST)]
    taken[nearest] = True
    taken[neighbour], taken[output] = True, False
    distance, proof = 0.0, None
    for _ in range(_ROUNDS):
        rows = np.flatnonzero(taken)
        system = np.vstack([normals[rows].T, heights[rows]])
        aim = np.zeros(len(system))
        aim[-1] = 1.0
        try:
            weights, _ = nnls(system, aim)
        except RuntimeError:  # too many iterations: what was found before stays
            break
        residual = system @ weights - aim
        if not residual[-1] < -1e-12:
            break
        point = -residual[:-1] / residual[-1]
        distance = float(np.linalg.norm(point)) * unit
        proof = _proof(output, neighbour, rows, weights / lengths[rows])
        gaps = heights - normals @ point
        gaps[taken] = -np.inf
        gaps[output] = -np.inf
        worst = np.argsort(-gaps)[:_MORE]
        worst = worst[gaps[worst] > 1e-12]
        if not worst.size:
            break
        taken[worst] = True
    return distance, proof


def _proof(output: int, neighbour: int, rows: Indices, weights: Floats) -> Unreachable | None:
    largest = float(weights.max())
    if not (np.isfinite(largest) and largest > 0.0):
        return None
    whole = np.rint(weights / largest * 2.0**_BITS).astype(np.int64)
    used = whole > 0
    return Unreachable(output, neighbour, tuple(rows[used].tolist()), tuple(whole[used].tolist()))


def find_unreachable(
    vectors: Floats, distances: Floats, radius: float, kept: Floats, programs: int = 200
) -> Unreachable | None:
    """An output that is possible on itself and out of reach of another word, with its proof.

    Pairs at least 2R apart first: among them, the one whose output is kept most often, so the one
    that an attacker meets first. Then least-distance programs for the farthest pairs, at most
    `programs` of them. None means that nothing was decided, not that all is in reach.

    Parameters
    ----------
    vectors
        Shape (n, p).
    distances
        Their Euclidean distances, shape (n, n).
    radius
        R.
    kept
        Estimates of P_y(y), shape (n,); they only choose among proofs.
    """
    far = distances >= 2.0 * radius
    for output in np.argsort(-np.where(far.any(axis=0), kept, -1.0), kind="stable")[:programs]:
        if not far[:, output].any():
            break
        neighbour = int(distances[:, output].argmax())
        proof = Unreachable(int(output), neighbour, (neighbour,), (1,))
        if is_unreachable(vectors, radius, proof):
            return proof
    n = len(vectors)
    count = min(programs, n * (n - 1))
    places = np.argpartition(distances, distances.size - count, axis=None)[-count:]
    places = places[np.argsort(-distances.ravel()[places], kind="stable")]
    for output, neighbour in zip(*np.divmod(places, n), strict=True):
        if output == neighbour:
            continue
        distance, found = least_distance(vectors, int(output), int(neighbour))
        if distance >= radius and found and is_unreachable(vectors, radius, found):
            return found
    return None
