"""Agreement: `python -m benchmarks.statistical.agreement [--draws 1000000]`.

Every word mechanism with an exact law, on the first words of the built-in space: the statistical
lower bound beside the exact epsilon*, which it must not exceed.
"""

import argparse

import dpaudit
from dpaudit.mechanisms import registry

WORDS, EPSILON = 12, 2.0

#: Other parameters than epsilon, where the default promises nothing on so few words or is infinite.
SETTINGS = {
    "truncated-gumbel": {"epsilon": 30.0},
    "random-cutoff-exponential": {"epsilon": 12.0},
    "nearest-truncated-exponential": {"k": 11},
    "metropolis-hastings": {"steps": 200},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1_000_000)
    options = parser.parse_args()
    space = dpaudit.EmbeddingSpace.builtin(limit=WORDS)
    print("| mechanism | parameter ε | exact ε* | statistical bound | of it |")
    print("|---|---|---|---|---|")
    for name in registry.MECHANISMS:
        kind = registry.find(name).load()
        if not hasattr(kind, "log_laws"):
            continue
        parameters = {"epsilon": EPSILON, **SETTINGS.get(name, {})}
        mechanism = registry.build(kind, name, space, parameters)
        claim = mechanism.claim
        exact = dpaudit.audit(mechanism, claim, method="exact").epsilon
        found = dpaudit.audit(mechanism, claim, method="statistical", draws=options.draws)
        lower = found.true_epsilon.lower
        assert lower <= exact.upper, (name, lower, exact)
        share = f"{lower / exact.upper:.0%}" if exact.upper < float("inf") else "∞ cannot be shown"
        print(
            f"| `{name}` | {parameters['epsilon']:g} | {exact.upper:.4g} | {lower:.4g} | {share} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
