"""Worker processes: the same rounds, and no failure of a mechanism that takes the audit along."""

import contextlib
import ctypes
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dpaudit.errors import InputError
from dpaudit.statistical.drawing import Drawer, MechanismFailure
from dpaudit.statistical.drawing import workers as pool

needs_proc = pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="looks at /proc")

SHARED = np.random.default_rng(1)


def noisy(x, size, rng):
    return x + rng.laplace(size=size)


def single(x, rng):
    return x + rng.laplace()


def global_state(x):
    return x + random.random() + np.random.random()  # noqa: NPY002


def with_module_generator(x, scale=1.0):
    return x + scale * SHARED.normal()


class CallsModuleGenerator:
    def __call__(self, x):
        return x + SHARED.normal()


@pytest.fixture(autouse=True)
def no_process_stays():
    yield
    assert multiprocessing.active_children() == []


def batches(workers, mechanisms):
    found = []
    for mechanism, count in mechanisms:
        with Drawer(mechanism, 3, workers) as drawer:
            found += [drawer.draw(0, 1, count, (1, 2)), drawer.draw(1, 0, 50, (3,))]
    return found


def test_the_number_of_workers_leaves_no_trace():
    nan = float("nan")

    def closure(x, rng):
        return ((0.0, nan), "text", None, (x, "a"), (nan, "b"))[rng.integers(5)]

    everything = [(closure, 300), (noisy, 100_000), (single, 3000), (global_state, 700)]
    for workers, mechanisms in ((1, everything[:1]), (2, everything), (3, everything[1:2])):
        expected = batches(0, mechanisms)
        for one, other in zip(expected, batches(workers, mechanisms), strict=True):
            assert one.outputs.dtype == other.outputs.dtype
            assert (one.labels == other.labels).all()
            if one.outputs.dtype == object:
                assert one.outputs.tolist() == other.outputs.tolist()  # NaNs are one object
            else:
                assert (one.outputs == other.outputs).all()


def raises(x):
    if x == 1:
        raise ValueError("no ones please")
    return x


def exits(x, size, rng):
    if x == 1:
        os._exit(7)
    return np.zeros(size)


def segfaults(x):
    if x == 1:
        os.kill(os.getpid(), signal.SIGSEGV)
    return x


def out_of_memory(x):
    if x == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def interrupts(x):
    raise KeyboardInterrupt


def spins(x):
    while x == 1:
        pass
    return x


def spins_in_c(x):
    if x == 1:
        ctypes.PyDLL(None).sleep(60)  # `PyDLL` keeps the interpreter's lock
    return x


@pytest.mark.parametrize(
    ("mechanism", "kind", "message"),
    [
        (raises, "raised", "ValueError: no ones please"),
        (exits, "crashed", "the process ended with exit code 7"),
        (segfaults, "crashed", "the process was ended by signal 11 (SIGSEGV)"),
        (out_of_memory, "crashed", "signal 9 (SIGKILL), which the system also sends when memory"),
        (spins, "hung", "no answer within 1 s"),
        (spins_in_c, "hung", "no answer within 1 s"),
    ],
)
def test_failures_name_the_input(mechanism, kind, message, capfd):
    start = time.monotonic()
    with (
        Drawer(mechanism, 1, workers=2, time_limit=1.0) as drawer,
        pytest.raises(MechanismFailure) as caught,
    ):
        drawer.draw(0, 1, 200, (0,))
    assert (caught.value.kind, caught.value.input) == (kind, "1")
    assert message in caught.value.message
    assert time.monotonic() - start < 10.0
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_of_the_mechanism_is_not_one_of_the_user():
    with Drawer(interrupts, 1, workers=1) as drawer, pytest.raises(MechanismFailure) as caught:
        drawer.draw(0, 1, 5, (0,))
    assert caught.value.kind == "raised"


