"""Audits of what can only be sampled: black boxes, and word mechanisms by their samplers."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .attacked import fixed_result, sequential_result
from .claims import Claim, with_neighbours
from .errors import InputError, option, require_count, require_fraction
from .mechanisms.protocol import HasRadialNoise, SampledWordMechanism
from .proofstatus import proof_record
from .proven import claimed_space
from .records import black_box_result, unknown_result
from .results import AuditResult, Evidence, SearchRecord, Verdict
from .statistical.classifiers import require_classifiers
from .statistical.differences import shown_value
from .statistical.drawing import Drawer, MechanismFailure, Seen, Source, source_of
from .statistical.drawing.ignoring import Ignored, parsed_path
from .statistical.fixed import FixedFindings, fixed_audit
from .statistical.pairs import Pair, given_pairs, word_pair, word_pairs
from .statistical.sequential import sequential_audit
from .statistical.unseen import unseen_leaves
from .visible import visible

__all__ = [
    "DRAWS",
    "Sampling",
    "audit_black_box",
    "audit_words_by_sampling",
    "by_sampling",
]

#: The neighbours of a claim that does not say which they are, for black boxes.
GIVEN_PAIRS = "the pairs of inputs given"

#: Parts of outputs that are named where they were not looked at.
_NAMED = 5

#: Draws unless said otherwise, and pairs of words that are looked at.
DRAWS = 1_000_000
_WORD_PAIRS = 32
_FEWEST_DRAWS = 10

_CHANGES_INPUT = (
    "The mechanism changes the input that it is given. Every call got a copy of its own here; a "
    "caller who gives the same object twice gets something else."
)

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Sampling:
    """How a black box is drawn from and tested, and what passes; see the parameters of
    `dpaudit.audit`.

    Raises
    ------
    InputError
        If `draws`, `alpha` or `max_detectable` is out of range.
    """

    draws: int = DRAWS
    alpha: float = 0.05
    seed: int = 0
    sequential: bool = False
    bits: bool = False
    workers: int = 0
    time_limit: float = 60.0
    max_detectable: float | None = None
    expect_constant: bool = False
    features: Callable[[Any], Any] | None = None
    attackers: Any = None
    ignore: str | Sequence[str] | None = None
    on_exception: str = "stop"

    def __post_init__(self) -> None:
        if require_count("draws", self.draws) < _FEWEST_DRAWS:
            raise InputError(f"draws is {self.draws}, but it must be at least {_FEWEST_DRAWS}.")
        if not require_fraction("alpha", self.alpha) > 0.0:
            raise InputError(f"alpha is {self.alpha:g}, but it must be above 0.")
        if self.max_detectable is not None and not self.max_detectable > 0.0:
            raise InputError(
                f"{option('max_detectable')} is {self.max_detectable:g}, but it must be above 0."
            )
        if self.on_exception not in ("stop", "record"):
            raise InputError(
                f"{option('on_exception')} is {self.on_exception!r}, but it must be stop or record."
            )
        if self.features is not None and not callable(self.features):
            raise InputError(
                f"{option('features')} is {shown_value(self.features)}, but it must be a function "
                "of one output."
            )
        require_classifiers(self.attackers)
        self.ignored  # noqa: B018 - read once, so that a path that is none is noticed at once

    @property
    def ignored(self) -> dict[str, Ignored]:
        """The parts of outputs that are left out, by their names."""
        given = (self.ignore,) if isinstance(self.ignore, str) else tuple(self.ignore or ())
        return {path: parsed_path(path) for path in given}

    def applied(self, source: Source) -> Source:
        """The source with what is asked about its outputs."""
        return replace(
            source,
            features=self.features,
            ignore=tuple(self.ignored.values()),
            records_exceptions=self.on_exception == "record",
        )


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
        raise InputError(
            f"{source.name} makes no claim: say which one to check, as in "
            "claim=dpaudit.PureDP(1.0)."
        )
    if pairs is None:
        raise InputError(
            f"{source.name} is a black box, so pairs of inputs must be given, as in "
            "pairs=[(0, 1)] or pairs=dpaudit.neighbouring_answers(10)."
        )
    claim = with_neighbours(claim, GIVEN_PAIRS)
    nothing = black_box_result(source, claim, sampling.seed, Verdict.INCONCLUSIVE, None)
    nothing = nothing.model_copy(update={"proof": proof_record(mechanism, claim)})
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
    the nearest, the farthest and random ones.

    A mechanism that draws positions is drawn from in positions, any other in words.
    """
    space = mechanism.space
    measured = claimed_space(mechanism, claim)
    if pairs is None:
        checked = word_pairs(space, measured, _WORD_PAIRS, sampling.seed)
    else:
        checked = _given_words(mechanism, claim, pairs)
    names: Sequence[str] | None = space.words
    drawn: Any = partial(_sample_positions, mechanism)
    if not hasattr(mechanism, "sample_indices"):
        drawn, names = mechanism.sample, None
        words = ((space.words[pair.first], space.words[pair.second]) for pair in checked)
        checked = tuple(
            replace(pair, first=first, second=second)
            for pair, (first, second) in zip(checked, words, strict=True)
        )
    source = replace(source_of(drawn), name=mechanism.name, parameters=dict(mechanism.parameters))
    nothing = unknown_result(
        mechanism, claim, sampling.seed, Verdict.INCONCLUSIVE, None
    ).model_copy(update={"evidence": Evidence.STATISTICAL})
    return _audit(nothing, source, claim, checked, sampling, progress, names)


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
    if not any(hasattr(mechanism, one) for one in ("log_laws", "sample_indices", "radial_noise")):
        return hasattr(mechanism, "sample")
    if method == "statistical":
        radial = isinstance(mechanism, HasRadialNoise) and not hasattr(mechanism, "log_laws")
        return pairs is not None or sequential or not radial
    return pairs is not None


