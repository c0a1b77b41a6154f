"""The law of `truncated-gumbel` in ball arithmetic (specification, section 4.6).

The words are ranked by distance from the input, d_1 = 0 <= d_2 <= ...; K has probabilities p_k; the
output is the argmin over i <= K of d_i + g_i, the g_i independent Gumbel(0, b) conditioned on
|g| <= D. With f and S the density and the survival function of the noise,

    P(rank r) = sum over k >= r of p_k I_k,
    I_k = integral over x from d_r - D to D of f(x - d_r) product over i <= k, i != r of S(x-d_i).

In s = e^(-x/b) - e^(-D/b) all of this is exponentials of straight lines. With

    t_i(s) = c_i s + k_i,    c_i = e^(d_i/b),    k_i = e^(-D/b) (e^(d_i/b) - 1),
    T = 2 sinh(D/b),    M = 1 - e^(-T)

    S_i(s) = S(x - d_i) = min(1, (1 - e^(-t_i)) / M),      f(x - d_r) dx = -(c_r e^(-t_r) / M) ds,

s runs from 0 (x = D) to s_r, and S_i has its corner, t_i = T and x = d_i - D, at

    s_i = e^((D - d_i)/b) - e^(-D/b) = 2 e^(-d_i/2b) sinh((D - d_i/2)/b),    s_1 >= s_2 >= ...

Nothing here loses digits where b is large or s is small. How P(rank r) is enclosed:

1. I_k falls in k, because S <= 1. So the sum beyond k = l is between 0 and I_l (p_{l+1} + ...), and
   I_l (p_r + ... + p_l) is at most the sum up to l: the rest is between 0 and `rest` times that.
2. The sum up to l is the integral of (c_r e^(-t_r) / M) g with

       g = (product over i < r of S_i) (p_r + S_{r+1} (p_{r+1} + S_{r+2} (... + S_l p_l))),

   which rises in s, as every S_i does. So the integral from 0 to any s is between 0 and
   g(s) (integral of c_r e^(-t_r) / M up to s) <= g(s) S_r(s).
3. Between two corners the integrand is entire: S_i is its formula for a corner to the right, 1 for
   one to the left. There `acb.integral` gives a proven enclosure (Petras' algorithm: F. Johansson,
   "Numerical integration in arbitrary-precision ball arithmetic", ICMS 2018). The ends of these
   pieces are dyadic numbers on the safe side of the corners.
4. The gaps around the corners are as short as the corners are sharp. A gap gives its length times
   the integrand over the gap as a ball, S_i being the minimum of 1 and its formula where it is
   not known on which side of its corner s lies. Corners with overlapping balls share a gap: their
   order is known from the exact distances, and it is all that counts.
"""

from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, TypeVar

from flint import acb, arb, ctx, fmpq

from ...errors import ClaimError, InputError
from .cutoffs import poisson_cutoff
from .geometry import ExactGeometry, ranking

__all__ = ["CUTOFFS", "TruncatedGumbelBallLaw"]

CUTOFFS = ("published", "mldp-text")

Number = TypeVar("Number", arb, acb)

#: Evaluations of the integrand after which `acb.integral` gives up on a piece and returns a wide
#: ball. A piece needs 15 to 120 up to 1,000 times the smallest epsilon, 2,400 at 10^100 times.
_EVALUATIONS = 4000

#: Bits with which the point is looked for up to which step 2 is used. Any point gives an enclosure.
_SEARCH_BITS = 64


