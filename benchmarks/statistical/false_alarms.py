"""False alarms: `python -m benchmarks.statistical.false_alarms [NAME...] [--audits 2000]`.

Correct mechanisms at their exact epsilon, in the configuration of the power benchmark, by a fixed
budget and by bets with a look after every draw that stop when they pay. A rate above alpha is
tested one-sided by the binomial law. `--structured` takes those of `structured`, whose outputs are
dictionaries, sets, texts, mixed tuples and lists of different lengths. Audits that end without a
verdict, or are refused, are no alarms and are counted apart.
"""

import argparse
from functools import partial

from scipy.stats import binomtest

import dpaudit
from benchmarks.statistical.cases import CORRECT, case, over_seeds, run
from benchmarks.statistical.structured import STRUCTURED

ALPHA = 0.05


def verdict(seed: int, name: str, draws: int, sequential: bool) -> str:
    """Of one audit; "refused" where its outputs are not taken."""
    try:
        result = run(name, seed, draws=draws, sequential=sequential, alpha=ALPHA)
    except dpaudit.InputError:
        return "refused"
    return result.verdict.value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--structured", action="store_true")
    parser.add_argument("--audits", type=int, default=2_000)
    parser.add_argument("--draws", type=int, default=20_000)
    parser.add_argument("--design", choices=["fixed", "sequential", "both"], default="both")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    print(f"{options.audits} audits of {options.draws:,} draws each, alpha = {ALPHA}")
    print("| mechanism | ε | design | alarms | rate | p of a rate above alpha | no verdict |")
    print("|---|---|---|---|---|---|---|")
    for name in options.names or (STRUCTURED if options.structured else CORRECT):
        for sequential in {"fixed": [False], "sequential": [True]}.get(
            options.design, [False, True]
        ):
            function = partial(verdict, name=name, draws=options.draws, sequential=sequential)
            found = over_seeds(function, range(options.audits), options.jobs)
            alarms = found.count("violated")
            p = binomtest(alarms, options.audits, ALPHA, alternative="greater").pvalue
            print(
                f"| `{name}` | {case(name)[1].epsilon:.4g} | "
                f"{'sequential' if sequential else 'fixed'} | {alarms} | "
                f"{alarms / options.audits:.2%} | {p:.2g} | "
                f"{found.count('refused') + found.count('inconclusive')} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
