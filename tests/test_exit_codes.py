"""Exit codes of every subcommand, whatever becomes of its streams; outputs that cannot be written.

Most of it runs in this process, on descriptors like those of a shell: a pipe whose reader has gone,
`/dev/full`, files opened for adding. `tests/slow/test_shell.py` repeats it with real shells.
"""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dpaudit.cli import main
from dpaudit.exit_codes import worst

SPACE = "here 0 0\nnear 1 0\nfar 0 3\nfarther 5 5\n"
WORDS = ("metric-exponential", "-e", "2", "--space", "space.txt")

#: Of every subcommand: arguments, the exit code, and the function that does its work.
COMMANDS = {
    "audit": (("audit", *WORDS), 0, "dpaudit.auditing.audit"),
    "violated": (("audit", *WORDS, "--claim-epsilon", "0.1"), 1, "dpaudit.auditing.audit"),
    "sweep": (
        ("audit", *WORDS[:1], *WORDS[3:], "--sweep", "epsilon=1:2:2"), 0, "dpaudit.sweeping.sweep"
    ),
    "law": (("law", *WORDS, "--word", "here"), 0, "dpaudit.mechanisms.registry.build"),
    "mechanisms": (("mechanisms",), 0, "dpaudit.reports.console.make_console"),
    "one mechanism": (("mechanisms", "vickrey"), 0, "dpaudit.reports.console.make_console"),
    "prove": (("prove", "randomized-response"), 0, "dpaudit.proofs.check"),
    "verify": (("verify", "proof.json"), 0, "dpaudit.certificates.verify"),
    "privatize": (
        ("privatize", *WORDS, "--in", "in.txt"), 0, "dpaudit.privatizing.Guarantee.of"
    ),
}  # fmt: skip

Ended = tuple[int, str]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    import dpaudit

    space = dpaudit.EmbeddingSpace(["here", "near"], [[0.0], [1.0]])
    path = tmp_path_factory.mktemp("certificate") / "proof.json"
    dpaudit.audit(dpaudit.mechanisms.MetricExponential(space, 2.0), certificate=path)
    return path.read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificate: str) -> Path:
    (tmp_path / "space.txt").write_text(SPACE, encoding="utf-8")
    (tmp_path / "in.txt").write_text("here near\nfar\n", encoding="utf-8")
    (tmp_path / "proof.json").write_text(certificate, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Callable[..., Ended]:
    """`dpaudit` in this process with a standard output of our own; exit code and what it says on
    standard error."""

    def command(*arguments: str, out: io.TextIOBase | None = None) -> Ended:
        said = io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["dpaudit", *arguments])
            patch.setattr(sys, "stdout", out if out is not None else io.StringIO())
            patch.setattr(sys, "stderr", said)
            with pytest.raises(SystemExit) as end:
                main()
        return int(end.value.code or 0), said.getvalue()

    return command


