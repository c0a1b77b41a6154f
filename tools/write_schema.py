"""Write the JSON schema of audit results, `python -m tools.write_schema FILE`."""

import json
import sys
from pathlib import Path

from dpaudit.results import AuditResult


def schema_text() -> str:
    """The schema as it is published."""
    return json.dumps(AuditResult.json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text(), encoding="utf-8")
