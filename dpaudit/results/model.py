"""The result of an audit: a frozen object, and the single source of its JSON schema.

`AuditResult` and its parts are pydantic models. The file format `dpaudit.audit/2` is what
`AuditResult.to_json` writes and `AuditResult.from_json` reads; `AuditResult.json_schema` is the
schema that the documentation publishes. Infinite numbers are the string "inf" (or "-inf"),
NaN is refused, and the same inputs and seed give the same bytes.
"""

import math
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    computed_field,
    model_validator,
)
from pydantic.json_schema import WithJsonSchema

from ..errors import VerdictError
from ..exit_codes import ExitCode
from ..visible import json_text
from . import sections, wording
from .reading import ReadingRecord

__all__ = [
    "AttackCurve",
    "AttackRecord",
    "AuditResult",
    "ClaimRecord",
    "ClosedFormRecord",
    "ConvergenceCurve",
    "Curves",
    "Evidence",
    "Interval",
    "LossCurve",
    "LowerProfileCurve",
    "MechanismRecord",
    "ProfileCurve",
    "ProofRecord",
    "ProvenBoundRecord",
    "SearchRecord",
    "SpaceRecord",
    "StageRecord",
    "StatisticsIntervals",
    "StatisticsRecord",
    "Summary",
    "Verdict",
    "WealthCurve",
    "Witness",
    "WitnessLawCurve",
]


def _read_number(value: object) -> object:
    if value in ("inf", "-inf"):
        return float(str(value))
    if isinstance(value, str):
        raise ValueError('the only strings that are numbers are "inf" and "-inf"')
    if isinstance(value, float) and math.isnan(value):
        raise ValueError("NaN is not a result; a failed computation is `inconclusive`")
    return value


def _write_number(value: float) -> float | str:
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value


