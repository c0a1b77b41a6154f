"""The built-in space is what its script makes from WordNet, and the comparison can fail."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools" / "build_builtin_space.py"
DATA = ROOT / "mechanisms" / "spaces" / "data"
WORDNET = Path("/usr/share/wordnet")

pytestmark = pytest.mark.slow


def need_wordnet() -> None:
    """Skip where WordNet is not installed; fail on the build server, where it must be."""
    if (WORDNET / "data.noun").is_file():
        return
    message = f"There is no WordNet in {WORDNET}: install Debian's package wordnet-base."
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def run_check(*options: str) -> subprocess.CompletedProcess[str]:
    """Rebuild the space and compare."""
    command = [sys.executable, str(SCRIPT), "--check", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


def shipped_arrays() -> dict[str, Any]:
    """The arrays of the shipped file."""
    with np.load(DATA / "builtin.npz", allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_builtin_space", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["build_builtin_space"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_shipped_file_is_what_the_script_builds() -> None:
    """`--check` rebuilds in memory, writes nothing and agrees."""
    need_wordnet()
    before = {path.name: path.read_bytes() for path in DATA.iterdir()}
    done = run_check()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "agrees with the rebuilt space" in done.stdout
    assert {path.name: path.read_bytes() for path in DATA.iterdir()} == before


def test_an_altered_file_is_noticed(tmp_path: Path) -> None:
    """The whole command fails when one component of a copy is off by 0.01."""
    need_wordnet()
    arrays = shipped_arrays()
    arrays["vectors"][1234, 5] += 0.01
    np.savez(tmp_path / "builtin.npz", **arrays)
    before = (tmp_path / "builtin.npz").read_bytes()
    done = run_check("--output", str(tmp_path))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "differs from the rebuilt space" in done.stdout
    assert (tmp_path / "builtin.npz").read_bytes() == before


def test_without_wordnet_nothing_is_checked(tmp_path: Path) -> None:
    """An empty folder in place of WordNet is bad input, not agreement."""
    done = run_check("--wordnet", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.strip()


@pytest.mark.parametrize("change", ["nothing", "component", "word", "order", "rows", "licence"])
def test_every_part_is_compared(script: ModuleType, tmp_path: Path, change: str) -> None:
    """Words, their order, vectors and licence, each against arrays known to be right."""
    right, other = shipped_arrays(), shipped_arrays()
    if change == "component":
        other["vectors"][-1, -1] -= 0.01
    elif change == "word":
        other["words"][7] = "xyz"
    elif change == "order":
        other["words"][[3, 4]] = other["words"][[4, 3]]
    elif change == "rows":
        other["vectors"] = other["vectors"][:-1]
    elif change == "licence":
        other["licence"] = np.array(str(other["licence"]).replace("Princeton", "another"))
    np.savez(tmp_path / "builtin.npz", **other)
    same = script.check_files(
        tmp_path, right["words"].tolist(), right["vectors"], str(right["licence"])
    )
    assert same == (change == "nothing")


def test_a_missing_file_is_noticed(script: ModuleType, tmp_path: Path) -> None:
    """No file is not agreement."""
    right = shipped_arrays()
    assert not script.check_files(
        tmp_path, right["words"].tolist(), right["vectors"], str(right["licence"])
    )
