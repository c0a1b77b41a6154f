"""The result of audits at several values of one parameter, schema `dpaudit.sweep/1`."""

from typing import Literal

from pydantic import Field

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

    schema_name: Literal["dpaudit.sweep/1"] = Field(default="dpaudit.sweep/1", alias="schema")
    mechanism: str
    parameter: str
    points: tuple[SweepPoint, ...]

    @property
    def audited(self) -> tuple[tuple[float, AuditResult], ...]:
        """Values with their audits, where the mechanism accepts the value."""
        return tuple((p.value, p.result) for p in self.points if p.result is not None)

    @property
    def exit_code(self) -> int:
        """That of the worst audit: undecided before violated before upheld."""
        codes = {result.exit_code for _, result in self.audited}
        return next(code for code in (3, 1, 0) if code in codes)
