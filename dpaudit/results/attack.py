"""What a result says that rests on draws of outputs: somebody who sees one guesses its input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .numerals import apart, number, odds

if TYPE_CHECKING:
    from .model import AttackRecord, AuditResult, StageRecord

__all__ = [
    "CODE",
    "attack_sentences",
    "by_draws",
    "delta_sentence",
    "meaning",
    "search_sentence",
    "witness_sentence",
]

_VIOLATED = (
    "The claim is false, up to a false alarm: draws refute it, and a true claim is called violated "
    "with at most the error probability given, over all pairs, events and looks together."
)
_NOT_REFUTED = (
    "No violation was found. This is not a pass: it says that these draws did not refute the claim "
    "on the event that was tested, and other pairs of inputs or rarer events may hide more."
)

#: What stands in the place of the bound on the sampler.
CODE = (
    "The verdict speaks of the code as it ran, from which the outputs were drawn, and not of an "
    "ideal law."
)


def by_draws(result: AuditResult) -> bool:
    """Whether the result rests on outputs alone, of a black box or of a sampler of words."""
    return result.attack is not None or (result.space is None and result.evidence == "statistical")


def meaning(result: AuditResult) -> str | None:
    """What the verdict means, where it is one that draws can give."""
    return {"violated": _VIOLATED, "not-refuted": _NOT_REFUTED}.get(result.verdict.value)


def delta_sentence(result: AuditResult) -> str:
    """The failure mass at the claimed epsilon, which draws can only bound from below."""
    epsilon, delta, pair = result.claim.epsilon, result.delta_at_claim, result.delta_pair
    if result.curves.lower_profile is None:
        return f"The failure mass at ε = {number(epsilon)} was not looked at."
    if delta.lower == 0.0 or pair is None:
        return f"The draws show no failure mass at ε = {number(epsilon)}."
    return (
        f"At ε = {number(epsilon)} the pair that was tested, “{pair[0]}” against “{pair[1]}”, "
        f"needs a failure mass of at least δ = {number(delta.lower)} (statistical)."
    )


def witness_sentence(result: AuditResult) -> str:
    """The loss that right guesses prove."""
    found, witness = result.attack, result.witness
    if found is None:
        return "No pair was tested."
    distance = f" (distance {number(found.distance)})" if result.claim.kind == "metric" else ""
    start = f"Pair that was tested{distance}: “{found.pair[0]}” and “{found.pair[1]}”."
    several = len(found.pairs) > 1 if found.sequential else len(_pairs_of_stages(found)) > 1
    if witness is None and several and result.true_epsilon.lower > 0.0:
        return (
            f"{start} Others were tested too, and the bound on ε* is one on all of them together; "
            "no single pair is shown to attain it."
        )
    if witness is None:
        return f"{start} No loss was shown."
    but = ", what δ gives away left out," if result.claim.delta else ""
    loss, limit = apart(witness.log_ratio.lower, result.claim.epsilon * found.distance)
    against = f"at least {loss} nats where the claim allows {limit}"
    if found.sequential:  # by rules that changed from time to time
        return f"{start} The bets on it show a loss of {against}."
    if len(found.stages) > 1:
        return f"{start} The stages of the test together show a loss of {against}."
    return (
        f"{start} By this rule guesses{but} are right at least {odds(witness.log_ratio.lower)} "
        f"times as often as wrong, so the loss is {against}."
    )


def attack_sentences(result: AuditResult) -> list[str]:
    """How a black box was tested: what is looked at, how often that was right, on which draws."""
    found = result.attack
    if found is None:
        return []
    said = [_rule(found), _score(found, result.claim.delta > 0.0), _draws(found)]
    if found.bits is False:
        said.append(
            "The last bits of floating-point numbers were not looked at (the option “bits” does)."
        )
    if found.interrupted:
        said.append(
            "The audit was interrupted: all figures are those of the draws made until then."
            + (
                ""
                if found.sequential
                else " They are valid only if the run time of the mechanism does not depend on its "
                "input or output."
            )
        )
    return said


def _rule(found: AttackRecord) -> str:
    sides = [
        f"“{name}” when {when}"
        for name, when in zip(found.pair, (found.first, found.second), strict=True)
        if when is not None
    ]
    link = "; and " if any(";" in side for side in sides) else ", and "
    return f"Rule: whoever sees an output names {link.join(sides) or 'nothing'}."


def _score(found: AttackRecord, delta: bool) -> str:
    draws, allowed = f"{found.testing_draws:,} fresh draws", f"{found.allowed_rate:.2%}"
    if len(found.stages) > 1:
        draws += f" in {len(found.stages)} stages"
    if found.guesses == 0:
        return f"In {draws} the rule never named an input."
    but = ", but for what δ gives away" if delta else ""
    said = (
        f"In {draws} it named an input {found.guesses:,} times and was right {found.right:,} times "
        f"({found.right / found.guesses:.2%}); under the claim at most {allowed} are right on "
        f"average{but}."
    )
    most = max((len(stage.by_weight) for stage in found.stages), default=0)
    if most == 0:
        return said
    return (
        f"{said} A guess counts 1 to {most} times, by how far the odds seem to exceed the claim; "
        f"so counted, {_weighted_rate(found):.2%} were right."
    )


def _weighted_rate(found: AttackRecord) -> float:
    """The part of right guesses, each counted by its weight."""
    guesses = right = 0
    for stage in found.stages:
        parts = stage.by_weight or ((stage.guesses, stage.right),)
        guesses += sum(weight * part[0] for weight, part in enumerate(parts, start=1))
        right += sum(weight * part[1] for weight, part in enumerate(parts, start=1))
    return right / max(guesses, 1)


def _draws(found: AttackRecord) -> str:
    if found.sequential:
        return (
            "A bet was placed on every one of them, with a look after each, before anything was "
            "learned from it; the rule shown is the last one."
        )
    if len(found.stages) < 2:
        return f"The rule was learned from {found.learning_draws:,} other draws."
    said = (
        f"The rule of the first stage was learned from {found.learning_draws:,} other draws, later "
        "ones from the draws of earlier stages as well; the rule shown is the last one."
    )
    by_pair = _pairs_of_stages(found)
    if len(by_pair) > 1:
        said += f" The pairs of the stages: {'; '.join(map(_stages, by_pair.values()))}."
    return said


def _pairs_of_stages(found: AttackRecord) -> dict[tuple[str, str], list[StageRecord]]:
    """The stages on each pair, in the order in which the pairs came first."""
    by_pair: dict[tuple[str, str], list[StageRecord]] = {}
    for stage in found.stages:
        by_pair.setdefault(stage.pair, []).append(stage)
    return by_pair


def _stages(stages: list[StageRecord]) -> str:
    """What came of the stages on one pair."""
    first, second = stages[0].pair
    guesses, right = sum(one.guesses for one in stages), sum(one.right for one in stages)
    times = "one stage" if len(stages) == 1 else f"{len(stages)} stages"
    return (
        f"“{first}” and “{second}” ({times}: {right:,} of {guesses:,} guesses right, at most "
        f"{stages[0].allowed_rate:.2%} under the claim)"
    )


def search_sentence(result: AuditResult) -> str:
    """How many pairs of inputs were drawn from."""
    search = result.search
    if search.pairs_visited == 0:
        return "No pair of inputs was drawn from."
    if search.pairs_total == 1:
        return "One pair of inputs was drawn from, the only one given."
    return f"{search.pairs_visited:,} of {search.pairs_total:,} pairs of inputs were drawn from."
