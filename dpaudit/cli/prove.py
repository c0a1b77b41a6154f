"""`dpaudit prove`: checks theorems and prints derivations."""

import difflib
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from ..exit_codes import worst
from .options import JsonFile, Quiet, UnusedSeed
from .outputs import Outputs, outputs
from .progress import progress_bar

if TYPE_CHECKING:
    from ..exact.audit import Progress
    from ..proofs.display.document import Checked, Rejection
    from ..proofs.model import Theorem

__all__ = ["command"]


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]…",
            help="Theorems, or mechanisms whose theorems are meant; default: all.",
        ),
    ] = None,
    mutations: Annotated[
        bool,
        typer.Option(
            "--mutations", help="Also check variants that are wrong on purpose: none may pass."
        ),
    ] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Check every step now, whatever was checked before.")
    ] = False,
    seed: UnusedSeed = 0,
    json_file: JsonFile = None,
    latex_file: Annotated[
        str | None,
        typer.Option("--latex", metavar="FILE", help="Write the derivations as a LaTeX document."),
    ] = None,
    html_file: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Write a page to look at.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Check theorems that hold for every vocabulary, step by step, and print derivations.

    Without names: every theorem, as a table. Exit code 0: each has the status that is expected of
    it; 1: some has another; 3: some is open that should not be. With names: 0 proved; 1 refuted
    or false as audited; 3 open. Several: 1 before 3 before 0. A mutation that passes counts as 1.

    Example: dpaudit prove random-cutoff --latex random-cutoff.tex
    """
    out = outputs(quiet, {"--json": json_file, "--latex": latex_file, "--html": html_file})
    chosen, derivations = _choose(names or [])
    with progress_bar(quiet) as show:
        theorems = _check(chosen, mutations, not no_cache, show)
    code = _exit_code(theorems, named=bool(names))
    out.verdict(_headline(theorems))
    if out.text:
        from ..reports.theorems import terminal

        for place, one in enumerate(theorems if derivations else []):
            print(end="\n" if place else "")
            terminal.show_derivation(one)
        if not derivations:
            terminal.show_table(theorems)
    _write(out, theorems)
    raise typer.Exit(code)


def _headline(theorems: list["Checked"]) -> str:
    """How many theorems have which status, in one line."""
    counts = Counter(result.verdict for _, result, _ in theorems)
    found = ", ".join(f"{count} {status}" for status, count in counts.items())
    return f"{len(theorems)} theorem{'s' * (len(theorems) != 1)}: {found}"


def _write(out: Outputs, theorems: list["Checked"]) -> None:
    """The files that were asked for."""
    if "--json" in out.files:
        from ..proofs.display.document import document

        out.write("--json", lambda: document(theorems).to_json())
    if "--latex" in out.files:
        from ..reports.theorems.latex import render as render_latex

        out.write("--latex", lambda: render_latex(theorems))
    if "--html" in out.files:
        from ..reports.theorems.page import render as render_page

        out.write("--html", lambda: render_page(theorems))


def _choose(names: list[str]) -> tuple[list[str], bool]:
    """Names of theorems, and whether to print their derivations: a mechanism that no theorem is
    called after stands for a table of its theorems."""
    from ..mechanisms.registry import MECHANISMS
    from ..proofs.theorems import THEOREMS, about

    chosen: dict[str, None] = {}
    for name in names or THEOREMS:
        found = [name] if name in THEOREMS else [entry.name for entry in about(name)]
        if name in MECHANISMS and not found:
            raise InputError(
                f"There is no theorem about {name} yet. `dpaudit prove` without a name lists all."
            )
        if not found:
            close = difflib.get_close_matches(name, [*THEOREMS, *MECHANISMS], n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise InputError(
                f"There is no theorem or mechanism {name!r}.{hint} `dpaudit prove` without a name "
                "lists all theorems."
            )
        chosen |= dict.fromkeys(found)
    return list(chosen), bool(names) and all(name in THEOREMS for name in names)


def _check(
    names: list[str], mutations: bool, use_cache: bool, show: "Progress | None"
) -> list["Checked"]:
    from ..proofs import check, find

    def rejections(theorem: "Theorem") -> "tuple[Rejection, ...]":
        return tuple((one, check(one.build(), use_cache=use_cache)) for one in theorem.mutations)

    found: list[Checked] = []
    for name in names:
        theorem = find(name)
        result = check(theorem, use_cache=use_cache)
        found.append((theorem, result, rejections(theorem) if mutations else None))
        if show:
            show("theorems", len(found) / len(names))
    return found


def _exit_code(theorems: list["Checked"], named: bool) -> int:
    """Of the worst theorem, by its status if it was asked for by name, else by whether that is the
    expected one."""
    codes = {0}
    for theorem, result, rejections in theorems:
        if any(mutated.established for _, mutated in rejections or ()):
            codes.add(1)
        if named or result.verdict != theorem.expected:
            found = {"open": 3, "refuted": 1, "false as audited": 1}
            codes.add(found.get(result.status, 0 if named else 1))
    return worst(codes)
