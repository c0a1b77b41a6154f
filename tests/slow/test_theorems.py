"""All theorems as a LaTeX document that compiles, and as a page in a real browser."""

import html
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dpaudit.proofs import catalogue, check
from dpaudit.reports.theorems import latex, page

pytestmark = pytest.mark.slow

#: Writes what it measures into the title of the frame around the page.
PROBE = """<script>
const sizes = [...document.querySelectorAll("math")].map(e => e.getBoundingClientRect());
parent.document.title = JSON.stringify({
  content: document.documentElement.scrollWidth,
  formulas: sizes.length,
  empty: sizes.filter(r => r.width < 4 || r.height < 4).length,
  fractions: Math.min(...[...document.querySelectorAll("mfrac")].map(
    e => e.lastElementChild.getBoundingClientRect().bottom
      - e.firstElementChild.getBoundingClientRect().bottom)),
});
</script>"""
FRAME = """<!DOCTYPE html><meta charset="utf-8"><title>nothing measured</title>
<iframe width="{width}" height="1000" style="border: none" srcdoc="{page}"></iframe>"""


@pytest.fixture(scope="module")
def theorems():
    """With mutations, whose rejections are printed too."""
    return [
        (theorem, check(theorem), tuple((one, check(one.build())) for one in theorem.mutations[:1]))
        for theorem in catalogue()
    ]


def test_latex_compiles(pdflatex, theorems, tmp_path):
    (tmp_path / "theorems.tex").write_text(latex.render(theorems), encoding="utf-8")
    done = subprocess.run(
        [pdflatex, "-interaction=nonstopmode", "-halt-on-error", "theorems.tex"],
        capture_output=True,
        text=True,
        errors="replace",
        cwd=tmp_path,
        timeout=120,
        check=False,
    )
    log = (tmp_path / "theorems.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, log[-3000:]
    assert (tmp_path / "theorems.pdf").stat().st_size > 50_000
    assert "Missing character" not in log
    too_wide = [float(width) for width in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert max(too_wide, default=0.0) < 10.0


@pytest.mark.parametrize("width", [360, 1280])
def test_page_in_a_browser(chromium, theorems, tmp_path, width):
    """Formulas are drawn, fractions have two storeys, and nothing is wider than the window."""
    text = page.render(theorems)
    text, policies = re.subn(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", text)
    assert policies == 1
    seen = _measure(chromium, text.replace("</body>", PROBE + "</body>"), width, tmp_path)
    assert seen["content"] <= width
    assert seen["formulas"] == text.count("<math")
    assert seen["empty"] == 0
    assert seen["fractions"] > 4.0


def _measure(chromium: str, text: str, width: int, folder: Path) -> dict[str, Any]:
    target = folder / "frame.html"
    target.write_text(FRAME.format(width=width, page=html.escape(text)), encoding="utf-8")
    command = [
        chromium,
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        f"--user-data-dir={folder / 'profile'}",
        *("--window-size=1400,1100", "--hide-scrollbars", "--dump-dom", target.as_uri()),
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    title = re.search(r"<title>(.*?)</title>", run.stdout, re.DOTALL)
    assert title, run.stderr
    measured: dict[str, Any] = json.loads(html.unescape(title[1]))
    return measured
