"""The largest privacy loss over distance of a family of laws: a pruned max-plus sweep.

Over ordered pairs of words w != w' and outputs y, the maximum of

    (ln P_w(y) - ln P_w'(y)) / d(w, w')

is the true epsilon (section 2 of the specification). The full sweep looks at all n^2 (n - 1)
triples in vectorised tiles. The pruned one (`pruning`) gives the same result, bit for bit, from far
fewer, and knows nothing of the mechanism.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import NumericalError
from ..mechanisms.kernels.loss import TILE, best_ratio, difference_extremes, pack_panels
from ..mechanisms.kernels.parallel import ordered_map
from .pruning import LISTED_PART, pruned_sweep
from .search import (
    Leader,
    Problem,
    Progress,
    best_leader,
    checked_laws,
    fresh_extremes,
    report_progress,
)

__all__ = ["SweepResult", "sweep"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SweepResult:
    """The largest loss over distance, in nats per unit of distance, and where it is attained.

    `log_ratio` is the loss itself, in nats: `value` times the distance of the pair. Pairs are
    ordered, `pairs_total` = n (n - 1), and `pairs_visited` counts those for which every output
    was looked at.
    """

    value: float
    input: int
    neighbour: int
    output: int
    log_ratio: float
    pairs_visited: int
    pairs_total: int


def sweep(
    log_laws: Floats,
    distances: Floats,
    *,
    prune: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
) -> SweepResult:
    """Find the largest loss over distance of all ordered pairs, exactly as a triple loop would.

    The result does not depend on `threads` and, but for `pairs_visited`, not on `prune`: among
    equal values the witness is the smallest (input, neighbour), then the smallest output. If some
    output is possible on one input and impossible on another the value is +inf and the witness
    the smallest (input, neighbour, output) of that kind. Outputs impossible on every input are
    left out.

    Memory beside the arguments: one copy of `log_laws` (8 n^2 bytes), another if it has
    impossible outputs or is not a C-contiguous float64 array, and up to 16 n^2 bytes for pairs
    left over by the bound: 40 MB to 130 MB for 2,000 words, 0.2 GB to 0.8 GB for 5,000.

    Parameters
    ----------
    log_laws
        Shape (words, outputs), at least 2 words: row w holds ln P_w(y), -inf for an impossible
        output.
    distances
        Shape (words, words): d(w, w'), finite and positive off the diagonal, which is not read.
        All ones for pure differential privacy.
    prune
        Whether to skip pairs that a bound excludes.
    threads
        Threads to use, all cores by default.
    progress
        Called from this thread now and then with the part of the work that is done, in [0, 1].

    Raises
    ------
    InputError
        If a shape is wrong or a distance is not a positive finite number.
    NumericalError
        If a log probability is NaN or +inf, an input has no possible output, or a difference
        overflows.

    Examples
    --------
    Randomized response on two words that keeps a word with probability 3/4:

    >>> laws = np.log([[0.75, 0.25], [0.25, 0.75]])
    >>> found = sweep(laws, np.ones((2, 2)))
    >>> round(found.value, 6), found.input, found.neighbour, found.output
    (1.098612, 0, 1, 0)
    """
    laws, distances = checked_laws(log_laws, distances)
    words = len(laws)
    pairs_total = words * (words - 1)
    infinite = _infinite_loss(laws)
    if infinite is not None:
        return SweepResult(np.inf, *infinite, np.inf, 1, pairs_total)
    # From here on an output is possible on every input or on none.
    outputs = np.flatnonzero(laws[0] > -np.inf)
    rows = laws if len(outputs) == words else np.ascontiguousarray(laws[:, outputs])
    problem = Problem(rows, pack_panels(rows, repeat=True, threads=threads), distances, threads)

    leader, visited = pruned_sweep(problem, progress) if prune else (None, 0)
    if leader is None:
        start = LISTED_PART if prune else 0.0
        leader, visited = _full_sweep(problem, progress, start), pairs_total
    value, first, second = leader
    with np.errstate(over="ignore"):  # refused below
        differences = rows[first] - rows[second]
    place = int(np.argmax(differences))
    log_ratio = float(differences[place])
    if not (np.isfinite(value) and log_ratio / distances[first, second] == value):
        raise NumericalError(
            f"The largest loss over distance came out as {value!r}, at input {first} and neighbour "
            f"{second}, but a second evaluation gives the loss {log_ratio!r} at the distance "
            f"{float(distances[first, second])!r}: the numbers overflow."
        )
    if progress:
        progress(1.0)
    return SweepResult(
        # Not `value`: of the two zeros, the one that does not depend on the route.
        float(log_ratio / distances[first, second]),
        first,
        second,
        int(outputs[place]),
        log_ratio,
        visited,
        pairs_total,
    )


def _infinite_loss(laws: Floats) -> tuple[int, int, int] | None:
    """Smallest (input, neighbour, output) with P_w(y) > 0 = P_w'(y), if there is any."""
    if laws.min() > -np.inf:
        return None
    possible = laws > -np.inf
    mixed = np.flatnonzero(possible.any(axis=0) & ~possible.all(axis=0))
    if not mixed.size:
        return None
    first = int(possible[:, mixed].any(axis=1).argmax())
    outputs = mixed[possible[first, mixed]]
    second = int((~possible[:, outputs]).any(axis=1).argmax())
    return first, second, int(outputs[(~possible[second, outputs]).argmax()])


def _full_sweep(problem: Problem, progress: Progress | None, start: float) -> Leader:
    def work(tile: tuple[int, int]) -> Leader:
        p, q = tile
        largest, smallest = fresh_extremes()
        difference_extremes(problem.panels[p], problem.panels[q], largest, smallest)
        return best_ratio(largest, smallest, problem.distances, p * TILE, q * TILE)

    # One tile serves both directions of its pairs.
    panels = len(problem.panels)
    tiles = [(p, q) for p in range(panels) for q in range(p, panels)]
    results = ordered_map(work, tiles, problem.threads)
    return best_leader(report_progress(results, len(tiles), progress, (start, 1.0)))
