"""The claimed epsilon against the true one: two bars and a line."""

import math
from typing import Any

from matplotlib.axes import Axes

from ...results import AuditResult, Interval
from ...results.wording import apart, comparison_sentence
from .drawing import CLAIM, Drawing, Key, drawing, epsilon_axis, known_epsilon
from .svg import COLOURS, Layout

__all__ = ["claim_figure"]

_BAR = 0.42


def claim_figure(result: AuditResult) -> Drawing:
    """A bar for the claim and one for epsilon*: what exceeds the claim is hatched, what is not
    known of an interval is outlined, and an infinite epsilon* runs off with an arrow."""
    claimed, true = result.claim.epsilon, result.true_epsilon

    def draw(axes: Axes, layout: Layout) -> None:
        right, size = _right_end(claimed, true), layout.font + 1
        axes.barh(1.0, claimed, _BAR, color=COLOURS["claim"])
        _draw_true(axes, claimed, true, right)
        label = _true_text(claimed, true, known_epsilon(result))
        shown = apart(claimed, *(end for end in (true.lower, true.upper) if math.isfinite(end)))[0]
        axes.axvline(claimed, **CLAIM)
        for height, text in ((1.0, f"claimed ε = {shown}"), (0.0, label)):
            axes.annotate(
                text, (0.0, height + 0.5 * _BAR), (3, 4), textcoords="offset points", size=size
            )
        axes.set(xlim=(0.0, right), ylim=(-0.35, 1.75), yticks=[])
        epsilon_axis(axes, layout, result)
        axes.spines["left"].set_color(COLOURS["ink"])

    keys = [Key("dashed", "claim", "the claim")]
    if true.lower > claimed:
        keys.append(Key("hatch", "excess", "above the claim"))
    if known_epsilon(result) is None and math.isfinite(true.lower):
        keys.append(Key("outline", "true", "where ε* may lie"))
    return drawing(
        "claim",
        "The claimed ε against the true ε*",
        comparison_sentence(result),
        keys,
        (168, 178),
        draw,
    )


def _right_end(claimed: float, true: Interval) -> float:
    ends = [claimed, true.lower, true.upper]
    largest = max(end for end in ends if math.isfinite(end))
    return largest * (1.08 if math.isfinite(true.upper) else 1.6)


def _true_text(claimed: float, true: Interval, known: float | None) -> str:
    if known is not None:
        return f"true ε* = {apart(known, claimed)[0]}"
    if math.isinf(true.lower):
        return "true ε* = ∞: no finite ε holds"
    if math.isinf(true.upper):
        return f"true ε* is at least {apart(true.lower, claimed)[0]}"
    lower, upper, _ = apart(true.lower, true.upper, claimed)
    return f"true ε* between {lower} and {upper}"


def _draw_true(axes: Axes, claimed: float, true: Interval, right: float) -> None:
    """Solid up to the claim, hatched beyond it, and an outline for the width of the interval."""
    known, most = min(true.lower, right), min(true.upper, right)
    axes.barh(0.0, min(known, claimed), _BAR, color=COLOURS["true"])
    if known > claimed:
        _outlined(axes, claimed, known, COLOURS["excess"], {"hatch": "////", "linewidth": 1.5})
    if most - known > 1e-3 * right:
        _outlined(axes, known, most, COLOURS["true"], {"linestyle": (0, (3, 2))})
    if math.isinf(true.upper):
        colour = COLOURS["excess" if math.isinf(true.lower) else "true"]
        axes.plot(right, 0.0, marker=">", markersize=15, color=colour, clip_on=False)
        axes.text(right, 0.29, "∞", ha="right", va="bottom", size=20, color=COLOURS["ink"])


def _outlined(axes: Axes, left: float, right: float, colour: str, look: dict[str, Any]) -> None:
    axes.barh(0.0, right - left, _BAR, left=left, facecolor="none", edgecolor=colour, **look)
