"""The output laws of the two inputs of the witness pair."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ...results import Witness, WitnessLawCurve
from .drawing import Drawing, Key, drawing, edge_label, power_of_ten, thousands
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
    scale; impossible outputs lie on the bottom edge."""
    rank = np.array(law.rank)
    first, second = _powers(law.log_probability_input), _powers(law.log_probability_neighbour)
    impossible = bool(np.isinf(first).any() or np.isinf(second).any())
    marked = law.word.index(witness.output) if witness.output in law.word else None

    def draw(axes: Axes, _layout: Layout) -> None:
        bottom, top = _limits(np.concatenate([first, second]), impossible)
        axes.set(xscale="log", xlim=(0.9, 1.15 * rank[-1]), ylim=(bottom, top))
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
        if marked is not None:
            ends = np.maximum([first[marked], second[marked]], bottom)
            axes.plot([rank[marked]] * 2, ends, color=COLOURS["ink"], linewidth=1.0)
            axes.plot([rank[marked]] * 2, ends, "o", **_RING)
        if impossible:
            edge_label(axes, "impossible", bottom, 12)
        axes.set_xlabel("rank of the output, nearest first")
        axes.set_ylabel("probability")
        axes.xaxis.set_major_formatter(thousands)
        axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.yaxis.set_major_formatter(power_of_ten)

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
    )


def _powers(logarithms: Sequence[float]) -> NDArray[np.float64]:
    return np.array(logarithms) / math.log(10.0)


def _limits(powers: NDArray[np.float64], impossible: bool) -> tuple[float, float]:
    """At least two decades, ending at probability 1, with room for the marks of impossible
    outputs below the possible ones."""
    finite = powers[np.isfinite(powers)]
    lowest = min(float(finite.min(initial=0.0)), -2.0)
    return lowest * (1.12 if impossible else 1.04), -0.02 * lowest
