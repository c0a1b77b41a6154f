"""A checked theorem as the numbered lines that a reader follows."""

from dataclasses import dataclass, fields
from typing import Any

from ..axioms import AXIOMS
from ..language import Relation, canonical
from ..model import Decided, Step, StepResult, Theorem, TheoremResult
from ..rules import Instance, Rule
from ..substitution import substitute
from .formulas import text

__all__ = ["Line", "derivation", "example_sentence"]

#: What each rule does, with its fields as they are printed.
_RULES = {
    "Substitute": "for {values}",
    "Termwise": "summed term by term over {variable} = {lower}, …, {upper}",
    "Integrate": "integrated over {variable} from {lower} to {upper}",
    "OneTerm": "the term at {place} of a sum of nonnegative terms",
    "SubRange": "a part of a sum of nonnegative terms",
    "Monotone": "{function} is increasing",
    "Rewrite": "an equation is put in",
    "Cases": "by cases: {condition}, or not",
    "Discharge": "what was assumed is shown by now",
    "Induction": "by induction on {variable} from {start} on",
}


@dataclass(frozen=True)
class Line:
    """One step: what it says, why, what checked it and what came of that.

    `reason` says what the rule does or names the engines, `rule` is the name of the rule; `uses`
    are numbers of lines in brackets and names of assumptions.
    """

    number: int
    id: str
    relation: Relation
    words: str
    reason: str
    rule: str
    uses: tuple[str, ...]
    result: StepResult

    @property
    def because(self) -> str:
        """Reason and premises in one phrase."""
        return f"{self.reason}, from {', '.join(self.uses)}" if self.uses else self.reason


def derivation(theorem: Theorem, result: TheoremResult) -> tuple[Line, ...]:
    """The lines of a proof, with what a check of it found.

    >>> from dpaudit.proofs import check, find
    >>> theorem = find("metric-exponential")
    >>> last = derivation(theorem, check(theorem))[-1]
    >>> last.because.partition(",")[0], last.result.checked_by
    ('decided by z3', ('z3',))
    """
    numbers = {step.id: f"({place})" for place, step in enumerate(theorem.steps, start=1)}
    found = {one.id: one for one in result.steps}
    return tuple(
        Line(
            number=number,
            id=step.id,
            relation=step.relation,
            words=step.words,
            reason=_reason(step, theorem),
            rule="" if isinstance(step.by, Decided) else type(step.by).__name__,
            uses=tuple(numbers.get(name, name) for name in step.uses),
            # Nothing was checked of a theorem that cannot be read.
            result=found.get(step.id, StepResult(step.id, "open", note="not checked")),
        )
        for number, step in enumerate(theorem.steps, start=1)
    )


def example_sentence(theorem: Theorem, result: TheoremResult) -> str:
    """Whether anything meets the assumptions, as far as that is known; empty for an open theorem.

    >>> from dpaudit.proofs import check, find
    >>> theorem = find("metric-exponential")
    >>> example_sentence(theorem, check(theorem))[:50]
    'The assumptions are met, for example, by d(1, 1) ='
    """
    if not result.established:
        return ""
    if not theorem.assumptions:
        return "Nothing is assumed but what the symbols are declared to be."
    if result.example:
        values = ", ".join(f"{term} = {value}" for term, value in result.example)
        return (
            f"The assumptions are met, for example, by {values} (words are numbers; what is "
            "assumed for all words, or for all real numbers, was tried for a few)."
        )
    return (
        "No example that meets the assumptions was found by a search over small vocabularies; z3 "
        "finds no contradiction in them."
    )


def _reason(step: Step, theorem: Theorem) -> str:
    if isinstance(step.by, Decided):
        return f"decided by {' and '.join(step.by.engines)}"
    if isinstance(step.by, Instance):
        open_conditions = step.by.formula.given and not step.uses
        return _instance(step.by, theorem) + (_conditions(step.by) if open_conditions else "")
    name = type(step.by).__name__
    return _RULES.get(name, name).format(**_printed(step.by))


def _instance(rule: Instance, theorem: Theorem) -> str:
    named = {canonical(one.formula): f"assumption {one.name}" for one in theorem.assumptions}
    named |= {canonical(one.formula): f"axiom {one.name}" for one in AXIOMS}
    what = named.get(canonical(rule.formula), f"supposed for now that {text(rule.formula)}")
    return f"{what} for {_values(rule.values)}" if rule.values else what


def _conditions(rule: Instance) -> str:
    """What has to hold for it, where no earlier line says that it does."""
    values = [pair for pair in rule.values if pair[0] in rule.formula.forall]
    given = (substitute(relation, tuple(values)) for relation in rule.formula.given)
    return f", if {', '.join(map(text, given))}"


def _printed(rule: Rule) -> dict[str, str]:
    return {field.name: _print(getattr(rule, field.name)) for field in fields(rule)}


def _print(value: Any) -> str:
    if isinstance(value, tuple):
        return _values(value)
    return value if isinstance(value, str) else text(value)


def _values(values: Any) -> str:
    return ", ".join(f"{text(symbol)} = {text(value)}" for symbol, value in values)