@contextmanager
def without_reader() -> Iterator[io.TextIOBase]:
    """A pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w", encoding="utf-8")
    try:
        yield stream
    finally:
        with pytest.MonkeyPatch.context():
            try:
                stream.close()
            except BrokenPipeError:
                pytest.fail("something was left in the stream that is not ours")


@pytest.mark.parametrize("case", COMMANDS)
def test_a_closed_pipe_changes_no_exit_code(case, run):
    arguments, code, _ = COMMANDS[case]
    with without_reader() as pipe:
        ended, said = run(*arguments, out=pipe)
    assert ended == code, said
    assert "rror" not in said


@pytest.mark.parametrize("case", COMMANDS)
def test_a_full_disk_is_an_output_that_cannot_be_written(case, run):
    arguments, _, _ = COMMANDS[case]
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123
        ended, said = run(*arguments, out=full)
    assert ended == 2, said
    assert "Standard output cannot be written: No space left on device" in said


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
@pytest.mark.parametrize("case", COMMANDS)
def test_what_an_encoding_lacks_is_replaced(case, encoding, run, folder):
    arguments, code, _ = COMMANDS[case]
    with (folder / "out.txt").open("w", encoding=encoding) as stream:
        ended, said = run(*arguments, out=stream)
    assert ended == code, said
    shown = (folder / "out.txt").read_bytes().decode(encoding)
    if case == "audit":
        assert ("✓ UPHELD" if encoding == "utf-8" else "[ok] UPHELD") in shown
        assert ("ε* = 1.086" if encoding == "utf-8" else "epsilon* = 1.086") in shown


@pytest.mark.parametrize("case", COMMANDS)
def test_an_internal_error_is_4_and_no_verdict(case, run, monkeypatch, folder):
    arguments, _, work = COMMANDS[case]

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a \x1b[31mfault")

    monkeypatch.setattr(work, broken)
    ended, said = run(*arguments)
    assert ended == 4
    assert "Internal error, and no verdict: ZeroDivisionError: a \\x1b[31mfault. " in said
    assert "report this to the maintainers" in said
    assert "Traceback" not in said
    details = Path(said.partition("details in ")[2].strip().removesuffix("."))
    assert "ZeroDivisionError" in details.read_text(encoding="utf-8")
    details.unlink()


@pytest.mark.parametrize("case", COMMANDS)
def test_memory_that_runs_out_is_4(case, run, monkeypatch):
    arguments, _, work = COMMANDS[case]

    def broken(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(work, broken)
    ended, said = run(*arguments)
    assert ended == 4
    assert said.endswith("or a machine with more memory.\n")


@pytest.mark.parametrize("case", COMMANDS)
def test_ctrl_c_always_says_the_same(case, run, monkeypatch):
    arguments, _, work = COMMANDS[case]

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(work, stopped)
    assert run(*arguments) == (130, "dpaudit: Interrupted: nothing was decided.\n")


#: Outputs of the subcommands that can name files.
FILES = [
    *((("audit", *WORDS), option) for option in ("--json", "--html", "--log", "--certificate")),
    *((("audit", "laplace", "-e", "1"), option) for option in ("--json", "--html", "--log")),
    *((COMMANDS["sweep"][0], option) for option in ("--json", "--html")),
    (COMMANDS["law"][0], "--json"),
    (("mechanisms",), "--json"),
    *((COMMANDS["prove"][0], option) for option in ("--json", "--latex", "--html")),
    (COMMANDS["verify"][0], "--json"),
    *((COMMANDS["privatize"][0], option) for option in ("--json", "--html", "--out")),
]


@pytest.mark.parametrize(("arguments", "option"), FILES)
def test_what_cannot_be_written_is_noticed_before_the_work(arguments, option, run, monkeypatch):
    """Every path that fails, on every option, though nothing that works can be called."""

    def worked(*_: object, **__: object) -> None:
        pytest.fail("the work had begun")

    for _, _, work in COMMANDS.values():
        monkeypatch.setattr(work, worked)
    for path, why in {
        "nowhere/x": "there is no folder",
        ".": "that is a folder",
        "x" * 300: "File name too long",
        "space.txt/x": "there is no folder",
        "": "is empty",
        "/proc/nothing": "cannot be written",
        "/dev/fd/97": "Bad file descriptor",
    }.items():
        ended, said = run(*arguments, option, path)
        assert ended == 2, (path, said)
        assert why in said, (path, said)
        assert option in said


@pytest.mark.parametrize(("arguments", "option"), FILES)
def test_inputs_are_not_overwritten(arguments, option, run, folder):
    inputs = [name for name in ("space.txt", "in.txt", "proof.json") if name in arguments]
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "linked").mkdir()
    for name in inputs:
        for same in (name, f"./{name}", str(folder / name), f"linked/../{name}"):
            ended, said = run(*arguments, option, same)
            assert ended == 2, (same, said)
            assert "are the same file" in said
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == before


def test_two_outputs_are_two_files(run, folder):
    for options, why in [
        (("--json", "a.txt", "--html", "./a.txt"), "--json and --html are the same file"),
        (("--json", "-", "--html", "-"), "both go to standard output"),
        (("--json", "-", "--html", "/dev/stdout"), "both go to standard output"),
        (("--log", "/dev/fd/1", "--html", "/proc/self/fd/1"), "both go to standard output"),
        (("--certificate", "-"), "--certificate needs the name of a file"),
    ]:
        ended, said = run("audit", *WORDS, *options)
        assert (ended, why in said) == (2, True), said
    ended, said = run("prove", "randomized-response", "--latex", "-", "--json", "-")
    assert (ended, "both go to standard output" in said) == (2, True)
    ended, said = run(*COMMANDS["privatize"][0], "--json", "-")
    assert (ended, "--out and --json both go to standard output" in said) == (2, True)


def test_quiet_says_the_verdict_on_standard_error(run):
    out = io.StringIO()
    ended, said = run("audit", *WORDS, "--quiet", out=out)
    assert (ended, out.getvalue(), said.count("\n")) == (0, "", 1)
    assert said.startswith("dpaudit: UPHELD (certified evidence): metric-exponential on 4 words")
    ended, said = run("audit", *WORDS, "--claim-epsilon", "0.1", "-q")
    assert (ended, said.startswith("dpaudit: VIOLATED"), said.count("\n")) == (1, True, 1)
    ended, said = run("verify", "proof.json", "-q")
    assert (ended, said.startswith("dpaudit: VERIFIED"), said.count("\n")) == (0, True, 1)
    ended, said = run(*COMMANDS["sweep"][0], "-q")
    assert (ended, said) == (
        0,
        "dpaudit: metric-exponential at 2 values of epsilon: 2 upheld\n",
    )


@pytest.mark.parametrize(
    ("codes", "expected"),
    [([0, 0], 0), ([0, 3], 3), ([3, 1, 0], 1), ([1, 2], 2), ([2, 4, 1], 4), ([], 0), ([3, 3], 3)],
)
def test_the_code_of_several_audits(codes, expected):
    """4 before 2 before 1 before 3 before 0, in every order."""
    assert worst(codes) == worst(reversed(codes)) == expected


def test_a_mixed_sweep_does_not_hide_a_violation(run):
    """Claims of 0.9 against epsilon* of about epsilon/2: upheld, then violated."""
    ended, said = run(
        *("audit", "metric-exponential", "--space", "space.txt", "--claim-epsilon", "0.9"),
        *("--sweep", "epsilon=1:9:3", "--quiet"),
    )
    assert (ended, said) == (
        1,
        "dpaudit: metric-exponential at 3 values of epsilon: 1 upheld, 2 violated\n",
    )


def test_names_of_descriptors_are_streams(run, folder):
    """`--json /dev/stdout >> log` adds to the log; a regular file is replaced."""
    log = folder / "log.txt"
    for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
        log.write_text("kept\n", encoding="utf-8")
        saved = os.dup(1)
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
        os.dup2(descriptor, 1)
        try:
            stream = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            ended, said = run("audit", *WORDS, "--json", name, out=stream)
        finally:
            os.dup2(saved, 1)
            os.close(saved)
            os.close(descriptor)
        assert ended == 0, said
        text = log.read_text(encoding="utf-8")
        assert text.startswith('kept\n{\n  "schema": "dpaudit.audit/2"'), name
        assert text.endswith("}\n")


def test_a_link_to_standard_output_is_a_stream(run, folder):
    (folder / "link").symlink_to("/dev/stdout")
    ended, said = run("audit", *WORDS, "--json", "link", "--html", "-")
    assert (ended, "both go to standard output" in said) == (2, True)
    assert (folder / "link").is_symlink()


@pytest.mark.parametrize("mode", ["r+", "a+"])
def test_input_by_redirection_is_not_overwritten(mode, run, folder, monkeypatch):
    """`dpaudit privatize … --out notes.txt < notes.txt`, and `< notes.txt >> notes.txt`."""
    notes = folder / "in.txt"
    before = notes.read_bytes()
    saved = os.dup(0)
    descriptor = os.open(notes, os.O_RDONLY)
    os.dup2(descriptor, 0)
    try:
        ended, said = run("privatize", *WORDS, "--out", "in.txt")
        assert (ended, "--in and --out are the same file" in said) == (2, True), said
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(descriptor)
    assert notes.read_bytes() == before


def test_messages_have_one_style(run):
    """Errors of usage and of input begin alike, on one line, and name the way out."""
    for arguments in (
        ("audit",),
        ("audit", "nothing-like-this"),
        ("law", *WORDS),
        ("audit", *WORDS, "--wrong"),
        ("audit", *WORDS, "--limit", "many"),
        ("wrong",),
        ("verify",),
        ("prove", "typo"),
        ("mechanisms", "typo"),
        ("audit", "metric-exponential"),
        ("audit", "module.py:function", "--claim-epsilon", "1"),
    ):
        ended, said = run(*arguments)
        assert ended == 2, arguments
        assert said.startswith("dpaudit: "), said
        assert said.count("\n") == 1, said
        assert len(said) < 300, said
