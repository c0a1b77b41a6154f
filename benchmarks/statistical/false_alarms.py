"""False alarms: `python -m benchmarks.statistical.false_alarms [NAME...] [--audits 2000]`.

Correct mechanisms at their exact epsilon, in the configuration of the power benchmark, by a fixed
budget and by bets with a look after every draw that stop when they pay. A rate above alpha is
tested one-sided by the binomial law.
"""

import argparse
from functools import partial

from scipy.stats import binomtest

from benchmarks.statistical.cases import CORRECT, case, over_seeds, run

ALPHA = 0.05


def alarm(seed: int, name: str, draws: int, sequential: bool) -> bool:
    result = run(name, seed, draws=draws, sequential=sequential, alpha=ALPHA)
    return result.verdict.value == "violated"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(CORRECT))
    parser.add_argument("--audits", type=int, default=2_000)
    parser.add_argument("--draws", type=int, default=20_000)
    parser.add_argument("--design", choices=["fixed", "sequential", "both"], default="both")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    print(f"{options.audits} audits of {options.draws:,} draws each, alpha = {ALPHA}")
    print("| mechanism | ε | design | alarms | rate | p of a rate above alpha |")
    print("|---|---|---|---|---|---|")
    for name in options.names:
        for sequential in {"fixed": [False], "sequential": [True]}.get(
            options.design, [False, True]
        ):
            function = partial(alarm, name=name, draws=options.draws, sequential=sequential)
            alarms = sum(over_seeds(function, range(options.audits), options.jobs))
            p = binomtest(alarms, options.audits, ALPHA, alternative="greater").pvalue
            print(
                f"| `{name}` | {case(name)[1].epsilon:.4g} | "
                f"{'sequential' if sequential else 'fixed'} | {alarms} | "
                f"{alarms / options.audits:.2%} | {p:.2g} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
