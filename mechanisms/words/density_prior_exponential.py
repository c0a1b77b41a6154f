"""The exponential mechanism with a density for its prior (specification, section 4.11)."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from ...claims import MetricDP
from ...errors import require_positive
from ..kernels.alias import (
    AliasTables,
    build_tables,
    draw_entries,
    sample_in_chunks,
    table_error,
)
from ..protocol import EpsilonUpperBound, Floats, Indices, SeparableLaw, WordMechanism
from ..spaces import EmbeddingSpace
from .density import default_bandwidth, density_prior
from .exact_sampler import ExactSampler, require_sampler
from .separable import at_most_one, cost_error, log_law_error, metric_law, separable_log_laws

__all__ = ["DensityPriorExponential"]


@dataclass(frozen=True, eq=False)
class DensityPriorExponential(WordMechanism):
    """Replaces w by y with probability proportional to pi(y) exp(-epsilon d(w, y) / 2), where
    pi(y) is proportional to the Gaussian kernel density sum over j of e^(-d(y, j)^2 / (2 h^2)).

    Words in dense regions come out more often. A prior that does not depend on the input changes
    no proof: numerators of two inputs differ by a factor of at most e^(epsilon d/2), and so do the
    normalisers, hence epsilon-metric-DP for any fixed pi. It cancels in the loss, so
    epsilon* = epsilon/2 + max |ln Z_w - ln Z_w'| / d(w, w') as without one, with
    Z_w = sum of pi(y) e^(-epsilon d(w, y)/2). Use it where rare words should stay rare in outputs.

    Parameters
    ----------
    space
        Vocabulary and metric.
    epsilon
        Privacy loss per unit of distance, in nats; finite and above 0.
    bandwidth
        h, in units of distance, finite and above 0. Default: the median over words of the distance
        to the 10th nearest other word (to the farthest if there are fewer), as computed.
    sampler
        "fast", or "exact": draws from the ideal law itself, taking random bits as needed, so that
        `sampler_error` is 0; slower, see docs/samplers.md.

    Examples
    --------
    >>> space = EmbeddingSpace(["near", "far", "here"], [[1.0], [5.0], [0.0]])
    >>> mechanism = DensityPriorExponential(space, epsilon=2.0, bandwidth=1.0)
    >>> np.exp(mechanism.log_law("here")).round(4).tolist()
    [0.2682, 0.0031, 0.7288]
    """

    name: ClassVar[str] = "density-prior-exponential"

    space: EmbeddingSpace
    epsilon: float
    bandwidth: float | None = None
    sampler: str = "fast"

    def __post_init__(self) -> None:
        require_sampler(self.sampler)
        object.__setattr__(self, "epsilon", require_positive("epsilon", self.epsilon))
        h = default_bandwidth(self.space) if self.bandwidth is None else self.bandwidth
        object.__setattr__(self, "bandwidth", require_positive("bandwidth", h))

    @property
    def _h(self) -> float:
        assert self.bandwidth is not None  # set by the constructor
        return self.bandwidth

    @property
    def parameters(self) -> dict[str, float | int | str | bool]:
        return {"epsilon": self.epsilon, "bandwidth": self._h, "sampler": self.sampler}

    @property
    def claim(self) -> MetricDP:
        return MetricDP(
            self.epsilon,
            metric=self.space.metric,
            source="exponential mechanism with a fixed prior, McSherry and Talwar 2007, theorem 6",
        )

    def epsilon_upper_bound(self) -> EpsilonUpperBound:
        return EpsilonUpperBound(
            "the exponential mechanism with a prior that does not depend on the input and cancels",
            self.epsilon,
        )

    @cached_property
    def separable_law(self) -> SeparableLaw:
        prior = density_prior(self.space, self._h)
        return metric_law(self.space, self.epsilon / 2.0, prior=prior)

    @property
    def log_law_error(self) -> float:
        return log_law_error(self.space, self.separable_law)

    def log_laws(self, rows: slice) -> Floats:
        return separable_log_laws(self.space, self.separable_law, rows)

    @property
    def sampler_error(self) -> float:
        """Weights are off by `cost_error` and by the error of the prior, which normalising at most
        doubles; the tables add `table_error`. Derived in docs/samplers.md."""
        if self.sampler == "exact":
            return 0.0
        prior = self.separable_law.prior
        assert prior is not None
        weights = cost_error(self.space, self.epsilon / 2.0) + prior.error
        return at_most_one(2.0 * weights + table_error(len(self.space)))

    @cached_property
    def _tables(self) -> AliasTables:
        prior = self.separable_law.prior
        assert prior is not None
        density = np.exp(prior.logs)

        def weights(rows: slice) -> Floats:
            block = np.exp(-0.5 * self.epsilon * self.space.distance_rows(rows))
            block *= density
            return block

        return build_tables(len(self.space), len(self.space), weights)

    @cached_property
    def _exact(self) -> ExactSampler:
        return ExactSampler.of(self)

    def sample_indices(self, inputs: Indices, rng: Generator) -> Indices:
        if self.sampler == "exact":
            return self._exact.sample(inputs, rng)
        tables = self._tables

        def draw(rows: Indices, uniforms: Floats, outputs: Indices) -> None:
            draw_entries(tables.thresholds, tables.aliases, rows, uniforms, outputs)

        return sample_in_chunks(inputs, len(self.space), rng, 2, draw)
