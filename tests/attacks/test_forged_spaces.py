"""Certificates about other spaces than they seem to be about: labels, readings, angles, --space."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from certificate_forger import HONEST, INJECTION, sealed, space_of, written
from support import Run

from dpaudit import verify
from dpaudit.errors import InputError

READ: dict[str, Any] = {
    "format": "text", "compression": None, "separator": "blank", "header": None,
    "encoding": "utf-8", "entries": 3, "words": 3, "dimension": 2, "decided_by": "line 1",
    "dropped": {}, "options": {}, "remarks": [],
}  # fmt: skip


@pytest.mark.parametrize("label", [INJECTION, "\x1b[2J\x1b[1;32mVERIFIED", "\u202eDEIFIREV", '" V'])
@pytest.mark.parametrize("field", ["format", "separator", "header", "encoding", "decided_by"])
def test_a_stated_reading_stands_apart(field: str, label: str, tmp_path: Path, run: Run) -> None:
    """Nothing is derived from it, so it is shown where the other labels are."""
    data: Any = json.loads(HONEST["upheld"].to_json())
    reading = {**READ, field: label, "remarks": [label] * 99, "dropped": {label: 1}}
    data["space"]["reading"] = reading
    (tmp_path / "c.json").write_text(written(sealed(data)), encoding="utf-8")
    (tmp_path / "same.txt").write_text("w0 0 0\nw1 1 0\nw2 0 2\n", encoding="utf-8")
    done = run("verify", "c.json", folder=tmp_path)
    assert done.code == 0, done.err
    *lines, last = done.out.rstrip("\n").split("\n")
    assert last.startswith("  Stated by the file, not checked: space.source ")
    assert ' space.reading "Read as ' in last
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", last)
    assert "V" not in outside
    assert len(last) < 1000
    assert len(lines) == 5
    same = run("verify", "c.json", "--space", "same.txt", folder=tmp_path)
    assert same.code == 0
    assert "space.reading" not in same.out
    assert "Read as text, fields separated by blank, no header" in same.out
    for text in (done.out, same.out):
        assert not any(one in text for one in ("\x1b", "\x9b", "\u202e"))
        assert not any("everywhere" in line or "glove" in line for line in text.split("\n")[:5])


def test_a_reading_has_one_form(tmp_path: Path) -> None:
    """Absent where there is none, as in files from before it was stated."""
    path = tmp_path / "c.json"
    data: Any = json.loads(HONEST["upheld"].to_json())
    assert "reading" not in data["space"]
    for other in (
        {**data["space"], "reading": None},
        {**data["space"], "reading": {"format": "x"}},
    ):
        path.write_text(written(sealed({**data, "space": other})), encoding="utf-8")
        with pytest.raises(InputError, match=r"canonical|no certificate"):
            verify(path)


@pytest.mark.parametrize("number", ["-1", "0.5", "1e400", "9" * 30, "9" * 400, "9" * 5000])
def test_numbers_of_a_reading(number: str, tmp_path: Path, run: Run) -> None:
    data: Any = json.loads(HONEST["upheld"].to_json())
    data["space"]["reading"] = {**READ, "entries": 98765}
    text = written(sealed(data)).replace("98765", number)
    (tmp_path / "c.json").write_text(text, encoding="utf-8")
    done = run("verify", "c.json", folder=tmp_path)
    assert done.code in (1, 2)
    assert "Traceback" not in done.err


def test_angles_that_some_vectors_do_not_have(tmp_path: Path) -> None:
    """A claim about angles on vectors of which one is 0, or two are parallel."""
    for vectors in ([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [2.0, 0.0], [0.0, 2.0]]):
        for name in ("metric-exponential", "randomized-response"):
            data: Any = json.loads(HONEST["upheld"].to_json())
            data["space"]["vectors"] = vectors
            data["space"]["sha256"] = space_of(vectors).content_digest
            data["mechanism"]["name"] = name
            data["claim"] = {**data["claim"], "metric": "angular"}
            path = tmp_path / "forged.json"
            path.write_text(written(sealed(data)), encoding="utf-8")
            (reason,) = verify(path).reasons
            assert "angle" in reason or "direction" in reason


# Another space


def test_a_space_that_is_named_is_compared(tmp_path: Path, run: Run) -> None:
    """With vectors inside, --space was ignored in silence."""
    (tmp_path / "c.json").write_text(HONEST["upheld"].to_json(), encoding="utf-8")
    (tmp_path / "same.txt").write_text("w0 0 0\nw1 1 0\nw2 0 2\nmore 5 5\n", encoding="utf-8")
    (tmp_path / "other.txt").write_text("w0 0 0\nw1 1 0\nw2 0 2.5\n", encoding="utf-8")
    (tmp_path / "short.txt").write_text("w0 0 0\nw1 1 0\n", encoding="utf-8")
    digest = HONEST["upheld"].space.sha256
    plain = run("verify", "c.json", folder=tmp_path)
    assert plain.code == 0
    assert "no embedding file was compared" in plain.out
    assert digest in plain.out
    same = run("verify", "c.json", "--space", "same.txt", folder=tmp_path)
    assert same.code == 0
    assert 'those of the certificate, and "same.txt"' in same.out
    assert digest in same.out
    other = run("verify", "c.json", "--space", "other.txt", folder=tmp_path)
    assert other.code == 1
    assert "The space of other.txt is not the one of the certificate" in other.out
    assert run("verify", "c.json", "--space", "builtin", folder=tmp_path).code == 1
    for name in ("short.txt", "missing.txt", "c.json"):
        done = run("verify", "c.json", "--space", name, folder=tmp_path)
        assert done.code == 2
        assert name in done.err
