"""`audit`: checks a claim about a mechanism with the best evidence available."""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from .blackbox import (
    Sampling,
    audit_black_box,
    audit_words_by_sampling,
    by_sampling,
)
from .certificates.certify import PATIENCE, Certification, certify
from .claims import ANY_WORDS, Claim, require_claim, with_neighbours
from .completing import completed, exact_evidence, is_word_mechanism
from .curves import curves
from .errors import InputError, NumericalError, option, refuse_unused
from .exact.audit import ExactFindings, Progress, exact_audit
from .exact.claimed import pair_distance
from .exact.convergence import convergence
from .exact.profile import mass_by_output
from .exact.verdict import decide, supported_witness
from .files import require_writable, write_whole
from .lawless import audit_without_law
from .mechanisms.protocol import (
    ExplainsLoss,
    HasSteps,
    WordMechanism,
)
from .proofstatus import contradicts_proof
from .proven import lower_bound
from .records import unknown_result
from .results import (
    AuditResult,
    Curves,
    Evidence,
    Interval,
    Verdict,
    wording,
)
from .statistical.drawing import source_of
from .statistics import privacy_statistics

__all__ = ["audit"]


def audit(
    mechanism: Any,
    claim: Claim | None = None,
    *,
    pairs: Iterable[Sequence[Any]] | None = None,
    method: Literal["auto", "exact", "statistical"] = "auto",
    certificate: str | Path | None = None,
    alpha: float | None = None,
    draws: int | None = None,
    seed: int = 0,
    sequential: bool = False,
    bits: bool = False,
    workers: int | None = None,
    time_limit: float | None = None,
    max_detectable: float | None = None,
    expect_constant: bool = False,
    features: Callable[[Any], Any] | None = None,
    attackers: Any = None,
    ignore: str | Sequence[str] | None = None,
    on_exception: Literal["stop", "record"] | None = None,
    progress: Progress | None = None,
) -> AuditResult:
    """Check `claim` (by default the mechanism's own): over every pair of words where there is an
    output law, or by draws.

    Parameters
    ----------
    mechanism
        A word mechanism with an exact law, or one that adds radial noise to a vector; or a black
        box: an object with `sample(x, size, rng)`, a function f(x, size, rng) that returns `size`
        outputs, or a function f(x) or f(x, rng) that returns one. Outputs may be numbers, text,
        bytes, and lists, arrays, sets, dictionaries, dataclasses or data frames of these. Every
        call gets a copy of its input.
    claim
        What to check: a `PureDP`, an `ApproximateDP` or a `MetricDP`.
    method
        "exact": the output law in floating point. "auto", for the best evidence that there is,
        derives what that finds anew in ball arithmetic, unless this would take minutes.
        "statistical": from random directions of radial noise; "auto" takes it where there is
        no exact law. Of a word mechanism it draws pairs of words and tests the sampler, as for a
        black box, unless the noise is radial and no pairs are given.
    pairs
        Pairs (x, x') of inputs on which a black box is tested, or (x, x', distance) for a metric
        claim on inputs that are not numbers; see `neighbouring_answers`.
    certificate
        File to write the certificate to. If this is given, minutes do not matter.
    alpha
        Error probability of everything statistical in the result, taken together; by default 0.05.
    draws
        Outputs that the audit of a black box draws all in all, by default 1,000,000; or directions
        of radial noise, by default 100,000.
    seed
        Fixes the sample of pairs that the curves show, on which the verdict of an exact audit does
        not depend, and the directions of a statistical one.
    sequential
        Of a black box: bet on every draw and stop as soon as the claim is refuted.
    bits
        Of a black box: look at the last bits of floating-point numbers too, by which samplers
        leak whose ideal law is private.
    workers
        Processes that call a black box; by default 0, which is this one. With workers, a crash or
        a hang is survived and reported with its input.
    time_limit
        Seconds that one call of a black box may take; by default 60.
    max_detectable
        The result passes (`exit_code`, `raise_for_verdict`) although the claim is only not refuted
        if an epsilon as large as this would have been; by default twice the claimed one.
    expect_constant
        That every output is the same is meant; otherwise such a result does not pass.
    features
        Of a black box: a function of one output, whose value (a number, text, or anything that an
        output may be) is looked at beside the output, such as whether a hash agrees.
    attackers
        Of a black box: a classifier of two classes, the inputs of the pairs, with scikit-learn's
        `decision_function` or `predict_proba`, or several; fitted to other draws, it takes part.
        Numbers and vectors are given to it as an array of shape (N, k), all else as a list, and
        where there are `features`, these.
    ignore
        Of a black box: parts of outputs that are left out because nobody sees them, as results name
        them: 'output["id"]', 'output[0]', 'output.id'. One or several.
    on_exception
        Of a black box: "stop", by default, ends the audit with `inconclusive`; "record" makes an
        exception an output (its type and its text), and no answer within `time_limit` too.
    progress
        Called now and then with the name of a stage and the part of it that is done.

    Returns
    -------
    AuditResult
        Frozen; `print` it, or see its `verdict`, `epsilon`, `witness`.

    Raises
    ------
    InputError
        If an argument is unusable, or has no effect on the audit at hand, or if the certificate
        could not be written, which is noticed at once. A numerical failure is no error but an
        `inconclusive` result, and so is a contradiction between the two computations.

    Examples
    --------
    >>> from dpaudit.mechanisms.spaces import EmbeddingSpace
    >>> from dpaudit.mechanisms.words.metric_exponential import MetricExponential
    >>> space = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]])
    >>> result = audit(MetricExponential(space, epsilon=1.0))
    >>> result.verdict.value, round(result.true_epsilon.midpoint, 6)
    ('upheld', 0.60795)
    """
    if method not in ("auto", "exact", "statistical"):
        raise InputError(
            f"{option('method')} is {method!r}, but it must be auto, exact or statistical."
        )
    if claim is not None:
        require_claim(claim)
    if certificate is not None:
        require_writable(certificate, option("certificate"))
    given = {
        "draws": draws,
        "alpha": alpha,
        "sequential": sequential,
        "bits": bits,
        "workers": workers,
        "time_limit": time_limit,
        "max_detectable": max_detectable,
        "expect_constant": expect_constant,
        "features": features,
        "attackers": attackers,
        "ignore": ignore,
        "on_exception": on_exception,
    }
    asked: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    sampling = Sampling(seed=seed, **asked)
    if not is_word_mechanism(mechanism):
        if method == "exact" or certificate is not None:
            raise InputError(
                f"{source_of(mechanism).name} is a black box: it has no exact law, so there is no "
                f"exact evidence and no certificate: leave out {_in_the_way(method, certificate)}."
            )
        return audit_black_box(mechanism, claim, pairs, sampling, progress)
    mechanism = completed(mechanism)
    claim = claim or mechanism.claim
    if claim is None:
        raise InputError(
            f"{mechanism.name} makes no claim: say which one to check, as in "
            "claim=dpaudit.MetricDP(12)."
        )
    claim = with_neighbours(claim, ANY_WORDS)
    has_law = hasattr(mechanism, "log_laws")
    if not has_law and (method == "exact" or certificate is not None):
        raise InputError(
            f"{mechanism.name} has no output law that can be computed, so there is no exact "
            f"evidence and no certificate: leave out {_in_the_way(method, certificate)}."
            f"{exact_evidence(mechanism)}"
        )
    if by_sampling(mechanism, method, pairs, sequential):
        if certificate is not None:
            raise InputError(
                "A certificate proves what is computed, not what is drawn: leave out "
                f"{option('certificate')}, or the pairs and the method statistical."
            )
        of_outputs = {"bits": bits, "features": features, "attackers": attackers, "ignore": ignore}
        refuse_unused(of_outputs, (), "outputs that are words")
        return audit_words_by_sampling(mechanism, claim, pairs, sampling, progress)
    if not has_law:
        return audit_without_law(mechanism, claim, given, sampling, progress)
    refuse_unused({**given, "pairs": pairs}, (), "an exact audit, which looks at every pair")
    if certificate is not None and method == "exact":
        raise InputError(
            f"A certificate is more than exact evidence: leave out {option('method', 'exact')}."
        )
    return _audit_exactly(mechanism, claim, method == "auto", certificate, seed, progress)


