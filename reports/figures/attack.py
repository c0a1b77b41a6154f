"""What the attacker of a black box sees: shares of the outputs, a leak, a bet."""

import math
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator

from ...results import AttackCurve, AttackRecord, AuditResult, LowerProfileCurve, WealthCurve
from ...results.wording import number
from .drawing import CLAIM, Drawing, Key, drawing, epsilon_axis, thousands
from .svg import COLOURS, Layout

__all__ = ["attack_figure", "leak_figure", "wealth_figure"]

#: How far the shades behind what is named are seen through, and how wide a bar is.
_SHADE = 0.16
_WIDTH = 0.36

#: Decimal powers up to which an axis has numbers between them.
_FEW = 3.0


def attack_figure(curve: AttackCurve, attack: AttackRecord) -> Drawing:
    """Shares of the learning draws on each input, with a shade where an input is named. Outputs
    that have names are numbered: names are data, and stand in a table of the page."""
    named = bool(curve.outputs)
    first, second = np.array(curve.first), np.array(curve.second)
    edges = np.arange(len(first) + 1) + 0.5 if named else np.array(curve.edges)
    says = curve.says if named else _without_gaps(curve)

    def draw(axes: Axes, _layout: Layout) -> None:
        top = 1.12 * max(float(first.max(initial=0.0)), float(second.max(initial=0.0)), 1e-9)
        axes.set(xlim=(float(edges[0]), float(edges[-1])), ylim=(0.0, top))
        axes.grid(axis="y")
        for left, right, said in zip(edges[:-1], edges[1:], says, strict=True):
            if said:
                colour = COLOURS["input" if said > 0 else "neighbour"]
                axes.axvspan(left, right, color=colour, alpha=_SHADE, linewidth=0.0)
        for series, colour, side in ((second, "neighbour", 1), (first, "input", -1)):
            if named:
                places = edges[:-1] + 0.5 + side * _WIDTH / 2
                axes.bar(places, series, _WIDTH, color=COLOURS[colour])
            else:
                dashes = (0, (5, 2)) if side > 0 else "solid"
                axes.stairs(series, edges, color=COLOURS[colour], linewidth=1.8, linestyle=dashes)
        axes.set_axisbelow(True)
        if named:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_xlabel("number of the output in the table")
        else:
            axes.set_xlabel("what the rule looks at")
        axes.set_ylabel("share of the outputs")

    keys = [
        Key("bar" if named else "line", "input", "outputs from", attack.pair[0]),
        Key("bar" if named else "dashed", "neighbour", "outputs from", attack.pair[1]),
    ]
    for side, colour in ((1, "input"), (-1, "neighbour")):
        if side in curve.says:
            keys.append(Key("band", colour, "here the rule names", attack.pair[side < 0]))
    return drawing(
        "attack",
        "Outputs from the two inputs, and where the rule names them",
        "Shares of the outputs from each input, over "
        + ("numbered outputs" if named else f"{len(first)} intervals")
        + ", with a shade behind those on which an input is named.",
        keys,
        (270, 340),
        draw,
    )


def _without_gaps(curve: AttackCurve) -> list[int]:
    """What is said in each interval; one without draws goes with those beside it if they agree.

    >>> _without_gaps(AttackCurve(axis="", edges=(), outputs=(), first=(0.5, 0.0, 0.5),
    ...     second=(0.0, 0.0, 0.2), says=(1, 0, 1)))
    [1, 1, 1]
    """
    said = list(curve.says)
    seen = [i for i in range(len(said)) if curve.first[i] or curve.second[i]]
    for left, right in pairwise(seen):
        if said[left] == said[right]:
            said[left:right] = [said[left]] * (right - left)
    return said


