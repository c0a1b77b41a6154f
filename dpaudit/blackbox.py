"""Audits of what can only be sampled: black boxes, and word mechanisms by their samplers."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .claims import Claim
from .errors import InputError, require_count, require_fraction
from .mechanisms.protocol import HasRadialNoise, SampledWordMechanism
from .proven import claimed_space
from .records import black_box_result, unknown_result
from .results import (
    AttackCurve,
    AttackRecord,
    AuditResult,
    Curves,
    Evidence,
    Interval,
    LowerProfileCurve,
    SearchRecord,
    Verdict,
    WealthCurve,
    Witness,
)
from .statistical.attackers import Attacker
from .statistical.drawing import Drawer, MechanismFailure, Rounds, Source, source_of
from .statistical.explain import explain, picture
from .statistical.fixed import FixedFindings, fixed_audit
from .statistical.guesses import Counts
from .statistical.pairs import Pair, given_pairs, word_pairs
from .statistical.sequential import SequentialFindings, sequential_audit

__all__ = [
    "DRAWS",
    "Sampling",
    "audit_black_box",
    "audit_words_by_sampling",
    "by_sampling",
    "sampled_only",
]

#: Draws unless said otherwise, and pairs of words that are looked at.
DRAWS = 1_000_000
_WORD_PAIRS = 32
_FEWEST_DRAWS = 10

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Sampling:
    """How a black box is drawn from and tested; see the parameters of `dpaudit.audit`.

    Raises
    ------
    InputError
        If `draws` or `alpha` is out of range.
    """

    draws: int = DRAWS
    alpha: float = 0.05
    seed: int = 0
    sequential: bool = False
    bits: bool = False
    workers: int = 0
    time_limit: float = 60.0

    def __post_init__(self) -> None:
        if require_count("draws", self.draws) < _FEWEST_DRAWS:
            raise InputError(f"draws is {self.draws}, but it must be at least {_FEWEST_DRAWS}.")
        if not require_fraction("alpha", self.alpha) > 0.0:
            raise InputError(f"alpha is {self.alpha:g}, but it must be above 0.")


def audit_black_box(
    mechanism: Any,
    claim: Claim | None,
    pairs: Iterable[Sequence[Any]] | None,
    sampling: Sampling,
    progress: Progress | None = None,
) -> AuditResult:
    """The audit of anything that `drawing.source_of` takes; see `dpaudit.audit`."""
    source = source_of(mechanism)
    claim = claim or source.claim
    if claim is None:
        raise InputError(f"{source.name} makes no claim: say which one to check.")
    if pairs is None:
        raise InputError(
            f"{source.name} is a black box, so pairs of inputs must be given, as in "
            "pairs=[(0, 1)] or pairs=dpaudit.neighbouring_answers(10)."
        )
    nothing = black_box_result(source, claim, sampling.seed, Verdict.INCONCLUSIVE, None)
    checked = given_pairs(claim, pairs)
    return _audit(nothing, source, claim, checked, sampling, progress)


def audit_words_by_sampling(
    mechanism: SampledWordMechanism,
    claim: Claim,
    pairs: Iterable[Sequence[Any]] | None,
    sampling: Sampling,
    progress: Progress | None = None,
) -> AuditResult:
    """The audit of a word mechanism by its sampler alone: on pairs of words that are given, or on
    the nearest, the farthest and random ones."""
    space = mechanism.space
    measured = claimed_space(mechanism, claim)
    if pairs is None:
        checked = word_pairs(space, measured, _WORD_PAIRS, sampling.seed)
    else:
        checked = _given_words(mechanism, claim, pairs)
    source = replace(
        source_of(partial(_sample_positions, mechanism)),
        name=mechanism.name,
        parameters=dict(mechanism.parameters),
    )
    nothing = unknown_result(
        mechanism, claim, sampling.seed, Verdict.INCONCLUSIVE, None
    ).model_copy(update={"evidence": Evidence.STATISTICAL})
    return _audit(nothing, source, claim, checked, sampling, progress, space.words)


def by_sampling(
    mechanism: SampledWordMechanism,
    method: str,
    pairs: Iterable[Sequence[Any]] | None,
    sequential: bool,
) -> bool:
    """Whether a word mechanism is audited by its sampler: if asked for, or if there is nothing
    better. Directions of radial noise say more than draws of words."""
    if method == "exact":
        return False
    if method == "statistical":
        radial = isinstance(mechanism, HasRadialNoise) and not hasattr(mechanism, "log_laws")
        return pairs is not None or sequential or not radial
    return pairs is not None


def sampled_only(mechanism: SampledWordMechanism) -> bool:
    """Whether nothing but its sampler is known of a word mechanism."""
    known = isinstance(mechanism, HasRadialNoise) or hasattr(mechanism, "log_laws")
    return hasattr(mechanism, "sample_indices") and not known


def _sample_positions(
    mechanism: SampledWordMechanism, x: int, size: int, rng: Generator
) -> NDArray[np.int64]:
    return mechanism.sample_indices(np.full(size, x, dtype=np.int64), rng)


def _given_words(
    mechanism: SampledWordMechanism, claim: Claim, pairs: Iterable[Sequence[Any]]
) -> tuple[Pair, ...]:
    space, measured = mechanism.space, claimed_space(mechanism, claim)
    found = []
    for first, second in pairs:
        a, b = space.index(first), space.index(second)
        if a == b:
            raise InputError(f"A pair has the word {space.words[a]!r} twice.")
        distance = 1.0
        if measured is not None:
            distance = float(measured.distance_rows(slice(a, a + 1))[0, b])
        found.append(Pair(a, b, distance, (space.words[a], space.words[b])))
    if not found:
        raise InputError("pairs is empty, but at least one pair of inputs is needed.")
    return tuple(found)


def _audit(
    nothing: AuditResult,
    source: Source,
    claim: Claim,
    pairs: tuple[Pair, ...],
    sampling: Sampling,
    progress: Progress | None,
    names: Sequence[str] | None = None,
) -> AuditResult:
    """`nothing`, with whatever was found."""
    run = sequential_audit if sampling.sequential else fixed_audit
    asked = {
        "draws": 0,
        "alpha": sampling.alpha,
        "search": SearchRecord(pairs_total=len(pairs), pairs_visited=0, looks=0),
    }
    nothing = nothing.model_copy(update=asked)
    try:
        with Drawer(source, sampling.seed, sampling.workers, sampling.time_limit) as drawer:
            found = run(
                drawer,
                pairs,
                claim,
                draws=sampling.draws,
                alpha=sampling.alpha,
                seed=sampling.seed,
                bits=sampling.bits,
                progress=progress,
            )
    except MechanismFailure as failure:
        return nothing.model_copy(update={"reason": str(failure)})
    except KeyboardInterrupt:
        return nothing.model_copy(
            update={"reason": "The audit was interrupted before its first look."}
        )
    if isinstance(found, FixedFindings):
        return _fixed_result(nothing, claim, found, sampling.bits, names)
    return _sequential_result(nothing, claim, found, sampling.bits, names)


def _fixed_result(
    nothing: AuditResult,
    claim: Claim,
    found: FixedFindings,
    bits: bool,
    names: Sequence[str] | None,
) -> AuditResult:
    contender = found.contender
    attacker, counts, bands = contender.attacker, found.counts, found.bands
    search = SearchRecord(
        pairs_total=nothing.search.pairs_total, pairs_visited=found.visited, looks=1
    )
    update: dict[str, Any] = {"draws": found.learning + found.testing, "search": search}
    if attacker is None or counts is None or bands is None or counts.rounds == 0:
        update["reason"] = "No test was made: the draws ended while the attacker was learned."
        return nothing.model_copy(update=update)
    delta = bands.at_claim
    violated = found.epsilon_lower > claim.epsilon or delta > claim.delta
    # If delta shows it, epsilon* is above the claim too.
    lower = max(found.epsilon_lower, claim.epsilon if delta > claim.delta else 0.0)
    rounds = contender.rounds
    assert rounds is not None
    pair = contender.pair
    update |= _verdict(violated, found.detectable) | {
        "epsilon": Interval(lower=lower, upper=math.inf),
        "delta_at_claim": Interval(lower=delta, upper=1.0),
        "delta_pair": (pair.shown if bands.forward else pair.shown[::-1]) if delta > 0.0 else None,
        "attack": _attack(claim, pair, attacker, counts, rounds, names, bits).model_copy(
            update={"learning_draws": found.learning, "interrupted": found.interrupted}
        ),
        "witness": _witness(pair, attacker, rounds, names, lower),
        "curves": Curves(
            attack=_attack_curve(attacker, rounds, names),
            lower_profile=LowerProfileCurve(
                epsilon=bands.epsilon,
                delta=bands.delta,
                false_positive=bands.false_positive,
                false_negative=bands.false_negative,
            ),
        ),
    }
    return nothing.model_copy(update=update)


def _sequential_result(
    nothing: AuditResult,
    claim: Claim,
    found: SequentialFindings,
    bits: bool,
    names: Sequence[str] | None,
) -> AuditResult:
    search = SearchRecord(
        pairs_total=nothing.search.pairs_total, pairs_visited=found.visited, looks=found.looks
    )
    update: dict[str, Any] = {"draws": found.draws, "search": search}
    if found.attacker is None or found.rounds is None or found.looks == 0:
        update["reason"] = "No bet was made: the draws ended before there was an attacker."
        return nothing.model_copy(update=update)
    pair, attacker, rounds = found.pair, found.attacker, found.rounds
    lower = max(
        found.epsilon_lower, math.nextafter(claim.epsilon, math.inf) if found.rejected else 0.0
    )
    update |= _verdict(found.rejected, found.detectable) | {
        "epsilon": Interval(lower=lower, upper=math.inf),
        "attack": _attack(claim, pair, attacker, found.counts, rounds, names, bits).model_copy(
            update={
                "learning_draws": found.draws - found.looks,
                "testing_draws": found.looks,
                "sequential": True,
                "interrupted": found.interrupted,
            }
        ),
        "witness": _witness(pair, attacker, rounds, names, lower) if found.named else None,
        "curves": Curves(
            attack=_attack_curve(attacker, rounds, names),
            wealth=WealthCurve(
                draws=tuple(draws for draws, _ in found.history),
                log_wealth=tuple(wealth for _, wealth in found.history),
                refuted_at=math.log(1.0 / nothing.alpha) if nothing.alpha else math.inf,
            ),
        ),
    }
    return nothing.model_copy(update=update)


def _verdict(violated: bool, detectable: float) -> dict[str, Any]:
    if violated:
        return {"verdict": Verdict.VIOLATED, "detectable_epsilon": None}
    return {"verdict": Verdict.NOT_REFUTED, "detectable_epsilon": detectable}


def _attack(
    claim: Claim,
    pair: Pair,
    attacker: Attacker,
    counts: Counts,
    rounds: Rounds,
    names: Sequence[str] | None,
    bits: bool,
) -> AttackRecord:
    sides = explain(attacker, rounds.outputs, names)
    return AttackRecord(
        pair=pair.shown,
        first=sides.get(1),
        second=sides.get(-1),
        learning_draws=0,
        testing_draws=counts.rounds,
        guesses=counts.spoken,
        right=counts.right,
        allowed_rate=1.0 / (1.0 + math.exp(-min(claim.epsilon * pair.distance, 700.0))),
        bits=bits,
        sequential=False,
        interrupted=False,
    )


def _witness(
    pair: Pair,
    attacker: Attacker,
    rounds: Rounds,
    names: Sequence[str] | None,
    lower: float,
) -> Witness | None:
    """The event of the attacker; its log ratio is the confidence bound on the loss of the pair."""
    if not lower > 0.0:
        return None
    sides = explain(attacker, rounds.outputs, names)
    first, second = pair.shown
    shown = {1: first, -1: second}
    event = "; ".join(f"{text}: {shown[side]} is named" for side, text in sides.items())
    # Of an attacker who only ever names the second input, the loss is in the other direction.
    swapped = set(sides) == {-1}
    return Witness(
        input=second if swapped else first,
        neighbour=first if swapped else second,
        distance=pair.distance,
        event=event,
        log_ratio=lower * pair.distance,
    )


def _attack_curve(attacker: Attacker, rounds: Rounds, names: Sequence[str] | None) -> AttackCurve:
    seen = picture(attacker, rounds.outputs, rounds.labels, names)
    return AttackCurve(
        axis=seen.axis,
        edges=seen.edges,
        outputs=seen.outputs,
        first=seen.first,
        second=seen.second,
        says=seen.says,
    )
