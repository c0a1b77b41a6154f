"""Whether the assumptions of a theorem contradict each other: then it would say nothing.

z3 is asked before a theorem is accepted, in three ways: the assumptions as they stand, conditions
included; every two of them where the conditions of both hold; and all that the steps derived from
them. It does not see every contradiction: `example` looks for values that meet the assumptions.
"""

from collections.abc import Iterable
from itertools import combinations_with_replacement

from .engines.balls import ground_truth
from .engines.with_z3 import contradictory
from .language import Formula, Judgement, canonical
from .model import Theorem
from .rules import Instance
from .substitution import substitute

__all__ = ["contradiction", "contradiction_in_steps"]


def contradiction(theorem: Theorem) -> str:
    """Which assumptions contradict each other, or an empty string if z3 sees none that do."""
    formulas = {one.name: one.formula for one in theorem.assumptions}
    if formulas and contradictory([*formulas.values(), *_instances(theorem)]):
        return "the assumptions contradict each other"
    conditional = [name for name, formula in formulas.items() if formula.given]
    plain = [formula for formula in formulas.values() if not formula.given]
    for first, second in combinations_with_replacement(conditional, 2):
        both = [formulas[first], formulas[second]]
        conditions = [Formula(relation) for formula in both for relation in formula.given]
        if contradictory([*plain, *conditions]):
            continue  # the conditions exclude each other: two cases
        if contradictory([*plain, *conditions, *(Formula(one.relation) for one in both)]):
            return (
                f"the assumptions {first} and {second} contradict each other where their "
                "conditions hold"
            )
    return ""


def _instances(theorem: Theorem) -> list[Formula]:
    """The assumptions for those values for which the steps use them."""
    known = {canonical(one.formula) for one in theorem.assumptions}
    found = []
    for step in theorem.steps:
        rule = step.by
        if isinstance(rule, Instance) and canonical(rule.formula) in known:
            try:
                plain = Formula(rule.formula.relation, rule.formula.given)
                found.append(substitute(plain, rule.values))
            except ValueError:
                continue  # the step will not be checked either
    return found


def contradiction_in_steps(theorem: Theorem, shown: Iterable[Judgement]) -> str:
    """Whether what was derived from the assumptions alone is false, or contradicts itself."""
    allowed = {canonical(one.formula) for one in theorem.assumptions}
    derived = [one.conclusion for one in shown if one.hypotheses <= allowed]
    false = next((relation for relation in derived if ground_truth(relation) is False), None)
    if false is not None:
        return f"the assumptions contradict each other: {false} would follow"
    if contradictory([Formula(relation) for relation in dict.fromkeys(derived)]):
        return "the assumptions contradict each other: what the steps show cannot all hold"
    return ""
