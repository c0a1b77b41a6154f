"""The random-cutoff exponential mechanism: truncated Gumbel, repaired (specification, 4.7)."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numba import njit
from numpy.random import Generator
from numpy.typing import NDArray

from ...claims import MetricDP
from ...errors import ClaimError, require_memory, require_positive
from ..kernels.alias import sample_in_chunks
from ..kernels.parallel import ordered_map
from ..protocol import EpsilonUpperBound, Floats, Indices, WordMechanism
from ..spaces import EmbeddingSpace
from .cutoffs import CutoffLaw, poisson_cutoff
from .exact_sampler import ExactSampler, require_sampler
from .separable import at_most_one, cost_error

__all__ = ["RandomCutoffExponential"]

_UNIT_ROUNDOFF = 2.0**-53
_ROWS = 64


@dataclass(frozen=True, eq=False)
class RandomCutoffExponential(WordMechanism):
    """Draws K, mostly near ln n but sometimes n, then one of the K nearest words with
    probability proportional to exp(-d/b).

    The cutoff law is (1 - eta) Poisson(ln n) conditioned on 1 <= K <= n, plus eta at K = n,
    eta = e^-2 / n; the scale is b = 1/(epsilon - 2 (1 + ln n)/Delta_min). With r the rank of y
    from w and Z_k the normaliser over the k nearest words,

        P_w(y) = e^(-d(w,y)/b) sum over k >= r of p_k / Z_k.

    The sum lies between eta/n and 1, so the ratio for two inputs is at most
    e^(d/b) n/eta = e^(d/b + 2 (1 + ln n)) <= e^(epsilon d): epsilon-metric-DP whenever
    epsilon > 2 (1 + ln n)/Delta_min. It shows that the idea of `truncated-gumbel` can be made
    private, and is no recommendation: at equal words kept `metric-exponential` has a far smaller
    epsilon* on the built-in space (docs/truncated-gumbel.md). The range of epsilon is a price of
    this scale and of eta (theorem random-cutoff-scale); what every scale must cost says theorem
    random-cutoff-price.

    Parameters
    ----------
    space
        Vocabulary and metric.
    epsilon
        Privacy loss per unit of distance, in nats; above 2 (1 + ln n)/Delta_min.
    sampler
        "fast", or "exact": draws from the ideal law itself, taking random bits as needed, so that
        `sampler_error` is 0; slower, see docs/samplers.md.

    Raises
    ------
    ClaimError
        If epsilon is not above that bound.

    Examples
    --------
    >>> space = EmbeddingSpace(["near", "far", "here"], [[1.0], [5.0], [0.0]])
    >>> mechanism = RandomCutoffExponential(space, epsilon=5.0)
    >>> np.exp(mechanism.log_law("here")).round(4).tolist()
    [0.14, 0.0019, 0.858]
    """

    name: ClassVar[str] = "random-cutoff-exponential"

    space: EmbeddingSpace
    epsilon: float
    sampler: str = "fast"

    def __post_init__(self) -> None:
        require_sampler(self.sampler)
        epsilon = require_positive("epsilon", self.epsilon)
        object.__setattr__(self, "epsilon", epsilon)
        if not epsilon > self.smallest_epsilon:
            raise ClaimError(
                f"epsilon is {epsilon:g}, but on this vocabulary {self.name} needs it above "
                f"2 (1 + ln n)/Δmin = {self.smallest_epsilon:.6g}. Use a larger epsilon, or drop "
                f"one of its closest words, {self._closest_words()}."
            )

    def _closest_words(self) -> str:
        first, second = self.space.extent.closest
        return f"“{self.space.words[first]}” and “{self.space.words[second]}”"

    @staticmethod
    def bound(space: EmbeddingSpace) -> float:
        """The bound that epsilon must exceed on a space, where the scale becomes infinite."""
        return 2.0 * (1.0 + math.log(len(space))) / space.extent.min_distance

    @property
    def smallest_epsilon(self) -> float:
        """The bound that epsilon must exceed on this space."""
        return self.bound(self.space)

    @property
    def scale(self) -> float:
        """b, in units of distance per nat."""
        return 1.0 / (self.epsilon - self.smallest_epsilon)

    @property
    def parameters(self) -> dict[str, float | int | str | bool]:
        return {"epsilon": self.epsilon, "sampler": self.sampler}

    @property
    def claim(self) -> MetricDP:
        return MetricDP(
            self.epsilon,
            metric=self.space.metric,
            source="sum over cutoffs bounded by e^-2/n² from below and 1 from above (dpaudit, "
            "specification 4.7)",
        )

    def epsilon_upper_bound(self) -> EpsilonUpperBound:
        return EpsilonUpperBound(
            "all p_k/Z_k add up to at most 1 and are at least e^-2/n² together (specification 4.7)",
            self.epsilon,
        )

    @property
    def remarks(self) -> tuple[str, ...]:
        """What any admissible epsilon is worth."""
        n = len(self.space)
        odds = (math.e * n) ** 2
        return (
            f"Every ε that {self.name} accepts, ε > 2(1 + ln n)/Δmin, allows odds of "
            f"(e·n)² = {odds:.3g} to 1 between the closest words. That is a price of its scale and "
            "of η = e^-2/n, not of random cutoffs as such (theorems random-cutoff-scale, "
            "random-cutoff-price).",
        )

    @cached_property
    def cutoff_law(self) -> CutoffLaw:
        """The law of K, with the mass eta at K = n."""
        n, eta = len(self.space), self._eta
        poisson = poisson_cutoff(n, math.log(n), 1, n)
        logs, errors = poisson.log_probabilities + math.log1p(-eta), poisson.errors.copy()
        part = math.exp(logs[-1])
        logs[-1] = np.logaddexp(logs[-1], math.log(eta))
        errors[-1] = (part * errors[-1] + eta * self._eta_error) / (part + eta)
        return CutoffLaw(logs, -math.inf, errors)

    @property
    def _eta(self) -> float:
        """The mass that K = n has besides that of the Poisson law."""
        return math.exp(-2.0) / len(self.space)

    @property
    def _eta_error(self) -> float:
        """Bound on the absolute error of ln eta as it is added to the law of K."""
        return (64.0 + 16.0 * math.log(len(self.space))) * _UNIT_ROUNDOFF

    @property
    def _cost_error(self) -> float:
        """Bound on the absolute error of d/b. The difference 1/b = epsilon - 2 (1 + ln n)/Delta_min
        cancels near the bound: it inherits the absolute error of the second term."""
        relative = self.space.tiles.relative_error + 16 * _UNIT_ROUNDOFF  # of smallest_epsilon
        shift = self.space.tiles.diameter_bound * self.smallest_epsilon * relative
        return cost_error(self.space, 1.0 / self.scale) + shift

    @property
    def log_law_error(self) -> float:
        """Costs twice, logarithms of p_k, the sum Z_k, and a sum of up to n logarithms, none of
        which is below ln(eta/n) once it counts. Ranks are exact.

        Of the terms of a sum over k >= r, only those of the Poisson law have logarithms with large
        errors, and these increase with k while 1/Z_k decreases, from at most n times its last
        value: the mean error is at most that of the Poisson terms alone, times the share that
        they have if each weighs n times as much as it does."""
        n, eta = len(self.space), self._eta
        poisson = poisson_cutoff(n, math.log(n), 1, n)
        chances = poisson.probabilities[:0:-1]
        tails = np.cumsum(chances)
        sums = np.cumsum(chances * poisson.errors[:0:-1])
        logs = self._eta_error + float((n * sums / (n * tails + eta)).max())
        largest = self.space.tiles.diameter_bound / self.scale
        steps = (n + 16) * (16.0 + 2.0 * math.log(n)) + 4.0 * largest
        return 2.0 * self._cost_error + 1.01 * logs + steps * _UNIT_ROUNDOFF

    def log_laws(self, rows: slice) -> Floats:
        distances, order = self.space.distance_rows(rows), self.space.order[rows]
        block = np.empty_like(distances)
        _log_laws(distances, order, self.cutoff_law.log_probabilities, 1.0 / self.scale, block)
        return block

    @property
    def sampler_error(self) -> float:
        """The cutoff by its thresholds, weights that are off by the error of their costs, and a
        second uniform number with 53 bits that is compared with sums of up to n terms. Derived in
        docs/samplers.md."""
        if self.sampler == "exact":
            return 0.0
        cutoff, rounding = (
            self.cutoff_law.table_error(),
            (2 * len(self.space) + 16) * _UNIT_ROUNDOFF,
        )
        return at_most_one(cutoff + 2.0 * self._cost_error + rounding)

    @cached_property
    def _sums(self) -> Floats:
        """Z_k over the nearest words, by rank, shape (n, n), 8 n^2 bytes."""
        n, order = len(self.space), self.space.order
        require_memory(f"Sampling tables for {n:,} words", 8 * n * n)
        sums = np.empty((n, n))

        def fill(start: int) -> None:
            rows = slice(start, min(start + _ROWS, n))
            sorted_rows = np.take_along_axis(self.space.distance_rows(rows), order[rows], axis=1)
            np.cumsum(np.exp(-sorted_rows / self.scale), axis=1, out=sums[rows])

        for _ in ordered_map(fill, range(0, n, _ROWS)):
            pass
        return sums

    @cached_property
    def _exact(self) -> ExactSampler:
        return ExactSampler.of(self)

    def sample_indices(self, inputs: Indices, rng: Generator) -> Indices:
        if self.sampler == "exact":
            return self._exact.sample(inputs, rng)
        sums, order, cumulative = self._sums, self.space.order, self.cutoff_law.cumulative()

        def draw(rows: Indices, uniforms: Floats, outputs: Indices) -> None:
            _draw(sums, order, cumulative, rows, uniforms, outputs)

        return sample_in_chunks(inputs, len(self.space), rng, 2, draw)


@njit(nogil=True, cache=True)
def _log_laws(
    distances: Floats, order: NDArray[np.int32], log_cutoff: Floats, rate: float, block: Floats
) -> None:
    """Forward: ln Z_k by rank. Backward: ln of the sum over k >= r of p_k / Z_k."""
    rows, n = distances.shape
    log_terms = np.empty(n)
    for row in range(rows):
        total = 0.0
        for k in range(n):
            total += math.exp(-rate * distances[row, order[row, k]])
            log_terms[k] = log_cutoff[k] - math.log(total)
        log_sum = -np.inf
        for k in range(n - 1, -1, -1):
            high, low = max(log_sum, log_terms[k]), min(log_sum, log_terms[k])
            log_sum = high + math.log1p(math.exp(low - high))
            word = order[row, k]
            block[row, word] = log_sum - rate * distances[row, word]


@njit(nogil=True, cache=True)
def _draw(
    sums: Floats,
    order: NDArray[np.int32],
    cumulative: Floats,
    rows: Indices,
    uniforms: Floats,
    outputs: Indices,
) -> None:
    """The cutoff by its distribution function, then a rank by the partial sums up to it."""
    for i in range(rows.shape[0]):
        cutoff = 1
        while uniforms[i, 0] >= cumulative[cutoff]:
            cutoff += 1
        row = rows[i]
        target = uniforms[i, 1] * sums[row, cutoff - 1]
        rank = 0
        while rank < cutoff - 1 and target >= sums[row, rank]:
            rank += 1
        outputs[i] = order[row, rank]