def test_the_first_failure_is_reported_and_drawing_can_go_on():
    """Chunk 0 takes longer to fail than all others, which fail at once."""

    def fails(x, rng):
        if x == "slow":
            time.sleep(0.005)
            return x
        raise ValueError(f"{x} {rng.random()}")

    with Drawer(fails, 1, workers=2) as drawer:
        messages = []
        for _ in range(2):
            with pytest.raises(MechanismFailure) as caught:
                drawer.draw("slow", "fast", 1000, (0,))
            messages.append(caught.value.message)
        assert messages[0] == messages[1]
        assert len(drawer.draw("slow", "slow", 10, (0,))) == 10
    with Drawer(fails, 1) as drawer, pytest.raises(MechanismFailure) as caught:
        drawer.draw("slow", "fast", 1000, (0,))
    assert caught.value.message == messages[0]


def test_a_worker_that_ends_between_two_batches(tmp_path):
    def mechanism(x):
        (tmp_path / "pid").write_text(str(os.getpid()), "utf-8")
        return x

    with Drawer(mechanism, 1, workers=1) as drawer:
        drawer.draw(0, 1, 5, (0,))
        os.kill(int((tmp_path / "pid").read_text("utf-8")), signal.SIGKILL)
        time.sleep(0.3)
        with pytest.raises(MechanismFailure, match="SIGKILL") as caught:
            drawer.draw(0, 1, 5, (1,))
        assert caught.value.kind == "crashed"
        assert "one of the two" in caught.value.input
        assert len(drawer.draw(0, 1, 5, (2,))) == 5


def test_wrong_returns_are_input_errors():
    with (
        Drawer(lambda x, size, rng: 3.0, 1, workers=1) as drawer,
        pytest.raises(InputError, match=r"returned 3\.0 \(float\) on input 'a' with size"),
    ):
        drawer.draw("a", "a", 100, (0,))


def test_what_cannot_be_sent():
    lock = threading.Lock()

    def mechanism(x):
        with lock:
            return x

    with (
        Drawer(mechanism, 1, workers=1) as drawer,
        pytest.raises(InputError, match=r"cannot be sent to a worker.*workers=0"),
    ):
        drawer.draw(0, 1, 5, (0,))
    with (
        Drawer(raises, 1, workers=1) as drawer,
        pytest.raises(InputError, match=r"An input of .*raises cannot be sent"),
    ):
        drawer.draw(lock, lock, 5, (0,))


def test_generators_of_the_mechanism_are_refused():
    rng, own = np.random.default_rng(1), random.Random(1)

    class Holder:
        def __init__(self):
            self.generator = np.random.RandomState(1)

        def sample(self, x, size, rng):
            return self.generator.normal(size=size)

    for mechanism in (
        lambda x: x + rng.normal(),
        lambda x: x + own.random(),
        Holder(),
        with_module_generator,
        partial(with_module_generator, scale=2.0),
        CallsModuleGenerator(),
    ):
        with (
            Drawer(mechanism, 1, workers=2) as drawer,
            pytest.raises(InputError, match=r"holds a random generator.*workers=1.*workers=0"),
        ):
            drawer.draw(0, 1, 5, (0,))


def test_a_generator_of_the_mechanism_serves_one_worker():
    """There is one copy of it then, and its draws are independent."""
    with Drawer(with_module_generator, 1, workers=1) as drawer:
        outputs = drawer.draw(0, 1, 300, (0,)).outputs
    assert len(set(outputs.tolist())) == 300


def test_global_generators_are_seeded_whatever_their_name():
    """Methods of the global generators that a function has imported by name."""
    gauss, normal = random.gauss, np.random.normal

    def mechanism(x):
        return x + gauss(0, 1) + normal()

    with Drawer(mechanism, 1, workers=2) as drawer, Drawer(mechanism, 1) as here:
        expected = here.draw(0, 1, 500, (0,)).outputs
        assert (drawer.draw(0, 1, 500, (0,)).outputs == expected).all()


