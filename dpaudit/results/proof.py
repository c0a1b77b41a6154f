"""Checked theorems as a document, schema `dpaudit.proof/1`.

Formulas are LaTeX for math mode. Times are left out: same theorems, same bytes.
"""

from typing import Literal

from pydantic import Field

from .model import Document, Record

__all__ = [
    "AssumptionRecord",
    "ConclusionRecord",
    "MutationRecord",
    "ProofDocument",
    "StepRecord",
    "TheoremRecord",
]

Status = Literal["proved", "refuted", "false as audited", "open"]


class AssumptionRecord(Record):
    """Something that a theorem takes for granted."""

    name: str
    words: str
    text: str
    latex: str


class ConclusionRecord(Record):
    """A part of the formal statement."""

    text: str
    latex: str


class StepRecord(Record):
    """One line of a proof. `uses` are ids of earlier steps and names of assumptions; `checked_by`
    is the rule, or the engines that agreed. Where `status` is `failed`, `counterexample` gives
    values that satisfy what the step uses and break what it says."""

    number: int
    id: str
    text: str
    latex: str
    words: str
    reason: str
    uses: tuple[str, ...]
    checked_by: tuple[str, ...]
    status: Literal["checked", "failed", "open"]
    note: str
    counterexample: dict[str, str]


class MutationRecord(Record):
    """A wrong variant of a theorem, and whether the checker rejected it."""

    name: str
    words: str
    rejected: bool
    note: str


class TheoremRecord(Record):
    """A theorem and what the checker found.

    `expected` is the status that the catalogue promises, with axioms named; `verdict` is the
    status found, in the same form. `example` gives values that meet the assumptions, on a small
    vocabulary; it is empty where none was found. `mutations` is null where they were not checked.
    """

    name: str
    title: str
    words: str
    latex: str
    reference: str
    mechanism: str | None
    covers: str
    refutes: str
    status: Status
    axioms: tuple[str, ...]
    verdict: str
    expected: str
    note: str
    example: dict[str, str] = Field(default_factory=dict)
    assumptions: tuple[AssumptionRecord, ...]
    steps: tuple[StepRecord, ...]
    conclusions: tuple[ConclusionRecord, ...]
    counterexample: str
    mutations: tuple[MutationRecord, ...] | None = None


class ProofDocument(Document):
    """Theorems in the order asked for, and all that their proofs rest on."""

    schema_name: Literal["dpaudit.proof/1"] = Field(default="dpaudit.proof/1", alias="schema")
    theorems: tuple[TheoremRecord, ...]
    trusted_base: dict[str, dict[str, str]]
