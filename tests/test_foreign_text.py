"""Words, labels, outputs and names of files are shown and never act: on terminals, in
`str(result)`, in errors and in pages; in JSON they survive as they are."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dpaudit
from dpaudit.reports import page, terminal
from dpaudit.results import AuditResult, sections
from dpaudit.visible import json_text, visible

#: Clears the screen, sets a title, an 8-bit control sequence, turns text around, isolates it, a
#: line that pretends to be a verdict, an invisible letter, a tag character.
HOSTILE = {
    "escape": "a\x1b[2Jb",
    "title": "a\x1b]0;owned\x07b",
    "C1": "a\x9b31mb",
    "override": "a\u202ecba",
    "isolate": "a\u2067cba",
    "line separator": "a\u2028✓ UPHELD",
    "backspaces": "bad\b\b\bgood",
    "invisible": "a\u200bb",
    "tag": "a\U000e0041b",
    "delete": "a\x7fb",
}


def acts(text: str) -> list[str]:
    """Characters that a terminal or a reader would not see as such; line ends are ours."""
    categories = ("Cc", "Cf", "Zl", "Zp", "Cs", "Co")
    return [c for c in text if unicodedata.category(c) in categories and c not in "\n\u200c\u200d"]


@given(st.text())
def test_nothing_that_acts_is_left(text):
    assert not acts(visible(text))
    assert "\n" not in visible(text)
    assert visible(visible(text)) == visible(text)


@given(st.text(st.characters(categories=("L", "M", "N", "P", "S", "Zs"))))
def test_what_is_seen_is_not_touched(text):
    assert visible(text) == text


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner, max_size=3)))
def test_json_keeps_every_character(data):
    text = json_text(data)
    assert not acts(text)
    assert json.loads(text) == data


def hostile_result(words: list[str], verdict: str = "upheld") -> AuditResult:
    vectors = [[float(place)] for place in range(len(words))]
    space = dpaudit.EmbeddingSpace(words, vectors, source=f"dir/{words[0]}.txt")
    mechanism = dpaudit.mechanisms.MetricExponential(space, 2.0)
    claim = dpaudit.MetricDP(2.0 if verdict == "upheld" else 0.1, source=f"says {words}")
    return dpaudit.audit(mechanism, claim)


@pytest.mark.parametrize("verdict", ["upheld", "violated"])
def test_hostile_words_are_only_shown(verdict, capsys):
    """All kinds in one vocabulary, each first once; the table of a page has them all."""
    words = list(HOSTILE.values())
    for place in range(len(words)):
        result = hostile_result([words[place], *words[:place], *words[place + 1 :]], verdict)
        for text in (str(result), repr(result), result.to_json()):
            assert not acts(text)
        assert visible(words[place]) in str(result)
        for verbose in (False, True):
            terminal.show(result, verbose=verbose)
        assert not acts(capsys.readouterr().out)
        assert AuditResult.from_json(result.to_json()) == result
        if verdict == "violated":
            with pytest.raises(dpaudit.VerdictError) as failure:
                result.raise_for_verdict()
            assert not acts(str(failure.value))
    drawn = page.render(result)
    assert not acts(drawn)
    assert all(visible(word) in drawn.replace("&#39;", "'") for word in words)


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_inputs_and_outputs_of_a_black_box(kind):
    text = HOSTILE[kind]

    def tells(x, rng):
        return text if (x == text) == (rng.random() < 0.8) else "calm"

    result = dpaudit.audit(tells, dpaudit.PureDP(0.1), pairs=[(text, "x")], draws=3000)
    assert result.verdict == "violated"
    for shown in (str(result), page.render(result), result.to_json()):
        assert not acts(shown)


@pytest.mark.parametrize("kind", HOSTILE)
def test_errors_show_what_they_name(kind):
    with pytest.raises(dpaudit.InputError) as error:
        dpaudit.EmbeddingSpace.load(f"no/{HOSTILE[kind]}")
    assert not acts(str(error.value))
    with pytest.raises(dpaudit.UnknownWordError) as unknown:
        dpaudit.EmbeddingSpace.builtin(limit=10).index(HOSTILE[kind])
    assert not acts(str(unknown.value))


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_on_the_command_line(kind, tmp_path, run):
    word = HOSTILE[kind].replace("/", "")
    name = f"{word}.npz"
    import numpy as np

    np.savez(tmp_path / name, words=np.array([word, "other"]), vectors=np.array([[0.0], [1.0]]))
    common = ("metric-exponential", "-e", "2", "--space", name)
    for arguments in (
        ("audit", *common, "--certificate", f"{word}.json", "--verbose"),
        ("law", *common, "--word", word),
        ("law", *common, "--word", f"{word}?"),
        ("verify", f"{word}.json"),
        ("privatize", *common, "--in", f"{word}.missing"),
        ("audit", f"{word}:f"),
    ):
        done = run(*arguments, folder=tmp_path)
        assert done.out or done.err
        assert not acts(done.out), arguments
        assert not acts(done.err), arguments


def test_names_that_are_not_utf8(tmp_path, run):
    """File names are bytes: those that no encoding reads are shown as escapes, and JSON is text."""
    name = "caf\udce9.txt"
    (tmp_path / name).write_text("here 0\nnear 1\n", encoding="utf-8")
    done = run(
        *("audit", "metric-exponential", "-e", "2", "--space", name, "--json", "out.json"),
        folder=tmp_path,
    )
    assert done.code == 0, done.err
    assert "caf\\udce9.txt" in done.out
    result = AuditResult.from_json((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert "caf" in str(result)


def test_the_boundary_can_fail(monkeypatch):
    """Without the one function, hostile words do reach the text."""
    monkeypatch.setattr(sections, "visible", lambda text: text)
    assert acts(str(hostile_result([HOSTILE["escape"], "other"], "violated")))