def _audit_exactly(
    mechanism: WordMechanism,
    claim: Claim,
    certified: bool,
    certificate: str | Path | None,
    seed: int,
    progress: Progress | None,
) -> AuditResult:
    """The audit over all pairs by the output law, and `certified` in ball arithmetic."""
    try:
        findings = exact_audit(mechanism, claim, progress=progress)
        statistics = privacy_statistics(
            findings.law, (lambda part: progress("privacy statistics", part)) if progress else None
        )
        plotted = curves(claim, findings, seed)
        if isinstance(mechanism, HasSteps):
            stage = (lambda part: progress("convergence", part)) if progress else None
            plotted = plotted.model_copy(
                update={"convergence": convergence(mechanism, claim, stage)}
            )
    except NumericalError as error:
        return unknown_result(mechanism, claim, seed, Verdict.INCONCLUSIVE, reason=str(error))
    contradiction = contradicts_proof(mechanism, claim, findings.epsilon)
    if contradiction:
        return unknown_result(mechanism, claim, seed, Verdict.INCONCLUSIVE, contradiction)
    verdict, reason = decide(claim, findings)
    result = unknown_result(mechanism, claim, seed, verdict, reason).model_copy(
        update={
            "true_epsilon": findings.epsilon,
            "delta_at_claim": findings.delta_at_claim,
            "delta_pair": findings.delta_pair,
            "witness": supported_witness(claim, verdict, findings.witness),
            "closed_form": lower_bound(mechanism, claim),
            "explanation": _explanation(mechanism, claim, findings, verdict),
            "search": findings.search,
            "statistics": statistics,
            "curves": plotted,
        }
    )
    if not certified:
        return result
    patience = PATIENCE if certificate is None else math.inf
    outcome = certify(mechanism, claim, findings, patience=patience, progress=progress)
    result = _with_certification(result, outcome)
    if certificate is not None and outcome.certificate is not None:
        write_whole(certificate, outcome.certificate.to_json())
        result = result.model_copy(update={"certificate": str(certificate)})
    return result


