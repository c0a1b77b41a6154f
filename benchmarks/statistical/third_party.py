"""Other people's samplers: `python -m benchmarks.statistical.third_party [--draws 200000]`.

Laplace mechanisms at epsilon = 1 of diffprivlib and OpenDP and Gaussian ones at (1, 1e-5), on the
inputs 0 and 1, at alpha = 1e-4, without and with a look at the bits of the outputs. A library that
is not installed, or does not import beside the installed ones, is skipped; both come with the extra
`audited`.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import dpaudit

ALPHA = 1e-4
PURE = dpaudit.PureDP(1.0)
APPROXIMATE = dpaudit.ApproximateDP(1.0, 1e-5)


def diffprivlib_cases() -> Iterator[tuple[str, dpaudit.PureDP | dpaudit.ApproximateDP, Any]]:
    from diffprivlib import mechanisms

    laplace = mechanisms.Laplace(epsilon=1.0, sensitivity=1.0)
    yield "Laplace", PURE, lambda x: laplace.randomise(x)
    classic = mechanisms.Gaussian(epsilon=1.0, delta=1e-5, sensitivity=1.0)
    yield "Gaussian", APPROXIMATE, lambda x: classic.randomise(x)
    gaussian = mechanisms.GaussianAnalytic(epsilon=1.0, delta=1e-5, sensitivity=1.0)
    yield "GaussianAnalytic", APPROXIMATE, lambda x: gaussian.randomise(x)


def opendp_cases() -> Iterator[tuple[str, dpaudit.PureDP | dpaudit.ApproximateDP, Any]]:
    import opendp.prelude as dp

    dp.enable_features("contrib")
    space = dp.atom_domain(T=float, nan=False), dp.absolute_distance(T=float)
    laplace = dp.m.make_laplace(*space, scale=1.0)
    yield "make_laplace", dpaudit.PureDP(laplace.map(1.0)), lambda x: laplace(x)
    scale = dp.binary_search_param(
        lambda guess: dp.c.make_fix_delta(
            dp.c.make_zCDP_to_approxDP(dp.m.make_gaussian(*space, scale=guess)), 1e-5
        ),
        d_in=1.0,
        d_out=(1.0, 1e-5),
        T=float,
    )
    gaussian = dp.m.make_gaussian(*space, scale=scale)
    yield "make_gaussian", APPROXIMATE, lambda x: gaussian(x)


LIBRARIES: dict[str, Callable[[], Iterator[Any]]] = {
    "diffprivlib": diffprivlib_cases,
    "opendp": opendp_cases,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print("| mechanism | claim | bits | draws | verdict | bound | detectable | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    for library, cases in LIBRARIES.items():
        try:
            installed = version(library)
        except PackageNotFoundError:
            print(f"{library} is not installed: skipped; it comes with the extra `audited`.")
            continue
        try:
            found = list(cases())
        except ImportError as error:
            print(
                f"{library} {installed} does not import here ({error}): skipped; it may need an "
                "older version of what it imports."
            )
            continue
        for name, claim, mechanism in found:
            for bits in (False, True):
                started = time.perf_counter()
                result = dpaudit.audit(
                    mechanism,
                    claim,
                    pairs=[(0.0, 1.0)],
                    draws=options.draws,
                    alpha=ALPHA,
                    bits=bits,
                    seed=options.seed,
                )
                seconds = time.perf_counter() - started
                detectable = result.detectable_epsilon
                print(
                    f"| {library} {installed} {name} | {claim.epsilon:.6g}, {claim.delta:g} "
                    f"| {'yes' if bits else 'no'} | {result.draws:,} | {result.verdict.value} "
                    f"| {result.true_epsilon.lower:.3g} "
                    f"| {'' if detectable is None else f'{detectable:.3g}'} | {seconds:.0f} |",
                    flush=True,
                )
                if result.verdict.value == "violated" and result.attack is not None:
                    print(f"  event: {result.attack.first or result.attack.second}")


if __name__ == "__main__":
    main()
