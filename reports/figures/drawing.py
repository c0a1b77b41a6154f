"""What the figures share: their type, their keys, and the look of recurring marks."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ...results import AuditResult
from .svg import COLOURS, LAYOUTS, Layout, Picture, picture

__all__ = ["CLAIM", "LEAST_MASS", "TRUE", "Drawing", "Key", "decades", "drawing", "edge_label"]
__all__ += ["epsilon_axis", "known_epsilon", "power_of_ten", "thousands"]

#: Lines of the claim and of the true epsilon, told apart by their dashes as well.
CLAIM: dict[str, Any] = {"color": COLOURS["claim"], "linestyle": (0, (7, 3)), "linewidth": 1.8}
TRUE: dict[str, Any] = {"color": COLOURS["true"], "linestyle": (0, (1.5, 1.5)), "linewidth": 2.0}

#: Failure masses up to this are not told apart from none.
LEAST_MASS = 1e-12

#: Marks that the template can draw in a key.
Mark = Literal[
    "line",
    "beads",
    "dashed",
    "dotted",
    "dot",
    "diamond",
    "star",
    "ring",
    "cross",
    "edge",
    "floor",
    "hatch",
    "band",
    "bar",
    "outline",
]


@dataclass(frozen=True)
class Key:
    """One line of a key: the mark as the figure draws it, the role of its colour, and what it
    stands for; `word` is a word of the vocabulary that belongs behind the label."""

    mark: Mark
    colour: str
    label: str
    word: str | None = None


@dataclass(frozen=True)
class Drawing:
    """A figure for every window; `title` and `description` are for those who cannot see it, and
    `reading` belongs to the caption: what the numbers of this figure come to."""

    name: str
    title: str
    description: str
    keys: tuple[Key, ...]
    pictures: tuple[Picture, ...]
    reading: str


def drawing(
    name: str,
    title: str,
    description: str,
    keys: list[Key],
    heights: tuple[int, int],
    draw: Callable[[Axes, Layout], None],
    reading: str = "",
) -> Drawing:
    """Draw for every layout; `heights` are those of the narrow and of the wide picture."""
    pictures = (
        picture(f"{name}-{layout.name}", layout, height, draw)
        for layout, height in zip(LAYOUTS, heights, strict=True)
    )
    return Drawing(name, title, description, tuple(keys), tuple(pictures), reading)


def epsilon_axis(axes: Axes, layout: Layout, result: AuditResult) -> None:
    """An axis across in the currency of the claim, its ticks far enough apart for labels in the
    tens of thousands. The name is fixed: a unit read from a file is data."""
    metric = result.claim.kind == "metric"
    axes.set_xlabel("ε (nats per unit of distance)" if metric else "ε (nats)")
    axes.xaxis.set_major_locator(MaxNLocator(layout.width // 66, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(thousands)


def known_epsilon(result: AuditResult) -> float | None:
    """The true epsilon if it is finite and known to the digits that are printed."""
    low, high = result.true_epsilon.lower, result.true_epsilon.upper
    return result.true_epsilon.midpoint if high - low <= 1e-3 * high < math.inf else None


def edge_label(axes: Axes, text: str, height: float, rise: int) -> None:
    """Name the edge of the picture, at `height`, on which values without a finite place lie;
    the name stands `rise` pixels above it."""
    axes.axhline(height, color=COLOURS["muted"], linewidth=0.8, linestyle=(0, (2, 3)))
    axes.annotate(
        text,
        (1.0, height),
        (0, rise),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        va="center",
    )


def decades(axes: Axes, edge: bool) -> None:
    """Whole powers of ten up an axis of decimal logarithms whose limits are set; none beside the
    bottom edge if that is an `edge` on which values without a finite place lie."""
    bottom, top = axes.get_ylim()
    least = bottom + 0.06 * (top - bottom) * edge
    ticks = MaxNLocator(6, integer=True).tick_values(bottom, top)
    axes.set_yticks([tick for tick in ticks if least <= tick <= top])
    axes.yaxis.set_major_formatter(power_of_ten)


def thousands(value: float, _position: object = None) -> str:
    """A tick label with separators between thousands."""
    return f"{value:,.10g}"


def power_of_ten(power: float, _position: object = None) -> str:
    """A tick label for an axis of decimal logarithms: 10^-1737 is an ordinary value here, and
    as superscripts its digits would be too small to read.

    >>> power_of_ten(-1737.0), power_of_ten(0.0)
    ('10^-1737', '1')
    """
    exponent = round(power)
    return f"10^{exponent}" if exponent else "1"
