"""The result of audits at several values of one parameter, schema `dpaudit.sweep/1`."""

import json
from typing import Any, Literal, Self

from pydantic import Field

from .model import AuditResult, Number, Record

__all__ = ["SweepPoint", "SweepResult"]


class SweepPoint(Record):
    """One value of the parameter: the audit there, or why the mechanism refuses the value."""

    value: Number
    result: AuditResult | None
    refused: str | None = None


class SweepResult(Record):
    """Audits of one mechanism, all parameters but one fixed, in the order of the values.

    The audits rest on the output law in floating point, or on draws where there is none; they are
    not certified, and hold no curves.
    """

    schema_name: Literal["dpaudit.sweep/1"] = Field(default="dpaudit.sweep/1", alias="schema")
    mechanism: str
    parameter: str
    points: tuple[SweepPoint, ...]

    def to_json(self) -> str:
        """The result as JSON text with a final newline."""
        data = self.model_dump(mode="json", by_alias=True)
        return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; raises `pydantic.ValidationError` on anything else."""
        return cls.model_validate_json(text)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The JSON schema of the format."""
        return cls.model_json_schema(by_alias=True, mode="serialization")

    @property
    def audited(self) -> tuple[tuple[float, AuditResult], ...]:
        """Values with their audits, where the mechanism accepts the value."""
        return tuple((p.value, p.result) for p in self.points if p.result is not None)

    @property
    def exit_code(self) -> int:
        """That of the worst audit: undecided before violated before upheld."""
        codes = {result.exit_code for _, result in self.audited}
        return next(code for code in (3, 1, 0) if code in codes)
