"""The table of docs/samplers.md: tau of every mechanism on the built-in space; some seconds.

    python -m tools.sampler_errors                              # print the table
    python -m tools.sampler_errors --output docs/samplers.md    # write it into the page

Numbers are rounded upwards.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from decimal import ROUND_CEILING, Context
from pathlib import Path

from dpaudit import EmbeddingSpace
from dpaudit.mechanisms import (
    DensityCalibratedLaplace,
    DensityPriorExponential,
    DistanceTruncatedLaplace,
    Mahalanobis,
    MetricExponential,
    MetropolisHastings,
    MultivariateLaplace,
    NearestTruncatedExponential,
    RandomCutoffExponential,
    RandomizedResponse,
    TruncatedExponential,
    TruncatedGumbel,
    Vickrey,
)
from dpaudit.mechanisms.protocol import SampledWordMechanism
from dpaudit.proven import claimed_space
from tools.markdown import markdown_table, update_page

__all__ = ["cost", "sampler_table"]

#: Epsilons of the mechanisms that accept any, and multiples of the smallest one of the others.
EPSILONS = (1.0, 12.0, 100.0)
MULTIPLES = (1.0 + 1e-9, 1.01, 1.5, 10.0)
RESPONSE_EPSILONS = (1.0, 8.0)

#: Mechanisms with noise on vectors.
NOISY = (
    MultivariateLaplace,
    Mahalanobis,
    Vickrey,
    DistanceTruncatedLaplace,
    DensityCalibratedLaplace,
)

#: A threshold that some words lie beyond; beyond the default one there are none here.
THRESHOLD = 1.0


def mechanisms(space: EmbeddingSpace) -> Iterator[SampledWordMechanism]:
    """Every mechanism of the table."""
    for epsilon in EPSILONS:
        yield MetricExponential(space, epsilon)
    for epsilon in EPSILONS:
        yield TruncatedExponential(space, epsilon, THRESHOLD)
    for multiple in MULTIPLES:
        yield RandomCutoffExponential(space, multiple * RandomCutoffExponential.bound(space))
    for multiple in MULTIPLES:
        yield TruncatedGumbel(space, multiple * TruncatedGumbel.bound(space))
    for make in (NearestTruncatedExponential, DensityPriorExponential, MetropolisHastings):
        for epsilon in EPSILONS:
            yield make(space, epsilon)
    for epsilon in RESPONSE_EPSILONS:
        yield RandomizedResponse(space, epsilon)
    for make in NOISY:
        for epsilon in EPSILONS:
            yield make(space, epsilon)


def cost(exponent: float, tau: float) -> float:
    """min(1, (1 + e^exponent) tau), the delta of a pair with epsilon d = exponent.

    >>> cost(0.0, 0.25), cost(1e9, 0.25), cost(1e9, 0.0)
    (0.5, 1.0, 0.0)
    """
    if tau == 0.0:
        return 0.0
    return 1.0 if exponent + math.log(tau) > 0.0 else min(1.0, (1.0 + math.exp(exponent)) * tau)


def upwards(value: float) -> str:
    """Three significant digits, rounded upwards.

    >>> upwards(1.2341e-12), upwards(1.0), upwards(0.0)
    ('1.24e-12', '1', '0')
    """
    if value in (0.0, 1.0):
        return f"{value:g}"
    return f"{Context(prec=3, rounding=ROUND_CEILING).create_decimal_from_float(value):.2e}"


def sampler_table(space: EmbeddingSpace) -> str:
    """Epsilon, tau, and the delta that it costs between the closest and the farthest words."""
    rows = []
    for mechanism in mechanisms(space):
        tau, epsilon = mechanism.sampler_error, mechanism.claim.epsilon
        assert tau is not None
        measured = claimed_space(mechanism, mechanism.claim)
        extent = measured.extent if measured else None
        distances = (extent.min_distance, extent.max_distance) if extent else (1.0, 1.0)
        deltas = [cost(epsilon * d, tau) for d in distances]
        rows.append([f"`{mechanism.name}`", f"{epsilon:.10g}", *map(upwards, (tau, *deltas))])
    header = ["mechanism", "ε", "τ", "δ, closest pair", "δ, farthest pair"]
    return markdown_table(header, rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and write it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="the page, docs/samplers.md")
    options = parser.parse_args(arguments)
    table = sampler_table(EmbeddingSpace.builtin())
    print(table)
    if options.output:
        update_page(options.output, {"sampler errors": table})


if __name__ == "__main__":
    main()
