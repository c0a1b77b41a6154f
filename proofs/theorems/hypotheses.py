"""Steps that suppose something for the time being."""

from ..language import Formula, Relation
from ..model import Step
from ..rules import Instance

__all__ = ["suppose"]


def suppose(name: str, relation: Relation, words: str) -> Step:
    """A hypothesis: what rests on it holds where it does, until a rule takes it away again."""
    return Step(name, relation, Instance(Formula(relation)), words=words)
