"""Tables and figure of docs/truncated-gumbel.md; some ten minutes on two cores.

    python -m tools.refutation                      # print the tables
    python -m tools.refutation --output docs        # write them and the figure into docs
    python -m tools.refutation --only holding       # one of them
    python -m tools.refutation --quick              # small vocabularies only, seconds

Every number comes from exact audits of the mechanisms as this package defines them.
"""

import argparse
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import betaincinv

from dpaudit import EmbeddingSpace
from dpaudit.exact.audit import ExactFindings, exact_audit
from dpaudit.files import write_whole
from dpaudit.mechanisms import RandomCutoffExponential, TruncatedGumbel
from tools.bounded import dominated_table, equidistant_table, holding_table, verdict
from tools.markdown import kept, markdown_table, mass, number, power, update_page

Floats = NDArray[np.float64]

PAGE = "truncated-gumbel.md"
FIGURE = Path("figures") / "sampling-audit.svg"
KNOWN_ANSWERS = Path(__file__).parent.parent / "tests" / "known_answers.json"

SIZES = (5, 10, 20, 50, 100, 200, 500, 1000)
MULTIPLES = (1.05, 1.5, 3.0, 10.0)
BUILTIN_SIZES = (100, 300, 600, 2000)
BUILTIN_MULTIPLES = (1.05, 1.5, 5.0, 20.0)

#: Seed and standard deviation of the jitter on the near-equidistant vocabularies.
SEED, JITTER = 2021, 0.01

#: Level of the sampling audit, and the numbers of draws that its table shows.
ALPHA = 0.05
BUDGETS = (10**4, 10**5, 10**6, 10**7, 10**8)

#: An output that is expected less often than this does not change a rounded count.
UNSEEN = 0.01


@dataclass(frozen=True)
class Audited:
    """A truncated Gumbel mechanism with what the exact audit found of its claim."""

    mechanism: TruncatedGumbel
    multiple: float
    findings: ExactFindings

    @property
    def verdict(self) -> str:
        """Whether the claim holds on this vocabulary."""
        return verdict(self.findings, self.mechanism.epsilon)


@dataclass(frozen=True)
class Pair:
    """Two inputs that a sampling audit is to tell apart, and what it is to find."""

    title: str
    claim: float
    exact: float
    distance: float
    log_first: Floats
    log_second: Floats


def near_equidistant(n: int) -> EmbeddingSpace:
    """The n unit vectors of R^n, each component moved by Gaussian jitter."""
    rng = np.random.default_rng(SEED)
    vectors = np.eye(n) + JITTER * rng.standard_normal((n, n))
    return EmbeddingSpace([f"word{i}" for i in range(n)], vectors, source="near-equidistant")


def smallest_epsilon(space: EmbeddingSpace) -> float:
    """The bound that the scale of truncated-gumbel puts on epsilon."""
    return (5.0 + 2.0 * math.log(len(space))) / space.extent.min_distance


def audits(spaces: Sequence[EmbeddingSpace], multiples: Sequence[float]) -> Iterator[Audited]:
    """Exact audits of truncated-gumbel at multiples of the smallest epsilon that it accepts."""
    for space in spaces:
        for multiple in multiples:
            mechanism = TruncatedGumbel(space, epsilon=multiple * smallest_epsilon(space))
            yield Audited(mechanism, multiple, exact_audit(mechanism, mechanism.claim))


def refutation_table(audited: Sequence[Audited]) -> str:
    """Promised and exact epsilon, the bound of the lemma, and the failure mass."""
    rows = []
    for audit in audited:
        mechanism, extent = audit.mechanism, audit.mechanism.space.extent
        rows.append(
            [
                f"{len(mechanism.space):,}",
                f"{extent.max_distance / extent.min_distance:.2f}",
                f"{audit.multiple:g}",
                number(mechanism.epsilon),
                number(audit.findings.epsilon.midpoint),
                number(mechanism.epsilon_lower_bound().value),
                mass(audit.findings.delta_at_claim.lower),
                audit.verdict,
            ]
        )
    header = ["n", "Δmax/Δmin", "m", "promised ε", "exact ε*", "B_n/R", "δ at promised ε", "claim"]
    return markdown_table(header, rows)