#: A float whose infinities are written as strings, because JSON has none.
Number = Annotated[
    float,
    BeforeValidator(_read_number),
    PlainSerializer(_write_number, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": ["inf", "-inf"]}]}),
]


class Verdict(StrEnum):
    """What an audit concludes (specification, section 3)."""

    UPHELD = "upheld"
    VIOLATED = "violated"
    NOT_REFUTED = "not-refuted"
    INCONCLUSIVE = "inconclusive"


class Evidence(StrEnum):
    """What a verdict rests on."""

    EXACT = "exact"
    CERTIFIED = "certified"
    STATISTICAL = "statistical"


class Record(BaseModel):
    """What all records are: frozen, strict about their fields, equal and hashed by content."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def __hash__(self) -> int:
        return hash(_hashable(self))

    def __dir__(self) -> list[str]:
        """What is meant for users: fields, and what the records themselves define."""
        own = {name for kind in type(self).__mro__ for name in vars(kind) if _is_own(kind)}
        return sorted(
            {*type(self).model_fields, *(name for name in own if name[0] != "_")} - _INNER
        )


#: Names that pydantic asks for in a class body.
_INNER = {"model_config", "indent", "strict"}


def _is_own(kind: type) -> bool:
    return kind.__module__.startswith("dpaudit.")


def _hashable(value: object) -> object:
    """The same content as something that hashes: 1 and 1.0, or 0.0 and -0.0, still hash alike."""
    if isinstance(value, dict):
        return frozenset((key, _hashable(one)) for key, one in value.items())
    if isinstance(value, tuple | list):
        return tuple(map(_hashable, value))
    if isinstance(value, BaseModel):
        return _hashable(value.__dict__)
    return value


class Document(Record):
    """A record that is a file of its own, as JSON."""

    indent: ClassVar[int] = 2
    #: Whether a number may not be written as a string, nor a whole number as a fraction.
    strict: ClassVar[bool] = False

    def to_json(self) -> str:
        """The record as JSON text with a final newline."""
        return json_text(self.model_dump(mode="json", by_alias=True), indent=self.indent)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; raises `pydantic.ValidationError` on anything else."""
        return cls.model_validate_json(text, strict=cls.strict or None)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The JSON schema of the format."""
        return cls.model_json_schema(by_alias=True, mode="serialization")


class Interval(Record):
    """An enclosure [lower, upper] of a number.

    Examples
    --------
    >>> Interval(lower=1.0, upper=3.0).midpoint
    2.0
    """

    lower: Number
    upper: Number

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.lower > self.upper:
            raise ValueError(f"lower {self.lower} is above upper {self.upper}")
        return self

    @property
    def midpoint(self) -> float:
        """The number to print: the middle, or the infinite end."""
        if math.isinf(self.upper):
            return self.upper
        return 0.5 * (self.lower + self.upper)


class MechanismRecord(Record):
    """Which mechanism was audited; `sampler_error` is the bound tau on the total variation
    between the sampler's law and the ideal law, null where none is known. `remarks` are sentences
    about what the mechanism can promise at all."""

    name: str
    parameters: dict[str, int | Number | str | bool | None]
    sampler_error: Number | None
    remarks: tuple[str, ...] = ()


class SpaceRecord(Record):
    """Which embedding space was audited; `sha256` digests its words and vectors, and `reading` says
    how they were read, if they come from a file."""

    source: str
    words: int
    dimension: int
    metric: str
    min_distance: Number
    max_distance: Number
    sha256: str
    reading: ReadingRecord | None = None


class ClaimRecord(Record):
    """What was claimed."""

    kind: Literal["pure", "approximate", "metric"]
    epsilon: Number
    delta: Number
    metric: str | None
    neighbouring: str
    unit: str
    source: str


class Witness(Record):
    """The pair and the output (or event) at which the largest loss per distance is attained.

    `log_ratio` encloses ln P_input(output) - ln P_neighbour(output), in nats; what draws show has
    no upper end.
    """

    input: str
    neighbour: str
    distance: Number
    output: str | None = None
    event: str | None = None
    log_probability_input: Number | None = None
    log_probability_neighbour: Number | None = None
    log_ratio: Interval


class Summary(Record):
    """Mean, smallest and largest value over the words of the vocabulary."""

    mean: Number
    min: Number
    max: Number


class StatisticsIntervals(Record):
    """Confidence intervals of estimated statistics: for `kept`, `support_001` and `support_1000` of
    their means over the words. They hold all together, with the error probability of the result."""

    kept: Interval
    support_001: Interval
    support_1000: Interval
    bayes_vulnerability: Interval
    leakage_bits: Interval


class StatisticsRecord(Record):
    """Privacy statistics (specification, section 2).

    `kept`: the chance P_w(w) that a word is not changed. `support_001`: number of outputs with
    probability at least 0.001. `support_1000`: expected number of distinct words in 1000 draws.
    `bayes_vulnerability`: chance of the best guess of the input under a uniform prior.
    `leakage_bits`: min-entropy leakage log2(n * bayes_vulnerability). `intervals`: null where the
    law is computed; where it is estimated, the figures are point estimates and these say how good.
    """

    kept: Summary
    support_001: Summary
    support_1000: Summary
    bayes_vulnerability: Number
    leakage_bits: Number
    intervals: StatisticsIntervals | None = None


class WitnessLawCurve(Record):
    """Log probabilities of the outputs under both inputs of the witness pair, by rank of the
    output from the first input (rank 1 is the input itself). Thinned for large vocabularies."""

    rank: tuple[int, ...]
    word: tuple[str, ...]
    log_probability_input: tuple[Number, ...]
    log_probability_neighbour: tuple[Number, ...]


class LossCurve(Record):
    """Distance, privacy loss (nats) and failure mass delta at the epsilon of the claim of sampled
    pairs, the larger of both directions; `choice` says how each pair was chosen."""

    distance: tuple[Number, ...]
    loss: tuple[Number, ...]
    delta: tuple[Number, ...]
    choice: tuple[Literal["witness", "nearest", "random"], ...]


class ProfileCurve(Record):
    """delta as a function of epsilon: for the witness pair, and the largest over `pairs`
    sampled ordered pairs (so a lower bound on the largest over all pairs)."""

    epsilon: tuple[Number, ...]
    witness: tuple[Number, ...]
    largest: tuple[Number, ...]
    pairs: int


class ConvergenceCurve(Record):
    """epsilon* after several numbers of steps of a chain, infinite also where it is not known, and
    `limit`, what it tends to.

    `holds_from`: from this number of steps on epsilon* was at most the epsilon of the claim, for
    all numbers that were tried, and with one step less it was not; null if there is none.
    `proven_from`: from here on that is so for every number of steps; null if not known.
    """

    steps: tuple[int, ...]
    epsilon: tuple[Number, ...]
    limit: Number
    holds_from: int | None
    proven_from: int | None


class AttackCurve(Record):
    """What the attacker of a black box looks at: shares of the learning draws on each of the two
    inputs, in bins of a number (`edges`, one more than there are bins) or for single `outputs`;
    `says` is 1 where the first input is named, -1 for the second, 0 for nothing."""

    axis: str
    edges: tuple[Number, ...]
    outputs: tuple[str, ...]
    first: tuple[Number, ...]
    second: tuple[Number, ...]
    says: tuple[int, ...]


class LowerProfileCurve(Record):
    """A lower confidence band of the privacy profile of the pair that was tested, and points above
    which its trade-off curve does not pass; all of them hold together."""

    epsilon: tuple[Number, ...]
    delta: tuple[Number, ...]
    false_positive: tuple[Number, ...]
    false_negative: tuple[Number, ...]


class WealthCurve(Record):
    """Logarithm of the wealth of those who bet against the claim, by the number of draws; at
    `refuted_at` the claim is refuted."""

    draws: tuple[int, ...]
    log_wealth: tuple[Number, ...]
    refuted_at: Number


class Curves(Record):
    """Everything that a report plots."""

    witness_law: WitnessLawCurve | None = None
    pair_losses: LossCurve | None = None
    profile: ProfileCurve | None = None
    convergence: ConvergenceCurve | None = None
    attack: AttackCurve | None = None
    lower_profile: LowerProfileCurve | None = None
    wealth: WealthCurve | None = None


class SearchRecord(Record):
    """How much was looked at."""

    pairs_total: int
    pairs_visited: int
    directions: int | None = None
    looks: int | None = None


class ClosedFormRecord(Record):
    """A lower bound on epsilon* that follows from a formula, without the output law.

    `statement` is the formula in words; `decides` says whether it alone refutes the claim.
    """

    statement: str
    epsilon_lower: Number
    decides: bool


class ProvenBoundRecord(Record):
    """An upper bound on epsilon* that is proven for every vocabulary, in the unit of the claim.

    `statement` says what was proven; it was not derived anew for this vocabulary. `decides` says
    whether it alone upholds the claim.
    """

    statement: str
    epsilon_upper: Number
    decides: bool


class ProofRecord(Record):
    """The theorem about this mechanism with its parameters, what the proof checker found, and the
    cited results that it rests on. It speaks about the mechanism's own claim."""

    theorem: str
    status: Literal["proved", "refuted", "false as audited", "open"]
    axioms: tuple[str, ...]


class StageRecord(Record):
    """One stage of a test: the pair, at its distance, how many guesses in so many fresh draws were
    right, and the largest rate of right guesses under the claim. `by_weight` has the guesses, and
    the right ones, that count once, twice, and so on; it is empty if all of them count once."""

    pair: tuple[str, str]
    distance: Number
    draws: int
    guesses: int
    right: int
    allowed_rate: Number
    by_weight: tuple[tuple[int, int], ...]


class AttackRecord(Record):
    """How a black box was tested: somebody who sees an output guesses which of the two inputs of
    `pair`, at `distance`, it came from.

    `pairs` are those that it was chosen from, the first 100 of them. `first` and `second` say when
    the inputs are named, null if never. Of `guesses` made in `testing_draws` fresh draws, `right`
    were right; under the claim a guess is right with probability at most `allowed_rate`, but for
    what delta gives away. `learning_draws` were made on all pairs, for learning alone. `bits`:
    whether the bits of floating-point numbers were looked at, null if outputs hold none.
    `sequential`: whether it was by bets with a look after every draw; then every draw after the
    first few is tested, before it is learned from, and first and second are the last rule.
    Otherwise the test has `stages`, of which each but the first may rest on all draws before it;
    then `pair`, `first` and `second` are those of the last one.
    `interrupted`: whether the user stopped it early.
    """

    pair: tuple[str, str]
    distance: Number
    pairs: tuple[tuple[str, str], ...]
    first: str | None
    second: str | None
    learning_draws: int
    testing_draws: int
    guesses: int
    right: int
    allowed_rate: Number
    bits: bool | None
    stages: tuple[StageRecord, ...]
    sequential: bool
    interrupted: bool


class AuditResult(Document):
    """One audit: claim, verdict, evidence and everything needed to repeat and report it.

    `true_epsilon` encloses the true epsilon*, in the unit of the claim; the epsilon that is
    claimed is `claim.epsilon`, and the mechanism's parameter is in `mechanism.parameters`.
    `delta_at_claim` encloses the largest failure mass delta over all pairs at the epsilon of
    the claim, and `delta_pair` is a pair (input, neighbour) that has it, null where it is 0.
    `explanation` says in sentences why the witness of a violation exists. `certification` says
    what a certified verdict rests on, or why the evidence is only `exact`; `certified_epsilon`
    encloses epsilon* as far as ball arithmetic proves it. `certificate` is the file that holds
    the proof. `proven_bound` is what is proven about the mechanism on every vocabulary; `proof`
    is the theorem that was checked by machine, if there is one. `attack` says how a black box
    was tested. Where something was drawn, `draws` counts it (directions of the noise, for
    radial noise), and what is said because of it is wrong with probability at most `alpha`,
    taken together; a verdict `not-refuted` gives the `detectable_epsilon` that would have been
    refuted with 90% power. It passes up to `max_detectable`. `constant_output` shows the only
    output that was ever seen, null if there were several; such a result passes only if
    `expect_constant`.
    `print(result)` says it all. A result has no truth value: ask for `verdict`, or call
    `raise_for_verdict`.
    """

    schema_name: Literal["dpaudit.audit/2"] = Field(default="dpaudit.audit/2", alias="schema")
    mechanism: MechanismRecord
    space: SpaceRecord | None
    claim: ClaimRecord
    evidence: Evidence
    verdict: Verdict
    reason: str | None
    true_epsilon: Interval
    delta_at_claim: Interval
    delta_pair: tuple[str, str] | None = None
    witness: Witness | None
    statistics: StatisticsRecord | None
    curves: Curves
    search: SearchRecord
    closed_form: ClosedFormRecord | None = None
    proven_bound: ProvenBoundRecord | None = None
    explanation: tuple[str, ...] = ()
    attack: AttackRecord | None = None
    proof: ProofRecord | None = None
    certification: str | None = None
    certified_epsilon: Interval | None = None
    certificate: str | None = None
    draws: int | None = None
    alpha: Number | None = None
    detectable_epsilon: Number | None = None
    max_detectable: Number | None = None
    constant_output: str | None = None
    expect_constant: bool = False
    seed: int | None
    versions: dict[str, str]

    @model_validator(mode="wrap")
    @classmethod
    def _exit_code_fits(cls, data: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        """`exit_code` follows from the rest: a file that says otherwise was changed."""
        if not (isinstance(data, dict) and "exit_code" in data):
            return read(data)
        rest = {key: value for key, value in data.items() if key != "exit_code"}
        result = read(rest)
        if data["exit_code"] != result.exit_code:
            raise ValueError(
                f"exit_code is {data['exit_code']!r}, but this result has {result.exit_code}"
            )
        return result

    @computed_field  # type: ignore[prop-decorator]
    @property
    def exit_code(self) -> int:
        """Exit code of the command line: 0 upheld, or not refuted though `max_detectable` (by
        default twice the claimed epsilon) would have been; 1 violated; 3 anything undecided."""
        if self.verdict is Verdict.NOT_REFUTED:
            if self.constant_output is not None:
                return int(ExitCode.PASSED if self.expect_constant else ExitCode.UNDECIDED)
            limit = self.max_detectable
            if limit is None:
                limit = 2.0 * self.claim.epsilon
            found = self.detectable_epsilon
            passed = found is not None and found <= limit
            return int(ExitCode.PASSED if passed else ExitCode.UNDECIDED)
        decided = {Verdict.UPHELD: ExitCode.PASSED, Verdict.VIOLATED: ExitCode.VIOLATED}
        return int(decided.get(self.verdict, ExitCode.UNDECIDED))

    def raise_for_verdict(self) -> Self:
        """This result, if a release may rest on it: if its `exit_code` is 0.

        Raises
        ------
        VerdictError
            If the claim is violated, or if nothing was decided. It is an `AssertionError` as well.
        """
        if self.exit_code != 0:
            raise VerdictError(sections.failure(self))
        return self

    def __bool__(self) -> bool:
        raise TypeError(
            "An audit result has no truth value, because a violated claim would count as true. "
            "Write result.raise_for_verdict(), or compare result.verdict == 'upheld'."
        )

    def __str__(self) -> str:
        return sections.summary(self)

    def __repr__(self) -> str:
        return f"<AuditResult: {wording.headline(self)}. {wording.comparison_sentence(self)}>"
