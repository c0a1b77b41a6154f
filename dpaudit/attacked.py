"""From the findings of an audit by draws to its result: verdict, rule, witness, curves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from .claims import Claim
from .results import (
    AttackCurve,
    AttackRecord,
    AuditResult,
    Curves,
    Interval,
    LowerProfileCurve,
    SearchRecord,
    StageRecord,
    Verdict,
    WealthCurve,
    Witness,
)
from .statistical.attackers import Attacker
from .statistical.bounds import union
from .statistical.drawing import Rounds
from .statistical.explain import explain, picture
from .statistical.fixed import FixedFindings
from .statistical.guesses import Counts, allowed_rate, anytime_epsilon_lower
from .statistical.pairs import Pair
from .statistical.sequential import SequentialFindings

__all__ = ["fixed_result", "sequential_result"]

#: Pairs of inputs that a result lists.
_SHOWN_PAIRS = 100


@dataclass(frozen=True, eq=False)
class _Tested:
    """A pair and the attacker that was tested on it; `rounds` are learning draws to show."""

    pair: Pair
    attacker: Attacker
    rounds: Rounds
    names: Sequence[str] | None

    @property
    def sides(self) -> dict[int, str]:
        """When the first input (1) and the second (-1) are named."""
        return explain(self.attacker, self.rounds.outputs, self.names)


def fixed_result(
    nothing: AuditResult,
    claim: Claim,
    pairs: tuple[Pair, ...],
    found: FixedFindings,
    bits: bool,
    names: Sequence[str] | None,
) -> AuditResult:
    """`nothing`, with what an audit with a fixed budget found."""
    contender, bands = found.contender, found.bands
    search = SearchRecord(pairs_total=len(pairs), pairs_visited=found.visited, looks=1)
    update: dict[str, Any] = {"draws": found.learning + found.counts.rounds, "search": search}
    if contender.attacker is None or bands is None:
        update["reason"] = "No test was made: the draws ended while the attacker was learned."
        return nothing.model_copy(update=update)
    assert contender.rounds is not None
    tested = _Tested(contender.pair, contender.attacker, contender.rounds, names)
    pair, delta = contender.pair, bands.at_claim
    violated = found.epsilon_lower > claim.epsilon or delta > claim.delta
    # If delta shows it, epsilon* is above the claim too.
    lower = max(found.epsilon_lower, claim.epsilon if delta > claim.delta else 0.0)
    # A bound on several pairs together is none on any of them.
    alone = all(one is pair for one in found.pairs)
    update |= _verdict(violated, found.detectable) | {
        "true_epsilon": Interval(lower=lower, upper=math.inf),
        "delta_at_claim": Interval(lower=delta, upper=1.0),
        "delta_pair": (pair.shown if bands.forward else pair.shown[::-1]) if delta > 0.0 else None,
        "attack": _attack(claim, pairs, tested, found.counts, bits).model_copy(
            update={
                "learning_draws": found.learning,
                "stages": _stages(claim, found),
                "interrupted": found.interrupted,
            }
        ),
        "witness": _witness(tested, found.epsilon_lower) if alone else None,
        "curves": Curves(
            attack=_attack_curve(tested),
            lower_profile=LowerProfileCurve(
                epsilon=bands.epsilon,
                delta=bands.delta,
                false_positive=bands.false_positive,
                false_negative=bands.false_negative,
            ),
        ),
    }
    return nothing.model_copy(update=update)


def sequential_result(
    nothing: AuditResult,
    claim: Claim,
    pairs: tuple[Pair, ...],
    found: SequentialFindings,
    bits: bool,
    names: Sequence[str] | None,
) -> AuditResult:
    """`nothing`, with what a sequential audit found."""
    search = SearchRecord(pairs_total=len(pairs), pairs_visited=found.visited, looks=found.looks)
    update: dict[str, Any] = {"draws": found.draws, "search": search}
    if found.attacker is None or found.rounds is None or found.looks == 0:
        update["reason"] = "No bet was made: the draws ended before there was an attacker."
        return nothing.model_copy(update=update)
    tested = _Tested(found.pair, found.attacker, found.rounds, names)
    above = math.nextafter(claim.epsilon, math.inf)
    # All pairs together refute more than the one that is named.
    lower = max(found.epsilon_lower, above if found.rejected else 0.0)
    assert nothing.alpha is not None
    named = anytime_epsilon_lower(
        [found.counts],
        [found.pair.distance],
        claim.delta,
        union(nothing.alpha, len(pairs)),
        claim.epsilon,
    )
    update |= _verdict(found.rejected, found.detectable) | {
        "true_epsilon": Interval(lower=lower, upper=math.inf),
        "attack": _attack(claim, pairs, tested, found.counts, bits).model_copy(
            update={
                "learning_draws": found.draws - found.looks,
                "sequential": True,
                "interrupted": found.interrupted,
            }
        ),
        "witness": _witness(tested, max(named, above)) if found.named else None,
        "curves": Curves(
            attack=_attack_curve(tested),
            wealth=WealthCurve(
                draws=tuple(draws for draws, _ in found.history),
                log_wealth=tuple(wealth for _, wealth in found.history),
                refuted_at=math.log(1.0 / nothing.alpha),
            ),
        ),
    }
    return nothing.model_copy(update=update)


def _verdict(violated: bool, detectable: float) -> dict[str, Any]:
    if violated:
        return {"verdict": Verdict.VIOLATED, "detectable_epsilon": None}
    return {"verdict": Verdict.NOT_REFUTED, "detectable_epsilon": detectable}


def _attack(
    claim: Claim, pairs: tuple[Pair, ...], tested: _Tested, counts: Counts, bits: bool
) -> AttackRecord:
    sides, pair = tested.sides, tested.pair
    return AttackRecord(
        pair=pair.shown,
        distance=pair.distance,
        pairs=tuple(one.shown for one in pairs[:_SHOWN_PAIRS]),
        first=sides.get(1),
        second=sides.get(-1),
        learning_draws=0,
        testing_draws=counts.rounds,
        guesses=counts.spoken,
        right=counts.right,
        allowed_rate=allowed_rate(claim.epsilon * pair.distance),
        bits=bits if _has_floats(tested.rounds.outputs) else None,
        stages=(),
        sequential=False,
        interrupted=False,
    )


def _stages(claim: Claim, found: FixedFindings) -> tuple[StageRecord, ...]:
    return tuple(
        StageRecord(
            pair=pair.shown,
            distance=pair.distance,
            draws=stage.counts.rounds,
            guesses=stage.counts.spoken,
            right=stage.counts.right,
            allowed_rate=allowed_rate(claim.epsilon * pair.distance),
            by_weight=tuple((counts.spoken, counts.right) for counts in stage.by_weight),
        )
        for pair, stage in zip(found.pairs, found.stages, strict=True)
    )


def _has_floats(outputs: NDArray[Any]) -> bool:
    """Whether outputs are floating-point numbers, or hold any.

    >>> import numpy as np
    >>> _has_floats(np.array([1, 2])), _has_floats(np.array([("a", (1, 0.5)), None], dtype=object))
    (False, True)
    """

    def holds(value: object) -> bool:
        return isinstance(value, float) or (
            isinstance(value, tuple | frozenset) and any(map(holds, value))
        )

    return outputs.dtype.kind == "f" or (outputs.dtype == object and any(map(holds, outputs)))


def _witness(tested: _Tested, lower: float) -> Witness | None:
    """The attacker's rule as an event; its log ratio is the confidence bound on the loss of the
    pair, `lower` per unit of distance."""
    if not lower > 0.0:
        return None
    sides = tested.sides
    first, second = tested.pair.shown
    shown = {1: first, -1: second}
    # Of an attacker who only ever names the second input, the loss is in the other direction.
    swapped = set(sides) == {-1}
    return Witness(
        input=second if swapped else first,
        neighbour=first if swapped else second,
        distance=tested.pair.distance,
        event="; and ".join(
            f"“{shown[side]}” is named when {text}" for side, text in sides.items()
        ),
        log_ratio=Interval(lower=lower * tested.pair.distance, upper=math.inf),
    )


def _attack_curve(tested: _Tested) -> AttackCurve:
    seen = picture(tested.attacker, tested.rounds.outputs, tested.rounds.labels, tested.names)
    return AttackCurve(
        axis=seen.axis,
        edges=seen.edges,
        outputs=seen.outputs,
        first=seen.first,
        second=seen.second,
        says=seen.says,
    )
