"""What a result says, in sentences: one home for the words that the terminal and the page use.

Every function takes an `AuditResult` and returns plain text. Nothing here computes a verdict;
the figures are those of the result, rounded for reading.
"""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING

from ..errors import option
from ..visible import visible
from . import attack
from .attack import attack_sentences, by_draws
from .numerals import apart, equals, is_narrow, number, odds, percent, probability

if TYPE_CHECKING:
    from .model import AuditResult, Interval, Witness

__all__ = [
    "apart",
    "attack_sentences",
    "by_draws",
    "certification_sentence",
    "claim_sentence",
    "closed_form_sentence",
    "command",
    "comparison_sentence",
    "constant_sentence",
    "convergence_sentence",
    "delta_sentence",
    "equals",
    "headline",
    "number",
    "odds",
    "percent",
    "probability",
    "proof_sentence",
    "proven_bound_sentence",
    "reading_sentences",
    "sampler_sentence",
    "search_sentence",
    "statistical_sentence",
    "verdict_meaning",
    "verify_command",
    "witness_sentence",
    "worth_sentences",
    "worth_warning",
]

_MEANING = {
    ("upheld", "exact"): (
        "The claim holds for every pair of words of this vocabulary. This was computed from the "
        "ideal output law in floating point, with an allowance for numerical error; it says "
        "nothing about other vocabularies."
    ),
    ("violated", "exact"): (
        "The claim is false on this vocabulary: the witness named here breaks it. "
        "This was computed from the ideal output law in floating point."
    ),
    ("upheld", "certified"): (
        "The claim holds for every pair of words of this vocabulary. This is proven for the ideal "
        "output law in ball arithmetic; it says nothing about other vocabularies."
    ),
    ("violated", "certified"): (
        "The claim is false on this vocabulary: the witness breaks it. This is proven for the "
        "ideal output law in ball arithmetic."
    ),
    ("violated", "statistical"): (
        "The claim is false on this vocabulary, up to a false alarm: the figures come from random "
        "draws, and a true claim is called violated with at most the error probability given."
    ),
    ("not-refuted", "statistical"): (
        "No violation was found. This is not a pass: it says that these draws did not refute the "
        "claim on the event that was tested, and rarer events may hide more."
    ),
    ("inconclusive", "statistical"): (
        "The audit does not decide the claim. This is neither a pass nor a refutation."
    ),
    ("inconclusive", "exact"): (
        "The computation does not decide the claim. This is neither a pass nor a refutation."
    ),
}


#: What `exact` means where no law was computed.
_BY_PROOF = (
    "The claim holds for every pair of words: it follows from a bound that is proven for every "
    "vocabulary. No output law was computed, and nothing was checked on this vocabulary but "
    "that the bound is at most the claim."
)
_BY_GEOMETRY = (
    "The claim is false on this vocabulary: the witness breaks it, whatever ε is. Whether an "
    "output is possible was decided in exact arithmetic; probabilities and privacy statistics are "
    "estimates from random draws."
)

_BY_FORMULA = (
    "The claim is false on this vocabulary: a bound that is proven says so. No output law "
    "was computed; what was drawn serves the privacy statistics alone."
)


def _by_formula(result: AuditResult) -> bool:
    """Whether a lower bound of the mechanism is all that the violation rests on."""
    formula = result.closed_form
    decides = formula is not None and formula.decides
    return decides and result.verdict == "violated" and result.witness is None


def headline(result: AuditResult) -> str:
    """The verdict in one line, with its evidence."""
    where = f" on {result.space.words:,} words of {result.space.source}" if result.space else ""
    verdict = result.verdict.upper().replace("-", " ")
    return visible(f"{verdict} ({result.evidence} evidence): {result.mechanism.name}{where}")


def claim_sentence(result: AuditResult) -> str:
    """What was claimed, and by whom."""
    claim = result.claim
    kind = {"pure": "DP", "approximate": "approximate DP", "metric": "metric DP"}[claim.kind]
    delta = f", δ = {number(claim.delta)}" if claim.delta else ""
    metric = f" ({claim.metric} distance)" if claim.metric else ""
    return (
        f"Claim: {kind} with ε = {number(claim.epsilon)}{delta}, in {claim.unit}{metric}, for "
        f"{claim.neighbouring}. Source: {claim.source}."
    )