def _in_the_way(method: str, certificate: str | Path | None) -> str:
    """The options that ask for exact evidence where there is none."""
    asked = [option("method", "exact")] if method == "exact" else []
    return " and ".join([*asked, *([option("certificate")] if certificate is not None else [])])


def _with_certification(result: AuditResult, outcome: Certification) -> AuditResult:
    """What ball arithmetic changes about a result of the exact audit."""
    if outcome.contradiction:
        # Neither computation can be believed, so nothing is left of what they found.
        return result.model_copy(
            update={
                "verdict": Verdict.INCONCLUSIVE,
                "reason": outcome.reason,
                "true_epsilon": Interval(lower=0.0, upper=float("inf")),
                "delta_at_claim": Interval(lower=0.0, upper=1.0),
                "delta_pair": None,
                "witness": None,
                "statistics": None,
                "explanation": (),
                "curves": Curves(),
            }
        )
    certificate = outcome.certificate
    if certificate is None:
        return result.model_copy(update={"certification": outcome.reason})
    changes: dict[str, object] = {
        "evidence": Evidence.CERTIFIED,
        "verdict": certificate.verdict,
        "reason": None,
        "certification": outcome.reason,
        "certified_epsilon": outcome.epsilon,
    }
    known = outcome.enclosure or _narrower(result.true_epsilon, outcome.epsilon)
    changes["true_epsilon"] = known
    if certificate.verdict is Verdict.UPHELD and result.claim.delta == 0.0:
        changes |= {"delta_at_claim": Interval(lower=0.0, upper=0.0), "delta_pair": None}
    return result.model_copy(update=changes)


def _narrower(found: Interval, proven: Interval | None) -> Interval:
    """What both computations leave of ε*; where they leave nothing, what was found."""
    if proven is None:
        return found
    lower, upper = max(found.lower, proven.lower), min(found.upper, proven.upper)
    return Interval(lower=lower, upper=upper) if lower <= upper else found


def _explanation(
    mechanism: WordMechanism, claim: Claim, findings: ExactFindings, verdict: Verdict
) -> tuple[str, ...]:
    """Why the claim fails, on the pair with the largest failure mass and the output that adds
    most to it: the witness of epsilon* may be an output that nobody will ever see."""
    if verdict is not Verdict.VIOLATED or findings.delta_pair is None:
        return ()
    if not isinstance(mechanism, ExplainsLoss):
        return ()
    space = mechanism.space
    first, second = (space.index(word) for word in findings.delta_pair)
    ours, theirs = findings.law.row(first), findings.law.row(second)
    allowed = claim.epsilon * pair_distance(claim, space, first, second)
    output = int(mass_by_output(ours, theirs, allowed).argmax())
    a, b, y = (f"“{space.words[i]}”" for i in (first, second, output))
    mechanism_says = mechanism.explain(first, second, output)
    if not mechanism_says:
        return ()
    return (
        f"Take the pair with the largest failure mass, {a} and {b}, and the output {y}. From {a} "
        f"it has probability {wording.probability(float(ours[output]))}, from {b} "
        f"{wording.probability(float(theirs[output]))}; the claim allows odds of at most "
        f"{wording.odds(allowed)} to 1.",
        *mechanism_says,
    )
