"""What an engine says about one obligation: whether the goal holds wherever the premises do."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["UNKNOWN", "Answer", "Verdict"]

Verdict = Literal["holds", "fails", "unknown"]


@dataclass(frozen=True)
class Answer:
    """An engine's answer.

    `fails` may only be said with values that were verified in exact or ball arithmetic to satisfy
    the premises and break the goal; they are the `counterexample`, as text.
    """

    verdict: Verdict
    note: str = ""
    counterexample: tuple[tuple[str, str], ...] = ()


UNKNOWN = Answer("unknown")
