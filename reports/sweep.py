"""Audits at several values of a parameter, as a table on the terminal and as a page."""

from rich.table import Table
from rich.text import Text

from ..results import AuditResult, wording
from ..results.sweep import SweepResult
from ..visible import visible
from .console import make_console, print_lines
from .page import environment

__all__ = ["render", "rows", "show"]

_HEADINGS = ("verdict", "true ε*", "kept", "outputs ≥ 0.001", "in 1,000 draws", "guessed", "bits")


def rows(sweep: SweepResult) -> list[tuple[str, ...]]:
    """A table: headings, then a row for every value, as text."""
    table: list[tuple[str, ...]] = [(sweep.parameter, *_HEADINGS)]
    for point in sweep.points:
        value = f"{point.value:.6g}"
        if point.result is None:
            table.append((value, "refused", *[""] * (len(_HEADINGS) - 1)))
        else:
            table.append((value, *_cells(point.result)))
    return table


def _cells(result: AuditResult) -> tuple[str, ...]:
    found, epsilon = result.statistics, result.true_epsilon
    narrow = epsilon.upper - epsilon.lower <= 1e-3 * epsilon.upper or epsilon.lower == epsilon.upper
    ends = (epsilon.midpoint,) if narrow else (epsilon.lower, epsilon.upper)
    true = " to ".join(wording.apart(*ends, result.claim.epsilon)[:-1])
    if found is None:
        return (str(result.verdict), true, *[""] * (len(_HEADINGS) - 2))
    numbers = (
        found.kept.mean,
        found.support_001.mean,
        found.support_1000.mean,
        found.bayes_vulnerability,
        found.leakage_bits,
    )
    return (str(result.verdict), true, *map(wording.number, numbers))


def show(sweep: SweepResult) -> None:
    """Print the table to standard output, and why values were refused."""
    headings, *body = rows(sweep)
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "verdict" else "right")
    for row in body:
        table.add_row(*row)
    printer = make_console(width=110)
    print_lines(
        printer, Text(f"{visible(sweep.mechanism)}, every pair of words, {len(body)} values\n")
    )
    print_lines(printer, table)
    for reason in dict.fromkeys(p.refused for p in sweep.points if p.refused):
        print_lines(printer, Text(f"\nRefused: {visible(reason)}"))
        break


def render(sweep: SweepResult) -> str:
    """The page as HTML text: no scripts, nothing loaded, the same bytes for the same result."""
    from .figures.sweep import sweep_figures  # matplotlib, which only a page needs

    first = sweep.audited[0][1]
    return (
        environment()
        .get_template("sweep.html")
        .render(
            sweep=sweep,
            space=first.space,
            figures=sweep_figures(sweep),
            table=rows(sweep),
            refused=sum(point.result is None for point in sweep.points),
        )
    )