def repair_table(spaces: Sequence[EmbeddingSpace], multiples: Sequence[float]) -> str:
    """random-cutoff-exponential at the same epsilons, and where its own range begins."""
    rows = []
    for space in spaces:
        n, shortest = len(space), space.extent.min_distance
        own = 1.01 * 2.0 * (1.0 + math.log(n)) / shortest
        for epsilon in (own, *(m * smallest_epsilon(space) for m in multiples)):
            mechanism = RandomCutoffExponential(space, epsilon=epsilon)
            findings = exact_audit(mechanism, mechanism.claim)
            changed = np.mean([np.delete(np.exp(mechanism.log_law(i)), i).sum() for i in range(n)])
            rows.append(
                [
                    f"{n:,}",
                    number(epsilon),
                    number(findings.epsilon.midpoint),
                    f"{findings.epsilon.midpoint / epsilon:.2f}",
                    kept(float(changed)),
                    power(epsilon * shortest),
                    power(2.0 * (1.0 + math.log(n))),
                    verdict(findings, epsilon),
                ]
            )
    header = ["n", "promised ε", "exact ε*", "ε*/ε", "words kept"]
    header += ["odds allowed, closest words", "least odds (e·n)²", "claim"]
    return markdown_table(header, rows)


def known_pair() -> Pair:
    """The witness pair of near-simplex-20, a vocabulary with known answers."""
    entries = json.loads(KNOWN_ANSWERS.read_text(encoding="utf-8"))["vocabularies"]
    entry = next(entry for entry in entries if entry["name"] == "near-simplex-20")
    space = EmbeddingSpace(entry["words"], entry["vectors"], source="near-simplex-20")
    mechanism = TruncatedGumbel(space, epsilon=entry["truncated-gumbel"]["epsilon"])
    found = exact_audit(mechanism, mechanism.claim)
    return witness_pair("20 near-equidistant words", mechanism, found)


def witness_pair(title: str, mechanism: TruncatedGumbel, findings: ExactFindings) -> Pair:
    """The two inputs on which the exact epsilon is attained, with their laws."""
    witness, space = findings.witness, mechanism.space
    first, second = (
        mechanism.log_law(space.index(word)) for word in (witness.input, witness.neighbour)
    )
    return Pair(
        title, mechanism.epsilon, findings.epsilon.midpoint, witness.distance, first, second
    )


def certifiable(pair: Pair, draws: float) -> float:
    """Largest lower bound on epsilon that a sampling audit of this pair can expect.

    In each round a fair coin picks one of the two inputs; the attacker sees the output and names
    one of them or says nothing. She knows both laws: outputs are ordered by likelihood ratio, she
    names the first input on the top ones, the second on the bottom ones, and the best two cuts
    are taken. Counts of right and wrong guesses are their rounded expectations, and the bound is
    that of Clopper and Pearson on the rate of right guesses, one-sided at level ALPHA.
    """
    first, second = np.exp(pair.log_first), np.exp(pair.log_second)
    seen = np.flatnonzero((first + second) * draws > UNSEEN)
    order = seen[np.argsort(pair.log_second[seen] - pair.log_first[seen], kind="stable")]
    top_right, top_wrong = _sums(first[order]), _sums(second[order])
    low_right, low_wrong = _sums(second[order[::-1]]), _sums(first[order[::-1]])
    top, low = np.meshgrid(np.arange(len(top_right)), np.arange(len(top_right)), indexing="ij")
    apart = (top + low <= len(order)) & (top + low > 0)
    top, low = top[apart], low[apart]
    right = np.round(draws / 2.0 * (top_right[top] + low_right[low]))
    wrong = np.round(draws / 2.0 * (top_wrong[top] + low_wrong[low]))
    spoken = right > 0.0
    miss = betaincinv(wrong[spoken] + 1.0, right[spoken], 1.0 - ALPHA)  # 1 - theta_L
    if miss.size == 0:
        return 0.0
    return max(0.0, float(np.log((1.0 - miss) / miss).max()) / pair.distance)


def _sums(values: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(values)])


def draws_needed(pair: Pair, epsilon: float) -> str:
    """Draws after which `certifiable` exceeds epsilon, or how many cannot be enough.

    Even if all m guesses are right, theta_L = ALPHA^(1/m), so the odds that can be certified are
    at most m / ln(1/ALPHA).
    """
    least = math.log(math.log(1.0 / ALPHA)) + epsilon * pair.distance
    low, high = least / math.log(10.0), least / math.log(10.0) + 3.0
    if low > 13.0:
        return f"more than {power(least)}"
    while high - low > 1e-3:
        middle = (low + high) / 2.0
        low, high = (low, middle) if certifiable(pair, 10.0**middle) > epsilon else (middle, high)
    return power(high * math.log(10.0))


