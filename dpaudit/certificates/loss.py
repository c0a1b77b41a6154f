"""Witnesses in ball arithmetic: one output, or a set of outputs, that refutes a claim."""

import math
from collections.abc import Callable, Sequence

from flint import arb

from ..mechanisms.balls import BallLaw
from ..mechanisms.balls.enclosures import lower_float, precision, upper_float
from ..results.model import Interval
from .case import Case, enclosure, log_enclosure, log_ends
from .model import EventFinding, LossFinding

__all__ = ["event_finding", "loss_finding"]


def loss_finding(case: Case, first: int, second: int, output: int, bits: int) -> LossFinding:
    """The loss of an output on a pair of words, and by how much it exceeds what is claimed.

    It refutes the claim if the lower end of `excess` is above 0. The loss of an output that is
    impossible on the second word alone is infinite; impossible means a probability of exactly 0.
    """
    with precision(bits):
        ours = case.law.probability(first, output)
        theirs = case.law.probability(second, output)
        distance = case.distance(first, second)
        loss = _loss(ours, theirs)
        allowed = arb(case.epsilon) * distance
        return LossFinding(
            input=case.words[first],
            neighbour=case.words[second],
            output=case.words[output],
            log_probability_input=log_enclosure(ours),
            log_probability_neighbour=log_enclosure(theirs),
            distance=enclosure(distance),
            epsilon=_interval(loss, lambda end: end / distance),
            excess=_interval(loss, lambda end: end - allowed),
        )


def _loss(ours: arb, theirs: arb) -> tuple[arb | float, arb | float]:
    """Lower and upper bound of ln ours - ln theirs: a number as a ball, or an infinity."""
    (our_low, our_high), (their_low, their_high) = log_ends(ours), log_ends(theirs)
    if our_low is None:  # possibly impossible here: nothing is known from below
        low: arb | float = -math.inf
    elif their_high is None:
        low = math.inf
    else:
        low = our_low - their_high
    high = math.inf if our_high is None or their_low is None else our_high - their_low
    return low, high


def _interval(loss: tuple[arb | float, arb | float], then: Callable[[arb], arb]) -> Interval:
    low, high = loss
    return Interval(
        lower=low if isinstance(low, float) else lower_float(then(low)),
        upper=high if isinstance(high, float) else upper_float(then(high)),
    )


def event_finding(
    case: Case, first: int, second: int, outputs: Sequence[int], bits: int
) -> EventFinding:
    """The probabilities of a set of outputs on a pair of words, and the failure mass that they
    show: P_first - e^(epsilon d) P_second. It refutes the claim if that is above its delta."""
    with precision(bits):
        ours, theirs = (
            sum(_probabilities(case.law, word, outputs), arb(0)) for word in (first, second)
        )
        distance = case.distance(first, second)
        return EventFinding(
            input=case.words[first],
            neighbour=case.words[second],
            outputs=tuple(case.words[y] for y in outputs),
            probability_input=enclosure(ours),
            probability_neighbour=enclosure(theirs),
            distance=enclosure(distance),
            delta=enclosure(ours - (arb(case.epsilon) * distance).exp() * theirs),
        )


def _probabilities(law: BallLaw, word: int, outputs: Sequence[int]) -> list[arb]:
    if law.row_at_once:
        row = law.probabilities(word)
        return [row[y] for y in outputs]
    return [law.probability(word, y) for y in outputs]
