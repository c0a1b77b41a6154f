"""The page in a real browser: layout, colours and inert words, at two widths, light and dark."""

import html
import json
import math
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpaudit import EmbeddingSpace, MetricDP, PureDP, Verdict, audit, mechanisms
from dpaudit.reports import page

pytestmark = pytest.mark.slow

#: Sets an attribute of the page if it ever runs, which it must not.
SCRIPT = "<script>document.documentElement.dataset.ran = 1</script>"
WORDS = (SCRIPT, f'"><img src=x onerror="{SCRIPT[8:-9]}">', "l" * 300, "שלום עולם", "بالعالم" * 40)

#: Put into a copy of the page, by this test only: it writes what it measures into the title of
#: the frame around it.
PROBE = """<script>
const style = selector => getComputedStyle(document.querySelector(selector));
document.querySelectorAll("details").forEach(e => { e.open = true; });
const scale = matrix => Math.hypot(matrix.a, matrix.b);
const shown = [...document.querySelectorAll("svg.picture")].map(e => e.getBoundingClientRect());
parent.document.title = JSON.stringify({
  ran: document.documentElement.dataset.ran ?? null,
  images: document.querySelectorAll("img").length,
  dark: matchMedia("(prefers-color-scheme: dark)").matches,
  window: innerWidth,
  content: document.documentElement.scrollWidth,
  widest: Math.max(...[...document.body.querySelectorAll("*")].map(
    e => e.getBoundingClientRect().right)),
  figures: shown.filter(r => r.width > 0).map(r => [r.width, r.height]),
  font: Math.min(...[...document.querySelectorAll("svg.picture text")].filter(
    e => e.getBoundingClientRect().width > 0).map(e =>
      parseFloat(getComputedStyle(e).fontSize) * scale(e.getScreenCTM()))),
  paper: style("html").backgroundColor,
  text: style("main p").color,
  caption: style("figcaption").color,
  panel: style(".verdict").backgroundColor,
  verdict: style(".verdict strong").color,
});
</script>"""

#: A browser's window is never narrower than 500 pixels, but a frame in it may be.
FRAME = """<!DOCTYPE html><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<title>nothing measured</title>
<iframe width="{width}" height="1000" style="border: none" srcdoc="{page}"></iframe>"""


def _probed(text: str) -> str:
    """The page with a probe inside. The policy that forbids scripts is taken out, so that escaping
    alone has to hold."""
    text, policies = re.subn(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", text)
    assert policies == 1
    return text.replace("</body>", PROBE + "</body>")


def _words_page() -> str:
    """A real audit with words that would break out, and laws that reach 10^-4000."""
    builtin = EmbeddingSpace.builtin()
    space = EmbeddingSpace([*WORDS, *builtin.words[len(WORDS) :]], builtin.vectors, source=WORDS[1])
    result = audit(mechanisms.MetricExponential(space, epsilon=12.0), MetricDP(6.0))
    law = result.curves.witness_law
    assert result.witness
    assert law
    middle = len(law.word) // 8
    changes = {
        "explanation": tuple(f"The word “{word}” is far away: {word}" for word in WORDS),
        "mechanism": result.mechanism.model_copy(update={"remarks": WORDS}),
        "curves": result.curves.model_copy(
            update={
                "witness_law": law.model_copy(
                    update={
                        "word": (*law.word[:middle], WORDS[4], *law.word[middle + 1 :]),
                        "log_probability_input": tuple(-100.0 - rank for rank in law.rank),
                        "log_probability_neighbour": (
                            *[-9000.0] * (middle + 1),
                            *[-math.inf] * (len(law.rank) - middle - 1),
                        ),
                    }
                )
            }
        ),
        "witness": result.witness.model_copy(
            update={"input": WORDS[0], "neighbour": WORDS[2], "output": WORDS[4]}
        ),
    }
    text = page.render(result.model_copy(update=changes))
    assert "neighbour: 10^-3908.7" in text
    return text


def _staged(word: str, size: int, rng: np.random.Generator) -> list[str]:
    """Outputs that would break out; each input leaks a little through another one."""
    shares = np.where(np.array(WORDS) == word, 1.05, 1.0)
    return rng.choice(WORDS, size, p=shares / shares.sum()).tolist()


def _stages_page() -> str:
    """A test in stages on several pairs, of which no single one is a witness."""
    pairs = [(first, second) for first in WORDS for second in WORDS if first < second]
    result = audit(_staged, PureDP(0.05), pairs=pairs, draws=50_000)
    assert result.attack is not None
    assert len({stage.pair for stage in result.attack.stages}) > 1
    return page.render(result)


def _bets_page() -> str:
    """Bets, for tuples as outputs."""
    result = audit(
        lambda x, rng: (x if rng.random() < 0.8 else WORDS[2], 1.5),
        PureDP(0.1),
        pairs=[WORDS[:2]],
        draws=5_000,
        sequential=True,
    )
    assert result.verdict is Verdict.VIOLATED
    return page.render(result)


def _measure(chromium: str, text: str, width: int, dark: bool, folder: Path) -> dict[str, Any]:
    target = folder / "frame.html"
    target.write_text(FRAME.format(width=width, page=html.escape(text)), encoding="utf-8")
    command = [
        chromium,
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        f"--user-data-dir={folder / f'profile-{dark}'}",
        "--window-size=1400,1100",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        "--hide-scrollbars",
        "--dump-dom",
        target.as_uri(),
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    title = re.search(r"<title>(.*?)</title>", run.stdout, re.DOTALL)
    assert title, run.stderr
    measured: dict[str, Any] = json.loads(html.unescape(title[1]))
    return measured


def _contrast(first: str, second: str) -> float:
    """Contrast of two `rgb(...)` colours, WCAG 2.2."""
    low, high = sorted(_luminance(colour) for colour in (first, second))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(part) / 255.0 for part in re.findall(r"\d+", colour)[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Each kind of page."""
    made = {"words": _words_page(), "stages": _stages_page(), "bets": _bets_page()}
    return {name: _probed(text) for name, text in made.items()}


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize(("kind", "figures"), [("words", 5), ("stages", 2), ("bets", 3)])
def test_page_in_a_browser(chromium, pages, tmp_path, kind, figures, width):
    papers = set()
    for dark in (False, True):
        seen = _measure(chromium, pages[kind], width, dark, tmp_path)
        assert seen["dark"] is dark
        assert seen["window"] == width
        assert seen["content"] <= width
        assert seen["widest"] <= width
        assert seen["ran"] is None
        assert seen["images"] == 0
        assert len(seen["figures"]) == figures  # one of the two pictures of each
        assert all(w >= 0.85 * min(width, 768) and h > 100 for w, h in seen["figures"])
        assert seen["font"] >= 10.5
        assert _contrast(seen["text"], seen["paper"]) >= 4.5
        assert _contrast(seen["caption"], seen["paper"]) >= 4.5
        assert _contrast(seen["verdict"], seen["panel"]) >= 4.5
        papers.add(seen["paper"])
    assert len(papers) == 2
