"""The audit of a mechanism with radial noise: a lower bound on epsilon* that is statistical, an
upper bound that is proven, and infinite losses by geometry.

The directions are cut in three. The first part estimates the whole law and proposes pairs and
sets of outputs; the second, on fresh directions, chooses the one whose bound will probably be
largest, and the bet; the third tests this one. So nothing is chosen by the directions that test it,
and the error probability needs no division by what was looked at before.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..claims import Claim
from ..errors import InputError, require_fraction
from ..exact.audit import Progress
from ..exact.sweep import sweep
from ..mechanisms.protocol import EpsilonUpperBound, HasRadialNoise, SampledWordMechanism
from ..proven import claimed_space, contradiction, proven_bound
from ..results import Evidence, Interval, SearchRecord, StatisticsRecord, Verdict, Witness
from ..statistical.bounds import (
    best_bet,
    difference_lower,
    likely_ratio,
    ratio_lower,
    ratio_power,
    share,
    union,
)
from .law import LawEstimate, RadialLaw
from .reach import Unreachable, find_unreachable
from .statistics import estimated_statistics

__all__ = ["DIRECTIONS", "RadialFindings", "decide", "explain", "radial_audit", "require_budget"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Directions of an audit unless said otherwise, and the fewest that make sense.
DIRECTIONS = 100_000
_FEWEST = 100

#: Amounts of smoothing, in directions, and how many pairs each proposes.
_PROPOSALS = ((4.0, 2), (64.0, 2))

#: Chances of the input at which the set of the most telling outputs is cut.
_CUTS = (0.02, 0.1, 0.25, 0.5)

#: What rounding may do to a contribution of a direction, with much to spare.
ROUNDING = 1e-9

#: Larger exponents count as this one: no number of draws tells.
_LARGEST = 600.0

#: How many outputs of an event are named.
_NAMED = 8


@dataclass(frozen=True, eq=False)
class _Event:
    """A set of outputs that is more likely on `input` than on `neighbour`."""

    input: int
    neighbour: int
    distance: float
    inside: Mask


@dataclass(frozen=True)
class RadialFindings:
    """What the audit found.

    Attributes
    ----------
    epsilon, delta_at_claim
        Enclosures; their lower ends hold but for the error probability `alpha`, unless
        `unreachable` proves an infinite loss. The upper ends are proven, or say nothing.
    detectable
        Smallest epsilon that would have been refuted with 90% power on the event that was tested,
        at its observed rate.
    upper
        The proven bound in the unit of the claim, or None if there is none for this claim.
    """

    epsilon: Interval
    delta_at_claim: Interval
    delta_pair: tuple[str, str] | None
    witness: Witness | None
    statistics: StatisticsRecord
    search: SearchRecord
    detectable: float
    directions: int
    upper: EpsilonUpperBound | None
    unreachable: Unreachable | None


def radial_audit(
    mechanism: SampledWordMechanism,
    claim: Claim,
    *,
    directions: int = DIRECTIONS,
    alpha: float = 0.05,
    seed: int = 0,
    progress: Progress | None = None,
) -> RadialFindings:
    """Bounds on epsilon* of a mechanism with `radial_noise`, with a witness.

    Parameters
    ----------
    mechanism
        A mechanism with `radial_noise`.
    claim
        Which distances the loss is measured in, and the epsilon and delta to test.
    directions
        Directions of the noise that are drawn, at least 100.
    alpha
        Error probability of everything statistical in the result, taken together.
    seed
        Fixes the directions.
    progress
        Called now and then with the stage and the part of it that is done.

    Raises
    ------
    InputError
        If `directions` or `alpha` is out of range, or the mechanism has no radial noise.
    NumericalError
        If a computation failed.

    Examples
    --------
    >>> from dpaudit.mechanisms.protocol import RadialNoise
    >>> from dpaudit.mechanisms.spaces import EmbeddingSpace
    >>> from types import SimpleNamespace
    >>> from dpaudit.claims import MetricDP
    >>> space = EmbeddingSpace(["a", "b"], [[0.0], [2.0]])
    >>> mechanism = SimpleNamespace(space=space, radial_noise=RadialNoise(np.ones(2)))
    >>> found = radial_audit(mechanism, MetricDP(2.0), directions=5000)
    >>> true = np.log((1 - np.exp(-1) / 2) / (np.exp(-1) / 2)) / 2
    >>> bool(0.9 * true < found.epsilon.lower < true), round(float(true), 3)
    (True, 0.745)
    """
    if not isinstance(mechanism, HasRadialNoise):
        raise InputError(f"mechanism is a {type(mechanism).__name__} without radial noise.")
    alpha = require_budget(directions, alpha)
    space, noise = mechanism.space, mechanism.radial_noise
    law = RadialLaw(noise, space)
    rng = np.random.default_rng(seed)
    for_verdict, for_statistics = share(alpha, 2)
    learning = max(directions // 50, min(directions // 4, 500))
    screening = max(directions // 25, min(directions // 4, 500))
    testing = directions - learning - screening

    distances = _distances(mechanism, claim)
    estimate, statistics = _learn(law, learning, rng, for_statistics, progress)
    proposals = _proposals(estimate, distances)
    if claim.delta > 0.0:
        for_verdict = union(for_verdict, 2)  # a bound on epsilon and one on delta
    event, bets = _choose(law, claim, proposals, screening, testing, rng, for_verdict, progress)
    first, second = _contributions(law, event, testing, rng, progress, "fresh directions")
    lower = ratio_lower(first, second, bets[0], for_verdict) / event.distance
    delta = 0.0
    if claim.delta > 0.0:
        delta = difference_lower(first, second, _factor(claim, event), bets[1], for_verdict)

    upper = proven_bound(mechanism, claim)
    unreachable = _unreachable(law, estimate)
    words = space.words
    witness: Witness | None
    if unreachable is not None:
        epsilon = Interval(lower=math.inf, upper=math.inf)
        witness = _unreachable_witness(mechanism, claim, unreachable, estimate)
    else:
        top = math.inf if upper is None else upper.value
        # A lower bound above the proven one: `decide` believes neither.
        epsilon = Interval(lower=max(lower, 0.0), upper=max(top, lower, 0.0))
        witness = _witness(words, event, first, second, lower)
    holds = upper is not None and upper.value <= claim.epsilon
    return RadialFindings(
        epsilon=epsilon,
        delta_at_claim=Interval(lower=delta, upper=max(delta, 0.0 if holds else 1.0)),
        delta_pair=(words[event.input], words[event.neighbour]) if delta > 0.0 else None,
        witness=witness,
        statistics=statistics,
        search=SearchRecord(
            pairs_total=len(words) * (len(words) - 1),
            pairs_visited=len(words) * (len(words) - 1),
            directions=int(directions),
        ),
        detectable=_detectable(claim, event, first, second, for_verdict),
        directions=int(directions),
        upper=upper,
        unreachable=unreachable,
    )


def decide(claim: Claim, findings: RadialFindings) -> tuple[Verdict, Evidence, str | None]:
    """The verdict, what it rests on, and the reason if it is `inconclusive`."""
    upper, epsilon = findings.upper, findings.epsilon
    contradicted = contradiction(epsilon, upper)
    if contradicted:
        kind = Evidence.EXACT if findings.unreachable else Evidence.STATISTICAL
        return Verdict.INCONCLUSIVE, kind, contradicted
    if upper is not None and upper.value <= claim.epsilon:
        return Verdict.UPHELD, Evidence.EXACT, None
    if claim.delta > 0.0:
        if findings.delta_at_claim.lower > claim.delta:
            return Verdict.VIOLATED, Evidence.STATISTICAL, None
        return Verdict.NOT_REFUTED, Evidence.STATISTICAL, None
    if findings.unreachable is not None:
        return Verdict.VIOLATED, Evidence.EXACT, None
    if epsilon.lower > claim.epsilon:
        return Verdict.VIOLATED, Evidence.STATISTICAL, None
    return Verdict.NOT_REFUTED, Evidence.STATISTICAL, None


def explain(mechanism: SampledWordMechanism, findings: RadialFindings) -> tuple[str, ...]:
    """Why an output is out of reach, in sentences; empty if none is."""
    found = findings.unreachable
    if found is None or not isinstance(mechanism, HasRadialNoise):
        return ()
    words = mechanism.space.words
    limit = mechanism.radial_noise.truncation
    output, neighbour = f"“{words[found.output]}”", f"“{words[found.neighbour]}”"
    start = (
        f"The noise is never longer than {limit:.6g}. The output is {output} where the noisy "
        f"vector is nearer to {output} than to any other word."
    )
    if found.by_bisector:
        why = (
            f"From {neighbour} that takes noise of at least half the distance between the two "
            "words, which is not less than that."
        )
    else:
        why = (
            f"From {neighbour} such points begin farther away than that, as {len(found.words)} "
            f"of the half-spaces that bound the cell of {output} prove."
        )
    return start, f"{why} From {output} itself it happens, because short noise leaves it there."


def require_budget(draws: int, alpha: float) -> float:
    """Return alpha as a float if it and the number of draws can be used.

    Raises
    ------
    InputError
        Otherwise.
    """
    if not isinstance(draws, (int, np.integer)) or draws < _FEWEST:
        raise InputError(
            f"draws is {draws!r}, but what is estimated from draws needs at least {_FEWEST}."
        )
    alpha = require_fraction("alpha", alpha)
    if alpha == 0.0:
        raise InputError("alpha is 0, but a statistical audit needs an alpha above 0.")
    return alpha


def _distances(mechanism: SampledWordMechanism, claim: Claim) -> Floats:
    measured = claimed_space(mechanism, claim)
    n = len(mechanism.space)
    return np.ones((n, n)) if measured is None else measured.distance_matrix


def _learn(
    law: RadialLaw, directions: int, rng: np.random.Generator, alpha: float,
    progress: Progress | None,
) -> tuple[LawEstimate, StatisticsRecord]:  # fmt: skip
    """The estimated law of all words, and the statistics; the second half of the directions tests
    the guesses that the first half proposes."""
    half = directions // 2

    def report(part: float) -> None:
        if progress:
            progress("output law, estimated", part)

    early = law.estimate(half, rng, progress=lambda part: report(0.5 * part))
    guess = early.sums.argmax(axis=0)
    kept = early.kept
    whole = law.estimate(
        directions - half, rng, guess=guess, onto=early,
        progress=lambda part: report(0.5 + 0.5 * part),
    )  # fmt: skip
    kept = np.concatenate([kept, whole.kept])
    return whole, estimated_statistics(whole, kept, whole.guessed, alpha)


def _proposals(estimate: LawEstimate, distances: Floats) -> list[_Event]:
    """Pairs whose smoothed log ratio over distance is largest, each with some sets of outputs.

    Smoothing, kappa directions added to every sum, keeps what few directions saw from looking
    extreme; several kappas, because how much is right depends on the law.
    """
    pairs: dict[tuple[int, int], set[int]] = {}
    n = len(distances)
    for kappa, rounds in _PROPOSALS:
        logs = np.log(estimate.sums + kappa)
        apart = distances.copy()
        for _ in range(min(rounds, n * (n - 1))):
            found = sweep(logs, apart)
            pairs.setdefault((found.input, found.neighbour), set()).add(found.output)
            apart[found.input, found.neighbour] = 1e300
    events = []
    for (first, second), outputs in pairs.items():
        distance = float(distances[first, second])
        ours, theirs = estimate.means[first], estimate.means[second]
        smooth = 4.0 / estimate.directions
        order = np.argsort(np.log(theirs + smooth) - np.log(ours + smooth), kind="stable")
        masses = np.cumsum(ours[order])
        sizes = {int(np.searchsorted(masses, cut)) + 1 for cut in _CUTS}
        sets = [np.array([y]) for y in sorted(outputs)]
        sets += [order[:size] for size in sorted(sizes) if 1 < size < n]
        for members in sets:
            inside = np.zeros(n, dtype=bool)
            inside[members] = True
            events.append(_Event(first, second, distance, inside))
    return events


def _factor(claim: Claim, event: _Event) -> float:
    """What the claim allows the probabilities of the event to differ by."""
    return math.exp(min(claim.epsilon * event.distance, _LARGEST))


def _choose(
    law: RadialLaw,
    claim: Claim,
    proposals: list[_Event],
    screening: int,
    testing: int,
    rng: np.random.Generator,
    alpha: float,
    progress: Progress | None,
) -> tuple[_Event, tuple[float, float]]:
    """The event whose bound will probably be largest, and the bets on ratio and on delta."""
    sides = [(w, event.inside) for event in proposals for w in (event.input, event.neighbour)]
    report = (lambda part: progress("choice of the pair", part)) if progress else None
    values = law.event_contributions(screening, rng, sides, progress=report)
    choices = []
    for number, event in enumerate(proposals):
        first, second = values[2 * number], values[2 * number + 1]
        log_ratio, bet = likely_ratio(first, second, testing, alpha)
        value, other = log_ratio / event.distance, 1.0
        if claim.delta > 0.0:
            factor = _factor(claim, event)
            value = float(first.mean() - factor * second.mean())
            other = best_bet(first, second, factor, claim.delta)
        choices.append((value, -number, (bet, other)))
    _, number, bets = max(choices)
    return proposals[-number], bets


def _contributions(
    law: RadialLaw, event: _Event, directions: int, rng: np.random.Generator,
    progress: Progress | None, stage: str,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Contributions to both probabilities of the event, rounding allowed for against us."""
    report = (lambda part: progress(stage, part)) if progress else None
    sides = [(event.input, event.inside), (event.neighbour, event.inside)]
    first, second = law.event_contributions(directions, rng, sides, progress=report)
    return np.maximum(first - ROUNDING, 0.0), np.minimum(second + ROUNDING, 1.0)