def sampling_table(pairs: Sequence[Pair]) -> str:
    """What is certifiable at a few budgets, and the budgets that would be needed."""
    rows = []
    for budget in BUDGETS:
        name = power(math.log(budget))
        rows.append(
            [f"certifiable ε, {name} draws"] + [number(certifiable(p, budget)) for p in pairs]
        )
    rows.append(["promised ε"] + [number(pair.claim) for pair in pairs])
    rows.append(["exact ε*"] + [number(pair.exact) for pair in pairs])
    rows.append(["draws to refute the promise"] + [draws_needed(p, p.claim) for p in pairs])
    rows.append(["draws to find 99% of ε*"] + [draws_needed(p, 0.99 * p.exact) for p in pairs])
    return markdown_table(["witness pair of", *(pair.title for pair in pairs)], rows)


def sampling_figure(pairs: Sequence[Pair]) -> str:
    """The SVG: certifiable epsilon against draws beside the exact value, one panel a pair."""
    style = {
        "svg.fonttype": "none",
        "svg.hashsalt": "dpaudit",
        "font.family": "sans-serif",
        "font.size": 11.0,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with matplotlib.style.context(["default", style]):
        figure = Figure(figsize=(5.0 * len(pairs), 4.2), layout="constrained", facecolor="white")
        FigureCanvasSVG(figure)
        for axes, pair in zip(figure.subplots(1, len(pairs), squeeze=False)[0], pairs, strict=True):
            _draw_pair(axes, pair)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _draw_pair(axes: Axes, pair: Pair) -> None:
    draws = np.logspace(4.0, 8.0, 81)
    bounds = [certifiable(pair, budget) for budget in draws]
    wide = pair.exact > 10.0 * pair.claim or pair.claim > 5.0 * bounds[-1]
    axes.axhline(pair.exact, color="#1b5e9b", linestyle=":", linewidth=2.2)
    axes.axhline(pair.claim, color="#b3261e", linestyle="--", linewidth=1.8)
    axes.plot(draws, bounds, color="#222222", linewidth=1.8)
    axes.set_xscale("log")
    if wide:
        axes.set_yscale("log")
        axes.set_ylim(bounds[0] / 5.0, 3.0 * pair.exact)
    else:
        axes.set_ylim(0.0, 1.15 * pair.exact)
    for height, rise, text, colour in (
        (pair.exact, 5, f"exact ε* = {number(pair.exact)}", "#1b5e9b"),
        (pair.claim, 5, f"promised ε = {number(pair.claim)}", "#b3261e"),
        (bounds[0], -15, "certifiable by sampling", "#222222"),
    ):
        axes.annotate(text, (1.2e4, height), (0, rise), textcoords="offset points", color=colour)
    axes.set_title(pair.title)
    axes.set_xlabel("draws on this one pair")
    axes.set_ylabel("ε (nats per unit of distance)")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the audits, print the tables, and write them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small vocabularies only")
    parser.add_argument("--only", nargs="+", metavar="TABLE", help="these tables and no figure")
    parser.add_argument("--output", type=Path, help="folder of the page, docs")
    options = parser.parse_args(arguments)
    largest = 100 if options.quick else max(BUILTIN_SIZES)
    builtin = [EmbeddingSpace.builtin(limit=n) for n in BUILTIN_SIZES if n <= largest]
    ends = builtin[:: max(1, len(builtin) - 1)]

    @cache
    def measured() -> list[Audited]:
        return list(audits(builtin, BUILTIN_MULTIPLES))

    @cache
    def pairs() -> list[Pair]:
        shown = next(
            audit
            for audit in reversed(measured())
            if audit.multiple == 1.5 and audit.mechanism.space is builtin[-1]
        )
        title = f"{len(builtin[-1]):,} words of the built-in space"
        return [known_pair(), witness_pair(title, shown.mechanism, shown.findings)]

    def synthetic() -> list[Audited]:
        return list(audits([near_equidistant(n) for n in SIZES if n <= largest], MULTIPLES))

    tables = {
        "equidistant": equidistant_table,
        "holding": lambda: holding_table(largest),
        "near-equidistant": lambda: refutation_table(synthetic()),
        "built-in": lambda: refutation_table(measured()),
        "repair": lambda: repair_table(ends, BUILTIN_MULTIPLES),
        "dominated": lambda: dominated_table(ends),
        "sampling": lambda: sampling_table(pairs()),
    }
    for name in options.only or []:
        if name not in tables:
            parser.error(f"--only is {name!r}, but the tables are {', '.join(tables)}.")
    parts = {name: tables[name]() for name in options.only or tables}
    for name, part in parts.items():
        print(f"{name}\n\n{part}\n")
    if options.output:
        if not options.only:
            (options.output / FIGURE).parent.mkdir(exist_ok=True)
            write_whole(options.output / FIGURE, sampling_figure(pairs()))
        update_page(options.output / PAGE, parts)


if __name__ == "__main__":
    main()