def leak_figure(curve: LowerProfileCurve, result: AuditResult) -> Drawing:
    """The lower band of the privacy profile: the truth lies on it or above."""
    claim = result.claim
    epsilon, delta = np.array(curve.epsilon), np.array(curve.delta)

    def draw(axes: Axes, layout: Layout) -> None:
        axes.set(xlim=(0.0, float(epsilon[-1])), ylim=(0.0, _top(delta, claim.delta)))
        axes.grid(axis="y")
        axes.fill_between(epsilon, delta, color=COLOURS["true"], alpha=_SHADE, linewidth=0.0)
        axes.plot(epsilon, delta, color=COLOURS["true"], linewidth=2.0)
        axes.axvline(claim.epsilon, **CLAIM)
        if claim.delta > 0.0:
            axes.axhline(claim.delta, **CLAIM)
        epsilon_axis(axes, layout, result)
        axes.set_ylabel("failure mass δ")

    promised = f", δ = {number(claim.delta)}" if claim.delta else ""
    return drawing(
        "leak",
        "Failure mass δ that the draws show, as a function of ε",
        "A falling line, the lower band of the failure mass of the pair that was tested, with a "
        "line at the claim.",
        [
            Key("line", "true", "at least so much is needed"),
            Key("dashed", "claim", f"the claim, ε = {number(claim.epsilon)}{promised}"),
        ],
        (250, 320),
        draw,
    )


def _top(delta: "np.ndarray[tuple[int], np.dtype[np.float64]]", claimed: float) -> float:
    """Some room above the highest point."""
    return min(1.15 * max(float(delta.max(initial=0.0)), claimed, 1e-6), 1.0)


def wealth_figure(curve: WealthCurve) -> Drawing:
    """Wealth of the bets against the claim, by draws, on a scale of decimal powers."""
    draws = np.array([0, *curve.draws])
    wealth = np.array([0.0, *curve.log_wealth]) / math.log(10.0)
    goal = curve.refuted_at / math.log(10.0)
    finite = wealth[np.isfinite(wealth)]

    def draw(axes: Axes, layout: Layout) -> None:
        low = max(min(float(finite.min(initial=0.0)), 0.0), -4.0 * goal)
        high = max(float(finite.max(initial=0.0)), goal)
        room = 0.08 * (high - low)
        axes.set(xlim=(0.0, 1.02 * float(draws[-1])), ylim=(low - room, high + room))
        axes.grid(axis="y")
        axes.plot(
            draws,
            np.maximum(wealth, low - room),
            color=COLOURS["input"],
            linewidth=1.6,
            marker="o",
            markersize=3.5,
        )
        axes.axhline(goal, **CLAIM)
        axes.xaxis.set_major_locator(MaxNLocator(layout.width // 90, integer=True))
        axes.xaxis.set_major_formatter(thousands)
        if high - low <= _FEW:
            decades = np.arange(math.floor(low), math.ceil(high) + 1)
            ticks = (decades[:, None] + np.log10([1.0, 2.0, 5.0])).ravel()
            inside = (ticks >= low) & (ticks <= high)
            axes.yaxis.set_major_locator(FixedLocator(ticks[inside].tolist()))
        else:
            axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.yaxis.set_major_formatter(_factor)
        axes.set_xlabel("draws")
        axes.set_ylabel("wealth of the bets")

    return drawing(
        "wealth",
        "Wealth of the bets against the claim",
        f"A line that starts at 1, with a line at {number(math.exp(curve.refuted_at))}, where the "
        "claim is refuted.",
        [
            Key("beads", "input", "wealth, all pairs together"),
            Key("dashed", "claim", f"refuted at {number(math.exp(curve.refuted_at))}"),
        ],
        (250, 320),
        draw,
    )


def _factor(power: float, _position: object = None) -> str:
    """A tick label for an axis of decimal logarithms.

    >>> _factor(0.0), _factor(3.0), _factor(-7.0), _factor(math.log10(0.5))
    ('1', '1,000', '10^-7', '0.5')
    """
    return thousands(round(10.0**power, 9)) if abs(power) <= _FEW else f"10^{power:.3g}"
