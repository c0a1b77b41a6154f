"""The exponential mechanism over the nearest words only (specification, section 4.9)."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numba import njit
from numpy.random import Generator
from numpy.typing import NDArray

from ...claims import MetricDP
from ...errors import require_count, require_memory, require_positive
from ..kernels.alias import AliasTables, build_tables, draw_entry, sample_in_chunks, table_error
from ..kernels.parallel import ordered_map
from ..protocol import EpsilonLowerBound, Floats, Indices, WordMechanism
from ..spaces import EmbeddingSpace
from .exact_sampler import ExactSampler, require_sampler
from .separable import at_most_one, cost_error

__all__ = ["NearestTruncatedExponential"]

_UNIT_ROUNDOFF = 2.0**-53

#: Words that compete if nothing else is said.
_NEAREST = 10

#: Rows that are ranked at a time.
_ROWS = 64


@dataclass(frozen=True, eq=False)
class NearestTruncatedExponential(WordMechanism):
    """Replaces w by one of its k nearest words y, itself included, with probability proportional
    to exp(-epsilon d(w, y) / 2).

    A common shortcut to keep outputs sensible, for which no claim is published; dpaudit audits the
    epsilon of the weights as if it were claimed. For k < n the true loss is infinite on every
    vocabulary. Proof: all sets of k nearest words are of equal size and
    each holds its own word, so if all were the same set it would hold all n > k words. Hence some
    word is among the nearest of one input and not among those of another, where it is impossible.
    Use it to see what truncation does; `truncated-exponential` truncates without this.

    Parameters
    ----------
    space
        Vocabulary and metric.
    epsilon
        Twice the decay of the weights per unit of distance, in nats; finite and above 0. It is what
        the claim that is audited says, since none is published.
    k
        How many words compete, from 1 to n; default 10, or n if that is less. Ties in exact
        distance go to the lower position in the vocabulary. With k = n it is `metric-exponential`.
    sampler
        "fast", or "exact": draws from the ideal law itself, taking random bits as needed, so that
        `sampler_error` is 0; slower, see docs/samplers.md.

    Examples
    --------
    >>> space = EmbeddingSpace(["near", "far", "here"], [[1.0], [5.0], [0.0]])
    >>> mechanism = NearestTruncatedExponential(space, epsilon=2.0, k=2)
    >>> np.exp(mechanism.log_law("here")).round(4).tolist()
    [0.2689, 0.0, 0.7311]
    """

    name: ClassVar[str] = "nearest-truncated-exponential"

    space: EmbeddingSpace
    epsilon: float
    k: int | None = None
    sampler: str = "fast"

    def __post_init__(self) -> None:
        require_sampler(self.sampler)
        n = len(self.space)
        k = min(_NEAREST, n) if self.k is None else require_count("k", self.k, n)
        object.__setattr__(self, "epsilon", require_positive("epsilon", self.epsilon))
        object.__setattr__(self, "k", k)

    @property
    def _count(self) -> int:
        assert self.k is not None  # set by the constructor
        return self.k

    @property
    def parameters(self) -> dict[str, float | int | str | bool]:
        return {"epsilon": self.epsilon, "k": self._count, "sampler": self.sampler}

    @property
    def claim(self) -> MetricDP:
        source = "none is published; the epsilon of its weights is audited as if it were claimed"
        if self._count == len(self.space):
            source = "with k = n, the exponential mechanism, McSherry and Talwar 2007, theorem 6"
        return MetricDP(self.epsilon, metric=self.space.metric, source=source)

    def epsilon_lower_bound(self) -> EpsilonLowerBound:
        """Infinite for k < n; otherwise that of the exponential mechanism."""
        if self._count < len(self.space):
            statement = (
                "ε* = ∞ for k < n, because each word is among its own k nearest, so that these "
                "cannot be the same words for all inputs"
            )
            return EpsilonLowerBound(statement, math.inf)
        return EpsilonLowerBound("ε* ≥ ε/2, which every pair shows on its input", self.epsilon / 2)

    def explain(self, first: int, second: int, output: int) -> tuple[str, ...]:
        """Why `output` gives away that the input was `first` and not `second`: it is too far."""
        words = self.space.words
        if output in self._nearest[second]:
            return ()
        order = self.space.order_rows(slice(second, second + 1))[0]
        rank = 1 + int(np.flatnonzero(order == output)[0])
        return (
            f"Only the k = {self._count} nearest words compete. From “{words[second]}” the output "
            f"“{words[output]}” is number {rank:,} in the order of distance, so it never occurs.",
            f"An attacker who sees “{words[output]}” concludes that the input was certainly not "
            f"“{words[second]}”.",
        )

    @cached_property
    def _nearest(self) -> NDArray[np.int32]:
        """The k nearest words of each word, itself first, shape (n, k), 4 n k bytes."""
        n, k = len(self.space), self._count
        require_memory(f"The {k} nearest of {n:,} words", 4 * n * k, "Use a smaller k.")
        nearest = np.empty((n, k), dtype=np.int32)

        def fill(start: int) -> None:
            rows = slice(start, min(start + _ROWS, n))
            nearest[rows] = self.space.order_rows(rows)[:, :k]

        for _ in ordered_map(fill, range(0, n, _ROWS)):
            pass
        return nearest

    def _log_weights(self, rows: slice) -> Floats:
        """-epsilon d / 2 by rank, shape (rows, k)."""
        distances = np.take_along_axis(self.space.distance_rows(rows), self._nearest[rows], axis=1)
        return np.asarray(-0.5 * self.epsilon * distances)

    @property
    def log_law_error(self) -> float:
        """As for a separable law: the cost of the output, that of the terms of Z, a sum of k terms,
        a logarithm and a difference. Ranks are exact."""
        largest = 0.5 * self.epsilon * self.space.tiles.diameter_bound
        rounding = (2 * self._count + 16 + 2.0 * (largest + math.log(self._count))) * _UNIT_ROUNDOFF
        return 2.0 * cost_error(self.space, self.epsilon / 2.0) + rounding

    def log_laws(self, rows: slice) -> Floats:
        logs = self._log_weights(rows)
        # The first term is that of the word itself, 1.
        logs -= np.log1p(np.exp(logs[:, 1:]).sum(axis=1))[:, None]
        block = np.full((len(logs), len(self.space)), -np.inf)
        np.put_along_axis(block, self._nearest[rows].astype(np.int64), logs, axis=1)
        return block

    @property
    def sampler_error(self) -> float:
        """That of `metric-exponential` with tables over k ranks. Derived in docs/samplers.md."""
        if self.sampler == "exact":
            return 0.0
        weights = 2.0 * cost_error(self.space, self.epsilon / 2.0)
        return at_most_one(weights + table_error(self._count))

    @cached_property
    def _tables(self) -> AliasTables:
        return build_tables(
            len(self.space), self._count, lambda rows: np.exp(self._log_weights(rows))
        )

    @cached_property
    def _exact(self) -> ExactSampler:
        return ExactSampler.of(self)

    def sample_indices(self, inputs: Indices, rng: Generator) -> Indices:
        if self.sampler == "exact":
            return self._exact.sample(inputs, rng)
        tables, nearest = self._tables, self._nearest

        def draw(rows: Indices, uniforms: Floats, outputs: Indices) -> None:
            _draw(tables.thresholds, tables.aliases, nearest, rows, uniforms, outputs)

        return sample_in_chunks(inputs, len(self.space), rng, 2, draw)


@njit(nogil=True, cache=True)
def _draw(
    thresholds: Floats,
    aliases: NDArray[np.int32],
    nearest: NDArray[np.int32],
    rows: Indices,
    uniforms: Floats,
    outputs: Indices,
) -> None:
    """A rank from the table of the row, and the word of that rank."""
    for i in range(rows.shape[0]):
        rank = draw_entry(thresholds, aliases, rows[i], uniforms[i, 0], uniforms[i, 1])
        outputs[i] = nearest[rows[i], rank]
