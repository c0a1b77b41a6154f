"""Pairs that cannot hold the largest loss over distance are ruled out by a cheap bound.

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

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..mechanisms.kernels.loss import (
    TILE,
    best_ratio,
    extreme_outputs,
    listed_extremes,
    pair_losses,
)
from ..mechanisms.kernels.parallel import ordered_map
from .search import Leader, Problem, Progress, best_leader, fresh_extremes, parts, report_progress

__all__ = ["LISTED_PART", "pruned_sweep"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

#: Outputs a side that are evaluated exactly for every pair; fewer for short rows.
_LISTED = 32
_OUTPUTS_PER_LISTED = 8

#: Part of the pairs above which the full sweep beats evaluating them one by one.
_WORTH_VISITING = 0.1

#: Part of the progress that steps 1 to 3 account for.
LISTED_PART = 0.3

#: Pairs in the first batch of visits (every further batch is twice as large), and per thread.
_FIRST_BATCH = 4096
_VISITS_AT_ONCE = 1024

#: Entries beyond this could overflow when column means are taken: no pruning then.
_PRUNABLE = 1e300


def pruned_sweep(problem: Problem, progress: Progress | None) -> tuple[Leader | None, int]:
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
    # Naming the output of the witness visits one pair more, unless it is among these.
    seen = (inputs[:visited] == leader[1]) & (neighbours[:visited] == leader[2])
    return leader, visited + int(not seen.any())


@dataclass(frozen=True, eq=False)
class _Extremes:
    """Listed outputs and their entries (words, 2, kept), bounds on all others (words, 2).

    The second axis is top, bottom. `slack` covers the rounding of a bound.
    """

    listed: Indices
    entries: Floats
    rest: Floats
    slack: float


def _extremes(problem: Problem, kept: int) -> _Extremes:
    rows = problem.rows
    words = len(rows)
    offsets = rows.mean(axis=0)
    listed = np.empty((words, 2, kept), dtype=np.int64)
    entries, rest = np.empty(listed.shape), np.empty((words, 2))

    def work(part: slice) -> float:
        return extreme_outputs(rows[part], offsets, listed[part], entries[part], rest[part])

    magnitude = max(ordered_map(work, parts(words, TILE), problem.threads))
    # With m the largest |C|: half an ulp of m for each of two centred entries, of 2 m for the
    # difference of two rows, for h - l and for adding the slack: together below 4.1 ulp.
    return _Extremes(listed, entries, rest, 8.0 * np.spacing(1.0) * magnitude)


def _listed_sweep(problem: Problem, extremes: _Extremes, progress: Progress | None) -> Leader:
    """Find the best pair as far as the listed outputs of its input and neighbour tell."""

    words = len(problem.rows)

    def work(number: int) -> Leader:
        # All inputs pass by one panel of neighbours, which stays in the level-2 cache.
        panel, leaders = problem.panels[number], []
        largest, smallest = fresh_extremes()
        for part in parts(words, TILE):
            largest.fill(-np.inf)
            smallest.fill(np.inf)
            listed, entries = extremes.listed[part], extremes.entries[part]
            listed_extremes(listed, entries, panel, largest, smallest)
            place = (part.start, number * TILE)
            leaders.append(best_ratio(largest, smallest, problem.distances, *place))
        return best_leader(leaders)

    panels = len(problem.panels)
    results = ordered_map(work, range(panels), problem.threads)
    return best_leader(report_progress(results, panels, progress, (0.0, LISTED_PART)))


def _loss_bounds(extremes: _Extremes, inputs: slice) -> Floats:
    """Bound the losses (inputs, words) at outputs that are not listed."""
    bounds = extremes.rest[inputs, None, 0] - extremes.rest[None, :, 1]
    bounds += extremes.slack
    return bounds


def _pairs_above(
    problem: Problem, extremes: _Extremes, threshold: float
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
    for places, ratios in ordered_map(work, parts(words, TILE), problem.threads):
        found.append((places, ratios))
        total += len(places)
        if total > _WORTH_VISITING * words * (words - 1) + _FIRST_BATCH:
            return None
    places = np.concatenate([places for places, _ in found])
    ratios = np.concatenate([ratios for _, ratios in found])
    order = np.argsort(-ratios, kind="stable")
    return places[order] // words, places[order] % words, ratios[order]


def _visit(problem: Problem, inputs: Indices, neighbours: Indices) -> Leader:
    """Evaluate pairs over all outputs and return the best of them."""
    losses = np.empty(len(inputs))

    def work(part: slice) -> None:
        pair_losses(problem.rows, inputs[part], neighbours[part], losses[part])

    for _ in ordered_map(work, parts(len(inputs), _VISITS_AT_ONCE), problem.threads):
        pass
    ratios = losses / problem.distances[inputs, neighbours]
    ties = np.flatnonzero(ratios == ratios.max())
    return best_leader((float(ratios[k]), int(inputs[k]), int(neighbours[k])) for k in ties)
