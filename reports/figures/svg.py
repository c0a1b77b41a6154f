"""From matplotlib to SVG that lives inside a page.

A picture is drawn twice, for a narrow and for a wide window, so that its text has the size of
the text around it in both; the style sheet shows one of the two. It takes its fonts from the
page, and its colours too: matplotlib draws with the placeholders of `COLOURS`, which become
CSS variables afterwards, so that a dark page has dark figures.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

__all__ = ["COLOURS", "LAYOUTS", "Layout", "Picture", "picture"]

#: Role of a colour to the placeholder that matplotlib draws it with. The style sheet of the
#: page defines a variable of the same name as the role, for light and for dark.
COLOURS = {
    "ink": "#fe0d01",
    "muted": "#fe0d02",
    "rule": "#fe0d03",
    "claim": "#fe0d04",
    "true": "#fe0d05",
    "input": "#fe0d06",
    "neighbour": "#fe0d07",
    "sample": "#fe0d08",
    "excess": "#fe0d09",
}


@dataclass(frozen=True)
class Layout:
    """A window that a picture is drawn for; `width` and `font` are CSS pixels, and `name` is
    short because it stands in every mark of a scatter plot."""

    name: str
    width: int
    font: float


LAYOUTS = (Layout("n", 330, 11.0), Layout("w", 736, 12.5))


@dataclass(frozen=True)
class Picture:
    """SVG without its outer tag, which the template writes together with title and
    description, so that these are escaped where all text of the page is."""

    name: str
    width: int
    height: int
    body: str


def picture(
    name: str, layout: Layout, height: int, draw: Callable[[Axes, Layout], None]
) -> Picture:
    """Draw on fresh axes and return the SVG, the same bytes every time.

    Parameters
    ----------
    name
        Prefix of every id, unique in the page.
    layout, height
        Size in CSS pixels.
    draw
        Called with the axes and the layout; must not draw words of a vocabulary.
    """
    with matplotlib.style.context(["default", _style(layout)]):
        # One inch is 72 points and an SVG of matplotlib counts in points: our pixels.
        figure = Figure(figsize=(layout.width / 72, height / 72), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        draw(axes, layout)
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing, transparent=True)
    return Picture(name, layout.width, height, _inline(buffer.getvalue(), name))


def _style(layout: Layout) -> dict[str, Any]:
    ink, muted = COLOURS["ink"], COLOURS["muted"]
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": "dpaudit",
        "font.size": layout.font,
        "axes.labelsize": layout.font,
        "axes.titlesize": layout.font,
        "xtick.labelsize": layout.font,
        "ytick.labelsize": layout.font,
        "text.color": ink,
        "text.parse_math": False,
        "axes.labelcolor": ink,
        "axes.edgecolor": muted,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": muted,
        "ytick.color": muted,
        "xtick.labelcolor": ink,
        "ytick.labelcolor": ink,
        "grid.color": COLOURS["rule"],
        "grid.linewidth": 0.8,
        "hatch.linewidth": 1.0,
        "path.simplify": False,
    }


def _inline(svg: str, name: str) -> str:
    """The inside of an SVG file, fit to stand in an HTML page beside others."""
    body = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", body, flags=re.S)
    body = re.sub(r"<g\b[^>]*>\s*(?:<use [^>]*>\s*)+</g>", _hoist_style, body)
    body = re.sub(r"<[^>]*>", lambda tag: _shorten(tag.group()), body)
    body = re.sub(r"M (\S+ \S+) \s*L \1 ", r"M\1h0", body)  # dots: strokes without length
    body = re.sub(r"<defs>\s*</defs>", "", re.sub(r">\s+<", "><", body))
    return _with_colours(_with_unique_ids(body.strip(), name))


def _hoist_style(group: re.Match[str]) -> str:
    """Markers of one series share a style: say it once, on their group."""
    style = re.search(r' style="[^"]*"', group.group()[group.group().index("<use") :])
    if style is None:
        return group.group()
    return group.group().replace(style.group(), "").replace(">", style.group() + ">", 1)


def _shorten(tag: str) -> str:
    """Shapes to a hundredth of a pixel, places of marks to a tenth, no font but the page's."""
    digits = 1 if tag.startswith("<use") else 2
    tag = re.sub(r"-?\d+\.\d{2,}", lambda number: f"{float(number.group()):.{digits}f}", tag)
    tag = re.sub(r"font-family: [^;\"]*;?\s*", "", tag)
    tag = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", tag)  # older matplotlib
    return tag.replace("xlink:href", "href")


def _with_unique_ids(body: str, name: str) -> str:
    """Drop ids that nothing refers to; number the others behind the name of the picture."""
    used = dict.fromkeys(re.findall(r'(?:href="#|url\(#)([^")]+)', body))
    names = {old: f"{name}{place}" for place, old in enumerate(used)}
    body = re.sub(r' id="([^"]*)"', lambda m: f' id="{names[m[1]]}"' if m[1] in names else "", body)
    return re.sub(r'(href="#|url\(#)([^")]+)', lambda m: m[1] + names[m[2]], body)


def _with_colours(body: str) -> str:
    for role, placeholder in COLOURS.items():
        body = body.replace(placeholder, f"var(--{role})")
    return body
