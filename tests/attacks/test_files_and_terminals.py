"""Names and files that would act on the terminal of who verifies, or make it wait."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from certificate_forger import HONEST
from support import Run

from dpaudit import EmbeddingSpace, MetricDP, audit, mechanisms, verify
from dpaudit.certificates import Certificate
from dpaudit.certificates.certify import certificate_of
from dpaudit.certificates.files import LARGEST_FILE, read_certificate
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


# Files that are no certificates, or never end


def test_pipes_devices_and_folders_are_not_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    link = tmp_path / "link"
    link.symlink_to("/dev/zero")
    for path in (pipe, link, "/dev/zero", "/dev/stdin", "/proc/kmsg", tmp_path, "nul\0byte", ""):
        with pytest.raises(InputError):
            verify(path)


def test_sources_that_hang_or_never_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data: Any = json.loads(HONEST["upheld"].to_json())
    data["space"].update(vocabulary=None, vectors=None)
    for source in (str(pipe), "/dev/zero", "/dev/urandom", "/proc/kmsg", str(tmp_path), "-"):
        data["space"]["source"] = source
        certificate = Certificate.from_json(json.dumps(data)).sealed()
        with pytest.raises(InputError):
            verify(certificate)
        with pytest.raises(InputError):
            verify(HONEST["upheld"], source)


@pytest.mark.parametrize("start", ["", "w0 0 0\n", "3 2\nw0 0 0\n"])
def test_an_embedding_with_a_hole_in_it(start: str, tmp_path: Path) -> None:
    """A line of a terabyte, which takes no room on the disk."""
    path = tmp_path / "hole.txt"
    with path.open("wb") as stream:
        stream.write(start.encode("utf-8"))
        stream.truncate(2**40)
    data: Any = json.loads(HONEST["upheld"].to_json())
    data["space"].update(vocabulary=None, vectors=None, source=str(path))
    for certificate, space in (
        (Certificate.from_json(json.dumps(data)).sealed(), None),
        (HONEST["upheld"], path),
    ):
        with pytest.raises(InputError):
            verify(certificate, space)


def test_duplicates_are_dropped_as_an_audit_drops_them(tmp_path: Path) -> None:
    """A few of them, and more than there are words."""
    path = tmp_path / "twice.txt"
    for copies in (1, 2, 9):
        lines = ["w0 0 0"] * copies + ["w1 1 0"] * copies + ["w2 0 2", "more 5 5"]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        assert verify(HONEST["upheld"], path).verified


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as stream:
        stream.truncate(2**30)  # takes no room
    with pytest.raises(InputError, match="1,073,741,824 bytes"):
        read_certificate(path)
    assert LARGEST_FILE < 2**30


@pytest.mark.parametrize("opening", ["[", '{"space":', '{"finding":{"epsilon":'])
def test_deep_nesting(opening: str, tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    path.write_text(opening * 100_000, encoding="utf-8")
    with pytest.raises(InputError, match="no certificate"):
        read_certificate(path)


@pytest.mark.parametrize(
    "text",
    ["", " ", "null", "[]", "NaN", '"x"', "{", "\ufeff{}", "{}" * 9, "1e999", '{"\\ud800":1}'],
)
def test_texts_that_are_no_certificates(text: str, tmp_path: Path) -> None:
    path = tmp_path / "text.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        read_certificate(path)
