"""`dpaudit mechanisms`: what can be audited by name."""

import json
import math
from typing import Annotated, Any

import typer

from .options import JsonFile, Quiet, UnusedSeed, write_output

__all__ = ["command"]


def command(
    numbers: Annotated[
        bool,
        typer.Option("--numbers", help="List those on numbers instead, which are known by draws."),
    ] = False,
    seed: UnusedSeed = 0,
    json_file: JsonFile = None,
    quiet: Quiet = False,
) -> None:
    """List the mechanisms: name, claim, evidence available, proof status.

    Example: dpaudit mechanisms
    """
    if numbers:
        _list_numbers(json_file, quiet)
        return
    from rich.table import Column, Table

    from ..mechanisms.registry import MECHANISMS
    from ..proofs.theorems import about
    from ..reports.terminal import make_console

    entries = [
        {
            "name": entry.name,
            "claim": entry.claim,
            "evidence": entry.evidence,
            "proof": [
                {"theorem": one.name, "status": one.expected, "where": dict(one.where)}
                for one in about(entry.name)
                if not one.lemma
            ],
        }
        for entry in MECHANISMS.values()
    ]
    if json_file:
        write_output(json_file, json.dumps(entries, indent=2, ensure_ascii=False) + "\n")
    if quiet or json_file == "-":
        return
    # Names are copied from here: never cut off.
    name = Column("Mechanism", no_wrap=True)
    theorem = Column("Theorem", overflow="fold")
    table = Table(name, "Claim", "Evidence", theorem, box=None, pad_edge=False)
    for entry in MECHANISMS.values():
        theorems = [
            f"{one.name}: {one.expected}" + (f" for {one.scope}" if one.scope else "")
            for one in about(entry.name)
            if not one.lemma
        ]
        table.add_row(entry.name, entry.claim, entry.evidence, "\n".join(theorems) or "none yet")
    console = make_console(width=110)
    console.print(table)
    console.print(
        "\nStatuses of theorems are those that the catalogue promises; `dpaudit prove` checks them."
    )
    console.print("Mechanisms on numbers, correct and broken ones: `dpaudit mechanisms --numbers`.")


def _list_numbers(json_file: str | None, quiet: bool) -> None:
    """The numeric mechanisms at their usual parameters, with the epsilon that they really have."""
    from rich.table import Column, Table

    from ..mechanisms.numbers.catalogue import NUMBERS
    from ..reports.terminal import make_console
    from ..results.wording import number

    built = [entry.build() for entry in NUMBERS.values()]
    if json_file:
        entries = [_entry(mechanism) for mechanism in built]
        write_output(json_file, json.dumps(entries, indent=2, ensure_ascii=False) + "\n")
    if quiet or json_file == "-":
        return
    table = Table(
        Column("Mechanism", no_wrap=True),
        Column("Parameters"),
        Column("claimed ε", justify="right"),
        Column("true ε", justify="right"),
        Column(""),
        box=None,
        pad_edge=False,
    )
    for mechanism in built:
        claim, true = mechanism.claim, mechanism.true_epsilon
        table.add_row(
            mechanism.name,
            ", ".join(f"{key}={value:g}" for key, value in mechanism.parameters.items()),
            number(claim.epsilon) + (f", δ = {number(claim.delta)}" if claim.delta else ""),
            "not known" if true is None else number(round(true, 9)),
            "broken" if mechanism.broken else "",
        )
    make_console(width=110).print(table)


def _entry(mechanism: Any) -> dict[str, Any]:
    claim, true = mechanism.claim, mechanism.true_epsilon
    return {
        "name": mechanism.name,
        "parameters": dict(mechanism.parameters),
        "claim": {"kind": claim.kind, "epsilon": claim.epsilon, "delta": claim.delta},
        "neighbouring": claim.neighbouring,
        "true_epsilon": "inf" if true == math.inf else true,
        "broken": mechanism.broken,
    }