@dataclass(frozen=True, eq=False)
class TruncatedGumbelBallLaw:
    """The law for a cutoff as published or as in mldp-text 0.1.2.

    Attributes
    ----------
    geometry
        The exact distances.
    epsilon
        The claimed loss per unit of distance, an exact fraction in nats.
    cutoff
        "published": K is Poisson(ln n) conditioned on 1 <= K <= n. "mldp-text": K is
        Poisson(ln(n - 1)) conditioned on 0 <= K <= n - 1, and K = 0 returns the input.
    tolerance_bits
        What is left out of a probability (steps 1 and 2) or may stay uncertain (step 3) is up to
        about 2^-tolerance_bits of it. It is part of the ball: the tolerance bears on its width and
        on the time, never on whether it holds the probability.

    Raises
    ------
    ClaimError
        If a Delta_min is not certainly above 1, from which on the scale exists.
    InputError
        If `cutoff` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> geometry = ExactGeometry(np.array([[1.0], [5.0], [0.0]]), "euclidean")
    >>> law = TruncatedGumbelBallLaw(geometry, fmpq(10))
    >>> [round(float(p.mid()), 4) for p in law.probabilities(2)]
    [0.1711, 0.0061, 0.8228]
    """

    row_at_once: ClassVar[bool] = False

    geometry: ExactGeometry
    epsilon: fmpq
    cutoff: str = "published"
    tolerance_bits: int = 60

    def __post_init__(self) -> None:
        if self.cutoff not in CUTOFFS:
            raise InputError(
                f"cutoff is {self.cutoff!r}, but it must be one of {', '.join(CUTOFFS)}."
            )
        _ = self.scale  # raises where there is none

    @property
    def scale(self) -> arb:
        """b = 2 Delta_max / min(W(2 a Delta_max), ln(a Delta_min)), W the Lambert function and
        a = (epsilon - 2 (1 + ln n)/Delta_min)/3."""
        shortest, longest = (self.geometry.distance(key) for key in self.geometry.extremes)
        a = (arb(self.epsilon) - 2 * (1 + arb(len(self.geometry)).log()) / shortest) / 3
        if not a * shortest > 1:
            raise ClaimError(
                "epsilon is not certainly above (5 + 2 ln n)/Δmin, from which on the scale of "
                "truncated-gumbel exists."
            )
        return 2 * longest / (2 * a * longest).lambertw().min((a * shortest).log())

    def cutoff_law(self) -> list[arb]:
        """Pr[K = k] for k = 0 ... n; exactly 0 where K cannot be k."""
        n = len(self.geometry)
        if self.cutoff == "published":
            return poisson_cutoff(n, arb(n).log(), 1, n)
        return poisson_cutoff(n, arb(n - 1).log(), 0, n - 1)

    def probabilities(self, word: int) -> list[arb]:
        """P_w(y) for all outputs y, one after the other."""
        row, order = self._row(word)
        law = [arb(0)] * len(order)
        for rank, output in enumerate(order):
            law[output] = row.probability(rank)
        return law

    def probability(self, word: int, output: int) -> arb:
        """P_w(y)."""
        row, order = self._row(word)
        return row.probability(order.index(output))

    def _row(self, word: int) -> "tuple[_Row, list[int]]":
        """The law by rank, and the words by rank."""
        keys, longest = self.geometry.row(word), self.geometry.distance(self.geometry.extremes[1])
        order = ranking(keys)
        distances = self.geometry.distances([keys[y] for y in order])
        row = _Row(distances, longest, self.scale, self.cutoff_law(), self.tolerance_bits)
        return row, order


class _Gap(NamedTuple):
    """An interval with exact ends that holds the corners of the words `first` to `end` - 1."""

    low: arb
    high: arb
    first: int
    end: int


