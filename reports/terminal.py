"""An audit result on a terminal: the answer in few lines, or all that it says."""

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..results import AuditResult, Verdict, sections, wording
from ..visible import visible
from .console import make_console, print_lines

__all__ = ["comparison_table", "show"]

_STYLES = {
    Verdict.UPHELD: ("✓", "bold green"),
    Verdict.VIOLATED: ("✗", "bold red"),
    Verdict.NOT_REFUTED: ("?", "bold yellow"),
    Verdict.INCONCLUSIVE: ("?", "bold yellow"),
}


def show(result: AuditResult, *, verbose: bool = False, rest: str = "") -> None:
    """Print a result to standard output; colours only on a terminal.

    Parameters
    ----------
    result
        What was found.
    verbose
        Everything that the result says, not the answer alone.
    rest
        Where the rest is, for the last line of the answer.
    """
    symbol, style = _STYLES[result.verdict]
    console = make_console()
    print_lines(console, Text(f"{symbol} {wording.headline(result)}", style=style))
    rows = sections.sections(result) if verbose else sections.answer(result)
    if rest and not verbose:
        rows.append(("More", rest))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for label, sentence in rows:
        table.add_row(label, Text(sentence))
    print_lines(console, Padding(table, (1 if verbose else 0, 0, 0, 2)))


def comparison_table(results: list[AuditResult]) -> None:
    """Print several results as one table, and below it what their mechanisms remark."""
    table = Table(box=None, pad_edge=False)
    for heading in ("Mechanism", "Verdict", "Evidence"):
        table.add_column(heading)
    for heading in ("claimed ε", "true ε*", "ε*/ε", "δ", "kept", "guessed"):
        table.add_column(heading, justify="right")
    for result in results:
        symbol, style = _STYLES[result.verdict]
        claimed, true = result.claim.epsilon, result.true_epsilon.midpoint
        shown, statistics = wording.apart(claimed, true), result.statistics
        table.add_row(
            visible(result.mechanism.name),
            Text(f"{symbol} {result.verdict}", style=style),
            str(result.evidence),
            *shown,
            f"{true / claimed:.3g}",
            wording.number(result.delta_at_claim.lower),
            wording.number(statistics.kept.mean) if statistics else "",
            wording.number(statistics.bayes_vulnerability) if statistics else "",
        )
    console = make_console(width=110)
    print_lines(console, table)
    if any(result.delta_at_claim.upper for result in results):
        print_lines(
            console, "\nδ: the least failure mass that the worst pair needs at the claimed ε."
        )
    for remark in dict.fromkeys(r for result in results for r in result.mechanism.remarks):
        print_lines(console, f"\n{visible(remark)}")
