"""`make audit`: audits on the built-in space with files to look at and a table at the end.

Exits 0 when every verdict is the expected one.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .auditing import audit
from .cli.progress import progress_bar
from .files import write_whole
from .mechanisms import registry
from .mechanisms.spaces import EmbeddingSpace
from .reports import page, terminal
from .results import AuditResult, Verdict, wording

__all__ = ["main"]


@dataclass(frozen=True)
class Exhibit:
    """A mechanism with its parameters, and the verdict that its claim deserves.

    `multiple` stands for an epsilon that depends on the space: (class, m) is m times the smallest
    epsilon that this class accepts there. `name` names the files.
    """

    name: str
    mechanism: str
    expected: Verdict
    parameters: Mapping[str, float] = field(default_factory=dict)
    multiple: tuple[str, float] | None = None

    def build(self, space: EmbeddingSpace) -> Any:
        """The mechanism on a space."""
        parameters = dict(self.parameters)
        if self.multiple is not None:
            mechanism, factor = self.multiple
            parameters["epsilon"] = factor * registry.find(mechanism).load().bound(space)
        return registry.find(self.mechanism).load()(space, **parameters)


EXHIBITS = (
    Exhibit("metric-exponential", "metric-exponential", Verdict.UPHELD, {"epsilon": 12.0}),
    Exhibit(
        "truncated-exponential",
        "truncated-exponential",
        Verdict.UPHELD,
        # The default threshold is beyond the farthest word here and would change nothing.
        {"epsilon": 12.0, "threshold": 1.0},
    ),
    Exhibit(
        "truncated-gumbel",
        "truncated-gumbel",
        Verdict.VIOLATED,
        multiple=("truncated-gumbel", 1.5),
    ),
    Exhibit(
        "random-cutoff-same-epsilon",
        "random-cutoff-exponential",
        Verdict.UPHELD,
        multiple=("truncated-gumbel", 1.5),
    ),
    Exhibit(
        "random-cutoff-smallest-epsilon",
        "random-cutoff-exponential",
        Verdict.UPHELD,
        multiple=("random-cutoff-exponential", 1.01),
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all exhibits; 0 if every verdict is the expected one, 1 otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("audit-output"))
    output = parser.parse_args(arguments).output
    output.mkdir(parents=True, exist_ok=True)
    space = EmbeddingSpace.builtin()
    results = [_run(exhibit, space, output) for exhibit in EXHIBITS]
    for result in results[:1] + [r for r in results if r.verdict is Verdict.VIOLATED][:1]:
        terminal.show(result, rest=f"{output}/, or everything in words: dpaudit audit … --verbose.")
        print()
    print(f"All audits on {len(space):,} words of {space.source}:\n")
    terminal.comparison_table(results)
    print(f"\nPages to look at, JSON and certificates are in {output}/:")
    for exhibit in EXHIBITS:
        print(f"  {exhibit.name}.html, .json, .certificate.json")
    print(f"\nTo check a certificate: dpaudit verify {output}/truncated-gumbel.certificate.json")
    surprises = [
        (exhibit, result)
        for exhibit, result in zip(EXHIBITS, results, strict=True)
        if result.verdict is not exhibit.expected
    ]
    for exhibit, result in surprises:
        print(f"Unexpected: {wording.headline(result)}; expected {exhibit.expected}.")
    return 1 if surprises else 0


def _run(exhibit: Exhibit, space: EmbeddingSpace, output: Path) -> AuditResult:
    mechanism = exhibit.build(space)
    with progress_bar(quiet=False) as progress:
        result = audit(
            mechanism, certificate=output / f"{exhibit.name}.certificate.json", progress=progress
        )
    write_whole(output / f"{exhibit.name}.json", result.to_json())
    write_whole(output / f"{exhibit.name}.html", page.render(result))
    return result


if __name__ == "__main__":
    raise SystemExit(main())
