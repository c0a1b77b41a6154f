"""The documentation: its Python runs, its links work, its schemas are those of the code."""

import re
from pathlib import Path

import pytest

from tools.write_schema import SCHEMAS, schema_text

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
PYTHON = [
    pytest.param(page, block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    )
]


def test_pages_were_found():
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "verdicts.md"} <= {
        page.name for page in PAGES
    }
    assert any(page.values[0].name == "README.md" for page in PYTHON)


@pytest.mark.parametrize(("page", "block"), PYTHON)
def test_python_runs(page, block, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some examples write a file
    exec(compile(block, str(page), "exec"), {"__name__": "example"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in ROOT.glob("docs/*.md"):
        assert page.name == "index.md" or f"({page.name})" in index


@pytest.mark.parametrize("name", SCHEMAS)
def test_published_schemas_are_those_of_the_code(name):
    """`make docs` writes it anew."""
    assert (ROOT / "docs" / name).read_text("utf-8") == schema_text(name)


def test_every_mechanism_has_a_row():
    from dpaudit.mechanisms import MECHANISMS

    page = (ROOT / "docs" / "mechanisms.md").read_text(encoding="utf-8")
    for name in MECHANISMS:
        assert f"| `{name}` |" in page


@pytest.mark.slow
def test_readme_shows_what_make_audit_prints(tmp_path, monkeypatch, capsys):
    """The text between the fences, but for spaces at the ends of lines; numbers
    to 2%, because the last digits of error estimates differ between processors."""
    from dpaudit import showcase

    monkeypatch.chdir(tmp_path)  # lines wrap differently around a longer path
    assert showcase.main(["--output", "audit-output"]) == 0
    printed = capsys.readouterr().out
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"<!-- output of: make audit -->\n```text\n(.*?)```", readme, re.S)
    assert shown is not None
    lines = "".join(f"{line.rstrip()}\n" for line in printed.splitlines())
    number = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e[-+]\d+)?")
    assert number.sub("#", shown.group(1)) == number.sub("#", lines)
    values = [
        [float(value.replace(",", "")) for value in number.findall(text)]
        for text in (shown.group(1), lines)
    ]
    assert values[0] == pytest.approx(values[1], rel=0.02)
    written = sorted(path.name for path in (tmp_path / "audit-output").iterdir())
    assert len(written) == 3 * len(showcase.EXHIBITS)


def test_the_showcase_fails_when_a_verdict_is_not_the_expected_one(tmp_path, monkeypatch, capsys):
    from dpaudit import Verdict, showcase

    wrong = showcase.Exhibit("wrong", "randomized-response", Verdict.VIOLATED, {"epsilon": 1.0})
    monkeypatch.setattr(showcase, "EXHIBITS", (wrong,))
    assert showcase.main(["--output", str(tmp_path)]) == 1
    assert "Unexpected: UPHELD" in capsys.readouterr().out
