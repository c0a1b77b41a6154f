"""The exact audit: the true epsilon with its witness, and delta at the claim, over all pairs.

Two routes give the same answer. A separable law is settled by its normalisers in O(n^2)
(`separable`); any other by the pruned max-plus sweep over outputs (`sweep`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..claims import Claim
from ..mechanisms.protocol import HasSeparableLaw, SeparableLaw, WordMechanism
from ..results import Interval, SearchRecord, Witness
from .claimed import (
    claim_space,
    claimed_distance_error,
    claimed_distances,
    claimed_tile,
    pair_distance,
)
from .laws import ExactLaw
from .profile import delta_over_pairs
from .separable import largest_separable_loss
from .sweep import sweep

__all__ = ["ExactFindings", "Progress", "exact_audit", "true_epsilon"]

Floats = NDArray[np.float64]

#: Called with the name of a stage and the part of it that is done, from 0 to 1.
Progress = Callable[[str, float], None]

#: How many outputs of a violating set are named.
_NAMED = 8

#: Pairs whose error allowance is worked out one by one.
_CLOSEST = 4096


@dataclass(frozen=True)
class ExactFindings:
    """What the exact audit found, with allowances for rounding in both intervals.

    `law` holds the whole law if it had to be computed, so that nobody computes it again.
    """

    law: ExactLaw
    epsilon: Interval
    delta_at_claim: Interval
    delta_pair: tuple[str, str] | None
    witness: Witness
    search: SearchRecord


@dataclass(frozen=True)
class _Largest:
    """Largest loss per distance, where, and what it may be if losses are off by `loss_error`."""

    value: float
    input: int
    neighbour: int
    output: int
    loss_error: float
    upper: float
    pairs_visited: int


def exact_audit(
    mechanism: WordMechanism,
    claim: Claim,
    *,
    separable: bool = True,
    prune: bool = True,
    progress: Progress | None = None,
) -> ExactFindings:
    """True epsilon, witness and delta at the claim, over all ordered pairs of the vocabulary.

    Parameters
    ----------
    mechanism
        A word mechanism with an exact law.
    claim
        Which distances the loss is measured in, and the epsilon at which delta is wanted.
    separable, prune
        Set to False to force the sweep over outputs, and to force it over all pairs: slower,
        the same result, for checking.
    progress
        Called now and then with the stage and the part of it that is done.

    Raises
    ------
    NumericalError
        If a law or a loss is not a number within its tolerance.
    MemoryNeededError
        If the n x n law is needed and does not fit.

    Examples
    --------
    >>> from dpaudit.mechanisms.spaces import EmbeddingSpace
    >>> from dpaudit.mechanisms.words.metric_exponential import MetricExponential
    >>> space = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]])
    >>> mechanism = MetricExponential(space, epsilon=1.0)
    >>> round(exact_audit(mechanism, mechanism.claim).epsilon.midpoint, 6)
    0.60795
    """
    space, n = mechanism.space, len(mechanism.space)
    law = ExactLaw(mechanism)
    if separable and isinstance(mechanism, HasSeparableLaw):
        largest = _separable_route(mechanism, claim, mechanism.separable_law, progress)
    else:
        law = ExactLaw(mechanism, law.whole(_stage(progress, "output law")))
        largest = _sweep_route(claim, law, prune, progress)
    epsilon = _epsilon_interval(mechanism, claim, largest)
    witness = _witness(claim, law, largest)
    if epsilon.upper <= claim.epsilon:
        delta, pair = Interval(lower=0.0, upper=0.0), None
    else:
        law = ExactLaw(mechanism, law.whole(_stage(progress, "output law")))
        worst = delta_over_pairs(
            law.whole(),
            claimed_distances(claim, space),
            claim.epsilon,
            progress=_stage(progress, "failure mass"),
        )
        doubt = _delta_error(mechanism, claim)
        delta = Interval(lower=max(0.0, worst.lower - doubt), upper=min(1.0, worst.upper + doubt))
        pair = (space.words[worst.input], space.words[worst.neighbour])
        if claim.delta > 0.0 and worst.upper > 0.0:
            witness = _set_witness(claim, law, worst.input, worst.neighbour)
    search = SearchRecord(pairs_total=n * (n - 1), pairs_visited=largest.pairs_visited)
    return ExactFindings(law, epsilon, delta, pair, witness, search)


def true_epsilon(mechanism: WordMechanism, claim: Claim) -> Interval:
    """The true epsilon in the distances of `claim`, by the sweep: no witness, no delta.

    Raises what `exact_audit` raises.

    Examples
    --------
    >>> from dpaudit.mechanisms.spaces import EmbeddingSpace
    >>> from dpaudit.mechanisms.words.metric_exponential import MetricExponential
    >>> space = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]])
    >>> mechanism = MetricExponential(space, epsilon=1.0)
    >>> round(true_epsilon(mechanism, mechanism.claim).midpoint, 6)
    0.60795
    """
    law = ExactLaw(mechanism, ExactLaw(mechanism).whole())
    return _epsilon_interval(mechanism, claim, _sweep_route(claim, law, True, None))


def _stage(progress: Progress | None, name: str) -> Callable[[float], None] | None:
    return (lambda part: progress(name, part)) if progress else None


def _separable_route(
    mechanism: WordMechanism, claim: Claim, law: SeparableLaw, progress: Progress | None
) -> _Largest:
    space = mechanism.space
    # Both parts of theta c + |ln Z - ln Z'| carry their own error; parts that are the same
    # number by symmetry carry none.
    error = 0.0
    if law.distance == "space":
        largest_cost = law.rate * min(space.tiles.diameter_bound, law.threshold)
        error += largest_cost * (space.tiles.relative_error + 2.0**-52)
    if not law.equal_normalisers:
        error += 2.0 * law.error
    found = largest_separable_loss(
        space, law, claimed_tile(claim, space), error, _stage(progress, "privacy loss")
    )
    return _Largest(
        value=found.value,
        input=found.input,
        neighbour=found.neighbour,
        output=found.input,
        loss_error=error,
        upper=found.upper,
        pairs_visited=len(space) * (len(space) - 1),
    )


def _sweep_route(claim: Claim, law: ExactLaw, prune: bool, progress: Progress | None) -> _Largest:
    log_laws = law.whole()
    distances = claimed_distances(claim, law.mechanism.space)
    found = sweep(log_laws, distances, prune=prune, progress=_stage(progress, "privacy loss"))
    error = 2.0 * law.mechanism.log_law_error
    place = found.input, found.neighbour, found.output
    if math.isinf(found.value):
        place = _likeliest_infinite_loss(log_laws)
    return _Largest(
        value=found.value,
        input=place[0],
        neighbour=place[1],
        output=place[2],
        loss_error=error,
        upper=_upper_bound(log_laws, distances, found.value, error),
        pairs_visited=found.pairs_visited,
    )


def _likeliest_infinite_loss(log_laws: Floats) -> tuple[int, int, int]:
    """Among outputs impossible on some input, the likeliest on another: where all losses are
    infinite, this is the one that an attacker would meet first."""
    impossible = log_laws == -np.inf
    chances = np.where(impossible.any(axis=0), log_laws, -np.inf)
    first, output = (int(i) for i in np.unravel_index(int(chances.argmax()), chances.shape))
    return first, int(impossible[:, output].argmax()), output


def _upper_bound(log_laws: Floats, distances: Floats, value: float, error: float) -> float:
    """Bound the largest (loss + error) / distance, given that no loss / distance exceeds `value`.

    value + error / d would do for all pairs at once, with the smallest d; but an error over a
    very small distance says nothing of the witness. So the closest pairs are looked at one by
    one, and the bound serves for all others.
    """
    if math.isinf(value):
        return value
    closest = distances + np.where(np.eye(len(distances), dtype=bool), np.inf, 0.0)
    count = min(_CLOSEST, closest.size - len(distances))
    places = np.argpartition(closest, count - 1, axis=None)[:count]
    inputs, neighbours = np.divmod(places, len(distances))
    upper = value + error / closest[inputs, neighbours].max()
    for i, j in zip(inputs, neighbours, strict=True):
        with np.errstate(invalid="ignore"):  # impossible under both: skipped
            loss = np.nanmax(log_laws[i] - log_laws[j])
        upper = max(upper, float((loss + error) / closest[i, j]))
    return upper


def _epsilon_interval(mechanism: WordMechanism, claim: Claim, largest: _Largest) -> Interval:
    """Allow for the errors of losses and distances.

    Every computed L is within e of the true one and every computed d within a factor 1 +- r.
    So the true maximum is at least (L - e)/(d (1 + r)) at the witness, and at most the largest
    (L + e)/(d (1 - r)) over all pairs.
    """
    if math.isinf(largest.value):
        return Interval(lower=math.inf, upper=math.inf)
    relative = claimed_distance_error(claim, mechanism.space)
    if relative or largest.loss_error:
        relative += 2.0**-51  # the division, and the sums in front of it
    distance = pair_distance(claim, mechanism.space, largest.input, largest.neighbour)
    lower = (largest.value - largest.loss_error / distance) * (1.0 - 2.0 * relative)
    upper = largest.upper * (1.0 + 2.0 * relative)
    return Interval(lower=max(0.0, lower), upper=upper)


def _delta_error(mechanism: WordMechanism, claim: Claim) -> float:
    """How far errors in the law and in the distances move a failure mass.

    With log probabilities off by at most h and the exponent epsilon d by epsilon d r, a term
    P - e^(epsilon d) P' counts only where e^(epsilon d) P' <= P, so it moves by at most
    (h + h + epsilon d r) P to first order; twice that covers the rest.
    """
    measured = claim_space(claim, mechanism.space)
    longest = 1.0 if measured is None else measured.tiles.diameter_bound
    exponent = claim.epsilon * longest * claimed_distance_error(claim, mechanism.space)
    return 2.0 * (2.0 * mechanism.log_law_error + exponent)


def _witness(claim: Claim, law: ExactLaw, largest: _Largest) -> Witness:
    words = law.mechanism.space.words
    first = float(law.row(largest.input)[largest.output])
    second = float(law.row(largest.neighbour)[largest.output])
    return Witness(
        input=words[largest.input],
        neighbour=words[largest.neighbour],
        distance=pair_distance(claim, law.mechanism.space, largest.input, largest.neighbour),
        output=words[largest.output],
        log_probability_input=first,
        log_probability_neighbour=second,
        log_ratio=_log_ratio(first, second, law.mechanism.log_law_error),
    )


def _log_ratio(first: float, second: float, error: float) -> Interval:
    """The difference of two log probabilities that are each off by at most `error`."""
    if second == -math.inf:
        return Interval(lower=math.inf, upper=math.inf)
    doubt = 2.0 * error + 2.0**-52 * (abs(first) + abs(second))
    return Interval(lower=first - second - doubt, upper=first - second + doubt)


def _set_witness(claim: Claim, law: ExactLaw, first: int, second: int) -> Witness:
    """The set of outputs {y : P_w(y) > e^(epsilon d) P_w'(y)}, on which delta is attained."""
    distance = pair_distance(claim, law.mechanism.space, first, second)
    ours, theirs = law.row(first), law.row(second)
    inside = np.flatnonzero(ours > claim.epsilon * distance + theirs)
    inside = inside[np.argsort(-ours[inside], kind="stable")]
    words = law.mechanism.space.words
    names = ", ".join(f"“{words[i]}”" for i in inside[:_NAMED])
    more = f" and {len(inside) - _NAMED:,} more" if len(inside) > _NAMED else ""
    mass, other = (
        float(np.logaddexp.reduce(row[inside], initial=-np.inf)) for row in (ours, theirs)
    )
    return Witness(
        input=words[first],
        neighbour=words[second],
        distance=distance,
        event=f"the set of outputs {names}{more}",
        log_probability_input=mass,
        log_probability_neighbour=other,
        # Sums of exponentials are no farther off than their terms, rounding aside.
        log_ratio=_log_ratio(mass, other, law.mechanism.log_law_error + len(inside) * 2.0**-52),
    )
