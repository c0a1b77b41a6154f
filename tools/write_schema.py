"""Write the JSON schemas of all documents: `python -m tools.write_schema FOLDER`."""

import json
import sys
from pathlib import Path

from dpaudit.certificates import Certificate
from dpaudit.results import AuditResult
from dpaudit.results.proof import ProofDocument
from dpaudit.results.sweep import SweepResult

#: File names with the models that they describe.
SCHEMAS = {
    "audit-result.schema.json": AuditResult,
    "certificate.schema.json": Certificate,
    "proof.schema.json": ProofDocument,
    "sweep.schema.json": SweepResult,
}


def schema_text(name: str) -> str:
    """A schema as it is published."""
    return json.dumps(SCHEMAS[name].json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name in SCHEMAS:
        (Path(sys.argv[1]) / name).write_text(schema_text(name), encoding="utf-8")