def comparison_sentence(result: AuditResult) -> str:
    """The claimed ε against the true ε*, with as many digits as tell the two apart."""
    claim, found = result.claim.epsilon, result.true_epsilon
    start = f"Claimed ε = {number(claim)}"
    if result.draws is None and result.proven_bound is not None:
        claimed, upper = apart(claim, found.upper)
        return f"Claimed ε = {claimed}; ε* ≤ {upper} (proven)."
    if by_draws(result) and found.lower == 0.0:
        shown = "the draws show no lower bound of ε*" if result.attack else "ε* is not known"
        return f"{start}; {shown}."
    if _by_formula(result) and math.isfinite(found.lower):
        claimed, lower = apart(claim, found.lower)
        return f"Claimed ε = {claimed}; ε* ≥ {lower} (proven)."
    if result.draws is not None and math.isfinite(found.lower):
        claimed, lower, upper = apart(claim, found.lower, found.upper)
        proven = f" and ≤ {upper} (proven)" if math.isfinite(found.upper) else ""
        return f"Claimed ε = {claimed}; ε* ≥ {lower} (statistical){proven}."
    if math.isinf(found.upper):
        if math.isinf(found.lower):
            return f"{start}; true ε* = ∞: no finite ε holds."
        claimed, lower = apart(claim, found.lower)
        return f"Claimed ε = {claimed}; ε* ≥ {lower}."
    claimed = apart(claim, found.midpoint)[0] if is_narrow(found) else number(claim)
    return f"Claimed ε = {claimed}; true ε* {equals(found, claim)}: {_relation(result)}."


def _relation(result: AuditResult) -> str:
    """The true ε* as a part or a multiple of the claim, unless they are not told apart."""
    claim, found = result.claim.epsilon, result.true_epsilon
    if found.upper == 0.0:
        return "no loss at all"
    if found.lower < claim < found.upper:
        return "the claim lies between them" if not is_narrow(found) else "a tie, to its error"
    if not is_narrow(found):
        if found.upper <= claim:
            return f"at most {percent(found.upper / claim)} of the claim"
        return f"at least {_multiple(found.lower / claim)} times the claim"
    if found.midpoint == claim:
        return "exactly the claim"
    if found.midpoint < claim:
        return f"{percent(found.midpoint / claim)} of the claim"
    return f"{_multiple(found.midpoint / claim)} times the claim"


def _multiple(ratio: float) -> str:
    """A ratio above 1, with as many digits as tell it from 1."""
    for digits in range(3, 18):
        if (shown := f"{ratio:.{digits}g}") != "1":
            return shown
    return repr(ratio)


def delta_sentence(result: AuditResult) -> str:
    """The failure mass at the claimed epsilon."""
    delta = result.delta_at_claim
    if by_draws(result):
        return attack.delta_sentence(result)
    if delta.upper == 0.0:
        return f"At ε = {number(result.claim.epsilon)} no pair needs any failure mass: δ = 0."
    if delta.lower == 0.0 and delta.upper == 1.0:
        return f"The failure mass at ε = {number(result.claim.epsilon)} is not known."
    pair = result.delta_pair
    named = f", “{pair[0]}” against “{pair[1]}”," if pair else ""
    return (
        f"At ε = {number(result.claim.epsilon)} the worst pair{named} needs a failure mass of "
        f"δ {equals(delta)}: the claimed bound fails on outputs that together have at least this "
        "probability."
    )


def witness_sentence(result: AuditResult) -> str:
    """The pair and output with the largest loss per distance, in words."""
    witness = result.witness
    if by_draws(result):
        return attack.witness_sentence(result)
    if witness is None:
        return "No witness."
    what = f"the output “{witness.output}”" if witness.output is not None else witness.event
    first = witness.log_probability_input
    second = witness.log_probability_neighbour
    if second == -math.inf and first is None:
        odds = (
            f"{what} is possible from “{witness.input}” and impossible from “{witness.neighbour}”"
        )
    elif first is None or second is None:
        odds = f"the log ratio of {what} is {number(witness.log_ratio.lower)} nats"
    else:
        has = "has probability" if result.draws is None else "has an estimated probability of"
        odds = (
            f"from “{witness.input}” {what} {has} {probability(first)}, from "
            f"“{witness.neighbour}” it {'has probability' if second == -math.inf else has} "
            f"{probability(second)}"
        )
    distance = f" (distance {number(witness.distance)})" if result.claim.kind == "metric" else ""
    named = "Worst pair" if result.draws is None else "Pair that was tested"
    return f"{named}{distance}: {odds}: {_loss(result, witness)}."


