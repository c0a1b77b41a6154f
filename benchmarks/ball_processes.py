"""Ball arithmetic on all cores: what threads would give, and what an audit of many words costs.

`python benchmarks/ball_processes.py [WORDS] [DIMENSION]`, by default 2,000 words × 384, Gaussian
vectors of unit length as float32 numbers. Every certificate is checked in a fresh interpreter
by `dpaudit verify --space`, start-up and reading of the file included.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from flint import arb

from dpaudit import EmbeddingSpace, audit, mechanisms
from dpaudit.certificates.all_pairs import all_pairs, method_of
from dpaudit.certificates.case import make_case
from dpaudit.mechanisms.balls import ball_law, processes


def seconds(work):
    """The result of a call and how long it took."""
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def threads():
    """How much faster two threads take the roots of twice as many balls as one, at best 2."""

    def roots():
        ball = arb(3)
        for _ in range(500_000):
            ball.sqrt()

    def twice():
        pair = [threading.Thread(target=roots) for _ in range(2)]
        for one in pair:
            one.start()
        for one in pair:
            one.join()

    _, one = seconds(roots)
    _, two = seconds(twice)
    return 2.0 * one / two


def main(words=2000, dimension=384):
    vectors = np.random.default_rng(1).standard_normal((words, dimension))
    vectors = (vectors / np.linalg.norm(vectors, axis=1)[:, None]).astype(np.float32)
    names = [f"word{i}" for i in range(words)]
    found = processes.cores()
    print(f"{words:,} words × {dimension}; {found} cores; load {os.getloadavg()[0]:.1f}")
    print(f"Two threads do the work of {threads():.2f} in the same time.\n")
    with tempfile.TemporaryDirectory() as folder:
        file, certificate = Path(folder) / "space.npz", Path(folder) / "certificate.json"
        np.savez(file, words=np.array(names), vectors=vectors)
        space = EmbeddingSpace.load(file)
        made = {
            "metric-exponential": mechanisms.MetricExponential(space, epsilon=20.0),
            "truncated-exponential": mechanisms.TruncatedExponential(
                space, epsilon=20.0, threshold=1.3
            ),
            "density-prior-exponential": mechanisms.DensityPriorExponential(
                space, epsilon=20.0, bandwidth=1.0
            ),
        }
        audit(mechanisms.MetricExponential(EmbeddingSpace(names[:3], vectors[:3]), epsilon=1.0))
        print("| ε* over all pairs | one process, s | all cores, s | audit, s | verify, s |")
        print("|---|---|---|---|---|")
        for name, mechanism in made.items():
            times = []
            for cores in (1, found):
                law = ball_law(name, mechanism.parameters, space.vectors, space.metric)
                case = make_case(space.words, space.vectors, space.metric, law, mechanism.claim)
                processes.cores = lambda cores=cores: cores
                enclosed, taken = seconds(lambda case=case: all_pairs(case, method_of(case), 96))
                times.append(taken)
            result, full = seconds(
                lambda mechanism=mechanism: audit(mechanism, certificate=certificate)
            )
            assert result.certified_epsilon == enclosed.finding.epsilon
            command = ["verify", str(certificate), "--space", str(file), "--quiet"]
            done, check = seconds(
                lambda command=command: subprocess.run(
                    [sys.executable, "-m", "dpaudit", *command], check=False
                )
            )
            assert done.returncode == 0, name
            print(f"| {name} | {times[0]:.1f} | {times[1]:.1f} | {full:.1f} | {check:.1f} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
