"""Joins audits with theorems: which theorem speaks about a mechanism with these parameters, what
its status is, and whether an audit contradicts it."""

from typing import Any

from . import mechanisms
from .claims import Claim
from .mechanisms.protocol import EpsilonUpperBound, SampledWordMechanism
from .proofs.standing import standing
from .proofs.theorems import Entry, about
from .proven import contradiction, in_distances_of, lower_bound, proven_bound
from .results import ClosedFormRecord, Interval, ProofRecord

__all__ = ["contradicts_proof", "how_proven", "proof_record"]


def proof_record(mechanism: Any, claim: Claim) -> ProofRecord | None:
    """The theorem about the mechanism with these parameters, and its status; None if there is none.

    Checked on the spot if it was not checked before, which may take a second.

    >>> from dpaudit import EmbeddingSpace, mechanisms
    >>> space = EmbeddingSpace(["a", "b"], [[0.0], [1.0]])
    >>> mechanism = mechanisms.MetricExponential(space, 2.0)
    >>> record = proof_record(mechanism, mechanism.claim)
    >>> record.theorem, record.status
    ('metric-exponential', 'proved')
    """
    entry = _entry(mechanism, claim)
    return None if entry is None else standing(entry.name)


def how_proven(statement: str, proof: ProofRecord | None) -> str:
    """What a verdict rests on that comes from a bound of the mechanism: who has checked it.

    >>> how_proven("ε* ≤ ε", None)
    'Proven on paper: ε* ≤ ε. Not derived for this vocabulary, and not checked by a machine.'
    """
    if proof is None or proof.status == "open":
        who, end = "Proven on paper", ", and not checked by a machine."
    else:
        who, end = f"By the theorem {proof.theorem}, checked by machine", "."
    return f"{who}: {statement}. Not derived for this vocabulary{end}"


def contradicts_proof(mechanism: SampledWordMechanism, claim: Claim, found: Interval) -> str | None:
    """Why the enclosure of epsilon* that an audit found cannot be true if the mechanism's own
    bounds and its theorem are; None if it can."""
    upper, lower = proven_bound(mechanism, claim), lower_bound(mechanism, claim)
    return contradiction(found, upper, lower) or contradiction(
        found, *_theorem_bounds(mechanism, claim)
    )


def _theorem_bounds(
    mechanism: SampledWordMechanism, claim: Claim
) -> tuple[EpsilonUpperBound | None, ClosedFormRecord | None]:
    """What the status of the theorem says about epsilon*: that the mechanism keeps its own claim,
    or breaks it."""
    record, own = proof_record(mechanism, claim), mechanism.claim
    if record is None or own.delta > 0.0:
        return None, None
    statement = f"theorem {record.theorem}: {record.status}"
    bound = EpsilonUpperBound(statement, own.epsilon)
    if record.status == "proved":
        return in_distances_of(claim, mechanism, bound), None
    same = (claim.kind, claim.metric) == (own.kind, own.metric)
    if record.status in ("refuted", "false as audited") and same and _fails(mechanism, own):
        broken = ClosedFormRecord(statement=statement, epsilon_lower=own.epsilon, decides=True)
        return None, broken
    return None, None


def _entry(mechanism: Any, claim: Claim) -> Entry | None:
    """Of the theorems that cover the mechanism, one that decides the claim, if there is one."""
    entries = _covering(mechanism)
    if not entries:
        return None
    refuting = [entry for entry in entries if entry.denies]
    proving = [entry for entry in entries if entry.expected.startswith("proved")]
    first = refuting if _fails(mechanism, claim) else []
    return next(iter([*first, *proving, *refuting]), None)


def _covering(mechanism: Any) -> list[Entry]:
    """The theorems on the claim of the mechanism that cover its parameters. They speak about the
    classes of this package: one that was derived from these may do anything."""
    entries = [entry for entry in about(getattr(mechanism, "name", "")) if not entry.lemma]
    if not entries or not type(mechanism).__module__.startswith(mechanisms.__name__):
        return []
    given = mechanism.parameters
    return [
        entry
        for entry in entries
        if all(given.get(parameter) == value for parameter, value in entry.where)
    ]


def _fails(mechanism: SampledWordMechanism, claim: Claim) -> bool:
    """Whether a refutation applies: where the mechanism has a lower bound, that has to say so."""
    lower = lower_bound(mechanism, claim)
    return lower is None or lower.decides
