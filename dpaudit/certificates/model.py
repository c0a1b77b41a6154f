"""The certificate file, schema `dpaudit.certificate/2`: what is stated, and all that it takes to
derive it again.

A certificate has one canonical form, the text that `Certificate.to_json` writes: every key once, in
one order, every number as the shortest decimal that is the float which the law takes. A file in any
other form is refused (`files`), so nobody reads one number where another one is computed with. The
older `dpaudit.certificate/1` has the same fields and is held to the same.
"""

import hashlib
import json
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from ..claims import ApproximateDP, Claim, MetricDP, PureDP
from ..errors import InputError
from ..results.model import Document, Interval, Record, Verdict
from ..results.reading import ReadingRecord
from ..visible import json_text

__all__ = [
    "SCHEMAS",
    "AllPairsFinding",
    "Certificate",
    "CertifiedClaim",
    "CertifiedMechanism",
    "CertifiedSpace",
    "EventFinding",
    "Finding",
    "LossFinding",
]


#: Versions of the format, the one that is written first.
SCHEMAS = ("dpaudit.certificate/2", "dpaudit.certificate/1")

#: A float that JSON can write: neither infinite nor NaN.
Finite = Annotated[float, Field(allow_inf_nan=False)]

#: A whole number that is a float too: up to 2^53 all are.
Whole = Annotated[int, Field(strict=True, ge=-(2**53), le=2**53)]

#: A number of words or components.
Size = Annotated[int, Field(strict=True, ge=1, le=2**31)]


class CertifiedSpace(Record):
    """The vocabulary and its vectors, written out where they are few, or by their digest.

    `sha256` digests the number of words and of components, the words and the vectors
    (`EmbeddingSpace.content_digest`). `source` says where they come from, "builtin" or a path, and
    `reading` how they were read from there: labels that nothing is derived from. Where the words
    and vectors are not written out, the options of `reading` are used to read them again.
    """

    source: str
    words: Size
    dimension: Size
    metric: Literal["euclidean", "manhattan", "chebyshev", "angular"]
    sha256: str
    vocabulary: tuple[str, ...] | None = None
    vectors: tuple[tuple[Finite, ...], ...] | None = None
    reading: ReadingRecord | None = None


class CertifiedMechanism(Record):
    """The mechanism whose law is meant, by its command-line name and the parameters that its law
    takes, all of them and no other, each as the law takes it (`law_parameters`)."""

    name: str
    parameters: dict[str, Whole | Finite | str]


class CertifiedClaim(Record):
    """The claim; `metric` is null exactly for a claim without distances."""

    kind: Literal["pure", "approximate", "metric"]
    epsilon: Finite
    delta: Finite
    metric: Literal["euclidean", "manhattan", "chebyshev", "angular"] | None

    def claim(self) -> Claim:
        """The claim as an object; raises `InputError` if a number is out of range, or stated for a
        kind of claim that has none."""
        if (self.kind == "metric") != (self.metric is not None):
            wanted = "must name one" if self.kind == "metric" else "has none"
            raise InputError(f"claim.metric is {self.metric!r}, but a {self.kind} claim {wanted}.")
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
    it, but on the figures that `verify` derives again. `space.source`, `space.reading` and
    `versions` are labels: `not_checked` names them.
    """

    indent: ClassVar[int] = 1
    strict: ClassVar[bool] = True

    schema_name: Literal["dpaudit.certificate/2", "dpaudit.certificate/1"] = Field(
        default="dpaudit.certificate/2", alias="schema"
    )
    verdict: Literal[Verdict.UPHELD, Verdict.VIOLATED]
    mechanism: CertifiedMechanism
    space: CertifiedSpace
    claim: CertifiedClaim
    finding: Annotated[Finding, Field(discriminator="kind")]
    bits: Whole
    versions: dict[str, str]
    checksum: str = ""

    @property
    def not_checked(self) -> dict[str, str]:
        """What the file states and no derivation rests on, by field, as it stands in the file."""
        versions = {f"versions.{name}": text for name, text in self.versions.items()}
        read = self.space.reading
        reading = {"space.reading": " ".join(read.sentences())} if read else {}
        return {"space.source": self.space.source, **reading, **versions}

    def sealed(self) -> Self:
        """The same certificate with its checksum."""
        return self.model_copy(update={"checksum": self.digest()})

    def _data(self) -> dict[str, Any]:
        data = self.model_dump(mode="json", by_alias=True)
        if self.space.reading is None:  # as in files from before this field
            del data["space"]["reading"]
        return data

    def to_json(self) -> str:
        """The one text of the certificate, with a final newline."""
        return json_text(self._data(), indent=self.indent)

    def digest(self) -> str:
        """SHA-256 of everything but the checksum."""
        data = self._data()
        del data["checksum"]
        text = json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()
