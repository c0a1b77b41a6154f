"""The privacy loss of sampled pairs against their distance."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from ...results import AuditResult, LossCurve
from ...results.wording import number
from .drawing import CLAIM, TRUE, Drawing, Key, drawing, edge_label, known_epsilon, thousands
from .svg import COLOURS, Layout

__all__ = ["loss_figure"]

Floats = NDArray[np.float64]

_POINTS: dict[str, Any] = {"linestyle": "none", "markeredgewidth": 0.0, "clip_on": False}

#: Signs of the pairs that were chosen for a reason.
_MARKS: dict[str, dict[str, Any]] = {
    "nearest": _POINTS | {"marker": "D", "markersize": 4.4, "color": COLOURS["input"]},
    "witness": _POINTS | {"marker": "*", "markersize": 16.0, "color": COLOURS["neighbour"]},
}


def loss_figure(curve: LossCurve, result: AuditResult) -> Drawing:
    """Loss against distance for a metric claim; otherwise, where every distance is 1, the
    losses in rising order. Infinite losses lie on the top edge."""
    metric = result.claim.kind == "metric"
    claimed, true = result.claim.epsilon, known_epsilon(result)
    loss, choice = np.array(curve.loss), np.array(curve.choice)
    place = np.array(curve.distance) if metric else _share(loss)
    right = 1.04 * float(place.max())
    slope = right if metric else 1.0
    infinite = bool(np.isinf(loss).any())

    def draw(axes: Axes, _layout: Layout) -> None:
        levels = [claimed * slope, *loss[np.isfinite(loss)]]
        levels += [true * slope] if true is not None else []
        top = 1.06 * max(levels)
        axes.set(xlim=(0.0, right), ylim=(0.0, top))
        axes.grid(axis="y")
        height = np.minimum(loss, top)
        _draw_dots(axes, place[choice == "random"], height[choice == "random"])
        for level, look in ((claimed, CLAIM), (true, TRUE)):
            if level is not None:
                axes.plot([0.0, right], [0.0 if metric else level, level * slope], **look)
        for kind, look in _MARKS.items():
            axes.plot(place[choice == kind], height[choice == kind], **look)
        if infinite:
            edge_label(axes, "∞", top, -12)
        axes.set_xlabel("distance of the pair" if metric else "sampled pairs by loss (%)")
        axes.set_ylabel("privacy loss (nats)")
        axes.yaxis.set_major_formatter(thousands)

    of_pair = " · distance" if metric else ""
    keys = [
        Key("dashed", "claim", f"the claim allows {number(claimed)}{of_pair}"),
        Key("dot", "sample", "random pair"),
        Key("diamond", "input", "word and its nearest word"),
        Key("star", "neighbour", "the worst pair"),
    ]
    if true is not None:
        keys.insert(1, Key("dotted", "true", f"ε* = {number(true)}{of_pair}"))
    if infinite:
        keys.append(Key("edge", "ink", "on the top edge: infinite loss"))
    by = "by the distance of the two words" if metric else "in rising order"
    return drawing(
        "losses",
        "Privacy loss of sampled pairs",
        f"Losses of {len(loss):,} pairs {by}, with the line that the claim allows.",
        keys,
        (300, 400),
        draw,
    )


def _draw_dots(axes: Axes, x: Floats, y: Floats) -> None:
    """A thousand dots as one path of strokes without length: a fifth of the bytes of markers."""
    gap = np.full(x.shape, np.nan)
    axes.plot(
        np.column_stack([x, x, gap]).ravel(),
        np.column_stack([y, y, gap]).ravel(),
        color=COLOURS["sample"],
        linewidth=3.6,
        solid_capstyle="round",
        clip_on=False,
    )


def _share(loss: Floats) -> Floats:
    """Position of each pair in the order of losses, in percent."""
    return 100.0 * (1.0 + np.argsort(np.argsort(loss, kind="stable"))) / len(loss)
