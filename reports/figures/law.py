"""The output laws of the two inputs of the witness pair."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from ...results import Witness, WitnessLawCurve
from ...results.wording import probability
from .drawing import Drawing, Key, decades, drawing, edge_label, thousands
from .svg import COLOURS, Layout

__all__ = ["law_figure"]

_RING: dict[str, Any] = {
    "markersize": 11,
    "markerfacecolor": "none",
    "markeredgecolor": COLOURS["ink"],
    "markeredgewidth": 1.8,
    "clip_on": False,
}


def law_figure(law: WitnessLawCurve, witness: Witness) -> Drawing:
    """Probability of the outputs from both inputs, by rank from the first, on a logarithmic
    scale; impossible outputs lie on the bottom edge. Only logarithms are drawn: a probability of
    e^-9000 is an ordinary value here."""
    rank = np.array(law.rank)
    first, second = _powers(law.log_probability_input), _powers(law.log_probability_neighbour)
    impossible = bool(np.isinf(first).any() or np.isinf(second).any())
    marked = law.word.index(witness.output) if witness.output in law.word else None

    def draw(axes: Axes, _layout: Layout) -> None:
        bottom, top = _limits(np.concatenate([first, second]))
        axes.set(xscale="log", xlim=(0.9, 1.15 * rank[-1]), ylim=(bottom, top))
        axes.spines["left"].set_bounds(bottom, 0.0)
        axes.grid(axis="y")
        axes.plot(
            rank, second, "o", markersize=4.2, markeredgewidth=0.0, color=COLOURS["neighbour"]
        )
        axes.plot(rank, first, "o-", markersize=2.8, color=COLOURS["input"], linewidth=2.0)
        for series, colour in ((second, "neighbour"), (first, "input")):
            never = rank[np.isinf(series)]
            axes.plot(
                never, np.full(never.shape, bottom), "x", color=COLOURS[colour], clip_on=False
            )
        ends = () if marked is None else (float(first[marked]), float(second[marked]))
        if marked is not None:
            _mark_output(axes, float(rank[marked]), ends)
        if impossible and -math.inf not in ends:  # otherwise the mark says it
            edge_label(axes, "impossible", bottom, 12)
        axes.set_xlabel("rank of the output, nearest to the input first")
        axes.set_ylabel("probability")
        axes.xaxis.set_major_formatter(thousands)
        decades(axes, edge=impossible)

    keys = [
        Key("line", "input", "outputs from", witness.input),
        Key("dot", "neighbour", "outputs from", witness.neighbour),
    ]
    if marked is not None:
        keys.append(Key("ring", "ink", "the witness output", witness.output))
    if impossible:
        keys.append(Key("cross", "ink", "on the bottom edge: impossible, probability 0"))
    return drawing(
        "law",
        "Probability of the outputs from the two inputs of the worst pair",
        f"Against the rank of the output by distance from “{witness.input}”: one curve for this "
        f"input and one for its neighbour “{witness.neighbour}”, on a logarithmic scale.",
        keys,
        (290, 380),
        draw,
        "" if marked is None else _reading(law, marked),
    )


def _powers(logarithms: Sequence[float]) -> NDArray[np.float64]:
    return np.array(logarithms) / math.log(10.0)


def _limits(powers: NDArray[np.float64]) -> tuple[float, float]:
    """At least two decades, up to probability 1, with room above for the name of a mark and
    below for that and for impossible outputs."""
    finite = powers[np.isfinite(powers)]
    lowest = min(float(finite.min(initial=0.0)), -2.0)
    return 1.12 * lowest, -0.09 * lowest


def _mark_output(axes: Axes, rank: float, ends: tuple[float, ...]) -> None:
    """Ring an output at both of its probabilities and name these: the upper one at the end of a
    line to above probability 1, where no output is, the lower one below its ring, or above it
    where that is on the bottom edge."""
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    heights = [max(end, bottom) for end in ends]
    axes.plot([rank] * 2, [min(heights), top], color=COLOURS["ink"], linewidth=1.0)
    axes.plot([rank] * 2, heights, "o", **_RING)
    on_the_right = rank * rank < left * right  # the scale is logarithmic
    upper = int(ends[1] > ends[0])
    for i, name in enumerate(("input", "neighbour")):
        never = math.isinf(ends[i])
        value = "impossible" if never else probability(ends[i] * math.log(10.0))
        axes.annotate(
            f"{name}: {value}",
            (rank, top if i == upper else heights[i]),
            (9 if on_the_right else -9, 4 if never else 2 if i == upper else -4),
            textcoords="offset points",
            ha="left" if on_the_right else "right",
            va="bottom" if never else "top",
        )


def _reading(law: WitnessLawCurve, marked: int) -> str:
    first, second = law.log_probability_input[marked], law.log_probability_neighbour[marked]
    reading = (
        f"The rings mark the output “{law.word[marked]}”, with probability {probability(first)} "
        f"from the input and {probability(second)} from its neighbour"
    )
    orders = abs(first - second) / math.log(10.0)
    if 2.0 <= orders < math.inf:
        reading += f": {orders:,.0f} orders of magnitude apart"
    return reading + "."
