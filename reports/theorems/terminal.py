"""Theorems on a terminal: a table of their statuses, and the derivation of one of them."""

from collections.abc import Sequence

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ...proofs.checker import trusted_base
from ...proofs.display.derivation import Line, derivation, example_sentence
from ...proofs.display.document import Checked, Rejection
from ...proofs.display.formulas import parts, text
from ...proofs.display.notations import TEXT
from ...proofs.language import Relation
from ...proofs.model import Mutation, Theorem, TheoremResult
from ..console import make_console, print_lines

__all__ = ["show_derivation", "show_table"]

_STYLES = {
    "proved": ("✓", "bold green"),
    "refuted": ("✗", "bold red"),
    "false as audited": ("✗", "bold red"),
    "open": ("?", "bold yellow"),
}
_WIDTH = 100


def show_table(theorems: list[Checked]) -> None:
    """Print one row a theorem: what was found against what is expected."""
    table = Table(box=None, pad_edge=False)
    table.add_column("Theorem", no_wrap=True)
    for heading in ("Status", "Expected", "Mechanism"):
        table.add_column(heading)
    for heading in ("Steps", "Time"):
        table.add_column(heading, justify="right")
    mutated = any(rejections is not None for *_, rejections in theorems)
    if mutated:
        table.add_column("Mutations rejected", justify="right")
    for theorem, result, rejections in theorems:
        symbol, style = _STYLES[result.status]
        agrees = result.verdict == theorem.expected
        row: list[str | Text] = [
            theorem.name,
            Text(f"{symbol} {result.verdict}", style=style),
            theorem.expected if agrees else Text(f"≠ {theorem.expected}", style="bold red"),
            theorem.mechanism or "",
            str(len(theorem.steps)),
            _seconds(result.seconds),
        ]
        table.add_row(*row, *([_rejected(rejections)] if mutated else []))
    console = make_console(_WIDTH)
    print_lines(console, table)
    agreeing = sum(result.verdict == theorem.expected for theorem, result, _ in theorems)
    print_lines(console, Text(f"\n{agreeing} of {len(theorems)} have the expected status."))
    print_lines(
        console, Text("Time: what the steps took when they were checked; results are kept.")
    )
    print_lines(console, Text(_trusted()))
    for theorem, result, _ in theorems:
        if result.note:
            print_lines(console, Text(f"{theorem.name}: {result.note}"))


def _rejected(rejections: tuple[Rejection, ...] | None) -> str:
    found = rejections or ()
    return f"{sum(not result.established for _, result in found)} of {len(found)}"


def _trusted() -> str:
    base = trusted_base()
    engines = ", ".join(f"{name} {version}" for name, version in base["engines"].items())
    axioms = ", ".join(base["axioms"]) or "none"
    return f"Trusted: the checker, its {len(base['rules'])} rules, {engines}; axioms: {axioms}."


def show_derivation(checked: Checked) -> None:
    """Print statement, assumptions, numbered steps, conclusion and what all that rests on."""
    theorem, result, rejections = checked
    console = make_console(_WIDTH)
    symbol, style = _STYLES[result.status]
    print_lines(console, Text(f"{symbol} {result.verdict.upper()}: {theorem.title}", style=style))
    if result.note:
        print_lines(console, Text(result.note))
    _block("Statement", _statement(theorem))
    _block(
        "Assumptions",
        [(f"[{one.name}]", f"{one.words}\n{text(one.formula)}") for one in theorem.assumptions],
    )
    print_lines(console, Padding(Text(example_sentence(theorem, result)), (0, 0, 0, 2)))
    _block("Proof", [(f"({line.number})", _said(line)) for line in derivation(theorem, result)])
    _block("Conclusion", [("", _broken(relation)) for relation in theorem.conclusions])
    _block("Rests on", _rests_on(theorem, result))
    if theorem.counterexample:
        _block("Counterexample", [])
        print_lines(console, Padding(Text(theorem.counterexample.strip()), (0, 0, 0, 2)))
    if rejections is not None:
        _block("Mutations, wrong on purpose", [_mutation(*one) for one in rejections])


def _block(title: str, rows: Sequence[tuple[str, str | Text]]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    for label, sentence in rows:
        if sentence:
            table.add_row(Text(label), Text(sentence) if isinstance(sentence, str) else sentence)
    console = make_console(_WIDTH)
    print_lines(console, Text(f"\n{title}", style="bold"))
    print_lines(console, Padding(table, (0, 0, 0, 2)))


def _statement(theorem: Theorem) -> list[tuple[str, str]]:
    covers = f"{theorem.mechanism}: {theorem.covers}" if theorem.mechanism else theorem.covers
    return [
        ("", theorem.words),
        ("Contradicts", theorem.refutes),
        ("Covers", covers),
        ("Source", theorem.reference),
    ]


def _said(line: Line) -> Text:
    """Words, the formula, and why it follows."""
    reason = f"{line.because} [{line.rule}]" if line.rule else line.because
    found, status = line.result, line.result.status
    said = Text("\n".join(part for part in (line.words, _broken(line.relation)) if part))
    said.append(f"\n{reason} · {_seconds(found.seconds)}", style="dim")
    if status != "checked":
        values = "".join(f"\n  {name} = {value}" for name, value in found.counterexample)
        said.append(f"\n{status.upper()}: {found.note}{values}", style="bold red")
    return said


def _broken(relation: Relation) -> str:
    """The relation on one line, or on two where it is too long."""
    left, right = parts(relation, TEXT)
    return f"{left} {right}" if len(left + right) < _WIDTH - 12 else f"{left}\n  {right}"


def _rests_on(theorem: Theorem, result: TheoremResult) -> list[tuple[str, str]]:
    """What of the trusted base was used; the whole of it is in docs/proofs.md."""
    base = trusted_base()
    used = {name for step in result.steps for name in step.checked_by}
    engines = [f"{name} {version}" for name, version in base["engines"].items() if name in used]
    axioms = [f"{name}: {base['axioms'][name]}" for name in result.axioms]
    rules = [f"{name}: {words}" for name, words in base["rules"].items() if name in used]
    return [
        ("Assumptions", ", ".join(one.name for one in theorem.assumptions) or "none"),
        ("Axioms", "\n".join(axioms) or "none"),
        ("Engines", ", ".join(engines) or "none"),
        ("Rules", "\n".join(rules) or "none"),
        (
            "Besides",
            "the checker, its language and conventions, SymPy's answers about signs of terms",
        ),
        ("Time", f"{len(result.steps)} steps, {_seconds(result.seconds)} when they were checked"),
    ]


def _mutation(mutation: Mutation, result: TheoremResult) -> tuple[str, str]:
    found = "ACCEPTED, which it must not be" if result.established else f"rejected: {result.note}"
    return f"[{mutation.name}]", f"{mutation.words}\n{found}"


def _seconds(seconds: float) -> str:
    """A time for reading.

    >>> _seconds(0.0004), _seconds(0.0312), _seconds(12.345)
    ('0 ms', '31 ms', '12.3 s')
    """
    return f"{1000.0 * seconds:.0f} ms" if seconds < 1.0 else f"{seconds:.1f} s"
