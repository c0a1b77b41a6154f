"""The result of audits at several values of one parameter, schema `dpaudit.sweep/2`."""

from collections import Counter
from typing import Literal

from pydantic import Field

from ..exit_codes import worst
from ..visible import visible
from .model import AuditResult, Document, Number, Record

__all__ = ["SweepPoint", "SweepResult"]


class SweepPoint(Record):
    """One value of the parameter: the audit there, or why the mechanism refuses the value."""

    value: Number
    result: AuditResult | None
    refused: str | None = None


class SweepResult(Document):
    """Audits of one mechanism, all parameters but one fixed, in the order of the values.

    The audits rest on the output law in floating point, or on draws where there is none; they are
    not certified, and hold no curves.
    """

    schema_name: Literal["dpaudit.sweep/2"] = Field(default="dpaudit.sweep/2", alias="schema")
    mechanism: str
    parameter: str
    points: tuple[SweepPoint, ...]

    @property
    def audited(self) -> tuple[tuple[float, AuditResult], ...]:
        """Values with their audits, where the mechanism accepts the value."""
        return tuple((p.value, p.result) for p in self.points if p.result is not None)

    @property
    def exit_code(self) -> int:
        """That of the worst audit: violated before undecided before upheld."""
        return int(worst(result.exit_code for _, result in self.audited))

    @property
    def headline(self) -> str:
        """How many audits ended how, in one line."""
        counts = Counter(result.verdict.value for _, result in self.audited)
        counts["refused"] = len(self.points) - counts.total()
        said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        return visible(f"{self.mechanism} at {len(self.points)} values of {self.parameter}: {said}")

    def __bool__(self) -> bool:
        raise TypeError("A sweep has no truth value: look at its exit_code, or at its points.")