def _loss(result: AuditResult, witness: Witness) -> str:
    """The loss of a witness against what the claim allows, told apart by their digits."""
    allowed, loss = result.claim.epsilon * witness.distance, witness.log_ratio
    if math.isinf(loss.lower):
        return "an impossible output on one side, so the loss is infinite"
    if math.isinf(loss.upper):
        lower, limit = apart(loss.lower, allowed)
        return f"a loss of at least {lower} nats where the claim allows {limit}"
    limit = apart(allowed, loss.midpoint)[0] if is_narrow(loss) else number(allowed)
    return (
        f"a loss of {equals(loss, allowed).removeprefix('= ')} nats where the claim allows {limit}"
    )


def worth_sentences(result: AuditResult) -> list[str]:
    """What the promise is worth: kept words, an attacker's best guess, and how losses add up."""
    sentences = []
    statistics, space = result.statistics, result.space
    if statistics is not None and space is not None:
        found = statistics.intervals
        sentences.append(
            f"A word is kept with probability {number(statistics.kept.mean)} on average"
            f"{_interval(found.kept if found else None)} "
            f"({number(statistics.kept.min)} to {number(statistics.kept.max)})."
        )
        sentences.append(
            "For an input drawn uniformly from the vocabulary, an attacker who sees one output "
            "names the input with probability "
            f"{number(statistics.bayes_vulnerability)}"
            f"{_interval(found.bayes_vulnerability if found else None)} (without the output: "
            f"{number(1 / space.words)}); {number(statistics.leakage_bits)} bits of "
            f"min-entropy leak out of {number(math.log2(space.words))}."
        )
    if space is not None:
        sentences.append(_composition_sentence(result))
    return sentences


def _composition_sentence(result: AuditResult) -> str:
    """What the verdict means for a text, privatised word by word with independent randomness.

    Losses and failure masses add up under a claim that holds. Of a claim that this audit does not
    uphold, nothing follows for texts.
    """
    if result.verdict != "upheld":
        return (
            "For a text of several words no bound follows from this audit: the claim for one word "
            "is not upheld."
        )
    metric, delta = result.claim.kind == "metric", result.claim.delta
    loss = "ε Σd, Σd the sum of the distances between" if metric else "m ε, m the number of"
    mass = f", but for a failure mass of at most m·δ for m words, δ = {number(delta)}"
    where = "their words as the claim measures them" if metric else "words in which they differ"
    theorem = f"composition{'-delta' if delta else ''}"
    return (
        "A text privatised word by word, with fresh randomness for each word, adds up (theorem "
        f"{theorem}): two texts of equal length are told apart with a loss of at most {loss} "
        f"{where}{mass if delta else ''}."
    )


def _interval(found: Interval | None) -> str:
    """“ [between a and b]” for a statistic that was estimated."""
    return f" [between {number(found.lower)} and {number(found.upper)}]" if found else ""


def worth_warning(result: AuditResult) -> str | None:
    """The warning of section 3, where epsilon * Delta_min > ln n: the promise hides no word."""
    claim, space = result.claim, result.space
    if space is None or claim.metric not in (None, space.metric):
        return None
    weakest = claim.epsilon * (space.min_distance if claim.kind == "metric" else 1.0)
    if weakest <= math.log(space.words):
        return None
    allowed, all_of_it = apart(weakest, math.log(space.words))
    return (
        f"Even between the closest pair the claim allows a loss of {allowed} nats, more "
        f"than ln n = {all_of_it}: this promise alone does not hide one word "
        f"among {space.words:,}. A claim can be true and worth little."
    )


def closed_form_sentence(result: AuditResult) -> str | None:
    """The closed-form lower bound on epsilon*, and whether it alone decides."""
    bound = result.closed_form
    if bound is None:
        return None
    decides = (
        "which alone refutes the claim"
        if bound.decides
        else "which alone does not decide: the claim lies above it"
    )
    if math.isinf(bound.epsilon_lower):
        return f"Without computing any law, {bound.statement}, {decides}."
    return (
        f"Without computing any law, {bound.statement}. Here this is "
        f"{apart(bound.epsilon_lower, result.claim.epsilon)[0]}, {decides}."
    )


