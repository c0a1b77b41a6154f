"""The failure mass delta as a function of epsilon."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from ...results import AuditResult, ProfileCurve
from ...results.wording import number
from .drawing import (
    CLAIM,
    LEAST_MASS,
    TRUE,
    Drawing,
    Key,
    drawing,
    epsilon_axis,
    known_epsilon,
    power_of_ten,
)
from .svg import COLOURS, Layout

__all__ = ["profile_figure"]


def profile_figure(curve: ProfileCurve, result: AuditResult) -> Drawing:
    """The privacy profile of the witness pair and the largest over the sampled pairs."""
    claim, true = result.claim, known_epsilon(result)
    epsilon, largest, witness = map(np.array, (curve.epsilon, curve.largest, curve.witness))
    if true is not None and true > 1.25 * epsilon[-1]:
        true = None  # far beyond what the samples cover
    if true is not None:  # where every curve ends, which the grid of the samples may miss
        place = int(np.searchsorted(epsilon, true, side="right"))
        epsilon = np.insert(epsilon, place, true)
        largest, witness = np.insert(largest, place, 0.0), np.insert(witness, place, 0.0)
    shown = largest[largest > LEAST_MASS]

    def draw(axes: Axes, layout: Layout) -> None:
        axes.set(xlim=(0.0, float(epsilon[-1])))
        if shown.size:
            # A curve that reaches zero leaves through the bottom of the picture.
            bottom = min(10.0 ** math.floor(math.log10(shown.min())), 0.01)
            axes.set(yscale="log", ylim=(bottom, 1.6))
            axes.yaxis.set_major_formatter(lambda delta, _: power_of_ten(math.log10(delta)))
            axes.yaxis.set_minor_locator(NullLocator())
        else:
            bottom = 0.0
            axes.set(ylim=(0.0, 1.0))
        axes.grid(axis="y")
        for series, colour, look in (
            (largest, "input", {"linewidth": 2.2}),
            (witness, "neighbour", {"linewidth": 1.6, "marker": "o", "markersize": 4}),
        ):
            axes.plot(epsilon, np.maximum(series, 0.1 * bottom), color=COLOURS[colour], **look)
        axes.axvline(claim.epsilon, **CLAIM)
        if true is not None:
            axes.axvline(true, **TRUE)
        if claim.delta > 0.0:
            axes.axhline(claim.delta, **CLAIM)
        epsilon_axis(axes, layout, result)
        axes.set_ylabel("failure mass δ")

    promised = f", δ = {number(claim.delta)}" if claim.delta else ""
    keys = [
        Key("line", "input", "largest of the sampled pairs"),
        Key("beads", "neighbour", "the worst pair by its loss"),
        Key("dashed", "claim", f"the claim, ε = {number(claim.epsilon)}{promised}"),
    ]
    if true is not None:
        keys.append(Key("dotted", "true", f"ε* = {number(true)}"))
    return drawing(
        "profile",
        "Failure mass δ as a function of ε",
        f"Falling curves for the worst pair and for the largest over {curve.pairs:,} sampled "
        "ordered pairs, with a line at the claim.",
        keys,
        (290, 380),
        draw,
    )
