"""The certificate file, schema `dpaudit.certificate/1`: what is stated, and all that it takes to
derive it again."""

import hashlib
import json
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from ..claims import ApproximateDP, Claim, MetricDP, PureDP
from ..errors import InputError
from ..results.model import Document, Interval, Number, Record, Verdict
from ..results.reading import ReadingRecord

__all__ = [
    "AllPairsFinding",
    "Certificate",
    "CertifiedClaim",
    "CertifiedMechanism",
    "CertifiedSpace",
    "EventFinding",
    "Finding",
    "LossFinding",
]


#: A float that JSON can write: neither infinite nor NaN.
Finite = Annotated[float, Field(allow_inf_nan=False)]


class CertifiedSpace(Record):
    """The vocabulary and its vectors, written out where they are few, or by their digest.

    `sha256` digests the number of words and of components, the words and the vectors
    (`EmbeddingSpace.content_digest`). `source` says where they come from: "builtin" or a path, and
    `reading` how they were read from there.
    """

    source: str
    words: int
    dimension: int
    metric: Literal["euclidean", "manhattan", "chebyshev", "angular"]
    sha256: str
    vocabulary: tuple[str, ...] | None = None
    vectors: tuple[tuple[Finite, ...], ...] | None = None
    reading: ReadingRecord | None = None


class CertifiedMechanism(Record):
    """The mechanism whose law is meant, by its command-line name and parameters."""

    name: str
    parameters: dict[str, int | Number | str | bool]


class CertifiedClaim(Record):
    """The claim; `metric` is null for a claim without distances."""

    kind: Literal["pure", "approximate", "metric"]
    epsilon: Finite
    delta: Finite
    metric: Literal["euclidean", "manhattan", "chebyshev", "angular"] | None

    def claim(self) -> Claim:
        """The claim as an object; raises `InputError` if a number is out of range, or stated for a
        kind of claim that has none."""
        if self.kind != "metric" and self.metric is not None:
            raise InputError(f"claim.metric is {self.metric!r}, but a {self.kind} claim has none.")
        if self.kind == "pure" and self.delta != 0.0:
            raise InputError(f"claim.delta is {self.delta!r}, but that of a pure claim is 0.")
        if self.kind == "metric":
            return MetricDP(self.epsilon, self.delta, self.metric)
        if self.kind == "approximate":
            return ApproximateDP(self.epsilon, self.delta)
        return PureDP(self.epsilon)


class LossFinding(Record):
    """An output that refutes: `excess` encloses ln P_input - ln P_neighbour - epsilon d, which is
    above 0. `epsilon` encloses the loss over the distance, a lower bound of epsilon*.

    An output that is impossible on the neighbour has log probability -inf there.
    """

    kind: Literal["loss"] = "loss"
    input: str
    neighbour: str
    output: str
    log_probability_input: Interval
    log_probability_neighbour: Interval
    distance: Interval
    epsilon: Interval
    excess: Interval


class EventFinding(Record):
    """A set of outputs that refutes: `delta` encloses P_input - e^(epsilon d) P_neighbour, which
    is above the delta of the claim."""

    kind: Literal["event"] = "event"
    input: str
    neighbour: str
    outputs: tuple[str, ...]
    probability_input: Interval
    probability_neighbour: Interval
    distance: Interval
    delta: Interval


class AllPairsFinding(Record):
    """A bound for every pair of the vocabulary: `epsilon` encloses epsilon*, and its upper end is
    at most the epsilon of the claim; or else `delta` encloses the largest failure mass, and its
    upper end is at most the delta of the claim.

    `method` says how: "normalisers" (separable laws), "uniform" (a bound on every loss by the
    distance alone), "outputs" (all pairs and outputs). `tie` says that some pair's loss equals
    what the claim allows, which is settled by a symbolic identity.
    """

    kind: Literal["all-pairs"] = "all-pairs"
    method: Literal["normalisers", "uniform", "outputs"]
    epsilon: Interval
    delta: Interval | None = None
    tie: bool = False


Finding = LossFinding | EventFinding | AllPairsFinding


class Certificate(Document):
    """A verdict on one claim with its derivation in ball arithmetic at `bits` bits.

    `checksum` is the SHA-256 of everything else: it tells damage from a false statement, and is
    no protection against somebody who makes it anew. What a certificate proves does not rest on
    it, but on the figures that `verify` derives again.
    """

    indent: ClassVar[int] = 1
    strict: ClassVar[bool] = True

    schema_name: Literal["dpaudit.certificate/1"] = Field(
        default="dpaudit.certificate/1", alias="schema"
    )
    verdict: Literal[Verdict.UPHELD, Verdict.VIOLATED]
    mechanism: CertifiedMechanism
    space: CertifiedSpace
    claim: CertifiedClaim
    finding: Annotated[Finding, Field(discriminator="kind")]
    bits: int
    versions: dict[str, str]
    checksum: str = ""

    def sealed(self) -> Self:
        """The same certificate with its checksum."""
        return self.model_copy(update={"checksum": self.digest()})

    def digest(self) -> str:
        """SHA-256 of everything but the checksum."""
        data = self.model_dump(mode="json", by_alias=True, exclude={"checksum"})
        if self.space.reading is None:  # as in files from before this field
            del data["space"]["reading"]
        text = json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()
