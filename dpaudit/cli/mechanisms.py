"""`dpaudit mechanisms`: what can be audited by name."""

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from ..visible import json_text
from .described import parameter_lines, summary_of
from .options import JsonFile, Quiet, UnusedSeed, mechanism_names
from .outputs import Outputs, outputs
from .targets import Target, find_target

if TYPE_CHECKING:
    from ..proofs.theorems import Entry as TheoremEntry

__all__ = ["command"]


def command(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            autocompletion=mechanism_names,
            help="Show one mechanism: its parameters with defaults and ranges.",
        ),
    ] = None,
    numbers: Annotated[
        bool,
        typer.Option("--numbers", help="List those on numbers instead, which are known by draws."),
    ] = False,
    seed: UnusedSeed = 0,
    json_file: JsonFile = None,
    quiet: Quiet = False,
) -> None:
    """List the mechanisms: name, claim, evidence available, proof status; or describe one.

    Example: dpaudit mechanisms truncated-exponential
    """
    out = outputs(quiet, {"--json": json_file})
    if name is not None and numbers:
        raise InputError("--numbers lists mechanisms, so it goes with no NAME.")
    if name is not None:
        _describe(find_target(name), out)
    elif numbers:
        _list_numbers(out)
    else:
        _list_words(out)


def _theorems(name: str) -> "list[TheoremEntry]":
    from ..proofs.theorems import about

    return [one for one in about(name) if not one.lemma]


def _list_words(out: Outputs) -> None:
    from ..mechanisms.registry import MECHANISMS

    entries = [
        {
            "name": entry.name,
            "claim": entry.claim,
            "evidence": entry.evidence,
            "proof": [
                {"theorem": one.name, "status": one.expected, "where": dict(one.where)}
                for one in _theorems(entry.name)
            ],
        }
        for entry in MECHANISMS.values()
    ]
    if out.text:
        from rich.table import Column, Table

        from ..reports.console import make_console, print_lines

        # Names are copied from here: never cut off.
        theorem = Column("Theorem", overflow="fold")
        table = Table(
            Column("Mechanism", no_wrap=True), "Claim", "Evidence", theorem, box=None,
            pad_edge=False,
        )  # fmt: skip
        for entry in MECHANISMS.values():
            theorems = [
                f"{one.name}: {one.expected}" + (f" for {one.scope}" if one.scope else "")
                for one in _theorems(entry.name)
            ]
            table.add_row(
                entry.name, entry.claim, entry.evidence, "\n".join(theorems) or "none yet"
            )
        console = make_console(width=110)
        print_lines(console, table)
        print_lines(
            console,
            "\nStatuses of theorems are those that the catalogue promises; `dpaudit prove` checks "
            "them.\nParameters of one: `dpaudit mechanisms NAME`. Mechanisms on numbers, correct "
            "and broken ones: `dpaudit mechanisms --numbers`.",
        )
    out.write("--json", lambda: json_text(entries))


def _describe(target: Target, out: Outputs) -> None:
    """One mechanism, with everything that --epsilon and --set can say."""
    from ..mechanisms.registry import MECHANISMS

    found = target.found if target.entry is None else target.entry.load()
    entry = None if target.entry is not None else MECHANISMS.get(target.name)
    parameters = parameter_lines(target)
    facts: dict[str, str] = {}
    if entry is not None:
        facts = {"claim": entry.claim, "evidence": entry.evidence}
    elif target.entry is not None:
        built = target.entry.build()
        facts = {"claim": f"{built.claim.kind} DP, {built.claim.neighbouring}", "evidence": "draws"}
    theorems = [f"{one.name}: {one.expected}" for one in _theorems(target.name)]
    if out.text:
        from rich.table import Table

        from ..reports.console import make_console, print_lines

        console = make_console()
        summary = summary_of(found)
        print_lines(console, f"{target.name}: {summary}\n" if summary else f"{target.name}\n")
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column()
        for line in parameters:
            table.add_row(f"  {line.name}", line.default, line.meaning)
        print_lines(console, table if parameters else "It has no parameters.")
        said = [f"{key.capitalize()}: {fact}." for key, fact in facts.items()]
        said += [f"Theorem: {theorem}." for theorem in theorems]
        print_lines(console, "\n" + "\n".join([*said, f"Example: {_example(target, parameters)}"]))
    data = {
        "name": target.name,
        **facts,
        "parameters": [vars(line) for line in parameters],
        "theorems": theorems,
    }
    out.write("--json", lambda: json_text(data))


def _example(target: Target, parameters: list[Any]) -> str:
    """A command that audits it."""
    known = {line.name: line for line in parameters}
    words = ["dpaudit", "audit", target.name]
    if "epsilon" in known:
        default = known["epsilon"].default
        words += ["--epsilon", default.removeprefix("default ").replace("required", "12")]
    others = [n for n, line in known.items() if line.default == "required" and n != "epsilon"]
    words += [word for name in others for word in ("--set", f"{name}=…")]
    if not target.words and target.entry is None:
        words += ["--claim-epsilon", "1", "--pair", "0", "1"]
    return " ".join(words)


def _list_numbers(out: Outputs) -> None:
    """The numeric mechanisms at their usual parameters, with the epsilon that they really have."""
    from ..mechanisms.numbers.catalogue import NUMBERS
    from ..results.wording import number

    built = [entry.build() for entry in NUMBERS.values()]
    if out.text:
        from rich.table import Column, Table

        from ..reports.console import make_console, print_lines

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
        print_lines(make_console(width=110), table)
    out.write("--json", lambda: json_text([_entry(mechanism) for mechanism in built]))


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
