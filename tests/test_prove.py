"""`dpaudit prove`: exit codes, the three files it writes, and what it says."""

import inspect
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from typing import Any

import pytest
import sympy as sp
from typer.testing import CliRunner, Result

from dpaudit.cli.app import app
from dpaudit.errors import InputError
from dpaudit.mechanisms.registry import MECHANISMS
from dpaudit.proofs import catalogue, find, theorems
from dpaudit.proofs.language import Formula, le
from dpaudit.proofs.model import Assumption, Decided, Mutation, Step, Theorem
from dpaudit.proofs.theorems import THEOREMS, Entry
from dpaudit.reports.theorems import latex, page
from dpaudit.results.proof import ProofDocument

x, y = sp.symbols("x y", real=True)
ORDER = Assumption("order", Formula(le(x, y)), "x is at most y")
RIGHT = Step("end", le(x, y), Decided(("z3",)), ("order",), "So it is.")
WRONG = Step("end", le(y, x), Decided(("z3",)), ("order",), "It is not.")
AWKWARD = r"<script>alert(1)</script> & 50% of \alpha_1 {$x^2$} #~ “ε ≤ 2²” 日"


def small(name: str, step: Step = RIGHT, **more: Any) -> Theorem:
    values = {"title": "A title", "words": "Some words.", "latex": r"x \le y", "reference": "none"}
    values |= {"assumptions": (ORDER,), "conclusions": (step.relation,), "steps": (step,), **more}
    return Theorem(name, **values)


PLANTED = {
    one.name: one
    for one in (
        small("right"),
        small("wrong", WRONG),
        small("refuting", refutes="a claim", expected="refuted", counterexample="print(1 < 2)"),
        small("surprise", refutes="a claim"),
        small("unclaimed", refutes="none", published=False, expected="false as audited"),
        small("accusing", refutes="none", published=False, expected="refuted"),
        small("awkward", title=AWKWARD, words=AWKWARD, counterexample=AWKWARD),
        small("mutated", mutations=(Mutation("no", "is wrong", lambda: small("no", WRONG)),)),
        small("fooled", mutations=(Mutation("yes", "is right", lambda: small("yes")),)),
    )
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DPAUDIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def planted(monkeypatch):
    """Makes the catalogue one of planted theorems."""

    def plant(*names: str) -> None:
        chosen = {name: PLANTED[name] for name in names}
        entries = {
            name: Entry(name, "", expected=one.expected, mechanism="vickrey")
            for name, one in chosen.items()
        }
        monkeypatch.setattr(theorems, "THEOREMS", entries)
        monkeypatch.setattr("dpaudit.proofs.find", chosen.__getitem__)

    return plant


def prove(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["prove", *arguments])


@pytest.mark.parametrize(
    ("catalogue_of", "arguments", "code"),
    [
        ("right refuting", "", 0),
        ("right wrong", "", 3),
        ("right surprise", "", 1),
        ("surprise wrong", "", 1),
        ("right refuting wrong", "right", 0),
        ("right refuting wrong", "refuting", 1),
        ("right refuting wrong", "wrong", 3),
        ("right refuting wrong", "right refuting", 1),
        ("right refuting wrong", "right refuting wrong", 1),
        ("right refuting wrong", "vickrey", 1),
        ("right surprise", "surprise", 1),
        ("right unclaimed", "", 0),
        ("right unclaimed", "unclaimed", 1),
        ("right accusing", "", 1),
        ("mutated", "--mutations", 0),
        ("fooled", "", 0),
        ("fooled", "--mutations", 1),
        ("fooled", "fooled --mutations", 1),
    ],
)
def test_exit_codes(planted, catalogue_of, arguments, code):
    """1 before 3 before 0; without names what counts is what was expected."""
    planted(*catalogue_of.split())
    done = prove(*arguments.split())
    assert done.exit_code == code, done.output
    assert done.stderr == ""


def test_table(planted):
    planted("right", "wrong")
    done = prove("--mutations")
    assert "right" in done.stdout
    assert "? open" in done.stdout
    assert "≠ proved" in done.stdout
    assert "1 of 2 have the expected status" in done.stdout
    assert "wrong: not shown: end" in done.stdout
    assert "0 of 0" in done.stdout
    assert "11 rules, sympy" in done.stdout


def test_derivation():
    done = prove("metric-exponential", "--mutations")
    assert done.exit_code == 0
    said = " ".join(done.stdout.split())
    theorem = find("metric-exponential")
    assert said.startswith(f"✓ PROVED: {theorem.title} Statement {theorem.words}")
    for number, step in enumerate(theorem.steps, start=1):
        assert f"({number}) {step.words}" in said
    for assumption in theorem.assumptions:
        assert f"[{assumption.name}] {assumption.words}" in said
    assert "d(i,k) ≤ d(i,j) + d(j,k) for all i, j, k" in said
    assert "assumption triangle for i = v, j = w, k = y [Instance]" in said
    assert re.search(r"decided by z3, from \(\d+\), \(\d+\) · \d+ ms", said)
    assert re.search(r"Axioms none Engines sympy \S+, z3 \S+ Rules Instance: ", said)
    assert said.count("rejected: ") == len(theorem.mutations)


def test_what_is_not_shown_is_said(planted):
    planted("wrong", "refuting")
    said = " ".join(prove("wrong").stdout.split())
    assert said.startswith("? OPEN: A title not shown: end")
    assert re.search(r"FAILED: .* x = \S+ y = ", said)
    said = prove("refuting").stdout
    assert "✗ REFUTED" in said
    assert "print(1 < 2)" in said


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("metric-exponentail",), "Did you mean metric-exponential?"),
        (("random-cutof", "metric-exponential"), "Did you mean random-cutoff?"),
        (("qqqq",), "no theorem or mechanism 'qqqq'. `dpaudit prove` without a name lists"),
    ],
)
def test_unknown_names(names, message):
    with pytest.raises(InputError, match=re.escape(message)):
        CliRunner().invoke(app, ["prove", *names], catch_exceptions=False)