def _detectable(claim: Claim, event: _Event, first: Floats, second: Floats, alpha: float) -> float:
    """Smallest epsilon at which a test like this one refutes the claim with 90% power."""

    def refuted(epsilon: float) -> bool:
        distance = event.distance
        return ratio_power(
            first, second, epsilon * distance, claim.epsilon * distance, alpha, claim.delta
        )

    low, high = claim.epsilon, 2.0 * claim.epsilon
    while not refuted(high):
        low, high = high, 2.0 * high
        if high > 1e3 * claim.epsilon or high * event.distance > _LARGEST:
            return math.inf
    for _ in range(12):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if refuted(middle) else (middle, high)
    return high


def _witness(
    words: tuple[str, ...], event: _Event, first: Floats, second: Floats, lower: float
) -> Witness | None:
    """The event that was tested; its log ratio is the confidence bound, which is finite."""
    if not lower > 0.0:
        return None
    members = np.flatnonzero(event.inside)
    output, name = None, None
    if len(members) == 1:
        output = words[int(members[0])]
    else:
        names = ", ".join(f"“{words[i]}”" for i in members[:_NAMED])
        more = f" and {len(members) - _NAMED:,} more" if len(members) > _NAMED else ""
        name = f"the set of outputs {names}{more}"
    chances = float(first.mean()), max(float(second.mean()) - ROUNDING, 0.0)
    seen = chances[1] > 0.0
    return Witness(
        input=words[event.input],
        neighbour=words[event.neighbour],
        distance=event.distance,
        output=output,
        event=name,
        log_probability_input=math.log(chances[0]) if seen else None,
        log_probability_neighbour=math.log(chances[1]) if seen else None,
        log_ratio=Interval(lower=lower * event.distance, upper=math.inf),
    )


def _unreachable(law: RadialLaw, estimate: LawEstimate) -> Unreachable | None:
    noise = law.noise
    if math.isinf(noise.truncation) or noise.transform is not None:
        return None
    own = estimate.means[np.arange(len(estimate.inputs)), estimate.inputs]
    space = law.space.with_metric("euclidean")
    return find_unreachable(space.vectors, space.distance_matrix, noise.truncation, own)


def _unreachable_witness(
    mechanism: SampledWordMechanism, claim: Claim, found: Unreachable, estimate: LawEstimate
) -> Witness:
    words = mechanism.space.words
    own = float(estimate.means[found.output, found.output])
    measured = claimed_space(mechanism, claim)
    row = slice(found.output, found.output + 1)
    return Witness(
        input=words[found.output],
        neighbour=words[found.neighbour],
        distance=1.0
        if measured is None
        else float(measured.distance_rows(row)[0, found.neighbour]),
        output=words[found.output],
        log_probability_input=math.log(own) if own > 0.0 else None,
        log_probability_neighbour=-math.inf,
        log_ratio=Interval(lower=math.inf, upper=math.inf),
    )
