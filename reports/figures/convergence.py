"""The true epsilon of a chain against its number of steps."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from ...results import AuditResult, ConvergenceCurve
from ...results.wording import convergence_sentence, number
from .drawing import CLAIM, TRUE, Drawing, Key, drawing, edge_label, thousands
from .svg import COLOURS, Layout

__all__ = ["convergence_figure"]

#: Ratio of largest to smallest from which on the scale is logarithmic.
_WIDE = 20.0


def convergence_figure(curve: ConvergenceCurve, result: AuditResult) -> Drawing:
    """epsilon* after numbers of steps, on a logarithmic scale of steps, with lines at the claim and
    at the limit. Infinite values lie on the top edge."""
    claimed, own = result.claim.epsilon, result.mechanism.parameters.get("steps")
    steps, epsilon = np.array(curve.steps), np.array(curve.epsilon)
    finite = [*epsilon[np.isfinite(epsilon)], claimed]
    if math.isfinite(curve.limit):
        finite.append(curve.limit)
    wide = max(finite) > _WIDE * min(finite)
    infinite = bool(np.isinf(epsilon).any())

    def draw(axes: Axes, layout: Layout) -> None:
        top = max(finite) * (1.6 if wide else 1.12)
        axes.set(xscale="log", xlim=(0.8, 1.25 * float(steps[-1])))
        if wide:
            axes.set(yscale="log", ylim=(0.7 * min(finite), top))
        else:
            axes.set(ylim=(0.0, top))
        axes.yaxis.set_major_formatter(thousands)
        axes.yaxis.set_minor_locator(NullLocator())
        axes.grid(axis="y")
        height = np.minimum(epsilon, top)
        colour = COLOURS["input"]
        axes.plot(steps, height, color=colour, linewidth=1.6, marker="o", markersize=4)
        axes.axhline(claimed, **CLAIM)
        if math.isfinite(curve.limit):
            axes.axhline(curve.limit, **TRUE)
        if own in curve.steps:
            place = float(height[curve.steps.index(int(own))])
            axes.plot(
                [own], [place], marker="o", markersize=11, fillstyle="none", color=COLOURS["ink"]
            )
        if infinite:
            edge_label(axes, "∞", top, -12)
        decades = range(math.floor(math.log10(float(steps[-1]))) + 1)
        every = max(1, math.ceil(len(decades) * 60 / layout.width))
        axes.xaxis.set_major_locator(FixedLocator([10.0**k for k in decades[::every]]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(thousands)
        axes.set_xlabel("steps of the chain")
        axes.set_ylabel("true ε*")

    keys = [
        Key("beads", "input", "ε* after so many steps"),
        Key("dashed", "claim", f"the claim, ε = {number(claimed)}"),
        Key("dotted", "true", f"the limit, ε* = {number(curve.limit)}"),
    ]
    if own in curve.steps:
        keys.append(Key("ring", "ink", f"the {own:,} steps audited here"))
    if infinite:
        keys.append(Key("edge", "ink", "on the top edge: infinite"))
    return drawing(
        "convergence",
        "True ε* against the number of steps",
        convergence_sentence(result) or "",
        keys,
        (290, 380),
        draw,
    )
