"""Checks theorems, step by step. Whatever goes wrong on the way leaves a theorem open."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from types import FrameType

from sympy.core.function import AppliedUndef

from .axioms import AXIOMS
from .consistency import contradiction, contradiction_in_steps
from .conventions import CONVENTIONS
from .engines import ENGINES, engine, versions
from .engines.answer import Answer
from .example import find_example
from .language import Formula, Judgement, Relation, canonical, free_symbols
from .model import Decided, Step, StepResult, Theorem, TheoremResult
from .rules import RULES, Rule
from .signs import declared, why_not_real

__all__ = ["check", "trusted_base"]

#: For one step, in seconds.
TIME_LIMIT = 30.0


def check(theorem: Theorem) -> TheoremResult:
    """Check every step, and that together they give the conclusions.

    Never raises: a malformed theorem, an engine that fails and a step that takes too long leave
    the theorem open, and the note says why.
    """
    try:
        note = _malformed(theorem)
    except Exception as error:
        note = f"the theorem cannot be read: {_told(error)}"
    if note:
        return TheoremResult(theorem.name, "open", (), (), note)
    known = {
        assumption.name: Judgement(
            assumption.formula.relation, frozenset({canonical(assumption.formula)})
        )
        for assumption in theorem.assumptions
        if not assumption.formula.forall and not assumption.formula.given
    }
    results = []
    for step in theorem.steps:
        result, judgement = _timed(step, known)
        results.append(result)
        if judgement is not None:
            known[step.id] = judgement
    return _conclude(theorem, tuple(results), known)


def trusted_base() -> dict[str, dict[str, str]]:
    """All that a proof rests on: rules, engines with their versions, conventions, axioms.

    >>> sorted(trusted_base())
    ['axioms', 'conventions', 'engines', 'rules']
    >>> trusted_base()["rules"]["Discharge"]
    'From Γ ⊢ φ and Δ, φ ⊢ ψ follows Γ ∪ Δ ⊢ ψ.'
    """
    return {
        "rules": {rule.__name__: str(rule.__doc__).partition("\n")[0] for rule in RULES},
        "engines": versions(),
        "conventions": dict(CONVENTIONS),
        "axioms": {axiom.name: f"{axiom.words} ({axiom.reference})" for axiom in AXIOMS},
    }


def _malformed(theorem: Theorem) -> str:
    """Why a theorem is not worth checking; empty if it is."""
    names = [*(one.name for one in theorem.assumptions), *(step.id for step in theorem.steps)]
    if len(set(names)) < len(names):
        return "two steps or assumptions have the same name"
    if not theorem.conclusions:
        return "there is no conclusion"
    earlier = {one.name for one in theorem.assumptions}
    for step in theorem.steps:
        missing = [name for name in step.uses if name not in earlier]
        if missing:
            return f"step {step.id} uses {', '.join(missing)}, which is no earlier step"
        earlier.add(step.id)
    formulas = [one.formula for one in theorem.assumptions]
    formulas += [axiom.formula for axiom in AXIOMS]
    relations: list[Relation] = [
        *(relation for formula in formulas for relation in (formula.relation, *formula.given)),
        *theorem.conclusions,
    ]
    reasons = (why_not_real(relation) for relation in relations)
    reason = next((reason for reason in reasons if reason), "")
    if reason:
        return reason
    return _two_of_one_name(theorem) or contradiction(theorem)


def _two_of_one_name(theorem: Theorem) -> str:
    """A function, or a symbol of the statement, that is declared in two ways: a reader sees one."""
    formulas = [one.formula for one in theorem.assumptions]
    stated: list[Formula | Relation] = [*formulas, *theorem.conclusions]
    things = {symbol for thing in stated for symbol in free_symbols(thing)}
    relations = [relation for f in formulas for relation in (f.relation, *f.given)]
    relations += [*theorem.conclusions, *(step.relation for step in theorem.steps)]
    for relation in relations:
        for side in (relation.left, relation.right):
            things |= side.atoms(AppliedUndef)
    seen: dict[tuple[bool, str], dict[str, bool]] = {}
    for thing in things:
        name = thing.name if thing.is_Symbol else thing.func.__name__
        if seen.setdefault((thing.is_Symbol, name), declared(thing)) != declared(thing):
            return f"there are two things called {name}, with different assumptions"
    return ""


def _timed(step: Step, known: dict[str, Judgement]) -> tuple[StepResult, Judgement | None]:
    start = time.perf_counter()
    judgement = None
    try:
        with _time_limit(TIME_LIMIT):
            result, judgement = _check_step(step, known)
    except Exception as error:
        result, judgement = StepResult(step.id, "open", note=_told(error)), None
    return replace(result, seconds=time.perf_counter() - start), judgement


def _check_step(step: Step, known: dict[str, Judgement]) -> tuple[StepResult, Judgement | None]:
    missing = [name for name in step.uses if name not in known]
    if missing:
        note = f"rests on {', '.join(missing)}, which is not shown or has variables of its own"
        return StepResult(step.id, "open", note=note), None
    reason = why_not_real(step.relation)
    if reason:
        return StepResult(step.id, "open", note=reason), None
    premises = tuple(known[name] for name in step.uses)
    if isinstance(step.by, Decided):
        return _decide(step, step.by, premises)
    return _derive(step, step.by, premises)


def _derive(
    step: Step, rule: Rule, premises: tuple[Judgement, ...]
) -> tuple[StepResult, Judgement | None]:
    name = type(rule).__name__
    if type(rule) not in RULES:
        return StepResult(step.id, "open", note=f"{name} is not one of the rules"), None
    judgement = rule.derive(premises, step.relation)
    if canonical(judgement.conclusion) != canonical(step.relation):
        note = f"{name} gives {judgement.conclusion}, not {step.relation}"
        return StepResult(step.id, "open", note=note), None
    return StepResult(step.id, "checked", (name,)), judgement


def _decide(
    step: Step, by: Decided, premises: tuple[Judgement, ...]
) -> tuple[StepResult, Judgement | None]:
    if not by.engines or not set(by.engines) <= set(ENGINES):
        return StepResult(step.id, "open", note=f"no such engines: {by.engines}"), None
    relations = tuple(premise.conclusion for premise in premises)
    answers = {name: _ask(name, relations, step.relation) for name in by.engines}
    agreed = tuple(name for name, answer in answers.items() if answer.verdict == "holds")
    objections = [name for name, answer in answers.items() if answer.verdict == "fails"]
    note = "; ".join(f"{name}: {answer.note}" for name, answer in answers.items() if answer.note)
    if agreed and objections:
        return StepResult(step.id, "open", note=f"engines disagree: {note}"), None
    if objections:
        counterexample = answers[objections[0]].counterexample
        return StepResult(step.id, "failed", (), note, counterexample), None
    if not agreed:
        return StepResult(step.id, "open", note=note or "undecided"), None
    hypotheses = frozenset().union(*(premise.hypotheses for premise in premises))
    return StepResult(step.id, "checked", agreed, note), Judgement(step.relation, hypotheses)


def _ask(name: str, premises: tuple[Relation, ...], goal: Relation) -> Answer:
    try:
        return engine(name)(premises, goal)
    except Exception as error:
        return Answer("unknown", _told(error))


def _conclude(
    theorem: Theorem, results: tuple[StepResult, ...], known: dict[str, Judgement]
) -> TheoremResult:
    def left_open(note: str) -> TheoremResult:
        return TheoremResult(theorem.name, "open", (), results, note)

    unchecked = [result.id for result in results if result.status != "checked"]
    if unchecked:
        return left_open(f"not shown: {', '.join(unchecked)}")
    allowed = {canonical(one.formula) for one in theorem.assumptions}
    cited = {canonical(axiom.formula): axiom.name for axiom in AXIOMS}
    used: set[str] = set()
    for conclusion in theorem.conclusions:
        shown = [
            known[step.id]
            for step in theorem.steps
            if canonical(step.relation) == canonical(conclusion)
        ]
        if not shown:
            return left_open(f"no step concludes {conclusion}")
        rests = shown[-1].hypotheses - allowed
        strange = sorted(str(formula) for formula in rests if formula not in cited)
        if strange:
            return left_open(f"rests on what is not assumed: {'; '.join(strange)}")
        used |= {cited[formula] for formula in rests}
    vacuous = contradiction_in_steps(theorem, known.values())
    if vacuous:
        return left_open(vacuous)
    status, axioms = theorem.status_if_checked, tuple(sorted(used))
    return TheoremResult(theorem.name, status, axioms, results, example=_example(theorem))


def _example(theorem: Theorem) -> tuple[tuple[str, str], ...]:
    try:
        with _time_limit(TIME_LIMIT):
            return find_example(theorem)
    except Exception:  # nothing rests on it
        return ()


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raises TimeoutError after some seconds. Only in the main thread, which alone gets signals;
    elsewhere a step may take longer, but not conclude more."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"no answer within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
