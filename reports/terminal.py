"""An audit result on a terminal: verdict first, then claim, witness and worth."""

import sys

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..results import AuditResult, Verdict, wording

__all__ = ["comparison_table", "show"]

_STYLES = {
    Verdict.UPHELD: ("✓", "bold green"),
    Verdict.VIOLATED: ("✗", "bold red"),
    Verdict.NOT_REFUTED: ("?", "bold yellow"),
    Verdict.INCONCLUSIVE: ("?", "bold yellow"),
}


def make_console(width: int = 88) -> Console:
    """Wraps at the terminal's width, or at `width` columns where there is none."""
    return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else width)


def show(result: AuditResult) -> None:
    """Print a result to standard output; colours only on a terminal."""
    symbol, style = _STYLES[result.verdict]
    console = make_console()
    console.print(Text(f"{symbol} {wording.headline(result)}", style=style))
    rows = [
        ("", wording.verdict_meaning(result)),
        ("Claim", wording.claim_sentence(result)),
        ("True loss", wording.comparison_sentence(result)),
        ("", wording.delta_sentence(result)),
        ("Steps", wording.convergence_sentence(result)),
        *zip(["Test", *[""] * 9], wording.attack_sentences(result), strict=False),
        ("Witness", wording.witness_sentence(result)),
        *zip(["Why", *[""] * 9], result.explanation, strict=False),
        ("Formula", wording.closed_form_sentence(result)),
        ("Bound", wording.proven_bound_sentence(result)),
        ("Theorem", wording.proof_sentence(result)),
        ("Warning", wording.worth_warning(result)),
        *zip(["Worth", *[""] * 9], wording.worth_sentences(result), strict=False),
        *(("", remark) for remark in result.mechanism.remarks),
        ("Proof", wording.certification_sentence(result)),
        ("Sampler", wording.sampler_sentence(result)),
        ("Draws", wording.statistical_sentence(result)),
        ("Search", wording.search_sentence(result)),
        *zip(["Vectors", *[""] * 9], wording.reading_sentences(result), strict=False),
    ]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for label, sentence in rows:
        if sentence:
            table.add_row(label, Text(sentence))
    console.print(Padding(table, (1, 0, 0, 2)))


def comparison_table(results: list[AuditResult]) -> None:
    """Print several results as one table, and below it what their mechanisms remark."""
    table = Table(box=None, pad_edge=False)
    for heading in ("Mechanism", "Verdict", "Evidence"):
        table.add_column(heading)
    for heading in ("claimed ε", "true ε*", "ε*/ε", "δ", "kept", "guessed"):
        table.add_column(heading, justify="right")
    for result in results:
        symbol, style = _STYLES[result.verdict]
        true, statistics = result.epsilon.midpoint, result.statistics
        table.add_row(
            result.mechanism.name,
            Text(f"{symbol} {result.verdict}", style=style),
            str(result.evidence),
            wording.number(result.claim.epsilon),
            wording.number(true),
            f"{true / result.claim.epsilon:.3g}",
            wording.number(result.delta_at_claim.lower),
            wording.number(statistics.kept.mean) if statistics else "",
            wording.number(statistics.bayes_vulnerability) if statistics else "",
        )
    console = make_console(width=110)
    console.print(table)
    if any(result.delta_at_claim.upper for result in results):
        console.print("\nδ: the least failure mass that the worst pair needs at the claimed ε.")
    for remark in dict.fromkeys(r for result in results for r in result.mechanism.remarks):
        console.print(Text(f"\n{remark}"))
