"""Which mechanisms have a law in ball arithmetic, built from name, parameters and vectors."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
from flint import arb, fmpq
from numpy.typing import NDArray

from ...errors import ClaimError, InputError, require_count, require_positive
from .angles import exact_geometry
from .enclosures import exact_fraction
from .geometry import ExactGeometry
from .gumbel import CUTOFFS, TruncatedGumbelBallLaw
from .metropolis import MetropolisBallLaw
from .nearest import NearestBallLaw
from .random_cutoff import RandomCutoffBallLaw
from .separable import SeparableBallLaw

__all__ = ["BallLaw", "ball_law", "law_parameters"]

Parameters = Mapping[str, Any]


class BallLaw(Protocol):
    """An output law whose probabilities come as balls, at the precision in force.

    A probability that is exactly 0 is a ball of radius 0: the output is impossible.
    `row_at_once` says that a whole row costs no more than one probability.
    """

    row_at_once: ClassVar[bool]

    @property
    def geometry(self) -> ExactGeometry:
        """The exact distances."""
        ...

    def probability(self, word: int, output: int) -> arb:
        """P_w(y)."""
        ...

    def probabilities(self, word: int) -> list[arb]:
        """P_w(y) for all outputs y."""
        ...


def ball_law(
    name: str, parameters: Parameters, vectors: NDArray[np.float64], metric: str
) -> BallLaw | None:
    """The law of a mechanism by its command-line name, or None if it has none here.

    Raises
    ------
    InputError
        If a parameter is missing, unknown or out of range.

    Examples
    --------
    >>> vectors = np.array([[0.0], [1.0]])
    >>> law = ball_law("metric-exponential", {"epsilon": 1.0}, vectors, "euclidean")
    >>> round(float(law.probability(0, 0).mid()), 6)
    0.622459
    """
    if name not in _BUILDERS:
        return None
    build, wanted = _BUILDERS[name]
    given = law_parameters(parameters)
    if set(given) != set(wanted):
        raise InputError(
            f"{name} has the parameters {', '.join(sorted(given)) or 'none'}, but its law is made "
            f"from {', '.join(sorted(wanted))}."
        )
    return build(given, exact_geometry(vectors, metric))


def law_parameters(parameters: Parameters) -> dict[str, Any]:
    """The parameters without the sampler: which one draws from a law does not change it.

    Examples
    --------
    >>> law_parameters({"epsilon": 1.0, "sampler": "exact"})
    {'epsilon': 1.0}
    """
    return {key: value for key, value in parameters.items() if key != "sampler"}


def _positive(parameters: Parameters, name: str) -> fmpq:
    return exact_fraction(require_positive(name, parameters[name]))


def _metric_exponential(parameters: Parameters, geometry: ExactGeometry) -> BallLaw:
    return SeparableBallLaw(geometry, _positive(parameters, "epsilon") / 2)


def _truncated_exponential(parameters: Parameters, geometry: ExactGeometry) -> BallLaw:
    threshold = _positive(parameters, "threshold")
    return SeparableBallLaw(geometry, _positive(parameters, "epsilon") / 2, threshold)


def _randomized_response(parameters: Parameters, geometry: ExactGeometry) -> BallLaw:
    discrete = ExactGeometry(geometry.vectors, "discrete")
    return SeparableBallLaw(discrete, _positive(parameters, "epsilon"))


def _random_cutoff(parameters: Parameters, geometry: ExactGeometry) -> BallLaw:
    law = RandomCutoffBallLaw(geometry, _positive(parameters, "epsilon"))
    if not law.steepness > 0:
        raise ClaimError(
            "epsilon is not certainly above 2 (1 + ln n)/Δmin, from which on the scale of "
            "random-cutoff-exponential exists."
        )
    return law


def _truncated_gumbel(parameters: Parameters, geometry: ExactGeometry) -> BallLaw:
    cutoff = parameters["cutoff"]
    if cutoff not in CUTOFFS:
        raise InputError(f"cutoff is {cutoff!r}, but it must be one of {', '.join(CUTOFFS)}.")
    return TruncatedGumbelBallLaw(geometry, _positive(parameters, "epsilon"), cutoff)


def _nearest_truncated(parameters: Parameters, geometry: ExactGeometry) -> BallLaw:
    k = require_count("k", parameters["k"], len(geometry))
    rate = _positive(parameters, "epsilon") / 2
    if k == len(geometry):
        return SeparableBallLaw(geometry, rate)
    return NearestBallLaw(geometry, rate, k)


def _density_prior(parameters: Parameters, geometry: ExactGeometry) -> BallLaw:
    rate, bandwidth = _positive(parameters, "epsilon") / 2, _positive(parameters, "bandwidth")
    return SeparableBallLaw(geometry, rate, bandwidth=bandwidth)


def _metropolis_hastings(parameters: Parameters, geometry: ExactGeometry) -> BallLaw:
    rate, bandwidth = _positive(parameters, "epsilon") / 2, _positive(parameters, "bandwidth")
    steps = require_count("steps", parameters["steps"])
    if steps * len(geometry) > _MOST_PRODUCTS:
        raise InputError(
            f"steps is {steps:,}, but in ball arithmetic a chain on {len(geometry):,} words must "
            f"have at most {_MOST_PRODUCTS // len(geometry):,}: more would take too long."
        )
    return MetropolisBallLaw(geometry, rate, bandwidth, steps)


#: Steps times words of a chain, some 10 seconds a row; a file to be verified may ask for any.
_MOST_PRODUCTS = 10**7


_BUILDERS: dict[str, tuple[Callable[[Parameters, ExactGeometry], BallLaw], tuple[str, ...]]] = {
    "metric-exponential": (_metric_exponential, ("epsilon",)),
    "truncated-exponential": (_truncated_exponential, ("epsilon", "threshold")),
    "randomized-response": (_randomized_response, ("epsilon",)),
    "random-cutoff-exponential": (_random_cutoff, ("epsilon",)),
    "nearest-truncated-exponential": (_nearest_truncated, ("epsilon", "k")),
    "density-prior-exponential": (_density_prior, ("epsilon", "bandwidth")),
    "metropolis-hastings": (_metropolis_hastings, ("epsilon", "bandwidth", "steps")),
    "truncated-gumbel": (_truncated_gumbel, ("epsilon", "cutoff")),
}
