"""Published faults: `python -m benchmarks.statistical.published_faults [NAME...] [--draws N]`.

Every fault of `benchmarks.statistical.published` and its corrected twin are audited once, at
alpha = 1e-4 an audit. One row a fault: its source, the claim, the pair, what the audit of the
broken version found, with draws and seconds, the verdict on the corrected one, and how many lines
the broken mechanism has. Audits that are refused or inconclusive are listed below the table with
their reasons.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import dpaudit
from benchmarks.statistical.published import FAULTS, Fault, lines_of

ALPHA = 1e-4

#: Characters of an input in the table.
SHOWN = 40

#: Verdict of an audit that does not take the mechanism, its inputs or its outputs.
REFUSED = "refused"


@dataclass(frozen=True)
class Outcome:
    """Of one audit: the verdict, a lower bound on epsilon (at the claimed delta), draws, seconds
    and, where there is no verdict, the reason."""

    verdict: str
    bound: float | None
    draws: int
    seconds: float
    reason: str | None = None


def outcome(fault: Fault, mechanism: Callable[..., Any], **options: Any) -> Outcome:
    """Of the audit of one twin."""
    started = time.perf_counter()
    try:
        result = dpaudit.audit(
            mechanism, fault.claim, pairs=fault.pairs, **fault.options, **options
        )
    except dpaudit.InputError as error:
        return Outcome(REFUSED, None, 0, time.perf_counter() - started, str(error))
    bound = None if result.true_epsilon is None else result.true_epsilon.lower
    seconds = time.perf_counter() - started
    return Outcome(result.verdict.value, bound, result.draws or 0, seconds, result.reason)


def twins(number: int, **options: Any) -> tuple[Outcome, Outcome]:
    """Of fault `number`: of the broken mechanism and of the corrected one."""
    fault = FAULTS[number]
    return outcome(fault, fault.broken, **options), outcome(fault, fault.corrected, **options)


def shown(value: Any) -> str:
    """An input, cut in the middle where it is long."""
    text = repr(value)
    half = SHOWN // 2
    return f"`{text if len(text) <= SHOWN else text[:half] + ' … ' + text[-half:]}`"


def row(fault: Fault, broken: Outcome, corrected: Outcome) -> str:
    claim = f"{fault.claim.epsilon:.4g}"
    if fault.claim.delta:
        claim += f", {fault.claim.delta:g}"
    pairs = [f"{shown(first)} {shown(second)}" for first, second, *_ in fault.pairs]
    cells = (
        f"`{fault.name}`",
        f"{fault.what} ({fault.source})",
        claim,
        ", ".join(pairs),
        f"{broken.verdict}, bits" if fault.options.get("bits") else broken.verdict,
        "" if broken.bound is None else f"{broken.bound:.4g}",
        f"{broken.draws:,}",
        f"{broken.seconds:.1f}",
        corrected.verdict,
        "" if corrected.bound is None else f"{corrected.bound:.4g}",
        str(lines_of(fault.broken)),
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="faults; by default all")
    parser.add_argument("--draws", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sequential", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    names = [fault.name for fault in FAULTS]
    unknown = set(options.names) - set(names)
    if unknown:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    chosen = [names.index(name) for name in options.names or names]
    asked = {"draws": options.draws, "seed": options.seed, "sequential": options.sequential}
    print(
        "| fault | what is wrong (source) | claim | pair | broken | bound | draws | seconds "
        "| corrected | bound | lines |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    reasons, refuting_draws, alarms = [], [], 0
    with ProcessPoolExecutor(options.jobs) as pool:
        found = pool.map(partial(twins, alpha=ALPHA, **asked), chosen)
        for number, (broken, corrected) in zip(chosen, found, strict=True):
            fault = FAULTS[number]
            print(row(fault, broken, corrected), flush=True)
            if broken.verdict == "violated":
                refuting_draws.append(broken.draws)
            alarms += corrected.verdict == "violated"
            for twin, one in (("broken", broken), ("corrected", corrected)):
                if one.reason is not None:
                    reasons.append(f"* `{fault.name}`, {twin}: {one.reason}")
    print(
        f"\n{len(refuting_draws)} of {len(chosen)} broken ones refuted, {alarms} of {len(chosen)} "
        f"corrected ones (alpha = {ALPHA:g} an audit)."
    )
    if options.sequential and refuting_draws:
        print(f"Median of the draws of refutations: {statistics.median(refuting_draws):,.0f}.")
    if reasons:
        print("\nWithout a verdict:\n")
        print("\n".join(reasons))


if __name__ == "__main__":
    main()
