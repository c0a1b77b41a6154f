"""The exponential mechanism with a metric for its score (specification, section 4.4)."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

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
from .exact_sampler import ExactSampler, require_sampler
from .separable import at_most_one, cost_error, log_law_error, metric_law, separable_log_laws

__all__ = ["MetricExponential"]


@dataclass(frozen=True, eq=False)
class MetricExponential(WordMechanism):
    """Replaces w by y with probability proportional to exp(-epsilon d(w, y) / 2).

    The exponential mechanism of McSherry and Talwar (FOCS 2007) with score -d, which has
    sensitivity d(w, w') between w and w'; hence epsilon-metric-DP on every vocabulary. The true
    loss is usually well below: epsilon* = epsilon/2 + max |ln Z_w - ln Z_w'| / d(w, w').
    With Euclidean distances it is the law of SanText (Yue, Du, Wang, Li, Sun and Chow, Findings of
    ACL 2021). Use it as the plain, always valid choice; it costs one look-up per word.

    Parameters
    ----------
    space
        Vocabulary and metric.
    epsilon
        Privacy loss per unit of distance, in nats; finite and above 0.
    sampler
        "fast", or "exact": draws from the ideal law itself, taking random bits as needed, so that
        `sampler_error` is 0; slower, see docs/samplers.md.

    Examples
    --------
    >>> space = EmbeddingSpace(["near", "far", "here"], [[1.0], [5.0], [0.0]])
    >>> mechanism = MetricExponential(space, epsilon=2.0)
    >>> np.exp(mechanism.log_law("here")).round(4).tolist()
    [0.2676, 0.0049, 0.7275]
    >>> mechanism.sample("here", 5, np.random.default_rng(1)).tolist()
    ['here', 'here', 'near', 'here', 'here']
    """

    name: ClassVar[str] = "metric-exponential"

    space: EmbeddingSpace
    epsilon: float
    sampler: str = "fast"

    def __post_init__(self) -> None:
        require_sampler(self.sampler)
        object.__setattr__(self, "epsilon", require_positive("epsilon", self.epsilon))

    @property
    def parameters(self) -> dict[str, float | int | str | bool]:
        return {"epsilon": self.epsilon, "sampler": self.sampler}

    @property
    def claim(self) -> MetricDP:
        return MetricDP(
            self.epsilon,
            metric=self.space.metric,
            source="exponential mechanism, McSherry and Talwar 2007, theorem 6",
        )

    def epsilon_upper_bound(self) -> EpsilonUpperBound:
        return EpsilonUpperBound(
            "the exponential mechanism (McSherry and Talwar 2007, theorem 6): every weight changes "
            "by a factor of at most e^(εd/2), and so does their sum",
            self.epsilon,
        )

    @cached_property
    def separable_law(self) -> SeparableLaw:
        return metric_law(self.space, self.epsilon / 2.0)

    @property
    def log_law_error(self) -> float:
        return log_law_error(self.space, self.separable_law)

    def log_laws(self, rows: slice) -> Floats:
        return separable_log_laws(self.space, self.separable_law, rows)

    @property
    def sampler_error(self) -> float:
        """Weights are off by at most `cost_error` relatively, which normalising at most doubles;
        the tables add `table_error`. Derived in docs/samplers.md."""
        if self.sampler == "exact":
            return 0.0
        weights = 2.0 * cost_error(self.space, self.epsilon / 2.0)
        return at_most_one(weights + table_error(len(self.space)))

    @cached_property
    def _tables(self) -> AliasTables:
        def weights(rows: slice) -> NDArray[np.float64]:
            return np.exp(-0.5 * self.epsilon * self.space.distance_rows(rows))

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
