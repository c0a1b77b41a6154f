"""Power: `python -m benchmarks.statistical.power [NAME...] [--seeds 50] [--draws 1000000]`.

DP-Sniper's suite (Bichsel et al., S&P 2021), every mechanism at its usual claim, at 95% confidence.
The draws are all there are: the search over pairs, learning and the test. One audit at a time.
"""

import argparse
import statistics
import time

from benchmarks.statistical.cases import case, run
from dpaudit.mechanisms.numbers import NUMBERS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(NUMBERS))
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--draws", type=int, default=1_000_000)
    options = parser.parse_args()
    print("| mechanism | claim | true ε | pairs | median bound | flagged | seconds |")
    print("|---|---|---|---|---|---|---|")
    for name in options.names:
        mechanism, claim, pairs = case(name)
        run(name, 0, draws=2_000)  # load what is loaded once
        started = time.perf_counter()
        results = [run(name, seed, draws=options.draws) for seed in range(options.seeds)]
        seconds = (time.perf_counter() - started) / options.seeds
        bound = statistics.median(result.true_epsilon.lower for result in results)
        flagged = sum(result.verdict.value == "violated" for result in results)
        print(
            f"| `{name}` | {claim.epsilon:.4g} | {mechanism.true_epsilon:.4g} | {len(pairs)} | "
            f"{bound:.4g} | {flagged} of {options.seeds} | {seconds:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
