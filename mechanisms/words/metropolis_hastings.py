"""A Metropolis-Hastings chain towards `density-prior-exponential` (specification, 4.12)."""

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from ...claims import MetricDP
from ...errors import require_count, require_memory, require_positive
from ..kernels.alias import checked_positions
from ..kernels.metropolis import metropolis_draws, metropolis_row
from ..kernels.parallel import ordered_map
from ..protocol import Floats, Indices, Prior, WordMechanism
from ..spaces import EmbeddingSpace
from .density import default_bandwidth
from .density_prior_exponential import DensityPriorExponential
from .exact_sampler import ExactSampler, require_sampler
from .separable import at_most_one, cost_error

__all__ = ["MetropolisHastings"]

_UNIT_ROUNDOFF = 2.0**-53
_ROWS = 64

#: What is proven with room for rounding needs this much of it, relatively.
_ROOM = 1e-6


@dataclass(frozen=True, eq=False)
class MetropolisHastings(WordMechanism):
    """Runs a chain of `steps` steps from w whose target is the law Q_w of
    `density-prior-exponential` on w, and outputs where it ends.

    A step proposes one of the other words uniformly and goes there with probability
    min(1, ratio of the target). It avoids the normaliser, which is its only merit: the claim is
    that of the target, and the law is that of the target only as T -> infinity. After few steps an
    output that is the input itself is far too likely, and the claim fails; an audit says for which
    T it holds.

    With q the largest mass of Q_w, n >= 3 and rho = max(1/(n-1), 1 - 1/((n-1) q)), the law after T
    steps is within sqrt((1 - Q_w(w)) / Q_w(w)) rho^T / 2 of Q_w in total variation (specification,
    section 8), so it takes n steps to forget anything at all. Where w is the likeliest word of
    its own target, the law is (1 - l^T) Q_w + l^T [y = w] with l = 1 - 1/((n-1) Q_w(w)):
    `kernels.metropolis` has the closed form of all cases.

    Parameters
    ----------
    space
        Vocabulary and metric.
    epsilon
        Privacy loss per unit of distance of the target, in nats; finite and above 0.
    bandwidth
        h of the prior, as in `density-prior-exponential`, with the same default.
    steps
        Number of steps T, a whole number of 1 or more; default 100.
    sampler
        "fast" runs the chain, T steps a draw. "exact" draws from its law itself, by ball arithmetic
        and without a chain, so that `sampler_error` is 0; see docs/samplers.md.

    Examples
    --------
    >>> space = EmbeddingSpace(["near", "far", "here"], [[1.0], [5.0], [0.0]])
    >>> mechanism = MetropolisHastings(space, epsilon=2.0, bandwidth=1.0, steps=3)
    >>> np.exp(mechanism.log_law("here")).round(4).tolist()
    [0.2599, 0.003, 0.7372]
    """

    name: ClassVar[str] = "metropolis-hastings"

    space: EmbeddingSpace
    epsilon: float
    bandwidth: float | None = None
    steps: int = 100
    sampler: str = "fast"
    _errors: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        require_sampler(self.sampler)
        object.__setattr__(self, "epsilon", require_positive("epsilon", self.epsilon))
        h = default_bandwidth(self.space) if self.bandwidth is None else self.bandwidth
        object.__setattr__(self, "bandwidth", require_positive("bandwidth", h))
        object.__setattr__(self, "steps", require_count("steps", self.steps, _MOST))
        object.__setattr__(self, "_errors", np.full(len(self.space), np.nan))

    @property
    def parameters(self) -> dict[str, float | int | str | bool]:
        assert self.bandwidth is not None  # set by the constructor
        return {
            "epsilon": self.epsilon,
            "bandwidth": self.bandwidth,
            "steps": self.steps,
            "sampler": self.sampler,
        }

    @property
    def claim(self) -> MetricDP:
        return MetricDP(
            self.epsilon,
            metric=self.space.metric,
            source="that of the target of the chain, which infinitely many steps would reach",
        )

    @cached_property
    def limit(self) -> DensityPriorExponential:
        """The mechanism that draws from the target."""
        return DensityPriorExponential(self.space, self.epsilon, self.bandwidth)

    def with_steps(self, steps: int) -> "MetropolisHastings":
        """The same chain with another number of steps."""
        other = replace(self, steps=steps)
        other.__dict__["limit"] = self.limit  # the target is the same: not computed again
        return other

    @property
    def _prior(self) -> Prior:
        prior = self.limit.separable_law.prior
        assert prior is not None
        return prior

    def _log_targets(self, rows: slice) -> Floats:
        """Logarithms of the weights of the targets of a range of inputs, shape (rows, n)."""
        return self._prior.logs - 0.5 * self.epsilon * self.space.distance_rows(rows)

    @cached_property
    def _doubt(self) -> float:
        """Bound on the error of a difference of two of them."""
        largest = 0.5 * self.epsilon * self.space.tiles.diameter_bound + math.log(len(self.space))
        each = cost_error(self.space, self.epsilon / 2.0) + self._prior.error
        return 2.0 * each + 8.0 * largest * _UNIT_ROUNDOFF

    def log_laws(self, rows: slice) -> Floats:
        targets = self._log_targets(rows)
        values = np.empty_like(targets)
        for i, word in enumerate(range(*rows.indices(len(self.space)))):
            error = metropolis_row(targets[i], word, self.steps, self._doubt, values[i])
            self._errors[word] = error if error == error else np.inf
        return values

    @property
    def log_law_error(self) -> float:
        """Largest bound over all inputs, each derived by the kernel for its row: see there.
        Computes the rows that have not been asked for yet."""
        missing = [slice(int(i), int(i) + 1) for i in np.flatnonzero(np.isnan(self._errors))]
        for _ in ordered_map(self.log_laws, missing):
            pass
        return float(self._errors.max())

    @cached_property
    def loss_never_rises(self) -> bool:
        """True if every w is certainly the likeliest word of its own target, with a mass of at
        least 1/(n - 1).

        Then the law on w is (1 - a^T) Q_w + a^T [y = w] with 0 <= a < 1, and that on w' the same
        with b. The ratio of both at y = w does not rise with T, its numerator falling and its
        denominator rising, and is at least its limit, which is the largest limit over all y (5.1).
        At y = w', and at other y if a >= b, the ratio is at most its own limit, so it is never the
        largest alone. At other y with a < b it is that limit times (1 - a^T) / (1 - b^T), which
        does not rise: the derivative of ln (1 - x^T) by T is phi(x^T) / T with
        phi(s) = ln(1/s) / (1/s - 1), which rises with s. So the largest ratio does not rise.
        """
        n = len(self.space)

        def certain(start: int) -> bool:
            rows = slice(start, min(start + _ROWS, n))
            targets, own = self._log_targets(rows), np.arange(rows.start, rows.stop)
            places = np.arange(len(own))
            mine = targets[places, own].copy()
            targets[places, own] = -np.inf
            likely = self.limit.log_laws(rows)[places, own] > -math.log(n - 1) + _ROOM
            return bool((likely & (targets.max(axis=1) < mine - self._doubt)).all())

        return all(list(ordered_map(certain, range(0, n, _ROWS))))

    @cached_property
    def _target_masses(self) -> tuple[Floats, Floats]:
        """ln Q_w(w) and the logarithm of the largest mass of Q_w, for all w."""
        n = len(self.space)

        def masses(start: int) -> tuple[Floats, Floats]:
            laws = self.limit.log_laws(slice(start, min(start + _ROWS, n)))
            return laws.diagonal(start).copy(), laws.max(axis=1)

        parts = list(ordered_map(masses, range(0, n, _ROWS)))
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def log_distance_from_limit(self, steps: int) -> Floats:
        """-ln(1 - s) with s = 2 rho^T / Q_w(w), where s < 1.

        By the closed form, P(y) / Q(y) - 1 is a sum of l_k^T (G_1/G_(k+1) - G_1/G_k) for k < m and
        of -l_m^T G_1/G_m, or for y = w of l_m^T (G_1/q_m - G_1/G_m); all |l_k| <= rho, all G_k that
        occur are at least q_w, and q_w / G_1 = Q_w(w). So its absolute value is at most s, for
        T and, as rho < 1, for all larger numbers of steps.
        """
        share = 1.0 / (len(self.space) - 1)
        own, largest = self._target_masses
        if len(self.space) == 2:
            return np.full(2, np.inf)
        rates = np.minimum(1.0 - share, share * np.exp(-largest) * (1.0 - _ROOM))
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            s = 2.0 * np.exp(steps * np.log1p(-rates) - own) * (1.0 + _ROOM)
            return np.where(s < 1.0, -np.log1p(-np.minimum(s, 1.0)), np.inf)

    @property
    def sampler_error(self) -> float:
        """Each step misses its ideal law by the column of the proposal, the error of the target's
        ratio, and a few units. Derived in docs/samplers.md."""
        if self.sampler == "exact":
            return 0.0
        step = (len(self.space) + 32) * _UNIT_ROUNDOFF + 1.01 * self._doubt
        return at_most_one(self.steps * step)

    @cached_property
    def _targets(self) -> Floats:
        """All logarithms of target weights, shape (n, n), 8 n^2 bytes."""
        n = len(self.space)
        require_memory(f"Targets for {n:,} words", 8 * n * n)
        return self._log_targets(slice(0, n))

    @cached_property
    def _exact(self) -> ExactSampler:
        return ExactSampler.of(self)

    def sample_indices(self, inputs: Indices, rng: Generator) -> Indices:
        if self.sampler == "exact":
            return self._exact.sample(inputs, rng)
        inputs = checked_positions(inputs, len(self.space))
        outputs = np.empty(len(inputs), dtype=np.int64)
        metropolis_draws(self._targets, self.steps, inputs, rng, outputs)
        return outputs


#: More steps than that no draw and no ball arithmetic would ever finish.
_MOST = 10**12
