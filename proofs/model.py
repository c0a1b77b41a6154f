"""What a theorem is, and what a check of it finds."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from .language import Formula, Relation
from .rules import Rule

__all__ = [
    "Assumption",
    "Axiom",
    "Decided",
    "Mutation",
    "Status",
    "Step",
    "StepResult",
    "Theorem",
    "TheoremResult",
    "without_assumption",
]

Status = Literal["proved", "refuted", "false as audited", "open"]


@dataclass(frozen=True)
class Assumption:
    """Something that a theorem takes for granted, under a name that steps can use.

    `latex` may be empty; then the formula is shown as it is.
    """

    name: str
    formula: Formula
    words: str
    latex: str = ""


@dataclass(frozen=True)
class Axiom:
    """A cited result that is not checked here. A theorem that uses it is proved modulo its name."""

    name: str
    formula: Formula
    words: str
    reference: str
    latex: str = ""


@dataclass(frozen=True)
class Decided:
    """A step that engines decide. All of them are asked, one must agree and none may object."""

    engines: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One line of a proof.

    Attributes
    ----------
    id
        Its name within the theorem.
    relation
        What it concludes.
    by
        The rule that derives it, or the engines that decide it.
    uses
        Ids of earlier steps, or names of assumptions without variables, in the rule's order.
    words, latex
        For readers. `latex` may be empty; then the relation is shown as it is.
    """

    id: str
    relation: Relation
    by: Rule | Decided
    uses: tuple[str, ...] = ()
    words: str = ""
    latex: str = ""


@dataclass(frozen=True)
class Mutation:
    """A wrong variant of a theorem, made on purpose, that the checker must not accept."""

    name: str
    words: str
    build: Callable[[], "Theorem"]


@dataclass(frozen=True)
class Theorem:
    """A statement, what it assumes, and the steps that lead to it.

    Attributes
    ----------
    name, title
        For the command line and for headings.
    words, latex
        The statement for readers.
    assumptions
        All that the proof may rest on, besides axioms.
    conclusions
        The formal statement: each must be the relation of a step.
    steps
        The proof.
    reference
        Where the result comes from.
    covers
        For which parameters it speaks about the mechanism.
    mechanism
        The registry's name of the mechanism, if it is about one.
    refutes
        The claim that the conclusions contradict, if they contradict one.
    published
        Whether anybody published that claim: the status is then "refuted". Where a technique was
        proposed without a guarantee, dpaudit audits it as if one were claimed, and the status is
        "false as audited".
    expected
        The status that the catalogue promises, with axioms named: "proved modulo …".
    mutations
        At least two.
    counterexample
        Python code that shows a refuted claim fail, for readers to run.
    """

    name: str
    title: str
    words: str
    latex: str
    assumptions: tuple[Assumption, ...]
    conclusions: tuple[Relation, ...]
    steps: tuple[Step, ...]
    reference: str
    covers: str = ""
    mechanism: str | None = None
    refutes: str = ""
    published: bool = True
    expected: str = "proved"
    mutations: tuple[Mutation, ...] = ()
    counterexample: str = ""

    @property
    def status_if_checked(self) -> Status:
        """What its status is once every step is checked."""
        if not self.refutes:
            return "proved"
        return "refuted" if self.published else "false as audited"


@dataclass(frozen=True)
class StepResult:
    """What became of one step.

    `checked`; `failed`, where the counterexample satisfies what the step uses and breaks what it
    concludes; or `open`, where nothing was shown. `checked_by` names the rule, or the engines that
    agreed. `seconds` is not compared.
    """

    id: str
    status: Literal["checked", "failed", "open"]
    checked_by: tuple[str, ...] = ()
    note: str = ""
    counterexample: tuple[tuple[str, str], ...] = ()
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class TheoremResult:
    """What became of a theorem.

    Attributes
    ----------
    status
        "proved"; "refuted" or "false as audited" where the proof of what contradicts a claim was
        checked, see `Theorem.published`; otherwise "open".
    axioms
        Names of the cited results that it rests on.
    steps
        One result a step.
    note
        Why it is open.
    example
        Values on a small vocabulary that meet the assumptions, as text; empty if none was found.
    """

    name: str
    status: Status
    axioms: tuple[str, ...]
    steps: tuple[StepResult, ...]
    note: str = ""
    example: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        raise TypeError("A result about a theorem has no truth value: compare its status.")

    @property
    def seconds(self) -> float:
        """How long the check took."""
        return sum(step.seconds for step in self.steps)

    @property
    def established(self) -> bool:
        """Whether every step was checked and together they give the conclusions."""
        return self.status != "open"

    @property
    def verdict(self) -> str:
        """The status with the axioms that it is modulo."""
        return f"{self.status} modulo {', '.join(self.axioms)}" if self.axioms else self.status


def without_assumption(theorem: Theorem, name: str) -> Theorem:
    """The theorem with an assumption left out, for mutations."""
    kept = tuple(one for one in theorem.assumptions if one.name != name)
    if len(kept) == len(theorem.assumptions):
        raise ValueError(f"{theorem.name} has no assumption {name}")
    return replace(theorem, assumptions=kept)
