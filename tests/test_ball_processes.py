"""Ball arithmetic on all cores: the same balls wherever a piece is computed, no process is left."""

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ball_work import dies, prints, raises, where
from flint import arb, ctx, fmpq
from hypothesis import given
from hypothesis import strategies as st
from support import random_space

from dpaudit import ApproximateDP, EmbeddingSpace, MetricDP, mechanisms, verify
from dpaudit.certificates.all_pairs import all_pairs, method_of
from dpaudit.certificates.case import Case, make_case
from dpaudit.certificates.certify import certificate_of
from dpaudit.mechanisms.balls import ball_law, processes
from dpaudit.mechanisms.balls.enclosures import precision
from dpaudit.mechanisms.balls.processes import BallProcesses, as_balls, as_numbers, rows_in_pieces

ALWAYS = 1e9  # seconds of work: processes are started


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are started for any work, also where the machine has one core."""
    monkeypatch.setattr(processes, "cores", lambda: 2)
    monkeypatch.setattr(processes, "_WORTH_SECONDS", -1.0)


@given(st.fractions(), st.integers(2, 300))
def test_balls_travel_as_whole_numbers(number: Any, bits: int) -> None:
    with precision(bits):
        ball = arb(fmpq(number.numerator, number.denominator))
        root = abs(ball).sqrt()
    (back,) = as_balls(as_numbers([ball]))
    assert back.mid() == ball.mid()
    assert back.contains(ball)
    assert back.rad() <= ball.rad() * arb(1.0000001)
    assert as_balls(as_numbers([root]))[0].contains(root)


def test_what_is_not_finite_stays_unknown() -> None:
    for ball in (arb.nan(), arb.pos_inf(), arb("[0 +/- inf]")):
        (back,) = as_balls(as_numbers([ball]))
        assert not back.is_finite()
        assert not back > 0


@pytest.mark.usefixtures("two_cores")
def test_pieces_are_done_elsewhere_in_order_and_at_the_precision_in_force() -> None:
    with precision(123), BallProcesses(1000, ALWAYS) as pool:
        found = list(pool.map(where, range(20)))
        again = list(pool.map(where, range(3), shared="other"))
    assert [value for _, value, _ in found] == [1000 + piece for piece in range(20)]
    assert [value for _, value, _ in again] == [1000, 1001, 1002]
    assert {bits for _, _, bits in found} == {123}
    assert os.getpid() not in {process for process, _, _ in found}


@pytest.mark.parametrize("seconds", [0.0, ALWAYS])
def test_one_core_or_little_work_stays_here(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "cores", lambda: 1 if seconds else 2)
    with BallProcesses(0, seconds) as pool:
        assert {process for process, _, _ in pool.map(where, range(3))} == {os.getpid()}


@pytest.mark.usefixtures("two_cores")
def test_a_process_that_ends_is_done_without() -> None:
    with BallProcesses(10, ALWAYS) as pool:
        assert list(pool.map(dies, range(12), shared=os.getpid())) == list(range(10, 22))


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize("executable", ["", "/no/such/python", "/bin/false", "/bin/cat"])
def test_processes_that_cannot_be_started(executable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    with BallProcesses(10, ALWAYS) as pool:
        assert [value for _, value, _ in pool.map(where, range(5))] == list(range(10, 15))


@pytest.mark.usefixtures("two_cores")
def test_what_is_printed_is_no_answer() -> None:
    with BallProcesses(0, ALWAYS) as pool:
        assert list(pool.map(prints, range(5))) == list(range(5))


@pytest.mark.usefixtures("two_cores")
def test_errors_are_those_of_the_work() -> None:
    with (
        pytest.raises(ZeroDivisionError, match="piece 0"),
        BallProcesses(0, ALWAYS) as pool,
    ):
        list(pool.map(raises, range(5)))


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize("error", [None, KeyboardInterrupt, ValueError])
def test_no_process_is_left(error: Any) -> None:
    seen = set()
    try:
        with BallProcesses(0, ALWAYS) as pool:
            for process, _, _ in pool.map(where, range(30)):
                seen.add(process)
                if error and len(seen) == 1:
                    raise error
    except (KeyboardInterrupt, ValueError):
        assert error
    assert seen
    for process in seen:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_precision_is_one_number_for_all_threads() -> None:
    """Why the work is spread over processes."""
    seen = []
    with precision(77):
        thread = threading.Thread(target=lambda: seen.append(ctx.prec))
        thread.start()
        thread.join()
    assert seen == [77]


def cases() -> dict[str, Case]:
    rng = np.random.default_rng(31)
    scattered, lattice = random_space("scattered", 9, rng), random_space("lattice", 9, rng)
    larger = EmbeddingSpace([f"w{i}" for i in range(150)], rng.standard_normal((150, 3)))
    angles = EmbeddingSpace([f"w{i}" for i in range(80)], larger.vectors[:80], "angular")
    few = EmbeddingSpace(list("abcdef"), larger.vectors[:6], "angular")
    far = {"bandwidth": 1.0}
    made: dict[str, tuple[Any, Any]] = {
        "normalisers": (mechanisms.MetricExponential(larger, epsilon=3.0), MetricDP(2.0)),
        "ties": (mechanisms.MetricExponential(lattice, epsilon=3.0), MetricDP(1.5)),
        "other metric": (
            mechanisms.TruncatedExponential(scattered, epsilon=3.0, threshold=1.0),
            MetricDP(2.0, metric="manhattan"),
        ),
        "prior": (mechanisms.DensityPriorExponential(larger, epsilon=3.0, **far), MetricDP(2.0)),
        "uniform": (
            mechanisms.RandomCutoffExponential(scattered, epsilon=200.0),
            MetricDP(150.0, metric="chebyshev"),
        ),
        "angles": (mechanisms.MetricExponential(angles, epsilon=3.0), MetricDP(2.0)),
        "angles of a prior": (
            mechanisms.DensityPriorExponential(angles, epsilon=3.0, **far),
            MetricDP(2.0),
        ),
        "angles in the claim": (
            mechanisms.TruncatedExponential(few, epsilon=3.0, threshold=1.0),
            MetricDP(2.0, metric="euclidean"),
        ),
        "nearest by angle": (mechanisms.NearestTruncatedExponential(few, epsilon=3.0, k=4), None),
        "steps": (
            mechanisms.MetropolisHastings(scattered, epsilon=3.0, steps=5, **far),
            MetricDP(9.0),
        ),
        "nearest": (mechanisms.NearestTruncatedExponential(scattered, epsilon=3.0, k=4), None),
        "delta": (mechanisms.RandomizedResponse(scattered, epsilon=2.0), ApproximateDP(1.0, 0.3)),
        "gumbel": (
            mechanisms.TruncatedGumbel(EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]]), 9.0),
            None,
        ),
    }
    found = {}
    for name, (mechanism, claim) in made.items():
        space = mechanism.space
        law = ball_law(mechanism.name, mechanism.parameters, space.vectors, space.metric)
        assert law is not None
        claim = claim or mechanism.claim
        found[name] = make_case(space.words, space.vectors, space.metric, law, claim)
    return found


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_a_process_gets_the_same_case(name: str) -> None:
    """Work that fails there is done here, so other results would not tell."""
    case = CASES[name]
    copy = pickle.loads(pickle.dumps(case))
    assert type(copy.law.geometry) is type(case.law.geometry)
    assert type(copy.claimed) is type(case.claimed)
    assert (copy.claimed is copy.law.geometry) == (case.claimed is case.law.geometry)
    for ours, theirs in ((case.claimed, copy.claimed), (case.law.geometry, copy.law.geometry)):
        assert theirs.row(1) == ours.row(1)
        last = len(case.words) - 1
        later = [(i, ours.row(i)[i + 1 :]) for i in range(1, last)]
        assert list(ours.later(1, last)) == list(theirs.later(1, last)) == later


@pytest.mark.parametrize("name", CASES)
def test_figures_do_not_depend_on_the_processes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]
    for method in dict.fromkeys([method_of(case), "outputs" if len(case.words) < 20 else ""]):
        if not method:
            continue
        monkeypatch.setattr(processes, "cores", lambda: 1)
        here = all_pairs(case, method, 96)
        monkeypatch.setattr(processes, "cores", lambda: 2)
        monkeypatch.setattr(processes, "_WORTH_SECONDS", -1.0)
        assert all_pairs(case, method, 96) == here


@pytest.mark.usefixtures("two_cores")
def test_certificates_are_the_same_and_progress_is_told() -> None:
    space = random_space("scattered", 90, np.random.default_rng(3))
    mechanism = mechanisms.MetricExponential(space, epsilon=3.0)
    certificate = certificate_of(mechanism)
    assert certificate is not None
    seen: list[float] = []
    assert verify(certificate, progress=seen.append).verified
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


SCRIPT = """
import sys
print("once")
from dpaudit.mechanisms.balls import processes
processes.cores, processes._WORTH_SECONDS = (lambda: 2), -1.0
from dpaudit import EmbeddingSpace, audit, mechanisms
space = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]])
print(audit(mechanisms.MetricExponential(space, epsilon=1.0)).evidence.value)
"""


def test_a_script_runs_once_and_needs_no_guard(tmp_path: Path) -> None:
    """multiprocessing would import it again in every process."""
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    # A file of this name beside the script must not be what the processes import.
    (tmp_path / "pickle.py").write_text("raise SystemExit('the wrong module')", encoding="utf-8")
    command = [sys.executable, "-P", "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["once", "certified"]
    assert done.stderr == ""


def test_pieces() -> None:
    assert rows_in_pieces(130, 64) == [(0, 64), (64, 128), (128, 130)]
    assert rows_in_pieces(1, 64) == [(0, 1)]