def test_a_mechanism_without_theorem(planted):
    planted("right")
    with pytest.raises(InputError, match="no theorem about mahalanobis yet"):
        CliRunner().invoke(app, ["prove", "mahalanobis"], catch_exceptions=False)


def test_a_mechanism_lists_its_theorems(planted):
    planted("right", "refuting")
    done = prove("vickrey")
    assert done.exit_code == 1
    assert "2 of 2 have the expected status" in done.stdout


def test_json_is_the_same_every_time():
    """Checked anew or read from the cache, with no times in it."""
    texts = {
        prove("randomized-response", "--json", "-", *more).stdout
        for more in (["--no-cache"], [], [])
    }
    (text,) = texts
    document = ProofDocument.from_json(text)
    assert document.to_json() == text
    assert "seconds" not in text
    (found,) = document.theorems
    theorem = find("randomized-response")
    assert (found.verdict, found.expected, found.mutations) == ("proved", "proved", None)
    assert [step.id for step in found.steps] == [step.id for step in theorem.steps]
    assert [step.uses for step in found.steps] == [step.uses for step in theorem.steps]
    assert all(step.status == "checked" for step in found.steps)
    assert set(document.trusted_base) == {"rules", "engines", "conventions", "axioms"}


def test_json_of_what_is_open(planted):
    planted("wrong", "mutated")
    (found,) = ProofDocument.from_json(prove("wrong", "--json", "-").stdout).theorems
    assert (found.status, found.note) == ("open", "not shown: end")
    assert found.steps[0].status == "failed"
    assert set(found.steps[0].counterexample) == {"x", "y"}
    (found,) = json.loads(prove("mutated", "--mutations", "--json", "-").stdout)["theorems"]
    assert [one["rejected"] for one in found["mutations"]] == [True]


def test_files_and_silence(planted, tmp_path):
    planted("right")
    done = prove("--quiet", "--json", "a.json", "--latex", "a.tex", "--html", "a.html")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "dpaudit: 1 theorem: 1 proved\n"
    assert {path.name for path in tmp_path.glob("a.*")} == {"a.json", "a.tex", "a.html"}
    assert prove("--latex", "-").stdout == (tmp_path / "a.tex").read_text("utf-8")
    with pytest.raises(InputError, match=r"no/a\.tex"):
        CliRunner().invoke(app, ["prove", "--latex", "no/a.tex"], catch_exceptions=False)


def test_nothing_but_the_table_reaches_a_pipe(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "dpaudit", "prove", "randomized-response", "--json", "-"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["schema"] == "dpaudit.proof/1"


def checked(*names: str):
    from dpaudit.proofs import checker

    found = ((PLANTED[name], checker.check(PLANTED[name])) for name in names)
    return [(theorem, result, None) for theorem, result in found]


def test_latex_escapes():
    document = latex.render(checked("awkward"))
    escaped = latex.escape(AWKWARD)
    assert document.count(escaped) == 2  # title and words; code has other braces
    assert escaped == (
        r"\(<\)script\(>\)alert(1)\(<\)/script\(>\) \& 50\% of \textbackslash{}alpha\_1 "
        r"\{\$x\textasciicircum{}2\$\} \#\textasciitilde{} ``\(\varepsilon\) \(\le\) 2\(^{2}\)'' "
        r"\texttt{U+65E5}"
    )
    assert document.startswith(r"\documentclass")
    assert document.endswith("\\end{document}\n")


def test_latex_can_print_all_that_theorems_say():
    for theorem in catalogue():
        said = [theorem.title, theorem.words, theorem.refutes, theorem.covers, theorem.reference]
        said += [theorem.counterexample, *(step.words for step in theorem.steps)]
        said += [one.words for one in (*theorem.assumptions, *theorem.mutations)]
        assert "U+" not in latex.escape(" ".join(said)), theorem.name
        assert theorem.latex.isascii()


class Parsed(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str | None] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.text += data


def test_the_page_needs_nothing_but_itself():
    text = page.render(checked("awkward", "wrong", "refuting"))
    found = Parsed(text)
    assert "script" not in found.tags
    assert "link" not in found.tags
    assert "http" not in text.replace("http-equiv", "")
    assert found.addresses == ["#awkward", "#wrong", "#refuting"]
    assert found.tags.count("math") == 2 * 3 * 3  # two sides; assumption, step and conclusion
    assert AWKWARD in found.text
    assert "Failed: z3" in found.text
    assert "print(1 < 2)" in found.text
    assert page.render(checked("awkward", "wrong", "refuting")) == text


def test_what_entries_cover():
    """A scope is one of a mechanism, and its parameters have these names."""
    for entry in THEOREMS.values():
        assert entry.mechanism is not None or not (entry.where or entry.lemma)
        for name, _ in entry.where:
            factory = MECHANISMS[entry.mechanism].load()
            assert name in inspect.signature(factory).parameters