@dataclass(eq=False)
class _Row:
    """The law by rank for one input. Ranks, and the positions in all lists, are counted from 0 here
    and from 1 in the module's docstring."""

    distances: list[arb]  # in the order of the exact distances
    radius: arb
    scale: arb
    cutoff: list[arb]
    tolerance_bits: int

    slopes: list[arb] = field(init=False)  # -c_i
    offsets: list[arb] = field(init=False)  # -k_i
    corners: list[arb] = field(init=False)  # s_i
    tails: list[arb] = field(init=False)  # Pr[K >= k]
    span: arb = field(init=False)  # T
    mass: arb = field(init=False)  # M

    def __post_init__(self) -> None:
        half = self.radius / self.scale
        shift = (-half).exp()
        steps = [distance / self.scale for distance in self.distances]
        self.slopes = [-step.exp() for step in steps]
        self.offsets = [-shift * step.expm1() for step in steps]
        self.corners = [2 * (-step / 2).exp() * (half - step / 2).sinh() for step in steps]
        self.span = 2 * half.sinh()
        self.mass = -(-self.span).expm1()
        self.tails = [arb(0)] * (len(self.cutoff) + 1)
        for k in range(len(self.cutoff) - 1, 0, -1):
            self.tails[k] = self.tails[k + 1] + self.cutoff[k]

    def probability(self, rank: int) -> arb:
        """P(rank), clipped to 0 and 1 as far as the rounding of a ball allows."""
        none = self.cutoff[0] if rank == 0 else arb(0)  # K = 0 returns the input
        if self.tails[rank + 1] == 0:
            return none
        last, rest = self._last(rank)
        ball = none + self._integral(rank, last) * (1 + arb(0).union(rest))
        # At a precision too low for a scale near the bound, nothing may be known.
        return ball.nonnegative_part().min(1) if ball.is_finite() else arb(0).union(1)

    def _last(self, rank: int) -> tuple[int, arb]:
        """Step 1: the last word that is looked at, and `rest` for all after it."""
        tolerance = arb(2) ** -self.tolerance_bits
        kept, last = self.cutoff[rank + 1], rank
        while last + 1 < len(self.distances) and not self.tails[last + 2] <= tolerance * kept:
            last += 1
            kept = kept + self.cutoff[last + 1]
        rest = self.tails[last + 2]
        return last, arb(0) if rest == 0 else rest / kept

    # The integrand without its constant factors. Words are nearer (i < rank) or further.

    def _integrand(self, s: Number, rank: int, further: list[Number]) -> Number:
        """e^(-t_rank) g, up to `_constant`; `further` holds S_i for the words after `rank`."""
        return self._among(s, (self.slopes[rank] * s + self.offsets[rank]).exp(), rank, further)

    def _among(self, s: Number, start: Number, rank: int, further: list[Number]) -> Number:
        """`start` times g, the factors -1/M of the nearer words left out."""
        value = start
        for slope, offset in zip(self.slopes[:rank], self.offsets[:rank], strict=True):
            value = value * (slope * s + offset).expm1()
        if not further:
            return value * self.cutoff[rank + 1]
        k = rank + len(further)  # the last word
        tail = further[-1] * self.cutoff[k + 1] + self.cutoff[k]
        for survival in further[-2::-1]:
            k -= 1
            tail = survival * tail + self.cutoff[k]
        return value * tail

    def _constant(self, rank: int) -> arb:
        """(-1/M)^rank, which the nearer words lack."""
        return (-1 / self.mass) ** rank

    def _survival(self, i: int, s: Number) -> Number:
        """The formula of S_i, which holds up to its corner."""
        return (self.slopes[i] * s + self.offsets[i]).expm1() / -self.mass

    def _clipped(self, i: int, s: arb) -> arb:
        """S_i."""
        return self._survival(i, s).min(1)

    def _integral(self, rank: int, last: int) -> arb:
        """Steps 2 to 4: the sum of p_k I_k for k up to `last`."""
        weight = self._constant(rank) * -self.slopes[rank] / self.mass
        cut, below, least = self._cut(rank, last)
        # What an integral without the weight may be off by.
        tolerance = arb(2) ** -self.tolerance_bits * least / abs(weight)
        total = arb(0)
        gaps = self._gaps(rank, last)
        for gap, following in zip(gaps, [*gaps[1:], None], strict=True):
            if gap.high <= cut:
                break
            low = gap.low if gap.low > cut else cut
            # The integral begins at the corner of `rank`, somewhere within the first gap.
            length = (self.corners[rank] if gap.first == rank else gap.high) - low
            around = self._over_gap(gap, low.union(gap.high), rank, last)
            total += length.nonnegative_part() * around
            left = cut if following is None or following.high < cut else following.high
            if left < low:
                total += self._between(left, low, rank, gap.end, last, tolerance)
        return arb(0).union(below) + weight * total

    def _over_gap(self, gap: _Gap, s: arb, rank: int, last: int) -> arb:
        """Step 4: the integrand over a ball within a gap."""
        right = [self._survival(i, s) for i in range(rank + 1, gap.first)]
        here = [self._clipped(i, s) for i in range(max(rank + 1, gap.first), gap.end)]
        left = [arb(1)] * (last - rank - len(right) - len(here))
        further = right + here + left
        return self._integrand(s, rank, further)

    def _between(
        self, left: arb, right: arb, rank: int, end: int, last: int, tolerance: arb
    ) -> arb:
        """Step 3: the integral between two exact numbers with no corner between them, the corners
        of the words before `end` being to the right and the other ones to the left."""

        def further(s: Number, one: Number) -> list[Number]:
            inside = [self._survival(i, s) for i in range(rank + 1, end)]
            return inside + [one] * (last - rank - len(inside))

        def integrand(s: acb, _: bool) -> acb:
            # Entire, so there is nothing to check where an analytic function is asked for.
            if s.imag == 0:  # real exponentials are faster
                return acb(self._integrand(s.real, rank, further(s.real, arb(1))))
            return self._integrand(s, rank, further(s, acb(1)))

        return acb.integral(
            integrand,
            acb(left),
            acb(right),
            rel_tol=arb(2) ** -self.tolerance_bits,
            abs_tol=tolerance,
            eval_limit=_EVALUATIONS,
        ).real

    def _gaps(self, rank: int, last: int) -> list[_Gap]:
        """Disjoint intervals around the corners from `rank` to `last`, from right to left.

        Corners with overlapping balls share one. All later corners lie below it, since they are not
        above the first one that lies below it for certain.
        """
        gaps: list[_Gap] = []
        for i in range(rank, last + 1):
            low, high = self.corners[i].lower(), self.corners[i].upper()
            if gaps and not high < gaps[-1].low:
                before = gaps[-1]
                lower = low if low < before.low else before.low
                gaps[-1] = before._replace(low=lower, end=i + 1)
            else:
                gaps.append(_Gap(low, high, i, i + 1))
        return gaps

    def _cut(self, rank: int, last: int) -> tuple[arb, arb, arb]:
        """Step 2: an exact s, an upper bound of the integral from 0 to s, and about how large the
        whole integral is at least.

        For every s it is at least g(s) (1 - S_rank(s)). The search goes from the corner to the left
        in steps that double, then towards 0 by halves until c_rank s, which is t_rank but for a
        constant, is small.
        """
        tolerance = arb(2) ** -self.tolerance_bits
        with ctx.workprec(_SEARCH_BITS):
            constant, least = self._constant(rank), arb(0)
            fraction, j = arb(1), -16
            while True:
                fraction = 1 - arb(2) ** j if j < 0 else fraction / 2
                s = (fraction * self.corners[rank]).mid()
                power = self.slopes[rank] * s + self.offsets[rank]
                further = [self._clipped(i, s) for i in range(rank + 1, last + 1)]
                g = constant * self._among(s, arb(1), rank, further)
                least = least.max((g * (power.exp() - (-self.span).exp()) / self.mass).lower())
                below = g * self._clipped(rank, s)
                if s > 0 and below <= tolerance * least:
                    return s, below.upper(), least
                if not -self.slopes[rank] * s > arb(2) ** -4:
                    return arb(0), arb(0), least
                j += 1
