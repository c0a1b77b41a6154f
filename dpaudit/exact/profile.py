"""The privacy profile: failure mass delta at a given epsilon, over pairs of words.

    delta_{w,w'}(epsilon) = sum over y of max(0, P_w(y) - e^(epsilon d(w,w')) P_w'(y))

(section 2 of the specification). Many pairs are evaluated by a vectorised kernel on
probabilities. So that neither the factor nor the probabilities leave the range of a float, a pair
whose cost c = epsilon d lies in [s, s + 500), s a multiple of 500, is computed as

    max(0, P_w(y) - e^(c - s) min(e, e^s P_w'(y))):

at the cap the subtrahend is at least e, more than any P_w(y), and the term is 0 with or without
it. What underflows is below e^500 2^-1022 < 1e-90. Single pairs are evaluated in log space.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError, NumericalError
from ..mechanisms.kernels.loss import TILE, pack_panels
from ..mechanisms.kernels.mass import failure_masses, pair_failure_masses
from ..mechanisms.kernels.parallel import ordered_map
from .search import Leader, Progress, best_leader, checked_laws, report_progress

__all__ = ["ProfileMaximum", "delta_of_pairs", "delta_over_pairs", "mass_by_output"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_UNIT_ROUNDOFF = 2.0**-53
_SMALLEST_NORMAL = 2.0**-1022
_SHIFT = 500.0

#: Log probabilities may exceed 0 by this much, for rounding.
_LOG_TOLERANCE = 1e-6

#: Part of the pairs below which evaluating them one by one beats the kernel over all pairs.
_FEW_PAIRS = 0.01

#: Passes of that kernel, one for each shift, beyond which the same holds.
_MOST_SHIFTS = 20

_PAIRS_AT_ONCE = 64


@dataclass(frozen=True)
class ProfileMaximum:
    """The largest failure mass of the pairs looked at lies in [lower, upper], within [0, 1].

    The enclosure is for the log laws as given: it allows for rounding and underflow here, not for
    an error in them. `input` and `neighbour` name a pair whose own mass is at least `lower`.
    """

    lower: float
    upper: float
    input: int
    neighbour: int


@dataclass(frozen=True, eq=False)
class _Family:
    """Checked laws and distances, and the cost from which on a larger one changes nothing.

    From `cap` on every output that is possible on the neighbour contributes 0 to the mass.
    """

    laws: Floats
    distances: Floats
    cap: float

    def costs(self, epsilons: float | Floats, distances: Floats) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):  # the diagonal may hold anything
            return np.minimum(epsilons * distances, self.cap)


def delta_over_pairs(
    log_laws: Floats,
    distances: Floats,
    epsilon: float,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    candidates: NDArray[np.bool_] | None = None,
) -> ProfileMaximum:
    """Find the largest failure mass of all ordered pairs at one epsilon, with an enclosure.

    The pair named is the smallest (input, neighbour) among those of largest computed mass, and
    does not depend on `threads`. Memory beside the arguments: three to four arrays of their size.

    Parameters
    ----------
    log_laws
        Shape (words, outputs), at least 2 words: row w holds ln P_w(y), -inf for an impossible
        output.
    distances
        Shape (words, words): d(w, w'), finite and positive off the diagonal, which is not read.
    epsilon
        Nats per unit of distance, finite, at least 0.
    threads
        Threads to use, all cores by default.
    progress
        Called from this thread now and then with the part of the work that is done, in [0, 1].
    candidates
        Shape (words, words): the pairs (input, neighbour) to look at, all of them by default.
        Pairs of a word with itself are never looked at.

    Raises
    ------
    InputError
        If a shape is wrong, epsilon or a distance out of range, or no pair is left.
    NumericalError
        If a log probability is NaN or above 0, or an input has no possible output.

    Examples
    --------
    >>> laws = np.log([[0.75, 0.25], [0.25, 0.75]])
    >>> found = delta_over_pairs(laws, np.ones((2, 2)), epsilon=np.log(2.0))
    >>> round(found.lower, 9), round(found.upper, 9), found.input, found.neighbour
    (0.25, 0.25, 0, 1)
    """
    family = _checked(log_laws, distances, np.array([epsilon]))
    mask = _checked_mask(candidates, len(family.laws))
    largest = float(family.costs(epsilon, family.distances).max(where=mask, initial=0.0))
    few = np.count_nonzero(mask) <= _FEW_PAIRS * mask.size
    if few or largest >= _MOST_SHIFTS * _SHIFT:
        return _worst_of_singles(family, epsilon, mask, threads, progress)
    mass, first, second = _worst_of_panels(family, epsilon, mask, threads, progress)
    inputs, neighbours = np.array([first]), np.array([second])
    costs = family.costs(epsilon, family.distances[inputs, neighbours])[:, None]
    masses, errors = _single_masses(family, inputs, neighbours, costs)
    return ProfileMaximum(
        lower=_clipped(masses[0, 0] - errors[0, 0]),
        upper=_clipped(mass + _panel_error(family, largest, mass)),
        input=first,
        neighbour=second,
    )


def mass_by_output(ours: Floats, theirs: Floats, cost: float) -> Floats:
    """What every output adds to the failure mass of a pair: max(0, P - e^cost P'), from two rows
    of log probabilities; 0 for an output that is impossible under both.

    Examples
    --------
    >>> mass_by_output(np.log([0.75, 0.25]), np.log([0.25, 0.75]), np.log(2.0)).round(9) + 0.0
    array([0.25, 0.  ])
    """
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(-np.exp(ours) * np.expm1(np.minimum(cost + theirs - ours, 0.0)))


def delta_of_pairs(
    log_laws: Floats,
    distances: Floats,
    inputs: ArrayLike,
    neighbours: ArrayLike,
    epsilons: ArrayLike,
) -> Floats:
    """Compute the failure masses of some ordered pairs at some epsilons, in log space.

    Parameters
    ----------
    log_laws, distances
        As for `delta_over_pairs`.
    inputs, neighbours
        Shape (pairs,): numbers of two different words each.
    epsilons
        Shape (epsilons,): nats per unit of distance, finite, at least 0.

    Returns
    -------
    float64 (pairs, epsilons), within [0, 1].

    Raises
    ------
    InputError, NumericalError
        As `delta_over_pairs`.

    Examples
    --------
    >>> laws = np.log([[0.75, 0.25], [0.25, 0.75]])
    >>> delta_of_pairs(laws, np.ones((2, 2)), [0], [1], [0.0, np.log(2.0), 4000.0]).round(9)
    array([[0.5 , 0.25, 0.  ]])
    """
    grid = np.asarray(epsilons, dtype=np.float64)
    family = _checked(log_laws, distances, grid)
    first, second = np.asarray(inputs), np.asarray(neighbours)
    if grid.ndim != 1 or first.ndim != 1 or first.shape != second.shape:
        raise InputError(
            f"inputs, neighbours and epsilons have shapes {first.shape}, {second.shape} and "
            f"{grid.shape}, but they must be (pairs,), (pairs,) and (epsilons,)."
        )
    words = len(family.laws)
    both = np.concatenate([first, second])
    if both.size and (both.min() < 0 or both.max() >= words or (first == second).any()):
        raise InputError(f"A pair must be two different numbers from 0 to {words - 1}.")
    first, second = first.astype(np.int64), second.astype(np.int64)
    costs = family.costs(grid, family.distances[first, second][:, None])
    masses, _ = _single_masses(family, first, second, costs)
    return np.clip(masses, 0.0, 1.0)


def _checked(log_laws: Floats, distances: Floats, epsilons: Floats) -> _Family:
    for epsilon in epsilons.ravel().tolist():
        if not 0.0 <= epsilon < np.inf:
            raise InputError(f"epsilon is {epsilon!r}, but it must be finite and at least 0.")
    laws, distances = checked_laws(log_laws, distances)
    highest = float(laws.max())
    if highest > _LOG_TOLERANCE:
        raise NumericalError(f"log_laws reaches {highest!r}, but a log probability is at most 0.")
    # e^(cap + ln P') is at least e^2 wherever P' > 0: more than any probability.
    lowest = float(laws.min(where=laws > -np.inf, initial=0.0))
    return _Family(laws, distances, cap=2.0 - lowest)


def _checked_mask(candidates: NDArray[np.bool_] | None, words: int) -> NDArray[np.bool_]:
    shape = (words, words)
    mask = np.ones(shape, dtype=np.bool_) if candidates is None else np.array(candidates)
    if mask.shape != shape or mask.dtype != np.bool_:
        raise InputError(
            f"candidates holds {mask.dtype} in shape {mask.shape}, but it must hold bool in shape "
            f"{shape}."
        )
    np.fill_diagonal(mask, False)
    if not mask.any():
        raise InputError("candidates names no pair of two different words.")
    return mask


def _clipped(mass: float) -> float:
    return min(1.0, max(0.0, float(mass)))


def _single_masses(
    family: _Family, inputs: Indices, neighbours: Indices, costs: Floats
) -> tuple[Floats, Floats]:
    """Masses and error bounds (pairs, epsilons) of single pairs at costs of that shape."""
    masses, errors = np.empty((2, *costs.shape))
    pair_failure_masses(family.laws, inputs, neighbours, costs, masses, errors)
    return masses, errors


def _worst_of_singles(
    family: _Family,
    epsilon: float,
    mask: NDArray[np.bool_],
    threads: int | None,
    progress: Progress | None,
) -> ProfileMaximum:
    inputs, neighbours = np.nonzero(mask)

    def work(start: int) -> tuple[Leader, float, float]:
        part = slice(start, start + _PAIRS_AT_ONCE)
        first, second = inputs[part], neighbours[part]
        costs = family.costs(epsilon, family.distances[first, second])
        masses, errors = _single_masses(family, first, second, costs[:, None])
        place = int(masses[:, 0].argmax())
        leader = (float(masses[place, 0]), int(first[place]), int(second[place]))
        return leader, float(errors[place, 0]), float((masses + errors).max())

    starts = range(0, len(inputs), _PAIRS_AT_ONCE)
    results = ordered_map(work, starts, threads)
    found = list(report_progress(results, len(starts), progress, (0.0, 1.0)))
    worst = best_leader(leader for leader, _, _ in found)
    error = next(error for leader, error, _ in found if leader == worst)
    return ProfileMaximum(
        lower=_clipped(worst[0] - error),
        upper=_clipped(max(upper for _, _, upper in found)),
        input=worst[1],
        neighbour=worst[2],
    )


def _worst_of_panels(
    family: _Family,
    epsilon: float,
    mask: NDArray[np.bool_],
    threads: int | None,
    progress: Progress | None,
) -> Leader:
    """Largest mass over the pairs of the mask, by the kernel, one pass for each shift in use."""
    costs = family.costs(epsilon, family.distances)
    shifts = [_SHIFT * step for step in range(_MOST_SHIFTS)]
    shifts = [s for s in shifts if (mask & (costs >= s) & (costs < s + _SHIFT)).any()]
    starts = range(0, len(mask), TILE)
    tiles = [(p, q) for p in range(len(starts)) for q in range(len(starts))]
    inputs = _probability_panels(family.laws, 0.0, threads)
    leaders = []
    for step, shift in enumerate(shifts):
        neighbours = inputs if shift == 0.0 else _probability_panels(family.laws, shift, threads)

        def work(
            tile: tuple[int, int], neighbours: Floats = neighbours, shift: float = shift
        ) -> Leader:
            first, second = starts[tile[0]], starts[tile[1]]
            place = slice(first, first + TILE), slice(second, second + TILE)
            in_reach = mask[place] & (costs[place] >= shift) & (costs[place] < shift + _SHIFT)
            if not in_reach.any():
                return -1.0, first, second
            rows, columns = in_reach.shape
            factors, masses = np.zeros((2, TILE, TILE))
            factors[:rows, :columns] = np.exp(np.where(in_reach, costs[place] - shift, 0.0))
            failure_masses(inputs[tile[0]], neighbours[tile[1]], factors, masses)
            masses = np.where(in_reach, masses[:rows, :columns], -1.0)
            row, column = divmod(int(masses.argmax()), columns)
            return float(masses[row, column]), first + row, second + column

        span = step / len(shifts), (step + 1) / len(shifts)
        results = ordered_map(work, tiles, threads)
        leaders.append(best_leader(report_progress(results, len(tiles), progress, span)))
    return best_leader(leaders)


def _probability_panels(laws: Floats, shift: float, threads: int | None) -> Floats:
    """Panels of min(e, e^shift P), with 0 for what is below the normal numbers: they are slow."""
    scaled = laws + shift
    np.exp(np.minimum(scaled, 1.0, out=scaled), out=scaled)
    scaled[scaled < _SMALLEST_NORMAL] = 0.0
    return pack_panels(scaled, repeat=False, threads=threads)


def _panel_error(family: _Family, largest_cost: float, mass: float) -> float:
    """Bound the error of every mass that the kernel computes and that is at most `mass`.

    In units of 2^-53: the minuend P errs by 8 P (exp, 4 ulp) and the subtrahend by a factor
    1 +- r, r = c + 24 if nothing is shifted (c is a rounded product; two exps, one product), 1300
    more for the roundings of ln P' + s, c - s otherwise. A term counts only where the subtrahend
    is at most about P, so it errs by at most (2 r + 16) P. The sum adds n times itself, underflow
    at most n e^500 2^-1022.
    """
    rounding = 2.0 * (largest_cost + 24.0 + 1300.0 * (largest_cost >= _SHIFT)) + 16.0
    largest_sum = float(np.exp(family.laws).sum(axis=1).max())
    return _UNIT_ROUNDOFF * (rounding * largest_sum + family.laws.shape[1] * mass) + 1e-80
