"""The truncated exponential mechanism, TEM (specification, section 4.5)."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numba import njit
from numpy.random import Generator
from numpy.typing import NDArray

from ...claims import MetricDP
from ...errors import require_positive
from ..kernels.alias import AliasTables, build_tables, draw_entry, sample_in_chunks, table_error
from ..protocol import EpsilonUpperBound, Floats, Indices, SeparableLaw, WordMechanism
from ..spaces import EmbeddingSpace
from .exact_sampler import ExactSampler, require_sampler
from .separable import at_most_one, cost_error, log_law_error, metric_law, separable_log_laws

__all__ = ["TruncatedExponential"]

#: Chance of leaving the threshold that the default threshold is made for.
_BETA = 0.001


@dataclass(frozen=True, eq=False)
class TruncatedExponential(WordMechanism):
    """Words within a threshold of w compete; one bucket stands for all others.

    A word y with d(w, y) <= threshold has weight exp(-epsilon d(w, y) / 2); the bucket weighs
    (number of words beyond) * exp(-epsilon threshold / 2) and when chosen yields one of them
    uniformly. So the law is that of the metric exponential mechanism with the clipped metric
    min(d, threshold), which is a metric below d: epsilon-metric-DP for every threshold.
    Carvalho, Vasiloudis and Feyisetan, "TEM", arXiv 2107.07928. Use it for large vocabularies,
    where the many far words would otherwise outweigh the few near ones.

    Parameters
    ----------
    space
        Vocabulary and metric.
    epsilon
        Privacy loss per unit of distance, in nats; finite and above 0.
    threshold
        The distance gamma beyond which words share the bucket; above 0. Default:
        (2/epsilon) ln((1 - beta)(n - 1)/beta) with beta = 0.001, which leaves the bucket a
        chance of at most beta.
    sampler
        "fast", or "exact": draws from the ideal law itself, taking random bits as needed, so that
        `sampler_error` is 0; slower, see docs/samplers.md.

    Examples
    --------
    >>> space = EmbeddingSpace(["near", "far", "here"], [[1.0], [5.0], [0.0]])
    >>> mechanism = TruncatedExponential(space, epsilon=2.0, threshold=1.5)
    >>> np.exp(mechanism.log_law("here")).round(4).tolist()
    [0.2312, 0.1402, 0.6285]
    """

    name: ClassVar[str] = "truncated-exponential"

    space: EmbeddingSpace
    epsilon: float
    threshold: float | None = None
    sampler: str = "fast"

    def __post_init__(self) -> None:
        require_sampler(self.sampler)
        epsilon = require_positive("epsilon", self.epsilon)
        threshold = self.threshold
        if threshold is None:
            threshold = (2.0 / epsilon) * math.log((1.0 - _BETA) * (len(self.space) - 1) / _BETA)
        object.__setattr__(self, "epsilon", epsilon)
        object.__setattr__(self, "threshold", require_positive("threshold", threshold))

    @property
    def _gamma(self) -> float:
        assert self.threshold is not None  # set by the constructor
        return self.threshold

    @property
    def parameters(self) -> dict[str, float | int | str | bool]:
        return {"epsilon": self.epsilon, "threshold": self._gamma, "sampler": self.sampler}

    @property
    def claim(self) -> MetricDP:
        return MetricDP(
            self.epsilon,
            metric=self.space.metric,
            source="TEM, Carvalho, Vasiloudis and Feyisetan 2021, theorem 1",
        )

    def epsilon_upper_bound(self) -> EpsilonUpperBound:
        return EpsilonUpperBound(
            "the exponential mechanism of the clipped distance min(d, γ), which is a metric and at "
            "most d",
            self.epsilon,
        )

    @cached_property
    def separable_law(self) -> SeparableLaw:
        return metric_law(self.space, self.epsilon / 2.0, self._gamma)

    @property
    def log_law_error(self) -> float:
        return log_law_error(self.space, self.separable_law)

    def log_laws(self, rows: slice) -> Floats:
        return separable_log_laws(self.space, self.separable_law, rows)

    @property
    def sampler_error(self) -> float:
        """As for `metric-exponential`, since a word that rounding moves across the threshold
        changes its clipped distance by no more than the rounding; the uniform choice in the
        bucket adds at most n u. Derived in docs/samplers.md."""
        if self.sampler == "exact":
            return 0.0
        n = len(self.space)
        weights = 2.0 * cost_error(self.space, self.epsilon / 2.0, self._gamma)
        return at_most_one(weights + table_error(n) + n * 2.0**-53)

    @cached_property
    def _inside(self) -> Indices:
        """Number of words within the threshold of each word, itself included."""
        n, step = len(self.space), 256
        counts = [
            (self.space.distance_rows(slice(i, min(i + step, n))) <= self._gamma).sum(axis=1)
            for i in range(0, n, step)
        ]
        return np.concatenate(counts).astype(np.int64)

    @cached_property
    def _tables(self) -> AliasTables:
        """Tables over ranks: the words inside by distance, then the bucket, then nothing."""
        n, order, inside = len(self.space), self.space.order, self._inside

        def weights(rows: slice) -> Floats:
            distances = np.take_along_axis(self.space.distance_rows(rows), order[rows], axis=1)
            # Ranks are exact: a computed distance beyond the threshold may come before one within.
            block = np.exp(-0.5 * self.epsilon * np.minimum(distances, self._gamma))
            ranks, counts = np.arange(n)[None, :], inside[rows, None]
            bucket = (n - counts) * math.exp(-0.5 * self.epsilon * self._gamma)
            return np.where(ranks < counts, block, np.where(ranks == counts, bucket, 0.0))

        return build_tables(n, n, weights)

    @cached_property
    def _exact(self) -> ExactSampler:
        return ExactSampler.of(self)

    def sample_indices(self, inputs: Indices, rng: Generator) -> Indices:
        if self.sampler == "exact":
            return self._exact.sample(inputs, rng)
        tables, order, inside = self._tables, self.space.order, self._inside

        def draw(rows: Indices, uniforms: Floats, outputs: Indices) -> None:
            _draw(tables.thresholds, tables.aliases, order, inside, rows, uniforms, outputs)

        return sample_in_chunks(inputs, len(self.space), rng, 3, draw)


@njit(nogil=True, cache=True)
def _draw(
    thresholds: Floats,
    aliases: NDArray[np.int32],
    order: NDArray[np.int32],
    inside: Indices,
    rows: Indices,
    uniforms: Floats,
    outputs: Indices,
) -> None:
    """A rank from the table, and from the bucket a uniform rank beyond the threshold."""
    n = order.shape[1]
    for i in range(rows.shape[0]):
        row = rows[i]
        rank = draw_entry(thresholds, aliases, row, uniforms[i, 0], uniforms[i, 1])
        if rank >= inside[row]:
            rank = min(inside[row] + int(uniforms[i, 2] * (n - inside[row])), n - 1)
        outputs[i] = order[row, rank]
