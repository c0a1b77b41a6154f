"""Budgets: `python -m benchmarks.statistical.budget [NAME...] [--draws 2000000]`.

How many testing draws refute a broken mechanism with 90% power, if pair and event are known:
for each canonical pair an attacker is learned on many draws and its excess over the claim measured
on as many fresh ones. An audit has to find both first, so it needs more.
"""

import argparse
import math

from scipy.special import ndtri

from benchmarks.statistical.cases import BROKEN, case
from dpaudit.statistical.attackers import Goal
from dpaudit.statistical.drawing import Drawer
from dpaudit.statistical.guesses import allowed_rate
from dpaudit.statistical.learning import learn_attacker

ALPHA, POWER = 0.05, 0.9


def needed(name: str, draws: int) -> tuple[float, str]:
    """Testing draws on the pair that needs fewest, and this pair."""
    mechanism, claim, pairs = case(name)
    allowed = allowed_rate(claim.epsilon)
    found = []
    with Drawer(mechanism, 0) as drawer:
        for number, (first, second) in enumerate(pairs):
            learned = drawer.draw(first, second, draws, (number, 0))
            goal = Goal(draws, ALPHA, claim.epsilon, claim.delta)
            attacker = learn_attacker(learned.outputs, learned.labels, goal, 0)
            if attacker is None:
                continue
            fresh = drawer.draw(first, second, draws, (number, 1))
            counts = attacker.count(fresh.outputs, fresh.labels)
            excess = (counts.right - allowed * counts.spoken) / draws
            spread = math.sqrt(max(counts.spoken, 1) * allowed * (1.0 - allowed) / draws)
            if excess > 0.0:
                quantiles = float(-ndtri(ALPHA) + ndtri(POWER))
                found.append(((quantiles * spread / excess) ** 2, f"{first} {second}"))
    return min(found, default=(math.inf, "none"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(BROKEN))
    parser.add_argument("--draws", type=int, default=2_000_000)
    options = parser.parse_args()
    print("| mechanism | testing draws | pair |")
    print("|---|---|---|")
    for name in options.names:
        budget, pair = needed(name, options.draws)
        print(f"| `{name}` | {budget:,.0f} | {pair} |", flush=True)


if __name__ == "__main__":
    main()