def convergence_sentence(result: AuditResult) -> str | None:
    """From how many steps of a chain on the claim holds, or that it never was seen to."""
    curve = result.curves.convergence
    if curve is None:
        return None
    claimed = number(result.claim.epsilon)
    start = f"Infinitely many steps would have ε* = {number(curve.limit)}."
    if curve.holds_from is None:
        return (
            f"{start} After none of the numbers of steps that were tried, up to "
            f"{max(curve.steps):,}, ε* is certain to be at most the claimed {claimed}."
        )
    if curve.holds_from == 1 == curve.proven_from:
        return f"{start} ε* is at most the claimed {claimed} from the first step on."
    least = "" if curve.holds_from == 1 else ", but not with one step less"
    first = f"{curve.holds_from:,}"
    if curve.proven_from == curve.holds_from:
        return f"{start} ε* is at most the claimed {claimed} from {first} steps on{least}."
    proven = (
        f"for every number of steps from {curve.proven_from:,} on"
        if curve.proven_from is not None
        else "no number of steps is known from which on it always is"
    )
    return (
        f"{start} Of all numbers of steps that were tried, ε* is at most the claimed {claimed} "
        f"from {first} on{least}; {proven}."
    )


def certification_sentence(result: AuditResult) -> str | None:
    """What a certified verdict rests on and where its certificate is, or why there is none."""
    if result.certification is None or result.certificate is None:
        return result.certification
    return (
        f"{result.certification} Certificate: {result.certificate}; check it with "
        f"“{verify_command(result)}”."
    )


def verify_command(result: AuditResult) -> str:
    """The command that checks the certificate of a result."""
    return f"dpaudit verify {shlex.quote(result.certificate or 'FILE')}"


def sampler_sentence(result: AuditResult) -> str | None:
    """How far the shipped sampler may be from the ideal law, and what that costs."""
    tau, space = result.mechanism.sampler_error, result.space
    if by_draws(result):
        return attack.CODE if result.draws else None
    if tau is None:
        return None
    if tau == 0.0:
        return "The sampler draws from the ideal law exactly (τ = 0), given ideal random bits."
    start = (
        f"The verdict speaks of the ideal law. The sampler is within τ = {number(tau)} of it in "
        "total variation, given ideal random bits"
    )
    if result.verdict != "upheld":
        return f"{start}; of the code as shipped this audit guarantees nothing either."
    by_distance = result.claim.kind == "metric"
    own = f"{number(result.claim.delta)} + " if result.claim.delta else ""
    factor = "e^(εd)" if by_distance else "e^ε"
    kept = f"so that the code as shipped keeps ε with δ = {own}(1 + {factor})·τ"
    if by_distance and (space is None or result.claim.metric != space.metric):
        # The distances of the claim are not in the result.
        return f"{start}, {kept} for a pair at distance d."
    shortest = space.min_distance if space and by_distance else 1.0
    longest = space.max_distance if space and by_distance else 1.0
    least, most = (
        number(min(1.0, result.claim.delta + _sampler_delta(result.claim.epsilon * d, tau)))
        for d in (shortest, longest)
    )
    if shortest == longest:
        return f"{start}, {kept} = {least}."
    return f"{start}, {kept}, which is {least} for the closest pair and {most} for the farthest."


def _sampler_delta(exponent: float, tau: float) -> float:
    """min(1, (1 + e^exponent) tau), without overflow."""
    if exponent + math.log(tau) > 0.0:
        return 1.0
    return min(1.0, (1.0 + math.exp(exponent)) * tau)


def search_sentence(result: AuditResult) -> str:
    """How many pairs were looked at."""
    search = result.search
    if by_draws(result):
        return attack.search_sentence(result)
    if search.pairs_visited == 0:
        return "No pair was evaluated."
    share = 100.0 * search.pairs_visited / search.pairs_total
    exact = result.evidence != "statistical" and share < 100.0
    rest = "; proven bounds rule out the rest" if exact else ""
    return (
        f"{search.pairs_visited:,} of {search.pairs_total:,} ordered pairs evaluated "
        f"({share:.4g}%){rest}."
    )


def statistical_sentence(result: AuditResult) -> str | None:
    """What was drawn, with which error probability, and what it would have found."""
    if not result.draws or result.alpha is None:
        return None
    kind = "random directions of the noise" if result.search.directions else "draws"
    sentence = (
        f"{result.draws:,} {kind}; everything statistical here is wrong with probability at most "
        f"{number(result.alpha)}, taken together."
    )
    found = result.detectable_epsilon
    if found is None:
        return sentence
    if math.isinf(found):
        return (
            f"{sentence} On the event tested, at its observed rate, these draws would not have "
            "refuted any ε with 90% power."
        )
    return (
        f"{sentence} On the event tested, at its observed rate, ε = {number(found)} or more would "
        "have been refuted with 90% power."
    )


