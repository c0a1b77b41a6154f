"""Checked theorems as a `ProofDocument`."""

from collections.abc import Iterable

from ...results.proof import (
    AssumptionRecord,
    ConclusionRecord,
    MutationRecord,
    ProofDocument,
    StepRecord,
    TheoremRecord,
)
from ..checker import trusted_base
from ..model import Mutation, Theorem, TheoremResult
from .derivation import Line, derivation
from .formulas import latex, text

__all__ = ["Checked", "Rejection", "document"]

#: A mutation and what the checker found about it.
Rejection = tuple[Mutation, TheoremResult]
#: A theorem, what the checker found, and its mutations if they were checked too.
Checked = tuple[Theorem, TheoremResult, tuple[Rejection, ...] | None]


def document(theorems: Iterable[Checked]) -> ProofDocument:
    """The document that `dpaudit prove --json` writes.

    >>> from dpaudit.proofs import check, find
    >>> theorem = find("randomized-response")
    >>> found = document([(theorem, check(theorem), None)])
    >>> found.theorems[0].status, found.theorems[0].steps[0].latex
    ('proved', '0 \\\\le \\\\varepsilon')
    """
    return ProofDocument(
        theorems=tuple(_theorem(*one) for one in theorems), trusted_base=trusted_base()
    )


def _theorem(
    theorem: Theorem, result: TheoremResult, rejections: tuple[Rejection, ...] | None
) -> TheoremRecord:
    return TheoremRecord(
        name=theorem.name,
        title=theorem.title,
        words=theorem.words,
        latex=theorem.latex,
        reference=theorem.reference,
        mechanism=theorem.mechanism,
        covers=theorem.covers,
        refutes=theorem.refutes,
        status=result.status,
        axioms=result.axioms,
        verdict=result.verdict,
        expected=theorem.expected,
        note=result.note,
        example=dict(result.example),
        assumptions=tuple(
            AssumptionRecord(
                name=one.name, words=one.words, text=text(one.formula), latex=latex(one.formula)
            )
            for one in theorem.assumptions
        ),
        steps=tuple(
            _step(line, step.uses)
            for line, step in zip(derivation(theorem, result), theorem.steps, strict=True)
        ),
        conclusions=tuple(
            ConclusionRecord(text=text(one), latex=latex(one)) for one in theorem.conclusions
        ),
        counterexample=theorem.counterexample,
        mutations=None if rejections is None else tuple(_mutation(*one) for one in rejections),
    )


def _step(line: Line, uses: tuple[str, ...]) -> StepRecord:
    return StepRecord(
        number=line.number,
        id=line.id,
        text=text(line.relation),
        latex=latex(line.relation),
        words=line.words,
        reason=line.reason,
        uses=uses,
        checked_by=line.result.checked_by,
        status=line.result.status,
        note=line.result.note,
        counterexample=dict(line.result.counterexample),
    )


def _mutation(mutation: Mutation, result: TheoremResult) -> MutationRecord:
    return MutationRecord(
        name=mutation.name,
        words=mutation.words,
        rejected=not result.established,
        note=result.note,
    )
