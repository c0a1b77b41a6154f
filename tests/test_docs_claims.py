"""The documentation states mathematics with a source: a theorem, a command, a test or a citation.

No program can tell a mathematical sentence from another one for certain. These tests take what can
be told: a passage that speaks of bounds, losses or guarantees as facts has to name what it rests
on; what it names has to exist; and what is said of theorems has to be their status.
"""

import re
from pathlib import Path

import pytest

from dpaudit.mechanisms.numbers.catalogue import NUMBERS
from dpaudit.mechanisms.registry import MECHANISMS
from dpaudit.proofs.theorems import THEOREMS
from tools.bounded import equidistant_table

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(ROOT.glob("docs/*.md"))

#: What makes a passage a statement about losses or guarantees.
FACT = re.compile(
    r"((?<!Where )ε\* ?[≥≤=<>]|is false (on|for|in|where|at)|[Ff]alse as audited"
    r"|(on|for) every vocabulary|no noise|supermartingale|super-uniform|is (always|never) "
    r"|\bholds on)"
)
#: What a statement may rest on: a theorem, a command, a file of the project, a proof on the page, a
#: year of publication, or another section or page.
SOURCE = re.compile(
    r"(python -m \w|dpaudit (prove|audit|verify|law)|(tests|tools|mechanisms|proofs)/\w|[Pp]roof\b"
    r"|\b(1[89]|20)\d\d\b|\]\([a-z-]*(\.md|#)|[Tt]heorem)"
)
#: A definition says nothing that could be false.
DEFINITION = re.compile(r"exactly when|means that|what it means|what is proven")


def passages(page):
    """Paragraphs, each with what continues it, formulas, tables, list items or half a sentence;
    without headings and examples, which are run."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    text = re.sub(r"^(#+ .*|\s*<!--.*-->)$", "", text, flags=re.M)
    found = []
    for part in re.split(r"\n\s*\n", text):
        if found and re.match(r"    |\||- |\d\. |\*?Proof|[a-z]", part):
            found[-1] += f"\n\n{part}"
        else:
            found.append(part)
    return found


def unsourced(text):
    """The fact that a passage states without a source, None if there is none."""
    fact = FACT.search(text)
    named = any(name in THEOREMS for name in re.findall(r"`([a-z0-9-]+)`", text))
    if fact is None or named or SOURCE.search(text) or DEFINITION.search(text):
        return None
    return fact.group()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_passages_that_state_facts_name_what_they_rest_on(page):
    for text in passages(page):
        assert unsourced(text) is None, text


def test_a_fact_without_a_source_is_found():
    """The test can fail: sentences that stood in the documentation."""
    for text in (
        "It is not: on large vocabularies ε* ≥ 7 and the claim is false on all of them.",
        "On real words it holds on some small vocabularies.",
    ):
        assert unsourced(text) is not None
        assert unsourced(f"{text} (theorem `truncated-gumbel`)") is None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_theorems_that_are_named_exist(page):
    """`theorem x`, `theorems x, y` and `dpaudit prove x`."""
    text = re.sub(r"\s+", " ", page.read_text("utf-8"))
    found = []
    for names in re.findall(r"[Tt]heorems? ((?:`[a-z0-9-]+`(?:, | and |,? or )?)+)", text):
        found += re.findall(r"`([a-z0-9-]+)`", names)
    found += re.findall(r"dpaudit prove ([a-z][a-z-]+[a-z])", text)
    assert [name for name in found if name not in THEOREMS] == []


def test_every_theorem_is_on_a_page():
    text = "".join(page.read_text("utf-8") for page in PAGES)
    assert [name for name in THEOREMS if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_statuses_in_tables_are_those_of_the_catalogue(page):
    for name, status in re.findall(
        r"^\| (`[a-z0-9-]+`(?:, `[a-z0-9-]+`)*) \|.*\| (proved|refuted|false as audited) \|$",
        page.read_text("utf-8"),
        re.M,
    ):
        for one in re.findall(r"`([a-z0-9-]+)`", name):
            assert THEOREMS[one].expected.startswith(status), one


def test_refuted_is_left_to_published_claims():
    """The one published claim that is refuted is that of truncated Gumbel."""
    refuted = {one.mechanism for one in THEOREMS.values() if one.expected == "refuted"}
    audited = {one.mechanism for one in THEOREMS.values() if one.expected == "false as audited"}
    assert refuted == {"truncated-gumbel"}
    assert audited == {
        *("vickrey", "distance-truncated-laplace", "nearest-truncated-exponential"),
        "density-calibrated-laplace",
    }
    page = (ROOT / "docs" / "mechanisms.md").read_text("utf-8")
    for name in audited - {"vickrey"}:
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        assert "none is published" in row
        assert "**false as audited**" in row
    assert "None is published for the others" in page


@pytest.mark.parametrize("name", MECHANISMS)
def test_what_is_claimed_of_a_mechanism_names_its_theorems(name):
    """Every theorem that decides the claim of a mechanism is in its row."""
    page = (ROOT / "docs" / "mechanisms.md").read_text("utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
    for one in THEOREMS.values():
        if one.mechanism == name and not one.lemma:
            assert f"`{one.name}`" in row.split("|", 3)[3], one.name


def test_the_comparison_says_what_its_table_shows():
    page = (ROOT / "docs" / "comparison.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| ([a-z-]+) \(", page, re.M))
    assert set(rows) == set(MECHANISMS)
    read = re.sub(r"\s+", " ", page[page.index("What to read from it") :])
    said = re.findall(r"`([a-z-]+)` is (upheld|violated|not refuted)", read)
    assert len(said) >= 4
    for name, verdict in said:
        assert rows[name] == verdict.replace("not refuted", "not-refuted"), name
    assert rows["truncated-gumbel"] == "violated"
    assert rows["distance-truncated-laplace"] == "not-refuted"
    ratios = {
        name: float(true) / float(claimed)
        for name, claimed, true in re.findall(
            r"^\| `([a-z-]+)` \| ([\d.]+) \| \S+ \(certified\) \| ([\d.]+) \|", page, re.M
        )
    }
    for name in ("metric-exponential", "truncated-exponential", "density-prior-exponential"):
        assert round(ratios[name], 2) == 0.56


def test_a_table_of_truncated_gumbel_is_that_of_its_tool():
    """The one that takes seconds: `python -m tools.refutation --only equidistant`."""
    page = (ROOT / "docs" / "truncated-gumbel.md").read_text("utf-8")
    assert f"<!-- begin: equidistant -->\n\n{equidistant_table()}\n\n<!-- end" in page
    assert "| 8 | 1.033 | **violated** |" in page


def test_words_that_accuse_are_gone():
    """Claims are claimed, and a re-implementation is called one."""
    texts = {page.name: page.read_text("utf-8") for page in [*PAGES, ROOT / "CHANGELOG.md"]}
    for name, text in texts.items():
        assert not re.search(r"\bsold as\b|no noise can save it|truncation of any kind", text), name
    for name in ("truncated-gumbel.md", "mechanisms.md"):
        assert re.search(r"Meisenbacher,?\s+(N\. )?Nandakumar", texts[name]), name
    flat = re.sub(r"\s+", " ", texts["truncated-gumbel.md"])
    assert "nothing here is about the paper" in flat
    assert "not the authors' code" in flat


def test_the_numbers_of_specimens():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    broken = sum(entry.broken for entry in NUMBERS.values())
    words = {8: "eight", 9: "nine", 10: "ten"}
    assert (
        f"{len(NUMBERS)} specimens for statistical audits, {words[broken]} of them broken" in text
    )
