"""Exit codes as shells see them: pipes, full disks, encodings, redirections, limits of memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

DPAUDIT = f"{sys.executable} -m dpaudit"
WORDS = "metric-exponential -e 2 --space space.txt"

#: A command of every kind, and its exit code.
COMMANDS = {
    f"audit {WORDS}": 0,
    f"audit {WORDS} --claim-epsilon 0.1": 1,
    "audit metric-exponential --space space.txt --sweep epsilon=1:2:2": 0,
    "audit laplace -e 1 --draws 20000": 0,
    f"law {WORDS} --word here": 0,
    "mechanisms": 0,
    "mechanisms vickrey": 0,
    "prove randomized-response": 0,
    f"privatize {WORDS} --in in.txt": 0,
    "verify proof.json": 0,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shell")
    (path / "space.txt").write_text("here 0 0\nnear 1 0\nfar 0 3\n", encoding="utf-8")
    (path / "in.txt").write_text("here near\n" * 2000, encoding="utf-8")
    done = shell(f"{DPAUDIT} audit {WORDS} --certificate proof.json -q", path)
    assert done.returncode == 0, done.stderr
    return path


def shell(script: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        errors="replace",  # other encodings are asked for
        cwd=folder,
        check=False,
        timeout=300,
        env={**os.environ, **more},
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_pipes_encodings_and_disks(command, folder):
    code = COMMANDS[command]
    piped = shell(f"set -o pipefail; {DPAUDIT} {command} | head -1", folder)
    assert piped.returncode == code, piped.stderr
    assert len(piped.stdout.splitlines()) == 1
    assert shell(f"{DPAUDIT} {command} | true; exit ${{PIPESTATUS[0]}}", folder).returncode == code
    for encoding in ("ascii", "cp1252"):
        done = shell(f"{DPAUDIT} {command}", folder, PYTHONIOENCODING=encoding)
        assert done.returncode == code, done.stderr
    assert shell(f"{DPAUDIT} {command} > /dev/full", folder).returncode == 2
    for closed in (">&- 2>&-", "2> /dev/full <&-"):
        assert shell(f"{DPAUDIT} {command} {closed}", folder).returncode == code, closed
    assert shell(f"LC_ALL=C {DPAUDIT} {command}", folder).returncode == code


@pytest.mark.parametrize("megabytes", [80, 300, 600, 1000])
def test_a_limit_of_memory_is_never_a_verdict(megabytes, folder):
    """Whatever fails first: imports, threads, arrays. Codes above 128 are signals of libraries that
    end the process themselves; 1 and 3 would be verdicts."""
    for command, code in COMMANDS.items():
        done = shell(f"ulimit -v {megabytes * 1024}; {DPAUDIT} {command}", folder)
        by_signal = done.returncode < 0 or done.returncode >= 128
        assert by_signal or done.returncode in {code, 2, 4}, (command, done.stderr)


def test_logs_are_added_to(folder):
    (folder / "log.txt").write_text("kept\n", encoding="utf-8")
    for target in ("--json /dev/stdout", "--json -", "--html /dev/fd/1"):
        done = shell(f"{DPAUDIT} audit {WORDS} {target} >> log.txt", folder)
        assert done.returncode == 0, done.stderr
    done = shell(f"{DPAUDIT} privatize {WORDS} --in in.txt --out /dev/stdout >> log.txt", folder)
    assert done.returncode == 0, done.stderr
    text = (folder / "log.txt").read_text(encoding="utf-8")
    assert text.startswith("kept\n{\n")
    assert text.count('"schema": "dpaudit.audit/2"') == 2
    assert text.count("</html>") == 1
    assert text.count("\n") > 2000
    done = shell(f"{DPAUDIT} privatize {WORDS} < in.txt >> in.txt", folder)
    assert (done.returncode, "are the same file" in done.stderr) == (2, True)


def test_a_signal_from_the_keyboard(folder):
    """In the middle of the work, in a process of its own."""
    script = (
        f"{DPAUDIT} audit truncated-gumbel -e 400 > out.txt 2> err.txt & "
        "sleep 6; kill -INT $!; wait $!; echo $?"
    )
    # Job control, or the background process would ignore the signal.
    done = shell(f"set -m; {script}", folder)
    assert done.stdout.split()[-1] == "130", (folder / "err.txt").read_text(encoding="utf-8")
    said = (folder / "err.txt").read_text(encoding="utf-8")
    assert said.endswith("dpaudit: Interrupted: nothing was decided.\n")
