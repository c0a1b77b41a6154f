"""The failure mass delta at the claimed epsilon of sampled pairs against their distance."""

import math

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from ...results import AuditResult, LossCurve
from ...results.wording import number
from .drawing import CLAIM, LEAST_MASS, Drawing, Key, decades, drawing, edge_label
from .pairs import PAIR_KEYS, draw_chosen, draw_random, places
from .svg import Layout

__all__ = ["mass_figure"]

Floats = NDArray[np.float64]

#: Where the largest mass is below this, the scale is logarithmic.
_SMALL = 0.1

#: Masses whose share among the pairs the caption tells.
_NOTEWORTHY = (0.01, 0.5)


def mass_figure(curve: LossCurve, result: AuditResult) -> Drawing | None:
    """Failure mass against distance for a metric claim; otherwise, where every distance is 1,
    the masses in rising order. None if no mass can be told from 0."""
    largest = max(curve.delta, default=0.0)
    if largest <= LEAST_MASS:
        return None
    metric, allowed = result.claim.kind == "metric", result.claim.delta
    place = places(curve.distance, curve.delta, metric)
    logarithmic = max(largest, allowed) < _SMALL
    mass = _powers(curve.delta) if logarithmic else np.array(curve.delta)
    level = math.log10(max(allowed, LEAST_MASS)) if logarithmic else allowed
    none = logarithmic and bool(np.isinf(mass).any())

    def draw(axes: Axes, _layout: Layout) -> None:
        bottom, top = _decades(np.append(mass, level if allowed else -np.inf), none)
        if not logarithmic:
            bottom, top = 0.0, 1.0
        axes.set(xlim=(0.0, 1.04 * float(place.max())), ylim=(bottom, top))
        axes.grid(axis="y")
        height = np.maximum(mass, bottom)
        draw_random(axes, place, height, curve.choice)
        if allowed:
            axes.axhline(level, **CLAIM)
        draw_chosen(axes, place, height, curve.choice)
        if none:
            edge_label(axes, "none", bottom, 12)
        if logarithmic:
            decades(axes, edge=none)
        axes.set_xlabel("distance of the pair" if metric else "sampled pairs by δ (%)")
        axes.set_ylabel("δ at the claimed ε")

    keys = list(PAIR_KEYS)
    if allowed:
        keys.insert(0, Key("dashed", "claim", f"the claim allows δ = {number(allowed)}"))
    if none:
        text = f"on the bottom edge: none, or less than {number(LEAST_MASS)}"
        keys.append(Key("floor", "ink", text))
    by = "by the distance of the two words" if metric else "in rising order"
    return drawing(
        "masses",
        "Failure mass δ of sampled pairs at the claimed ε",
        f"Failure masses of {len(mass):,} pairs {by}; the largest is {number(largest)}.",
        keys,
        (290, 380),
        draw,
        _shares_sentence(curve),
    )


def _powers(masses: tuple[float, ...]) -> Floats:
    """Decimal logarithms, -inf for what is not told apart from none."""
    values = np.array(masses)
    powers = np.full(values.shape, -np.inf)
    np.log10(values, out=powers, where=values > LEAST_MASS)
    return powers


def _decades(powers: Floats, none: bool) -> tuple[float, float]:
    """Whole decades around the finite powers, with room below for the pairs without a mass."""
    finite = powers[np.isfinite(powers)]
    bottom, top = math.floor(finite.min()), math.ceil(finite.max())
    top = max(top, bottom + 1)
    return bottom - 0.15 * (top - bottom) * none, top


def _shares_sentence(curve: LossCurve) -> str:
    """Which part of the nearest and of the random pairs needs more than the noteworthy masses."""
    masses: dict[str, list[float]] = {"nearest": [], "random": [], "witness": []}
    for mass, choice in zip(curve.delta, curve.choice, strict=True):
        masses[choice].append(mass)
    parts = [
        f"of the {len(masses[kind]):,} {name}, {_shares(masses[kind])}"
        for kind, name in (
            ("nearest", "pairs of a word and its nearest word"),
            ("random", "random pairs"),
        )
        if masses[kind]
    ]
    parts += [f"of the worst pair by its loss, {number(mass)}" for mass in masses["witness"]]
    return f"The δ that a pair needs: {'; '.join(parts)}."


def _shares(masses: list[float]) -> str:
    """How many exceed each noteworthy mass, without what follows from that.

    >>> _shares([0.2, 0.6]), _shares([0.0]), _shares([0.9])
    ('all above 0.01 and 50% above 0.5', 'none above 0.01', 'all above 0.5')
    """
    low, high = (f"{_share(masses, least)} above {least}" for least in _NOTEWORTHY)
    if low.startswith("none"):
        return low
    return high if high.startswith("all") else f"{low} and {high}"


def _share(masses: list[float], least: float) -> str:
    """Of the masses, those above `least`.

    >>> _share([0.0, 0.2, 0.6], 0.1), _share([0.2], 0.5), _share([0.2], 0.1)
    ('66.7%', 'none', 'all')
    """
    above = sum(mass > least for mass in masses)
    if above in (0, len(masses)):
        return "all" if above else "none"
    return f"{100 * above / len(masses):.3g}%"