def _sample_positions(
    mechanism: SampledWordMechanism, x: int, size: int, rng: Generator
) -> NDArray[np.int64]:
    return mechanism.sample_indices(np.full(size, x, dtype=np.int64), rng)


def _given_words(
    mechanism: SampledWordMechanism, claim: Claim, pairs: Iterable[Sequence[Any]]
) -> tuple[Pair, ...]:
    space, measured = mechanism.space, claimed_space(mechanism, claim)
    found = []
    for number, pair in enumerate(pairs, start=1):
        if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) != 2:
            raise InputError(
                f"Pair {number} is {shown_value(pair)}, but it must be two words; their distance "
                "is that of the claim."
            )
        first, second = pair
        a, b = space.index(first), space.index(second)
        if a == b:
            raise InputError(f"A pair has the word {space.words[a]!r} twice.")
        found.append(word_pair(space, measured, a, b))
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
        "max_detectable": sampling.max_detectable,
        "expect_constant": sampling.expect_constant,
    }
    nothing = nothing.model_copy(update=asked)
    source = sampling.applied(source)
    drawer = Drawer(source, sampling.seed, sampling.workers, sampling.time_limit)
    try:
        with drawer:
            found = run(
                drawer,
                pairs,
                claim,
                draws=sampling.draws,
                alpha=sampling.alpha,
                seed=sampling.seed,
                bits=sampling.bits,
                classifiers=require_classifiers(sampling.attackers),
                progress=progress,
            )
    except MechanismFailure as failure:
        failed = nothing.model_copy(update={"reason": str(failure), "draws": drawer.drawn})
        return _with_remarks(failed, drawer, sampling)
    if isinstance(found, FixedFindings):
        result = fixed_result(nothing, claim, pairs, found, sampling.bits, names)
    else:
        result = sequential_result(nothing, claim, pairs, found, sampling.bits, names)
    rounds = found.contender.rounds if isinstance(found, FixedFindings) else found.rounds
    result = _with_doubts(result, drawer.seen)
    # Where a user says by a function what matters, parts that never come back are what it is for.
    unnamed = names is None and sampling.features is None
    if result.verdict is Verdict.NOT_REFUTED and rounds is not None and unnamed:
        result = _with_unseen(result, unseen_leaves(rounds.outputs))
    return _with_remarks(result, drawer, sampling)


def _with_unseen(result: AuditResult, unseen: list[str]) -> AuditResult:
    """Undecided, if something came out that was not looked at."""
    if not unseen:
        return result
    listed = ", ".join(unseen[:_NAMED]) + (", …" if len(unseen) > _NAMED else "")
    reason = (
        f"Not looked at: {visible(listed)}. Its values hardly ever come back, or there are too "
        "many parts, so it may hold anything. Say by a function of the output what matters in it "
        f"({option('features')}), or, if nobody sees it, leave it out "
        f"({option('ignore', visible(unseen[0]))})."
    )
    return result.model_copy(update=_undecided(reason))


def _undecided(reason: str) -> dict[str, object]:
    return {"verdict": Verdict.INCONCLUSIVE, "detectable_epsilon": None, "reason": reason}


def _with_remarks(result: AuditResult, drawer: Drawer, sampling: Sampling) -> AuditResult:
    """The result with what was noticed about the mechanism while drawing, and was left out."""
    found = [_CHANGES_INPUT] if drawer.changes_input else []
    if sampling.ignored:
        found.append(f"Left out of the outputs, as asked: {visible(', '.join(sampling.ignored))}.")
    if sampling.on_exception == "record":
        found.append("An exception, or no answer in time, counts as an output.")
    record = result.mechanism
    remarked = record.model_copy(update={"remarks": (*record.remarks, *found)})
    return result.model_copy(update={"mechanism": remarked}) if found else result


def _with_doubts(result: AuditResult, seen: Seen) -> AuditResult:
    """What all outputs have in common, if that is what a broken mechanism gives."""
    if result.verdict is not Verdict.NOT_REFUTED:
        return result
    if seen.only_nan:
        reason = "Every output on every input was NaN: there was nothing to look at."
        return result.model_copy(update=_undecided(reason))
    return result.model_copy(update={"constant_output": seen.constant})
