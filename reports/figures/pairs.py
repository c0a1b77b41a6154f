"""Signs of sampled pairs, the same in every figure that shows them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from .drawing import Key
from .svg import COLOURS

__all__ = ["PAIR_KEYS", "draw_chosen", "draw_random", "places"]

Floats = NDArray[np.float64]

_POINTS: dict[str, Any] = {"linestyle": "none", "markeredgewidth": 0.0, "clip_on": False}

#: Signs of the pairs that were chosen for a reason.
_MARKS: dict[str, dict[str, Any]] = {
    "nearest": _POINTS | {"marker": "D", "markersize": 4.4, "color": COLOURS["input"]},
    "witness": _POINTS | {"marker": "*", "markersize": 16.0, "color": COLOURS["neighbour"]},
}

PAIR_KEYS = (
    Key("dot", "sample", "random pair"),
    Key("diamond", "input", "word and its nearest word"),
    Key("star", "neighbour", "the worst pair by its loss"),
)


def places(distance: Sequence[float], height: Sequence[float], metric: bool) -> Floats:
    """Where the pairs stand: at their distance or, where every distance is 1, at their position
    in the order of heights, in percent."""
    if metric:
        return np.array(distance)
    order = np.argsort(np.argsort(np.array(height), kind="stable"))
    return 100.0 * (1.0 + order) / len(height)


def draw_random(axes: Axes, x: Floats, y: Floats, choice: Sequence[str]) -> None:
    """A thousand dots as one path of strokes without length: a fifth of the bytes of markers."""
    drawn = np.array(choice) == "random"
    x, y = x[drawn], y[drawn]
    gap = np.full(x.shape, np.nan)
    axes.plot(
        np.column_stack([x, x, gap]).ravel(),
        np.column_stack([y, y, gap]).ravel(),
        color=COLOURS["sample"],
        linewidth=3.6,
        solid_capstyle="round",
        clip_on=False,
    )


def draw_chosen(axes: Axes, x: Floats, y: Floats, choice: Sequence[str]) -> None:
    """The nearest pairs and, above them, the witness."""
    for kind, look in _MARKS.items():
        chosen = np.array(choice) == kind
        axes.plot(x[chosen], y[chosen], **look)