class Unloadable:
    def __reduce__(self):
        return _fail, ()

    def __call__(self, x):
        return x


def _fail():
    raise RuntimeError("only here")


def test_a_mechanism_that_cannot_be_loaded():
    with (
        Drawer(Unloadable(), 1, workers=1) as drawer,
        pytest.raises(InputError, match=r"cannot be loaded in a worker process: RuntimeError"),
    ):
        drawer.draw(0, 1, 5, (0,))


def test_prints_go_to_standard_error(capfd):
    def chatty(x):
        print("from Python")
        os.write(1, b"from C\n")
        return x

    with Drawer(chatty, 1, workers=1) as drawer:
        drawer.draw(0, 1, 1, (0,))
    captured = capfd.readouterr()
    assert captured.out == ""
    assert sorted(captured.err.split("\n")) == ["", "from C", "from Python"]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def group_of(leader: int) -> list[int]:
    """Processes that have not left the group."""
    everyone = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    found = []
    for pid in everyone:
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(pid) == leader and alive(pid):
                found.append(pid)
    return found


def pids_in(folder) -> list[int]:
    return [int(path.name) for path in folder.iterdir() if path.name.isdigit()]


def started(tmp_path, body: str) -> subprocess.Popen:
    """A script that draws for ever on two workers; their process ids are the names of files."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import os, pathlib, subprocess, sys, time
            from dpaudit.statistical.drawing import Drawer

            def mechanism(x):
                child = subprocess.Popen(["sleep", "300"])
                for pid in (os.getpid(), child.pid):
                    pathlib.Path({str(tmp_path)!r}, str(pid)).touch()
                while True:
                    time.sleep(60)

            {body}
            """
        ),
        encoding="utf-8",
    )
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


GUARDED = """
            if __name__ == "__main__":
                try:
                    with Drawer(mechanism, 1, workers=2) as drawer:
                        drawer.draw(0, 1, 1000, (0,))
                except KeyboardInterrupt:
                    print("interrupted")
"""


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    assert condition()


@needs_proc
def test_ctrl_c_leaves_nothing_behind(tmp_path):
    """Ctrl-C in a terminal goes to the whole group."""
    process = started(tmp_path, GUARDED)
    wait_for(lambda: len(pids_in(tmp_path)) == 4)
    start = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=20) == ("interrupted\n", "")
    assert time.monotonic() - start < 5.0
    wait_for(lambda: not any(map(alive, pids_in(tmp_path))))


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize("delay", [0.4, 0.5, 0.6, 0.7, 0.8, 1.0])
def test_ctrl_c_while_workers_start(tmp_path, delay):
    """At whatever moment it comes, no process stays and no worker complains."""
    process = started(tmp_path, GUARDED)
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert "leaked" not in errors
    assert "spawn_main" not in errors
    wait_for(lambda: not any(map(alive, pids_in(tmp_path))))
    wait_for(lambda: not group_of(process.pid))


@needs_proc
def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    process = started(tmp_path, GUARDED)
    wait_for(lambda: len(pids_in(tmp_path)) == 4)
    process.kill()
    process.communicate(timeout=20)
    wait_for(lambda: not any(map(alive, pids_in(tmp_path))))


def test_a_script_without_a_guard_is_told(tmp_path):
    process = started(
        tmp_path, "with Drawer(mechanism, 1, workers=1) as drawer: drawer.draw(0, 1, 5, (0,))"
    )
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert 'under `if __name__ == "__main__":`' in errors
    assert pids_in(tmp_path) == []


def test_an_exit_code_that_another_thread_learns_is_waited_for():
    """`join` returns without one if the pool's thread was faster in asking the system."""

    class Late:
        asked = 0

        def join(self, timeout):
            pass

        @property
        def exitcode(self):
            self.asked += 1
            return -9 if self.asked > 3 else None

    assert "signal 9 (SIGKILL)" in pool._how_it_ended(Late())
