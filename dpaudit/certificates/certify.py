"""From what the exact audit found to a certificate, or to the reason why there is none.

The exact audit only says where to look. Everything that a certificate states is derived anew in
ball arithmetic, and what the fast laws said on the way is compared with it: where the two differ
by more than the fast law's own error, neither is believed.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from ..claims import Claim
from ..errors import InputError
from ..exact.audit import ExactFindings, Progress, exact_audit
from ..exact.claimed import pair_distance
from ..exact.profile import mass_by_output
from ..exact.verdict import decide
from ..mechanisms.balls import BallLaw, ball_law, law_parameters, parameters_as_taken
from ..mechanisms.balls.enclosures import precision
from ..mechanisms.kernels.parallel import cores
from ..mechanisms.protocol import WordMechanism
from ..mechanisms.spaces import EmbeddingSpace
from ..results.model import Interval, Verdict
from .all_pairs import AllPairs, all_pairs, method_of
from .case import BITS, Case, log_enclosure, make_case
from .estimate import seconds_for_all_pairs, seconds_for_witness
from .loss import event_finding, loss_finding
from .model import (
    AllPairsFinding,
    Certificate,
    CertifiedMechanism,
    CertifiedSpace,
    EventFinding,
    Finding,
    LossFinding,
)

__all__ = ["PATIENCE", "Certification", "certificate_of", "certify"]

#: Seconds that certifying may take, by a rough estimate, if nobody asked for a certificate.
PATIENCE = 60.0

#: Vectors with at most so many components are written into the certificate.
_INLINE = 2**14

#: Sources that are no files: their vectors are written out, up to so many components, for which
#: the file stays below `files.LARGEST_FILE`.
_NO_FILE = ("memory", "gensim")
_MOST_INLINE = 5 * 10**6


@dataclass(frozen=True)
class Certification:
    """The outcome: a certificate, or why there is none.

    `contradiction` says that the fast law and ball arithmetic disagree, so that neither can be
    believed.
    """

    certificate: Certificate | None
    reason: str
    contradiction: bool = False

    @property
    def epsilon(self) -> Interval | None:
        """An enclosure of epsilon* as far as it is proven; None without a certificate."""
        if self.certificate is None:
            return None
        finding = self.certificate.finding
        if isinstance(finding, LossFinding):
            return Interval(lower=finding.epsilon.lower, upper=math.inf)
        if isinstance(finding, EventFinding):
            return Interval(lower=self.certificate.claim.epsilon, upper=math.inf)
        return finding.epsilon

    @property
    def enclosure(self) -> Interval | None:
        """The proven enclosure if it comes from evaluating every pair, so that it is narrow."""
        if self.certificate is None:
            return None
        finding = self.certificate.finding
        narrow = isinstance(finding, AllPairsFinding) and finding.method != "uniform"
        return self.epsilon if narrow else None


def certificate_of(mechanism: WordMechanism, claim: Claim | None = None) -> Certificate | None:
    """Audit a mechanism exactly and certify what is found; None if it cannot be certified.

    Examples
    --------
    >>> from dpaudit.mechanisms.words.metric_exponential import MetricExponential
    >>> space = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]])
    >>> certificate = certificate_of(MetricExponential(space, epsilon=1.0))
    >>> certificate.verdict.value, round(certificate.finding.epsilon.midpoint, 6)
    ('upheld', 0.60795)
    """
    claim = claim or mechanism.claim
    findings = exact_audit(mechanism, claim)
    return certify(mechanism, claim, findings, patience=math.inf).certificate


def certify(
    mechanism: WordMechanism,
    claim: Claim,
    findings: ExactFindings,
    *,
    patience: float = PATIENCE,
    progress: Progress | None = None,
) -> Certification:
    """Derive anew what the exact audit found.

    Parameters
    ----------
    mechanism, claim, findings
        What was audited, and what came out.
    patience
        Seconds that it may take, by a rough estimate.
    progress
        Called now and then with the name of a stage and the part of it that is done.
    """
    space = mechanism.space
    if space.source in _NO_FILE and space.vectors.size > _MOST_INLINE:
        return _uncertified(
            f"a certificate can carry {_MOST_INLINE:,} components, but the space has "
            f"{space.vectors.size:,} and comes from no file. Save it to a file and load it."
        )
    try:
        with precision(BITS[0]):
            law = ball_law(mechanism.name, mechanism.parameters, space.vectors, space.metric)
    except InputError as error:
        return _uncertified(str(error))
    if law is None:
        return _uncertified(f"{mechanism.name} has no law in ball arithmetic.")
    try:
        parameters = parameters_as_taken(mechanism.name, law_parameters(mechanism.parameters))
    except InputError as error:
        return _uncertified(str(error))
    work = _Work(
        mechanism=mechanism,
        parameters=parameters,
        claim=claim,
        findings=findings,
        case=make_case(space.words, space.vectors, space.metric, law, claim),
        patience=patience,
        progress=(lambda part: progress("certificate", part)) if progress else None,
    )
    try:
        return work.certify()
    except _ContradictionError as found:
        return Certification(None, f"Internal contradiction: {found}", contradiction=True)
    except _TooLongError as estimate:
        return _uncertified(
            f"deriving it in ball arithmetic would take about {estimate}; ask for a certificate "
            "to have it done."
        )


def _uncertified(reason: str) -> Certification:
    return Certification(None, f"Not certified: {reason}")


class _ContradictionError(Exception):
    """The fast law and ball arithmetic disagree."""


class _TooLongError(Exception):
    """The work is estimated to take longer than wanted."""


@dataclass(frozen=True, eq=False)
class _Work:
    mechanism: WordMechanism
    parameters: dict[str, float | int | str]
    claim: Claim
    findings: ExactFindings
    case: Case
    patience: float
    progress: Callable[[float], None] | None

    def certify(self) -> Certification:
        self._require_patience(seconds_for_witness(self.case))
        _compare_laws(self.mechanism, self.case.law, self.findings)
        refutation = self._refutation() if self._expected is not Verdict.UPHELD else None
        if refutation is not None:
            return refutation
        if self._expected is Verdict.VIOLATED:
            return _uncertified("ball arithmetic does not tell the witness from the claim.")
        return self._proof()

    @property
    def _expected(self) -> Verdict:
        """The verdict of the exact audit."""
        return decide(self.claim, self.findings)[0]

    def _require_patience(self, seconds: float) -> None:
        if seconds > self.patience:
            text = f"{seconds / 60:,.0f} minutes" if seconds > 90 else f"{seconds:.0f} seconds"
            raise _TooLongError(text)

    def _refutation(self) -> Certification | None:
        """A certificate on the witness of the exact audit, or None if it refutes nothing."""
        if self.claim.delta > 0.0:
            return self._event()
        space, witness = self.mechanism.space, self.findings.witness
        if witness.output is None:
            return None
        places = [space.index(w) for w in (witness.input, witness.neighbour, witness.output)]
        # The lower end of the exact audit is that of its witness.
        return self._loss(places[0], places[1], places[2], least=self.findings.epsilon.lower)

    def _loss(
        self, first: int, second: int, output: int, least: float = 0.0
    ) -> Certification | None:
        for bits in BITS:
            found = loss_finding(self.case, first, second, output, bits)
            if found.epsilon.upper < least:
                raise _ContradictionError(
                    f"the exact audit finds a loss over distance of at least {least!r}, but ball "
                    f"arithmetic proves that it is at most {found.epsilon.upper!r}."
                )
            if found.epsilon.lower > self.findings.epsilon.upper:
                raise _ContradictionError(
                    f"the exact audit puts ε* at {self.findings.epsilon.upper!r} at most, but "
                    f"ball arithmetic proves that it is at least {found.epsilon.lower!r}."
                )
            if found.excess.lower > 0.0:
                return self._certificate(found, Verdict.VIOLATED, bits)
            if found.excess.upper <= 0.0:
                self._require_no_refutation()
                return None
        return None

    def _event(self) -> Certification | None:
        if self.findings.delta_pair is None:
            return None
        space = self.mechanism.space
        first, second = (space.index(word) for word in self.findings.delta_pair)
        outputs = self._telling_outputs(first, second)
        for bits in BITS if outputs else ():
            found = event_finding(self.case, first, second, outputs, bits)
            if found.delta.lower > self.claim.delta:
                return self._certificate(found, Verdict.VIOLATED, bits)
            if found.delta.upper <= self.claim.delta:
                self._require_no_refutation()
                return None
        return None

    def _require_no_refutation(self) -> None:
        """Ball arithmetic has just proven that what was looked at refutes nothing."""
        if self._expected is Verdict.VIOLATED:
            raise _ContradictionError(
                "the exact audit says violated, but ball arithmetic proves that its witness does "
                "not exceed what the claim allows."
            )

    def _telling_outputs(self, first: int, second: int) -> list[int]:
        """The fewest outputs whose failure mass exceeds the delta of the claim, with half of the
        margin that there is to spare."""
        ours, theirs = self.findings.law.row(first), self.findings.law.row(second)
        allowed = self.claim.epsilon * pair_distance(
            self.claim, self.mechanism.space, first, second
        )
        parts = mass_by_output(ours, theirs, allowed)
        order = np.argsort(-parts, kind="stable")
        sums = np.cumsum(parts[order])
        wanted = 0.5 * (self.claim.delta + sums[-1])
        count = int(np.searchsorted(sums, wanted)) + 1
        return [int(y) for y in order[:count] if parts[y] > 0.0]

    def _proof(self) -> Certification:
        """A certificate over all pairs."""
        needs_delta = self.claim.delta > 0.0 and self.findings.epsilon.upper > self.claim.epsilon
        methods = [method_of(self.case)] if not needs_delta else []
        for method in dict.fromkeys([*methods, "outputs"]):
            self._require_patience(seconds_for_all_pairs(self.case, method, needs_delta, cores()))
            found = all_pairs(self.case, method, BITS[0], self.progress)
            self._compare_enclosures(found)
            if found.upholds(self.case):
                return self._certificate(found.finding, Verdict.UPHELD, BITS[0])
            if found.refuting is not None and self.claim.delta == 0.0:
                first, second = found.refuting
                refutation = self._loss(first, second, first)
                if refutation is not None:
                    return refutation
            if method == "normalisers":
                break  # this decides everything that can be decided
        return _uncertified("ball arithmetic does not tell ε* from the claim.")

    def _compare_enclosures(self, found: AllPairs) -> None:
        ours, theirs = found.finding.epsilon, self.findings.epsilon
        if ours.lower > theirs.upper or ours.upper < theirs.lower:
            raise _ContradictionError(
                f"the exact audit finds ε* between {theirs.lower!r} and {theirs.upper!r}, but ball "
                f"arithmetic proves that it lies between {ours.lower!r} and {ours.upper!r}."
            )

    def _certificate(self, finding: Finding, verdict: Verdict, bits: int) -> Certification:
        if self._expected not in (Verdict.INCONCLUSIVE, verdict):
            raise _ContradictionError(
                f"the exact audit says {self._expected}, but ball arithmetic proves {verdict}."
            )
        claim = self.claim
        metric = claim.metric or self.mechanism.space.metric if claim.kind == "metric" else None
        certificate = Certificate.model_validate(
            {
                "verdict": verdict,
                "mechanism": CertifiedMechanism(
                    name=self.mechanism.name, parameters=self.parameters
                ),
                "space": _space_part(self.mechanism.space),
                "claim": {
                    "kind": claim.kind,
                    "epsilon": claim.epsilon,
                    "delta": claim.delta,
                    "metric": metric,
                },
                "finding": finding,
                "bits": bits,
                "versions": {name: version(name) for name in ("dpaudit", "python-flint")},
            }
        ).sealed()
        return Certification(certificate, _says(finding))


def _says(finding: Finding) -> str:
    """What a certificate rests on, in a sentence."""
    how = "Derived anew in ball arithmetic, from vectors and parameters alone: "
    if isinstance(finding, LossFinding):
        if math.isinf(finding.excess.lower):
            return how + "the output is impossible on one side and possible on the other."
        return how + f"the witness exceeds the claim by at least {finding.excess.lower:.6g} nats."
    if isinstance(finding, EventFinding):
        outputs = f"{len(finding.outputs)} output{'s' * (len(finding.outputs) > 1)}"
        return how + f"a set of {outputs} shows δ ≥ {finding.delta.lower:.6g}."
    ties = " A pair whose loss equals the claim is settled by symmetry." if finding.tie else ""
    if finding.delta is not None:
        return how + f"δ ≤ {finding.delta.upper:.6g} over all pairs.{ties}"
    return how + f"ε* ≤ {finding.epsilon.upper:.9g} over all pairs.{ties}"


def _space_part(space: EmbeddingSpace) -> CertifiedSpace:
    inline = space.vectors.size <= _INLINE or space.source in _NO_FILE
    return CertifiedSpace(
        source=space.source,
        words=len(space),
        dimension=space.dimension,
        metric=space.metric,
        sha256=space.content_digest,
        reading=space.reading,
        vocabulary=space.words if inline else None,
        vectors=tuple(tuple(row) for row in space.vectors.tolist()) if inline else None,
    )


def _compare_laws(mechanism: WordMechanism, law: BallLaw, findings: ExactFindings) -> None:
    """Hold the fast law to the one in ball arithmetic, where a whole row is cheap on some rows
    and otherwise at the witness.

    Raises
    ------
    _ContradictionError
        If they differ by more than the fast law's own error.
    """
    space, witness = mechanism.space, findings.witness
    pair = [space.index(witness.input), space.index(witness.neighbour)]
    rows = dict.fromkeys([*pair, 0, len(space) - 1] if law.row_at_once else pair)
    for word in rows:
        fast = findings.law.row(word)
        with precision(BITS[0]):
            if law.row_at_once:
                balls = dict(enumerate(law.probabilities(word)))
            else:
                output = space.index(witness.output or witness.input)
                balls = {output: law.probability(word, output)}
        for y, ball in balls.items():
            enclosed, value = log_enclosure(ball), float(fast[y])
            error = mechanism.log_law_error + _READING * abs(value) if value > -math.inf else 0.0
            if not enclosed.lower - error <= value <= enclosed.upper + error:
                raise _ContradictionError(
                    f"on the input {space.words[word]!r} the output {space.words[y]!r} has log "
                    f"probability {value!r} in the fast law, but between {enclosed.lower!r} and "
                    f"{enclosed.upper!r} in ball arithmetic, which is further off than the "
                    f"{error:.3g} that the fast law allows itself."
                )


#: Relative error of one rounding more, for what is done to the numbers here.
_READING = 2.0**-51
