"""Table and figure of docs/comparison.md: every mechanism on the built-in space; some minutes.

    python -m tools.comparison                      # print the table
    python -m tools.comparison --output docs        # write it and the figure into docs

Every number comes from an audit of the mechanism with its default parameters, and from its sampler.
"""

import argparse
import io
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from dpaudit import EmbeddingSpace, audit
from dpaudit.files import write_whole
from dpaudit.mechanisms import MECHANISMS
from dpaudit.results import AuditResult
from dpaudit.results.wording import number
from tools.markdown import markdown_table, update_page

PAGE = "comparison.md"
FIGURE = Path("figures") / "comparison.svg"

#: Epsilon of the mechanisms that accept any, per unit of distance, and of randomized response.
EPSILON, RESPONSE_EPSILON = 12.0, 8.0

#: Multiple of the smallest epsilon, for mechanisms that need one above a bound.
MULTIPLE = 1.5

#: Words drawn to measure the speed of a sampler, at first and at most.
FIRST_DRAWS, MOST_DRAWS = 20_000, 4_000_000
SEED = 20211


@dataclass(frozen=True)
class Compared:
    """A mechanism, what its audit finds, and how many words a second its sampler draws."""

    name: str
    epsilon: float
    result: AuditResult
    speed: float


def build(name: str, space: EmbeddingSpace) -> Any:
    """The mechanism of a name with its default parameters."""
    kind = MECHANISMS[name].load()
    epsilon = RESPONSE_EPSILON if name == "randomized-response" else EPSILON
    if hasattr(kind, "bound"):
        epsilon = MULTIPLE * kind.bound(space)
    return kind(space, epsilon=epsilon)


def words_per_second(mechanism: Any) -> float:
    """Speed of the sampler after its tables are built, on random inputs."""
    rng, draws = np.random.default_rng(SEED), FIRST_DRAWS
    n = len(mechanism.space)
    mechanism.sample_indices(rng.integers(0, n, 1000), rng)
    while True:
        inputs = rng.integers(0, n, draws)
        started = time.perf_counter()
        mechanism.sample_indices(inputs, rng)
        taken = time.perf_counter() - started
        if taken > 0.5 or draws >= MOST_DRAWS:
            return draws / taken
        draws = min(4 * draws, MOST_DRAWS)


def compare(space: EmbeddingSpace) -> list[Compared]:
    """All mechanisms of the registry, audited one after the other."""
    found = []
    for name in MECHANISMS:
        mechanism = build(name, space)
        result = audit(mechanism)
        found.append(Compared(name, mechanism.epsilon, result, words_per_second(mechanism)))
        print(f"{name}: {result.verdict} ({result.evidence})", flush=True)
    return found


def between(lower: float, upper: float) -> str:
    """A number known to the digits shown, or both ends.

    >>> between(2.0, 2.0), between(1.0, 12.0), between(3.0, math.inf), between(math.inf, math.inf)
    ('2', '1 to 12', 'at least 3', '∞')
    """
    if math.isinf(upper) and not math.isinf(lower):
        return f"at least {number(lower)}"
    if lower == upper or upper - lower <= 1e-3 * abs(upper):
        return number(upper)
    return f"{number(lower)} to {number(upper)}"


def table(compared: Sequence[Compared]) -> str:
    """The Markdown table."""
    rows = []
    for one in compared:
        result = one.result
        statistics, delta = result.statistics, result.delta_at_claim
        intervals = statistics.intervals if statistics else None
        kept = "" if statistics is None else number(statistics.kept.mean)
        guessed = "" if statistics is None else number(statistics.bayes_vulnerability)
        if intervals is not None:
            kept = between(intervals.kept.lower, intervals.kept.upper)
            guess = intervals.bayes_vulnerability
            guessed = between(guess.lower, guess.upper)
        unit = "" if result.claim.kind == "metric" else ", pure"
        rows.append(
            [
                f"`{one.name}`",
                f"{number(one.epsilon)}{unit}",
                f"{result.verdict} ({result.evidence})",
                between(result.true_epsilon.lower, result.true_epsilon.upper),
                between(delta.lower, delta.upper),
                kept,
                guessed,
                f"{one.speed / 1e6:.2g}",
            ]
        )
    header = ["mechanism", "claimed ε", "verdict", "true ε*", "δ at the claim", "kept", "guessed"]
    return markdown_table([*header, "million words/s"], rows)


def figure(compared: Sequence[Compared]) -> str:
    """Claimed and true epsilon of every mechanism on one logarithmic scale, as SVG."""
    style = {"svg.fonttype": "none", "svg.hashsalt": "dpaudit", "font.size": 10.0}
    finite = [x.result.true_epsilon.upper for x in compared] + [x.epsilon for x in compared]
    edge = 10.0 * max(value for value in finite if math.isfinite(value))
    with matplotlib.style.context(["default", style]):
        drawn = Figure(figsize=(7.6, 0.42 * len(compared) + 1.2), layout="constrained")
        FigureCanvasSVG(drawn)
        axes = drawn.add_subplot()
        for place, one in enumerate(compared):
            low, high = one.result.true_epsilon.lower, one.result.true_epsilon.upper
            low, high = (min(max(value, 1e-2), edge) for value in (low, high))
            colour = "#ad3200" if one.result.verdict == "violated" else "#0062a3"
            axes.plot([low, high], [place, place], color=colour, linewidth=4, alpha=0.5)
            axes.plot([low, high], [place, place], "o", color=colour, markersize=6)
            axes.plot(one.epsilon, place, "|", color="#1b1e22", markersize=18, markeredgewidth=2)
        axes.set_xscale("log")
        axes.set_xlim(right=2.0 * edge)
        axes.axvline(edge, color="#8b929a", linewidth=0.8, linestyle=(0, (2, 3)))
        axes.text(edge, -0.9, "∞", ha="center")
        axes.set_yticks(range(len(compared)), [one.name for one in compared])
        axes.invert_yaxis()
        axes.grid(axis="x", color="#d8dbdf", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.set_xlabel("ε (bar: claimed; dots: true ε*, or the ends of its interval)")
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        drawn.savefig(buffer, format="svg", metadata=nothing)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and write it and the figure if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="the folder of the documentation")
    options = parser.parse_args(arguments)
    compared = compare(EmbeddingSpace.builtin())
    text = table(compared)
    print(text)
    if options.output:
        write_whole(options.output / FIGURE, figure(compared))
        update_page(options.output / PAGE, {"comparison": text})


if __name__ == "__main__":
    main()
