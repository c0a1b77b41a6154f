"""What an audit finds, against a parameter of the mechanism: one small picture a quantity."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ...results import AuditResult, Summary
from ...results.sweep import SweepResult
from ...results.wording import number
from .drawing import CLAIM, Drawing, Key, drawing, thousands
from .svg import COLOURS, Layout

__all__ = ["sweep_figures"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Quantity:
    """A quantity of an audit: its values, and the range over the words where there is one."""

    name: str
    label: str
    middle: Callable[[AuditResult], float]
    band: Callable[[AuditResult], tuple[float, float]] | None = None
    reference: Callable[[AuditResult], float] | None = None
    reference_label: str = ""


def sweep_figures(sweep: SweepResult) -> list[Drawing]:
    """True epsilon, kept words, both supports, Bayes vulnerability and leakage, against the value
    of the parameter. Infinite values are left out and named in the caption."""
    return [_figure(sweep, quantity) for quantity in _QUANTITIES]


def _summary(
    field: str,
) -> tuple[Callable[[AuditResult], float], Callable[..., tuple[float, float]]]:
    def middle(result: AuditResult) -> float:
        found: Summary | None = getattr(result.statistics, field, None)
        return math.nan if found is None else found.mean

    def band(result: AuditResult) -> tuple[float, float]:
        found: Summary | None = getattr(result.statistics, field, None)
        return (math.nan, math.nan) if found is None else (found.min, found.max)

    return middle, band


def _single(field: str) -> Callable[[AuditResult], float]:
    def value(result: AuditResult) -> float:
        return math.nan if result.statistics is None else getattr(result.statistics, field)

    return value


def _interval(result: AuditResult) -> tuple[float, float]:
    return result.true_epsilon.lower, result.true_epsilon.upper


_QUANTITIES = (
    _Quantity(
        "epsilon",
        "true ε*",
        lambda result: result.true_epsilon.midpoint,
        _interval,
        lambda result: result.claim.epsilon,
        "the claim",
    ),
    _Quantity("kept", "chance that a word is kept", *_summary("kept")),
    _Quantity("support-001", "outputs with probability ≥ 0.001", *_summary("support_001")),
    _Quantity("support-1000", "different words in 1,000 draws", *_summary("support_1000")),
    _Quantity(
        "vulnerability",
        "Bayes vulnerability",
        _single("bayes_vulnerability"),
        None,
        lambda result: 1.0 / result.space.words if result.space else math.nan,
        "blind guessing",
    ),
    _Quantity(
        "leakage",
        "min-entropy leakage (bits)",
        _single("leakage_bits"),
        None,
        lambda result: math.log2(result.space.words) if result.space else math.nan,
        "everything, log₂ n",
    ),
)


def _figure(sweep: SweepResult, quantity: _Quantity) -> Drawing:
    values = np.array([value for value, _ in sweep.audited])
    results = [result for _, result in sweep.audited]
    middle = _finite([quantity.middle(result) for result in results])
    infinite = int(np.isnan(middle).sum())
    band = _ends(quantity, results)
    reference = quantity.reference and _finite([quantity.reference(r) for r in results])

    def draw(axes: Axes, layout: Layout) -> None:
        axes.grid(axis="y")
        if band:
            axes.fill_between(values, band[0], band[1], color=COLOURS["sample"], alpha=0.35, lw=0)
        axes.plot(values, middle, color=COLOURS["input"], linewidth=2.0, marker="o", markersize=4)
        if reference is not None:
            axes.plot(values, reference, **CLAIM)
        axes.set_xlabel(sweep.parameter)
        axes.set_ylabel(quantity.label)
        axes.set_ylim(bottom=0.0)
        axes.xaxis.set_major_locator(MaxNLocator(layout.width // 66, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(thousands)

    keys = [Key("beads", "input", quantity.label)]
    if band:
        what = "its interval" if quantity.name == "epsilon" else "smallest to largest word"
        keys.append(Key("band", "sample", what))
    if reference is not None:
        keys.append(Key("dashed", "claim", quantity.reference_label))
    shown = middle[~np.isnan(middle)]
    reading = f"From {number(shown[0])} to {number(shown[-1])}." if shown.size else ""
    if infinite:
        reading += f" Infinite or unknown at {infinite} of {len(results)} values."
    return drawing(
        f"sweep-{quantity.name}",
        f"{quantity.label[0].upper()}{quantity.label[1:]} against {sweep.parameter}",
        f"A curve of {len(results)} points.",
        keys,
        (230, 260),
        draw,
        reading,
    )


def _ends(quantity: _Quantity, results: list[AuditResult]) -> list[Floats] | None:
    """Lower and upper ends of the range, if the quantity has one."""
    if quantity.band is None:
        return None
    ends = [quantity.band(result) for result in results]
    return [_finite([pair[side] for pair in ends]) for side in (0, 1)]


def _finite(values: list[float]) -> Floats:
    array = np.array(values, dtype=np.float64)
    return np.where(np.isfinite(array), array, np.nan)
