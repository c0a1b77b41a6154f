"""`dpaudit mechanisms`: what can be audited by name."""

import json

from .options import JsonFile, Quiet, UnusedSeed, write_output

__all__ = ["command"]


def command(seed: UnusedSeed = 0, json_file: JsonFile = None, quiet: Quiet = False) -> None:
    """List the mechanisms: name, claim, evidence available, proof status.

    Example: dpaudit mechanisms
    """
    from rich.console import Console
    from rich.table import Column, Table

    from ..mechanisms.registry import MECHANISMS

    entries = [
        {
            "name": entry.name,
            "claim": entry.claim,
            "evidence": entry.evidence,
            "proof": entry.theorem,
        }
        for entry in MECHANISMS.values()
    ]
    if json_file:
        write_output(json_file, json.dumps(entries, indent=2, ensure_ascii=False) + "\n")
    if quiet or json_file == "-":
        return
    # Names are copied from here: never cut off.
    name = Column("Mechanism", no_wrap=True)
    table = Table(name, "Claim", "Evidence", "Proof", box=None, pad_edge=False)
    for entry in entries:
        proof = entry["proof"] or "none yet"
        table.add_row(entry["name"], entry["claim"], entry["evidence"], proof)
    Console(highlight=False).print(table)
