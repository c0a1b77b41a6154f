"""Certificates on the built-in space: what they cost to make and to check.

`python benchmarks/certificates.py`. Every audit runs twice, with exact evidence only and certified;
every certificate is checked in a fresh interpreter by `dpaudit verify`, start-up included. The
last lines compare ball arithmetic with mpmath's intervals at the same precision, on some rows.
"""

import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import mpmath
import numpy as np

from dpaudit import EmbeddingSpace, MetricDP, audit, mechanisms
from dpaudit.mechanisms.balls import ball_law
from dpaudit.mechanisms.balls.enclosures import precision

ROWS = (0, 1000)
BITS = 96


def cases(space):
    """Name, mechanism and claim of every audit."""
    exponential = mechanisms.MetricExponential(space, epsilon=12.0)
    truncated = mechanisms.TruncatedExponential(space, epsilon=12.0, threshold=1.0)
    gumbel = mechanisms.TruncatedGumbel(space, 1.5 * mechanisms.TruncatedGumbel.bound(space))
    repaired = mechanisms.RandomCutoffExponential(space, gumbel.epsilon)
    yield "metric-exponential", exponential, None
    yield "metric-exponential, ε claimed 6", exponential, MetricDP(6.0)
    yield "truncated-exponential", truncated, None
    yield "randomized-response", mechanisms.RandomizedResponse(space, epsilon=2.0), None
    yield "random-cutoff-exponential", repaired, None
    yield "random-cutoff-exponential, ε claimed 150", repaired, MetricDP(150.0)
    yield "truncated-gumbel", gumbel, None


def seconds(work):
    """The result of a call and how long it took."""
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def mpmath_normaliser(space, row):
    """Z_w of metric-exponential at epsilon = 12 with mpmath's intervals, from the components up."""
    interval = mpmath.iv
    interval.prec = BITS
    own, total = space.vectors[row], interval.mpf(0)
    for other in space.vectors:
        square = interval.mpf(0)
        for a, b in zip(own.tolist(), other.tolist(), strict=True):
            square += (interval.mpf(a) - interval.mpf(b)) ** 2
        total += interval.exp(-6 * interval.sqrt(square))
    return total


def main():
    space = EmbeddingSpace.builtin()
    audit(mechanisms.MetricExponential(space, epsilon=1.0))  # compiles
    print("| audit | verdict | exact only, s | certified, s | verify, s | file, bytes |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, mechanism, claim in cases(space):
            file = Path(folder) / "certificate.json"
            _, plain = seconds(partial(audit, mechanism, claim, method="exact"))
            result, full = seconds(partial(audit, mechanism, claim, certificate=file))
            command = [sys.executable, "-m", "dpaudit", "verify", str(file), "--quiet"]
            done, check = seconds(partial(subprocess.run, command, check=False))
            size = file.stat().st_size
            verdict = f"{result.verdict} ({result.evidence})"
            print(f"| {name} | {verdict} | {plain:.1f} | {full:.1f} | {check:.1f} | {size:,} |")
            assert done.returncode == 0, name
            file.unlink()
    law = ball_law("metric-exponential", {"epsilon": 12.0}, space.vectors, "euclidean")
    with precision(BITS):
        balls, fast = seconds(lambda: [law.normaliser(row) for row in ROWS])
    intervals, slow = seconds(lambda: [mpmath_normaliser(space, row) for row in ROWS])
    for ball, interval in zip(balls, intervals, strict=True):
        assert np.isclose(float(ball.mid()), float(interval.mid), rtol=1e-14)
    print(
        f"\nOne normaliser: {1e3 * fast / len(ROWS):.1f} ms in ball arithmetic from exact "
        f"integers, {1e3 * slow / len(ROWS):,.0f} ms with mpmath's intervals, ratio "
        f"{slow / fast:,.0f}."
    )


if __name__ == "__main__":
    main()
