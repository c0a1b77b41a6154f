"""The privacy loss of sampled pairs against their distance."""

import numpy as np
from matplotlib.axes import Axes

from ...results import AuditResult, LossCurve
from ...results.wording import number
from .drawing import CLAIM, TRUE, Drawing, Key, drawing, edge_label, known_epsilon, thousands
from .pairs import PAIR_KEYS, draw_chosen, draw_random, places
from .svg import Layout

__all__ = ["loss_figure"]


def loss_figure(curve: LossCurve, result: AuditResult) -> Drawing:
    """Loss against distance for a metric claim; otherwise, where every distance is 1, the
    losses in rising order. Infinite losses lie on the top edge."""
    metric = result.claim.kind == "metric"
    claimed, true = result.claim.epsilon, known_epsilon(result)
    loss, place = np.array(curve.loss), places(curve.distance, curve.loss, metric)
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
        draw_random(axes, place, height, curve.choice)
        for level, look in ((claimed, CLAIM), (true, TRUE)):
            if level is not None:
                axes.plot([0.0, right], [0.0 if metric else level, level * slope], **look)
        draw_chosen(axes, place, height, curve.choice)
        if infinite:
            edge_label(axes, "∞", top, -12)
        axes.set_xlabel("distance of the pair" if metric else "sampled pairs by loss (%)")
        axes.set_ylabel("privacy loss (nats)")
        axes.yaxis.set_major_formatter(thousands)

    of_pair = " · distance" if metric else ""
    keys = [Key("dashed", "claim", f"the claim allows {number(claimed)}{of_pair}"), *PAIR_KEYS]
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
