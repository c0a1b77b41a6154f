"""Which mechanisms have a law in ball arithmetic, built from name, parameters and vectors."""

import sys
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

__all__ = ["BallLaw", "ball_law", "law_parameters", "parameters_as_taken"]

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
    given = law_parameters(parameters)
    _require_names(name, given)
    return _BUILDERS[name][0](given, exact_geometry(vectors, metric))


def law_parameters(parameters: Parameters) -> dict[str, Any]:
    """The parameters without the sampler: which one draws from a law does not change it.

    Examples
    --------
    >>> law_parameters({"epsilon": 1.0, "sampler": "exact"})
    {'epsilon': 1.0}
    """
    return {key: value for key, value in parameters.items() if key != "sampler"}


def parameters_as_taken(name: str, parameters: Parameters) -> dict[str, float | int | str]:
    """The parameters of a law as it takes them: a real one as the float with which it computes.

    Raises
    ------
    InputError
        If the mechanism has no law here, if a parameter is missing or unknown, or if one is not
        of the kind that the law takes: a whole number that is no float, such as 2^53 + 1, is not.

    Examples
    --------
    >>> parameters_as_taken("nearest-truncated-exponential", {"epsilon": 1, "k": 3})
    {'epsilon': 1.0, 'k': 3}
    """
    if name not in _BUILDERS:
        raise InputError(f"No law in ball arithmetic is known for the mechanism {name!r}.")
    _require_names(name, parameters)
    kinds = _BUILDERS[name][1]
    return {key: _as_taken(key, value, kinds[key]) for key, value in parameters.items()}


def _require_names(name: str, parameters: Parameters) -> None:
    wanted = _BUILDERS[name][1]
    if set(parameters) != set(wanted):
        raise InputError(
            f"{name} has the parameters {', '.join(sorted(parameters)) or 'none'}, but its law is "
            f"made from {', '.join(sorted(wanted))}."
        )


def _as_taken(key: str, value: Any, kind: type) -> float | int | str:
    fits = isinstance(value, (int, float) if kind is float else kind)
    if not fits or isinstance(value, bool):
        words = {float: "a number", int: "a whole number", str: "a name"}
        raise InputError(f"{key} is {value!r}, but it must be {words[kind]}.")
    # Python compares an int with a float exactly; beyond the largest float it cannot convert.
    if kind is float and not (abs(value) <= _LARGEST_FLOAT and float(value) == value):
        raise InputError(
            f"{key} is {value!r}, which is no finite float: the law would take another number."
        )
    taken: float | int | str = kind(value)
    return taken


_LARGEST_FLOAT = sys.float_info.max


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


#: For every mechanism how its law is built, and the kind of every parameter.
_BUILDERS: dict[
    str, tuple[Callable[[Parameters, ExactGeometry], BallLaw], dict[str, type[float | int | str]]]
] = {
    "metric-exponential": (_metric_exponential, {"epsilon": float}),
    "truncated-exponential": (_truncated_exponential, {"epsilon": float, "threshold": float}),
    "randomized-response": (_randomized_response, {"epsilon": float}),
    "random-cutoff-exponential": (_random_cutoff, {"epsilon": float}),
    "nearest-truncated-exponential": (_nearest_truncated, {"epsilon": float, "k": int}),
    "density-prior-exponential": (_density_prior, {"epsilon": float, "bandwidth": float}),
    "metropolis-hastings": (
        _metropolis_hastings,
        {"epsilon": float, "bandwidth": float, "steps": int},
    ),
    "truncated-gumbel": (_truncated_gumbel, {"epsilon": float, "cutoff": str}),
}
