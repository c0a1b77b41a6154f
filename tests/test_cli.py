"""The command line, run as its users run it: exit codes, files, pipes, messages. What needs no
process of its own runs in this one, which saves two seconds each."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dpaudit.results import AuditResult

SPACE = "here 0 0\nnear 1 0\nfar 0 3\nfarther 5 5\n"


def dpaudit(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dpaudit", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=120,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "space.txt").write_text(SPACE, encoding="utf-8")
    return tmp_path


def test_audit_upheld(folder):
    done = dpaudit("audit", "metric-exponential", "-e", "2", "--space", "space.txt", folder=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("✓ UPHELD (certified evidence): metric-exponential")
    assert "true ε*" in done.stdout
    assert "a page with --html FILE; everything in words with --verbose" in done.stdout
    assert done.stderr == "", "nothing of a progress bar may reach a pipe"


def test_audit_violated_by_a_smaller_claim(folder):
    done = dpaudit(
        *("audit", "metric-exponential", "--epsilon", "2", "--claim-epsilon", "0.5"),
        *("--space", "space.txt", "--json", "result.json", "--quiet"),
        folder=folder,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    result = AuditResult.from_json((folder / "result.json").read_text(encoding="utf-8"))
    assert result.verdict == "violated"
    assert result.true_epsilon.lower > 0.5
    assert result.delta_at_claim.lower > 0.0
    assert result.witness is not None
    assert result.witness.log_ratio.lower > 0.5 * result.witness.distance


@pytest.mark.parametrize(("method", "code", "word"), [("exact", 3, "tie"), ("auto", 0, "symmetry")])
def test_tie(folder, method, code, word, run):
    """Two words: epsilon* is epsilon/2 exactly, which floating point cannot tell from a claim of
    epsilon/2, but comparing fractions can."""
    (folder / "two.txt").write_text("a 0 0\nb 1 0\n", encoding="utf-8")
    done = run(
        *("audit", "metric-exponential", "-e", "2", "--claim-epsilon", "1"),
        *("--space", "two.txt", "--method", method),
        folder=folder,
    )
    assert done.code == code
    assert ("INCONCLUSIVE" in done.out) == (code == 3)
    assert word in done.out


def test_randomized_response_at_its_own_epsilon_is_upheld(folder, run):
    """Its loss is epsilon for every pair by symmetry: the tie is settled, not measured."""
    common = ("audit", "randomized-response", "--space", "space.txt", "-e", "0.7")
    done = run(*common, "--json", "-", folder=folder)
    result = json.loads(done.out)
    assert (done.code, result["verdict"]) == (0, "upheld")
    assert result["true_epsilon"] == {"lower": 0.7, "upper": 0.7}
    assert run(*common, "--claim-epsilon", "0.6999999999999999", folder=folder).code == 1


def test_approximate_claim(folder, run):
    common = ("audit", "randomized-response", "--space", "space.txt", "-e", "2")
    loose = run(*common, "--claim-epsilon", "1", "--delta", "0.5", folder=folder)
    tight = run(*common, "--claim-epsilon", "1", "--delta", "0.01", folder=folder)
    assert (loose.code, tight.code) == (0, 1)
    assert "the set of outputs" in tight.out


def test_json_on_standard_output_is_all_there_is(folder):
    done = dpaudit(
        *("audit", "truncated-exponential", "-e", "3", "--set", "threshold=2.5"),
        *("--space", "space.txt", "--json", "-"),
        folder=folder,
    )
    result = AuditResult.from_json(done.stdout)
    parameters = {"epsilon": 3.0, "threshold": 2.5, "sampler": "fast"}
    assert result.mechanism.parameters == parameters
    assert result.to_json() == done.stdout


def test_same_inputs_same_bytes(folder, run):
    common = ("audit", "metric-exponential", "-e", "3", "--space", "space.txt", "--seed", "5")
    for name in ("first", "second"):
        done = run(*common, "--json", f"{name}.json", "--html", f"{name}.html", folder=folder)
        assert done.code == 0, done.err
    for suffix in ("json", "html"):
        first, second = (folder / f"{name}.{suffix}" for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()


def test_the_command_in_the_page_repeats_the_audit(folder, run):
    import shlex

    from dpaudit.results import wording

    first = run(
        *("audit", "truncated-exponential", "-e", "3", "--space", "space.txt", "--limit", "3"),
        *("--metric", "manhattan", "--claim-epsilon", "2.5", "--delta", "0.001", "--json", "-"),
        folder=folder,
    )
    command = shlex.split(wording.command(AuditResult.from_json(first.out)))
    again = run(*command[1:], "--json", "-", folder=folder)
    assert json.loads(again.out)["true_epsilon"] == json.loads(first.out)["true_epsilon"]
    assert json.loads(again.out)["claim"] == json.loads(first.out)["claim"]


def test_times_go_to_the_log(folder):
    done = dpaudit(
        *("audit", "metric-exponential", "-e", "3", "--space", "space.txt", "--log", "run.json"),
        folder=folder,
    )
    assert done.returncode == 0
    assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["seconds"] > 0


def test_law(folder, run):
    common = ("law", "metric-exponential", "-e", "1", "--space", "space.txt", "--word", "here")
    done = run(*common, "--top", "2", folder=folder)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[3].split()[-1] == "here"
    assert lines[4].split()[-1] == "near"
    assert "all 2 others together" in lines[5]
    data = json.loads(run(*common, "--json", "-", folder=folder).out)
    assert data["schema"] == "dpaudit.law/1"
    assert [row["output"] for row in data["outputs"]] == ["here", "near", "far", "farther"]


def test_mechanisms_lists_every_name():
    from dpaudit.mechanisms.registry import MECHANISMS

    done = dpaudit("mechanisms")
    assert done.returncode == 0
    assert all(name in done.stdout for name in MECHANISMS)
    assert {row["name"] for row in json.loads(dpaudit("mechanisms", "--json", "-").stdout)} == set(
        MECHANISMS
    )


def test_a_mechanism_of_ones_own(folder):
    """package.module:attribute, looked up in the current folder."""
    (folder / "mine.py").write_text(
        "from dpaudit.mechanisms import MetricExponential\n\n"
        "class Mine(MetricExponential):\n"
        "    name = 'mine'\n",
        encoding="utf-8",
    )
    done = dpaudit("audit", "mine:Mine", "-e", "2", "--space", "space.txt", folder=folder)
    assert done.returncode == 0, done.stderr
    assert "UPHELD (exact evidence): mine" in done.stdout


def test_help_has_an_example():
    for command in ("audit", "law", "mechanisms"):
        done = dpaudit(command, "--help")
        assert done.returncode == 0
        assert "Example: dpaudit" in done.stdout


AUDIT = ("audit", "metric-exponential", "--space", "space.txt")

#: Arguments and what the message must name.
BAD_INPUT = {
    "epsilon zero": ((*AUDIT, "-e", "0"), "epsilon is 0"),
    "epsilon negative": ((*AUDIT, "-e", "-1"), "epsilon is -1"),
    "epsilon NaN": ((*AUDIT, "-e", "nan"), "epsilon is nan"),
    "epsilon infinite": ((*AUDIT, "-e", "inf"), "epsilon is inf"),
    "epsilon missing": (AUDIT, "epsilon"),
    "epsilon text": ((*AUDIT, "-e", "much"), "much"),
    "delta too large": ((*AUDIT, "-e", "1", "--delta", "1"), "delta is 1"),
    "unknown mechanism": (("audit", "metric-exponentail", "-e", "1"), "metric-exponential"),
    "unknown parameter": ((*AUDIT, "-e", "1", "--set", "gamma=1"), "gamma"),
    "parameter twice": ((*AUDIT, "-e", "1", "--set", "epsilon=2"), "twice"),
    "setting without value": ((*AUDIT, "-e", "1", "--set", "gamma"), "key=value"),
    "bad threshold": (
        ("audit", "truncated-exponential", "-e", "1", "--set", "threshold=0"),
        "threshold is 0",
    ),
    "no such file": (("audit", "metric-exponential", "-e", "1", "--space", "no.txt"), "no.txt"),
    "limit too large": ((*AUDIT, "-e", "1", "--limit", "50"), "only 4 words"),
    "limit too small": ((*AUDIT, "-e", "1", "--limit", "1"), "at least 2"),
    "unknown metric": ((*AUDIT, "-e", "1", "--metric", "cosine"), "cosine"),
    "unknown method": ((*AUDIT, "-e", "1", "--method", "guess"), "guess"),
    "unknown claim": ((*AUDIT, "-e", "1", "--claim", "strong"), "strong"),
    "claim in another currency": ((*AUDIT, "-e", "1", "--claim", "zcdp"), "ln(1/δ)"),
    "no folder to write to": ((*AUDIT, "-e", "1", "--json", "no/result.json"), "no/result.json"),
    "unknown word": (
        ("law", "metric-exponential", "-e", "1", "--space", "space.txt", "--word", "hare"),
        "here",
    ),
    "unknown module": (("audit", "nothing_here:f", "-e", "1"), "nothing_here"),
    "unknown attribute": (("audit", "json:nothing", "-e", "1"), "nothing"),
    "no mechanism": (("audit", "json:JSONEncoder", "-e", "1"), "neither a method sample"),
    "bad duplicate rule": ((*AUDIT, "-e", "1", "--on-duplicate", "keep"), "keep"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_named_and_exits_2(case, folder, run):
    arguments, named = BAD_INPUT[case]
    done = run(*arguments, folder=folder)
    assert done.code == 2, (done.out, done.err)
    assert named in done.err
    assert "Traceback" not in done.err
    assert sorted(path.name for path in folder.iterdir()) == ["space.txt"], "something half-written"


def test_duplicates_are_refused_or_dropped(folder, run):
    (folder / "twins.txt").write_text(SPACE + "twin 1 0\n", encoding="utf-8")
    common = ("audit", "metric-exponential", "-e", "1", "--space", "twins.txt")
    refused = run(*common, folder=folder)
    assert refused.code == 2
    assert "'near'" in refused.err
    assert "'twin'" in refused.err
    assert run(*common, "--on-duplicate", "drop", folder=folder).code == 0


def test_a_closed_pipe_is_no_error(folder):
    script = (
        f"{sys.executable} -m dpaudit law metric-exponential -e 1 -w doctor --top 2000 | head -1"
    )
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, cwd=folder, check=False, timeout=120
    )
    assert "Traceback" not in done.stderr
    assert done.stdout.startswith("metric-exponential")


def test_interruption(monkeypatch, tmp_path):
    """Exit code 130, as for any program stopped from the keyboard, and no file."""
    from dpaudit import cli

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dpaudit.auditing.audit", interrupted)
    target = tmp_path / "result.json"
    monkeypatch.setattr(sys, "argv", ["dpaudit", *AUDIT[:2], "-e", "1", "--json", str(target)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 130
    assert not list(tmp_path.iterdir())


def test_a_terminal_gets_a_progress_bar(folder):
    """Standard error is a pseudo-terminal here; standard output stays a pipe."""
    import os
    import pty

    reader, writer = pty.openpty()
    command = [sys.executable, "-m", "dpaudit", "audit", "metric-exponential", "-e", "2"]
    done = subprocess.run(
        [*command, "--limit", "200"], stdout=subprocess.PIPE, stderr=writer, check=False, cwd=folder
    )
    os.close(writer)
    shown = os.read(reader, 2**16).decode("utf-8", "replace")
    assert done.returncode == 0
    assert "privacy loss" in shown
    assert b"privacy loss" not in done.stdout
