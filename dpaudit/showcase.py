"""`make audit`: audits on the built-in space with files to look at and a table at the end.

Exits 0 when every verdict is the expected one.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .auditing import audit
from .cli.options import progress_bar
from .files import write_whole
from .mechanisms import registry
from .mechanisms.spaces import EmbeddingSpace
from .reports import page, terminal
from .results import AuditResult, Verdict, wording

__all__ = ["main"]


@dataclass(frozen=True)
class Exhibit:
    """A mechanism with its parameters, and the verdict that its claim deserves."""

    mechanism: str
    parameters: dict[str, float]
    expected: Verdict


EXHIBITS = (
    Exhibit("metric-exponential", {"epsilon": 12.0}, Verdict.UPHELD),
    # The default threshold is beyond the farthest word here and would change nothing.
    Exhibit("truncated-exponential", {"epsilon": 12.0, "threshold": 1.0}, Verdict.UPHELD),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all exhibits; 0 if every verdict is the expected one, 1 otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("audit-output"))
    output = parser.parse_args(arguments).output
    output.mkdir(parents=True, exist_ok=True)
    space = EmbeddingSpace.builtin()
    results = [_run(exhibit, space, output) for exhibit in EXHIBITS]
    terminal.show(results[0])
    print("\nAll audits:\n")
    terminal.comparison_table(results)
    print(f"\nPages to look at and JSON are in {output}/:")
    for exhibit in EXHIBITS:
        print(f"  {exhibit.mechanism}.html, {exhibit.mechanism}.json")
    surprises = [
        (exhibit, result)
        for exhibit, result in zip(EXHIBITS, results, strict=True)
        if result.verdict is not exhibit.expected
    ]
    for exhibit, result in surprises:
        print(f"Unexpected: {wording.headline(result)}; expected {exhibit.expected}.")
    return 1 if surprises else 0


def _run(exhibit: Exhibit, space: EmbeddingSpace, output: Path) -> AuditResult:
    factory = registry.find(exhibit.mechanism).load()
    with progress_bar(quiet=False) as progress:
        result = audit(factory(space, **exhibit.parameters), progress=progress)
    write_whole(output / f"{exhibit.mechanism}.json", result.to_json())
    write_whole(output / f"{exhibit.mechanism}.html", page.render(result))
    return result


if __name__ == "__main__":
    raise SystemExit(main())
