"""The largest privacy loss over distance of a family of laws: a pruned max-plus sweep.

Over ordered pairs of words w != w' and outputs y, the maximum of

    (ln P_w(y) - ln P_w'(y)) / d(w, w')

is the true epsilon (section 2 of the specification). The full sweep looks at all n^2 (n - 1)
triples in vectorised tiles. The pruned one gives the same result, bit for bit, from far fewer,
and knows nothing of the mechanism:

1. Subtract from every column y its mean c_y; that changes no difference of two rows. Call the
   result C, and for every word take the few outputs where its row of C is largest (top) and
   smallest (bottom).
2. Evaluate every pair exactly at the top outputs of w and the bottom outputs of w'. The best
   value found is the incumbent.
3. Any other output of the pair has C_w(y) <= h_w, the largest entry of row w outside its top, and
   C_w'(y) >= l_w', the smallest entry of row w' outside its bottom. So its loss is at most
   h_w - l_w', and a pair is dropped when (h_w - l_w') / d(w, w') is below the incumbent.
4. The pairs left over are evaluated in full, in falling order of that bound, until the next bound
   is below the best value found. If too many are left over, the full sweep does it faster.

Laws of word mechanisms peak at and around the input, so step 2 usually finds the answer and step
3 proves it. Rounding: the bound carries a slack that covers the subtractions of step 1, and
correctly rounded division is monotone, so a bound in floating point is never below the value that
the full sweep would compute. Pairs are dropped only when their bound is strictly below, so ties
are resolved as in the full sweep.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, NumericalError
from ..mechanisms.kernels.loss import (
    TILE,
    best_ratio,
    difference_extremes,
    extreme_outputs,
    listed_extremes,
    pack_panels,
    pair_losses,
)
from ..mechanisms.kernels.parallel import ordered_map

__all__ = ["Leader", "SweepResult", "best_leader", "checked_laws", "report_progress", "sweep"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Progress = Callable[[float], None]
Result = TypeVar("Result")

#: Value, input, neighbour of the best pair so far.
Leader = tuple[float, int, int]

#: Outputs a side that are evaluated exactly for every pair; fewer for short rows.
_LISTED = 32
_OUTPUTS_PER_LISTED = 8

#: Part of the pairs above which the full sweep beats evaluating them one by one.
_WORTH_VISITING = 0.1

#: Part of the progress that steps 1 to 3 account for.
_LISTED_PART = 0.3

#: Pairs in the first batch of visits (every further batch is twice as large), and per thread.
_FIRST_BATCH = 4096
_VISITS_AT_ONCE = 1024

#: Entries beyond this could overflow when column means are taken: no pruning then.
_PRUNABLE = 1e300


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


@dataclass(frozen=True, eq=False)
class _Problem:
    """Finite laws (words, outputs), the same as panels, distances (words, words), threads."""

    rows: Floats
    panels: Floats
    distances: Floats
    threads: int | None


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
        Shape (n, n), n >= 2: row w holds ln P_w(y), -inf for an impossible output.
    distances
        Shape (n, n): d(w, w'), finite and positive off the diagonal, which is not read. All ones
        for pure differential privacy.
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
    problem = _Problem(rows, pack_panels(rows, repeat=True, threads=threads), distances, threads)

    leader, visited = _pruned_sweep(problem, progress) if prune else (None, 0)
    if leader is None:
        start = _LISTED_PART if prune else 0.0
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


def checked_laws(log_laws: Floats, distances: Floats) -> tuple[Floats, Floats]:
    """Return both as C-contiguous float64 arrays, or raise as `sweep` says.

    Examples
    --------
    >>> checked_laws(np.zeros((2, 2)), np.array([[0.0, 0.0], [1.0, 0.0]]))
    Traceback (most recent call last):
    ...
    dpaudit.errors.InputError: distances[0, 1] is 0.0, but it must be a finite number above 0.
    """
    laws = np.ascontiguousarray(log_laws, dtype=np.float64)
    distances = np.ascontiguousarray(distances, dtype=np.float64)
    if laws.ndim != 2 or laws.shape[0] != laws.shape[1] or len(laws) < 2:
        raise InputError(
            f"log_laws has shape {laws.shape}, but it must be (n, n) with n at least 2."
        )
    if distances.shape != laws.shape:
        raise InputError(
            f"distances has shape {distances.shape}, but it must be {laws.shape} like log_laws."
        )
    valid = (distances > 0.0) & (distances < np.inf)
    np.fill_diagonal(valid, True)
    if not valid.all():
        first, second = np.argwhere(~valid)[0].tolist()
        raise InputError(
            f"distances[{first}, {second}] is {float(distances[first, second])!r}, but it must be "
            "a finite number above 0."
        )
    if not laws.max() < np.inf:  # also true for NaN
        first, second = np.argwhere(~(laws < np.inf))[0].tolist()
        raise NumericalError(
            f"log_laws[{first}, {second}] is {float(laws[first, second])!r}, which is no log "
            "probability."
        )
    impossible = np.flatnonzero(laws.max(axis=1) == -np.inf)
    if impossible.size:
        raise NumericalError(f"log_laws[{impossible[0]}] is -inf throughout, which is no law.")
    return laws, distances


def report_progress(
    results: Iterable[Result], total: int, progress: Progress | None, span: tuple[float, float]
) -> Iterator[Result]:
    """Pass `results` on and report, after each of `total`, the part of `span` that is done.

    Examples
    --------
    >>> list(report_progress("ab", 2, print, (0.0, 0.5)))
    0.25
    0.5
    ['a', 'b']
    """
    for done, result in enumerate(results, start=1):
        if progress:
            progress(span[0] + (span[1] - span[0]) * done / total)
        yield result


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


def best_leader(leaders: Iterable[Leader]) -> Leader:
    """Return the one of largest value; among equals the smallest (input, neighbour).

    Examples
    --------
    >>> best_leader([(1.0, 0, 2), (2.0, 1, 0), (2.0, 0, 1)])
    (2.0, 0, 1)
    """
    return min(leaders, key=lambda leader: (-leader[0], leader[1], leader[2]))


def _fresh_extremes() -> tuple[Floats, Floats]:
    return np.full((TILE, TILE), -np.inf), np.full((TILE, TILE), np.inf)


def _full_sweep(problem: _Problem, progress: Progress | None, start: float) -> Leader:
    def work(tile: tuple[int, int]) -> Leader:
        p, q = tile
        largest, smallest = _fresh_extremes()
        difference_extremes(problem.panels[p], problem.panels[q], largest, smallest)
        return best_ratio(largest, smallest, problem.distances, p * TILE, q * TILE)

    # One tile serves both directions of its pairs.
    panels = len(problem.panels)
    tiles = [(p, q) for p in range(panels) for q in range(p, panels)]
    results = ordered_map(work, tiles, problem.threads)
    return best_leader(report_progress(results, len(tiles), progress, (start, 1.0)))


def _pruned_sweep(problem: _Problem, progress: Progress | None) -> tuple[Leader | None, int]:
    """Return the best pair and the number of pairs visited; None if the full sweep is better."""
    outputs = problem.rows.shape[1]
    kept = min(_LISTED, outputs // _OUTPUTS_PER_LISTED + 1, outputs - 1)
    if kept == 0 or max(problem.rows.max(), -problem.rows.min()) > _PRUNABLE:
        return None, 0
    extremes = _extremes(problem, kept)
    leader = _listed_sweep(problem, extremes, progress)
    pairs = _pairs_above(problem, extremes, leader[0])
    if pairs is None:
        return None, 0
    inputs, neighbours, bounds = pairs
    visited, size = 0, _FIRST_BATCH
    while visited < len(bounds) and bounds[visited] >= leader[0]:
        batch = slice(visited, visited + size)
        leader = best_leader([leader, _visit(problem, inputs[batch], neighbours[batch])])
        visited = min(visited + size, len(bounds))
        size *= 2
    return leader, visited


@dataclass(frozen=True, eq=False)
class _Extremes:
    """Listed outputs and their entries (words, 2, kept), bounds on all others (words, 2).

    The second axis is top, bottom. `slack` covers the rounding of a bound.
    """

    listed: Indices
    entries: Floats
    rest: Floats
    slack: float


def _extremes(problem: _Problem, kept: int) -> _Extremes:
    rows = problem.rows
    words = len(rows)
    offsets = rows.mean(axis=0)
    listed = np.empty((words, 2, kept), dtype=np.int64)
    entries, rest = np.empty(listed.shape), np.empty((words, 2))

    def work(part: slice) -> float:
        return extreme_outputs(rows[part], offsets, listed[part], entries[part], rest[part])

    magnitude = max(ordered_map(work, _parts(words, TILE), problem.threads))
    # With m the largest |C|: half an ulp of m for each of two centred entries, of 2 m for the
    # difference of two rows, for h - l and for adding the slack: together below 4.1 ulp.
    return _Extremes(listed, entries, rest, 8.0 * np.spacing(1.0) * magnitude)


def _listed_sweep(problem: _Problem, extremes: _Extremes, progress: Progress | None) -> Leader:
    """Find the best pair as far as the listed outputs of its input and neighbour tell."""

    words = len(problem.rows)

    def work(number: int) -> Leader:
        # All inputs pass by one panel of neighbours, which stays in the level-2 cache.
        panel, leaders = problem.panels[number], []
        largest, smallest = _fresh_extremes()
        for part in _parts(words, TILE):
            largest.fill(-np.inf)
            smallest.fill(np.inf)
            listed, entries = extremes.listed[part], extremes.entries[part]
            listed_extremes(listed, entries, panel, largest, smallest)
            place = (part.start, number * TILE)
            leaders.append(best_ratio(largest, smallest, problem.distances, *place))
        return best_leader(leaders)

    panels = len(problem.panels)
    results = ordered_map(work, range(panels), problem.threads)
    return best_leader(report_progress(results, panels, progress, (0.0, _LISTED_PART)))


def _loss_bounds(extremes: _Extremes, inputs: slice) -> Floats:
    """Bound the losses (inputs, words) at outputs that are not listed."""
    bounds = extremes.rest[inputs, None, 0] - extremes.rest[None, :, 1]
    bounds += extremes.slack
    return bounds


def _pairs_above(
    problem: _Problem, extremes: _Extremes, threshold: float
) -> tuple[Indices, Indices, Floats] | None:
    """Pairs with a bound over distance of at least `threshold`, largest first, if not too many."""
    words = len(problem.rows)

    def work(inputs: slice) -> tuple[Indices, Floats]:
        with np.errstate(divide="ignore", invalid="ignore"):  # the diagonal
            ratios = _loss_bounds(extremes, inputs) / problem.distances[inputs]
        diagonal = np.arange(inputs.start, inputs.stop)
        ratios[diagonal - inputs.start, diagonal] = -np.inf
        places = np.flatnonzero(ratios >= threshold)
        return places + inputs.start * words, ratios.ravel()[places]

    found, total = [], 0
    for places, ratios in ordered_map(work, _parts(words, TILE), problem.threads):
        found.append((places, ratios))
        total += len(places)
        if total > _WORTH_VISITING * words * (words - 1) + _FIRST_BATCH:
            return None
    places = np.concatenate([places for places, _ in found])
    ratios = np.concatenate([ratios for _, ratios in found])
    order = np.argsort(-ratios, kind="stable")
    return places[order] // words, places[order] % words, ratios[order]


def _visit(problem: _Problem, inputs: Indices, neighbours: Indices) -> Leader:
    """Evaluate pairs over all outputs and return the best of them."""
    losses = np.empty(len(inputs))

    def work(part: slice) -> None:
        pair_losses(problem.rows, inputs[part], neighbours[part], losses[part])

    for _ in ordered_map(work, _parts(len(inputs), _VISITS_AT_ONCE), problem.threads):
        pass
    ratios = losses / problem.distances[inputs, neighbours]
    ties = np.flatnonzero(ratios == ratios.max())
    return best_leader((float(ratios[k]), int(inputs[k]), int(neighbours[k])) for k in ties)


def _parts(total: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, total)) for start in range(0, total, size)]
