"""What is promised: the claims that an audit can check.

A claim bounds the privacy loss between two inputs. All three kinds are frozen values with the
same attributes, so that an audit asks `claim.epsilon`, `claim.delta`, `claim.metric` and never
which class it has:

* `PureDP(epsilon)`: the loss of every neighbouring pair is at most epsilon;
* `ApproximateDP(epsilon, delta)`: the same but for a failure mass delta;
* `MetricDP(epsilon, delta, metric)`: the loss of a pair at distance d is at most epsilon * d.

The definitions are those of Dwork and Roth (2014), definition 2.4, and of Chatzikokolakis,
Andrés, Bordenabe and Palamidessi (PETS 2013), definition 1, for metric DP.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar

from .errors import InputError, require_fraction, require_positive
from .visible import visible

__all__ = [
    "ANY_NEIGHBOURS",
    "ANY_WORDS",
    "CLAIM_METRICS",
    "METRICS",
    "ApproximateDP",
    "Claim",
    "MetricDP",
    "PureDP",
    "require_claim",
    "require_metric",
    "with_neighbours",
]

#: What claims say of their neighbours unless told otherwise; a result says which inputs these are.
ANY_NEIGHBOURS = "any two different inputs"
ANY_WORDS = "any two different words"

#: Metrics in which distances of words can be measured; "angular" is the angle of two vectors.
METRICS = ("euclidean", "manhattan", "chebyshev", "angular")

#: Metrics in which a claim can be made: these, and the norm of a mechanism's own covariance.
CLAIM_METRICS = (*METRICS, "mahalanobis")


def require_metric(metric: object, known: tuple[str, ...] = METRICS) -> None:
    """Raise `InputError` unless `metric` is one that is known; says why cosine distance is none.

    Examples
    --------
    >>> require_metric("angular")
    >>> require_metric("cosine")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    dpaudit.errors.InputError: metric is 'cosine', but it must be one of euclidean, ...
    """
    if isinstance(metric, str) and metric in known:
        return
    listed = f"metric is {metric!r}, but it must be one of {', '.join(known)}."
    if isinstance(metric, str) and metric.lower() in ("cosine", "cos"):
        listed += (
            " Cosine distance is no metric: it violates the triangle inequality (at 45 degrees "
            "twice 0.29 is less than the 1 of 90 degrees), so its claims do not add up along a "
            "path. Use angular, which orders words the same way, or euclidean on vectors of unit "
            "length (normalize)."
        )
    raise InputError(listed)


@dataclass(frozen=True)
class PureDP:
    """P_x(S) <= exp(epsilon) P_x'(S) for all neighbouring inputs x, x' and all sets S.

    Parameters
    ----------
    epsilon
        Bound on the privacy loss, in nats; finite and above 0.
    neighbouring
        Which inputs are neighbours, in words.
    source
        Where the claim comes from: a paper, a theorem, or who makes it.

    Raises
    ------
    InputError
        If epsilon is not a finite number above 0.

    Examples
    --------
    >>> PureDP(0.5).epsilon
    0.5
    """

    kind: ClassVar[str] = "pure"
    metric: ClassVar[str | None] = None
    unit: ClassVar[str] = "nats"

    epsilon: float
    neighbouring: str = field(default=ANY_NEIGHBOURS, kw_only=True)
    source: str = field(default="given by the user", kw_only=True)

    @property
    def delta(self) -> float:
        """Failure mass: 0 for a pure claim."""
        return 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", require_positive("epsilon", self.epsilon))


@dataclass(frozen=True)
class ApproximateDP:
    """P_x(S) <= exp(epsilon) P_x'(S) + delta for all neighbouring x, x' and all sets S.

    Parameters are those of `PureDP`, with the failure mass `delta` in [0, 1).

    Examples
    --------
    >>> ApproximateDP(0.5, 1e-6).delta
    1e-06
    """

    kind: ClassVar[str] = "approximate"
    metric: ClassVar[str | None] = None
    unit: ClassVar[str] = "nats"

    epsilon: float
    delta: float
    neighbouring: str = field(default=ANY_NEIGHBOURS, kw_only=True)
    source: str = field(default="given by the user", kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", require_positive("epsilon", self.epsilon))
        object.__setattr__(self, "delta", require_fraction("delta", self.delta))


@dataclass(frozen=True)
class MetricDP:
    """P_w(S) <= exp(epsilon d(w, w')) P_w'(S) + delta for all words w, w' and all sets S.

    Parameters
    ----------
    epsilon
        Privacy loss per unit of distance, in nats; finite and above 0.
    delta
        Failure mass in [0, 1).
    metric
        One of `CLAIM_METRICS`, or None for the metric of the space that is audited. Distances in
        "mahalanobis" come from the mechanism that makes the claim (`claim_space`).

    Raises
    ------
    InputError
        If a parameter is out of range or the metric is unknown.

    Examples
    --------
    >>> MetricDP(20, metric="manhattan").unit
    'nats per unit of distance'
    """

    kind: ClassVar[str] = "metric"
    unit: ClassVar[str] = "nats per unit of distance"

    epsilon: float
    delta: float = 0.0
    metric: str | None = None
    neighbouring: str = field(default=ANY_NEIGHBOURS, kw_only=True)
    source: str = field(default="given by the user", kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", require_positive("epsilon", self.epsilon))
        object.__setattr__(self, "delta", require_fraction("delta", self.delta))
        if self.metric is not None:
            require_metric(self.metric, CLAIM_METRICS)


Claim = PureDP | ApproximateDP | MetricDP


def require_claim(value: object, of: str = "claim") -> "Claim":
    """Return `value` if it is a claim; raise `InputError` otherwise.

    Examples
    --------
    >>> require_claim(1.0)
    Traceback (most recent call last):
    ...
    dpaudit.errors.InputError: claim is 1.0, but it must be a claim, as in dpaudit.PureDP(1.0), \
dpaudit.ApproximateDP(1.0, 1e-06) or dpaudit.MetricDP(1.0).
    """
    if isinstance(value, PureDP | ApproximateDP | MetricDP):
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    epsilon = f"{value!r}" if number else "1.0"
    shown = visible(repr(value))
    shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
    raise InputError(
        f"{of} is {shown}, but it must be a claim, as in dpaudit.PureDP({epsilon}), "
        f"dpaudit.ApproximateDP({epsilon}, 1e-06) or dpaudit.MetricDP({epsilon})."
    )


def with_neighbours(claim: "Claim", neighbouring: str) -> "Claim":
    """The claim with its neighbours named, where it does not name them itself.

    Examples
    --------
    >>> with_neighbours(PureDP(1.0), ANY_WORDS).neighbouring
    'any two different words'
    """
    if claim.neighbouring != ANY_NEIGHBOURS:
        return claim
    return replace(claim, neighbouring=neighbouring)