def proven_bound_sentence(result: AuditResult) -> str | None:
    """The proven upper bound on epsilon*, where it does not decide."""
    bound = result.proven_bound
    if bound is None or bound.decides:
        return None
    return (
        f"Proven: {bound.statement}. Here this is "
        f"{apart(bound.epsilon_upper, result.claim.epsilon)[0]}, which does not decide: the claim "
        "lies below it."
    )


def proof_sentence(result: AuditResult) -> str | None:
    """The theorem about the mechanism, its status, and what that means for the claim."""
    proof = result.proof
    if proof is None:
        return None
    axioms = f" modulo {', '.join(proof.axioms)}, which is cited and not checked"
    status = proof.status + (axioms if proof.axioms else "")
    if proof.status == "open":
        meaning = "not every step of it could be shown, so nothing here rests on it"
    elif proof.status == "proved":
        own = result.mechanism.parameters.get("epsilon")
        promise = f", ε = {number(own)}," if isinstance(own, float) else ""
        where = "on every vocabulary" if result.space else "for all inputs"
        meaning = f"the mechanism's own claim{promise} holds {where}"
    else:
        claim = "published claim"
        if proof.status == "false as audited":
            claim = "claim, which nobody is known to have published,"
        formula = result.closed_form
        here = result.verdict == "violated" if formula is None else formula.decides
        meaning = f"the {claim} is false, on this vocabulary too"
        if not here:
            meaning = f"the {claim} is false in general; its bound does not decide this one"
    ideal = " It speaks of the ideal law, not of the code that was tested."
    return (
        f"Theorem {proof.theorem}: {status}; {meaning} (dpaudit prove {proof.theorem})."
        f"{ideal if result.attack else ''}"
    )


def verdict_meaning(result: AuditResult) -> str:
    """What a verdict of this kind means, and what it does not."""
    meaning = _MEANING.get((result.verdict.value, result.evidence.value), "")
    if by_draws(result):
        meaning = attack.meaning(result) or meaning
    if result.evidence == "exact" and result.proven_bound and result.verdict == "upheld":
        meaning = _BY_PROOF
    elif _by_formula(result):
        meaning = _BY_FORMULA
    elif result.evidence == "exact" and result.draws is not None:
        meaning = _BY_GEOMETRY
    return f"{meaning} Reason: {result.reason}" if result.reason else meaning


def command(result: AuditResult) -> str | None:
    """The command that repeats this audit, None for one by draws of outputs: a result shows its
    pairs of inputs, and does not hold them."""
    if by_draws(result):
        return None
    words = ["dpaudit", "audit", result.mechanism.name]
    parameters = dict(result.mechanism.parameters)
    words += ["--epsilon", f"{parameters.pop('epsilon', result.claim.epsilon)}"]
    for key, value in parameters.items():
        words += ["--set", f"{key}={value}"]
    if result.space is not None:
        words += ["--space", result.space.source, "--limit", str(result.space.words)]
        words += ["--metric", result.space.metric]
        words += result.space.reading.arguments() if result.space.reading else []
    words += ["--claim", result.claim.kind, "--claim-epsilon", f"{result.claim.epsilon}"]
    if result.claim.delta:
        words += ["--delta", f"{result.claim.delta}"]
    if result.draws is not None:
        words += ["--draws", str(result.draws), "--alpha", f"{result.alpha}"]
    if result.seed is not None:
        words += ["--seed", str(result.seed)]
    return " ".join(shlex.quote(word) for word in words)


def reading_sentences(result: AuditResult) -> list[str]:
    """How the vocabulary was read from its file; nothing for one that comes from none."""
    reading = result.space.reading if result.space else None
    return reading.sentences() if reading else []


def constant_sentence(result: AuditResult) -> str | None:
    """That there was one output only, which is what a broken mechanism gives."""
    if result.constant_output is None:
        return None
    start = f"Every output on every input was {result.constant_output}"
    if result.expect_constant:
        return f"{start}, as expected."
    meant = option("expect_constant", True)
    return f"{start}, as of a mechanism that is broken; if it is meant, say {meant}."
