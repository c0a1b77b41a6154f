"""Names and files that would act on the terminal of who verifies, or make it wait."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import Run

from dpaudit import EmbeddingSpace, MetricDP, audit, mechanisms, verify
from dpaudit.certificates.certify import certificate_of
from dpaudit.errors import InputError, VerdictError
from dpaudit.reports.page import render
from dpaudit.visible import json_text

ACTS = "\x1b[2J\x1b]0;owned\x07\u202e"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    space = EmbeddingSpace(["a", f"b{ACTS}"], [[0.0], [1.0]])
    found = certificate_of(mechanisms.MetricExponential(space, epsilon=1.0))
    assert found is not None
    path = tmp_path / "c.json"
    path.write_text(found.to_json(), encoding="utf-8")
    return path


def nothing_acts(text: str) -> bool:
    return not any(character in text for character in ("\x1b", "\x07", "\u202e", "\x9b"))


@pytest.mark.parametrize("claimed", [0.1, 1.0])
def test_results_errors_and_pages_of_audits(claimed: float) -> None:
    word = f"b{ACTS}"
    space = EmbeddingSpace(["a", word], [[0.0], [1.0]], source=f"s{ACTS}.txt")
    mechanism = mechanisms.MetricExponential(space, epsilon=1.0)
    result = audit(mechanism, MetricDP(claimed, source=f"c{ACTS}"))
    for text in (str(result), repr(result), render(result), result.to_json()):
        assert nothing_acts(text)
    assert "b\\x1b[2J" in str(result)
    assert "b\\x1b[2J" in render(result)
    if claimed < 0.5:
        with pytest.raises(VerdictError) as violated:
            result.raise_for_verdict()
        assert nothing_acts(str(violated.value))
    with pytest.raises(InputError) as unknown:
        space.index(f"c{ACTS}")
    assert nothing_acts(str(unknown.value))


def test_rejections_are_made_visible(certificate: Path) -> None:
    data = json.loads(certificate.read_text(encoding="utf-8"))
    data["mechanism"]["name"] = f"metric-exponential{ACTS}"
    certificate.write_text(json_text(data, indent=1), encoding="utf-8")
    found = verify(certificate)
    with pytest.raises(VerdictError) as rejected:
        found.raise_for_verdict()
    assert nothing_acts(str(rejected.value) + repr(found))


@pytest.mark.parametrize("name", [f"no{ACTS}.json", "no\x9b2J.json", "no\nVERIFIED.json"])
def test_names_of_files_are_made_visible(name: str, tmp_path: Path, run: Run) -> None:
    done = run("verify", name, folder=tmp_path)
    assert done.code == 2
    assert nothing_acts(done.out + done.err)
    space = run("verify", "c.json", "--space", name, folder=tmp_path)
    assert space.code == 2
    assert nothing_acts(space.out + space.err)


def test_a_named_embedding_is_quoted(certificate: Path, run: Run) -> None:
    name = f"x{ACTS}.txt"
    (certificate.parent / name).write_text("a 0\nother 1\n", encoding="utf-8")
    done = run("verify", "c.json", "--space", name, folder=certificate.parent)
    assert done.code == 1
    assert nothing_acts(done.out + done.err)


def test_words_in_reasons_are_made_visible(certificate: Path, run: Run) -> None:
    data = json.loads(certificate.read_text(encoding="utf-8"))
    data["finding"]["method"] = "outputs"
    data["mechanism"]["name"] = f"metric-exponential{ACTS}"
    certificate.write_text(json_text(data, indent=1), encoding="utf-8")
    done = run("verify", "c.json", folder=certificate.parent)
    assert done.code == 1
    assert nothing_acts(done.out + done.err)
    report = run("verify", "c.json", "--json", "-", folder=certificate.parent).out
    assert nothing_acts(report)
    assert json.loads(report)["verified"] is False


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_verify_does_not_wait_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    command = [sys.executable, "-m", "dpaudit", "verify", "pipe.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "pipe.json is a pipe" in done.stderr
